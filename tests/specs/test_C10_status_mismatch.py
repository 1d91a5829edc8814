"""C10: the ERP's state is not the platform's a day after the case ended. Ruling 24; no amount."""

from tests.world import case, order, refund, run, world


def test_states_that_differ_for_more_than_24_hours_are_C10():
    cases = [
        case("OLD", "O1", done="2026-10-30 23:59:59", erp_status="open"),
        case("DAY", "O1", done="2026-10-31 00:00:00", erp_status="open"),
        case("SAME", "O1", done="2026-10-12", erp_status="success"),
        case("NOT_STATED", "O1", done="2026-10-12"),
    ]
    flows = [refund(f"F{c['case_id']}", case_id=c["case_id"], on="2026-10-31") for c in cases]

    month = run(world(orders=[order("O1", "500.00")], cases=cases, flows=flows))

    assert month.codes == ["C10 OLD"]
    assert month.amounts("C10") == (None, None, None)
    assert month.one("C10")["evidence"] == ["aftersales.csv:2"]
    assert "处理中" in month.one("C10")["why"] and "成功" in month.one("C10")["why"]

    matched = month.outcome.tables["matches"].filter(pair="M13", side="left").sort("row_key")
    assert matched.select("row_key", "pass").rows() == [
        ("wechat_mini|DAY", "case_id_in_time"),
        ("wechat_mini|SAME", "case_id_status"),
    ]
    unmatched = month.outcome.tables["unmatched"].filter(pair="M13").sort("row_key", "side")
    assert unmatched.select("row_key", "side").rows() == [
        ("wechat_mini|NOT_STATED", "left"),
        ("wechat_mini|OLD", "left"),
        ("wechat_mini|OLD", "right"),
    ]


def test_a_case_closed_on_the_platform_and_a_success_in_the_erp_is_C10_for_every_kind():
    row = {**case("C1", "O1", kind="exchange", platform_status="closed", erp_status="success")}

    assert run(world(orders=[order("O1")], cases=[row])).codes == ["C10 C1"]


def test_the_hours_are_the_configured_ones():
    month = world(orders=[order("O1")], cases=[case("C1", "O1", "0.00", done="2026-10-29", erp_status="open")])

    assert run(month, config={"limits": {"status_mismatch_hours": 48}}).codes == ["C10 C1"]
    assert run(month, config={"limits": {"status_mismatch_hours": 72}}).codes == []
