"""C (and A06 of a case): what the platform decided against what the channel paid. Source: docs/rules.md; rulings 9–18."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, first_stated, flow_rule, listed, listing, numbered

_tolerance, _amount, _paid, _short = pl.col("tolerance_fen"), pl.col("amount_fen"), pl.col("paid_fen"), pl.col("short_fen")
_judged = pl.col("is_judged")
_in_sla = pl.col("age_days") <= pl.col("sla_days")
# A case that ended before the first loaded bill may have been paid in a bill nobody loaded: no verdict on what is missing.
_is_short = _judged & pl.col("is_covered") & (_short > _tolerance)
_is_over = _judged & (_short < -_tolerance)
_is_duplicate = (pl.col("n_paid") >= 2) & pl.col("is_each_final") & pl.col("is_request_distinct")
_escrow = pl.col("in_escrow") & ~pl.col("is_escrow_unstated")
_escrow_gap = pl.col("escrow_diff_fen")
_unstated = pl.col("in_escrow") & pl.col("is_escrow_unstated") & (_amount > _tolerance)

_CASE: dict[str, Any] = {
    "needs": ("aftersales", "flows"),
    "source": "cases",
    "key": pl.col("case_id"),
    "scope": pl.col("platform_key"),
    "subject": numbered("c", "c"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "channel": pl.col("channel"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
    "event_at": pl.col("done_at"),
    "evidence": (listed("case_source"), listing("flow_source")),
}
_FACTS = {
    "expected_fen": _amount,
    "actual_fen": _paid,
    "short_fen": _short,
    "at": pl.col("done_at").dt.date(),
    "days": pl.col("age_days"),
    "sla": pl.col("sla_days"),
    "n": pl.col("n_paid"),
    "breaks_on": pl.col("breaks_on"),
}
_AMOUNTS: dict[str, Any] = {"expected": _amount, "actual": _paid, "facts": _FACTS}
_STATED = _amount + _escrow_gap
_ESCROW_AMOUNTS: dict[str, Any] = {
    "expected": _amount,
    "actual": _STATED,
    "facts": {"expected_fen": _amount, "actual_fen": _STATED, "at": pl.col("done_at").dt.date()},
}
_UNSTATED_AMOUNTS: dict[str, Any] = {"expected": _amount, "actual": pl.lit(0, pl.Int64), "facts": _FACTS}
# Of the codes of a case this one alone counts the platform's clawback too: rulings 20.
_decided = pl.when(pl.col("n_paid") > 0).then(_paid).otherwise(_amount) + pl.col("clawback_fen")

CASE_RULES: tuple[Rule, ...] = (
    Rule("C01", when=_is_short & ~_in_sla & pl.col("has_pending"), **_AMOUNTS, **_CASE),
    Rule("C02", when=_is_short & _in_sla, breaks_on=pl.col("breaks_on"), **_AMOUNTS, **_CASE),
    Rule("C02", when=_unstated & _in_sla, breaks_on=pl.col("breaks_on"), why="C02_escrow", **_UNSTATED_AMOUNTS, **_CASE),
    Rule("C04", when=_is_short & ~_in_sla & ~pl.col("has_pending") & (pl.col("n_paid") == 0), **_AMOUNTS, **_CASE),
    Rule("C04", when=_unstated & ~_in_sla, why="C04_escrow", **_UNSTATED_AMOUNTS, **_CASE),
    Rule("C05", when=_is_over & ~_is_duplicate, **_AMOUNTS, **_CASE),
    Rule("C05", when=_escrow & (_escrow_gap > _tolerance), why="C05_escrow", **_ESCROW_AMOUNTS, **_CASE),
    Rule("C06", when=_is_short & ~_in_sla & ~pl.col("has_pending") & (pl.col("n_paid") > 0), **_AMOUNTS, **_CASE),
    Rule("C06", when=_escrow & (_escrow_gap < -_tolerance), why="C06_escrow", **_ESCROW_AMOUNTS, **_CASE),
    Rule("C07", when=_is_over & _is_duplicate, **_AMOUNTS, **_CASE),
    Rule(
        "A06",
        when=_judged & (pl.col("n_paid") > 0) & (_short != 0) & (_short.abs() <= _tolerance),
        why="A06_refund",
        **_AMOUNTS,
        **_CASE,
    ),
    Rule(
        "A06",
        when=_escrow & (_escrow_gap != 0) & (_escrow_gap.abs() <= _tolerance),
        why="A06_escrow",
        **_ESCROW_AMOUNTS,
        **_CASE,
    ),
    Rule(
        "C12",
        when=pl.col("is_refund")
        & pl.col("is_done")
        & ((pl.col("decided_by") == "platform").fill_null(False) | pl.col("is_flow_decided")),
        expected=pl.lit(0, pl.Int64),
        actual=_decided,
        facts={"actual_fen": _decided, "at": pl.col("done_at").dt.date()},
        **{**_CASE, "needs": ("aftersales",)},
    ),
    Rule(
        "A03",
        when=(pl.col("claimed_fen") - pl.col("entitled_fen")).abs() > _tolerance,
        expected=pl.col("entitled_fen"),
        actual=pl.col("claimed_fen"),
        facts={
            "expected_fen": pl.col("entitled_fen"),
            "actual_fen": pl.col("claimed_fen"),
            "qty": pl.col("qty"),
            "line_id": pl.col("line_id"),
        },
        **{**_CASE, "needs": ("aftersales", "order_lines"), "event_at": pl.col("approved_at")},
    ),
    Rule(
        "C10",
        when=pl.col("is_status_mismatch"),
        facts={
            "platform_status": pl.col("platform_status"),
            "erp_status": pl.col("erp_status"),
            "at": pl.col("ended_at").dt.date(),
        },
        **{
            **_CASE,
            "needs": ("aftersales", "aftersales.erp_status"),
            "event_at": pl.col("ended_at"),
            "evidence": (listed("case_source"),),
        },
    ),
)


_NEEDS = ("aftersales", "flows")
FLOW_RULES: tuple[Rule, ...] = (
    *(
        flow_rule(code, pl.col("flow_code") == code, needs=_NEEDS, case_id=pl.col("about_case"))
        for code in ("C03", "C11", "C13", "C14")
    ),
    flow_rule(
        "C12",
        pl.col("flow_code") == "C12",
        needs=_NEEDS,
        actual="with_clawback_fen",
        key=pl.coalesce("case_id", "order_id", "flow_id"),
        key_kind=first_stated("case_id", "order_id", "flow_id"),
        why="C12_flow",
        case_id=pl.col("case_id"),
    ),
)

ORDER_RULES: tuple[Rule, ...] = (
    Rule(
        "C08",
        ("orders", "flows"),
        source="order_refunds",
        when=pl.col("gap_fen") > _tolerance,
        key=pl.col("order_id"),
        scope=pl.col("platform_key"),
        subject=numbered("o", "o"),
        expected=pl.col("buyer_paid_fen"),
        actual=pl.col("refunded_fen"),
        facts={"expected_fen": pl.col("buyer_paid_fen"), "actual_fen": pl.col("refunded_fen"), "n": pl.col("n_flows")},
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        event_at=pl.col("money_at"),
        evidence=(listed("order_source"), listing("flow_source")),
    ),
)

REFUND_RULES = (*CASE_RULES, *FLOW_RULES, *ORDER_RULES)
