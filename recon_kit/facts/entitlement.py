"""What a case refunded by quantity is entitled to, by cumulative rounding over its order line."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.scope import Scope

WHOLE_ORDER = ""
"""Stands for the line of a case that names none and returns every piece of an order of several lines."""


def add_entitlement(cases: pl.DataFrame, lines: pl.DataFrame, orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Add `entitled_fen` and `claimed_fen` (null: not refunded by quantity, or the line is not known).

    Entitlement = round_half_up(line.buyer_paid × cumulative qty / qty) − what earlier cases of the line took, so that the
    last piece closes at exactly what was paid. `claimed_fen` is the approved amount, or the ERP's where only that is wrong,
    and the entitlement where neither is, or none is stated: an amount that nobody states is not zero. The pieces that close
    a line may bring the postage of the order back with them; where a threshold is tested again after a return
    (`recompute_threshold`), a claim may be less by up to what the seller had given on the order.
    Source: docs/method.md, identities; rulings 15 (refund_only and return_refund).
    """
    claims = _claims(cases, lines, orders, scope)
    paid, line_qty = pl.col("line_paid_fen"), pl.col("line_qty")
    line = ["order_id", "line_id"]
    pieces = pl.when("by_qty").then(pl.col("qty").fill_null(0)).otherwise(0).cum_sum().over(line).clip(upper_bound=line_qty)
    # Half up in whole numbers: floor((2·paid·k + qty) / (2·qty)).
    claims = claims.with_columns(((2 * paid * pieces + line_qty) // (2 * line_qty)).alias("cumulative"))
    nominal = pl.col("cumulative") - pl.col("cumulative").shift(1, fill_value=0).over(line)
    negotiated = pl.when("by_qty").then(0).otherwise("approved").fill_null(0).cum_sum().over(line)
    full = pl.col("cumulative") == paid
    claims = claims.with_columns(
        # A negotiated refund of the line counts against it only where the pieces would pass what was paid.
        pl.when(full).then(pl.max_horizontal(nominal - negotiated, 0)).otherwise(nominal).alias("entitled_fen"),
        pl.when(full).then(pl.col("shipping_fen")).fill_null(0).alias("postage"),
        pl.when(scope.config.policy.recompute_threshold).then("merchant_discount_fen").fill_null(0).alias("at_stake"),
    ).filter("by_qty")
    tolerance = scope.config.tolerance.row

    def is_wrong(column: str) -> pl.Expr:
        over = pl.col(column) - pl.col("entitled_fen")
        is_lost_discount = over.is_between(-pl.col("at_stake"), 0)
        return (over.abs() > tolerance) & ((over - pl.col("postage")).abs() > tolerance) & ~is_lost_discount

    claimed = pl.when(is_wrong("approved")).then("approved").when(is_wrong("erp_fen")).then("erp_fen").otherwise("entitled_fen")
    return cases.join(
        claims.select("c", "entitled_fen", claimed.alias("claimed_fen")),
        on="c",
        how="left",
        validate="1:1",
        maintain_order="left",
    )


def _claims(cases: pl.DataFrame, lines: pl.DataFrame, orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Refund cases agreed to by the as-of day with their line, in the order in which they were agreed to.

    A case that names no line is of its order's only one; where there are several it is of all of them together, if it is the
    order's only claim and for every piece.
    """
    by_qty = pl.coalesce("basis", pl.when(pl.col("qty").is_null()).then(pl.lit("negotiated")).otherwise(pl.lit("qty"))) == "qty"
    agreed_at = pl.coalesce("approved_at", pl.when("is_done").then("done_at"))
    asked = (
        cases.with_columns(agreed_at.alias("agreed_at"), by_qty.alias("by_qty"))
        .filter(pl.col("kind").is_in(["refund_only", "return_refund"]) & ~pl.col("is_closed") & scope.is_fact("agreed_at"))
        .select(
            *("c", "o", "order_id", "line_id", "qty", "agreed_at", "erp_fen", "by_qty"),
            pl.coalesce("approved_fen", "final_fen", "requested_fen").alias("approved"),
        )
    )
    mine = lines.join(asked.select("order_id"), on="order_id", how="semi").select(
        "order_id", "line_id", pl.col("buyer_paid_fen").alias("line_paid_fen"), pl.col("qty").alias("line_qty")
    )
    whole = mine.group_by("order_id").agg(
        pl.when(pl.len() == 1).then(pl.col("line_id").first()).otherwise(pl.lit(WHOLE_ORDER)).alias("unnamed"),
        pl.col("line_paid_fen", "line_qty").sum(),
        pl.len().alias("n"),
    )
    several = whole.filter(pl.col("n") > 1).select("order_id", pl.col("unnamed").alias("line_id"), "line_paid_fen", "line_qty")
    is_whole = pl.col("by_qty") & (pl.col("qty") == pl.col("line_qty")) & (pl.len().over("order_id") == 1)
    given = orders.select("o", "shipping_fen", "merchant_discount_fen").join(asked.select("o"), on="o", how="semi")
    return (
        asked.join(whole.select("order_id", "unnamed"), on="order_id", how="left", validate="m:1")
        .with_columns(pl.coalesce("line_id", "unnamed").alias("line_id"))
        .join(pl.concat([mine, several]), on=["order_id", "line_id"], how="inner", validate="m:1")
        .filter((pl.col("line_id") != WHOLE_ORDER) | is_whole)
        .filter(pl.col("line_qty") > 0)
        .join(given, on="o", how="left", validate="m:1")
        .sort("agreed_at", "c")
    )
