"""A03: a refund by quantity is not what its pieces were paid: cumulative, half up, closing at exactly the paid amount.
Rulings 15, 17: refund_only and return_refund only; A03 over C05, C06, L04 of the same amount."""

import pytest

from tests.world import case, line, order, refund, run, voucher, world

LINE = {"line_id": "L1", "qty": 1}


def _month(*cases, lines=None, flows=None, **more):
    given = (
        [refund(f"F{c['case_id']}", f"{c['final_fen'] / 100:.2f}", case_id=c["case_id"]) for c in cases]
        if flows is None
        else flows
    )
    return run(
        world(orders=[order("O1", "100.00")], lines=lines or [line("O1", "L1", "100.00", 3)], cases=cases, flows=given, **more)
    )


def test_pieces_refunded_one_by_one_close_at_what_was_paid():
    amounts = ("33.33", "33.34", "33.33")
    cases = [case(f"C{n}", "O1", amount, f"2026-10-1{n}", approved_fen=amount, **LINE) for n, amount in enumerate(amounts)]

    assert _month(*cases).codes == []


def test_another_amount_than_the_pieces_were_paid_is_A03():
    right = case("RIGHT", "O1", "33.33", "2026-10-11", approved_fen="33.33", **LINE)
    wrong = case("WRONG", "O1", "40.00", "2026-10-12", approved_fen="40.00", **LINE)

    month = _month(right, wrong)

    assert month.codes == ["A03 WRONG"]
    assert month.amounts("A03") == (3334, 4000, 666)
    assert month.one("A03")["evidence"][0] == "aftersales.csv:3"
    assert month.bridge == {"A0": 7333, "B0": 7333, "C0": 7333}


def test_an_agreed_case_that_states_no_amount_yet_has_none_to_be_wrong():
    waiting = case("C1", "O1", "33.33", None, approved_at="2026-10-11", platform_status="open", **LINE) | {"final_fen": None}
    later = case("C2", "O1", "33.34", "2026-10-12", approved_fen="33.34", **LINE)

    month = _month(waiting, later, flows=[refund("F2", "33.34", case_id="C2")])

    assert month.all("A03") == []


def test_one_fen_is_within_tolerance_and_two_are_not():
    assert _month(case("C1", "O1", "33.34", approved_fen="33.34", **LINE)).codes == []
    assert _month(case("C1", "O1", "33.35", approved_fen="33.35", **LINE)).codes == ["A03 C1"]


def test_where_only_the_erp_is_wrong_its_amount_is_the_actual():
    month = _month(case("C1", "O1", "33.33", approved_fen="33.33", erp_fen="50.00", **LINE))

    assert month.codes == ["A03 C1"] and month.amounts("A03") == (3333, 5000, 1667)


@pytest.mark.parametrize(
    "more",
    [
        {"basis": "negotiated", **LINE},
        {"line_id": "L1"},
        {"kind": "price_protection", **LINE},
        {"kind": "small_transfer", **LINE},
        {"platform_status": "closed", **LINE},
        {"line_id": "L9", "qty": 1},
    ],
    ids=["negotiated", "without quantity", "price protection", "small transfer", "closed", "line not loaded"],
)
def test_what_was_negotiated_or_is_no_return_by_pieces_is_none(more):
    month = _month(case("C1", "O1", "40.00", approved_fen="40.00", **more), flows=[])

    assert month.all("A03") == []


def test_a_line_refunded_in_full_after_a_negotiated_part_is_due_the_rest():
    cases = [
        case("PART", "O1", "10.00", "2026-10-10", approved_fen="10.00", basis="negotiated", line_id="L1"),
        case("REST", "O1", "90.00", "2026-10-12", approved_fen="90.00", line_id="L1", qty=3),
    ]

    assert _month(*cases).codes == []


def test_the_over_refund_and_the_voucher_of_the_same_amount_are_related_to_it():
    over = case("C1", "O1", "33.33", approved_fen="40.00", **LINE)

    refunded = _month(over, flows=[refund("F1", "40.00", case_id="C1")])
    assert refunded.codes == ["A03 C1"] and refunded.one("C05")["primary_id"] == refunded.one("A03")["discrepancy_id"]
    assert refunded.bridge == {"A0": 3333, "A5": 667, "B0": 4000, "C0": 4000}

    booked = _month(
        case("C1", "O1", "33.33", approved_fen="33.33", erp_fen="40.00", **LINE),
        flows=[refund("F1", "33.33", case_id="C1")],
        vouchers=[voucher("V1", ("C1", "40.00"))],
    )
    assert booked.codes == ["A03 C1"] and booked.one("L04")["primary_id"] == booked.one("A03")["discrepancy_id"]
    assert booked.bridge == {"A0": 3333, "B0": 3333, "B6": 667, "C0": 4000}


def test_each_line_of_an_order_is_rounded_by_itself():
    lines = [line("O1", "L1", "50.00", 3), line("O1", "L2", "50.00", 3)]
    cases = [
        case("C1", "O1", "16.67", "2026-10-10", approved_fen="16.67", line_id="L1", qty=1),
        case("C2", "O1", "16.67", "2026-10-11", approved_fen="16.67", line_id="L2", qty=1),
        case("C3", "O1", "33.35", "2026-10-12", approved_fen="33.35", line_id="L2", qty=2),
    ]

    month = _month(*cases, lines=lines)

    assert month.codes == ["A03 C3"] and month.amounts("A03") == (3333, 3335, 2)


def test_a_case_that_names_no_line_is_of_the_only_one_or_of_all_of_them():
    assert _month(case("C1", "O1", "40.00", approved_fen="40.00", qty=1)).amounts("A03") == (3333, 4000, 667)

    several = [line("O1", "L1", "60.00", 2), line("O1", "L2", "40.00")]
    whole = _month(case("C1", "O1", "90.00", approved_fen="90.00", qty=3), lines=several)
    assert whole.amounts("A03") == (10000, 9000, -1000)
    assert _month(case("C1", "O1", "90.00", approved_fen="90.00", qty=2), lines=several).codes == []


def test_the_pieces_that_close_a_line_may_bring_the_postage_back_and_others_not():
    row = order("O1", "106.00", shipping_fen="6.00")
    lines = [line("O1", "L1", "100.00", 2)]

    def codes(amount, qty):
        claim = case("C1", "O1", amount, approved_fen=amount, line_id="L1", qty=qty)
        return run(world(orders=[row], lines=lines, cases=[claim], flows=[refund("F1", amount, case_id="C1")])).codes

    assert codes("106.00", 2) == [] and codes("100.00", 2) == []
    assert codes("105.98", 2) == ["A03 C1"] and codes("56.00", 1) == ["A03 C1"]


def test_where_thresholds_are_tested_again_a_return_may_cost_the_order_its_discount():
    row = order("O1", "100.00", merchant_discount_fen="20.00")
    policy = {"policy": {"recompute_threshold": True}}

    def codes(amount, config):
        claim = case("C1", "O1", amount, approved_fen=amount, line_id="L1", qty=1)
        month = world(
            orders=[row], lines=[line("O1", "L1", "100.00", 2)], cases=[claim], flows=[refund("F1", amount, case_id="C1")]
        )
        return run(month, config=config).codes

    assert codes("30.00", policy) == [] and codes("30.00", None) == ["A03 C1"]
    assert codes("29.99", policy) == ["A03 C1"] and codes("50.02", policy) == ["A03 C1"]


def test_a_success_without_a_time_of_approval_counts_from_its_end():
    claim = case("C1", "O1", "40.00", approved_fen="40.00", approved_at=None, **LINE)

    assert _month(claim).codes == ["A03 C1"]
