"""P02: money arrived and no loaded order explains it. Rulings 1, 10; catalogue: after one day."""

from tests.world import flow, order, receipt, run, world


def test_a_receipt_without_an_order_is_P02_after_one_day():
    month = run(
        world(
            orders=[order("O1")],
            flows=[
                flow("F1", "trade_receipt", "12.00", "2026-10-29 23:59:59", pay_id="PAY-X"),
                flow("F2", "trade_receipt", "13.00", "2026-10-30 00:00:00", pay_id="PAY-Y"),
            ],
        )
    )

    assert month.codes == ["P02 PAY-X"]
    assert month.amounts("P02") == (0, 1200, 1200)
    assert month.one("P02")["evidence"] == ["flows.csv:3"] and month.bridge == {}


def test_its_key_is_the_pay_id_else_the_order_it_states_else_the_flow():
    month = run(
        world(
            flows=[
                flow("F1", "trade_receipt", "1.00", pay_id="PAY-X", order_id="O-X"),
                receipt("GONE", "2.00", flow_id="F2"),
                flow("F3", "trade_receipt", "3.00"),
            ],
        )
    )

    assert month.codes == ["P02 F3", "P02 GONE", "P02 PAY-X"]


def test_a_receipt_before_the_period_after_as_of_or_without_success_is_none():
    month = run(
        world(
            flows=[
                flow("F1", "trade_receipt", "1.00", "2026-09-30 23:59:59", pay_id="A"),
                flow("F2", "trade_receipt", "2.00", "2026-11-01 00:00:00", pay_id="B"),
                flow("F3", "trade_receipt", "3.00", "2026-10-10", pay_id="C", status="processing"),
                flow("F4", "trade_receipt", "4.00", "2026-10-10", pay_id="D", status="failed"),
            ],
            bills_from="2026-09-01",
        )
    )

    assert month.codes == [] and month.verdict == "reconciled"


def test_an_earlier_as_of_has_not_seen_the_payment_yet():
    flows = [flow("F1", "trade_receipt", "12.00", "2026-10-20", pay_id="PAY-X")]

    assert run(world(flows=flows), as_of="2026-10-21").codes == []
    assert run(world(flows=flows), as_of="2026-10-22").codes == ["P02 PAY-X"]
