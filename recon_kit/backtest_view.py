"""How looking back is shown in notebook 05: which run would have caught each finding, on which day, and what cannot be known."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import polars as pl

from recon_kit.backtest import MOST_ORDERS, STATES, Lookback, earlier_months
from recon_kit.errors import TieError
from recon_kit.labels import phrase, word
from recon_kit.periods import parse_period
from recon_kit.postmortem import Incident
from recon_kit.postmortem_view import MAX_ROWS, catch_table
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

says = partial(phrase, "backtest")


def lookback_table(run: Run, incident: Incident, lookback: Lookback, language: str) -> Shown:
    """Each finding with the days on which earlier runs would have said so; by the schedule alone where none were made."""
    if lookback.why_not:
        note = says(f"text.{lookback.why_not}", language, most=f"{MOST_ORDERS:,}")
        return Shown(f"<p>{escape(note)}</p>{catch_table(run, incident, language).html}")
    if lookback.findings.is_empty():
        return Shown(f'<p class="empty">{escape(says("text.none", language))}</p>')
    head = "".join(f"<p>{escape(line)}</p>" for line in sentences(lookback, language))
    shown = lookback.findings.sort("days_lost", "happened", "key", descending=[True, False, False], nulls_last=True).head(
        MAX_ROWS
    )
    rows = [_row(row, language) for row in shown.iter_rows(named=True)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    rest = lookback.findings.height - shown.height
    more = word("ui.more_rows", language, n=MAX_ROWS, rest=rest, table="tables/discrepancies.parquet")
    table = short_table(frame, language, "lookback-table", right=("days_lost",)).html
    return Shown(head + table + (f'<p class="empty">{escape(more)}</p>' if rest > 0 else ""))


def earlier_months_table(run: Run, incident: Incident, language: str) -> Shown:
    """The same codes in the months before, by running these again; a plain sentence where there are none to run."""
    months = earlier_months(run, incident)
    if months.is_empty():
        return Shown(f'<p class="empty">{escape(says("text.no_months", language))}</p>')
    table = short_table(with_total(months, language, "period"), language, "months-table", strong=is_total("period", language))
    return Shown(f"<p>{escape(says('text.months', language))}</p>{table.html}")


def sentences(lookback: Lookback, language: str) -> list[str]:
    """How it was done, how many findings each outcome has, and what cannot be known of an earlier day."""
    told = [says("text.how", language, n=lookback.n_runs)]
    for state in STATES:
        mine = lookback.findings.filter(pl.col("state") == state)
        if mine.height:
            days = mine.select(pl.col("days_lost").cast(pl.Float64).median()).item()
            early = {"days": f"{days:,.1f}"} if state in ("earlier", "rule") else {}
            told.append(says(f"text.{state}", language, n=f"{mine.height:,}", **early))
    return [*told, says("text.limits", language)]


def lookback_tie(incident: Incident, lookback: Lookback, language: str) -> Shown:
    """That every finding of the incident was looked back on; TieError when not. Nothing where it was not made."""
    if lookback.why_not:
        return Shown("")
    found, whole = lookback.findings["discrepancy_id"].sort(), incident.findings["discrepancy_id"].sort()
    if not found.equals(whole):
        raise TieError(f"looking back: {found.len()} findings in it, {whole.len()} in the incident; expected the same. Run again")
    told = says("tie.lookback", language, n=f"{whole.len():,}")
    return Shown(f'<p class="tie"><b>{word("ui.ties", language)}</b> {escape(told)}</p>')


def _row(row: dict[str, Any], language: str) -> dict[str, str]:
    return {
        "code": row["code"],
        "key": row["key"],
        "happened": _day(row["happened"]),
        "named_first": _coded(row["seen_on"], row["seen_code"], language),
        "could_catch": _coded(row["caught_on"], row["caught_code"], language),
        "scheduled_run": _run_named(row, language),
        "found_on": _day(row["found_on"]),
        "days_lost": "—" if row["days_lost"] is None else f"{row['days_lost']:,}",
    }


def _day(day: object) -> str:
    return "—" if day is None else str(day)


def _coded(day: object, code: str | None, language: str) -> str:
    return "—" if day is None else says("cell.day_code", language, day=day, code=code)


def _run_named(row: dict[str, Any], language: str) -> str:
    if row["scheduled_by"] is None:
        return says(f"cell.{row['state']}", language)
    return says(f"cell.{parse_period(row['scheduled_by']).kind}", language, period=row["scheduled_by"])
