"""What of an earlier period a run has loaded: enough to judge its open items again, and changed enough to be worth it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime

import polars as pl

from recon_kit.facts.intake import HAPPENED_AT
from recon_kit.periods import SHANGHAI

ENOUGH = 0.8
"""Share of an earlier run's rows that must be loaded again. Less is another extract, in which absence says nothing."""
_PLACE = ("source_file", "source_row")
_PARENTS = {
    "order_lines": ("orders", "order_id"),
    "order_discounts": ("orders", "order_id"),
    "aftersale_events": ("aftersales", "case_id"),
}
"""Table without an instant of its own → the table and id that place it."""


def loaded_rows(tables: Mapping[str, pl.DataFrame], until: date) -> dict[str, list[int | str | None]]:
    """Per table, and platform or channel where it has one: rows dated before `until`, their first day, and a digest of them.

    The digest is of values, not of places: the same rows from another file, in another order, are the same.
    """
    found: dict[str, list[int | str | None]] = {}
    placed: dict[str, pl.DataFrame] = {}
    for name, when in HAPPENED_AT.items():
        if name in tables:
            placed[name] = _before(tables[name], when, until)
    for name, (parent, column) in _PARENTS.items():
        if name in tables and parent in placed:
            placed[name] = tables[name].join(placed[parent].select(column), on=column, how="semi")
    for name, rows in placed.items():
        by = next((column for column in ("platform", "channel") if column in rows.columns and name != "complaints"), None)
        day = HAPPENED_AT[name].dt.date() if name in HAPPENED_AT else pl.lit(None, pl.Date)
        values = rows.select(pl.exclude(*_PLACE))
        parts = rows.select(
            (pl.col(by).fill_null("") if by else pl.lit("")).alias("part"),
            day.alias("day"),
            (values.hash_rows(seed=0) // 2**16).cast(pl.Int64).alias("digest"),
        )
        sums = parts.group_by("part").agg(pl.len(), pl.col("day").min(), pl.col("digest").sum()).sort("part")
        for part, n, first, digest in sums.iter_rows():
            found[f"{name}|{part}"] = [n, first.isoformat() if first else None, f"{digest:x}"]
    return found


def is_whole(then: Mapping[str, list[int | str | None]], now: Mapping[str, list[int | str | None]]) -> bool:
    """Whether what was loaded then is loaded again: as early, and most of it."""
    for part, (n, first, _) in then.items():
        if part not in now:
            return False
        rows, day, _ = now[part]
        if int(rows or 0) < ENOUGH * int(n or 0) or str(day or "") > str(first or ""):
            return False
    return True


def _before(table: pl.DataFrame, when: pl.Expr, until: date) -> pl.DataFrame:
    return table.filter(when < datetime(until.year, until.month, until.day, tzinfo=SHANGHAI))
