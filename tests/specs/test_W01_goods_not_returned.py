"""W01: the buyer has the money and, once the return limit is over, still the goods. Rulings 11, 12."""

from tests.goods import a_return
from tests.world import case, line, order, refund, returned, run, world


def test_nothing_back_when_the_limit_is_over_is_W01_at_the_cost_of_the_pieces():
    month = run(a_return(qty=2, done="2026-10-15"))

    assert month.codes == ["W01 C1"]
    assert month.amounts("W01") == (8000, 0, -8000)
    found = month.one("W01")
    assert (found["qty"], found["loss_fen"], found["age_days"], found["nature"]) == (2, 8000, 16, "break")


def test_on_the_last_day_of_the_limit_it_is_still_on_its_way_and_keeps_its_id_afterwards():
    month = a_return(done="2026-10-15")

    on_way, broken = run(month, as_of="2026-10-30"), run(month, as_of="2026-10-31")

    assert (on_way.codes, broken.codes) == (["W02 C1"], ["W01 C1"])
    assert on_way.one("W02")["discrepancy_id"] == broken.one("W01")["discrepancy_id"]


def test_the_limit_is_the_sellers_own():
    assert run(a_return(done="2026-10-15"), config={"sla_days": {"return": 16}}).codes == ["W02 C1"]


def test_what_came_back_by_as_of_is_right_and_what_comes_after_it_is_not_yet_a_fact():
    back = a_return([returned("T1", "C1", on="2026-10-31 23:59:59")], done="2026-10-10")
    later = a_return([returned("T1", "C1", on="2026-11-01 00:00:00")], done="2026-10-10")

    assert (run(back).codes, run(later).codes) == ([], ["W01 C1"])


def test_a_case_whose_money_has_not_left_owes_no_goods():
    month = run(a_return(done="2026-10-10", paid=False))

    assert month.codes == ["C04 C1"]


def test_refunded_inside_escrow_the_money_has_left_unless_the_order_says_it_has_not():
    def month(**stated):
        return world(
            orders=[order("O1", platform="taobao", on="2026-10-01", **stated)],
            cases=[case("C1", "O1", done="2026-10-10", platform="taobao", kind="return_refund", line_id="L1")],
            lines=[line("O1", "L1", "100.00", unit_cost_fen="40.00")],
            returns=[],
        )

    assert run(month(refunded_fen="30.00")).codes == ["W01 C1"]
    assert run(month(refunded_fen="0.00")).codes == ["C06 C1"]
    assert run(month(is_refund_stated=False)).codes == ["C04 C1"]


def test_only_a_return_that_succeeded_owes_goods():
    kept = a_return(done="2026-10-10", about={"kind": "refund_only"})
    closed = a_return(done="2026-10-10", paid=False, about={"platform_status": "closed"})

    assert run(kept).codes == run(closed).codes == []


def test_a_return_agreed_before_the_loaded_receipts_begin_may_have_come_back_before():
    """The case ended in October, and the goods came in September, in a file that was not loaded."""
    other = returned("T9", "C9", on="2026-10-30")
    before = a_return([other], done="2026-10-02", about={"approved_at": "2026-09-28"})
    within = a_return([other], done="2026-10-02", about={"approved_at": "2026-10-01"})

    assert (run(before).codes, run(within).codes) == ([], ["W01 C1"])


def test_without_a_cost_it_states_the_pieces_and_no_amount():
    lines = [line("O1", "L1", "300.00", 3)]
    products = [{"sku": "SKU", "title": "a thing", "unit_cost_fen": 3900}]

    silent, product = (
        run(a_return(done="2026-10-10", lines=lines)),
        run(a_return(done="2026-10-10", lines=lines, products=products)),
    )

    assert silent.amounts("W01") == (None, None, None) and silent.one("W01")["qty"] == 1
    assert product.amounts("W01") == (3900, 0, -3900)


def test_without_receipts_or_bills_it_is_not_checked():
    assert run(a_return(None, done="2026-10-10")).outcome.summary["not_checked"]["W01"] == "receipts"
    assert run(a_return(done="2026-10-10", flows=None, vouchers=None)).outcome.summary["not_checked"]["W01"] == "flows"


def test_a_case_refunded_in_part_owes_its_goods_too():
    assert run(a_return(done="2026-10-10", flows=[refund("F1", "10.00", case_id="C1")])).codes == ["C06 C1", "W01 C1"]


def test_a_case_without_a_quantity_that_takes_all_its_line_paid_is_about_all_of_its_pieces():
    about = {"final": "300.00", "kind": "return_refund", "line_id": "L1", "basis": "negotiated"}
    paid = [refund("F1", "300.00", "2026-10-12", case_id="C1")]

    found = run(a_return([], cases=[case("C1", "O1", **about)], flows=paid, further_vouchers=[]))

    assert found.amounts("W01") == (12000, 0, -12000) and found.one("W01")["qty"] == 3


def _whole_order(returns, final="300.00", qty=None):
    """Order O1 of 2 pieces A at 40.00 and one B at 15.00; case C1 names no line."""
    lines = [
        line("O1", "L1", "200.00", 2, sku="A", unit_cost_fen="40.00"),
        line("O1", "L2", "100.00", sku="B", unit_cost_fen="15.00"),
    ]
    about = {"final": final, "kind": "return_refund", "qty": qty, "basis": "negotiated"}
    paid = [refund("F1", final, "2026-10-12", case_id="C1")]
    tables = {"orders": [order("O1", "300.00", "2026-10-01")], "lines": lines, "flows": paid, "further_vouchers": []}
    return run(a_return(returns, cases=[case("C1", "O1", **about)], **tables))


def test_a_case_about_a_whole_order_of_several_SKUs_costs_what_its_lines_cost():
    assert _whole_order([]).amounts("W01") == (9500, 0, -9500)
    assert _whole_order([], qty=3).one("W01")["qty"] == 3
    assert _whole_order([], "90.00", 1).amounts("W01") == (None, None, None)


def test_a_case_without_a_line_is_about_the_only_one_that_was_paid_its_amount():
    held = {"stock_posted_at": None, "is_quarantined": True}

    assert _whole_order([], "100.00", 1).amounts("W01") == (1500, 0, -1500)
    assert _whole_order([], "100.00", 2).amounts("W01") == (None, None, None)
    assert _whole_order([returned("T1", "C1", sku="A", **held)], "100.00", 1).codes == []


def test_of_a_whole_order_each_piece_counts_at_the_cost_of_its_own_SKU():
    posted = {"stock_posted_at": None, "is_quarantined": True}
    back = [returned("T1", "C1", 2, sku="A", **posted), returned("T2", "C1", 1, sku="B", **posted)]

    assert _whole_order(back).codes == []
    assert _whole_order(back[:1]).amounts("W04") == (9500, 8000, -1500)
    assert _whole_order([back[1], {**back[0], "sku": "OTHER"}]).amounts("W03") == (9500, 1500, -8000)
    late = [{**back[0], "is_quarantined": False}, back[1]]
    assert _whole_order(late).amounts("W05") == (8000, 0, -8000)
