"""K05: the same natural key twice in one load; the first row counts. Schema, Merging."""

from tests.world import case, order, refund, repeated, run, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1"), case("C2", "O1", "0.00")], "flows": [refund("F1", case_id="C1")]}


def test_a_repeated_key_is_K05_of_its_row_and_names_order_and_case():
    twice = repeated("aftersales", "wechat_mini|C1", platform="wechat_mini", order_id="O1", case_id="C1")

    month = run(world(**PAID, duplicates=[twice]))

    assert month.codes == ["K05 C1"]
    found = month.one("K05")
    assert (found["order_id"], found["case_id"], found["nature"], found["gap_fen"]) == ("O1", "C1", "control", None)
    assert found["evidence"] == ["aftersales.csv:2", "aftersales.csv:3"] and "2 " in found["why"]
    assert month.verdict == "warnings" and month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


def test_the_same_key_repeated_on_two_platforms_is_two_findings():
    twice = [repeated("aftersales", f"{p}|C1", platform=p, order_id="O1", case_id="C1") for p in ("wechat_mini", "jd")]

    assert run(world(**PAID, duplicates=twice)).codes == ["K05 C1", "K05 C1"]


def test_a_composite_key_is_joined_in_table_order():
    flows = [refund("F1", "10.00", case_id="C1"), refund("F2", "20.00", case_id="C1")]
    twice = repeated("flows", "wechat|F1", channel="wechat")

    assert run(world(**{**PAID, "flows": flows}, duplicates=[twice])).codes == ["K05 wechat|F1"]
