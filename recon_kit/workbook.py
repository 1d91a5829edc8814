"""`discrepancies.xlsx`: the work-list, one sheet an owner, with a summary before and the evidence behind.

Money is numbers (yuan, two decimals), ids are text, and no text of the data can become a formula or a link. Equal runs
give equal bytes.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import polars as pl
from xlsxwriter import Workbook

from recon_kit import views
from recon_kit.labels import code_name, value_label, word
from recon_kit.record import Run, load_run
from recon_kit.results import OWNER, SEVERITY
from recon_kit.sheets import SHEET_ROWS, WIDTHS, CellFormats, cell_formats, in_words, new_workbook, write_table

FILE = "discrepancies.xlsx"
ANSWER_DAYS = 3
"""Owners answer by the third day after the as-of day. Source: domain, Cycle."""
_WORK = (
    "code",
    "name",
    "severity",
    "nature",
    "shop",
    "platform",
    "order_id",
    "case_id",
    "why",
    "expected_fen",
    "actual_fen",
    "gap_fen",
    "loss_fen",
    "action",
    "deadline",
    "age_days",
    "evidence",
    "related",
    "key",
    "discrepancy_id",
)


def write_workbook(run_dir: Path, *, language: str) -> Path:
    """Write `discrepancies.xlsx` into the run folder; its path."""
    run = load_run(run_dir)
    path = run.folder / FILE
    with new_workbook(path, f"{run.summary['period']} {word('ui.workbook', language)}") as book:
        formats = cell_formats(book)
        _write_summary(book, run, formats, language)
        work = _work_list(run, language)
        for owner in OWNER:
            mine = work.filter(pl.col("owner") == owner)
            if mine.height:
                write_sheet(book, value_label("owner", owner, language), mine.select(_WORK), formats, language)
        if (entries := _entries(run, language)).height:
            write_sheet(book, word("sheet.entries", language), entries, formats, language)
        write_sheet(book, word("sheet.evidence", language), _evidence(run), formats, language)
    return path


def _work_list(run: Run, language: str) -> pl.DataFrame:
    """One row a primary finding, worst and largest first, in words; the codes of its related findings stand beside it."""
    due = run.as_of + timedelta(days=ANSWER_DAYS)
    place = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITY)}, default=-1, return_dtype=pl.Int64)
    frame = (
        views.work_items(run)
        .sort(place, pl.col("gap_fen").abs().fill_null(0), "discrepancy_id", descending=[True, True, False])
        .with_columns(deadline=pl.coalesce("breaks_on", pl.lit(due)))
    )
    return in_words(frame, language)


def _entries(run: Run, language: str) -> pl.DataFrame:
    """The proposed entries, one row a line; nothing of it is posted."""
    lines = run.table("adjustments")
    effects = pl.Series("effect", [value_label("effect", effect, language) for effect in lines["effect"]], dtype=pl.String)
    return (
        lines.rename({"account": "account_code"})
        .with_columns(effects, answers=pl.col("answers").list.join("\n"))
        .select(
            *(
                "entry_id",
                "line_no",
                "date",
                "effect",
                "code",
                "account_code",
                "account_name",
                "debit_fen",
                "credit_fen",
                "memo",
                "shop",
            ),
            *("ref_id", "answers", "standard"),
        )
    )


def _evidence(run: Run) -> pl.DataFrame:
    """One row a source row that a finding (primary or related) rests on: file and row apart."""
    place = pl.col("evidence").str.extract_groups(r"(?s)^(.*?)(?::(\d+))?$")
    return (
        run.table("discrepancies")
        .sort("discrepancy_id")
        .select("discrepancy_id", "code", "evidence")
        .explode("evidence")
        .drop_nulls("evidence")
        .with_columns(file=place.struct.field("1"), row=place.struct.field("2").cast(pl.Int64, strict=False))
        .drop("evidence")
    )


def _write_summary(book: Workbook, run: Run, formats: CellFormats, language: str) -> None:
    """Verdict, the bridge, and findings by code."""
    sheet = book.add_worksheet(word("sheet.summary", language))
    sheet.hide_gridlines(2)
    sheet.set_column(0, 0, 8)
    sheet.set_column(1, 1, 36)
    sheet.set_column(2, 6, 18)
    summary = run.summary
    sheet.write_string(0, 0, f"{summary['entity']} {summary['period']}", formats.title)
    facts = (
        ("verdict", word(f"verdict.{summary['verdict']}", language)),
        ("as_of", str(summary["as_of"])),
        ("standard", str(summary["standard"])),
    )
    for row, (key, text) in enumerate(facts, start=1):
        sheet.write_string(row, 0, word(f"ui.{key}", language))
        sheet.write_string(row, 1, text)
    row = len(facts) + 2
    if run.is_due("bridge"):
        steps = views.bridge_steps(run)
        names = [word(f"bridge.{line}", language) for line in steps["line"]]
        bridge = steps.with_columns(label=pl.Series(names, dtype=pl.String)).select("line", "label", "amount_fen", "n")
        row = write_table(sheet, row, bridge, formats, language)
    codes = views.codes(run)
    shown = codes.select(
        "code",
        pl.Series("name", [code_name(code, language) for code in codes["code"]], pl.String),
        "abs_gap_fen",
        "n",
        pl.Series("severity", [value_label("severity", v, language) for v in codes["severity"]], pl.String),
        pl.Series("nature", [value_label("nature", v, language) for v in codes["nature"]], pl.String),
        pl.Series("owner", [value_label("owner", v, language) for v in codes["owner"]], pl.String),
    )
    row = write_table(sheet, row + 1, shown, formats, language)
    for code, missing in summary["not_checked"].items():
        row += 1
        sheet.write_string(row, 0, code)
        sheet.write_string(row, 1, f"{word('ui.not_checked', language)}: {code_name(code, language)} ({missing})")
    for code in summary["not_scheduled"]:
        row += 1
        sheet.write_string(row, 0, code)
        sheet.write_string(row, 1, f"{word('ui.unscheduled', language)}: {code_name(code, language)}")


def write_sheet(
    book: Workbook, name: str, frame: pl.DataFrame, formats: CellFormats, language: str, headings: Sequence[str] = ()
) -> None:
    """A table on a sheet of its own: header frozen and filtered, printed landscape with the header on every page."""
    sheet = book.add_worksheet(name)
    kept = frame.head(SHEET_ROWS - 2)
    write_table(sheet, 0, kept, formats, language, headings)
    if kept.height < frame.height:
        rest = word("ui.rest", language, n=f"{frame.height - kept.height:,}")
        sheet.write_string(SHEET_ROWS - 1, 0, rest)
    for place, column in enumerate(frame.columns):
        sheet.set_column(place, place, WIDTHS.get(column, 13))
    sheet.freeze_panes(1, 2 if "name" in frame.columns else 0)
    sheet.autofilter(0, 0, kept.height, frame.width - 1)
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)
