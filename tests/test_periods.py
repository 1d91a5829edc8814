from datetime import date, datetime

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.errors import ConfigError
from recon_kit.periods import SHANGHAI, age_days, cut_off, parse_day, parse_period

days = st.dates(date(1990, 1, 1), date(2100, 12, 31))
periods = st.one_of(days.map(lambda d: f"{d:%Y-%m}"), days.map(str), days.map(lambda d: f"{d:%G}-W{d:%V}")).map(parse_period)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 11, 1)),
        ("2026-12", date(2026, 12, 1), date(2027, 1, 1)),
        ("2026-W44", date(2026, 10, 26), date(2026, 11, 2)),
        ("2026-10-31", date(2026, 10, 31), date(2026, 11, 1)),
    ],
)
def test_a_period_is_half_open(text, start, end):
    period = parse_period(text)

    assert (period.start, period.end) == (start, end)
    assert period.last_day == date.fromordinal(end.toordinal() - 1)


@pytest.mark.parametrize("text", ["2026", "2026-13", "2026-W54", "2026-02-30", "202610", "2026-10 ", "", "../2026-10"])
def test_what_is_no_period_is_refused_with_examples(text):
    with pytest.raises(ConfigError, match="2026-W44"):
        parse_period(text)


@given(periods)
def test_the_previous_period_ends_where_this_one_starts(period):
    assert period.previous().end == period.start
    assert (period.previous().days == period.days) or period.days > 27


@given(period=periods, day=days)
def test_every_day_is_before_in_or_after_a_period(period, day):
    row = pl.DataFrame({"at": [datetime(day.year, day.month, day.day, 23, 59, 59, tzinfo=SHANGHAI)]})

    before, inside, after = row.select(
        period.is_before("at").alias("b"), period.contains("at").alias("c"), period.is_after("at").alias("a")
    ).row(0)

    assert [before, inside, after].count(True) == 1
    assert inside == (period.start <= day < period.end)


def test_an_instant_belongs_to_its_day_in_shanghai_and_an_unknown_one_to_none():
    rows = pl.DataFrame({"at": ["2026-10-31 23:59:59", "2026-11-01 00:00:00", None]}).with_columns(
        pl.col("at").str.to_datetime("%Y-%m-%d %H:%M:%S", time_unit="us", time_zone="Asia/Shanghai")
    )

    assert rows.select(parse_period("2026-10").contains("at"))["at"].to_list() == [True, False, None]


def test_the_as_of_day_is_inclusive():
    assert cut_off(date(2026, 10, 31)) == datetime(2026, 11, 1, tzinfo=SHANGHAI)


def test_age_counts_calendar_days():
    rows = pl.DataFrame(
        {"at": [datetime(2026, 10, 28, 23, 59, tzinfo=SHANGHAI), datetime(2026, 10, 31, 0, 0, tzinfo=SHANGHAI), None]}
    )

    assert rows.select(age_days("at", date(2026, 10, 31)))["age_days"].to_list() == [3, 0, None]


def test_a_day_that_is_none_is_refused_with_an_example():
    assert parse_day("2026-10-31") == date(2026, 10, 31)
    with pytest.raises(ConfigError, match="YYYY-MM-DD"):
        parse_day("31.10.2026")
