"""Planters of payments, unknown flows and the files themselves: P, S and K codes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth import seller
from recon_kit.synth.bills import alipay_bill, pdd_bill, spans
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    add_rows,
    copies_of,
    drop_flows,
    drop_rows,
    fen,
    fresh_ids,
    instant_in,
    known_ids,
    moment,
    next_flows,
    of_case,
    of_order,
    set_flows,
    touch,
)
from recon_kit.synth.pools import can_say, receipted_orders, settled_cases, take
from recon_kit.synth.world import World

OFF_BY = (350, -1_200, 2_990)
STRAY_DAYS = 5
"""A shorter period ends before a receipt in the middle of it is old enough to be nobody's."""
BREAKS_AFTER_DAYS = 5
"""Days before the period's end by which a missing receipt must have been due: longer than the payment SLA."""


def plant_p01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The receipt differs from what the order says was paid."""
    rows = take(receipted_orders(world, period), rng, n)
    paid = {str(row["flow_id"]): fen(row, "buyer_paid_fen") + OFF_BY[i % 3] for i, row in enumerate(rows)}
    answers = [of_order("P01", period, row, fen(row, "buyer_paid_fen"), paid[str(row["flow_id"])]) for row in rows]
    return touch(set_flows(world, paid), rows), answers


def plant_p02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Money for an order that nobody knows, by its payment number, or by its order where the bill states no other."""
    of_age = pl.lit(period.days >= STRAY_DAYS)
    rows = take(receipted_orders(world, period).filter(can_say(world, "stray_receipt") & of_age), rng, n)
    receipts = copies_of(world, "flows", "flow_id", rows)
    order_ids = fresh_ids([str(row["order_id"]) for row in rows], known_ids(world, "order_id"))
    flow_ids = next_flows(world, [row["flow_id"] for row in rows])
    pay_ids = fresh_ids([str(receipt["pay_id"]) for receipt in receipts], known_ids(world, "pay_id"))
    trade_nos = fresh_ids([str(receipt["trade_no"]) for receipt in receipts], known_ids(world, "trade_no"))
    answers: list[AnswerRow] = []
    for i, receipt in enumerate(receipts):
        at, amount = instant_in(period, rng), rng.randrange(2_000, 19_000)
        by_order = receipt["pay_id"] is None or receipt["channel"] in world.nameless
        trade_no = trade_nos[i] if receipt["trade_no"] else None
        stated = {"order_id": order_ids[i]} if by_order else {"order_id": None, "pay_id": pay_ids[i], "trade_no": trade_no}
        receipt.update(flow_id=flow_ids[i], at=at, success_at=at, amount_fen=amount, **stated)
        key = order_ids[i] if by_order else pay_ids[i]
        answers.append(AnswerRow(period.text, "P02", key, expected_fen=0, actual_fen=amount))
    return add_rows(world, "flows", receipts), answers


def plant_p03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A paid (in escrow: confirmed) order whose money never came."""
    pool = receipted_orders(world, period).filter(
        pl.col("at") < midnight(period.end) - timedelta(days=BREAKS_AFTER_DAYS), period.contains("paid_at")
    )
    rows = take(pool, rng, n)
    unpaid = pl.col("order_id").is_in([str(row["order_id"]) for row in rows])
    gone = drop_flows(world, unpaid)
    if "payments" in world.tables:
        unpaid |= pl.col("pay_id").is_in([row["pay_id"] for row in rows if row["pay_id"]])
        gone = drop_rows(gone, "payments", unpaid)
    return touch(gone, rows), [of_order("P03", period, row, fen(row, "buyer_paid_fen"), 0) for row in rows]


def plant_p04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same order paid twice, within a minute."""
    rows = take(receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(minutes=5)), rng, n)
    again = copies_of(world, "flows", "flow_id", rows)
    flow_ids = next_flows(world, [row["flow_id"] for row in rows])
    trade_nos = fresh_ids([str(flow["trade_no"]) for flow in again], known_ids(world, "trade_no"))
    for flow, flow_id, trade_no in zip(again, flow_ids, trade_nos, strict=True):
        at = moment(flow, "at") + timedelta(seconds=47)
        flow.update(flow_id=flow_id, at=at, success_at=at, trade_no=trade_no if flow["trade_no"] else None)
    return touch(add_rows(world, "flows", again), rows), [
        of_order("P04", period, row, fen(row, "buyer_paid_fen"), 2 * fen(row, "buyer_paid_fen")) for row in rows
    ]


def plant_s05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A wallet row whose type and wording say nothing."""
    receipts = world.tables["flows"].filter((pl.col("kind") == "trade_receipt") & period.contains("at"))
    known = take(
        receipts.filter(pl.col("channel") != seller.CARD.channel).with_columns(platform="channel").sort("flow_id"), rng, n
    )
    rows: list[Row] = []
    for row, flow_id in zip(known, next_flows(world, [row["flow_id"] for row in known]), strict=True):
        at, amount = instant_in(period, rng), rng.choice((-1, 1)) * rng.randrange(100, 3_000)
        kept = {name: row[name] for name in ("channel", "shop", "account")}
        money = {"at": at, "success_at": at, "status": "success", "kind": "unknown", "amount_fen": amount}
        rows.append({**kept, **money, "flow_id": flow_id, "memo": f"调账{rng.randrange(10_000, 99_999)}"})
    answers = [
        AnswerRow(
            period.text,
            "S05",
            "" if row["channel"] in world.nameless else str(row["flow_id"]),
            expected_fen=0,
            actual_fen=-fen(row, "amount_fen"),
            note=str(row["channel"]),
        )
        for row in rows
    ]
    return add_rows(world, "flows", rows), answers


def plant_k05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same case twice in one export."""
    rows = take(settled_cases(world, period).filter(period.contains("applied_at")), rng, n)
    repeats = tuple((str(row["platform"]), str(row["case_id"])) for row in rows)
    return touch(replace(world, repeats=world.repeats + repeats), rows), [
        replace(of_case("K05", period, row), nature="control") for row in rows
    ]


def plant_k06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A bill whose stated outgoing total is not the sum of its rows. Plant it last: later flows would change the sum."""
    bills = [
        (channel, name(tag), first, end)
        for tag, first, end in spans(world, world.split)
        if period.start <= first < period.end
        for channel, name in ((seller.TMALL.channel, alipay_bill), (seller.PDD.channel, pdd_bill))
    ]
    answers: list[AnswerRow] = []
    wrong: list[tuple[str, int]] = []
    for channel, file, first, end in rng.sample(bills, min(n, len(bills))):
        inside = (
            (pl.col("channel") == channel)
            & (pl.col("at") >= midnight(first))
            & (pl.col("at") < midnight(end))
            & (pl.col("amount_fen") < 0)
        )
        found = int(world.tables["flows"].filter(inside)["amount_fen"].sum())
        shift = -100 * rng.randrange(20, 300) - 45
        wrong.append((file, shift))
        answers.append(AnswerRow(period.text, "K06", file, None, None, found + shift, found, nature="control"))
    return replace(world, footers=world.footers + tuple(wrong)), answers
