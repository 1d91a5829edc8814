"""A06: a difference of at most one fen, listed apart for each leg it stands on. Ruling 17; bridge A5 and B7."""

import pytest

from tests.world import case, order, refund, run, voucher, world

CASES = {"cases": [case("C1", "O1", "30.00")], "orders": [order("O1")]}


@pytest.mark.parametrize(("paid", "gap"), [("30.01", 1), ("29.99", -1)])
def test_one_fen_between_case_and_flow_is_A06_in_A5(paid, gap):
    month = run(world(**CASES, flows=[refund("F1", paid, case_id="C1")]))

    assert month.codes == ["A06 C1"]
    assert month.amounts("A06") == (3000, 3000 + gap, gap)
    assert month.one("A06")["evidence"] == ["aftersales.csv:2", "flows.csv:3"]
    assert month.bridge == {"A0": 3000, "A5": gap, "B0": 3000 + gap, "C0": 3000 + gap}
    assert month.verdict == "warnings"


@pytest.mark.parametrize(("booked", "gap"), [("30.01", 1), ("29.99", -1)])
def test_one_fen_between_flow_and_voucher_is_A06_in_B7(booked, gap):
    month = run(world(**CASES, flows=[refund("F1", case_id="C1")], vouchers=[voucher("V1", ("C1", booked))]))

    assert month.codes == ["A06 C1"]
    assert month.amounts("A06") == (3000, 3000 + gap, gap)
    assert month.bridge == {"A0": 3000, "B0": 3000, "B7": gap, "C0": 3000 + gap}


def test_one_fen_on_both_legs_of_a_case_is_two_findings_with_two_ids():
    month = run(world(**CASES, flows=[refund("F1", "30.01", case_id="C1")], vouchers=[voucher("V1", ("C1", "30.02"))]))

    first, second = month.all("A06")
    assert month.codes == ["A06 C1", "A06 C1"] and first["discrepancy_id"] != second["discrepancy_id"]
    assert month.bridge == {"A0": 3000, "A5": 1, "B0": 3001, "B7": 1, "C0": 3002}


def test_two_fen_are_a_difference_and_no_rounding():
    flows = [refund("F1", "30.02", case_id="C1")]

    assert run(world(**CASES, flows=flows)).codes == ["C05 C1"]
    assert run(world(**CASES, flows=[refund("F1", case_id="C1")], vouchers=[voucher("V1", ("C1", "30.02"))])).codes == ["L04 C1"]


def test_the_tolerance_is_the_configured_one():
    month = world(**CASES, flows=[refund("F1", "30.05", case_id="C1")])

    assert run(month, config={"tolerance": {"row": "0.05"}}).codes == ["A06 C1"]
    assert run(month, config={"tolerance": {"row": "0.04"}}).codes == ["C05 C1"]
    assert run(world(**CASES, flows=[refund("F1", "30.01", case_id="C1")]), config={"tolerance": {"row": "0.00"}}).codes == [
        "C05 C1"
    ]
