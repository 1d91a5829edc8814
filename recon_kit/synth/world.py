"""A seller's two months as canonical tables in which everything ties: the clean world before anything is planted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta

import polars as pl

from recon_kit.config import Config, Entity, Standard
from recon_kit.errors import ConfigError
from recon_kit.periods import LOOK_AHEAD_DAYS, Period
from recon_kit.schema import CHANNEL
from recon_kit.synth import books, seller
from recon_kit.synth.cases import build_cases, midnight, settle_orders
from recon_kit.synth.discounts import build_discounts, build_promotions
from recon_kit.synth.flows import bank_rows, build_flows, roll_balances
from recon_kit.synth.goods import build_complaints, build_events, build_receipts, build_shipments
from recon_kit.synth.history import build_history
from recon_kit.synth.orders import build_lines, build_orders, build_products, price_orders

LEAD_IN_DAYS = 10
"""Days of orders before the first bill: escrow orders of those days are confirmed inside it."""

MONTHLY_ORDERS = 100_000
"""Up to here a bill covers a month; a larger seller downloads a bill a day."""


@dataclass(frozen=True)
class World:
    """Canonical frames by table name, the month they are reconciled in, and what only the files will show.

    Whatever has these tables can be planted in: what ties is read from them, and a user's own month does. Beyond the schema
    `flows.case_id` names the case a refund pays and `orders.channel` the wallet of its money. `period` is the month to
    reconcile; bills run from the first day of the month before to `end` (exclusive). `nameless`: channels whose bill has no
    row ids. `speaks`: what only some channels' bills have words for (flow kinds and more, `seller.SPEAKS`). `touched`: orders,
    and wallets by their key, that carry a finding. `pools`: whom a finding can be planted on, found once and shared by all
    that is planted from here, since only touched orders change on the way. `repeats`: (platform, case_id) written twice
    (K05). `footers`: file name → fen by which its stated outgoing total is wrong (K06).
    `unstated`: columns (`facts.STATED`) that no row of the user's fills.
    """

    tables: dict[str, pl.DataFrame]
    period: Period
    config: Config = field(default_factory=Config)
    split: str = "month"
    nameless: frozenset[str] = frozenset()
    speaks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    touched: frozenset[str] = frozenset()
    pools: dict[tuple[object, ...], pl.DataFrame] = field(default_factory=dict, compare=False)
    repeats: tuple[tuple[str, str], ...] = ()
    footers: tuple[tuple[str, int], ...] = ()
    unstated: frozenset[str] = frozenset()

    @property
    def start(self) -> date:
        """The first day of the bills."""
        return self.period.previous().start

    @property
    def end(self) -> date:
        """The day after the look-ahead: what happened later is not known yet."""
        return self.period.end + timedelta(days=LOOK_AHEAD_DAYS)

    def with_tables(self, **tables: pl.DataFrame) -> World:
        """The same world with some tables replaced."""
        return replace(self, tables={**self.tables, **tables})


def build_world(orders: int, period: Period, seed: int, standard: Standard = "SBE") -> World:
    """The clean world of `orders` orders: two months, the days before and the look-ahead; nothing in it is wrong."""
    if period.days < 28:
        raise ConfigError(f"--period {period.text!r}: found {period.days} days, expected a month; write one such as 2026-10")
    config = Config(entity=Entity(name=seller.ENTITY, standard=standard))
    split = "month" if orders <= MONTHLY_ORDERS else "day"
    world = World({}, period, config, split, nameless=seller.NAMELESS, speaks=seller.SPEAKS)
    export_at = midnight(world.end)
    products = build_products(seed)
    bought = build_orders(orders, world.start - timedelta(days=LEAD_IN_DAYS), world.end, seed)
    bought, lines = price_orders(bought, build_lines(bought, products, seed), seed)
    cases = build_cases(bought, lines, world.start, period.start - timedelta(days=3), export_at, seed)
    placed = settle_orders(bought, cases, export_at)
    flows = build_flows(placed, cases, world.start, world.end, seed)
    receipts = build_receipts(cases, export_at, seed)
    posted = receipts.filter(pl.col("stock_posted_at") >= midnight(world.start))
    booked = [
        books.book_refunds(flows, cases, seed, config),
        books.book_returned_cost(posted, placed, cases, config),
    ]
    first_day = world.start - timedelta(days=LEAD_IN_DAYS)
    return world.with_tables(
        orders=_orders(placed),
        order_lines=lines.drop("n", "line"),
        aftersales=cases.select(c for c in CASE_COLUMNS if c in cases.columns),
        flows=flows,
        voucher_lines=books.number_vouchers(pl.concat(booked, how="diagonal"), world.end),
        aftersale_events=build_events(cases, seed),
        order_discounts=build_discounts(placed),
        promotions=build_promotions(first_day, world.end),
        shipments=build_shipments(placed, lines, cases, export_at, seed),
        receipts=receipts,
        fees=_fees(flows),
        wallets=_wallets(flows, world),
        bank_rows=bank_rows(flows, export_at),
        complaints=build_complaints(cases, export_at, seed),
        products=products.drop("price_fen"),
        kpi_history=build_history(period, orders, seed),
    )


def close_books(world: World) -> World:
    """Balances and month-end vouchers, from the flows as they now are: the last step before writing."""
    flows = roll_balances(world.tables["flows"])
    vouchers = world.tables["voucher_lines"]
    for month in (world.period.previous(), world.period):
        vouchers = pl.concat([vouchers, books.close_month(flows, vouchers, month, world.config)])
    return world.with_tables(
        flows=flows,
        voucher_lines=vouchers.sort("period", "voucher_id", "line_no", maintain_order=True),
    )


def carry_wallets(before: World, after: World) -> World:
    """Balances of the wallets after flows were added, dropped, moved or changed: what more or less moved is carried on."""
    if before.tables["flows"] is after.tables["flows"] or "wallets" not in after.tables:
        return after
    money, at = pl.col("status") == "success", pl.coalesce("success_at", "at").alias("success_at")
    kept = ["channel", "account", at, "amount_fen"]
    moved = pl.concat(
        [
            before.tables["flows"].filter(money).select(kept).with_columns(-pl.col("amount_fen")),
            after.tables["flows"].filter(money).select(kept),
        ]
    )
    month = pl.col("success_at").dt.strftime("%Y-%m")
    more = moved.group_by("channel", "account", month=month).agg(pl.col("amount_fen").sum()).filter(pl.col("amount_fen") != 0)
    wallets = after.tables["wallets"].with_row_index("w")
    alone = pl.len().over("channel", "period") == 1
    own = wallets.with_columns(is_alone=alone).join(more, on="channel", how="left", validate="m:m", suffix="_moved")
    is_own = pl.col("is_alone") | pl.col("account").eq_missing(pl.col("account_moved"))
    shifts = own.group_by("w").agg(
        opened=pl.col("amount_fen").filter(is_own & (pl.col("month") < pl.col("period"))).sum(),
        closed=pl.col("amount_fen").filter(is_own & (pl.col("month") <= pl.col("period"))).sum(),
    )
    carried = wallets.join(shifts, on="w", how="left", validate="1:1", maintain_order="left").with_columns(
        opening_fen=pl.col("opening_fen") + pl.col("opened"), closing_fen=pl.col("closing_fen") + pl.col("closed")
    )
    return after.with_tables(wallets=carried.drop("w", "opened", "closed"))


CASE_COLUMNS = (
    "platform", "case_id", "shop", "order_id", "line_id", "kind", "qty", "basis", "reason", "is_quality", "initiator",
    "decided_by", "reason_group", "is_instant", "applied_at", "approved_at", "completed_at", "requested_fen", "approved_fen",
    "final_fen", "platform_status", "erp_status", "erp_fen", "creator", "approver", "exchange_sku", "return_waybill",
    "points_returned_fen",
)  # fmt: skip


def _orders(placed: pl.DataFrame) -> pl.DataFrame:
    """Canonical orders; `is_refund_stated` is what Pinduoduo's export says, `refunded_fen` what Tmall's does."""
    return placed.with_columns(
        is_refund_stated=pl.col("refunded_fen") > 0,
        kind=pl.lit("normal"),
        erp_status="status",
        erp_merchant_discount_fen="merchant_discount_fen",
    ).drop("n", "k", "pay_n")


def _fees(flows: pl.DataFrame) -> pl.DataFrame:
    """The fee statement of the Tmall shop: the fee and insurance rows of its bill."""
    is_premium = pl.col("kind") == "insurance"
    return (
        flows.filter((pl.col("channel") == seller.TMALL.channel) & pl.col("kind").is_in(["fee", "fee_return", "insurance"]))
        .sort("at", "flow_id")
        .select(
            fee_id=pl.format("FY{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(7)),
            channel="channel",
            order_id="order_id",
            case_id="case_id",
            kind=pl.col("kind").replace({"fee": "commission", "fee_return": "commission_return"}),
            rate=pl.when(~is_premium).then(pl.lit(str(seller.TMALL.fee_rate))),
            base=pl.when(~is_premium).then(pl.lit(seller.TMALL.fee_base)),
            amount_fen=-pl.col("amount_fen"),
            at="at",
        )
    )


def _wallets(flows: pl.DataFrame, world: World) -> pl.DataFrame:
    """Opening and closing balance of every wallet in both months."""
    moved = flows.filter(pl.col("success_at").is_not_null() & (pl.col("status") == "success"))
    rows = []
    for month in (world.period.previous(), world.period):
        for channel, shop in seller.WALLETS.items():
            own = moved.filter(pl.col("channel") == channel)
            opening = seller.OPENING_FEN[channel] + int(own.filter(month.is_before("success_at"))["amount_fen"].sum())
            closing = opening + int(own.filter(month.contains("success_at"))["amount_fen"].sum())
            rows.append((channel, shop.account or None, shop.name, month.text, opening, closing))
    return pl.DataFrame(rows, schema=["channel", "account", "shop", "period", "opening_fen", "closing_fen"], orient="row")


def in_escrow(world: World) -> pl.DataFrame:
    """case_id of every successful case that was settled before its order's money reached the wallet."""
    facts = world.tables["orders"].select("platform", "order_id", "channel", confirmed_at="completed_at")
    return (
        world.tables["aftersales"]
        .filter(pl.col("platform_status") == "success")
        .join(facts, on=["platform", "order_id"], how="left", validate="m:1", maintain_order="left")
        .filter(
            pl.col("channel").is_in([channel for channel in CHANNEL if world.config.basis(channel) == "completed"])
            & (pl.col("confirmed_at").is_null() | (pl.col("completed_at") < pl.col("confirmed_at")))
        )
        .select("case_id")
    )
