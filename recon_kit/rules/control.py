"""S05, K04, K05, K06: what the sources themselves leave unexplained. Source: docs/rules.md; rulings 7, 8, 23; schema, Merging."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.edits import SEALED_PERIOD
from recon_kit.rules.rule import NULL_FEN, Rule, flow_rule, listing

# The platform is part of the natural key of orders and cases, but stands in a column of its own.
_ROW_KEY = (
    pl.when(pl.col("table").is_in(["orders", "aftersales"])).then(pl.col("key").str.replace(r"^[^|]*\|", "")).otherwise("key")
)

CONTROL_RULES: tuple[Rule, ...] = (
    flow_rule("S05", pl.col("kind") == "unknown", needs=("flows",)),
    Rule(
        "K04",
        (SEALED_PERIOD,),
        source="edited_rows",
        when=pl.lit(True),
        key=_ROW_KEY,
        scope=pl.concat_str("table", pl.lit(" "), "key"),
        subject=pl.concat_str(pl.lit("e "), "table", pl.lit(" "), "key"),
        expected=pl.col("expected_fen"),
        actual=pl.col("actual_fen"),
        gap=NULL_FEN,
        facts={name: pl.col(name) for name in ("table", "key", "sealed_period", "change", "changes")},
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        event_at=pl.col("event_at"),
        evidence=(listing("evidence"),),
    ),
    Rule(
        "K05",
        (),
        source="duplicates",
        when=pl.lit(True),
        key=_ROW_KEY,
        scope=pl.concat_str("table", pl.lit(" "), "key"),
        subject=pl.concat_str(pl.lit("k "), "table", pl.lit(" "), "key"),
        facts={"table": pl.col("table"), "n": pl.col("n")},
        platform=pl.col("platform"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        case_id=pl.col("case_id"),
        evidence=(listing("evidence"),),
    ),
    Rule(
        "K06",
        (),
        source="broken_files",
        when=pl.lit(True),
        key=pl.col("file"),
        scope=pl.col("period_text"),
        subject=pl.concat_str(pl.lit("file "), "file"),
        expected=pl.col("stated_fen"),
        actual=pl.col("found_fen"),
        facts={"broken": pl.col("broken"), "missing": pl.col("missing")},
        channel=pl.col("channel"),
        evidence=(pl.concat_list("file"),),
    ),
)
