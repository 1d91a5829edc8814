"""A01, A02, A05: an order's discounts, and what a refund gives back beside money. Source: docs/rules.md; rulings 6, 21."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, listed, listing, numbered

_ORDER: dict[str, Any] = {
    "key": pl.col("order_id"),
    "scope": pl.col("platform_key"),
    "subject": numbered("o", "o"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "channel": pl.col("channel"),
    "order_id": pl.col("order_id"),
    "event_at": pl.col("paid_at"),
}


def _stacking(when: pl.Expr, needs: tuple[str, ...], why: str) -> Rule:
    return Rule(
        "A01",
        needs,
        source="stacking",
        when=when,
        expected=pl.col("expected_fen"),
        actual=pl.col("booked_fen"),
        facts={"expected_fen": pl.col("expected_fen"), "actual_fen": pl.col("booked_fen"), "rules": pl.col("rules")},
        why=why,
        evidence=(listed("order_source"), listing("discount_source")),
        **_ORDER,
    )


def _identity(when: pl.Expr, needs: tuple[str, ...], why: str) -> Rule:
    return Rule(
        "A02",
        needs,
        source="identities",
        when=when,
        expected=pl.col("identity_fen"),
        actual=pl.col("buyer_paid_fen"),
        facts={
            "expected_fen": pl.col("identity_fen"),
            "actual_fen": pl.col("buyer_paid_fen"),
            "column": pl.concat_str(pl.lit("order_lines."), "broken"),
            "lines": pl.col("n_lines"),
        },
        why=why,
        evidence=(listed("order_source"), listing("line_source")),
        **_ORDER,
    )


_is_header, _is_lines = pl.col("broken") == "header", pl.col("broken") == "lines"
_needs_lines = ("orders", "order_lines")

DISCOUNT_RULES: tuple[Rule, ...] = (
    _stacking(pl.col("is_recomputed"), ("orders", "order_discounts", "promotions"), "A01"),
    _stacking(~pl.col("is_recomputed"), ("orders", "orders.erp_merchant_discount_fen"), "A01_erp"),
    _identity(_is_header, ("orders",), "A02"),
    _identity(_is_lines, _needs_lines, "A02_lines"),
    _identity(~_is_header & ~_is_lines, _needs_lines, "A02_column"),
    Rule(
        "A05",
        ("aftersales", "order_discounts"),
        source="unrestored",
        when=pl.lit(value=True),
        key=pl.col("case_id"),
        scope=pl.col("platform_key"),
        subject=numbered("c", "c"),
        facts={"due_fen": pl.col("points_due_fen"), "used_fen": pl.col("used_fen"), "at": pl.col("done_at").dt.date()},
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        event_at=pl.col("done_at"),
        evidence=(listed("case_source"), listing("discount_source")),
    ),
)
