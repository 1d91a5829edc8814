"""The pilot month, made by a generator that is not ours, is reproduced to the fen: nothing missed, nothing invented."""

from __future__ import annotations

import csv
import json
from collections import Counter
from datetime import date
from pathlib import Path

import polars as pl
import pytest

from recon_kit.collect import Collected, collect
from recon_kit.config import load_config
from recon_kit.facts import Scope
from recon_kit.periods import parse_period
from recon_kit.rules import RULES
from recon_kit.run import reconcile
from tests.world import Result, check_bridge, check_pairs

PILOT = Path(__file__).parent / "pilot"
EXPECTED = json.loads((PILOT / "expected.json").read_text(encoding="utf-8"))
DETECTED = {rule.code for rule in RULES}
PLANTED = [
    row
    for row in csv.DictReader((PILOT / "expected.csv").read_text(encoding="utf-8-sig").splitlines())
    if row["code"] in DETECTED
]
"""Every planted discrepancy of a code that this build detects."""


@pytest.fixture(scope="module")
def collected() -> Collected:
    return collect(PILOT / "data")


@pytest.fixture(scope="module")
def month(collected: Collected) -> Result:
    return Result(reconcile(collected, Scope(load_config(PILOT / "recon.toml"), parse_period("2026-10"), date(2026, 10, 31))))


def _amounts(row: dict[str, str]) -> tuple[int | None, ...]:
    return tuple(int(row[name]) if row[name] else None for name in ("expected_fen", "actual_fen", "gap_fen"))


def _answers(found: dict[str, object], planted: dict[str, str]) -> bool:
    keys = {found["key"], found["order_id"], found["case_id"]}
    amounts = tuple(found[name] for name in ("expected_fen", "actual_fen", "gap_fen"))
    stated = all(not planted[name] or planted[name] == found[name] for name in ("order_id", "case_id", "nature"))
    return (
        found["code"] == planted["code"]
        and (not planted["key"] or planted["key"] in keys)
        and amounts == _amounts(planted)
        and stated
    )


def test_every_data_row_of_every_file_is_read(collected):
    rows: Counter[str] = Counter()
    for file, n in collected.intake.select("file", "rows_read").iter_rows():
        rows[file.split("!")[0]] += n

    assert rows == EXPECTED["rows"]
    assert collected.quarantine.is_empty()


def test_every_planted_discrepancy_is_found_to_the_fen_and_nothing_else(month):
    primary = month.findings.filter(pl.col("primary_id").is_null()).to_dicts()
    missed = []
    for planted in PLANTED:
        answer = next((found for found in primary if _answers(found, planted)), None)
        if answer is None:
            missed.append(planted)
        else:
            primary.remove(answer)

    assert missed == []
    assert [(row["code"], row["key"]) for row in primary] == []


def test_what_must_not_be_found_is_not(month):
    found = set(month.findings.select("code", "key").iter_rows())

    assert [entry for entry in EXPECTED["must_not"] if (entry["code"], entry["key"]) in found] == []


def test_natures_are_the_planted_ones_and_timing_says_when_it_breaks(month):
    assert {row["code"]: row["nature"] for row in PLANTED} == dict(month.findings.select("code", "nature").unique().iter_rows())
    assert month.findings.filter(pl.col("nature") == "timing")["breaks_on"].null_count() == 0


def test_the_bridge_is_the_expected_one_line_by_line(month):
    assert month.bridge == {line: amount for line, amount in EXPECTED["bridge"].items() if amount}
    assert month.outcome.summary["unexplained_fen"] == EXPECTED["unexplained_fen"] == 0
    check_bridge(month.outcome)


def test_the_kpis_are_the_expected_ones(month):
    found = {name: month.outcome.summary["kpis"][name] for name in EXPECTED["kpis"]}

    assert found == {name: {part: kpi[part] for part in ("numerator", "denominator")} for name, kpi in EXPECTED["kpis"].items()}


def test_each_row_of_both_sides_of_every_pair_has_one_outcome(collected, month):
    check_pairs(collected, month.outcome)


def test_broken_totals_make_the_month_incomplete(month):
    assert month.verdict == "incomplete"


def test_every_finding_points_at_rows_of_the_files_that_came(collected, month):
    files = set(collected.intake["file"]) | {file.split("!")[0] for file in collected.intake["file"]}
    places = month.findings["evidence"].explode().to_list()

    assert None not in places
    assert {place.rsplit(":", 1)[0] if place.rsplit(":", 1)[-1].isdigit() else place for place in places} <= files


def test_partitions_do_not_change_a_byte(collected, month):
    again = reconcile(
        collected, Scope(load_config(PILOT / "recon.toml"), parse_period("2026-10"), date(2026, 10, 31)), partitions=8
    )

    assert again.summary == month.outcome.summary
    assert all(again.tables[name].equals(frame) for name, frame in month.outcome.tables.items())
