"""C14: a price-protection debit that no case explains; bridge A3."""

from tests.world import case, order, refund, run, world


def test_a_price_protection_debit_without_a_case_is_C14():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "6.00", kind="price_protection", order_id="O1")]))

    assert month.codes == ["C14 F1"]
    assert month.amounts("C14") == (0, 600, 600)
    assert month.bridge == {"A3": 600, "B0": 600, "C0": 600}


def test_one_that_pays_a_case_of_its_kind_is_right():
    flows = [refund("F1", "6.00", kind="price_protection", order_id="O1"), refund("F2", "4.00", case_id="C2", order_id="O1")]
    cases = [case("C1", "O1", "6.00", kind="price_protection"), case("C2", "O1", "4.00", kind="price_protection")]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows))

    assert month.codes == [] and month.bridge == {"A0": 1000, "B0": 1000, "C0": 1000}
