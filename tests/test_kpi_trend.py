"""Thirteen months of KPIs: what was computed, what was kept, and nothing in between. Source: domain, KPIs."""

import polars as pl
import pytest

from tests.world import case, order, refund, run, world

RATE = "refund_rate_amount_period"


def kept(period, top, kpi=RATE, below=1000, **more):
    return {"period": period, "kpi": kpi, "numerator": top, "denominator": below, **more}


def trend(month, kpi=RATE):
    return month.outcome.tables["kpi_trend"].filter(kpi=kpi).select("period", "numerator", "denominator", "source").rows()


def october(**tables):
    orders = [order("O1", "100.00"), *tables.pop("orders", [])]
    cases = [case("C1", "O1", "25.00"), *tables.pop("cases", [])]
    return run(world(orders=orders, cases=cases, flows=[refund("F1", "25.00", case_id="C1")], **tables))


def test_months_that_were_kept_stand_before_this_one_as_they_were_reported():
    month = october(kpi_history=[kept("2025-10", 130), kept("2026-08", 110)])

    assert trend(month) == [("2025-10", 130, 1000, "kept"), ("2026-08", 110, 1000, "kept"), ("2026-10", 2500, 10000, "computed")]


def test_a_month_older_than_a_year_a_later_one_a_member_and_an_unknown_kpi_are_left_out():
    month = october(
        kpi_history=[
            kept("2025-09", 1),
            kept("2026-11", 2),
            kept("2026-08", 3, dimension="platform", member="jd"),
            kept("2026-08", 4, kpi="happiness"),
        ]
    )

    assert trend(month) == [("2026-10", 2500, 10000, "computed")]
    assert "happiness" not in month.outcome.tables["kpi_trend"]["kpi"]


@pytest.mark.parametrize(("history", "expected"), [([], (1000, 8000, "computed")), ([kept("2026-09", 90)], (90, 1000, "kept"))])
def test_the_month_before_is_computed_where_it_was_loaded_and_nobody_kept_it(history, expected):
    month = october(
        orders=[order("S1", "80.00", "2026-09-05")], cases=[case("C2", "S1", "10.00", "2026-09-08")], kpi_history=history
    )

    assert trend(month)[0] == ("2026-09", *expected)


def test_look_back_rows_are_no_month():
    month = october(orders=[order("S1", "80.00", "2026-09-24")], cases=[case("C2", "S1", "10.00", "2026-09-26")])

    assert [row[0] for row in trend(month)] == ["2026-10"]
    assert month.outcome.tables["kpi_movements"].is_empty()


def test_a_cohort_of_an_earlier_month_is_mature_once_its_days_have_passed():
    history = [kept(period, 1, kpi="aftersales_rate_cohort") for period in ("2026-08", "2026-09")]
    frame = october(kpi_history=history).outcome.tables["kpi_trend"].filter(kpi="aftersales_rate_cohort")

    # as of the last of October the cohort of September, which ended thirty-one days ago, is mature; this month's is not
    assert dict(frame.select("period", "is_mature").iter_rows()) == {"2026-08": True, "2026-09": True, "2026-10": False}
    assert frame.filter(pl.col("value").is_null()).is_empty()
