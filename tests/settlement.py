"""Rows of settlement and complaints, told as a reader would: fees, payouts, bank rows, balances, complaints."""

from __future__ import annotations

from typing import Any

from tests.world import Row, at, fen, flow


def fee(fee_id: str, order_id: str, amount: str, on: str = "2026-10-05", *, kind: str = "commission", **more: Any) -> Row:
    """A fee of 2 % of what the buyer paid, charged on a day; negative: returned."""
    row = {"fee_id": fee_id, "channel": "wechat", "order_id": order_id, "kind": kind, "amount_fen": fen(amount), "at": at(on)}
    return {"rate": "0.02", "base": "buyer_paid", **row, **more}


def fee_back(fee_id: str, order_id: str, amount: str, on: str = "2026-10-13", **more: Any) -> Row:
    """Commission that came back; amount as a fact, so positive."""
    return fee(fee_id, order_id, f"-{amount}", on, kind=more.pop("kind", "commission_return"), **more)


def payout(payout_id: str | None, amount: str, on: str, **more: Any) -> Row:
    """Money that left a wallet for the bank; the flow is `OUT-` + its day."""
    return flow(more.pop("flow_id", f"OUT-{on}"), "payout", f"-{amount}", on, payout_id=payout_id, **more)


def bank_row(bank_id: str, amount: str, on: str, payout_id: str | None = None, **more: Any) -> Row:
    """A row of the bank statement, signed."""
    return {"bank_id": bank_id, "at": at(on), "amount_fen": fen(amount), "payout_id": payout_id, **more}


def wallet(opening: str, closing: str, channel: str = "wechat", period: str = "2026-10", **more: Any) -> Row:
    """What a wallet held when the period began and ended."""
    return {"channel": channel, "period": period, "opening_fen": fen(opening), "closing_fen": fen(closing), **more}


def complaint(complaint_id: str, order_id: str | None = "O1", opened: str = "2026-10-20", **more: Any) -> Row:
    """A complaint closed the day after it was opened, about quality, unless told otherwise."""
    row = {"complaint_id": complaint_id, "order_id": order_id, "opened_at": at(opened), "kind": "quality"}
    closed = more.pop("closed", "2026-10-21")
    return {**row, "claims_unrefunded": False, "closed_at": at(closed), **more}
