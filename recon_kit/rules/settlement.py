"""S: fees, payouts, deductions, balances and settlements. Source: docs/rules.md; rulings 5, 12, 14 and 23."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, flow_rule, listed, listing, numbered

_received, _paid_out = pl.col("received_fen"), pl.col("payout_fen")
_is_short = pl.col("due_fen") - pl.col("returned_fen") > pl.col("tolerance_fen")
_in_time = pl.col("age_days") <= pl.col("sla_days")
_rolls = pl.col("rolled_fen") == pl.col("closing_fen")
_carries = (pl.col("carried_fen") == pl.col("opening_fen")).fill_null(True)

_PAYOUT: dict[str, Any] = {
    "needs": ("flows", "bank_rows"),
    "source": "payouts",
    "key": pl.col("key"),
    "scope": pl.col("channel"),
    "subject": pl.concat_str(pl.lit("payout "), "channel", pl.lit(" "), "key"),
    "expected": _paid_out,
    "actual": _received,
    "facts": {
        "expected_fen": _paid_out,
        "actual_fen": _received,
        "channel": pl.col("channel"),
        "at": pl.col("money_at").dt.date(),
        "days": pl.col("age_days"),
        "breaks_on": pl.col("breaks_on"),
    },
    "shop": pl.col("shop"),
    "channel": pl.col("channel"),
    "event_at": pl.col("money_at"),
    "evidence": (listing("flow_source"), listing("bank_source")),
}


def _premium_rule(when: pl.Expr, expected: pl.Expr, actual: pl.Expr, why: str) -> Rule:
    """Freight insurance of an order that is not what the fees state for it; amounts leave the wallet (in: negative)."""
    return Rule(
        "S07",
        ("orders", "flows", "fees"),
        source="premiums",
        when=when,
        key=pl.col("order_id"),
        scope=pl.coalesce("platform_key", "channel"),
        subject=pl.concat_str(pl.lit(f"{why} "), "channel", pl.lit(" "), "order_id"),
        expected=expected,
        actual=actual,
        why=why,
        facts={
            "expected_fen": expected,
            "actual_fen": actual,
            "at": pl.col("moved_at").dt.date(),
            "is_known": pl.col("o").is_not_null(),
        },
        platform=pl.col("platform_key"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        event_at=pl.col("moved_at"),
        evidence=(listing("source"), listing("source_stated")),
    )


_premium, _stated_premium = pl.col("premium_fen"), pl.col("stated_premium_fen")
_claim, _stated_claim = pl.col("claim_fen"), pl.col("stated_claim_fen")
_is_unbacked = (_premium - _stated_premium > pl.col("tolerance_fen")) & ~pl.col("is_explained")
_is_claim_missing = _stated_claim - _claim > pl.col("tolerance_fen")

SETTLEMENT_RULES: tuple[Rule, ...] = (
    Rule(
        "S01",
        ("orders", "aftersales", "flows", "fees"),
        source="fee_returns",
        when=_is_short & ~_in_time,
        key=pl.col("case_id"),
        scope=pl.col("platform_key"),
        subject=numbered("c", "c"),
        expected=pl.col("due_fen"),
        actual=pl.col("returned_fen"),
        facts={
            "expected_fen": pl.col("due_fen"),
            "actual_fen": pl.col("returned_fen"),
            "at": pl.col("refunded_at").dt.date(),
            "days": pl.col("age_days"),
            "sla": pl.col("sla_days"),
        },
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        event_at=pl.col("refunded_at"),
        evidence=(listed("case_source"), listing("flow_source"), listing("fee_source"), listing("return_source")),
    ),
    Rule(
        "S02",
        ("orders", "fees"),
        source="fees",
        when=((pl.col("amount_fen") - pl.col("due_fen")).abs() > pl.col("tolerance_fen")).fill_null(False),
        key=pl.col("fee_id"),
        scope=pl.col("channel"),
        subject=pl.concat_str(pl.lit("fee "), "fee_id"),
        expected=pl.col("due_fen"),
        actual=pl.col("amount_fen"),
        facts={
            "expected_fen": pl.col("due_fen"),
            "actual_fen": pl.col("amount_fen"),
            "rate": pl.col("rate"),
            "base_fen": pl.col("base_fen"),
            "kind": pl.col("kind"),
            "parts": pl.col("n_parts"),
        },
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        event_at=pl.col("at"),
        evidence=(listing("fee_source"),),
    ),
    Rule("S03", when=(_received != _paid_out) & ~((_received == 0) & _in_time), **_PAYOUT),
    Rule("S04", when=(_received == 0) & _in_time, breaks_on=pl.col("breaks_on"), **_PAYOUT),
    flow_rule("S06", pl.lit(value=True), needs=("flows",), source="penalties"),
    _premium_rule(_is_unbacked, _stated_premium, _premium, "S07"),
    _premium_rule(~_is_unbacked & _is_claim_missing, -_stated_claim, -_claim, "S07_claim"),
    Rule(
        "S08",
        ("wallets", "flows"),
        source="wallet_rolls",
        when=~(_rolls & _carries),
        key=pl.col("key"),
        scope=pl.concat_str("period_text", pl.coalesce("account", "shop", pl.lit("")), separator="|"),
        subject=pl.concat_str(pl.lit("wallet "), "w"),
        expected=pl.when(_rolls).then("carried_fen").otherwise("rolled_fen"),
        actual=pl.when(_rolls).then("opening_fen").otherwise("closing_fen"),
        facts={
            "expected_fen": pl.when(_rolls).then("carried_fen").otherwise("rolled_fen"),
            "actual_fen": pl.when(_rolls).then("opening_fen").otherwise("closing_fen"),
            "rolls": _rolls,
            "carries": _carries,
            "channel": pl.col("channel"),
            "opening_fen": pl.col("opening_fen"),
            "moved_fen": pl.col("moved_fen"),
            "carried_fen": pl.col("carried_fen"),
            "n": pl.col("n_flows"),
        },
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        event_at=pl.col("closed_at"),
        evidence=(listing("wallet_source"),),
    ),
    Rule(
        "S09",
        ("orders", "flows"),
        source="settlements",
        when=(pl.col("receipt_fen") == pl.col("buyer_paid_fen"))
        & ((pl.col("settled_fen") - pl.col("merchant_receivable_fen")).abs() > pl.col("tolerance_fen")),
        key=pl.col("order_id"),
        scope=pl.col("platform_key"),
        subject=pl.concat_str(pl.lit("settled "), "o"),
        expected=pl.col("merchant_receivable_fen"),
        actual=pl.col("settled_fen"),
        facts={
            "expected_fen": pl.col("merchant_receivable_fen"),
            "actual_fen": pl.col("settled_fen"),
            "receipt_fen": pl.col("receipt_fen"),
            "subsidy_fen": pl.col("subsidy_fen"),
        },
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        event_at=pl.col("money_at"),
        evidence=(listed("order_source"), listing("receipt_source"), listing("subsidy_source")),
    ),
)
