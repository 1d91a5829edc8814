"""What the channels settled, deducted and paid out, as of a day: against orders, the bank and the balances they state.

Frames: `settlements` one row per order with its receipts and subsidies · `payouts` one per payout · `penalties` one per
penalty that left a wallet · `premiums` one per order with freight insurance · `sides_M10`, `sides_M11` the pairs.
Source: docs/rules.md S03, S04, S06, S07 and S09; rulings 10, 12, 14 and 23.
"""

from __future__ import annotations

from datetime import timedelta

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.platform import MONEY_AT, attach_order
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS
from recon_kit.schema import BANK_ROWS, FLOWS, ORDERS, natural_key

SUBSIDY_LAG = timedelta(days=1)
"""A subsidy is booked minutes after its receipt: what comes within a day of it belongs to it, so that no cut-off splits them."""
CUSTOMARY = 20
"""Premiums are a channel's custom when one in so many of its orders bears one that the fees do not know, and most are so."""
_SOURCES = pl.col("source").sort().head(20)


def build_settlement(tied: Tied) -> dict[str, pl.DataFrame]:
    """The frames of the settlement rules; none for a rule whose tables did not come."""
    if "flows" not in tied.supplied:
        return {}
    flows = _flows_of(tied, "subsidy", "payout", "penalty", "insurance")
    frames = {"penalties": flows.filter((pl.col("kind") == "penalty") & pl.col("is_fact") & (pl.col("out_fen") > 0))}
    if "orders" in tied.supplied:
        frames["settlements"], frames["sides_M10"] = _settle(tied, flows.filter(pl.col("kind") == "subsidy"))
    if "bank_rows" in tied.supplied:
        frames |= _pay_out(tied, flows.filter(pl.col("kind") == "payout"))
    if {"orders", "fees"} <= tied.supplied:
        frames["premiums"] = _judge_premiums(tied, flows.filter(pl.col("kind") == "insurance"))
    return frames


def _flows_of(tied: Tied, *kinds: str) -> pl.DataFrame:
    """Bill rows of these kinds with their number `row`, order `o`, platform and shop; `out_fen` is positive when money leaves."""
    names = {"o": "o", "platform_key": "platform_key", "order_shop": "shop"}
    return (
        tied.tables["flows"]
        .filter(pl.col("kind").is_in(kinds))
        .with_row_index("row")
        .with_columns(
            pl.col("row").cast(pl.Int64),
            (-pl.col("amount_fen")).alias("out_fen"),
            MONEY_AT.alias("money_at"),
            SOURCE.alias("source"),
        )
        .with_columns(tied.scope.is_fact("money_at").alias("is_fact"))
        .pipe(attach_order, tied.orders, names)
        .with_columns(pl.coalesce("shop", "order_shop").alias("shop"))
    )


def _settle(tied: Tied, subsidies: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Per order with a stated receivable what it was settled with, and the rows of M10.

    `receipt_fen` as facts; `subsidy_fen` those that are facts or came within a day of the last receipt.
    """
    scope, orders = tied.scope, tied.orders
    stated = orders.filter(pl.col("merchant_receivable_fen").is_not_null())
    receipts = tied.payments.filter(~pl.col("is_covered")).join(stated.select("o"), on="o", how="semi")
    due = ["o", "platform", "platform_key", "shop", "channel", "order_id", "buyer_paid_fen", "merchant_receivable_fen"]
    received = (
        receipts.filter(scope.is_fact("money_at"))
        .with_columns(SOURCE.alias("source"))
        .group_by("o")
        .agg(pl.col("amount_fen").sum().alias("receipt_fen"), pl.col("money_at").max(), _SOURCES.alias("receipt_source"))
    )
    given = (
        subsidies.join(received.select("o", pl.col("money_at").alias("received_at")), on="o", how="inner", validate="m:1")
        .filter(pl.col("is_fact") | (pl.col("money_at") <= pl.col("received_at") + SUBSIDY_LAG))
        .group_by("o")
        .agg((-pl.col("out_fen")).sum().alias("subsidy_fen"), _SOURCES.alias("subsidy_source"))
    )
    settled = (
        stated.select(*due, SOURCE.alias("order_source"))
        .join(received, on="o", how="inner", validate="1:1")
        .join(given, on="o", how="left", validate="1:1")
        .with_columns(pl.col("subsidy_fen").fill_null(0), pl.lit(scope.config.tolerance.row).alias("tolerance_fen"))
        .with_columns((pl.col("receipt_fen") + pl.col("subsidy_fen")).alias("settled_fen"))
        .sort("o")
    )
    return settled, _match_settlements(tied, stated, subsidies)


def _match_settlements(tied: Tied, stated: pl.DataFrame, subsidies: pl.DataFrame) -> pl.DataFrame:
    """The rows of M10: orders by what the merchant should receive, receipts and subsidies by what arrived."""
    money = ["channel", "flow_id", "o", "amount_fen"]
    rows = (
        pl.concat(
            [
                tied.payments.filter(pl.col("table") == "flows").select(money),
                subsidies.filter(pl.col("money_at").is_not_null()).select(money),
            ]
        )
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64))
    )
    states = tied.orders["merchant_receivable_fen"].is_not_null().gather(rows["o"]).fill_null(value=True)
    part = pl.col("o").cast(pl.UInt64).alias("partition")
    matched = match(
        PAIRS["M10"],
        stated.select(pl.col("o").alias("row"), pl.col("merchant_receivable_fen").alias("amount_fen"), "o", part),
        rows.filter(states).select("row", "amount_fen", "o", pl.coalesce("o", "row").cast(pl.UInt64).alias("partition")),
    )
    orders = tied.orders.with_columns(pl.col("o").alias("row"))
    amount = pl.coalesce("merchant_receivable_fen", "buyer_paid_fen")
    return pl.concat(
        [
            side(_found(orders, matched.left), "left", pl.lit("orders"), natural_key(ORDERS), amount, EXCLUDED),
            side(_found(rows, matched.right), "right", pl.lit("flows"), natural_key(FLOWS), pl.col("amount_fen"), EXCLUDED),
        ]
    )


def _found(rows: pl.DataFrame, found: pl.DataFrame) -> pl.DataFrame:
    outcome = found.select("row", "group", "pass", pl.col("reason").alias("unmatched"))
    return rows.join(outcome, on="row", how="left", validate="1:1", maintain_order="left")


def _pay_out(tied: Tied, flows: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """Payouts against what the bank received: one row per payout, the rows of M11, and the bill and bank rows these come from."""
    bank = (
        tied.tables["bank_rows"]
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64), SOURCE.alias("source"), tied.scope.is_fact("at").alias("is_fact"))
    )
    matched = match_payouts(flows, bank, tied.scope.config.sla_days.payout)
    return {
        "payouts": _judge_payouts(tied, flows, bank, matched),
        "sides_M11": payout_sides(flows, bank, matched),
        "payout_flows": flows,
        "payout_bank": bank,
    }


def payout_sides(flows: pl.DataFrame, bank: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """The rows of M11: every payout of the bills against every row of the bank."""
    moved = pl.coalesce(pl.when(pl.col("money_at").is_not_null()).then("out_fen"), pl.lit(0, pl.Int64))
    came, received = _found(flows, matched.left), _found(bank, matched.right)
    return pl.concat(
        [
            side(came, "left", pl.lit("flows"), natural_key(FLOWS), moved, EXCLUDED),
            side(received, "right", pl.lit("bank_rows"), natural_key(BANK_ROWS), pl.col("amount_fen"), EXCLUDED),
        ]
    )


def match_payouts(flows: pl.DataFrame, bank: pl.DataFrame, window_days: int) -> Matched:
    """M11: by the payout's number; where a side has none, by amount inside the days a payout may take.

    What left the bank takes no part.
    """
    no_id = pl.col("payout_id").is_null()
    keys = [
        pl.col("payout_id"),
        pl.when(no_id).then(pl.lit("")).alias("unnamed"),
        pl.when(~no_id).then(pl.lit("")).alias("named"),
        pl.lit(0, pl.UInt64).alias("partition"),
    ]
    is_money = pl.col("money_at").is_not_null()
    return match(
        PAIRS["M11"],
        flows.select(
            "row",
            pl.when(is_money).then("out_fen").otherwise(0).alias("amount_fen"),
            pl.coalesce("money_at", "at").dt.date().alias("day"),
            pl.lit(window_days, pl.Int64).alias("window_days"),
            *keys,
        ),
        bank.filter(pl.col("amount_fen") > 0).select("row", "amount_fen", pl.col("at").dt.date().alias("day"), *keys),
    )


def _judge_payouts(tied: Tied, flows: pl.DataFrame, bank: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """One row per payout (per number, or per bill row without one), as facts: what left and what the bank received.

    A payout before the period and before the month of the first loaded bank row is not judged: its arrival may lie in a
    statement that was not loaded. A payout that was returned under its number has `payout_fen` 0.
    """
    scope = tied.scope
    first = bank.select(pl.col("at").dt.date().dt.month_start()).min()
    since = pl.min_horizontal(pl.lit(first.item(), pl.Date), pl.lit(scope.start.date()))
    came = (
        matched.right.drop_nulls("group")
        .select("row", "group")
        .join(bank.filter("is_fact").select("row", "amount_fen", "at", "source"), on="row", how="inner", validate="1:1")
        .group_by("group")
        .agg(pl.col("amount_fen").sum().alias("received_fen"), _SOURCES.alias("bank_source"))
    )
    return (
        flows.filter("is_fact")
        .join(matched.left.select("row", "group"), on="row", validate="1:1")
        .sort("money_at", "row")
        .with_columns(pl.coalesce("payout_id", "flow_id").alias("key"))
        .group_by("channel", "key", maintain_order=True)
        .agg(
            pl.col("out_fen").sum().alias("payout_fen"),
            pl.col("shop", "group", "money_at").first(),
            _SOURCES.alias("flow_source"),
        )
        .join(came, on="group", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            pl.col("received_fen").fill_null(0),
            scope.age("money_at").alias("age_days"),
            pl.lit(scope.config.sla_days.payout, pl.Int64).alias("sla_days"),
            (pl.col("money_at").dt.date() + timedelta(days=scope.config.sla_days.payout + 1)).alias("breaks_on"),
        )
        .filter((pl.col("payout_fen") > 0) & (pl.col("money_at").dt.date() >= since))
    )


def _judge_premiums(tied: Tied, flows: pl.DataFrame) -> pl.DataFrame:
    """Per channel and order the freight insurance that moved, against what the platform's fees state for the order.

    `premium_fen` and `claim_fen` went out and came in; `stated_premium_fen` and `stated_claim_fen` are in the fees, a claim
    from the day it is due. `is_explained`: the fees know no premium of the order, but it is a loaded order of a channel where
    premiums are custom.
    """
    scope = tied.scope
    order = ["channel", "order_id"]
    moved = _both_ways(flows.filter("is_fact"), "out_fen", "premium_fen", "claim_fen", pl.col("money_at"))
    stated_rows = tied.tables["fees"].filter((pl.col("kind") == "insurance") & scope.is_fact("at"))
    is_due = (pl.col("amount_fen") > 0) | (scope.age("at") > scope.config.sla_days.commission_return)
    stated = _both_ways(
        stated_rows.filter(is_due).with_columns(SOURCE.alias("source")),
        "amount_fen",
        "stated_premium_fen",
        "stated_claim_fen",
        pl.col("at"),
    )
    sums = ["premium_fen", "claim_fen", "stated_premium_fen", "stated_claim_fen"]
    found = moved.join(stated, on=order, how="full", coalesce=True, suffix="_stated", validate="1:1")
    buying = _flows_of(tied, "trade_receipt").filter("is_fact").group_by("channel").agg(pl.col("o").n_unique().alias("n_orders"))
    is_stated = pl.col("stated_premium_fen").fill_null(0) > 0
    bearing = (
        found.filter(pl.col("premium_fen") > 0)
        .group_by("channel")
        .agg((~is_stated).sum().alias("n_bearing"), is_stated.sum().alias("n_stated"))
    )
    custom = buying.join(bearing, on="channel", how="inner", validate="1:1").filter(
        (pl.col("n_bearing") * CUSTOMARY >= pl.col("n_orders")) & (pl.col("n_bearing") > pl.col("n_stated"))
    )
    return (
        found.pipe(attach_order, tied.orders, {"o": "o", "platform_key": "platform_key", "order_shop": "shop"})
        .with_columns(
            pl.col(sums).fill_null(0),
            pl.col("channel").is_in(custom["channel"].implode()).alias("is_custom"),
            pl.coalesce("moved_at", "moved_at_stated").alias("moved_at"),
            pl.coalesce("shop", "shop_stated", "order_shop").alias("shop"),
            pl.lit(scope.config.tolerance.row).alias("tolerance_fen"),
        )
        .with_columns(
            (pl.col("is_custom") & pl.col("o").is_not_null() & (pl.col("stated_premium_fen") == 0)).alias("is_explained")
        )
        .sort(order)
    )


def _both_ways(rows: pl.DataFrame, amount: str, out: str, back: str, when: pl.Expr) -> pl.DataFrame:
    """Per channel and order that the rows name: what was charged, what came back, and the first instant."""
    fen = pl.col(amount)
    return (
        rows.drop_nulls("order_id")
        .group_by("channel", "order_id")
        .agg(
            fen.filter(fen > 0).sum().alias(out),
            (-fen.filter(fen < 0)).sum().alias(back),
            when.min().alias("moved_at"),
            pl.col("shop").drop_nulls().first(),
            _SOURCES.alias("source"),
        )
    )
