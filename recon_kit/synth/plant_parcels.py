"""Planters of what was sent, or was not: W06–W09, W12 and W13."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import AnswerRow, Planted, Row, fen, moment, of_case, touch
from recon_kit.synth.plant_returns import of_pieces
from recon_kit.synth.pools import aged, by_day, is_paid_alone, is_untouched, shipped_lines, take
from recon_kit.synth.raised import raise_cases, receive, send
from recon_kit.synth.world import World, in_escrow

MORNING = timedelta(hours=10)


def plant_w06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The same line was shipped twice. Beside it: the second parcel was intercepted."""
    rows = take(shipped_lines(world, period.start, aged(period, 2)), rng, n + 1)
    again = [moment(row, "at") + timedelta(hours=5) for row in rows]
    world, _ = send(world, rows[:n], "sale", again[:n])
    world, _ = send(world, rows[n:], "sale", again[n:], is_intercepted=True)
    answers = [
        AnswerRow(period.text, "W06", str(row["line_id"]), str(row["order_id"]), None, *_costs(row, 1, 2)) for row in rows[:n]
    ]
    return touch(world, rows), answers


def plant_w07(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """What was missing was sent twice. Beside it: the second parcel was intercepted."""
    rows = take(shipped_lines(world, period.start, aged(period, 8)), rng, n + 1)
    asked, first = ([moment(row, "at") + timedelta(days=days) for row in rows] for days in (2, 3))
    world, cases = raise_cases(world, rows, "resend", asked, [at + timedelta(hours=1) for at in first])
    world, _ = send(world, rows, "resend", first, cases)
    second = [at + timedelta(days=2) for at in first]
    world, _ = send(world, rows[:n], "resend", second[:n], cases[:n])
    world, _ = send(world, rows[n:], "resend", second[n:], cases[n:], is_intercepted=True)
    answers = [
        of_pieces("W07", period, {**row, **case}, fen(row, "qty"), 2 * fen(row, "qty")) for row, case in _each(rows, cases, n)
    ]
    return touch(world, rows), answers


def plant_w08(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The new piece went out, the old one never came. Beside it: sent as many days ago as a return may take."""
    limit = world.config.sla_days.return_
    rows = take(shipped_lines(world, period.start - timedelta(days=20), aged(period, limit + 3)), rng, n + 1)
    sent = [midnight(aged(period, limit + (1 if place < n else 0))) + MORNING for place in range(len(rows))]
    asked = [at - timedelta(hours=20) for at in sent]
    world, cases = raise_cases(world, rows, "exchange", asked, [at + timedelta(hours=1) for at in sent])
    world, _ = send(world, rows, "exchange", sent, cases)
    answers = [of_pieces("W08", period, {**row, **case}, fen(row, "qty"), 0) for row, case in _each(rows, cases, n)]
    return touch(world, rows), answers


def plant_w09(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Sent again, and nobody had asked. Beside it: there is an approved case, only the parcel does not name it."""
    rows = take(shipped_lines(world, period.start, aged(period, 8)), rng, n + 1)
    sent = [moment(row, "at") + timedelta(days=4) for row in rows]
    world, ids = send(world, rows, "resend", sent)
    asked, done = ([at - timedelta(hours=hours) for at in sent[n:]] for hours in (30, 2))
    world, _ = raise_cases(world, rows[n:], "resend", asked, done)
    answers = [
        AnswerRow(period.text, "W09", ship_id, str(row["order_id"])) for row, ship_id in zip(rows[:n], ids[:n], strict=True)
    ]
    return touch(world, rows), answers


def plant_w12(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The piece to repair came in long ago and was not sent back. Beside it: it came as many days ago as it may."""
    limit = world.config.sla_days.return_
    rows = take(shipped_lines(world, period.start - timedelta(days=20), aged(period, limit + 6)), rng, n + 1)
    came = [midnight(aged(period, limit + (1 if place < n else 0))) + MORNING for place in range(len(rows))]
    asked = [at - timedelta(days=4) for at in came]
    world, cases = raise_cases(world, rows, "repair", asked, [None] * len(rows))
    world, _ = receive(world, [{**row, **case} for row, case in zip(rows, cases, strict=True)], came)
    return touch(world, rows), [of_case("W12", period, case) for case in cases[:n]]


def plant_w13(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """All was refunded before shipping, and it was shipped all the same. Beside it: it had left half an hour before."""
    rows = take(_refunded_unshipped(world, period).filter(by_day("refunded_at", aged(period, 3))), rng, n + 1)
    refunded = [moment(row, "refunded_at") for row in rows]
    world, ids = send(world, rows[:n], "sale", [at + timedelta(hours=26) for at in refunded[:n]])
    world, _ = send(world, rows[n:], "sale", [at - timedelta(minutes=30) for at in refunded[n:]])
    answers = [
        AnswerRow(period.text, "W13", ship_id, str(row["order_id"]), None, *_costs(row, 0, 1))
        for row, ship_id in zip(rows[:n], ids, strict=True)
    ]
    return touch(world, rows), answers


def _refunded_unshipped(world: World, period: Period) -> pl.DataFrame:
    """Orders of one line that were refunded whole before they left, with the instant the money was back, `refunded_at`."""
    tables = world.tables
    orders = tables["orders"].filter(is_untouched(world) & is_paid_alone() & pl.col("shipped_at").is_null())
    lines = tables["order_lines"].filter(pl.len().over("order_id") == 1)
    cases = (
        tables["aftersales"]
        .filter(pl.len().over("order_id") == 1)
        .filter((pl.col("kind") == "refund_only") & (pl.col("platform_status") == "success") & period.contains("completed_at"))
        .select("case_id", "order_id", "completed_at", "final_fen")
    )
    inside = in_escrow(world).join(cases, on="case_id", validate="1:1").select("case_id", refunded_at="completed_at")
    paid = (
        tables["flows"]
        .filter((pl.col("kind") == "refund") & (pl.col("status") == "success") & (pl.len().over("case_id") == 1))
        .filter(period.contains("success_at"))
        .select("case_id", refunded_at="success_at")
    )
    return (
        cases.join(pl.concat([inside, paid]), on="case_id", how="inner", validate="1:1")
        .join(orders.select("platform", "shop", "order_id", "buyer_paid_fen"), on="order_id", how="inner", validate="1:1")
        .filter(pl.col("final_fen") == pl.col("buyer_paid_fen"))
        .join(lines.select("order_id", "line_id", "sku", "qty", "unit_cost_fen"), on="order_id", how="inner", validate="1:1")
        .join(tables["shipments"].select("order_id"), on="order_id", how="anti")
        .drop_nulls("unit_cost_fen")
        .sort("order_id")
    )


def _costs(row: Row, expected: int, actual: int) -> tuple[int, int]:
    """So many times the row's pieces at cost."""
    cost = fen(row, "qty") * fen(row, "unit_cost_fen")
    return expected * cost, actual * cost


def _each(rows: list[Row], cases: list[Row], n: int) -> list[tuple[Row, Row]]:
    return list(zip(rows[:n], cases[:n], strict=True))
