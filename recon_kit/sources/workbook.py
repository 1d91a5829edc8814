"""Worksheets → text cells. The sheet XML is scanned before it is opened, because a tiny file can ask for terabytes.

Rows keep their sheet numbers. A numeric cell of 1e15 or more lost digits when it was saved, so it comes back in scientific
notation, which no id column accepts. Source: design of this package, measured with fastexcel 0.21.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Iterator
from xml.etree import ElementTree

import fastexcel
import polars as pl

from recon_kit.errors import SourceError

MAX_CELLS, MAX_SPARSENESS, MAX_RATIO, SMALL = 100_000_000, 20, 200, 1_000_000
_REFERENCE = re.compile(rb'\br="([A-Z]{1,3})([0-9]{1,7})"')
_NUMBER = re.compile(
    rb"<(?:\w+:)?c\b([^>]*)>(?:<(?:\w+:)?f\b[^>]*>[^<]*</(?:\w+:)?f>)?<(?:\w+:)?v>([0-9.]{16,}|[0-9.]+[eE]\+?[0-9]+)</"
)


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


def _mark_damaged(frame: pl.DataFrame, damaged: set[tuple[int, str]]) -> pl.DataFrame:
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


def _scan_workbook(data: bytes, name: str) -> dict[str, set[tuple[int, str]]]:
    """Scan every sheet's XML in streaming: sheet name → its damaged numbers as (row, digits)."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for info in archive.infolist():
                if info.file_size > MAX_RATIO * max(info.compress_size, 1 << 16):
                    raise SourceError(
                        f"{name}: part {info.filename} unpacks to {info.file_size >> 20} MB from {info.compress_size >> 10} KB; "
                        "expected an export; open the file and save it again"
                    )
            parts = _sheet_parts(archive)
            return {sheet: _scan_sheet(archive, part, f"{name}, sheet {sheet}") for sheet, part in parts.items()}
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


def _sheet_parts(archive: zipfile.ZipFile) -> dict[str, str]:
    """Sheet name → path of its XML inside the workbook."""
    relations = ElementTree.fromstring(archive.read("xl/_rels/workbook.xml.rels"))  # noqa: S314  expat refuses entity bombs
    targets = {r.get("Id"): (r.get("Target") or "") for r in relations}
    parts = {}
    for element in ElementTree.fromstring(archive.read("xl/workbook.xml")).iter():  # noqa: S314
        if element.tag.endswith("}sheet"):
            relation = next((v for k, v in element.attrib.items() if k.endswith("}id")), "")
            target = targets.get(relation, "")
            parts[element.get("name") or ""] = target.lstrip("/") if target.startswith("/") else f"xl/{target}"
    return {sheet: part for sheet, part in parts.items() if "worksheets" in part}


def _scan_sheet(archive: zipfile.ZipFile, part: str, where: str) -> set[tuple[int, str]]:
    """Refuse a sheet that would not fit in memory; return its numbers that lost digits."""
    cells, width, height = 0, 1, 1
    damaged: set[tuple[int, str]] = set()
    for block in _blocks(archive, archive.getinfo(part)):
        found = _REFERENCE.findall(block)
        if found:
            cells += len(found)
            width = max(width, *(_column_number(letters) for letters in {letters for letters, _ in found}))
            height = max(height, *(int(row) for row in {row for _, row in found}))
        damaged |= _damaged_in(block)
    places = width * height
    if places > MAX_CELLS or (places > SMALL and places > MAX_SPARSENESS * cells):
        raise SourceError(
            f"{where}: {cells} cells spread over {places} places (about {places * 47 >> 20} MB); expected a plain table of "
            f"at most {MAX_CELLS} cells; delete what stands far right or below and save it again"
        )
    return damaged


def _blocks(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """The XML in blocks that end between two rows, so that no cell is cut in two."""
    rest = b""
    with archive.open(info) as stream:
        while chunk := stream.read(1 << 20):
            block = rest + chunk
            cut = block.rfind(b"</row>") + 6
            cut = cut if cut > 6 else block.rfind(b">") + 1
            yield block[:cut]
            rest = block[cut:]
    yield rest


def _damaged_in(block: bytes) -> set[tuple[int, str]]:
    """Numeric cells of 1e15 and more, as (row, digits the reader will show)."""
    damaged = set()
    for attributes, digits in _NUMBER.findall(block):
        kind = re.search(rb'\bt="(\w+)"', attributes)
        place = _REFERENCE.search(attributes)
        if place and (kind is None or kind[1] == b"n") and float(digits) >= 1e15:
            damaged.add((int(place[2]), str(int(float(digits)))))
    return damaged


def _column_number(letters: bytes) -> int:
    number = 0
    for letter in letters:
        number = number * 26 + letter - 64
    return number
