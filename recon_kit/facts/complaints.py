"""Complaints against the cases they are about, as of a day. Frames: `complaints` one row each · `sides_M12` the pair.

Source: docs/rules.md Q01–Q03; rulings 24.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import match
from recon_kit.pairs import PAIRS
from recon_kit.schema import AFTERSALES, COMPLAINTS, natural_key

CASE_DAYS = 7
"""A case of the same order this many days before or after a complaint is what the complaint is about."""


def build_complaints(tied: Tied) -> dict[str, pl.DataFrame]:
    """The frames of the complaint rules.

    `is_alive`: opened or closed in the period, or still open; a complaint closed before it is done. `is_about_money`: says
    it was not refunded, or is of a refund kind. `is_refunded`, `is_unpaid`: every refund case it is about was refunded while
    it was open; at least one is overdue and unpaid. No frame where the complaints did not come.
    """
    if "complaints" not in tied.supplied:
        return {}
    scope = tied.scope
    complaints = _number(tied)
    about = _cases_about(complaints, tied)
    judged = (
        complaints.join(_state_of_cases(complaints, about, tied), on="q", how="left", validate="1:1", maintain_order="left")
        .pipe(_add_platform, tied)
        .with_columns(
            pl.col("has_case", "is_refunded", "is_unpaid").fill_null(False),
            scope.age("opened_at").alias("age_days"),
            pl.lit(scope.config.sla_days.complaint, pl.Int64).alias("sla_days"),
        )
    )
    frames = {"complaints": judged.filter(scope.is_fact("opened_at"))}
    return frames | ({"sides_M12": _sides(tied, complaints, about)} if "aftersales" in tied.supplied else {})


def _number(tied: Tied) -> pl.DataFrame:
    """Complaints with their number `q` and what they say, closed only where the closing is a fact."""
    scope = tied.scope
    claims = pl.col("claims_unrefunded").fill_null(False)
    of_refund = pl.col("kind").str.contains("(?i)退款|refund").fill_null(False)
    return (
        tied.tables["complaints"]
        .with_row_index("q")
        .with_columns(
            pl.col("q").cast(pl.Int64),
            SOURCE.alias("source"),
            pl.when(scope.is_fact("closed_at")).then("closed_at").alias("closed_at"),
            claims.alias("is_claiming"),
            (claims | of_refund).alias("is_about_money"),
            (of_refund & ~pl.col("claims_unrefunded")).fill_null(False).alias("is_refund_admitted"),
        )
        .with_columns(
            (
                scope.is_fact("opened_at")
                & (scope.is_in("opened_at") | pl.col("closed_at").is_null() | ~scope.is_before("closed_at"))
            ).alias("is_alive")
        )
    )


def _cases_about(complaints: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """One row per complaint `q` and case `c` it is about: the one it names, else those of its order applied for within days.

    `how` is `case_id` or `order_window`. A number that two platforms use is told by the order.
    """
    cases = tied.cases.filter(tied.scope.is_fact("applied_at")).select("c", "case_id", "order_id", "applied_at")
    alone = cases.unique("case_id", keep="none").select("case_id", pl.col("c").alias("by_id"))
    of_order = cases.unique(["case_id", "order_id"], keep="none").select("case_id", "order_id", pl.col("c").alias("by_order"))
    named = (
        complaints.join(alone, on="case_id", how="left", validate="m:1")
        .join(of_order, on=["case_id", "order_id"], how="left", validate="m:1")
        .select("q", pl.coalesce("by_id", "by_order").alias("c"), pl.lit("case_id").alias("how"))
        .drop_nulls("c")
    )
    apart = (pl.col("opened_at").dt.date() - pl.col("applied_at").dt.date()).dt.total_days().abs()
    near = (
        complaints.join(named, on="q", how="anti")
        .join(cases.drop("case_id"), on="order_id", how="inner", validate="m:m")
        .filter(apart <= CASE_DAYS)
        .select("q", "c", pl.lit("order_window").alias("how"))
    )
    return pl.concat([named, near]).sort("q", "c")


def _state_of_cases(complaints: pl.DataFrame, about: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Per complaint that has cases: whether its refund cases were refunded while it was open, or are overdue and unpaid."""
    scope = tied.scope
    last = (
        tied.parts.join(tied.flows.select("f", "money_at", "source"), on="f", validate="m:1")
        .filter(scope.is_fact("money_at"))
        .sort("f")
        .group_by("c", maintain_order=True)
        .agg(pl.col("money_at").max(), pl.col("source").head(5).alias("flow_sources"))
    )
    paid = (pl.col("paid_fen") > 0) & (pl.col("short_fen") <= pl.col("tolerance_fen"))
    inside = pl.col("in_escrow") & ~pl.col("is_escrow_unstated") & (pl.col("escrow_diff_fen") >= 0)
    refunded_at = pl.when(inside).then("done_at").when(paid).then("money_at")
    overdue = (
        pl.col("is_judged")
        & pl.col("is_covered")
        & (pl.col("short_fen") > pl.col("tolerance_fen"))
        & (pl.col("age_days") > pl.col("sla_days"))
    )
    cases = tied.cases.join(last, on="c", how="left", validate="1:1").select(
        "c",
        "is_refund",
        "case_source",
        "flow_sources",
        refunded_at.alias("refunded_at"),
        overdue.alias("is_overdue"),
        "amount_fen",
        pl.col("platform").alias("case_platform"),
        pl.col("shop").alias("case_shop"),
        pl.col("order_id").alias("case_order"),
        pl.col("case_id").alias("case_named"),
    )
    money = pl.col("is_refund")
    while_open = pl.col("refunded_at") < pl.coalesce("closed_at", pl.lit(scope.cut))
    return (
        about.join(cases, on="c", validate="m:1")
        .join(complaints.select("q", "closed_at"), on="q", validate="m:1")
        .sort("q", "c")
        .group_by("q", maintain_order=True)
        .agg(
            pl.lit(value=True).alias("has_case"),
            (money.any() & while_open.fill_null(False).filter(money).all()).alias("is_refunded"),
            (money & pl.col("is_overdue")).any().alias("is_unpaid"),
            pl.col("refunded_at").max(),
            pl.col("amount_fen").filter(money).sum().alias("case_fen"),
            pl.col("case_platform", "case_shop", "case_order").first(),
            pl.when(pl.len() == 1).then(pl.col("case_named").first()).alias("case_named"),
            pl.col("case_source").head(10).alias("case_sources"),
            pl.col("flow_sources").drop_nulls().list.explode(keep_nulls=False, empty_as_null=False).head(10),
        )
    )


def _add_platform(complaints: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Platform and shop of each complaint: its case's, else those of the only order with its number."""
    orders = tied.orders.filter(~pl.col("is_shared_id")).select(
        "order_id", pl.col("platform").alias("order_platform"), pl.col("shop").alias("order_shop")
    )
    return complaints.join(
        orders.unique("order_id", keep="none"), on="order_id", how="left", validate="m:1", maintain_order="left"
    ).with_columns(
        pl.coalesce("case_platform", "order_platform").alias("platform"),
        pl.coalesce("case_shop", "order_shop").alias("shop"),
        pl.coalesce("order_id", "case_order").alias("order_id"),
        pl.coalesce("case_named", "case_id").alias("case_id"),
    )


def _sides(tied: Tied, complaints: pl.DataFrame, about: pl.DataFrame) -> pl.DataFrame:
    """The rows of M12; nothing is picked where a complaint's order has several cases within the days."""
    one = about.filter(pl.col("how") == "case_id").select("q", pl.col("c").alias("named_c"))
    near = about.filter(pl.col("how") == "order_window")
    sole = near.unique("q", keep="none").select("q", pl.col("c").alias("near_c"))
    rights = complaints.join(one, on="q", how="left", validate="1:1").join(sole, on="q", how="left", validate="1:1")
    nothing, all_in_one = pl.lit(0, pl.Int64).alias("amount_fen"), pl.lit(0, pl.UInt64).alias("partition")
    matched = match(
        PAIRS["M12"],
        tied.cases.select(pl.col("c").alias("row"), "c", nothing, all_in_one),
        rights.select(pl.col("q").alias("row"), "named_c", "near_c", nothing, all_in_one),
    )
    several = near.filter(pl.col("q").is_duplicated()).select("q").unique()["q"].implode()
    left = tied.cases.join(
        matched.left.select(pl.col("row").alias("c"), "group", "pass"), on="c", validate="1:1", maintain_order="left"
    ).with_columns(pl.lit(None, pl.String).alias("unmatched"))
    reason = pl.when(pl.col("q").is_in(several)).then(pl.lit("ambiguous")).otherwise("reason")
    right = complaints.join(
        matched.right.select(pl.col("row").alias("q"), "group", "pass", "reason"), on="q", validate="1:1", maintain_order="left"
    ).with_columns(reason.alias("unmatched"))
    zero = pl.lit(0, pl.Int64)
    # A case nobody complained about lacks nothing: it is excluded, not without counterpart.
    return pl.concat(
        [
            side(left, "left", pl.lit("aftersales"), natural_key(AFTERSALES), zero, EXCLUDED),
            side(right, "right", pl.lit("complaints"), natural_key(COMPLAINTS), zero, EXCLUDED),
        ]
    )
