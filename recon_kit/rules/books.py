"""L07, L09, L10, L11: whether a voucher is right in itself. Source: docs/rules.md; rulings 20."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, listing

_REFUNDS = ("aftersales", "flows", "voucher_lines")
_VOUCHER: dict[str, Any] = {
    "key": pl.col("voucher_id"),
    "scope": pl.col("period"),
    "subject": pl.concat_str(pl.lit("v "), "period", pl.lit("|"), "voucher_id"),
    "platform": pl.col("platform_key"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
    "event_at": pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai"),
    "evidence": (listing("source"),),
}
_SHOP = pl.coalesce("unit_shop", "line_shop")
_ALWAYS = pl.lit(value=True)
_ZERO = pl.lit(0, pl.Int64)


def _percent(units: str) -> pl.Expr:
    """Millionths as a percentage, 13 or 0.5."""
    return (pl.col(units) / 10_000).cast(pl.String).str.strip_suffix(".0")


BOOKS_RULES: tuple[Rule, ...] = (
    Rule(
        "L07",
        ("voucher_lines",),
        source="vat_splits",
        when=_ALWAYS,
        expected=pl.col("tax_fen"),
        actual=pl.col("vat_fen"),
        facts={
            "voucher_id": pl.col("voucher_id"),
            "expected_fen": pl.col("tax_fen"),
            "actual_fen": pl.col("vat_fen"),
            "gross_fen": pl.col("gross_fen"),
            "has_vat": pl.col("has_vat"),
            "low": _percent("low_units"),
            "high": _percent("high_units"),
        },
        shop=_SHOP,
        **_VOUCHER,
    ),
    Rule(
        "L09",
        _REFUNDS,
        source="wrong_accounts",
        when=_ALWAYS,
        facts={
            "voucher_id": pl.col("voucher_id"),
            "booked_fen": pl.col("booked_fen"),
            "accounts": pl.col("accounts").list.join("、"),
        },
        shop=_SHOP,
        **_VOUCHER,
    ),
    Rule(
        "L10",
        _REFUNDS,
        source="stale_accruals",
        when=_ALWAYS,
        expected=_ZERO,
        actual=pl.col("open_fen"),
        facts={
            "voucher_id": pl.col("voucher_id"),
            "actual_fen": pl.col("open_fen"),
            "at": pl.col("date"),
            "days": pl.col("age_days"),
            "sla": pl.col("sla_days"),
            "is_closed": pl.col("is_closed"),
        },
        shop=pl.col("shop"),
        **_VOUCHER,
    ),
    Rule(
        "L11",
        ("voucher_lines",),
        source="unbalanced",
        when=_ALWAYS,
        expected=pl.col("debit_fen"),
        actual=pl.col("credit_fen"),
        facts={
            "voucher_id": pl.col("voucher_id"),
            "expected_fen": pl.col("debit_fen"),
            "actual_fen": pl.col("credit_fen"),
            "is_apart": pl.col("is_apart"),
        },
        shop=pl.coalesce("unit_shop", "shop"),
        **_VOUCHER,
    ),
)
