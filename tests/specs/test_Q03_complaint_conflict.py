"""Q03: the complaint says not refunded while the refund had succeeded; or is about a refund, does not say so, and none came."""

from tests.settlement import complaint
from tests.world import case, order, refund, run, world

CLAIM = {"claims_unrefunded": True}


def _month(*complaints, cases=None, flows=None, **more):
    cases = [case("C1", "O1")] if cases is None else cases
    flows = [refund("F1", case_id="C1")] if flows is None else flows
    return world(orders=[order("O1", **more)], cases=cases, flows=flows, complaints=complaints)


def test_a_claim_that_money_is_missing_when_it_had_come_is_Q03():
    month = run(_month(complaint("T1", case_id="C1", **CLAIM)))

    assert month.codes == ["Q03 T1"] and month.amounts("Q03") == (None, None, None)
    finding = month.one("Q03")
    assert (finding["case_id"], finding["order_id"]) == ("C1", "O1") and "2026-10-12" in finding["why"]
    assert finding["evidence"] == ["complaints.csv:2", "aftersales.csv:2", "flows.csv:3"]


def test_the_case_is_found_by_the_order_too():
    assert run(_month(complaint("T1", opened="2026-10-19", **CLAIM))).codes == ["Q03 T1"]


def test_a_claim_closed_before_the_money_came_was_right_and_one_still_open_then_is_not():
    def of(closed):
        return run(_month(complaint("T1", opened="2026-10-10", closed=closed, case_id="C1", **CLAIM))).codes

    assert of("2026-10-12 10:00:00") == []
    assert of("2026-10-12 10:00:01") == ["Q03 T1"]


def test_money_on_its_way_missing_in_part_or_after_as_of_is_no_conflict():
    claim = complaint("T1", case_id="C1", **CLAIM)

    def codes(*flows):
        return [code for code in run(_month(claim, flows=list(flows))).codes if code.startswith("Q")]

    assert codes(refund("F1", case_id="C1", status="processing")) == []
    assert codes(refund("F1", "29.98", case_id="C1")) == []
    assert codes(refund("F1", "29.99", case_id="C1")) == ["Q03 T1"]
    assert codes(refund("F1", "30.00", "2026-11-01 00:00:00", case_id="C1")) == []


def test_with_two_cases_in_the_days_both_must_have_been_refunded():
    cases = [case("C1", "O1"), case("C2", "O1", "20.00", done=None)]

    assert run(_month(complaint("T1", opened="2026-10-15", closed="2026-10-16", **CLAIM), cases=cases)).codes == []


def test_a_refund_inside_escrow_is_a_refund():
    about = {"platform": "taobao", "on": "2026-10-02", "refunded_fen": "30.00"}
    cases = [case("C1", "O1", platform="taobao")]

    assert run(_month(complaint("T1", case_id="C1", **CLAIM), cases=cases, flows=[], **about)).codes == ["Q03 T1"]


def test_a_complaint_about_a_refund_that_does_not_call_it_missing_is_Q03_when_it_is_overdue():
    def of(**about):
        return [code for code in run(_month(complaint("T1", case_id="C1", **about), flows=[])).codes if code.startswith("Q")]

    assert of(kind="退款") == ["Q03 T1"]
    assert of(kind="退款", claims_unrefunded=None) == of(kind="quality") == of(kind="退款", **CLAIM) == []


def test_within_the_refund_s_days_nothing_is_overdue():
    cases = [case("C1", "O1", done="2026-10-28")]

    assert run(_month(complaint("T1", opened="2026-10-29", kind="退款", closed=None), cases=cases, flows=[])).codes == ["C02 C1"]


def test_one_closed_before_the_period_is_done():
    month = _month(
        complaint("T1", opened="2026-09-20", closed="2026-09-22", case_id="C1", **CLAIM),
        cases=[case("C1", "O1", done="2026-09-15")],
        flows=[refund("F1", on="2026-09-16", case_id="C1")],
        on="2026-09-10",
    )

    assert run(month).codes == []
