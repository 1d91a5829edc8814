"""What a worksheet's XML will cost and which of its numbers lost digits, found in streaming before the sheet is opened.

Nearly every program writes a cell as `<c r="B7" …>`. Such a sheet is bounded without taking its cells apart: one search asks
for any cell that is written otherwise or stands beyond the columns and rows allowed so far, and each find widens them. Any
other sheet, and one that the rough bound would refuse, is walked tag by tag as the reader (calamine) does.
"""

from __future__ import annotations

import functools
import math
import re
import zipfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import IO

from recon_kit.errors import SourceError

MAX_CELLS, MAX_SPARSENESS, SMALL = 100_000_000, 20, 1_000_000
CHUNK, MAX_CELL_BYTES = 8 << 20, 32 << 20
Damaged = set[tuple[int, str]]
"""Numbers of 1e15 and more, which a double does not hold exactly: sheet row, and the digits the reader shows."""

_PREFIX = re.compile(rb"<([\w.-]+:)sheetData[\s/>]")
_PREFIXED = re.compile(rb":[cv][\s/>]")
_PREFIXED_TAG = re.compile(rb"<[\w.-]+:[cv][\s/>]")
_PLAIN = re.compile(rb'<c r="([A-Z]{1,3})([0-9]{1,7})"([^>]*)>')
_LONG = re.compile(rb"<v>([0-9]{16}[0-9.]*+|[0-9.]++[eE]\+?[0-9]++)<")
_TAG = re.compile(rb"""<(/?)(?:[\w.-]+:)?(row|c|v)(?=[\s/>])((?:[^>"']|"[^"]*"|'[^']*')*)>([^<]*)""")
_REFERENCE = re.compile(rb"""(?<![\w:.-])r\s*=\s*(?:"([^"]*)"|'([^']*)')""")
_PLACE = re.compile(rb"([A-Za-z]{0,3})([0-9]{1,7})")
_TYPE = re.compile(rb"""(?<![\w:.-])t\s*=\s*["'](\w+)["']""")
_NUMBER = re.compile(rb"[0-9]+(?:\.[0-9]*)?(?:[eE]\+?[0-9]+)?")
_FORMULA_TAG = re.compile(rb"f(?<=[<:]f)[\s/>]")
_FORMULA = re.compile(
    rb"<(?:[\w.-]+:)?c\b([^>]*)>\s*<(?:[\w.-]+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:[\w.-]+:)?f>)\s*"
    rb"(?:</(?:[\w.-]+:)?c>|<(?:[\w.-]+:)?v\s*/>|<(?:[\w.-]+:)?v>\s*</)"
)
"""A formula without a stored value: the reader shows an empty cell."""


def scan_sheet(archive: zipfile.ZipFile, part: str, where: str) -> Damaged:
    """Refuse a sheet that would not fit in memory; return its numbers that lost digits."""
    plain = _scan_plain(_refuse_formulas(read_blocks(archive, part, where), where))
    if plain and _fits(plain[0], plain[1]):
        return plain[2]
    cells, places, damaged = _walk(_refuse_formulas(read_blocks(archive, part, where), where), where)
    if not _fits(cells, places):
        raise SourceError(
            f"{where}: {cells} cells spread over {places} places (about {places * 47 >> 20} MB); expected a plain table of "
            f"at most {MAX_CELLS} cells; delete what stands far right or below and save it again"
        )
    return damaged


def _fits(cells: int, places: int) -> bool:
    return places <= MAX_CELLS and (places <= SMALL or places <= MAX_SPARSENESS * cells)


def _refuse_formulas(blocks: Iterable[bytes], where: str) -> Iterator[bytes]:
    """The blocks, as long as every formula in them has a value; that of one with the type `str` may be the empty text."""
    for block in blocks:
        if _FORMULA_TAG.search(block):
            for attributes in _FORMULA.findall(block):
                kind, place = _TYPE.search(attributes), _REFERENCE.search(attributes)
                if kind is None or kind[1] != b"str":
                    cell = (place[1] or place[2]).decode("ascii", "replace") if place else "?"
                    raise SourceError(
                        f"{where}, cell {cell}: a formula without a stored value, which would read as empty; expected values; "
                        "open the file in Excel or WPS and save it"
                    )
        yield block


def read_blocks(archive: zipfile.ZipFile, part: str, where: str) -> Iterator[bytes]:
    """The XML in blocks that end behind a row or before a cell, so that no cell is cut in two."""
    rest = b""
    with archive.open(part) as stream:
        for chunk in _chunks(stream):
            block = rest + chunk
            cut = block.rfind(b"row>") + 4
            cut = cut if cut >= 4 else max(block.rfind(b"<c"), 0)
            if len(block) - cut > MAX_CELL_BYTES:
                raise SourceError(
                    f"{where}: a cell or row of more than {MAX_CELL_BYTES >> 20} MB; expected an export; "
                    "open the file and save it again"
                )
            yield block[:cut]
            rest = block[cut:]
    yield rest


def _chunks(stream: IO[bytes]) -> Iterator[bytes]:
    """The next chunk is unpacked while the last one is looked at."""
    with ThreadPoolExecutor(1) as pool:
        ahead = pool.submit(stream.read, CHUNK)
        while chunk := ahead.result():
            ahead = pool.submit(stream.read, CHUNK)
            yield chunk


def _scan_plain(blocks: Iterable[bytes]) -> tuple[int, int, Damaged] | None:
    """Cells, at most how many places they span, and damaged numbers; None unless every cell is written `<c r="B7"`."""
    cells, column, row, prefix = 0, b"A", b"1", b""
    damaged: Damaged = set()
    for number, xml in enumerate(blocks):
        if number == 0 and (found := _PREFIX.search(xml)):
            prefix = found[1]
        block = xml.replace(b"<" + prefix, b"<").replace(b"</" + prefix, b"</") if prefix else xml
        if _PREFIXED.search(block) and _PREFIXED_TAG.search(block):
            return None
        while beyond := _beyond(column, row).search(block):
            place = _PLAIN.match(block, beyond.start())
            wider = place and (max(column, place[1], key=_rank), max(row, place[2], key=_rank))
            if not wider or wider == (column, row):
                return None
            column, row = wider
        cells += block.count(b"<c r=") if cells < MAX_CELLS // MAX_SPARSENESS else 0  # more can make no sheet too sparse
        for long in _LONG.finditer(block):
            cell = _PLAIN.match(block, max(block.rfind(b"<c r=", 0, long.start()), 0))
            kind = _TYPE.search(cell[3]) if cell else None
            if cell and (kind is None or kind[1] == b"n"):
                damaged |= _damaged(int(cell[2]), long[1])
    return cells, _columns(column)[1] * _rows(row)[1], damaged


def _rank(letters_or_digits: bytes) -> tuple[int, bytes]:
    """All that the rough bound looks at: the length and the first character."""
    return len(letters_or_digits), letters_or_digits[:1]


def _columns(highest: bytes) -> tuple[bytes, int]:
    """A pattern of the column letters up to this rank, and how many columns they are."""
    more, first = len(highest) - 1, highest[0]
    shorter = b"|[A-Z]{1,%d}" % more if more else b""
    return b"[A-%c][A-Z]{%d}" % (first, more) + shorter, sum(26**n for n in range(1, more + 1)) + (first - 64) * 26**more


def _rows(highest: bytes) -> tuple[bytes, int]:
    """A pattern of the row numbers up to this rank, and the highest of them."""
    more, first = len(highest) - 1, highest[0]
    if more == 6:
        return b"10[0-4][0-9]{4}|[0-9]{1,6}+", 1_049_999
    shorter = b"|[0-9]{1,%d}+" % more if more else b""
    return b"[1-%c][0-9]{%d}" % (first, more) + shorter, (first - 47) * 10**more - 1


@functools.lru_cache(maxsize=256)
def _beyond(column: bytes, row: bytes) -> re.Pattern[bytes]:
    """A cell that is not written `<c r="B7"` with a place of at most the rank of this column and this row."""
    return re.compile(rb'<c(?! r="(?:' + _columns(column)[0] + rb")(?:" + _rows(row)[0] + rb')")(?![A-Za-z])')


def _walk(blocks: Iterable[bytes], where: str) -> tuple[int, int, Damaged]:
    """Cells, the places they span and damaged numbers; a cell that states no place stands right of the one before it."""
    cells, width, height, row, column, kind = 0, 1, 1, 1, 0, b"n"
    damaged: Damaged = set()
    for block in blocks:
        for end, tag, attributes, text in _TAG.findall(block):
            is_end = end or attributes.endswith(b"/")
            if tag == b"row":
                row = int(stated[0][1]) if not end and (stated := _places(attributes, where)) else row
                row, column = (row + 1, 0) if is_end else (row, column)
            elif tag == b"c" and not end:
                column, row = max(_places(attributes, where), default=(column + 1, row))
                cells, width, height = cells + 1, max(width, column), max(height, row)
                kind = found[1] if (found := _TYPE.search(attributes)) else b"n"
            elif tag == b"v" and not end and kind == b"n":
                damaged |= _damaged(row, text)
        if width * height > MAX_CELLS:
            break
    return cells, width * height, damaged


def _places(attributes: bytes, where: str) -> list[tuple[int, int]]:
    """Column and row of every `r` of a tag (a row states no column: 0)."""
    places = []
    for double, single in _REFERENCE.findall(attributes):
        place = _PLACE.fullmatch(double or single)
        if place is None:
            raise SourceError(f"{where}: a cell stands nowhere; expected places such as B7; open the file and save it again")
        places.append((functools.reduce(lambda n, letter: n * 26 + letter - 64, place[1].upper(), 0), int(place[2])))
    return places


def _damaged(row: int, digits: bytes) -> Damaged:
    value = float(digits) if _NUMBER.fullmatch(digits) else 0.0
    return {(row, str(int(value)))} if 1e15 <= value < math.inf else set()
