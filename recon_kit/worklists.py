"""Work-lists: one workbook an owner, with what is wrong, on what evidence, what to do until when, and cells to answer in.

What a person may fill in is unlocked and yellow; ids are text, money is numbers, nothing is a formula or a link. Equal
states give equal bytes. What comes back is read by `answers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
from xlsxwriter import Workbook
from xlsxwriter.worksheet import Worksheet

from recon_kit.casebook import decisions, item_states
from recon_kit.durable import sync_file, sync_folder, told_plainly
from recon_kit.errors import ConfigError, ReportError
from recon_kit.labels import column_label, phrase, value_label
from recon_kit.mistakes import nearest
from recon_kit.record import Run, load_run
from recon_kit.results import OWNER, SEVERITY
from recon_kit.sheets import SHEET_ROWS, WIDTHS, CellFormats, cell_formats, in_words, new_workbook, write_table
from recon_kit.views import work_items
from recon_kit.workbook import ANSWER_DAYS

FOLDER = "worklists"
WORDS = "worklist"
"""The phrases of this page: templates/worklist.toml."""
DECISIONS = ("explained", "will_pay", "recovered", "corrected", "write_off", "not_ours")
CAUSES = tuple(decisions.CAUSES)
FILL = ("decision", "cause", "explanation", "measure", "measure_due", "answered_by")
"""The columns a person fills in."""
OPEN = ("open", "explained")
_BEFORE = ("code", "name", "severity", "shop", "order_id", "case_id", "gap_fen", "why", "action", "deadline", "state")
_AFTER = (
    *("platform", "key", "expected_fen", "actual_fen", "loss_fen", "age_days", "related", "evidence"),
    *("first_period", "discrepancy_id"),
)
_WIDTHS = {"state": 24, "decision": 18, "cause": 12, "explanation": 40, "measure": 30, "measure_due": 12, "answered_by": 12}


def heading(name: str, language: str) -> str:
    """A column's heading on a work-list."""
    own = (*FILL, "state", "first_period")
    return phrase(WORDS, f"columns.{name}", language) if name in own else column_label(name, language)


def work_list(run: Run, events: pl.DataFrame, earlier: Mapping[str, Run]) -> pl.DataFrame:
    """One row an open item of the run, worst and largest first: what the run knows of it and where it stands by now.

    `events`: the casebook's. `earlier`: period → run, for carried items that this run did not judge: their sentence and
    evidence are those of the run that last stated them. `deadline`: the owner's day, never before as-of + ANSWER_DAYS.
    """
    open_now = item_states(events).filter(pl.col("status").is_in(OPEN))
    states = open_now.select("discrepancy_id", "status", "last_period", "assigned_to", "explanation", "cause", "pending")
    states = states.join(_last_decisions(events), on="discrepancy_id", how="left", validate="1:1")
    items = (
        run.table("open_items")
        .filter(pl.col("status").is_in(OPEN))
        .drop("status", "assigned_to", "explanation", "cause")
        .join(states, on="discrepancy_id", how="inner", validate="1:1")
    )
    last = items.filter(~pl.col("is_found"))["last_period"]
    told = [work_items(run), *(work_items(other) for period, other in sorted(earlier.items()) if period in last)]
    names = ["discrepancy_id", "expected_fen", "actual_fen", "gap_fen", "loss_fen", "why", "evidence", "related"]
    sources = [frame.select(*names, pl.lit(number).alias("place")) for number, frame in enumerate(told)]
    best = pl.concat(sources).sort("discrepancy_id", "place").unique("discrepancy_id", keep="first", maintain_order=True)
    rank = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITY)}, default=-1, return_dtype=pl.Int64)
    soonest = pl.lit(run.as_of + timedelta(days=ANSWER_DAYS))
    return (
        items.join(best.drop("place"), on="discrepancy_id", how="left", validate="1:1")
        .with_columns(deadline=pl.max_horizontal("due_on", soonest))
        .sort(rank, "amount_fen", "discrepancy_id", descending=[True, True, False])
    )


def _last_decisions(events: pl.DataFrame) -> pl.DataFrame:
    """Finding → the decision it was last answered with on a work-list."""
    answered = events.filter(pl.col("kind") == "explained").select(
        pl.col("subject").alias("discrepancy_id"), pl.col("data").str.json_path_match("$.decision").alias("decision")
    )
    return answered.drop_nulls("decision").unique("discrepancy_id", keep="last", maintain_order=True)


def open_run(out: Path, period: str) -> tuple[Run, dict[str, Run]]:
    """The published run of a period, and every published run beside it by period; ReportError when there is none."""
    if not (out / period / "summary.json").is_file():
        raise ReportError(f"{out / period}: no run of {period} is there; expected one. Run `recon-kit run {period}` first")
    others = {path.parent.name: load_run(path.parent) for path in sorted(out.glob("*/summary.json"))}
    return others.pop(period), others


def owner_of(name: str) -> str:
    """The owner that a person names: `cs`, or 客服; ConfigError for nobody known."""
    known = {owner: owner for owner in OWNER} | {label: owner for owner, label in OWNER.items()}
    if name not in known:
        raise ConfigError(f"--owner {name}: unknown owner{nearest(name, known)}. Give one with --owner")
    return known[name]


def write_work_lists(
    work: pl.DataFrame, run: Run, folder: Path, language: str, owners: tuple[str, ...] = tuple(OWNER)
) -> dict[str, Path]:
    """Write `folder/<owner>.xlsx` for every owner who has an item; owner → path. Each file is replaced at one instant."""
    written = {}
    with told_plainly(folder, "Earlier work-lists stand"):
        folder.mkdir(parents=True, exist_ok=True)
        for owner in owners:
            mine = work.filter(pl.col("owner") == owner)
            if mine.height:
                written[owner] = folder / f"{owner}.xlsx"
                draft = folder / f".{owner}.new"
                _write_book(draft, mine, run, owner, language)
                sync_file(draft)
                draft.replace(written[owner])
        sync_folder(folder)
    return written


def in_sentences(work: pl.DataFrame, language: str) -> pl.DataFrame:
    """A work-list as its owner reads it: `sheets.in_words`, and where each item stands in one text."""
    states = [_state(row, language) for row in work.iter_rows(named=True)]
    return in_words(work, language).with_columns(state=pl.Series(states, dtype=pl.String))


def _state(row: dict[str, Any], language: str) -> str:
    """Status, then who has it, what was said of it, and what presses."""
    said = [phrase(WORDS, f"state.{row['status']}", language)]
    said += [phrase(WORDS, f"state.{name}", language) for name in ("overdue", "escalated") if row[f"is_{name}"]]
    if not row["is_found"]:
        said.append(phrase(WORDS, "state.carried", language))
    if row["assigned_to"]:
        said.append(phrase(WORDS, "state.assigned", language, to=row["assigned_to"]))
    if row["decision"]:
        said.append(phrase(WORDS, f"decision.{row['decision']}", language))
    if row["explanation"]:
        said.append(phrase(WORDS, "state.explanation", language, text=row["explanation"]))
    if row["cause"]:
        said.append(phrase(WORDS, "state.cause", language, text=phrase(WORDS, f"cause.{row['cause']}", language)))
    if row["pending"]:
        said.append(phrase(WORDS, "state.pending", language))
    return ("；" if language == "zh" else "; ").join(said)


def _write_book(path: Path, work: pl.DataFrame, run: Run, owner: str, language: str) -> None:
    name = value_label("owner", owner, language)
    with new_workbook(path, f"{run.period.text} {name}") as book:
        formats = cell_formats(book)
        _write_list(book, name, in_sentences(work, language).head(SHEET_ROWS - 2), formats, language)
        _write_about(book, work, run, name, formats, language)


def _write_list(book: Workbook, name: str, work: pl.DataFrame, formats: CellFormats, language: str) -> None:
    """The list itself: header frozen and filtered, the cells to fill in unlocked, the others not."""
    sheet = book.add_worksheet(name)
    columns = [*_BEFORE, *FILL, *_AFTER]
    blank = work.with_columns(pl.lit(None, pl.String).alias(column) for column in FILL)
    headings = [heading(column, language) for column in columns]
    write_table(sheet, 0, blank.select(columns), formats, language, headings)
    answer = {"valign": "top", "font_size": 10, "text_wrap": True, "bg_color": "#FFF7D6", "border": 1, "border_color": "#E4D9A8"}
    texts = book.add_format({**answer, "num_format": "@", "locked": False})
    days = book.add_format({**answer, "num_format": "yyyy-mm-dd", "locked": False})
    heads = book.add_format({"bold": True, "bottom": 1, "bg_color": "#F3D98B", "text_wrap": True, "font_size": 10})
    for place, column in enumerate(columns):
        sheet.set_column(place, place, {**WIDTHS, **_WIDTHS}.get(column, 13))
        if column in FILL:
            sheet.write_string(0, place, heading(column, language), heads)
            for row in range(1, work.height + 1):
                sheet.write_blank(row, place, None, days if column == "measure_due" else texts)
    _restrict(sheet, columns, work.height, language)
    sheet.freeze_panes(1, 2)
    sheet.autofilter(0, 0, work.height, len(columns) - 1)
    sheet.protect("", {"autofilter": True, "sort": True, "format_columns": True, "format_rows": True})
    sheet.set_landscape()
    sheet.set_paper(9)
    sheet.fit_to_pages(1, 0)
    sheet.repeat_rows(0)


def _restrict(sheet: Worksheet, columns: list[str], height: int, language: str) -> None:
    """Drop-down lists for what is one of a few, and a date for what is a day."""

    def says(key: str) -> str:
        return phrase(WORDS, f"check.{key}", language)

    for kind, values in (("decision", DECISIONS), ("cause", CAUSES)):
        place = columns.index(kind)
        names = [phrase(WORDS, f"{kind}.{value}", language) for value in values]
        rule = {"validate": "list", "source": names, "error_title": heading(kind, language), "error_message": says("one_of")}
        sheet.data_validation(1, place, height, place, rule)
    place = columns.index("measure_due")
    day = {"validate": "date", "criteria": ">=", "value": date(2000, 1, 1), "error_message": says("day")}
    sheet.data_validation(1, place, height, place, {**day, "error_title": heading("measure_due", language)})


def _write_about(book: Workbook, work: pl.DataFrame, run: Run, owner: str, formats: CellFormats, language: str) -> None:
    """How to fill in, on a sheet of its own."""
    facts: dict[str, object] = {
        "entity": run.summary["entity"],
        "period": run.period.text,
        "owner": owner,
        "n": f"{work.height:,}",
    }
    facts |= {"day": run.as_of.isoformat(), "days": ANSWER_DAYS}
    sheet = book.add_worksheet(phrase(WORDS, "about.sheet", language))
    sheet.set_column(0, 0, 110)
    sheet.protect()
    for row, key in enumerate(("title", "as_of", "fill", "needed", "write_off", "deadline", "back")):
        sheet.write_string(row, 0, phrase(WORDS, f"about.{key}", language, **facts), formats.title if row == 0 else formats.text)
