"""What is chosen, as files: all of it, listed or not, with the sentence, the evidence and the state of each finding."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import polars as pl

from recon_kit.durable import replace_file
from recon_kit.explore.evidence import status_text
from recon_kit.labels import column_label, phrase, value_label
from recon_kit.money import format_yuan_expr
from recon_kit.sheets import cell_formats, in_words, new_workbook
from recon_kit.workbook import write_sheet

COLUMNS = (
    *("code", "name", "severity", "nature", "owner", "shop", "platform", "order_id", "case_id", "key", "why"),
    *("expected_fen", "actual_fen", "gap_fen", "amount_fen", "loss_fen", "age_days", "due_on", "status", "assigned_to"),
    *("cause", "explanation", "action", "related", "evidence", "discrepancy_id"),
)
OWN = ("due_on", "status", "assigned_to", "cause", "explanation")
"""Columns that say where the finding stands, as the list names them."""
Writer = Callable[[pl.DataFrame, Path, str, str], Path]


def write_xlsx(chosen: pl.DataFrame, out: Path, period: str, language: str) -> Path:
    """Write `explore-<period>.xlsx` into the folder of results: ids as text, money as numbers, no formula and no link."""
    path = out / f"explore-{period}.xlsx"

    def write(draft: Path) -> None:
        with new_workbook(draft, period) as book:
            title = phrase("explore", "export.sheet", language)
            write_sheet(book, title, _in_words(chosen, language), cell_formats(book), language, _headings(language))

    replace_file(path, write)
    return path


def write_csv(chosen: pl.DataFrame, out: Path, period: str, language: str) -> Path:
    """Write `explore-<period>.csv`: UTF-8 with its mark, every cell quoted, money in yuan, evidence one place a line.

    A text that a spreadsheet would take for a formula, or that begins with an apostrophe, gets an apostrophe before it; taking
    one away gives the text back.
    """
    path = out / f"explore-{period}.csv"
    frame = _in_words(chosen, language)
    text = pl.col(pl.String)
    frame = frame.with_columns(
        pl.when(text.str.contains(r"^[=+\-@\t\r\n']")).then(text.str.replace("^", "'")).otherwise(text),
        *(format_yuan_expr(pl.col(name)).alias(name) for name in frame.columns if name.endswith("_fen")),
    )
    titled = frame.rename(dict(zip(COLUMNS, _headings(language), strict=True)))
    replace_file(path, lambda draft: titled.write_csv(draft, include_bom=True, quote_style="always"))
    return path


WRITERS: dict[str, Writer] = {"xlsx": write_xlsx, "csv": write_csv}


def _in_words(chosen: pl.DataFrame, language: str) -> pl.DataFrame:
    """The findings as their reader sees them."""
    states = [status_text(row, language) for row in chosen.select("status", "pending").iter_rows(named=True)]
    owners = [value_label("owner", owner, language) for owner in chosen["owner"]]
    causes = [cause and phrase("worklist", f"cause.{cause}", language) for cause in chosen["cause"]]
    return (
        in_words(chosen, language)
        .with_columns(
            pl.Series("status", states, pl.String),
            pl.Series("cause", causes, pl.String),
            pl.Series("owner", owners, pl.String),
        )
        .select(COLUMNS)
    )


def _headings(language: str) -> list[str]:
    return [phrase("explore", f"column.{name}", language) if name in OWN else column_label(name, language) for name in COLUMNS]
