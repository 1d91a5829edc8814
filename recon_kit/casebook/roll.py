"""The roll of open items: opening + new − cleared − written off = closing, by code, in items and in fen.

It rests on the run's findings, on what runs of earlier periods said and on what persons decided; what an earlier run of the
same period said plays no part. That is why the same inputs give the same roll, however often a period is run.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from recon_kit.casebook.clearing import CLEARED, Loaded, clear_items
from recon_kit.casebook.loaded import loaded_rows
from recon_kit.casebook.states import decided, entry_states, item_states, read_events
from recon_kit.collect import Collected
from recon_kit.errors import TieError
from recon_kit.facts import Facts, Scope
from recon_kit.periods import parse_period
from recon_kit.privacy import mask_text_expr
from recon_kit.results import BUCKETS, CARRY_FORWARD, OPEN_ITEMS, conform_result
from recon_kit.rules.catalogue import CATALOGUE

ESCALATED_AFTER, WRITE_OFF_AFTER = 30, 90
"""Days after which an open item is escalated, and after which its write-off is proposed. Source: docs/method.md, open items."""
_OPEN = ("open", "explained")
_ENDED = ("cleared", "closed", "written_off")
_FACTS = ("code", "key", "key_kind", "nature", "severity", "owner", "platform", "shop", "channel", "order_id", "case_id")


@dataclass(frozen=True)
class Roll:
    """`open_items` and `carry_forward` of one run; `summary`: their total, and `loaded` for later runs to compare.

    `known`: the items that runs of earlier periods opened (`item_states`), ended ones too.
    """

    open_items: pl.DataFrame
    carry_forward: pl.DataFrame
    known: pl.DataFrame
    summary: dict[str, Any]


def roll_forward(
    collected: Collected, facts: Facts, findings: pl.DataFrame, matches: pl.DataFrame, history: pl.DataFrame
) -> Roll:
    """Carry open items into this period; TieError when the roll does not add up (a bug). `history`: the casebook's events."""
    scope, tables = facts.scope, collected.tables.supplied()
    now, before = item_states(history), item_states(history, until=scope.period.start)
    current = _current(findings)
    opening = before.filter(pl.col("status").is_in(_OPEN))
    then = _last_loaded(history, scope)
    rows = {period: loaded_rows(tables, parse_period(period).end) for period in set(opening["last_period"])}
    loaded = Loaded(collected, facts, findings, matches, rows, then)
    cleared = clear_items(opening, entry_states(history), loaded) if opening.height else pl.DataFrame(schema=CLEARED)
    items = _join(current, before, cleared, _decisions(history, scope)).pipe(_judge)
    shown = items.pipe(_describe, now, scope)
    sums = _sum(items)
    _check(sums)
    total = sums.filter(pl.col("code") == "all").drop("code").row(0, named=True)
    return Roll(shown, sums, before, {"carry_forward": total, "loaded": loaded_rows(tables, scope.period.end)})


def _current(findings: pl.DataFrame) -> pl.DataFrame:
    """The primary findings as items."""
    return findings.filter(pl.col("primary_id").is_null()).select(
        "discrepancy_id",
        *_FACTS,
        pl.col("event_at").dt.date().alias("event_on"),
        "breaks_on",
        pl.col("gap_fen").abs().fill_null(0).alias("amount_fen"),
    )


def _last_loaded(history: pl.DataFrame, scope: Scope) -> dict[str, Mapping[str, list[int | str | None]]]:
    """Period → what the run that last spoke for it had loaded."""
    runs = history.filter(pl.col("kind") == "run").select(
        pl.col("subject").str.strip_prefix("period:").alias("period"),
        pl.col("data").str.json_path_match("$.loaded").alias("loaded"),
    )
    return {period: json.loads(loaded) for period, loaded in runs.rows() if loaded and period != scope.period.text}


def _decisions(history: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The last decision on each item in this period, and what it was taken on."""
    return (
        decided(read_events(history))
        .filter((pl.col("period_end") > scope.period.start) & (pl.col("period_end") <= scope.period.end))
        .group_by("subject")
        .agg(
            pl.col("status").last().alias("decision"),
            pl.col("by").last().alias("decided_by"),
            pl.col("at").last().dt.date().alias("decided_on"),
            pl.col("code").last().alias("decided_code"),
            pl.col("amount_fen").last().alias("decided_fen"),
        )
        .rename({"subject": "discrepancy_id"})
    )


def _join(current: pl.DataFrame, before: pl.DataFrame, cleared: pl.DataFrame, decisions: pl.DataFrame) -> pl.DataFrame:
    """One row per item that is found now or was known before; `opening_` columns where it was open at the start."""
    was_open = pl.col("status").is_in(_OPEN)
    names = [name for name in current.columns if name != "discrepancy_id"]
    known = before.select(
        "discrepancy_id",
        *(pl.col(name).alias(f"known_{name}") for name in names),
        pl.col("status").alias("known_status"),
        pl.col("first_period", "first_seen_on"),
        was_open.alias("is_opening"),
    )
    joined = current.with_columns(pl.lit(True).alias("is_found")).join(
        known, on="discrepancy_id", how="full", coalesce=True, validate="1:1"
    )
    for frame in (cleared, decisions):
        joined = joined.join(frame, on="discrepancy_id", how="left", validate="1:1")
    return joined.with_columns(
        *(pl.coalesce(name, f"known_{name}").alias(name) for name in names), pl.col("is_found", "is_opening").fill_null(False)
    )


def _judge(joined: pl.DataFrame) -> pl.DataFrame:
    """The status each item has at the end, and `is_new`; items that had ended before and stay so are left out.

    A decision holds while the finding is still the one it was taken on: with another code or amount it is open again.
    """
    same = (pl.col("code") == pl.col("decided_code")) & (pl.col("amount_fen") == pl.col("decided_fen"))
    holds = pl.col("decision").is_in(["closed", "written_off"]) & (~pl.col("is_found") | same)
    unchanged = (pl.col("code") == pl.col("known_code")) & (pl.col("amount_fen") == pl.col("known_amount_fen"))
    stays_ended = pl.col("known_status").is_in(["closed", "written_off"]) & (~pl.col("is_found") | unchanged)
    is_reopened = pl.col("decision") == "open"
    status = (
        pl.when(holds)
        .then("decision")
        .when(pl.col("cleared_how").is_not_null())
        .then(pl.lit("cleared"))
        .otherwise(pl.lit("open"))
    )
    return (
        joined.with_columns(
            status.alias("status"), pl.when(holds).then(pl.lit("decision")).otherwise("cleared_how").alias("cleared_how")
        )
        .filter(pl.col("is_opening") | (pl.col("is_found") & ~stays_ended.fill_null(False)) | is_reopened.fill_null(False))
        .with_columns(
            pl.when(holds).then("decided_by").otherwise("cleared_by").alias("cleared_by"),
            pl.when(holds).then("decided_on").otherwise("cleared_on").alias("cleared_on"),
            pl.when("is_opening").then(pl.lit("opening")).otherwise(pl.lit("new")).alias("origin"),
        )
    )


def _describe(items: pl.DataFrame, now: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """The rows of `open_items`, sorted by code, platform and key."""
    last = min(scope.as_of, scope.period.last_day)
    days = scope.config.casebook.answer_days.model_dump()
    age = (pl.lit(last) - pl.coalesce("event_on", "first_seen_on")).dt.total_days().clip(lower_bound=0)
    is_open = pl.col("status").is_in(_OPEN)
    bucket = pl.lit(">90")
    for name, end in reversed([(name, end) for name, end in BUCKETS.items() if end is not None]):
        bucket = pl.when(pl.col("age_days") <= end).then(pl.lit(name)).otherwise(bucket)
    told = now.select("discrepancy_id", "assigned_to", mask_text_expr(pl.col("explanation")), "cause")
    since = pl.max_horizontal("first_seen_on", "breaks_on")
    return conform_result(
        items.join(told, on="discrepancy_id", how="left", validate="1:1")
        .with_columns(
            pl.col("first_period").fill_null(scope.period.text),
            pl.col("first_seen_on").fill_null(scope.as_of),
            pl.when((pl.col("status") == "open") & pl.col("explanation").is_not_null())
            .then(pl.lit("explained"))
            .otherwise("status")
            .alias("status"),
            pl.when(is_open).then("amount_fen").otherwise(0).alias("remaining_fen"),
        )
        .with_columns(age.alias("age_days"))
        .with_columns(
            bucket.alias("bucket"),
            since.dt.offset_by(pl.format("{}d", pl.col("owner").replace_strict(days, default=7))).alias("due_on"),
        )
        .with_columns(
            (is_open & (pl.col("due_on") < last)).alias("is_overdue"),
            (is_open & (pl.col("age_days") > ESCALATED_AFTER)).alias("is_escalated"),
            (is_open & (pl.col("age_days") > WRITE_OFF_AFTER)).alias("is_write_off_due"),
        )
        .sort("code", "platform", "key", "discrepancy_id", nulls_last=True),
        OPEN_ITEMS,
    )


def _sum(items: pl.DataFrame) -> pl.DataFrame:
    """The roll by code, in the catalogue's order, and its total: each movement counted from the items on its own."""
    is_opening, ended = pl.col("is_opening"), pl.col("status").is_in(_ENDED)
    is_off = pl.col("status") == "written_off"
    amount, was = pl.col("amount_fen"), pl.col("known_amount_fen")
    moved = is_opening & (pl.col("code") != pl.col("known_code"))

    def counted(name: str, when: pl.Expr, fen: pl.Expr, sign: int = 1) -> list[pl.Expr]:
        return [
            (when.cast(pl.Int64) * sign).sum().alias(f"{name}_n"),
            (pl.when(when).then(fen).otherwise(0) * sign).sum().alias(f"{name}_fen"),
        ]

    by_old = items.group_by(pl.col("known_code").alias("code")).agg(
        *counted("opening", is_opening, was), *counted("recoded", moved, was, -1)
    )
    by_new = items.group_by("code").agg(
        *counted("new", ~is_opening, amount),
        *counted("arrived", moved, was),
        pl.when(is_opening).then(amount - was).otherwise(0).sum().alias("changed_fen"),
        *counted("cleared", ended & ~is_off, amount),
        *counted("written_off", is_off, amount),
        *counted("closing", ~ended, amount),
    )
    sums = (
        by_old.drop_nulls("code")
        .join(by_new, on="code", how="full", coalesce=True, validate="1:1")
        .with_columns(pl.exclude("code").fill_null(0))
        .with_columns((pl.col(f"recoded_{unit}") + pl.col(f"arrived_{unit}")).alias(f"recoded_{unit}") for unit in ("n", "fen"))
        .filter(pl.any_horizontal(pl.col("opening_n", "new_n", "recoded_n") != 0))
    )
    order = {code: n for n, code in enumerate(CATALOGUE)}
    total = sums.select(pl.lit("all").alias("code"), pl.exclude("code").sum())
    sums = sums.sort(pl.col("code").replace_strict(order, default=len(order), return_dtype=pl.Int64), "code")
    return pl.concat([conform_result(sums, CARRY_FORWARD), conform_result(total, CARRY_FORWARD)])


def _check(sums: pl.DataFrame) -> None:
    """The identity of the roll, by code and in total; TieError where it does not hold."""
    gone = ("cleared", "written_off")
    closing = {
        unit: pl.sum_horizontal(f"{name}_{unit}" for name in (*came, "opening", "new", "recoded"))
        - pl.sum_horizontal(f"{name}_{unit}" for name in gone)
        for unit, came in (("n", ()), ("fen", ("changed",)))
    }
    broken = sums.filter(pl.any_horizontal(closing[unit] != pl.col(f"closing_{unit}") for unit in closing))
    for row in broken.head(1).iter_rows(named=True):
        raise TieError(
            f"carry_forward {row['code']}: opening {row['opening_n']} + new {row['new_n']} − cleared {row['cleared_n']} − "
            f"written off {row['written_off_n']} is not the closing {row['closing_n']} ({row['closing_fen']} fen); expected "
            "equal in items and in fen. This is a bug, nothing was published"
        )
