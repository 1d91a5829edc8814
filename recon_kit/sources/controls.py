"""Totals and days a file states about itself, and what its rows hold: the first line of defence against a cut file."""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

import polars as pl

from recon_kit.sources.columns import Cells, parse_instants
from recon_kit.sources.layout import Control, Coverage, Layout, header_word

SCALE = 100_000
"""WeChat states fees to five decimals: totals are added up in hundred-thousandths of a yuan and shown in fen."""
CONTROL_SCHEMA = {"measure": pl.String(), "unit": pl.String(), "stated": pl.Int64(), "found": pl.Int64()}
NO_CONTROLS = pl.DataFrame(schema=CONTROL_SCHEMA)


def compare_controls(layout: Layout, below: Sequence[str], cells: Cells) -> pl.DataFrame:
    """One row per total the file states, in the file's order: measure, unit, stated, found (of all rows as they stand)."""
    block = _totals_block(layout, below)
    text = "\n".join(below)
    found_at: list[tuple[int, Control, Decimal]] = []
    for number, control in enumerate(layout.controls):
        if control.pattern:
            hits = list(re.finditer(control.pattern, text))
            values = [v for hit in hits if (v := _number(hit[1])) is not None]
            place = hits[0].start() if hits else 0
        else:
            word = header_word(control.measure)
            values = [v for header, cell in block if header == word and (v := _number(cell)) is not None]
            place = next((n for n, (header, _) in enumerate(block) if header == word), number)
        if values:
            found_at.append((place, control, sum(values, Decimal(0))))
    rows, free = [], {c.zero_rows: _zero_rows(c.zero_rows, cells) for _, c, _ in found_at if c.zero_rows}
    for _, control, stated in sorted(found_at, key=lambda item: item[0]):
        found = _found(control, cells)
        if control.zero_rows:
            taken = max(0, min(int(stated) - found, free[control.zero_rows]))
            free[control.zero_rows] -= taken
            found += taken
        if control.sum is None:
            rows.append((control.measure, "count", int(stated), found))
        else:
            rows.append((control.measure, "fen", _fen(stated), _fen(Decimal(found) / SCALE)))
    return pl.DataFrame(rows, schema=CONTROL_SCHEMA, orient="row")


def read_coverage(coverage: Coverage | None, around: str) -> dict[str, object]:
    """The half-open span and the export instant the file states; null where it states none. 23:59:59 means the day's end."""
    if coverage is None:
        return {"starts_at": None, "ends_at": None, "exported_at": None}
    ends = _instant(coverage.ends, around)
    if ends and (ends.hour, ends.minute, ends.second) == (23, 59, 59):
        ends += timedelta(seconds=1)
    return {
        "starts_at": _instant(coverage.starts, around),
        "ends_at": ends,
        "exported_at": _instant(coverage.exported, around) if coverage.exported else None,
    }


def _instant(pattern: str, around: str) -> datetime | None:
    hit = re.search(pattern, around)
    return parse_instants(pl.Series([hit[1]]))[0] if hit else None


def _totals_block(layout: Layout, below: Sequence[str]) -> list[tuple[str, str]]:
    """The cells of a totals row under their headers."""
    cells: list[tuple[str, str]] = []
    for line, following in itertools.pairwise([*below, ""]):
        if layout.totals and re.search(layout.totals, line.lstrip("`'\"\ufeff ")):
            headers, values = next(csv.reader([line])), next(csv.reader([following]), [])
            cells.extend(zip(map(header_word, headers), values, strict=False))
    return cells


def _number(text: str) -> Decimal | None:
    try:
        return Decimal(re.sub(r"[\s,`'¥￥元笔]", "", text))
    except InvalidOperation:
        return None


def _scaled(cells: Cells, name: str) -> pl.Expr:
    """Hundred-thousandths of a yuan of an amount's text."""
    bare = cells.text(name).str.replace_all(r"[,¥￥元\s]", "")
    return (bare.cast(pl.Decimal(30, 10), strict=False) * SCALE).cast(pl.Decimal(30, 0)).cast(pl.Int64, strict=False)


def _found(control: Control, cells: Cells) -> int:
    chosen = cells.frame.filter(cells.holds(control.when))
    if control.sum is None:
        return chosen.height
    return int(chosen.select(_scaled(cells, control.sum).sum()).item() or 0)


def _zero_rows(measure: str, cells: Cells) -> int:
    """Rows whose amounts, named in `measure` and parted by blanks, are all zero."""
    return cells.frame.filter(pl.all_horizontal(_scaled(cells, n).fill_null(0) == 0 for n in measure.split())).height


def _fen(yuan: Decimal) -> int:
    return int((yuan * 100).quantize(Decimal(1), rounding=ROUND_HALF_UP))
