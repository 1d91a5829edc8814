"""Whether each wallet rolls: opening + what the bills moved = closing. Source: docs/rules.md S08; rulings 5.

A wallet is what one or more balance rows speak of. Bill rows of its account are its own; where no account tells, they are
those of its shop; and the only wallet of a channel, or its only one without an account, has all that no account claims. What a
template adds to a bill names no account: of a channel with one wallet it is that wallet's.
"""

from __future__ import annotations

from dataclasses import replace

import polars as pl

from recon_kit.facts.channel import SOURCE, add_order_by_payment
from recon_kit.facts.platform import MONEY_AT, attach_order
from recon_kit.facts.scope import Scope
from recon_kit.facts.tied import Tied
from recon_kit.periods import Period, parse_period


def balance_month(scope: Scope) -> Period | None:
    """The month whose balances the run can judge: its own, or the one that ends in its day or week; None where none does."""
    month = parse_period(f"{scope.period.start:%Y-%m}")
    return month if month.end <= scope.period.end else None


SEEN_TWICE = "jd"
"""The channel whose money two bills show, order by order without an account and in lumps with one: settlement and wallet."""


def build_wallets(tied: Tied) -> dict[str, pl.DataFrame]:
    """`wallet_rolls`: one row per wallet of the month that states its balances; none before the month is over.

    `rolled_fen` = opening + bill rows of the month by success time; `carried_fen` the closing of the month before (null:
    not given). No frame where the balances or bills did not come, or no month ends in the period.
    """
    month = balance_month(tied.scope)
    if month is None or not {"wallets", "flows"} <= tied.supplied:
        return {}
    scope = replace(tied.scope, period=month)
    wallets = _wallets(tied.tables["wallets"], month)
    if scope.as_of < month.last_day:
        wallets = wallets.clear()
    flows = (
        tied.tables["flows"]
        .with_columns(MONEY_AT.alias("money_at"))
        .filter(scope.is_in("money_at"))
        .join(wallets.select("channel").unique(), on="channel", how="semi")
        .select("channel", "account", "shop", "order_id", "pay_id", "amount_fen")
    )
    wallets, owned = _own_flows(wallets, flows, tied.orders)
    moved = owned.group_by("w").agg(pl.col("amount_fen").sum().alias("moved_fen"), pl.len().cast(pl.Int64).alias("n_flows"))
    rolls = (
        wallets.sort("source_row")
        .group_by("w")
        .agg(
            pl.col("channel").first(),
            *(_only(name) for name in ("account", "shop")),
            pl.col("opening_fen", "closing_fen").sum(),
            pl.when(pl.col("carried_fen").null_count() == 0).then(pl.col("carried_fen").sum()).alias("carried_fen"),
            SOURCE.sort().head(20).alias("wallet_source"),
        )
        .join(moved, on="w", how="left", validate="1:1")
        .with_columns(
            pl.col("moved_fen", "n_flows").fill_null(0),
            pl.lit(month.text).alias("period_text"),
            pl.lit(month.last_day).cast(pl.Datetime("us")).dt.replace_time_zone("Asia/Shanghai").alias("closed_at"),
        )
        .with_columns((pl.col("opening_fen") + pl.col("moved_fen")).alias("rolled_fen"))
    )
    several = pl.len().over("channel") > 1
    key = pl.when(several).then(pl.concat_str("channel", pl.coalesce("account", "shop", pl.lit("")), separator="|"))
    return {"wallet_rolls": rolls.with_columns(key.fill_null(pl.col("channel")).alias("key")).sort("key", "w")}


def _only(column: str) -> pl.Expr:
    values = pl.col(column).unique()
    return pl.when(values.len() == 1).then(values.first()).alias(column)


def _wallets(rows: pl.DataFrame, month: Period) -> pl.DataFrame:
    """Balance rows of the month with the closing carried over, and `w`: rows of one account, else each row, are one wallet."""
    before = rows.filter(pl.col("period") == month.previous().text).select(
        "channel", "account", "shop", pl.col("closing_fen").alias("carried_fen")
    )
    own = pl.coalesce(pl.concat_str(pl.lit("a"), "account"), pl.concat_str(pl.lit("s"), pl.col("shop").fill_null("")))
    return (
        rows.filter(pl.col("period") == month.text)
        .join(before, on=["channel", "account", "shop"], how="left", nulls_equal=True, validate="1:1", maintain_order="left")
        .with_columns(pl.concat_str("channel", own, separator="|").alias("w"))
    )


def _own_flows(wallets: pl.DataFrame, flows: pl.DataFrame, orders: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The wallets, and each flow that belongs to one with its `w`. Wallets whose flows no shop tells apart become one."""
    about = wallets.select("channel", "account", "shop", "w").unique("w", keep="first", maintain_order=True)
    accounts = about.drop_nulls("account").select("channel", "account", "w")
    claimed = flows.join(accounts, on=["channel", "account"], how="inner", validate="m:1")
    rest = flows.join(accounts, on=["channel", "account"], how="anti")
    has_own = claimed.select("w").unique()["w"].implode()
    open_ones = about.filter(pl.col("account").is_null() | ((pl.len().over("channel") == 1) & ~pl.col("w").is_in(has_own)))
    alone = open_ones.filter(pl.len().over("channel") == 1).select("channel", "w")
    of_alone = rest.join(alone, on="channel", how="inner", validate="m:1").filter(_is_of_only_wallet())
    added = rest.join(about.filter(pl.len().over("channel") == 1).drop_nulls("account").select("channel", "w"), on="channel")
    added = added.filter(pl.col("w").is_in(has_own) & pl.col("account").is_null() & (pl.col("channel") != SEEN_TWICE))
    by_shop = open_ones.filter(pl.len().over("channel") > 1).select("channel", "shop", "w")
    told = _tell_shops(rest.join(by_shop.select("channel").unique(), on="channel", how="semi"), orders).join(
        by_shop, on=["channel", "shop"], how="left", nulls_equal=True, validate="m:1"
    )
    lumped = told.filter(pl.col("w").is_null()).select("channel").unique()["channel"].implode()
    merged = pl.when(pl.col("channel").is_in(lumped) & pl.col("account").is_null()).then(pl.col("channel"))
    kept = ["w", "amount_fen"]
    of_shops = told.with_columns(pl.when(pl.col("channel").is_in(lumped)).then("channel").otherwise("w").alias("w"))
    owned = pl.concat([frame.select(kept) for frame in (claimed, of_alone, added, of_shops)])
    return wallets.with_columns(pl.coalesce(merged, "w").alias("w")), owned


def _is_of_only_wallet() -> pl.Expr:
    """The row is its channel's only wallet's: any row; of a wallet seen twice those that name no account, else all."""
    nameless = pl.col("account").is_null()
    return (pl.col("channel") != SEEN_TWICE) | nameless | ~nameless.any().over("channel")


def _tell_shops(flows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """The shop of each flow: stated, its order's, or the only shop of its account."""
    flows = (
        add_order_by_payment(flows, orders)
        .pipe(attach_order, orders, {"order_shop": "shop"})
        .with_columns(pl.coalesce("shop", "order_shop").alias("shop"))
    )
    only = (
        flows.drop_nulls(["account", "shop"])
        .select("channel", "account", pl.col("shop").alias("account_shop"))
        .unique()
        .unique(["channel", "account"], keep="none")
    )
    return flows.join(only, on=["channel", "account"], how="left", validate="m:1").with_columns(
        pl.coalesce("shop", "account_shop").alias("shop")
    )
