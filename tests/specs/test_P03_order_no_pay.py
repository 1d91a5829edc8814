"""P03: an order counts as paid and no bill shows the money. Rulings 10, 12; catalogue: after two days; no gift, no zero."""

from tests.world import order, receipt, run, world


def test_a_paid_order_without_a_payment_is_P03_when_older_than_two_days():
    month = run(
        world(
            orders=[order("OLD", on="2026-10-28 23:59:59"), order("YOUNG", on="2026-10-29 00:00:00"), order("PAID")],
            flows=[receipt("PAID")],
            receipts=False,
        )
    )

    assert month.codes == ["P03 OLD"]
    assert month.amounts("P03") == (10000, 0, -10000)
    assert month.one("P03")["age_days"] == 3 and month.one("P03")["evidence"] == ["orders.csv:2"]
    assert month.bridge == {}


def test_gifts_orders_of_nothing_and_unpaid_orders_are_none():
    orders = [order("GIFT", kind="gift"), order("ZERO", paid="0.00"), order("UNPAID", status="unpaid", on=None)]

    assert run(world(orders=orders, receipts=False)).codes == []


def test_an_order_paid_before_the_period_is_none_and_so_is_one_before_the_first_loaded_bill():
    orders = [
        order("SEPTEMBER", on="2026-09-30 23:59:59"),
        order("UNSEEN", on="2026-10-04 23:59:59"),
        order("SEEN", on="2026-10-05 00:00:00"),
    ]
    orders, flows = [*orders, order("PAID")], [receipt("PAID")]

    month = run(world(orders=orders, flows=flows, receipts=False, bills_from={"wechat": "2026-10-05"}))

    assert [row for row in month.codes if row[0] == "P"] == ["P03 SEEN"]


def test_a_header_only_bill_is_evidence_and_an_absent_bill_is_not():
    orders = [order("O1")]

    assert run(world(orders=orders, receipts=False, bills_from={})).codes == ["P03 O1"]
    absent = run(world(orders=orders, flows=None))
    assert absent.codes == [] and absent.outcome.summary["not_checked"]["P03"] == "payments"


def test_a_payment_after_as_of_leaves_it_standing():
    month = world(orders=[order("O1", on="2026-10-20")], flows=[receipt("O1", on="2026-10-26")], receipts=False)

    assert run(month, as_of="2026-10-25").codes == ["P03 O1"]
    assert run(month, as_of="2026-10-26").codes == []


def test_in_escrow_an_order_is_due_when_the_buyer_confirms_it():
    escrow = [
        order("UNCONFIRMED", platform="taobao"),
        order("CONFIRMED_LATER", platform="taobao", confirmed="2026-11-02"),
        order("CONFIRMED", platform="taobao", confirmed="2026-10-28"),
        order("CONFIRMED_NOW", platform="taobao", confirmed="2026-10-29"),
        order("PAID_BEFORE", platform="taobao", on="2026-09-20", confirmed="2026-10-02"),
    ]

    month = run(world(orders=escrow, receipts=False))

    assert month.codes == ["P03 CONFIRMED", "P03 PAID_BEFORE"]
    paid_basis = run(world(orders=escrow[:1], receipts=False), config={"receipt_basis": {"alipay": "paid"}})
    assert paid_basis.codes == ["P03 UNCONFIRMED"]
