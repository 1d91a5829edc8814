"""C08: the refunds of an order exceed what the buyer paid for it. Rulings 12, 16; schema: chargebacks do not count."""

from tests.world import case, order, refund, run, world


def test_refunds_that_each_equal_their_case_but_together_exceed_the_order_are_C08():
    cases = [
        case("C1", "O1", "30.00"),
        case("C2", "O1", "30.00", done="2026-10-20"),
        case("C3", "O2", "30.00"),
        case("C4", "O2", "20.00"),
    ]
    flows = [
        refund("F1", case_id="C1", order_id="O1"),
        refund("F2", case_id="C2", order_id="O1", on="2026-10-20"),
        refund("F3", case_id="C3", order_id="O2"),
        refund("F4", "20.00", case_id="C4", order_id="O2"),
    ]

    month = run(world(orders=[order("O1", "50.00"), order("O2", "50.00", shipping_fen="8.00")], cases=cases, flows=flows))

    assert month.codes == ["C08 O1"]
    assert month.amounts("C08") == (5000, 6000, 1000)
    assert month.one("C08")["evidence"] == ["orders.csv:2", "flows.csv:4", "flows.csv:5"]
    assert month.bridge == {"A0": 11000, "B0": 11000, "C0": 11000}


def test_when_one_case_explains_the_whole_excess_C08_is_related_to_it():
    twice = [refund(f"F{n}", case_id="C1", order_id="O1", request_no=f"R{n}") for n in (1, 2)]

    over = run(
        world(orders=[order("O1", "30.00")], cases=[case("C1", "O1")], flows=[refund("F1", "36.00", case_id="C1", order_id="O1")])
    )
    double = run(world(orders=[order("O1", "30.00")], cases=[case("C1", "O1")], flows=twice))

    assert over.codes == ["C05 C1"] and over.one("C08")["primary_id"] == over.one("C05")["discrepancy_id"]
    assert double.codes == ["C07 C1"] and double.one("C08")["primary_id"] == double.one("C07")["discrepancy_id"]
    assert double.amounts("C08") == (3000, 6000, 3000)


def test_an_excess_that_no_case_explains_alone_stays_primary():
    cases = [case("C1", "O1", "30.00"), case("C2", "O1", "30.00")]
    flows = [refund("F1", "32.00", case_id="C1", order_id="O1"), refund("F2", case_id="C2", order_id="O1")]

    month = run(world(orders=[order("O1", "50.00")], cases=cases, flows=flows))

    assert month.codes == ["C05 C1", "C08 O1"]


def test_small_transfers_count_and_chargebacks_do_not():
    def month(kind):
        flows = [refund("F1", case_id="C1", order_id="O1"), refund("F2", "25.00", kind=kind, order_id="O1")]
        return run(world(orders=[order("O1", "50.00")], cases=[case("C1", "O1")], flows=flows)).all("C08")

    assert [(row["expected_fen"], row["actual_fen"]) for row in month("small_transfer")] == [(5000, 5500)]
    assert month("chargeback") == []


def test_what_was_refunded_inside_escrow_counts():
    cases = [
        case("C1", "O1", "30.00", "2026-10-10", platform="taobao"),
        case("C2", "O1", "30.00", "2026-10-20", platform="taobao"),
    ]
    orders = [order("O1", "50.00", platform="taobao", confirmed="2026-10-15", refunded_fen="60.00")]

    month = run(world(orders=orders, cases=cases, flows=[refund("F1", on="2026-10-20", channel="alipay", case_id="C2")]))

    assert month.codes == ["C08 O1"] and month.amounts("C08") == (5000, 6000, 1000)
    assert month.bridge == {"A0": 6000, "A4E": -3000, "B0": 3000, "C0": 3000}


def test_refunds_after_as_of_do_not_count_yet():
    flows = [refund("F1", order_id="O1", case_id="C1"), refund("F2", order_id="O1", case_id="C2", on="2026-11-01 00:00:00")]
    month = world(orders=[order("O1", "50.00")], cases=[case("C1", "O1"), case("C2", "O1", done="2026-10-30")], flows=flows)

    assert "C08 O1" not in run(month).codes
    assert "C08 O1" in run(month, as_of="2026-11-01").codes


def test_what_a_wrong_entitlement_explains_is_related_to_it_and_so_is_what_is_related_to_that():
    about = {"kind": "return_refund", "qty": 1, "basis": "qty", "line_id": "L1"}
    lines = [{"order_id": "O1", "line_id": "L1", "sku": "S", "qty": 1, "list_fen": 3000, "buyer_paid_fen": 3000}]

    def month(final):
        given = case("C1", "O1", final, approved_fen="32.00", **about)
        flows = [refund("F1", "32.00", case_id="C1", order_id="O1")]
        return run(world(orders=[order("O1", "30.00")], cases=[given], lines=lines, flows=flows))

    granted, overpaid = month("32.00"), month("30.00")
    for found in (granted, overpaid):
        assert found.codes == ["A03 C1"]
        assert {row["primary_id"] for row in found.all("C08")} == {found.one("A03")["discrepancy_id"]}
    assert overpaid.one("C05")["primary_id"] == overpaid.one("A03")["discrepancy_id"]
