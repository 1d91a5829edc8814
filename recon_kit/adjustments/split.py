"""The VAT in refunds at the rates of the goods refunded: one rate whole, several by the share of each line."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from recon_kit.config import Config
from recon_kit.facts import Facts
from recon_kit.facts.bookings import rate_units, tax_in

_KEYS = ("c", "f", "o")
"""What a basis names, `c 12`, `f 3` or `o 5`: the case, flow or order whose goods were refunded."""


def build_shares(facts: Facts, tables: Mapping[str, pl.DataFrame], bases: pl.Series) -> pl.DataFrame:
    """The lines whose goods each basis refunds: `basis`, `place`, `rate` (millionths) and `weight` (what the buyer paid).

    The case's own line, else all lines of its order; a line's rate is its own, else the product's, else the entity's. Goods
    of one rate are one row; a basis without known goods has none (the entity's rate holds).
    """
    asked = bases.drop_nulls().unique().sort().to_frame("basis")
    number = pl.col("basis").str.slice(2).cast(pl.Int64)
    letter = pl.col("basis").str.head(1)
    of_flow = facts.flows.join(facts.cases.select("c", "line_id"), on="c", how="left", validate="m:1")
    named = pl.concat(
        asked.filter(letter == key)
        .with_columns(number.alias(key))
        .join(frame.select(key, "order_id", line.alias("line_id")), on=key, validate="m:1")
        .select("basis", "order_id", "line_id")
        for key, frame, line in (
            ("c", facts.cases, pl.col("line_id")),
            ("f", of_flow, pl.col("line_id")),
            ("o", facts.orders, pl.lit(None, pl.String)),
        )
    )
    products = tables["products"].select("sku", pl.col("vat_rate").alias("product_rate"))
    lines = (
        tables["order_lines"]
        .join(named.select("order_id").drop_nulls().unique(), on="order_id", how="semi")
        .join(products, on="sku", how="left", validate="m:1")
        .select(
            "order_id",
            "line_id",
            rate_units(pl.coalesce("vat_rate", "product_rate")).fill_null(_entity_rate(facts.scope.config)).alias("rate"),
            pl.col("buyer_paid_fen").fill_null(0).clip(0).alias("weight"),
        )
    )
    of_line = named.join(lines, on=["order_id", "line_id"], how="inner", validate="m:1")
    rest = named.join(of_line, on="basis", how="anti")
    of_order = rest.drop("line_id").join(lines, on="order_id", how="inner", validate="m:m")
    columns = ["basis", "line_id", "rate", "weight"]
    found = pl.concat([of_line.select(columns), of_order.select(columns)]).sort("basis", "line_id")
    total = pl.col("weight").sum().over("basis")
    found = found.with_columns(pl.when(total == 0).then(1).otherwise("weight").alias("weight"))
    of_one_rate = pl.col("rate").n_unique().over("basis") == 1
    return (
        found.filter(~of_one_rate | pl.col("basis").is_first_distinct())
        .with_columns(pl.int_range(pl.len()).over("basis").alias("place"))
        .select("basis", "place", "rate", "weight")
    )


def split_amounts(amounts: pl.DataFrame, shares: pl.DataFrame, config: Config) -> pl.DataFrame:
    """Split each row (`row`, `basis`, `amount_fen`) over the rates of its goods: `row`, `rate`, `part_fen`, `vat_fen`.

    The parts of a row sum to its amount: largest remainder in fen, equal remainders to the earlier line.
    Source: rulings, Entries.
    """
    magnitude, weight = pl.col("amount_fen").abs(), pl.col("weight")
    shared = amounts.join(shares, on="basis", how="left", validate="m:m").with_columns(
        pl.col("rate").fill_null(_entity_rate(config)), weight.fill_null(1), pl.col("place").fill_null(0)
    )
    total = weight.sum().over("row")
    shared = shared.with_columns(
        (magnitude * weight // total).alias("whole"), (magnitude * weight % total).alias("remainder")
    ).sort("row", "remainder", "place", descending=[False, True, False])
    left_over = magnitude - pl.col("whole").sum().over("row")
    part = pl.col("whole") + (pl.int_range(pl.len()).over("row") < left_over).cast(pl.Int64)
    return (
        shared.with_columns((part * pl.col("amount_fen").sign()).alias("part_fen"))
        .with_columns(tax_in(pl.col("part_fen"), pl.col("rate")).alias("vat_fen"))
        .select("row", "rate", "part_fen", "vat_fen")
    )


def vat_in(frame: pl.DataFrame, column: str, shares: pl.DataFrame, config: Config) -> pl.Series:
    """The VAT in a column of amounts, row by row; rows carry their `basis`."""
    amounts = frame.select(pl.int_range(pl.len()).alias("row"), "basis", pl.col(column).alias("amount_fen"))
    taxes = split_amounts(amounts, shares, config).group_by("row").agg(pl.col("vat_fen").sum())
    return amounts.join(taxes, on="row", how="left", validate="1:1", maintain_order="left")["vat_fen"]


def _entity_rate(config: Config) -> pl.Expr:
    return rate_units(pl.lit(config.entity.vat_rate))
