"""Planters of fees, payouts, deductions and balances: S01–S04 and S06–S09. Beside each stands what is just right."""

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
    add_rows,
    amend,
    commissions,
    copies_of,
    drop_rows,
    fen,
    fresh_ids,
    instant_in,
    known_ids,
    moment,
    next_flows,
    of_case,
    of_order,
    share,
    touch,
)
from recon_kit.synth.pools import aged, by_day, can_say, on_day, receipted_orders, settled_cases, take
from recon_kit.synth.world import World

OFF_BY = (137, -80, 415)
BANK_KEEPS = 500


def plant_s01(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Commission did not come back, or only half of it. Beside it: one that may still take the day."""
    limit = world.config.sla_days.commission_return
    pool = _commissioned(world, settled_cases(world, period))
    rows = take(pool.filter(by_day("at", aged(period, limit + 1))), rng, n)
    near = take(pool.filter(on_day("at", aged(period, limit))), rng, 1)
    due = {str(row["case_id"]): share(row["rate"], fen(row, "final_fen")) for row in [*rows, *near]}
    left = {case: fee // 2 * (place % 2) for place, (case, fee) in enumerate(due.items())}
    world = _return(world, {**left, **{str(row["case_id"]): 0 for row in near}})
    return touch(world, [*rows, *near]), [
        of_case("S01", period, row, due[str(row["case_id"])], left[str(row["case_id"])]) for row in rows
    ]


def plant_s02(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Commission was charged otherwise than rate × base. Beside it: a fen off."""
    charges = (
        commissions(world).filter(pl.len().over("order_id") == 1).select("order_id", "fee_id", "rate", charged_fen="amount_fen")
    )
    pool = receipted_orders(world, period).join(charges, on="order_id", how="inner", validate="1:1")
    rows = take(pool.filter(pl.col("charged_fen") > 2 * max(OFF_BY)), rng, n + 1)
    charged = [_due(row) + (OFF_BY[place % 3] if place < n else 1) for place, row in enumerate(rows)]
    fees = {str(row["fee_id"]): {"amount_fen": amount} for row, amount in zip(rows, charged, strict=True)}
    answers = [
        AnswerRow(period.text, "S02", str(row["fee_id"]), str(row["order_id"]), None, _due(row), amount)
        for row, amount in zip(rows[:n], charged[:n], strict=True)
    ]
    return touch(amend(world, "fees", "fee_id", fees), rows), answers


def plant_s03(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The bank received less than was paid out, or nothing. Beside it: a payout that took all the days it may."""
    limit = world.config.sla_days.payout
    rows = take(_paid_out(world, period).filter(by_day("at", aged(period, limit + 1))), rng, n + 1, by="channel")
    lost = pl.col("bank_id").is_in([str(row["bank_id"]) for row in rows[1:n:2]])
    less = {str(row["bank_id"]): {"amount_fen": fen(row, "received_fen") - BANK_KEEPS} for row in rows[:n:2]}
    slow = {str(row["bank_id"]): {"at": moment(row, "at") + timedelta(days=limit)} for row in rows[n:]}
    world = drop_rows(amend(world, "bank_rows", "bank_id", {**less, **slow}), "bank_rows", lost)
    return world, [
        AnswerRow(
            period.text,
            "S03",
            str(row["payout_id"]),
            expected_fen=fen(row, "received_fen"),
            actual_fen=fen(row, "received_fen") - BANK_KEEPS if place % 2 == 0 else 0,
        )
        for place, row in enumerate(rows[:n])
    ]


def plant_s04(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Paid out in the last days of the period, the first as long ago as a payout may take; the bank follows later."""
    known = take(_paid_out(world, period), rng, n, by="channel")
    flows = copies_of(world, "flows", "flow_id", known)
    ids = fresh_ids([str(row["payout_id"]) for row in known], world.tables["flows"]["payout_id"])
    flow_ids = next_flows(world, [flow["flow_id"] for flow in flows])
    for place, (flow, flow_id, payout_id) in enumerate(zip(flows, flow_ids, ids, strict=True)):
        at = midnight(aged(period, max(world.config.sla_days.payout - place, 0))) + timedelta(hours=15, minutes=place)
        flow.update(flow_id=flow_id, payout_id=payout_id, at=at, success_at=at, amount_fen=-100_000 - 1_000 * place)
    answers = [AnswerRow(period.text, "S04", str(flow["payout_id"]), None, None, -fen(flow, "amount_fen"), 0) for flow in flows]
    return add_rows(world, "flows", flows), answers


def plant_s06(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform fined the shop. Beside it: money moved to its deposit."""
    rows = take(_wallets_that_say(world, "penalty", period), rng, n + 1, by="channel")
    flows = _deductions(world, rows, period, rng, "penalty", "违规处理-延迟发货")
    for flow in flows[n:]:
        flow.update(kind="transfer", memo="保证金充值")
    answers = [_of_flow("S06", period, flow) for flow in flows[:n]]
    return add_rows(world, "flows", flows), answers


def plant_s07(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A premium for an order that nobody knows. Beside it: a premium that the fee statement bears out."""
    rows = take(_wallets_that_say(world, "insurance", period), rng, n + 1, by="channel")
    flows = _deductions(world, rows, period, rng, "insurance", None)
    strangers = fresh_ids([str(row["order_id"]) for row in rows[:n]], known_ids(world, "order_id"))
    for flow, order_id in zip(flows, [*strangers, *(row["order_id"] for row in rows[n:])], strict=True):
        flow["order_id"] = order_id
    fees = world.tables["fees"]
    stated = [
        {"fee_id": fee_id, "channel": flow["channel"], "order_id": flow["order_id"], "kind": "insurance", "at": flow["at"],
         "amount_fen": -fen(flow, "amount_fen")}
        for flow, fee_id in zip(flows[n:], fresh_ids([str(fees["fee_id"].max())] * len(flows[n:]), fees["fee_id"]), strict=True)
    ]  # fmt: skip
    answers = [
        AnswerRow(period.text, "S07", str(flow["order_id"]), str(flow["order_id"]), None, 0, -fen(flow, "amount_fen"))
        for flow in flows[:n]
    ]
    return touch(add_rows(add_rows(world, "flows", flows), "fees", stated), flows), answers


def plant_s08(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A closing balance that is not the opening one and what moved."""
    wallets = world.tables["wallets"].with_row_index("w")
    several = pl.len().over("channel") > 1
    key = pl.when(several).then(pl.format("{}|{}", "channel", pl.coalesce("account", "shop", pl.lit("")))).otherwise("channel")
    own = wallets.filter(pl.col("period") == period.text).with_columns(key=key)
    rows = take(own.filter(~pl.col("key").is_in(list(world.touched))), rng, n, by="channel")
    shift = {row["w"]: rng.choice((1, -1)) * rng.randrange(100, 50_000) for row in rows}
    wrong = pl.col("w").replace_strict(shift, default=0, return_dtype=pl.Int64)
    answers = [
        AnswerRow(
            period.text,
            "S08",
            str(row["key"]),
            expected_fen=fen(row, "closing_fen"),
            actual_fen=fen(row, "closing_fen") + shift[row["w"]],
        )
        for row in rows
    ]
    return world.with_tables(wallets=wallets.with_columns(closing_fen=pl.col("closing_fen") + wrong).drop("w")), answers


def plant_s09(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform paid less of its part than it owes, or nothing. Beside it: a fen less."""
    given = (
        world.tables["flows"]
        .filter((pl.col("kind") == "subsidy") & (pl.len().over("order_id", "kind") == 1))
        .select("order_id", subsidy_id="flow_id", subsidy_fen="amount_fen")
    )
    pool = receipted_orders(world, period).join(given, on="order_id", how="inner", validate="1:1")
    rows = take(pool.filter(pl.col("subsidy_fen") > 100), rng, n + 1)
    lost = pl.col("flow_id").is_in([str(row["subsidy_id"]) for row in rows[1:n:2]])
    less = {str(row["subsidy_id"]): {"amount_fen": fen(row, "subsidy_fen") - 55} for row in rows[:n:2]}
    near = {str(row["subsidy_id"]): {"amount_fen": fen(row, "subsidy_fen") - 1} for row in rows[n:]}
    world = drop_rows(amend(world, "flows", "flow_id", {**less, **near}), "flows", lost)
    left = [0 if place % 2 else fen(row, "subsidy_fen") - 55 for place, row in enumerate(rows[:n])]
    answers = [
        of_order("S09", period, row, fen(row, "merchant_receivable_fen"), fen(row, "buyer_paid_fen") + kept)
        for row, kept in zip(rows[:n], left, strict=True)
    ]
    return touch(world, rows), answers


def _due(row: Row) -> int:
    """What a charge at the row's rate on what its buyer paid comes to."""
    return share(row["rate"], fen(row, "buyer_paid_fen"))


def _commissioned(world: World, cases: pl.DataFrame) -> pl.DataFrame:
    """Cases whose order was charged a commission once, on what the buyer paid, and that brought its share back in one row."""
    fees = world.tables["fees"]
    charges = commissions(world).filter(pl.len().over("order_id") == 1)
    back = fees.filter((pl.col("kind") == "commission_return") & (pl.len().over("case_id") == 1)).select("case_id")
    charged = cases.join(charges.select("order_id", "rate"), on="order_id", how="inner", validate="m:1")
    return charged.join(back, on="case_id", how="semi").filter(pl.col("final_fen") > SMALLEST_FEN)


SMALLEST_FEN = 1_000
"""Below this a share of a commission could be lost within the tolerance."""


def _return(world: World, left: Mapping[str, int]) -> World:
    """Commission returns of these cases as far as they came: in the fee statement and, where rows name the case, the bill."""
    nothing = [case for case, amount in left.items() if not amount]
    signs = {"fees": ("commission_return", -1), "flows": ("fee_return", 1)}
    for table, (kind, sign) in signs.items():
        is_back = pl.col("kind") == kind
        world = drop_rows(world, table, is_back & pl.col("case_id").is_in(nothing))
        part = pl.col("case_id").replace_strict(dict(left), default=None, return_dtype=pl.Int64)
        rows = world.tables[table].with_columns(
            amount_fen=pl.when(is_back).then(pl.coalesce(sign * part, "amount_fen")).otherwise("amount_fen")
        )
        world = world.with_tables(**{table: rows})
    return world


def _paid_out(world: World, period: Period) -> pl.DataFrame:
    """Payouts of the period with a number, and the one bank row that has it."""
    bank = world.tables["bank_rows"].filter(pl.col("payout_id").is_not_null() & (pl.len().over("payout_id") == 1))
    return (
        world.tables["flows"]
        .filter((pl.col("kind") == "payout") & (pl.col("status") == "success") & period.contains("at"))
        .filter(pl.len().over("payout_id") == 1)
        .select("channel", "flow_id", "payout_id", "at", "amount_fen")
        .join(bank.select("payout_id", "bank_id", received_fen="amount_fen"), on="payout_id", how="inner", validate="1:1")
        .filter(pl.col("received_fen") == -pl.col("amount_fen"))
        .sort("channel", "payout_id")
    )


def _wallets_that_say(world: World, kind: str, period: Period) -> pl.DataFrame:
    """Orders of wallets whose bill has words for the kind, with a receipt in the period to take the wallet from."""
    both = [receipted_orders(world, period, card=card) for card in (False, True)]
    return pl.concat(both).filter(can_say(world, kind)).sort("channel", "order_id")


def _deductions(world: World, rows: list[Row], period: Period, rng: random.Random, kind: str, memo: str | None) -> list[Row]:
    """One deduction a row from the wallet of its order, about no order."""
    flows: list[Row] = []
    flow_ids = next_flows(world, [row["flow_id"] for row in rows])
    for receipt, flow_id in zip(copies_of(world, "flows", "flow_id", rows), flow_ids, strict=True):
        at = instant_in(period, rng)
        kept = {name: receipt[name] for name in ("channel", "shop", "account")}
        money = {"at": at, "success_at": at, "status": "success", "kind": kind, "amount_fen": -rng.randrange(100, 3_000)}
        flows.append({**kept, **money, "flow_id": flow_id, "memo": memo})
    return flows


def _of_flow(code: str, period: Period, flow: Row) -> AnswerRow:
    return AnswerRow(period.text, code, str(flow["flow_id"]), expected_fen=0, actual_fen=-fen(flow, "amount_fen"))
