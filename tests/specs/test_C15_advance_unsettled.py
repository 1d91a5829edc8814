"""C15: an instant refund, and 15 days later the case is still open or the goods are not back. Timing: no gap, no entry."""

import pytest

from tests.world import case, order, returned, run, world

GOODS = {"kind": "return_refund", "is_instant": True}


def _month(*cases, returns=(), **about):
    orders = [order(order_id) for order_id in sorted({row["order_id"] for row in cases})]
    return run(world(orders=orders, cases=cases, returns=returns), **about)


def _case(name, on, *, is_open=False, **more):
    row = case(name, f"O-{name}", "30.00", None if is_open else on, **{**GOODS, **more})
    return row if not is_open else {**row, "approved_at": case(name, "", "0.00", on)["approved_at"]}


def test_goods_of_an_instant_refund_not_back_after_15_days_are_C15():
    month = _month(_case("OLD", "2026-10-15"), _case("LIMIT", "2026-10-16"))

    assert [row["key"] for row in month.all("C15")] == ["OLD"]
    assert month.amounts("C15") == (None, None, None)
    assert month.one("C15")["nature"] == "timing" and month.one("C15")["evidence"] == ["aftersales.csv:2"]


@pytest.mark.parametrize(
    "back",
    [{"case_id": "OLD"}, {"case_id": None, "waybill": "SF1"}, {"case_id": None, "order_id": "O-OLD"}],
    ids=["by case", "by waybill", "by order"],
)
def test_goods_that_came_back_settle_it_however_late(back):
    goods = returned("R1", back.pop("case_id"), on="2026-10-31", **back)

    assert _month(_case("OLD", "2026-10-01", return_waybill="SF1"), returns=[goods]).all("C15") == []


def test_goods_that_come_back_after_the_as_of_day_do_not_yet():
    goods = returned("R1", "OLD", on="2026-11-01 00:00:00")

    assert len(_month(_case("OLD", "2026-10-01"), returns=[goods]).all("C15")) == 1


def test_a_case_still_open_15_days_after_the_advance_is_C15_whatever_its_kind():
    cases = [
        _case("OLD", "2026-10-15", is_open=True, kind="refund_only"),
        _case("LIMIT", "2026-10-16", is_open=True, kind="refund_only"),
    ]

    assert _month(*cases, returns=None).codes == ["C15 OLD"]


def test_what_was_not_advanced_or_is_settled_is_none():
    cases = [
        _case("NOT_INSTANT", "2026-10-01", is_open=True, is_instant=False),
        _case("NOT_SAID", "2026-10-01", is_open=True, is_instant=None),
        {**_case("NOT_AGREED", "2026-10-01", is_open=True), "approved_at": None},
        _case("CLOSED", "2026-10-01", platform_status="closed"),
        _case("NO_GOODS", "2026-10-01", kind="refund_only"),
    ]

    assert _month(*cases).all("C15") == []


def test_without_receipts_nothing_is_said_about_goods():
    assert _month(_case("OLD", "2026-10-01"), returns=None).all("C15") == []


def test_the_days_are_the_configured_ones():
    month = [_case("C1", "2026-10-20", is_open=True)]

    assert len(_month(*month, config={"sla_days": {"return": 10}}).all("C15")) == 1
    assert _month(*month, config={"sla_days": {"return": 11}}).all("C15") == []
