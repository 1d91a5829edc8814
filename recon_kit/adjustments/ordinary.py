"""The month's ordinary refund vouchers, proposed in full where no ledger was supplied: per shop, channel, day and VAT rate."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from recon_kit.adjustments.split import build_shares, split_amounts
from recon_kit.config import DEFAULT_ACCOUNTS, DEFAULT_CHANNEL_ACCOUNTS, Config
from recon_kit.errors import TieError
from recon_kit.facts import Facts
from recon_kit.facts.bookings import tax_in
from recon_kit.rules.entries import ABOUT
from recon_kit.schema import CHANNEL

_BY = ["shop", "channel", "on", "rate"]


def build_ordinary(facts: Facts, requests: pl.DataFrame, tables: Mapping[str, pl.DataFrame], language: str) -> pl.DataFrame:
    """Lines of one entry per shop, channel, day and rate, for the refunds that no request books already.

    The VAT is that of the entry's whole amount. TieError where the wallet's credits, with those of the requests, are not B0.
    """
    config = facts.scope.config
    outflows = facts.flows.filter(pl.col("is_refund_type") & facts.scope.is_in("money_at"))
    booked = requests.filter(pl.col("code").is_in(["C03", "C11", "C12", "C13", "C14"]))
    by_flow = booked.filter(pl.col("letter") == "f")["f"].implode()
    whole = booked.filter((pl.col("letter") == "c") | (pl.col("f") == pl.col("unit_f"))).select("u")
    of_units = facts.units.join(whole, on="u", how="semi").select("unit")
    by_unit = facts.ledger.flow_units.join(of_units, on="unit", how="semi")["f"].implode()
    rest = outflows.filter(~pl.col("f").is_in(by_flow) & ~pl.col("f").is_in(by_unit))
    _check_total(outflows, booked, rest)
    basis = pl.coalesce(pl.concat_str(pl.lit("c "), "c"), pl.concat_str(pl.lit("f "), "f"))
    amounts = rest.select(
        pl.col("f").alias("row"), basis.alias("basis"), pl.col("out_fen").alias("amount_fen"), "shop", "channel", "money_at"
    )
    parts = split_amounts(amounts.select("row", "basis", "amount_fen"), build_shares(facts, tables, amounts["basis"]), config)
    entries = (
        parts.join(amounts.drop("basis", "amount_fen"), on="row", validate="m:1")
        .with_columns(pl.col("money_at").dt.date().alias("on"))
        .group_by(_BY)
        .agg(pl.col("part_fen").sum().alias("gross_fen"), pl.len().alias("n_refunds"))
        .with_columns(tax_in(pl.col("gross_fen"), pl.col("rate")).alias("vat_fen"))
        .sort(_BY, nulls_last=True)
        .with_row_index("n")
    )
    return pl.concat(_line(entries, place, config, language) for place in range(3))


def _check_total(outflows: pl.DataFrame, booked: pl.DataFrame, rest: pl.DataFrame) -> None:
    due = int(outflows["out_fen"].sum())
    # A claim's gross has no direction of its own: the money's is that of its finding, and a refund may have come back.
    moved = booked["gross_fen"].abs() * booked["gap_fen"].sign()
    found = int(rest["out_fen"].sum()) + int(moved.sum())
    if due != found:
        raise TieError(
            f"adjustments: the month's refund vouchers come to {found} fen, the refunds in the bills to {due}; expected equal. "
            "This is a bug, nothing was published"
        )


def _line(entries: pl.DataFrame, place: int, config: Config, language: str) -> pl.DataFrame:
    """One line of every entry: sales in red, VAT in red, or the wallet."""
    key = ("REVENUE", "VAT_OUT", "WALLET")[place]
    fen = (pl.col("vat_fen") - pl.col("gross_fen"), -pl.col("vat_fen"), pl.col("gross_fen"))[place]
    wallets = {**DEFAULT_CHANNEL_ACCOUNTS, **config.accounts_by_channel}
    keys = {channel: wallets[channel] if key == "WALLET" else key for channel in CHANNEL}
    account = {channel: config.account(name) for channel, name in keys.items()}
    names = {channel: account[channel].name or DEFAULT_ACCOUNTS[name][2] for channel, name in keys.items()}
    words = {channel: zh if language == "zh" else channel for channel, zh in CHANNEL.items()}
    rate = pl.concat_str((pl.col("rate") / 10_000).cast(pl.String).str.strip_suffix(".0"), pl.lit("%"))
    about = [
        pl.lit(ABOUT["refunds"][0 if language == "zh" else 1]),
        pl.col("on").cast(pl.String),
        pl.col("channel").replace_strict(words, return_dtype=pl.String),
        pl.col("shop"),
        rate,
    ]
    group = pl.concat_str(pl.lit("booking"), *(pl.col(name).cast(pl.String).fill_null("") for name in _BY), separator="|")
    return (
        entries.with_columns(fen.alias("credit_fen"))
        .filter(pl.col("credit_fen") != 0)
        .select(
            group.alias("entry"),
            pl.lit([], pl.List(pl.String)).alias("ids"),
            pl.lit(None, pl.String).alias("code"),
            pl.lit("booking").alias("effect"),
            *("shop", "on", "n"),
            pl.concat_str(*about, separator=" ", ignore_nulls=True).alias("about"),
            pl.lit(place, pl.Int64).alias("place"),
            pl.col("channel").replace_strict({c: a.code for c, a in account.items()}, return_dtype=pl.String).alias("account"),
            pl.col("channel").replace_strict(names, return_dtype=pl.String).alias("account_name"),
            pl.lit(0, pl.Int64).alias("debit_fen"),
            "credit_fen",
        )
    )
