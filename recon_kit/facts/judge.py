"""Cases, allocations and orders with the sums, dates and limits that the rules read."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.coverage import platform_covered
from recon_kit.facts.scope import Scope


def judge_cases(
    cases: pl.DataFrame, flows: pl.DataFrame, parts: pl.DataFrame, scope: Scope, covered: dict[str, datetime]
) -> pl.DataFrame:
    """Add to each case what its flows paid as of the as-of day, and the limits it is judged by.

    `paid_fen` Σ parts that are facts; `paid_before_fen`, `paid_in_fen` around the period; `has_pending` a flow that has not
    arrived; `is_judged` a success refund case that is a fact and not in escrow; `is_covered` it ended after the first
    loaded bill of its platform began, `is_unseen` before (its refund may lie in a bill that was not loaded).
    """
    config = scope.config
    moved = parts.join(
        flows.select("f", "money_at", "at", "channel", "request_no", "decided_by", "source"), on="f", validate="m:1"
    ).with_columns(scope.is_fact("money_at").alias("is_fact"))
    part, fact = pl.col("part_fen"), pl.col("is_fact")
    requests = pl.col("request_no").filter(fact).drop_nulls()
    paid = (
        moved.join(cases.select("c", "amount_fen"), on="c", validate="m:1")
        .sort("c", "f")
        .group_by("c", maintain_order=True)
        .agg(
            part.filter(fact).sum().alias("paid_fen"),
            fact.sum().cast(pl.Int64).alias("n_paid"),
            part.filter(scope.is_before("money_at")).sum().alias("paid_before_fen"),
            part.filter(scope.is_in("money_at")).sum().alias("paid_in_fen"),
            (part == pl.col("amount_fen")).filter(fact).all().alias("is_each_final"),
            (requests.n_unique() == requests.len()).alias("is_request_distinct"),
            (~fact & (pl.col("at") < scope.cut)).any().alias("has_pending"),
            pl.col("channel").first().alias("flow_channel"),
            (fact & (pl.col("decided_by") == "platform")).any().alias("is_flow_decided"),
            pl.col("source").head(20).alias("flow_source"),
        )
    )
    sla = config.sla_days
    start = pl.col("platform").replace_strict(
        platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None
    )
    channel = pl.coalesce(
        "flow_channel", pl.col("platform").replace_strict(scope.usual_channel, return_dtype=pl.String, default=None)
    )
    return (
        cases.join(paid, on="c", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            pl.col("paid_fen", "n_paid", "paid_before_fen", "paid_in_fen").fill_null(0),
            pl.col("has_pending", "is_flow_decided").fill_null(False),
        )
        .with_columns(channel.alias("channel"), SOURCE.alias("case_source"))
        .with_columns(
            pl.when(pl.col("channel") == "card").then(sla.refund_card).otherwise(sla.refund).cast(pl.Int64).alias("sla_days"),
            scope.age("done_at").alias("age_days"),
            (pl.col("is_refund") & pl.col("is_done") & ~pl.col("in_escrow")).alias("is_judged"),
            (pl.col("done_at") >= start).fill_null(False).alias("is_covered"),
            (start.is_null() | (pl.col("done_at") < start).fill_null(False)).alias("is_unseen"),
            pl.lit(config.tolerance.row).alias("tolerance_fen"),
            scope.is_in("done_at").alias("is_done_in"),
            (pl.col("amount_fen") - pl.col("paid_fen")).alias("short_fen"),
            pl.coalesce("completed_at", "approved_at", "applied_at").alias("ended_at"),
        )
        .with_columns(
            (
                (pl.col("platform_status") != pl.col("erp_status"))
                & (pl.col("ended_at") + pl.duration(hours=config.limits.status_mismatch_hours) < scope.cut)
            )
            .fill_null(False)
            .alias("is_status_mismatch")
        )
        .with_columns((pl.col("done_at").dt.date() + pl.duration(days=pl.col("sla_days") + 1)).alias("breaks_on"))
    )


def judge_allocations(allocations: pl.DataFrame, scope: Scope, covered: dict[str, datetime]) -> pl.DataFrame:
    """Add the dates and flags P rules read. On an escrow platform an order is due when confirmed, elsewhere when paid."""
    start = pl.col("platform").replace_strict(
        platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None
    )
    due_at = pl.when(pl.col("is_escrow")).then("confirmed_at").otherwise("paid_at")
    return allocations.with_columns(
        due_at.alias("due_at"), (pl.col("received_fen") - pl.col("expected_fen")).alias("gap_fen")
    ).with_columns(
        (scope.is_in("paid_at") | scope.is_in("money_at")).alias("is_in_period"),
        scope.is_in("due_at").alias("is_due_in"),
        (pl.col("due_at") >= start).fill_null(False).alias("is_covered"),
        scope.age("due_at").alias("due_age_days"),
        scope.age("money_at").alias("payment_age_days"),
        pl.lit(scope.config.tolerance.row).alias("tolerance_fen"),
        pl.lit(scope.config.sla_days.payment).alias("sla_days"),
    )


def sum_order_refunds(orders: pl.DataFrame, flows: pl.DataFrame, escrow: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per order with refunds: what it paid and what went back, in-escrow refunds included. Source: rulings 12, 16."""
    about = ["order_id", "platform", "platform_key", "shop", "channel", "buyer_paid_fen", "source_file", "source_row"]
    back = (
        flows.filter(pl.col("kind").is_in(["refund", "small_transfer"]) & pl.col("o").is_not_null() & scope.is_fact("money_at"))
        .group_by("o")
        .agg(
            pl.col("out_fen").sum(),
            pl.col("money_at").max(),
            pl.len().alias("n_flows"),
            pl.col("source").sort_by("f").head(20).alias("flow_source"),
        )
    )
    return (
        back.join(escrow, on="o", how="full", coalesce=True, validate="1:1")
        .pipe(lambda found: found.with_columns(orders[name].gather(found["o"]) for name in about))
        .with_columns(
            SOURCE.alias("order_source"),
            (pl.col("out_fen").fill_null(0) + pl.col("escrow_fen").fill_null(0)).alias("refunded_fen"),
        )
        .with_columns(
            (pl.col("refunded_fen") - pl.col("buyer_paid_fen")).alias("gap_fen"),
            pl.lit(scope.config.tolerance.row).alias("tolerance_fen"),
        )
        .sort("o")
    )
