"""C12: the platform decided the refund, not the merchant. Rulings 18, 24; bridge A0 on a case, A3 on none."""

from tests.world import case, order, refund, run, world


def test_a_case_that_the_platform_decided_is_C12_and_stays_in_A0():
    cases = [case("C1", "O1", decided_by="platform"), case("C2", "O2", decided_by="merchant"), case("C3", "O3")]
    flows = [refund(f"F{n}", case_id=f"C{n}") for n in (1, 2, 3)]

    month = run(world(orders=[order(f"O{n}") for n in (1, 2, 3)], cases=cases, flows=flows))

    assert month.codes == ["C12 C1"]
    assert month.amounts("C12") == (0, 3000, 3000)
    assert month.bridge == {"A0": 9000, "B0": 9000, "C0": 9000}


def test_a_flow_that_the_platform_decided_on_no_case_is_C12_of_its_order_and_no_C03():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "20.00", order_id="O1", decided_by="platform")]))

    assert month.codes == ["C12 O1"] and month.amounts("C12") == (0, 2000, 2000)
    assert month.bridge == {"A3": 2000, "B0": 2000, "C0": 2000}


def test_a_closed_case_and_one_not_done_as_of_the_day_are_none():
    cases = [
        case("C1", "O1", decided_by="platform", platform_status="closed"),
        case("C2", "O1", done="2026-11-01 00:00:00", decided_by="platform"),
    ]

    assert run(world(orders=[order("O1")], cases=cases)).codes == []


def test_what_the_platform_took_back_of_its_own_part_is_in_the_C12_of_the_case():
    flows = [
        refund("F1", case_id="C1", order_id="O1"),
        refund("F2", "2.00", "2026-10-12 10:00:05", kind="subsidy_clawback", order_id="O1", decided_by="platform"),
    ]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.amounts("C12") == (0, 3200, 3200)
    assert month.bridge == {"A0": 3000, "A6": 200, "B0": 3200, "C0": 3200}


def test_a_clawback_that_the_platform_decided_on_no_case_is_C12_of_its_order_and_stays_in_A6():
    flows = [refund("F1", "20.00", kind="subsidy_clawback", order_id="O1", decided_by="platform")]
    month = run(world(orders=[order("O1")], flows=flows))

    assert month.codes == ["C12 O1"] and month.one("C12")["key_kind"] == "order_id"
    assert month.bridge == {"A6": 2000, "B0": 2000, "C0": 2000}
