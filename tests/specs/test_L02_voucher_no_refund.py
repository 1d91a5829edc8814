"""L02: a voucher books a refund that never left. Rulings 10, 19, 20; schema: accruals and cost lines apart; bridge B4."""

from tests.world import accrual, case, order, refund, run, voucher, world


def test_a_voucher_whose_ref_has_no_flow_is_L02_by_voucher_and_stands_in_B4():
    month = run(
        world(
            vouchers=[
                voucher("V1", ("C9", "30.00")),
                voucher("V2", ("F9", "20.00", "flow")),
                voucher("V3", ("O9", "10.00", "order")),
            ]
        )
    )

    assert month.codes == ["L02 V1", "L02 V2", "L02 V3"]
    first = month.all("L02")[0]
    assert (first["expected_fen"], first["actual_fen"], first["gap_fen"], first["key_kind"]) == (0, 3000, 3000, "voucher_id")
    assert first["evidence"] == ["voucher_lines.csv:4"]
    assert month.bridge == {"B4": 6000, "C0": 6000}


def test_a_summary_voucher_is_L02_of_its_lone_refs_only():
    month = run(
        world(
            orders=[order("O1")],
            cases=[case("C1", "O1")],
            flows=[refund("F1", case_id="C1")],
            vouchers=[voucher("V1", ("C1", "30.00"), ("C8", "5.00"), ("C9", "7.00"))],
        )
    )

    assert month.codes == ["L02 V1"] and month.amounts("L02") == (0, 1200, 1200)
    assert "C8" in month.one("L02")["why"] and "C9" in month.one("L02")["why"] and "C1、" not in month.one("L02")["why"]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B4": 1200, "C0": 4200}


def test_the_same_voucher_number_in_two_months_is_two_vouchers():
    vouchers = [voucher("V1", ("C8", "5.00"), on="2026-09-12"), voucher("V1", ("C9", "7.00"))]
    month = world(vouchers=vouchers)

    september, october = run(month, period="2026-09", as_of="2026-09-30"), run(month)

    assert (september.amounts("L02"), october.amounts("L02")) == ((0, 500, 500), (0, 700, 700))
    assert september.one("L02")["discrepancy_id"] != october.one("L02")["discrepancy_id"]


def test_an_accrual_is_no_voucher_without_refund():
    month = run(
        world(orders=[order("O1")], cases=[case("C1", "O1", done=None)], vouchers=[accrual("V1", "C1", "30.00", "2026-10-30")]),
        standard="CAS",
    )

    assert month.codes == [] and month.bridge == {"B3": 3000, "C0": 3000}


def test_a_voucher_for_a_case_that_ended_before_the_first_loaded_bill_is_none_and_stands_in_B1():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10")],
            cases=[case("C1", "O1", done="2026-09-29")],
            vouchers=[voucher("V1", ("C1", "30.00"))],
            flows=[refund("F0", "1.00")],
            bills_from="2026-10-01",
        )
    )

    assert month.all("L02") == [] and month.bridge["B1"] == 3000


def test_a_red_voucher_that_takes_back_a_voucher_leaves_nothing():
    month = run(world(vouchers=[voucher("V1", ("C9", "30.00")), voucher("V2", ("C9", "-30.00"))]))

    assert month.bridge == {} and all(row["gap_fen"] in (3000, -3000) for row in month.all("L02"))


def test_a_voucher_taken_back_in_red_is_none_and_both_stand_in_B4():
    wrong, undone = voucher("V1", ("NONE", "30.00")), voucher("V2", ("NONE", "-30.00"), on="2026-10-20")
    kept = voucher("V3", ("ALSO", "5.00"), ("NONE", "30.00"), on="2026-10-25")

    assert run(world(vouchers=[wrong])).codes == ["L02 V1"]
    assert run(world(vouchers=[wrong, undone])).codes == []
    both = run(world(vouchers=[wrong, undone, kept]))
    assert both.codes == ["L02 V1", "L02 V2", "L02 V3"] and both.bridge == {"B4": 3500, "C0": 3500}


def test_one_taken_back_in_the_next_month_is_L02_of_its_own_month_only():
    books = [voucher("V1", ("NONE", "30.00")), voucher("V2", ("NONE", "-30.00"), on="2026-11-03")]

    assert run(world(vouchers=books)).codes == ["L02 V1"]
    november = run(world(vouchers=books), period="2026-11", as_of="2026-11-30")
    assert "L02 V2" not in november.codes and november.bridge == {"B4": -3000, "C0": -3000}
