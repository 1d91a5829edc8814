"""A card bill's refund names the receipt it pays back by the channel's own number, and nothing else. Rulings 2; UnionPay S30."""

import pytest

from tests.world import case, flow, order, refund, run, world


def card_receipt(flow_id, trade_no, amount="100.00", pay_id="PAY-O1"):
    return flow(flow_id, "trade_receipt", amount, "2026-10-05", channel="card", trade_no=trade_no, pay_id=pay_id)


def card_refund(flow_id, trade_no):
    return refund(flow_id, channel="card", trade_no=trade_no, request_no=f"REQ-{flow_id}")


def month_of(*flows, orders=("O1",)):
    cases = [case(f"C-{name}", name) for name in orders]
    return run(world(orders=[order(name) for name in orders], cases=cases, flows=flows, receipts=False))


def test_the_refund_belongs_to_the_order_of_the_receipt_with_its_trade_number():
    month = month_of(
        card_receipt("A", "T1"),
        card_receipt("B", "T2", pay_id="PAY-O2"),
        card_refund("F1", "T1"),
        card_refund("F2", "T2"),
        orders=("O1", "O2"),
    )

    assert month.codes == []
    assert month.bridge == {"A0": 6000, "B0": 6000, "C0": 6000}


@pytest.mark.parametrize("trade_no", ["T9", None])
def test_a_trade_number_without_a_receipt_leads_nowhere(trade_no):
    assert "C03 F1" in month_of(card_receipt("A", "T1"), card_refund("F1", trade_no)).codes


def test_a_trade_number_that_two_receipts_share_leads_nowhere():
    twice = [card_receipt(name, "T1", "50.00") for name in ("A", "B")]

    assert "C03 F1" in month_of(*twice, card_refund("F1", "T1")).codes
