"""The whole month judged again with other limits: which findings would be gone, and which would be new. Nothing is written.

`what_if` moves one pair while a slider is dragged; this runs all of the engine once, for what the books would then say.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recon_kit.errors import ReportError
from recon_kit.facts import build_facts
from recon_kit.record import Run
from recon_kit.replay import recall
from recon_kit.rules import detect

NOT_KEPT = ("K04", "K05")
"""Codes that a run's own tables cannot bring again: closed periods and rows that came twice. No limit moves them."""


def judge_again(
    run: Run,
    *,
    tolerance_fen: int | None = None,
    refund_days: int | None = None,
    card_days: int | None = None,
    payout_days: int | None = None,
) -> pl.DataFrame:
    """One row a code that has primary findings in the run or would have: code, n_was, n, gone, new, gap_was_fen, gap_fen.

    `tolerance_fen` is the tolerance of a row; the days are those within which a refund, a refund to a card and a payout may
    take. What is not given stays as the run has it. `gone` findings of the run that would not be found under this code, `new`
    ones that it does not have; gaps without sign. ReportError for a limit below zero.
    """
    given = {"row": tolerance_fen, "refund": refund_days, "refund_card": card_days, "payout": payout_days}
    for name, value in given.items():
        if value is not None and value < 0:
            raise ReportError(f"judging again: {name} {value}; expected a whole number from 0 on")
    recalled = recall(run)
    config, changed = recalled.scope.config, {name: value for name, value in given.items() if value is not None}
    row = {"row": changed.pop("row")} if "row" in changed else {}
    tried = config.model_copy(
        update={
            "tolerance": config.tolerance.model_copy(update=row),
            "sla_days": config.sla_days.model_copy(update=changed),
        }
    )
    findings = detect(build_facts(recalled.collected, replace(recalled.scope, config=tried)))
    return _compared(run.findings, findings.filter(pl.col("primary_id").is_null()))


def _compared(was: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    key = ["discrepancy_id", "code"]
    mine = ~pl.col("code").is_in(NOT_KEPT)
    gap = pl.col("gap_fen").abs()
    both = (
        was.filter(mine)
        .select(*key, gap.alias("gap_was_fen"), pl.lit(value=True).alias("is_old"))
        .join(
            now.filter(mine).select(*key, gap.alias("gap_fen"), pl.lit(value=True).alias("is_now")),
            on=key,
            how="full",
            coalesce=True,
            validate="1:1",
        )
    )
    old, new = pl.col("is_old").is_not_null(), pl.col("is_now").is_not_null()
    counts = {"n_was": old, "n": new, "gone": old & ~new, "new": new & ~old}
    return (
        both.group_by("code")
        .agg(
            *(chosen.sum().cast(pl.Int64).alias(name) for name, chosen in counts.items()),
            pl.col("gap_was_fen").sum(),
            pl.col("gap_fen").sum(),
        )
        .sort("code")
    )
