"""What a case refunded by quantity is entitled to, by cumulative rounding over its order line."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.scope import Scope


def add_entitlement(cases: pl.DataFrame, lines: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Add `entitled_fen` and `claimed_fen` (null: not refunded by quantity, or the line is not loaded).

    Entitlement = round_half_up(line.buyer_paid × cumulative qty / qty) − what earlier cases of the line took, so that the
    last piece closes at exactly what was paid. `claimed_fen` is the approved amount, or the ERP's where only that is wrong.
    Source: docs/method.md, identities; rulings 15 (refund_only and return_refund).
    """
    by_qty = pl.coalesce("basis", pl.when(pl.col("qty").is_null()).then(pl.lit("negotiated")).otherwise(pl.lit("qty"))) == "qty"
    is_claim = pl.col("kind").is_in(["refund_only", "return_refund"]) & ~pl.col("is_closed") & scope.is_fact("approved_at")
    paid, line_qty = pl.col("line_paid_fen"), pl.col("line_qty")
    claims = (
        cases.filter(is_claim)
        .select(
            "c",
            "order_id",
            "line_id",
            "qty",
            "approved_at",
            "erp_fen",
            by_qty.alias("by_qty"),
            pl.coalesce("approved_fen", "amount_fen").alias("approved"),
        )
        .join(
            lines.select("order_id", "line_id", pl.col("buyer_paid_fen").alias("line_paid_fen"), pl.col("qty").alias("line_qty")),
            on=["order_id", "line_id"],
            how="inner",
            validate="m:1",
        )
        .filter(line_qty > 0)
        .sort("approved_at", "c")
    )
    line = ["order_id", "line_id"]
    pieces = pl.when("by_qty").then(pl.col("qty").fill_null(0)).otherwise(0).cum_sum().over(line).clip(upper_bound=line_qty)
    # Half up in whole numbers: floor((2·paid·k + qty) / (2·qty)).
    claims = claims.with_columns(((2 * paid * pieces + line_qty) // (2 * line_qty)).alias("cumulative"))
    nominal = pl.col("cumulative") - pl.col("cumulative").shift(1, fill_value=0).over(line)
    negotiated = pl.when("by_qty").then(0).otherwise("approved").cum_sum().over(line)
    full = pl.col("cumulative") == paid
    claims = claims.with_columns(
        # A negotiated refund of the line counts against it only where the pieces would pass what was paid.
        pl.when(full).then(pl.max_horizontal(nominal - negotiated, 0)).otherwise(nominal).alias("entitled_fen")
    ).filter("by_qty")
    tolerance = scope.config.tolerance.row
    approved_wrong = (pl.col("approved") - pl.col("entitled_fen")).abs() > tolerance
    erp_wrong = (pl.col("erp_fen") - pl.col("entitled_fen")).abs() > tolerance
    claimed = pl.when(approved_wrong).then("approved").when(erp_wrong).then("erp_fen").otherwise("entitled_fen")
    return cases.join(
        claims.select("c", "entitled_fen", claimed.alias("claimed_fen")),
        on="c",
        how="left",
        validate="1:1",
        maintain_order="left",
    )
