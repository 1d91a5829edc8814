"""Stage 3: proposed entries, per standard, balanced to the fen, each citing the findings it answers. Nothing is posted.

What a code books stands in `rules/entries.toml`; `requests` says for which amounts, `split` how much of them is VAT, `ledger`
which ledger lines go back in red, `ordinary` what a month without a ledger books in full. Source: docs/entries.md.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import polars as pl

from recon_kit.adjustments.ledger import copy_in_red
from recon_kit.adjustments.ordinary import build_ordinary
from recon_kit.adjustments.requests import build_requests
from recon_kit.adjustments.split import build_shares, vat_in
from recon_kit.config import DEFAULT_ACCOUNTS, DEFAULT_CHANNEL_ACCOUNTS, Config
from recon_kit.errors import TieError
from recon_kit.facts import Facts
from recon_kit.facts.references import read_entry_ids
from recon_kit.results import ADJUSTMENTS, conform_result, result_schema
from recon_kit.rules import find_unaccrued
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.rules.entries import ABOUT, FORMS, choices
from recon_kit.schema import TABLES, empty

__all__ = ["build_adjustments", "check_balance", "entry_id", "sum_effects"]

_AMOUNTS = (
    *("gross_fen", "net_fen", "vat_fen", "over_fen", "over_net_fen", "over_vat_fen"),
    *("gap_fen", "short_fen", "expected_fen", "actual_fen", "cost_fen", "accrued_fen"),
)
_LINE = ["entry", "ids", "code", "effect", "shop", "about", "on", "account", "account_name", "debit_fen", "credit_fen"]
_SALES = ("REVENUE", "COGS", "SELL_AFTERSALES", "SELL_COMMISSION", "FIN_FEE", "NON_OP_INCOME", "NON_OP_EXPENSE", "IMPAIRMENT")
_NEEDED = {"aftersales", "flows"}
_FIRST = 1 << 40
"""Copied lines stand before the lines a form adds."""
MONTHS_BACK = 36
"""How long an entry may wait to be booked and still be known by the id it was proposed under."""
_EFFECTS = list(ADJUSTMENTS.column("effect").allowed)


def build_adjustments(facts: Facts, findings: pl.DataFrame, supplied: Mapping[str, pl.DataFrame], language: str) -> pl.DataFrame:
    """`adjustments`: the lines of every proposed entry of the period, dated its last day (an ordinary booking its own day).

    `supplied`: the loaded tables. Without a ledger the month's ordinary refunds are proposed too, so that the wallet's credits
    come to B0 of the bridge. Empty for a day or a week: books are corrected by the month, and an entry's id is its period's.
    TieError where an entry does not balance (a bug, nothing is published).
    """
    if facts.scope.period.kind != "month":
        return pl.DataFrame(schema=result_schema(ADJUSTMENTS))
    config, scope, has_ledger = facts.scope.config, facts.scope, "voucher_lines" in facts.supplied
    tables = {name: supplied.get(name, empty(TABLES[name])) for name in ("order_lines", "products")}
    if config.standard == "CAS" and facts.supplied >= _NEEDED and not has_ledger:
        findings = pl.concat([findings, find_unaccrued(facts)], how="diagonal_relaxed")
    requests = build_requests(facts, findings).pipe(_choose_forms, config).with_row_index("n")
    shares = build_shares(facts, tables, requests["basis"])
    requests = _split(requests, shares, config).with_columns(
        pl.lit(scope.period.last_day).alias("on"), _about(language).alias("about")
    )
    copies = copy_in_red(requests, facts)
    # A voucher that does not balance cannot be copied: its refund is taken back as it should have been booked.
    uneven = copies.filter(~pl.col("is_even"))["n"].unique().implode()
    requests = requests.with_columns(pl.when(pl.col("n").is_in(uneven)).then(pl.lit("refund")).otherwise("form").alias("form"))
    lines = pl.concat(
        [_draw_lines(requests, config), _copied(copies.filter(~pl.col("n").is_in(uneven)), requests)], how="diagonal_relaxed"
    )
    if "flows" in facts.supplied and not has_ledger:
        lines = pl.concat([lines, build_ordinary(facts, requests, tables, language)], how="diagonal_relaxed")
    entries = _number(lines, facts, language).pipe(_without_booked, facts)
    check_balance(entries)
    return conform_result(entries, ADJUSTMENTS)


def _choose_forms(requests: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Add `form`, the first of the code's whose conditions hold, and drop what books nothing."""
    code = pl.col("code")
    chosen = [
        pl.when((code == name) & pl.all_horizontal(pl.lit(value=True), *choice.conditions)).then(pl.lit(choice.form))
        for name in requests["code"].unique().sort()
        for choice in choices(name, config.standard)
    ]
    form = pl.coalesce(*chosen) if chosen else pl.lit(None, pl.String)
    return requests.with_columns(form.alias("form")).drop_nulls("form")


def _split(requests: pl.DataFrame, shares: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Add every amount a form can name. VAT = split(target) − split(booked), so that all bookings of a refund sum right."""
    requests = requests.with_columns((pl.col("booked_fen") + pl.col("accrued_fen")).alias("reversed_fen"))
    vat = vat_in(requests, "target_fen", shares, config) - vat_in(requests, "reversed_fen", shares, config)
    gross, accrued = pl.col("target_fen") - pl.col("booked_fen"), pl.col("accrued_fen")
    # With red invoices the tax waits for the invoice: an accrual reverses no VAT.
    waits = pl.col("form").is_in(["accrual", "from_provision"]) & (config.policy.vat_reversal == "red_invoice")
    return (
        requests.with_columns(vat.alias("vat_fen"), gross.alias("gross_fen"))
        .with_columns(pl.when(waits).then(0).otherwise(pl.col("vat_fen") + pl.col("tax_fen").fill_null(0)).alias("vat_fen"))
        .with_columns((gross - accrued - pl.col("vat_fen")).alias("net_fen"))
        .with_columns(
            *((-pl.col(f"{name}_fen")).alias(f"over_{name}_fen") for name in ("net", "vat")),
            (-pl.col("gross_fen")).alias("over_fen"),
            (-pl.col("gap_fen")).alias("short_fen"),
        )
    )


def _about(language: str) -> pl.Expr:
    """What an entry is about, for its memo: the case, flow or order by its number, else what the finding's key is."""
    kinds = {"payout_id": "payout", "fee_id": "fee", "return_id": "return", "ship_id": "shipment", "voucher_id": "voucher"}
    kind = pl.coalesce("ref_kind", pl.col("key_kind").replace({**kinds, **{f"{k}_id": k for k in ("case", "flow", "order")}}))
    words = {name: texts[0 if language == "zh" else 1] for name, texts in ABOUT.items()}
    return pl.concat_str(
        kind.replace_strict(words, default=None, return_dtype=pl.String),
        pl.coalesce("ref_id", "key"),
        separator=" ",
        ignore_nulls=True,
    )


def _draw_lines(requests: pl.DataFrame, config: Config) -> pl.DataFrame:
    """The lines of each request's form, in fen, on the accounts of the books; lines of nothing are left out."""
    drawn = pl.DataFrame(
        [
            (form.name, form.effect, place, line.side, line.account, f"{line.amount}_fen", line.sign)
            for form in FORMS.values()
            for place, line in enumerate(form.lines)
        ],
        schema={
            **dict.fromkeys(["form", "effect"], pl.String),
            "place": pl.Int64,
            **dict.fromkeys(["side", "logical", "amount"], pl.String),
            "sign": pl.Int64,
        },
        orient="row",
    )
    amount = pl.coalesce(*(pl.when(pl.col("amount") == name).then(name) for name in _AMOUNTS)) * pl.col("sign")
    lines = requests.join(drawn, on="form", how="inner", validate="m:m").with_columns(
        amount.alias("fen"), _resolve(config).alias("logical")
    )
    is_debit = pl.col("side") == "debit"
    return lines.filter(pl.col("fen") != 0).select(
        *(name for name in _LINE if name not in ("account", "account_name", "debit_fen", "credit_fen", "about")),
        *("n", "place", "ref_kind", "ref_id", "about"),
        pl.col("logical").replace_strict(_codes(config, lines["logical"]), return_dtype=pl.String).alias("account"),
        pl.col("logical").replace_strict(_names(config, lines["logical"]), return_dtype=pl.String).alias("account_name"),
        pl.when(is_debit).then("fen").otherwise(0).alias("debit_fen"),
        pl.when(is_debit).then(0).otherwise("fen").alias("credit_fen"),
    )


def _resolve(config: Config) -> pl.Expr:
    """The logical account of a line whose account depends on the finding."""
    key = pl.col("logical")
    wallets = {**DEFAULT_CHANNEL_ACCOUNTS, **config.accounts_by_channel}
    wallet = pl.col("channel").replace_strict(wallets, default=wallets["other"], return_dtype=pl.String).fill_null("BANK")
    over = pl.when("is_small").then(pl.lit("SELL_AFTERSALES")).otherwise(pl.lit("OTHER_AR_CUSTOMER"))
    back = pl.lit("RETURN_COST" if config.standard == "CAS" else "INVENTORY")
    return (
        pl.when(key == "WALLET")
        .then(wallet)
        .when(key == "OVER")
        .then(over)
        .when(key == "EXPECTED_BACK")
        .then(back)
        .otherwise(key)
    )


def _codes(config: Config, keys: pl.Series) -> dict[str, str]:
    return {key: config.account(key).code for key in keys.unique().sort()}


def _names(config: Config, keys: pl.Series) -> dict[str, str]:
    return {key: config.account(key).name or DEFAULT_ACCOUNTS[key][2] for key in keys.unique().sort()}


def _copied(copies: pl.DataFrame, requests: pl.DataFrame) -> pl.DataFrame:
    """The red copies as lines of their requests' entries, before the lines that form adds."""
    about = requests.select("n", "entry", "ids", "code", "shop", "about", "on", "form")
    effects = {form.name: form.effect for form in FORMS.values()}
    return (
        copies.drop("is_even", "voucher_id")
        .join(about, on="n", how="inner", validate="m:1")
        .with_columns(
            pl.col("form").replace_strict(effects, return_dtype=pl.String).alias("effect"),
            (pl.col("place") - _FIRST).alias("place"),
        )
        .drop("form")
    )


def entry_id(entity: str, period: str, effect: str, answers: list[str]) -> str:
    """The stable id of an entry: a digest of entity, period, effect and what it answers."""
    text = "|".join([entity, period, effect, *sorted(answers)])
    return "E" + hashlib.blake2b(text.encode(), digest_size=8).hexdigest()


def _number(lines: pl.DataFrame, facts: Facts, language: str) -> pl.DataFrame:
    """Give every entry its id, its lines their number, date, standard and memo; the first finding cited is its own."""
    scope, config = facts.scope, facts.scope.config
    given = lines.select("entry", "effect", "ids").explode("ids").drop_nulls("ids").unique().sort("entry", "ids")
    answers = given.group_by("entry", "effect", maintain_order=True).agg(pl.col("ids").alias("answers"))
    cited = (
        lines.select("entry", "effect")
        .unique()
        .sort("entry", "effect")
        .join(answers, on=["entry", "effect"], how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("answers").fill_null(pl.lit([], pl.List(pl.String))))
    )
    period = scope.period.last_day.strftime("%Y-%m")
    named = [
        entry_id(config.entity.name, period, row["effect"], row["answers"] or [row["entry"]])
        for row in cited.iter_rows(named=True)
    ]
    cited = cited.with_columns(pl.Series("entry_id", named, pl.String))
    memo = [pl.col("entry_id"), _code_names(lines, language), pl.col("about")]
    return (
        lines.join(cited, on=["entry", "effect"], how="left", validate="m:1")
        .sort("on", "code", "about", "entry", "n", "place", nulls_last=True, maintain_order=True)
        .with_columns(
            pl.col("ids").list.first().first().over("entry_id").alias("discrepancy_id"),
            pl.lit(config.standard).alias("standard"),
            pl.col("on").alias("date"),
            pl.col("on").dt.strftime("%Y-%m").alias("period"),
            pl.concat_str(*memo, separator=" ", ignore_nulls=True).alias("memo"),
        )
        .with_columns(pl.int_range(1, pl.len() + 1).over("entry_id").cast(pl.Int64).alias("line_no"))
    )


def _without_booked(entries: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Leave out what the ledger has: an entry booked under the id it has now, or had in one of the last MONTHS_BACK months."""
    booked = set(read_entry_ids(facts.vouchers)["entry_id"])
    if not booked:
        return entries
    entity, last = facts.scope.config.entity.name, facts.scope.period.last_day
    months = [(last.year * 12 + last.month - 1 - back) for back in range(MONTHS_BACK)]
    periods = [f"{month // 12}-{month % 12 + 1:02d}" for month in months]
    cited = entries.select("entry_id", "effect", "answers").unique("entry_id")
    again = [
        row["entry_id"]
        for row in cited.iter_rows(named=True)
        if any(entry_id(entity, period, row["effect"], row["answers"]) in booked for period in periods)
        or row["entry_id"] in booked
    ]
    return entries.filter(~pl.col("entry_id").is_in(again))


def _code_names(lines: pl.DataFrame, language: str) -> pl.Expr:
    names: dict[str, str] = {code: CATALOGUE[code].name(language) for code in lines["code"].drop_nulls().unique()}
    return pl.col("code").replace_strict(names, return_dtype=pl.String)


def check_balance(entries: pl.DataFrame) -> None:
    """TieError for the first entry whose debits and credits differ: a bug, nothing is published."""
    sums = entries.group_by("entry_id").agg(pl.col("debit_fen", "credit_fen").sum(), pl.col("code").first())
    for row in sums.filter(pl.col("debit_fen") != pl.col("credit_fen")).sort("entry_id").head(1).iter_rows(named=True):
        raise TieError(
            f"adjustments: entry {row['entry_id']} ({row['code']}) debits {row['debit_fen']} fen, credits {row['credit_fen']}; "
            "expected equal. This is a bug, nothing was published"
        )


def sum_effects(adjustments: pl.DataFrame, config: Config) -> dict[str, dict[str, Any]]:
    """Per effect the number of entries and what they do to profit, in fen (negative: less profit)."""
    codes = [config.account(key).code for key in _SALES if config.has_account(key)]
    first_digit = "6" if config.standard == "CAS" else "5"
    is_pnl = pl.col("account").is_in(codes) | pl.col("account").str.starts_with(first_digit)
    effect = (pl.col("credit_fen") - pl.col("debit_fen")).filter(is_pnl).sum()
    sums = adjustments.group_by("effect").agg(pl.col("entry_id").n_unique().cast(pl.Int64).alias("n"), effect.alias("pnl_fen"))
    found = {row.pop("effect"): row for row in sums.iter_rows(named=True)}
    return {name: found[name] for name in _EFFECTS if name in found}
