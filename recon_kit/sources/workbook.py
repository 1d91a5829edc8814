"""Worksheets → text cells. The sheet XML is scanned before it is opened, because a tiny file can ask for terabytes.

Rows keep their sheet numbers. A numeric cell of 1e15 or more lost digits when it was saved, so it comes back in scientific
notation, which no id column accepts. Source: design of this package, measured with fastexcel 0.21.
"""

from __future__ import annotations

import io
import zipfile
import zlib
from xml.etree import ElementTree

import fastexcel
import polars as pl

from recon_kit.errors import SourceError
from recon_kit.sources.sheet_scan import Damaged, scan_sheet

MAX_RATIO = 200


def read_sheets(data: bytes, name: str) -> list[tuple[str, pl.DataFrame]]:
    """Return the visible sheets as (sheet name, frame with `row` and text cells `0`, `1`, …); empty sheets are left out.

    Raises SourceError for an encrypted or broken workbook and for one that would not fit in memory.
    """
    damaged = _scan_workbook(data, name) if data.startswith(b"PK") else {}
    try:
        book = fastexcel.read_excel(data)
        sheets = [book.load_sheet(sheet, header_row=None, skip_rows=0, dtypes="string") for sheet in book.sheet_names]
    except fastexcel.FastExcelError as error:
        hint = "it may be protected by a password" if data.startswith(b"\xd0\xcf") else "it may be cut off"
        raise SourceError(
            f"{name}: the workbook cannot be opened ({type(error).__name__}; {hint}); save it again without a password"
        ) from None
    frames = []
    for sheet in sheets:
        if sheet.visible != "visible" or not sheet.width:
            continue
        frame = sheet.to_polars()
        frame = frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))
        frame = frame.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), pl.all())
        marked = _mark_damaged(frame, damaged[sheet.name]) if sheet.name in damaged else _mark_rounded(frame)
        frames.append((sheet.name, marked))
    return frames


def _mark_damaged(frame: pl.DataFrame, damaged: Damaged) -> pl.DataFrame:
    """Put damaged numbers back in scientific notation, as Excel shows them, so that they never pass for an id."""
    if not damaged:
        return frame
    marks = pl.Series([f"{row}|{digits}" for row, digits in sorted(damaged)])
    cells = [c for c in frame.columns if c != "row"]
    place = {c: pl.concat_str(pl.col("row").cast(pl.String), pl.lit("|"), pl.col(c)) for c in cells}
    return frame.with_columns(
        pl.when(place[c].is_in(marks.implode())).then(pl.col(c) + "E+00").otherwise(pl.col(c)).alias(c) for c in cells
    )


def _mark_rounded(frame: pl.DataFrame) -> pl.DataFrame:
    """The same for an old .xls, which shows no cell types: a column whose long numbers are all what a double can hold."""
    for name in frame.columns[1:]:
        long = frame[name].drop_nulls().filter(frame[name].drop_nulls().str.contains(r"^\d{16,}$"))
        if long.len() and all(int(float(digits)) == int(digits) for digits in long.unique()):
            is_long = pl.col(name).str.contains(r"^\d{16,}$")
            frame = frame.with_columns(pl.when(is_long).then(pl.col(name) + "E+00").otherwise(pl.col(name)).alias(name))
    return frame


def _scan_workbook(data: bytes, name: str) -> dict[str, Damaged]:
    """Scan every sheet's XML in streaming: sheet name → its damaged numbers as (row, digits)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 16):
                    raise SourceError(
                        f"{name}: part {info.filename} unpacks to {info.file_size >> 20} MB from {info.compress_size >> 10} KB; "
                        "expected an export; open the file and save it again"
                    )
            damaged: dict[str, Damaged] = {}
            for sheet, part in _sheet_parts(archive):
                damaged.setdefault(sheet, set()).update(scan_sheet(archive, part, f"{name}, sheet {sheet}"))
            return damaged
    except (
        zipfile.BadZipFile,
        zlib.error,
        ElementTree.ParseError,
        KeyError,
        EOFError,
        NotImplementedError,
        RuntimeError,
    ) as error:
        raise SourceError(
            f"{name}: the workbook is broken ({type(error).__name__}); expected a whole .xlsx file; export it again"
        ) from None


def _sheet_parts(archive: zipfile.ZipFile) -> list[tuple[str, str]]:
    """Every sheet's name and the path of its XML inside the workbook."""
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314  expat refuses entity bombs
    targets = {r.get("Id"): (r.get("Target") or "") for r in relations}
    parts = []
    for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314
        if element.tag.endswith("}sheet"):
            relation = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            target = targets.get(relation, "")
            parts.append((element.get("name") or "", target.lstrip("/") if target.startswith("/") else f"xl/{target}"))
    return [(sheet, part) for sheet, part in parts if "worksheets" in part]
