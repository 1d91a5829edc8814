"""W12: an item to repair came in and is still here when the limit is over."""

from tests.goods import a_service
from tests.world import returned, run, shipment


def month(*shipments, on="2026-10-15", done=None, **about):
    return a_service("repair", done=done, returns=[returned("T1", "C1", on=on)], shipments=list(shipments), about=about)


def sent(on="2026-10-30", **more):
    return shipment("S1", "O1", 1, on, kind="repair", case_id="C1", **more)


def test_an_item_still_here_when_the_limit_is_over_is_W12():
    found = run(month())

    assert found.codes == ["W12 C1"]
    assert found.amounts("W12") == (None, None, None)
    assert (found.one("W12")["qty"], found.one("W12")["age_days"]) == (1, 16)


def test_on_the_last_day_of_the_limit_it_is_not_late():
    assert run(month(on="2026-10-16")).codes == []


def test_an_item_sent_back_is_right_unless_it_was_intercepted_or_left_after_as_of():
    assert run(month(sent())).codes == []
    assert run(month(sent(is_intercepted=True))).codes == run(month(sent("2026-11-01"))).codes == ["W12 C1"]


def test_only_while_the_case_is_open():
    assert run(month(done="2026-10-30")).codes == run(month(platform_status="closed")).codes == []
    assert run(month(done="2026-11-01")).codes == ["W12 C1"]


def test_without_shipments_it_is_not_checked():
    blind = a_service("repair", done=None, returns=[returned("T1", "C1", on="2026-10-01")])

    assert run(blind).outcome.summary["not_checked"]["W12"] == "shipments"
