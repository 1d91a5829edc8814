"""Planters of approvals, evidence and complaints: C09, C15, K01–K03 and Q01–Q03. Beside each stands what is just right."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth import seller
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    add_rows,
    amend,
    fen,
    fresh_ids,
    instant_in,
    moment,
    of_case,
    of_cases,
    of_vouchers,
    resettle,
    touch,
    write_voucher,
)
from recon_kit.synth.pools import aged, quiet_orders, settled_cases, shipped_lines, take
from recon_kit.synth.raised import raise_cases
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import yuan_text

AMENDED_BY = 300
CLOSED_AFTER = timedelta(days=2)


def plant_c09(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The amount was raised after the approval and nobody approved it again, which is K01 too.

    Beside it: one that was approved again, and one that was changed before the approval.
    """
    events = world.tables["aftersale_events"]
    waited = (pl.col("approved_at") - pl.col("applied_at") > timedelta(minutes=20)) & (pl.col("final_fen") > AMENDED_BY)
    quiet = ~pl.col("case_id").is_in(events["case_id"].implode()) & waited.fill_null(value=False)
    rows = take(settled_cases(world, period).filter(quiet & period.contains("applied_at")), rng, n + 2)
    after, again, before = rows[:n], rows[n : n + 1], rows[n + 1 :]
    amended = [
        {
            "case_id": row["case_id"],
            "seq": 1,
            "at": moment(row, "approved_at") + timedelta(minutes=-10 if row in before else 30),
            "field": "approved",
            "old": yuan_text(fen(row, "final_fen") - AMENDED_BY),
            "new": yuan_text(fen(row, "final_fen")),
            "by": seller.CLERKS[1],
            "reapproved_by": seller.LEADS[1] if row in again else None,
        }
        for row in rows
    ]
    answers = [of_case("C09", period, row, fen(row, "final_fen") - AMENDED_BY, fen(row, "final_fen")) for row in after]
    unapproved = [of_case("K01", period, row) for row in after]
    return touch(add_rows(world, "aftersale_events", amended), rows), answers + [replace(a, note="with C09") for a in unapproved]


def plant_c15(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform paid in advance, and the case is still open. Beside it: open as many days as may be."""
    limit = world.config.sla_days.return_
    pool = shipped_lines(world, period.start - timedelta(days=20), aged(period, limit + 6))
    rows = take(pool.filter(pl.col("platform") != "pdd"), rng, n + 1)
    asked = [midnight(aged(period, limit + (1 if place < n else 0))) + timedelta(hours=8) for place in range(len(rows))]
    world, cases = raise_cases(world, rows, "refund_only", asked, [None] * len(rows), is_instant=True, qty=None)
    return touch(world, rows), [of_case("C15", period, case) for case in cases[:n]]


def plant_k01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """More than the limit was refunded, and nobody approved it, nor a change of it. Beside it: exactly the limit."""
    limit = world.config.limits.auto_approval
    pool = settled_cases(world, period).filter(period.contains("applied_at"), pl.lit("aftersales.approver" not in world.unstated))
    rows = take(pool.filter(pl.col("final_fen") > limit), rng, n)
    room = (pl.col("buyer_paid_fen") >= limit) & (pl.col("basis") != "qty")
    near = take(pool.filter(room & ~of_cases(rows)), rng, 1)
    world = resettle(world, {str(row["case_id"]): limit for row in near}, near)
    blank = {str(row["case_id"]): {"approver": None} for row in [*rows, *near]}
    if "aftersale_events" in world.tables:
        again = of_cases(rows) & pl.col("reapproved_by").is_not_null()
        world = world.with_tables(aftersale_events=world.tables["aftersale_events"].filter(~again))
    return touch(amend(world, "aftersales", "case_id", blank), [*rows, *near]), [of_case("K01", period, row) for row in rows]


def plant_k02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Who raised the case approved it, or (in books that say who approves) who made the voucher.

    Beside it: a case that nobody had to approve.
    """
    pool = settled_cases(world, period).filter(pl.col("creator").is_not_null() & period.contains("applied_at"))
    rows = take(pool.filter(pl.col("is_alone")), rng, n)
    small = pl.col("final_fen") <= world.config.limits.auto_approval
    near = take(pool.filter(small & ~of_cases(rows)), rng, 1)
    made = world.tables["voucher_lines"].filter(of_vouchers(rows[1::2]), pl.col("maker").is_not_null())
    signed = set() if "voucher_lines.approver" in world.unstated else set(made.select("period", "voucher_id").iter_rows())
    in_voucher = [row for row in rows[1::2] if (row["period"], row["voucher_id"]) in signed]
    on_case = [row for row in rows if row not in in_voucher]
    approvers: dict[str, dict[str, object]] = {str(row["case_id"]): {"approver": row["creator"]} for row in on_case}
    blank: dict[str, dict[str, object]] = {str(row["case_id"]): {"approver": None} for row in near}
    world = amend(world, "aftersales", "case_id", {**approvers, **blank})
    own = of_vouchers(in_voucher)
    lines = world.tables["voucher_lines"].with_columns(approver=pl.when(own).then("maker").otherwise("approver"))
    answers = [
        of_case("K02", period, row)
        if row in on_case
        else AnswerRow(period.text, "K02", str(row["voucher_id"]), str(row["order_id"]), str(row["case_id"]))
        for row in rows
    ]
    return touch(world.with_tables(voucher_lines=lines), [*rows, *near]), answers


def plant_k03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """An adjusting voucher without an attachment. Beside it: one with an attachment, and one that adjusts nothing."""
    answers: list[AnswerRow] = []
    cases = [*(("调整平台服务费", place % 2 or None) for place in range(n)), ("调整平台服务费", 1), ("支付调整前的服务费", 0)]
    for place, (summary, given) in enumerate(cases):
        attachments = 0 if place < n and given else given
        amount = 1_200 + 100 * place
        on = instant_in(period, rng).date()
        lines = (("SELL_COMMISSION", amount, 0), ("BANK", 0, amount))
        world, number = write_voucher(world, on, lines, summary=summary, attachments=attachments)
        if place < n:
            answers.append(AnswerRow(period.text, "K03", number))
    return world, answers


def plant_q01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A complaint that nobody closed. Beside it: one that may still be open that day."""
    limit = world.config.sla_days.complaint
    rows = take(quiet_orders(world).filter(pl.col("paid_at") < midnight(aged(period, limit + 3))), rng, n + 1)
    opened = [midnight(aged(period, limit + (1 if place < n else 0))) + timedelta(hours=9) for place in range(len(rows))]
    world, ids = _complain(world, rows, opened, [None] * len(rows), kind="服务")
    return touch(world, rows), [
        AnswerRow(period.text, "Q01", name, str(row["order_id"])) for row, name in zip(rows[:n], ids[:n], strict=True)
    ]


def plant_q02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A complaint about money, and no case. Beside it: a case applied for as many days before as may be."""
    rows = take(quiet_orders(world).filter(period.contains("paid_at")), rng, n)
    late = settled_cases(world, period).filter(pl.col("applied_at") < midnight(period.end) - timedelta(days=10))
    near = take(late, rng, 1)
    opened = [instant_in(period, rng) for _ in rows] + [moment(row, "applied_at") + timedelta(days=7) for row in near]
    nobody: list[Row] = [{**row, "case_id": None} for row in [*rows, *near]]
    world, ids = _complain(world, nobody, opened, [at + CLOSED_AFTER for at in opened], kind="退款")
    return touch(world, [*rows, *near]), [
        AnswerRow(period.text, "Q02", name, str(row["order_id"])) for row, name in zip(rows, ids[:n], strict=True)
    ]


def plant_q03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The buyer says not refunded, and was. Beside it: said and settled before the money arrived."""
    pool = settled_cases(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(days=2))
    slow = pl.col("at") - pl.col("applied_at") > timedelta(hours=12)
    near = take(pool.filter(slow), rng, 1)
    rows = take(pool.filter(~of_cases(near)), rng, n)
    opened = [moment(row, "at") + timedelta(hours=20) for row in rows] + [moment(row, "applied_at") for row in near]
    closed = [at + CLOSED_AFTER for at in opened[: len(rows)]] + [moment(row, "at") - timedelta(hours=1) for row in near]
    world, ids = _complain(world, [*rows, *near], opened, closed, kind="退款", claims_unrefunded=True)
    return touch(world, [*rows, *near]), [
        AnswerRow(period.text, "Q03", name, str(row["order_id"]), str(row["case_id"]))
        for row, name in zip(rows, ids[: len(rows)], strict=True)
    ]


def _complain(
    world: World, rows: Sequence[Row], opened: Sequence[datetime], closed: Sequence[datetime | None], **more: object
) -> tuple[World, list[str]]:
    """One complaint a row, about its order and the case it names; returns their numbers."""
    complaints = world.tables["complaints"]
    ids = fresh_ids([str(complaints["complaint_id"].max() or "TS000001")] * len(rows), complaints["complaint_id"])
    voices = [
        {"complaint_id": name, "order_id": row["order_id"], "case_id": row.get("case_id"), "channel": "平台", "opened_at": start,
         "closed_at": end, "claims_unrefunded": False, "handler": seller.CLERKS[0], **more}
        for row, name, start, end in zip(rows, ids, opened, closed, strict=True)
    ]  # fmt: skip
    return add_rows(world, "complaints", voices), ids
