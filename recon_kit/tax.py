"""The tax basis of the period's refunds: sales and output VAT reversed, by rate, shop and red-letter status, tied to C0."""

from __future__ import annotations

import polars as pl

from recon_kit.errors import TieError
from recon_kit.facts import Facts
from recon_kit.facts.bookings import RATE_UNIT
from recon_kit.facts.ledger import is_booked_in
from recon_kit.results import TAX_BASIS, conform_result, result_schema
from recon_kit.schedule import is_due

_BY = ["part", "rate", "red_letter", "shop"]
_REST = {
    "expense": ("expense_fen", pl.lit(value=True)),
    "provision": ("liability_fen", pl.lit(value=True)),
    "accrual": ("rest_fen", pl.col("accrued_fen") > 0),
    "release": ("rest_fen", pl.col("accrued_fen") < 0),
    "unknown": ("rest_fen", pl.col("accrued_fen") == 0),
}
"""Part of C0 that is neither sales nor tax → its fen, and which bookings have it. What the payable explains comes first."""


def build_tax_basis(facts: Facts) -> pl.DataFrame:
    """`tax_basis`: Σ `gross_fen` is C0 of the bridge to the fen. TieError where it is not (a bug, nothing is published).

    A `sales` row holds what was reversed of revenue and output VAT (fen, positive) at one rate; `rate` is null where a booking
    is of goods with several rates. What a refund booked on neither is in rows of its own: `expense`, `provision`, and what only
    moved between balance sheet accounts: `accrual` made, `release`, and `unknown` where the voucher does not say. Empty where
    M5 is not due.
    """
    if not is_due("M5", facts.scope.period):
        return pl.DataFrame(schema=result_schema(TAX_BASIS))
    bookings = facts.more["bookings"].with_columns(
        pl.coalesce("line_shop", "unit_shop").alias("shop"),
        pl.when(pl.col("low_units") == pl.col("high_units")).then(_rate_text()).alias("rate"),
        _red_letter().alias("red_letter"),
        (pl.col("gross_fen") - pl.col("sales_fen") - pl.col("vat_fen") - pl.col("expense_fen") - pl.col("liability_fen")).alias(
            "rest_fen"
        ),
    )
    sales = bookings.filter(pl.col("red_letter").is_not_null()).with_columns(
        pl.lit("sales").alias("part"), (pl.col("sales_fen") + pl.col("vat_fen")).alias("part_fen")
    )
    none = pl.lit(None, pl.String)
    rest = [
        bookings.filter((pl.col(fen) != 0) & when).with_columns(
            pl.lit(part).alias("part"),
            none.alias("rate"),
            none.alias("red_letter"),
            *(pl.lit(0, pl.Int64).alias(name) for name in ("sales_fen", "vat_fen", "tax_fen")),
            pl.col(fen).alias("part_fen"),
        )
        for part, (fen, when) in _REST.items()
    ]
    rows = (
        pl.concat([sales, *rest])
        .group_by(_BY)
        .agg(
            pl.col("sales_fen", "vat_fen").sum(),
            pl.col("tax_fen").sum().alias("vat_due_fen"),
            pl.col("part_fen").sum().alias("gross_fen"),
            pl.len().cast(pl.Int64).alias("n"),
        )
    )
    _check(rows, facts)
    order = {part: n for n, part in enumerate(TAX_BASIS.column("part").allowed)}
    place = pl.col("part").replace_strict(order, return_dtype=pl.Int64)
    return conform_result(rows.sort(place, "rate", "red_letter", "shop", nulls_last=True), TAX_BASIS)


def _check(rows: pl.DataFrame, facts: Facts) -> None:
    booked = int(facts.refs.filter(is_booked_in(facts.scope))["gross_fen"].sum())
    if (found := int(rows["gross_fen"].sum())) != booked:
        raise TieError(f"tax_basis sums to {found} fen, C0 to {booked}; expected equal. This is a bug, nothing was published")


def _rate_text() -> pl.Expr:
    """Millionths as the text a rate is given in: 0.13."""
    return (pl.col("low_units") / RATE_UNIT).cast(pl.String)


def _red_letter() -> pl.Expr:
    """How revenue and tax were reversed; null where neither was touched."""
    return (
        pl.when(pl.col("is_red") & pl.col("is_debit"))
        .then(pl.lit("mixed"))
        .when(pl.col("is_red"))
        .then(pl.lit("red"))
        .when(pl.col("is_debit"))
        .then(pl.lit("debit"))
        .when(pl.col("has_revenue") | pl.col("has_vat"))
        .then(pl.lit("undone"))
    )
