"""C09, C15, K01, K02, K03: who approved what, and what was settled. Source: docs/rules.md; rulings 17, 24."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, listed, listing, numbered

_amended = pl.col("amended_at").is_not_null()
_CASE: dict[str, Any] = {
    "source": "approvals",
    "key": pl.col("case_id"),
    "scope": pl.col("platform_key"),
    "subject": numbered("c", "c"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "channel": pl.col("channel"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
}
_decided = pl.coalesce("approved_at", "done_at")
_AMENDED = {"old_fen": pl.col("old_fen"), "new_fen": pl.col("new_fen"), "at": pl.col("amended_at").dt.date()}
_approvals = ("aftersales", "aftersales.approver")
_is_unapproved = (
    pl.col("is_approved")
    & pl.col("approver").is_null()
    & (pl.col("money_fen") > pl.col("limit_fen"))
    & (pl.col("reapproved_fen").fill_null(-1) < pl.col("money_fen"))
)
_VOUCHER: dict[str, Any] = {
    "source": "signatures",
    "key": pl.col("voucher_id"),
    "key_kind": "voucher_id",
    "scope": pl.col("period"),
    "subject": pl.concat_str(pl.lit("v "), "period", pl.lit(" "), "voucher_id"),
    "shop": pl.col("shop"),
    "event_at": pl.col("date").cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai"),
    "evidence": (listing("voucher_source"),),
}

APPROVAL_RULES: tuple[Rule, ...] = (
    Rule(
        "C09",
        ("aftersales", "aftersale_events"),
        when=_amended,
        expected=pl.col("old_fen"),
        actual=pl.col("new_fen"),
        facts={**_AMENDED, "expected_fen": pl.col("old_fen"), "actual_fen": pl.col("new_fen")},
        event_at=pl.col("amended_at"),
        evidence=(listed("case_source"), listing("event_source")),
        **_CASE,
    ),
    Rule(
        "C15",
        ("aftersales",),
        when=pl.col("is_unsettled"),
        facts={
            "at": pl.col("advanced_at").dt.date(),
            "days": pl.col("advance_days"),
            "sla": pl.col("return_days"),
            "money_fen": pl.col("amount_fen"),
            "is_open": ~pl.col("is_done"),
        },
        event_at=pl.col("advanced_at"),
        evidence=(listed("case_source"),),
        **_CASE,
    ),
    Rule(
        "K01",
        _approvals,
        when=_is_unapproved & ~_amended & ~pl.col("is_platform_decided"),
        facts={"money_fen": pl.col("money_fen"), "limit_fen": pl.col("limit_fen"), "at": _decided.dt.date()},
        event_at=_decided,
        evidence=(listed("case_source"),),
        **_CASE,
    ),
    Rule(
        "K01",
        ("aftersales", "aftersale_events"),
        when=_amended & ~pl.col("is_platform_decided"),
        facts=_AMENDED,
        why="K01_amended",
        event_at=pl.col("amended_at"),
        evidence=(listed("case_source"), listing("event_source")),
        **_CASE,
    ),
    Rule(
        "K02",
        _approvals,
        when=(pl.col("creator") == pl.col("approver")) & pl.col("is_approved"),
        facts={"person": pl.col("approver"), "at": _decided.dt.date()},
        event_at=_decided,
        evidence=(listed("case_source"),),
        **_CASE,
    ),
    Rule(
        "K02",
        ("voucher_lines", "voucher_lines.approver"),
        when=pl.col("is_self_approved"),
        facts={"person": pl.col("approver"), "voucher_id": pl.col("voucher_id")},
        why="K02_voucher",
        **_VOUCHER,
    ),
    Rule(
        "K03",
        ("voucher_lines", "voucher_lines.attachments"),
        when=pl.col("is_adjusting") & (pl.col("attachments").fill_null(0) == 0),
        facts={"voucher_id": pl.col("voucher_id"), "at": pl.col("date")},
        **_VOUCHER,
    ),
)
