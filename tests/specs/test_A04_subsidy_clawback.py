"""A04: the platform took back what it had funded and the ledger does not say so. Ruling 20; bridge A6 and B6."""

from tests.world import case, order, refund, run, voucher, world


def _clawback(amount="5.00", on="2026-10-12 10:00:05", **more):
    return refund("CLAW", amount, on, kind="subsidy_clawback", **more)


PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")]}
REFUND = refund("F1", case_id="C1", order_id="O1")


def test_a_clawback_that_the_refund_voucher_lacks_is_A04_and_stands_in_A6_and_B6():
    month = run(world(**PAID, flows=[REFUND, _clawback(case_id="C1", order_id="O1")], vouchers=[voucher("V1", ("C1", "30.00"))]))

    assert month.codes == ["A04 C1"]
    assert month.amounts("A04") == (500, 0, -500)
    assert month.bridge == {"A0": 3000, "A6": 500, "B0": 3500, "B6": -500, "C0": 3000}


def test_a_voucher_of_refund_and_clawback_is_right():
    month = run(world(**PAID, flows=[REFUND, _clawback(case_id="C1", order_id="O1")], vouchers=[voucher("V1", ("C1", "35.00"))]))

    assert month.codes == [] and month.bridge == {"A0": 3000, "A6": 500, "B0": 3500, "C0": 3500}


def test_another_gap_than_the_clawback_is_L04():
    assert run(world(**PAID, flows=[REFUND, _clawback(case_id="C1")], vouchers=[voucher("V1", ("C1", "31.00"))])).codes == [
        "L04 C1"
    ]


def test_a_clawback_without_a_case_id_follows_the_last_refund_of_its_order():
    cases = [case("C1", "O1", done="2026-10-10"), case("C2", "O1", "20.00", done="2026-10-15")]
    flows = [
        refund("F1", on="2026-10-10", case_id="C1", order_id="O1"),
        refund("F2", "20.00", "2026-10-15", case_id="C2", order_id="O1"),
        _clawback(on="2026-10-15 10:00:05", order_id="O1"),
    ]

    month = run(
        world(
            orders=[order("O1")],
            cases=cases,
            flows=flows,
            vouchers=[voucher("V1", ("C1", "30.00")), voucher("V2", ("C2", "20.00"))],
        )
    )

    assert month.codes == ["A04 C2"]


def test_the_clawback_is_no_part_of_what_the_case_was_refunded():
    month = run(
        world(**PAID, flows=[REFUND, _clawback("30.00", case_id="C1", order_id="O1")], vouchers=[voucher("V1", ("C1", "60.00"))])
    )

    assert month.codes == [] and month.bridge["A6"] == 3000


def test_a_refund_with_its_clawback_after_the_month_is_judged_on_what_moved_in_it():
    month = run(
        world(
            **PAID,
            flows=[REFUND, _clawback(on="2026-11-02", case_id="C1", order_id="O1")],
            vouchers=[voucher("V1", ("C1", "30.00"))],
        )
    )

    assert month.codes == [] and month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}
