"""One side of an ad-hoc match: any CSV, XLSX, Parquet, zip or frame → typed rows and the rows that cannot be compared.

Cells come through `sources.decode`, so GB18030, preambles, several sheets, `="…"` and tabs are read as in a month's run.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from recon_kit.adhoc.ask import Ask
from recon_kit.errors import SourceError
from recon_kit.money import MAX_FEN, parse_yuan_expr
from recon_kit.privacy import mask_figure_expr, mask_name_expr, mask_text_expr
from recon_kit.sources.columns import DAMAGED, SHEET_ERROR, clean, parse_instants
from recon_kit.sources.decode import Grid, HeadRow, frame_grid, open_grids, read_body, with_separator
from recon_kit.sources.draft_text import PERSONAL
from recon_kit.sources.layout import header_word

SEPARATORS = (",", "\t", ";", "|")
_NAMES = re.compile(PERSONAL.pattern + "|name|nick|customer|contact|counterparty", re.IGNORECASE)


@dataclass(frozen=True)
class Side:
    """`rows`: n (1, 2 …), file, row, key, within (null where a part is), day, amount_units, shown_0 …; `quarantine` the others.

    `sha256`: file or member → hash of its bytes; none for a frame.
    """

    name: str
    rows: pl.DataFrame
    quarantine: pl.DataFrame
    rows_read: int
    sha256: dict[str, str]


def is_personal(header: str) -> bool:
    """Whether a column of this name holds what names a person, by the name alone."""
    return _NAMES.search(header) is not None


def read_side(source: Path | str | pl.DataFrame, ask: Ask, which: int) -> Side:
    """Read one side; `which` 0 is the left. SourceError when no part of it has the columns that the question names."""
    name = ("left", "right")[which]
    with tempfile.TemporaryDirectory(prefix="recon_kit_", ignore_cleanup_errors=True) as folder:
        if isinstance(source, pl.DataFrame):
            label, grids = name, [frame_grid(source, name, "")]
        else:
            label = Path(source).name
            grids = open_grids(Path(source), label, Path(folder))
        needed = _needed(ask, which)
        found = [(grid, head) for grid, head in (_find_header(grid, needed) for grid in grids) if head is not None]
        if not found:
            raise SourceError(_no_header(label, needed, grids))
        parts = [_read_grid(grid, head, ask, which) for grid, head in found]
    rows = pl.concat([part[0] for part in parts])
    rows = rows.with_columns(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("n"))
    bad = pl.concat([part[1] for part in parts])
    hashes = {grid.name: grid.sha256 for grid, _ in found if grid.sha256}
    return Side(label, rows, bad, rows.height + bad.height, hashes)


def _needed(ask: Ask, which: int) -> list[str]:
    pairs = (*ask.on, *ask.within, ask.amount, *((ask.date,) if ask.date else ()))
    return list(dict.fromkeys(pair[which] for pair in pairs))


def _find_header(grid: Grid, needed: Sequence[str]) -> tuple[Grid, HeadRow | None]:
    """The first of the first rows that has every column, at whatever separator."""
    wanted = {header_word(name) for name in needed}
    for separator in SEPARATORS if grid.text is not None else SEPARATORS[:1]:
        split = grid if separator == grid.separator else with_separator(grid, separator)
        for row in split.head:
            if wanted <= {header_word(cell) for cell in row.cells}:
                return split, row
    return grid, None


def _no_header(label: str, needed: Sequence[str], grids: Sequence[Grid]) -> str:
    widest = max((row.cells for grid in grids for row in grid.head), key=lambda cells: sum(map(bool, cells)), default=())
    words = {header_word(cell) for cell in widest}
    missing = [name for name in needed if header_word(name) not in words]
    listed = ", ".join(cell.strip() for cell in widest[:40] if cell.strip()) or "nothing"
    return (
        f"{label}: column {', '.join(missing or needed)} is missing; found: {listed}. "
        "Name the columns as the file does, LEFT=RIGHT where the two files differ"
    )


def _read_grid(grid: Grid, header: HeadRow, ask: Ask, which: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The comparable rows and the quarantine of one grid; a line without any cell is no row."""
    words = [header_word(cell) for cell in header.cells]
    place = {word: at for at, word in reversed(list(enumerate(words)))}
    body = read_body(grid, header, len(words), range(len(words)))
    body = body.with_columns(clean(pl.col(name)).alias(name) for name in body.columns if name != "row")
    body = body.filter(pl.any_horizontal(pl.exclude("row").is_not_null()))

    def cell(name: str) -> pl.Expr:
        return pl.col(str(place[header_word(name)])) if header_word(name) in place else pl.lit(None, pl.String)

    amount, is_sheet = ask.amount[which], grid.is_sheet
    units = _units(cell(amount), amount, ask.scale, is_sheet=is_sheet)
    instant = cell(ask.date[which]).map_batches(_days, return_dtype=pl.Date) if ask.date else pl.lit(None, pl.Date)
    shown = {f"shown_{i}": _masked(cell(name), name) for i, name in enumerate(ask.show)}
    typed = body.select(
        "row",
        pl.lit(grid.name).alias("file"),
        _joined([cell(pair[which]) for pair in ask.on]).alias("key"),
        _joined([cell(pair[which]) for pair in ask.within]).alias("within"),
        instant.alias("day"),
        (-units if ask.opposite and which else units).alias("amount_units"),
        **shown,
    )
    tests = _tests(ask, which, cell)
    chain = [pl.when(test) for _, test, _ in tests]
    named = list(zip(chain, tests, strict=True))
    bad = pl.concat([body.drop("row"), typed], how="horizontal").select(
        pl.lit(("left", "right")[which]).alias("side"),
        "file",
        "row",
        pl.coalesce(*(when.then(pl.lit(name)) for when, (name, *_) in named)).alias("column"),
        pl.coalesce(*(when.then(mask_figure_expr(cell(name)).fill_null("")) for when, (name, *_) in named)).alias("value"),
        pl.coalesce(*(when.then(pl.lit(reason)) for when, (*_, reason) in named)).alias("reason"),
        "amount_units",
    )
    is_bad = bad["reason"].is_not_null()
    return typed.filter(~is_bad), bad.filter(is_bad)


def _tests(ask: Ask, which: int, cell: Callable[[str], pl.Expr]) -> list[tuple[str, pl.Expr, str]]:
    """What keeps a row from being compared, the first that holds: (header, test, reason)."""
    amount, units = ask.amount[which], pl.col("amount_units")
    tests = [
        (amount, cell(amount).str.contains(SHEET_ERROR), "formula_error"),
        (amount, cell(amount).is_null(), "no_amount"),
        (amount, units.is_null(), "not_exact"),
        (amount, units.abs() >= MAX_FEN, "too_large"),
    ]
    if ask.date:
        tests.append((ask.date[which], pl.col("day").is_null(), "no_date"))
    names = [pair[which] for pair in (*ask.on, *ask.within)]
    return tests + [(name, cell(name).str.contains(DAMAGED), "damaged_id") for name in names]


def _units(text: pl.Expr, header: str, scale: int, *, is_sheet: bool) -> pl.Expr:
    """Text → units of 10^-scale; a column named `…_fen` counts in fen, as our own Parquet tables do."""
    if header.endswith("_fen"):
        fen, step = parse_yuan_expr(text, scale=0), 10 ** abs(scale - 2)
        return fen * step if scale >= 2 else pl.when(fen % step == 0).then(fen // step)
    exact = parse_yuan_expr(text, scale=scale)
    if not is_sheet:
        return exact
    # what a sheet or a float column holds as 0.30000000000000004 is 0.3
    scaled = text.cast(pl.Float64, strict=False) * 10**scale
    is_double = ((scaled - scaled.round()).abs() < 1e-4) & (scaled.abs() < 2**53)
    return exact.fill_null(pl.when(is_double).then(scaled.round().cast(pl.Int64, strict=False)))


def _days(text: pl.Series) -> pl.Series:
    return parse_instants(text).dt.date()


def _joined(cells: list[pl.Expr]) -> pl.Expr:
    """The parts of a key as one text, null where one of them is."""
    return pl.concat_str(cells, separator="|") if cells else pl.lit(None, pl.String)


def _masked(text: pl.Expr, header: str) -> pl.Expr:
    return mask_name_expr(text) if is_personal(header) else mask_text_expr(text)
