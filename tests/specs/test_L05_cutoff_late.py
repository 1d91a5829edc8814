"""L05: recognised in one month, booked in a later one. Rulings 9, 13; bridge B1, B2, B3. The event is the refund under SBE,
the approval under CAS."""

from tests.world import accrual, case, order, refund, release, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}
SEPTEMBER = {
    "orders": [order("O1", on="2026-09-10")],
    "cases": [case("C1", "O1", done="2026-09-29")],
    "flows": [refund("F1", on="2026-09-29", case_id="C1")],
    "bills_from": "2026-09-01",
}


def test_a_refund_of_the_month_booked_in_the_look_ahead_is_L05_and_stands_in_B2():
    month = run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-11-02")]))

    assert month.codes == ["L05 C1"]
    assert month.amounts("L05") == (3000, 0, -3000)
    assert "2026-11-02" in month.one("L05")["why"]
    assert month.one("L05")["evidence"] == ["aftersales.csv:2", "flows.csv:3", "voucher_lines.csv:4"]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B2": -3000}


def test_a_refund_of_last_month_booked_in_this_one_is_L05_and_stands_in_B1():
    month = run(world(**SEPTEMBER, vouchers=[voucher("V1", ("C1", "30.00"))]))

    assert month.codes == ["L05 C1"]
    assert month.amounts("L05") == (3000, 0, -3000)
    assert month.bridge == {"B1": 3000, "C0": 3000}


def test_last_months_refund_that_was_never_booked_or_booked_then_is_not_this_months():
    assert run(world(**SEPTEMBER, vouchers=[])).codes == []
    assert run(world(**SEPTEMBER, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-09-30")])).codes == []


def test_what_a_month_booked_in_part_is_late_for_the_rest():
    vouchers = [voucher("V1", ("C1", "10.00")), voucher("V2", ("C1", "20.00"), on="2026-11-02")]

    month = run(world(**PAID, vouchers=vouchers))

    assert month.codes == ["L05 C1"] and month.amounts("L05") == (2000, 0, -2000)
    assert month.bridge == {"A0": 3000, "B0": 3000, "B2": -2000, "C0": 1000}


APPROVED = {
    "orders": [order("O1")],
    "cases": [case("C1", "O1", done="2026-11-03", approved_at="2026-10-28")],
    "flows": [refund("F1", on="2026-11-03", case_id="C1")],
}


def test_under_CAS_an_approval_without_an_accrual_is_late_although_money_and_voucher_agree():
    month = world(**APPROVED, vouchers=[voucher("V1", ("C1", "30.00"), on="2026-11-03")])

    cas = run(month, standard="CAS")
    assert cas.codes == ["L05 C1"] and cas.amounts("L05") == (3000, 0, -3000) and cas.bridge == {}
    assert run(month, standard="SBE").codes == []


def test_under_CAS_the_accrual_is_the_booking_and_its_release_none():
    vouchers = [accrual("V1", "C1", "30.00", "2026-10-28"), release("V2", "C1", "30.00", "2026-11-03")]
    month = world(**APPROVED, vouchers=vouchers, bills_until="2026-12-11")

    october, november = run(month, standard="CAS"), run(month, standard="CAS", period="2026-11", as_of="2026-11-30")

    assert october.codes == [] and october.bridge == {"B3": 3000, "C0": 3000}
    assert november.codes == [] and november.bridge == {"A0": 3000, "B0": 3000, "B3": -3000}


def test_under_CAS_an_approval_of_last_month_counts_when_it_is_booked_in_this_one():
    cases = [case("C1", "O1", done="2026-10-02", approved_at="2026-09-28")]
    month = world(
        orders=[order("O1", on="2026-09-10")],
        cases=cases,
        flows=[refund("F1", on="2026-10-02", case_id="C1")],
        bills_from="2026-09-01",
    )

    cas = run(month, standard="CAS")
    assert cas.codes == ["L05 C1"] and cas.amounts("L05") == (3000, 0, -3000)
    assert cas.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}
    assert run(month, standard="SBE").codes == []


def test_under_SBE_the_approval_does_not_matter():
    cases = [case("C1", "O1", approved_at="2026-09-28")]

    assert run(world(orders=[order("O1")], cases=cases, flows=[refund("F1", case_id="C1")])).codes == []


def test_a_clawback_booked_in_the_next_month_is_late_and_not_missing():
    flows = [
        refund("F1", case_id="C1", order_id="O1"),
        refund("F2", "2.00", "2026-10-12 10:00:05", kind="subsidy_clawback", order_id="O1"),
    ]
    books = [voucher("V1", ("C1", "30.00")), voucher("V2", ("C1", "2.00"), on="2026-11-03")]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows, vouchers=books))

    assert month.codes == ["L05 C1"] and month.amounts("L05") == (200, 0, -200)
    assert month.bridge == {"A0": 3000, "A6": 200, "B0": 3200, "B2": -200, "C0": 3000}
