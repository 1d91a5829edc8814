"""C01: the refund exists and has not arrived when its limit is over (3 days, card 10). Rulings 9, 11; bridge A2."""

import pytest

from tests.world import case, order, refund, run, voucher, world


@pytest.mark.parametrize("status", ["processing", "failed"])
def test_a_refund_that_has_not_arrived_is_in_transit_until_day_3_and_stuck_from_day_4(status):
    month = run(
        world(
            orders=[order("O1"), order("O2")],
            cases=[case("OLD", "O1", done="2026-10-27 23:59:59"), case("YOUNG", "O2", done="2026-10-28 00:00:00")],
            flows=[
                refund("F1", on="2026-10-27", case_id="OLD", status=status),
                refund("F2", on="2026-10-28", case_id="YOUNG", status=status),
            ],
        )
    )

    assert month.codes == ["C01 OLD", "C02 YOUNG"]
    assert month.amounts("C01") == (3000, 0, -3000)
    assert month.one("C01")["breaks_on"] is None and month.one("C01")["age_days"] == 4
    assert month.one("C01")["evidence"] == ["aftersales.csv:2", "flows.csv:4"]
    assert month.bridge == {"A0": 6000, "A2": -6000}
    assert month.verdict == "breaks"


def test_a_card_has_ten_days():
    month = run(
        world(
            orders=[order("O1"), order("O2")],
            cases=[case("OLD", "O1", done="2026-10-20"), case("YOUNG", "O2", done="2026-10-21")],
            flows=[
                refund("F1", on="2026-10-20", case_id="OLD", channel="card", status="processing"),
                refund("F2", on="2026-10-21", case_id="YOUNG", channel="card", status="processing"),
            ],
        )
    )

    assert [row for row in month.codes if row[:3] in ("C01", "C02")] == ["C01 OLD", "C02 YOUNG"]
    assert month.one("C02")["breaks_on"].isoformat() == "2026-11-01"


def test_a_refund_of_the_bill_that_succeeds_after_as_of_is_still_stuck():
    flows = [refund("F1", on="2026-10-12", case_id="C1", success_at="2026-11-03")]
    month = world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows)

    assert [row for row in run(month).codes if row[0] == "C"] == ["C01 C1"]
    assert [row for row in run(month, as_of="2026-11-03").codes if row[0] == "C"] == []


def test_a_stuck_refund_that_is_booked_has_its_voucher_as_related_L02():
    month = run(
        world(
            orders=[order("O1")],
            cases=[case("C1", "O1")],
            flows=[refund("F1", case_id="C1", status="failed")],
            vouchers=[voucher("V1", ("C1", "30.00"))],
        )
    )

    assert month.codes == ["C01 C1"]
    assert month.one("L02")["primary_id"] == month.one("C01")["discrepancy_id"]
    assert month.bridge == {"A0": 3000, "A2": -3000, "B4": 3000, "C0": 3000}
