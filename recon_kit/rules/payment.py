"""P: orders against what was paid for them. Source: docs/rules.md P01–P05; rulings 1, 2, 10, 12, 14."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, listing

_one, _many = pl.col("n_orders") == 1, pl.col("n_orders") > 1
_paid_once, _paid_twice = pl.col("n_payments") == 1, pl.col("n_payments") > 1
_gap, _tolerance = pl.col("gap_fen"), pl.col("tolerance_fen")
_by_receipt = pl.col("is_by_receipt").fill_null(value=False)
_differs = _gap.abs() > _tolerance
_excess = _one & _paid_twice & (_gap > _tolerance)

_ORDER: dict[str, Any] = {
    "source": "allocations",
    "key": pl.col("order_id"),
    "scope": pl.col("platform").replace("tmall", "taobao"),
    "subject": pl.col("subject"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "channel": pl.coalesce("pay_channel", "channel"),
    "order_id": pl.col("order_id"),
    "evidence": (listing("order_source"), listing("payment_source")),
}
_SUMS = {
    "expected_fen": pl.col("expected_fen"),
    "actual_fen": pl.col("received_fen"),
    "n": pl.col("n_payments"),
    "orders": pl.col("n_orders"),
}


def _order_rule(code: str, when: pl.Expr, **more: Any) -> Rule:
    """An order (or combined payment) of the period whose payments are not what it should have brought."""
    return Rule(
        code,
        ("orders", "payments"),
        when=pl.col("is_in_period") & when,
        expected=pl.col("expected_fen"),
        actual=pl.col("received_fen"),
        facts=_SUMS,
        event_at=pl.col("money_at"),
        **{**_ORDER, **more},
    )


PAYMENT_RULES: tuple[Rule, ...] = (
    # What is missing of an order that is not wholly confirmed is still in escrow.
    _order_rule("P01", _one & (_paid_once | (_paid_twice & (_gap < 0))) & _differs & ~(_by_receipt & (_gap < 0))),
    Rule(
        "P02",
        ("orders", "payments"),
        source="allocations",
        when=pl.col("is_in_period") & (pl.col("n_orders") == 0) & (pl.col("payment_age_days") > 1),
        key=pl.coalesce("payment_pay_id", "stated_order_id", "flow_id"),
        key_kind=pl.coalesce(
            pl.when(pl.col("payment_pay_id").is_not_null()).then(pl.lit("pay_id")),
            pl.when(pl.col("stated_order_id").is_not_null()).then(pl.lit("order_id")),
            pl.lit("flow_id"),
        ),
        scope=pl.col("pay_channel"),
        subject=pl.col("subject"),
        expected=pl.lit(0, pl.Int64),
        actual=pl.col("received_fen"),
        facts={"actual_fen": pl.col("received_fen"), "at": pl.col("money_at").dt.date()},
        channel=pl.col("pay_channel"),
        order_id=pl.col("stated_order_id"),
        event_at=pl.col("money_at"),
        evidence=(listing("payment_source"),),
    ),
    Rule(
        "P03",
        ("orders", "payments"),
        when=pl.col("is_due_in")
        & (pl.col("n_orders") > 0)
        & (pl.col("n_payments") == 0)
        & (pl.col("expected_fen") > _tolerance)
        & (pl.col("kind") != "gift")
        & (pl.col("due_age_days") > pl.col("sla_days"))
        & pl.col("is_covered"),
        expected=pl.col("expected_fen"),
        actual=pl.lit(0, pl.Int64),
        facts={"expected_fen": pl.col("expected_fen"), "at": pl.col("due_at").dt.date(), "days": pl.col("due_age_days")},
        event_at=pl.col("due_at"),
        **_ORDER,
    ),
    _order_rule("P04", _excess),
    _order_rule(
        "P05",
        _many & (pl.col("n_payments") > 0) & _differs,
        key=pl.coalesce("payment_pay_id", "pay_id"),
        scope=pl.col("pay_channel"),
    ),
    _order_rule(
        "A06",
        (pl.col("n_orders") > 0) & (pl.col("n_payments") > 0) & (_gap != 0) & ~_differs,
        key_kind="order_id",
        why="A06_payment",
    ),
)
