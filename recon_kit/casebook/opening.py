"""A casebook as text: what `recon-kit cases history --json` prints, and what a casebook that is not there yet begins with.

`casebook.json` beside the exports takes a casebook to another folder or machine. It is read where a run finds no casebook, and
never again; its chain is checked, so that it begins with what was written and nothing else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.casebook.event import EVENTS_SCHEMA, Event, canonical, verify_events
from recon_kit.casebook.storage import Casebook, open_casebook
from recon_kit.errors import CasebookError

OPENING = "casebook.json"
NO_HISTORY = pl.DataFrame(schema=EVENTS_SCHEMA)


def events_json(events: pl.DataFrame) -> str:
    """Events (`EVENTS_SCHEMA`) as a JSON list, their data as objects."""
    told = [{**row, "data": json.loads(row["data"])} for row in events.to_dicts()]
    return json.dumps(told, ensure_ascii=False, indent=1, default=str)


def read_opening(data: Path) -> pl.DataFrame:
    """The events of `casebook.json` in a folder of exports, none without the file; CasebookError for one that is not whole."""
    path = data / OPENING
    if not path.is_file():
        return NO_HISTORY
    try:
        rows = [_row(told) for told in json.loads(path.read_text("utf-8"))]
        events = pl.DataFrame(rows, schema=EVENTS_SCHEMA, orient="row")
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise CasebookError(
            f"{path}: cannot be read as events ({type(error).__name__}); expected what `recon-kit cases history --json` prints. "
            "Print it again, or move the file away to begin an empty casebook"
        ) from None
    try:
        verify_events(events)
    except CasebookError as error:
        raise CasebookError(f"{path}: {error}") from None
    return events


def begin_casebook(place: Path | str, opening: pl.DataFrame) -> Casebook:
    """Make a casebook that begins with the events of an opening; one that somebody began meanwhile stays as it is."""
    book = open_casebook(place)
    told = opening.drop("seq", "previous", "hash").iter_rows(named=True)
    book.append_after(0, [Event(**{**said, "data": json.loads(said["data"])}) for said in told])
    return book


def _row(told: Mapping[str, Any]) -> dict[str, Any]:
    """One event as a row; a missing name or a time that is none is an error of the caller's."""
    return {
        **{name: told[name] for name in EVENTS_SCHEMA},
        "at": datetime.fromisoformat(told["at"]),
        "data": canonical(told["data"]),
    }
