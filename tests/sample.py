"""The committed sample month, collected and reconciled once for all tests of a process."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from recon_kit import publish
from recon_kit.collect import Collected, collect
from recon_kit.config import load_config
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.periods import parse_period
from recon_kit.record import Run, load_run
from recon_kit.run import Outcome, reconcile, write_tables

SAMPLE = Path(__file__).parents[1] / "data" / "sample"
MONTHS = ("2026-09", "2026-10")


@cache
def collected() -> Collected:
    """What the readers make of it."""
    return collect(SAMPLE)


@cache
def scope_of(period: str) -> Scope:
    """One of its months, as of the month's last day."""
    span = parse_period(period)
    return Scope(load_config(SAMPLE / "recon.toml"), span, span.last_day)


@cache
def facts_of(period: str) -> Facts:
    """The facts of one of its months."""
    return build_facts(collected(), scope_of(period))


@cache
def outcome(period: str, partitions: int = 1) -> Outcome:
    """One of its months reconciled."""
    return reconcile(collected(), scope_of(period), partitions=partitions)


def publish_month(out: Path, period: str) -> Run:
    """One of its months as a published run in a folder, its configuration beside it; without pages."""
    config = scope_of(period).config
    with publish.staged(out, period) as staging:
        write_tables(staging.path, outcome(period))
        staging.describe(inputs=[], config=config.model_dump(mode="json", by_alias=True), versions={})
    return load_run(out / period)
