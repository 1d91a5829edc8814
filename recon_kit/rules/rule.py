"""What a rule is: one record. Detection, *not checked*, evidence, work-lists and docs/rules.md all follow from it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import polars as pl

NULL_TEXT = pl.lit(None, pl.String)
NULL_FEN = pl.lit(None, pl.Int64)


@dataclass(frozen=True, eq=False)
class Rule:
    """One way a code is found. A rule equals itself only: expressions have no equality.

    `source` names a frame of Facts, `when` the rows of it that break the rule. `key` is the finding's key, `scope` what
    makes it unique among platforms, channels or periods; `key_kind` what the key is (of each row where it differs), the
    first of the catalogue's unless said. `expected`/`actual` are fen, and the gap is actual − expected
    unless `gap` says otherwise. `why` names the sentence in templates/why.toml and `facts` what fills it. `subject` names
    the row the finding is about, for the bridge. `qty` pieces and `loss` (fen, at cost) of goods.
    `severity` and `check` (when it is due): the catalogue's unless said. Without a table of `needs` the code is *not checked*.
    """

    code: str
    needs: tuple[str, ...]
    source: str
    when: pl.Expr
    key: pl.Expr
    scope: pl.Expr
    subject: pl.Expr
    expected: pl.Expr = NULL_FEN
    actual: pl.Expr = NULL_FEN
    gap: pl.Expr | None = None
    key_kind: str | pl.Expr | None = None
    why: str = ""
    facts: dict[str, pl.Expr] = field(default_factory=dict)
    platform: pl.Expr = NULL_TEXT
    shop: pl.Expr = NULL_TEXT
    channel: pl.Expr = NULL_TEXT
    order_id: pl.Expr = NULL_TEXT
    case_id: pl.Expr = NULL_TEXT
    event_at: pl.Expr = field(default_factory=lambda: pl.lit(None, pl.Datetime("us", "Asia/Shanghai")))
    breaks_on: pl.Expr = field(default_factory=lambda: pl.lit(None, pl.Date))
    evidence: tuple[pl.Expr, ...] = ()
    qty: pl.Expr = field(default_factory=lambda: pl.lit(None, pl.Int64))
    loss: pl.Expr = NULL_FEN
    severity: str = ""
    check: str = ""


def numbered(letter: str, column: str) -> pl.Expr:
    """Subject text such as `c 12`: the row number of a facts frame, which the bridge joins on."""
    return pl.concat_str(pl.lit(letter + " "), column)


def first_stated(*columns: str) -> pl.Expr:
    """The name of the first of the columns that the row states: the kind of a key made of the first of them."""
    return pl.coalesce(*(pl.when(pl.col(name).is_not_null()).then(pl.lit(name)) for name in columns))


def listed(column: str) -> pl.Expr:
    """A single `file:row` as a list, empty when null."""
    return pl.when(pl.col(column).is_null()).then(pl.lit([], pl.List(pl.String))).otherwise(pl.concat_list(column))


def listing(column: str) -> pl.Expr:
    """A list of `file:row`, empty when null."""
    return pl.col(column).fill_null(pl.lit([], pl.List(pl.String)))


def flow_rule(
    code: str,
    when: pl.Expr,
    *,
    needs: tuple[str, ...],
    key: pl.Expr | None = None,
    source: str = "flows",
    actual: str = "out_fen",
    **more: Any,
) -> Rule:
    """A flow that its code names: expected 0, actual what left the wallet; as facts of the as-of day."""
    return Rule(
        code,
        needs,
        source=source,
        when=when & pl.col("is_fact"),
        key=pl.col("flow_id") if key is None else key,
        scope=pl.col("channel"),
        subject=numbered("f", "f") if source == "flows" else pl.concat_str("channel", pl.lit(" "), "flow_id"),
        expected=pl.lit(0, pl.Int64),
        actual=pl.col(actual),
        facts={
            "actual_fen": pl.col(actual),
            "at": pl.col("money_at").dt.date(),
            "order_id": pl.col("order_id"),
            "channel": pl.col("channel"),
            "scene": pl.coalesce("scene", "memo"),
        },
        platform=pl.col("platform_key"),
        shop=pl.col("shop"),
        channel=pl.col("channel"),
        order_id=pl.col("order_id"),
        event_at=pl.col("money_at"),
        evidence=(listed("source"),),
        **more,
    )
