"""KPIs, each with numerator, denominator, base, date basis and maturity: never a bare percentage. Source: docs/method.md."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recon_kit.facts import Facts, Scope
from recon_kit.results import KPIS, conform_result, result_schema

DIMENSIONS = ("platform", "shop")


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


def _hours(scope: Scope) -> pl.Expr:
    return (pl.col("done_at") - pl.col("applied_at")).filter(_success(scope)).dt.total_seconds().sum() // 3600


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
        "avg_refund_hours_period", "cases", _hours, lambda s: _count(_success(s)), "hours", "success refund cases", "completed_at"
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


def build_kpis(facts: Facts, complaints: pl.DataFrame | None) -> pl.DataFrame:
    """The `kpis` table: dimension "all", then by platform and shop. A KPI whose table was not supplied is left out."""
    scope = facts.scope
    frames = {"orders": _order_base(facts), "cases": facts.cases, "complaints": _with_shop(complaints, facts)}
    due = [kpi for kpi in KPI_LIST if {_NEEDS[kpi.table], "orders"} <= facts.supplied]
    mature_on = scope.period.end + timedelta(days=scope.config.sla_days.kpi_maturity)
    sums = {dimension: _sum_by(dimension, due, frames, scope) for dimension in ("all", *DIMENSIONS)}
    rows = [
        {
            "kpi": kpi.name,
            "dimension": dimension,
            "member": member,
            "numerator": values.get(f"{kpi.name} top", 0),
            "denominator": _denominator(kpi, values),
            "unit": kpi.unit,
            "base": kpi.base,
            "date_basis": kpi.date_basis,
            "as_of": scope.as_of,
            "is_mature": not kpi.is_cohort or scope.as_of >= mature_on,
        }
        for kpi in due
        for dimension, members in sums.items()
        for member, values in members.items()
    ]
    top, below = pl.col("numerator"), pl.col("denominator")
    rate = pl.when(below > 0).then(top / below).when(pl.col("kpi").is_in(_PLAIN)).then(top.cast(pl.Float64))
    table = (
        pl.DataFrame(rows, schema_overrides={"numerator": pl.Int64, "denominator": pl.Int64})
        if rows
        else pl.DataFrame(schema=result_schema(KPIS))
    )
    return conform_result(table.with_columns(rate.alias("value")), KPIS)


def _denominator(kpi: Kpi, values: dict[str, int]) -> int | None:
    if kpi.denominator is None:
        return None
    return values.get(kpi.denominator if isinstance(kpi.denominator, str) else f"{kpi.name} below", 0)


def _sum_by(dimension: str, due: list[Kpi], frames: dict[str, pl.DataFrame], scope: Scope) -> dict[str | None, dict[str, int]]:
    """Member → every numerator and denominator of the dimension, each table summed once."""
    found: dict[str | None, dict[str, int]] = {}
    for name, frame in frames.items():
        values = [kpi.numerator(scope).alias(f"{kpi.name} top") for kpi in due if kpi.table == name]
        values += [
            kpi.denominator(scope).alias(f"{kpi.name} below") for kpi in due if kpi.table == name and callable(kpi.denominator)
        ]
        if name == "orders":
            base = pl.col("is_base")
            values += [
                _count(base).alias("paid"),
                pl.col("buyer_paid_fen").filter(base).sum().alias("gmv"),
                _count(base & scope.is_fact("shipped_at")).alias("shipped"),
            ]
        if not values:
            continue
        if dimension == "all":
            table = frame.select(pl.lit("all").alias("member"), *values).head(1)
        else:
            table = frame.group_by(pl.col(dimension).alias("member")).agg(values).sort("member", nulls_last=True)
        for row in table.iter_rows(named=True):
            found.setdefault(row.pop("member"), {}).update({key: int(value) for key, value in row.items()})
    return dict(sorted(found.items(), key=lambda item: (item[0] is None, item[0] or "")))


def _order_base(facts: Facts) -> pl.DataFrame:
    """Orders with `is_base` (in the denominator), `has_case` (applied by as-of) and `case_fen` (success refunds by as-of)."""
    scope = facts.scope
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


def _with_shop(complaints: pl.DataFrame | None, facts: Facts) -> pl.DataFrame:
    if complaints is None:
        return pl.DataFrame(schema={"opened_at": pl.Datetime("us", "Asia/Shanghai"), "platform": pl.String, "shop": pl.String})
    shops = facts.orders.select("order_id", "platform", "shop").unique("order_id", keep="none")
    return complaints.drop("shop", "platform", strict=False).join(shops, on="order_id", how="left", validate="m:1")
