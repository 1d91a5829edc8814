"""A05: points or an allowance used on what was refunded, returnable by the rules, and no trace of their return. No gap."""

import pytest

from tests.world import at, case, fen, flow, line, order, refund, run, world


def used(amount="5.00", *, order_id="O1", layer="points", returnable=True, seq=1, **more):
    row = {"order_id": order_id, "seq": seq, "layer": layer, "funder": "platform", "amount_fen": fen(amount)}
    return {**row, "returnable": returnable, **more}


def _month(*cases, discounts=(), flows=(), **more):
    orders = [order(order_id, "95.00") for order_id in sorted({row["order_id"] for row in cases})]
    paid = [refund(f"F{c['case_id']}", f"{c['final_fen'] / 100:.2f}", case_id=c["case_id"]) for c in cases]
    return run(world(orders=orders, cases=cases, flows=[*paid, *flows], order_discounts=list(discounts), **more))


def test_returnable_points_of_a_refunded_order_that_did_not_go_back_are_A05():
    month = _month(case("C1", "O1", "95.00"), discounts=[used()])

    assert month.codes == ["A05 C1"] and month.amounts("A05") == (None, None, None)
    assert month.one("A05")["evidence"] == ["aftersales.csv:2", "order_discounts.csv:2"]
    assert "5.00" in month.one("A05")["why"]


def test_layers_that_return_to_the_buyer_and_those_that_do_not():
    layers = {"points": True, "cross_shop_allowance": True, "platform_red_packet": True, "full_reduction": False, "item": False}
    cases = [case(layer, layer, "95.00") for layer in layers]

    month = _month(*cases, discounts=[used(order_id=layer, layer=layer) for layer in layers])

    assert month.codes == sorted(f"A05 {layer}" for layer, is_restored in layers.items() if is_restored)


def test_only_what_is_marked_returnable_is_due():
    cases = [case("NO", "NO", "95.00"), case("NOT_SAID", "NOT_SAID", "95.00")]

    month = _month(*cases, discounts=[used(order_id="NO", returnable=False), used(order_id="NOT_SAID", returnable=None)])

    assert month.codes == []


def test_points_that_went_back_are_none_wherever_that_is_stated():
    cases = [
        case("ON_CASE", "O1", "95.00", points_returned_fen="5.00"),
        case("BY_FEE", "O2", "95.00"),
        case("BY_CLAWBACK", "O3", "95.00"),
        case("ZERO", "O4", "95.00", points_returned_fen="0.00"),
    ]
    back = {"fee_id": "F1", "channel": "wechat", "case_id": "BY_FEE", "kind": "points_awarded_return"}
    fees = [{**back, "amount_fen": -500, "at": at("2026-10-14")}]
    clawback = flow("K1", "subsidy_clawback", "-5.00", case_id="BY_CLAWBACK")

    month = _month(*cases, discounts=[used(order_id=f"O{n}") for n in (1, 2, 3, 4)], flows=[clawback], fees=fees)

    assert [row["key"] for row in month.all("A05")] == ["ZERO"]


def test_the_refunded_share_is_due_and_less_than_a_fen_is_nothing():
    share = _month(case("C1", "O1", "19.00"), discounts=[used()])
    assert "1.00" in share.one("A05")["why"]

    assert _month(case("C1", "O1", "9.49"), discounts=[used("0.05")]).codes == []
    assert _month(case("C1", "O1", "9.50"), discounts=[used("0.05")]).codes == ["A05 C1"]


def test_points_of_another_line_are_not_due():
    lines = [line("O1", "L1", "60.00"), line("O1", "L2", "35.00")]
    discounts = [used(line_id="L2")]

    assert _month(case("C1", "O1", "60.00", line_id="L1"), discounts=discounts, lines=lines).codes == []
    assert _month(case("C1", "O1", "35.00", line_id="L2"), discounts=discounts, lines=lines).codes == ["A05 C1"]


@pytest.mark.parametrize(
    "more",
    [{"platform_status": "open"}, {"platform_status": "closed"}, {"kind": "price_protection"}, {"completed_at": "2026-11-01"}],
    ids=["open", "closed", "no return of goods or money for them", "after the as-of day"],
)
def test_a_case_that_refunded_nothing_of_the_goods_as_of_the_day_is_none(more):
    row = case("C1", "O1", "95.00", **more)

    assert run(world(orders=[order("O1", "95.00")], cases=[row], order_discounts=[used()])).all("A05") == []
