"""The evidence of one finding: its sentence, the rows of every side beside each other, the timeline, and what was decided."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from recon_kit.casebook import CAUSES, KINDS
from recon_kit.errors import ReportError
from recon_kit.explore.findings import day_text
from recon_kit.labels import code_action, code_name, column_label, phrase, value_label
from recon_kit.money import format_yuan
from recon_kit.page import environment
from recon_kit.privacy import mask_text
from recon_kit.record import Run
from recon_kit.tracing import Trace, trace
from recon_kit.tracing.events import shown_at

SIDES: dict[str, tuple[str, ...]] = {
    "platform": ("orders", "order_discounts", "aftersales", "aftersale_events", "complaints"),
    "channel": ("payments", "flows", "fees", "bank_rows"),
    "ledger": ("voucher_lines",),
    "goods": ("shipments", "receipts"),
}
"""Side → the tables whose rows stand in it."""
TIMELINE = ("at", "event", "id", "amount_fen", "status", "detail", "matched", "place")
FIGURES = ("expected", "actual", "gap", "loss")
word = partial(phrase, "explore")
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Heading:
    """A column of a table: what it is called, and whether it holds figures."""

    title: str
    is_figure: bool = False


Table = tuple[str, str, Sequence[Heading], Sequence[Sequence[str]], str]
"""What it is, title, columns, rows as text, and the sentence for no rows; without one an empty table is left out."""


def render_evidence(
    run: Run, finding: Row, findings: pl.DataFrame, entries: pl.DataFrame, events: pl.DataFrame | None, language: str, n: int
) -> str:
    """The evidence of a finding as HTML, all of it escaped. `n`: how many rows are selected.

    `findings`: of `with_states`. `entries`: of `entry_states`. `events`: the casebook's, or None without one.
    """
    life = _life(run, finding, language)
    amounts = [(word(f"evidence.{name}", language), finding[f"{name}_fen"]) for name in FIGURES]
    tables = [_timeline(life, language), _related(run, finding, findings, language), _entries(run, finding, entries, language)]
    if events is not None:
        tables.append(_history(finding, events, language))
    return (
        environment()
        .get_template("explore.html.j2")
        .render(
            word=lambda path: word(path, language),
            several=word("evidence.several", language, n=n) if n > 1 else "",
            code=finding["code"],
            name=code_name(finding["code"], language),
            facts=" · ".join(_facts(finding, language)),
            why=finding["why"],
            figures=[
                (title, format_yuan(fen, sign=number >= 2)) for number, (title, fen) in enumerate(amounts) if fen is not None
            ],
            action=code_action(finding["code"], language),
            places=finding["evidence"] or [],
            answer=life.lives[0].answer if life and len(life.lives) == 1 else (),
            sides=_sides(life, finding, language) if life else [],
            tables=tables,
        )
    )


def status_text(row: Row, language: str) -> str:
    """The state of a finding in words."""
    says = word(f"status.{row['status']}", language)
    return word("status.waiting", language, status=says) if row["pending"] else says


def _facts(finding: Row, language: str) -> Iterator[str]:
    """Severity, owner, place and state of the finding, then its numbers; each said once."""
    yield value_label("severity", finding["severity"], language)
    yield value_label("owner", finding["owner"], language)
    if finding["platform"]:
        yield value_label("platform", finding["platform"], language)
    if finding["shop"]:
        yield finding["shop"]
    yield status_text(finding, language)
    if finding["assigned_to"]:
        yield f"{word('filter.assigned_to', language)} {finding['assigned_to']}"
    for name in ("order_id", "case_id"):
        if finding[name]:
            yield f"{column_label(name, language)} {finding[name]}"
    if finding["key"] not in (finding["order_id"], finding["case_id"]):
        yield f"{column_label('key', language)} {finding['key']}"
    yield finding["discrepancy_id"]


def _life(run: Run, finding: Row, language: str) -> Trace | None:
    """The life of the order that the finding is about; None where this run has no row of it."""
    for wanted in (finding["discrepancy_id"], finding["case_id"], finding["order_id"], finding["key"]):
        if wanted:
            try:
                return trace(run, wanted, language)
            except ReportError:
                continue
    return None


def _sides(life: Trace, finding: Row, language: str) -> list[tuple[str, list[dict[str, Any]]]]:
    """Side → its source rows, one a file:row: the last word of its events, and whether the finding rests on it."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for event in life.frame.iter_rows(named=True):
        kept = rows.setdefault((event["table"], event["place"]), {"id": event["id"]})
        kept |= {name: event[name] for name in ("amount_fen", "status", "detail") if event[name] not in (None, "")}
        kept["at"] = shown_at(event) or kept.get("at", "")
    grounds = finding["evidence"] or []
    shown: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for (table, place), row in rows.items():
        side = next(side for side, tables in SIDES.items() if table in tables)
        fen = row.get("amount_fen")
        shown[side].append(
            {
                "table": word(f"row.{table}", language),
                "id": row["id"],
                "amount": "" if fen is None else format_yuan(fen),
                "at": row["at"],
                "status": row.get("status", ""),
                "detail": row.get("detail", ""),
                "place": place,
                "is_ground": place in grounds,
            }
        )
    return [(word(f"side.{side}", language), rows) for side, rows in shown.items()]


def _timeline(life: Trace | None, language: str) -> Table:
    columns = [Heading(phrase("trace", f"column.{name}", language), name == "amount_fen") for name in TIMELINE]
    rows = []
    for event in life.frame.iter_rows(named=True) if life else ():
        fen = event["amount_fen"]
        said = [event[name] or "" for name in TIMELINE[4:]]
        what = phrase("trace", f"event.{event['event']}", language)
        rows.append([shown_at(event), what, event["id"] or "", "" if fen is None else format_yuan(fen), *said])
    return "timeline", word("evidence.timeline", language), columns, rows, ""


def _related(run: Run, finding: Row, findings: pl.DataFrame, language: str) -> Table:
    """Findings that follow from this one, and others of the same order or case."""
    follow = run.table("discrepancies").filter(pl.col("primary_id") == finding["discrepancy_id"])
    same = [pl.col(name) == finding[name] for name in ("order_id", "case_id") if finding[name]]
    beside = findings.filter(pl.any_horizontal(pl.lit(value=False), *same), pl.col("discrepancy_id") != finding["discrepancy_id"])
    names = ("code", "key", "gap_fen", "owner")
    rows = [
        [
            word(f"evidence.{relation}", language),
            f"{code} {code_name(code, language)}",
            key,
            format_yuan(fen),
            _owner(owner, language),
        ]
        for relation, frame in (("explains", follow), ("same_order", beside))
        for code, key, fen, owner in frame.select(names).iter_rows()
    ]
    heads = [word("evidence.relation", language), word("column.finding", language), column_label("key", language)]
    columns = [*map(Heading, heads), Heading(word("column.gap_fen", language), is_figure=True)]
    return "related", word("evidence.related", language), [*columns, Heading(word("column.owner", language))], rows, ""


def _entries(run: Run, finding: Row, entries: pl.DataFrame, language: str) -> Table:
    """The lines of the entries proposed for the finding, and how each entry stands."""
    wanted = finding["entry_ids"] or []
    status = dict(entries.filter(pl.col("entry_id").is_in(wanted)).select("entry_id", "status").iter_rows())
    lines = run.table("adjustments").filter(pl.col("entry_id").is_in(wanted)).sort("entry_id", "line_no")
    names = ("entry_id", "account", "account_name", "debit_fen", "credit_fen", "memo")
    rows = [
        [
            entry,
            value_label("entry_status", status.get(entry), language),
            f"{account} {name}",
            format_yuan(debit or None),
            format_yuan(credit or None),
            _masked(memo),
        ]
        for entry, account, name, debit, credit, memo in lines.select(names).iter_rows()
    ]
    heads = ("entry_id", "status", "account_name", "debit_fen", "credit_fen", "memo")
    columns = [Heading(column_label(name, language), name.endswith("_fen")) for name in heads]
    return "entries", word("evidence.entries", language), columns, rows, ""


def _history(finding: Row, events: pl.DataFrame, language: str) -> Table:
    """What persons said of the finding and its entries, oldest first; what was undone is marked."""
    about = [finding["discrepancy_id"], *(finding["entry_ids"] or [])]
    said = events.filter(pl.col("subject").is_in(about) & ~pl.col("by").is_in(["recon_kit"]))
    told = [(row, json.loads(row["data"])) for row in said.iter_rows(named=True)]
    undone = {data["seq"] for row, data in told if row["kind"] == "undone"}
    place = 0 if language == "zh" else 1
    rows = [
        [
            f"{row['seq']}",
            f"{row['at']:%Y-%m-%d %H:%M}",
            row["by"],
            KINDS[row["kind"]][place] + (word("evidence.undone", language) if row["seq"] in undone else ""),
            _said(row["subject"], data, language),
            _masked(row["why"]),
        ]
        for row, data in told
    ]
    heads = [phrase("explore", f"history.{name}", language) for name in ("number", "at", "by", "kind", "what", "why")]
    return "history", word("evidence.history", language), [*map(Heading, heads)], rows, word("evidence.no_history", language)


def _said(subject: str, data: Mapping[str, Any], language: str) -> str:
    """The facts of a decision in words."""
    cause = data.get("cause")
    facts = [
        subject if subject.startswith("E") else "",
        _masked(data.get("what")),
        f"→ {data['to']}" if data.get("to") else "",
        f"{word('form.due', language)} {data['due']}" if data.get("due") else "",
        phrase("worklist", f"cause.{cause}", language) if cause in CAUSES else "",
        _masked(data.get("name")),
        f"№ {data['seq']}" if "seq" in data else "",
    ]
    return " ".join(fact for fact in facts if fact)


def _masked(text: str | None) -> str:
    return mask_text(text) if text else ""


def _owner(owner: str | None, language: str) -> str:
    return value_label("owner", owner, language)


def list_rows(shown: pl.DataFrame, language: str) -> pl.DataFrame:
    """The list as its reader sees it: every cell a text, the headings in words."""
    rows = [
        [
            f"{row['code']} {code_name(row['code'], language)}",
            value_label("severity", row["severity"], language),
            _owner(row["owner"], language),
            row["shop"] or "",
            row["case_id"] or row["order_id"] or row["key"],
            "—" if row["gap_fen"] is None and not row["amount_fen"] else format_yuan(row["gap_fen"] or row["amount_fen"]),
            "" if row["age_days"] is None else f"{row['age_days']:,}",
            day_text(row["due_on"]),
            status_text(row, language),
            row["assigned_to"] or "",
        ]
        for row in shown.iter_rows(named=True)
    ]
    names = [word(f"column.{name}", language) for name in LISTED]
    return pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")


LISTED = ("finding", "severity", "owner", "shop", "key", "gap_fen", "age_days", "due_on", "status", "assigned_to")
"""Columns of the list, left to right."""
