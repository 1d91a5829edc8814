"""A month of any size as canonical tables in Parquet: one shop, orders, bills, cases and a ledger that all agree.

Pure expressions over a row number, so that a million orders take seconds; about 7 % of the orders are refunded.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recon_kit.periods import TIMEZONE
from recon_kit.schema import TABLES, conform

_MONTH_SECONDS = 28 * 86_400


def write_month(folder: Path, orders: int) -> None:
    """Write orders, flows, aftersales and voucher_lines of October 2026 as canonical tables."""
    folder.mkdir(parents=True, exist_ok=True)
    n = pl.col("n")
    base = pl.select(n=pl.int_range(orders)).with_columns(
        pl.format("35{}", n + 10_000_000_000).alias("order_id"),
        (1_000 + (n * 7_919) % 90_000).alias("paid"),
        (pl.datetime(2026, 10, 1, time_zone=TIMEZONE) + pl.duration(seconds=(n * 31_337) % _MONTH_SECONDS)).alias("at"),
    )
    cases = base.filter(n % 14 == 3).with_columns(
        pl.format("25{}", n + 1_000_000_000).alias("case_id"),
        pl.when(n % 140 == 3).then(pl.col("paid") // 2).otherwise("paid").alias("refund"),
        (pl.col("at") + pl.duration(hours=31)).alias("refunded_at"),
    )
    _write(
        folder,
        "orders",
        base.select(
            pl.lit("jd").alias("platform"),
            pl.lit("基准店").alias("shop"),
            "order_id",
            pl.lit("normal").alias("kind"),
            pl.lit("completed").alias("status"),
            pl.col("at").alias("paid_at"),
            (pl.col("at") + pl.duration(hours=18)).alias("completed_at"),
            pl.col("paid").alias("buyer_paid_fen"),
        ),
    )
    _write(
        folder,
        "aftersales",
        cases.select(
            pl.lit("jd").alias("platform"),
            "case_id",
            "order_id",
            pl.lit("refund_only").alias("kind"),
            (pl.col("at") + pl.duration(hours=20)).alias("applied_at"),
            (pl.col("at") + pl.duration(hours=30)).alias("completed_at"),
            pl.col("refund").alias("final_fen"),
            pl.lit("success").alias("platform_status"),
            pl.lit("success").alias("erp_status"),
        ),
    )
    receipts = base.select(
        pl.format("R{}", n).alias("flow_id"),
        "at",
        pl.lit("trade_receipt").alias("kind"),
        pl.col("paid").alias("amount_fen"),
        "order_id",
        pl.lit(None, pl.String).alias("case_id"),
    )
    # Every third refund states no case, so that the order ladder has work to do.
    refunds = cases.select(
        pl.format("F{}", n).alias("flow_id"),
        pl.col("refunded_at").alias("at"),
        pl.lit("refund").alias("kind"),
        (-pl.col("refund")).alias("amount_fen"),
        "order_id",
        pl.when(n % 3 != 0).then("case_id").alias("case_id"),
    )
    both = pl.concat([receipts, refunds]).with_columns(pl.lit("jd").alias("channel"), pl.lit("success").alias("status"))
    _write(folder, "flows", both)
    line = cases.select(
        pl.lit("2026-10").alias("period"),
        pl.format("记-{}", n).alias("voucher_id"),
        pl.col("refunded_at").dt.date().alias("date"),
        pl.lit("case").alias("ref_kind"),
        pl.col("case_id").alias("ref_id"),
        pl.col("refund"),
    )
    revenue = line.with_columns(
        line_no=pl.lit("1"), account=pl.lit("5001"), debit_fen=pl.lit(0, pl.Int64), credit_fen=-pl.col("refund")
    )
    wallet = line.with_columns(
        line_no=pl.lit("2"), account=pl.lit("101203"), debit_fen=pl.lit(0, pl.Int64), credit_fen=pl.col("refund")
    )
    _write(folder, "voucher_lines", pl.concat([revenue, wallet]).drop("refund"))


def _write(folder: Path, table: str, frame: pl.DataFrame) -> None:
    rows = frame.with_row_index("source_row").with_columns(
        pl.col("source_row").cast(pl.Int64), pl.lit(f"{table}.csv").alias("source_file")
    )
    conform(rows, TABLES[table]).write_parquet(folder / f"{table}.parquet")
