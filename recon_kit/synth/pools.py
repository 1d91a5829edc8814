"""Whom a finding can be planted on: what ties on every leg in a period and carries no finding yet. Read from the tables alone."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from functools import wraps
from typing import ParamSpec, cast

import polars as pl

from recon_kit.config import DEFAULT_CHANNEL_ACCOUNTS
from recon_kit.periods import Period
from recon_kit.schema import REFUND_CASE_KINDS, REFUND_FLOW_KINDS
from recon_kit.synth.books import wallet_account
from recon_kit.synth.cases import midnight
from recon_kit.synth.edits import Row, is_cost
from recon_kit.synth.world import World

Pool = ParamSpec("Pool")
CARD = "card"
"""Card refunds have a longer limit; they are left to the codes that only cards have."""
SMALLEST_FEN = 3_000
CASE_FACTS = (
    "platform", "case_id", "order_id", "line_id", "shop", "kind", "qty", "basis", "applied_at", "approved_at", "completed_at",
    "final_fen", "creator", "approver",
)  # fmt: skip


def _remembered(find: Callable[Pool, pl.DataFrame]) -> Callable[Pool, pl.DataFrame]:
    """Find a pool once, whatever is touched, and leave out what is touched by now."""

    @wraps(find)
    def pool(*given: Pool.args, **how: Pool.kwargs) -> pl.DataFrame:
        world = cast(World, given[0])
        key = (find.__name__, *given[1:], *sorted(how.items()))
        if key not in world.pools:
            world.pools[key] = find(*(replace(world, touched=frozenset()), *given[1:]), **how)  # type: ignore[arg-type]
        return world.pools[key].filter(is_untouched(world))

    return pool


@_remembered
def settled_cases(world: World, period: Period, *, clawed: bool = False) -> pl.DataFrame:
    """Cases that tie on every leg: the only case of an untouched order, one refund flow of its amount and one booking.

    One row per case, with its flow (`flow_id`, `at`), its booking (`ref_kind`, `ref_id`, `booked_on`, `voucher_id`, and whether
    it `is_alone` in a voucher that reverses the sale) and `buyer_paid_fen`; all of it inside the period. Card refunds and
    combined payments are left out. `clawed`: instead those of which the platform took its part back too, `clawback_fen`.
    """
    tables = world.tables
    orders = tables["orders"].filter(is_paid_alone())
    refunds = (
        tables["flows"]
        .filter(pl.col("kind").is_in(REFUND_FLOW_KINDS) & pl.col("case_id").is_not_null())
        .sort("at", maintain_order=True)
        .group_by("case_id", maintain_order=True)
        .agg(
            pl.col("channel", "flow_id", "at").first(),
            amount_fen=pl.col("amount_fen").filter(pl.col("kind") != "subsidy_clawback").sum(),
            clawback_fen=-pl.col("amount_fen").filter(pl.col("kind") == "subsidy_clawback").sum(),
            flow_count=pl.len(),
        )
        .filter((pl.col("flow_count") == (2 if clawed else 1)) & ((pl.col("clawback_fen") > 0) == clawed))
    )
    cases = (
        tables["aftersales"]
        .filter(pl.len().over("order_id") == 1)
        .filter(
            (pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS) & period.contains("completed_at")
        )
        .select(CASE_FACTS)
        .join(orders.select("order_id", "buyer_paid_fen"), on="order_id", how="inner", validate="m:1")
        .join(refunds, on="case_id", how="inner", validate="1:1")
        .filter((pl.col("amount_fen") == -pl.col("final_fen")) & period.contains("at") & (pl.col("channel") != CARD))
    )
    booked = bookings(world)
    found = pl.concat(
        cases.join(
            booked.filter(pl.col("ref_kind") == kind).drop("shop"),
            left_on=f"{kind}_id",
            right_on="ref_id",
            how="inner",
            validate="1:1",
        ).with_columns(ref_id=pl.col(f"{kind}_id"))
        for kind in ("case", "flow", "order")
    )
    return found.filter(pl.col("gross_fen") == pl.col("final_fen") + pl.col("clawback_fen")).sort("case_id")


def bookings(world: World) -> pl.DataFrame:
    """One row per booked refund ref: gross, date and voucher (the first one where there are several)."""
    lines = world.tables["voucher_lines"].filter(pl.col("ref_id").is_not_null() & ~is_cost(world))
    revenue = world.config.account("REVENUE").code
    wallets = {wallet_account(world.config, channel)[0] for channel in DEFAULT_CHANNEL_ACCOUNTS}
    return (
        lines.with_columns(
            is_alone=(pl.col("ref_id").n_unique().over("period", "voucher_id") == 1)
            & (pl.col("account") == revenue).any().over("period", "voucher_id")
        )
        .filter(pl.col("account").is_in(wallets))
        .group_by("ref_kind", "ref_id", maintain_order=True)
        .agg(
            pl.col("credit_fen").sum().alias("gross_fen"),
            pl.col("date").first().alias("booked_on"),
            pl.col("shop", "period", "voucher_id").first(),
            (pl.col("is_alone").all() & (pl.col("voucher_id").n_unique() == 1)).alias("is_alone"),
        )
    )


@_remembered
def receipted_orders(world: World, period: Period, *, card: bool = False) -> pl.DataFrame:
    """Untouched orders without a case whose one receipt lies in the period, paid alone; by card, or not by card."""
    receipts = (
        world.tables["flows"]
        .filter((pl.col("kind") == "trade_receipt") & pl.col("order_id").is_not_null())
        .filter((pl.len().over("order_id") == 1) & period.contains("at"))
        .select("order_id", "channel", "flow_id", "at", "amount_fen")
    )
    return (
        quiet_orders(world)
        .filter(is_paid_alone_among(world))
        .join(receipts, on="order_id", how="inner", validate="1:1", suffix="_of_receipt")
        .with_columns(channel="channel_of_receipt")
        .drop("channel_of_receipt")
        .filter(
            (pl.col("amount_fen") == pl.col("buyer_paid_fen"))
            & ((pl.col("channel") == CARD) == card)
            & (pl.col("amount_fen") > SMALLEST_FEN)
        )
        .sort("order_id")
    )


@_remembered
def quiet_orders(world: World) -> pl.DataFrame:
    """Untouched ordinary orders without a case."""
    with_case = world.tables["aftersales"]["order_id"].implode()
    return (
        world.tables["orders"]
        .filter(~pl.col("order_id").is_in(with_case) & pl.col("paid_at").is_not_null())
        .filter(pl.col("kind").fill_null("normal") == "normal")
        .sort("order_id")
    )


@_remembered
def shipped_lines(world: World, first: date, end: date, *, one_line: bool = False) -> pl.DataFrame:
    """Lines of quiet orders that left in one parcel in the days `[first, end)`, one line an order.

    With the shipment's `ship_id`, `at`, `sku`, and the line's `qty`, `unit_cost_fen`. `one_line`: of orders with but one.
    """
    parcels = (
        world.tables["shipments"]
        .filter(pl.col("kind") == "sale")
        .select("order_id", "line_id", "ship_id", "at", shipped_qty="qty", n_parcels=pl.len().over("line_id"))
        .filter((pl.col("n_parcels") == 1) & (pl.col("at").dt.date() >= first) & (pl.col("at").dt.date() < end))
    )
    lines = world.tables["order_lines"].select(
        "order_id", "line_id", "sku", "qty", "unit_cost_fen", n_lines=pl.len().over("order_id")
    )
    orders = quiet_orders(world).select("platform", "shop", "channel", "order_id")
    found = (
        parcels.join(lines, on=["order_id", "line_id"], how="inner", validate="1:1")
        .filter((pl.col("shipped_qty") == pl.col("qty")) & pl.col("unit_cost_fen").is_not_null())
        .join(orders, on="order_id", how="inner", validate="m:1")
    )
    if one_line:
        found = found.filter(pl.col("n_lines") == 1)
    return found.sort("order_id", "line_id").unique("order_id", keep="first", maintain_order=True)


@_remembered
def returned_cases(world: World, period: Period) -> pl.DataFrame:
    """Settled return cases whose goods came back in one parcel, whole and good, and were posted in the period before the refund.

    With the receipt's `return_id`, `received_at`, `stock_posted_at`, `posted_cost_fen`, and `unit_cost_fen` of the line.
    """
    parcels = (
        world.tables["receipts"]
        .filter(pl.len().over("case_id") == 1)
        .filter((pl.col("grade") == "good") & period.contains("received_at") & period.contains("stock_posted_at"))
        .select("case_id", "return_id", "received_at", "stock_posted_at", "posted_cost_fen", "sku", received_qty="qty")
    )
    costs = world.tables["order_lines"].select("order_id", "line_id", "unit_cost_fen")
    return (
        settled_cases(world, period)
        .filter(pl.col("kind") == "return_refund")
        .join(parcels, on="case_id", how="inner", validate="1:1")
        .join(costs, on=["order_id", "line_id"], how="inner", validate="m:1")
        .filter((pl.col("received_qty") == pl.col("qty")) & (pl.col("received_at") < pl.col("completed_at")))
        .filter(pl.col("posted_cost_fen") == pl.col("qty") * pl.col("unit_cost_fen"))
        .sort("case_id")
    )


def is_untouched(world: World) -> pl.Expr:
    """Rows of orders without a finding."""
    return ~pl.col("order_id").is_in(list(world.touched))


def is_paid_alone() -> pl.Expr:
    """Paid, and no other order with it."""
    return pl.col("paid_at").is_not_null() & (pl.col("pay_id").is_null() | (pl.len().over("pay_id") == 1))


def is_paid_alone_among(world: World) -> pl.Expr:
    """As `is_paid_alone`, for some of the world's orders."""
    shared = world.tables["orders"].filter(pl.col("pay_id").is_not_null()).filter(pl.len().over("pay_id") > 1)["pay_id"].unique()
    return pl.col("paid_at").is_not_null() & (pl.col("pay_id").is_null() | ~pl.col("pay_id").is_in(shared.implode()))


def can_say(world: World, kind: str) -> pl.Expr:
    """Rows of channels whose bill has words for a flow of this kind."""
    channels = world.speaks.get(kind)
    return pl.lit(value=True) if channels is None else pl.col("channel").is_in(list(channels))


def on_day(column: str, day: date) -> pl.Expr:
    """Whether the instant lies on the day: for what stands exactly at a limit."""
    return pl.col(column).dt.date() == day


def by_day(column: str, day: date) -> pl.Expr:
    """Whether the instant lies on the day or before it."""
    return pl.col(column).dt.date() <= day


def recognised_since(world: World, first: date) -> pl.Expr:
    """Cases whose refund the books recognised from this day on: CAS accrues at the approval, SBE books the money."""
    return pl.lit(value=True) if world.config.standard == "SBE" else pl.col("approved_at") >= midnight(first)


def aged(period: Period, days: int) -> date:
    """The day that is so many days old at the end of the period."""
    return period.last_day - timedelta(days=days)


def take(frame: pl.DataFrame, rng: random.Random, n: int, by: str = "platform") -> list[Row]:
    """Up to n rows by chance, going round the platforms so that each gets its share."""
    groups = [group for _, group in sorted(frame.partition_by(by, as_dict=True).items(), key=lambda item: str(item[0]))]
    drawn = [group[rng.sample(range(group.height), min(n, group.height))].rows(named=True) for group in groups]
    rng.shuffle(drawn)
    rounds = max((len(rows) for rows in drawn), default=0)
    return [rows[i] for i in range(rounds) for rows in drawn if i < len(rows)][:n]
