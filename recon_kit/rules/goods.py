"""W and L08: what the warehouse received and shipped against what cases and orders say. Source: docs/rules.md; rulings 11, 22.

Amounts are (actual − expected pieces) × the cost of one piece, null where nobody states a cost.
"""

from __future__ import annotations

from typing import Any

import polars as pl

from recon_kit.rules.rule import NULL_FEN, Rule, listed, listing, numbered

_ZERO = pl.lit(0, pl.Int64)
_due_cost, _replaced = pl.col("due_cost_fen"), pl.col("replaced_qty")
_cost, _pieces, _received = pl.col("unit_cost_fen"), pl.col("pieces"), pl.col("received_qty")
_RETURN_NEEDS = ("aftersales", "receipts")

_CASE: dict[str, Any] = {
    "source": "goods",
    "key": pl.col("case_id"),
    "scope": pl.col("platform_key"),
    "subject": numbered("c", "c"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "channel": pl.col("channel"),
    "order_id": pl.col("order_id"),
    "case_id": pl.col("case_id"),
    "evidence": (listed("case_source"), listing("receipt_source"), listing("shipment_source")),
}


def _pieces_off(expected: pl.Expr, actual: pl.Expr, cost: pl.Expr = _cost, **facts: pl.Expr) -> dict[str, Any]:
    """Expected and actual pieces at cost; `qty` the pieces between them, `loss` what they cost."""
    gap = (actual - expected) * cost
    return {
        "expected": expected * cost,
        "actual": actual * cost,
        "qty": (actual - expected).abs(),
        "loss": gap.abs(),
        "facts": {"expected_qty": expected, "actual_qty": actual, **_money(expected * cost, actual * cost), **facts},
    }


def _goods_off(due: pl.Expr, due_fen: pl.Expr, off: pl.Expr, off_fen: pl.Expr, **facts: pl.Expr) -> dict[str, Any]:
    """Pieces `due` that cost `due_fen` together, and how many more (fewer: negative) there are at what cost."""
    actual_fen = due_fen + off_fen
    return {
        "expected": due_fen,
        "actual": actual_fen,
        "qty": off.abs(),
        "loss": off_fen.abs(),
        "facts": {"expected_qty": due, "actual_qty": due + off, **_money(due_fen, actual_fen), **facts},
    }


def _money(expected: pl.Expr, actual: pl.Expr) -> dict[str, pl.Expr]:
    return {"expected_fen": expected, "actual_fen": actual, "gap_fen": actual - expected}


def _day(column: str) -> pl.Expr:
    return pl.col(column).dt.date()


_DUE = {"at": _day("done_at"), "days": pl.col("age_days"), "sla": pl.col("sla_days")}
_BREAKS_ON = pl.when("is_on_way").then("goods_until")
_kept, _kept_cost = pl.coalesce("pieces", "exchanged_qty"), pl.coalesce("due_cost_fen", pl.col("exchanged_qty") * _cost)
_unposted, _unposted_cost = pl.col("unposted_qty"), pl.coalesce("unposted_cost_fen", pl.col("unposted_qty") * _cost)

CASE_RULES: tuple[Rule, ...] = (
    Rule(
        "W01",
        ("aftersales", "flows", "receipts"),
        when=pl.col("is_not_back"),
        event_at=pl.col("done_at"),
        **_goods_off(_pieces, _due_cost, -_pieces, -_due_cost, **_DUE),
        **_CASE,
    ),
    Rule(
        "W02",
        ("aftersales", "flows", "receipts"),
        when=pl.col("is_on_way"),
        event_at=pl.col("done_at"),
        breaks_on=_BREAKS_ON,
        qty=_pieces,
        loss=_due_cost,
        facts={"expected_qty": _pieces, "breaks_on": _BREAKS_ON, **_DUE},
        **_CASE,
    ),
    Rule(
        "W03",
        (*_RETURN_NEEDS, "order_lines"),
        when=pl.col("is_wrong_sku"),
        event_at=pl.col("received_at"),
        **{
            **_goods_off(
                pl.coalesce("pieces", "replaced_qty"),
                pl.coalesce("due_cost_fen", _replaced * _cost),
                -_replaced,
                -_replaced * _cost,
                wrong_qty=pl.col("wrong_qty"),
                wrong=pl.col("wrong_skus").list.join("、"),
                right=pl.col("skus").list.join("、"),
            ),
            "qty": pl.col("wrong_qty"),
        },
        **_CASE,
    ),
    Rule(
        "W04",
        _RETURN_NEEDS,
        when=pl.col("is_qty_off"),
        event_at=pl.col("received_at"),
        **_goods_off(_pieces, _due_cost, _received - _pieces, (_received - _pieces) * _cost),
        **_CASE,
    ),
    Rule(
        "W05",
        _RETURN_NEEDS,
        when=pl.col("is_unposted"),
        event_at=pl.col("unposted_at"),
        **_goods_off(_unposted, _unposted_cost, -_unposted, -_unposted_cost, at=_day("unposted_at"), sla=pl.col("posting_days")),
        **_CASE,
    ),
    Rule(
        "W07",
        ("aftersales", "shipments"),
        when=pl.col("is_resent_twice"),
        event_at=pl.col("resent_at"),
        **_pieces_off(_pieces, pl.col("resent_qty"), pl.coalesce("resent_cost_fen", "unit_cost_fen")),
        **_CASE,
    ),
    Rule(
        "W08",
        (*_RETURN_NEEDS, "shipments"),
        when=pl.col("is_old_kept"),
        event_at=pl.col("exchanged_at"),
        **_goods_off(
            _kept,
            _kept_cost,
            -_kept,
            -_kept_cost,
            at=_day("exchanged_at"),
            days=pl.col("exchange_age_days"),
            sla=pl.col("sla_days"),
        ),
        **_CASE,
    ),
    Rule(
        "W11",
        _RETURN_NEEDS,
        when=pl.col("is_damaged_at_cost"),
        event_at=pl.col("received_at"),
        qty=pl.col("damaged_qty"),
        loss=pl.col("damaged_cost_fen"),
        facts={"actual_qty": pl.col("damaged_qty"), "cost_fen": pl.col("damaged_cost_fen")},
        **_CASE,
    ),
    Rule(
        "W12",
        (*_RETURN_NEEDS, "shipments"),
        when=pl.col("is_repair_late"),
        event_at=pl.col("received_at"),
        qty=_received,
        facts={"at": _day("received_at"), "days": pl.col("received_age_days"), "sla": pl.col("sla_days")},
        **_CASE,
    ),
    Rule(
        "L08",
        (*_RETURN_NEEDS, "voucher_lines"),
        when=pl.col("is_cost_kept"),
        event_at=pl.col("stock_posted_at"),
        expected=pl.col("restocked_cost_fen"),
        actual=pl.when(pl.col("restocked_cost_fen").is_not_null()).then(_ZERO),
        qty=pl.col("restocked_qty"),
        facts={
            "actual_qty": pl.col("restocked_qty"),
            "at": _day("stock_posted_at"),
            "expected_fen": pl.col("restocked_cost_fen"),
        },
        **_CASE,
    ),
)

_PARCEL: dict[str, Any] = {
    "scope": pl.col("platform_key"),
    "platform": pl.col("platform"),
    "shop": pl.col("shop"),
    "order_id": pl.col("order_id"),
}

PARCEL_RULES: tuple[Rule, ...] = (
    Rule(
        "W06",
        ("order_lines", "shipments"),
        source="shipped_lines",
        when=pl.col("extra_qty") > 0,
        key=pl.col("line_id"),
        subject=numbered("l", "l"),
        event_at=pl.col("at"),
        evidence=(listed("line_source"), listing("shipment_source")),
        **_pieces_off(pl.col("qty"), pl.col("shipped_qty"), parcels=pl.col("ship_ids").list.join("、")),
        **{**_PARCEL, "scope": pl.concat_str("platform_key", pl.lit("|"), "order_id", ignore_nulls=True)},
    ),
    Rule(
        "W09",
        ("aftersales", "shipments"),
        source="reshipments",
        when=pl.col("qty") > 0,
        key=pl.col("ship_id"),
        subject=pl.concat_str(pl.lit("s "), "ship_id"),
        event_at=pl.col("at"),
        evidence=(listing("shipment_source"),),
        case_id=pl.col("case_id"),
        qty=pl.col("qty"),
        loss=pl.col("cost_fen"),
        facts={"actual_qty": pl.col("qty"), "at": _day("at"), "kind": pl.col("kind"), "case_id": pl.col("case_id")},
        **_PARCEL,
    ),
    Rule(
        "W10",
        _RETURN_NEEDS,
        source="returns",
        when=pl.col("age_days") > pl.col("sla_days"),
        key=pl.col("return_id"),
        subject=pl.concat_str(pl.lit("t "), "return_id"),
        event_at=pl.col("received_at"),
        evidence=(listing("receipt_source"),),
        case_id=pl.col("case_id"),
        qty=pl.col("qty"),
        loss=pl.col("cost_fen"),
        facts={
            "actual_qty": pl.col("qty"),
            "at": _day("received_at"),
            "days": pl.col("age_days"),
            "sla": pl.col("sla_days"),
            "is_ambiguous": pl.col("is_ambiguous"),
        },
        **_PARCEL,
    ),
    Rule(
        "W13",
        ("aftersales", "flows", "order_lines", "shipments"),
        source="late_shipments",
        when=pl.col("qty") > 0,
        key=pl.col("ship_id"),
        subject=pl.concat_str(pl.lit("s "), "ship_id"),
        event_at=pl.col("at"),
        evidence=(listed("case_source"), listing("shipment_source")),
        case_id=pl.col("refund_case"),
        expected=pl.when(pl.col("cost_fen").is_not_null()).then(_ZERO).otherwise(NULL_FEN),
        actual=pl.col("cost_fen"),
        qty=pl.col("qty"),
        loss=pl.col("cost_fen"),
        facts={
            "actual_qty": pl.col("qty"),
            "at": _day("at"),
            "refunded_on": _day("refunded_at"),
            "case_id": pl.col("refund_case"),
            "actual_fen": pl.col("cost_fen"),
        },
        **_PARCEL,
    ),
)

GOODS_RULES = (*CASE_RULES, *PARCEL_RULES)
