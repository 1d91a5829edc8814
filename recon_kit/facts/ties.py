"""What share of the ledger's refund lines is tied to refunds, and by what: the first question to a ledger without references."""

from __future__ import annotations

import polars as pl

from recon_kit.collect import Collected
from recon_kit.config import Config
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.facts.ledger import is_booked_in
from recon_kit.facts.references import speaks_of_refund
from recon_kit.periods import parse_period
from recon_kit.results import LEDGER_TIES, conform_result, result_schema

_LINE = ["period", "voucher_id", "line_no"]


def ledger_ties_by_month(collected: Collected, config: Config) -> pl.DataFrame:
    """`ledger_ties` of every month that has both vouchers and flows, with the month as `period`; empty without a ledger."""
    tables = collected.tables
    found = [pl.DataFrame(schema={"period": pl.String(), **result_schema(LEDGER_TIES)})]
    if tables.voucher_lines is not None and tables.flows is not None:
        moved = set(tables.flows.select(pl.coalesce("success_at", "at").dt.strftime("%Y-%m").unique()).to_series())
        for month in sorted(moved & set(tables.voucher_lines["period"])):
            period = parse_period(month)
            facts = build_facts(collected, Scope(config, period, period.last_day))
            found.append(ledger_ties(facts).select(pl.lit(month).alias("period"), pl.all()))
    return pl.concat(found)


def ledger_ties(facts: Facts) -> pl.DataFrame:
    """One row per way (`how`) a line of the period on the gross accounts says which refund it books, in a fixed order.

    Counts lines and their credit − debit (fen), and of these the ones whose refund was found. `none`: lines that speak of a
    refund and say nothing that could be followed.
    """
    scope = facts.scope
    refs = facts.refs.select("r", pl.col("u").is_not_null().alias("is_tied"))
    tied = facts.ledger.line_refs.select(*_LINE, "r").join(refs, on="r", how="left", validate="m:1").drop("r")
    is_day = pl.col("ref_id@").str.contains(r"\d{4}-\d\d-\d\d$")
    totals = facts.ledger.line_refs.filter(pl.col("ref_kind") == "total").select(*_LINE, pl.col("ref_id").alias("ref_id@"))
    lines = (
        facts.vouchers.with_columns(
            speaks_of_refund().alias("is_refund"), (pl.col("credit_fen") - pl.col("debit_fen")).alias("fen")
        )
        .filter(is_booked_in(scope) & pl.col("account").is_in(scope.config.gross_codes))
        .filter(pl.col("ref_how").is_not_null() | (pl.col("is_refund") & (pl.col("fen") != 0)))
        .join(tied, on=_LINE, how="left", validate="1:1")
        .join(totals, on=_LINE, how="left", validate="1:1")
        .with_columns(
            pl.when(pl.col("ref_how") == "total")
            .then(pl.when(is_day).then(pl.lit("day_total")).otherwise(pl.lit("month_total")))
            .otherwise(pl.col("ref_how").replace("voucher", "text").fill_null("none"))
            .alias("how"),
            pl.col("is_tied").fill_null(False),
        )
    )
    sums = lines.group_by("how").agg(
        pl.len().cast(pl.Int64).alias("n_lines"),
        pl.col("is_tied").sum().cast(pl.Int64).alias("n_tied"),
        pl.col("fen").sum().alias("amount_fen"),
        pl.col("fen").filter("is_tied").sum().alias("tied_fen"),
    )
    order = {how: n for n, how in enumerate(LEDGER_TIES.column("how").allowed)}
    return conform_result(sums.sort(pl.col("how").replace_strict(order, return_dtype=pl.Int64)), LEDGER_TIES)
