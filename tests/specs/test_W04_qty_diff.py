"""W04: fewer or more pieces came back than the case returns, whatever their SKU."""

import pytest

from tests.goods import a_return, a_service
from tests.world import line, returned, run, shipment


def month(*returns, qty=1, **tables):
    return run(a_return(list(returns), qty=qty, **tables))


@pytest.mark.parametrize(("came", "amounts"), [(1, (8000, 4000, -4000)), (3, (8000, 12000, 4000))])
def test_too_few_and_too_many_are_W04_at_the_cost_of_the_difference(came, amounts):
    found = month(returned("T1", "C1", came), qty=2)

    assert found.codes == ["W04 C1"]
    assert found.amounts("W04") == amounts
    assert (found.one("W04")["qty"], found.one("W04")["loss_fen"]) == (1, 4000)


def test_parcels_that_sum_to_the_case_tie():
    assert month(returned("T1", "C1"), returned("T2", "C1", on="2026-10-20"), qty=2).codes == []


def test_a_parcel_after_as_of_is_not_counted_yet():
    assert month(returned("T1", "C1"), returned("T2", "C1", on="2026-11-02"), qty=2).codes == ["W04 C1"]


def test_nothing_back_is_on_its_way_or_missing_not_short():
    assert month(qty=2).codes == ["W01 C1"]


def test_a_case_without_a_quantity_is_about_the_one_piece_of_its_line_or_about_nobody_knows_how_many():
    one_piece = [line("O1", "L1", "300.00", unit_cost_fen="40.00")]

    assert month(returned("T1", "C1", 2), qty=None, lines=one_piece).codes == ["W04 C1"]
    assert month(returned("T1", "C1", 2), qty=None).codes == []


def test_an_exchange_counts_its_old_pieces_too():
    exchange = a_service(
        "exchange",
        qty=2,
        returns=[returned("T1", "C1")],
        shipments=[shipment("S1", "O1", 2, "2026-10-15", kind="exchange", case_id="C1")],
    )

    assert run(exchange).codes == ["W04 C1"]


def test_goods_of_a_closed_case_were_not_due():
    assert month(returned("T1", "C1", 2), qty=1, paid=False, about={"platform_status": "closed"}).codes == []


def test_a_kit_may_come_back_as_the_parts_it_was_shipped_as_and_what_is_missing_of_them_is_W04():
    """Three kits of A and two of B, at 40.00 a kit: of one kit three pieces are due, at a third of its cost each."""
    kit = [shipment("S1", "O1", n, line_id="L1", sku=sku, line_no=sku) for sku, n in (("A", 3), ("B", 6))]
    back = [returned("T1", "C1", n, sku=sku, line_no=sku) for sku, n in (("A", 1), ("B", 2))]

    assert month(*back, shipments=kit).codes == []
    assert month(back[0], shipments=kit).codes == ["W04 C1"]
    assert month(back[0], shipments=kit).amounts("W04") == (4000, 1334, -2666)
    assert month(returned("T1", "C1"), shipments=kit).codes == []
    assert month(*back, returned("T2", "C1", sku="C"), shipments=kit).codes == ["W03 C1", "W04 C1"]
