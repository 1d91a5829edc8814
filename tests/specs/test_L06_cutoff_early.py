"""L06: booked in an earlier month than the money left. Ruling 13: B2 when the flow is in the period, B4 when the voucher is."""

from tests.world import case, order, refund, run, voucher, world


def test_a_voucher_of_the_month_for_a_refund_of_the_look_ahead_is_L06_and_stands_in_B4():
    month = run(
        world(
            orders=[order("O1")],
            cases=[case("C1", "O1", done="2026-10-30")],
            flows=[refund("F1", on="2026-11-02", case_id="C1")],
            vouchers=[voucher("V1", ("C1", "30.00"), on="2026-10-30")],
        )
    )

    assert month.codes == ["C02 C1", "L06 C1"]
    assert month.amounts("L06") == (0, 3000, 3000)
    assert month.all("L02") == []
    assert month.bridge == {"A0": 3000, "A2": -3000, "B4": 3000, "C0": 3000}


def test_a_refund_of_the_month_booked_before_it_is_L06_and_stands_in_B2():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10")],
            cases=[case("C1", "O1", done="2026-10-02")],
            flows=[refund("F1", on="2026-10-02", case_id="C1")],
            vouchers=[voucher("V1", ("C1", "30.00"), on="2026-09-30")],
            bills_from="2026-09-01",
        )
    )

    assert month.codes == ["L06 C1"] and month.amounts("L06") == (0, 3000, 3000)
    assert month.bridge == {"A0": 3000, "B0": 3000, "B2": -3000}
