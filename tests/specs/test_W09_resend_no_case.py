"""W09: goods left for nothing, as resend, exchange or gift, and no approved case says why."""

import pytest

from tests.goods import a_service
from tests.world import line, order, run, shipment


def month(*shipments, kind="resend", **more):
    return run(a_service(kind, returns=more.pop("returns", None), shipments=list(shipments), **more))


@pytest.mark.parametrize("kind", ["resend", "exchange", "gift"])
def test_without_a_case_it_is_W09_whose_pieces_are_lost_at_cost(kind):
    found = month(shipment("S1", "O9", 2, kind=kind, unit_cost_fen="40.00"))

    assert found.codes == ["W09 S1"]
    assert found.amounts("W09") == (None, None, None)
    assert (found.one("W09")["qty"], found.one("W09")["loss_fen"]) == (2, 8000)


@pytest.mark.parametrize("about", [{"approved_at": None, "done": None}, {"approved_at": "2026-11-01", "done": None}])
def test_a_case_nobody_has_approved_is_no_cover(about):
    done = about.pop("done")

    assert month(shipment("S1", "O1", kind="resend", case_id="C1"), done=done, about=about).codes == ["W09 S1"]


def test_an_approved_case_covers_what_names_it_or_is_the_only_one_of_its_kind_in_the_order():
    named = shipment("S1", "O1", kind="gift", case_id="C1")
    by_order = shipment("S2", "O1", kind="resend")

    assert month(named, by_order).codes == []


def test_a_resend_is_not_covered_by_an_exchange_of_the_order():
    assert month(shipment("S1", "O1", kind="resend"), kind="exchange").codes == ["W09 S1"]


def test_a_gift_order_names_the_case_it_was_sent_for():
    orders = [order("O1", "300.00", "2026-10-01"), order("G1", "0.00", kind="gift", linked_case_id="C1")]

    assert month(shipment("S1", "G1", kind="gift"), orders=orders).codes == []


def test_a_gift_sold_with_its_order_at_no_price_needs_no_case():
    lines = [line("O1", "L1", "300.00", 3), line("O1", "L2", "0.00", sku="GIFT")]
    gift = shipment("S1", "O1", kind="gift", line_id="L2", sku="GIFT")

    assert month(gift, lines=lines).codes == []


def test_repairs_and_intercepted_parcels_are_not_looked_at():
    assert month(shipment("S1", "O9", kind="repair"), shipment("S2", "O9", kind="resend", is_intercepted=True)).codes == []


def test_lines_of_one_parcel_are_one_finding():
    parcel = [shipment("S1", "O9", kind="resend", line_no=n, unit_cost_fen="40.00") for n in ("1", "2")]

    assert month(*parcel).one("W09")["qty"] == 2


def test_one_that_names_a_case_from_before_the_loaded_ones_is_left_alone():
    """Cases are loaded from October, and a case takes up to the return limit to be served."""
    early = shipment("S1", "O9", on="2026-10-15 23:59:59", kind="resend", case_id="SEPTEMBER")
    late = shipment("S2", "O9", on="2026-10-16 00:00:00", kind="resend", case_id="NOWHERE")

    assert month(early, late).codes == ["W09 S2"]


def test_what_was_sent_for_a_case_nobody_approved_is_W09_and_neither_W07_nor_W08():
    """One cause, one code: the parcel should not have left, whatever came back or was sent with it."""
    for kind, n in (("exchange", 1), ("resend", 2)):
        sent = [shipment(f"S{i}", "O1", kind=kind, case_id="C1", on="2026-10-10") for i in range(n)]
        closed = {"approved_at": None, "platform_status": "closed"}

        assert run(a_service(kind, shipments=sent, about=closed)).codes == [f"W09 S{i}" for i in range(n)]
