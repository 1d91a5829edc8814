"""What the workplace lists: the findings of a run and the open items carried into it, with what the casebook says of each now."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from recon_kit.casebook import item_states
from recon_kit.casebook.states import read_events
from recon_kit.errors import TieError
from recon_kit.narrative import render_why
from recon_kit.privacy import mask_text_expr
from recon_kit.record import Run, load_run
from recon_kit.results import SEVERITY
from recon_kit.views import work_items

OPEN = ("open", "explained")
NOBODY = ""
"""The assignee of what is assigned to nobody, and the shop or platform of what has none."""
_TOLD = ("expected_fen", "actual_fen", "gap_fen", "loss_fen", "why", "evidence", "related")
_BOOKED = ("first_period", "is_found", "age_days", "due_on")
_SAID = (
    *("discrepancy_id", "status", "assigned_to", "explanation", "cause", "pending", "entry_ids"),
    *("n_comments", "n_evidence", "n_actions"),
)
_RANK = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITY)}, default=-1, return_dtype=pl.Int64)
SORTS: dict[str, tuple[list[pl.Expr], list[bool]]] = {
    "weight": ([_RANK, pl.col("amount_fen")], [True, True]),
    "amount": ([pl.col("amount_fen")], [True]),
    "age": ([pl.col("age_days")], [True]),
    "due": ([pl.col("due_on")], [False]),
    "code": ([pl.col("code"), pl.col("amount_fen")], [False, True]),
}
"""Order of the list → its keys and whether each falls; the finding's id settles what is left."""


@dataclass(frozen=True)
class Filters:
    """What the list is narrowed to; an empty tuple, None or an empty text means all. Amounts in fen, ages in days, inclusive."""

    code: tuple[str, ...] = ()
    owner: tuple[str, ...] = ()
    platform: tuple[str, ...] = ()
    shop: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    assigned_to: tuple[str, ...] = ()
    amount_from: int | None = None
    amount_to: int | None = None
    age_from: int | None = None
    age_to: int | None = None
    text: str = ""


CHOICES = ("code", "owner", "platform", "shop", "status", "assigned_to")
"""Filters of which several values may be chosen."""


def findings_of(run: Run, language: str) -> pl.DataFrame:
    """One row a primary finding of the run or an open item carried into it, its sentence in the language asked.

    `amount_fen`: the gap without sign, 0 where there is none. `is_found`: this run states it. What a carried item was is
    told by the run that last stated it, and is null where that run is not beside this one.
    """
    items = run.table("open_items")
    found = work_items(run).with_columns(
        pl.col("gap_fen").abs().fill_null(0).alias("amount_fen"), pl.col("age_days").alias("age_of_run")
    )
    found = found.drop("age_days").join(items.select("discrepancy_id", *_BOOKED), on="discrepancy_id", how="left", validate="1:1")
    found = found.with_columns(pl.coalesce("age_days", "age_of_run").alias("age_days"), pl.lit(value=True).alias("is_found"))
    frame = pl.concat([found, _carried(run, items)], how="diagonal") if items.height else found
    return render_why(frame, language).drop("why_key", "why_facts", "age_of_run")


def _carried(run: Run, items: pl.DataFrame) -> pl.DataFrame:
    """Open items that this run carries and did not find again."""
    mine = items.filter(~pl.col("is_found") & pl.col("status").is_in(OPEN))
    if mine.is_empty():
        return mine.select("discrepancy_id").clear()
    earlier = _runs_before(run)
    told = [
        other.table("discrepancies").select("discrepancy_id", *_TOLD[:-1], "why_key", "why_facts", pl.lit(place).alias("place"))
        for place, other in enumerate(earlier)
    ]
    if told:
        last = pl.concat(told).sort("place").unique("discrepancy_id", keep="first", maintain_order=True).drop("place")
        mine = mine.join(last, on="discrepancy_id", how="left", validate="1:1")
    return mine.drop(
        *("remaining_fen", "bucket", "status", "origin", "cleared_how", "cleared_by", "cleared_on"),
        *("assigned_to", "explanation", "cause", "is_overdue", "is_escalated", "is_write_off_due", "first_seen_on", "event_on"),
    )


def _runs_before(run: Run) -> list[Run]:
    """The published runs beside this one that ended earlier, the latest first."""
    others = [load_run(path.parent) for path in Path(run.folder).resolve().parent.glob("*/summary.json")]
    return sorted(
        (other for other in others if other.period.end <= run.period.start), key=lambda other: other.period.end, reverse=True
    )


def with_states(findings: pl.DataFrame, events: pl.DataFrame | None) -> pl.DataFrame:
    """The findings with what the casebook says of each: status, assignee, day it is due, explanation, cause, what is pending.

    Without a casebook every finding is open. What a person typed is masked where it quotes personal data.
    """
    if events is None:
        nothing = [pl.lit(None, pl.String).alias(name) for name in ("assigned_to", "explanation", "cause", "pending")]
        counts = [pl.lit(0, pl.Int64).alias(name) for name in _SAID[-3:]]
        entries = pl.lit(None, pl.List(pl.String)).alias("entry_ids")
        frame = findings.with_columns(pl.lit("open").alias("status"), *nothing, entries, *counts)
    else:
        frame = findings.join(item_states(events).select(_SAID), on="discrepancy_id", how="left", validate="1:1")
        frame = frame.join(_promised(events), on="discrepancy_id", how="left", validate="1:1")
        frame = frame.with_columns(pl.coalesce("promised_on", "due_on").alias("due_on"), pl.col("status").fill_null("open"))
        frame = frame.drop("promised_on")
    frame = frame.with_columns(mask_text_expr(pl.col("explanation")))
    words = pl.concat_str(
        pl.col("discrepancy_id", "code", "key", "order_id", "case_id", "shop", "why", "explanation", "assigned_to"),
        pl.col("evidence").list.join(" "),
        separator=" ",
        ignore_nulls=True,
    )
    return frame.with_columns(words.str.to_lowercase().alias("words"))


def _promised(events: pl.DataFrame) -> pl.DataFrame:
    """Finding → the day given with its last assignment, where one was."""
    assigned = read_events(events.filter(pl.col("kind").is_in(["assigned", "undone"]))).sort("number")
    last = assigned.group_by(pl.col("subject").alias("discrepancy_id")).agg(pl.col("due").last())
    return last.select("discrepancy_id", pl.col("due").str.to_date(strict=False).alias("promised_on"))


def choose(findings: pl.DataFrame, filters: Filters, sort: str = "weight") -> pl.DataFrame:
    """The findings that meet every filter, in the order asked."""
    keep = [pl.col(name).fill_null(NOBODY).is_in(getattr(filters, name)) for name in CHOICES if getattr(filters, name)]
    for name, column in (("amount", "amount_fen"), ("age", "age_days")):
        low, high = getattr(filters, f"{name}_from"), getattr(filters, f"{name}_to")
        keep += [pl.col(column) >= low] if low is not None else []
        keep += [pl.col(column) <= high] if high is not None else []
    if filters.text.strip():
        keep.append(pl.col("words").str.contains(filters.text.strip().lower(), literal=True))
    keys, falls = SORTS[sort]
    chosen = findings.filter(pl.lit(value=True), *keep)
    return chosen.sort(*keys, "discrepancy_id", descending=[*falls, False], nulls_last=True)


@dataclass(frozen=True)
class Totals:
    """How many items and their gaps without sign, in all, found in this period, and carried into it."""

    n: int
    total_fen: int
    found: int
    found_fen: int
    carried: int
    carried_fen: int


def totals(run: Run, findings: pl.DataFrame) -> Totals:
    """What the unfiltered list comes to; TieError where it is not what the run states in summary.json and open_items.

    A finding that a person ended in an earlier period, and that is found again unchanged, is no item of this one.
    """
    found, carried = findings.filter("is_found"), findings.filter(~pl.col("is_found"))
    stated = sum(item["n"] for item in run.summary["codes"].values())
    items = run.table("open_items")
    is_open = pl.col("is_found") | pl.col("status").is_in(OPEN)
    booked, listed = _sum(items.filter(is_open)), _sum(findings.filter(pl.col("first_period").is_not_null()))
    if found.height != stated or listed != booked:
        raise TieError(
            f"{run.folder.name}: the list has {found.height} findings and {listed} fen of open items, its run states {stated} "
            f"and {booked}; expected the same. Run the period again"
        )
    return Totals(findings.height, _sum(findings), found.height, _sum(found), carried.height, _sum(carried))


def _sum(frame: pl.DataFrame) -> int:
    return int(frame["amount_fen"].sum())


def values_of(findings: pl.DataFrame, name: str) -> Mapping[str, int]:
    """The values of a column that can be chosen and how many findings have each, in the order of the column."""
    counted = findings.group_by(pl.col(name).fill_null(NOBODY)).agg(pl.len()).sort(name)
    return {str(value): int(n) for value, n in counted.iter_rows()}


def day_text(day: date | None) -> str:
    """A day as the list shows it."""
    return "" if day is None else day.isoformat()
