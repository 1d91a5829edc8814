"""L01: money left and no voucher books it, not even in the look-ahead. Rulings 9, 19, 20; bridge B2."""

import pytest

from tests.world import case, flow, order, refund, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


def test_a_refund_without_a_voucher_is_L01_and_stands_in_B2():
    month = run(world(**PAID, vouchers=[]))

    assert month.codes == ["L01 C1"]
    assert month.amounts("L01") == (3000, 0, -3000)
    found = month.one("L01")
    assert (found["key_kind"], found["case_id"], found["order_id"], found["channel"]) == ("case_id", "C1", "O1", "wechat")
    assert found["evidence"] == ["aftersales.csv:2", "flows.csv:3"]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B2": -3000}


@pytest.mark.parametrize("ref", [("C1", "30.00", "case"), ("F1", "30.00", "flow"), ("O1", "30.00", "order")])
def test_a_voucher_names_the_case_the_flow_or_the_order_with_one_refund(ref):
    assert run(world(**PAID, vouchers=[voucher("V1", ref)])).codes == []


def test_a_summary_voucher_books_many_refunds_each_by_its_ref():
    flows = [refund(f"F{n}", f"{n}0.00", case_id=f"C{n}") for n in (1, 2, 3)]
    cases = [case(f"C{n}", "O1", f"{n}0.00") for n in (1, 2, 3)]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=[voucher("V1", ("C1", "10.00"), ("C3", "30.00"))]))

    assert month.codes == ["L01 C2"] and month.amounts("L01") == (2000, 0, -2000)
    assert month.bridge == {"A0": 6000, "B0": 6000, "B2": -2000, "C0": 4000}


def test_a_voucher_dated_within_ten_days_of_the_month_is_late_and_a_later_one_was_never_there():
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-11-10")])).codes == ["L05 C1"]
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-11-11")])).codes == ["L01 C1"]


@pytest.mark.parametrize("kind", ["refund", "subsidy_clawback", "small_transfer", "chargeback", "price_protection"])
def test_every_refund_type_outflow_is_to_be_booked_and_its_key_without_a_case_is_the_flow(kind):
    month = run(world(orders=[order("O1")], flows=[refund("F1", order_id="O1", kind=kind)], vouchers=[]))

    assert "L01 F1" in month.codes
    assert month.amounts("L01") == (3000, 0, -3000) and month.bridge["B2"] == -3000


@pytest.mark.parametrize("kind", ["fee", "payout", "transfer", "penalty", "unknown"])
def test_other_outflows_are_not(kind):
    assert run(world(flows=[flow("F1", kind, "-30.00")])).all("L01") == []


def test_refund_and_clawback_of_a_case_are_one_amount_to_book():
    flows = [
        refund("F1", case_id="C1", order_id="O1"),
        refund("F2", "5.00", kind="subsidy_clawback", case_id="C1", order_id="O1"),
    ]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows, vouchers=[]))

    assert month.amounts("L01") == (3500, 0, -3500)
    assert month.bridge == {"A0": 3000, "A6": 500, "B0": 3500, "B2": -3500}


def test_revenue_tax_and_cost_lines_do_not_book_a_refund():
    cost = [
        {**line, "account": account}
        for line, account in zip(voucher("V1", ("C1", "30.00")), ("5001", "5401", "1405"), strict=True)
    ]

    assert run(world(**PAID, vouchers=[cost])).codes == ["L01 C1"]


def test_which_accounts_book_a_refund_is_configured():
    config = {"accounts": {"BANK": {"code": "100201"}}, "accounts_gross": {"keys": ["BANK"]}}

    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"), wallet="100201")]), config=config).codes == []
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"))]), config=config).codes == ["L01 C1"]


def test_without_vouchers_it_is_not_checked_and_the_bridge_ends_at_the_channel():
    month = run(world(**PAID, vouchers=None))

    assert month.codes == [] and month.verdict == "warnings"
    assert month.outcome.summary["not_checked"]["L01"] == "voucher_lines"
    assert month.outcome.summary["bridge_ends_at"] == "B0" and month.bridge == {"A0": 3000, "B0": 3000}


def test_L05_keeps_the_id_of_L01():
    first = run(world(**PAID, vouchers=[])).one("L01")["discrepancy_id"]

    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-11-02")])).one("L05")["discrepancy_id"] == first


def test_the_key_says_what_it_is_of_a_refund_on_no_case():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "30.00", order_id="O1")], vouchers=[]))

    assert (month.one("L01")["key"], month.one("L01")["key_kind"]) == ("F1", "flow_id")


def test_once_the_month_is_over_the_accounting_period_of_a_voucher_decides_whatever_its_date():
    booked = [voucher("V1", ("C1", "30.00"), on="2026-11-02", period="2026-10")]
    month = world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")], vouchers=booked)

    assert run(month).codes == []


@pytest.mark.parametrize(("case_id", "status"), [("C1", "closed"), ("NOBODY", "closed")])
def test_a_refund_on_a_closed_or_unknown_case_is_booked_and_missed_by_the_case_it_names(case_id, status):
    """Schema: the ref is the case where the flow has one."""
    about = {"orders": [order("O1")], "cases": [case("C1", "O1", platform_status=status)]}
    flows = [refund("F1", case_id=case_id, order_id="O1")]

    booked = run(world(**about, flows=flows, vouchers=[voucher("V1", (case_id, "30.00"))]))
    missed = run(world(**about, flows=flows, vouchers=[]))

    assert booked.codes == ["C03 F1"]
    assert missed.codes == ["C03 F1", f"L01 {case_id}"] and missed.one("L01")["key_kind"] == "case_id"
