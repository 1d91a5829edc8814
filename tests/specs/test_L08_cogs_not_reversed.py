"""L08: good returns are back in stock and no voucher takes back their cost of sales. Rulings 20, 22."""

import pytest

from tests.goods import a_return, a_service
from tests.world import cost_voucher, order, refund, returned, run, shipment, voucher


def month(*vouchers, back=None, **more):
    return run(a_return([back or returned("T1", "C1", 2, posted_cost_fen="79.00")], qty=2, further_vouchers=vouchers, **more))


def test_good_goods_in_stock_without_a_voucher_are_L08_at_their_cost():
    found = month()

    assert found.codes == ["L08 C1"]
    assert found.amounts("L08") == (7900, 0, -7900)
    assert (found.one("L08")["qty"], found.one("L08")["loss_fen"]) == (2, None)


def test_without_a_posted_cost_it_is_that_of_the_line():
    assert month(back=returned("T1", "C1", 2)).amounts("L08") == (8000, 0, -8000)


@pytest.mark.parametrize(("kind", "number"), [("case", "C1"), ("order", "O1"), ("flow", "F1"), (None, "T1")])
def test_inventory_debited_for_the_case_its_order_refund_or_receipt_answers_it(kind, number):
    assert month(cost_voucher("V", number, "79.00", ref_kind=kind)).codes == []


def test_a_voucher_of_the_look_ahead_is_late_not_missing_and_one_after_it_is_missing():
    assert month(cost_voucher("V", "C1", "79.00", "2026-11-10")).codes == []
    assert month(cost_voucher("V", "C1", "79.00", "2026-11-11")).codes == ["L08 C1"]


def test_inventory_credited_for_the_case_is_no_reversal():
    assert month(cost_voucher("V", "C1", "-79.00")).codes == ["L08 C1"]


def test_cost_lines_that_name_nothing_go_by_their_voucher():
    refunded = voucher("V", ("C1", "30.00"))
    costs = [{**entry, "line_no": f"{n}"} for n, entry in enumerate(cost_voucher("V", None, "79.00"), 4)]

    assert month(vouchers=[[*refunded, *costs]]).codes == []


def test_a_total_that_names_nothing_answers_all_it_adds_up_to_and_else_nothing():
    assert month(cost_voucher("V", None, "79.00")).codes == []
    assert month(cost_voucher("V", None, "78.98")).codes == ["L08 C1"]
    assert month(cost_voucher("V", None, "79.00", "2026-09-30")).codes == ["L08 C1"]


def test_a_purchase_of_the_same_amount_reverses_nothing():
    stock, owed = cost_voucher("V", None, "79.00")
    bought = [stock, {**owed, "account": "2202"}]

    assert month(bought).codes == ["L08 C1"]


def test_a_credit_on_the_return_cost_answers_it_where_the_books_have_that_account():
    lines = [{**entry, "account": "1485", "debit_fen": 0, "credit_fen": 7900} for entry in cost_voucher("V", "C1", "79.00")[:1]]
    balance = [{**entry, "line_no": "2", "debit_fen": 7900} for entry in cost_voucher("V", None, "79.00")[:1]]
    back = a_return([returned("T1", "C1", 2, posted_cost_fen="79.00")], qty=2, further_vouchers=[[*lines, *balance]])

    assert run(back, standard="CAS").codes == []


def test_damaged_goods_those_not_in_stock_and_those_of_another_period_are_left_out():
    assert month(back=returned("T1", "C1", 2, grade="damaged")).codes == []
    assert month(back=returned("T1", "C1", 2, stock_posted_at=None, is_quarantined=True)).codes == []
    assert month(back=returned("T1", "C1", 2, stock_posted_at="2026-11-01", is_quarantined=True)).codes == []
    assert month(back=returned("T1", "C1", 2, on="2026-09-30")).codes == []


def test_an_exchange_takes_its_cost_back_too_and_a_repair_never_left_the_buyers():
    sent = [shipment("S1", "O1", kind="exchange", case_id="C1")]
    exchange = a_service("exchange", returns=[returned("T1", "C1")], shipments=sent, further_vouchers=())
    repair = a_service("repair", returns=[returned("T1", "C1")], further_vouchers=())

    assert (run(exchange).codes, run(repair).codes) == (["L08 C1"], [])


def test_the_order_of_another_case_does_not_answer_it():
    other = cost_voucher("V", "O2", "79.00", ref_kind="order")

    assert month(other, orders=[order("O1", "300.00", "2026-10-01"), order("O2")], flows=[refund("F1", case_id="C1")]).codes == [
        "L08 C1"
    ]


def test_without_vouchers_it_is_not_checked():
    assert month(vouchers=None).outcome.summary["not_checked"]["L08"] == "voucher_lines"
