"""May the matching be trusted? What each pass contributed, what tolerance forgave, and what other limits would find. Pure."""

from __future__ import annotations

import polars as pl

from recon_kit.facts import Facts
from recon_kit.pairs import PAIRS
from recon_kit.results import LIMIT_CURVE, PASS_AUDIT, TOLERANCE_AUDIT, conform_result, result_schema
from recon_kit.schema import AFTERSALES, FLOWS, ORDERS, natural_key

TOLERANCES = (0, 1, 2, 5, 10, 50, 100, 500, 1000, 5000)
"""Fen at which the curve of breaks is drawn."""
WINDOWS = (0, 1, 2, 3, 5, 7, 10, 15, 30)
"""Days between a case's end and its refund at which the curve is drawn."""
_MORE_PASSES = {"M4": ("day_total", "month_total")}


def audit_passes(matches: pl.DataFrame) -> pl.DataFrame:
    """`pass_audit`: one row per pass of every pair in the order they run; a pass that matched nothing is there with zeros.

    Rows and amount are those the pass itself placed; the amount is that of the left side, or of the right where it placed
    no left row (a further refund joining a case that was matched before).
    """
    left = pl.col("amount_fen").filter(pl.col("side") == "left")
    found = matches.group_by("pair", "pass").agg(
        pl.col("group_id").n_unique().cast(pl.Int64).alias("n_groups"),
        pl.len().cast(pl.Int64).alias("n_rows"),
        pl.when(left.len() > 0).then(left.sum()).otherwise(pl.col("amount_fen").sum()).alias("amount_fen"),
        (pl.col("verdict") == "in_tolerance").sum().cast(pl.Int64).alias("n_in_tolerance"),
    )
    steps = [
        (name, number, rung)
        for name, pair in PAIRS.items()
        for number, rung in enumerate((*(p.name for p in pair.ladder), *_MORE_PASSES.get(name, ())), 1)
    ]
    table = pl.DataFrame(steps, schema={"pair": pl.String, "step": pl.Int64, "pass": pl.String}, orient="row")
    run = table.filter(pl.col("pair").is_in(found["pair"].unique().implode()))
    counts = ["n_groups", "n_rows", "amount_fen", "n_in_tolerance"]
    joined = run.join(found, on=["pair", "pass"], how="left", validate="1:1", maintain_order="left")
    return conform_result(joined.with_columns(pl.col(counts).fill_null(0)), PASS_AUDIT)


def audit_tolerance(matches: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """`tolerance_audit`: fen forgiven per pair, shop and pass, and whether they lean to one side.

    `forgiven_fen` adds the gaps up without sign, `net_fen` with it: gaps that all lie on one side are no rounding.
    """
    forgiven = matches.filter((pl.col("verdict") == "in_tolerance") & (pl.col("side") == "left")).unique(
        ["pair", "group_id"], keep="first", maintain_order=True
    )
    gap = pl.col("gap_fen")
    return conform_result(
        forgiven.join(_shops(facts), on=["table", "row_key"], how="left", validate="m:1")
        .group_by("pair", "shop", "pass")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            gap.abs().sum().alias("forgiven_fen"),
            gap.sum().alias("net_fen"),
            (gap > 0).sum().cast(pl.Int64).alias("n_over"),
            (gap < 0).sum().cast(pl.Int64).alias("n_under"),
        )
        .sort("pair", "shop", "pass", nulls_last=True),
        TOLERANCE_AUDIT,
    )


def draw_limits(matches: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """`limit_curve`: how many matches of each pair would break at other tolerances, and how many refunds at other windows.

    Tolerance: groups whose gap is beyond the limit, with those gaps; window (M3): refunds further than so many days from the
    end of their case, with their amounts.
    """
    groups = matches.unique(["pair", "group_id"], keep="first").select("pair", pl.col("gap_fen").abs().alias("size"))
    days = (
        facts.parts.join(facts.cases.select("c", "done_at"), on="c", how="inner", validate="m:1")
        .join(facts.flows.select("f", "money_at"), on="f", how="inner", validate="m:1")
        .drop_nulls(["done_at", "money_at"])
        .with_columns((pl.col("money_at").dt.date() - pl.col("done_at").dt.date()).dt.total_days().abs().alias("days"))
    )
    rows = [
        groups.group_by("pair").agg(
            pl.lit("tolerance").alias("kind"),
            pl.lit(limit).alias("limit"),
            (pl.col("size") > limit).sum().cast(pl.Int64).alias("n"),
            pl.col("size").filter(pl.col("size") > limit).sum().alias("amount_fen"),
        )
        for limit in TOLERANCES
    ]
    beyond = [days.filter(pl.col("days") > limit) for limit in WINDOWS]
    rows += [
        pl.DataFrame(
            {"pair": ["M3"], "kind": ["window"], "limit": [limit], "n": [far.height], "amount_fen": [far["part_fen"].sum()]}
        )
        for limit, far in zip(WINDOWS, beyond, strict=True)
        if days.height
    ]
    schema = result_schema(LIMIT_CURVE)
    table = pl.concat([pl.DataFrame(schema=schema), *(row.cast(schema) for row in rows)])  # type: ignore[arg-type]
    return conform_result(table.sort("pair", "kind", "limit"), LIMIT_CURVE)


def _shops(facts: Facts) -> pl.DataFrame:
    """The shop of every row that can stand on the left of a pair."""
    sides = (("orders", facts.orders, ORDERS), ("aftersales", facts.cases, AFTERSALES), ("flows", facts.flows, FLOWS))
    return pl.concat(
        frame.select(pl.lit(name).alias("table"), natural_key(table).alias("row_key"), "shop") for name, frame, table in sides
    ).unique(["table", "row_key"], keep="first", maintain_order=True)
