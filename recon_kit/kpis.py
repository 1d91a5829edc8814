"""KPIs, each with numerator, denominator, base, date basis and maturity: never a bare percentage. Source: docs/method.md."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recon_kit.collect import Tables
from recon_kit.dimensions import ADDITIVE, DIMENSIONS, OF_CASES, Members, members
from recon_kit.facts import Facts, Scope
from recon_kit.periods import Period
from recon_kit.results import KPI_MOVEMENTS, KPIS, conform_result, result_schema


@dataclass(frozen=True)
class Kpi:
    """One KPI: which frame its numerator sums over, and over which denominator (`paid`, `gmv`, `shipped`, or its own).

    `base` and `date_basis` say what is counted and by which date; a cohort matures `sla_days.kpi_maturity` days after the
    period.
    """

    name: str
    table: str
    numerator: Callable[[Scope], pl.Expr]
    denominator: str | Callable[[Scope], pl.Expr] | None
    unit: str
    base: str
    date_basis: str
    is_cohort: bool = False


def _count(condition: pl.Expr) -> pl.Expr:
    return condition.fill_null(False).sum()


def _success(scope: Scope) -> pl.Expr:
    return pl.col("is_refund") & pl.col("is_done") & scope.is_in("done_at")


def _ended(scope: Scope) -> pl.Expr:
    ended = pl.col("is_closed") | (pl.col("platform_status") == "success")
    return pl.col("is_refund") & ended & scope.is_in("ended_at") & scope.is_fact("ended_at")


def _final(condition: pl.Expr) -> pl.Expr:
    return pl.col("amount_fen").filter(condition.fill_null(False)).sum()


def _lasted(chosen: pl.Expr) -> pl.Expr:
    """Seconds from application to the end of the chosen cases."""
    return (pl.col("done_at") - pl.col("applied_at")).filter(chosen.fill_null(False)).dt.total_seconds()


def _hours(chosen: pl.Expr) -> pl.Expr:
    return _lasted(chosen).sum() // 3600


def _hour_quantile(share: float) -> Callable[[Scope], pl.Expr]:
    return lambda s: (_lasted(_success(s)).quantile(share, "nearest") // 3600).fill_null(0).cast(pl.Int64)


def _self_ended(scope: Scope, kind: str) -> pl.Expr:
    """Success cases of a kind that no platform decided."""
    return _success(scope) & (pl.col("kind") == kind) & (pl.col("decided_by").fill_null("merchant") != "platform")


_ORDERS = "orders paid in the period, without gift and price_difference orders"
_GMV = "gross buyer_paid of those orders"
KPI_LIST: tuple[Kpi, ...] = (
    Kpi("paid_orders", "orders", lambda _: _count(pl.col("is_base")), None, "count", _ORDERS, "paid_at"),
    Kpi(
        "paid_gmv", "orders", lambda _: pl.col("buyer_paid_fen").filter(pl.col("is_base")).sum(), None, "fen", _ORDERS, "paid_at"
    ),
    Kpi(
        "shipped_orders",
        "orders",
        lambda s: _count(pl.col("is_base") & s.is_fact("shipped_at")),
        None,
        "count",
        _ORDERS,
        "paid_at",
    ),
    Kpi(
        "aftersales_rate_period",
        "cases",
        lambda s: pl.struct("platform_key", "order_id").filter(s.is_in("applied_at")).n_unique(),
        "paid",
        "count",
        _ORDERS,
        "applied_at",
    ),
    Kpi(
        "aftersales_rate_cohort",
        "orders",
        lambda _: _count(pl.col("is_base") & pl.col("has_case")),
        "paid",
        "count",
        _ORDERS,
        "paid_at",
        True,
    ),
    Kpi(
        "aftersales_rate_postship_cohort",
        "orders",
        lambda s: _count(pl.col("is_base") & s.is_fact("shipped_at") & pl.col("has_case")),
        "shipped",
        "count",
        "shipped orders among those paid in the period",
        "paid_at",
        True,
    ),
    Kpi(
        "return_amount_period",
        "cases",
        lambda s: _final(_success(s) & (pl.col("kind") == "return_refund")),
        None,
        "fen",
        "return_refund cases",
        "completed_at",
    ),
    Kpi("refund_rate_count_period", "cases", lambda s: _count(_success(s)), "paid", "count", _ORDERS, "completed_at"),
    Kpi("refund_rate_amount_period", "cases", lambda s: _final(_success(s)), "gmv", "fen", _GMV, "completed_at"),
    Kpi(
        "refund_rate_amount_cohort",
        "orders",
        lambda _: pl.col("case_fen").filter(pl.col("is_base")).sum(),
        "gmv",
        "fen",
        _GMV,
        "paid_at",
        True,
    ),
    Kpi(
        "return_rate_period",
        "cases",
        lambda s: _count(_success(s) & (pl.col("kind") == "return_refund")),
        "paid",
        "count",
        _ORDERS,
        "completed_at",
    ),
    Kpi(
        "quality_refund_rate_period",
        "cases",
        lambda s: _count(_success(s) & pl.col("is_quality")),
        "paid",
        "count",
        _ORDERS,
        "completed_at",
    ),
    Kpi(
        "dispute_refund_rate_period",
        "cases",
        lambda s: _count(_success(s) & (pl.col("decided_by") == "platform")),
        "paid",
        "count",
        _ORDERS,
        "completed_at",
    ),
    Kpi(
        "avg_refund_hours_period",
        "cases",
        lambda s: _hours(_success(s)),
        lambda s: _count(_success(s)),
        "hours",
        "success refund cases",
        "completed_at",
    ),
    Kpi("median_refund_hours_period", "cases", _hour_quantile(0.5), None, "hours", "success refund cases", "completed_at"),
    Kpi("p90_refund_hours_period", "cases", _hour_quantile(0.9), None, "hours", "success refund cases", "completed_at"),
    *(
        Kpi(
            f"self_{kind}_hours_period",
            "cases",
            lambda s, kind=kind: _hours(_self_ended(s, kind)),  # type: ignore[misc]
            lambda s, kind=kind: _count(_self_ended(s, kind)),  # type: ignore[misc]
            "hours",
            f"success {kind} cases that no platform decided",
            "completed_at",
        )
        for kind in ("refund_only", "return_refund")
    ),
    Kpi(
        "intervention_rate_period",
        "cases",
        lambda s: (
            pl.struct("platform_key", "order_id")
            .filter((s.is_in("applied_at") & (pl.col("decided_by") == "platform")).fill_null(False))
            .n_unique()
        ),
        "paid",
        "count",
        _ORDERS,
        "applied_at",
    ),
    Kpi(
        "self_finish_rate_period",
        "cases",
        lambda s: _count(_ended(s) & (pl.col("decided_by").fill_null("merchant") != "platform")),
        lambda s: _count(_ended(s)),
        "count",
        "ended refund cases, closed included",
        "completed_at",
    ),
    Kpi("complaint_rate_period", "complaints", lambda s: _count(s.is_in("opened_at")), "paid", "count", _ORDERS, "opened_at"),
)
_PLAIN = [kpi.name for kpi in KPI_LIST if kpi.denominator is None]
_NEEDS = {"orders": "orders", "cases": "aftersales", "complaints": "complaints"}


def build_kpis(facts: Facts, tables: Tables) -> pl.DataFrame:
    """The `kpis` table: dimension "all", then every dimension that a table states. KPIs without their table are left out."""
    scope = facts.scope
    mature_on = scope.period.end + timedelta(days=scope.config.sla_days.kpi_maturity)
    top, below = pl.col("numerator"), pl.col("denominator")
    rate = pl.when(below > 0).then(top / below).when(pl.col("kpi").is_in(_PLAIN)).then(top.cast(pl.Float64))
    about = pl.DataFrame(
        {
            "kpi": [kpi.name for kpi in KPI_LIST],
            "unit": [kpi.unit for kpi in KPI_LIST],
            "base": [kpi.base for kpi in KPI_LIST],
            "date_basis": [kpi.date_basis for kpi in KPI_LIST],
            "is_mature": [not kpi.is_cohort or scope.as_of >= mature_on for kpi in KPI_LIST],
        }
    )
    figures = build_figures(facts, tables, scope, ("all", *DIMENSIONS))
    table = figures.join(about, on="kpi", how="left", validate="m:1", maintain_order="left")
    return conform_result(table.with_columns(rate.alias("value"), pl.lit(scope.as_of).alias("as_of")), KPIS)


def build_movements(facts: Facts, tables: Tables) -> pl.DataFrame:
    """Why each KPI's numerator moved against the period before: `kpi_movements`, whose parts sum to the movement, exactly.

    `volume` is what more or fewer orders (or money) would have moved it at the old rate, `rate` the rest; KPIs without a
    denominator move by volume alone. Only KPIs of cases, and the dimensions under one member of which each case stands. Both
    periods as known today. Empty where the period before was not loaded (`is_loaded`).
    """
    scope = facts.scope
    before = Scope(scope.config, scope.period.previous(), scope.as_of)
    dimensions = ("all", *(name for name in DIMENSIONS if name in ADDITIVE))
    if not is_loaded(facts, before.period):
        return pl.DataFrame(schema=result_schema(KPI_MOVEMENTS))
    now, then = (build_figures(facts, tables, each, dimensions) for each in (scope, before))
    moving = [kpi.name for kpi in KPI_LIST if kpi.table == "cases" and not kpi.name.startswith(("median_", "p90_"))]
    key = ["kpi", "dimension", "member"]
    both = (
        now.filter(pl.col("kpi").is_in(moving))
        .join(
            then.filter(pl.col("kpi").is_in(moving)),
            on=key,
            how="full",
            coalesce=True,
            validate="1:1",
            suffix="_before",
            nulls_equal=True,
        )
        .with_columns(pl.col("numerator", "numerator_before", "denominator", "denominator_before").fill_null(0))
    )
    moved, was = pl.col("numerator") - pl.col("numerator_before"), pl.col("denominator_before")
    at_old_rate = (pl.col("denominator") - was).cast(pl.Float64) * pl.col("numerator_before") / was
    is_volume = pl.col("kpi").is_in(_PLAIN) | (was == 0)
    volume = pl.when(is_volume).then(moved).otherwise(at_old_rate.round().cast(pl.Int64, strict=False))
    return conform_result(
        both.with_columns(moved.alias("movement"), volume.alias("volume"))
        .with_columns((pl.col("movement") - pl.col("volume")).alias("rate"))
        .sort(*key, nulls_last=True),
        KPI_MOVEMENTS,
    )


def is_loaded(facts: Facts, period: Period) -> bool:
    """Whether a period is there to compare with: orders were paid in its first half. Look-back rows alone lie at its end."""
    paid = facts.orders.filter(period.contains("paid_at"))["paid_at"].dt.date()
    middle = period.start + timedelta(days=period.days // 2)
    return bool((paid < middle).any())


def build_figures(facts: Facts, tables: Tables, scope: Scope, dimensions: Sequence[str]) -> pl.DataFrame:
    """Numerator and denominator of every KPI that is due, one row per dimension and member."""
    due = [kpi for kpi in KPI_LIST if {_NEEDS[kpi.table], "orders"} <= facts.supplied]
    orders, complaints = _order_base(facts, scope), _with_order(tables.complaints, facts)
    sums_of = _sums(due, scope)
    found = []
    for dimension in dimensions:
        split = None if dimension == "all" else members(dimension, facts, tables)
        if dimension != "all" and split is None:
            continue
        here = [kpi for kpi in due if kpi.table == "cases"] if dimension in OF_CASES else due
        frames = _split(split, orders, facts, complaints)
        named = {"cases": frames["cases"]} if dimension in OF_CASES else frames
        sums = _sum_by(sums_of, named, is_whole=split is None)
        if dimension in OF_CASES:  # orders have no such member: the rates stand over all of them
            of_all = _sum_by(sums_of, {"orders": orders}, is_whole=True)
            sums = sums.with_columns(pl.lit(int(of_all[name].item() or 0)).alias(name) for name in _BASES)
        found += [_pick(here, dimension, sums)] if here else []
    return pl.concat([pl.DataFrame(schema=_FIGURES), *found])


_BASES = ("paid", "gmv", "shipped")
_FIGURES = {
    "kpi": pl.String(),
    "dimension": pl.String(),
    "member": pl.String(),
    "numerator": pl.Int64(),
    "denominator": pl.Int64(),
}


def _split(split: Members | None, orders: pl.DataFrame, facts: Facts, complaints: pl.DataFrame) -> dict[str, pl.DataFrame]:
    """The frames of the KPIs with their `member`; an order's money is that of the member's lines where these are known."""
    cases = facts.cases
    if split is None:
        return {"orders": orders, "cases": cases, "complaints": complaints}
    base = orders.filter("is_base").join(split.orders, on="o", how="inner" if split.orders.height else "left")
    by_order = split.orders.select("o", "member").unique()
    return {
        "orders": base.with_columns(pl.coalesce("paid_fen", "buyer_paid_fen").alias("buyer_paid_fen"))
        if split.orders.height
        else base.clear(),
        "cases": cases.join(split.cases, on="c", how="inner", validate="1:m"),
        "complaints": complaints.join(by_order, on="o", how="left"),
    }


def _pick(kpis: Sequence[Kpi], dimension: str, sums: pl.DataFrame) -> pl.DataFrame:
    """One row per KPI and member, KPI by KPI."""
    pairs = [
        pl.struct(
            pl.col(f"{kpi.name} top").fill_null(0).cast(pl.Int64).alias("numerator"),
            pl.lit(None, pl.Int64).alias("denominator")
            if kpi.denominator is None
            else pl.col(kpi.denominator if isinstance(kpi.denominator, str) else f"{kpi.name} below")
            .fill_null(0)
            .cast(pl.Int64)
            .alias("denominator"),
        ).alias(kpi.name)
        for kpi in kpis
    ]
    long = sums.select("member", *pairs).unpivot(index="member", variable_name="kpi", value_name="figures").unnest("figures")
    return long.select("kpi", pl.lit(dimension).alias("dimension"), "member", "numerator", "denominator")


def _sums(due: Sequence[Kpi], scope: Scope) -> dict[str, list[pl.Expr]]:
    """Per frame, every numerator (`… top`) and denominator (`… below`, paid, gmv, shipped) of the KPIs."""
    base = pl.col("is_base")
    found: dict[str, list[pl.Expr]] = {
        "orders": [
            _count(base).alias("paid"),
            pl.col("buyer_paid_fen").filter(base).sum().alias("gmv"),
            _count(base & scope.is_fact("shipped_at")).alias("shipped"),
        ]
    }
    for kpi in due:
        sums = found.setdefault(kpi.table, [])
        sums.append(kpi.numerator(scope).alias(f"{kpi.name} top"))
        if callable(kpi.denominator):
            sums.append(kpi.denominator(scope).alias(f"{kpi.name} below"))
    return found


def _sum_by(sums_of: Mapping[str, list[pl.Expr]], frames: Mapping[str, pl.DataFrame], *, is_whole: bool = False) -> pl.DataFrame:
    """One row per member: every numerator and denominator, each frame summed once; members in order, null last."""
    whole = pl.DataFrame({"member": ["all"]} if is_whole else [], schema={"member": pl.String})
    for name, frame in frames.items():
        if values := sums_of.get(name):
            sums = (
                frame.select(pl.lit("all").alias("member"), *values).head(1) if is_whole else frame.group_by("member").agg(values)
            )
            whole = whole.join(sums, on="member", how="full", coalesce=True, nulls_equal=True, validate="1:1")
    return whole.sort("member", nulls_last=True)


def _order_base(facts: Facts, scope: Scope) -> pl.DataFrame:
    """Orders with `is_base` (in the denominator), `has_case` (applied by as-of) and `case_fen` (success refunds by as-of)."""
    per_order = (
        facts.cases.filter(pl.col("o").is_not_null())
        .group_by("o")
        .agg(
            scope.is_fact("applied_at").any().alias("has_case"), _final(pl.col("is_refund") & pl.col("is_done")).alias("case_fen")
        )
    )
    return facts.orders.join(per_order, on="o", how="left", validate="1:1").with_columns(
        (scope.is_in("paid_at") & ~pl.col("kind").is_in(["gift", "price_difference"])).alias("is_base"),
        pl.col("has_case").fill_null(False),
        pl.col("case_fen").fill_null(0),
    )


def _with_order(complaints: pl.DataFrame | None, facts: Facts) -> pl.DataFrame:
    """Complaints with the number of their order; null where they name none, or one that two platforms have."""
    if complaints is None:
        return pl.DataFrame(schema={"opened_at": pl.Datetime("us", "Asia/Shanghai"), "o": pl.Int64})
    ids = facts.orders.select("order_id", "o").unique("order_id", keep="none")
    return complaints.join(ids, on="order_id", how="left", validate="m:1")
