"""What a KPI is split by: for each dimension the members an order, a case and a complaint belong to. Pure.

An order can stand under several members (SKUs, promotions, carriers), so those columns do not sum to the total; a case
belongs to one SKU and category at most. A null member: nothing says which.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.collect import Tables
from recon_kit.facts import Facts

DIMENSIONS = ("platform", "shop", "channel", "category", "sku", "reason_group", "carrier", "promotion", "pay_week")
OF_CASES = frozenset(("reason_group",))
"""Dimensions that only cases have: their rates stand over the orders of the whole."""
ADDITIVE = frozenset(("platform", "shop", "channel", "category", "sku", "reason_group", "pay_week"))
"""Dimensions under one member of which each case stands."""
LINES = frozenset(("category", "sku"))


@dataclass(frozen=True)
class Members:
    """Order `o` → member with the money of that member (`paid_fen`: null, the whole order), case `c` → member."""

    orders: pl.DataFrame
    cases: pl.DataFrame


def members(dimension: str, facts: Facts, tables: Tables) -> Members | None:
    """Who belongs to which member; None where no table states the dimension."""
    whole = pl.lit(None, pl.Int64).alias("paid_fen")
    if dimension in ("platform", "shop", "channel", "pay_week"):
        key = pl.col("paid_at").dt.strftime("%G-W%V") if dimension == "pay_week" else pl.col(dimension)
        orders = facts.orders.select("o", key.alias("member"), whole)
        own = facts.cases.select(
            "c", "o", pl.col(dimension) if dimension in ("platform", "shop", "channel") else pl.lit(None, pl.String)
        )
        cases = own.join(orders.select("o", "member"), on="o", how="left", validate="m:1")
        return Members(orders, cases.select("c", pl.coalesce(pl.nth(2), "member").alias("member")))
    if dimension in OF_CASES:
        return Members(
            facts.orders.clear().select("o", pl.lit(None, pl.String).alias("member"), whole),
            facts.cases.select("c", pl.col(dimension).alias("member")),
        )
    found = _of_orders(dimension, facts, tables)
    if found is None:
        return None
    if dimension not in LINES:
        return Members(
            found.select("o", "member", whole),
            facts.cases.select("c", "o").join(found.select("o", "member"), on="o", how="inner").select("c", "member"),
        )
    by_line = found.select("o", "line_id", "member").unique(["o", "line_id"], keep="none")
    sole = found.select("o", pl.col("member").alias("sole")).unique().unique("o", keep="none")
    cases = (
        facts.cases.select("c", "o", "line_id")
        .join(by_line, on=["o", "line_id"], how="left", validate="m:1")
        .join(sole, on="o", how="left", validate="m:1")
        .select("c", pl.coalesce("member", "sole").alias("member"))
    )
    return Members(found.group_by("o", "member").agg(pl.col("paid_fen").sum()), cases)


def _of_orders(dimension: str, facts: Facts, tables: Tables) -> pl.DataFrame | None:
    """One row per order `o` and member (per line for SKUs): o, member, line_id and paid_fen where the dimension has them."""
    ids = facts.orders.select("o", "order_id")
    if dimension in LINES:
        if tables.order_lines is None:
            return None
        lines = tables.order_lines
        if dimension == "category" and tables.products is not None:
            of_product = tables.products.select("sku", pl.col("category").alias("of_product"))
            lines = lines.join(of_product, on="sku", how="left", validate="m:1").with_columns(
                pl.coalesce("category", "of_product").alias("category")
            )
        rows = lines.select("order_id", "line_id", pl.col(dimension).alias("member"), pl.col("buyer_paid_fen").alias("paid_fen"))
    elif dimension == "carrier":
        if tables.shipments is None:
            return None
        rows = tables.shipments.filter(pl.col("kind") == "sale").select("order_id", pl.col("carrier").alias("member")).unique()
    else:
        if tables.order_discounts is None:
            return None
        rows = tables.order_discounts.drop_nulls("rule").select("order_id", pl.col("rule").alias("member")).unique()
    return ids.join(rows, on="order_id", how="inner").drop("order_id")
