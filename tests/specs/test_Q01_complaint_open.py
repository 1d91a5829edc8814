"""Q01: a complaint open for more than seven days, whenever it was opened. No gap."""

from tests.settlement import complaint
from tests.world import run, world


def test_seven_days_open_is_in_time_and_eight_is_Q01():
    def of(opened):
        return run(world(complaints=[complaint("T1", opened=opened, closed=None)])).codes

    assert of("2026-10-24 00:00:00") == []
    assert of("2026-10-23 23:59:59") == ["Q01 T1"]
    assert of("2026-07-01") == ["Q01 T1"]


def test_it_has_no_amounts_and_says_how_long():
    month = run(world(complaints=[complaint("T1", opened="2026-10-11", closed=None)]))

    assert month.amounts("Q01") == (None, None, None)
    assert month.one("Q01")["age_days"] == 20 and month.one("Q01")["evidence"] == ["complaints.csv:2"]


def test_closed_late_is_closed_and_closed_after_as_of_is_open():
    assert run(world(complaints=[complaint("T1", opened="2026-10-01", closed="2026-10-31 23:59:59")])).codes == []
    assert run(world(complaints=[complaint("T1", opened="2026-10-01", closed="2026-11-01 00:00:00")])).codes == ["Q01 T1"]


def test_one_opened_after_as_of_is_no_fact():
    month = world(complaints=[complaint("T1", opened="2026-10-10", closed=None)])

    assert run(month, as_of="2026-10-09").codes == []


def test_without_complaints_it_is_not_checked():
    assert run(world()).outcome.summary["not_checked"]["Q01"] == "complaints"
