"""What each finding proposes to book, on the smallest month that has it. Lines are (account, side, yuan)."""

from __future__ import annotations

from typing import Any

import polars as pl
import pytest

from recon_kit.money import format_yuan
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.rules.entries import CHOICES, CONDITIONS, FORMS, NONE, NONE_TEXTS, entry_text
from tests.world import Result, accrual, case, flow, line, order, refund, release, returned, run, voucher, world

BOOKED = voucher("V1", ("R1", "30.00"))


def entry(found: Result, code: str) -> list[tuple[str, str, str]]:
    """The lines of the only entry proposed for a code."""
    lines = found.outcome.tables["adjustments"].filter(pl.col("code") == code)
    assert lines["entry_id"].n_unique() == 1, found.codes
    return [
        (row["account"], "debit", format_yuan(row["debit_fen"]))
        if row["debit_fen"]
        else (row["account"], "credit", format_yuan(row["credit_fen"]))
        for row in lines.iter_rows(named=True)
    ]


def proposed(found: Result) -> list[str]:
    """The codes that propose an entry."""
    return sorted(found.outcome.tables["adjustments"]["code"].unique())


def month(**given: Any) -> Any:
    """One order of 100.00 with one refund of 30.00, paid and booked, unless told otherwise."""
    usual = {"orders": [order("O1")], "cases": [case("R1", "O1")], "flows": [refund("F1", case_id="R1", order_id="O1")]}
    return world(**{**usual, "vouchers": [BOOKED], **given})


def test_a_refund_that_is_not_booked_is_booked_in_red():
    assert entry(run(month(vouchers=[])), "L01") == [
        ("5001", "credit", "-26.55"),
        ("222101-05", "credit", "-3.45"),
        ("101202", "credit", "30.00"),
    ]


def test_under_cas_the_accounts_are_those_of_cas_and_an_accrual_pays_first():
    books = [accrual("V0", "R1", "30.00", "2026-09-28")]
    cases = [case("R1", "O1", approved_at="2026-09-28")]

    assert entry(run(month(cases=cases, vouchers=books), standard="CAS"), "L01") == [
        ("224101", "debit", "30.00"),
        ("101202", "credit", "30.00"),
    ]


def test_the_vat_is_that_of_the_line_refunded():
    lines = [line("O1", "O1-1", "60.00", vat_rate="0.09"), line("O1", "O1-2", "40.00", vat_rate="0.13")]
    whole = run(month(lines=lines, vouchers=[]))
    of_line = run(month(lines=lines, vouchers=[], cases=[case("R1", "O1", line_id="O1-1")]))

    # 18.00 at 9 % hold 1.49, 12.00 at 13 % hold 1.38.
    assert entry(whole, "L01")[1] == ("222101-05", "credit", "-2.87")
    assert entry(of_line, "L01")[1] == ("222101-05", "credit", "-2.48")


def test_a_wrong_amount_is_adjusted_by_the_difference_of_the_splits():
    found = run(month(vouchers=[voucher("V1", ("R1", "39.00"))]))

    assert entry(found, "L04") == [("5001", "credit", "7.96"), ("222101-05", "credit", "1.04"), ("101202", "credit", "-9.00")]


def test_copies_of_a_voucher_go_back_in_red_and_the_first_stays():
    found = run(month(vouchers=[BOOKED, voucher("V2", ("R1", "30.00")), voucher("V3", ("R1", "30.00"))]))

    assert entry(found, "L03") == 2 * [
        ("5001", "credit", "26.55"),
        ("222101-05", "credit", "3.45"),
        ("101202", "credit", "-30.00"),
    ]


def test_a_voucher_of_no_refund_goes_back_in_red():
    found = run(month(vouchers=[BOOKED, voucher("V9", ("R9", "20.00"))]))

    assert entry(found, "L02") == [("5001", "credit", "17.70"), ("222101-05", "credit", "2.30"), ("101202", "credit", "-20.00")]


def test_a_refund_booked_but_never_paid_is_owed_and_answers_both_findings():
    found = run(month(flows=[]))
    both = {row["discrepancy_id"] for code in ("C04", "L02") for row in found.all(code)}

    assert entry(found, "C04") == [("101202", "credit", "-30.00"), ("224101", "credit", "30.00")]
    assert set(found.outcome.tables["adjustments"]["answers"][0]) == both
    assert proposed(found) == ["C04"]


def test_what_is_neither_paid_nor_booked_moves_nothing():
    assert run(month(flows=[], vouchers=[])).outcome.tables["adjustments"].is_empty()


@pytest.mark.parametrize(("paid", "account", "excess"), [("80.00", "560101", "50.00"), ("80.01", "122102", "50.01")])
def test_an_excess_is_an_expense_up_to_the_small_loss_and_a_claim_above_it(paid, account, excess):
    flows = [refund("F1", paid, case_id="R1", order_id="O1")]
    found = run(month(flows=flows, vouchers=[voucher("V1", ("R1", paid))]))

    lines = entry(found, "C05")
    assert lines[0] == (account, "debit", excess)
    assert [name for name, _, _ in lines[1:]] == ["5001", "222101-05"]


def test_an_excess_that_the_ledger_lacks_is_booked_once_for_both_findings():
    found = run(month(flows=[refund("F1", "42.00", case_id="R1", order_id="O1")]))

    assert entry(found, "C05") == [("560101", "debit", "12.00"), ("101202", "credit", "12.00")]
    assert proposed(found) == ["C05"]
    assert set(found.outcome.tables["adjustments"]["answers"][0]) == {
        found.one("C05")["discrepancy_id"],
        found.one("L04")["discrepancy_id"],
    }


def test_a_small_excess_is_left_in_sales_where_it_is_an_allowance():
    flows = [refund("F1", "42.00", case_id="R1", order_id="O1")]
    books = [voucher("V1", ("R1", "42.00"))]

    assert (
        run(month(flows=flows, vouchers=books), config={"policy": {"over_refund": "allowance"}})
        .outcome.tables["adjustments"]
        .is_empty()
    )


def test_what_was_paid_too_little_is_owed():
    found = run(month(flows=[refund("F1", "20.00", case_id="R1", order_id="O1")], vouchers=[voucher("V1", ("R1", "20.00"))]))

    assert entry(found, "C06") == [("5001", "credit", "-8.85"), ("222101-05", "credit", "-1.15"), ("224101", "credit", "10.00")]


def test_a_platform_decided_refund_and_its_missing_voucher_are_one_entry():
    found = run(month(cases=[case("R1", "O1", decided_by="platform")], vouchers=[]))
    lines = found.outcome.tables["adjustments"]

    assert proposed(found) == ["C12"]
    assert lines["credit_fen"].to_list() == [-2655, -345, 3000]
    assert lines["discrepancy_id"][0] == found.one("C12")["discrepancy_id"]
    assert lines["answers"][0].to_list() == [found.one(code)["discrepancy_id"] for code in ("C12", "L01")]


def test_a_small_transfer_is_goodwill_unless_it_is_a_price_cut():
    flows = [refund("F2", "8.00", kind="small_transfer", order_id="O1")]
    goodwill = month(cases=[], flows=flows, vouchers=[])

    assert entry(run(goodwill), "C11") == [("560101", "debit", "8.00"), ("101202", "credit", "8.00")]
    cut = run(goodwill, config={"policy": {"unlinked_small_transfer": "price_cut"}})
    assert entry(cut, "C11") == [("5001", "credit", "-7.08"), ("222101-05", "credit", "-0.92"), ("101202", "credit", "8.00")]


def test_a_small_transfer_of_the_price_difference_is_a_price_cut():
    cases = [case("X1", "O1", "0.00", kind="exchange", price_difference_fen=-800)]
    found = run(month(cases=cases, flows=[refund("F2", "8.00", kind="small_transfer", order_id="O1")], vouchers=[]))

    assert entry(found, "C11")[0] == ("5001", "credit", "-7.08")


def test_a_chargeback_is_a_receivable_while_it_is_disputed():
    flows = [refund("F2", "50.00", kind="chargeback", order_id="O1")]
    unbooked = run(month(cases=[], flows=flows, vouchers=[]))
    booked = run(month(cases=[], flows=flows, vouchers=[voucher("V2", ("F2", "50.00", "flow"))]))

    assert entry(unbooked, "C13") == [("122103", "debit", "50.00"), ("101202", "credit", "50.00")]
    assert entry(booked, "C13") == [("122103", "debit", "50.00"), ("5001", "credit", "44.25"), ("222101-05", "credit", "5.75")]


def test_a_refund_booked_next_month_is_booked_in_its_own_and_not_again_in_the_next():
    late = month(vouchers=[voucher("V1", ("R1", "30.00"), on="2026-11-03")])

    assert entry(run(late), "L05")[2] == ("101202", "credit", "30.00")
    november = run(late, period="2026-11", as_of="2026-11-30")
    assert [row["code"] for row in november.all("L05")] == ["L05"]
    assert november.outcome.tables["adjustments"].is_empty()


def test_under_cas_an_approval_is_accrued_with_the_goods_expected_back():
    cases = [case("R1", "O1", done="2026-10-30", kind="return_refund", qty=1)]
    given = {
        "cases": cases,
        "flows": [refund("F1", "30.00", "2026-11-02", case_id="R1", order_id="O1")],
        "vouchers": [voucher("V1", ("R1", "30.00"), on="2026-11-02")],
        "lines": [line("O1", "O1-1", "30.00", unit_cost_fen="11.00")],
        "returns": [],
    }
    found = run(month(**given), standard="CAS")

    assert entry(found, "L05") == [
        ("6001", "credit", "-26.55"),
        ("222101-05", "credit", "-3.45"),
        ("224101", "credit", "30.00"),
        ("6401", "debit", "-11.00"),
        ("1485", "debit", "11.00"),
    ]
    assert found.outcome.tables["adjustments"]["effect"].unique().to_list() == ["accrual"]
    waiting = run(month(**given), standard="CAS", config={"policy": {"vat_reversal": "red_invoice"}})
    assert entry(waiting, "L05")[:2] == [("6001", "credit", "-30.00"), ("224101", "credit", "30.00")]
    assert run(month(**given)).outcome.tables["adjustments"].is_empty()


def test_a_provisioned_return_moves_from_the_provision_without_effect_on_profit():
    cases = [case("R1", "O1", done="2026-10-30", kind="return_refund")]
    flows = [refund("F1", "30.00", "2026-11-02", case_id="R1", order_id="O1")]
    config = {"provision": {"method": "expected_rate"}}
    found = run(month(cases=cases, flows=flows, vouchers=[]), standard="CAS", config=config)

    assert entry(found, "L05") == [("280102", "debit", "26.55"), ("222101-05", "credit", "-3.45"), ("224101", "credit", "30.00")]
    assert found.outcome.summary["entries"] == {"reclass": {"n": 1, "pnl_fen": 0}}


def test_a_stale_accrual_of_a_closed_case_is_released():
    cases = [case("R1", "O1"), case("R2", "O1", "10.00", platform_status="closed")]
    found = run(month(cases=cases, vouchers=[BOOKED, accrual("V0", "R2", "10.00", "2026-08-01")]))

    assert entry(found, "L10") == [("224101", "debit", "10.00"), ("5001", "credit", "8.85"), ("222101-05", "credit", "1.15")]


def test_last_months_accrual_is_released_once_its_case_is_closed_or_its_refund_is_booked_again():
    cases = [case("R1", "O1", approved_at="2026-09-28"), case("R2", "O1", "10.00", platform_status="closed")]
    books = [accrual("V0", "R1", "30.00", "2026-09-28"), BOOKED, accrual("V9", "R2", "10.00", "2026-09-28")]
    found = run(month(cases=cases, vouchers=books), standard="CAS")

    lines = found.outcome.tables["adjustments"].sort("memo", "line_no")
    assert lines["effect"].unique().to_list() == ["reversal"]
    assert sorted(lines["debit_fen"].unique()) == [0, 1000, 3000]
    assert lines["discrepancy_id"].null_count() == lines.height
    assert found.codes == []


def test_a_wrong_tax_moves_between_sales_and_tax():
    books = voucher("V1", ("R1", "30.00"))
    books[0]["credit_fen"], books[1]["credit_fen"] = -2800, -200
    found = run(month(vouchers=[books]))

    assert entry(found, "L07") == [("5001", "credit", "1.45"), ("222101-05", "credit", "-1.45")]


def test_a_wrong_account_goes_back_in_red_and_over_to_sales():
    books = voucher("V1", ("R1", "30.00"))
    books[0] = {**books[0], "account": "560301", "debit_fen": 3000, "credit_fen": 0}
    del books[1]
    found = run(month(vouchers=[books]))

    assert entry(found, "L09") == [("560301", "debit", "-30.00"), ("5001", "credit", "-26.55"), ("222101-05", "credit", "-3.45")]


def test_roundings_of_a_shop_are_one_entry_up_to_the_cap():
    orders = [order(f"O{n}", shop="A") for n in range(3)]
    cases = [case(f"R{n}", f"O{n}", shop="A") for n in range(3)]
    flows = [refund(f"F{n}", case_id=f"R{n}", order_id=f"O{n}") for n in range(3)]
    books = [voucher(f"V{n}", (f"R{n}", "30.01")) for n in range(3)]
    month_of_roundings = world(orders=orders, cases=cases, flows=flows, vouchers=books)

    found = run(month_of_roundings)
    assert entry(found, "A06") == 3 * [("101202", "credit", "-0.01"), ("560301", "debit", "-0.01")]
    assert len(found.outcome.tables["adjustments"]["answers"][0]) == 3
    capped = run(month_of_roundings, config={"tolerance": {"aggregate_cap": "0.02"}})
    assert capped.outcome.tables["adjustments"].is_empty()


def test_goods_that_did_not_come_back_are_a_loss_at_cost():
    given = {
        "cases": [case("R1", "O1", kind="return_refund", qty=1)],
        "lines": [line("O1", "O1-1", "30.00", unit_cost_fen="11.00")],
        "returns": [],
    }

    assert entry(run(month(**given)), "W01") == [("190101", "debit", "11.00"), ("1405", "credit", "11.00")]
    cas = run(month(**given), standard="CAS")
    assert entry(cas, "W01") == [("190101", "debit", "11.00"), ("1485", "credit", "11.00")]


def test_cost_of_a_return_is_taken_back_and_out_of_the_return_cost_where_it_was_accrued():
    given = {
        "cases": [case("R1", "O1", kind="return_refund", qty=1)],
        "lines": [line("O1", "O1-1", "30.00", unit_cost_fen="11.00")],
        "returns": [returned("K1", "R1")],
    }
    assert entry(run(month(**given)), "L08") == [("1405", "debit", "11.00"), ("5401", "debit", "-11.00")]

    expected_back = [
        {**BOOKED[0], "voucher_id": "V0", "line_no": str(n), "account": account, "debit_fen": fen, "credit_fen": 0}
        for n, (account, fen) in enumerate((("6401", -1100), ("1485", 1100)), 1)
    ]
    cas = run(month(**given, further_vouchers=[expected_back]), standard="CAS")
    assert entry(cas, "L08") == [("1405", "debit", "11.00"), ("1485", "credit", "11.00")]


def test_a_payout_is_booked_whole_and_one_of_which_nothing_arrived_is_in_transit():
    flows = [flow("T1", "payout", "-500.00", "2026-10-20", payout_id="P1")]
    bank = {"bank_id": "B1", "at": flows[0]["at"], "amount_fen": 49900, "payout_id": "P1"}
    short = run(month(cases=[], flows=flows, vouchers=[], bank_rows=[bank]))
    missing = run(month(cases=[], flows=flows, vouchers=[], bank_rows=[]))

    assert entry(short, "S03") == [("1002", "debit", "499.00"), ("560301", "debit", "1.00"), ("101202", "credit", "500.00")]
    assert entry(missing, "S03") == [("101299", "debit", "500.00"), ("101202", "credit", "500.00")]


def test_what_a_code_books_is_said_for_every_code():
    assert set(CHOICES) == set(CATALOGUE)
    assert {choice.form for chosen in CHOICES.values() for choice in chosen} == set(FORMS)
    assert {name for chosen in CHOICES.values() for choice in chosen for name in choice.conditions} == set(CONDITIONS)
    assert {reason for reason in NONE.values() if reason} == set(NONE_TEXTS)
    for code in CATALOGUE:
        always = any(not choice.conditions and choice.standard is None for choice in CHOICES[code])
        assert bool(NONE[code]) != always or code in ("S02", "S09"), f"{code}: says why it books nothing, or always books"
        assert all(entry_text(code, standard, language) for standard in ("SBE", "CAS") for language in ("zh", "en"))


def test_timing_is_not_adjusted():
    flows = [refund("F1", "30.00", "2026-11-02", case_id="R1", order_id="O1")]
    found = run(month(cases=[case("R1", "O1", done="2026-10-31")], flows=flows, vouchers=[]))

    assert found.codes == ["C02 R1"]
    assert found.outcome.tables["adjustments"].is_empty()


def test_an_accrual_released_as_it_should_be_needs_nothing():
    books = [accrual("V0", "R1", "30.00", "2026-09-28"), release("V1", "R1", "30.00", "2026-10-12")]
    found = run(month(cases=[case("R1", "O1", approved_at="2026-09-28")], vouchers=books), standard="CAS")

    assert found.outcome.tables["adjustments"].is_empty()


def test_without_a_ledger_a_refund_that_came_back_is_booked_the_other_way_round():
    """A positive refund row is money that returned to the wallet: nothing stops, and the entries still come to the bills."""
    came_back = refund("F9", "20.00", on="2026-10-12", order_id="O1") | {"amount_fen": 2000}

    found = run(world(orders=[order("O1")], cases=[], flows=[came_back], vouchers=None))

    assert found.one("C03")["actual_fen"] == -2000
    assert found.outcome.summary["bridge"]["B0"] == -2000


def test_a_refund_that_came_back_and_was_booked_late_takes_nothing_from_an_accrual_that_never_was():
    came_back = refund("F1", "30.00", on="2026-10-30", case_id="R1", order_id="O1") | {"amount_fen": 3000}
    books = [voucher("V1", ("R1", "-30.00"), on="2026-11-02")]

    found = run(month(cases=[case("R1", "O1", done="2026-10-30")], flows=[came_back], vouchers=books))

    assert entry(found, "L05")[2] == ("101202", "credit", "-30.00")
