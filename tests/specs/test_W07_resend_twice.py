"""W07: more pieces were resent for a case than the case is about."""

from tests.goods import a_service
from tests.world import run, shipment


def month(*shipments, qty=2, **about):
    return run(a_service("resend", qty=qty, shipments=list(shipments), **about))


def resent(ship_id, qty=1, on="2026-10-10", **more):
    return shipment(ship_id, "O1", qty, on, kind="resend", **{"case_id": "C1", **more})


def test_resent_again_is_W07_at_the_cost_of_what_is_too_much():
    found = month(resent("S1", 2), resent("S2", 2, "2026-10-11"))

    assert found.codes == ["W07 C1"]
    assert found.amounts("W07") == (8000, 16000, 8000)
    assert (found.one("W07")["qty"], found.one("W07")["loss_fen"]) == (2, 8000)


def test_parcels_that_sum_to_the_case_are_right():
    assert month(resent("S1"), resent("S2")).codes == []


def test_an_intercepted_parcel_and_one_after_as_of_do_not_count():
    assert month(resent("S1", 2, is_intercepted=True), resent("S2", 2), resent("S3", 2, "2026-11-01")).codes == []


def test_a_resend_that_names_only_the_order_belongs_to_its_only_resend_case():
    assert month(resent("S1", 2), resent("S2", 1, case_id=None)).codes == ["W07 C1"]


def test_without_a_quantity_nobody_knows_how_many_were_due():
    assert month(resent("S1", 2), resent("S2", 2), qty=None).codes == []
