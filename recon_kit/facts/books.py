"""Whether vouchers are right in themselves: tax split, accounts, accruals released, debit equal to credit; and pair M5.

Frames: `bookings` one row per (voucher, ref) of the period · `vat_splits`, `wrong_accounts`, `stale_accruals`, `unbalanced`
one row per finding candidate, by voucher · `wrong_lines`, `stale_refs` the lines and refs of the second and third, which their
entries take back, `due_refs` accruals whose release is due and that are not stale yet · `sides_M5` the pair.
Source: docs/rules.md L07, L09, L10, L11; rulings 20.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts.bookings import (
    GROSS_ROLES,
    TAX_ROLES,
    VOUCHER,
    about,
    build_bookings,
    only,
    read_lines,
    tax_in,
    with_roles,
)
from recon_kit.facts.ledger import is_booked_in
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import match
from recon_kit.pairs import PAIRS


def build_books(tied: Tied) -> dict[str, pl.DataFrame]:
    """The frames of the rules about vouchers."""
    lines = read_lines(tied)
    bookings = build_bookings(lines, tied).pipe(_judge_splits, lines, tied)
    refs = tied.refs.filter(is_booked_in(tied.scope))
    of_voucher = about(refs, tied, VOUCHER)
    wrong_lines, open_refs = _wrong_lines(bookings, lines, tied), _open_refs(tied)
    is_stale = pl.col("age_days") > tied.scope.config.sla_days.accrual_stale
    frames = {
        "bookings": bookings,
        "vat_splits": _wrong_splits(bookings, lines),
        "wrong_lines": wrong_lines,
        "wrong_accounts": _wrong_accounts(wrong_lines),
        "stale_refs": open_refs.filter(is_stale),
        "due_refs": open_refs.filter(~is_stale),
        "stale_accruals": _stale_accruals(open_refs.filter(is_stale), tied),
        "unbalanced": _unbalanced(lines).join(of_voucher, on=VOUCHER, how="left", validate="1:1").sort(VOUCHER),
    }
    return frames | ({"sides_M5": _sides(bookings)} if "voucher_lines" in tied.supplied else {})


def _judge_splits(bookings: pl.DataFrame, lines: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Add `tax_fen`, the VAT in what was reversed, `is_split` (the split can be judged) and `is_wrong_split`.

    Between the taxes at the lowest and highest rate of the goods no booking is wrong. What a later voucher without money
    puts right between sales and tax, for the same ref, is right. With `vat_reversal` "red_invoice" the tax may wait.
    """
    config, tolerance = tied.scope.config, tied.scope.config.tolerance
    of_several = pl.min_horizontal(pl.col("n") * tolerance.aggregate_per_line, pl.lit(tolerance.aggregate_cap))
    allowed = pl.when(pl.col("n") == 1).then(pl.lit(tolerance.row)).otherwise(of_several)
    # Books that state revenue in totals may take the tax back in a voucher of its own.
    is_total = pl.col("ref").is_null()
    waits = ~pl.col("has_vat") & (is_total | (config.policy.vat_reversal == "red_invoice"))
    with_money = lines.filter("is_counted").select(VOUCHER).unique()
    corrections = (
        lines.filter((pl.col("role") == "vat") & pl.col("ref").is_not_null())
        .join(with_money, on=VOUCHER, how="anti")
        .group_by("ref")
        .agg((-pl.col("net_fen")).sum().alias("corrected_fen"))
    )
    booked, reversed_fen = pl.col("vat_fen"), pl.col("sales_fen") + pl.col("vat_fen")
    # What went to expense or receivable carries no tax; a provision is net of tax, so the tax is that of the whole.
    taxable = pl.col("gross_fen") - pl.col("other_fen") + pl.col("liability_fen")
    gap, corrected = booked - pl.col("tax_fen"), pl.col("corrected_fen").fill_null(0)
    # Of a voucher that does not balance either side may be the wrong one: that is L11.
    is_uneven = pl.col("gross_fen") != reversed_fen + pl.col("other_fen")
    fits_other_side = is_uneven & ((booked - _nearest_tax(reversed_fen)).abs() <= allowed)
    return (
        bookings.join(corrections, on="ref", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            _nearest_tax(taxable).alias("tax_fen"),
            (pl.col("has_revenue") & (pl.col("gross_fen") != 0) & ~waits).alias("is_split"),
        )
        .with_columns(
            (pl.col("is_split") & (gap.abs() > allowed) & ((gap + corrected).abs() > allowed) & ~fits_other_side).alias(
                "is_wrong_split"
            )
        )
    )


def _nearest_tax(taxable: pl.Expr) -> pl.Expr:
    """The tax in an amount that is nearest to the one booked, of all rates from the lowest to the highest of its goods."""
    low, high = tax_in(taxable, pl.col("low_units")), tax_in(taxable, pl.col("high_units"))
    return pl.col("vat_fen").clip(pl.min_horizontal(low, high), pl.max_horizontal(low, high))


def _wrong_splits(bookings: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """One row per voucher and direction: too much tax and too little are never netted."""
    wrong = bookings.filter("is_wrong_split").with_columns((pl.col("vat_fen") > pl.col("tax_fen")).alias("is_over"))
    about_it = lines.filter(pl.col("is_counted") | pl.col("role").is_in(TAX_ROLES)).select(
        *VOUCHER, pl.col("ref").alias("line_ref"), "source"
    )
    sources = (
        wrong.select(*VOUCHER, "is_over", "ref")
        .join(about_it, on=VOUCHER, how="inner", validate="m:m")
        .filter(pl.col("ref").is_null() | (pl.col("ref") == pl.col("line_ref")))
        .group_by(*VOUCHER, "is_over")
        .agg(pl.col("source").unique().sort().head(20))
    )
    return (
        wrong.group_by(*VOUCHER, "is_over")
        .agg(
            pl.col("gross_fen", "tax_fen", "vat_fen").sum(),
            pl.col("low_units").min(),
            pl.col("high_units").max(),
            pl.col("has_vat").any(),
            pl.col("date").min(),
            *(only(name) for name in ("platform_key", "unit_shop", "line_shop", "order_id", "case_id")),
        )
        .join(sources, on=[*VOUCHER, "is_over"], how="left", validate="1:1")
        .sort(*VOUCHER, "is_over")
    )


def _wrong_lines(bookings: pl.DataFrame, lines: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Voucher lines that book a refund on a profit and loss account where it does not belong.

    After-sales expense may hold goodwill and write-offs, non-operating expense lost chargebacks, either side a rounding. A
    line that names no refund counts only in a voucher that moves money for refunds alone. Source: rulings 20.
    """
    config, key = tied.scope.config, [*VOUCHER, "ref"]
    whole = bookings.filter(pl.col("ref").is_null()).select(*VOUCHER, pl.lit(value=True).alias("is_whole"))
    mixed = lines.filter(pl.col("role").is_in(GROSS_ROLES) & ~pl.col("is_counted")).select(VOUCHER).unique()
    found = lines.filter(pl.col("role").is_in(["expense", "pnl"])).join(whole, on=VOUCHER, how="left", validate="m:1")
    unnamed = found.filter(pl.col("ref").is_null()).join(mixed, on=VOUCHER, how="anti")
    named = found.filter(pl.col("ref").is_not_null()).filter(pl.col("net_fen").sum().over("ref", "account") != 0)
    of_booking = bookings.filter("is_tied").select(
        *key, "u", "gross_fen", "written_off_fen", "disputed_fen", "platform_key", "unit_shop", "line_shop", "order_id", "case_id"
    )
    net, role = pl.col("net_fen"), pl.col("role")
    lost = config.account("NON_OP_EXPENSE").code
    judged = (
        pl.concat([named, unnamed])
        .with_columns(pl.when(pl.col("is_whole").is_null()).then("ref").alias("ref"))
        .drop("order_id", "case_id", strict=False)
        .join(of_booking, on=key, how="inner", validate="m:1", nulls_equal=True)
        .filter(net * pl.col("gross_fen") < 0)
        .with_columns((-net.filter(role == "expense").sum().over(key)).alias("expensed_fen"))
    )
    may_hold = (
        pl.when(role == "expense")
        .then(pl.col("expensed_fen").abs() <= pl.col("written_off_fen") + config.tolerance.row)
        .when(pl.col("account").str.starts_with(lost))
        .then(net.abs() <= pl.col("disputed_fen") + config.tolerance.row)
        .otherwise(net.abs() <= config.tolerance.row)
    )
    return judged.filter(~may_hold)


def _wrong_accounts(wrong_lines: pl.DataFrame) -> pl.DataFrame:
    """One row per voucher with such lines."""
    account = pl.concat_str("account", pl.col("account_name"), separator=" ", ignore_nulls=True)
    return (
        wrong_lines.group_by(VOUCHER)
        .agg(
            (-pl.col("net_fen")).sum().alias("booked_fen"),
            account.unique().sort().alias("accounts"),
            pl.col("date").min(),
            *(only(name) for name in ("platform_key", "unit_shop", "line_shop", "order_id", "case_id")),
            pl.col("source").unique().sort().head(20),
        )
        .sort(VOUCHER)
    )


def _open_refs(tied: Tied) -> pl.DataFrame:
    """One row per (voucher, refund) whose accrual is still open although the refund was paid or the case closed.

    Releases use up the oldest accrual of a refund first; `open_fen` is what is left at as-of, `age_days` since the voucher.
    """
    scope = tied.scope
    ref = pl.concat_str(pl.col("ref_kind").fill_null("case"), pl.lit("|"), "ref_id")
    named = tied.refs.drop_nulls("u").select(ref.alias("ref"), "u").unique("ref", keep="first", maintain_order=True)
    # A success case older than the first loaded bill was paid in a bill nobody loaded.
    is_paid = scope.is_fact("first_flow_at") | pl.col("in_escrow").fill_null(value=False) | pl.col("is_paid_unseen")
    paid = tied.units.with_columns((pl.col("is_unseen") & scope.is_fact("done_at")).alias("is_paid_unseen"))
    paid = paid.select("u", is_paid.alias("is_paid"))
    units = paid.join(
        tied.units.select("u", "platform_key", pl.col("shop").alias("unit_shop"), "order_id", "case_id"), on="u", validate="1:1"
    )
    closed = tied.cases.filter("is_closed").select(
        pl.concat_str(pl.lit("case|"), "case_id").alias("ref"),
        pl.lit(value=True).alias("is_closed"),
        pl.col("platform").alias("closed_platform"),
        pl.col("order_id").alias("closed_order"),
        pl.col("case_id").alias("closed_case"),
    )
    moved = (
        with_roles(tied.vouchers.filter(pl.col("ref_id").is_not_null() & (pl.col("date") <= scope.as_of)), scope.config)
        .filter(pl.col("role").is_in(["payable", "liability"]))
        .with_columns(ref.alias("ref"), pl.concat_str("source_file", pl.lit(":"), "source_row").alias("source"))
        .join(named, on="ref", how="left", validate="m:1")
        .with_columns(pl.coalesce(pl.concat_str(pl.lit("u "), "u"), "ref").alias("about"))
        .group_by("about", *VOUCHER)
        .agg(
            (pl.col("credit_fen") - pl.col("debit_fen")).sum().alias("net_fen"),
            pl.col("date").min(),
            pl.col("ref", "u", "shop").first(),
            pl.col("source").sort().head(20),
        )
        .sort("about", "date", *VOUCHER)
    )
    net = pl.col("net_fen")
    accrued = net.clip(lower_bound=0)
    released = (-net.clip(upper_bound=0)).sum().over("about")
    still_open = pl.min_horizontal(accrued, accrued.cum_sum().over("about") - released).clip(lower_bound=0)
    age = (pl.lit(scope.as_of) - pl.col("date")).dt.total_days()
    due = (
        moved.with_columns(still_open.alias("open_fen"), age.alias("age_days"))
        .filter(pl.col("open_fen") > 0)
        .join(units, on="u", how="left", validate="m:1")
        .join(closed.unique("ref", keep="none"), on="ref", how="left", validate="m:1")
        .filter(pl.col("is_paid") | pl.col("is_closed"))
    )
    return due.with_columns(
        pl.coalesce("platform_key", "closed_platform").alias("platform_key"),
        pl.coalesce("order_id", "closed_order").alias("order_id"),
        pl.coalesce("case_id", "closed_case").alias("case_id"),
        pl.coalesce("shop", "unit_shop").alias("shop"),
    ).sort(*VOUCHER, "about")


def _stale_accruals(stale_refs: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """One row per voucher with such accruals."""
    return (
        stale_refs.group_by(VOUCHER)
        .agg(
            pl.col("open_fen").sum(),
            pl.col("age_days").max(),
            pl.col("date").min(),
            pl.lit(tied.scope.config.sla_days.accrual_stale, pl.Int64).alias("sla_days"),
            pl.col("is_closed").fill_null(value=False).all().alias("is_closed"),
            *(only(name) for name in ("platform_key", "shop", "order_id", "case_id")),
            pl.col("source").explode().unique().sort().head(20),
        )
        .sort(VOUCHER)
    )


def _unbalanced(lines: pl.DataFrame) -> pl.DataFrame:
    """One row per voucher whose debits and credits differ, or whose lines about several refunds do not add up.

    The second is a summary voucher that balances only by a line that names no refund and stands on an account refunds have
    nothing to do with. A voucher of which the file shows one account is an extract of that account's ledger, and not judged.
    """
    debit, credit, named = pl.col("debit_fen"), pl.col("credit_fen"), pl.col("ref").is_not_null()
    sums = lines.group_by(VOUCHER).agg(
        debit.sum(),
        credit.sum(),
        debit.filter(named).sum().alias("named_debit_fen"),
        credit.filter(named).sum().alias("named_credit_fen"),
        pl.col("account").n_unique().alias("n_accounts"),
        pl.col("ref").drop_nulls().n_unique().alias("n_refs"),
        (~named & pl.col("role").is_in([*GROSS_ROLES, *TAX_ROLES, "expense", "liability", "cost"])).any().alias("is_shared"),
        pl.col("is_counted").any().alias("is_refund"),
        pl.col("date").min(),
        pl.col("shop").drop_nulls().sort().first(),
    )
    uneven = pl.col("debit_fen") != pl.col("credit_fen")
    unequal = pl.col("named_debit_fen") != pl.col("named_credit_fen")
    apart = ~uneven & unequal & (pl.col("n_refs") > 1) & pl.col("is_refund") & ~pl.col("is_shared")
    found = (
        sums.filter(pl.col("n_accounts") > 1)
        .filter(uneven | apart)
        .with_columns(
            pl.when(uneven).then("debit_fen").otherwise("named_debit_fen").alias("debit_fen"),
            pl.when(uneven).then("credit_fen").otherwise("named_credit_fen").alias("credit_fen"),
            apart.alias("is_apart"),
        )
    )
    sources = lines.join(found, on=VOUCHER, how="semi").group_by(VOUCHER).agg(pl.col("source").sort().head(20))
    return found.join(sources, on=VOUCHER, how="left", validate="1:1")


def _sides(bookings: pl.DataFrame) -> pl.DataFrame:
    """M5: the tax in what a voucher reversed of a refund, against the tax it booked. A row is a booking."""
    key = pl.concat_str(*VOUCHER, "ref", separator="|", ignore_nulls=True)
    given = bookings.with_columns(pl.col("b").alias("booking"), pl.col("b").cast(pl.UInt64).alias("partition"))
    left = given.filter("is_split").select(
        pl.col("b").alias("row"), pl.col("tax_fen").alias("amount_fen"), "booking", "partition"
    )
    right = given.filter("has_vat").select(
        pl.col("b").alias("row"), pl.col("vat_fen").alias("amount_fen"), "booking", "partition"
    )
    matched = match(PAIRS["M5"], left, right)
    found = []
    for name, rows, amount, mine in (
        ("left", matched.left, pl.coalesce("tax_fen", "vat_fen"), "has_revenue"),
        ("right", matched.right, pl.col("vat_fen"), "has_vat"),
    ):
        joined = given.filter(mine).join(
            rows.select("row", "group", "pass", pl.col("reason").alias("unmatched")),
            left_on="b",
            right_on="row",
            how="left",
            validate="1:1",
        )
        found.append(side(joined, name, pl.lit("voucher_lines"), key, amount, EXCLUDED))
    return pl.concat(found)
