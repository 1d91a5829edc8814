"""C13: the card issuer took the money back. Precedence over C03; on no case, bridge A3."""

from tests.world import case, order, refund, run, world


def test_a_chargeback_is_C13_even_when_a_case_of_its_amount_waits():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", kind="chargeback", order_id="O1")]))

    assert month.codes == ["C04 C1", "C13 F1"]
    assert month.amounts("C13") == (0, 3000, 3000)
    assert month.bridge == {"A0": 3000, "A3": 3000, "A4": -3000, "B0": 3000, "C0": 3000}


def test_one_that_failed_is_none():
    assert run(world(orders=[order("O1")], flows=[refund("F1", kind="chargeback", order_id="O1", status="failed")])).codes == []
