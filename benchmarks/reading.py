"""Reading one large export: recon_kit against the bare library on the same rows, each in a process of its own.

`read`: a bill in GB18030, as rows of text (`text`: decode, find the header, split) and all the way to typed, checked rows
with their totals (`rows`), against polars on the bare rows in UTF-8 (`polars`). `xlsx`: a worksheet against fastexcel as
text, which is the fastest way to ask it.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import fastexcel
import polars as pl

from recon_kit.collect import read_files
from recon_kit.sources.decode import open_grids, read_body
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.reader import Reading
from recon_kit.sources.workbook import read_sheets


def read_rows(folder: Path) -> dict[str, int]:
    """A file → typed rows, quarantine and control totals."""
    (reading,) = read_files([folder / "bill.csv"])
    assert isinstance(reading, Reading)
    assert reading.controls["stated"].equals(reading.controls["found"], check_names=False)
    return {"rows": reading.rows_read - reading.rows_quarantined}


def read_text(folder: Path) -> dict[str, int]:
    """A file → cells of text below the header."""
    with tempfile.TemporaryDirectory() as workdir:
        (grid,) = open_grids(folder / "bill.csv", "bill.csv", Path(workdir))
        header = next(row for row in grid.head if len(row.cells) == 16)
        return {"rows": read_body(grid, header, 16, range(17)).height - 2}


def read_bare(folder: Path) -> dict[str, int]:
    """The rows alone, in UTF-8, as text."""
    return {"rows": pl.read_csv(folder / "rows.csv", infer_schema=False).height}


def read_workbook(folder: Path) -> dict[str, int]:
    """A workbook → cells of text: scanned for what it will cost and for damaged numbers, then opened."""
    ((_, frame),) = read_sheets((folder / "orders.xlsx").read_bytes(), "orders.xlsx")
    return {"rows": frame.height - 1}


def read_fastexcel(folder: Path) -> dict[str, int]:
    """The same sheet as text by fastexcel alone."""
    book = fastexcel.read_excel(folder / "orders.xlsx")
    return {"rows": book.load_sheet(0, header_row=None, dtypes="string").to_polars().height - 1}


READERS: dict[str, Callable[[Path], dict[str, int]]] = {"rows": read_rows, "text": read_text, "polars": read_bare}
SHEETS: dict[str, Callable[[Path], dict[str, int]]] = {"sheet": read_workbook, "fastexcel": read_fastexcel}
load_layouts()
