"""What the events add up to: the state of every discrepancy and of every entry. Nothing but events is ever stored.

A run speaks for its period, and a later run of the same period speaks instead of it; so what runs say is read in the order
of their periods, not in the order in which they were made. That is why a rerun of an old month leaves newer ones alone.
"""

from __future__ import annotations

from datetime import date

import polars as pl

from recon_kit.casebook.event import MACHINE
from recon_kit.periods import parse_period

_TEXTS = (
    *("period", "run_id", "code", "key", "key_kind", "nature", "severity", "owner", "platform", "shop", "channel", "order_id"),
    *("case_id", "event_on", "breaks_on", "as_of", "cleared_by", "cleared_on", "to", "text", "cause", "what", "due", "effect"),
    *("digest", "action"),
)
DATA_SCHEMA = pl.Struct(
    {
        **dict.fromkeys(_TEXTS, pl.String()),
        **dict.fromkeys(("amount_fen", "seq", "of", "needed"), pl.Int64()),
        "is_done": pl.Boolean(),
        "discrepancy_ids": pl.List(pl.String()),
    }
)
"""What the data of events can say, as far as states read it."""
STATEMENTS = ("opened", "seen", "cleared", "reopened")
"""Kinds by which a run states an item of its period; a person reopens too, and is told from a run by name."""
_ITEM = (
    *("code", "key", "key_kind", "nature", "severity", "owner", "platform", "shop", "channel", "order_id", "case_id"),
    *("event_on", "breaks_on", "amount_fen"),
)


def read_events(events: pl.DataFrame) -> pl.DataFrame:
    """Events that still hold, their data as columns, and `period_end` (first day after the period they belong to).

    An event that was undone is left out, and so is what undid it; an undo may be undone in turn.
    """
    told = events.with_columns(pl.col("data").str.json_decode(DATA_SCHEMA).alias("told")).drop("data")
    told = told.rename({"seq": "number"}).unnest("told")
    gone: set[int] = set()
    for number, undone in reversed(told.filter(pl.col("kind") == "undone").select("number", "seq").rows()):
        if number not in gone:
            gone.add(undone)
    ends = {text: parse_period(text).end for text in told["period"].unique().drop_nulls()}
    return told.filter(~pl.col("number").is_in(list(gone)) & (pl.col("kind") != "undone")).with_columns(
        pl.col("period").replace_strict(ends, default=None, return_dtype=pl.Date).alias("period_end")
    )


def item_states(events: pl.DataFrame, *, until: date | None = None) -> pl.DataFrame:
    """One row per discrepancy that a run ever opened, sorted by id; as of the periods that end by `until` where it is given.

    `status`: open, explained (open, with a reason given), written_off, cleared or closed. `pending`: `write_off` while a
    proposal waits for approval. `amount_fen`: the gap without sign, 0 where the finding has none. `turned_in`: the period
    in which the status came about.
    """
    held = read_events(events).filter(pl.col("subject").str.starts_with("D"))
    if until is not None:
        held = held.filter(pl.col("period_end") <= until)
    said = held.filter(pl.col("kind").is_in(STATEMENTS) & (pl.col("by") == MACHINE)).sort("period_end", "number")
    told = said.filter(pl.col("code").is_not_null())
    first = told.group_by("subject").agg(
        pl.col("period").first().alias("first_period"),
        pl.col("as_of").first().str.to_date().alias("first_seen_on"),
        pl.col("at").first().alias("opened_at"),
    )
    last = told.group_by("subject").agg(*(pl.col(name).last() for name in _ITEM), pl.col("period").last().alias("last_period"))
    states = first.join(last, on="subject", how="inner", validate="1:1")
    for frame in (_turns(held), *_opinions(held), _entries_of(events)):
        states = states.join(frame, on="subject", how="left", validate="1:1")
    explained = (pl.col("status") == "open") & pl.col("explanation").is_not_null()
    return (
        states.rename({"subject": "discrepancy_id"})
        .with_columns(
            pl.when(explained).then(pl.lit("explained")).otherwise("status").alias("status"),
            pl.col("event_on", "breaks_on", "cleared_on").str.to_date(),
            pl.col("n_comments", "n_evidence", "n_actions").fill_null(0),
        )
        .sort("discrepancy_id")
    )


def entry_states(events: pl.DataFrame) -> pl.DataFrame:
    """One row per proposed entry, sorted by id. `status`: proposed, approved or rejected.

    Approvals count from the last change of the entry on: what was approved is what stands in it.
    """
    held = read_events(events).filter(pl.col("subject").str.starts_with("E"))
    proposed = held.filter(pl.col("kind") == "entry_proposed")
    last = proposed.group_by("subject").agg(
        pl.col("number").max(),
        *(
            pl.col(name).sort_by("number").last()
            for name in ("period", "effect", "amount_fen", "needed", "discrepancy_ids", "digest")
        ),
        pl.col("by").sort_by("number").last().alias("proposed_by"),
        pl.col("at").sort_by("number").last().alias("proposed_at"),
    )
    judged = held.join(last.select("subject", pl.col("number").alias("since")), on="subject", how="inner", validate="m:1")
    verdicts = judged.filter(pl.col("kind").is_in(["approved", "rejected"]) & (pl.col("number") > pl.col("since"))).rename(
        {"since": "proposal"}
    )
    return (
        last.drop("number")
        .join(_verdict(verdicts, by="subject"), on="subject", how="left", validate="1:1")
        .with_columns(
            pl.when("is_rejected")
            .then(pl.lit("rejected"))
            .when(pl.col("approved_by").list.len() >= pl.col("needed").fill_null(1))
            .then(pl.lit("approved"))
            .otherwise(pl.lit("proposed"))
            .alias("status"),
        )
        .rename({"subject": "entry_id"})
        .drop("is_rejected", "decided_number", "decided_period", "decided_period_end")
        .sort("entry_id")
    )


def write_offs(held: pl.DataFrame) -> pl.DataFrame:
    """One row per proposal to write off (of `read_events`).

    `status`: pending, approved or rejected; `decided_number` and `decided_period` say by which event and in which period.
    """
    proposals = held.filter(pl.col("kind") == "written_off").select(
        "number", "subject", "code", "amount_fen", "needed", "at", "by", "why"
    )
    verdicts = held.filter(pl.col("kind").is_in(["approved", "rejected"]) & pl.col("of").is_not_null())
    needed = pl.col("needed").fill_null(1)
    return (
        proposals.join(_verdict(verdicts, by="of"), left_on="number", right_on="of", how="left", validate="1:1")
        .with_columns(
            pl.when("is_rejected")
            .then(pl.lit("rejected"))
            .when(pl.col("approved_by").list.len() >= needed)
            .then(pl.lit("approved"))
            .otherwise(pl.lit("pending"))
            .alias("status"),
        )
        .drop("is_rejected")
    )


def decided(held: pl.DataFrame) -> pl.DataFrame:
    """What persons decided of an item: subject, number, period, period_end, status, who and on what code and amount.

    Grain: one row per decision that turns a status (closed, reopened, a write-off once it is approved).
    """
    off = write_offs(held).filter(pl.col("status") == "approved")
    turned = held.filter(pl.col("kind").is_in(["closed", "reopened"]) & (pl.col("by") != MACHINE)).with_columns(
        pl.when(pl.col("kind") == "closed").then(pl.lit("closed")).otherwise(pl.lit("open")).alias("status")
    )
    names = ["subject", "number", "period", "period_end", "status", "by", "at", "code", "amount_fen"]
    return pl.concat(
        [
            turned.select(names),
            off.with_columns(
                pl.col("decided_number").alias("number"),
                pl.col("decided_period").alias("period"),
                pl.col("decided_period_end").alias("period_end"),
                pl.lit("written_off").alias("status"),
            ).select(names),
        ]
    ).sort("number")


def _verdict(verdicts: pl.DataFrame, *, by: str) -> pl.DataFrame:
    """Who approved (each person once) and whether anyone rejected, with the number of the last word."""
    return verdicts.group_by(by).agg(
        pl.col("by").sort_by("number").last().alias("decided_by"),
        pl.col("by").filter(pl.col("kind") == "approved").unique(maintain_order=True).alias("approved_by"),
        pl.col("at").filter(pl.col("kind") == "approved").max().alias("approved_at"),
        (pl.col("kind").sort_by("number").last() == "rejected").alias("is_rejected"),
        pl.col("number", "period", "period_end").sort_by("number").last().name.prefix("decided_"),
    )


def _turns(held: pl.DataFrame) -> pl.DataFrame:
    """Per item its status, and by whom and when it came about.

    `seen` turns nothing that a person decided; but it outlives a clearing by the rerun of an earlier period.
    """
    names = ["subject", "number", "period", "period_end", "status", "cleared_by", "cleared_on"]
    words = {"opened": "open", "reopened": "open", "cleared": "cleared"}
    by_run = held.filter(pl.col("kind").is_in(STATEMENTS) & (pl.col("by") == MACHINE)).with_columns(
        pl.col("kind").replace_strict(words, default=None, return_dtype=pl.String).alias("status")
    )
    ends = pl.col("status").is_in(["closed", "written_off"])
    by_person = decided(held).with_columns(
        pl.when(ends).then("by").alias("cleared_by"),
        pl.when(ends).then(pl.col("at").dt.date().dt.to_string("%Y-%m-%d")).alias("cleared_on"),
    )
    turned = pl.col("status").is_not_null()
    last = pl.col("status").drop_nulls().last()
    is_seen_since = pl.col("status").last().is_null() & (last == "cleared")
    return (
        pl.concat([by_run.select(names), by_person.select(names)])
        .sort("period_end", "number", nulls_last=True)
        .group_by("subject")
        .agg(
            pl.when(is_seen_since).then(pl.lit("open")).otherwise(last).alias("status"),
            pl.when(~is_seen_since).then(pl.col("cleared_by").filter(turned).last()).alias("cleared_by"),
            pl.when(~is_seen_since).then(pl.col("cleared_on").filter(turned).last()).alias("cleared_on"),
            pl.col("period").filter(turned).last().alias("turned_in"),
        )
    )


def _opinions(held: pl.DataFrame) -> list[pl.DataFrame]:
    """Per item what persons said of it, one frame a kind."""

    def said(kind: str) -> pl.DataFrame:
        return held.filter(pl.col("kind") == kind).sort("number")

    def last(kind: str, value: pl.Expr) -> pl.DataFrame:
        return said(kind).group_by("subject").agg(value.last())

    pending = write_offs(held).filter(pl.col("status") == "pending")
    return [
        last("assigned", pl.col("to").alias("assigned_to")),
        last("explained", pl.coalesce("text", "why").alias("explanation")),
        last("cause", pl.col("cause")),
        said("commented").group_by("subject").agg(pl.len().alias("n_comments")),
        said("attached").group_by("subject").agg(pl.len().alias("n_evidence")),
        said("action").group_by("subject").agg(pl.col("what").n_unique().alias("n_actions")),
        pending.group_by("subject").agg(pl.lit("write_off").alias("pending")),
    ]


def _entries_of(events: pl.DataFrame) -> pl.DataFrame:
    """Discrepancy → the entries that answer it."""
    entries = entry_states(events).filter(pl.col("status") != "rejected")
    return (
        entries.select("entry_id", pl.col("discrepancy_ids").alias("subject"))
        .explode("subject")
        .drop_nulls("subject")
        .group_by("subject")
        .agg(pl.col("entry_id").sort().alias("entry_ids"))
    )
