"""A month of any size as standard templates in Parquet: one shop, orders, bills, cases and a ledger that all agree.

Pure expressions over a row number, so that a million orders take seconds; about 7 % of the orders are refunded.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

_MONTH_SECONDS = 28 * 86_400


def write_month(folder: Path, orders: int) -> None:
    """Write orders, flows, aftersales and voucher_lines of October 2026 as template files (yuan as text)."""
    folder.mkdir(parents=True, exist_ok=True)
    n = pl.col("n")
    base = pl.select(n=pl.int_range(orders)).with_columns(
        pl.format("35{}", (n + 10_000_000_000)).alias("order_id"),
        (1_000 + (n * 7_919) % 90_000).alias("paid"),
        (pl.datetime(2026, 10, 1) + pl.duration(seconds=(n * 31_337) % _MONTH_SECONDS)).alias("at"),
    )
    cases = base.filter(n % 14 == 3).with_columns(
        pl.format("25{}", n + 1_000_000_000).alias("case_id"),
        pl.when(n % 140 == 3).then(pl.col("paid") // 2).otherwise("paid").alias("refund"),
        (pl.col("at") + pl.duration(hours=20)).alias("applied_at"),
        (pl.col("at") + pl.duration(hours=30)).alias("completed_at"),
        (pl.col("at") + pl.duration(hours=31)).alias("refunded_at"),
    )
    base.select(
        pl.lit("jd").alias("platform"),
        pl.lit("基准店").alias("shop"),
        "order_id",
        pl.lit("completed").alias("status"),
        pl.col("at").dt.to_string("%Y-%m-%d %H:%M:%S").alias("paid_at"),
        (pl.col("at") + pl.duration(hours=18)).dt.to_string("%Y-%m-%d %H:%M:%S").alias("completed_at"),
        _yuan("paid").alias("buyer_paid"),
    ).write_parquet(folder / "orders.parquet")
    cases.select(
        pl.lit("jd").alias("platform"),
        "case_id",
        "order_id",
        pl.lit("refund_only").alias("kind"),
        _text("applied_at"),
        _text("completed_at"),
        _yuan("refund").alias("final"),
        pl.lit("success").alias("platform_status"),
        pl.lit("success").alias("erp_status"),
    ).write_parquet(folder / "aftersales.parquet")
    receipts = base.select(
        pl.format("R{}", n).alias("flow_id"), pl.col("at").alias("at"), pl.lit("trade_receipt").alias("kind"),
        _yuan("paid").alias("amount"), "order_id", pl.lit(None, pl.String).alias("case_id"),
    )
    # Every third refund states no case, so that the order ladder has work to do.
    stated = pl.when(n % 3 != 0).then("case_id").alias("case_id")
    refunds = cases.select(
        pl.format("F{}", n).alias("flow_id"), pl.col("refunded_at").alias("at"), pl.lit("refund").alias("kind"),
        pl.concat_str(pl.lit("-"), _yuan("refund")).alias("amount"), "order_id", stated,
    )
    pl.concat([receipts, refunds]).with_columns(pl.lit("jd").alias("channel"), _text("at")).write_parquet(folder / "flows.parquet")
    lines = cases.select(
        pl.lit("2026-10").alias("period"),
        pl.format("记-{}", n).alias("voucher_id"),
        pl.col("refunded_at").dt.to_string("%Y-%m-%d").alias("date"),
        pl.lit("case").alias("ref_kind"),
        pl.col("case_id").alias("ref_id"),
        _yuan("refund").alias("gross"),
    )
    zero = pl.lit("0.00")
    pl.concat(
        [
            lines.with_columns(pl.lit("1").alias("line_no"), pl.lit("5001").alias("account"), pl.col("gross").alias("debit"), zero.alias("credit")),
            lines.with_columns(pl.lit("2").alias("line_no"), pl.lit("101203").alias("account"), zero.alias("debit"), pl.col("gross").alias("credit")),
        ]
    ).drop("gross").write_parquet(folder / "voucher_lines.parquet")


def _yuan(column: str) -> pl.Expr:
    """Fen as yuan text with two decimals."""
    fen = pl.col(column)
    return pl.concat_str(fen // 100, pl.lit("."), (fen % 100).cast(pl.String).str.zfill(2))


def _text(column: str) -> pl.Expr:
    return pl.col(column).dt.to_string("%Y-%m-%d %H:%M:%S").alias(column)
