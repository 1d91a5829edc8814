"""S03: a payout that the bank received in another amount, or not at all after two days. Ruling 23; shares its id with S04."""

import pytest

from tests.settlement import bank_row, payout
from tests.world import run, world


def _month(flows, bank):
    return world(flows=flows, bank_rows=bank)


def test_another_amount_at_the_bank_is_S03_at_once():
    month = run(_month([payout("P1", "500.00", "2026-10-30")], [bank_row("B1", "498.00", "2026-10-31", "P1")]))

    assert month.codes == ["S03 P1"] and month.amounts("S03") == (50000, 49800, -200)
    finding = month.one("S03")
    assert (finding["key_kind"], finding["channel"], finding["nature"]) == ("payout_id", "wechat", "break")
    assert finding["evidence"] == ["flows.csv:2", "bank_rows.csv:2"]
    one_fen = run(_month([payout("P1", "500.00", "2026-10-30")], [bank_row("B1", "500.01", "2026-10-31", "P1")]))
    assert one_fen.amounts("S03") == (50000, 50001, 1)


def test_nothing_at_the_bank_is_S03_after_two_days_and_late_money_is_none():
    nothing = [payout("P1", "500.00", "2026-10-28 23:59:59")]
    month = run(_month(nothing, []))

    assert month.codes == ["S03 P1"] and month.amounts("S03") == (50000, 0, -50000) and month.one("S03")["age_days"] == 3
    assert run(_month([payout("P1", "500.00", "2026-10-29 00:00:00")], [])).codes == ["S04 P1"]
    late = [bank_row("B1", "500.00", "2026-10-31 23:59:59", "P1")]
    assert run(_month(nothing, late)).codes == []
    assert run(_month(nothing, [bank_row("B1", "500.00", "2026-11-01 00:00:00", "P1")])).codes == ["S03 P1"]


def test_it_keeps_the_id_it_had_in_transit():
    month = _month([payout("P1", "500.00", "2026-10-20")], [])

    before, after = run(month, as_of="2026-10-22"), run(month, as_of="2026-10-23")
    assert before.one("S04")["discrepancy_id"] == after.one("S03")["discrepancy_id"]


def test_the_bank_may_bring_a_payout_in_parts_or_several_rows_of_one_number_together():
    parts = [bank_row("B1", "200.00", "2026-10-21", "P1"), bank_row("B2", "300.00", "2026-10-21", "P1")]
    assert run(_month([payout("P1", "500.00", "2026-10-20")], parts)).codes == []
    two = [payout("P1", "200.00", "2026-10-20", flow_id="F1"), payout("P1", "300.00", "2026-10-20", flow_id="F2")]
    assert run(_month(two, [bank_row("B1", "500.00", "2026-10-21", "P1")])).codes == []


def test_a_payout_that_was_returned_under_its_number_expects_nothing():
    returned = payout("P1", "500.00", "2026-10-21", flow_id="BACK", amount_fen="500.00")

    assert run(_month([payout("P1", "500.00", "2026-10-20"), returned], [])).codes == []


def test_without_a_number_it_goes_by_amount_within_two_days():
    unnamed = [payout(None, "500.00", "2026-10-20", channel="pdd", flow_id="F1")]

    assert run(_month(unnamed, [bank_row("B1", "500.00", "2026-10-22")])).codes == []
    assert run(_month(unnamed, [bank_row("B1", "500.00", "2026-10-23")])).codes == ["S03 F1"]
    other = run(_month(unnamed, [bank_row("B1", "499.99", "2026-10-21")]))
    assert other.codes == ["S03 F1"] and other.amounts("S03") == (50000, 0, -50000)


def test_equal_payouts_without_numbers_pair_in_time_and_the_one_left_over_is_S03():
    days = ["2026-10-05", "2026-10-06", "2026-10-07"]
    flows = [payout(None, "500.00", day, channel="pdd") for day in days]
    bank = [bank_row(f"B{n}", "500.00", f"2026-10-0{n}") for n in (6, 7, 8)]

    assert run(_month(flows, bank)).codes == []
    assert run(_month(flows, bank[:2])).codes == ["S03 OUT-2026-10-07"]


@pytest.mark.parametrize(("payout_id", "on_statement"), [("P1", None), (None, "20261021")])
def test_a_number_that_only_one_side_states_hinders_nothing(payout_id, on_statement):
    month = _month([payout(payout_id, "500.00", "2026-10-20")], [bank_row("B1", "500.00", "2026-10-21", on_statement)])

    assert run(month).codes == []


def test_two_different_numbers_are_two_payouts_whatever_the_amount():
    month = _month([payout("P1", "500.00", "2026-10-20")], [bank_row("B1", "500.00", "2026-10-21", "P2")])

    assert run(month).codes == ["S03 P1"]


def test_a_payout_before_the_first_loaded_bank_row_s_month_is_not_judged_nor_is_one_under_way_or_failed():
    bank = [bank_row("B1", "1.00", "2026-10-09")]
    flows = [
        payout("SEPTEMBER", "500.00", "2026-09-30 23:59:59"),
        payout("FAILED", "500.00", "2026-10-20", status="failed"),
        payout("LATER", "500.00", "2026-11-01 00:00:00"),
    ]

    assert run(_month(flows, bank)).codes == []
    assert run(_month([payout("P1", "500.00", "2026-10-01 00:00:00")], bank)).codes == ["S03 P1"]
    assert run(_month([payout("P1", "500.00", "2026-10-01 00:00:00")], [])).codes == ["S03 P1"]


def test_one_of_an_earlier_month_stands_until_the_money_comes():
    september = [payout("P1", "500.00", "2026-09-10")]
    bank = [bank_row("B0", "1.00", "2026-09-01")]

    assert run(_month(september, bank)).codes == ["S03 P1"]
    assert run(_month(september, [*bank, bank_row("B1", "500.00", "2026-10-02", "P1")])).codes == []


def test_without_a_bank_statement_it_is_not_checked():
    month = run(world(flows=[payout("P1", "500.00", "2026-10-20")]))

    assert month.codes == []
    assert month.outcome.summary["not_checked"]["S03"] == month.outcome.summary["not_checked"]["S04"] == "bank_rows"
