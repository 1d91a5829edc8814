"""C06: less left than the case's final amount, and nothing is on its way. Rulings 11, 17; bridge A5."""

from tests.world import case, order, refund, run, world


def test_less_than_final_after_the_limit_is_C06_and_stands_in_A5():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", "25.00", case_id="C1")]))

    assert month.codes == ["C06 C1"]
    assert month.amounts("C06") == (3000, 2500, -500)
    assert month.bridge == {"A0": 3000, "A5": -500, "B0": 2500, "C0": 2500}


def test_a_rest_that_is_still_processing_is_stuck_and_not_short():
    flows = [refund("F1", "25.00", case_id="C1"), refund("F2", "5.00", case_id="C1", status="processing")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.codes == ["C01 C1"] and month.amounts("C01") == (3000, 2500, -500)
    assert month.bridge == {"A0": 3000, "A2": -500, "B0": 2500, "C0": 2500}


def test_over_and_under_on_two_cases_of_an_order_are_never_netted():
    cases = [case("C1", "O1", "30.00"), case("C2", "O1", "40.00")]
    flows = [refund("F1", "35.00", case_id="C1"), refund("F2", "35.00", case_id="C2")]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows))

    assert month.codes == ["C05 C1", "C06 C2"] and "A5" not in month.bridge
    items = month.outcome.tables["bridge_items"].rows_by_key("line", named=True)["A5"]
    assert sorted(item["amount_fen"] for item in items) == [-500, 500]
