"""P04: two or more payments allocate more than the order. Rulings 1, 14."""

from tests.world import flow, order, receipt, run, world


def test_an_order_paid_twice_is_P04_and_not_P01():
    month = run(
        world(
            orders=[order("TWICE"), order("PARTS")],
            flows=[
                receipt("TWICE", flow_id="F1"),
                receipt("TWICE", flow_id="F2", on="2026-10-06"),
                receipt("PARTS", "60.00", flow_id="F3"),
                receipt("PARTS", "40.00", flow_id="F4"),
            ],
            receipts=False,
        )
    )

    assert month.codes == ["P04 TWICE"]
    assert month.amounts("P04") == (10000, 20000, 10000)
    assert month.one("P04")["evidence"] == ["orders.csv:2", "flows.csv:2", "flows.csv:3"]


def test_two_receipts_of_one_pay_id_are_P04_too():
    twice = [flow(f"F{n}", "trade_receipt", "100.00", "2026-10-05", pay_id="PAY-O1") for n in (1, 2)]

    assert run(world(orders=[order("O1")], flows=twice, receipts=False)).codes == ["P04 O1"]


def test_an_excess_over_several_payments_is_P04_of_the_excess():
    flows = [receipt("O1", "60.00", flow_id="F1"), receipt("O1", "50.00", flow_id="F2")]

    month = run(world(orders=[order("O1")], flows=flows, receipts=False))

    assert month.amounts("P04") == (10000, 11000, 1000)


def test_a_payment_that_failed_is_no_second_payment():
    flows = [receipt("O1", flow_id="F1"), receipt("O1", flow_id="F2", status="failed")]

    assert run(world(orders=[order("O1")], flows=flows, receipts=False)).codes == []
