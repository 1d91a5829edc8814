"""What became of the differences, as small frames of a run: who has what, what is late, who decided what, which actions stand.

All of it is what the casebook said when the run was made (`open_items`, `decisions`, `actions`). Nothing here knows a language.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from recon_kit.record import Run
from recon_kit.results import BUCKETS

OPEN = ("open", "explained")
SIGNED = ("approved", "rejected", "written_off", "closed", "reopened", "sealed")
"""Decisions that end an item, release an entry or close a month: those that somebody answers for by name."""


def standing(run: Run) -> pl.DataFrame:
    """One row an owner, most open items first: owner, open, explained, assigned, overdue, escalated, ended, n, remaining_fen.

    `n` = open + explained + ended. `assigned`, `overdue` and `escalated` count among what is open or explained.
    """
    is_open = pl.col("status").is_in(OPEN)

    def count(name: str, condition: pl.Expr) -> pl.Expr:
        return condition.fill_null(value=False).cast(pl.Int64).sum().alias(name)

    return (
        run.table("open_items")
        .group_by("owner")
        .agg(
            count("item_open", pl.col("status") == "open"),
            count("item_explained", pl.col("status") == "explained"),
            count("item_ended", ~is_open),
            pl.len().cast(pl.Int64).alias("n"),
            count("item_assigned", is_open & pl.col("assigned_to").is_not_null()),
            count("item_overdue", is_open & pl.col("is_overdue")),
            count("item_escalated", is_open & pl.col("is_escalated")),
            pl.col("remaining_fen").sum(),
        )
        .sort(pl.col("item_open") + pl.col("item_explained"), "owner", descending=[True, False], nulls_last=True)
    )


def late(run: Run) -> pl.DataFrame:
    """Open items past the day on which an answer was due, largest first, with `days_late` and the last decision on each."""
    items = run.table("open_items").filter(pl.col("status").is_in(OPEN) & pl.col("is_overdue"))
    last = run.table("decisions").group_by("discrepancy_id").agg(pl.col("decision", "decided_by").last())
    days = (pl.lit(min(run.as_of, run.period.last_day)) - pl.col("due_on")).dt.total_days().alias("days_late")
    return (
        items.with_columns(days)
        .join(last, on="discrepancy_id", how="left", validate="1:1")
        .sort("remaining_fen", "code", "key", descending=[True, False, False])
    )


def signed(run: Run) -> pl.DataFrame:
    """Decisions somebody answers for (SIGNED), newest first."""
    return run.table("decisions").filter(pl.col("decision").is_in(SIGNED)).sort("number", descending=True)


def recent(run: Run, limit: int) -> pl.DataFrame:
    """The last decisions, newest first."""
    return run.table("decisions").sort("number", descending=True).head(limit)


def actions(run: Run, codes: tuple[str, ...] = ()) -> pl.DataFrame:
    """Actions, of some codes where asked: late ones first, then open ones by their day, then those done.

    `state`: overdue, open or done. `n_since`: other items of the same code and shop that happened after it was done, or while it
    is not, after it was agreed; once done it should be 0.
    """
    told = run.table("actions")
    if codes:
        told = told.filter(pl.col("code").is_in(codes))
    state = pl.when("is_done").then(pl.lit("done")).when("is_overdue").then(pl.lit("overdue")).otherwise(pl.lit("open"))
    since = pl.when("is_done").then("done_on").otherwise("agreed_on").alias("since")
    named = told.with_columns(state.alias("state"), since)
    items = run.table("open_items").select("code", "shop", pl.col("discrepancy_id").alias("other"), "event_on")
    again = (
        named.join(items, on=["code", "shop"], how="inner", validate="m:m", nulls_equal=True)
        .filter((pl.col("event_on") > pl.col("since")) & (pl.col("other") != pl.col("discrepancy_id")))
        .group_by("discrepancy_id", "what")
        .agg(pl.len().cast(pl.Int64).alias("n_since"))
    )
    order = {"overdue": 0, "open": 1, "done": 2}
    return (
        named.join(again, on=["discrepancy_id", "what"], how="left", validate="1:1")
        .with_columns(pl.col("n_since").fill_null(0))
        .sort(pl.col("state").replace_strict(order, return_dtype=pl.Int64), "due_on", "code", "what", nulls_last=True)
    )


def ageing_moves(run: Run) -> pl.DataFrame:
    """One row a bucket of age: bucket, opening_n (carried in, by their age at the start), closing_n, moved_n, remaining_fen.

    Of open items, so that the columns are the roll's: Σ opening_n and Σ closing_n are its first and last.
    """
    items = run.table("open_items")
    before = (pl.lit(run.period.start) - timedelta(days=1) - pl.coalesce("event_on", "first_seen_on")).dt.total_days()
    opening = items.filter(pl.col("origin") == "opening").group_by(_bucket(before).alias("bucket")).agg(_count("opening_n"))
    left = items.filter(pl.col("status").is_in(OPEN)).group_by("bucket").agg(_count("closing_n"), pl.col("remaining_fen").sum())
    return (
        pl.DataFrame({"bucket": list(BUCKETS)})
        .join(opening, on="bucket", how="left", validate="1:1", maintain_order="left")
        .join(left, on="bucket", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("opening_n", "closing_n", "remaining_fen").fill_null(0))
        .with_columns((pl.col("closing_n") - pl.col("opening_n")).alias("moved_n"))
    )


def _count(name: str) -> pl.Expr:
    return pl.len().cast(pl.Int64).alias(name)


def _bucket(age: pl.Expr) -> pl.Expr:
    within = [pl.when(age <= last).then(pl.lit(name)) for name, last in BUCKETS.items() if last is not None]
    oldest = next(name for name, last in BUCKETS.items() if last is None)
    return pl.coalesce(*within, pl.lit(oldest))
