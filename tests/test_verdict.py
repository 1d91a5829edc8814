"""The verdict, worst first, its exit code, and what a side that was not supplied does to both."""

from pathlib import Path

import pytest

from recon_kit.run import RunResult
from tests.world import case, control, order, refund, run, voucher, world

ORDERS, CASES, FLOWS = [order("O1")], [case("C1", "O1")], [refund("F1", case_id="C1")]
TIED = {"orders": ORDERS, "cases": CASES, "flows": FLOWS}
TRANSIT = {"orders": ORDERS, "cases": [case("C1", "O1", done="2026-10-30")]}
ROUNDED = {**TIED, "flows": [refund("F1", "30.01", case_id="C1")]}
BROKEN = {**TIED, "flows": [refund("F1", "35.00", case_id="C1")]}


@pytest.mark.parametrize(
    ("given", "verdict", "code"),
    [
        (TIED, "reconciled", 0),
        (TRANSIT, "pending", 0),
        (ROUNDED, "warnings", 1),
        (BROKEN, "breaks", 1),
        ({**BROKEN, "controls": [control("flows.csv", "支出合计", "1.00", "2.00")]}, "incomplete", 1),
    ],
    ids=["reconciled", "pending", "warnings", "breaks", "incomplete"],
)
def test_the_worst_thing_found_is_the_verdict_and_decides_the_exit_code(given, verdict, code):
    month = run(world(**given))

    assert month.verdict == verdict
    assert RunResult(Path(), month.outcome.summary).exit_code == code


def test_related_findings_do_not_count():
    """The L02 of a booked refund in transit is a break, but the transit explains it."""
    month = run(world(**TRANSIT, vouchers=[voucher("V1", ("C1", "30.00"))]))

    assert month.all("L02")[0]["primary_id"] == month.one("C02")["discrepancy_id"]
    assert month.verdict == "pending" and month.outcome.summary["related"] == {"L02": 1}


@pytest.mark.parametrize("missing", ["orders", "cases", "flows", "vouchers"])
def test_a_side_that_was_not_supplied_caps_the_verdict_at_warnings(missing):
    assert run(world(**{**TIED, missing: None})).verdict == "warnings"


def test_a_header_only_side_is_a_side():
    assert run(world(orders=[], cases=[], flows=[], vouchers=[])).verdict == "reconciled"


def test_the_bridge_ends_at_the_last_supplied_side():
    def lines(**given):
        month = run(world(**{**TIED, **given}))
        return month.outcome.summary["bridge_ends_at"], month.outcome.tables["bridge"]["line"].to_list()

    assert lines(flows=None) == ("A0", ["A0"])
    ends_at, found = lines(vouchers=None)
    assert ends_at == "B0" and found[-1] == "B0" and found[0] == "A0"
    ends_at, found = lines()
    assert ends_at == "C0" and found[-1] == "C0"


def test_what_was_not_checked_names_the_missing_table():
    none = run(world(orders=None, cases=None, flows=None, vouchers=None)).outcome.summary

    assert none["codes"] == {} and none["bridge"] == {"A0": 0}
    assert {none["not_checked"][code] for code in ("C01", "C04", "C10")} == {"aftersales"}
    assert (none["not_checked"]["P03"], none["not_checked"]["S05"]) == ("orders", "flows") and "L01" in none["not_checked"]
    assert "K05" not in none["not_checked"] and "K06" not in none["not_checked"]
    without_lines = run(world(**TIED)).outcome.summary["not_checked"]
    supplied = {"orders", "payments", "aftersales", "flows", "voucher_lines"}
    assert without_lines["A03"] == "order_lines" and not set(without_lines.values()) & supplied


def test_the_summary_counts_each_code_and_sums_it():
    month = run(world(orders=[order("O1"), order("O2")], cases=[case("C1", "O1"), case("C2", "O2", "20.00")]))

    assert month.outcome.summary["codes"]["C04"] == {
        "n": 2,
        "gap_fen": -5000,
        "expected_fen": 5000,
        "actual_fen": 0,
        "loss_fen": 0,
        "nature": "break",
    }


def test_the_run_speaks_its_language():
    zh, en = (run(world(**BROKEN), language=language) for language in ("zh", "en"))

    assert "多退" in zh.one("C05")["why"] and "too much" in en.one("C05")["why"]
    assert zh.one("C05")["discrepancy_id"] == en.one("C05")["discrepancy_id"]
    assert zh.outcome.tables["bridge"]["label"][0] != en.outcome.tables["bridge"]["label"][0]
