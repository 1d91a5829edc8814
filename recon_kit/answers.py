"""What owners answer on their work-lists, read back into the casebook: all of a file or nothing, and once.

A row is recognised by its finding, wherever it stands: sheets may be sorted, filtered, re-saved by another program or sent
as CSV. An answer that was recorded before is not recorded again, so the same file twice adds nothing.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from recon_kit.casebook import MACHINE, Casebook, Decision, Event, checker, item_states
from recon_kit.config import Config
from recon_kit.errors import CasebookError
from recon_kit.labels import LANGUAGES, phrase
from recon_kit.privacy import mask_text
from recon_kit.sources.decode import Grid, HeadRow, open_grids, read_body
from recon_kit.worklists import CAUSES, DECISIONS, FILL, OPEN, WORDS, heading

MAX_TEXT, MAX_NAME = 2000, 40
"""Characters of an explanation or action, and of a name."""
SHOWN_FAULTS = 20
_READ = ("discrepancy_id", *FILL)
_EXCEL_DAY_ZERO = date(1899, 12, 30)


@dataclass(frozen=True)
class Fault:
    """One cell that cannot be read as an answer: where it stands, what is in it, and the phrase of what was expected."""

    sheet: str
    row: int
    column: str
    found: str
    expected: str
    facts: Mapping[str, object]

    def text(self, language: str) -> str:
        """The fault in one line; what was found is masked where it is personal."""
        wanted = phrase(WORDS, f"expected.{self.expected}", language, **self.facts)
        about = {"sheet": self.sheet, "row": self.row, "column": heading(self.column, language)}
        return phrase(WORDS, "import.row", language, found=mask_text(self.found[:60]), expected=wanted, **about)


@dataclass(frozen=True)
class Answer:
    """One answered row. `measure_due` is set where there is a `measure`; `cause` is None where none was chosen."""

    discrepancy_id: str
    decision: str
    cause: str | None
    explanation: str
    measure: str | None
    measure_due: date | None
    answered_by: str

    @property
    def digest(self) -> str:
        """What tells it from every other answer, whatever file it came in."""
        told = [*(getattr(self, name) for name in ("discrepancy_id", "decision", "cause", "explanation", "measure"))]
        told += [self.measure_due and self.measure_due.isoformat(), self.answered_by]
        return hashlib.sha256(json.dumps(told, ensure_ascii=False).encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Imported:
    """What became of one file: items answered and events recorded now, answers recorded before, items that had ended."""

    file: str
    answered: int
    events: int
    known: int
    ended: int


def import_answers(casebook: Casebook, path: Path, config: Config, *, at: datetime, language: str) -> Imported:
    """Record the answers of one file; CasebookError, naming every faulty cell, and nothing recorded, when any is faulty."""
    answers, faults = read_answers(path, language)
    while True:
        events = casebook.events()
        states = {row["discrepancy_id"]: row for row in item_states(events).iter_rows(named=True)}
        unknown = [fault for place, answer in answers if (fault := _unknown(place, answer, states))]
        if faults or unknown:
            raise CasebookError(_told(path.name, [*faults, *unknown], language))
        known = recorded_answers(events)
        new = {answer.digest: answer for _, answer in answers if answer.digest not in known}
        check = checker(events, config)
        news = [event for answer in new.values() for event in _events(answer, states[answer.discrepancy_id], check, at)]
        if news:
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            news.append(Event("imported", "config", MACHINE, at, data={"file": path.name, "sha256": digest, "n": len(new)}))
        if casebook.append_after(int(events["seq"].max() or 0), news):  # type: ignore[arg-type]  # an Int64 column's maximum
            ended = sum(states[answer.discrepancy_id]["status"] not in OPEN for answer in new.values())
            return Imported(path.name, len(new), len(news), len({a.digest for _, a in answers}) - len(new), ended)


def check_nothing_lost(paths: Sequence[Path], events: pl.DataFrame, language: str) -> None:
    """Refuse to replace a work-list in which somebody answered and whose answers the casebook does not have."""
    known = recorded_answers(events)
    for path in paths:
        if path.is_file():
            answers, faults = read_answers(path, language)
            waiting = len(faults) + sum(answer.digest not in known for _, answer in answers)
            if waiting:
                raise CasebookError(
                    f"{path}: found {waiting} answers that were not imported; expected none before the list is written anew. "
                    f"Run `recon-kit cases import {path}` first, or choose another place with --to"
                )


def recorded_answers(events: pl.DataFrame) -> set[str]:
    """The digests of all answers that were ever imported."""
    told = events.filter(pl.col("kind") == "explained")["data"].str.json_path_match("$.answer")
    return set(told.drop_nulls())


def read_answers(path: Path, language: str) -> tuple[list[tuple[tuple[str, int], Answer]], list[Fault]]:
    """The answered rows of a file with their (sheet, row), and every cell at fault. Rows without an answer are passed over.

    CasebookError when the file is no work-list: the columns are recognised in Chinese and in English.
    """
    with TemporaryDirectory(prefix="recon-answers-") as folder:
        sheets = [found for grid in open_grids(path, path.name, Path(folder)) if (found := _answered_rows(grid))]
    if not sheets:
        wanted = "、".join(heading(name, language) for name in _READ)
        raise CasebookError(
            f"{path.name}: no sheet with the columns of a work-list; expected {wanted}. Give a file that "
            "`recon-kit cases export` wrote"
        )
    answers: list[tuple[tuple[str, int], Answer]] = []
    faults: list[Fault] = []
    for sheet, rows in sheets:
        for cells in rows.iter_rows(named=True):
            wrong = list(_faults(sheet, cells, language))
            faults += wrong
            if not wrong:
                answers.append(((sheet, cells["row"]), _answer(cells)))
    return answers, [*faults, *_contradictions(answers)]


def _answered_rows(grid: Grid) -> tuple[str, pl.DataFrame] | None:
    """The sheet's name and its rows with anything filled in, columns by name; None for a sheet that is no work-list."""
    for head in grid.head:
        places = _places(head)
        if len(places) == len(_READ):
            body = read_body(grid, head, len(head.cells), list(places.values()))
            named = body.select(
                "row", *(pl.col(str(place)).str.strip_chars().replace("", None).alias(name) for name, place in places.items())
            )
            sheet = grid.name.rpartition("!")[2]
            return sheet, named.filter(pl.any_horizontal(pl.col(FILL).is_not_null()))
    return None


def _places(head: HeadRow) -> dict[str, int]:
    """Column → its position, of the columns that are read; by either language's heading."""
    titles = {heading(name, language): name for name in _READ for language in LANGUAGES}
    found = {titles[cell.strip()]: place for place, cell in enumerate(head.cells) if cell and cell.strip() in titles}
    return {name: found[name] for name in _READ if name in found}


def _faults(sheet: str, cells: dict[str, Any], language: str) -> Iterator[Fault]:
    """What is wrong with one answered row, cell by cell."""

    def fault(column: str, expected: str, **facts: object) -> Fault:
        return Fault(sheet, cells["row"], column, cells[column] or "", expected, facts)

    for kind, values in (("decision", DECISIONS), ("cause", CAUSES)):
        if cells[kind] and _chosen(kind, cells[kind]) is None:
            names = ("、" if language == "zh" else ", ").join(phrase(WORDS, f"{kind}.{value}", language) for value in values)
            yield fault(kind, "one_of", names=names)
    yield from (fault(name, "needed") for name in ("decision", "explanation", "answered_by") if not cells[name])
    yield from (
        fault(name, "short", n=MAX_TEXT) for name in ("explanation", "measure") if cells[name] and len(cells[name]) > MAX_TEXT
    )
    if cells["answered_by"] and (cells["answered_by"] == MACHINE or len(cells["answered_by"]) > MAX_NAME):
        yield fault("answered_by", "person")
    if _chosen("decision", cells["decision"]) == "write_off" and not cells["cause"]:
        yield fault("cause", "write_off_cause")
    if cells["measure_due"] and _day(cells["measure_due"]) is None:
        yield fault("measure_due", "due")
    if cells["measure"] and not cells["measure_due"]:
        yield fault("measure_due", "due_needed")
    if not cells["discrepancy_id"]:
        yield fault("discrepancy_id", "known")


def _answer(cells: dict[str, Any]) -> Answer:
    decision, cause = _chosen("decision", cells["decision"]), _chosen("cause", cells["cause"])
    measure = cells["measure"] and mask_text(cells["measure"])
    return Answer(
        cells["discrepancy_id"],
        str(decision),
        cause,
        mask_text(cells["explanation"]),
        measure,
        _day(cells["measure_due"]) if measure and cells["measure_due"] else None,
        cells["answered_by"],
    )


def _events(answer: Answer, state: Mapping[str, Any], check: Callable[[Decision], Event], at: datetime) -> Iterator[Event]:
    """What an answer says, as decisions of who answered, each checked as the command line's are.

    A write-off is proposed only while the item is open and none waits.
    """

    def says(kind: str, **data: object) -> Event:
        told = {"answer": answer.digest, **data}
        return check(Decision(kind, answer.discrepancy_id, answer.answered_by, at, answer.explanation, told))

    yield says("explained", decision=answer.decision)
    if answer.cause and answer.cause != state["cause"]:
        yield says("cause", cause=answer.cause)
    if answer.measure and answer.measure_due:
        yield says("action", what=answer.measure, owner=answer.answered_by, due=answer.measure_due.isoformat())
    if answer.decision == "write_off" and state["status"] in OPEN and not state["pending"]:
        yield says("written_off")


def _contradictions(answers: list[tuple[tuple[str, int], Answer]]) -> Iterator[Fault]:
    """Rows that answer a finding again, and differently."""
    first: dict[str, Answer] = {}
    for (sheet, row), answer in answers:
        if first.setdefault(answer.discrepancy_id, answer) != answer:
            yield Fault(sheet, row, "discrepancy_id", answer.discrepancy_id, "once", {})


def _unknown(place: tuple[str, int], answer: Answer, states: Mapping[str, Any]) -> Fault | None:
    known = answer.discrepancy_id in states
    return None if known else Fault(*place, "discrepancy_id", answer.discrepancy_id, "known", {})


def _chosen(kind: str, text: str | None) -> str | None:
    """The value behind a drop-down's words, in either language, or behind its own name."""
    values = DECISIONS if kind == "decision" else CAUSES
    names = {phrase(WORDS, f"{kind}.{value}", language): value for value in values for language in LANGUAGES}
    return (names | dict(zip(values, values, strict=True))).get(text or "")


def _day(text: str) -> date | None:
    """A day as sheets and people write it: 2026-11-20, 2026/11/20, 2026年11月20日, with a time, or Excel's number of it."""
    if re.fullmatch(r"\d{5}(\.\d+)?", text):
        return _EXCEL_DAY_ZERO + timedelta(days=int(text[:5]))
    parts = re.fullmatch(r"(\d{4})\s*[-/.年]\s*(\d{1,2})\s*[-/.月]\s*(\d{1,2})\s*日?(?:[ T]\d{1,2}:\d{2}.*)?", text)
    try:
        return parts and date(*(int(part) for part in parts.groups()))
    except ValueError:
        return None


def _told(file: str, faults: list[Fault], language: str) -> str:
    """One message of all faults of a file."""
    lines = [fault.text(language) for fault in faults[:SHOWN_FAULTS]]
    if len(faults) > SHOWN_FAULTS:
        lines.append(phrase(WORDS, "import.more", language, n=len(faults) - SHOWN_FAULTS))
    return phrase(WORDS, "import.refused", language, file=file, n=len(faults), rows="\n  ".join(lines))
