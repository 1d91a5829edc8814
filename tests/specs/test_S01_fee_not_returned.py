"""S01: a refund brings its share of the commission back within seven days. Rulings 12, 23: `fees` only, success flows."""

import pytest

from tests.settlement import fee, fee_back
from tests.world import case, order, refund, run, world


def _month(*fees, refunds=None, **tables):
    """Order O1 of 100.00, commission 2.00; case C1 refunded 30.00 on the 12th."""
    given = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": refunds or [refund("F1", case_id="C1")]}
    return world(**{**given, **tables}, fees=[fee("FEE", "O1", "2.00"), *fees])


def test_commission_that_does_not_come_back_is_S01_after_seven_days():
    month = run(_month())

    assert month.codes == ["S01 C1"]
    assert month.amounts("S01") == (60, 0, -60)
    finding = month.one("S01")
    assert (finding["order_id"], finding["case_id"], finding["age_days"]) == ("O1", "C1", 19)
    assert finding["evidence"] == ["aftersales.csv:2", "flows.csv:3", "fees.csv:2"]


def test_at_seven_days_it_is_not_yet_due_and_at_eight_it_is():
    assert run(_month(), as_of="2026-10-19").codes == []
    assert run(_month(), as_of="2026-10-20").codes == ["S01 C1"]


def test_a_return_of_the_case_or_of_its_order_answers_it_to_one_fen():
    assert run(_month(fee_back("BACK", "O1", "0.60", case_id="C1"))).codes == []
    assert run(_month(fee_back("BACK", "O1", "0.59"))).codes == []
    assert run(_month(fee_back("BACK", "O1", "0.60", kind="commission"))).codes == []
    assert run(_month(fee_back("BACK", "O1", "0.58"))).amounts("S01") == (60, 58, -2)


def test_a_return_after_as_of_or_of_another_case_leaves_it_standing():
    assert run(_month(fee_back("BACK", "O1", "0.60", "2026-11-01"))).codes == ["S01 C1"]
    both = {
        "cases": [case("C1", "O1"), case("C2", "O1", "20.00")],
        "refunds": [refund("F1", case_id="C1"), refund("F2", "20.00", case_id="C2")],
    }
    assert run(_month(fee_back("BACK", "O1", "0.40", case_id="C2"), **both)).codes == ["S01 C1"]


def test_returns_without_a_case_are_told_by_amount_and_two_that_cannot_be_are_not_guessed():
    both = {
        "cases": [case("C1", "O1"), case("C2", "O1", "20.00")],
        "refunds": [refund("F1", case_id="C1"), refund("F2", "20.00", case_id="C2")],
    }

    assert run(_month(fee_back("B1", "O1", "0.40"), fee_back("B2", "O1", "0.60"), **both)).codes == []
    assert run(_month(fee_back("B1", "O1", "0.40"), **both)).codes == ["S01 C1"]


def test_what_counts_is_the_money_that_went_back_not_what_the_case_says():
    twice = [refund("F1", case_id="C1"), refund("F2", "10.00", "2026-10-13", case_id="C1")]

    month = run(_month(fee_back("BACK", "O1", "0.60"), refunds=twice))

    assert month.codes == ["C05 C1", "S01 C1"] and month.amounts("S01") == (80, 60, -20)
    processing = run(_month(refunds=[refund("F1", case_id="C1", status="processing")]))
    assert processing.codes == ["C01 C1"]


@pytest.mark.parametrize(("base", "due"), [("buyer_paid", 60), ("merchant_receivable", 80)])
def test_the_platforms_clawback_counts_where_the_fee_is_on_the_receivable(base, due):
    month = run(
        world(
            orders=[order("O1", merchant_receivable_fen="120.00")],
            cases=[case("C1", "O1")],
            flows=[
                refund("F1", order_id="O1", case_id="C1"),
                refund("F2", "10.00", "2026-10-12 10:00:01", kind="subsidy_clawback", order_id="O1"),
                {**refund("SUB", "20.00", "2026-10-05"), "kind": "subsidy", "amount_fen": 2000, "order_id": "O1"},
            ],
            fees=[fee("FEE", "O1", {"buyer_paid": "2.00", "merchant_receivable": "2.40"}[base], base=base)],
        )
    )

    assert month.codes == ["S01 C1"] and month.amounts("S01") == (due, 0, -due)


def test_service_fees_and_points_come_back_too_each_at_its_rate():
    extra = [
        fee("SERVICE", "O1", "0.60", kind="service", rate="0.6%"),
        fee("POINTS", "O1", "0.50", kind="points_awarded", rate="0.005"),
    ]
    back = [
        fee_back("B1", "O1", "0.60", case_id="C1"),
        fee_back("B2", "O1", "0.18", kind="service", case_id="C1"),
        fee_back("B3", "O1", "0.15", kind="points_awarded_return", case_id="C1"),
    ]

    assert run(_month(*extra, *back)).codes == []
    assert run(_month(*extra, *back[:2])).amounts("S01") == (93, 78, -15)


def test_no_fee_no_rate_a_fee_of_another_kind_or_one_charged_after_the_refund_expects_nothing():
    def with_fee(**more):
        return world(
            orders=[order("O1")],
            cases=[case("C1", "O1")],
            flows=[refund("F1", case_id="C1")],
            fees=[fee("FEE", "O1", "2.00", **more)],
        )

    assert run(with_fee(rate=None)).codes == []
    assert run(with_fee(base=None)).codes == []
    assert run(with_fee(kind="insurance")).codes == []
    assert run(with_fee(on="2026-10-12 10:00:01")).codes == []
    assert run(with_fee(on="2026-10-12 10:00:00")).codes == ["S01 C1"]


def test_a_refund_inside_escrow_expects_nothing_since_the_fee_was_on_the_rest():
    escrow = {"platform": "taobao", "refunded_fen": "50.00"}
    month = world(
        orders=[order("O1", on="2026-10-02", confirmed="2026-10-12", **escrow)],
        cases=[
            case("EARLY", "O1", "30.00", "2026-10-08", platform="taobao"),
            case("LATE", "O1", "20.00", "2026-10-15", platform="taobao"),
        ],
        flows=[refund("F1", "20.00", "2026-10-15", channel="alipay", case_id="LATE")],
        fees=[fee("FEE", "O1", "1.40", "2026-10-12", channel="alipay")],
    )

    assert run(month).codes == ["S01 LATE"] and run(month).amounts("S01") == (40, 0, -40)


def test_without_fees_it_is_not_checked():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")]))

    assert month.codes == [] and month.outcome.summary["not_checked"]["S01"] == "fees"
