"""S06: a penalty that left a wallet. No table states a notice or an approval, so every one asks for them. Actual: what left."""

from tests.settlement import fee
from tests.world import flow, order, run, world


def test_a_penalty_that_left_the_wallet_is_S06():
    month = run(world(orders=[order("O1")], flows=[flow("F1", "penalty", "-30.00", order_id="O1", memo="延迟发货扣罚")]))

    assert month.codes == ["S06 F1"] and month.amounts("S06") == (0, 3000, 3000)
    finding = month.one("S06")
    assert (finding["platform"], finding["order_id"], finding["channel"]) == ("wechat_mini", "O1", "wechat")
    assert "延迟发货扣罚" in finding["why"] and finding["evidence"] == ["flows.csv:3"]
    assert month.bridge == {}


def test_one_given_back_one_that_failed_and_one_after_as_of_are_none():
    flows = [
        flow("BACK", "penalty", "30.00"),
        flow("FAILED", "penalty", "-30.00", status="failed"),
        flow("LATER", "penalty", "-30.00", "2026-11-01 00:00:00"),
        flow("FEE", "fee", "-30.00"),
    ]

    assert run(world(flows=flows)).codes == []


def test_one_of_the_fee_statement_alone_moved_no_wallet():
    assert run(world(orders=[order("O1")], fees=[fee("FEE", "O1", "30.00", kind="penalty", rate=None)])).codes == []


def test_one_of_an_earlier_month_stands():
    assert run(world(flows=[flow("F1", "penalty", "-30.00", "2026-09-10")])).codes == ["S06 F1"]
