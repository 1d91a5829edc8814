"""C07: two or more refunds each equal to final, under different requests. Ruling 15; bridge A5."""

from tests.world import case, order, refund, run, world


def test_k_refunds_of_the_final_amount_under_different_requests_are_C07():
    flows = [refund(f"F{n}", case_id="C1", request_no=f"REQ{n}", on=f"2026-10-1{n}") for n in (2, 3, 4)]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.codes == ["C07 C1"]
    assert month.amounts("C07") == (3000, 9000, 6000)
    assert month.one("C07")["severity"] == "critical"
    assert month.bridge == {"A0": 3000, "A5": 6000, "B0": 9000, "C0": 9000}


def test_without_request_numbers_equal_refunds_of_the_order_are_C07_too():
    flows = [refund("F1", order_id="O1"), refund("F2", order_id="O1", on="2026-10-20")]

    assert run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows)).codes == ["C07 C1"]


def test_halves_of_the_final_amount_are_right_and_thrice_a_half_is_C05():
    cases, orders = [case("C1", "O1", "100.00")], [order("O1", "200.00")]
    halves = [refund(f"F{n}", "50.00", case_id="C1", request_no=f"R{n}") for n in (1, 2, 3)]

    assert run(world(orders=orders, cases=cases, flows=halves[:2])).codes == []
    assert run(world(orders=orders, cases=cases, flows=halves)).codes == ["C05 C1"]


def test_a_second_refund_that_failed_is_no_duplicate():
    flows = [refund("F1", case_id="C1", request_no="R1"), refund("F2", case_id="C1", request_no="R2", status="failed")]

    assert run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows)).codes == []


def test_two_cases_of_one_amount_take_one_refund_each():
    cases = [case("C1", "O1", done="2026-10-10"), case("C2", "O1", done="2026-10-20")]
    flows = [refund("F1", order_id="O1", on="2026-10-11"), refund("F2", order_id="O1", on="2026-10-21")]

    assert run(world(orders=[order("O1")], cases=cases, flows=flows)).codes == []
    assert run(world(orders=[order("O1")], cases=cases, flows=flows[1:])).codes == ["C04 C1"]
    assert run(world(orders=[order("O1")], cases=cases, flows=flows[:1])).codes == ["C04 C2"]
