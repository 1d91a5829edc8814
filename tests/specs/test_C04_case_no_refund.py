"""C04: a refund case succeeded and nothing has left when its limit is over. Rulings 9, 10, 11, 12, 19; bridge A4."""

import pytest

from tests.world import case, order, receipt, refund, run, voucher, world


def test_a_case_without_a_flow_is_C04_from_day_4():
    month = run(
        world(
            orders=[order("O1"), order("O2")],
            cases=[case("OLD", "O1", done="2026-10-27"), case("YOUNG", "O2", "20.00", done="2026-10-28")],
        )
    )

    assert month.codes == ["C02 YOUNG", "C04 OLD"]
    assert month.amounts("C04") == (3000, 0, -3000)
    assert month.one("C04")["evidence"] == ["aftersales.csv:2"]
    assert month.bridge == {"A0": 5000, "A2": -2000, "A4": -3000}


@pytest.mark.parametrize("kind", ["refund_only", "return_refund", "price_protection", "small_transfer"])
def test_every_refund_kind_needs_its_money(kind):
    assert run(world(orders=[order("O1")], cases=[case("C1", "O1", kind=kind)])).codes == ["C04 C1"]


@pytest.mark.parametrize("kind", ["exchange", "resend", "repair"])
def test_other_kinds_need_none(kind):
    assert run(world(orders=[order("O1")], cases=[case("C1", "O1", kind=kind)])).bridge == {}


def test_a_final_of_null_is_the_approved_amount():
    row = {**case("C1", "O1"), "final_fen": None, "approved_fen": 1234}

    assert run(world(orders=[order("O1")], cases=[row])).amounts("C04") == (1234, 0, -1234)


def test_when_it_is_already_booked_only_C04_is_primary_and_the_money_stands_in_A4_and_B4():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], vouchers=[voucher("V1", ("C1", "30.00"))]))

    assert month.codes == ["C04 C1"]
    assert month.one("L02")["primary_id"] == month.one("C04")["discrepancy_id"]
    assert month.bridge == {"A0": 3000, "A4": -3000, "B4": 3000, "C0": 3000}


def test_the_same_case_id_on_two_platforms_is_two_findings():
    orders = [order("O1"), order("O2", platform="jd")]
    cases = [case("SAME", "O1"), case("SAME", "O2", "20.00", platform="jd")]

    month = run(world(orders=orders, cases=cases), config={"receipt_basis": {"jd": "paid"}})

    assert [row for row in month.codes if row[0] == "C"] == ["C04 SAME", "C04 SAME"]
    assert len({row["discrepancy_id"] for row in month.all("C04")}) == 2


@pytest.mark.parametrize("states_its_order", [True, False])
def test_the_same_case_id_on_two_platforms_with_a_refund_each_is_two_right_cases(states_its_order):
    orders = [order("O1"), order("O2", platform="jd")]
    cases = [case("SAME", "O1"), case("SAME", "O2", "20.00", platform="jd")]
    stated = [{"order_id": o} if states_its_order else {} for o in ("O1", "O2")]
    flows = [
        receipt("O1"),
        receipt("O2", channel="jd"),
        refund("F1", case_id="SAME", **stated[0]),
        refund("F2", "20.00", case_id="SAME", channel="jd", **stated[1]),
    ]

    month = run(world(orders=orders, cases=cases, flows=flows, receipts=False), config={"receipt_basis": {"jd": "paid"}})

    assert month.codes == [] and month.bridge == {"A0": 5000, "B0": 5000, "C0": 5000}


def test_taobao_and_tmall_are_one_platform_in_keys():
    config = {"receipt_basis": {"alipay": "paid"}}
    ids = {
        run(world(orders=[order("O1", platform=p)], cases=[case("C1", "O1", platform=p)]), config=config).one("C04")[
            "discrepancy_id"
        ]
        for p in ("taobao", "tmall")
    }

    assert len(ids) == 1


def test_ids_differ_between_entities_and_stay_from_month_to_month():
    month = world(orders=[order("O1")], cases=[case("C1", "O1")])
    first = run(month).one("C04")["discrepancy_id"]

    assert run(month, period="2026-11", as_of="2026-11-30").one("C04")["discrepancy_id"] == first
    assert run(month, config={"entity": {"name": "another"}}).one("C04")["discrepancy_id"] != first


def test_a_case_paid_after_the_period_was_never_C04_to_a_later_as_of_and_stands_in_A2():
    month = world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", on="2026-11-02", case_id="C1")])

    october, november = run(month), run(month, as_of="2026-11-02")

    assert october.codes == ["C04 C1"] and october.bridge == {"A0": 3000, "A4": -3000}
    assert november.codes == [] and november.bridge == {"A0": 3000, "A2": -3000}


def test_a_case_paid_before_the_period_stands_in_A2_without_a_finding():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10")],
            cases=[case("C1", "O1", done="2026-10-02")],
            flows=[refund("F1", on="2026-09-29", case_id="C1")],
            bills_from="2026-09-01",
        )
    )

    assert month.codes == [] and month.bridge == {"A0": 3000, "A2": -3000}


def test_a_case_of_an_earlier_month_paid_in_this_one_stands_in_A1_and_so_does_an_open_one():
    month = run(
        world(
            orders=[order("O1", on="2026-09-10"), order("O2")],
            cases=[case("EARLIER", "O1", done="2026-09-29"), case("OPEN", "O2", "20.00", done=None)],
            flows=[refund("F1", on="2026-10-02", case_id="EARLIER"), refund("F2", "20.00", case_id="OPEN")],
            bills_from="2026-09-01",
        )
    )

    assert month.codes == [] and month.bridge == {"A1": 5000, "B0": 5000, "C0": 5000}


def test_a_case_that_ended_before_the_first_loaded_bill_is_none():
    cases = [case("UNSEEN", "O1", done="2026-10-04 23:59:59"), case("SEEN", "O2", done="2026-10-05 00:00:00")]

    month = run(
        world(
            orders=[order("O1", on="2026-09-10"), order("O2", on="2026-09-10")],
            cases=cases,
            flows=[refund("F0", "1.00")],
            bills_from={"wechat": "2026-10-05"},
        )
    )

    assert [row for row in month.codes if row[:3] in ("C02", "C04")] == ["C04 SEEN"]
    assert month.bridge == {"A0": 6000, "A2": -3000, "A3": 100, "A4": -3000, "B0": 100, "C0": 100}


def test_without_any_bill_it_is_not_checked_and_with_an_empty_one_it_is():
    month = {"orders": [order("O1")], "cases": [case("C1", "O1")], "bills_from": {}}

    absent = run(world(**month, flows=None))
    assert absent.codes == [] and absent.outcome.summary["not_checked"]["C04"] == "flows"
    assert run(world(**month)).codes == ["C04 C1"]
