"""Self-test: every anomaly planted into copies of the user's own month, and how much of it the same rules find again.

Nothing is taken from the sample seller but the planters: the orders, cases, flows, vouchers and parcels are the user's, with
the gaps and the findings they have. Only what ties and carries no finding is planted on; the files are not touched.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import polars as pl

from recon_kit.collect import Collected
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.facts.intake import later_files
from recon_kit.rules import detect, not_checked, not_scheduled
from recon_kit.selftest.copies import as_collected, as_world
from recon_kit.selftest.score import score, sums_of
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.planters import PLANTERS, plant
from recon_kit.synth.sample import THIS_MONTH

__all__ = ["COPIES_OF_A_RUN", "SEED", "is_small", "self_test", "self_test_period", "sums_of"]

SEED = 20261031
PER_CODE = 3
"""So many of each code are planted where there is room: with three, one of them inside escrow where a code has such a case.

In the copies for what found no room beside the others one is enough.
"""


SMALL_ORDERS = 20_000
"""Up to so many orders a run makes a self-test without being asked."""
COPIES_OF_A_RUN = 2
"""So many copies a run makes of its month; `recon-kit selftest` makes as many as every code needs."""


@dataclass(frozen=True)
class Copy:
    """A copy of the month, and what was planted in it."""

    collected: Collected
    planted: list[AnswerRow]


def self_test_period(collected: Collected, scope: Scope, seed: int = SEED) -> pl.DataFrame:
    """The self-test of a month that was not run: see `self_test`."""
    facts = build_facts(collected, scope)
    return self_test(collected, facts, detect(facts), seed)


def self_test(
    collected: Collected, facts: Facts, findings: pl.DataFrame, seed: int = SEED, copies: int | None = None
) -> pl.DataFrame:
    """The result table `selftest` of a month whose facts and findings are known: one row a code of the catalogue.

    The same inputs and seed give the same table. `copies`: how many copies at most; None: as many as every code needs.
    """
    why = dict.fromkeys(not_scheduled(facts.scope.period), "not_due") | not_checked(facts)
    codes = [code for code in THIS_MONTH if code not in why]
    # What was edited after a month was closed (K04) is compared with what was signed: a copy has nothing to compare with.
    findings = findings.filter(pl.col("code").is_in(list(PLANTERS)))
    made, left = _copies(collected, facts, findings, codes, seed, copies or len(codes))
    found = [detect(build_facts(copy.collected, facts.scope)) for copy in made]
    return score(findings, [copy.planted for copy in made], found, why | dict.fromkeys(left, "not_tried"))


def is_small(collected: Collected, scope: Scope) -> bool:
    """Whether a run makes a self-test without being asked: a whole month of up to SMALL_ORDERS orders."""
    orders = collected.tables.orders
    whole = scope.period.kind == "month" and scope.as_of == scope.period.last_day
    return whole and (orders is None or orders.height <= SMALL_ORDERS)


def _copies(
    collected: Collected, facts: Facts, findings: pl.DataFrame, codes: Sequence[str], seed: int, most: int
) -> tuple[list[Copy], list[str]]:
    """As few copies as the room of the month allows, and the codes for which there were no more of them.

    What finds no room beside the other codes, but would alone, gets a copy with its like.
    """
    month = as_world(collected, facts, findings)
    copies: list[Copy] = []
    left = list(codes)
    while left and len(copies) < most:
        rng = random.Random(f"{seed}|{len(copies)}")  # noqa: S311 - a sample, not a secret
        world, answers = month, list[AnswerRow]()
        controls = collected.controls
        for code in left:
            if code == "K06":
                controls, found = _plant_totals(collected, facts, findings, rng)
            else:
                world, found = plant(world, code, rng, 1 if copies else PER_CODE)
            answers += found
        copies.append(Copy(replace(as_collected(world, collected), controls=controls), answers))
        planted = {row.code for row in answers}
        left = [code for code in left if code not in planted and code != "K06" and plant(month, code, rng, 1)[1]]
    return copies, left


def _plant_totals(
    collected: Collected, facts: Facts, findings: pl.DataFrame, rng: random.Random
) -> tuple[pl.DataFrame, list[AnswerRow]]:
    """K06: files that state another total of money than their rows come to, where they stated the right one."""
    known = findings.filter(pl.col("code") == "K06")["key"]
    later = later_files(collected.intake, facts.scope)
    whole = collected.controls.with_row_index("n").filter(
        (pl.col("unit") == "fen")
        & (pl.col("stated") == pl.col("found"))
        & ~pl.col("file").is_in(known.implode())
        & ~pl.col("member").is_in(later)
    )
    files = whole.unique("file", keep="first", maintain_order=True)
    rows = [files.row(place, named=True) for place in rng.sample(range(files.height), min(PER_CODE, files.height))]
    shifts = {row["n"]: -100 * rng.randrange(20, 300) - 45 for row in rows}
    moved = pl.int_range(pl.len()).replace_strict(shifts, default=0, return_dtype=pl.Int64)
    answers = [
        AnswerRow(facts.scope.period.text, "K06", row["file"], None, None, row["stated"] + shifts[row["n"]], row["found"])
        for row in rows
    ]
    return collected.controls.with_columns(stated=pl.col("stated") + moved), answers
