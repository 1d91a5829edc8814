"""C11: money to the buyer outside the case's refund channel. Rulings 18, 20; bridge A0 on a case, A3 on none."""

from tests.world import case, order, receipt, refund, run, world


def test_a_small_transfer_on_no_case_is_C11_and_stands_in_A3():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "8.00", kind="small_transfer", order_id="O1")]))

    assert month.codes == ["C11 F1"]
    assert month.amounts("C11") == (0, 800, 800)
    assert month.one("C11")["order_id"] == "O1"
    assert month.bridge == {"A3": 800, "B0": 800, "C0": 800}


def test_one_that_is_itself_an_approved_case_is_none():
    flows = [refund("F1", "8.00", kind="small_transfer", order_id="O1")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1", "8.00", kind="small_transfer")], flows=flows))

    assert month.codes == [] and month.bridge == {"A0": 800, "B0": 800, "C0": 800}


def test_a_small_transfer_beside_a_refunded_case_does_not_overpay_it():
    flows = [refund("F1", case_id="C1", order_id="O1"), refund("F2", "8.00", kind="small_transfer", order_id="O1")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.codes == ["C11 F2"] and month.bridge == {"A0": 3000, "A3": 800, "B0": 3800, "C0": 3800}


def test_one_equal_to_the_price_difference_of_an_exchange_is_C11_too():
    exchange = case("C1", "O1", "0.00", kind="exchange", price_difference_fen="-8.00")

    month = run(
        world(
            orders=[order("O1")],
            cases=[exchange],
            flows=[refund("F1", "8.00", kind="small_transfer", order_id="O1", case_id="C1")],
        )
    )

    assert month.codes == ["C11 F1"] and month.bridge == {"A3": 800, "B0": 800, "C0": 800}


def test_a_refund_of_a_case_by_another_channel_than_the_payment_is_C11_and_stays_in_A0():
    flows = [receipt("O1"), refund("F1", case_id="C1", order_id="O1", channel="alipay")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows, receipts=False))

    assert month.codes == ["C11 F1"] and month.amounts("C11") == (0, 3000, 3000) and month.one("C11")["case_id"] == "C1"
    assert month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


def test_an_unbooked_one_is_L01_by_its_flow_id():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "8.00", kind="small_transfer", order_id="O1")], vouchers=[]))

    assert month.codes == ["C11 F1", "L01 F1"] and month.bridge == {"A3": 800, "B0": 800, "B2": -800}


def test_its_ref_is_its_flow_id_even_where_it_states_the_exchange():
    exchange = case("C1", "O1", "0.00", kind="exchange", price_difference_fen="-8.00")
    flows = [refund("F1", "8.00", kind="small_transfer", order_id="O1", case_id="C1")]

    assert run(world(orders=[order("O1")], cases=[exchange], flows=flows, vouchers=[])).codes == ["C11 F1", "L01 F1"]


def test_one_whose_case_nobody_approved_is_C11():
    asked = case("C1", "O1", "8.00", done=None, kind="small_transfer", approved_at=None)
    flows = [refund("F1", "8.00", kind="small_transfer", order_id="O1", case_id="C1")]

    month = run(world(orders=[order("O1")], cases=[asked], flows=flows))
    agreed = run(world(orders=[order("O1")], cases=[{**asked, "approved_at": asked["applied_at"]}], flows=flows))

    assert month.codes == ["C11 F1"] and month.bridge == {"A3": 800, "B0": 800, "C0": 800}
    assert agreed.codes == [] and agreed.bridge == {"A1": 800, "B0": 800, "C0": 800}
