"""Planters of refunds: A06 and the C codes."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth import seller
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    add_rows,
    book,
    book_later,
    booking_of,
    copies_of,
    drop_flows,
    drop_rows,
    fen,
    fresh_ids,
    moment,
    next_flows,
    of_case,
    of_cases,
    of_order,
    rebook,
    return_fees,
    set_flows,
    touch,
)
from recon_kit.synth.pools import can_say, receipted_orders, recognised_since, settled_cases, take
from recon_kit.synth.world import World

OVER = (500, 1_234, 88)
BREAKS_AFTER_DAYS = 5
"""Days before the period's end by which an overdue refund must have been due: longer than the refund SLA."""


def plant_a06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """One fen between case and flow, or between flow and voucher."""
    rows = take(settled_cases(world, period), rng, n)
    world = set_flows(world, {str(row["flow_id"]): -fen(row, "final_fen") - 1 for row in rows[::2]})
    world = rebook(world, {row["ref_id"]: fen(row, "final_fen") + 1 for row in rows})
    notes = ("case vs flow", "flow vs voucher")
    answers = [
        replace(
            of_case("A06", period, row, fen(row, "final_fen"), fen(row, "final_fen") + 1), nature="rounding", note=notes[i % 2]
        )
        for i, row in enumerate(rows)
    ]
    return touch(world, rows), answers


def plant_c01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The channel accepted the refund and it never arrived (WeChat: in the tradebill, not in the fundflow); not booked."""
    rows = take(_overdue(world, period).filter(can_say(world, "processing")), rng, n)
    flows = [str(row["flow_id"]) for row in rows]
    world = set_flows(world, dict.fromkeys(flows, None), "success_at")
    world = set_flows(world, dict.fromkeys(flows, "processing"), "status")
    world = set_flows(world, {str(row["flow_id"]): moment(row, "completed_at") + timedelta(minutes=1) for row in rows}, "at")
    stuck = drop_flows(book_later(world, rows, None), of_cases(rows) & (pl.col("kind") == "fee_return"))
    return touch(stuck, rows), [of_case("C01", period, row, fen(row, "final_fen"), 0) for row in rows]


def plant_c02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Completed in the last days of the period, paid and booked in the first hours and days after it."""
    late = settled_cases(world, period).filter(pl.col("completed_at") >= midnight(period.end) - timedelta(days=3))
    rows = take(late, rng, n)
    arrivals = {str(row["case_id"]): midnight(period.end) + timedelta(seconds=rng.randrange(1_800, 36_000)) for row in rows}
    own = world.tables["flows"].filter(of_cases(rows)).select("flow_id", "case_id", "kind")
    moves = {flow: arrivals[case] + timedelta(minutes=31 if kind == "fee_return" else 0) for flow, case, kind in own.iter_rows()}
    world = set_flows(set_flows(world, moves, "at"), moves, "success_at")
    world = book_later(world, rows, period.end + timedelta(days=1))
    return touch(world, rows), [replace(of_case("C02", period, row, fen(row, "final_fen"), 0), nature="timing") for row in rows]


def plant_c03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Money went back on an order that has no case; it was booked."""
    rows = take(receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(days=8)), rng, n)
    refunds = copies_of(world, "flows", "flow_id", rows)
    answers: list[AnswerRow] = []
    bookings: list[Row] = []
    for row, refund, flow_id in zip(rows, refunds, next_flows(world, [row["flow_id"] for row in rows]), strict=True):
        at, amount = moment(row, "at") + timedelta(days=3, minutes=rng.randrange(900)), fen(row, "amount_fen") * 3 // 10
        refund.update(flow_id=flow_id, kind="refund", at=at, success_at=at, amount_fen=-amount, request_no=f"MT{flow_id[-12:]}")
        ref_kind, ref_id = ("order", str(row["order_id"])) if row["channel"] in world.nameless else ("flow", flow_id)
        kept = {name: row[name] for name in ("channel", "shop")}
        bookings.append({**kept, "date": at.date(), "gross_fen": amount, "ref_kind": ref_kind, "ref_id": ref_id})
        answers.append(AnswerRow(period.text, "C03", ref_id, str(row["order_id"]), None, 0, amount))
    world, _ = book(add_rows(world, "flows", refunds), bookings)
    return touch(world, rows), answers


def plant_c04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform says refunded, no money left; every third one is booked all the same, by its case or order."""
    rows = take(_overdue(world, period), rng, n)
    booked = [row for row in rows[2::3] if row["ref_kind"] != "flow"]
    unpaid = drop_rows(drop_flows(world, of_cases(rows)), "fees", of_cases(rows) & (pl.col("kind") == "commission_return"))
    world = book_later(unpaid, [row for row in rows if row not in booked], None)
    answers = [of_case("C04", period, row, fen(row, "final_fen"), 0) for row in rows]
    return touch(world, rows), [
        replace(a, note="booked, L02 related") if row in booked else a for a, row in zip(answers, rows, strict=True)
    ]


def plant_c05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """More was paid than the case says; the books follow the money."""
    room = pl.col("buyer_paid_fen") - pl.col("final_fen") > max(OVER)
    return _paid_otherwise(world, period, take(settled_cases(world, period).filter(room), rng, n), "C05", OVER)


def plant_c06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Less was paid than the case says; the books follow the money."""
    rows = take(_overdue(world, period).filter(pl.col("final_fen") > 2 * max(OVER)), rng, n)
    return _paid_otherwise(world, period, rows, "C06", tuple(-delta for delta in OVER))


def plant_c07(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same refund paid twice under two request numbers, and booked twice as much."""
    rows = take(settled_cases(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(days=1)), rng, n)
    again = copies_of(world, "flows", "flow_id", rows)
    for flow, flow_id in zip(again, next_flows(world, [row["flow_id"] for row in rows]), strict=True):
        at = moment(flow, "at") + timedelta(hours=5)
        flow.update(flow_id=flow_id, at=at, success_at=at, request_no=f"{flow['request_no']}-R")
    paid = return_fees(add_rows(world, "flows", again), rows)
    world = rebook(paid, {row["ref_id"]: 2 * fen(row, "final_fen") for row in rows})
    return touch(world, rows), [of_case("C07", period, row, fen(row, "final_fen"), 2 * fen(row, "final_fen")) for row in rows]


def plant_c08(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A second case, paid and booked as it says, with which the order got back more than was paid."""
    pool = settled_cases(world, period).filter(
        can_say(world, "more_than_paid")
        & ~pl.col("order_id").is_in(world.tables["fees"]["order_id"].drop_nulls().implode())
        & (pl.col("at") < midnight(period.end) - timedelta(days=4))
        & (pl.col("ref_kind") != "order")
        & recognised_since(world, period.start - timedelta(days=2))  # the second case follows after as many days
    )
    rows = take(pool, rng, n)
    cases, flows = copies_of(world, "aftersales", "case_id", rows), copies_of(world, "flows", "flow_id", rows)
    case_ids = fresh_ids([str(row["case_id"]) for row in rows], world.tables["aftersales"]["case_id"])
    amounts = [fen(row, "buyer_paid_fen") * 23 // 20 - fen(row, "final_fen") for row in rows]
    bookings: list[Row] = []
    for row, case, case_id, amount in zip(rows, cases, case_ids, amounts, strict=True):
        case["approver"] = seller.LEADS[0]
        shifted = {
            name: moment(case, name) + timedelta(days=2) for name in ("applied_at", "approved_at", "completed_at") if case[name]
        }
        sums = dict.fromkeys(("requested_fen", "approved_fen", "final_fen", "erp_fen"), amount)
        case.update(case_id=case_id, kind="refund_only", qty=None, basis="negotiated", return_waybill=None, **shifted, **sums)
        on = (moment(row, "at") + timedelta(days=2)).date()
        bookings.append({**booking_of(row, on, amount), "ref_kind": "case", "ref_id": case_id})
    for flow, flow_id, case in zip(flows, next_flows(world, [row["flow_id"] for row in rows]), cases, strict=True):
        at = moment(flow, "at") + timedelta(days=2)
        flow.update(flow_id=flow_id, case_id=case["case_id"], request_no=case["case_id"], at=at, success_at=at)
        flow["amount_fen"] = -fen(case, "final_fen")
    world, _ = book(add_rows(add_rows(world, "aftersales", cases), "flows", flows), bookings)
    more = pl.col("order_id").replace_strict({row["order_id"]: a for row, a in zip(rows, amounts, strict=True)}, default=0)
    orders = world.tables["orders"].with_columns(refunded_fen=pl.col("refunded_fen") + more.cast(pl.Int64))
    return touch(world.with_tables(orders=orders), rows), [
        of_order("C08", period, row, fen(row, "buyer_paid_fen"), fen(row, "final_fen") + amount)
        for row, amount in zip(rows, amounts, strict=True)
    ]


def plant_c10(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The ERP still has an ended case open."""
    ended = world.tables["aftersales"].filter(
        ~pl.col("order_id").is_in(list(world.touched))
        & (pl.col("platform_status") != "open")
        & period.contains("completed_at")
        & (pl.col("completed_at") < midnight(period.end) - timedelta(days=3))
    )
    rows = take(ended.sort("case_id"), rng, n)
    forgotten = pl.col("case_id").is_in([str(row["case_id"]) for row in rows])
    cases = world.tables["aftersales"].with_columns(erp_status=pl.when(forgotten).then(pl.lit("open")).otherwise("erp_status"))
    return touch(world.with_tables(aftersales=cases), rows), [of_case("C10", period, row) for row in rows]


def _overdue(world: World, period: Period) -> pl.DataFrame:
    """Settled cases that completed long enough before the period's end to be overdue if nothing had been paid."""
    return settled_cases(world, period).filter(pl.col("completed_at") < midnight(period.end) - timedelta(days=BREAKS_AFTER_DAYS))


def _paid_otherwise(world: World, period: Period, rows: list[Row], code: str, deltas: tuple[int, ...]) -> Planted:
    """Flow and booking of each case with another amount than its final one."""
    amounts = [fen(row, "final_fen") + deltas[i % len(deltas)] for i, row in enumerate(rows)]
    paid = set_flows(world, {str(row["flow_id"]): -amount for row, amount in zip(rows, amounts, strict=True)})
    booked = rebook(return_fees(paid, rows), {row["ref_id"]: amount for row, amount in zip(rows, amounts, strict=True)})
    return touch(booked, rows), [
        of_case(code, period, row, fen(row, "final_fen"), amount) for row, amount in zip(rows, amounts, strict=True)
    ]
