"""Worksheets that cannot surprise: money as numbers, ids as text, no text that becomes a formula or a link, equal bytes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from xlsxwriter import Workbook
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from recon_kit.labels import code_action, code_name, column_label, value_label

SHEET_ROWS = 1_048_576
_CREATED = datetime(2000, 1, 1, tzinfo=UTC).replace(tzinfo=None)

WIDTHS = {
    "code": 6,
    "name": 22,
    "severity": 8,
    "nature": 8,
    "shop": 16,
    "platform": 10,
    "why": 60,
    "action": 44,
    "order_id": 22,
    "case_id": 22,
    "key": 24,
    "evidence": 36,
    "deadline": 12,
    "discrepancy_id": 20,
    "related": 10,
    "file": 40,
    "owner": 12,
    "entry_id": 20,
    "account_name": 28,
    "memo": 44,
    "answers": 20,
}
"""Width of a column by what it holds, in characters; 13 for any other."""


@dataclass(frozen=True)
class CellFormats:
    """The formats of a workbook's cells, by what they hold."""

    head: Format
    text: Format
    money: Format
    count: Format
    day: Format
    title: Format


@contextmanager
def new_workbook(path: Path, title: str) -> Iterator[Workbook]:
    """A workbook at `path`, written when the block ends; its properties hold no clock time."""
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False, "in_memory": True}
    with Workbook(str(path), options) as book:
        book.set_properties({"created": _CREATED, "title": title})
        yield book


def in_words(items: pl.DataFrame, language: str) -> pl.DataFrame:
    """Findings as their owner reads them: what is wrong and what to do in words, evidence one place a line."""
    names = {code: code_name(code, language) for code in items["code"].unique()}
    actions = {code: code_action(code, language) for code in items["code"].unique()}
    return items.with_columns(
        name=pl.col("code").replace_strict(names, return_dtype=pl.String),
        action=pl.col("code").replace_strict(actions, return_dtype=pl.String),
        evidence=pl.col("evidence").list.join("\n"),
        **{
            kind: pl.Series([value_label(kind, value, language) for value in items[kind]], dtype=pl.String)
            for kind in ("severity", "nature", "platform")
        },
    )


def write_table(
    sheet: Worksheet, top: int, frame: pl.DataFrame, formats: CellFormats, language: str, headings: Sequence[str] = ()
) -> int:
    """Header (the columns' labels, if no headings are given) and rows from row `top`; the first row after them."""
    names = headings or [column_label(name, language) for name in frame.columns]
    write_row(sheet, top, names, [formats.head] * frame.width)
    styles = [_style(name, dtype, formats) for name, dtype in frame.schema.items()]
    money = [name.endswith("_fen") for name in frame.columns]
    for row, values in enumerate(frame.iter_rows(), start=top + 1):
        cells = [value / 100 if is_money and value is not None else value for value, is_money in zip(values, money, strict=True)]
        write_row(sheet, row, cells, styles)
    return top + frame.height + 1


def write_row(sheet: Worksheet, row: int, cells: Iterable[Any], styles: Sequence[Format]) -> None:
    """One row of cells from the first column on; None leaves its cell empty, a text longer than a cell can hold is cut."""
    for column, (cell, style) in enumerate(zip(cells, styles, strict=True)):
        if cell is None:
            continue
        if isinstance(cell, str):
            sheet.write_string(row, column, cell[:32_767], style)
        elif isinstance(cell, date):
            sheet.write_datetime(row, column, datetime(cell.year, cell.month, cell.day), style)  # noqa: DTZ001 - a sheet has no zone
        else:
            sheet.write_number(row, column, cell, style)


def cell_formats(book: Workbook) -> CellFormats:
    """The formats of a new workbook."""
    top = {"valign": "top", "font_size": 10}
    return CellFormats(
        head=book.add_format(
            {"bold": True, "bottom": 1, "bg_color": "#EEF1F4", "valign": "vcenter", "text_wrap": True, "font_size": 10}
        ),
        text=book.add_format({**top, "num_format": "@", "text_wrap": True}),
        money=book.add_format({**top, "num_format": "#,##0.00;[Red]-#,##0.00"}),
        count=book.add_format({**top, "num_format": "#,##0"}),
        day=book.add_format({**top, "num_format": "yyyy-mm-dd"}),
        title=book.add_format({"bold": True, "font_size": 14}),
    )


def _style(name: str, dtype: pl.DataType, formats: CellFormats) -> Format:
    if name.endswith("_fen"):
        return formats.money
    if dtype == pl.Date():
        return formats.day
    return formats.count if dtype.is_numeric() else formats.text
