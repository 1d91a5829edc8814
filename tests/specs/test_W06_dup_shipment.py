"""W06: more pieces of an order line left the warehouse than were sold."""

from tests.world import line, order, run, shipment, world


def month(*shipments, qty=2, **tables):
    about = {"orders": [order("O1")], "lines": [line("O1", "L1", "100.00", qty, unit_cost_fen="40.00")], **tables}
    return run(world(shipments=list(shipments), **about))


def test_a_line_shipped_twice_is_W06_at_the_cost_of_what_is_too_much():
    found = month(shipment("S1", "O1", 2, line_id="L1"), shipment("S2", "O1", 2, "2026-10-08", line_id="L1"))

    assert found.codes == ["W06 L1"]
    assert found.amounts("W06") == (8000, 16000, 8000)
    row = found.one("W06")
    assert (row["qty"], row["loss_fen"], row["order_id"], row["platform"]) == (2, 8000, "O1", "wechat_mini")
    assert "S1、S2" in row["why"]


def test_split_parcels_that_sum_to_the_line_are_right():
    assert month(shipment("S1", "O1", line_id="L1"), shipment("S2", "O1", on="2026-10-08", line_id="L1")).codes == []


def test_an_intercepted_parcel_never_left_and_one_after_as_of_has_not_left_yet():
    first = shipment("S1", "O1", 2, line_id="L1", is_intercepted=True)
    again = shipment("S2", "O1", 2, "2026-10-08", line_id="L1")
    later = shipment("S3", "O1", 2, "2026-11-01", line_id="L1")

    assert month(first, again, later).codes == []


def test_a_shipment_without_a_line_goes_by_order_and_sku_where_only_one_line_has_it():
    twice = [shipment("S1", "O1", 2, line_id="L1"), shipment("S2", "O1", 1)]
    two_lines = [line("O1", "L1", "50.00", 2), line("O1", "L2", "50.00", 2)]

    assert month(*twice).codes == ["W06 L1"]
    assert month(*twice, lines=two_lines).codes == []


def test_lines_of_two_orders_may_have_one_number_and_are_two_findings():
    found = month(
        *(shipment(f"S{n}", f"O{n}", 3, line_id="1") for n in (1, 2)),
        orders=[order("O1"), order("O2")],
        lines=[line(f"O{n}", "1", "100.00", 2, unit_cost_fen="40.00") for n in (1, 2)],
    )

    assert found.codes == ["W06 1", "W06 1"]


def test_the_cost_is_that_of_the_shipment_before_that_of_the_line():
    found = month(shipment("S1", "O1", 3, line_id="L1", unit_cost_fen="45.00"))

    assert found.amounts("W06") == (9000, 13500, 4500)


def test_a_resend_without_a_case_is_W09_and_no_second_sale():
    sold = shipment("S1", "O1", 2, line_id="L1")
    resent = shipment("S2", "O1", 2, line_id="L1", kind="resend")

    assert month(sold, resent).codes == ["W09 S2"]


def test_a_kit_that_left_as_its_parts_is_one_kit_until_every_part_left_again():
    """Parts are other SKUs than the line's; how many make a kit nobody states."""
    kit = [shipment("S1", "O1", n, line_id="L1", sku=sku, line_no=sku, unit_cost_fen="9.00") for sku, n in (("A", 1), ("B", 2))]
    other = [{**row, "ship_id": "S2"} for row in kit]

    assert month(*kit, qty=1).codes == []
    assert month(*kit, *other, qty=2).codes == []
    assert month(kit[0], {**kit[1], "ship_id": "S2"}, qty=1).codes == []
    assert month(*kit, *other, qty=1).amounts("W06") == (4000, 8000, 4000)
