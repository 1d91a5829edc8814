"""What a published run says becomes events: once per run, and only what is news."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.casebook.event import MACHINE, Event
from recon_kit.casebook.states import entry_states, item_states, read_events
from recon_kit.casebook.storage import Casebook
from recon_kit.config import Config
from recon_kit.errors import CasebookError
from recon_kit.periods import parse_period
from recon_kit.publish import MANIFEST, read_manifest
from recon_kit.record import Run, load_run
from recon_kit.results import RESULTS

_TOLD = (
    *("code", "key", "key_kind", "nature", "severity", "owner", "platform", "shop", "channel", "order_id", "case_id"),
    *("event_on", "breaks_on", "amount_fen"),
)
_OPEN = ("open", "explained")
_REREAD = 20


def absorb_run(casebook: Casebook, run_dir: Path, *, at: datetime) -> None:
    """Record a published run: what it opened, saw again and cleared, and the entries it proposes. Idempotent per run.

    A run of a period that has one already speaks instead of it: what the earlier one opened and this one does not state is
    cleared by the rerun. Nothing is written for a run that is the last one recorded for its period.
    """
    run = load_run(run_dir)
    run_id = _run_id(run_dir)
    for _ in range(_REREAD):
        events = casebook.events()
        if last_runs(events).get(run.period.text) == run_id:
            return
        head = int(events["seq"].max() or 0)  # type: ignore[arg-type]  # an Int64 column's maximum
        news = [*_statements(run, run_id, events, at), *_entries(run, run_id, events, at), _run(run, run_id, at)]
        if casebook.append_after(head, news):
            return
    raise CasebookError(
        f"{casebook.place}: other programs kept writing while run {run_id} was recorded; expected a quiet moment. "
        "Repeat the command"
    )


def absorb_published(casebook: Casebook, out: Path, *, at: datetime) -> None:
    """Record every published month in `out` that is not recorded yet, oldest first: a run that ended before it was."""
    known = last_runs(casebook.events(kinds=["run"]))
    found = [path.parent for path in out.glob(f"*/{MANIFEST}") if (path.parent / "summary.json").is_file()]
    for folder in sorted(found, key=lambda folder: (parse_period(folder.name).end, folder.name)):
        if known.get(folder.name) != _run_id(folder) and _has_items(folder):
            absorb_run(casebook, folder, at=at)


def last_runs(events: pl.DataFrame) -> dict[str, str]:
    """Period → id of the run that was last recorded for it."""
    runs = read_events(events.filter(pl.col("kind") == "run"))
    return dict(runs.sort("number").select("period", "run_id").rows())


def _run_id(run_dir: Path) -> str:
    try:
        return str(read_manifest(run_dir)["run_id"])
    except (OSError, ValueError, KeyError):
        raise CasebookError(f"{run_dir}: no readable {MANIFEST}; expected a published run. Run `recon-kit run` again") from None


def _has_items(folder: Path) -> bool:
    """Whether the run knows of open items: a run of an earlier version does not, and cannot be recorded."""
    return (folder / "tables" / "open_items.parquet").is_file()


def _statements(run: Run, run_id: str, events: pl.DataFrame, at: datetime) -> Iterator[Event]:
    """The events by which the state of items as of this period becomes what the run's open_items say."""
    period = run.period
    if not run.has("open_items"):
        raise CasebookError(f"{run.folder}: this run has no open items (an earlier version made it); run the period again")
    before = item_states(events, until=period.end)
    known = {row["discrepancy_id"]: row for row in before.iter_rows(named=True)}
    base = {"period": period.text, "run_id": run_id, "as_of": run.as_of.isoformat()}
    said = set()
    for row in run.table("open_items").iter_rows(named=True):
        item_id = row["discrepancy_id"]
        said.add(item_id)
        kind = _kind(row, known.get(item_id), period.text)
        if kind is None:
            continue
        told = {name: _plain(row[name]) for name in _TOLD} if kind != "cleared" else {}
        if kind == "cleared":
            told = {"cleared_by": row["cleared_by"], "cleared_how": row["cleared_how"], "cleared_on": _plain(row["cleared_on"])}
        yield Event(kind, item_id, MACHINE, at, data={**base, **told})
    yield from _vanished(events, period.text, said, known, base, at)


def _kind(row: dict[str, Any], known: dict[str, Any] | None, period: str) -> str | None:
    """How the run's word on an item is news; None where it is none, or where a person has decided."""
    if known is None:
        return "opened"
    if row["status"] in _OPEN:
        if known["status"] not in _OPEN:
            return "reopened"
        news = any(row[name] != known[name] for name in ("code", "amount_fen", "owner", "nature", "severity"))
        return "seen" if news or (row["is_found"] and known["last_period"] != period) else None
    if row["status"] == "cleared" and (known["status"] in _OPEN or known["cleared_by"] != row["cleared_by"]):
        return "cleared"
    return None


def _vanished(
    events: pl.DataFrame, period: str, said: set[str], known: dict[str, Any], base: dict[str, Any], at: datetime
) -> Iterator[Event]:
    """Items that an earlier run of this period opened and this one does not state: the rerun cleared them."""
    stated = read_events(events).filter((pl.col("period") == period) & (pl.col("by") == MACHINE))
    opened = stated.filter(pl.col("kind").is_in(["opened", "reopened"]))["subject"].unique().sort()
    for item_id in opened:
        if item_id not in said and known[item_id]["status"] in _OPEN:
            told = {"cleared_how": "rerun", "cleared_by": f"rerun {base['run_id']}", "cleared_on": base["as_of"]}
            yield Event("cleared", item_id, MACHINE, at, data={**base, **told})


def _entries(run: Run, run_id: str, events: pl.DataFrame, at: datetime) -> Iterator[Event]:
    """Entries the run proposes that are new or changed; those it no longer proposes are withdrawn."""
    if "adjustments" not in RESULTS or not run.has("adjustments"):
        return
    known = {row["entry_id"]: row for row in entry_states(events).iter_rows(named=True)}
    config = Config.model_validate(read_manifest(run.folder)["config"])
    proposed = set()
    for entry_id, lines in run.table("adjustments").sort("entry_id", "line_no").group_by("entry_id", maintain_order=True):
        row = _entry(lines, run_id, config)
        proposed.add(entry_id[0])
        old = known.get(entry_id[0])
        if old is None or old["digest"] != row["digest"] or (old["status"] == "rejected" and old["decided_by"] == MACHINE):
            yield Event("entry_proposed", str(entry_id[0]), MACHINE, at, data=row)
    booked = set(run.table("booked_entries")["entry_id"])  # a booked entry is not proposed again, and not withdrawn either
    for entry_id, row in known.items():
        if row["period"] == run.period.text and row["status"] != "rejected" and entry_id not in proposed | booked:
            yield Event("rejected", entry_id, MACHINE, at, f"rerun {run_id}", {"period": run.period.text})


def _entry(lines: pl.DataFrame, run_id: str, config: Config) -> dict[str, Any]:
    """What the casebook keeps of a proposed entry: its period, amount, effect, what it answers, and a digest of its lines.

    The amount is half of what its lines come to without sign: an entry in red stands on one side only, and moves money too.
    """
    amount = sum(int(lines[side].abs().sum()) for side in ("debit_fen", "credit_fen")) // 2
    answered = lines["answers"].explode().drop_nulls().unique().sort().to_list()
    text = json.dumps(lines.to_dicts(), ensure_ascii=False, sort_keys=True, default=str)
    return {
        "period": lines["period"][0],
        "run_id": run_id,
        "effect": lines["effect"][0],
        "amount_fen": amount,
        "needed": config.approval_tier(amount).approvals,
        "discrepancy_ids": answered,
        "digest": hashlib.sha256(text.encode()).hexdigest(),
    }


def _run(run: Run, run_id: str, at: datetime) -> Event:
    data = {
        "period": run.period.text,
        "run_id": run_id,
        "verdict": run.summary["verdict"],
        "as_of": run.as_of.isoformat(),
        "loaded": run.summary["loaded"],
    }
    return Event("run", f"period:{run.period.text}", MACHINE, at, data=data)


def _plain(value: object) -> object:
    return value.isoformat() if isinstance(value, date) else value
