"""W10: goods came back and no case takes them; what several cases could take stays with nobody."""

from tests.goods import a_return
from tests.world import case, line, order, returned, run

REPEATED = {"kind": "return_refund", "line_id": "L1", "qty": 1, "basis": "negotiated"}


def month(*returns, **more):
    return run(a_return(list(returns), **{"done": None, "paid": False, "further_vouchers": (), **more}))


def test_a_receipt_without_a_case_when_the_limit_is_over_is_W10():
    found = month(returned("T1", None, 2, "2026-10-27", posted_cost_fen="80.00"))

    assert found.codes == ["W10 T1"]
    assert found.amounts("W10") == (None, None, None)
    assert (found.one("W10")["qty"], found.one("W10")["loss_fen"], found.one("W10")["key_kind"]) == (2, 8000, "return_id")


def test_on_the_last_day_of_the_limit_it_may_still_be_linked():
    assert month(returned("T1", None, on="2026-10-28")).codes == []


def test_the_return_waybill_of_a_case_links_it_and_so_do_order_and_sku():
    waybill = returned("T1", None, waybill="SF1", stock_posted_at=None, is_quarantined=True)
    by_order = returned("T2", None, order_id="O1", stock_posted_at=None, is_quarantined=True)

    assert month(waybill, about={"return_waybill": "SF1"}).codes == []
    assert month(by_order).codes == []


def test_two_cases_that_could_take_it_leave_it_ambiguous():
    cases = [case("A", "O1", done=None, **REPEATED), case("B", "O1", done=None, **REPEATED)]

    found = month(returned("T1", None, order_id="O1"), cases=cases)

    assert found.codes == ["W10 T1"]
    assert "无法判断" in found.one("W10")["why"]


def test_the_second_of_two_cases_takes_it_when_the_first_has_its_own():
    cases = [case("A", "O1", done=None, **REPEATED), case("B", "O1", done=None, **REPEATED)]
    quarantined = {"stock_posted_at": None, "is_quarantined": True}

    found = month(returned("T1", "A", **quarantined), returned("T2", None, order_id="O1", **quarantined), cases=cases)

    assert found.codes == []


def test_one_parcel_with_the_returns_of_two_orders_is_told_apart_by_sku():
    found = month(
        *(returned(f"T{n}", None, waybill="SF1", sku=f"SKU{n}", stock_posted_at=None, is_quarantined=True) for n in (1, 2)),
        orders=[order("O1"), order("O2")],
        lines=[line(f"O{n}", "L1", "100.00", sku=f"SKU{n}") for n in (1, 2)],
        cases=[case(f"C{n}", f"O{n}", done=None, **{**REPEATED, "return_waybill": "SF1"}) for n in (1, 2)],
    )

    assert found.codes == []


def test_lines_of_one_receipt_are_one_finding_and_a_receipt_after_as_of_is_no_fact():
    lines = [returned("T1", None, line_no=n, on="2026-10-20") for n in ("1", "2")]

    assert month(*lines, returned("T2", None, on="2026-11-01")).one("W10")["qty"] == 2


def test_one_that_names_a_case_from_before_the_loaded_ones_is_left_alone():
    early, late = returned("T1", "SEPTEMBER", on="2026-10-15"), returned("T2", "NOWHERE", on="2026-10-16")

    assert month(early, late).codes == ["W10 T2"]


def test_a_receipt_that_names_a_closed_case_is_linked_but_a_closed_case_takes_nothing_else():
    closed = {"about": {"platform_status": "closed"}}

    assert month(returned("T1", "C1", stock_posted_at=None, is_quarantined=True), **closed).codes == []
    assert month(returned("T1", None, order_id="O1"), **closed).codes == ["W10 T1"]
