"""Planters of the ledger: L codes."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    book,
    booking_of,
    day,
    fen,
    first_days,
    instant_in,
    of_case,
    rebook,
    text,
    touch,
    unbook,
)
from recon_kit.synth.pools import receipted_orders, settled_cases, take
from recon_kit.synth.world import World

MISBOOKED = (900, -500, 90)


def plant_l01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid, never booked."""
    rows = take(settled_cases(world, period), rng, n)
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
    rows = take(withdrawn.join(channels, on="order_id", how="left", validate="m:1").sort("case_id"), rng, (n + 1) // 2)
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
    """Booked with another amount than was paid."""
    rows = take(settled_cases(world, period).filter(pl.col("final_fen") > 1_000), rng, n)
    booked = {row["ref_id"]: fen(row, "final_fen") + MISBOOKED[i % 3] for i, row in enumerate(rows)}
    return touch(rebook(world, booked), rows), [
        of_case("L04", period, row, fen(row, "final_fen"), booked[row["ref_id"]]) for row in rows
    ]


def plant_l05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid in the period, booked in the first days after it."""
    rows = take(settled_cases(world, period).filter(pl.col("at") >= midnight(period.end) - timedelta(days=14)), rng, n)
    world, _ = book(unbook(world, [row["ref_id"] for row in rows]), [booking_of(row, first_days(period, rng, 7)) for row in rows])
    return touch(world, rows), [of_case("L05", period, row, fen(row, "final_fen"), 0) for row in rows]
