"""A run folder as a frozen record: what pages, notebooks and the workbook read, and nothing else."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.errors import ReportError
from recon_kit.periods import Period, parse_period
from recon_kit.results import RESULTS, result_schema
from recon_kit.schedule import is_due
from recon_kit.schema import TABLES, empty

BRIDGE_LINES = ("A0", "A1", "A2", "A3", "A4", "A4E", "A5", "A6", "B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "C0")
"""The bridge in order; A0, B0 and C0 are the sides, every other line a step between them."""
SIDES = ("A0", "B0", "C0")


@dataclass(frozen=True)
class Run:
    """One finished run: `summary` is its summary.json, `table` reads a Parquet table the first time it is asked for."""

    folder: Path
    summary: dict[str, Any]
    _frames: dict[str, pl.DataFrame] = field(default_factory=dict, repr=False, compare=False)

    def table(self, name: str) -> pl.DataFrame:
        """The canonical or result table of that name; without its file an empty one (see `has`)."""
        if name not in self._frames:
            path = self.folder / "tables" / f"{name}.parquet"
            if name in RESULTS:
                blank = pl.DataFrame(schema=result_schema(RESULTS[name]))
            elif name in TABLES:
                blank = empty(TABLES[name])
            else:
                raise ReportError(f"run {self.folder.name}: no table is called {name!r}; known: {', '.join((*RESULTS, *TABLES))}")
            self._frames[name] = pl.read_parquet(path, glob=False) if path.is_file() else blank
        return self._frames[name]

    def has(self, name: str) -> bool:
        """Whether the table was supplied (canonical) or written (result)."""
        return (self.folder / "tables" / f"{name}.parquet").is_file()

    @cached_property
    def period(self) -> Period:
        """The period the run reconciles."""
        return parse_period(self.summary["period"])

    def is_due(self, check: str) -> bool:
        """Whether a period of this kind runs the check (`schedule`)."""
        return is_due(check, self.period)

    @cached_property
    def as_of(self) -> date:
        """The last day whose rows are facts."""
        return date.fromisoformat(self.summary["as_of"])

    @cached_property
    def findings(self) -> pl.DataFrame:
        """Primary findings, one row each; the related ones carry a primary_id and are left out."""
        return self.table("discrepancies").filter(pl.col("primary_id").is_null())


def load_run(run_dir: Path | str) -> Run:
    """Open a run folder; ReportError when it is not one."""
    folder = Path(run_dir)
    path = folder / "summary.json"
    if not path.is_file():
        raise ReportError(f"{folder}: no summary.json found; expected the folder of one finished run. Run `recon-kit run` first")
    try:
        summary = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ReportError(
            f"{path}: not readable as JSON ({error}); expected a run's summary. Run `recon-kit run` again"
        ) from None
    return Run(folder, summary)
