"""On which day would which run have caught it? The engine itself, run again as of earlier days, on what was known then.

A finding keeps its id from its first appearance to its end, so an earlier run caught it when it reports that id. Source:
docs/method.md, Looking back.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial
from typing import Any

import polars as pl

from recon_kit.as_known import as_known
from recon_kit.errors import ReportError
from recon_kit.facts import Scope, build_facts
from recon_kit.kpis import is_loaded
from recon_kit.periods import LOOK_AHEAD_DAYS, Period, parse_period
from recon_kit.postmortem import Incident, stages
from recon_kit.record import Run
from recon_kit.replay import Recalled, recall
from recon_kit.rules import detect
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.schedule import is_due

MOST_ORDERS = 20_000
"""Up to so many orders a post-mortem looks back without being asked, as a run makes a self-test."""
MOST_RUNS = 40
"""Earlier days that are run again at most; findings that would need more are not tried, largest gaps come first."""
MOST_DAYS = 92
"""How far before it was found a finding is looked for."""
RECUR_DAYS = 90
"""Earlier months that ended so many days before the period, or fewer, say whether it recurs."""
UNKNOWABLE = ("K04", "K05", "K06")
"""Codes about files and closed periods: a run does not say when a file came, nor keep what was sealed."""
STATES = ("earlier", "rule", "never", "unknown", "not_tried")
"""earlier: a scheduled run would have said it. rule: the month's run, had it been made that day, and no scheduled one. never:
not before it was found. unknown: cannot be looked back on. not_tried: MOST_RUNS were used up."""


@dataclass(frozen=True)
class Lookback:
    """`findings`: a row a finding, as `look_back` says; `n_runs`: how often the engine ran.

    `why_not`: what kept it from being made, when there are no findings in it: `too_large` or `no_config`.
    """

    findings: pl.DataFrame
    n_runs: int = 0
    why_not: str = ""


@dataclass(frozen=True)
class Said:
    """What one run says of a finding: the code it has there, and whether it is only on its way."""

    code: str
    is_timing: bool


Report = Callable[[str, date], Mapping[str, Said]]
_ROW = {
    "discrepancy_id": pl.String,
    "code": pl.String,
    "key": pl.String,
    "happened": pl.Date,
    "seen_on": pl.Date,
    "seen_code": pl.String,
    "caught_on": pl.Date,
    "caught_code": pl.String,
    "scheduled_on": pl.Date,
    "scheduled_by": pl.String,
    "found_on": pl.Date,
    "days_lost": pl.Int64,
    "state": pl.String,
}


def look_back(run: Run, incident: Incident, *, most_orders: int = MOST_ORDERS) -> Lookback:
    """Run the engine again as of earlier days, and say when each finding of the incident was first there to be seen.

    A row a finding: `seen_on`, `seen_code`, the first day on which the month's run would have named it at all (in transit,
    with the code it then had); `caught_on`, `caught_code` the first on which it was more than on its way; `scheduled_on`,
    `scheduled_by` the first scheduled run (docs/schedule.md) that would have said so; `found_on` the as-of day of the run that
    opened it; `days_lost` from the scheduled run, or where none had it from `caught_on`, to `found_on`; `state` of STATES.
    Days are halved: what a run reports, later runs are taken to report until it was found.
    """
    dated = stages(run, incident).join(
        incident.findings.select("discrepancy_id", "gap_fen", "nature"), on="discrepancy_id", how="left", validate="1:1"
    )
    nothing = pl.DataFrame(schema=_ROW)
    if run.table("orders").height > most_orders:
        return Lookback(nothing, why_not="too_large")
    if dated.is_empty():
        return Lookback(nothing)
    try:
        recalled = recall(run)
    except ReportError:
        return Lookback(nothing, why_not="no_config")
    asked: dict[tuple[str, date], dict[str, Said]] = {}
    report, refound = partial(_report, recalled, asked), set(_reported(recalled, recalled.scope))
    rows = []
    largest = dated.sort(pl.col("gap_fen").abs(), "key", descending=[True, False], nulls_last=True)
    for row in largest.iter_rows(named=True):
        found = {"discrepancy_id": row["discrepancy_id"], "code": row["code"], "key": row["key"], "happened": row["happened"]}
        found |= {"found_on": row["detected"], "state": "unknown"}
        if row["code"] not in UNKNOWABLE and row["discrepancy_id"] in refound:
            try:
                found |= _first_days(row, report)
            except _UsedUpError:
                found["state"] = "not_tried"
        rows.append(found)
    frame = pl.DataFrame(rows, schema=_ROW)
    return Lookback(frame.sort("happened", "key", nulls_last=True), len(asked) + 1)


class _UsedUpError(Exception):
    """MOST_RUNS earlier days were run."""


_MONTH = {
    "period": pl.String,
    "code": pl.String,
    "n": pl.Int64,
    "abs_gap_fen": pl.Int64,
    "n_still": pl.Int64,
}


def earlier_months(run: Run, incident: Incident, *, most_orders: int = MOST_ORDERS) -> pl.DataFrame:
    """The codes of the incident in the months before, as their own runs would have found them.

    One row a code and month that was loaded and ended within RECUR_DAYS before the period, oldest first, with zeroes where it
    had none: period, code, n, abs_gap_fen, n_still. Each month is run as of its last day, on what was known when its
    look-ahead ended; `n` findings whose event lies in it (or that have none), `n_still` of them in this run too. Empty where
    nothing earlier was loaded or the run cannot be taken up again.
    """
    if run.table("orders").height > most_orders or not incident.codes:
        return pl.DataFrame(schema=_MONTH)
    try:
        recalled = recall(run)
    except ReportError:
        return pl.DataFrame(schema=_MONTH)
    facts = build_facts(recalled.collected, recalled.scope)
    month, still, found = parse_period(f"{run.period.start:%Y-%m}").previous(), set(run.findings["discrepancy_id"]), []
    while is_loaded(facts, month) and (run.period.start - month.end).days < RECUR_DAYS:
        found.append(_month_found(recalled, month, incident.codes, still))
        month = month.previous()
    return pl.concat([pl.DataFrame(schema=_MONTH), *reversed(found)])


def _month_found(recalled: Recalled, month: Period, codes: tuple[str, ...], still: set[str]) -> pl.DataFrame:
    known = as_known(recalled.collected, month.last_day + timedelta(days=LOOK_AHEAD_DAYS))
    findings = detect(build_facts(known, Scope(recalled.scope.config, month, month.last_day)))
    mine = findings.filter(
        pl.col("code").is_in(codes) & pl.col("primary_id").is_null() & month.contains("event_at").fill_null(value=True)
    )
    counts = mine.group_by("code").agg(
        pl.len().cast(pl.Int64).alias("n"),
        pl.col("gap_fen").abs().sum().alias("abs_gap_fen"),
        pl.col("discrepancy_id").is_in(list(still)).sum().cast(pl.Int64).alias("n_still"),
    )
    every = pl.DataFrame({"period": [month.text] * len(codes), "code": sorted(codes)}, schema_overrides={"code": pl.String})
    joined = every.join(counts, on="code", how="left", validate="1:1", maintain_order="left")
    return joined.with_columns(pl.col("n", "abs_gap_fen", "n_still").fill_null(0)).select(_MONTH.keys())


def _report(recalled: Recalled, asked: dict[tuple[str, date], dict[str, Said]], period: str, day: date) -> dict[str, Said]:
    """What the run of a period would have said as of a day; each is run once and kept in `asked`."""
    if (period, day) not in asked:
        if len(asked) >= MOST_RUNS:
            raise _UsedUpError
        known = Recalled(as_known(recalled.collected, day), recalled.scope)
        asked[period, day] = _reported(known, Scope(recalled.scope.config, parse_period(period), day))
    return asked[period, day]


def _reported(recalled: Recalled, scope: Scope) -> dict[str, Said]:
    """Finding → what the engine says of it."""
    findings = detect(build_facts(recalled.collected, scope))
    rows = findings.select("discrepancy_id", "code", "nature").iter_rows()
    return {found: Said(code, nature == "timing") for found, code, nature in rows}


def _first_days(row: Mapping[str, Any], report: Report) -> dict[str, Any]:
    """The first days of one finding; nothing but the state where no earlier day has it."""
    found_on, wanted = row["detected"], row["discrepancy_id"]
    start = max(row["happened"] or found_on.replace(day=1), found_on - timedelta(days=MOST_DAYS))
    days = [start + timedelta(days=n) for n in range((found_on - start).days)]
    is_timing = row["nature"] == "timing"

    def said(day: date) -> Said | None:
        return report(f"{day:%Y-%m}", day).get(wanted)

    def is_caught(day: date) -> bool:
        found = said(day)
        return found is not None and (is_timing or not found.is_timing)

    caught = _first(days, is_caught)
    seen = _first(days[:caught], lambda day: said(day) is not None)
    if seen == len(days):
        return {"state": "never", "days_lost": 0}
    found: dict[str, Any] = {"seen_on": days[seen], "seen_code": _code(said(days[seen])), "state": "never", "days_lost": 0}
    if caught == len(days):
        return found
    found |= {"caught_on": days[caught], "caught_code": _code(said(days[caught])), "state": "rule"}
    for period in _scheduled(row["code"], days[caught], found_on):
        there = report(period.text, period.last_day).get(wanted)
        if there is not None and (is_timing or not there.is_timing):
            found |= {"scheduled_on": period.last_day, "scheduled_by": period.text, "state": "earlier"}
            break
    return found | {"days_lost": (found_on - found.get("scheduled_on", found["caught_on"])).days}


def _first(days: list[date], holds: Callable[[date], bool]) -> int:
    """The place of the first day on which it holds, by halving; their number where it holds on none."""
    low, high = 0, len(days)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(days[middle]) else (middle + 1, high)
    return low


def _code(said: Said | None) -> str | None:
    return None if said is None else said.code


def _scheduled(code: str, first: date, until: date) -> list[Period]:
    """The days, weeks and months that ended from `first` until before `until` and whose run checks the code, in order."""
    named = []
    for n in range((until - first).days):
        day = first + timedelta(days=n)
        named += [f"{day:%Y-%m-%d}", f"{day:%G}-W{day:%V}", f"{day:%Y-%m}"]
    periods = [parse_period(name) for name in dict.fromkeys(named)]
    due = [p for p in periods if first <= p.last_day < until and is_due(CATALOGUE[code].check, p)]
    return sorted(due, key=lambda period: (period.last_day, period.days))
