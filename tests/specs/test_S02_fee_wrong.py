"""S02: a fee is rate × base to the fen, on what the buyer paid or the merchant receives. Rulings 12 and 23: `fees` only."""

from tests.settlement import fee
from tests.world import case, flow, order, run, world


def _month(*fees, **more):
    return world(orders=[order("O1", "123.45", **more)], fees=list(fees))


def test_a_fee_more_than_a_fen_from_rate_times_base_is_S02():
    # 2 % of 123.45 is 2.469, rounded half up 2.47.
    assert run(_month(fee("FEE", "O1", "2.47"))).codes == []
    assert run(_month(fee("FEE", "O1", "2.48"))).codes == []
    assert run(_month(fee("FEE", "O1", "2.46"))).codes == []
    month = run(_month(fee("FEE", "O1", "2.49")))

    assert month.codes == ["S02 FEE"] and month.amounts("S02") == (247, 249, 2)
    assert month.one("S02")["evidence"] == ["fees.csv:2"] and month.one("S02")["order_id"] == "O1"
    assert run(_month(fee("FEE", "O1", "2.45"))).amounts("S02") == (247, 245, -2)


def test_the_base_is_the_receivable_where_the_fee_says_so():
    receivable = {"merchant_receivable_fen": "200.00"}
    on_receivable = fee("FEE", "O1", "4.00", base="merchant_receivable")
    month = world(
        orders=[order("O1", **receivable)],
        flows=[flow("SUB", "subsidy", "100.00", "2026-10-05", order_id="O1")],
        fees=[on_receivable],
    )

    assert run(month).codes == []
    assert run(_month(on_receivable)).codes == []  # the receivable is not stated


def test_a_rate_may_be_a_percentage_and_half_a_fen_goes_up():
    assert run(_month(fee("FEE", "O1", "0.74", rate="0.6%"))).codes == []
    half = world(orders=[order("O1", "0.50")], fees=[fee("FEE", "O1", "0.03", rate="0.01")])
    assert run(half).amounts("S02") == (1, 3, 2)


def test_a_charge_in_parts_is_compared_as_a_whole_and_one_repeated_is_S02():
    parts = [fee("A", "O1", "1.00"), fee("B", "O1", "1.47", "2026-10-06")]
    assert run(_month(*parts)).codes == []

    month = run(_month(fee("A", "O1", "2.47"), fee("B", "O1", "2.47", "2026-10-06")))

    assert month.codes == ["S02 B"] and month.amounts("S02") == (0, 247, 247)


def test_no_rate_no_base_no_order_or_a_charge_after_as_of_is_not_compared():
    nothing = [
        fee("RATE", "O1", "9.00", rate=None),
        fee("BASE", "O1", "9.00", base=None),
        fee("ORDER", "GONE", "9.00"),
        fee("LATER", "O1", "9.00", "2026-11-01 00:00:00"),
        fee("BACK", "O1", "-9.00", kind="commission_return"),
    ]

    assert run(_month(*nothing)).codes == []


def test_after_a_refund_inside_escrow_it_is_on_what_was_left():
    month = world(
        orders=[order("O1", on="2026-10-02", confirmed="2026-10-12", platform="taobao", refunded_fen="30.00")],
        cases=[case("C1", "O1", "30.00", "2026-10-08", platform="taobao")],
        fees=[fee("NET", "O1", "1.40", "2026-10-12", channel="alipay")],
    )
    gross = world(
        orders=[order("O1", on="2026-10-02", confirmed="2026-10-12", platform="taobao", refunded_fen="30.00")],
        cases=[case("C1", "O1", "30.00", "2026-10-08", platform="taobao")],
        fees=[fee("GROSS", "O1", "2.00", "2026-10-12", channel="alipay")],
    )

    early = world(
        orders=[order("O1", on="2026-10-02", confirmed="2026-10-12", platform="taobao", refunded_fen="30.00")],
        cases=[case("C1", "O1", "30.00", "2026-10-08", platform="taobao")],
        fees=[fee("EARLY", "O1", "2.00", "2026-10-02", channel="alipay")],
    )

    assert run(month).codes == []
    assert run(gross).amounts("S02") == (140, 200, 60)
    assert run(early).codes == []  # charged when nothing had been refunded yet


def test_a_fee_of_the_bill_is_not_read():
    assert run(world(orders=[order("O1")], flows=[flow("F", "fee", "-9.00", order_id="O1")], fees=[])).codes == []
