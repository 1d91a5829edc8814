"""How well the month reconciled, as KPIs: match rates, what is unexplained, open, booked late or lost. Pure.

Rows of `kpis` as the others are. Grain: the total, and match rates by pair, open amounts by age, losses by code.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import polars as pl

from recon_kit.pairs import PAIRS
from recon_kit.results import BUCKETS, KPIS, conform_result

BASES = {
    "match_rate_count": ("rows of both sides that are due a counterpart", "as_of"),
    "match_rate_amount": ("amount of the left rows that are due a counterpart", "as_of"),
    "unexplained_amount": ("C0 as booked less C0 as computed", "as_of"),
    "open_amount": ("gaps of primary findings, without sign", "as_of"),
    "late_booking_rate_amount": ("refund outflows of the period (B0)", "success_at"),
    "median_detect_hours": ("items first found in the period: from the event to the run's as-of day", "as_of"),
    "median_resolve_hours": ("items that ended in the period: from the run that found them", "cleared_on"),
    "recurrence_rate": ("items first found in the period", "as_of"),
    "leakage_rate": ("gross buyer_paid of the period's orders less its refunds (A0)", "as_of"),
}
"""KPI → what its denominator, or itself, counts, and by which date."""
NOT_DUE = ("excluded", "outside_window")
"""Reasons of unmatched rows that lack nothing: no counterpart is due, or none that a loaded file could hold."""
RECURS_DAYS = 90
"""Within so many days the same code of the same shop is a recurrence. Source: docs/method.md, KPIs."""
GOODS = frozenset(("receipts", "shipments"))
"""Without either of these nothing was looked for that could be lost."""


@dataclass(frozen=True)
class Outcomes:
    """What a run found, before it is told: the result tables and what the bridge came to (`ends_at`: its last side)."""

    matches: pl.DataFrame
    unmatched: pl.DataFrame
    findings: pl.DataFrame
    bridge: pl.DataFrame
    kpis: pl.DataFrame
    unexplained_fen: int | None
    ends_at: str | None


def build_recon_kpis(found: Outcomes, supplied: frozenset[str], as_of: date) -> pl.DataFrame:
    """The rows to add to `kpis`; a KPI whose sides are not among the `supplied` tables is left out, never zero."""
    return _told(pl.concat([_match_rates(found), *_findings(found, supplied)]), as_of)


def _told(rows: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """Rows with what they stand over, their date basis and their value."""
    about = pl.DataFrame([(kpi, *texts) for kpi, texts in BASES.items()], schema=["kpi", "base", "date_basis"], orient="row")
    rate = pl.when(pl.col("denominator") > 0).then(pl.col("numerator") / pl.col("denominator"))
    plain = pl.when(pl.col("denominator").is_null()).then(pl.col("numerator").cast(pl.Float64))
    named = rows.join(about, on="kpi", how="left", validate="m:1", maintain_order="left")
    return conform_result(
        named.with_columns(
            pl.coalesce(rate, plain).alias("value"), pl.lit(as_of).alias("as_of"), pl.lit(value=True).alias("is_mature")
        ),
        KPIS,
    )


def build_item_kpis(open_items: pl.DataFrame, known: pl.DataFrame, as_of: date) -> pl.DataFrame:
    """How fast differences are found and settled, and how many come back: rows to add to `kpis`.

    `known`: items of earlier periods. A new item recurs where one of its code and shop was first found within RECURS_DAYS before.
    What nothing was found, ended or known for is left out, never zero.
    """
    new, ended = open_items.filter(pl.col("origin") == "new"), open_items.filter(pl.col("cleared_on").is_not_null())
    rows = [
        _medians("median_detect_hours", new["first_seen_on"] - new["event_on"]),
        _medians("median_resolve_hours", ended["cleared_on"] - ended["first_seen_on"]),
    ]
    if known.height and new.height:
        lately = known.filter(pl.col("first_seen_on") >= as_of - timedelta(days=RECURS_DAYS)).select("code", "shop").unique()
        again = new.join(lately, on=["code", "shop"], how="semi", nulls_equal=True)
        rows.append(_rows("recurrence_rate", "count", "all", _single(again.height, new.height)))
    return _told(pl.concat(rows), as_of)


def _medians(kpi: str, spans: pl.Series) -> pl.DataFrame:
    """The median of day spans as hours; no row where there is none."""
    hours = spans.drop_nulls().dt.total_hours().quantile(0.5, "nearest")
    rows = _rows(kpi, "hours", "all", _single(int(hours or 0), None))
    return rows if hours is not None else rows.clear()


def _match_rates(found: Outcomes) -> pl.DataFrame:
    """Rows and amounts that found their counterpart, whatever the two differ by, over those that are due one.

    Amounts of pairs that compare money only, of the left side. Only the count has a total: the pairs speak of the same money.
    """
    placed = found.matches.select("pair", "side", "amount_fen", pl.lit(1, pl.Int64).alias("matched"))
    lone = found.unmatched.filter(~pl.col("reason").is_in(NOT_DUE)).select(
        "pair", "side", "amount_fen", pl.lit(0, pl.Int64).alias("matched")
    )
    rows = pl.concat([placed, lone])
    size = pl.col("amount_fen").abs()
    in_money = [name for name, pair in PAIRS.items() if pair.unit == "fen"]
    by_pair = rows.group_by(pl.col("pair").alias("member")).agg(pl.col("matched").sum(), pl.len().cast(pl.Int64).alias("due"))
    total = rows.select(pl.lit("all").alias("member"), pl.col("matched").sum(), pl.len().cast(pl.Int64).alias("due")).head(1)
    money = (
        rows.filter((pl.col("side") == "left") & pl.col("pair").is_in(in_money))
        .group_by(pl.col("pair").alias("member"))
        .agg((size * pl.col("matched")).sum().alias("matched"), size.sum().alias("due"))
        .filter(pl.col("due") > 0)
    )
    return pl.concat(
        [
            _rows("match_rate_count", "count", "all", total.filter(pl.col("due") > 0)),
            _rows("match_rate_count", "count", "pair", _in_order(by_pair)),
            _rows("match_rate_amount", "fen", "pair", _in_order(money)),
        ]
    )


def _in_order(rates: pl.DataFrame) -> pl.DataFrame:
    return rates.sort(pl.col("member").replace_strict({name: n for n, name in enumerate(PAIRS)}, return_dtype=pl.Int64))


def _findings(found: Outcomes, supplied: frozenset[str]) -> list[pl.DataFrame]:
    """What the primary findings leave open, booked late and lost, in fen."""
    primary = found.findings.filter(pl.col("primary_id").is_null())
    gap = pl.col("gap_fen").abs().sum()
    by_age = primary.filter(pl.col("gap_fen").is_not_null()).group_by(_bucket().alias("member")).agg(gap.alias("matched"))
    ages = pl.DataFrame({"member": list(BUCKETS)}).join(by_age, on="member", how="left", maintain_order="left", validate="1:1")
    undated = by_age.filter(pl.col("member").is_null())
    rows = [
        _rows("open_amount", "fen", "all", _single(int(primary.select(gap).item()), None)),
        _rows("open_amount", "fen", "age", pl.concat([ages, undated]).with_columns(pl.col("matched").fill_null(0), due=None)),
    ]
    if found.unexplained_fen is not None:
        rows.append(_rows("unexplained_amount", "fen", "all", _single(found.unexplained_fen, None)))
    if found.ends_at == "C0":
        late = int(primary.filter(pl.col("code") == "L05").select(gap).item())
        paid_out = int(found.bridge.filter(pl.col("line") == "B0")["amount_fen"].sum())
        rows.append(_rows("late_booking_rate_amount", "fen", "all", _single(late, paid_out)))
    sales = found.kpis.filter((pl.col("kpi") == "refund_rate_amount_period") & (pl.col("dimension") == "all"))
    if sales.height and supplied & GOODS:
        net = int((sales["denominator"] - sales["numerator"]).item())
        lost = primary.filter((pl.col("nature") != "timing") & (pl.col("loss_fen") != 0))
        by_code = lost.group_by(pl.col("code").alias("member")).agg(pl.col("loss_fen").sum().alias("matched")).sort("member")
        rows.append(_rows("leakage_rate", "fen", "all", _single(int(lost["loss_fen"].sum()), net)))
        rows.append(_rows("leakage_rate", "fen", "code", by_code.with_columns(due=net)))
    return rows


def _bucket() -> pl.Expr:
    """The bucket of a finding's age; null without an age."""
    age = pl.col("age_days")
    within = [pl.when(age <= last).then(pl.lit(name)) for name, last in BUCKETS.items() if last is not None]
    oldest = next(name for name, last in BUCKETS.items() if last is None)
    return pl.coalesce(*within, pl.when(age.is_not_null()).then(pl.lit(oldest)))


def _single(numerator: int, denominator: int | None) -> pl.DataFrame:
    return pl.DataFrame({"member": ["all"], "matched": [numerator], "due": [denominator]})


def _rows(kpi: str, unit: str, dimension: str, figures: pl.DataFrame) -> pl.DataFrame:
    """`figures`: member, matched (the numerator) and due (the denominator, null: none)."""
    return figures.select(
        pl.lit(kpi).alias("kpi"),
        pl.lit(dimension).alias("dimension"),
        pl.col("member").cast(pl.String),
        pl.col("matched").cast(pl.Int64).alias("numerator"),
        pl.col("due").cast(pl.Int64).alias("denominator"),
        pl.lit(unit).alias("unit"),
    )
