"""Planters of what came back, or did not: W01–W05, W10, W11 and L08. Beside each stands what just keeps the limit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    amend,
    drop_rows,
    fen,
    is_cost,
    of_case,
    touch,
    write_voucher,
)
from recon_kit.synth.pools import aged, by_day, on_day, returned_cases, take
from recon_kit.synth.raised import receive
from recon_kit.synth.world import World


def plant_w01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Refunded more days ago than a return may take, and nothing came back. What is just in time is W02."""
    overdue = by_day("completed_at", aged(period, world.config.sla_days.return_ + 1))
    rows = take(returned_cases(world, period).filter(overdue), rng, n)
    return touch(_never_back(world, rows), rows), [of_pieces("W01", period, row, fen(row, "qty"), 0) for row in rows]


def plant_w02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Refunded, and the goods are on their way: the first as long ago as they may be, to the day."""
    pool, limit = returned_cases(world, period), aged(period, world.config.sla_days.return_)
    rows = take(pool.filter(on_day("completed_at", limit)), rng, 1)
    rows += take(pool.filter(~by_day("completed_at", limit)), rng, n - len(rows))
    return touch(_never_back(world, rows), rows), [of_case("W02", period, row) for row in rows]


def plant_w03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Another article came back than was sold."""
    rows = take(returned_cases(world, period), rng, n)
    sold = world.tables["order_lines"].filter(pl.col("order_id").is_in([str(row["order_id"]) for row in rows]))
    own = dict(sold.group_by("order_id").agg(pl.col("sku")).iter_rows())
    known = sorted(world.tables["order_lines"]["sku"].unique())
    wrong = {
        str(row["return_id"]): {"sku": rng.choice([sku for sku in known if sku not in own[row["order_id"]]])} for row in rows
    }
    world = amend(world, "receipts", "return_id", wrong)
    return touch(world, rows), [of_pieces("W03", period, row, fen(row, "qty"), 0) for row in rows]


def plant_w04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A piece too many came back, or one of several is missing; stock and cost were booked for what came."""
    rows = take(returned_cases(world, period), rng, n)
    came = [fen(row, "qty") + (-1 if fen(row, "qty") > 1 else 1) for row in rows]
    costs = {str(row["case_id"]): qty * fen(row, "unit_cost_fen") for row, qty in zip(rows, came, strict=True)}
    changes = {
        str(row["return_id"]): {"qty": qty, "posted_cost_fen": costs[str(row["case_id"])]}
        for row, qty in zip(rows, came, strict=True)
    }
    world = _book_cost(amend(world, "receipts", "return_id", changes), costs)
    return touch(world, rows), [of_pieces("W04", period, row, fen(row, "qty"), qty) for row, qty in zip(rows, came, strict=True)]


def plant_w05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Received and never put on stock. Beside them: one that still has the day to be, and one that waits to be inspected."""
    pool, limit = returned_cases(world, period), world.config.sla_days.stock_posting
    late = pool.filter(by_day("received_at", aged(period, limit + 1)))
    rows = take(late, rng, n + 1)
    waiting = rows[n:]
    near = take(pool.filter(on_day("received_at", aged(period, limit))), rng, 1) + waiting
    blank = {"stock_posted_at": None, "posted_cost_fen": None}
    changes = {str(row["return_id"]): {**blank, "is_quarantined": row in waiting} for row in [*rows[:n], *near]}
    world = _without_cost(amend(world, "receipts", "return_id", changes), [*rows[:n], *near])
    return touch(world, [*rows, *near]), [of_pieces("W05", period, row, fen(row, "qty"), 0) for row in rows[:n]]


def plant_w10(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A parcel that nobody asked for. Beside it: one that may still be linked, and one that only its waybill links."""
    limit = world.config.sla_days.unlinked_return
    skus = sorted(world.tables["order_lines"]["sku"].unique()) or sorted(world.tables["receipts"]["sku"].unique())
    rows: list[Row] = [{"sku": rng.choice(skus), "qty": 1} for _ in range(n + 1 if skus else 0)]
    noon = timedelta(hours=12)
    days = [midnight(aged(period, limit + 1 + rng.randrange(6))) + noon for _ in rows[:n]]
    world, ids = receive(world, rows, [*days, midnight(aged(period, limit)) + noon][: len(rows)])
    by_waybill = world.tables["receipts"].filter(pl.col("waybill").is_not_null() & (pl.len().over("waybill") == 1))["return_id"]
    near = take(returned_cases(world, period).filter(pl.col("return_id").is_in(by_waybill.implode())), rng, 1)
    unnamed = {str(row["return_id"]): {"case_id": None, "order_id": None} for row in near}
    world = amend(world, "receipts", "return_id", unnamed)
    return touch(world, near), [AnswerRow(period.text, "W10", return_id) for return_id in ids[:n]]


def plant_w11(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A damaged return was posted at the cost of a good one. Beside it: one at a fen less."""
    rows = take(returned_cases(world, period), rng, n + 1)
    changes: dict[str, dict[str, object]] = {str(row["return_id"]): {"grade": "damaged"} for row in rows}
    costs = {str(row["case_id"]): fen(row, "posted_cost_fen") - 1 for row in rows[n:]}
    for row in rows[n:]:
        changes[str(row["return_id"])]["posted_cost_fen"] = costs[str(row["case_id"])]
    world = _book_cost(amend(world, "receipts", "return_id", changes), costs)
    return touch(world, rows), [of_case("W11", period, row) for row in rows[:n]]


def plant_l08(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Put on stock, and the cost of sales was never taken back. Beside it: taken back after the month's end."""
    rows = take(returned_cases(world, period), rng, n + 1)
    world = _without_cost(world, rows)
    for row in rows[n:]:
        cost = fen(row, "posted_cost_fen")
        named = {"summary": "退货入库冲成本", "ref_kind": "case", "ref_id": row["case_id"], "shop": row["shop"]}
        lines = (("INVENTORY", cost, 0), ("COGS", -cost, 0))
        world, _ = write_voucher(world, period.end + timedelta(days=2), lines, **named)
    answers = [of_case("L08", period, row, fen(row, "posted_cost_fen"), 0) for row in rows[:n]]
    return touch(world, rows), answers


def of_pieces(code: str, period: Period, row: Row, expected: int, actual: int) -> AnswerRow:
    """The answer of pieces that should be there and that are, at the cost of one."""
    cost = fen(row, "unit_cost_fen")
    return of_case(code, period, row, expected * cost, actual * cost)


def _never_back(world: World, rows: list[Row]) -> World:
    """The goods of these cases never arrived, so that neither stock nor cost was booked."""
    lost = pl.col("return_id").is_in([str(row["return_id"]) for row in rows])
    return _without_cost(drop_rows(world, "receipts", lost), rows)


def _without_cost(world: World, rows: list[Row]) -> World:
    return drop_rows(world, "voucher_lines", is_cost(world) & pl.col("ref_id").is_in([str(row["case_id"]) for row in rows]))


def _book_cost(world: World, costs: Mapping[str, int]) -> World:
    """The cost vouchers of these cases with another amount, each side as it was."""
    cost = pl.col("ref_id").replace_strict(dict(costs), default=None, return_dtype=pl.Int64)
    is_meant = is_cost(world) & pl.col("ref_id").is_in(list(costs))
    return world.with_tables(
        voucher_lines=world.tables["voucher_lines"].with_columns(
            pl.when(is_meant).then(pl.col(side).sign() * cost).otherwise(side).alias(side) for side in ("debit_fen", "credit_fen")
        )
    )
