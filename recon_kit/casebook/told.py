"""What the casebook says as of a run, as result tables: decisions, actions, and the items of earlier periods.

Only what belongs to the run's period or an earlier one is told, and of events only what persons decided: a rerun on the same
casebook tells the same, byte for byte. Free text is masked.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from recon_kit.casebook.event import MACHINE
from recon_kit.casebook.states import entry_states, item_states, read_events
from recon_kit.facts import Scope
from recon_kit.periods import parse_period
from recon_kit.privacy import mask_text_expr
from recon_kit.results import ACTIONS, DECISION, DECISIONS, EARLIER_ITEMS, conform_result

_ABOUT = ("discrepancy_id", "code", "key", "shop", "owner", "amount_fen")
_FREE = ("detail", "why", "what")


def tell_casebook(history: pl.DataFrame, known: pl.DataFrame, scope: Scope) -> dict[str, pl.DataFrame]:
    """`decisions`, `actions` and `earlier_items`. `known`: the items that runs of earlier periods opened (`Roll.known`)."""
    held = _held(history, scope.period.end)
    actions = _actions(held, min(scope.as_of, scope.period.last_day))
    earlier = known.with_columns(mask_text_expr(pl.col("explanation")))
    return {
        "decisions": conform_result(held, DECISIONS),
        "actions": conform_result(actions, ACTIONS),
        "earlier_items": conform_result(earlier, EARLIER_ITEMS),
    }


def count_months(history: pl.DataFrame, scope: Scope) -> dict[str, int]:
    """The months that were run up to this one, itself included, and how many of them are closed."""
    told = read_events(history)
    run = {scope.period.text, *told.filter(pl.col("kind") == "run")["period"].drop_nulls()}
    mine = {text for text in run if parse_period(text).kind == scope.period.kind and parse_period(text).end <= scope.period.end}
    marks = told.filter(pl.col("kind").is_in(["sealed", "reopened"]) & pl.col("subject").str.starts_with("period:"))
    last = dict(marks.sort("number").select(pl.col("subject").str.strip_prefix("period:"), "kind").rows())
    return {"run": len(mine), "closed": sum(last.get(text) == "sealed" for text in mine)}


def _held(history: pl.DataFrame, until: date) -> pl.DataFrame:
    """What persons decided and did not undo, oldest first, with what it is about; of periods that end by `until`."""
    told = read_events(history).filter((pl.col("by") != MACHINE) & pl.col("kind").is_in(list(DECISION)))
    named = told.with_columns(pl.coalesce("period", pl.col("subject").str.strip_prefix("period:")).alias("period"))
    ends = {text: parse_period(text).end for text in named["period"].unique().drop_nulls()}
    end = pl.col("period").replace_strict(ends, default=None, return_dtype=pl.Date)
    return (
        named.filter(end <= until)
        .with_columns(pl.coalesce("to", "owner", "by").alias("who"))
        .select(pl.exclude(*_ABOUT))
        .join(_subjects(history), on="subject", how="left", validate="m:1")
        .sort("number")
        .with_columns(pl.coalesce("what", "to").alias("detail"))
        .with_columns(
            pl.col("kind").alias("decision"),
            pl.col("by").alias("decided_by"),
            pl.col("at").alias("decided_at"),
            *(mask_text_expr(pl.col(name)) for name in _FREE),
        )
    )


def _subjects(history: pl.DataFrame) -> pl.DataFrame:
    """What an id is about: an item itself; an entry the first item it answers, with the entry's own amount."""
    items = item_states(history).select(_ABOUT)
    answered = items.drop("amount_fen")
    entries = entry_states(history).with_columns(pl.col("discrepancy_ids").list.first().alias("discrepancy_id"))
    of_entries = entries.select(pl.col("entry_id").alias("subject"), "discrepancy_id", "amount_fen")
    return pl.concat(
        [
            items.select(pl.col("discrepancy_id").alias("subject"), pl.all()),
            of_entries.join(answered, on="discrepancy_id", how="left", validate="m:1").select("subject", *_ABOUT),
        ]
    )


def _actions(held: pl.DataFrame, last: date) -> pl.DataFrame:
    """One row per item and action, as last said; due and not done by `last`: overdue."""
    said = held.filter(pl.col("kind") == "action").with_columns(pl.col("due").str.to_date().alias("due_on"))
    day = pl.col("decided_at").dt.date()
    newest = said.group_by("discrepancy_id", "what").agg(
        *(pl.col(name).last() for name in ("code", "key", "shop", "who", "due_on")),
        pl.col("number").first(),
        day.first().alias("agreed_on"),
        pl.col("decided_by").first().alias("agreed_by"),
        pl.col("is_done").last().fill_null(value=False),
        day.last().alias("said_on"),
    )
    done = pl.col("is_done")
    return newest.sort("number").with_columns(
        pl.when(done).then("said_on").alias("done_on"), (~done & (pl.col("due_on") < last)).fill_null(False).alias("is_overdue")
    )
