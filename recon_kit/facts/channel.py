"""The channel's side: flows with the order and case they belong to, what each is, and M3."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.platform import MONEY_AT, attach_order, channels_of_platforms
from recon_kit.facts.scope import Scope
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS
from recon_kit.schema import CASE_FLOW_KINDS, REFUND_FLOW_KINDS

SOURCE = pl.concat_str("source_file", pl.lit(":"), "source_row")
LANES = ("small_transfer", "price_protection")
"""Flow kinds that pay only a case of their own kind; a refund flow may pay any refund case. Source: rulings 18."""


def build_flows(flows: pl.DataFrame, orders: pl.DataFrame, cases: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per refund-type or unknown flow, `f` its number: what can pay a case, stand on none, or fit no rule.

    `out_fen` is positive when money leaves. `money_at` is when it counts as money (null: processing or failed). The order
    `o` is the one the row states, else that of its case, else the only order with its payment number; the shop follows. A card
    bill's refund names what it pays back by the channel's number of that receipt.
    """
    found = (
        flows.filter(pl.col("kind").is_in([*REFUND_FLOW_KINDS, "unknown"]))
        .with_row_index("f")
        .with_columns(pl.col("f").cast(pl.Int64), (-pl.col("amount_fen")).alias("out_fen"), MONEY_AT.alias("money_at"))
        .with_columns(scope.is_fact("money_at").alias("is_fact"))
        .pipe(_add_payment_by_trade, flows)
        .pipe(attach_order, orders, {"o": "o"})
    )
    stated = pl.DataFrame({"request_c": _find_case(found, cases, "request_no"), "case_c": _find_case(found, cases, "case_id")})
    found = found.hstack(stated)
    named = found.select(pl.coalesce("case_c", "request_c")).to_series()
    found = (
        found.with_columns(pl.col("order_id").fill_null(cases["order_id"].gather(named)))
        .pipe(add_order_by_payment, orders)
        .pipe(attach_order, orders, {"o": "o", "order_group": "pay_group", "platform_key": "platform_key", "order_shop": "shop"})
        .with_columns(
            pl.coalesce("shop", "order_shop").alias("shop"),
            pl.coalesce("order_group", "order_id").alias("order_group"),
            pl.col("kind").is_in(REFUND_FLOW_KINDS).alias("is_refund_type"),
            SOURCE.alias("source"),
        )
    )
    groups = [cases["pay_group"].gather(found[column]).alias(column) for column in ("request_c", "case_c")]
    group = pl.DataFrame(groups).select(pl.coalesce(*groups, found["order_group"], found["pay_id"], found["flow_id"])).to_series()
    # A flow that contradicts itself is where its case is: no key of it may lead into another group.
    kept = [pl.Series(one.name, found[one.name]).set((one != group).fill_null(value=False), None) for one in groups]
    return found.with_columns(group.alias("pay_group"), *kept).drop("order_shop")


def _find_case(flows: pl.DataFrame, cases: pl.DataFrame, column: str) -> pl.Series:
    """The case `c` that a column of a flow names; ids that platforms share are told by the order, then by the channel."""
    named = flows.select(pl.col(column).alias("case_id"), "o", "channel")
    single = cases.filter(~pl.col("case_id").is_duplicated()).select("case_id", "c")
    found = named.join(single, on="case_id", how="left", validate="m:1", maintain_order="left")["c"]
    shared = cases.filter(pl.col("case_id").is_duplicated()).select("case_id", "o", "platform", "c")
    if shared.is_empty():
        return found
    by_order = shared.drop_nulls("o").select("case_id", "o", "c").unique(["case_id", "o"], keep="none")
    by_channel = shared.join(channels_of_platforms(), on="platform").select("case_id", "channel", "c")
    by_channel = by_channel.unique(["case_id", "channel"], keep="none")
    for key, lookup in ((["case_id", "o"], by_order), (["case_id", "channel"], by_channel)):
        told = named.join(lookup, on=key, how="left", validate="m:1", maintain_order="left")["c"]
        found = found.zip_with(found.is_not_null(), told)
    return found


def add_order_by_payment(frame: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Fill a missing `order_id` from the only order with the row's `pay_id`."""
    asked = frame.filter(pl.col("order_id").is_null()).select("pay_id").drop_nulls().unique()
    if asked.is_empty():
        return frame
    by_pay = (
        orders.select("pay_id", pl.col("order_id").alias("pay_order"))
        .join(asked, on="pay_id", how="semi")
        .unique("pay_id", keep="none")
    )
    return (
        frame.join(by_pay, on="pay_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.coalesce("order_id", "pay_order").alias("order_id"))
        .drop("pay_order")
    )


def _add_payment_by_trade(found: pl.DataFrame, flows: pl.DataFrame) -> pl.DataFrame:
    """Give a refund that states neither order nor payment number those of the only receipt with its `trade_no`."""
    asks = pl.col("order_id").is_null() & pl.col("pay_id").is_null() & pl.col("trade_no").is_not_null()
    asked = found.filter(asks).select("channel", "trade_no").unique()
    if asked.is_empty():
        return found
    paid = (
        flows.filter(pl.col("kind") == "trade_receipt")
        .select("channel", "trade_no", pl.col("pay_id").alias("paid_by"), pl.col("order_id").alias("paid_for"))
        .join(asked, on=["channel", "trade_no"], how="semi")
        .unique(["channel", "trade_no"], keep="none")
    )
    return (
        found.join(paid, on=["channel", "trade_no"], how="left", validate="m:1", maintain_order="left")
        .with_columns(
            pl.when(asks).then("paid_by").otherwise("pay_id").alias("pay_id"),
            pl.when(asks).then("paid_for").otherwise("order_id").alias("order_id"),
        )
        .drop("paid_by", "paid_for")
    )


def match_refunds(cases: pl.DataFrame, flows: pl.DataFrame, scope: Scope, *, partitions: int = 1) -> Matched:
    """M3: refund cases that can take money against refund flows. Rows are `c` and `f`.

    Closed cases, in-escrow cases, small transfers nobody approved and chargebacks take no part: a flow on one of those stands on
    no case.
    """
    # Rulings 18: a small transfer is its case only where that one was approved.
    is_asked = (pl.col("kind") == "small_transfer") & ~scope.is_fact("approved_at") & ~pl.col("is_done")
    left = cases.filter(pl.col("is_refund") & ~pl.col("is_closed") & ~pl.col("in_escrow") & ~is_asked)
    right = flows.filter(pl.col("kind").is_in(["refund", *LANES]))
    # By its order, a case of a lane is reached by refund flows too, unless the order has a flow of that lane.
    lanes = right.filter(pl.col("kind").is_in(LANES)).select("order_id", "kind").drop_nulls().unique()
    own = left.join(lanes, on=["order_id", "kind"], how="semi").select("c", pl.col("kind").alias("lane"))
    left = left.join(own, on="c", how="left", validate="1:1", maintain_order="left")
    # By a stated case, a flow of a lane pays only a case of its kind.
    right = right.with_columns(pl.when(pl.col("kind").is_in(LANES)).then("kind").alias("lane"))
    kinds = cases["kind"]

    def may_take(column: str) -> pl.Expr:
        return pl.when(pl.col("lane").is_null() | (pl.col("lane") == kinds.gather(right[column]))).then(column)

    # What names a case that takes no part is on that one, and pays no other case of its order.
    named = pl.coalesce("case_c", "request_c")
    is_free = named.is_null() | named.is_in(left["c"].implode())
    return match(
        PAIRS["M3"],
        left.select(
            pl.col("c").alias("row"),
            "amount_fen",
            pl.coalesce("done_at", "approved_at", "applied_at").dt.date().alias("day"),
            refund_window(scope.config.sla_days.refund, scope.config.sla_days.refund_card).alias("window_days"),
            "c",
            _order_key().alias("order"),
            _lane_key("order_pay_id").alias("trade_no"),
            pl.col("pay_group").hash().alias("partition"),
        ),
        right.select(
            pl.col("f").alias("row"),
            pl.when(pl.col("money_at").is_not_null()).then("out_fen").alias("amount_fen"),
            pl.coalesce("money_at", "at").dt.date().alias("day"),
            may_take("case_c").alias("c"),
            may_take("request_c").alias("request_c"),
            pl.when(is_free & (pl.col("order_group") == pl.col("pay_group"))).then(_order_key()).alias("order"),
            pl.when(is_free & pl.col("order_id").is_null() & (pl.col("pay_id") == pl.col("pay_group")))
            .then(_lane_key("pay_id"))
            .alias("trade_no"),
            pl.col("pay_group").hash().alias("partition"),
        ),
        partitions=partitions,
    )


def refund_window(days: int, card_days: int) -> pl.Expr:
    """Days between a case's end and its refund within which amounts are compared first; cards are paid back more slowly."""
    card = pl.col("platform").is_in(["wechat_mini", "other"])
    return pl.when(card).then(pl.lit(card_days)).otherwise(pl.lit(days)).cast(pl.Int64)


def _lane_key(column: str) -> pl.Expr:
    return pl.when(pl.col("lane").is_null()).then(pl.col(column)).otherwise(pl.concat_str(column, pl.lit("@"), "lane"))


def _order_key() -> pl.Expr:
    """The order in this run where it is loaded, else its id as text."""
    order = pl.coalesce(pl.concat_str(pl.lit("#"), pl.col("o")), "order_id")
    return pl.when(pl.col("lane").is_null()).then(order).otherwise(pl.concat_str(order, pl.lit("@"), "lane"))


def allocate_refunds(matched: Matched, flows: pl.DataFrame) -> pl.DataFrame:
    """One row per (case `c`, flow `f`): the part of the flow that pays the case, `part_fen`; the parts sum to the flow.

    One flow that pays several cases gives each its own amount (the pass matched because they sum to it).
    """
    lefts = matched.left.drop_nulls("group").select("group", pl.col("row").alias("c"), pl.col("amount_fen").alias("case_fen"))
    rights = matched.right.drop_nulls("group").select("group", pl.col("row").alias("f"))
    several = pl.len().over("f") > 1
    return (
        lefts.join(rights, on="group", validate="m:m")
        .join(flows.select("f", "out_fen"), on="f", validate="m:1")
        .with_columns(pl.when(several).then("case_fen").otherwise("out_fen").alias("part_fen"))
        .select("c", "f", "part_fen")
        .sort("c", "f")
    )


def name_flows(flows: pl.DataFrame, paid_by: pl.DataFrame, clawbacks: pl.DataFrame) -> pl.DataFrame:
    """Add `flow_code`: what a refund-type flow that stands on no case is, and C11 for one that left by another channel.

    Null for a flow that its case explains, and for what is no refund. `with_clawback_fen`: what left with the clawbacks that came
    with it. `paid_by`: see `paid_channels`; `clawbacks`: those that belong to a case or came with a refund on none.
    Source: precedence C11 C12 C13 over C03; rulings 18, 20.
    """
    other_channel = (~pl.col("channel").is_in(pl.col("paid_channels"))).fill_null(False)
    alone = (
        pl.when(pl.col("kind") == "chargeback")
        .then(pl.lit("C13"))
        .when(pl.col("decided_by") == "platform")
        .then(pl.lit("C12"))
        .when(pl.col("kind") == "small_transfer")
        .then(pl.lit("C11"))
        .when(pl.col("kind") == "price_protection")
        .then(pl.lit("C14"))
        .when(other_channel)
        .then(pl.lit("C11"))
        .otherwise(pl.lit("C03"))
    )
    on_case = pl.when((pl.col("kind") == "refund") & other_channel).then(pl.lit("C11"))
    names_money = pl.col("kind").is_in(CASE_FLOW_KINDS) & (pl.col("out_fen") != 0)
    taken = (pl.col("kind") == "subsidy_clawback") & (pl.col("decided_by") == "platform")
    is_taken_alone = taken & ~pl.col("f").is_in(clawbacks["f"].implode())
    code = (
        pl.when(names_money)
        .then(pl.when(pl.col("c").is_null()).then(alone).otherwise(on_case))
        .when(is_taken_alone)
        .then(pl.lit("C12"))
    )
    came_with = clawbacks.drop_nulls("lead").group_by("lead").agg(pl.col("part_fen").sum().alias("came_fen"))
    return (
        flows.join(paid_by, on="o", how="left", validate="m:1", maintain_order="left")
        .join(came_with, left_on="f", right_on="lead", how="left", validate="1:1", maintain_order="left")
        .with_columns(code.alias("flow_code"), (pl.col("out_fen") + pl.col("came_fen").fill_null(0)).alias("with_clawback_fen"))
        .drop("paid_channels", "came_fen")
    )
