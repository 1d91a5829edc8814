"""Vouchers that book several refunds at once: those that name them all, and totals of a day or month that name none.

What such a voucher books is one unit: it ties as a whole or misses as a whole, in one finding, because nothing says which of
its refunds a difference belongs to. Source: docs/method.md, summary vouchers.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.config import DEFAULT_CHANNEL_ACCOUNTS
from recon_kit.facts.channel import SOURCE
from recon_kit.facts.references import speaks_of_refund, words
from recon_kit.facts.scope import Scope
from recon_kit.matching import Matched

_BOOK = ["channel", "shop"]


@dataclass(frozen=True)
class Grouped:
    """`parts`: flow parts that totals answer, with `group`; `totals`: the voucher lines that do, with theirs."""

    parts: pl.DataFrame
    totals: pl.DataFrame


def merge_units(units_of: pl.DataFrame) -> dict[str, str]:
    """Units that one voucher books together → the first of them. `units_of`: unit, group (a voucher line's number)."""
    lead = dict.fromkeys(units_of["unit"].unique(), "")
    lead = {unit: unit for unit in lead}
    while True:
        now = units_of.with_columns(pl.col("unit").replace_strict(lead).alias("lead"))
        first = now.with_columns(pl.col("lead").min().over("group").alias("first")).group_by("unit").agg(pl.col("first").min())
        found = {unit: lead[name] for unit, name in first.iter_rows()}
        if found == lead:
            return {unit: name for unit, name in lead.items() if unit != name}
        lead = found


def read_totals(vouchers: pl.DataFrame, shops: list[str], scope: Scope) -> pl.DataFrame:
    """Lines that book refunds in total: they name nothing, stand on a wallet and speak of refunds, one row per line.

    Adds `channel` (of the account, else by the words), `shop` (null: of all shops), `day` the total is about (the 摘要's, else
    the voucher's) and `amount_fen`. Lines whose channel nobody says are left out.
    """
    config = scope.config
    of_account = {
        config.account(key).code: channel
        for channel, key in {**DEFAULT_CHANNEL_ACCOUNTS, **config.accounts_by_channel}.items()
        if channel not in ("bank", "other")
    }
    given = words()
    text = pl.concat_str(pl.col("summary").fill_null(""), pl.col("account_name").fill_null(""), separator=" ")
    by_words = pl.coalesce(
        *(pl.when(text.str.contains(pattern)).then(pl.lit(name)) for name, pattern in given["channels"].items())
    )
    named = [
        pl.when(pl.col("summary").str.contains(shop, literal=True)).then(pl.lit(shop))
        for shop in sorted(shops, key=len, reverse=True)
    ]
    payable = config.account("REFUND_PAYABLE").code
    wallets = [code for code in config.gross_codes if code != payable]
    silent = (
        vouchers.filter(pl.col("ref_ids").is_null() & pl.col("account").is_in(wallets)).select("period", "voucher_id").unique()
    )
    lines = vouchers.join(silent, on=["period", "voucher_id"], how="semi", maintain_order="left").filter(
        pl.col("ref_ids").is_null().all().over("period", "voucher_id")
        & speaks_of_refund()
        & pl.col("account").is_in(wallets)
        & ~pl.col("summary").fill_null("").str.contains(given["summary"]["correction"])
    )
    return lines.with_columns(
        pl.coalesce(pl.col("account").replace_strict(of_account, default=None, return_dtype=pl.String), by_words).alias(
            "channel"
        ),
        pl.coalesce("shop", *named),
        _day_of(given["summary"]["day"]).alias("day"),
        (pl.col("credit_fen") - pl.col("debit_fen")).alias("amount_fen"),
    ).filter(pl.col("channel").is_not_null() & (pl.col("amount_fen") != 0))


def _day_of(pattern: str) -> pl.Expr:
    """The day the 摘要 names; without a year the last such day not after the voucher; else the voucher's own."""
    parts = [pl.col("summary").str.extract(pattern, n).cast(pl.Int32, strict=False) for n in (1, 2, 3)]
    year = pl.col("date").dt.year()
    is_ahead = (parts[1] > pl.col("date").dt.month()) & parts[0].is_null()
    text = pl.format("{}-{}-{}", pl.coalesce(parts[0], year - is_ahead.cast(pl.Int32)), parts[1], parts[2])
    return pl.coalesce(text.str.strptime(pl.Date, "%Y-%m-%d", strict=False), pl.col("date"))


def group_by_total(totals: pl.DataFrame, parts: pl.DataFrame, named: pl.DataFrame, scope: Scope) -> Grouped:
    """Put totals and the refunds nothing else books into groups: shop × channel × day, or month where only that adds up.

    `parts`: what no voucher names, with f, unit, part_fen, channel, shop and `day`; `named`: the same of what vouchers name.
    A book (shop × channel) is kept in totals when they tie, or when they come to at least half of all its refunds: a stray
    line does not turn a hundred refunds into one finding, nor hide the one that a book kept by name forgot.
    """
    shops = parts.group_by("channel").agg(pl.col("shop").drop_nulls().n_unique().alias("n_shops"))
    books = totals.join(shops, on="channel", how="inner", validate="m:1")
    is_one = (pl.col("shop").n_unique() == 1) & (pl.col("n_shops").first() <= 1)
    merged = books.group_by("channel").agg((pl.col("shop").is_null().any() | is_one).alias("one")).filter("one")["channel"]
    shop = pl.when(pl.col("channel").is_in(merged.implode())).then(pl.lit("")).otherwise("shop").alias("shop")
    lines = totals.with_columns(shop)
    moved = parts.with_columns(shop).join(lines.select(_BOOK).unique(), on=_BOOK, how="semi")
    inside = named.with_columns(shop).filter(scope.period.contains("day"))
    by_name = inside.group_by(_BOOK).agg(pl.col("part_fen").sum().alias("named_fen"))
    grains = pl.concat([_misses(lines, moved, grain, scope) for grain in ("day", "month")]).join(
        by_name, on=_BOOK, how="left", validate="m:1", maintain_order="left"
    )
    all_fen = pl.col("paid_fen") + pl.col("named_fen").fill_null(0)
    chosen = (
        grains.filter((pl.col("n_missed") == 0) | (2 * pl.col("booked_fen") >= all_fen))
        .sort((pl.col("n_missed") > 0), pl.col("grain") == _coarser(), maintain_order=True)
        .unique(_BOOK, keep="first", maintain_order=True)
        .select(*_BOOK, "grain")
    )
    when = pl.when(pl.col("grain") == "day").then(pl.col("day").cast(pl.String)).otherwise("month")
    name = pl.concat_str("channel", pl.when(pl.col("shop") != "").then("shop"), when, separator="|", ignore_nulls=True)
    month = pl.col("day").dt.strftime("%Y-%m")
    moved, lines = (
        side.join(chosen, on=_BOOK, how="inner", validate="m:1", maintain_order="left")
        .with_columns(month.alias("month"))
        .with_columns(name.alias("group"))
        for side in (moved, lines)
    )
    return Grouped(moved, lines)


def without_grouped(cases: pl.DataFrame, flow_parts: pl.DataFrame, grouped: Grouped) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The grouped flows under their group's unit; a case all of whose flows are grouped has no unit of its own."""
    moved = grouped.parts.select("f", "unit", pl.concat_str(pl.lit("total "), "group").alias("group"))
    parts = flow_parts.join(moved, on=["f", "unit"], how="left", validate="1:1", maintain_order="left")
    parts = parts.select("f", pl.coalesce("group", "unit").alias("unit"), "part_fen")
    parts = parts.group_by("f", "unit", maintain_order=True).agg(pl.col("part_fen").sum())
    gone = moved.select("unit").unique().join(parts.select("unit"), on="unit", how="anti")
    return cases.join(gone, on="unit", how="anti"), parts


def with_totals(
    line_refs: pl.DataFrame, refs: pl.DataFrame, vouchers: pl.DataFrame, totals: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Add the totals to the refs: one per voucher and group, which is its unit."""
    key = ["period", "voucher_id", "group"]
    added = (
        totals.sort(*key, "line_no")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("amount_fen").sum().alias("gross_fen"),
            pl.lit(0, pl.Int64).alias("accrued_fen"),
            pl.col("date").min(),
            pl.col("shop").first(),
            SOURCE.alias("voucher_source"),
        )
        .with_row_index("r", offset=refs.height)
        .with_columns(
            pl.col("r").cast(pl.Int64),
            pl.lit("total").alias("ref_kind"),
            pl.col("group").alias("ref_id"),
            pl.concat_list("group").alias("ref_ids"),
            pl.concat_str(pl.lit("total "), "group").alias("unit"),
        )
    )
    lines = totals.join(added.select(*key, "r"), on=key, validate="m:1").with_columns(
        pl.lit("total").alias("ref_kind"), pl.col("group").alias("ref_id")
    )
    is_total = lines.select("period", "voucher_id", "line_no", pl.lit("total").alias("how@"))
    marked = vouchers.join(
        is_total, on=["period", "voucher_id", "line_no"], how="left", validate="1:1", maintain_order="left"
    ).with_columns(pl.coalesce("ref_how", "how@").alias("ref_how"))
    return (
        pl.concat([line_refs, lines.select(line_refs.columns)]),
        pl.concat([refs, added.select(refs.columns)]),
        marked.drop("how@"),
    )


def name_pass(matched: Matched, units: pl.DataFrame) -> Matched:
    """Say of what tied as a total that it did, by day or month."""
    totals = units.filter(pl.col("group_key").is_not_null()).select(
        pl.col("u").alias("group"),
        pl.when(pl.col("group_key").str.contains(r"\d{4}-\d\d-\d\d$"))
        .then(pl.lit("day_total"))
        .otherwise(pl.lit("month_total"))
        .alias("by"),
    )

    def named(side: pl.DataFrame) -> pl.DataFrame:
        joined = side.join(totals, on="group", how="left", validate="m:1", maintain_order="left")
        return joined.with_columns(pl.coalesce("by", "pass").alias("pass")).drop("by")

    return Matched(named(matched.left), named(matched.right))


def _coarser() -> pl.Expr:
    """The grain that is second choice: the month where the day adds up or totals stand on several days, else the day."""
    return pl.when((pl.col("n_days") > 1) | (pl.col("n_missed") == 0)).then(pl.lit("month")).otherwise(pl.lit("day"))


def _misses(lines: pl.DataFrame, moved: pl.DataFrame, grain: str, scope: Scope) -> pl.DataFrame:
    """Per book: in how many days or months of the period totals and refunds differ, and what each side comes to."""
    inside = scope.period.contains("day")
    when = pl.col("day") if grain == "day" else pl.col("day").dt.month_start()
    booked = lines.filter(inside).group_by(*_BOOK, when.alias("when")).agg(pl.col("amount_fen").sum().alias("booked_fen"))
    paid = moved.filter(inside).group_by(*_BOOK, when.alias("when")).agg(pl.col("part_fen").sum().alias("paid_fen"))
    days = lines.filter(inside).group_by(_BOOK).agg(pl.col("day").n_unique().alias("n_days"))
    return (
        booked.join(paid, on=[*_BOOK, "when"], how="full", coalesce=True, validate="1:1")
        .with_columns(pl.col("booked_fen", "paid_fen").fill_null(0))
        .group_by(_BOOK)
        .agg(
            pl.col("booked_fen", "paid_fen").sum(),
            (pl.col("booked_fen") != pl.col("paid_fen")).sum().cast(pl.Int64).alias("n_missed"),
        )
        .join(days, on=_BOOK, how="inner", validate="1:1")
        .with_columns(pl.lit(grain).alias("grain"))
        .sort(_BOOK)
    )
