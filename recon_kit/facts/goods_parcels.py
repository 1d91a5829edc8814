"""What no case accounts for: receipts and shipments without one, lines shipped more than once, sales shipped after a refund."""

from __future__ import annotations

from datetime import datetime, timedelta

import polars as pl

from recon_kit.facts.goods_pairs import Goods
from recon_kit.facts.scope import Scope
from recon_kit.facts.tied import Tied

SOURCES = pl.col("source").sort().head(20)


def begins(instants: pl.Series, scope: Scope) -> datetime | None:
    """From when a template's rows speak: the month of the first, at the latest the period. None: it has no row, so always."""
    first = instants.min()
    if not isinstance(first, datetime):
        return None
    return min(first.replace(day=1, hour=0, minute=0, second=0, microsecond=0), scope.start)


def whole_sum(cost: pl.Expr) -> pl.Expr:
    """Σ, null where one of the costs is unknown."""
    return pl.when(cost.null_count() == 0).then(cost.sum())


def shipped_out(shipments: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Shipments that left as of the as-of day and were not intercepted."""
    return shipments.filter(scope.is_fact("at") & ~pl.col("is_intercepted").fill_null(False))


def lone_receipts(tied: Tied, goods: Goods) -> pl.DataFrame:
    """One row per `return_id` with pieces received that no case takes: `qty`, `cost_fen`, age, and whether several cases could.

    A receipt that names a case nobody loaded is left out where that case may be older than the loaded ones.
    """
    lone = goods.receipts.filter(tied.scope.is_fact("received_at") & pl.col("c").is_null() & ~_may_be_older(tied, "received_at"))
    return (
        lone.sort("return_id", "row")
        .group_by("return_id", maintain_order=True)
        .agg(
            pl.col("qty").sum(),
            whole_sum(pl.coalesce("posted_cost_fen", pl.col("qty") * pl.col("unit_cost_fen"))).alias("cost_fen"),
            *(pl.col(name).drop_nulls().first() for name in ("order_id", "case_id", "waybill")),
            pl.col("received_at").min(),
            (pl.col("unmatched") == "ambiguous").any().alias("is_ambiguous"),
            SOURCES.alias("receipt_source"),
        )
        .pipe(_add_order, tied)
        .with_columns(
            tied.scope.age("received_at").alias("age_days"),
            pl.lit(tied.scope.config.sla_days.unlinked_return).alias("sla_days"),
        )
    )


def _may_be_older(tied: Tied, instant: str) -> pl.Expr:
    """The row names a case, and so soon after the loaded cases begin that it may be one of before."""
    start = begins(tied.cases["applied_at"], tied.scope)
    if start is None:
        return pl.lit(value=False)
    return pl.col("case_id").is_not_null() & (pl.col(instant) < start + timedelta(days=tied.scope.config.sla_days.return_))


def _add_order(frame: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Add platform and shop of the row's order; null where it is not loaded, or two platforms have that number."""
    orders = tied.orders.filter(~pl.col("is_shared_id")).select("order_id", "platform", "platform_key", "shop")
    return frame.join(orders, on="order_id", how="left", validate="m:1", maintain_order="left")


def lone_shipments(tied: Tied, goods: Goods) -> pl.DataFrame:
    """One row per `ship_id` with resent, exchanged or given pieces that no approved case covers.

    A gift that is a line of the order it went with, at no price, was sold with it and needs no case.
    """
    scope = tied.scope
    approved = tied.cases.filter(scope.is_fact("approved_at") | pl.col("is_done")).select("c", is_approved=pl.lit(value=True))
    sold_with = (
        goods.lines.filter(pl.col("buyer_paid_fen") == 0)
        .join(tied.orders.filter(pl.col("kind") == "gift").select("order_id"), on="order_id", how="anti")
        .select("order_id", "line_id", is_sold_with=pl.lit(value=True))
    )
    sent = (
        shipped_out(goods.sent, scope)
        .filter(pl.col("kind").is_in(["resend", "exchange", "gift"]))
        .join(approved, on="c", how="left", validate="m:1", maintain_order="left")
        .join(sold_with, on=["order_id", "line_id"], how="left", validate="m:1", maintain_order="left")
    )
    lone = sent.filter(
        pl.col("is_approved").is_null()
        & ~((pl.col("kind") == "gift") & pl.col("is_sold_with").fill_null(False))
        & ~(pl.col("c").is_null() & _may_be_older(tied, "at"))
    )
    return _by_parcel(lone).pipe(_add_order, tied)


def _by_parcel(shipments: pl.DataFrame) -> pl.DataFrame:
    """One row per `ship_id`: pieces, their cost, kind, order, when it left."""
    return (
        shipments.sort("ship_id", "row")
        .group_by("ship_id", maintain_order=True)
        .agg(
            pl.col("qty").sum(),
            whole_sum(pl.col("qty") * pl.col("unit_cost_fen")).alias("cost_fen"),
            *(pl.col(name).drop_nulls().first() for name in ("kind", "order_id", "case_id")),
            pl.col("at").min(),
            SOURCES.alias("shipment_source"),
        )
    )


def overshipped_lines(tied: Tied, goods: Goods) -> pl.DataFrame:
    """One row per order line of which more pieces left than were sold, parcels that were intercepted apart.

    How many pieces make a kit nobody states: of one, as many left as there are parcels with its rarest part.
    """
    left = shipped_out(goods.sold, tied.scope).drop_nulls("l")
    kits = goods.lines.filter(pl.col("parts").is_not_null()).select("l", "parts")
    of_kits = left.join(kits, on="l", validate="m:1").group_by("l", "sku").agg(pl.col("ship_id").n_unique().alias("n"))
    rarest = of_kits.group_by("l").agg(pl.col("n").min().cast(pl.Int64).alias("shipped_qty"))
    pieces = left.join(kits, on="l", how="anti").group_by("l").agg(pl.col("qty").sum().alias("shipped_qty"))
    totals = pl.concat([pieces, rarest])
    odd = totals.join(goods.lines.select("l", "qty"), on="l", validate="1:1").filter(pl.col("shipped_qty") > pl.col("qty"))
    shipped = (
        left.join(odd.select("l", "shipped_qty"), on="l", validate="m:1")
        .group_by("l")
        .agg(
            pl.col("shipped_qty").first(),
            pl.col("at").max(),
            pl.col("ship_id").unique().sort().alias("ship_ids"),
            SOURCES.alias("shipment_source"),
        )
    )
    lines = goods.lines.select("l", "order_id", "line_id", "qty", "unit_cost_fen", pl.col("source").alias("line_source"))
    return (
        shipped.join(lines, on="l", validate="1:1")
        .sort("l")
        .pipe(_add_order, tied)
        .with_columns((pl.col("shipped_qty") - pl.col("qty")).alias("extra_qty"))
    )


def shipped_after_refund(tied: Tied, goods: Goods, refunds: pl.DataFrame) -> pl.DataFrame:
    """One row per `ship_id` with sold pieces that left after refunds had taken all that was paid for their line."""
    back = (
        refunds.join(tied.cases.select("c", "amount_fen", "order_id", "case_id", "case_source"), on="c", validate="1:1")
        .join(goods.cases.select("c", "l"), on="c", validate="1:1")
        .sort("refunded_at", "c")
    )
    paid = goods.lines.select("l", "order_id", pl.col("buyer_paid_fen").alias("paid_fen"))
    by_line = back.drop_nulls("l").join(paid.drop("order_id"), on="l", validate="m:1", maintain_order="left")
    # A case about a whole order of several lines refunds none of them alone: there the order's refunds meet its total.
    orders = back.filter(pl.col("l").is_null()).select("order_id").unique()
    totals = paid.group_by("order_id").agg(pl.col("paid_fen").sum())
    by_order = (
        back.join(orders, on="order_id", how="semi", maintain_order="left")
        .drop("l")
        .join(totals, on="order_id", validate="m:1", maintain_order="left")
    )
    ends = pl.concat(
        [
            _taken_whole(by_line, "l", tied.scope),
            _taken_whole(by_order, "order_id", tied.scope)
            .join(paid.select("order_id", "l"), on="order_id", validate="1:m")
            .drop("order_id"),
        ],
        how="diagonal",
    )
    first = ends.sort("refunded_at", "refund_case").unique("l", keep="first", maintain_order=True)
    late = shipped_out(goods.sold, tied.scope).join(first, on="l", validate="m:1").filter(pl.col("at") > pl.col("refunded_at"))
    about = late.sort("refunded_at", "row").unique("ship_id", keep="first", maintain_order=True)
    return (
        _by_parcel(late)
        .join(about.select("ship_id", "refunded_at", "refund_case", "case_source"), on="ship_id", validate="1:1")
        .pipe(_add_order, tied)
    )


def _taken_whole(refunds: pl.DataFrame, by: str, scope: Scope) -> pl.DataFrame:
    """Per line or order the refund with which all that was paid for it had gone back; `refunds` in their order of time."""
    taken = pl.col("amount_fen").cum_sum().over(by) >= pl.col("paid_fen") - scope.config.tolerance.row
    return (
        refunds.filter(taken & (pl.col("paid_fen") > 0))
        .unique(by, keep="first", maintain_order=True)
        .select(by, "refunded_at", pl.col("case_id").alias("refund_case"), "case_source")
    )
