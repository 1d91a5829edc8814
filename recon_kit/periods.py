"""Periods in Asia/Shanghai: a day, an ISO week or a month, half-open, and the as-of instant that closes the facts."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

import polars as pl

from recon_kit.errors import ConfigError

TIMEZONE = "Asia/Shanghai"
SHANGHAI = ZoneInfo(TIMEZONE)
LOOK_AHEAD_DAYS = 10
"""Days of flows and vouchers after the period that tell *booked late* from *never booked*. Source: rulings, Time."""


@dataclass(frozen=True)
class Period:
    """A half-open span of Shanghai days `[start, end)`; `text` is how the user wrote it (`2026-10`, `2026-W44`, …)."""

    text: str
    start: date
    end: date

    @property
    def last_day(self) -> date:
        """The period's last day, the default as-of."""
        return self.end - timedelta(days=1)

    @property
    def kind(self) -> Literal["day", "week", "month"]:
        """What it is, by how it is written."""
        return "week" if "W" in self.text else "month" if re.fullmatch(r"\d{4}-\d{2}", self.text) else "day"

    @property
    def days(self) -> int:
        """Number of days in the period."""
        return (self.end - self.start).days

    def contains(self, column: str) -> pl.Expr:
        """Boolean expression: the instant or date column lies in the period; null stays null."""
        return (pl.col(column).dt.date() >= self.start) & (pl.col(column).dt.date() < self.end)

    def is_before(self, column: str) -> pl.Expr:
        """Boolean expression: the column lies before the period; null stays null."""
        return pl.col(column).dt.date() < self.start

    def is_after(self, column: str) -> pl.Expr:
        """Boolean expression: the column lies after the period; null stays null."""
        return pl.col(column).dt.date() >= self.end

    def previous(self) -> Period:
        """The period of the same kind just before this one."""
        if self.kind == "month":
            return parse_period(f"{self.start - timedelta(days=1):%Y-%m}")
        before = self.start - timedelta(days=self.days)
        if self.kind == "week":
            year, week, _ = before.isocalendar()
            return parse_period(f"{year}-W{week:02d}")
        return parse_period(before.isoformat())

    def following(self) -> Period:
        """The period of the same kind that begins where this one ends."""
        if self.kind == "month":
            return parse_period(f"{self.end:%Y-%m}")
        if self.kind == "week":
            year, week, _ = self.end.isocalendar()
            return parse_period(f"{year}-W{week:02d}")
        return parse_period(self.end.isoformat())


def parse_period(text: str) -> Period:
    """Read `2026-10` (month), `2026-W44` (ISO week) or `2026-10-31` (day); ConfigError otherwise."""
    try:
        if re.fullmatch(r"\d{4}-\d{2}", text):
            start = date.fromisoformat(f"{text}-01")
            return Period(text, start, (start + timedelta(days=32)).replace(day=1))
        if week := re.fullmatch(r"(\d{4})-W(\d{2})", text):
            start = date.fromisocalendar(int(week[1]), int(week[2]), 1)
            return Period(text, start, start + timedelta(days=7))
        if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
            start = date.fromisoformat(text)
            return Period(text, start, start + timedelta(days=1))
    except ValueError:
        pass
    raise ConfigError(
        f"period {text!r} is not a period; write a month such as 2026-10, an ISO week such as 2026-W44 "
        "or a day such as 2026-10-31"
    )


def parse_day(text: str) -> date:
    """Read a day `YYYY-MM-DD`; ConfigError otherwise."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"date {text!r} is not a date; write YYYY-MM-DD, for example 2026-10-31") from None


def cut_off(as_of: date) -> datetime:
    """The first instant that is no longer a fact: midnight after the as-of day (as-of is inclusive)."""
    return datetime(as_of.year, as_of.month, as_of.day, tzinfo=SHANGHAI) + timedelta(days=1)


def age_days(column: str, as_of: date) -> pl.Expr:
    """Whole calendar days from the column's day to the as-of day; null stays null. An SLA is broken when age > limit."""
    return (pl.lit(as_of) - pl.col(column).dt.date()).dt.total_days().alias("age_days")
