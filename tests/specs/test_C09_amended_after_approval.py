"""C09: an amount changed after it was approved and nobody approved the new one; expected the old, actual the new.
Rulings 17: it states K01 too, whatever the amount, but for what the platform decided."""

import pytest

from tests.world import at, case, order, refund, run, world

APPROVED = {"creator": "cs01", "approver": "lead01", "approved_at": "2026-10-10"}


def event(new="26.20", *, old="31.20", on="2026-10-11", field="final", seq=1, **more):
    return {"case_id": "C1", "seq": seq, "at": at(on), "field": field, "old": old, "new": new, "by": "cs01", **more}


def _month(*events, final="26.20", **more):
    row = case("C1", "O1", final, **{**APPROVED, **more})
    flows = [refund("F1", final, case_id="C1")]
    return run(world(orders=[order("O1")], cases=[row], flows=flows, aftersale_events=list(events)))


@pytest.mark.parametrize("field", ["requested", "approved", "final"])
def test_an_amount_changed_after_approval_is_C09_and_K01_whatever_the_amount(field):
    month = _month(event(field=field))

    assert month.codes == ["C09 C1", "K01 C1"]
    assert month.amounts("C09") == (3120, 2620, -500) and month.amounts("K01") == (None, None, None)
    assert month.one("C09")["evidence"] == ["aftersales.csv:2", "aftersale_events.csv:2"]


def test_the_moment_of_approval_itself_is_not_after_it():
    assert _month(event(on="2026-10-10 10:00:00")).codes == []
    assert _month(event(on="2026-10-10 10:00:01")).codes == ["C09 C1", "K01 C1"]


def test_an_amount_approved_again_with_the_change_or_later_is_none():
    assert _month(event(reapproved_by="lead02")).codes == []
    assert _month(event(), event("26.20", old="26.20", seq=2, on="2026-10-12", reapproved_by="lead02")).codes == []


def test_a_second_approval_of_less_or_before_the_change_does_not_cover_it():
    before = event("40.00", old="31.20", on="2026-10-10 12:00:00", reapproved_by="lead02")
    after = event("35.00", old="40.00", seq=2)
    less = event("34.99", old="35.00", seq=3, on="2026-10-12", reapproved_by="lead02")

    month = _month(before, after, less, final="34.99")

    assert month.codes == ["C09 C1", "K01 C1"] and month.amounts("C09") == (4000, 3500, -500)


def test_several_changes_are_one_finding_from_the_first_amount_to_the_last():
    month = _month(event("28.00"), event("26.20", old="28.00", seq=2, on="2026-10-12"))

    assert month.amounts("C09") == (3120, 2620, -500)


@pytest.mark.parametrize(
    "changed",
    [
        event(field="status", old="open", new="success"),
        event(field="qty", old="1", new="2"),
        event(old="26.20"),
        event(new="面议"),
        event(on="2026-11-01 00:00:00"),
    ],
    ids=["a status", "a quantity", "the same amount", "no amount", "after the as-of day"],
)
def test_what_changes_no_amount_as_of_the_day_is_none(changed):
    assert _month(changed).codes == []


def test_a_case_not_yet_approved_is_none():
    assert _month(event(), approved_at=None).codes == []


def test_what_the_platform_decided_states_no_K01():
    assert _month(event(), decided_by="platform").codes == ["C09 C1", "C12 C1"]


def test_without_the_changes_it_is_not_checked():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")]))

    assert month.outcome.summary["not_checked"]["C09"] == "aftersale_events"
