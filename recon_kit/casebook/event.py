"""One thing that happened to a discrepancy, an entry or a period: the only thing a casebook keeps."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import polars as pl

from recon_kit.errors import CasebookError
from recon_kit.periods import SHANGHAI

KINDS: dict[str, tuple[str, str]] = {
    "opened": ("开立", "opened"),
    "seen": ("仍在", "seen again"),
    "assigned": ("分派", "assigned"),
    "commented": ("备注", "commented"),
    "explained": ("说明", "explained"),
    "cause": ("定因", "cause"),
    "action": ("措施", "action"),
    "attached": ("附证据", "attached"),
    "entry_proposed": ("提出分录", "entry proposed"),
    "approved": ("批准", "approved"),
    "rejected": ("驳回", "rejected"),
    "written_off": ("申请核销", "write-off proposed"),
    "cleared": ("清账", "cleared"),
    "closed": ("关闭", "closed"),
    "reopened": ("重开", "reopened"),
    "undone": ("撤销", "undone"),
    "run": ("运行", "run"),
    "sealed": ("封存", "sealed"),
    "restated": ("重述", "restated"),
    "notified": ("推送", "notified"),
    "imported": ("导入", "imported"),
    "configured": ("改配置", "configured"),
}
"""Kind of event → (中文, English)."""
GENESIS = "0" * 64
"""What the first event follows."""
MACHINE = "recon_kit"
"""Who says what a run says."""


@dataclass(frozen=True)
class Event:
    """One event; it is never changed.

    `subject`: a discrepancy_id "D…", an entry_id "E…", "period:2026-10" or "config". `by`: a person's name, or `MACHINE`
    for what a run states. `at`: with its zone, given by the edge. `data`: JSON values, money in fen.
    """

    kind: str
    subject: str
    by: str
    at: datetime
    why: str | None = None
    data: Mapping[str, Any] = field(default_factory=dict)


EVENTS_SCHEMA: dict[str, pl.DataType] = {
    "seq": pl.Int64(),
    "kind": pl.String(),
    "subject": pl.String(),
    "by": pl.String(),
    "at": pl.Datetime("us", "Asia/Shanghai"),
    "why": pl.String(),
    "data": pl.String(),
    "previous": pl.String(),
    "hash": pl.String(),
}
"""The columns of `Casebook.events`: one row per event, in the order they were written; `data` is JSON text."""


def chained(events: list[Event], seq: int, previous: str) -> list[dict[str, Any]]:
    """The rows that follow event `seq`, whose hash is `previous`; CasebookError for an event that says too little."""
    rows: list[dict[str, Any]] = []
    for number, event in enumerate(events, seq + 1):
        _check(event)
        row = {
            "seq": number,
            "kind": event.kind,
            "subject": event.subject,
            "by": event.by,
            "at": event.at.astimezone(SHANGHAI).isoformat(timespec="microseconds"),
            "why": event.why,
            "data": canonical(event.data),
        }
        digest = _digest(previous, row)
        rows.append({**row, "previous": previous, "hash": digest})
        previous = digest
    return rows


def verify_events(events: pl.DataFrame) -> None:
    """Check that every event follows the one before it; CasebookError names the first that does not."""
    previous, expected_seq = GENESIS, 1
    for row in events.iter_rows(named=True):
        said = {name: row[name] for name in ("seq", "kind", "subject", "by", "why", "data")}
        said["at"] = row["at"].isoformat(timespec="microseconds")
        if row["seq"] != expected_seq or row["previous"] != previous or row["hash"] != _digest(previous, said):
            raise CasebookError(
                f"casebook, event {row['seq']}: found an event that does not follow from number {expected_seq - 1}; expected "
                f"event {expected_seq} with the hash of its content. Somebody changed the file; take the last good copy"
            )
        previous, expected_seq = row["hash"], expected_seq + 1


def canonical(value: object) -> str:
    """A JSON value as the text that is kept and hashed."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))


def _check(event: Event) -> None:
    if event.kind not in KINDS:
        raise CasebookError(f"event {event.kind!r}: unknown kind; expected one of {', '.join(KINDS)}")
    if not event.subject or not event.by.strip():
        raise CasebookError(f"event {event.kind}: no subject or nobody who says it was given; expected both. Give --by NAME")
    if event.at.tzinfo is None:
        raise CasebookError(f"event {event.kind}: its time has no zone; expected an instant such as 2026-11-05 10:00 +08:00")


def _digest(previous: str, row: Mapping[str, Any]) -> str:
    return hashlib.sha256(f"{previous}\n{canonical(dict(row))}".encode()).hexdigest()
