"""S07: freight insurance. A premium the fees know nothing of, or a claim they state that did not come in. Key: the order."""

from tests.settlement import fee
from tests.world import flow, order, run, world


def _premium(order_id: str | None = "O1", amount: str = "-0.60", on: str = "2026-10-06", **more):
    return flow(f"INS-{order_id}-{on}{amount}", "insurance", amount, on, order_id=order_id, **more)


def _stated(amount: str = "0.60", order_id: str = "O1", on: str = "2026-10-06"):
    return fee(f"POLICY{amount}", order_id, amount, on, kind="insurance", rate=None, base=None)


ORDERS = [order(f"O{n}") for n in range(1, 31)]


def test_a_premium_without_a_policy_in_the_fees_is_S07():
    month = run(world(orders=ORDERS, flows=[_premium()], fees=[]))

    assert month.codes == ["S07 O1"] and month.amounts("S07") == (0, 60, 60)
    assert month.one("S07")["key_kind"] == "order_id" and month.one("S07")["evidence"] == ["flows.csv:32"]


def test_a_premium_that_the_fees_state_for_its_order_is_none_and_a_dearer_one_is():
    assert run(world(orders=ORDERS, flows=[_premium()], fees=[_stated()])).codes == []
    assert run(world(orders=ORDERS, flows=[_premium(amount="-0.61")], fees=[_stated()])).codes == []
    month = run(world(orders=ORDERS, flows=[_premium(amount="-0.62")], fees=[_stated()]))
    assert month.amounts("S07") == (60, 62, 2)


def test_where_premiums_are_custom_only_one_of_an_unknown_order_is_S07():
    """One order in twenty bears a premium that no fee states: the bill is then their only record."""
    thirty = [_premium("O1"), _premium("O2"), _premium("GONE")]

    month = run(world(orders=ORDERS, flows=thirty, fees=[]))

    assert month.codes == ["S07 GONE"] and "没有这笔订单" in month.one("S07")["why"]


def test_premiums_that_the_fees_state_are_no_custom_of_those_they_do_not():
    """Where policies stand in the fees, a premium without one is S07 however many orders bear one."""
    flows = [_premium(f"O{n}") for n in range(1, 11)]
    stated = [fee(f"POLICY{n}", f"O{n}", "0.60", "2026-10-06", kind="insurance", rate=None, base=None) for n in range(1, 9)]

    assert run(world(orders=ORDERS, flows=flows, fees=stated)).codes == ["S07 O10", "S07 O9"]


def test_a_claim_that_the_fees_state_and_no_wallet_received_is_S07_after_seven_days():
    paid, stated = [_premium()], _stated()

    month = run(world(orders=ORDERS, flows=paid, fees=[stated, _stated("-8.00", on="2026-10-23 23:59:59")]))
    assert month.codes == ["S07 O1"] and month.amounts("S07") == (-800, 0, 800)
    young = run(world(orders=ORDERS, flows=paid, fees=[stated, _stated("-8.00", on="2026-10-24 00:00:00")]))
    assert young.codes == []
    received = [*paid, _premium(amount="8.00", on="2026-10-25")]
    assert run(world(orders=ORDERS, flows=received, fees=[stated, _stated("-8.00", on="2026-10-20")])).codes == []


def test_a_lump_without_an_order_and_one_after_as_of_are_none():
    flows = [_premium(None, "-99.00"), _premium(on="2026-11-01 00:00:00")]

    assert run(world(orders=ORDERS, flows=flows, fees=[])).codes == []


def test_without_fees_it_is_not_checked():
    month = run(world(orders=ORDERS, flows=[_premium()]))

    assert month.codes == [] and month.outcome.summary["not_checked"]["S07"] == "fees"
