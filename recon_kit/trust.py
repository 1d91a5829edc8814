"""May this month be trusted? What the intake of a run says about its own files: small aggregates, no language, no colour.

Nothing here looks at a difference between two sides: only at whether what came is whole, read, fresh and all there is.
"""

from __future__ import annotations

import re
from datetime import date, timedelta

import polars as pl

from recon_kit.facts.intake import HAPPENED_AT
from recon_kit.record import Run
from recon_kit.schema import TABLES

STALE_DAYS = 3
"""A picture of orders or cases older than this at as-of may miss what happened since."""
MOSTLY_SET_ASIDE = 0.05
"""A file with a greater share of its rows in quarantine was not read, whatever it was taken for."""
RHYTHM_DAYS = 10
"""Days with rows that a source must have before a silence in it says anything."""
SNAPSHOTS = {"orders": ("status", ("unpaid", "paid", "shipped")), "aftersales": ("platform_status", ("open",))}
"""Tables whose rows go on changing after the export: the column of their state, and the states that are not final."""
STATES = ("missing", "rows", "covered", "silent")
"""What is known of a source's day: outside the days its bills state, with rows, stated without rows, nothing known."""


def level(run: Run) -> str:
    """`no`: a file is not whole, days are missing, or a file was mostly not read; `reserved`: something to know; `yes`."""
    if broken_totals(run).height or gaps(run).height or unread(run).height:
        return "no"
    doubts = (run.table("quarantine"), repeated(run), stale(run), quiet(run), unfounded(run))
    if any(frame.height for frame in doubts) or run.summary["warnings"] or wanting(run).height:
        return "reserved"
    return "yes"


def files(run: Run) -> pl.DataFrame:
    """One row a file or zip member: the columns of `intake`, its channel and account, n_totals, n_broken."""
    totals = run.table("controls").group_by("member").agg(pl.len().alias("n_totals"), _differs().sum().alias("n_broken"))
    accounts = run.table("coverage").select("file", "channel", "account")
    return (
        run.table("intake")
        .join(totals.rename({"member": "file"}), on="file", how="left", validate="1:1", maintain_order="left")
        .join(accounts, on="file", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("n_totals", "n_broken").fill_null(0).cast(pl.Int64))
    )


def is_snapshot(tables: str) -> bool:
    """Whether a file of these tables, as `intake` writes them, holds orders or cases."""
    return bool({*tables.split(" + ")} & {*SNAPSHOTS})


def unread(run: Run) -> pl.DataFrame:
    """The files of which more than MOSTLY_SET_ASIDE of the rows are in quarantine."""
    return run.table("intake").filter(pl.col("rows_quarantined") > MOSTLY_SET_ASIDE * pl.col("rows_read"))


def broken_totals(run: Run) -> pl.DataFrame:
    """One row a total that does not agree, of files with a finding K06: a look-ahead file has none. Source: rulings 8, 9."""
    found = run.findings.filter(pl.col("code") == "K06")["key"].implode()
    return run.table("controls").filter(_differs(), pl.col("file").is_in(found))


def repeated(run: Run) -> pl.DataFrame:
    """The findings of a key that came twice; rows repeated by overlapping exports are none."""
    return run.findings.filter(pl.col("code") == "K05")


def unfounded(run: Run) -> pl.DataFrame:
    """The row of `ledger_ties` of lines that speak of a refund and do not say which; none where all of them do."""
    return run.table("ledger_ties").filter(pl.col("how") == "none")


def gaps(run: Run) -> pl.DataFrame:
    """One row a stretch that the bills of an account do not cover by their own statement: `coverage_gaps`, days it touches."""
    last = (pl.col("gap_until") - pl.duration(microseconds=1)).dt.date()
    return run.table("coverage_gaps").with_columns((last - pl.col("gap_from").dt.date()).dt.total_days().alias("days") + 1)


def days(run: Run) -> pl.DataFrame:
    """One row a source and day of the period up to as-of, every source with a dated table: what is known of the day.

    source (layout and account), layout_zh, layout_en, account (only where the layout has several), day, n (rows), state.
    """
    found = _dated(run)
    sources = found.select("source", "place", "layout_zh", "layout_en", "layout", "channel", "account").unique("source")
    several = pl.len().over("layout") > 1
    sources = sources.with_columns(pl.when(several).then("account").alias("shown")).sort("place", "source")
    grid = sources.join(_period_days(run), how="cross")
    rows = found.filter(pl.col("day").is_not_null()).group_by("source", "day").agg(pl.col("n").sum())
    stated = _touched(run.table("coverage").drop_nulls(["starts_at", "ends_at"]), "starts_at", "ends_at", ["file"])
    stated = stated.join(found.select("file", "source").unique(), on="file", how="inner", validate="m:1")
    missing = _touched(gaps(run), "gap_from", "gap_until", ["channel", "account"]).with_columns(is_missing=True)
    states_days = pl.col("source").is_in(stated["source"].unique().implode())
    state = (
        pl.when(pl.col("is_missing") & states_days)
        .then(pl.lit("missing"))
        .when(pl.col("n") > 0)
        .then(pl.lit("rows"))
        .when("is_covered")
        .then(pl.lit("covered"))
        .otherwise(pl.lit("silent"))
    )
    stated = stated.select("source", "day", pl.lit(value=True).alias("is_covered")).unique()
    return (
        grid.join(rows, on=["source", "day"], how="left", validate="1:1", maintain_order="left")
        .join(stated, on=["source", "day"], how="left", validate="1:1", maintain_order="left")
        .join(missing, on=["channel", "account", "day"], how="left", validate="m:1", maintain_order="left", nulls_equal=True)
        .with_columns(pl.col("n").fill_null(0), state.alias("state"))
        .select("source", "layout_zh", "layout_en", pl.col("shown").alias("account"), "day", "n", "state")
    )


def dated_files(run: Run) -> pl.DataFrame:
    """The rows of `files` whose first table happens on days, with source, place (of that table) and a true is_dated."""
    table = pl.col("table").str.split(" + ").list.first()
    place = {name: number for number, name in enumerate(HAPPENED_AT)}
    source = pl.concat_str("layout", pl.col("account").fill_null(""), separator="|")
    known = files(run).with_columns(source.alias("source"), table.replace_strict(place, default=None).alias("place"))
    return known.filter(pl.col("place").is_not_null()).with_columns(is_dated=True)


def quiet(run: Run) -> pl.DataFrame:
    """Sources that state no days and fall silent in the period for longer than ever elsewhere: since, until, n (days).

    Their longest silence is more than STALE_DAYS and more than twice the second longest of all their loaded days.
    """
    start, end = run.period.start, _last_day(run)
    stated = run.table("coverage").drop_nulls("starts_at")["file"].implode()
    found = _dated(run).filter(~pl.col("file").is_in(stated), pl.col("day").is_not_null())
    edges = pl.DataFrame({"day": [start - timedelta(days=1), end + timedelta(days=1)]}, schema={"day": pl.Date})
    known = found.select("source", "layout_zh", "layout_en", "account").unique("source")
    seen = pl.concat([found.select("source", "day"), known.select("source").join(edges, how="cross")])
    stretch = (
        seen.unique()
        .sort("source", "day")
        .with_columns(
            (pl.col("day").shift().over("source") + pl.duration(days=1)).alias("since"), until=pl.col("day") - pl.duration(days=1)
        )
        .with_columns((pl.col("until") - pl.col("since")).dt.total_days().alias("n") + 1)
    )
    inside = (pl.col("since") <= end) & (pl.col("until") >= start)
    longest = stretch.drop_nulls("n").sort("n", "since", descending=True).with_columns(rank=pl.int_range(pl.len()).over("source"))
    usual = longest.filter(pl.col("rank") == 1).select("source", pl.col("n").alias("usual"))
    return (
        longest.filter(pl.col("rank") == 0, inside, pl.col("n") > STALE_DAYS)
        .join(usual, on="source", how="left", validate="1:1")
        .filter(pl.col("n") > 2 * pl.col("usual").fill_null(0), pl.col("source").is_in(_with_rhythm(found).implode()))
        .join(known, on="source", how="left", validate="1:1")
        .select("source", "layout_zh", "layout_en", "account", "since", "until", "n")
        .sort("source")
    )


def snapshots(run: Run) -> pl.DataFrame:
    """One row a file of orders or cases, as of when its picture is.

    seen_at: when it was exported, else the latest instant in it; age_days: from then to as-of, negative when it is newer;
    n_open: rows loaded from it that are not final (null where its rows complete another file's); is_current: it has rows of the
    period.
    """
    opened = []
    for table, (column, states) in SNAPSHOTS.items():
        is_open = pl.col(column).is_in(states).sum().cast(pl.Int64).alias("n_open")
        opened.append(run.table(table).group_by(pl.col("source_file").alias("file")).agg(is_open))
    start, after = run.period.start, run.period.end
    current = (pl.col("first_at").dt.date() < after) & (pl.col("last_at").dt.date() >= start)
    return (
        run.table("intake")
        .filter(pl.any_horizontal(pl.col("table").str.split(" + ").list.contains(name) for name in SNAPSHOTS))
        .join(pl.concat(opened), on="file", how="left", validate="1:m", maintain_order="left")
        .with_columns(pl.coalesce("exported_at", "latest_at").alias("seen_at"), current.fill_null(False).alias("is_current"))
        .with_columns((pl.lit(run.as_of) - pl.col("seen_at").dt.date()).dt.total_days().alias("age_days"))
        .select("file", "layout", "layout_zh", "layout_en", "table", "rows_read", "seen_at", "age_days", "n_open", "is_current")
    )


def stale(run: Run) -> pl.DataFrame:
    """One row a layout whose newest picture of the period's orders or cases is older than STALE_DAYS at as-of: age_days."""
    current = snapshots(run).filter("is_current")
    return current.group_by("layout").agg(pl.col("age_days").min()).filter(pl.col("age_days") > STALE_DAYS).sort("layout")


def set_aside(run: Run) -> pl.DataFrame:
    """Quarantine by reason and column, most rows first: reason, column, n_files, n, amount_fen (Σ of the known, else null)."""
    amount = pl.col("amount_fen").abs()
    return (
        run.table("quarantine")
        .group_by("reason", "column")
        .agg(
            pl.col("file").n_unique().alias("n_files"),
            pl.len().cast(pl.Int64).alias("n"),
            pl.when(amount.count() > 0).then(amount.sum()).alias("amount_fen"),
        )
        .sort("n", "reason", "column", descending=[True, False, False], nulls_last=True)
    )


def tables(run: Run) -> pl.DataFrame:
    """One row a canonical table, in their order: table, n (rows loaded; null where not supplied), codes.

    `codes`: those not checked for want of it, or of one of its columns. A bill states payments too: where flows were
    supplied, payments are.
    """
    wanted = {
        code: [name.partition(".")[0] for name in re.split(r"\s*[,+]\s*", names)]
        for code, names in run.summary["not_checked"].items()
    }
    rows = [
        (name, run.table(name).height if _is_supplied(run, name) else None, [code for code in wanted if name in wanted[code]])
        for name in TABLES
    ]
    return pl.DataFrame(rows, schema={"table": pl.String, "n": pl.Int64, "codes": pl.List(pl.String)}, orient="row")


def wanting(run: Run) -> pl.DataFrame:
    """The rows of `tables` for want of which codes were not checked."""
    return tables(run).filter(pl.col("codes").list.len() > 0)


def _is_supplied(run: Run, name: str) -> bool:
    return run.has(name) or (name == "payments" and run.has("flows"))


def _differs() -> pl.Expr:
    return pl.col("stated") != pl.col("found")


def _dated(run: Run) -> pl.DataFrame:
    """`intake_days` with the source of each file; only files of a table whose rows happen on a day."""
    columns = ("file", "source", "place", "layout", "layout_zh", "layout_en", "channel", "account")
    known = dated_files(run).select(columns)
    return run.table("intake_days").join(known, on="file", how="inner", validate="m:1", maintain_order="left")


def _with_rhythm(found: pl.DataFrame) -> pl.Series:
    return found.group_by("source").agg(pl.col("day").n_unique()).filter(pl.col("day") >= RHYTHM_DAYS)["source"]


def _period_days(run: Run) -> pl.DataFrame:
    return pl.DataFrame({"day": pl.date_range(run.period.start, _last_day(run), eager=True)}, schema={"day": pl.Date})


def _last_day(run: Run) -> date:
    return min(run.period.last_day, run.as_of)


def _touched(spans: pl.DataFrame, start: str, end: str, by: list[str]) -> pl.DataFrame:
    """One row a day that a half-open span touches: `by`, day."""
    last = (pl.col(end) - pl.duration(microseconds=1)).dt.date()
    touched = spans.select(*by, pl.date_ranges(pl.col(start).dt.date(), last).alias("day"))
    return touched.explode("day").drop_nulls("day").unique(maintain_order=True)
