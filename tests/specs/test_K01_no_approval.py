"""K01: money above the auto-approval limit that nobody approved. Rulings 17, 24: agreed to or successful; C12 has none."""

import pytest

from tests.world import case, order, refund, run, world

HANDLED = {"creator": "cs01"}


def _month(*cases, config=None):
    orders = [order(f"O{n}", "500.00") for n in range(1, len(cases) + 1)]
    placed = [{**row, "order_id": f"O{n}"} for n, row in enumerate(cases, 1)]
    done = [row for row in placed if row["platform_status"] == "success" and row["final_fen"]]
    flows = [refund(f"F{row['case_id']}", f"{row['final_fen'] / 100:.2f}", case_id=row["case_id"]) for row in done]
    return run(world(orders=orders, cases=placed, flows=flows), config=config)


def test_money_above_the_limit_without_an_approver_is_K01_and_at_the_limit_is_none():
    month = _month(
        case("OVER", "", "100.01", **HANDLED),
        case("LIMIT", "", "100.00", **HANDLED),
        case("APPROVED", "", "300.00", approver="lead01", **HANDLED),
    )

    assert month.codes == ["K01 OVER"] and month.amounts("K01") == (None, None, None)
    assert month.one("K01")["evidence"] == ["aftersales.csv:2"]
    assert "100.01" in month.one("K01")["why"] and "100.00" in month.one("K01")["why"]


def test_it_counts_from_approval_on_and_without_a_time_of_approval_from_success():
    month = _month(
        case("AGREED", "", "150.00", None, **HANDLED),
        case("ASKED", "", "150.00", None, **HANDLED, approved_at=None),
        case("SUCCESS", "", "150.00", **HANDLED, approved_at=None),
        case("LATER", "", "150.00", "2026-11-01 00:00:00", **HANDLED),
    )

    assert month.codes == ["K01 AGREED", "K01 SUCCESS"]


def test_what_the_platform_decided_is_C12_and_no_K01():
    assert _month(case("C1", "", "150.00", decided_by="platform", **HANDLED)).codes == ["C12 C1"]


def test_the_difference_we_pay_on_an_exchange_is_money_and_its_goods_are_not():
    exchange = {"kind": "exchange", **HANDLED}

    month = _month(
        case("PAID", "", "0.00", price_difference_fen="-150.00", **exchange),
        case("GOT", "", "0.00", price_difference_fen="150.00", **exchange),
        case("GOODS", "", "150.00", **exchange),
    )

    assert [row["key"] for row in month.all("K01")] == ["PAID"]


def test_the_limit_is_the_configured_one():
    row = case("C1", "", "150.00", **HANDLED)

    assert _month(row, config={"limits": {"auto_approval": "149.99"}}).codes == ["K01 C1"]
    assert _month(row, config={"limits": {"auto_approval": "150.00"}}).codes == []


def test_where_nobody_states_who_handled_a_case_it_is_not_checked():
    month = _month(case("C1", "", "150.00"))

    assert month.codes == []
    missing = month.outcome.summary["not_checked"]
    assert missing["K01"] == "aftersales.approver" and missing["K02"] == "aftersales.approver"


@pytest.mark.parametrize(("name", "amount"), [("COVERED", "150.00"), ("MORE", "150.01")])
def test_a_second_approval_of_the_amount_is_an_approval(name, amount):
    row = case("C1", "O1", amount, approved_at="2026-10-10", **HANDLED)
    change = {"case_id": "C1", "seq": 1, "at": row["applied_at"], "field": "final", "old": amount, "new": "150.00"}
    found = run(
        world(
            orders=[order("O1", "500.00")],
            cases=[row],
            flows=[refund("F1", amount, case_id="C1")],
            aftersale_events=[{**change, "reapproved_by": "lead02"}],
        )
    )

    assert found.codes == ([] if name == "COVERED" else ["K01 C1"])


def test_a_refund_the_bill_says_the_platform_decided_is_C12_and_needs_no_approver():
    about = {"orders": [order("O1", "500.00")], "cases": [case("C1", "O1", "150.00", **HANDLED)]}
    month = run(world(**about, flows=[refund("F1", "150.00", case_id="C1", decided_by="platform")]))

    assert month.codes == ["C12 C1"]
