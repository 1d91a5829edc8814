"""Planters inside escrow: money that never passed the wallet, where only the order export can disagree. Source: rulings 12."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.schema import CHANNEL, REFUND_CASE_KINDS
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    add_rows,
    book,
    copies_of,
    fen,
    moment,
    next_flows,
    of_case,
    touch,
)
from recon_kit.synth.pools import can_say, take
from recon_kit.synth.world import World

LESS = 350


def plant_unstated(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """C04: the case succeeded in escrow, but the order export, which says no amount (Pinduoduo's), does not say 退款成功."""
    rows = take(_settled_in_escrow(world, period).filter(can_say(world, "refund_state"), "is_refund_stated", _is_all()), rng, n)
    silent = pl.col("order_id").is_in([str(row["order_id"]) for row in rows])
    orders = world.tables["orders"].with_columns(is_refund_stated=pl.col("is_refund_stated") & ~silent)
    answers = [of_case("C04", period, row, fen(row, "final_fen"), 0) for row in rows]
    return touch(world.with_tables(orders=orders), rows), answers


def plant_stated_more(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """C05: the case says less than the order export (Tmall's states the amount) gave back."""
    rows = _all_refunded_as_stated(world, period, rng, n)
    finals = {str(row["case_id"]): fen(row, "final_fen") - LESS for row in rows}
    amounts = ("requested_fen", "approved_fen", "final_fen", "erp_fen")
    cases = world.tables["aftersales"].with_columns(_replaced(name, "case_id", finals) for name in amounts)
    answers = [of_case("C05", period, row, finals[str(row["case_id"])], fen(row, "final_fen")) for row in rows]
    return touch(world.with_tables(aftersales=cases), rows), answers


def plant_stated_less(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """C06: the order export (Tmall's states the amount) gave back less than the case says."""
    rows = _all_refunded_as_stated(world, period, rng, n)
    stated = {str(row["order_id"]): fen(row, "final_fen") - LESS for row in rows}
    orders = world.tables["orders"].with_columns(_replaced("refunded_fen", "order_id", stated))
    answers = [of_case("C06", period, row, fen(row, "final_fen"), stated[str(row["order_id"])]) for row in rows]
    return touch(world.with_tables(orders=orders), rows), answers


def plant_paid_again(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """C03: a case settled in escrow is paid once more, from the wallet, after the buyer confirmed."""
    confirmed = period.contains("confirmed_at") & (pl.col("confirmed_at") < midnight(period.end) - timedelta(days=6))
    room = pl.col("buyer_paid_fen") >= 2 * pl.col("final_fen")
    rows = take(_settled_in_escrow(world, period).filter(confirmed, room), rng, n)
    receipts = world.tables["flows"].filter(pl.col("kind") == "trade_receipt")
    refunds = copies_of(world.with_tables(flows=receipts), "flows", "order_id", rows)
    bookings: list[Row] = []
    answers: list[AnswerRow] = []
    for row, refund, flow_id in zip(rows, refunds, next_flows(world, [flow["flow_id"] for flow in refunds]), strict=True):
        at, amount = moment(row, "confirmed_at") + timedelta(days=2), fen(row, "final_fen")
        refund.update(flow_id=flow_id, kind="refund", at=at, success_at=at, amount_fen=-amount)
        ref_kind, ref_id = ("order", str(row["order_id"])) if refund["channel"] in world.nameless else ("flow", flow_id)
        kept = {name: refund[name] for name in ("channel", "shop")}
        bookings.append({**kept, "date": at.date(), "gross_fen": amount, "ref_kind": ref_kind, "ref_id": ref_id})
        answers.append(AnswerRow(period.text, "C03", ref_id, str(row["order_id"]), None, 0, amount, note="settled in escrow"))
    world, _ = book(add_rows(world, "flows", refunds), bookings)
    return touch(world, rows), answers


def _settled_in_escrow(world: World, period: Period) -> pl.DataFrame:
    """Successful refund cases of the period, each the only one of an untouched order, that ended before its confirmation."""
    facts = world.tables["orders"].select(
        *("platform", "order_id", "channel", "buyer_paid_fen", "platform_discount_fen", "refunded_fen", "is_refund_stated"),
        confirmed_at="completed_at",
    )
    waits = [channel for channel in CHANNEL if world.config.basis(channel) == "completed"]
    return (
        world.tables["aftersales"]
        .filter(pl.len().over("order_id") == 1)
        .filter(
            (pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS) & period.contains("completed_at")
        )
        .filter(~pl.col("order_id").is_in(list(world.touched)) & (pl.col("final_fen") > 4 * LESS))
        .join(facts, on=["platform", "order_id"], how="left", validate="1:1", maintain_order="left")
        .filter(pl.col("channel").is_in(waits) & (pl.col("platform_discount_fen").fill_null(0) == 0))
        .filter(pl.col("confirmed_at").is_null() | (pl.col("completed_at") < pl.col("confirmed_at")))
        .filter(pl.col("completed_at") < midnight(period.end) - timedelta(days=5))
        .sort("case_id")
    )


def _all_refunded_as_stated(world: World, period: Period, rng: random.Random, n: int) -> list[Row]:
    stated = can_say(world, "refunded_sum") & (pl.col("refunded_fen") == pl.col("final_fen"))
    whole = _settled_in_escrow(world, period).filter(stated, _is_all())
    return take(whole.filter(pl.col("basis") != "qty"), rng, n)


def _is_all() -> pl.Expr:
    """Everything was refunded, so that no money of the order ever reaches the wallet."""
    return (pl.col("final_fen") == pl.col("buyer_paid_fen")) & pl.col("confirmed_at").is_null()


def _replaced(column: str, key: str, values: Mapping[str, int]) -> pl.Expr:
    new = pl.col(key).replace_strict(list(values), list(values.values()), default=None, return_dtype=pl.Int64)
    return pl.coalesce(new, column).alias(column)
