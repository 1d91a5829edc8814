"""Every layout on files of its own kind: `cases/<layout>/<case>/in.*` is read and must give `expected.csv` beside it.

A new case is an input file; `python tests/sources/test_cases.py` writes the missing expectations and overwrites none, so that
each is read by a person once. All rows are made up.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recon_kit.collect import read_files
from recon_kit.schema import TABLES
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.reader import Reading

CASES = Path(__file__).parent / "cases"
FOLDERS = sorted(path.parent for path in CASES.glob("*/*/in.*"))


def readings_of(case: Path) -> list[Reading]:
    outcomes = list(read_files(sorted(case.glob("in.*"))))
    assert all(isinstance(outcome, Reading) for outcome in outcomes), outcomes
    return [outcome for outcome in outcomes if isinstance(outcome, Reading)]


def render(readings: list[Reading]) -> str:
    """The rows of every table, then what was set aside, then the totals; columns that say nothing are left out."""
    rows = []
    for reading in readings:
        frames = [
            ("quarantine", reading.quarantine.rename({"row": "source_row"}).drop("amount_fen")),
            ("control", reading.controls),
        ]
        for name, frame in [*((part.rows.table, part.frame.drop("_line")) for part in reading.parts), *frames]:
            kept = frame.drop("source_file", "file", strict=False)
            instants = pl.selectors.datetime().dt.strftime("%Y-%m-%d %H:%M:%S")
            rows.append(kept.with_columns(instants).cast(pl.String).with_columns(pl.lit(name).alias("table")))
    whole = pl.concat(rows, how="diagonal").select("table", "source_row", pl.exclude("table", "source_row"))
    said = [name for name in whole.columns if name == "table" or whole[name].null_count() < whole.height]
    return whole.select(said).write_csv()


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_the_case_is_read_as_expected(case):
    readings = readings_of(case)

    assert {reading.layout.name for reading in readings} == {case.parent.name}
    assert render(readings) == (case / "expected.csv").read_text("utf-8")


@pytest.mark.parametrize("case", FOLDERS, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_every_row_of_the_case_is_in_one_place(case):
    for reading in readings_of(case):
        assert (
            reading.rows_read == sum(part.frame.height for part in reading.parts if not part.rows.also) + reading.rows_quarantined
        )


def test_every_built_in_layout_that_is_data_has_a_case():
    covered = {case.parent.name for case in FOLDERS}

    assert {layout.name for layout in load_layouts() if layout.is_data} <= covered
    assert covered <= {layout.name for layout in load_layouts()} | {f"template_{name}" for name in TABLES}


def write_missing() -> None:
    for case in FOLDERS:
        if not (case / "expected.csv").exists():
            (case / "expected.csv").write_text(render(readings_of(case)), "utf-8")


if __name__ == "__main__":
    write_missing()
