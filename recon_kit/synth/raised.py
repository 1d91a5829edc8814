"""Rows that a planter adds to the tables: cases raised on an order, parcels sent or received for them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.edits import Row, add_rows, fresh_ids
from recon_kit.synth.world import World

REASONS = {"exchange": ("质量问题", "quality"), "resend": ("少件漏发", "wrong_goods"), "repair": ("质量问题", "quality")}
GOODWILL = ("不想要了", "no_reason")
HANDLING = timedelta(hours=3)
"""From the application for a case to its approval."""


def raise_cases(
    world: World, rows: Sequence[Row], kind: str, applied: Sequence[datetime], done: Sequence[datetime | None], **more: object
) -> tuple[World, list[Row]]:
    """A case of this kind on the line of each row, applied for and done (None: still open) then; returns the cases too.

    Needs platform, shop, order_id, line_id and qty of each row; a Pinduoduo export states one time for approval and end.
    `more`: further columns of every case. A row's `final_fen`, where it has one, is what the case pays.
    """
    last = dict(world.tables["aftersales"].group_by("platform").agg(pl.col("case_id").max()).iter_rows())
    known = [str(last.get(row["platform"], f"SH{row['order_id']}")) for row in rows]
    ids = fresh_ids(known, world.tables["aftersales"]["case_id"])
    reason, group = REASONS.get(kind, GOODWILL)
    cases: list[Row] = []
    for row, case_id, start, end in zip(rows, ids, applied, done, strict=True):
        paid = row.get("final_fen")
        amounts = dict.fromkeys(("approved_fen", "final_fen", "erp_fen"), paid if end else None)
        kept = {name: row[name] for name in ("platform", "shop", "order_id", "line_id", "qty")}
        status = "success" if end else "open"
        approved = end if row["platform"] == "pdd" else start + HANDLING
        cases.append(
            {
                **kept,
                "case_id": case_id,
                "kind": kind,
                "basis": "negotiated",
                "reason": reason,
                "reason_group": group,
                "is_quality": group == "quality",
                "initiator": "buyer",
                "decided_by": "merchant",
                "is_instant": False,
                "applied_at": start,
                "approved_at": approved,
                "completed_at": end,
                "requested_fen": paid or 0,
                **amounts,
                "platform_status": status,
                "erp_status": status,
                "creator": seller.CLERKS[0],
                "approver": seller.LEADS[0],
                "exchange_sku": row.get("sku") if kind == "exchange" else None,
                "return_waybill": f"YT99{case_id[-9:]}" if kind in ("exchange", "repair", "return_refund") else None,
                **more,
            }
        )
    return add_rows(world, "aftersales", cases), cases


def send(
    world: World, rows: Sequence[Row], kind: str, at: Sequence[datetime], cases: Sequence[Row] | None = None, **more: object
) -> tuple[World, list[str]]:
    """A parcel with what each row holds (order_id, line_id, sku, qty), for its case; returns the numbers of the shipments."""
    shipments = world.tables["shipments"]
    ids = fresh_ids([str(shipments["ship_id"].max())] * len(rows), shipments["ship_id"])
    parcels: list[Row] = []
    for place, (row, ship_id, sent) in enumerate(zip(rows, ids, at, strict=True)):
        kept = {name: row[name] for name in ("order_id", "line_id", "sku", "qty", "unit_cost_fen")}
        names = {"ship_id": ship_id, "line_no": "1", "kind": kind, "case_id": cases[place]["case_id"] if cases else None}
        way = {"waybill": f"SF88{ship_id[-9:]}", "carrier": "顺丰速运", "at": sent, "is_intercepted": False}
        parcels.append({**kept, **names, **way, **more})
    return add_rows(world, "shipments", parcels), ids


def receive(world: World, rows: Sequence[Row], at: Sequence[datetime], **more: object) -> tuple[World, list[str]]:
    """A parcel that came back with what each row holds (sku, qty; case_id, order_id, return_waybill where it has them)."""
    receipts = world.tables["receipts"]
    ids = fresh_ids([str(receipts["return_id"].max())] * len(rows), receipts["return_id"])
    parcels: list[Row] = []
    for row, return_id, received in zip(rows, ids, at, strict=True):
        kept = {name: row.get(name) for name in ("case_id", "order_id", "sku", "qty")}
        waybill = row.get("return_waybill") or f"YT77{return_id[-7:]}00"
        state = {"grade": "good", "received_at": received, "is_quarantined": True}
        parcels.append({**kept, "return_id": return_id, "line_no": "1", "waybill": waybill, **state, **more})
    return add_rows(world, "receipts", parcels), ids
