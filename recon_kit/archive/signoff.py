"""What still stands against closing a period: all of it, one sentence each. Frames and names in, sentences out."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from recon_kit.casebook import entry_states, item_states
from recon_kit.casebook.states import read_events

SHOWN = 3
"""How many ids a sentence names."""
DECIDED = ("explained", "written_off", "cleared", "closed")
"""Statuses of an item that answer a break."""


def people(by: str, prepared_by: str) -> list[str]:
    """Preparer and approver are two persons, named."""
    names = [" ".join(name.split()).casefold() for name in (by, prepared_by)]
    if not all(names):
        return ["somebody who signs and somebody who prepared must both be named: give --by NAME and --prepared-by NAME"]
    if names[0] == names[1]:
        return [f"{by.strip()} prepared it and would approve it: nobody approves their own; somebody else closes it"]
    return []


def verdict(summary_verdict: str, unexplained_fen: int) -> list[str]:
    """An incomplete month is not closed, whoever signs."""
    if summary_verdict == "incomplete" or unexplained_fen:
        return ["the verdict is incomplete: load the whole files, explain every fen of the bridge, and run again"]
    return []


def approvals(events: pl.DataFrame, period: str, findings: pl.DataFrame) -> list[str]:
    """Proposals nobody decided, and breaks nobody answered.

    `findings`: the run's discrepancies. A primary break is answered by an explanation, an approved entry, an approved write-off,
    its clearing, or an owner with an action that is due on a day. An entry waits until it is approved or rejected.
    """
    items, entries = item_states(events), entry_states(events)
    mine = entries.filter(pl.col("period") == period)
    reasons = _listed(
        mine.filter(pl.col("status") == "proposed")["entry_id"], "proposed entries are neither approved nor rejected"
    )
    reasons += _listed(
        items.filter(pl.col("pending").is_not_null())["discrepancy_id"],
        "proposals to write off are neither approved nor rejected",
    )
    approved = entries.filter(pl.col("status") == "approved").explode("discrepancy_ids")["discrepancy_ids"]
    due = read_events(events).filter((pl.col("kind") == "action") & pl.col("due").is_not_null())["subject"]
    assigned = items.filter(pl.col("assigned_to").is_not_null())["discrepancy_id"]
    answered = pl.concat(
        [
            items.filter(pl.col("status").is_in(DECIDED))["discrepancy_id"],
            approved.drop_nulls(),
            assigned.filter(assigned.is_in(due.implode())),
        ]
    )
    breaks = findings.filter((pl.col("nature") == "break") & pl.col("primary_id").is_null())
    left = breaks.filter(~pl.col("discrepancy_id").is_in(answered.implode())).sort("code", "discrepancy_id")
    names = [f"{code} {finding}" for code, finding in left.select("code", "discrepancy_id").iter_rows()]
    return reasons + _listed(
        names,
        "breaks have no decision: explain them, approve an entry or a write-off, or assign them with an action and a due date",
    )


def earlier(period: str, run: Sequence[str], closed: Sequence[str]) -> list[str]:
    """Months before this one that were run and are not closed."""
    return _listed(sorted(month for month in run if month < period and month not in closed), "earlier months are not closed")


def _listed(names: pl.Series | Sequence[str], what: str) -> list[str]:
    found = list(names)
    more = ", …" if len(found) > SHOWN else ""
    return [f"{len(found)} {what} ({', '.join(found[:SHOWN])}{more})"] if found else []
