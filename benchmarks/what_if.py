"""What-if at a size: one move of a slider, the match of one pair again, against the bare joins of its rows.

The floor is what nobody can go below with polars: case ⟷ refund by case and by order, judging and comparing nothing.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from statistics import median

import polars as pl

from benchmarks.month import write_month

ORDERS_A_ROW = 7
"""The made-up month has a case and a refund for every fourteenth order."""


def run_what_if(rows: int, rounds: int) -> dict[str, float]:
    """Seconds of preparing once, of the floor, and of a move of each slider; the medians of so many rounds."""
    from recon_kit.facts import build_facts
    from recon_kit.what_if import Limits, make_ready, try_limits

    with tempfile.TemporaryDirectory(prefix="recon-bench-") as name:
        write_month(Path(name), rows * ORDERS_A_ROW)
        collected, scope = _load(Path(name))
        began = time.perf_counter()
        ready = make_ready(build_facts(collected, scope))
        found = {"prepare": time.perf_counter() - began}
    assert ready.sides["M3"].height == 2 * (rows * ORDERS_A_ROW // 14)
    cases, flows = ready.facts.refunds.left, ready.facts.refunds.right
    moves: dict[str, Callable[[], object]] = {
        "floor": lambda: (
            cases.join(flows.drop_nulls("c"), on="c", how="left"),
            cases.join(flows.filter(pl.col("c").is_null()), on=["order", "amount_fen"], how="left"),
        ),
        "M3 window": lambda: try_limits(ready, "M3", Limits(1, 0, 10)),
        "M3 tolerance": lambda: try_limits(ready, "M3", Limits(50, 3, 10)),
        "M4 tolerance": lambda: try_limits(ready, "M4", Limits(50)),
    }
    return found | {move: median(_timed(run) for _ in range(rounds)) for move, run in moves.items()}


def _timed(run: Callable[[], object]) -> float:
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def _load(folder: Path):  # noqa: ANN202 - Collected and Scope, imported late
    from recon_kit.collect import Collected, Tables
    from recon_kit.config import parse_config
    from recon_kit.facts import Scope
    from recon_kit.periods import parse_period
    from recon_kit.results import CONTROLS, COVERAGE, INTAKE, INTAKE_DAYS, QUARANTINE, result_schema
    from recon_kit.sources.merge import DUPLICATES_SCHEMA

    frames = {path.stem: pl.read_parquet(path) for path in sorted(folder.glob("*.parquet"))}
    intake, quarantine, controls, coverage, days = (
        pl.DataFrame(schema=result_schema(table)) for table in (INTAKE, QUARANTINE, CONTROLS, COVERAGE, INTAKE_DAYS)
    )
    duplicates = pl.DataFrame(schema=DUPLICATES_SCHEMA)
    collected = Collected(Tables(**frames), intake, quarantine, duplicates, controls, coverage, days, ())
    return collected, Scope(parse_config({"receipt_basis": {"jd": "paid"}}), parse_period("2026-10"), date(2026, 10, 31))
