"""What closes the sections of the pages: the figure a section shows, and the control total it must equal."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from recon_kit import handled, management, management_scope, trust, views
from recon_kit.facts.platform import MONEY_AT
from recon_kit.record import Run


def tie_figures(run: Run, name: str) -> tuple[int, int, str]:
    """The two figures that must agree at the end of a section, and their unit; `name` is a key of TIES."""
    left, right, unit = TIES[name]
    return left(run), right(run), unit


def bridge_gap(run: Run, side: str) -> tuple[int, int]:
    """A side as stated, and as the lines before it add up to; the first side, A0, is what it is."""
    steps = views.bridge_steps(run)
    if side == "A0":
        return (_line("A0")(run),) * 2
    before = steps.filter(~pl.col("line").is_in(["B0", "C0"]), pl.col("line") < side)
    return int(steps.filter(pl.col("line") == side)["amount_fen"].sum()), int(before["amount_fen"].sum())


def _sum(frame: pl.DataFrame, column: str) -> int:
    return int(frame[column].sum())


def _line(line: str) -> Callable[[Run], int]:
    return lambda run: _sum(run.table("bridge").filter(pl.col("line") == line), "amount_fen")


def _rolled(run: Run, column: str) -> int:
    """A column of the roll's total."""
    return _sum(run.table("carry_forward").filter(pl.col("code") == "all"), column)


def _count(run: Run) -> int:
    return run.findings.height


def _applied(run: Run) -> int:
    cases = run.table("aftersales").filter(pl.col("applied_at").dt.date() <= run.as_of)
    return int(cases.select(run.period.contains("applied_at").sum()).item())


def _ledger_sum(run: Run) -> int:
    """What the ledger's lines that say which refund they book come to: C0 where the bridge reaches the ledger."""
    return _sum(run.table("ledger_ties").filter(pl.col("how") != "none"), "amount_fen")


def _rows_by_day(run: Run) -> int:
    """The rows of the days drawn, of other days, and of files and rows without a day."""
    drawn = _sum(trust.days(run), "n")
    inside = pl.col("day").is_between(run.period.start, min(run.period.last_day, run.as_of))
    rest = run.table("intake_days").join(trust.dated_files(run), on="file", how="left", validate="m:1")
    return drawn + _sum(rest.filter(~(inside & pl.col("is_dated")).fill_null(False)), "n")


def _apart(matches: pl.DataFrame) -> int:
    """How many matches of money have a gap."""
    return matches.filter((pl.col("gap_fen") != 0) & pl.col("pair").is_in(views.IN_MONEY)).select("pair", "group_id").n_unique()


def _refund_rate(run: Run) -> pl.DataFrame:
    """The total refund rate by amount; no row where orders were not supplied."""
    return run.table("kpis").filter(pl.col("kpi") == "refund_rate_amount_period", pl.col("dimension") == "all")


def _deducted(run: Run) -> int:
    """Net of the deduction kinds in the bills: what the wallets got less what left them, by as-of."""
    flows = run.table("flows").with_columns(MONEY_AT.alias("money_at")).filter(run.period.contains("money_at"))
    inside = pl.col("kind").is_in(management.DEDUCTIONS) & (pl.col("money_at").dt.date() <= run.as_of)
    return _sum(flows.filter(inside), "amount_fen")


TIES: dict[str, tuple[Callable[[Run], int], Callable[[Run], int], str]] = {
    "entries": (
        lambda run: _sum(views.entries(run), "debit_fen"),
        lambda run: _sum(run.table("adjustments"), "credit_fen"),
        "fen",
    ),
    "verdict": (_count, lambda run: sum(item["n"] for item in run.summary["codes"].values()), "count"),
    "bridge": (
        lambda run: bridge_gap(run, run.summary["bridge_ends_at"])[0],
        lambda run: bridge_gap(run, run.summary["bridge_ends_at"])[1] + run.summary["unexplained_fen"],
        "fen",
    ),
    "codes": (lambda run: _sum(views.codes(run), "n"), _count, "count"),
    "owners": (lambda run: _sum(views.owners(run), "n"), _count, "count"),
    "roll": (
        lambda run: _rolled(run, "closing_fen"),
        lambda run: _sum(run.table("open_items"), "remaining_fen"),
        "fen",
    ),
    "standing": (lambda run: _sum(handled.standing(run), "n"), lambda run: run.table("open_items").height, "count"),
    "ageing_moves": (
        lambda run: sum(_sum(handled.ageing_moves(run), name) for name in ("opening_n", "closing_n")),
        lambda run: sum(_rolled(run, name) for name in ("opening_n", "closing_n")),
        "count",
    ),
    "coverage": (
        lambda run: _sum(management_scope.coverage(run), "rows_loaded"),
        lambda run: sum(row["rows_loaded"] for row in run.summary["rows"].values()),
        "count",
    ),
    "matrix": (
        lambda run: _sum(management_scope.match_matrix(run), "n_matched"),
        lambda run: run.table("matches").height,
        "count",
    ),
    "completeness": (
        lambda run: _sum(management_scope.approvals(run), "n"),
        lambda run: int(run.summary["case_file"]["ended"]),
        "count",
    ),
    "details": (lambda run: _sum(views.folded(run), "n"), _count, "count"),
    "ageing": (lambda run: _sum(views.ageing(run), "n"), _count, "count"),
    "daily_refunds": (lambda run: _sum(views.refunds_by_day(run, run.period), "amount_fen"), _line("B0"), "fen"),
    "daily_cases": (lambda run: _sum(views.cases_by_day(run, run.period), "n"), _applied, "count"),
    "by_member": (lambda run: _sum(views.refunds_by(run, "reason", run.period), "amount_fen"), _line("A0"), "fen"),
    "kpis": (
        lambda run: _sum(_refund_rate(run), "numerator"),
        lambda run: _line("A0")(run) if _refund_rate(run).height else 0,
        "fen",
    ),
    "cases": (
        lambda run: sum(views.case_legs(run).row(0)[1:]),
        lambda run: int(run.summary["case_file"]["ended"]),
        "count",
    ),
    "moved": (
        lambda run: _sum(management.contributions(run, "platform"), "movement_fen"),
        lambda run: management.movement(run).now - management.movement(run).before,
        "fen",
    ),
    "code_owner": (lambda run: _sum(management.code_owner(run), "n"), _count, "count"),
    "deductions": (
        lambda run: _sum(management.deductions(run), "in_fen") - _sum(management.deductions(run), "out_fen"),
        _deducted,
        "fen",
    ),
    "loss": (lambda run: _sum(management.stock_loss(run), "loss_fen"), lambda run: _sum(run.findings, "loss_fen"), "fen"),
    "tax": (
        lambda run: _sum(run.table("tax_basis"), "gross_fen"),
        lambda run: _line("C0")(run) if run.summary["bridge_ends_at"] == "C0" else _sum(run.table("tax_basis"), "gross_fen"),
        "fen",
    ),
    "matched": (
        lambda run: _sum(views.match_rates(run), "n_matched"),
        lambda run: run.table("matches").height,
        "count",
    ),
    "limits": (
        lambda run: _sum(views.limits(run, "tolerance").filter(pl.col("limit") == 0), "n"),
        lambda run: _apart(run.table("matches")),
        "count",
    ),
    "passes": (lambda run: _sum(views.passes(run), "n_rows"), lambda run: run.table("matches").height, "count"),
    "selftest": (
        lambda run: _sum(run.table("selftest"), "n_planted"),
        lambda run: _sum(run.table("selftest"), "n_found") + _sum(run.table("selftest"), "n_missed"),
        "count",
    ),
    "rows": (
        lambda run: _sum(run.table("intake"), "rows_read"),
        lambda run: sum(_sum(run.table("intake"), f"rows_{part}") for part in ("loaded", "quarantined", "duplicate")),
        "count",
    ),
    "files": (
        lambda run: _sum(trust.files(run), "rows_loaded"),
        lambda run: sum(row["rows_loaded"] for row in run.summary["rows"].values()),
        "count",
    ),
    "days": (_rows_by_day, lambda run: _sum(run.table("intake"), "rows_read"), "count"),
    "controls": (lambda run: run.table("controls").height, lambda run: len(run.summary["controls"]), "count"),
    "quarantine": (
        lambda run: _sum(trust.set_aside(run), "n"),
        lambda run: _sum(run.table("intake"), "rows_quarantined"),
        "count",
    ),
    "snapshots": (
        lambda run: _sum(trust.snapshots(run), "rows_read"),
        lambda run: sum(row["rows_read"] for row in run.summary["rows"].values() if trust.is_snapshot(row["table"])),
        "count",
    ),
    "ledger": (
        _ledger_sum,
        lambda run: _line("C0")(run) if run.summary["bridge_ends_at"] == "C0" else _ledger_sum(run),
        "fen",
    ),
    "absent": (
        lambda run: len({code for codes in trust.tables(run)["codes"] for code in codes}),
        lambda run: len(run.summary["not_checked"]),
        "count",
    ),
}
"""Tie line → the figure a section shows, the control total it must equal, their unit."""
TIED_TO = {"bridge": "bridge", "daily_refunds": "bridge", "by_member": "bridge", "kpis": "bridge", "ageing": "ageing"}
"""Tie line → the check without which there is no such control total; the others always have theirs."""
