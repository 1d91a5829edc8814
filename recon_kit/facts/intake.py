"""What the intake leaves to explain: broken control totals and days no file speaks of, one row per file."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.scope import Scope
from recon_kit.money import format_yuan


def later_files(intake: pl.DataFrame, scope: Scope) -> list[str]:
    """Files (zip members) whose first row lies after the as-of day: they are look-ahead, not facts. Source: rulings 9."""
    return intake.filter((pl.col("first_at") >= scope.cut).fill_null(value=False))["file"].to_list()


def known_duplicates(duplicates: pl.DataFrame, later: list[str]) -> pl.DataFrame:
    """Keys that came twice, not all of it in files that are look-ahead."""
    file = pl.element().str.replace(r":\d+$", "")
    return duplicates.filter(~pl.col("evidence").list.eval(file.is_in(later)).list.all())


def broken_files(controls: pl.DataFrame, gaps: pl.DataFrame, later: list[str], scope: Scope) -> pl.DataFrame:
    """One row per file: the first broken money total (fen), all broken ones as text, and the days it leaves uncovered.

    `stated_fen`/`found_fen` are null when no money total broke. Source: rulings 8.
    """
    broken: dict[str, dict[str, object]] = {}
    for row in controls.filter((pl.col("stated") != pl.col("found")) & ~pl.col("member").is_in(later)).iter_rows(named=True):
        entry = broken.setdefault(row["file"], {"broken": [], "missing": []})
        is_money = row["unit"] == "fen"
        if is_money and "stated_fen" not in entry:
            entry |= {"stated_fen": row["stated"], "found_fen": row["found"]}
        stated, found = (format_yuan(row["stated"]), format_yuan(row["found"])) if is_money else (str(row["stated"]), str(row["found"]))
        _list(entry, "broken").append(f"{row['measure']} {stated} / {found}")
    for row in gaps.iter_rows(named=True):
        entry = broken.setdefault(row["file"].split("!")[0], {"broken": [], "missing": []})
        entry["channel"] = row["channel"]
        _list(entry, "missing").append(f"{row['gap_from']:%Y-%m-%d %H:%M} – {row['gap_until']:%Y-%m-%d %H:%M}")
    schema = {
        "file": pl.String,
        "channel": pl.String,
        "stated_fen": pl.Int64,
        "found_fen": pl.Int64,
        "broken": pl.List(pl.String),
        "missing": pl.List(pl.String),
    }
    rows = [{"file": file, **entry} for file, entry in sorted(broken.items())]
    return pl.DataFrame(rows, schema=schema).with_columns(pl.lit(scope.period.text).alias("period_text"))


def _list(entry: dict[str, object], name: str) -> list[str]:
    found = entry[name]
    assert isinstance(found, list)
    return found
