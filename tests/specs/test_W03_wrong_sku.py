"""W03: another SKU came back. It is counted here once; W04 says only what the count of pieces is off by."""

from tests.goods import a_return
from tests.world import line, returned, run


def month(*returns, qty=1, **tables):
    return run(a_return(list(returns), qty=qty, **tables))


def test_another_sku_in_the_place_of_the_right_one_is_W03_alone():
    found = month(returned("T1", "C1", sku="OTHER"))

    assert found.codes == ["W03 C1"]
    assert found.amounts("W03") == (4000, 0, -4000)
    assert (found.one("W03")["qty"], found.one("W03")["loss_fen"]) == (1, 4000)


def test_the_right_sku_is_right():
    assert month(returned("T1", "C1")).codes == []


def test_one_wrong_piece_and_one_missing_are_W03_and_W04_a_piece_each():
    found = month(returned("T1", "C1"), returned("T2", "C1", sku="OTHER"), qty=3)

    assert found.codes == ["W03 C1", "W04 C1"]
    assert (found.amounts("W03"), found.amounts("W04")) == ((12000, 8000, -4000), (12000, 8000, -4000))


def test_a_wrong_piece_on_top_of_all_the_right_ones_costs_nothing_but_is_one_too_many():
    found = month(returned("T1", "C1"), returned("T2", "C1", sku="OTHER"))

    assert found.codes == ["W03 C1", "W04 C1"]
    assert (found.amounts("W03"), found.amounts("W04")) == ((4000, 4000, 0), (4000, 8000, 4000))


def test_a_case_about_a_whole_order_may_return_any_sku_of_it():
    lines = [
        line("O1", "L1", "200.00", 2, unit_cost_fen="40.00"),
        line("O1", "L2", "100.00", sku="SECOND", unit_cost_fen="40.00"),
    ]

    found = month(returned("T1", "C1", sku="SECOND"), lines=lines, about={"line_id": None})

    assert found.codes == []


def test_one_that_names_only_the_order_is_the_return_of_its_only_open_case():
    found = month(returned("T1", None, sku="OTHER", order_id="O1"))

    assert found.codes == ["W03 C1"]


def test_without_order_lines_nobody_knows_the_right_sku():
    assert month(returned("T1", "C1", sku="OTHER"), lines=None).outcome.summary["not_checked"]["W03"] == "order_lines"
