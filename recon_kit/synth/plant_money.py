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
    add_rows,
    copy_of,
    drop_flows,
    fen,
    fresh_id,
    instant_in,
    moment,
    next_flow,
    of_case,
    of_order,
    receipted_orders,
    set_flows,
    settled_cases,
    take,
    touch,
)
from recon_kit.synth.world import World

OFF_BY = (350, -1_200, 2_990)
BREAKS_AFTER_DAYS = 5
"""Days before the period's end by which a missing receipt must have been due: longer than the payment SLA."""


def plant_p01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The receipt differs from what the order says was paid."""
    rows = take(receipted_orders(world, period), rng, n)
    paid = {str(row["flow_id"]): fen(row, "buyer_paid_fen") + OFF_BY[i % 3] for i, row in enumerate(rows)}
    answers = [of_order("P01", period, row, fen(row, "buyer_paid_fen"), paid[str(row["flow_id"])]) for row in rows]
    return touch(set_flows(world, paid), rows), answers


def plant_p02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Money for an order that nobody knows: a WeChat payment number, a Pinduoduo order number."""
    pool = receipted_orders(world, period).filter(pl.col("channel") != seller.TMALL.channel)
    answers: list[AnswerRow] = []
    for row in take(pool, rng, n):
        receipt = copy_of(world, "flows", "flow_id", row["flow_id"])
        at, amount = instant_in(period, rng), rng.randrange(2_000, 19_000)
        receipt.update(flow_id=next_flow(world, row["flow_id"]), at=at, success_at=at, amount_fen=amount)
        if row["channel"] == seller.PDD.channel:
            receipt["order_id"] = key = fresh_id(str(row["order_id"]), world.tables["orders"]["order_id"])
        else:
            receipt["pay_id"] = key = fresh_id(str(receipt["pay_id"]), world.tables["orders"]["pay_id"])
            receipt["trade_no"] = fresh_id(str(receipt["trade_no"]), world.tables["orders"]["trade_no"])
            receipt["order_id"] = None
        world = add_rows(world, "flows", [receipt])
        answers.append(AnswerRow(period.text, "P02", key, expected_fen=0, actual_fen=amount))
    return world, answers


def plant_p03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A paid (in escrow: confirmed) order whose money never came."""
    pool = receipted_orders(world, period).filter(
        pl.col("at") < midnight(period.end) - timedelta(days=BREAKS_AFTER_DAYS), period.contains("paid_at")
    )
    rows = take(pool, rng, n)
    gone = drop_flows(world, pl.col("order_id").is_in([str(row["order_id"]) for row in rows]))
    return touch(gone, rows), [of_order("P03", period, row, fen(row, "buyer_paid_fen"), 0) for row in rows]


def plant_p04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same order paid twice, within a minute."""
    rows = take(receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(minutes=5)), rng, n)
    for row in rows:
        again = copy_of(world, "flows", "flow_id", row["flow_id"])
        at = moment(row, "at") + timedelta(seconds=47)
        trade_no = again["trade_no"] and fresh_id(str(again["trade_no"]), world.tables["orders"]["trade_no"])
        again.update(flow_id=next_flow(world, row["flow_id"]), at=at, success_at=at, trade_no=trade_no)
        world = add_rows(world, "flows", [again])
    return touch(world, rows), [
        of_order("P04", period, row, fen(row, "buyer_paid_fen"), 2 * fen(row, "buyer_paid_fen")) for row in rows
    ]


def plant_s05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A wallet row whose type and wording say nothing."""
    channels = [shop.channel for shop in seller.SHOPS]
    answers: list[AnswerRow] = []
    for i in range(n):
        channel = channels[i % len(channels)]
        own = world.tables["flows"].filter(
            (pl.col("channel") == channel) & (pl.col("kind") == "trade_receipt") & period.contains("at")
        )
        if own.is_empty():
            continue
        known = own.sort("flow_id").row(rng.randrange(own.height), named=True)
        at, amount = instant_in(period, rng), rng.choice((-1, 1)) * rng.randrange(100, 3_000)
        row = {name: known[name] for name in ("channel", "shop", "account")}
        row |= {"flow_id": next_flow(world, known["flow_id"]), "at": at, "success_at": at, "status": "success"}
        row |= {"kind": "unknown", "amount_fen": amount, "memo": f"调账{rng.randrange(10_000, 99_999)}"}
        world = add_rows(world, "flows", [row])
        key = "" if channel == seller.PDD.channel else str(row["flow_id"])
        answers.append(AnswerRow(period.text, "S05", key, None, None, 0, -amount, note=channel))
    return world, answers


def plant_k05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same case twice in one export."""
    rows = take(settled_cases(world, period), rng, n)
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
