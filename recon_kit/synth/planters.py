"""One planter per code: a small change to the tables, and what it must be found as. Source of the amounts: rulings.

Each takes a world, the period to plant in, a chance and how many; it returns the changed world and the answers. It plants
only on what ties so far (`edits.settled_cases`, `edits.receipted_orders`), never twice on the same order.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth import seller
from recon_kit.synth.bills import alipay_bill, pdd_bill, spans
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Row,
    add_rows,
    book,
    booking_of,
    copy_of,
    drop_flows,
    fen,
    first_days,
    fresh_id,
    instant_in,
    moment,
    rebook,
    receipted_orders,
    set_flows,
    settled_cases,
    take,
    touch,
    unbook,
)
from recon_kit.synth.world import World

Planted = tuple[World, list[AnswerRow]]
Planter = Callable[[World, Period, random.Random, int], Planted]

OFF_BY = (350, -1_200, 2_990)
OVER = (500, 1_234, 88)
MISBOOKED = (900, -500, 90)
BREAKS_AFTER_DAYS = 5
"""Days before the period's end by which an overdue refund must have been due: longer than the refund SLA."""


def plant(world: World, code: str, rng: random.Random, n: int, period: Period | None = None) -> Planted:
    """Plant up to n findings of a code (fewer where the world has no room), in the world's period unless told."""
    return PLANTERS[code](world, period or world.period, rng, n)


def plant_p01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The receipt differs from what the order says was paid."""
    rows = take(receipted_orders(world, period), rng, n)
    paid = {str(row["flow_id"]): fen(row, "buyer_paid_fen") + OFF_BY[i % 3] for i, row in enumerate(rows)}
    answers = [_of_order("P01", period, row, fen(row, "buyer_paid_fen"), paid[str(row["flow_id"])]) for row in rows]
    return touch(set_flows(world, paid), rows), answers


def plant_p02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Money for an order that nobody knows: a WeChat payment number, a Pinduoduo order number."""
    pool = receipted_orders(world, period).filter(pl.col("channel") != seller.TMALL.channel)
    answers: list[AnswerRow] = []
    for row in take(pool, rng, n):
        receipt = copy_of(world, "flows", "flow_id", row["flow_id"])
        at, amount = instant_in(period, rng), rng.randrange(2_000, 19_000)
        receipt.update(flow_id=_next_flow(world, row["flow_id"]), at=at, success_at=at, amount_fen=amount)
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
    pool = receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(days=BREAKS_AFTER_DAYS), period.contains("paid_at"))
    rows = take(pool, rng, n)
    gone = drop_flows(world, pl.col("order_id").is_in([str(row["order_id"]) for row in rows]))
    return touch(gone, rows), [_of_order("P03", period, row, fen(row, "buyer_paid_fen"), 0) for row in rows]


def plant_p04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same order paid twice, within a minute."""
    rows = take(receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(minutes=5)), rng, n)
    for row in rows:
        again = copy_of(world, "flows", "flow_id", row["flow_id"])
        at = moment(row, "at") + timedelta(seconds=47)
        trade_no = again["trade_no"] and fresh_id(str(again["trade_no"]), world.tables["orders"]["trade_no"])
        again.update(flow_id=_next_flow(world, row["flow_id"]), at=at, success_at=at, trade_no=trade_no)
        world = add_rows(world, "flows", [again])
    return touch(world, rows), [_of_order("P04", period, row, fen(row, "buyer_paid_fen"), 2 * fen(row, "buyer_paid_fen")) for row in rows]


def plant_a06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """One fen between case and flow, or between flow and voucher."""
    rows = take(settled_cases(world, period), rng, n)
    world = set_flows(world, {str(row["flow_id"]): -fen(row, "final_fen") - 1 for row in rows[::2]})
    world = rebook(world, {row["ref_id"]: fen(row, "final_fen") + 1 for row in rows})
    notes = ("case vs flow", "flow vs voucher")
    answers = [
        replace(_of_case("A06", period, row, fen(row, "final_fen"), fen(row, "final_fen") + 1), nature="rounding", note=notes[i % 2])
        for i, row in enumerate(rows)
    ]
    return touch(world, rows), answers


def plant_c01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """WeChat accepted the refund and it never arrived: in the tradebill, not in the fundflow, not booked."""
    rows = take(_overdue(world, period).filter(pl.col("channel") == seller.MINI.channel), rng, n)
    flows = [str(row["flow_id"]) for row in rows]
    world = set_flows(world, dict.fromkeys(flows, None), "success_at")
    world = set_flows(world, dict.fromkeys(flows, "processing"), "status")
    world = set_flows(world, {str(row["flow_id"]): moment(row, "completed_at") + timedelta(minutes=1) for row in rows}, "at")
    stuck = drop_flows(unbook(world, [row["ref_id"] for row in rows]), _of_cases(rows) & (pl.col("kind") == "fee_return"))
    return touch(stuck, rows), [_of_case("C01", period, row, fen(row, "final_fen"), 0) for row in rows]


def plant_c02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Completed in the last days of the period, paid and booked in the first hours and days after it."""
    late = settled_cases(world, period).filter(pl.col("completed_at") >= midnight(period.end) - timedelta(days=3))
    rows = take(late, rng, n)
    arrivals = {str(row["case_id"]): midnight(period.end) + timedelta(seconds=rng.randrange(1_800, 36_000)) for row in rows}
    own = world.tables["flows"].filter(_of_cases(rows)).select("flow_id", "case_id", "kind")
    moves = {flow: arrivals[case] + timedelta(minutes=31 if kind == "fee_return" else 0) for flow, case, kind in own.iter_rows()}
    world = set_flows(set_flows(world, moves, "at"), moves, "success_at")
    world, _ = book(unbook(world, [row["ref_id"] for row in rows]), [booking_of(row, period.end + timedelta(days=1)) for row in rows])
    return touch(world, rows), [replace(_of_case("C02", period, row, fen(row, "final_fen"), 0), nature="timing") for row in rows]


def plant_c03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Money went back on an order that has no case; it was booked."""
    rows = take(receipted_orders(world, period).filter(pl.col("at") < midnight(period.end) - timedelta(days=8)), rng, n)
    answers: list[AnswerRow] = []
    for row in rows:
        refund = copy_of(world, "flows", "flow_id", row["flow_id"])
        at, amount = moment(row, "at") + timedelta(days=3, minutes=rng.randrange(900)), fen(row, "amount_fen") * 3 // 10
        is_pdd = row["channel"] == seller.PDD.channel
        refund.update(flow_id=_next_flow(world, row["flow_id"]), kind="refund", at=at, success_at=at, amount_fen=-amount)
        refund["request_no"] = f"MT{refund['flow_id'][-12:]}"
        ref = {"ref_kind": "order", "ref_id": row["order_id"]} if is_pdd else {"ref_kind": "flow", "ref_id": refund["flow_id"]}
        booking = {"channel": row["channel"], "shop": row["shop"], "date": at.date(), "gross_fen": amount, **ref}
        world, _ = book(add_rows(world, "flows", [refund]), [booking])
        key = str(row["order_id"] if is_pdd else refund["flow_id"])
        answers.append(AnswerRow(period.text, "C03", key, str(row["order_id"]), None, 0, amount))
    return touch(world, rows), answers


def plant_c04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform says refunded, no money left; every third one is booked all the same."""
    rows = take(_overdue(world, period), rng, n)
    booked = rows[2::3]
    world = unbook(drop_flows(world, _of_cases(rows)), [row["ref_id"] for row in rows if row not in booked])
    answers = [_of_case("C04", period, row, fen(row, "final_fen"), 0) for row in rows]
    return touch(world, rows), [replace(a, note="booked, L02 related") if row in booked else a for a, row in zip(answers, rows, strict=True)]


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
    for row in rows:
        again = copy_of(world, "flows", "flow_id", row["flow_id"])
        at = moment(row, "at") + timedelta(hours=5)
        again.update(flow_id=_next_flow(world, row["flow_id"]), at=at, success_at=at, request_no=f"{again['request_no']}-R")
        world = rebook(add_rows(world, "flows", [again]), {row["ref_id"]: 2 * fen(row, "final_fen")})
    return touch(world, rows), [_of_case("C07", period, row, fen(row, "final_fen"), 2 * fen(row, "final_fen")) for row in rows]


def plant_c08(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A second case, paid and booked as it says, with which the order got back more than was paid."""
    pool = settled_cases(world, period).filter(
        (pl.col("channel") != seller.TMALL.channel) & (pl.col("at") < midnight(period.end) - timedelta(days=4)) & (pl.col("ref_kind") != "order")
    )
    rows = take(pool, rng, n)
    answers: list[AnswerRow] = []
    for row in rows:
        paid = fen(row, "buyer_paid_fen")
        amount = paid - fen(row, "final_fen") + paid * 3 // 20
        case = copy_of(world, "aftersales", "case_id", row["case_id"])
        flow = copy_of(world, "flows", "flow_id", row["flow_id"])
        case_id = fresh_id(str(row["case_id"]), world.tables["aftersales"]["case_id"])
        shifted = {name: case[name] + timedelta(days=2) for name in ("applied_at", "approved_at", "completed_at")}
        amounts = dict.fromkeys(("requested_fen", "approved_fen", "final_fen", "erp_fen"), amount)
        case.update(case_id=case_id, kind="refund_only", qty=None, return_waybill=None, approver=seller.LEADS[0], **shifted, **amounts)
        at = moment(row, "at") + timedelta(days=2)
        flow.update(flow_id=_next_flow(world, row["flow_id"]), case_id=case_id, request_no=case_id, at=at, success_at=at, amount_fen=-amount)
        world = add_rows(add_rows(world, "aftersales", [case]), "flows", [flow])
        world, _ = book(world, [{**booking_of(row, at.date(), amount), "ref_kind": "case", "ref_id": case_id}])
        world = _state_refunded(world, str(row["order_id"]), amount)
        answers.append(AnswerRow(period.text, "C08", str(row["order_id"]), str(row["order_id"]), None, paid, fen(row, "final_fen") + amount))
    return touch(world, rows), answers


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
    return touch(world.with_tables(aftersales=cases), rows), [_of_case("C10", period, row) for row in rows]


def plant_l01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid, never booked."""
    rows = take(settled_cases(world, period), rng, n)
    return touch(unbook(world, [row["ref_id"] for row in rows]), rows), [_of_case("L01", period, row, fen(row, "final_fen"), 0) for row in rows]


def plant_l02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A refund was booked for a case that was withdrawn, or for an order nobody asked anything for."""
    free = ~pl.col("order_id").is_in(list(world.touched))
    withdrawn = world.tables["aftersales"].filter(
        free & (pl.len().over("order_id") == 1) & (pl.col("platform_status") == "closed") & (pl.col("requested_fen") > 0) & period.contains("completed_at")
    )
    channels = world.tables["orders"].select("order_id", "channel")
    rows = take(withdrawn.join(channels, on="order_id", how="left", validate="m:1").sort("case_id"), rng, (n + 1) // 2)
    rows += [{**row, "requested_fen": row["buyer_paid_fen"], "case_id": None} for row in take(receipted_orders(world, period), rng, n - len(rows))]
    wanted = [
        {
            "channel": row["channel"],
            "shop": row["shop"],
            "date": instant_in(period, rng, 8).date(),
            "ref_kind": "case" if row["case_id"] else "order",
            "ref_id": row["case_id"] or row["order_id"],
            "gross_fen": row["requested_fen"],
        }
        for row in rows
    ]
    world, numbers = book(world, wanted)
    answers = [
        AnswerRow(period.text, "L02", number, str(row["order_id"]), row["case_id"] and str(row["case_id"]), 0, fen(row, "requested_fen"))
        for number, row in zip(numbers, rows, strict=True)
    ]
    return touch(world, rows), answers


def plant_l03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same refund booked two or three times."""
    rows = take(settled_cases(world, period), rng, n)
    for i, row in enumerate(rows):
        copies = [booking_of(row, row["booked_on"])] * (1 + i % 2)  # type: ignore[arg-type]
        world, _ = book(world, copies)
    answers = [_of_case("L03", period, row, fen(row, "final_fen"), (2 + i % 2) * fen(row, "final_fen")) for i, row in enumerate(rows)]
    return touch(world, rows), answers


def plant_l04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Booked with another amount than was paid."""
    rows = take(settled_cases(world, period).filter(pl.col("final_fen") > 1_000), rng, n)
    booked = {row["ref_id"]: fen(row, "final_fen") + MISBOOKED[i % 3] for i, row in enumerate(rows)}
    return touch(rebook(world, booked), rows), [_of_case("L04", period, row, fen(row, "final_fen"), booked[row["ref_id"]]) for row in rows]


def plant_l05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid in the period, booked in the first days after it."""
    rows = take(settled_cases(world, period).filter(pl.col("at") >= midnight(period.end) - timedelta(days=14)), rng, n)
    world, _ = book(unbook(world, [row["ref_id"] for row in rows]), [booking_of(row, first_days(period, rng, 7)) for row in rows])
    return touch(world, rows), [_of_case("L05", period, row, fen(row, "final_fen"), 0) for row in rows]


def plant_s05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A wallet row whose type and wording say nothing."""
    channels = [shop.channel for shop in seller.SHOPS]
    answers: list[AnswerRow] = []
    for i in range(n):
        channel = channels[i % len(channels)]
        own = world.tables["flows"].filter((pl.col("channel") == channel) & (pl.col("kind") == "trade_receipt") & period.contains("at"))
        if own.is_empty():
            continue
        known = own.sort("flow_id").row(rng.randrange(own.height), named=True)
        at, amount = instant_in(period, rng), rng.choice((-1, 1)) * rng.randrange(100, 3_000)
        row = {name: known[name] for name in ("channel", "shop", "account")}
        row |= {"flow_id": _next_flow(world, known["flow_id"]), "at": at, "success_at": at, "status": "success"}
        row |= {"kind": "unknown", "amount_fen": amount, "memo": f"调账{rng.randrange(10_000, 99_999)}"}
        world = add_rows(world, "flows", [row])
        key = "" if channel == seller.PDD.channel else str(row["flow_id"])
        answers.append(AnswerRow(period.text, "S05", key, None, None, 0, -amount, note=channel))
    return world, answers


def plant_k05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same case twice in one export."""
    rows = take(settled_cases(world, period), rng, n)
    repeats = tuple((str(row["platform"]), str(row["case_id"])) for row in rows)
    return touch(replace(world, repeats=world.repeats + repeats), rows), [replace(_of_case("K05", period, row), nature="control") for row in rows]


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
        inside = (pl.col("channel") == channel) & (pl.col("at") >= midnight(first)) & (pl.col("at") < midnight(end)) & (pl.col("amount_fen") < 0)
        found = int(world.tables["flows"].filter(inside)["amount_fen"].sum())
        shift = -100 * rng.randrange(20, 300) - 45
        wrong.append((file, shift))
        answers.append(AnswerRow(period.text, "K06", file, None, None, found + shift, found, nature="control"))
    return replace(world, footers=world.footers + tuple(wrong)), answers


PLANTERS: dict[str, Planter] = {
    "P01": plant_p01, "P02": plant_p02, "P03": plant_p03, "P04": plant_p04, "A06": plant_a06, "C01": plant_c01, "C02": plant_c02,
    "C03": plant_c03, "C04": plant_c04, "C05": plant_c05, "C06": plant_c06, "C07": plant_c07, "C08": plant_c08, "C10": plant_c10,
    "L01": plant_l01, "L02": plant_l02, "L03": plant_l03, "L04": plant_l04, "L05": plant_l05, "S05": plant_s05, "K05": plant_k05,
    "K06": plant_k06,
}  # fmt: skip
"""The planter of each code. C03 and S05 on a Pinduoduo bill have no row id: their key is the order, or empty."""


def _overdue(world: World, period: Period) -> pl.DataFrame:
    """Settled cases that completed long enough before the period's end to be overdue if nothing had been paid."""
    return settled_cases(world, period).filter(pl.col("completed_at") < midnight(period.end) - timedelta(days=BREAKS_AFTER_DAYS))


def _paid_otherwise(world: World, period: Period, rows: list[Row], code: str, deltas: tuple[int, ...]) -> Planted:
    """Flow and booking of each case with another amount than its final one."""
    amounts = [fen(row, "final_fen") + deltas[i % len(deltas)] for i, row in enumerate(rows)]
    paid = set_flows(world, {str(row["flow_id"]): -amount for row, amount in zip(rows, amounts, strict=True)})
    booked = rebook(paid, {row["ref_id"]: amount for row, amount in zip(rows, amounts, strict=True)})
    return touch(booked, rows), [_of_case(code, period, row, fen(row, "final_fen"), amount) for row, amount in zip(rows, amounts, strict=True)]


def _of_case(code: str, period: Period, row: Row, expected: int | None = None, actual: int | None = None) -> AnswerRow:
    return AnswerRow(period.text, code, str(row["case_id"]), str(row["order_id"]), str(row["case_id"]), expected, actual)


def _of_order(code: str, period: Period, row: Row, expected: int, actual: int) -> AnswerRow:
    return AnswerRow(period.text, code, str(row["order_id"]), str(row["order_id"]), None, expected, actual)


def _of_cases(rows: list[Row]) -> pl.Expr:
    return pl.col("case_id").is_in([str(row["case_id"]) for row in rows])


def _next_flow(world: World, known: object) -> str:
    return fresh_id(str(known), world.tables["flows"]["flow_id"])


def _state_refunded(world: World, order_id: str, more: int) -> World:
    """The order's stated refund grows with a further successful case."""
    grown = pl.when(pl.col("order_id") == order_id).then(pl.col("refunded_fen") + more).otherwise("refunded_fen")
    return world.with_tables(orders=world.tables["orders"].with_columns(refunded_fen=grown))
