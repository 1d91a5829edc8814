"""What the management pack shows beyond the monthly review: small frames of a run, each tied to a total stated elsewhere.

Nothing here knows a language or a colour. Gaps are absolute amounts: opposite signs are never netted.
"""

from __future__ import annotations

from datetime import date
from typing import NamedTuple

import polars as pl

from recon_kit.config import CHANNELS_OF_PLATFORM
from recon_kit.facts.platform import FINAL, MONEY_AT
from recon_kit.record import Run
from recon_kit.schema import REFUND_CASE_KINDS

REFUNDED = "refund_rate_amount_period"
"""The KPI whose numerator is A0: what moved is read from it."""
DEDUCTIONS = ("fee", "fee_return", "penalty", "insurance", "price_protection", "chargeback", "subsidy_clawback", "subsidy")
"""Flow kinds by which a platform or a channel takes money, or gives it back."""
CLAIMS = ("S01", "S02", "S06", "S07")
"""Codes that say a platform took too much or gave back too little."""
UNPAID = ("C01", "C02", "C04", "C06")
"""Codes of refunds that are owed and have not arrived, whole or in part."""
GOODS_STATE = {
    **dict.fromkeys(("W01", "W03", "W04", "W06", "W07", "W08", "W09", "W11", "W13"), "at_risk"),
    "W02": "on_its_way",
    **dict.fromkeys(("W05", "W10"), "not_in_books"),
}
"""Where the goods of a finding are: gone or damaged, on their way back, or in the warehouse and not in the books."""
DRIVERS = ("sku", "category", "promotion", "carrier", "reason_group", "shop")
"""Dimensions by which a director asks what drives returns, the most telling first."""
TOP_MEMBERS = 8
"""Members listed one by one; what follows is one line."""


def _sum_stated(amounts: pl.Expr) -> pl.Expr:
    """The sum of what is stated, null where nothing is: absent is not zero."""
    return pl.when(amounts.is_not_null().any()).then(amounts.sum())


_COUNT = pl.len().cast(pl.Int64).alias("n")
_GAP = _sum_stated(pl.col("gap_fen").abs()).alias("abs_gap_fen")


class Movement(NamedTuple):
    """How a figure came from last period's to this one's, fen: before + volume + rate = now."""

    before: int
    volume: int
    rate: int
    now: int


def has_before(run: Run) -> bool:
    """Whether the period before was loaded, so that there is something to compare with."""
    return _moved(run, "all").height > 0


def movement(run: Run) -> Movement:
    """Refunds of completed cases against the period before, split into volume and rate. Zeroes where none was loaded."""
    sums = _moved(run, "all").select(pl.col("numerator_before", "volume", "rate", "numerator").sum())
    return Movement(*(int(value) for value in sums.row(0)))


def contributions(run: Run, dimension: str) -> pl.DataFrame:
    """One row a member: what it moved of the refunds, largest first; the smallest in one last row.

    Columns: member, is_rest, before_fen, now_fen, movement_fen, volume_fen, rate_fen. Sums to the movement.
    """
    frame = _moved(run, dimension).sort(pl.col("movement").abs(), "member", descending=[True, False], nulls_last=True)
    return _listed(
        frame.select(
            "member",
            pl.col("numerator_before").alias("before_fen"),
            pl.col("numerator").alias("now_fen"),
            pl.col("movement").alias("movement_fen"),
            pl.col("volume").alias("volume_fen"),
            pl.col("rate").alias("rate_fen"),
        )
    )


def _moved(run: Run, dimension: str) -> pl.DataFrame:
    return run.table("kpi_movements").filter(pl.col("kpi") == REFUNDED, pl.col("dimension") == dimension)


def _listed(frame: pl.DataFrame) -> pl.DataFrame:
    """The first members as they are, the others summed in a last row; `is_rest` tells that row from a null member."""
    top, others = frame.head(TOP_MEMBERS), frame.slice(TOP_MEMBERS)
    rest = others.select(pl.lit(None, pl.String).alias("member"), pl.exclude("member").sum()) if others.height else others
    return pl.concat([top.with_columns(is_rest=pl.lit(value=False)), rest.with_columns(is_rest=pl.lit(value=True))])


def drivers(run: Run, dimension: str) -> pl.DataFrame:
    """Which members the refunds of the period come from, most money first: member, is_rest, n, amount_fen, paid_fen.

    `n` refunded cases; `paid_fen` gross amount paid for the member's orders in the period (null: nothing states it). Empty
    where no table states the dimension. SKU, category, reason and shop hold each case once; an order stands under each of
    its promotions and carriers.
    """
    kpis = run.table("kpis").filter(pl.col("dimension") == dimension)
    amount = kpis.filter(pl.col("kpi") == REFUNDED).select("member", amount_fen="numerator", paid_fen="denominator")
    count = kpis.filter(pl.col("kpi") == "refund_rate_count_period").select("member", n="numerator")
    joined = amount.join(count, on="member", how="left", validate="1:1", nulls_equal=True)
    named = joined.filter(pl.col("amount_fen") != 0).sort("amount_fen", "member", descending=[True, False], nulls_last=True)
    return _listed(named.select("member", "n", "amount_fen", "paid_fen"))


def code_owner(run: Run) -> pl.DataFrame:
    """Primary findings by owner and code, an owner's largest first: owner, code, n, abs_gap_fen, loss_fen (null: states none)."""
    return (
        run.findings.group_by("owner", "code")
        .agg(_COUNT, _GAP, _sum_stated(pl.col("loss_fen")).alias("loss_fen"))
        .sort("owner", "abs_gap_fen", "code", descending=[False, True, False], nulls_last=True)
    )


def deductions(run: Run) -> pl.DataFrame:
    """What channels took and gave back in the period, one row a channel and kind: channel, kind, n, out_fen, in_fen.

    Only money that moved by as-of, dated when it did. Sums to the wallet movement of these kinds.
    """
    moved = run.table("flows").with_columns(MONEY_AT.alias("money_at"))
    is_fact = run.period.contains("money_at") & (pl.col("money_at").dt.date() <= run.as_of)
    inside = pl.col("kind").is_in(DEDUCTIONS) & is_fact
    fen = pl.col("amount_fen")
    order = {kind: place for place, kind in enumerate(DEDUCTIONS)}
    return (
        moved.filter(inside)
        .group_by("channel", "kind")
        .agg(
            _COUNT,
            (-fen.filter(fen < 0).sum()).alias("out_fen"),
            fen.filter(fen > 0).sum().alias("in_fen"),
        )
        .sort("channel", pl.col("kind").replace_strict(order, return_dtype=pl.Int64))
    )


def claims(run: Run) -> pl.DataFrame:
    """What can be claimed from platforms, one row a code and platform: code, platform, n, abs_gap_fen."""
    found = run.findings.filter(pl.col("code").is_in(CLAIMS))
    return found.group_by("code", "platform").agg(_COUNT, _GAP).sort("code", "platform", nulls_last=True)


def stock_loss(run: Run) -> pl.DataFrame:
    """Goods of findings at cost, one row a code: state, code, n, qty, loss_fen; `state` by GOODS_STATE, at risk first."""
    stated = run.findings.filter(pl.col("loss_fen").is_not_null())
    state = pl.col("code").replace_strict(GOODS_STATE, default="at_risk", return_dtype=pl.String).alias("state")
    order = {state: place for place, state in enumerate(dict.fromkeys(GOODS_STATE.values()))}
    return (
        stated.group_by(state, "code")
        .agg(_COUNT, pl.col("qty").abs().sum(), pl.col("loss_fen").sum())
        .sort(pl.col("state").replace_strict(order), "loss_fen", "code", descending=[False, True, False])
    )


def funds(run: Run) -> pl.DataFrame:
    """Refunds that still have to be paid, by expected date and channel: due, due_on, channel, n, amount_fen.

    `due`: `overdue` past its limit (C01, C04, C06), `in_transit` inside it, expected by `due_on` (C02), `approved` for cases
    the seller agreed to that the platform has not completed, with the money they will take. Largest first inside a day.
    """
    owed = run.findings.filter(pl.col("code").is_in(UNPAID)).select(
        due=pl.when(pl.col("code") == "C02").then(pl.lit("in_transit")).otherwise(pl.lit("overdue")),
        due_on=pl.when(pl.col("code") == "C02").then("breaks_on"),
        channel=pl.coalesce("channel", _usual_channel()),
        amount_fen=pl.col("gap_fen").abs(),
    )
    waiting = run.table("aftersales").filter(
        pl.col("kind").is_in(REFUND_CASE_KINDS) & (pl.col("platform_status") == "open"),
        pl.col("approved_at").dt.date() <= run.as_of,
    )
    agreed = waiting.select(
        due=pl.lit("approved"),
        due_on=pl.lit(None, pl.Date),
        channel=_usual_channel(),
        amount_fen=FINAL,
    )
    order = {"overdue": 0, "in_transit": 1, "approved": 2}
    return (
        pl.concat([owed, agreed])
        .filter(pl.col("amount_fen") != 0)
        .group_by("due", "due_on", "channel")
        .agg(_COUNT, pl.col("amount_fen").sum())
        .sort(pl.col("due").replace_strict(order, return_dtype=pl.Int64), "due_on", "channel", nulls_last=True)
    )


PAYS_THROUGH = {platform: channels[0] for platform, channels in CHANNELS_OF_PLATFORM.items()}
"""The usual wallet of a platform's refunds, for money that has not chosen one yet."""


def _usual_channel() -> pl.Expr:
    return pl.col("platform").replace_strict(PAYS_THROUGH, default="other", return_dtype=pl.String)


def control_breaches(run: Run) -> pl.DataFrame:
    """Findings of control and data, one row a code: code, severity, owner, n, abs_gap_fen."""
    broken = run.findings.filter(pl.col("nature").is_in(["control", "data"]))
    return broken.group_by("code").agg(pl.col("severity", "owner").first(), _COUNT, _GAP).sort("code")


class Stage(NamedTuple):
    """One stage of the process: how much came in, how much of it is done, and what is left."""

    stage: str
    total: int
    done: int


def funnel(run: Run) -> list[Stage]:
    """The four stages: rows read and loaded, pair rows matched, findings and those somebody decided, months run and closed."""
    intake, found = run.table("intake"), run.table("open_items").filter("is_found")
    matched, unmatched = run.table("matches").height, run.table("unmatched").filter(pl.col("reason") != "excluded").height
    return [
        Stage("collect", int(intake["rows_read"].sum()), int((intake["rows_loaded"] + intake["rows_duplicate"]).sum())),
        Stage("identify", matched + unmatched, matched),
        Stage("handle", found.height, found.filter(pl.col("status") != "open").height),
        Stage("archive", *(int(run.summary.get("months", {}).get(part, 0)) for part in ("run", "closed"))),
    ]


def promotion_days(run: Run) -> list[tuple[str, date, date]]:
    """Promotions whose days touch the period, as (name, first day, last day), from `[promotions_calendar]`: 618, 双11."""
    bands = []
    for name, days in sorted(run.summary.get("promotions_calendar", {}).items()):
        first, last = (date.fromisoformat(day) for day in days)
        if first < run.period.end and last >= run.period.start:
            bands.append((name, max(first, run.period.start), min(last, run.period.last_day)))
    return bands
