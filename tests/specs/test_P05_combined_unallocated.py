"""P05: a payment of two or more orders does not equal their sum. Rulings 1, 14."""

from tests.world import flow, order, run, world


def _pay(amount, flow_id="F1"):
    return flow(flow_id, "trade_receipt", amount, "2026-10-05", pay_id="PAY")


ORDERS = [order("O1", "60.00", pay_id="PAY"), order("O2", "40.00", pay_id="PAY")]


def test_a_combined_payment_that_differs_from_its_orders_is_P05_and_not_P01():
    month = run(world(orders=ORDERS, flows=[_pay("95.00")], receipts=False))

    assert month.codes == ["P05 PAY"]
    assert month.amounts("P05") == (10000, 9500, -500)
    assert month.one("P05")["evidence"] == ["orders.csv:2", "orders.csv:3", "flows.csv:2"]


def test_a_combined_payment_in_one_row_or_in_two_rows_of_its_number_is_right():
    assert run(world(orders=ORDERS, flows=[_pay("100.00")], receipts=False)).codes == []
    assert run(world(orders=ORDERS, flows=[_pay("60.00"), _pay("40.00", "F2")], receipts=False)).codes == []
