"""W02: refunded, and the goods still have time to come: timing, with the day on which it becomes W01."""

from tests.goods import a_return
from tests.world import returned, run


def test_a_refunded_return_inside_the_limit_is_on_its_way_and_says_when_it_breaks():
    month = run(a_return(qty=2, done="2026-10-29"))

    assert month.codes == ["W02 C1"]
    found = month.one("W02")
    assert (found["nature"], found["breaks_on"].isoformat(), found["qty"]) == ("timing", "2026-11-14", 2)
    assert month.amounts("W02") == (None, None, None)
    assert month.verdict == "pending"


def test_it_breaks_on_the_day_it_named():
    month = a_return(done="2026-10-10")

    assert run(month, as_of="2026-10-25").one("W02")["breaks_on"].isoformat() == "2026-10-26"
    assert run(month, as_of="2026-10-26").codes == ["W01 C1"]


def test_a_receipt_clears_it_even_before_the_refund():
    early = a_return([returned("T1", "C1", on="2026-10-20", stock_posted_at=None, is_quarantined=True)], done="2026-10-29")

    assert run(early).codes == []


def test_a_receipt_of_the_look_ahead_leaves_it_standing():
    assert run(a_return([returned("T1", "C1", on="2026-11-03")], done="2026-10-29")).codes == ["W02 C1"]


def test_until_the_money_has_left_only_the_money_is_in_transit():
    assert run(a_return(done="2026-10-29", paid=False)).codes == ["C02 C1"]
