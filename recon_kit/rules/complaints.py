"""Q: complaints against the cases and refunds they are about. Source: docs/rules.md; rulings 24. Gaps are null."""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import Rule, listed, listing

_COMPLAINT: dict[str, Any] = {
    "source": "complaints",
    "key": pl.col("complaint_id"),
    "scope": pl.lit("complaint"),
    "subject": pl.concat_str(pl.lit("complaint "), "complaint_id"),
    "facts": {
        "at": pl.col("opened_at").dt.date(),
        "days": pl.col("age_days"),
        "sla": pl.col("sla_days"),
        "refunded_on": pl.col("refunded_at").dt.date(),
        "case_fen": pl.col("case_fen"),
        "order_id": pl.col("order_id"),
    },
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
    "event_at": pl.col("opened_at"),
    "evidence": (listed("source"), listing("case_sources"), listing("flow_sources")),
}
_CASES = ("complaints", "aftersales")
_CONFLICT: dict[str, Any] = {"needs": (*_CASES, "flows"), **_COMPLAINT}

COMPLAINT_RULES: tuple[Rule, ...] = (
    Rule(
        "Q01",
        ("complaints",),
        when=pl.col("closed_at").is_null() & (pl.col("age_days") > pl.col("sla_days")),
        **_COMPLAINT,
    ),
    Rule("Q02", _CASES, when=pl.col("is_alive") & pl.col("is_about_money") & ~pl.col("has_case"), **_COMPLAINT),
    Rule("Q03", when=pl.col("is_alive") & pl.col("is_claiming") & pl.col("is_refunded"), **_CONFLICT),
    Rule(
        "Q03",
        when=pl.col("is_alive") & pl.col("is_refund_admitted") & pl.col("is_unpaid"),
        why="Q03_unpaid",
        **_CONFLICT,
    ),
)
