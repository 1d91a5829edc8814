"""W08: the exchange went out and the old item did not come back within the return limit."""

from tests.goods import a_service
from tests.world import returned, run, shipment


def month(*returns, on="2026-10-15", qty=1, about=None, **more):
    sent = shipment("S1", "O1", qty or 1, on, kind="exchange", case_id="C1", **more)
    return a_service("exchange", qty=qty, returns=list(returns), shipments=[sent], about=about or {})


def test_the_old_item_still_out_when_the_limit_is_over_is_W08():
    found = run(month(qty=2))

    assert found.codes == ["W08 C1"]
    assert found.amounts("W08") == (8000, 0, -8000)
    assert (found.one("W08")["qty"], found.one("W08")["loss_fen"], found.one("W08")["event_at"].day) == (2, 8000, 15)


def test_the_limit_runs_from_the_shipment_and_its_last_day_is_not_over():
    assert run(month(on="2026-10-16")).codes == []
    assert run(month(on="2026-10-16"), as_of="2026-11-01").codes == ["W08 C1"]


def test_back_before_or_after_the_exchange_is_right_but_not_after_as_of():
    assert run(month(returned("T1", "C1", on="2026-10-10"))).codes == []
    assert run(month(returned("T1", "C1", on="2026-10-31"))).codes == []
    assert run(month(returned("T1", "C1", on="2026-11-01"))).codes == ["W08 C1"]


def test_an_exchange_not_shipped_or_intercepted_is_owed_no_old_item():
    assert run(month(is_intercepted=True)).codes == []
    assert run(a_service("exchange", shipments=[])).codes == []


def test_without_a_quantity_it_is_about_the_pieces_that_were_sent():
    assert run(month(qty=None)).amounts("W08") == (4000, 0, -4000)
