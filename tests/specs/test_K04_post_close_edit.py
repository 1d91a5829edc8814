"""K04: a row of a closed period is not as it was when the period was sealed."""

import pytest

from tests.world import accrual, case, order, receipt, refund, run, sealed, voucher, world

SEPTEMBER = {"period": "2026-09"}


def september(**more):
    """One order, refunded and booked in September, and an open case; as the October folder holds them too."""
    given = {
        "orders": [order("O1", on="2026-09-03"), order("O2", on="2026-09-04")],
        "cases": [
            case("C1", "O1", done="2026-09-10"),
            case("C2", "O2", "20.00", done=None, applied_at="2026-09-29", approved_at="2026-09-29", creator="甲"),
        ],
        "flows": [
            receipt("O1", on="2026-09-03"),
            refund("F1", on="2026-09-10", case_id="C1"),
            refund("F9", "1.00", on="2026-09-30", case_id="C1"),
        ],
        "vouchers": [voucher("V1", ("C1", "31.00"), on="2026-09-12"), accrual("V2", "C2", "20.00", on="2026-09-30")],
        "receipts": False,
        "bills_from": "2026-09-01",
    }
    return world(**{**given, **more})


BEFORE = sealed(september(), **SEPTEMBER)


def edits(collected, **about):
    """The K04 of a run after the close."""
    found = run(collected, closed=[BEFORE], **about).outcome.tables["discrepancies"]
    return found.filter(code="K04")


def test_without_a_closed_period_there_is_nothing_to_compare_and_nothing_else_changes():
    month = run(september(), **SEPTEMBER)

    assert not month.outcome.summary["compares_closed"] and "K04" not in month.outcome.summary["not_checked"]
    again = run(september(), closed=[BEFORE], **SEPTEMBER)
    assert again.outcome.summary["compares_closed"]
    assert (again.codes, again.verdict) == (month.codes, month.verdict)


def test_the_same_rows_in_next_months_folder_are_none():
    assert edits(september()).is_empty()


def test_an_amount_changed_in_a_voucher_is_K04_of_its_line():
    moved = [voucher("V1", ("C1", "32.00"), on="2026-09-12"), accrual("V2", "C2", "20.00", on="2026-09-30")]

    found = edits(september(vouchers=moved))

    assert found["key"].to_list() == ["2026-09|V1|1", "2026-09|V1|2", "2026-09|V1|3"]
    assert set(found["key_kind"]) == {"row"} and set(found["owner"]) == {"audit"} and set(found["severity"]) == {"critical"}
    assert "31.00 → 32.00" in found["why"][2] and found["evidence"][2].to_list() == ["voucher_lines.csv:4"]


def test_an_amount_changed_in_a_bill_states_what_was_signed_and_what_is():
    flows = [receipt("O1", on="2026-09-03"), refund("F1", "35.00", on="2026-09-10", case_id="C1")]
    found = edits(september(flows=[*flows, refund("F9", "1.00", on="2026-09-30", case_id="C1")]))

    assert found.select("key", "expected_fen", "actual_fen", "gap_fen").rows() == [("wechat|F1", -3000, -3500, None)]


def test_the_platform_of_an_order_or_a_case_stands_in_its_column():
    orders = [order("O1", "90.00", on="2026-09-03"), order("O2", on="2026-09-04")]

    found = edits(september(orders=orders))

    assert found.select("key", "platform", "order_id").rows() == [("O1", "wechat_mini", "O1")]


def test_a_day_moved_out_of_the_closed_period_is_an_edit_and_not_a_row_that_went():
    flows = [receipt("O1", on="2026-09-03"), refund("F1", on="2026-10-10", case_id="C1")]
    found = edits(september(flows=[*flows, refund("F9", "1.00", on="2026-09-30", case_id="C1")]))

    assert found["key"].to_list() == ["wechat|F1"] and "2026-10-10" in found["why"][0]


def test_a_voucher_put_into_the_closed_period_or_taken_out_of_it_is_K04():
    kept = voucher("V1", ("C1", "31.00"), on="2026-09-12")

    found = edits(september(vouchers=[kept, voucher("V3", ("C2", "20.00"), on="2026-09-30")]))

    keys = [f"2026-09|V{v}|{n}" for v in (2, 3) for n in (1, 2, 3)]
    assert found["key"].to_list() == keys
    assert "不见了" in found["why"][0] and "补进来" in found["why"][3]


def test_a_row_between_the_days_of_both_bills_that_went_is_K04_and_a_bill_that_begins_later_is_none():
    first, last = receipt("O1", on="2026-09-03"), refund("F9", "1.00", on="2026-09-30", case_id="C1")

    assert edits(september(flows=[first, last]))["key"].to_list() == ["wechat|F1"]
    assert edits(september(flows=[last])).is_empty()
    assert edits(september(flows=[refund("F1", on="2026-10-10", channel="card")])).is_empty()


def test_what_goes_on_living_after_the_close_is_no_edit():
    """A case that ends, an order completed, a refund it states, a column that was empty."""
    cases = [
        case("C1", "O1", done="2026-09-10", approver="乙", line_id="L1"),
        case("C2", "O2", "15.00", done="2026-10-08", applied_at="2026-09-29", approved_at="2026-09-29", creator="丙"),
    ]
    orders = [order("O1", on="2026-09-03", status="completed", completed_at="2026-10-02", refunded_fen="31.00")]

    assert edits(september(cases=cases, orders=[*orders, order("O2", on="2026-09-04", list_fen="120.00")])).is_empty()


def test_what_a_flow_nobody_could_name_was_is_no_edit_and_a_name_that_changed_is():
    def flows(kind):
        return [receipt("O1", on="2026-09-03"), refund("F1", on="2026-09-10", case_id="C1", kind=kind)]

    unnamed = sealed(september(flows=flows("unknown")), **SEPTEMBER)
    named = sealed(september(flows=flows("refund")), **SEPTEMBER)

    assert "K04" not in {c[:3] for c in run(september(flows=flows("refund")), closed=[unnamed]).codes}
    assert "K04 wechat|F1" in run(september(flows=flows("chargeback")), closed=[named]).codes


@pytest.mark.parametrize("as_of", ["2026-09-30", None])
def test_the_look_ahead_of_a_closed_period_was_not_signed(as_of):
    early = [receipt("O1", on="2026-09-03"), refund("F1", on="2026-10-05", case_id="C1")]
    late = [receipt("O1", on="2026-09-03"), refund("F1", "35.00", on="2026-10-05", case_id="C1")]
    closed = sealed(september(flows=early), **SEPTEMBER, **({"as_of": as_of} if as_of else {}))

    assert "K04" not in {c[:3] for c in run(september(flows=late), closed=[closed]).codes}


def test_a_summary_is_compared_and_not_quoted():
    moved = [
        voucher("V1", ("C1", "31.00"), on="2026-09-12", summary="收货人:张三"),
        accrual("V2", "C2", "20.00", on="2026-09-30"),
    ]
    plain = [voucher("V1", ("C1", "31.00"), on="2026-09-12", summary="退款"), accrual("V2", "C2", "20.00", on="2026-09-30")]
    closed = sealed(september(vouchers=plain), **SEPTEMBER)

    found = run(september(vouchers=moved), closed=[closed]).outcome.tables["discrepancies"].filter(code="K04")

    assert found.height == 3 and all("摘要" in why and "张三" not in why and "→" not in why for why in found["why"])


def test_a_corrupted_balance_is_K04_of_its_period():
    def wallets(closing):
        return {"wallets": [{"channel": "wechat", "period": "2026-09", "opening_fen": 0, "closing_fen": closing}]}

    closed = sealed(september(**wallets(6900)), **SEPTEMBER)

    assert "K04 wechat|||2026-09" in run(september(**wallets(7000)), closed=[closed]).codes
