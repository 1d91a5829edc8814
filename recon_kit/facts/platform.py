"""The platform's side as of a day: orders and after-sales cases, each with what it should have moved."""

from __future__ import annotations

import polars as pl

from recon_kit.config import CHANNELS_OF_PLATFORM
from recon_kit.facts.scope import Scope
from recon_kit.schema import REFUND_CASE_KINDS

FINAL = pl.coalesce("final_fen", "approved_fen", "requested_fen").fill_null(0)
"""What a case ends at: its final amount, as approved where none is stated. Source: schema, aftersales."""
DONE_AT = pl.when(pl.col("platform_status") == "success").then(pl.coalesce("completed_at", "approved_at", "applied_at"))
"""When a success case ended; JD states no completion. Source: rulings 7."""
MONEY_AT = pl.when(pl.col("status") == "success").then(pl.coalesce("success_at", "at"))
"""When a flow counts as money: only with status success; at `at` where its layout has no success time. Source: schema, flows."""


def build_orders(orders: pl.DataFrame, flows: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per order, `o` its number in this run.

    Adds the usual `channel`, `is_escrow` (money arrives at confirmation), `confirmed_at` (null: not confirmed as of the
    as-of day; in escrow also the first receipt of an order that is completed or settled in part without stating when, as
    `is_by_receipt` says) and `pay_group`, the key that no payment, refund or voucher of the order leaves.
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
            pl.col("order_id").hash().alias("id_hash"),
            pl.col("buyer_paid_fen").fill_null(0),
        )
        .pipe(_mark_shared_ids)
        .pipe(_confirm_by_receipt, flows, scope)
    )


def add_dispatch(orders: pl.DataFrame, shipments: pl.DataFrame) -> pl.DataFrame:
    """Where no order of a platform states when it was shipped (JD's export cannot), its first sale shipment says it."""
    silent = pl.col("shipped_at").is_null().all().over("platform_key") & ~pl.col("is_shared_id")
    left = shipments.filter((pl.col("kind") == "sale") & ~pl.col("is_intercepted").fill_null(False))
    first = left.group_by("order_id").agg(pl.col("at").min().alias("left_at"))
    return (
        orders.join(first, on="order_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.when(silent).then(pl.coalesce("shipped_at", "left_at")).otherwise("shipped_at").alias("shipped_at"))
        .drop("left_at")
    )


def _confirm_by_receipt(orders: pl.DataFrame, flows: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """An export may state no completion of a completed order, or only that of a whole order of which one line is settled."""
    receipts = flows.filter(pl.col("kind") == "trade_receipt").with_columns(MONEY_AT.alias("money_at"))
    waiting = orders.filter(pl.col("is_escrow") & pl.col("completed_at").is_null() & ~pl.col("is_shared_id"))
    first = (
        receipts.filter(scope.is_fact("money_at"))
        .join(waiting.select("order_id"), on="order_id", how="semi")
        .group_by("order_id")
        .agg(pl.col("money_at").min().alias("arrived_at"), pl.col("amount_fen").sum().alias("arrived_fen"))
        .join(waiting.select("order_id", "o", "status", "buyer_paid_fen"), on="order_id", validate="1:1")
        .filter((pl.col("status") == "completed") | (pl.col("arrived_fen") < pl.col("buyer_paid_fen")))
    )
    joined = orders.join(first.select("o", "arrived_at"), on="o", how="left", validate="1:1", maintain_order="left")
    return joined.with_columns(
        pl.coalesce("confirmed_at", "arrived_at").alias("confirmed_at"), pl.col("arrived_at").is_not_null().alias("is_by_receipt")
    ).drop("arrived_at")


def _mark_shared_ids(orders: pl.DataFrame) -> pl.DataFrame:
    """Add `is_shared_id`: another platform has an order of the same id."""
    alone = orders["id_hash"].n_unique() == orders.height
    return orders.with_columns((pl.lit(value=False) if alone else pl.col("order_id").is_duplicated()).alias("is_shared_id"))


def attach_order(frame: pl.DataFrame, orders: pl.DataFrame, columns: dict[str, str]) -> pl.DataFrame:
    """Add columns of the row's order (new name → column of `orders`); two platforms' equal ids are told by `channel`.

    Order and number of rows never change; where the order is unknown, or shared and the channel does not tell, the columns
    are null. The join runs on a hash of the id and compares the ids afterwards, twice as fast as on text.
    """
    single = orders.filter(~pl.col("is_shared_id")) if orders["is_shared_id"].any() else orders
    ids = frame.select("order_id", pl.col("order_id").hash().alias("id_hash"))
    if frame.height < single.height // 4:
        single = single.join(ids, on="id_hash", how="semi")
    found = ids.join(
        single.select("id_hash", pl.col("o").alias("at"), pl.col("order_id").alias("id_found")),
        on="id_hash",
        how="left",
        maintain_order="left",
    )
    if found.height != frame.height or (found["order_id"] != found["id_found"]).any():  # two ids with one hash
        single = single.select("order_id", pl.col("o").alias("at"))
        found = ids.join(single, on="order_id", how="left", validate="m:1", maintain_order="left")
    at = found["at"]
    shared = orders.filter("is_shared_id") if single.height < orders.height else orders.clear()
    if not shared.is_empty():
        by_channel = (
            shared.select("platform", "order_id", "o")
            .join(channels_of_platforms(), on="platform")
            .select("order_id", "channel", "o")
            .unique(["order_id", "channel"], keep="none")
        )
        told = frame.select("order_id", "channel").join(
            by_channel, on=["order_id", "channel"], how="left", validate="m:1", maintain_order="left"
        )
        at = at.fill_null(told["o"])
    return frame.with_columns(orders[column].gather(at).alias(name) for name, column in columns.items())


def channels_of_platforms() -> pl.DataFrame:
    """One row per platform and channel its money can arrive by."""
    pairs = [(platform, channel) for platform, channels in CHANNELS_OF_PLATFORM.items() for channel in channels]
    return pl.DataFrame(pairs, schema={"platform": pl.String, "channel": pl.String}, orient="row")


def build_cases(aftersales: pl.DataFrame, orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per after-sales case, `c` its number in this run.

    `amount_fen` is the final amount (as approved where null). `done_at` is when a success case ended: completed, else
    approved, else applied (JD states no completion). `in_escrow`: refunded before the order was confirmed on an escrow
    platform, so that no wallet moved; `escrow_diff_fen` is what the order's stated refunds differ from its cases, on the
    last of them; `is_escrow_unstated`: the export states a refund status and it is not success. `ends_in_escrow`: it ended so
    after as-of, as the look-ahead tells: what a wallet paid on it then is another refund. Source: rulings 12.
    """
    cases = (
        aftersales.with_row_index("c")
        .with_columns(
            pl.col("c").cast(pl.Int64),
            FINAL.alias("amount_fen"),
            pl.col("kind").is_in(REFUND_CASE_KINDS).alias("is_refund"),
            (pl.col("platform_status") == "closed").alias("is_closed"),
            pl.col("platform").replace("tmall", "taobao").alias("platform_key"),
            DONE_AT.alias("done_at"),
        )
        .with_columns(scope.is_fact("done_at").alias("is_done"))
    )
    confirmed_never = pl.col("order_completed_at").is_null() & pl.col("is_order_closed")
    asked = cases.select(pl.col("order_id").hash().alias("id_hash"))
    lookup = orders.join(asked, on="id_hash", how="semi").select(
        "platform_key",
        "order_id",
        "o",
        "pay_group",
        "is_escrow",
        "confirmed_at",
        "refunded_fen",
        "is_refund_stated",
        pl.col("completed_at").alias("order_completed_at"),
        (pl.col("status") == "closed").alias("is_order_closed"),
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
        (
            pl.col("is_escrow").fill_null(False)
            & pl.col("is_refund")
            & ~pl.col("is_done")
            & ((pl.col("done_at") < pl.col("order_completed_at")) | (confirmed_never & pl.col("done_at").is_not_null()))
        )
        .fill_null(False)
        .alias("ends_in_escrow"),
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
