"""What is on its way when a month ends, planted or not: goods after a refund (W02), payouts before the bank (S04)."""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.schema import REFUND_FLOW_KINDS
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.world import World, in_escrow


def timing_items(world: World, period: Period) -> list[AnswerRow]:
    """The W02 and S04 of a period, as of its last day; both become breaks only after their limit."""
    return [*_returns_under_way(world, period), *_payouts_under_way(world, period)]


def _returns_under_way(world: World, period: Period) -> list[AnswerRow]:
    cut, first = midnight(period.end), period.last_day - timedelta(days=world.config.sla_days.return_)
    tables = world.tables
    is_refund = pl.col("kind").is_in(REFUND_FLOW_KINDS) & (pl.col("status") == "success") & (pl.col("success_at") < cut)
    paid = tables["flows"].filter(is_refund).select("case_id").drop_nulls()
    stated = tables["orders"].filter(pl.col("refunded_fen") > 0, "is_refund_stated").select("order_id")
    cases = tables["aftersales"].filter(
        (pl.col("kind") == "return_refund") & (pl.col("platform_status") == "success") & (pl.col("completed_at") < cut)
    )
    inside = cases.join(in_escrow(world), on="case_id", how="semi").join(stated, on="order_id", how="semi")
    refunded = pl.concat([paid, inside.select("case_id")])
    back = tables["receipts"].filter(pl.col("received_at") < cut)
    late = cases.filter(pl.col("completed_at") >= midnight(first)).join(refunded, on="case_id", how="semi")
    lost = late.join(back, on="case_id", how="anti").join(back, left_on="return_waybill", right_on="waybill", how="anti")
    found = lost.select("case_id", "order_id").sort("case_id")
    return [AnswerRow(period.text, "W02", case, order, case, nature="timing") for case, order in found.iter_rows()]


def _payouts_under_way(world: World, period: Period) -> list[AnswerRow]:
    cut, first = midnight(period.end), period.last_day - timedelta(days=world.config.sla_days.payout)
    named = pl.col("payout_id").is_not_null()
    arrived = world.tables["bank_rows"].filter(named & (pl.col("at") < cut)).select("payout_id")
    sent = world.tables["flows"].filter((pl.col("kind") == "payout") & named & (pl.col("at") < cut))
    late = sent.filter(pl.col("at") >= midnight(first)).join(arrived, on="payout_id", how="anti").sort("payout_id")
    return [
        AnswerRow(period.text, "S04", payout, None, None, -amount, 0, nature="timing")
        for payout, amount in late.select("payout_id", "amount_fen").iter_rows()
    ]
