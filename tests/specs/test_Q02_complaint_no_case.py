"""Q02: a complaint about money without a case of its order within seven days. Ruling 24: says unrefunded, or of kind 退款."""

import pytest

from tests.settlement import complaint
from tests.world import case, order, refund, run, world


def _month(*complaints, cases=()):
    paid = [refund(f"F-{row['case_id']}", case_id=row["case_id"]) for row in cases if row["completed_at"]]
    return world(orders=[order("O1"), order("O2")], cases=cases, flows=paid, complaints=complaints)


@pytest.mark.parametrize("about", [{"claims_unrefunded": True}, {"kind": "退款"}, {"kind": "退款纠纷"}])
def test_a_complaint_about_money_without_a_case_is_Q02(about):
    month = run(_month(complaint("T1", **about)))

    assert month.codes == ["Q02 T1"] and month.amounts("Q02") == (None, None, None)
    assert month.one("Q02")["order_id"] == "O1" and month.one("Q02")["platform"] == "wechat_mini"


def test_one_about_something_else_is_none():
    assert (
        run(_month(complaint("T1"), complaint("T2", kind="物流"), complaint("T3", kind=None, claims_unrefunded=None))).codes == []
    )


@pytest.mark.parametrize(
    ("applied", "found"),
    [("2026-10-13", []), ("2026-10-12", ["Q02 T1"]), ("2026-10-27", []), ("2026-10-28", ["Q02 T1"])],
)
def test_a_case_seven_days_before_or_after_answers_it_and_eight_does_not(applied, found):
    open_case = case("C1", "O1", done=None, applied_at=applied)

    assert run(_month(complaint("T1", kind="退款", closed=None), cases=[open_case]), config=_SLOW).codes == found


_SLOW = {"sla_days": {"complaint": 30}}


def test_the_case_it_names_answers_it_however_old_and_another_order_s_does_not():
    old = case("C1", "O1", "30.00", "2026-10-02")

    assert run(_month(complaint("T1", kind="退款", case_id="C1"), cases=[old])).codes == []
    assert run(_month(complaint("T1", kind="退款", case_id="GONE"), cases=[old])).codes == ["Q02 T1"]
    near = case("C1", "O2", "30.00", "2026-10-19")
    assert run(_month(complaint("T1", kind="退款"), cases=[near])).codes == ["Q02 T1"]


def test_a_case_applied_for_after_as_of_is_no_fact():
    later = case("C1", "O1", done=None, applied_at="2026-11-01 00:00:00")

    assert run(_month(complaint("T1", kind="退款", opened="2026-10-30", closed=None), cases=[later])).codes == ["Q02 T1"]


def test_one_closed_before_the_period_is_done_and_one_still_open_stands():
    def of(closed):
        return run(
            _month(complaint("T1", opened="2026-09-20", kind="退款", closed=closed)), config={"sla_days": {"complaint": 90}}
        )

    assert of("2026-09-30 23:59:59").codes == []
    assert of("2026-10-01 00:00:00").codes == of(None).codes == ["Q02 T1"]


def test_without_cases_it_is_not_checked():
    month = run(world(orders=[order("O1")], cases=None, complaints=[complaint("T1", kind="退款")]))

    assert month.outcome.summary["not_checked"]["Q02"] == "aftersales"
