"""What persons decide: each decision says who, when and why, and is checked before it is written. Nobody approves their own.

One place holds the rules: which decision an item or entry admits, who may take it, and what it needs beside it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.casebook.event import MACHINE, Event
from recon_kit.casebook.states import entry_states, item_states, read_events, write_offs
from recon_kit.casebook.storage import Casebook
from recon_kit.config import Config
from recon_kit.errors import CasebookError
from recon_kit.periods import Period, parse_period
from recon_kit.results import CAUSE

CAUSES = CAUSE
"""Root causes; one of them is required to close a break."""
DECISIONS = (
    *("assigned", "commented", "explained", "cause", "action", "attached", "written_off", "approved", "rejected"),
    *("closed", "reopened", "undone"),
)
EVIDENCE = "evidence"
_OPEN = ("open", "explained")
_REREAD = 20


@dataclass(frozen=True)
class Decision:
    """What a person wants to record: as an `Event`, before it is checked and gets its period."""

    kind: str
    subject: str
    by: str
    at: datetime
    why: str | None = None
    data: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class _Known:
    """What a decision is checked against."""

    subject: str
    config: Config
    held: pl.DataFrame
    item: dict[str, Any] | None
    entry: dict[str, Any] | None
    items: pl.DataFrame


def decide(casebook: Casebook, config: Config, decision: Decision) -> int:
    """Check a decision and write it; gives its event number. CasebookError says which rule it would break."""
    return decide_all(casebook, config, [decision])[0]


def decide_all(casebook: Casebook, config: Config, decisions: Sequence[Decision]) -> tuple[int, ...]:
    """Check decisions, each on another item or entry, and write all or none; gives their event numbers.

    CasebookError says which rules they would break, one line each, and nothing was written.
    """
    for _ in range(_REREAD):
        events = casebook.events()
        check = checker(_about(events, [decision.subject for decision in decisions]), config)
        checked, refused = [], []
        for decision in decisions:
            try:
                checked.append(check(decision))
            except CasebookError as error:
                refused.append(error)
        if refused:
            raise refused[0] if len(decisions) == 1 else _together(refused)
        if casebook.append_after(events.height, checked):
            return tuple(range(events.height + 1, events.height + 1 + len(checked)))
    raise CasebookError(f"{casebook.place}: other programs kept writing; expected a quiet moment. Repeat the command")


def _together(refused: list[CasebookError]) -> CasebookError:
    whole = CasebookError("\n".join(map(str, refused)))
    whole.parts = tuple(refused)
    return whole


def _refusal(rule: str, known: _Known, text: str, **facts: object) -> CasebookError:
    """What forbids a decision, and the facts for who says it in other words: code and key of the item, or the entry's id."""
    error = CasebookError(text)
    what = known.subject if known.item is None else f"{known.item['code']} {known.item['key']}"
    error.rule, error.facts = rule, {"what": what, **facts}
    return error


def _about(events: pl.DataFrame, subjects: Sequence[str]) -> pl.DataFrame:
    """The events that decisions on `subjects` are checked against: theirs, those of what their entries answer, the periods'."""
    own = pl.col("subject").is_in(subjects)
    proposed = events.filter(own & (pl.col("kind") == "entry_proposed"))["data"]
    answered = sorted({one for data in proposed for one in json.loads(data)["discrepancy_ids"] or ()})
    return events.filter(own | pl.col("subject").is_in(answered) | pl.col("subject").str.starts_with("period:"))


def check_decision(events: pl.DataFrame, config: Config, decision: Decision) -> Event:
    """The event a decision becomes, with its period and what it was taken on; CasebookError where a rule forbids it."""
    return checker(events, config)(decision)


def checker(events: pl.DataFrame, config: Config) -> Callable[[Decision], Event]:
    """`check_decision` for many decisions on the same events: what they are checked against is worked out once."""
    items, held = item_states(events), read_events(events)
    by_item = items.rows_by_key("discrepancy_id", named=True, unique=True)
    by_entry = entry_states(events).rows_by_key("entry_id", named=True, unique=True)

    def check(decision: Decision) -> Event:
        item, entry = by_item.get(decision.subject), by_entry.get(decision.subject)
        return _checked(decision, _Known(decision.subject, config, held, item, entry, items))

    return check


def _checked(decision: Decision, known: _Known) -> Event:
    if decision.kind not in DECISIONS:
        raise CasebookError(f"{decision.kind}: no decision of that kind; expected one of {', '.join(DECISIONS)}")
    if not decision.by.strip() or decision.by == MACHINE:
        raise CasebookError(f"{decision.kind} {decision.subject}: nobody decides it; expected a person. Give --by NAME")
    if decision.kind != "assigned" and not (decision.why or "").strip():
        raise CasebookError(f"{decision.kind} {decision.subject}: no reason was given; expected one. Give --why TEXT")
    if known.item is None and known.entry is None:
        raise CasebookError(f"{decision.subject}: unknown in this casebook; expected a D… or E… id. See `recon-kit cases list`")
    more = _CHECKS.get(decision.kind, _no_check)(decision, known)
    data = {**(decision.data or {}), **more}
    if known.item is not None:
        data = {"period": _period(known), "code": known.item["code"], "amount_fen": known.item["amount_fen"], **data}
    elif known.entry is not None:
        data = {"period": known.entry["period"], **data}
    return Event(decision.kind, decision.subject, decision.by.strip(), decision.at, decision.why, data)


def keep_evidence(file: Path, out: Path) -> dict[str, Any]:
    """Keep a file by its sha-256 in OUT/evidence, once however often it is attached; gives what the event says of it."""
    if not file.is_file():
        raise CasebookError(f"{file.name}: there is no such file; expected a picture, chat or voucher to attach. Check the name")
    content = file.read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    kept = out / EVIDENCE / f"{digest}{file.suffix.lower()}"
    if not kept.is_file():
        try:
            kept.parent.mkdir(parents=True, exist_ok=True)
            draft = kept.with_name(f".{kept.name}.{os.getpid()}")
            with draft.open("wb") as handle:
                handle.write(content)
                handle.flush()
                os.fsync(handle.fileno())
            draft.replace(kept)
        except OSError as error:
            raise CasebookError(
                f"{kept.parent}: {error.strerror}; expected a folder to keep evidence in; nothing was kept"
            ) from None
    return {"file": kept.relative_to(out).as_posix(), "sha256": digest, "name": file.name, "bytes": len(content)}


def find_id(events: pl.DataFrame, prefix: str) -> str:
    """The id that begins with `prefix`; CasebookError when none or several do."""
    subjects = events.filter(pl.col("subject").str.starts_with(prefix) & ~pl.col("subject").str.contains(":"))["subject"]
    found = subjects.unique().sort().to_list()
    if len(found) != 1 and prefix not in found:
        shown = ", ".join(found[:5]) or "none"
        raise CasebookError(
            f"{prefix}: {len(found)} ids begin with it ({shown}); expected one. Give more of it, or see `recon-kit cases list`"
        )
    return prefix if prefix in found else found[0]


def _no_check(_decision: Decision, _known: _Known) -> dict[str, Any]:
    return {}


def _needs_item(decision: Decision, known: _Known) -> dict[str, Any]:
    if known.item is None:
        raise CasebookError(f"{decision.kind} {decision.subject}: is an entry; expected a discrepancy D…")
    return known.item


def _check_cause(decision: Decision, known: _Known) -> dict[str, Any]:
    _needs_item(decision, known)
    cause = (decision.data or {}).get("cause")
    if cause not in CAUSES:
        raise CasebookError(f"cause {decision.subject}: {cause!r} is none; expected one of {', '.join(CAUSES)}")
    return {}


def _check_close(decision: Decision, known: _Known) -> dict[str, Any]:
    item = _needs_open(decision, known)
    if item["nature"] == "break" and item["cause"] is None:
        raise _refusal(
            "no_cause",
            known,
            f"close {decision.subject}: a break without a cause; expected people, process, system, platform or data. "
            f"Give it first: recon-kit cases cause {decision.subject} CAUSE",
        )
    return {}


def _needs_open(decision: Decision, known: _Known) -> dict[str, Any]:
    item = _needs_item(decision, known)
    if item["status"] not in _OPEN:
        raise _refusal(
            "not_open",
            known,
            f"{decision.kind} {decision.subject}: is {item['status']}; expected an open item. Reopen it first",
            status=item["status"],
        )
    return item


def _check_assign(decision: Decision, known: _Known) -> dict[str, Any]:
    _needs_open(decision, known)
    return {}


def _check_reopen(decision: Decision, known: _Known) -> dict[str, Any]:
    item = _needs_item(decision, known)
    if item["status"] in _OPEN:
        raise _refusal(
            "is_open", known, f"reopen {decision.subject}: is open; expected an item that was cleared, closed or written off"
        )
    return {}


def _check_write_off(decision: Decision, known: _Known) -> dict[str, Any]:
    item = _needs_open(decision, known)
    if item["pending"]:
        raise _refusal(
            "waits_already", known, f"write-off {decision.subject}: one waits for approval already; approve or reject that one"
        )
    return {"needed": known.config.approval_tier(item["amount_fen"]).approvals}


def _check_verdict(decision: Decision, known: _Known) -> dict[str, Any]:
    """Four eyes: neither the proposer, nor whom the item is assigned to, nor the same person twice."""
    if known.entry is not None:
        entry = known.entry
        if entry["status"] != "proposed":
            raise _refusal(
                "entry_decided",
                known,
                f"{decision.kind} {decision.subject}: is {entry['status']}; expected a proposed entry",
                status=entry["status"],
            )
        assigned = known.items.filter(pl.col("discrepancy_id").is_in(entry["discrepancy_ids"] or []))["assigned_to"]
        _four_eyes(
            decision, known, {entry["proposed_by"], *assigned.drop_nulls()}, entry["approved_by"] or [], entry["amount_fen"]
        )
        return {}
    item = _needs_item(decision, known)
    pending = write_offs(known.held).filter((pl.col("subject") == decision.subject) & (pl.col("status") == "pending"))
    if pending.is_empty():
        raise _refusal(
            "nothing_waits",
            known,
            f"{decision.kind} {decision.subject}: nothing waits for approval; expected a proposed write-off or entry",
        )
    proposal = pending.row(-1, named=True)
    _four_eyes(decision, known, {proposal["by"], item["assigned_to"]}, proposal["approved_by"] or [], proposal["amount_fen"])
    return {"of": proposal["number"]}


def _four_eyes(decision: Decision, known: _Known, own: set[str | None], approved: list[str], amount_fen: int | None) -> None:
    by = decision.by.strip()
    if decision.kind == "approved" and by in own:
        raise _refusal(
            "own",
            known,
            f"approve {decision.subject}: {by} proposed it or works on it; expected another person. Nobody approves their own",
            by=by,
        )
    if decision.kind == "approved" and by in approved:
        raise _refusal("again", known, f"approve {decision.subject}: {by} approved it already; expected a second person", by=by)
    names = known.config.approval_tier(amount_fen or 0).by
    if decision.kind == "approved" and names and by not in names:
        raise _refusal(
            "not_named",
            known,
            f"approve {decision.subject}: {by} may not approve this amount; expected {' or '.join(names)} "
            "(recon.toml [approval])",
            by=by,
            names=", ".join(names),
        )


def _check_undo(decision: Decision, known: _Known) -> dict[str, Any]:
    number = (decision.data or {}).get("seq")
    found = known.held.filter((pl.col("number") == number) & (pl.col("subject") == decision.subject) & (pl.col("by") != MACHINE))
    if found.is_empty() or found["kind"][0] not in DECISIONS:
        raise _refusal(
            "not_held",
            known,
            f"undo {number}: is no decision on {decision.subject} that still holds; expected a number of `cases history`",
            number=number,
        )
    period = found["period"][0]
    if period in _sealed(known.held):
        raise _refusal(
            "sealed",
            known,
            f"undo {number}: belongs to {period}, which is sealed; expected an open period. Reopen it formally",
            number=number,
            period=period,
        )
    return {}


_CHECKS = {
    "assigned": _check_assign,
    "cause": _check_cause,
    "closed": _check_close,
    "reopened": _check_reopen,
    "written_off": _check_write_off,
    "approved": _check_verdict,
    "rejected": _check_verdict,
    "undone": _check_undo,
}


def _sealed(held: pl.DataFrame) -> set[str]:
    """Periods that are sealed now."""
    about = held.filter(pl.col("subject").str.starts_with("period:") & pl.col("kind").is_in(["sealed", "reopened"])).sort(
        "number"
    )
    last = about.group_by(pl.col("subject").str.strip_prefix("period:")).agg(pl.col("kind").last())
    return {period for period, kind in last.rows() if kind == "sealed"}


def _period(known: _Known) -> str:
    """The period a decision belongs to: the latest one that was run, or the next one once that is sealed."""
    runs = [parse_period(text) for text in known.held.filter(pl.col("kind") == "run")["period"].unique().drop_nulls()]
    latest: Period = max(runs, key=lambda period: (period.end, period.start), default=parse_period("1970-01"))
    sealed = _sealed(known.held)
    return latest.text if latest.text not in sealed else _next(latest, sealed)


def _next(period: Period, sealed: set[str]) -> str:
    following = period
    while following.text in sealed:
        following = following.following()
    return following.text
