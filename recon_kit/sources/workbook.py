"""Worksheets → text cells. The sheet XML is scanned before it is opened, because a tiny file can ask for terabytes.

Rows keep their sheet numbers. A numeric cell of 1e15 or more lost digits when it was saved, so it comes back in scientific
notation, which no id column accepts. Source: design of this package, measured with fastexcel 0.21.
"""

from __future__ import annotations

import io
import re
import zipfile
import zlib
from collections.abc import Sequence
from xml.etree import ElementTree

import fastexcel
import polars as pl

from recon_kit.errors import SourceError
from recon_kit.sources.sheet_scan import Damaged, read_blocks, scan_sheet

MAX_RATIO, MAX_RATIO_OF_LARGE, LARGE = 200, 40, 64 << 20
MAX_INDEX_BYTES, MAX_TEXT_BYTES = 8 << 20, 512 << 20
"""Of a part that lists the sheets and of one text; of the text that cells come to when each has its shared string to itself."""
LONG_TEXT, SMALL_CELL = 256, 35
"""Bytes: texts up to this are no danger, and a cell of this size is a small one."""
_SHARED = re.compile(rb"""<(?:[\w.-]+:)?c\s[^>]*\bt\s*=\s*["']s["'][^>]*>\s*<(?:[\w.-]+:)?v[^>]*>([0-9]+)<""")


def read_sheets(data: bytes, name: str) -> list[tuple[str, pl.DataFrame]]:
    """Return the visible sheets as (sheet name, frame with `row` and text cells `0`, `1`, …); empty sheets are left out.

    Raises SourceError for an encrypted or broken workbook and for one that would not fit in memory.
    """
    damaged = _scan_workbook(data, name) if data.startswith(b"PK") else {}
    frames = []
    try:
        book = fastexcel.read_excel(data)
        for title in book.sheet_names:
            sheet = book.load_sheet(title, header_row=None, skip_rows=0, dtypes="string")
            if sheet.visible != "visible" or not sheet.width:
                continue
            frame = sheet.to_polars()
            frame = frame.rename(dict(zip(frame.columns, map(str, range(frame.width)), strict=True)))
            frame = frame.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), pl.all())
            frames.append((title, _mark_damaged(frame, damaged[title]) if title in damaged else _mark_rounded(frame)))
    except fastexcel.FastExcelError as error:
        hint = "it may be protected by a password" if data.startswith(b"\xd0\xcf") else "it may be cut off"
        raise SourceError(
            f"{name}: the workbook cannot be opened ({type(error).__name__}; {hint}); save it again without a password"
        ) from None
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
                _refuse_part(archive, info, name)
            if "[Content_Types].xml" not in archive.namelist():
                raise SourceError(
                    f"{name}: an archive inside an archive; expected tables in it; unpack it and put its files here"
                )
            damaged: dict[str, Damaged] = {}
            parts = _sheet_parts(archive)
            _refuse_repeated_text(archive, [part for _, part in parts], name)
            for sheet, part in parts:
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


def _refuse_part(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str) -> None:
    """Refuse a part that swells beyond any export, and one that declares entities, which no export has a use for."""
    ratio = MAX_RATIO_OF_LARGE if info.file_size > LARGE else MAX_RATIO
    index = re.search(r"(^|/)(workbook\.xml|[^/]*\.rels)$", info.filename)
    if info.file_size > ratio * max(info.compress_size, 1 << 16) or (index and info.file_size > MAX_INDEX_BYTES):
        raise SourceError(
            f"{name}: part {info.filename} unpacks to {info.file_size >> 20} MB from {info.compress_size >> 10} KB; "
            "expected an export; open the file and save it again"
        )
    with archive.open(info) as stream:
        if b"<!DOCTYPE" in stream.read(1 << 16):
            raise SourceError(f"{name}: part {info.filename} declares a document type; expected a plain workbook; save it again")


def _refuse_repeated_text(archive: zipfile.ZipFile, parts: Sequence[str], name: str) -> None:
    """Refuse sheets whose cells repeat shared strings until their text fits in no memory."""
    strings = next((part for part in archive.namelist() if part.lower() == "xl/sharedstrings.xml"), None)
    if strings is None:
        return
    lengths: list[int] = []
    rest = b""
    with archive.open(strings) as stream:
        while chunk := stream.read(1 << 20):
            *whole, rest = (rest + chunk).split(b"si>")
            lengths += map(len, whole)
            if len(rest) > MAX_INDEX_BYTES:
                raise SourceError(f"{name}: a text of more than {len(rest) >> 20} MB; expected an export; export it again")
    longest = max(lengths, default=0)
    size = sum(archive.getinfo(part).file_size for part in parts)
    if longest <= LONG_TEXT or longest * size // SMALL_CELL <= MAX_TEXT_BYTES:
        return
    shared = sum(block.count(b'"s"') + block.count(b"'s'") for part in parts for block in read_blocks(archive, part, name))
    if longest * shared <= MAX_TEXT_BYTES:
        return
    lengths = lengths[1::2]  # what stands between two strings is a piece of its own
    total = 0
    for block in (block for part in parts for block in read_blocks(archive, part, name)):
        total += sum(lengths[n] if n < len(lengths) else longest for n in map(int, _SHARED.findall(block)))
        if total > max(MAX_TEXT_BYTES, size):
            raise SourceError(
                f"{name}: the cells repeat shared text of more than {total >> 20} MB; expected an export; "
                "open the file and save it again"
            )


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
