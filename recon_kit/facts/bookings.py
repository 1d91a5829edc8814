"""What a voucher books of a refund: gross, sales and output VAT reversed, by (voucher, ref). Source: rulings 20."""

from __future__ import annotations

import polars as pl

from recon_kit.config import Config
from recon_kit.facts.channel import SOURCE
from recon_kit.facts.ledger import is_booked_in
from recon_kit.facts.tied import Tied

VOUCHER = ["period", "voucher_id"]
RATE_UNIT = 10**6
"""Rates are whole millionths, so that the split of an amount is exact in whole numbers."""
GROSS_ROLES = ("gross", "payable")
TAX_ROLES = ("revenue", "vat")
_NAMES = {"vat": "销项税", "revenue": "主营业务收入"}
"""Words in an account's name that say what it is, whatever the books' own code for it."""


def read_lines(tied: Tied) -> pl.DataFrame:
    """The voucher lines of the period that are facts, with `net_fen` (credit − debit), `role`, `ref` and `source`.

    `ref` is kind and id as one text (null: names nothing); `is_counted`: part of C0, a gross account's line about a refund.
    """
    lines = with_roles(tied.vouchers, tied.scope.config).with_columns(
        (pl.col("credit_fen") - pl.col("debit_fen")).alias("net_fen"), _ref().alias("ref"), SOURCE.alias("source")
    )
    in_period = is_booked_in(tied.scope)
    first = pl.col("date").min().over(*VOUCHER, "ref")  # a voucher is of one day; where a file says otherwise, of its first
    is_named = pl.col("ref").is_not_null() | (pl.col("ref_how") == "total").fill_null(value=False)
    return lines.with_columns(first.alias("date"), (pl.col("role").is_in(GROSS_ROLES) & is_named).alias("is_counted")).filter(
        in_period
    )


def with_roles(vouchers: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Add `role`, what the line's account is to a refund.

    gross (wallets, bank, receivable) · payable · revenue · vat · liability (2801) · cost (stock and cost of sales) · expense
    (after-sales) · pnl (any other profit and loss account) · other.
    """
    accounts = vouchers.select("account", "account_name").unique().with_columns(_role(config).alias("role"))
    return vouchers.join(
        accounts, on=["account", "account_name"], how="left", validate="m:1", nulls_equal=True, maintain_order="left"
    )


def _role(config: Config) -> pl.Expr:
    code, name = pl.col("account"), pl.col("account_name").fill_null("")

    def under(*keys: str) -> pl.Expr:
        """The account is one of these or below it; 222101-05, 222101.05 and 22210105 are one code."""
        codes = [_digits(config.account(key).code) for key in keys if config.has_account(key)]
        return pl.any_horizontal(_digits_of(code).str.starts_with(one) for one in codes) if codes else pl.lit(value=False)

    first_digit = "6" if config.standard == "CAS" else "5"
    return (
        pl.when(code == config.account("REFUND_PAYABLE").code)
        .then(pl.lit("payable"))
        .when(code.is_in(config.gross_codes))
        .then(pl.lit("gross"))
        .when(under("VAT_OUT") | name.str.contains(_NAMES["vat"]))
        .then(pl.lit("vat"))
        .when(under("REVENUE") | name.str.contains(_NAMES["revenue"]))
        .then(pl.lit("revenue"))
        .when(under("REFUND_LIAB"))
        .then(pl.lit("liability"))
        .when(under("INVENTORY", "COGS", "RETURN_COST"))
        .then(pl.lit("cost"))
        .when(under("SELL_AFTERSALES"))
        .then(pl.lit("expense"))
        .when(code.str.starts_with(first_digit))
        .then(pl.lit("pnl"))
        .otherwise(pl.lit("other"))
    )


def _digits(code: str) -> str:
    return "".join(c for c in code if c.isalnum())


def _digits_of(code: pl.Expr) -> pl.Expr:
    return code.str.replace_all(r"[^0-9A-Za-z]", "")


def _ref() -> pl.Expr:
    """Kind and id of what a line or ref names; a total names a day or month, no refund."""
    named = pl.concat_str(pl.col("ref_kind").fill_null("case"), pl.lit("|"), "ref_id")
    return pl.when((pl.col("ref_kind") == "total").fill_null(value=False)).then(None).otherwise(named)


def build_bookings(lines: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """One row per (voucher, ref) that books a refund on a gross account in the period, `b` its number.

    Where a voucher states sales or tax for all its refs together, the whole voucher is one booking (`ref` null). Fen, positive
    when a refund is booked: `gross_fen` (Σ over all rows = C0), `accrued_fen` the part on the refund payable, `sales_fen`,
    `vat_fen`, `expense_fen` on other profit and loss accounts, `liability_fen`, `other_fen` (the last two and all else).
    `low_units`, `high_units` are the lowest and highest VAT rate of what it refunds; `n` the refunds in it; `u` the refund's
    unit and platform, order and case where it is about one only.
    """
    counted = lines.filter("is_counted")
    is_of_refund = counted.select(*VOUCHER).unique()
    stated = counted.select(*VOUCHER, "ref").drop_nulls("ref").unique()
    taxed = lines.filter(pl.col("role").is_in(TAX_ROLES)).join(is_of_refund, on=VOUCHER, how="semi")
    together = taxed.join(stated, on=[*VOUCHER, "ref"], how="anti").select(VOUCHER).unique()
    whole = together.with_columns(pl.lit(value=True).alias("is_whole"))

    def booking(frame: pl.DataFrame) -> pl.DataFrame:
        joined = frame.join(whole, on=VOUCHER, how="left", validate="m:1", maintain_order="left")
        return joined.with_columns(pl.when(pl.col("is_whole").is_null()).then("ref").alias("ref"))

    sums = booking(lines.join(is_of_refund, on=VOUCHER, how="semi")).group_by(*VOUCHER, "ref").agg(_sums())
    refs = booking(tied.refs.filter(is_booked_in(tied.scope)).with_columns(_ref().alias("ref")))
    return (
        sums.filter("is_counted")
        .drop("is_counted")
        .join(about(refs, tied, [*VOUCHER, "ref"]), on=[*VOUCHER, "ref"], how="left", validate="1:1", nulls_equal=True)
        .join(_rates(refs, tied), on=[*VOUCHER, "ref"], how="left", validate="1:1", nulls_equal=True)
        .sort(*VOUCHER, "ref")
        .with_row_index("b")
        .with_columns(pl.col("b").cast(pl.Int64))
    )


def _sums() -> list[pl.Expr]:
    net, role, counted = pl.col("net_fen"), pl.col("role"), pl.col("is_counted")
    is_tax = role.is_in(TAX_ROLES)
    return [
        counted.any(),
        net.filter(counted).sum().alias("gross_fen"),
        net.filter(counted & (role == "payable")).sum().alias("accrued_fen"),
        (-net.filter(role == "revenue").sum()).alias("sales_fen"),
        (-net.filter(role == "vat").sum()).alias("vat_fen"),
        (-net.filter(role.is_in(["expense", "pnl"])).sum()).alias("expense_fen"),
        (-net.filter(role == "liability").sum()).alias("liability_fen"),
        (-net.filter(~counted & ~is_tax).sum()).alias("other_fen"),
        (role == "revenue").any().alias("has_revenue"),
        (role == "vat").any().alias("has_vat"),
        (is_tax & (pl.col("credit_fen") < 0)).any().alias("is_red"),
        (is_tax & (pl.col("debit_fen") > 0)).any().alias("is_debit"),
        pl.col("shop").drop_nulls().sort().first().alias("line_shop"),
        pl.col("date").min(),
    ]


def only(column: str) -> pl.Expr:
    """The value of a group where it has but one."""
    values = pl.col(column).drop_nulls().unique()
    return pl.when(values.len() == 1).then(values.sort().first()).alias(column)


def about(refs: pl.DataFrame, tied: Tied, key: list[str]) -> pl.DataFrame:
    """What the refs of a voucher (or booking) are about: unit, platform, shop, order, case where there is one only; how many.

    `written_off_fen`: what may stand on after-sales expense, goodwill without a case (C11) and what a case was paid too much;
    `disputed_fen`: chargebacks, which may be lost.
    """
    n = pl.when(pl.col("ref_kind") == "total").then(pl.col("n_flows")).otherwise(pl.col("ref_ids").list.len())
    return (
        refs.join(_units(tied), on="u", how="left", validate="m:1")
        .group_by(key)
        .agg(
            n.fill_null(1).sum().cast(pl.Int64).alias("n"),
            pl.col("u").is_not_null().any().alias("is_tied"),
            pl.col("written_off_fen", "disputed_fen").sum(),
            *(only(name) for name in ("u", "platform_key", "unit_shop", "order_id", "case_id")),
        )
    )


def _units(tied: Tied) -> pl.DataFrame:
    codes = tied.flows.select("f", "flow_code")
    entitled = tied.cases.select("c", (pl.col("claimed_fen") - pl.col("entitled_fen")).alias("over_entitled"))
    paid = pl.col("flow_before_fen") + pl.col("flow_in_fen") + pl.col("flow_ahead_fen")
    over = (paid - pl.col("amount_fen")).clip(lower_bound=0) + pl.col("over_entitled").clip(lower_bound=0).fill_null(0)
    alone = pl.col("unit").str.starts_with("flow ")
    return (
        tied.units.join(codes, on="f", how="left", validate="m:1")
        .join(entitled, on="c", how="left", validate="m:1")
        .select(
            "u",
            "platform_key",
            pl.col("shop").alias("unit_shop"),
            "order_id",
            "case_id",
            "n_flows",
            pl.when(alone & (pl.col("flow_code") == "C11")).then(paid).otherwise(over).fill_null(0).alias("written_off_fen"),
            pl.when(alone & (pl.col("flow_code") == "C13")).then(paid).otherwise(0).alias("disputed_fen"),
        )
    )


def _rates(refs: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """The VAT rates of each booking's goods: of the case's line, else of its order's lines, else the entity's."""
    key = [*VOUCHER, "ref"]
    default = rate_units(pl.lit(tied.scope.config.entity.vat_rate))
    ids = refs.select(*key, "ref_kind", "ref_ids").explode("ref_ids").rename({"ref_ids": "id"})
    of_flow = tied.flows.join(tied.cases.select("c", "line_id"), on="c", how="left", validate="m:1")
    known = pl.concat(
        [
            tied.cases.select(pl.lit("case").alias("ref_kind"), pl.col("case_id").alias("id"), "order_id", "line_id"),
            of_flow.select(pl.lit("flow").alias("ref_kind"), pl.col("flow_id").alias("id"), "order_id", "line_id"),
        ]
    )
    is_order = pl.col("ref_kind") == "order"
    named = ids.join(known, on=["ref_kind", "id"], how="left", validate="m:m").with_columns(
        pl.when(is_order).then("id").otherwise("order_id").alias("order_id")
    )
    products = tied.tables["products"].select("sku", pl.col("vat_rate").alias("product_rate"))
    lines = tied.tables["order_lines"].join(named, on="order_id", how="semi").join(products, on="sku", how="left", validate="m:1")
    lines = lines.select(
        "order_id", "line_id", rate_units(pl.coalesce("vat_rate", "product_rate")).fill_null(default).alias("units")
    )
    by_line = named.join(lines, on=["order_id", "line_id"], how="inner", validate="m:1")
    rest = named.join(by_line, on=[*key, "id"], how="anti", nulls_equal=True)
    by_order = rest.join(lines.drop("line_id").unique(), on="order_id", how="inner", validate="m:m")
    rated = pl.concat([by_line.select(*key, "units"), by_order.select(*key, "units"), _rates_of_totals(ids, tied, default)])
    return (
        refs.select(key)
        .unique()
        .join(
            rated.group_by(key).agg(pl.col("units").min().alias("low_units"), pl.col("units").max().alias("high_units")),
            on=key,
            how="left",
            validate="1:1",
            nulls_equal=True,
        )
        .with_columns(pl.col("low_units", "high_units").fill_null(default))
    )


def _rates_of_totals(ids: pl.DataFrame, tied: Tied, default: pl.Expr) -> pl.DataFrame:
    """A day's total can hold whatever the seller sells."""
    rates = [
        tied.tables[name].select(rate_units(pl.col("vat_rate")).fill_null(default).alias("units")).unique()
        for name in ("order_lines", "products")
    ]
    totals = ids.filter(pl.col("ref_kind") == "total").select(*VOUCHER, "ref")
    return totals.join(pl.concat(rates).unique(), how="cross")


def rate_units(rate: pl.Expr) -> pl.Expr:
    """A rate as text, 0.13 or 13%, in whole millionths; null where it is none."""
    percent = pl.when(rate.str.ends_with("%")).then(100).otherwise(1)
    return (rate.str.strip_suffix("%").cast(pl.Float64, strict=False) * RATE_UNIT / percent).round().cast(pl.Int64)


def tax_in(gross: pl.Expr, units: pl.Expr) -> pl.Expr:
    """The VAT in a gross amount: gross − gross / (1 + rate), the net rounded half up to the fen, for either sign."""
    net = (2 * gross.abs() * RATE_UNIT + RATE_UNIT + units) // (2 * (RATE_UNIT + units))
    return gross - net * gross.sign()
