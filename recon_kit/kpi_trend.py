"""Thirteen months of each KPI of the whole: as computed now, else as the user kept it. Nothing is interpolated."""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from recon_kit.collect import Tables
from recon_kit.facts import Facts, Scope
from recon_kit.kpis import KPI_LIST, build_figures, is_loaded
from recon_kit.periods import Period
from recon_kit.results import KPI_TREND, conform_result

MONTHS = 13
"""This month, and every one back to the same month of last year."""


def build_trend(facts: Facts, tables: Tables, kpis: pl.DataFrame) -> pl.DataFrame:
    """`kpi_trend`: one row per KPI and month that is known, oldest first; empty where the period is no month.

    This month is that of `kpis`. Earlier ones are what `kpi_history` states; the month before is computed where it states none
    and the month was loaded (`kpis.is_loaded`). `is_mature` as of this run.
    """
    scope = facts.scope
    if not re.fullmatch(r"\d{4}-\d{2}", scope.period.text):
        return conform_result(pl.DataFrame(schema={"kpi": pl.String}), KPI_TREND)
    before = scope.period.previous()
    wanted = ["kpi", "period", "numerator", "denominator", "source"]
    parts = [
        kpis.filter(pl.col("dimension") == "all").with_columns(period=pl.lit(scope.period.text), source=pl.lit("computed")),
        _kept(tables.kpi_history, scope.period),
        _computed(facts, tables, before),
    ]
    known = pl.concat([part.select(wanted) for part in parts]).unique(["kpi", "period"], keep="first", maintain_order=True)
    order = {kpi.name: place for place, kpi in enumerate(KPI_LIST)}
    top, below = pl.col("numerator"), pl.col("denominator")
    value = pl.when(below > 0).then(top / below).when(below.is_null()).then(top.cast(pl.Float64))
    mature = known.with_columns(value=value).join(
        _maturity(scope, known["period"]), on=["kpi", "period"], how="left", validate="1:1"
    )
    ordered = mature.sort(pl.col("kpi").replace_strict(order, default=len(order), return_dtype=pl.Int64), "kpi", "period")
    return conform_result(ordered, KPI_TREND)


def _kept(history: pl.DataFrame | None, period: Period) -> pl.DataFrame:
    """What the user kept of the whole, of the months before this one and not older than the trend."""
    oldest = period
    for _ in range(MONTHS - 1):
        oldest = oldest.previous()
    if history is None:
        return pl.DataFrame(schema=_PART)
    whole = (pl.col("dimension") == "all") & pl.col("kpi").is_in([kpi.name for kpi in KPI_LIST])
    inside = (pl.col("period") >= oldest.text) & (pl.col("period") < period.text)
    return history.filter(whole & inside).with_columns(source=pl.lit("kept"))


def _computed(facts: Facts, tables: Tables, before: Period) -> pl.DataFrame:
    if not is_loaded(facts, before):
        return pl.DataFrame(schema=_PART)
    scope = Scope(facts.scope.config, before, facts.scope.as_of)
    figures = build_figures(facts, tables, scope, ("all",))
    return figures.with_columns(period=pl.lit(before.text), source=pl.lit("computed"))


_PART = {
    "kpi": pl.String(),
    "period": pl.String(),
    "numerator": pl.Int64(),
    "denominator": pl.Int64(),
    "source": pl.String(),
}


def _maturity(scope: Scope, periods: pl.Series) -> pl.DataFrame:
    """Whether each KPI of each month is mature as of this run: a cohort is, once its days have passed."""
    ends = pl.DataFrame({"period": periods.unique().sort()}).with_columns(
        end=pl.col("period").str.to_date("%Y-%m").dt.offset_by("1mo")
    )
    kinds = pl.DataFrame({"kpi": [k.name for k in KPI_LIST], "is_cohort": [k.is_cohort for k in KPI_LIST]})
    passed = pl.col("end") + timedelta(days=scope.config.sla_days.kpi_maturity) <= scope.as_of
    return ends.join(kinds, how="cross").select("kpi", "period", (~pl.col("is_cohort") | passed).alias("is_mature"))
