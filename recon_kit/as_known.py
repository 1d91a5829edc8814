"""The tables as they could be known on an earlier day: what came later is cut, and what it changed is taken back.

Rows tell when they came, and states by which instant they were reached. What carries no instant stays as the export shows
it: a file is a picture of its day, not a history. Source: docs/method.md, Looking back.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime

import polars as pl

from recon_kit.collect import Collected, Tables
from recon_kit.periods import cut_off
from recon_kit.schema import TABLES

BORN = {
    "orders": ("created_at", "paid_at"),
    "payments": ("paid_at",),
    "aftersales": ("applied_at",),
    "aftersale_events": ("at",),
    "flows": ("at",),
    "shipments": ("at",),
    "receipts": ("received_at",),
    "voucher_lines": ("date",),
    "fees": ("at",),
    "bank_rows": ("at",),
    "complaints": ("opened_at",),
}
"""Table → the instant its rows came, the first that is stated; a row that states none was always there."""
OF_ORDERS = ("order_lines", "order_discounts")
"""Tables whose rows came with their order."""


def as_known(collected: Collected, day: date) -> Collected:
    """What was collected, as of the end of a day.

    Totals that files state and rows that came twice are left out (a file came as a whole, on a day it does not say), and so
    are kept KPIs.
    """
    cut = cut_off(day)
    tables = {name: _born_by(frame, name, cut) for name, frame in collected.tables.supplied().items() if name != "kpi_history"}
    ended = _ended_later(tables.get("aftersales"), cut)
    if "orders" in tables:
        orders = tables["orders"]
        for name in OF_ORDERS:
            if name in tables:
                tables[name] = tables[name].join(orders.select("order_id"), on="order_id", how="semi", maintain_order="left")
        tables["orders"] = _orders(orders, ended, cut)
    changes = {"aftersales": _cases, "flows": _flows, "receipts": _receipts}
    tables |= {name: change(tables[name], cut) for name, change in changes.items() if name in tables}
    if "wallets" in tables:
        over = pl.col("period").str.to_date("%Y-%m", strict=False).dt.offset_by("1mo") <= cut.date()
        tables["wallets"] = tables["wallets"].filter(over)
    known = {name: _without_later(frame, name, cut) for name, frame in tables.items()}
    return replace(
        collected,
        tables=Tables(**known),
        duplicates=collected.duplicates.clear(),
        controls=collected.controls.clear(),
        coverage=collected.coverage.filter((pl.col("starts_at") < cut).fill_null(value=True)),
    )


def _is_later(column: str, cut: datetime) -> pl.Expr:
    """The instant or day lies after the cut (never null)."""
    return (pl.col(column) >= pl.lit(cut)).fill_null(value=False)


def _born_by(frame: pl.DataFrame, name: str, cut: datetime) -> pl.DataFrame:
    if name not in BORN:
        return frame
    born = pl.coalesce(BORN[name])
    return frame.filter((born < (cut.date() if name == "voucher_lines" else cut)).fill_null(value=True))


def _without_later(frame: pl.DataFrame, name: str, cut: datetime) -> pl.DataFrame:
    """Instants that were still to come are not known."""
    later = [c.name for c in TABLES[name].columns if c.kind == "instant" and name != "promotions"]
    return frame.with_columns(pl.when(~_is_later(column, cut)).then(column).alias(column) for column in later)


def _ends_later(cut: datetime) -> pl.Expr:
    """The case has ended, and after the cut (never null); where it does not say when, it was agreed to or applied for then."""
    at = pl.coalesce("completed_at", "approved_at", "applied_at")
    return ((pl.col("platform_status") != "open") & (at >= pl.lit(cut))).fill_null(value=False)


def _ended_later(cases: pl.DataFrame | None, cut: datetime) -> pl.Series:
    """The orders of cases that had not ended yet."""
    if cases is None:
        return pl.Series("order_id", [], pl.String)
    return cases.filter(_ends_later(cut))["order_id"].drop_nulls().unique()


def _orders(orders: pl.DataFrame, ended: pl.Series, cut: datetime) -> pl.DataFrame:
    """An order that was completed, or closed or refunded by a case, later stands where its instants say it stood."""
    moved = _is_later("completed_at", cut) | pl.col("order_id").is_in(ended.implode()) | _is_later("paid_at", cut)
    then = (
        pl.when((pl.col("shipped_at") < cut).fill_null(value=False))
        .then(pl.lit("shipped"))
        .when((pl.col("paid_at") < cut).fill_null(value=False))
        .then(pl.lit("paid"))
        .otherwise(pl.lit("unpaid"))
    )
    states = [
        pl.when(moved & pl.col(name).is_not_null()).then(then).otherwise(name).alias(name) for name in ("status", "erp_status")
    ]
    refunds = [
        pl.when(~pl.col("order_id").is_in(ended.implode())).then(name).alias(name)
        for name in ("refunded_fen", "is_refund_stated")
    ]
    return orders.with_columns(*states, *refunds)


def _cases(cases: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """A case that ended later is open on both sides; what was agreed to later is not agreed to yet.

    Its amount is what was known of it, agreed to or asked for; where it states one amount only, that is the one.
    """
    ended, agreed = _ends_later(cut), _is_later("approved_at", cut)
    is_asked = pl.col("requested_fen").is_not_null()
    is_known = is_asked | (pl.col("approved_fen").is_not_null() & ~agreed)
    states = [
        pl.when(ended & pl.col(name).is_not_null()).then(pl.lit("open")).otherwise(name).alias(name)
        for name in ("platform_status", "erp_status")
    ]
    return cases.with_columns(
        *states,
        *(pl.when(~ended).then(name).alias(name) for name in ("erp_fen", "points_returned_fen", "decided_by")),
        pl.when(~(ended & is_known)).then("final_fen").alias("final_fen"),
        pl.when(~(agreed & is_asked)).then("approved_fen").alias("approved_fen"),
        pl.when(~agreed).then("approver").alias("approver"),
    )


def _flows(flows: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """Money that arrived later was on its way."""
    return flows.with_columns(
        pl.when(_is_later("success_at", cut)).then(pl.lit("processing")).otherwise("status").alias("status")
    )


def _receipts(receipts: pl.DataFrame, cut: datetime) -> pl.DataFrame:
    """What was posted to stock later had no posted cost yet."""
    return receipts.with_columns(pl.when(~_is_later("stock_posted_at", cut)).then("posted_cost_fen").alias("posted_cost_fen"))
