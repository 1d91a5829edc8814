"""K06: a file's totals do not hold, or a day lies outside what the files state to cover. Ruling 8. The verdict is incomplete."""

from datetime import date, datetime, timedelta

import polars as pl

from recon_kit.config import Config
from recon_kit.facts import Scope
from recon_kit.facts.coverage import coverage_gaps
from recon_kit.periods import SHANGHAI, parse_period
from tests.world import case, control, flow, order, refund, run, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


def test_broken_totals_are_one_K06_a_file_with_the_first_money_total_as_its_gap():
    controls = [
        control("flows.csv", "笔数", "12", "11", "rows"),
        control("flows.csv", "支出合计", "130.00", "100.00"),
        control("flows.csv", "收入合计", "9.00", "8.00"),
        control("orders.csv", "支出合计", "1.00", "1.00"),
    ]

    month = run(world(**PAID, controls=controls))

    assert month.codes == ["K06 flows.csv"]
    assert month.amounts("K06") == (13000, 10000, -3000)
    assert all(part in month.one("K06")["why"] for part in ("笔数 12 / 11", "支出合计 130.00 / 100.00", "收入合计 9.00 / 8.00"))
    assert month.verdict == "incomplete"
    assert month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


def test_a_broken_row_count_alone_has_no_gap():
    month = run(world(**PAID, controls=[control("flows.csv", "笔数", "12", "11", "rows")]))

    assert month.codes == ["K06 flows.csv"] and month.amounts("K06") == (None, None, None)


def test_days_outside_what_the_bills_state_to_cover_are_K06():
    late = run(world(**PAID, bills_from={"wechat": "2026-10-03"}))
    short = run(world(**PAID, bills_from={"wechat": "2026-10-01"}, bills_until="2026-10-30"))

    assert late.codes == ["K06 wechat.csv"] and "2026-10-01" in late.one("K06")["why"] and late.verdict == "incomplete"
    assert short.codes == ["K06 wechat.csv"] and "2026-10-30" in short.one("K06")["why"]


def test_an_as_of_inside_the_month_needs_no_day_after_it():
    month = world(**PAID, bills_from={"wechat": "2026-10-01"}, bills_until="2026-10-31")

    assert run(month, as_of="2026-10-30").codes == []
    assert run(month, as_of="2026-10-31").codes == ["K06 wechat.csv"]


def test_a_day_without_rows_and_a_template_that_states_nothing_are_none():
    assert run(world(**PAID, bills_from={"wechat": "2026-10-01"})).codes == []
    assert run(world(**{**PAID, "flows": [*PAID["flows"], flow("F9", "fee", "-1.00", "2026-10-30")]}, bills_from={})).codes == []


def test_a_bill_that_begins_after_as_of_is_no_fact_yet():
    broken = control("november.csv", "支出合计", "1.00", "2.00")
    month = world(**PAID, controls=[broken], files={"november.csv": "2026-11-01 00:00:00"}, bills_until="2026-12-01")

    assert run(month).codes == []
    assert run(month, as_of="2026-11-01").codes == ["K06 november.csv"]


def test_a_missing_day_is_laid_to_the_bill_that_stops_before_it_whatever_the_next_months_file_says():
    scope = Scope(Config(), parse_period("2026-10"), date(2026, 10, 31))
    spans = [("oct-1.csv", 2, 16), ("oct-2.csv", 17, 31), ("nov.csv", 32, 42)]

    gaps = coverage_gaps(pl.DataFrame([_bill(*span) for span in spans]), scope)

    assert gaps["file"].to_list() == ["oct-1.csv", "oct-1.csv", "oct-2.csv"]
    assert gaps["gap_from"].dt.day().to_list() == [1, 16, 31]


def _bill(file, first, end):
    start = datetime(2026, 10, 1, tzinfo=SHANGHAI)
    starts_at, ends_at = (start + timedelta(days=day - 1) for day in (first, end))
    return {"file": file, "channel": "pdd", "account": "A", "starts_at": starts_at, "ends_at": ends_at, "exported_at": None}
