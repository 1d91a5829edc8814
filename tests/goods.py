"""Months of goods: one order line at 40.00 a piece and the case about it, so that a spec tells only what moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from recon_kit.collect import Collected
from tests.world import Row, case, cost_voucher, line, order, refund, world


def a_return(
    returns: Sequence[Row] | None = (), *, qty: int | None = 1, done: str | None = "2026-10-12", paid: bool = True, **tables: Any
) -> Collected:
    """Order O1 of 3 pieces (line L1, SKU at 40.00 each); case C1 returns `qty` of them and is refunded on `done`.

    The cost of what C1 returned is reversed; a spec of L08 gives its own `further_vouchers`.
    """
    about: Row = {"kind": "return_refund", "line_id": "L1", "qty": qty, "basis": "negotiated", **tables.pop("about", {})}
    given: dict[str, Any] = {
        "orders": [order("O1", "300.00", "2026-10-01")],
        "lines": [line("O1", "L1", "300.00", 3, unit_cost_fen="40.00")],
        "cases": [case("C1", "O1", done=done, **about)],
        "flows": [refund("F1", on=done, case_id="C1")] if paid and done else [],
        "returns": returns,
        "further_vouchers": [cost_voucher("V-COST", "C1", "40.00")],
        **tables,
    }
    return world(**given)


def a_service(kind: str, *, qty: int | None = 1, done: str | None = "2026-10-12", **tables: Any) -> Collected:
    """The same order with case C1 of a kind that moves no money: exchange, resend or repair."""
    about: Row = {"final": "0.00", "about": {"kind": kind, "approved_at": "2026-10-05", **tables.pop("about", {})}}
    case_row = case("C1", "O1", about["final"], done, line_id="L1", qty=qty, **about["about"])
    return a_return(tables.pop("returns", ()), paid=False, cases=[case_row], **tables)
