"""What is due when: a day runs what must not wait, a week adds what takes days to arrive, a month everything.

A *check* is a pair of the matrix (M1 … M13), `ageing`, `bridge`, or a code that rests on no pair and is its own check.
Source: docs/schedule.md.
"""

from __future__ import annotations

from recon_kit.periods import Period

DAILY = frozenset({"K05", "K06", "S08", "M1", "M3", "M8", "M13"})
"""Broken and repeated sources, the wallets, receipts, refunds, sale shipments, states of cases."""
WEEKLY = DAILY | {"M4", "M6", "M7", "M9", "M12", "ageing"}
"""And the ledger, goods that come back or go out again, fees that come back, complaints, what stays open too long."""
_DUE = {"day": DAILY, "week": WEEKLY}


def is_due(check: str, period: Period) -> bool:
    """Whether a period of this kind runs the check; a month runs all of them."""
    return period.kind == "month" or check in _DUE[period.kind]
