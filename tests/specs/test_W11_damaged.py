"""W11: a damaged return went into stock as if it were new."""

import pytest

from tests.goods import a_return
from tests.world import line, returned, run


def month(posted="80.00", qty=2, **more):
    back = returned("T1", "C1", qty, posted_cost_fen=posted, **{"grade": "damaged", **more})
    return run(a_return([back], qty=qty))


def test_damaged_goods_posted_at_full_cost_are_W11():
    found = month()

    assert found.codes == ["W11 C1"]
    assert found.amounts("W11") == (None, None, None)
    assert (found.one("W11")["qty"], found.one("W11")["loss_fen"]) == (2, 8000)


@pytest.mark.parametrize("posted", ["79.99", "40.00", "0.00"])
def test_written_down_is_right(posted):
    assert month(posted).codes == []


def test_good_goods_keep_their_cost_and_what_is_not_posted_has_none_yet():
    assert month(grade="good").codes == []
    assert month(stock_posted_at="2026-11-01", on="2026-10-30").codes == []


def test_what_nobody_states_is_not_judged():
    unknown = a_return([returned("T1", "C1", grade="damaged", posted_cost_fen="40.00")], lines=[line("O1", "L1", "300.00", 3)])

    assert month(grade=None).codes == month(posted=None).codes == run(unknown).codes == []
