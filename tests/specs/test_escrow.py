"""Ruling 12: on an escrow channel a refund before the buyer confirms never passes the wallet. Bridge line A4E."""

import pytest

from tests.world import case, order, receipt, refund, run, voucher, world


def _order(order_id="O1", confirmed=None, refunded="30.00", **more):
    return order(order_id, platform="taobao", confirmed=confirmed, refunded_fen=refunded and refunded, **more)


def _case(case_id="C1", order_id="O1", final="30.00", done="2026-10-10", **more):
    return case(case_id, order_id, final, done, platform="taobao", **more)


def _refund(flow_id="F1", amount="30.00", on="2026-10-20", **more):
    return refund(flow_id, amount, on, channel="alipay", **more)


def test_a_refund_before_confirmation_needs_no_flow_and_no_voucher_and_stands_in_A4E():
    month = run(world(orders=[_order(), _order("O2", "2026-10-15")], cases=[_case(), _case("C2", "O2")]))

    assert month.codes == [] and month.verdict == "reconciled"
    assert month.bridge == {"A0": 6000, "A4E": -6000}


def test_a_refund_after_confirmation_needs_its_flow():
    month = run(world(orders=[_order(confirmed="2026-10-08")], cases=[_case()]))

    assert month.codes == ["C04 C1"] and month.bridge == {"A0": 3000, "A4": -3000}
    assert (
        run(world(orders=[_order(confirmed="2026-10-08")], cases=[_case()], flows=[_refund(case_id="C1", on="2026-10-10")])).codes
        == []
    )


def test_completion_decides_and_not_application_or_the_word_sold():
    applied_in_escrow = _case(done="2026-10-16", applied_at="2026-10-10")

    assert run(world(orders=[_order(confirmed="2026-10-15")], cases=[applied_in_escrow])).codes == ["C04 C1"]


def test_a_confirmation_after_as_of_has_not_happened():
    month = world(orders=[_order(confirmed="2026-11-02")], cases=[_case(done="2026-10-30")])

    assert run(month).bridge == {"A0": 3000, "A4E": -3000}
    assert run(month, as_of="2026-11-02").bridge == {"A0": 3000, "A4E": -3000}


@pytest.mark.parametrize(("stated", "code"), [("35.00", "C05"), ("20.00", "C06"), ("30.01", "A06"), ("29.99", "A06")])
def test_a_stated_amount_that_disagrees_is_C05_or_C06_and_A4E_keeps_the_final(stated, code):
    month = run(world(orders=[_order(refunded=stated)], cases=[_case()]))

    assert month.codes == [f"{code} C1"]
    actual = int(stated.replace(".", ""))
    assert month.amounts(code) == (3000, actual, actual - 3000)
    assert month.bridge == {"A0": 3000, "A4E": -3000}


def test_the_stated_amount_stands_for_all_success_cases_and_its_gap_goes_to_the_last_in_escrow():
    orders = [_order(confirmed="2026-10-15", refunded="75.00", paid="200.00")]
    cases = [
        _case("FIRST", final="10.00", done="2026-10-09"),
        _case("LAST", final="20.00", done="2026-10-12"),
        _case("AFTER", final="40.00", done="2026-10-20"),
        _case("CLOSED", final="9.00", platform_status="closed"),
    ]

    month = run(
        world(
            orders=orders,
            cases=cases,
            flows=[receipt("O1", "165.00", "2026-10-15", channel="alipay"), _refund("F1", "40.00", case_id="AFTER")],
            receipts=False,
        )
    )

    assert month.codes == ["C05 LAST"]
    assert month.amounts("C05") == (2000, 2500, 500)
    assert month.bridge == {"A0": 7000, "A4E": -3000, "B0": 4000, "C0": 4000}


def test_the_order_brings_what_it_paid_less_what_was_refunded_inside_escrow():
    month = run(
        world(
            orders=[_order(confirmed="2026-10-15")],
            cases=[_case()],
            flows=[receipt("O1", "70.00", "2026-10-15", channel="alipay")],
            receipts=False,
        )
    )

    assert month.codes == []


def test_a_flow_on_an_in_escrow_case_is_C03_and_stands_in_A3():
    month = run(world(orders=[_order()], cases=[_case()], flows=[_refund(case_id="C1", order_id="O1")]))

    assert month.codes == ["C03 F1"] and month.bridge == {"A0": 3000, "A3": 3000, "A4E": -3000, "B0": 3000, "C0": 3000}


def test_an_order_fully_refunded_inside_escrow_brings_nothing_and_is_no_P03():
    month = run(world(orders=[_order(confirmed="2026-10-15", refunded="100.00")], cases=[_case(final="100.00")], receipts=False))

    assert month.codes == []


def _pdd(case_id, *, is_stated, done="2026-10-10"):
    row = order(f"O-{case_id}", platform="pdd", is_refund_stated=is_stated)
    return row, case(case_id, f"O-{case_id}", done=done, platform="pdd")


def test_pdd_states_a_status_only_and_without_it_an_in_escrow_case_is_C04():
    pairs = [
        _pdd("STATED", is_stated=True),
        _pdd("NOT", is_stated=False),
        _pdd("YOUNG", is_stated=False, done="2026-10-29"),
        _pdd("SILENT", is_stated=None),
    ]

    month = run(world(orders=[o for o, _ in pairs], cases=[c for _, c in pairs]))

    assert month.codes == ["C02 YOUNG", "C04 NOT"]
    assert month.amounts("C04") == (3000, 0, -3000)
    assert month.one("C02")["breaks_on"].isoformat() == "2026-11-02"
    assert month.bridge == {"A0": 12000, "A2": -3000, "A4": -3000, "A4E": -6000}


def test_on_paid_basis_every_refund_needs_its_flow():
    month = world(orders=[_order()], cases=[_case()], flows=[receipt("O1", channel="alipay")], receipts=False)

    assert run(month).codes == ["P01 O1"]
    assert run(month, config={"receipt_basis": {"alipay": "paid"}}).codes == ["C04 C1"]


def test_a_case_of_an_unknown_order_needs_its_flow():
    assert run(world(cases=[_case(order_id="GONE")])).codes == ["C04 C1"]


def test_exchanges_and_open_cases_take_no_part_in_escrow():
    month = run(world(orders=[_order(refunded="0.00")], cases=[_case(kind="exchange"), _case("C2", done=None)]))

    assert month.codes == [] and month.bridge == {}


def test_the_later_confirmation_does_not_make_an_order_paid_in_full_short():
    """A refund inside escrow in September and the confirmation in October."""
    month = run(
        world(
            orders=[_order(on="2026-09-10", confirmed="2026-10-02")],
            cases=[_case(done="2026-09-20")],
            flows=[receipt("O1", "70.00", "2026-10-02", channel="alipay")],
            receipts=False,
            bills_from="2026-09-01",
        )
    )

    assert month.codes == [] and month.bridge == {}


def test_a_case_id_on_two_platforms_is_told_apart_by_the_vouchers_shop():
    orders = [order("O1", shop="甲"), order("O2", platform="jd", shop="乙")]
    cases = [case("SAME", "O1"), case("SAME", "O2", "20.00", platform="jd")]
    flows = [receipt("O2", channel="jd"), refund("F1", order_id="O1"), refund("F2", "20.00", order_id="O2", channel="jd")]
    vouchers = [voucher("V1", ("SAME", "30.00"), shop="甲"), voucher("V2", ("SAME", "20.00"), shop="乙", wallet="101203")]

    month = run(
        world(orders=orders, cases=cases, flows=[receipt("O1"), *flows], vouchers=vouchers, receipts=False),
        config={"receipt_basis": {"jd": "paid"}},
    )

    assert month.codes == []


def test_money_that_arrived_is_out_of_escrow_where_the_export_states_no_completion():
    """JD's and Douyin's exports may state no completion, or only that of a whole order of which one line is settled."""
    sold = order("O1", "100.00", platform="jd", status="completed")
    month = run(
        world(
            orders=[sold],
            cases=[case("C1", "O1", "30.00", "2026-10-20", platform="jd")],
            flows=[
                receipt("O1", "100.00", "2026-10-15", channel="jd"),
                refund("F1", "30.00", "2026-10-20", channel="jd", case_id="C1"),
            ],
            receipts=False,
        )
    )

    assert month.codes == []
    assert month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


@pytest.mark.parametrize(("arrived", "codes"), [("60.00", []), ("160.00", ["P01 O1"])])
def test_what_is_missing_of_an_order_settled_in_part_is_still_in_escrow(arrived, codes):
    sold = order("O1", "100.00", platform="douyin", status="shipped")
    month = run(
        world(orders=[sold], flows=[receipt("O1", arrived, "2026-10-15", channel="douyin")], receipts=False),
    )

    assert month.codes == codes
