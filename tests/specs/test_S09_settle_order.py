"""S09: receipt + subsidy is what the merchant should receive. Rulings 12, 14: only where the receipt is what the buyer paid."""

from tests.world import case, flow, order, run, world

PDD = {"platform": "pdd", "merchant_receivable_fen": "108.00", "confirmed": "2026-10-10"}


def _subsidy(amount: str = "8.00", on: str = "2026-10-10 10:01:30", **more):
    return flow("SUB", "subsidy", amount, on, channel="pdd", order_id="O1", **more)


def test_a_subsidy_missing_or_short_is_S09():
    orders = [order("O1", **PDD)]

    assert run(world(orders=orders, flows=[_subsidy()])).codes == []
    missing = run(world(orders=orders))
    assert missing.codes == ["S09 O1"] and missing.amounts("S09") == (10800, 10000, -800)
    assert missing.one("S09")["platform"] == "pdd" and missing.one("S09")["evidence"] == ["orders.csv:2", "flows.csv:2"]
    assert run(world(orders=orders, flows=[_subsidy("7.99")])).codes == []
    assert run(world(orders=orders, flows=[_subsidy("7.98")])).amounts("S09") == (10800, 10798, -2)
    assert run(world(orders=orders, flows=[_subsidy("9.00")])).amounts("S09") == (10800, 10900, 100)


def test_a_receivable_below_what_the_buyer_paid_is_S09_too():
    assert run(world(orders=[order("O1", merchant_receivable_fen="95.00")])).amounts("S09") == (9500, 10000, 500)


def test_an_order_that_states_no_receivable_is_none():
    assert run(world(orders=[order("O1", platform="pdd", confirmed="2026-10-10")])).codes == []


def test_where_the_receipt_itself_is_wrong_the_payment_codes_say_so():
    def with_receipts(*amounts):
        flows = [
            flow(f"R{n}", "trade_receipt", amount, "2026-10-10", channel="pdd", order_id="O1") for n, amount in enumerate(amounts)
        ]
        return run(world(orders=[order("O1", **PDD)], flows=flows, receipts=False)).codes

    assert with_receipts("90.00") == ["P01 O1"]
    assert with_receipts("99.99") == ["A06 O1"]
    assert with_receipts("100.00", "100.00") == ["P04 O1"]
    assert with_receipts() == ["P03 O1"]


def test_a_receipt_net_of_what_was_refunded_inside_escrow_is_left_alone():
    month = world(
        orders=[order("O1", on="2026-10-02", refunded_fen="30.00", **PDD)],
        cases=[case("C1", "O1", "30.00", "2026-10-08", platform="pdd")],
    )

    assert run(month).codes == []


def test_a_refund_or_clawback_later_changes_nothing():
    month = world(
        orders=[order("O1", **PDD)],
        cases=[case("C1", "O1", "100.00", "2026-10-15", platform="pdd")],
        flows=[
            _subsidy(),
            flow("F1", "refund", "-100.00", "2026-10-15", channel="pdd", order_id="O1"),
            flow("F2", "subsidy_clawback", "-8.00", "2026-10-15 10:00:01", channel="pdd", order_id="O1"),
        ],
    )

    assert run(month).codes == []


def test_the_cut_off_does_not_split_a_subsidy_from_its_receipt():
    """It comes minutes after; what comes within a day of the receipt belongs to it."""
    late = {**PDD, "confirmed": "2026-10-31 23:59:00"}

    assert run(world(orders=[order("O1", **late)], flows=[_subsidy(on="2026-11-01 00:00:30")])).codes == []
    assert run(world(orders=[order("O1", **late)], flows=[_subsidy(on="2026-11-02 00:00:00")])).codes == ["S09 O1"]


def test_a_payment_of_the_template_is_a_receipt_too():
    paid = {"channel": "wechat", "pay_id": "PAY-O1", "order_id": "O1", "paid_at": order("O1")["paid_at"], "amount_fen": 10000}

    month = run(world(orders=[order("O1", merchant_receivable_fen="95.00")], payments=[paid], receipts=False))

    assert month.codes == ["S09 O1"]


def test_one_of_an_earlier_month_stands():
    september = order("O1", on="2026-09-05", merchant_receivable_fen="95.00")

    assert run(world(orders=[september], bills_from="2026-09-01")).codes == ["S09 O1"]
