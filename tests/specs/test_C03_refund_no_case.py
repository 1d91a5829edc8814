"""C03: a refund left and no case is left to take it. Rulings 4, 9, 12, 15; precedence C11 C12 C13 over C03; bridge A3."""

from tests.world import case, order, refund, run, voucher, world


def test_a_refund_without_a_case_is_C03_and_stands_in_A3():
    month = run(world(orders=[order("O1")], flows=[refund("F1", "20.00", order_id="O1")]))

    assert month.codes == ["C03 F1"]
    assert month.amounts("C03") == (0, 2000, 2000)
    found = month.one("C03")
    assert (found["order_id"], found["case_id"], found["key_kind"], found["evidence"]) == ("O1", None, "flow_id", ["flows.csv:3"])
    assert month.bridge == {"A3": 2000, "B0": 2000, "C0": 2000}


def test_the_unique_refund_of_that_order_and_amount_within_three_days_is_the_cases():
    cases = [case("C1", "O1", "20.00"), case("C2", "O1", "25.00")]
    flows = [refund("F1", "20.00", "2026-10-15", order_id="O1"), refund("F2", "25.00", "2026-10-09", order_id="O1")]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows))

    assert month.codes == []
    assert month.bridge == {"A0": 4500, "B0": 4500, "C0": 4500}


def test_the_same_amount_on_another_order_is_not_the_cases():
    month = run(world(orders=[order("O1"), order("O2")], cases=[case("C1", "O1")], flows=[refund("F1", order_id="O2")]))

    assert month.codes == ["C03 F1", "C04 C1"]
    assert month.bridge == {"A0": 3000, "A3": 3000, "A4": -3000, "B0": 3000, "C0": 3000}


def test_a_refund_on_a_closed_case_or_beside_an_exchange_stands_on_no_case():
    month = run(
        world(
            orders=[order("O1"), order("O2")],
            cases=[case("C1", "O1", platform_status="closed"), case("C2", "O2", "0.00", kind="exchange")],
            flows=[refund("F1", case_id="C1", order_id="O1"), refund("F2", "10.00", order_id="O2")],
        )
    )

    assert month.codes == ["C03 F1", "C03 F2"]
    assert month.bridge == {"A3": 4000, "B0": 4000, "C0": 4000}


def test_a_further_refund_of_another_amount_on_a_one_case_order_is_C05_of_that_case():
    flows = [refund("F1", case_id="C1", order_id="O1"), refund("F2", "5.00", "2026-10-20", order_id="O1")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows))

    assert month.codes == ["C05 C1"] and month.amounts("C05") == (3000, 3500, 500)


def test_a_refund_that_has_not_succeeded_or_comes_after_as_of_is_none():
    flows = [refund("F1", order_id="O1", status="processing"), refund("F2", on="2026-11-01 00:00:00", order_id="O1")]

    assert run(world(orders=[order("O1")], flows=flows, vouchers=[])).codes == []


def test_a_refund_of_an_earlier_month_is_still_without_a_case_but_not_in_this_bridge():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10")], flows=[refund("F1", on="2026-09-20", order_id="O1")], bills_from="2026-09-01"
        )
    )

    assert month.codes == ["C03 F1"] and month.bridge == {}


def test_two_channels_may_use_the_same_flow_id():
    flows = [refund("F1", order_id="O1"), refund("F1", "5.00", channel="alipay")]

    found = run(world(orders=[order("O1")], flows=flows, vouchers=None)).all("C03")

    assert len({row["discrepancy_id"] for row in found}) == len(found) == 2


def test_an_order_whose_cases_are_all_paid_has_none_left_for_a_further_refund():
    cases = [case("C1", "O1", "20.00"), case("C2", "O1", "25.00")]
    flows = [refund("F1", "20.00", order_id="O1"), refund("F2", "25.00", order_id="O1")]

    other = run(world(orders=[order("O1")], cases=cases, flows=[*flows, refund("F3", "7.00", "2026-10-20", order_id="O1")]))
    same = run(world(orders=[order("O1")], cases=cases, flows=[*flows, refund("F3", "25.00", "2026-10-20", order_id="O1")]))

    assert other.codes == ["C03 F3"]
    assert same.codes == ["C07 C2"]


def test_a_refund_that_states_only_a_payment_number_finds_the_case_of_its_orders_unless_two_would_do():
    orders = [order("O1", pay_id="PAY"), order("O2", pay_id="PAY")]
    paid = [refund("F1", pay_id="PAY")]

    one = run(world(orders=orders, cases=[case("C1", "O1"), case("C2", "O2", "20.00", done="2026-10-31")], flows=paid))
    two = run(world(orders=orders, cases=[case("C1", "O1"), case("C2", "O2")], flows=paid))

    assert one.codes == ["C02 C2"]
    assert two.codes == ["C03 F1", "C04 C1", "C04 C2"]


def test_a_clawback_that_came_with_a_refund_on_no_case_is_booked_with_it():
    """Pinduoduo takes its part back seconds later; books know both by the order. Ruling 20."""
    flows = [
        refund("F1", "20.00", order_id="O1"),
        refund("F2", "1.00", "2026-10-12 10:00:05", kind="subsidy_clawback", order_id="O1"),
    ]

    def month(*vouchers):
        return run(world(orders=[order("O1")], flows=flows, vouchers=vouchers))

    booked, missed, part = month(voucher("V1", ("O1", "21.00", "order"))), month(), month(voucher("V1", ("F1", "20.00", "flow")))
    assert booked.codes == ["C03 F1"] and booked.amounts("C03") == (0, 2000, 2000)
    assert booked.bridge == {"A3": 2000, "A6": 100, "B0": 2100, "C0": 2100}
    assert missed.codes == ["C03 F1", "L01 F1"] and missed.amounts("L01") == (2100, 0, -2100)
    assert part.codes == ["A04 F1", "C03 F1"] and part.amounts("A04") == (100, 0, -100)


def test_after_a_refund_on_no_case_its_clawback_is_not_the_one_of_an_earlier_case():
    flows = [
        refund("F1", case_id="C1", order_id="O1"),
        refund("F2", "20.00", "2026-10-20", order_id="O1"),
        refund("F3", "1.00", "2026-10-20 10:00:05", kind="subsidy_clawback", order_id="O1"),
    ]
    cases = [case("C1", "O1"), case("C2", "O1", platform_status="closed")]
    flows[1]["case_id"] = "C2"

    booked = [voucher("V1", ("C1", "30.00")), voucher("V2", ("F2", "21.00", "flow"), on="2026-10-20")]
    assert run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=booked)).codes == ["C03 F2"]
