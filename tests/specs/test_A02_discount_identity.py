"""A02: an order's amounts do not agree with each other, or its lines not with it; to the fen, one finding an order.
Schema, orders; rulings 6; expected the identity, actual buyer_paid."""

from tests.world import line, order, receipt, run, world

PARTS = {
    "list_fen": "120.00",
    "shipping_fen": "6.00",
    "merchant_discount_fen": "10.00",
    "platform_discount_fen": "5.00",
    "points_fen": "1.00",
}


def _month(orders, *lines):
    return run(world(orders=orders if isinstance(orders, list) else [orders], lines=list(lines) or None))


def test_amounts_that_add_up_are_none_and_one_fen_off_is_A02():
    assert _month(order("O1", "110.00", **PARTS)).codes == []

    month = _month(order("O1", "110.01", **PARTS))

    assert month.codes == ["A02 O1"] and month.amounts("A02") == (11000, 11001, 1)
    assert month.one("A02")["evidence"] == ["orders.csv:2"]
    assert "不可靠" in month.one("A02")["why"]


def test_it_is_checked_only_where_every_amount_is_given():
    without = [{name: value for name, value in PARTS.items() if name != absent} for absent in PARTS]

    month = run(world(orders=[order(f"O{n}", "95.00", **parts) for n, parts in enumerate(without)]))

    assert month.codes == []


def test_pinduoduo_knows_no_points():
    parts = {name: value for name, value in PARTS.items() if name != "points_fen"}

    assert _month(order("O1", "111.00", platform="pdd", confirmed="2026-10-08", **parts)).codes == []
    assert _month(order("O1", "111.50", platform="pdd", confirmed="2026-10-08", **parts)).codes == ["A02 O1"]


def test_lines_and_shipping_must_come_to_what_was_paid():
    row = order("O1", "110.00", shipping_fen="6.00")

    assert _month(row, line("O1", "L1", "64.00"), line("O1", "L2", "40.00")).codes == []

    month = _month(row, line("O1", "L1", "64.00"), line("O1", "L2", "40.01"))
    assert month.codes == ["A02 O1"] and month.amounts("A02") == (11001, 11000, -1)
    assert month.one("A02")["evidence"] == ["orders.csv:2", "order_lines.csv:2", "order_lines.csv:3"]


def test_a_line_that_holds_the_postage_of_its_order_is_none_but_two_are():
    assert _month(order("O1", "110.00", shipping_fen="6.00"), line("O1", "L1", "110.00")).codes == []
    month = _month(order("O1", "110.00", shipping_fen="6.00"), line("O1", "L1", "60.00"), line("O1", "L2", "50.00"))
    assert month.codes == ["A02 O1"]


def test_lines_are_not_compared_where_the_shipping_is_unknown():
    assert _month(order("O1", "110.00"), line("O1", "L1", "104.00")).codes == []


def test_every_amount_that_both_state_must_agree():
    amounts = {**PARTS, "shipping_fen": "0.00"}
    columns = [name for name in PARTS if name != "shipping_fen"]
    stated = {name: amounts[name] for name in columns}
    raised = {name: {**stated, name: f"{float(amounts[name]) + 2:.2f}"} for name in columns}
    orders = [order(name, "104.00", **amounts) for name in ("SAME", *columns)]

    month = _month(orders, line("SAME", "L1", "104.00", **stated), *(line(n, "L1", "104.00", **raised[n]) for n in columns))

    found = {row["key"]: (row["expected_fen"], row["actual_fen"]) for row in month.all("A02")}
    assert found == {name: (10600 if name == "list_fen" else 10200, 10400) for name in columns}


def test_an_amount_that_one_of_them_does_not_state_is_not_compared():
    amounts = {"list_fen": "104.00", "shipping_fen": "0.00", "merchant_discount_fen": "0.00"}

    assert _month(order("O1", "104.00", **amounts), line("O1", "L1", "104.00")).codes == []


def test_one_finding_an_order_even_where_both_identities_break():
    month = _month(order("O1", "111.00", **PARTS), line("O1", "L1", "90.00", list_fen="120.00"))

    assert month.amounts("A02") == (11000, 11100, 100)


def test_taobao_compares_what_was_paid_whether_its_item_export_is_net_of_refunds_or_not():
    """An item export states what is left after refunds, as the order export does; its reader adds them back where it can."""
    row = order("O1", "110.00", platform="taobao", confirmed="2026-10-08", shipping_fen="0.00", refunded_fen="30.00")

    paid = {"GROSS": "110.00", "NET": "80.00", "TWICE": "140.00", "WRONG": "100.00"}
    month = _month([{**row, "order_id": name} for name in paid], *(line(name, "L1", amount) for name, amount in paid.items()))

    assert [(found["key"], found["gap_fen"]) for found in month.all("A02")] == [("WRONG", 1000)]


def test_an_order_nobody_paid_takes_no_part_and_one_of_an_earlier_month_stands():
    assert _month(order("O1", "90.00", on=None, status="unpaid", **PARTS)).codes == []
    assert _month(order("O1", "90.00", "2026-11-01 00:00:00", **PARTS)).all("A02") == []
    assert _month(order("O1", "90.00", "2026-09-30", **PARTS)).codes == ["A02 O1"]


def test_a_payment_and_a_discount_that_differ_by_the_same_amount_are_related_to_it():
    row = order("O1", "112.00", **PARTS)

    month = run(world(orders=[row], flows=[receipt("O1", "110.00")], receipts=False))

    assert month.codes == ["A02 O1"]
    assert month.one("P01")["primary_id"] == month.one("A02")["discrepancy_id"]

    booked = _month(order("O1", "108.00", erp_merchant_discount_fen="12.00", **PARTS))
    assert booked.codes == ["A02 O1"]
    assert booked.one("A01")["primary_id"] == booked.one("A02")["discrepancy_id"]
