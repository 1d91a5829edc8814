"""S08: opening + what the bills moved = closing, to the fen, per wallet. Ruling 5; the opening is what was closed at before."""

import pytest

from tests.settlement import wallet
from tests.world import flow, order, run, world


def _in(flow_id: str, amount: str, on: str = "2026-10-10", **more):
    return flow(flow_id, "topup", amount, on, **more)


def test_a_balance_that_the_bill_does_not_explain_is_S08_to_the_fen():
    flows = [_in("F1", "100.00"), _in("F2", "-30.00")]

    assert run(world(flows=flows, wallets=[wallet("50.00", "120.00")])).codes == []
    month = run(world(flows=flows, wallets=[wallet("50.00", "120.01")]))

    assert month.codes == ["S08 wechat"] and month.amounts("S08") == (12000, 12001, 1)
    assert month.one("S08")["evidence"] == ["wallets.csv:2"] and month.one("S08")["severity"] == "critical"


def test_only_money_of_the_period_counts_by_the_time_it_arrived():
    flows = [
        _in("BEFORE", "1.00", "2026-09-30 23:59:59"),
        _in("FIRST", "2.00", "2026-10-01 00:00:00"),
        _in("LAST", "4.00", "2026-10-31 23:59:59"),
        _in("AFTER", "8.00", "2026-11-01 00:00:00"),
        _in("ARRIVED_AFTER", "16.00", "2026-10-31", success_at="2026-11-01"),
        _in("PROCESSING", "32.00", status="processing"),
        flow("UNKNOWN", "unknown", "64.00"),
    ]

    month = run(world(flows=flows, wallets=[wallet("0.00", "70.00")]))

    assert month.codes == ["S05 UNKNOWN"]


def test_an_opening_that_is_not_the_last_closing_is_S08():
    september = wallet("0.00", "50.00", period="2026-09")

    assert run(world(flows=[], wallets=[september, wallet("50.00", "50.00")])).codes == []
    month = run(world(flows=[], wallets=[september, wallet("50.01", "50.01")]))

    assert month.codes == ["S08 wechat"] and month.amounts("S08") == (5000, 5001, 1)
    both = run(world(flows=[], wallets=[september, wallet("60.00", "61.00")]))
    assert both.amounts("S08") == (6000, 6100, 100) and "50.00" in both.one("S08")["why"]


def test_the_only_wallet_of_a_channel_has_all_its_rows():
    flows = [_in("F1", "1.00", account="A"), _in("F2", "2.00", account="A"), _in("F3", "4.00", channel="card")]

    rows = [wallet("0.00", "3.00", shop="旗舰店"), wallet("0.00", "4.00", "card", account="TERMINAL")]
    assert run(world(flows=flows, wallets=rows)).codes == []


@pytest.mark.parametrize("account", [None, "A"])
def test_rows_a_template_adds_to_the_bill_are_of_the_channels_only_wallet_too(account):
    flows = [_in("F1", "3.00", account="A"), _in("F2", "4.00")]

    assert run(world(flows=flows, wallets=[wallet("0.00", "7.00", account=account)])).codes == []


def test_several_accounts_of_a_channel_roll_each_for_itself_and_the_key_names_them():
    flows = [_in("F1", "1.00", account="A"), _in("F2", "2.00", account="B")]

    tied = [wallet("0.00", "1.00", account="A"), wallet("0.00", "2.00", account="B")]
    assert run(world(flows=flows, wallets=tied)).codes == []
    broken = run(world(flows=flows, wallets=[tied[0], wallet("0.00", "3.00", account="B")]))
    assert broken.codes == ["S08 wechat|B"] and broken.amounts("S08") == (200, 300, 100)


@pytest.mark.parametrize(("account", "closing"), [("JDW", "4.00"), (None, "3.00")])
def test_a_wallet_seen_twice_rolls_the_rows_of_its_account_or_those_without_one(account, closing):
    """JD's settlement states order by order, without an account, what its wallet states in lumps with one."""
    flows = [
        _in("DETAIL-1", "1.00", channel="jd"),
        _in("DETAIL-2", "2.00", channel="jd"),
        _in("LUMP", "3.00", channel="jd", account="JDW"),
        _in("OWN", "1.00", channel="jd", account="JDW"),
    ]

    assert run(world(flows=flows, wallets=[wallet("0.00", closing, "jd", account=account)])).codes == []


def test_shops_without_accounts_roll_each_by_the_shop_of_its_orders():
    orders = [order("O1", shop="甲"), order("O2", "200.00", shop="乙")]
    flows = [_in("F1", "5.00", shop="甲")]

    tied = [wallet("0.00", "105.00", shop="甲"), wallet("0.00", "200.00", shop="乙")]
    assert run(world(orders=orders, flows=flows, wallets=tied)).codes == []
    broken = run(world(orders=orders, flows=flows, wallets=[tied[0], wallet("0.00", "201.00", shop="乙")]))
    assert broken.codes == ["S08 wechat|乙"] and broken.one("S08")["shop"] == "乙"


def test_shops_that_a_row_without_shop_cannot_be_told_between_roll_together():
    orders = [order("O1", shop="甲"), order("O2", "200.00", shop="乙")]
    flows = [_in("PAYOUT", "-50.00")]

    tied = [wallet("0.00", "70.00", shop="甲"), wallet("0.00", "180.00", shop="乙")]
    assert run(world(orders=orders, flows=flows, wallets=tied)).codes == []
    broken = run(world(orders=orders, flows=flows, wallets=[tied[0], wallet("0.00", "181.00", shop="乙")]))
    assert broken.codes == ["S08 wechat"] and broken.amounts("S08") == (25000, 25100, 100)


def test_accounts_of_one_shop_each_tell_the_shop_of_rows_without_orders():
    orders = [order("O1", shop="甲"), order("O2", "200.00", shop="乙")]
    flows = [
        flow("R1", "trade_receipt", "100.00", "2026-10-05", order_id="O1", account="A"),
        flow("R2", "trade_receipt", "200.00", "2026-10-05", order_id="O2", account="B"),
        _in("PAYOUT", "-50.00", account="B"),
    ]
    rows = [wallet("0.00", "100.00", shop="甲"), wallet("0.00", "150.00", shop="乙")]

    assert run(world(orders=orders, flows=flows, wallets=rows, receipts=False)).codes == []


def test_before_the_period_is_over_no_closing_can_be_rolled_to():
    month = world(flows=[_in("F1", "1.00", "2026-10-31")], wallets=[wallet("0.00", "9.00")])

    assert run(month, as_of="2026-10-30").codes == []
    assert run(month, as_of="2026-11-05").codes == run(month).codes == ["S08 wechat"]


def test_a_balance_of_another_period_is_not_asked_for_and_without_balances_it_is_not_checked():
    assert run(world(flows=[_in("F1", "1.00")], wallets=[wallet("0.00", "9.00", period="2026-09")])).codes == []
    assert run(world(flows=[])).outcome.summary["not_checked"]["S08"] == "wallets"
