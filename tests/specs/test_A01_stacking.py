"""A01: the merchant discount is not what the rules come to: ordered layers, each on what the one before left.
Rulings 21; tolerance 0.01 a line; expected the recomputation (else the platform's), actual what is booked."""

import pytest

from tests.world import at, fen, line, order, run, world

EVERY = {"kind": "every", "threshold_fen": "100.00", "off_fen": "10.00"}
OVER_200 = {"kind": "threshold", "threshold_fen": "200.00", "off_fen": "20.00"}


def promotion(promotion_id, *, layer="full_reduction", funder="merchant", starts="2026-09-01", ends="2026-12-31", **more):
    row = {"promotion_id": promotion_id, "layer": layer, "funder": funder, "starts_at": at(starts), "ends_at": at(ends)}
    return {**row, **{name: fen(value) if name.endswith("_fen") else value for name, value in more.items()}}


def discount(amount, *, rule=None, layer="full_reduction", funder="merchant", seq=1, **more):
    row = {"order_id": "O1", "seq": seq, "layer": layer, "funder": funder, "rule": rule, "amount_fen": fen(amount)}
    return {**row, **more}


def _month(given, *discounts, promotions=(), listed="250.00", lines=None, config=None, **more):
    """One order whose amounts agree with each other: what the seller gave is off its list price."""
    others = sum(row["amount_fen"] for row in discounts if row["funder"] != "merchant")
    paid = fen(listed) - fen(given) - others
    more = {"list_fen": listed, "shipping_fen": "0.00", "merchant_discount_fen": given, "points_fen": "0.00", **more}
    row = order("O1", f"{paid / 100:.2f}", platform_discount_fen=others, **more)
    return run(world(orders=[row], lines=lines, order_discounts=list(discounts), promotions=list(promotions)), config=config)


def test_a_discount_that_the_rule_explains_is_none_and_another_amount_is_A01():
    promotions = [promotion("P1", **OVER_200)]

    assert _month("20.00", discount("20.00", rule="P1"), promotions=promotions).codes == []

    month = _month("25.00", discount("25.00", rule="P1"), promotions=promotions)
    assert month.codes == ["A01 O1"] and month.amounts("A01") == (2000, 2500, 500)
    assert month.one("A01")["evidence"] == ["orders.csv:2", "order_discounts.csv:2"]


KINDS = {
    "threshold reached": (OVER_200, "200.00", "20.00"),
    "one fen below it": (OVER_200, "199.99", "0.00"),
    "every, one fen below the third": (EVERY, "299.99", "20.00"),
    "every, the third reached": (EVERY, "300.00", "30.00"),
    "every, capped": ({**EVERY, "cap_fen": "50.00"}, "900.00", "50.00"),
    "what is paid rounds half up": ({"kind": "percent", "percent": "0.90"}, "33.35", "3.33"),
    "percent as written": ({"kind": "percent", "percent": "90%"}, "100.00", "10.00"),
    "percent, capped": ({"kind": "percent", "percent": "0.50", "cap_fen": "30.00"}, "100.00", "30.00"),
    "percent below its threshold": ({"kind": "percent", "percent": "0.90", "threshold_fen": "100.00"}, "99.99", "0.00"),
    "fixed": ({"kind": "fixed", "off_fen": "5.00"}, "20.00", "5.00"),
    "never more than is left": ({"kind": "fixed", "off_fen": "30.00"}, "20.00", "20.00"),
}


@pytest.mark.parametrize("more_fen", [0, 2])
def test_each_kind_of_rule_takes_off_what_it_says(more_fen):
    orders, rows = [], []
    for name, (_, listed, due) in KINDS.items():
        given = f"{(fen(due) + more_fen) / 100:.2f}"
        orders.append(order(name, "0.00", list_fen=listed, merchant_discount_fen=given))
        rows.append(discount(given, rule=name, order_id=name))
    promotions = [promotion(name, **rule) for name, (rule, _, _) in KINDS.items()]

    month = run(world(orders=orders, order_discounts=rows, promotions=promotions))

    found = {row["order_id"]: row["expected_fen"] for row in month.all("A01")}
    assert found == ({name: fen(due) for name, (_, _, due) in KINDS.items()} if more_fen else {})


def test_one_fen_a_line_is_within_tolerance_and_one_more_is_not():
    promotions = [promotion("P1", **OVER_200)]
    lines = [
        line("O1", "L1", "130.00", list_fen="150.00"),
        line("O1", "L2", "99.98", list_fen="100.00"),
    ]

    within = _month("20.02", discount("20.02", rule="P1"), promotions=promotions, lines=lines)
    assert within.codes == []

    lines[1] = line("O1", "L2", "99.97", list_fen="100.00")
    beyond = _month("20.03", discount("20.03", rule="P1"), promotions=promotions, lines=lines)
    assert beyond.codes == ["A01 O1"] and beyond.amounts("A01") == (2000, 2003, 3)


def test_layers_run_in_their_order_on_what_is_left_whatever_the_rows_say_first():
    """九折 on 220.00 leaves 198.00, which no longer reaches 200.00: a platform's layer comes after the merchant's."""
    promotions = [
        promotion("TEN", layer="item", kind="percent", percent="0.90"),
        promotion("FULL", layer="full_reduction", **OVER_200),
        promotion("PLATFORM", layer="platform_coupon", funder="platform", kind="fixed", off_fen="8.00"),
    ]
    rows = [
        discount("8.00", rule="PLATFORM", layer="platform_coupon", funder="platform", seq=1),
        discount("20.00", rule="FULL", seq=2),
        discount("22.00", rule="TEN", layer="item", seq=3),
    ]

    month = _month("42.00", *rows, promotions=promotions, listed="220.00")

    assert month.codes == ["A01 O1"] and month.amounts("A01") == (2200, 4200, 2000)


def test_a_row_that_names_no_promotion_counts_as_stated():
    promotions = [promotion("P1", **OVER_200)]
    coupon = discount("60.00", layer="shop_coupon", seq=1)

    assert _month("60.00", coupon, discount("0.00", rule="P1", seq=2), promotions=promotions).codes == []
    assert _month("80.00", coupon, discount("20.00", rule="P1", seq=2), promotions=promotions).amounts("A01") == (
        6000,
        8000,
        2000,
    )


def test_what_others_fund_and_points_are_no_merchant_discount():
    promotions = [promotion("P1", layer="platform_coupon", funder="platform", **OVER_200)]
    row = discount("20.00", rule="P1", layer="platform_coupon", funder="platform")
    points = discount("5.00", layer="points", seq=2)

    assert _month("0.00", row, points, promotions=promotions).all("A01") == []


@pytest.mark.parametrize(("stackable", "given"), [(True, "35.00"), (False, "20.00"), (None, "35.00")])
def test_promotions_of_one_layer_that_are_not_stackable_exclude_each_other(stackable, given):
    promotions = [
        promotion("P1", stackable=stackable, **OVER_200),
        promotion("P2", stackable=True, kind="fixed", off_fen="15.00"),
    ]
    rows = [discount("20.00", rule="P1"), discount("15.00", rule="P2", seq=2)]

    assert _month(given, *rows, promotions=promotions).codes == []
    other = "20.00" if given == "35.00" else "35.00"
    assert _month(other, *rows, promotions=promotions).codes == ["A01 O1"]


def test_a_promotion_that_is_not_stackable_leaves_other_layers_alone():
    promotions = [
        promotion("P1", stackable=False, **OVER_200),
        promotion("P2", layer="shop_coupon", stackable=False, kind="fixed", off_fen="15.00"),
    ]
    rows = [discount("20.00", rule="P1"), discount("15.00", rule="P2", layer="shop_coupon", seq=2)]

    assert _month("35.00", *rows, promotions=promotions).codes == []


def test_the_same_promotion_twice_counts_once_and_listed_line_by_line_it_is_one():
    promotions = [promotion("P1", **OVER_200)]

    twice = _month("40.00", discount("20.00", rule="P1"), discount("20.00", rule="P1", seq=2), promotions=promotions)
    assert twice.amounts("A01") == (2000, 4000, 2000)

    lines = [line("O1", "L1", "138.00", list_fen="150.00"), line("O1", "L2", "92.00", list_fen="100.00")]
    rows = [discount("12.00", rule="P1", line_id="L1"), discount("8.00", rule="P1", line_id="L2", seq=2)]
    assert _month("20.00", *rows, promotions=promotions, lines=lines).codes == []


def test_an_item_promotion_counts_on_each_line_and_a_scope_keeps_a_rule_to_its_goods():
    lines = [line("O1", "L1", "145.00", list_fen="150.00", sku="A"), line("O1", "L2", "95.00", list_fen="100.00", sku="B")]
    five = promotion("P1", layer="item", kind="fixed", off_fen="5.00")
    rows = [discount("5.00", rule="P1", layer="item", seq=n, line_id=f"L{n}") for n in (1, 2)]
    assert _month("10.00", *rows, promotions=[five], lines=lines).codes == []

    lines = [line("O1", "L1", "150.00", sku="A"), line("O1", "L2", "100.00", sku="B")]
    only_a = promotion("P1", scope="A、C", **OVER_200)
    assert _month("0.00", discount("0.00", rule="P1"), promotions=[only_a], lines=lines).codes == []


def test_a_rule_that_cannot_be_computed_takes_what_the_row_states():
    unknown_scope = promotion("P1", scope="新客", **OVER_200)
    unclear = promotion("P1", kind="percent", percent="九折")

    for rule in (unknown_scope, unclear):
        lines = [line("O1", "L1", "237.00", list_fen="250.00")]
        assert _month("13.00", discount("13.00", rule="P1"), promotions=[rule], lines=lines).codes == []


def test_a_promotion_counts_only_while_it_runs():
    promotions = [
        promotion("TO_THE_SECOND", starts="2026-10-05", ends="2026-10-05", **OVER_200),
        promotion("STARTS_LATER", starts="2026-10-05 10:00:01", **OVER_200),
        promotion("ENDED", ends="2026-10-05 09:59:59", **OVER_200),
    ]
    names = [row["promotion_id"] for row in promotions]
    orders = [order(name, "230.00", list_fen="250.00", merchant_discount_fen="20.00") for name in names]
    rows = [discount("20.00", rule=name, order_id=name) for name in names]

    month = run(world(orders=orders, order_discounts=rows, promotions=promotions))

    assert month.codes == ["A01 ENDED", "A01 STARTS_LATER"]


def test_an_order_made_while_it_ran_and_paid_after_keeps_it():
    promotions = [promotion("P1", ends="2026-10-04", **OVER_200)]

    assert _month("20.00", discount("20.00", rule="P1"), promotions=promotions, created_at="2026-10-04").codes == []


def test_without_a_promotion_the_ERP_is_compared_with_the_platform():
    month = _month("20.00", erp_merchant_discount_fen="15.00")

    assert month.codes == ["A01 O1"] and month.amounts("A01") == (2000, 1500, -500)
    assert "ERP" in month.one("A01")["why"]
    assert _month("20.00", erp_merchant_discount_fen="20.00").codes == []
    assert _month("20.00", erp_merchant_discount_fen="20.01").codes == []


def test_where_only_the_ERP_differs_from_the_rule_its_amount_is_what_is_booked():
    promotions = [promotion("P1", **OVER_200)]
    row = discount("20.00", rule="P1")

    month = _month("20.00", row, promotions=promotions, erp_merchant_discount_fen="40.00")
    assert month.amounts("A01") == (2000, 4000, 2000)

    month = _month("25.00", row, promotions=promotions, erp_merchant_discount_fen="20.00")
    assert month.amounts("A01") == (2000, 2500, 500)


def test_an_order_unpaid_or_paid_after_the_as_of_day_takes_no_part_and_one_of_an_earlier_month_stands():
    assert _month("20.00", erp_merchant_discount_fen="15.00", status="unpaid", paid_at=None).all("A01") == []
    assert _month("20.00", erp_merchant_discount_fen="15.00", paid_at="2026-11-01 00:00:00").all("A01") == []
    assert len(_month("20.00", erp_merchant_discount_fen="15.00", paid_at="2026-09-30").all("A01")) == 1


def test_without_promotions_and_without_the_ERP_it_is_not_checked():
    month = run(world(orders=[order("O1")]))

    assert month.outcome.summary["not_checked"]["A01"] == "order_discounts"


def test_matches_state_what_the_discounts_explain_and_leave_out_what_others_fund():
    coupon = discount("8.00", layer="platform_coupon", funder="platform", seq=2)
    month = _month("25.00", discount("20.00"), coupon)
    tables = month.outcome.tables

    matched = tables["matches"].filter(pair="M2").sort("side")
    assert matched["row_key"].to_list() == ["wechat_mini|O1", "O1|1"]
    assert matched["gap_fen"].to_list() == [-500, -500]
    unmatched = tables["unmatched"].filter(pair="M2")
    assert unmatched.select("row_key", "reason").rows() == [("O1|2", "excluded")]


@pytest.mark.parametrize("percent", ["0.90", "90%", "9", "9折", "90"])
def test_nine_tenths_are_understood_however_they_are_written(percent):
    rule = promotion("P1", kind="percent", percent=percent)

    assert _month("25.00", discount("25.00", rule="P1"), promotions=[rule]).codes == []
    assert _month("35.00", discount("35.00", rule="P1"), promotions=[rule]).amounts("A01") == (2500, 3500, 1000)


def test_a_rate_that_the_orders_take_for_what_is_saved_is_what_is_saved():
    """0.10 with a tenth off every order but one: that one is wrong, not all the others."""
    rule = promotion("P1", kind="percent", percent="0.10")
    given = {"O1": "10.00", "O2": "10.00", "O3": "15.00"}
    about = {"list_fen": "100.00", "shipping_fen": "0.00", "points_fen": "0.00"}
    orders = [order(key, f"{100 - float(off):.2f}", merchant_discount_fen=off, **about) for key, off in given.items()]
    rows = [{**discount(off, rule="P1"), "order_id": key} for key, off in given.items()]

    month = run(world(orders=orders, order_discounts=rows, promotions=[rule]))

    assert month.codes == ["A01 O3"] and month.amounts("A01") == (1000, 1500, 500)
