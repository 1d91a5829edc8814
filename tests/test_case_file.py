"""The case file: each case's legs, its vouchers and approval, and whether it is complete."""

import polars as pl
import pytest

from tests.world import case, line, order, refund, run, voucher, world

LEGS = ("money", "goods", "ledger", "fee", "discount")
APPROVED = {"approver": "李组长", "creator": "小王"}


def file_of(month, case_id="C1"):
    return month.outcome.tables["case_file"].row(by_predicate=pl.col("case_id") == case_id, named=True)


def legs(month, case_id="C1"):
    row = file_of(month, case_id)
    return tuple(row[leg] for leg in LEGS)


SOLD = {"orders": [order("O1")], "lines": [line("O1", "O1-1", "100.00")]}
PAID = {"cases": [case("C1", "O1", **APPROVED)], "flows": [refund("F1", case_id="C1")]}


def test_a_refund_that_was_paid_booked_and_approved_is_complete():
    month = run(world(**SOLD, **PAID, fees=[]))

    assert legs(month) == ("ties", "none", "ties", "none", "ties")
    row = file_of(month)
    assert (row["vouchers"], row["approval"], row["is_complete"]) == (["V-F1"], "approved", True)
    assert month.outcome.summary["case_file"] == {"ended": 1, "complete": 1}


@pytest.mark.parametrize(
    ("changes", "leg", "says"),
    [
        ({"flows": []}, "money", "broken"),
        ({"flows": [refund("F1", "35.00", case_id="C1")]}, "money", "broken"),
        ({"vouchers": []}, "ledger", "broken"),
        ({"vouchers": [voucher("V1", ("C1", "39.00"))]}, "ledger", "broken"),
        ({"vouchers": [voucher("V1", ("C1", "30.01"))]}, "ledger", "ties"),
        ({"vouchers": None}, "ledger", "not_checked"),
        ({"flows": None}, "money", "not_checked"),
        ({"lines": None}, "discount", "not_checked"),
        ({"fees": None}, "fee", "not_checked"),
    ],
)
def test_a_leg_says_what_its_findings_and_missing_tables_say(changes, leg, says):
    given = {**SOLD, **PAID, "fees": [], **changes}
    month = run(world(**{name: rows for name, rows in given.items() if not (name == "fees" and rows is None)}))

    assert file_of(month)[leg] == says
    assert file_of(month)["is_complete"] is (says == "ties")


def test_a_refund_on_its_way_is_pending_until_the_day_it_becomes_a_break():
    month = run(world(**SOLD, cases=[case("C1", "O1", done="2026-10-30", **APPROVED)], flows=[], fees=[]))
    row = file_of(month)

    assert (row["money"], row["ledger"], row["is_complete"]) == ("pending", "pending", False)
    assert row["money_until"].isoformat() == "2026-11-03"


def test_an_exchange_has_no_money_leg():
    month = run(world(**SOLD, cases=[case("C1", "O1", "0.00", kind="exchange", **APPROVED)], fees=[]))

    assert legs(month) == ("none", "not_checked", "none", "none", "none")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (APPROVED, "approved"),
        ({"decided_by": "platform"}, "platform"),
        ({"approver": None}, "automatic"),
        ({"final_fen": "100.01", "approver": None}, "missing"),
    ],
)
def test_the_approval_of_a_case(more, says):
    month = run(world(orders=[order("O1", "200.00")], cases=[case("C1", "O1", **more)], flows=[]))

    assert file_of(month)["approval"] == says


def test_a_case_booked_in_a_total_rests_on_that_voucher():
    lines = [{**row, "ref_id": None, "ref_kind": None, "summary": "退客户款"} for row in voucher("V1", ("X", "30.00"))]
    month = run(world(**SOLD, **PAID, vouchers=[lines], fees=[]))

    assert file_of(month)["ledger"] == "ties" and file_of(month)["vouchers"] == ["V1"]
