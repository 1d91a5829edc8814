"""L, A04 and A06 of a voucher: what the channel paid against what the ledger booked. Source: docs/rules.md; rulings 13, 17–20."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, first_stated, listed, listing, numbered

_base, _wallet, _state = pl.col("base_fen"), pl.col("wallet_fen"), pl.col("state")
_prior = pl.col("base_fen") - pl.col("flow_in_fen")
_booked_before = pl.col("booked_before_fen") - pl.col("accrued_before_fen")
_late_rest = pl.col("booked_ahead_fen")

_REF_KINDS = ("case_id", "flow_id", "order_id")

_UNIT: dict[str, Any] = {
    "needs": ("aftersales", "flows", "voucher_lines"),
    "source": "units",
    "key": pl.coalesce("group_key", *_REF_KINDS),
    "key_kind": first_stated(*_REF_KINDS),
    "scope": pl.when(pl.col("case_id").is_null()).then("flow_channel").otherwise(pl.coalesce("platform_key", "flow_channel")),
    "subject": numbered("u", "u"),
    "platform": pl.coalesce("platform", "platform_key"),
    "shop": pl.col("shop"),
    "channel": pl.col("flow_channel"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
    "event_at": pl.coalesce("flow_at", "first_flow_at"),
    "evidence": (listed("case_source"), listing("flow_source"), listing("voucher_source")),
    "check": "M4",
}
_VOUCHERS = pl.coalesce("voucher_ids", pl.lit([], pl.List(pl.String))).list.join("、")


def _facts(expected: pl.Expr, actual: pl.Expr) -> dict[str, pl.Expr]:
    return {
        "expected_fen": expected,
        "actual_fen": actual,
        "at": pl.coalesce("flow_at", "first_flow_at").dt.date(),
        "vouchers": _VOUCHERS,
        "n": pl.col("n_vouchers"),
        "booked_on": pl.col("ahead_date"),
        "period": pl.col("period_text"),
        "channel": pl.col("flow_channel"),
        "shop": pl.col("shop"),
        "about": pl.col("group_key").str.extract(r"([0-9-]+)$", 1),
        "n_flows": pl.col("n_flows"),
    }


def _amounts(expected: pl.Expr, actual: pl.Expr) -> dict[str, Any]:
    return {"expected": expected, "actual": actual, "facts": _facts(expected, actual)}


_ZERO = pl.lit(0, pl.Int64)

_is_total = pl.col("group_key").is_not_null()
_OF_TOTALS = {"L01": "L01_total", "L04": "L04_total"}


def _rules(code: str, when: pl.Expr, expected: pl.Expr, actual: pl.Expr, why: str = "") -> tuple[Rule, Rule]:
    """The rule of one refund, and of a day's or month's total, whose key is shop, channel and day."""
    amounts = _amounts(expected, actual)
    return (
        Rule(code, when=when & ~_is_total, why=why, **amounts, **_UNIT),
        Rule(code, when=when & _is_total, why=_OF_TOTALS.get(code, why), **amounts, **{**_UNIT, "key_kind": "total"}),
    )


def _at_approval(code: str, when: pl.Expr, why: str, expected: pl.Expr, actual: pl.Expr, severity: str = "") -> Rule:
    """A rule about an accrual: its event is the approval, not the money."""
    facts = {**_facts(expected, actual), "approved_on": pl.col("approved_at").dt.date()}
    about = {**_UNIT, "event_at": pl.coalesce("approved_at", "first_flow_at")}
    return Rule(code, when=when, why=why, expected=expected, actual=actual, facts=facts, severity=severity, **about)


UNIT_RULES: tuple[Rule, ...] = (
    *_rules("L01", _state == "not_booked", _base, _ZERO),
    *_rules("L03", (_state == "duplicate") & (_base != 0), _base, _wallet),
    *_rules("L03", (_state == "duplicate") & (_base == 0), pl.col("flow_before_fen"), _booked_before + _wallet),
    *_rules("L04", _state == "amount", _base, _wallet),
    # Expected is what the ledger should have booked of the platform-funded part.
    *_rules("A04", _state == "clawback", pl.col("clawback_in_fen"), _ZERO),
    *_rules("A06", _state == "rounding", _base, _wallet, "A06_voucher"),
    *_rules("L05", _state == "late", _base, _ZERO),
    *_rules("L05", _state == "late_rest", _late_rest, _ZERO),
    *_rules("L05", pl.col("is_prior"), _prior, _ZERO, "L05_prior"),
    _at_approval("L05", pl.col("is_unaccrued") & ~pl.col("is_provisioned"), "L05_cas", pl.col("unaccrued_fen"), _ZERO),
    _at_approval(
        # The provision took the revenue at the sale: what is missing is a reclass from it to the refund payable.
        *("L05", pl.col("is_unaccrued") & pl.col("is_provisioned"), "L05_provision", pl.col("unaccrued_fen"), _ZERO),
        severity="low",
    ),
)

EARLY_RULES: tuple[Rule, ...] = (
    _at_approval("L06", pl.col("is_accrued_early"), "L06_accrual", _ZERO, pl.col("accrued_in_fen")),
    *_rules("L06", _state == "early", _ZERO, _wallet),
    *_rules("L06", _state == "early_rest", _ZERO, pl.col("residual_fen"), "L06_rest"),
    # Where earlier refunds of the case are booked as well, only what is over was booked early.
    *_rules(
        *("L06", _state == "early_before", _ZERO),
        pl.when(pl.col("flow_before_fen") != 0).then(-pl.col("residual_fen")).otherwise(_booked_before),
        "L06_before",
    ),
)

REF_RULES: tuple[Rule, ...] = (
    Rule(
        "L02",
        ("aftersales", "flows", "voucher_lines"),
        source="lone_vouchers",
        when=pl.col("open_fen") != 0,
        key=pl.col("voucher_id"),
        scope=pl.col("period"),
        subject=pl.concat_str(pl.lit("v "), "period", pl.lit("|"), "voucher_id"),
        expected=_ZERO,
        actual=pl.col("open_fen"),
        facts={"actual_fen": pl.col("open_fen"), "refs": pl.col("ref_ids").list.join("、"), "voucher_id": pl.col("voucher_id")},
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        event_at=pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai"),
        evidence=(listing("voucher_source"),),
    ),
)

LEDGER_RULES = (*UNIT_RULES, *EARLY_RULES, *REF_RULES)
