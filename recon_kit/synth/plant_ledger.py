"""Planters of the ledger: L codes."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl

from recon_kit.periods import LOOK_AHEAD_DAYS, Period
from recon_kit.synth import books
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    book,
    booking_of,
    day,
    fen,
    first_days,
    instant_in,
    of_case,
    of_vouchers,
    rebook,
    text,
    touch,
    unbook,
    write_voucher,
)
from recon_kit.synth.pools import receipted_orders, recognised_since, settled_cases, take
from recon_kit.synth.world import World

MISBOOKED = (900, -500, 90)


def plant_l01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid, never booked. What the month before did not accrue would be L05 there, and an accrual left open L10 one day."""
    rows = take(settled_cases(world, period).filter(recognised_since(world, period.start)), rng, n)
    return touch(unbook(world, [row["ref_id"] for row in rows]), rows), [
        of_case("L01", period, row, fen(row, "final_fen"), 0) for row in rows
    ]


def plant_l02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A refund was booked for a case that was withdrawn, or for an order nobody asked anything for."""
    free = ~pl.col("order_id").is_in(list(world.touched))
    withdrawn = world.tables["aftersales"].filter(
        free
        & (pl.len().over("order_id") == 1)
        & (pl.col("platform_status") == "closed")
        & (pl.col("requested_fen") > 0)
        & period.contains("completed_at")
    )
    channels = world.tables["orders"].select("order_id", "channel")
    rows = take(withdrawn.join(channels, on="order_id", how="inner", validate="m:1").sort("case_id"), rng, (n + 1) // 2)
    rows += [
        {**row, "requested_fen": row["buyer_paid_fen"], "case_id": None}
        for row in take(receipted_orders(world, period), rng, n - len(rows))
    ]
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
        AnswerRow(period.text, "L02", number, text(row, "order_id"), text(row, "case_id"), 0, fen(row, "requested_fen"))
        for number, row in zip(numbers, rows, strict=True)
    ]
    return touch(world, rows), answers


def plant_l03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same refund booked two or three times."""
    rows = take(settled_cases(world, period), rng, n)
    copies = [booking_of(row, day(row, "booked_on")) for i, row in enumerate(rows) for _ in range(1 + i % 2)]
    world, _ = book(world, copies)
    answers = [
        of_case("L03", period, row, fen(row, "final_fen"), (2 + i % 2) * fen(row, "final_fen")) for i, row in enumerate(rows)
    ]
    return touch(world, rows), answers


def plant_l04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Booked with another amount than was paid; what was accrued too little in the month before would be L05 there."""
    pool = settled_cases(world, period).filter(pl.col("final_fen") > 1_000, recognised_since(world, period.start))
    rows = take(pool, rng, n)
    booked = {row["ref_id"]: fen(row, "final_fen") + MISBOOKED[i % 3] for i, row in enumerate(rows)}
    return touch(rebook(world, booked), rows), [
        of_case("L04", period, row, fen(row, "final_fen"), booked[row["ref_id"]]) for row in rows
    ]


def plant_l05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid in the period, booked in the first days after it."""
    rows = take(settled_cases(world, period).filter(pl.col("at") >= midnight(period.end) - timedelta(days=14)), rng, n)
    world, _ = book(unbook(world, [row["ref_id"] for row in rows]), [booking_of(row, first_days(period, rng, 7)) for row in rows])
    return touch(world, rows), [of_case("L05", period, row, fen(row, "final_fen"), 0) for row in rows]


def plant_l06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Booked on the last day of the period, refunded in the first days after it."""
    after = Period("", period.end, period.end + timedelta(days=LOOK_AHEAD_DAYS - 2))
    late = settled_cases(world, after).filter((pl.col("ref_kind") == "case") & (pl.col("approved_at") >= midnight(period.end)))
    rows = take(late, rng, n)
    world, _ = book(unbook(world, [row["ref_id"] for row in rows]), [booking_of(row, period.last_day) for row in rows])
    return touch(world, rows), [of_case("L06", period, row, 0, fen(row, "final_fen")) for row in rows]


def plant_l07(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Too much or too little of a refund was booked as tax. Beside it: a fen too much."""
    rows = take(_booked_alone(world, period).filter(pl.col("final_fen") > 4_000), rng, n + 1)
    shifts = [(180, -95)[place % 2] if place < n else 1 for place in range(len(rows))]
    credit = pl.col("credit_fen")
    for row, shift in zip(rows, shifts, strict=True):
        own, account = of_vouchers([row]), pl.col("account")
        changed = (
            pl.when(own & (account == world.config.account("VAT_OUT").code))
            .then(credit - shift)
            .when(own & (account == world.config.account("REVENUE").code))
            .then(credit + shift)
            .otherwise(credit)
        )
        world = world.with_tables(voucher_lines=world.tables["voucher_lines"].with_columns(credit_fen=changed))
    taxes = [_tax(fen(row, "final_fen"), world) for row in rows]
    answers = [
        _of_voucher("L07", period, row, tax, tax + shift) for row, tax, shift in zip(rows[:n], taxes[:n], shifts[:n], strict=True)
    ]
    return touch(world, rows), answers


def plant_l09(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A refund was booked on an expense instead of sales."""
    rows = take(_booked_alone(world, period), rng, n)
    wrong = of_vouchers(rows) & (pl.col("account") == world.config.account("REVENUE").code)
    code, name = books.ledger_account(world.config, "NON_OP_EXPENSE")
    lines = world.tables["voucher_lines"].with_columns(
        account=pl.when(wrong).then(pl.lit(code)).otherwise("account"),
        account_name=pl.when(wrong).then(pl.lit(name)).otherwise("account_name"),
    )
    return touch(world.with_tables(voucher_lines=lines), rows), [_of_voucher("L09", period, row) for row in rows]


def plant_l10(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Accrued long ago for a case that was withdrawn, and never released. Beside it: accrued as many days ago as may be."""
    withdrawn = world.tables["aftersales"].filter(
        ~pl.col("order_id").is_in(list(world.touched))
        & (pl.len().over("order_id") == 1)
        & (pl.col("platform_status") == "closed")
        & (pl.col("requested_fen") > 0)
        & (pl.col("completed_at") < midnight(period.end))
    )
    channels = world.tables["orders"].select("order_id", "channel")
    rows = take(withdrawn.join(channels, on="order_id", how="inner", validate="m:1").sort("case_id"), rng, n + 1)
    limit = world.config.sla_days.accrual_stale
    wanted: list[Row] = [
        {
            **{name: row[name] for name in ("channel", "shop")},
            "date": period.last_day - timedelta(days=limit + (1 if place < n else 0)),
            "ref_kind": "case",
            "ref_id": row["case_id"],
            "gross_fen": row["requested_fen"],
        }
        for place, row in enumerate(rows)
    ]
    world, numbers = book(world, wanted, books.ACCRUAL)
    answers = [
        AnswerRow(period.text, "L10", number, str(row["order_id"]), str(row["case_id"]), 0, fen(row, "requested_fen"))
        for number, row in zip(numbers[:n], rows[:n], strict=True)
    ]
    return touch(world, rows), answers


def plant_l11(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A voucher whose sides differ. Beside it: one whose sides are equal over three lines."""
    answers: list[AnswerRow] = []
    for place in range(n + 1):
        amount = 8_000 + 700 * place
        sides = (amount - 100, 100) if place == n else (amount - 150,)
        lines = [("SELL_COMMISSION", amount, 0), *(("BANK", 0, credit) for credit in sides)]
        world, number = write_voucher(world, instant_in(period, rng).date(), lines, summary="支付平台服务费")
        if place < n:
            answers.append(AnswerRow(period.text, "L11", number, expected_fen=amount, actual_fen=sum(sides)))
    return world, answers


def _booked_alone(world: World, period: Period) -> pl.DataFrame:
    """Settled cases whose refund is all that its voucher books."""
    return settled_cases(world, period).filter(pl.col("is_alone"))


def _of_voucher(code: str, period: Period, row: Row, expected: int | None = None, actual: int | None = None) -> AnswerRow:
    return AnswerRow(period.text, code, str(row["voucher_id"]), str(row["order_id"]), str(row["case_id"]), expected, actual)


def _tax(gross: int, world: World) -> int:
    """The VAT in a gross amount."""
    one = pl.select(gross_fen=pl.lit(gross, pl.Int64))
    return int(one.select(pl.col("gross_fen") - books.net_of("gross_fen", world.config)).item())
