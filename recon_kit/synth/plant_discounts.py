"""Planters of discounts and their way back: A01–A05. Beside each stands what is just right."""

from __future__ import annotations

import random

import polars as pl

from recon_kit.periods import Period
from recon_kit.schema import REFUND_CASE_KINDS
from recon_kit.synth.edits import Planted, Row, amend, fen, of_case, of_order, rebook, resettle, touch
from recon_kit.synth.pools import is_untouched, quiet_orders, receipted_orders, settled_cases, take
from recon_kit.synth.world import World

OFF_BY = 300
NO_LIST_PRICE = ("taobao", "tmall")
"""Platforms whose export states no list price, so that their identity cannot be told. Source: rulings 6."""


def plant_a01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """More was taken off than the rule gives, or the ERP booked a discount that the platform did not give.

    Beside it: an ERP that is a fen off.
    """
    ruled = world.tables["order_discounts"].filter(pl.col("rule").is_not_null())
    alone = (pl.col("funder") == "merchant") & (pl.len().over("order_id") == 1)
    known = world.tables["promotions"].drop_nulls(["threshold_fen", "off_fen"])["promotion_id"].implode()
    named = ruled.filter(alone).filter(pl.col("rule").is_in(known)).select("order_id", off_fen="amount_fen")
    uncharged = ~pl.col("order_id").is_in(world.tables["fees"]["order_id"].drop_nulls().implode())
    paid = receipted_orders(world, period).filter(uncharged & period.contains("paid_at"))
    wrong = take(paid.join(named, on="order_id", how="inner", validate="1:1"), rng, n - n // 2)
    same = pl.col("erp_merchant_discount_fen") == pl.col("merchant_discount_fen")
    other = pl.col("platform").is_in(NO_LIST_PRICE) | pl.col("order_id").is_in(ruled["order_id"].implode())
    free = paid.filter(same & ~other & (pl.col("platform") != "pdd"))
    booked = take(free, rng, n // 2 + 1)
    answers = [
        *(of_order("A01", period, row, fen(row, "off_fen"), fen(row, "off_fen") + OFF_BY) for row in wrong),
        *(
            of_order("A01", period, row, fen(row, "merchant_discount_fen"), fen(row, "merchant_discount_fen") + OFF_BY)
            for row in booked[: n // 2]
        ),
    ]
    erp = {
        str(row["order_id"]): {"erp_merchant_discount_fen": fen(row, "merchant_discount_fen") + (OFF_BY if place < n // 2 else 1)}
        for place, row in enumerate(booked)
    }
    world = amend(_take_off(world, wrong), "orders", "order_id", erp)
    return touch(world, [*wrong, *booked]), answers


def plant_a02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """List price, freight and discounts do not come to what was paid. Beside it: an order nobody paid."""
    orders = world.tables["orders"].filter(
        is_untouched(world) & ~pl.col("platform").is_in(NO_LIST_PRICE) & pl.col("list_fen").is_not_null()
    )
    paid = quiet_orders(world).filter(~pl.col("platform").is_in(NO_LIST_PRICE) & pl.col("list_fen").is_not_null())
    rows = take(paid.filter(period.contains("paid_at")), rng, n)
    near = take(orders.filter(pl.col("paid_at").is_null() & period.contains("created_at")).sort("order_id"), rng, 1)
    lists = {str(row["order_id"]): {"list_fen": fen(row, "list_fen") + OFF_BY} for row in [*rows, *near]}
    answers = [of_order("A02", period, row, fen(row, "buyer_paid_fen") + OFF_BY, fen(row, "buyer_paid_fen")) for row in rows]
    return touch(amend(world, "orders", "order_id", lists), [*rows, *near]), answers


def plant_a03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Refunded by pieces, and another amount was approved than they come to, or stands in the ERP. Beside it: a fen off."""
    pool = settled_cases(world, period).filter((pl.col("basis") == "qty") & (pl.col("final_fen") > 4 * OFF_BY))
    rows = take(pool.filter(period.contains("applied_at")), rng, n + 1)
    world = resettle(world, {str(row["case_id"]): fen(row, "final_fen") - OFF_BY for row in rows[:n:2]}, rows)
    erp = {str(row["case_id"]): {"erp_fen": fen(row, "final_fen") - OFF_BY} for row in rows[1:n:2]}
    near = {str(row["case_id"]): {"erp_fen": fen(row, "final_fen") - 1} for row in rows[n:]}
    answers = [of_case("A03", period, row, fen(row, "final_fen"), fen(row, "final_fen") - OFF_BY) for row in rows[:n]]
    return touch(amend(world, "aftersales", "case_id", {**erp, **near}), rows), answers


def plant_a04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform took its part back, and the ledger knows only what the buyer got."""
    rows = take(settled_cases(world, period, clawed=True).filter(pl.col("clawback_fen") > 1), rng, n)
    world = rebook(world, {row["ref_id"]: fen(row, "final_fen") for row in rows})
    return touch(world, rows), [of_case("A04", period, row, fen(row, "clawback_fen"), 0) for row in rows]


def plant_a05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Points were spent on what was refunded, and did not come back. Beside it: points that are not returnable."""
    discounts = world.tables["order_discounts"]
    returnable = discounts.filter((pl.col("layer") == "points") & pl.col("returnable")).select("order_id").unique()
    cases = (
        world.tables["aftersales"]
        .filter(is_untouched(world) & (pl.len().over("order_id") == 1) & pl.col("kind").is_in(REFUND_CASE_KINDS))
        .filter((pl.col("platform_status") == "success") & period.contains("completed_at") & (pl.col("points_returned_fen") > 0))
        .join(returnable, on="order_id", how="semi")
        .sort("case_id")
    )
    rows = take(cases, rng, n + 1)
    world = amend(world, "aftersales", "case_id", {str(row["case_id"]): {"points_returned_fen": None} for row in rows})
    kept = pl.col("order_id").is_in([str(row["order_id"]) for row in rows[n:]])
    rules = discounts.with_columns(returnable=pl.when(kept).then(pl.lit(value=False)).otherwise("returnable"))
    return touch(world.with_tables(order_discounts=rules), rows), [of_case("A05", period, row) for row in rows[:n]]


def _take_off(world: World, rows: list[Row]) -> World:
    """These orders with more off, everywhere: the layer, the order, its first line, what was paid and received."""
    ids = [str(row["order_id"]) for row in rows]
    more = pl.when(pl.col("order_id").is_in(ids)).then(OFF_BY).otherwise(0)
    discounts = world.tables["order_discounts"]
    is_layer = (pl.col("funder") == "merchant") & pl.col("rule").is_not_null()
    first = pl.int_range(pl.len()).over("order_id") == 0
    on_line = pl.when(first).then(more).otherwise(0)
    off = {"merchant_discount_fen": more, "buyer_paid_fen": -more, "merchant_receivable_fen": -more}
    orders = world.tables["orders"].with_columns(
        *((pl.col(name) + change).alias(name) for name, change in off.items()),
        (pl.col("erp_merchant_discount_fen") + more).alias("erp_merchant_discount_fen"),
    )
    of_line = {"merchant_discount_fen": on_line, "buyer_paid_fen": -on_line, "merchant_receivable_fen": -on_line}
    lines = world.tables["order_lines"].with_columns((pl.col(name) + change).alias(name) for name, change in of_line.items())
    paid = {str(row["flow_id"]): {"amount_fen": fen(row, "amount_fen") - OFF_BY} for row in rows}
    world = world.with_tables(
        orders=orders,
        order_lines=lines,
        order_discounts=discounts.with_columns(amount_fen=pl.col("amount_fen") + pl.when(is_layer).then(more).otherwise(0)),
    )
    return amend(world, "flows", "flow_id", paid)
