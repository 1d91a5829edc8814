"""Trace: one order's whole life over every source, and first of all the answer a customer is waiting for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from recon_kit.bridge import LINES
from recon_kit.errors import ReportError
from recon_kit.facts.platform import DONE_AT, FINAL, MONEY_AT
from recon_kit.labels import code_action, code_name, phrase, value_label
from recon_kit.money import format_yuan
from recon_kit.narrative import render_why
from recon_kit.record import Run, load_run
from recon_kit.results import SEVERITY
from recon_kit.schema import AFTERSALES, REFUND_CASE_KINDS, natural_key
from recon_kit.tracing.events import EVENTS, shown_at, timeline
from recon_kit.tracing.rows import MAX_LIVES, Seed, find_seeds, gather, nearest_ids, pick

__all__ = ["Life", "Trace", "trace"]
word = partial(phrase, "trace")
_BACK = ("refund", "small_transfer", "chargeback", "price_protection")
"""Flows by which money goes back to the buyer."""


@dataclass(frozen=True)
class Life:
    """One order: the answer in sentences, its events, its findings (primary first), its items of the bridge."""

    platform: str | None
    order_id: str | None
    answer: tuple[str, ...]
    events: pl.DataFrame
    findings: pl.DataFrame
    bridge: pl.DataFrame


class Trace(NamedTuple):
    """`frame`: every event of every life (tracing.events.EVENTS); `text`: the same to read; `lives`: one a platform and order."""

    frame: pl.DataFrame
    text: str
    lives: tuple[Life, ...]


def trace(run: Run | Path | str, wanted: str, language: str = "zh") -> Trace:
    """The life of the order that an order, case, flow, payment, waybill, voucher or discrepancy id belongs to.

    `run`: a run or its folder. The same number on two platforms gives two lives. ReportError for an unknown id, with the nearest.
    """
    opened = run if isinstance(run, Run) else load_run(run)
    asked = wanted.strip(" \t\r\n`'\"=")
    seeds = find_seeds(opened, asked)
    if not seeds:
        near = nearest_ids(opened, asked)
        hint = f"the nearest are {', '.join(near)}" if near else "no id begins like it"
        raise ReportError(
            f"trace {asked}: no table of run {opened.folder.name} has this id; {hint}. "
            "Give an order, case, flow, payment, waybill, voucher or discrepancy id"
        )
    platforms: dict[str, int] = {}
    for seed in seeds:
        platforms[seed.id] = platforms.get(seed.id, 0) + 1
    lives = tuple(_live(opened, seed, language, is_alone=platforms[seed.id] == 1) for seed in seeds[:MAX_LIVES])
    placed = [
        life.events.with_columns(
            pl.lit(life.platform, pl.String).alias("platform"), pl.lit(life.order_id, pl.String).alias("order_id")
        )
        for life in lives
    ]
    text = "\n\n".join(_written(life, language) for life in lives)
    if len(seeds) > MAX_LIVES:
        text += "\n\n" + word("says.more", language, n=len(seeds) - MAX_LIVES, id=asked)
    return Trace(pl.concat([frame.select(*EVENTS) for frame in placed]), text, lives)


def _live(run: Run, seed: Seed, language: str, *, is_alone: bool) -> Life:
    found = gather(run, seed, is_alone=is_alone)
    paid_at = found["orders"]["paid_at"].first() if found["orders"].height else None
    found["order_discounts"] = found["order_discounts"].with_columns(pl.lit(paid_at, EVENTS["at"]).alias("paid_at"))
    findings = _findings(run, seed, found, language)
    platform = found["orders"]["platform"].first() if found["orders"].height else seed.platform
    answer = tuple(_answer(run, seed, found, findings, language))
    bridge = _bridge(run, found, findings, language)
    return Life(str(platform) if platform else None, seed.order_id, answer, timeline(found, language), findings, bridge)


def _findings(run: Run, seed: Seed, found: dict[str, pl.DataFrame], language: str) -> pl.DataFrame:
    """The findings on the order, its cases, flows and vouchers; primary and worst first, sentences in the language asked."""
    ids = [*found["aftersales"]["case_id"], *found["flows"]["flow_id"], *found["orders"]["pay_id"].drop_nulls(), seed.id]
    ids += [*found["voucher_lines"]["voucher_id"].unique(), *found["receipts"]["return_id"], *found["shipments"]["ship_id"]]
    ids += [*found["fees"]["fee_id"], *found["complaints"]["complaint_id"]]
    here = pl.col("platform").is_null() | pl.col("platform").replace("tmall", "taobao").eq_missing(
        pl.lit(seed.platform, pl.String)
    )
    here = here | pl.lit(seed.platform is None)
    about = (pl.col("order_id") == (seed.order_id or seed.id)) | pl.col("case_id").is_in(found["aftersales"]["case_id"].to_list())
    told = about.fill_null(value=False) | pl.col("key").is_in(ids) | (pl.col("discrepancy_id") == seed.id)
    rank = pl.col("severity").replace_strict({name: i for i, name in enumerate(SEVERITY)}, default=-1, return_dtype=pl.Int64)
    rows = pick(run, "discrepancies", told & here)
    return render_why(rows.sort(pl.col("primary_id").is_not_null(), -rank, "code", "key"), language)


def _bridge(run: Run, found: dict[str, pl.DataFrame], findings: pl.DataFrame, language: str) -> pl.DataFrame:
    """The items of the bridge that are these cases, flows, vouchers or findings: line, label, key, amount_fen."""
    keys = [*found["aftersales"]["case_id"], *found["flows"]["flow_id"]]
    parts = pl.col("key").str.split("|")
    ref = parts.list.len() == 2
    own = pl.col("discrepancy_id").is_null() & (pl.col("key").is_in(keys) | (ref & parts.list.last().is_in(keys)))
    named = pl.col("discrepancy_id").is_in(findings["discrepancy_id"].to_list()).fill_null(value=False)
    items = pick(run, "bridge_items", own | named)
    labels = {line: names[0 if language == "zh" else 1] for line, names in LINES.items()}
    label = pl.col("line").replace_strict(labels, default=None, return_dtype=pl.String).alias("label")
    return items.select("line", label, "key", "amount_fen")


def _answer(run: Run, seed: Seed, found: dict[str, pl.DataFrame], findings: pl.DataFrame, language: str) -> list[str]:
    """Paid, refunded, what is open, whose turn it is: the lines a customer's question is answered with."""
    orders, flows = found["orders"], found["flows"].with_columns(MONEY_AT.dt.date().alias("money_on"))
    is_fact, is_back = pl.col("money_on") <= run.as_of, pl.col("kind").is_in(_BACK)
    refunded = -_sum(flows.filter(is_fact & is_back))
    done = found["aftersales"].with_columns(DONE_AT.alias("done_at"), FINAL.alias("amount_fen"))
    done = done.filter(pl.col("kind").is_in(REFUND_CASE_KINDS), pl.col("done_at").dt.date() <= run.as_of)
    # a success case that takes no part in M3 was refunded inside escrow: no flow is expected
    apart = found["unmatched"].filter((pl.col("pair") == "M3") & (pl.col("reason") == "excluded"))["row_key"].to_list()
    escrow = _sum(done.filter(natural_key(AFTERSALES).is_in(apart)))
    received = _sum(flows.filter(is_fact & (pl.col("kind") == "trade_receipt"))) or _sum(
        found["payments"].filter(pl.col("status") == "success")
    )
    facts = {
        "platform": value_label("platform", seed.platform, language) if seed.platform else "",
        "order": seed.order_id,
        "paid": format_yuan(int(orders["buyer_paid_fen"].sum())),
        "received": format_yuan(received),
        "refunded": format_yuan(refunded + escrow),
        "as_of": run.as_of,
    }
    if seed.order_id is None:
        told = [word("answer.rows", language, id=seed.id)]
    else:
        told = [word("answer.order" if orders.height else "answer.no_order", language, **facts).strip()]
    if escrow:
        told.append(word("answer.escrow", language, escrow=format_yuan(escrow)))
    told.append(_owed(_sum(done), refunded + escrow, language, is_asked=done.height > 0))
    if pending := -_sum(flows.filter(is_back & (pl.col("status") == "processing"))):
        told.append(word("answer.pending", language, pending=format_yuan(pending)))
    later = flows.filter(is_back & (pl.col("money_on") > run.as_of))
    if later.height:
        told.append(word("answer.later", language, later=format_yuan(-_sum(later)), day=later["money_on"].max()))
    return [*told, *_turns(found, findings, language)]


def _owed(due: int, refunded: int, language: str, *, is_asked: bool) -> str:
    if not is_asked and not refunded:
        return word("answer.no_case", language)
    name = "settled" if due == refunded else "due" if due > refunded else "over"
    return word(f"answer.{name}", language, due=format_yuan(due), open=format_yuan(abs(due - refunded)))


def _turns(found: dict[str, pl.DataFrame], findings: pl.DataFrame, language: str) -> list[str]:
    """Whose turn it is: by the findings, and by the state of the cases that are still open."""
    told = []
    for row in findings.filter(pl.col("primary_id").is_null()).iter_rows(named=True):
        facts = {
            "owner": value_label("owner", row["owner"], language),
            "code": row["code"],
            "name": code_name(row["code"], language),
            "action": code_action(row["code"], language),
            "day": row["breaks_on"],
        }
        told.append(word("answer.turn_until" if row["breaks_on"] else "answer.turn", language, **facts))
    returned = {*found["receipts"]["case_id"].drop_nulls()}
    for row in found["aftersales"].filter(pl.col("platform_status") == "open").iter_rows(named=True):
        waits_goods = row["kind"] == "return_refund" and row["case_id"] not in returned
        name = "wait_merchant" if row["approved_at"] is None else "wait_goods" if waits_goods else "wait_refund"
        told.append(word(f"answer.{name}", language, case=row["case_id"], amount=format_yuan(row["requested_fen"] or 0)))
    return list(dict.fromkeys(told)) or [word("answer.nobody", language)]


def _sum(frame: pl.DataFrame) -> int:
    return int(frame["amount_fen"].sum())


def _written(life: Life, language: str) -> str:
    """One life as plain text."""
    lines = [*life.answer, "", word("head.events", language)]
    for row in life.events.iter_rows(named=True):
        amount = "" if row["amount_fen"] is None else format_yuan(row["amount_fen"])
        cells = [
            shown_at(row),
            word(f"event.{row['event']}", language),
            row["id"],
            amount,
            row["status"],
            row["detail"],
            row["place"],
        ]
        lines.append("  " + "  ".join(str(cell) for cell in cells if cell))
        lines += [f"      ↔ {text}" for text in (row["matched"] or "").splitlines()]
    if life.findings.height:
        lines += ["", word("head.findings", language)]
    for row in life.findings.iter_rows(named=True):
        related = word("says.related", language) if row["primary_id"] else ""
        lines.append(f"  {row['code']} {code_name(row['code'], language)}{related}: {row['why']}")
        lines.append(f"      {', '.join(row['evidence'] or [])}")
    if life.bridge.height:
        lines += ["", word("head.bridge", language)]
        lines += [f"  {line} {label}  {key}  {format_yuan(fen, sign=True)}" for line, label, key, fen in life.bridge.rows()]
    return "\n".join(lines)
