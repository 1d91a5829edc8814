"""W13: all that was left of the line had been refunded, and then it was shipped. Rulings 22."""

from tests.world import case, line, order, refund, run, shipment, world

PAID = {"basis": "negotiated"}


def month(*shipments, finals=("100.00",), lines=None, line_id="L1", paid_at="2026-10-10", **about):
    cases = [case(f"C{n}", "O1", final, "2026-10-10", line_id=line_id, **PAID, **about) for n, final in enumerate(finals)]
    return run(
        world(
            orders=[order("O1")],
            lines=lines or [line("O1", "L1", "100.00", 2, unit_cost_fen="40.00")],
            cases=cases,
            flows=[refund(f"F{n}", final, paid_at, case_id=f"C{n}") for n, final in enumerate(finals)],
            shipments=list(shipments),
        )
    )


def sold(on, ship_id="S1", qty=2, **more):
    return shipment(ship_id, "O1", qty, on, **{"line_id": "L1", **more})


def test_shipped_after_the_refund_succeeded_is_W13_at_the_cost_of_the_parcel():
    found = month(sold("2026-10-10 10:00:01"))

    assert found.codes == ["W13 S1"]
    assert found.amounts("W13") == (0, 8000, 8000)
    assert (found.one("W13")["qty"], found.one("W13")["loss_fen"], found.one("W13")["case_id"]) == (2, 8000, "C0")


def test_shipped_before_the_money_left_is_right():
    assert month(sold("2026-10-10 10:00:00")).codes == []
    assert month(sold("2026-10-11"), paid_at="2026-10-12").codes == []


def test_a_refund_of_part_of_the_line_leaves_the_rest_to_ship():
    assert month(sold("2026-10-11"), finals=("99.98",)).codes == []


def test_the_refund_that_takes_what_earlier_ones_left_ends_it():
    assert month(sold("2026-10-11"), finals=("30.00", "70.00")).codes == ["W13 S1"]


def test_an_intercepted_parcel_and_one_after_as_of_have_not_left():
    assert month(sold("2026-10-11", is_intercepted=True), sold("2026-11-01", "S2")).codes == []


def test_only_the_parcel_after_the_refund_is_one():
    assert month(sold("2026-10-09", "S1", 1), sold("2026-10-11", "S2", 1)).one("W13")["key"] == "S2"


def test_a_refund_of_another_line_does_not_end_this_one():
    lines = [line("O1", "L1", "40.00"), line("O1", "L2", "60.00", sku="SECOND")]

    assert month(sold("2026-10-11", qty=1), finals=("60.00",), lines=lines, line_id="L2").codes == []


def test_a_refund_of_the_whole_order_ends_all_its_lines():
    lines = [line("O1", "L1", "40.00", unit_cost_fen="40.00"), line("O1", "L2", "60.00", sku="SECOND")]

    assert month(sold("2026-10-11", qty=1), lines=lines, line_id=None).codes == ["W13 S1"]
    assert month(sold("2026-10-11", qty=1), finals=("60.00",), lines=lines, line_id=None).codes == []


def test_inside_escrow_the_refund_succeeds_when_the_case_does():
    escrow = world(
        orders=[order("O1", platform="taobao", refunded_fen="100.00")],
        lines=[line("O1", "L1", "100.00", 2, unit_cost_fen="40.00")],
        cases=[case("C1", "O1", "100.00", "2026-10-10", platform="taobao", line_id="L1", **PAID)],
        shipments=[sold("2026-10-11")],
    )

    assert run(escrow).codes == ["W13 S1"]
