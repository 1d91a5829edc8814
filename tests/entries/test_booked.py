"""The circle closes: what the proposed entries say is booked, and on the next run the findings they answer are gone."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from recon_kit.adjustments import build_adjustments
from recon_kit.bridge import build_bridge
from recon_kit.collect import Collected, collect
from recon_kit.config import load_config
from recon_kit.facts import Scope, build_facts
from recon_kit.facts.references import read_entry_ids
from recon_kit.periods import parse_period
from recon_kit.rules import detect
from recon_kit.schema import TABLES, conform, empty

ROOT = Path(__file__).parents[2]
FOLDERS = {
    "pilot": (ROOT / "tests/pilot/data", ROOT / "tests/pilot/recon.toml"),
    "sample": (ROOT / "data/sample", ROOT / "data/sample/recon.toml"),
}
MONTHS = [
    ("pilot", "2026-10", date(2026, 10, 31)),
    ("sample", "2026-09", date(2026, 9, 30)),
    ("sample", "2026-10", date(2026, 10, 31)),
]
LEDGER = ["L01", "L02", "L03", "L04", "L05", "L06", "L07", "L08", "L09", "L10", "A04"]
"""Codes about the ledger, which a voucher can put right; the others are about what platform, channel or warehouse did."""


@pytest.fixture(scope="module")
def folders() -> dict[str, Collected]:
    return {name: collect(data) for name, (data, _) in FOLDERS.items()}


def scope_of(folder: str, period: str, as_of: date, standard: str) -> Scope:
    config = load_config(FOLDERS[folder][1])
    config = config.model_copy(update={"entity": config.entity.model_copy(update={"standard": standard})})
    return Scope(config, parse_period(period), as_of)


def with_booked(collected: Collected, entries: pl.DataFrame) -> Collected:
    """The ledger with every proposed entry booked as a voucher of its own."""
    ledger = collected.tables.voucher_lines
    lines = entries.select(
        "period",
        pl.concat_str(pl.lit("转-"), "entry_id").alias("voucher_id"),
        pl.col("line_no").cast(pl.String),
        *("date", "account", "account_name", "debit_fen", "credit_fen", "ref_kind", "ref_id", "shop"),
        pl.col("memo").alias("summary"),
        pl.lit("entries.xlsx").alias("source_file"),
        pl.int_range(2, pl.len() + 2).alias("source_row"),
    )
    booked = conform(lines, TABLES["voucher_lines"])
    return replace(collected, tables=replace(collected.tables, voucher_lines=pl.concat([ledger, booked])))


@pytest.mark.parametrize("standard", ["SBE", "CAS"])
@pytest.mark.parametrize(("folder", "period", "as_of"), MONTHS, ids=str)
def test_booked_entries_clear_what_they_answer_and_are_not_proposed_again(folders, folder, period, as_of, standard):
    scope, collected = scope_of(folder, period, as_of, standard), folders[folder]
    facts = build_facts(collected, scope)
    findings = detect(facts)
    entries = build_adjustments(facts, findings, collected.tables.supplied(), "zh")
    answered = set(entries["answers"].explode())

    booked = with_booked(collected, entries)
    after = build_facts(booked, scope)
    left = detect(after)
    bridge = build_bridge(after, left, "zh")

    of_ledger = left.filter(pl.col("code").is_in(LEDGER) | (pl.col("why_key") == "A06_voucher"))
    assert answered.isdisjoint(of_ledger["discrepancy_id"])
    assert set(left["discrepancy_id"]) <= set(findings["discrepancy_id"])
    assert bridge.unexplained_fen == 0
    assert bridge.lines.filter(pl.col("line").is_in(["B2", "B4", "B5", "B6", "B7"]))["amount_fen"].to_list() == [0, 0, 0, 0, 0]
    assert build_adjustments(after, left, booked.tables.supplied(), "zh").is_empty()
    assert set(read_entry_ids(after.vouchers)["entry_id"]) == set(entries["entry_id"])


@pytest.mark.parametrize("standard", ["SBE", "CAS"])
def test_without_a_ledger_the_proposed_vouchers_are_the_month_in_full(folders, standard):
    collected = folders["sample"]
    unkept = replace(collected, tables=replace(collected.tables, voucher_lines=None))
    scope = scope_of("sample", "2026-10", date(2026, 10, 31), standard)
    facts = build_facts(unkept, scope)
    entries = build_adjustments(facts, detect(facts), unkept.tables.supplied(), "zh")

    opened = replace(unkept, tables=replace(unkept.tables, voucher_lines=empty(TABLES["voucher_lines"])))
    after = build_facts(with_booked(opened, entries), scope)
    bridge = build_bridge(after, detect(after), "zh")
    sums = dict(bridge.lines.select("line", "amount_fen").iter_rows())

    assert {line: sums[line] for line in ("B1", "B2", "B4", "B5", "B6", "B7")} == dict.fromkeys(
        ("B1", "B2", "B4", "B5", "B6", "B7"), 0
    )
    assert sums["C0"] - sums["B3"] == sums["B0"]
    assert bridge.unexplained_fen == 0
    daily = entries.filter(pl.col("effect") == "booking")
    assert daily["discrepancy_id"].null_count() == daily.height
    assert set(daily["date"].dt.month()) == {10}


def test_entry_ids_do_not_depend_on_the_order_of_rows(folders):
    collected = folders["pilot"]
    scope = scope_of("pilot", "2026-10", date(2026, 10, 31), "SBE")
    facts = build_facts(collected, scope)
    findings = detect(facts)
    tables = collected.tables.supplied()

    again = build_adjustments(facts, findings.sample(fraction=1, shuffle=True, seed=3), tables, "zh")
    assert again.equals(build_adjustments(facts, findings, tables, "zh"))
