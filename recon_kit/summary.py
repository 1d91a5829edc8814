"""summary.json: the verdict, counts and totals of a run, as plain values that are equal for equal inputs."""

from __future__ import annotations

import hashlib
import platform
from collections.abc import Iterator
from datetime import timedelta
from importlib.metadata import version
from typing import Any

import polars as pl

from recon_kit.adjustments import sum_effects
from recon_kit.bridge import Bridge
from recon_kit.collect import Collected, Note
from recon_kit.facts import Facts, Scope
from recon_kit.facts.edits import SEALED_PERIOD
from recon_kit.rules import not_checked, not_scheduled
from recon_kit.schedule import is_due
from recon_kit.schema import PLATFORM
from recon_kit.selftest import sums_of


def verdict_of(facts: Facts, bridge: Bridge, findings: pl.DataFrame) -> str:
    """The worst verdict that holds (`results.VERDICT`) of what is due; a side it needs that did not come caps it at warnings."""
    primary = findings.filter(pl.col("primary_id").is_null())
    natures = set(primary["nature"])
    if bridge.unexplained_fen or (primary["code"] == "K06").any():
        return "incomplete"
    if "break" in natures:
        return "breaks"
    sides = {"orders", "aftersales", "flows"} | ({"voucher_lines"} if is_due("M4", facts.scope.period) else set())
    if not sides <= facts.supplied or facts.uncovered_platforms() or natures & {"rounding", "control", "data"}:
        return "warnings"
    return "pending" if "timing" in natures else "reconciled"


def summarise(collected: Collected, facts: Facts, bridge: Bridge, results: dict[str, pl.DataFrame]) -> dict[str, Any]:
    """The content of summary.json: plain values only, equal for equal inputs."""
    scope, found = facts.scope, results["discrepancies"]
    language = scope.config.entity.language
    primary = found.filter(pl.col("primary_id").is_null())
    sums = [pl.col(name).sum() for name in ("gap_fen", "expected_fen", "actual_fen", "loss_fen")]
    codes = primary.group_by("code").agg(pl.len().alias("n"), *sums, pl.col("nature").first()).sort("code")
    related = found.filter(pl.col("primary_id").is_not_null()).group_by("code").len().sort("code")
    totals = results["kpis"].filter(pl.col("dimension") == "all")
    rows = ["layout", "table", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate"]
    return {
        "schema": 1,
        "entity": scope.config.entity.name,
        "period": scope.period.text,
        "as_of": scope.as_of.isoformat(),
        "language": language,
        "standard": scope.config.standard,
        "verdict": verdict_of(facts, bridge, found),
        "unexplained_fen": bridge.unexplained_fen,
        "bridge_ends_at": bridge.ends_at,
        "bridge": dict(bridge.lines.select("line", "amount_fen").iter_rows()),
        "codes": {row.pop("code"): row for row in codes.iter_rows(named=True)},
        "related": dict(related.iter_rows()),
        "not_checked": not_checked(facts),
        "compares_closed": SEALED_PERIOD in facts.supplied,
        "promotions_calendar": {
            name: [day.isoformat() for day in days] for name, days in sorted(scope.config.promotions_calendar.items())
        },
        "entries": sum_effects(results["adjustments"], scope.config),
        "case_file": _completeness(results["case_file"]),
        "selftest": sums_of(results["selftest"]),
        "not_scheduled": not_scheduled(scope.period),
        "rows": {row["file"]: {name: row[name] for name in rows} for row in collected.intake.iter_rows(named=True)},
        "controls": collected.controls.select("file", "measure", "unit", "stated", "found").to_dicts(),
        "kpis": {
            row["kpi"]: {"numerator": row["numerator"], "denominator": row["denominator"]} for row in totals.iter_rows(named=True)
        },
        "warnings": [note.text(language) for note in collected.warnings if not note.is_remark] + _uncovered(facts),
        "remarks": [note.text(language) for note in (*collected.warnings, *_too_late(collected, scope)) if note.is_remark],
        "inputs_sha256": _digest([f"{entry['file']} {entry['sha256']}" for entry in stated_inputs(collected)]),
        "versions": versions(),
    }


def _too_late(collected: Collected, scope: Scope) -> Iterator[Note]:
    """The files whose first row lies after the look-ahead: as if they were not there, and so they are named."""
    last = (scope.look_ahead_end - timedelta(days=1)).date()
    for file in collected.intake.filter(pl.col("first_at") >= scope.look_ahead_end)["file"]:
        yield Note("too_late", {"file": file, "day": last.isoformat()})


def _completeness(case_file: pl.DataFrame) -> dict[str, int]:
    """Cases that ended in the period, and how many of them have a complete file."""
    ended = case_file.filter("is_of_period")
    return {"ended": ended.height, "complete": int(ended["is_complete"].sum())}


def _uncovered(facts: Facts) -> list[str]:
    names = facts.uncovered_platforms()
    if not names:
        return []
    if facts.scope.config.entity.language == "zh":
        listed = "、".join(PLATFORM[name] for name in names)
        return [f"没有载入这些平台的任何渠道账单，其收款与退款未核对：{listed}。请补充账单后重跑"]
    return [f"no bill of {', '.join(names)} was loaded; their receipts and refunds are not checked. Add the bills and run again"]


def stated_inputs(collected: Collected) -> list[dict[str, Any]]:
    """Every file that decided the run: the exports, then the user's layouts and reasons."""
    own = [{"file": name, "sha256": sha256} for name, sha256 in collected.own_files]
    return collected.intake.select("file", "sha256", "rows_read").to_dicts() + own


def versions() -> dict[str, str]:
    """What made the run."""
    return {"recon_kit": version("recon_kit"), "python": platform.python_version(), "polars": version("polars")}


def _digest(lines: list[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()
