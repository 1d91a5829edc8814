"""L04: the vouchers of a refund do not sum to it. Ruling 20; not A03, A04 or L03; bridge B6."""

import pytest

from tests.world import case, order, refund, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


@pytest.mark.parametrize(("booked", "gap"), [("39.00", 900), ("10.00", -2000)])
def test_a_voucher_of_another_amount_is_L04_and_stands_in_B6(booked, gap):
    month = run(world(**PAID, vouchers=[voucher("V1", ("C1", booked))]))

    assert month.codes == ["L04 C1"]
    assert month.amounts("L04") == (3000, 3000 + gap, gap)
    assert month.one("L04")["evidence"] == ["aftersales.csv:2", "flows.csv:3", "voucher_lines.csv:4"]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B6": gap, "C0": 3000 + gap}


def test_in_a_summary_voucher_only_the_wrong_ref_is_and_opposite_gaps_are_not_netted():
    cases = [case("C1", "O1", "10.00"), case("C2", "O1", "20.00"), case("C3", "O1", "30.00")]
    flows = [refund("F1", "10.00", case_id="C1"), refund("F2", "20.00", case_id="C2"), refund("F3", "30.00", case_id="C3")]
    vouchers = [voucher("V1", ("C1", "15.00"), ("C2", "15.00"), ("C3", "30.00"))]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=vouchers))

    assert month.codes == ["L04 C1", "L04 C2"]
    assert month.bridge == {"A0": 6000, "B0": 6000, "C0": 6000}


def test_an_order_ref_books_the_refund_of_its_amount_when_the_order_has_several():
    cases = [case("C1", "O1", "10.00"), case("C2", "O1", "20.00")]
    flows = [refund("F1", "10.00", case_id="C1"), refund("F2", "20.00", case_id="C2")]

    month = run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=[voucher("V1", ("O1", "20.00", "order"))]))

    assert month.codes == ["L01 C1"]


def test_a_refund_on_no_case_is_compared_with_its_own_vouchers():
    month = run(
        world(orders=[order("O1")], flows=[refund("F1", order_id="O1")], vouchers=[voucher("V1", ("F1", "25.00", "flow"))])
    )

    assert month.codes == ["C03 F1", "L04 F1"] and month.amounts("L04") == (3000, 2500, -500)


def test_the_over_refund_that_the_ledger_booked_as_it_left_is_only_C05():
    month = run(
        world(
            orders=[order("O1")],
            cases=[case("C1", "O1")],
            flows=[refund("F1", "35.00", case_id="C1")],
            vouchers=[voucher("V1", ("C1", "35.00"))],
        )
    )

    assert month.codes == ["C05 C1"]


def _november(*vouchers):
    """A refund of 30.00 of October, as the books of November know it."""
    given = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}
    return run(world(**given, vouchers=vouchers), period="2026-11", as_of="2026-11-30")


def test_what_the_next_month_adds_to_a_booking_that_was_too_small_is_late_for_the_rest():
    month = _november(voucher("V1", ("C1", "20.00")), voucher("V2", ("C1", "10.00"), on="2026-11-03"))

    assert [f for f in month.codes if f[0] == "L"] == ["L05 C1"] and month.amounts("L05") == (1000, 0, -1000)
    assert month.bridge == {"B1": 1000, "C0": 1000}


def test_what_the_next_month_takes_back_of_one_that_was_too_large_or_a_copy_is_no_finding():
    large = _november(voucher("V1", ("C1", "45.00")), voucher("V2", ("C1", "-15.00"), on="2026-11-03"))
    copied = [voucher("V1", ("C1", "30.00")), voucher("V2", ("C1", "30.00"))]
    copy = _november(*copied, voucher("V3", ("C1", "-30.00"), on="2026-11-03"))

    for month, undone in ((large, -1500), (copy, -3000)):
        assert [f for f in month.codes if f[0] == "L"] == []
        assert month.bridge == {"B6": undone, "C0": undone}
