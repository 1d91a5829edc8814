"""L03: the same refund booked k times. Ruling 20; precedence over L04; bridge B5."""

from tests.world import accrual, case, order, refund, release, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


def test_k_vouchers_of_the_same_gross_are_L03_and_stand_in_B5():
    month = run(world(**PAID, vouchers=[voucher(f"V{n}", ("C1", "30.00"), on=f"2026-10-1{n}") for n in (2, 3, 4)]))

    assert month.codes == ["L03 C1"]
    assert month.amounts("L03") == (3000, 9000, 6000)
    assert all(name in month.one("L03")["why"] for name in ("V2", "V3", "V4"))
    assert month.one("L03")["evidence"] == [
        "aftersales.csv:2",
        "flows.csv:3",
        "voucher_lines.csv:10",
        "voucher_lines.csv:4",
        "voucher_lines.csv:7",
    ]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B5": 6000, "C0": 9000}


def test_copies_found_by_case_by_flow_and_by_order_are_copies():
    refs = [("C1", "30.00", "case"), ("F1", "30.00", "flow"), ("O1", "30.00", "order")]

    month = run(world(**PAID, vouchers=[voucher(f"V{n}", ref) for n, ref in enumerate(refs)]))

    assert month.codes == ["L03 C1"] and month.amounts("L03") == (3000, 9000, 6000)


def test_two_vouchers_that_sum_to_the_refund_are_right_and_two_unequal_ones_that_do_not_are_L04():
    parts = [voucher("V1", ("C1", "10.00")), voucher("V2", ("C1", "20.00"))]
    more = [voucher("V1", ("C1", "30.00")), voucher("V2", ("C1", "20.00"))]

    assert run(world(**PAID, vouchers=parts)).codes == []
    assert run(world(**PAID, vouchers=more)).codes == ["L04 C1"]


def test_two_refunds_of_a_case_with_a_voucher_each_are_right():
    flows = [refund("F1", "15.00", case_id="C1"), refund("F2", "15.00", case_id="C1")]

    assert run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows)).codes == []


def test_an_accrual_and_its_release_are_no_copies():
    vouchers = [accrual("V1", "C1", "30.00", "2026-10-11"), release("V2", "C1", "30.00", "2026-10-12")]

    month = run(world(**PAID, vouchers=vouchers), standard="CAS")

    assert month.codes == [] and month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


def test_a_refund_paid_out_of_last_month_s_accrual_and_booked_besides_is_L03():
    paid = {"orders": [order("O1", on="2026-09-10")], "cases": [case("C1", "O1", approved_at="2026-09-28")]}
    flows, accrued = [refund("F1", case_id="C1")], accrual("V1", "C1", "30.00", "2026-09-28")
    released = [accrued, release("V2", "C1", "30.00", "2026-10-12")]
    again = [*released, voucher("V3", ("C1", "30.00"), on="2026-10-13")]

    once, twice = (run(world(**paid, flows=flows, vouchers=lines), standard="CAS") for lines in (released, again))

    assert once.codes == [] and once.bridge == {"A0": 3000, "B0": 3000, "B3": -3000}
    assert twice.codes == ["L03 C1"] and twice.amounts("L03") == (3000, 6000, 3000)
    assert twice.bridge == {"A0": 3000, "B0": 3000, "B3": -3000, "B5": 3000, "C0": 3000}


def test_a_copy_made_a_month_later_is_L03_of_both_and_stands_in_B5():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10")],
            cases=[case("C1", "O1", done="2026-09-20")],
            flows=[refund("F1", on="2026-09-20", case_id="C1")],
            vouchers=[voucher("V1", ("C1", "30.00"), on="2026-09-20"), voucher("V2", ("C1", "30.00"))],
            bills_from="2026-09-01",
        )
    )

    assert month.codes == ["L03 C1"]
    assert month.amounts("L03") == (3000, 6000, 3000)
    assert month.bridge == {"B5": 3000, "C0": 3000}
