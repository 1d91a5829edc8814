"""W05: what came back lies neither in stock nor in quarantine once the posting limit is over."""

from tests.goods import a_return, a_service
from tests.world import returned, run

WAITS = {"stock_posted_at": None}


def test_unposted_when_the_limit_is_over_is_W05_at_the_cost_of_the_pieces():
    month = run(a_return([returned("T1", "C1", 2, "2026-10-27", **WAITS)], qty=2))

    assert month.codes == ["W05 C1"]
    assert month.amounts("W05") == (8000, 0, -8000)
    assert (month.one("W05")["qty"], month.one("W05")["loss_fen"]) == (2, 8000)


def test_on_the_last_day_of_the_limit_it_is_not_late():
    month = a_return([returned("T1", "C1", on="2026-10-28", **WAITS)])

    assert run(month).codes == []
    assert run(month, as_of="2026-11-01").codes == ["W05 C1"]
    assert run(month, config={"sla_days": {"stock_posting": 2}}).codes == ["W05 C1"]


def test_posted_or_quarantined_pieces_are_right_and_posted_after_as_of_is_not_posted_yet():
    def month(**how):
        return run(a_return([returned("T1", "C1", on="2026-10-20", **how)])).codes

    assert month(stock_posted_at="2026-10-31 23:59:59") == []
    assert month(stock_posted_at="2026-11-01 00:00:00") == ["W05 C1"]
    assert month(stock_posted_at=None, is_quarantined=True) == []


def test_only_the_pieces_that_wait_count():
    month = run(a_return([returned("T1", "C1"), returned("T2", "C1", on="2026-10-20", **WAITS)], qty=2))

    assert month.codes == ["W05 C1"] and month.amounts("W05") == (4000, 0, -4000)


def test_goods_to_repair_are_quarantined_whether_or_not_they_say_so():
    repair = a_service("repair", done=None, returns=[returned("T1", "C1", on="2026-10-20", **WAITS)], shipments=[])

    assert run(repair).codes == []
