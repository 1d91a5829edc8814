"""How much a month rests on, as small frames of a run: its data, its match rates by platform, and how complete its cases are."""

from __future__ import annotations

import polars as pl

from recon_kit.case_file import LEGS
from recon_kit.pairs import PAIRS
from recon_kit.recon_kpis import NOT_DUE
from recon_kit.record import Run
from recon_kit.schema import TABLES, natural_key

_BY_ID = (
    ("order_id", "orders", "order_id"),
    ("case_id", "aftersales", "case_id"),
    ("ref_id", "aftersales", "case_id"),
    ("ref_id", "orders", "order_id"),
    ("shop", "orders", "shop"),
)
"""Column that says whose a row is, and where the platform stands that has it; the surest first."""

_BOOKING = pl.concat_str("period", "voucher_id", "ref_kind", "ref_id", separator="|")
"""What pair M5 calls a row: all lines of a voucher that book one case, flow or order."""


def coverage(run: Run) -> pl.DataFrame:
    """One row a table that was supplied: table, n_sources, rows_loaded, rows_quarantined, first_on, last_on."""
    order = {name: place for place, name in enumerate(TABLES)}
    return (
        run.table("intake")
        .drop_nulls("table")
        .group_by("table")
        .agg(
            pl.len().cast(pl.Int64).alias("n_sources"),
            pl.col("rows_loaded", "rows_quarantined").sum(),
            pl.col("first_at").min().dt.date().alias("first_on"),
            pl.col("last_at").max().dt.date().alias("last_on"),
        )
        .sort(pl.col("table").replace_strict(order, default=len(order), return_dtype=pl.Int64), "table")
    )


def match_matrix(run: Run) -> pl.DataFrame:
    """One row a pair and platform: pair, platform (null: nothing says which), n_due, n_matched; rows of both sides.

    A row's platform is its own, that of its order, case or shop, else that of the rows it was matched with.
    """
    columns = ["pair", "table", "row_key"]
    due = (
        run.table("unmatched")
        .filter(~pl.col("reason").is_in(NOT_DUE))
        .select(*columns, pl.lit(None, pl.String).alias("group_id"))
    )
    rows = pl.concat([run.table("matches").select(*columns, "group_id"), due])
    placed = rows.join(
        _platforms(run, rows["table"].unique().sort().to_list()), on=["table", "row_key"], how="left", validate="m:1"
    )
    of_group = pl.col("platform").drop_nulls().sort().first().over("pair", "group_id")
    known = placed.with_columns(
        pl.when(pl.col("group_id").is_not_null()).then(pl.coalesce("platform", of_group)).otherwise("platform")
    )
    order = {name: place for place, name in enumerate(PAIRS)}
    return (
        known.group_by("pair", "platform")
        .agg(pl.len().cast(pl.Int64).alias("n_due"), pl.col("group_id").count().cast(pl.Int64).alias("n_matched"))
        .sort(pl.col("pair").replace_strict(order, return_dtype=pl.Int64), "platform", nulls_last=True)
    )


def _platforms(run: Run, tables: list[str]) -> pl.DataFrame:
    """table, row_key, platform of every row of some tables that says it, itself or by its order, case or shop."""
    found = [pl.DataFrame(schema={"table": pl.String, "row_key": pl.String, "platform": pl.String})]
    for name in tables:
        rows = run.table(name).with_columns(natural_key(TABLES[name]).alias("row_key"), pl.lit(name).alias("table"))
        said = ["platform"] if "platform" in rows.columns else []
        for column, where, key in _BY_ID:
            if column in rows.columns:
                said.append(f"platform_by_{column}_{where}")
                rows = rows.join(
                    _platform_by(run, where, key, said[-1]), left_on=column, right_on=key, how="left", validate="m:1"
                )
        if name == "voucher_lines":
            rows = pl.concat([rows, rows.with_columns(_BOOKING.alias("row_key"))])
        if said:
            found.append(rows.select("table", "row_key", pl.coalesce(said).alias("platform")))
    return pl.concat(found).unique(["table", "row_key"], keep="first", maintain_order=True)


def _platform_by(run: Run, table: str, column: str, name: str) -> pl.DataFrame:
    """A column's value → its platform as `name`, where one platform alone has it."""
    named = run.table(table).select(column, pl.col("platform").alias(name)).drop_nulls().unique()
    return named.unique(column, keep="none", maintain_order=True)


def approvals(run: Run) -> pl.DataFrame:
    """Cases that ended in the period by approval: approval, n, amount_fen, with_voucher, with_attachment, complete."""
    ended = run.table("case_file").filter("is_of_period")

    def count(name: str, condition: pl.Expr) -> pl.Expr:
        return condition.fill_null(value=False).cast(pl.Int64).sum().alias(name)

    return (
        ended.group_by("approval")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("amount_fen").sum(),
            count("with_voucher", pl.col("vouchers").list.len() > 0),
            count("with_attachment", pl.col("attachments") > 0),
            count("complete", pl.col("is_complete")),
        )
        .sort("n", "approval", descending=[True, False], nulls_last=True)
    )


def incomplete(run: Run) -> pl.DataFrame:
    """Cases that ended in the period without a complete file, largest first, with `lacks`: what each lacks, in the file's order.

    A lack is `leg:state` of a leg that neither ties nor is none, `approval` where it is missing, or `voucher` where the ledger
    leg ties on none that is named.
    """
    left = run.table("case_file").filter(pl.col("is_of_period") & ~pl.col("is_complete"))
    legs = [
        pl.when(~pl.col(leg).is_in(["ties", "none"])).then(pl.concat_str(pl.lit(f"{leg}:"), pl.col(leg))).alias(leg)
        for leg in LEGS
    ]
    unnamed = (pl.col("ledger") == "ties") & (pl.col("vouchers").list.len().fill_null(0) == 0)
    more = [
        pl.when(pl.col("approval") == "missing").then(pl.lit("approval")).alias("approval"),
        pl.when(unnamed).then(pl.lit("voucher")).alias("voucher"),
    ]
    lacks = pl.concat_list(*legs, *more).list.drop_nulls().alias("lacks")
    return left.select("platform", "case_id", "shop", "kind", "amount_fen", lacks).sort(
        "amount_fen", "platform", "case_id", descending=[True, False, False], nulls_last=True
    )
