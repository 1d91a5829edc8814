"""What the intake leaves to explain: broken control totals and days no file speaks of, one row per file."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.facts.scope import Scope
from recon_kit.money import format_yuan
from recon_kit.periods import TIMEZONE
from recon_kit.schema import TABLES, natural_key


def later_files(intake: pl.DataFrame, scope: Scope) -> list[str]:
    """Files (zip members) whose first row lies after the as-of day: they are look-ahead, not facts. Source: rulings 9."""
    return intake.filter((pl.col("first_at") >= scope.cut).fill_null(value=False))["file"].to_list()


HAPPENED_AT = {
    "orders": pl.coalesce("paid_at", "created_at"),
    "payments": pl.col("paid_at"),
    "aftersales": pl.col("applied_at"),
    "flows": pl.col("at"),
    "shipments": pl.col("at"),
    "receipts": pl.col("received_at"),
    "fees": pl.col("at"),
    "bank_rows": pl.col("at"),
    "complaints": pl.col("opened_at"),
    "voucher_lines": pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone(TIMEZONE),
}
"""When a row of a table happened; the other tables have no time of their own."""


def known_duplicates(duplicates: pl.DataFrame, tables: dict[str, pl.DataFrame], scope: Scope) -> pl.DataFrame:
    """Keys that came twice, but for rows that happened after the as-of day: those are look-ahead. Source: rulings 9."""
    ahead = [
        frame.filter(HAPPENED_AT[name] >= scope.cut).select(pl.lit(name).alias("table"), natural_key(TABLES[name]).alias("key"))
        for name, frame in tables.items()
        if name in HAPPENED_AT and name in set(duplicates["table"])
    ]
    return duplicates.join(pl.concat(ahead), on=["table", "key"], how="anti", maintain_order="left") if ahead else duplicates


def broken_files(controls: pl.DataFrame, gaps: pl.DataFrame, later: list[str], scope: Scope) -> pl.DataFrame:
    """One row per file: the first broken money total (fen), all broken ones as text, and the days it leaves uncovered.

    `stated_fen`/`found_fen` are null when no money total broke. Source: rulings 8.
    """
    broken = [
        {
            "file": row["file"],
            "stated": row["stated"],
            "found": row["found"],
            "is_money": row["unit"] == "fen",
            "text": _total(row),
        }
        for row in controls.filter((pl.col("stated") != pl.col("found")) & ~pl.col("member").is_in(later)).iter_rows(named=True)
    ]
    missing = [
        {
            "file": row["file"].split("!")[0],
            "channel": row["channel"],
            "missing": f"{row['gap_from']:%Y-%m-%d %H:%M} – {row['gap_until']:%Y-%m-%d %H:%M}",
        }
        for row in gaps.iter_rows(named=True)
    ]
    text, fen = pl.String(), pl.Int64()
    totals = pl.DataFrame(broken, schema={"file": text, "stated": fen, "found": fen, "is_money": pl.Boolean(), "text": text})
    days = pl.DataFrame(missing, schema={"file": text, "channel": text, "missing": text})
    by_file = totals.group_by("file", maintain_order=True).agg(
        pl.col("stated").filter("is_money").first().alias("stated_fen"),
        pl.col("found").filter("is_money").first().alias("found_fen"),
        pl.col("text").alias("broken"),
    )
    gaps_by_file = days.group_by("file", maintain_order=True).agg(pl.col("channel").first(), "missing")
    nothing = pl.lit([], pl.List(pl.String))
    return (
        by_file.join(gaps_by_file, on="file", how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col("broken", "missing").fill_null(nothing), pl.lit(scope.period.text).alias("period_text"))
        .sort("file")
    )


def _total(row: dict[str, Any]) -> str:
    show = format_yuan if row["unit"] == "fen" else str
    return f"{row['measure']} {show(row['stated'])} / {show(row['found'])}"
