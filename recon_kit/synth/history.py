"""What a seller's months looked like before the sample begins: a year of KPIs, as somebody kept them in a sheet."""

from __future__ import annotations

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth.chance import between, draw

MONTHS = 12
AVERAGE_FEN = 14_600
"""Average amount of an order."""
BUSY = {6: 1.6, 11: 2.1, 12: 1.2, 2: 0.7}
"""Months that sell more or less than others (618, 双11, the Spring Festival)."""
RETURNS_LATER = {7: 1.25, 12: 1.35, 6: 1.1}
"""Months into which the refunds of a promotion fall."""
RATES = {
    "aftersales_rate_period": (0.20, "paid_orders"),
    "refund_rate_count_period": (0.155, "paid_orders"),
    "refund_rate_amount_period": (0.125, "paid_gmv"),
    "return_rate_period": (0.085, "paid_orders"),
    "quality_refund_rate_period": (0.06, "paid_orders"),
    "complaint_rate_period": (0.018, "paid_orders"),
}
"""KPI → its usual rate and what it stands over."""


def build_history(period: Period, orders: int, seed: int) -> pl.DataFrame:
    """`kpi_history` of the twelve months before the bills of `period` begin, in the size of a seller of `orders` orders."""
    months = [period.previous()]
    for _ in range(MONTHS):
        months.append(months[-1].previous())
    told = months[1:][::-1]
    frame = pl.DataFrame(
        {
            "n": range(len(told)),
            "period": [month.text for month in told],
            "season": [BUSY.get(month.start.month, 1.0) for month in told],
            "wave": [RETURNS_LATER.get(month.start.month, 1.0) for month in told],
        }
    ).with_columns(growth=1 + pl.col("n") / 60)
    paid = (orders * 0.36 * pl.col("season") * pl.col("growth") * between(draw(seed, "history/orders"), 0.94, 1.06)).round()
    frame = frame.with_columns(paid_orders=paid.cast(pl.Int64)).with_columns(
        paid_gmv=(pl.col("paid_orders") * AVERAGE_FEN * between(draw(seed, "history/gmv"), 0.96, 1.04)).round().cast(pl.Int64)
    )
    parts = [
        frame.select(
            "period", pl.lit(name).alias("kpi"), pl.col(name).alias("numerator"), pl.lit(None, pl.Int64).alias("denominator")
        )
        for name in ("paid_orders", "paid_gmv")
    ]
    for name, (rate, base) in RATES.items():
        top = pl.col(base) * rate * pl.col("wave") * between(draw(seed, f"history/{name}"), 0.9, 1.1)
        parts.append(
            frame.select("period", pl.lit(name).alias("kpi"), top.round().cast(pl.Int64).alias("numerator"), denominator=base)
        )
    whole = pl.concat(parts).with_columns(dimension=pl.lit("all"), member=pl.lit("all"))
    return whole.select("period", "kpi", "dimension", "member", "numerator", "denominator").sort("period", "kpi")
