"""C05: more left than the case's final amount. Rulings 15, 16, 17; bridge A5."""

from tests.world import case, order, refund, run, world


def test_more_than_final_is_C05_and_stands_in_A5():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", "35.00", case_id="C1")]))

    assert month.codes == ["C05 C1"]
    assert month.amounts("C05") == (3000, 3500, 500)
    assert month.one("C05")["evidence"] == ["aftersales.csv:2", "flows.csv:3"]
    assert month.bridge == {"A0": 3000, "A5": 500, "B0": 3500, "C0": 3500}


def test_several_refunds_that_sum_to_final_are_right():
    flows = [refund("F1", "10.00", case_id="C1"), refund("F2", "20.00", "2026-10-14", case_id="C1")]

    assert run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows)).codes == []


def test_the_same_request_twice_is_a_repeated_row_and_no_second_refund():
    flows = [refund(f"F{n}", case_id="C1", request_no="REQ") for n in (1, 2)]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.codes == ["C05 C1"] and month.amounts("C05") == (3000, 6000, 3000)


def test_an_excess_paid_over_two_months_counts_each_flow_in_its_month():
    flows = [refund("F1", on="2026-10-31", case_id="C1"), refund("F2", "4.00", "2026-11-02", case_id="C1")]
    month = world(orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-30")], flows=flows)

    assert run(month).codes == []
    later = run(month, as_of="2026-11-02")
    assert later.codes == ["C05 C1"] and later.bridge == {"A0": 3000, "A2": -400, "A5": 400, "B0": 3000, "C0": 3000}
