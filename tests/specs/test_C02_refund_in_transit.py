"""C02: nothing has arrived, or not all of it, and the limit is not over: timing, with the day on which it becomes a break.
Rulings 9, 11; bridge A2."""

from tests.world import case, order, receipt, refund, run, world


def test_no_flow_within_the_limit_is_in_transit_and_says_when_it_breaks():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-29")]))

    assert month.codes == ["C02 C1"]
    found = month.one("C02")
    assert month.amounts("C02") == (3000, 0, -3000)
    assert (found["nature"], found["breaks_on"].isoformat(), found["age_days"]) == ("timing", "2026-11-02", 2)
    assert month.bridge == {"A0": 3000, "A2": -3000}
    assert month.verdict == "pending"


def test_it_becomes_C04_on_the_day_it_named_and_keeps_its_id():
    month = world(orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-25")])

    transit, broken = run(month, as_of="2026-10-28"), run(month, as_of="2026-10-29")

    assert (transit.codes, broken.codes) == (["C02 C1"], ["C04 C1"])
    assert transit.one("C02")["breaks_on"].isoformat() == "2026-10-29"
    assert transit.one("C02")["discrepancy_id"] == broken.one("C04")["discrepancy_id"]


def test_what_a_partly_paid_case_lacks_is_in_transit_until_it_is_C06():
    month = world(
        orders=[order("O1")],
        cases=[case("C1", "O1", done="2026-10-28")],
        flows=[refund("F1", "10.00", "2026-10-28", case_id="C1")],
    )

    within, after = run(month), run(month, as_of="2026-11-01")

    assert within.codes == ["C02 C1"] and within.amounts("C02") == (3000, 1000, -2000)
    assert within.bridge == {"A0": 3000, "A2": -2000, "B0": 1000, "C0": 1000}
    assert after.codes == ["C06 C1"] and after.amounts("C06") == (3000, 1000, -2000)


def test_a_refund_after_as_of_leaves_it_standing_and_as_of_counts_through_the_end_of_its_day():
    month = world(
        orders=[order("O1")],
        cases=[case("C1", "O1", done="2026-10-29")],
        flows=[refund("F1", on="2026-10-31 23:59:59", case_id="C1")],
    )
    later = world(
        orders=[order("O1")],
        cases=[case("C1", "O1", done="2026-10-29")],
        flows=[refund("F1", on="2026-11-01 00:00:00", case_id="C1")],
    )

    assert run(month).codes == []
    assert run(later).codes == ["C02 C1"]


def test_a_refund_and_its_voucher_after_an_as_of_inside_the_month_are_no_facts_yet():
    month = world(
        orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-20")], flows=[refund("F1", on="2026-10-22", case_id="C1")]
    )

    early = run(month, as_of="2026-10-21")

    assert early.codes == ["C02 C1"] and early.bridge == {"A0": 3000, "A2": -3000}


def test_cases_not_done_as_of_the_day_are_no_refund_yet():
    cases = [
        case("OPEN", "O1", done=None),
        case("CLOSED", "O1", platform_status="closed"),
        case("NOVEMBER", "O1", done="2026-11-01 00:00:00"),
    ]

    month = run(world(orders=[order("O1")], cases=cases))

    assert month.codes == [] and month.bridge == {} and month.verdict == "reconciled"


def test_an_order_paid_by_card_has_the_cards_ten_days_before_any_refund_is_seen():
    orders = [order("O1"), order("O2")]
    flows = [receipt("O1", channel="card"), receipt("O2")]
    cases = [case("CARD", "O1", done="2026-10-21"), case("WECHAT", "O2", done="2026-10-21")]

    month = run(world(orders=orders, cases=cases, flows=flows, receipts=False))

    assert month.codes == ["C02 CARD", "C04 WECHAT"]
    assert month.one("C02")["breaks_on"].isoformat() == "2026-11-01"
