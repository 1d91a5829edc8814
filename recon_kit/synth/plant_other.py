"""Planters of money that went back another way, and of combined payments: C11–C14 and P05."""

from __future__ import annotations

import random
from datetime import timedelta

import polars as pl

from recon_kit.config import DEFAULT_CHANNEL_ACCOUNTS
from recon_kit.periods import Period
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import (
    AnswerRow,
    Planted,
    Row,
    add_rows,
    amend,
    book,
    copies_of,
    fen,
    moment,
    next_flows,
    of_case,
    set_flows,
    text,
    touch,
    write_voucher,
)
from recon_kit.synth.pools import can_say, quiet_orders, receipted_orders, settled_cases, take
from recon_kit.synth.raised import raise_cases
from recon_kit.synth.world import World

OFF_BY = (350, -210, 1_090)


def plant_c11(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Goodwill was sent to the buyer without a case, booked as expense or as a price cut. Beside it: goodwill with a case."""
    rows = _payers(world, period, rng, "small_transfer", n)
    rows += _payers(touch(world, rows), period, rng, "price_protection", 1)  # a bill that can say so can say it with a case
    flows = _given_back(world, rows, "small_transfer", [500 + 100 * place for place in range(len(rows))])
    world, answers = _unlinked(world, period, rows[:n], flows[:n], "C11")
    return _linked(world, rows[n:], flows[n:], "small_transfer"), answers


def plant_c12(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """The platform decided the refund. Beside it: the platform raised the case and the merchant agreed."""
    rows = take(settled_cases(world, period), rng, n + 1)
    decided = {str(row["case_id"]): {"decided_by": "platform", "approver": None} for row in rows[:n]}
    raised = {str(row["case_id"]): {"initiator": "platform"} for row in rows[n:]}
    world = amend(amend(world, "aftersales", "case_id", decided), "aftersales", "case_id", raised)
    return touch(world, rows), [of_case("C12", period, row, 0, fen(row, "final_fen")) for row in rows[:n]]


def plant_c13(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A card payment was charged back. Beside it: a chargeback that the card scheme refused."""
    rows = _payers(world, period, rng, "chargeback", n + 1)
    flows = _given_back(world, rows, "chargeback", [fen(row, "amount_fen") for row in rows])
    world, answers = _unlinked(world, period, rows[:n], flows[:n], "C13")
    for flow in flows[n:]:
        flow.update(status="failed", success_at=None)
    return touch(add_rows(world, "flows", flows[n:]), rows), answers


def plant_c14(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """A price drop was paid out, and nothing says for which order. Beside it: one with its case."""
    rows = _payers(world, period, rng, "price_protection", n + 1)
    flows = _given_back(world, rows, "price_protection", [400 + 50 * place for place in range(len(rows))])
    for flow in flows[:n]:
        flow.update(order_id=None, trade_no=None, pay_id=None)
    world, answers = _unlinked(world, period, rows[:n], flows[:n], "C14")
    return _linked(world, rows[n:], flows[n:], "price_protection"), answers


def plant_p05(world: World, period: Period, rng: random.Random, n: int) -> Planted:
    """Two orders were paid together, and the payment is not their sum."""
    orders = quiet_orders(world).filter(pl.col("pay_id").is_not_null())
    several = world.tables["orders"].group_by("pay_id").agg(orders_of_payment=pl.len())
    together = (
        orders.group_by("pay_id")
        .agg(pl.col("platform").first(), pl.col("order_id"), pl.col("buyer_paid_fen").sum())
        .join(several, on="pay_id", how="left", validate="1:1")
        .filter((pl.col("order_id").list.len() > 1) & (pl.col("order_id").list.len() == pl.col("orders_of_payment")))
    )
    receipts = (
        world.tables["flows"]
        .filter((pl.col("kind") == "trade_receipt") & (pl.len().over("pay_id", "kind") == 1) & period.contains("at"))
        .select("pay_id", "flow_id", "amount_fen")
    )
    pool = together.join(receipts, on="pay_id", how="inner", validate="1:1").sort("pay_id")
    rows = take(pool.filter(pl.col("amount_fen") == pl.col("buyer_paid_fen")), rng, n)
    paid = {str(row["flow_id"]): fen(row, "amount_fen") + OFF_BY[i % 3] for i, row in enumerate(rows)}
    answers = [
        AnswerRow(period.text, "P05", str(row["pay_id"]), None, None, fen(row, "amount_fen"), paid[str(row["flow_id"])])
        for row in rows
    ]
    members = orders.filter(pl.col("pay_id").is_in([row["pay_id"] for row in rows])).select("order_id").rows(named=True)
    return touch(set_flows(world, paid), members), answers


def _payers(world: World, period: Period, rng: random.Random, kind: str, n: int) -> list[Row]:
    """Orders of the period whose wallet's bill can say it, the card's last."""
    early = pl.col("at") < midnight(period.end) - timedelta(days=8)
    rows = take(receipted_orders(world, period).filter(can_say(world, kind) & early), rng, n)
    return rows + take(receipted_orders(world, period, card=True).filter(can_say(world, kind) & early), rng, n - len(rows))


def _given_back(world: World, rows: list[Row], kind: str, amounts: list[int]) -> list[Row]:
    """A flow of the kind two days after each order's receipt; not in the tables yet."""
    flows = copies_of(world, "flows", "flow_id", rows)
    for flow, flow_id, amount in zip(flows, next_flows(world, [row["flow_id"] for row in rows]), amounts, strict=True):
        at = moment(flow, "at") + timedelta(days=2)
        flow.update(flow_id=flow_id, kind=kind, at=at, success_at=at, amount_fen=-amount)
    return flows


NO_LINE: Row = {"line_id": None, "qty": None}
"""What is known of the goods of an order whose lines nobody supplied."""
BOOKED_ON = {"C11": "SELL_AFTERSALES", "C13": "OTHER_AR_CHARGEBACK"}
"""What stands against the wallet where it is not sales: goodwill, a claim under dispute."""


def _unlinked(world: World, period: Period, rows: list[Row], flows: list[Row], code: str) -> Planted:
    """These flows on no case, booked by their number: as a price cut, every other one as the code is usually booked."""
    world = add_rows(world, "flows", flows)
    for place, flow in enumerate(flows):
        on, amount = moment(flow, "at").date(), -fen(flow, "amount_fen")
        ref: Row = {"ref_kind": "flow", "ref_id": flow["flow_id"], "shop": flow["shop"]}
        if place % 2 == 0 and code in BOOKED_ON:
            lines = ((BOOKED_ON[code], amount, 0), (_wallet_key(world, flow), 0, amount))
            world, _ = write_voucher(world, on, lines, summary="售后打款", **ref)
        else:
            world, _ = book(world, [{**ref, "channel": flow["channel"], "date": on, "gross_fen": amount}])
    answers = [
        AnswerRow(period.text, code, str(flow["flow_id"]), text(flow, "order_id"), None, 0, -fen(flow, "amount_fen"))
        for flow in flows
    ]
    return touch(world, rows), answers


def _linked(world: World, rows: list[Row], flows: list[Row], kind: str) -> World:
    """These flows with a case of their kind that was approved before, booked by the case."""
    lines = world.tables["order_lines"].unique("order_id", keep="first", maintain_order=True)
    own = lines.filter(pl.col("order_id").is_in([row["order_id"] for row in rows])).select("order_id", "line_id", "qty")
    first = {row["order_id"]: row for row in own.rows(named=True)}
    asked = [moment(flow, "at") - timedelta(hours=8) for flow in flows]
    about = [
        {**row, **first.get(row["order_id"], NO_LINE), "final_fen": -fen(flow, "amount_fen")}
        for row, flow in zip(rows, flows, strict=True)
    ]
    world, cases = raise_cases(world, about, kind, asked, [at + timedelta(hours=7) for at in asked])
    wanted: list[Row] = []
    for flow, case in zip(flows, cases, strict=True):
        flow.update(case_id=case["case_id"], request_no=case["case_id"])
        kept = {"channel": flow["channel"], "shop": flow["shop"], "gross_fen": -fen(flow, "amount_fen")}
        wanted.append({**kept, "date": moment(flow, "at").date(), "ref_kind": "case", "ref_id": case["case_id"]})
    world, _ = book(add_rows(world, "flows", flows), wanted)
    return touch(world, rows)


def _wallet_key(world: World, flow: Row) -> str:
    channel = str(flow["channel"])
    return world.config.accounts_by_channel.get(channel, DEFAULT_CHANNEL_ACCOUNTS[channel])
