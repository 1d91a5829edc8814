"""Decisions from the workplace: what is typed becomes decisions of the casebook, checked as the command line's are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl

from recon_kit.casebook import Casebook, Decision, decide_all, keep_evidence
from recon_kit.casebook.decisions import DECISIONS
from recon_kit.casebook.states import read_events
from recon_kit.config import Config
from recon_kit.errors import CasebookError, ReconError
from recon_kit.labels import phrase

NEEDS: dict[str, tuple[str, ...]] = {
    "assigned": ("to", "due"),
    "explained": (),
    "cause": ("cause",),
    "commented": (),
    "action": ("what", "to", "due"),
    "attached": ("files",),
    "written_off": (),
    "approved": ("about",),
    "rejected": ("about",),
    "closed": (),
    "reopened": (),
}
"""Kind of decision → what it asks for beside the reason."""
OPTIONAL = {("assigned", "due")}
ABOUT = ("write_off", "entries")
"""What an approval or a rejection is about: the item's proposed write-off, or the entries that answer it."""
SHOWN_REFUSALS = 8


@dataclass(frozen=True)
class Typed:
    """What stands in the form. `files`: name → content; `about`: of ABOUT; the rest as it was typed."""

    by: str = ""
    kind: str = "assigned"
    to: str = ""
    due: date | None = None
    cause: str = ""
    what: str = ""
    about: str = "write_off"
    why: str = ""
    files: Mapping[str, bytes] = field(default_factory=dict)


def missing(typed: Typed, subjects: Sequence[str]) -> str | None:
    """The phrase of the first thing the form lacks, by its name in templates/explore.toml; None when it is whole.

    `subjects`: what it would be about, of `subjects_of`.
    """
    if not typed.by.strip():
        return "no_name"
    if not subjects:
        return "no_entries" if typed.kind in ("approved", "rejected") and typed.about == "entries" else "no_rows"
    for name in NEEDS[typed.kind]:
        value = getattr(typed, name)
        if (typed.kind, name) not in OPTIONAL and not (value.strip() if isinstance(value, str) else value):
            return f"no_{name}"
    return None if typed.why.strip() or typed.kind == "assigned" else "no_why"


def subjects_of(typed: Typed, chosen: pl.DataFrame, entries: pl.DataFrame) -> list[str]:
    """The ids that a decision on the chosen findings is about: they themselves, or their entries that wait for approval.

    `entries`: of `entry_states`.
    """
    if typed.kind not in ("approved", "rejected") or typed.about != "entries":
        return chosen["discrepancy_id"].to_list()
    answered = chosen["entry_ids"].explode().drop_nulls().unique()
    waiting = entries.filter((pl.col("status") == "proposed") & pl.col("entry_id").is_in(answered.implode()))
    return waiting["entry_id"].to_list()


def record(casebook: Casebook, config: Config, out: Path, typed: Typed, subjects: Sequence[str], at: datetime) -> tuple[int, ...]:
    """Write the decision on every subject, all or none; gives the event numbers. CasebookError says what forbids it.

    `out`: the folder of results, where evidence is kept.
    """
    told = [_kept(name, content, out) for name, content in typed.files.items()] if typed.kind == "attached" else [_told(typed)]
    why = typed.why.strip() or None
    decisions = [Decision(typed.kind, subject, typed.by, at, why, data) for data in told for subject in subjects]
    return decide_all(casebook, config, decisions)


def _told(typed: Typed) -> dict[str, Any]:
    """The facts of a decision, named as the command line names them."""
    due = {"due": typed.due.isoformat()} if typed.due else {}
    told: dict[str, dict[str, Any]] = {
        "assigned": {"to": typed.to.strip(), **due},
        "explained": {"text": typed.why.strip()},
        "cause": {"cause": typed.cause},
        "action": {"what": typed.what.strip(), "to": typed.to.strip(), **due, "is_done": False},
    }
    return told.get(typed.kind, {})


def _kept(name: str, content: bytes, out: Path) -> dict[str, Any]:
    """Keep an uploaded file as evidence; only the last part of its name counts."""
    with TemporaryDirectory(prefix="recon-evidence-") as folder:
        file = Path(folder, Path(name.replace("\\", "/")).name or "evidence")
        file.write_bytes(content)
        return keep_evidence(file, out)


def last_own(events: pl.DataFrame, by: str) -> pl.DataFrame:
    """The last decision of a person that still holds, one row a subject it was taken on: number, subject, kind, why, data."""
    held = read_events(events).filter((pl.col("by") == by.strip()) & pl.col("kind").is_in(DECISIONS)).sort("number")
    last = held.tail(1)
    together = held.join(last.select("at", "kind", "why"), on=["at", "kind", "why"], how="semi", nulls_equal=True)
    names = ["number", "subject", "kind", "why", "to", "due", "cause", "what"]
    return together.select(names)


def undo(casebook: Casebook, config: Config, by: str, why: str, at: datetime) -> pl.DataFrame:
    """Undo a person's last decision on every subject it was taken on, all or none; gives what was undone, of `last_own`.

    The frame is empty when there is nothing to undo.
    """
    last = last_own(casebook.events(), by)
    found = last.select("number", "subject").rows()
    if found:
        decide_all(casebook, config, [Decision("undone", subject, by, at, why, {"seq": number}) for number, subject in found])
    return last


def typed_again(undone: pl.DataFrame, by: str) -> Typed:
    """The form as it stood before what was undone, of `last_own`, was recorded."""
    row = undone.row(0, named=True)
    due = date.fromisoformat(row["due"]) if row["due"] else None
    kind = row["kind"] if row["kind"] in NEEDS else "assigned"
    told: dict[str, Any] = {name: row[name] or "" for name in ("to", "cause", "what", "why")}
    return Typed(by=by, kind=kind, due=due, about="entries" if row["subject"].startswith("E") else "write_off", **told)


def refusal(error: ReconError, language: str) -> str:
    """What forbids a decision, as it is shown: a line each for the first of them, and how many more there are."""
    parts = (error.parts if isinstance(error, CasebookError) else ()) or (error,)
    lines = [_in_words(part, language) for part in parts]
    more = [phrase("explore", "tell.more", language, n=len(lines) - SHOWN_REFUSALS)] if len(lines) > SHOWN_REFUSALS else []
    return "\n".join([phrase("explore", "tell.refused", language), *lines[:SHOWN_REFUSALS], *more])


def _in_words(error: ReconError, language: str) -> str:
    """A refusal in the language asked; what is no rule of decisions is said as it is."""
    if not isinstance(error, CasebookError) or error.rule is None:
        return str(error)
    facts = dict(error.facts)
    if "status" in facts:
        facts["status"] = phrase("explore", f"status.{facts['status']}", language)
    return phrase("explore", f"rule.{error.rule}", language, **facts)
