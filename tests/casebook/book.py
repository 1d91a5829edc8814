"""A casebook over tiny worlds: months are reconciled, published and recorded as `run_period` does, without files of exports."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit import publish
from recon_kit.casebook import Casebook, absorb_run, item_states, open_casebook
from recon_kit.collect import Collected
from recon_kit.config import parse_config
from recon_kit.periods import SHANGHAI, parse_period
from recon_kit.run import Outcome, reconcile, write_tables
from tests.world import scope

AT = datetime(2026, 11, 5, 10, tzinfo=SHANGHAI)


@dataclass(frozen=True)
class Book:
    """A folder of published months and its casebook."""

    out: Path

    @property
    def casebook(self) -> Casebook:
        return open_casebook(self.out / "casebook.db")

    def run(self, collected: Collected, period: str = "2026-10", *, record: bool = True, **about: Any) -> Outcome:
        """Reconcile a month on what the casebook knows, publish it, and record it."""
        about = {"as_of": parse_period(period).last_day.isoformat(), **about}
        outcome = reconcile(collected, scope(period=period, **about), history=self.casebook.events())
        with publish.staged(self.out, period) as staging:
            write_tables(staging.path, outcome)
            staging.describe(inputs=[], config=parse_config({}).model_dump(mode="json", by_alias=True), versions={})
        if record:
            absorb_run(self.casebook, self.out / period, at=AT)
        return outcome

    def states(self) -> dict[str, dict[str, Any]]:
        """`code key` → the item's state."""
        return {f"{row['code']} {row['key']}": row for row in item_states(self.casebook.events()).to_dicts()}

    def kinds(self) -> list[str]:
        """The kinds of all events but runs, in order."""
        return self.casebook.events().filter(pl.col("kind") != "run")["kind"].to_list()


def items(outcome: Outcome) -> dict[str, dict[str, Any]]:
    """`code key` → the row of open_items."""
    return {f"{row['code']} {row['key']}": row for row in outcome.tables["open_items"].to_dicts()}


def rolled(outcome: Outcome, code: str = "all") -> dict[str, int]:
    """The roll of a code, without its zeros."""
    row = outcome.tables["carry_forward"].filter(pl.col("code") == code).row(0, named=True)
    return {name: value for name, value in row.items() if name != "code" and value}
