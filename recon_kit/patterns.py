"""Unusual patterns: a product, shop, reason or approver against its own earlier rates. An observation beside the codes.

Nothing here is a discrepancy or enters a total. Each member's count of this period is compared with its own count of earlier
periods by an exact test that is sound for small counts, is made stricter where periods scatter more than chance, and is
multiplied by the number of members tried. Source: docs/method.md, Unusual patterns.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from recon_kit.dimensions import OF_CASES, members
from recon_kit.facts import Facts, Scope, build_facts
from recon_kit.kpis import build_figures, is_loaded
from recon_kit.periods import Period
from recon_kit.record import Run
from recon_kit.replay import Recalled, recall

LOOK_BACK = 12
"""Earlier periods that are looked at, at most: a year of months."""
ENOUGH = 0.05
"""A member is shown when chance alone would bring fewer such members than this, of all that were tried together."""
NOTABLE = 1.25
"""And when its rate is at least so many times the usual one, or the usual one its own: a large shop's least move is no news."""


MOVES = 0.2
"""What a rate is taken to move from period to period by itself, as a share of it, where one earlier period cannot show it."""


@dataclass(frozen=True)
class Measure:
    """What is looked at of each member of a dimension: `kpi` names the rate, `looks_at` by what its cases are split first."""

    dimension: str
    kpi: str
    looks_at: str


AFTERSALES = "aftersales_rate_period"
"""Orders with a case applied for in the period over orders paid in it."""
WITHOUT_GOODS = "refund_only_share_period"
"""Of the cases an approver agreed to in the period, those that give money and want no goods back."""
MEASURES = (
    Measure("sku", AFTERSALES, "reason_group"),
    Measure("shop", AFTERSALES, "sku"),
    Measure("reason_group", AFTERSALES, "sku"),
    Measure("approver", WITHOUT_GOODS, "reason_group"),
)


@dataclass(frozen=True)
class Patterns:
    """What was compared and what stands out.

    `compared`: a row a measure: dimension, kpi, n_tried (members with earlier periods), n_new (members without), periods
    (the earlier ones, oldest first), n_found. `found`: a row a member that stands out, least likely first: dimension, kpi,
    member, numerator, denominator, rate, usual_numerator, usual_denominator, usual_rate, n_periods, expected (the count at
    the usual rate), scatter, chance (so many members like it would chance bring among all tried), looks_at, look_member,
    look_n, look_of (of its look_of cases, look_n are of look_member; null where it has none).
    """

    compared: pl.DataFrame
    found: pl.DataFrame


def find_patterns(run: Run) -> Patterns:
    """Compare every member of every measure with its own earlier periods: those kept in `kpi_history`, else those loaded."""
    recalled = recall(run)
    return compare_members(recalled, build_facts(recalled.collected, recalled.scope))


def compare_members(recalled: Recalled, facts: Facts) -> Patterns:
    """The same of facts that are tied already."""
    scope, history = facts.scope, recalled.collected.tables.kpi_history
    figures = pl.concat([_computed(recalled, facts, period) for period in _periods(facts)])
    is_now = pl.col("period") == scope.period.text
    figures = _completed(pl.concat([figures.filter(is_now), _with_kept(figures.filter(~is_now), history, scope)]))
    now, before = figures.filter(is_now).drop("period"), figures.filter(~is_now)
    judged = judge(now, before)
    found = judged.filter("is_unusual").sort("chance", "dimension", "member")
    named = found.select("dimension", "member").iter_rows()
    looked = [_look_at(dimension, member, facts, recalled) for dimension, member in named]
    look = pl.DataFrame(looked, schema=_LOOK, orient="row")
    return Patterns(_compared(judged, before, now), pl.concat([found.drop("is_unusual"), look], how="horizontal"))


_FIGURES = {
    "period": pl.String,
    "dimension": pl.String,
    "kpi": pl.String,
    "member": pl.String,
    "numerator": pl.Int64,
    "denominator": pl.Int64,
}
_LOOK = {"looks_at": pl.String, "look_member": pl.String, "look_n": pl.Int64, "look_of": pl.Int64}


def _periods(facts: Facts) -> list[Period]:
    """This period, and the ones before it that were loaded without a gap."""
    found = [facts.scope.period]
    while len(found) <= LOOK_BACK and is_loaded(facts, found[-1].previous()):
        found.append(found[-1].previous())
    return found


def _computed(recalled: Recalled, facts: Facts, period: Period) -> pl.DataFrame:
    """The figures of one period as known today: a row a measure and member; members without a name are left out."""
    scope = Scope(facts.scope.config, period, facts.scope.as_of)
    rates = build_figures(facts, recalled.collected.tables, scope, [m.dimension for m in MEASURES if m.kpi == AFTERSALES])
    rates = rates.filter(pl.col("kpi") == AFTERSALES).drop_nulls("member")
    agreed = facts.cases.filter(scope.is_in("approved_at")).drop_nulls("approver")
    shares = agreed.group_by(pl.col("approver").alias("member")).agg(
        (pl.col("kind") == "refund_only").sum().cast(pl.Int64).alias("numerator"), pl.len().cast(pl.Int64).alias("denominator")
    )
    shares = shares.with_columns(dimension=pl.lit("approver"), kpi=pl.lit(WITHOUT_GOODS)).sort("member")
    both = pl.concat([rates.select(list(_FIGURES)[1:]), shares.select(list(_FIGURES)[1:])])
    return both.select(pl.lit(period.text).alias("period"), pl.all()).cast(_FIGURES)  # type: ignore[arg-type]


def _with_kept(computed: pl.DataFrame, history: pl.DataFrame | None, scope: Scope) -> pl.DataFrame:
    """Earlier figures: a period and measure that somebody kept counts as kept, since what was reported is not recomputed."""
    if history is None:
        return computed
    wanted, period = pl.DataFrame(MEASURES).select("dimension", "kpi"), scope.period
    earlier = []
    for _ in range(LOOK_BACK):
        period = period.previous()
        earlier.append(period.text)
    kept = (
        history.join(wanted, on=["dimension", "kpi"], how="semi")
        .filter(pl.col("period").is_in(earlier))
        .drop_nulls(["member", "denominator"])
    )
    rest = computed.join(kept, on=["period", "dimension", "kpi"], how="anti")
    return pl.concat([kept.select(_FIGURES.keys()), rest])


def _completed(figures: pl.DataFrame) -> pl.DataFrame:
    """A reason without cases in a period has none of all its orders: a row with zero, where the period knows any reason."""
    of_cases = pl.col("dimension").is_in(list(OF_CASES))
    known = figures.filter(of_cases)
    whole = known.group_by("period", "dimension", "kpi").agg(pl.col("denominator").max())
    every = whole.join(known.select("dimension", "kpi", "member").unique(), on=["dimension", "kpi"], how="inner", validate="m:m")
    missing = every.join(known, on=["period", "dimension", "kpi", "member"], how="anti").with_columns(
        numerator=pl.lit(0, pl.Int64)
    )
    return pl.concat([figures, missing.select(figures.columns)]).sort("period", "dimension", "kpi", "member")


def judge(now: pl.DataFrame, before: pl.DataFrame) -> pl.DataFrame:
    """One row a member that has earlier periods: its figures now and as usual, `scatter`, `chance` and `is_unusual`.

    `now`: dimension, kpi, member, numerator, denominator; `before`: the same by period. One without orders (or approvals) now
    cannot be judged and is left out.
    """
    key = ["dimension", "kpi", "member"]
    usual = before.group_by(key).agg(
        pl.col("numerator").sum().alias("usual_numerator"),
        pl.col("denominator").sum().alias("usual_denominator"),
        pl.col("period").n_unique().cast(pl.Int64).alias("n_periods"),
    )
    both = (
        now.join(usual, on=key, how="inner", validate="1:1")
        .filter((pl.col("denominator") > 0) & (pl.col("usual_denominator") > 0))
        .join(_scatter(before), on=key, how="left", validate="1:1")
        .with_columns(
            (pl.col("numerator") / pl.col("denominator")).alias("rate"),
            (pl.col("usual_numerator") / pl.col("usual_denominator")).alias("usual_rate"),
        )
        .with_columns((pl.col("usual_rate") * pl.col("denominator")).alias("expected"))
        .with_columns(pl.coalesce("scatter", 1 + MOVES**2 * pl.col("expected")).alias("scatter"))
        .sort(key)
    )
    counts = ["numerator", "denominator", "usual_numerator", "usual_denominator", "scatter"]
    alone = pl.Series("alone", [chance_of(*row) for row in both.select(counts).iter_rows()], dtype=pl.Float64)
    high, low = pl.max_horizontal("rate", "usual_rate"), pl.min_horizontal("rate", "usual_rate")
    chance = (alone * both.height).alias("chance")
    columns = [*key, "numerator", "denominator", "rate", "usual_numerator", "usual_denominator", "usual_rate", "n_periods"]
    return both.with_columns(chance).select(
        *columns, "expected", "scatter", "chance", ((pl.col("chance") <= ENOUGH) & (high >= NOTABLE * low)).alias("is_unusual")
    )


def _scatter(before: pl.DataFrame) -> pl.DataFrame:
    """How many times more each member's periods scatter than chance would: its own or its dimension's, and at least once.

    The sum of (found − expected)² / expected over the periods, by degrees of freedom (Pearson); null where no member of the
    dimension has a second period, so that nothing is known of it.
    """
    key = ["dimension", "kpi", "member"]
    expected = pl.col("numerator").sum().over(key) / pl.col("denominator").sum().over(key) * pl.col("denominator")
    parts = before.with_columns(expected.alias("expected")).filter(pl.col("expected") > 0)
    squares = ((pl.col("numerator") - pl.col("expected")) ** 2 / pl.col("expected")).sum().alias("squares")
    own = parts.group_by(key).agg(squares, (pl.len().cast(pl.Int64) - 1).alias("free"))
    ratio = pl.when(pl.col("free") > 0).then(pl.col("squares") / pl.col("free"))
    of_dimension = own.group_by("dimension", "kpi").agg(pl.col("squares", "free").sum()).select("dimension", "kpi", whole=ratio)
    scatter = pl.when(pl.col("whole").is_not_null()).then(pl.max_horizontal(ratio, "whole", pl.lit(1.0)))
    return (
        before.select(key)
        .unique()
        .join(own, on=key, how="left", validate="1:1")
        .join(of_dimension, on=["dimension", "kpi"], how="left", validate="m:1")
        .select(*key, scatter.alias("scatter"))
    )


def chance_of(found: int, base: int, usual: int, usual_base: int, scatter: float = 1.0) -> float:
    """How likely a count so far from the usual one is, in either direction, if the rate has not changed (two-sided, exact).

    Of all `found + usual` cases each is of this period with probability base / (base + usual_base), when the rate is the
    same: so the uncertainty of a short history counts too. Source: Przyborowski and Wilenski, Biometrika 31 (1940).
    `scatter` divides the counts, rounded away from the finding.
    """
    share = base / (base + usual_base)
    is_high = found >= share * (found + usual)
    less, more = math.floor, math.ceil
    now, then = (less(found / scatter), more(usual / scatter)) if is_high else (more(found / scatter), less(usual / scatter))
    tail = upper_tail(now, now + then, share) if is_high else upper_tail(then, now + then, 1 - share)
    return min(1.0, 2 * tail)


def upper_tail(successes: int, trials: int, probability: float) -> float:
    """P(X ≥ successes) of a binomial, each term from the one before; 1 at the mean or below it, where nothing is unlikely."""
    if successes <= trials * probability:
        return 1.0
    ways = math.lgamma(trials + 1) - math.lgamma(successes + 1) - math.lgamma(trials - successes + 1)
    term = math.exp(ways + successes * math.log(probability) + (trials - successes) * math.log1p(-probability))
    total, odds = term, probability / (1 - probability)
    for count in range(successes, trials):
        term *= (trials - count) / (count + 1) * odds
        total += term
        if term < total * 1e-17:
            break
    return min(total, 1.0)


def _compared(judged: pl.DataFrame, before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """What each measure was compared with; all of them are there, also those without a figure."""
    key = ["dimension", "kpi"]
    counts = judged.group_by(key).agg(
        pl.len().cast(pl.Int64).alias("n_tried"), pl.col("is_unusual").sum().cast(pl.Int64).alias("n_found")
    )
    periods = before.group_by(key).agg(pl.col("period").unique().sort().alias("periods"))
    known = before.select(*key, "member").unique()
    new = now.join(known, on=[*key, "member"], how="anti").group_by(key).agg(pl.len().cast(pl.Int64).alias("n_new"))
    frame = pl.DataFrame(MEASURES).select(key)
    for found in (counts, new, periods):
        frame = frame.join(found, on=key, how="left", validate="1:1", maintain_order="left")
    return frame.with_columns(pl.col("n_tried", "n_found", "n_new").fill_null(0), pl.col("periods").fill_null([]))


def _look_at(dimension: str, member: str, facts: Facts, recalled: Recalled) -> tuple[str, str | None, int, int]:
    """What most of the member's cases of this period have in common, by the column that its measure looks at first."""
    measure = next(m for m in MEASURES if m.dimension == dimension)
    cases, scope = facts.cases, facts.scope
    if dimension == "approver":
        mine = cases.filter(scope.is_in("approved_at") & (pl.col("approver") == member) & (pl.col("kind") == "refund_only"))
    else:
        mine = cases.filter(scope.is_in("applied_at")).join(_cases_of(dimension, facts, recalled, member), on="c", how="semi")
    split = members(measure.looks_at, facts, recalled.collected.tables)
    if split is None:
        return measure.looks_at, None, 0, mine.height
    named = mine.select("c").join(split.cases, on="c", how="inner").drop_nulls("member")
    top = named.group_by("member").len().sort("len", "member", descending=[True, False])
    first, n = top.row(0) if top.height else (None, 0)
    return measure.looks_at, first, n, mine.height


def _cases_of(dimension: str, facts: Facts, recalled: Recalled, member: str) -> pl.DataFrame:
    split = members(dimension, facts, recalled.collected.tables)
    return facts.cases.select("c").clear() if split is None else split.cases.filter(pl.col("member") == member)
