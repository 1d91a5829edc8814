"""The platform's side as of a day: orders and after-sales cases, each with what it should have moved."""

from __future__ import annotations

import polars as pl

from recon_kit.config import CHANNELS_OF_PLATFORM
from recon_kit.facts.scope import Scope
from recon_kit.schema import REFUND_CASE_KINDS


def build_orders(orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per order, `o` its number in this run.

    Adds the usual `channel`, `is_escrow` (money arrives at confirmation), `confirmed_at` (null: not confirmed as of the
    as-of day) and `pay_group`, the key that no payment, refund or voucher of the order leaves.
    """
    return (
        orders.with_row_index("o")
        .with_columns(
            pl.col("o").cast(pl.Int64),
            pl.col("platform").replace("tmall", "taobao").alias("platform_key"),
            pl.col("platform").replace_strict(scope.usual_channel, return_dtype=pl.String).alias("channel"),
            pl.col("platform").is_in(scope.escrow_platforms).alias("is_escrow"),
            pl.when(scope.is_fact("completed_at")).then("completed_at").alias("confirmed_at"),
            pl.coalesce("pay_id", "order_id").alias("pay_group"),
        )
        .with_columns(pl.col("buyer_paid_fen").fill_null(0))
    )


def attach_order(frame: pl.DataFrame, wanted: pl.DataFrame) -> pl.DataFrame:
    """Left-join `wanted` (order_id, platform, further columns) by `order_id`; two platforms' equal ids are told by `channel`.

    The row count never changes; where the order is unknown, or shared and the channel does not tell, the columns are null.
    """
    asked = frame.select("order_id").drop_nulls().unique()
    found = wanted.join(asked, on="order_id", how="semi") if asked.height < wanted.height // 2 else wanted
    shared = found.filter(pl.col("order_id").is_duplicated())
    single = found if shared.is_empty() else found.filter(~pl.col("order_id").is_duplicated())
    joined = frame.join(single.drop("platform"), on="order_id", how="left", validate="m:1", maintain_order="left")
    if shared.is_empty():
        return joined
    channels = pl.DataFrame(
        [(p, c) for p, cs in CHANNELS_OF_PLATFORM.items() for c in cs], schema={"platform": pl.String, "channel": pl.String}, orient="row"
    )
    by_channel = shared.join(channels, on="platform").drop("platform").unique(["order_id", "channel"], keep="none")
    told = frame.select("order_id", "channel").join(
        by_channel, on=["order_id", "channel"], how="left", validate="m:1", maintain_order="left"
    )
    added = [name for name in wanted.columns if name not in ("order_id", "platform")]
    return joined.with_columns(pl.coalesce(pl.col(name), told[name]).alias(name) for name in added)


def build_cases(aftersales: pl.DataFrame, orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per after-sales case, `c` its number in this run.

    `amount_fen` is the final amount (as approved where null). `done_at` is when a success case ended: completed, else
    approved, else applied (JD states no completion). `in_escrow`: refunded before the order was confirmed on an escrow
    platform, so that no wallet moved; `escrow_diff_fen` is what the order's stated refunds differ from its cases, on the
    last of them; `is_escrow_unstated`: the export states a refund status and it is not success. Source: rulings 12.
    """
    cases = (
        aftersales.with_row_index("c")
        .with_columns(
            pl.col("c").cast(pl.Int64),
            pl.coalesce("final_fen", "approved_fen", "requested_fen").fill_null(0).alias("amount_fen"),
            pl.col("kind").is_in(REFUND_CASE_KINDS).alias("is_refund"),
            (pl.col("platform_status") == "closed").alias("is_closed"),
            pl.col("platform").replace("tmall", "taobao").alias("platform_key"),
            pl.when(pl.col("platform_status") == "success")
            .then(pl.coalesce("completed_at", "approved_at", "applied_at"))
            .alias("done_at"),
        )
        .with_columns(scope.is_fact("done_at").alias("is_done"))
    )
    lookup = orders.select(
        "platform_key",
        "order_id",
        "o",
        "pay_group",
        "is_escrow",
        "confirmed_at",
        "refunded_fen",
        "is_refund_stated",
        pl.col("buyer_paid_fen").alias("order_paid_fen"),
        pl.col("pay_id").alias("order_pay_id"),
        pl.col("shop").alias("order_shop"),
    )
    cases = cases.join(lookup, on=["platform_key", "order_id"], how="left", validate="m:1", maintain_order="left").with_columns(
        pl.coalesce("shop", "order_shop").alias("shop"),
        pl.coalesce("pay_group", "order_id").alias("pay_group"),
        (
            pl.col("is_escrow").fill_null(False)
            & pl.col("is_refund")
            & pl.col("is_done")
            & (pl.col("confirmed_at").is_null() | (pl.col("done_at") < pl.col("confirmed_at")))
        ).alias("in_escrow"),
    )
    return _compare_escrow(cases)


def _compare_escrow(cases: pl.DataFrame) -> pl.DataFrame:
    """Compare the order's stated refunds with all its success cases; the difference goes to its last in-escrow case."""
    success = pl.col("is_refund") & (pl.col("platform_status") == "success")
    # The rank counts only in-escrow cases of a known order: their done_at is never null.
    last = pl.col("c").sort_by("done_at", "c").last().over("o", "in_escrow") == pl.col("c")
    total = pl.col("amount_fen").filter(success).sum().over("o")
    takes_diff = pl.col("in_escrow") & last & pl.col("refunded_fen").is_not_null()
    unstated = pl.col("in_escrow") & pl.col("refunded_fen").is_null() & ~pl.col("is_refund_stated").fill_null(True)
    return cases.with_columns(
        pl.when(takes_diff).then(pl.col("refunded_fen") - total).otherwise(0).alias("escrow_diff_fen"),
        unstated.alias("is_escrow_unstated"),
    )
