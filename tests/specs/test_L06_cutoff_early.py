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


def _in_two_parts(*vouchers, period="2026-10", as_of="2026-10-31"):
    """30.00 refunded in October, 2.00 of the platform's part taken back in November."""
    flows = [
        refund("F1", on="2026-10-31 23:59:58", case_id="C1", order_id="O1"),
        refund("F2", "2.00", "2026-11-01 00:00:03", kind="subsidy_clawback", order_id="O1"),
    ]
    given = {"orders": [order("O1")], "cases": [case("C1", "O1", done="2026-10-31")], "flows": flows}
    return run(world(**given, vouchers=vouchers), period=period, as_of=as_of)


def test_only_the_part_whose_money_leaves_later_is_early_of_a_refund_booked_as_a_whole():
    whole = voucher("V1", ("C1", "32.00"), on="2026-10-31")

    october = _in_two_parts(whole)
    november = _in_two_parts(whole, period="2026-11", as_of="2026-11-30")

    assert october.codes == ["L06 C1"] and october.amounts("L06") == (0, 200, 200)
    assert october.bridge == {"A0": 3000, "B0": 3000, "B4": 200, "C0": 3200}
    assert "L06 C1" in november.codes and november.amounts("L06") == (0, 200, 200)
    assert november.bridge == {"A6": 200, "B0": 200, "B2": -200}


def test_a_later_refund_of_a_case_whose_earlier_one_took_the_booking_is_not_booked():
    exact = voucher("V1", ("C1", "30.00"), on="2026-10-31")

    assert _in_two_parts(exact, period="2026-11", as_of="2026-11-30").amounts("L01") == (200, 0, -200)
