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


def _rows(first, second, **more):
    return [
        flow("F1", "trade_receipt", first, pay_id="PAY", order_id="O1", **more),
        flow("F2", "trade_receipt", second, pay_id="PAY", order_id="O2", **more),
    ]


def test_rows_that_name_their_orders_are_one_combined_payment_when_one_of_them_is_wrong():
    """Alipay's bill has a row an order, all with the number of the one payment."""
    month = run(world(orders=ORDERS, flows=_rows("60.00", "36.50"), receipts=False))

    assert month.codes == ["P05 PAY"] and month.amounts("P05") == (10000, 9650, -350)
    assert run(world(orders=ORDERS, flows=_rows("60.00", "40.00"), receipts=False)).codes == []
    assert run(world(orders=ORDERS, flows=_rows("100.00", "40.00")[:1], receipts=False)).codes == []


def test_an_order_paid_twice_is_P04_also_in_a_combined_payment():
    twice = [*_rows("60.00", "40.00"), flow("F3", "trade_receipt", "40.00", pay_id="PAY", order_id="O2")]

    assert run(world(orders=ORDERS, flows=twice, receipts=False)).codes == ["P04 O2"]


def test_an_order_still_in_escrow_is_not_missed_in_the_payment_of_one_that_is_confirmed():
    orders = [
        order("O1", "60.00", pay_id="PAY", platform="taobao", confirmed="2026-10-12"),
        order("O2", "40.00", pay_id="PAY", platform="taobao"),
    ]

    month = run(world(orders=orders, flows=_rows("59.00", "0.00", channel="alipay")[:1], receipts=False))

    assert month.codes == ["P01 O1"] and month.amounts("P01") == (6000, 5900, -100)


def test_a_fen_an_order_is_rounding_of_a_combined_payment_and_one_more_is_P05():
    """Matrix M1: 0.01 a line when allocated."""
    assert run(world(orders=ORDERS, flows=[_pay("99.98")], receipts=False)).codes == ["A06 O1"]
    assert run(world(orders=ORDERS, flows=[_pay("99.97")], receipts=False)).codes == ["P05 PAY"]
