"""What a run is about: the books, the period and the as-of day, with the instants that bound them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cached_property

import polars as pl

from recon_kit.config import CHANNELS_OF_PLATFORM, Config
from recon_kit.periods import LOOK_AHEAD_DAYS, SHANGHAI, Period, cut_off


@dataclass(frozen=True)
class Scope:
    """Config, period and as-of of one run.

    Facts end at `cut` (as-of inclusive). Look-ahead rows lie between the period's end and `look_ahead_end`; they tell
    *late* from *never* and are not facts. Source: docs/rules.md, Time.
    """

    config: Config
    period: Period
    as_of: date

    @cached_property
    def cut(self) -> datetime:
        """First instant that is no longer a fact."""
        return cut_off(self.as_of)

    @cached_property
    def start(self) -> datetime:
        """First instant of the period."""
        return _midnight(self.period.start)

    @cached_property
    def end(self) -> datetime:
        """First instant after the period, or after the facts where they end sooner."""
        return min(_midnight(self.period.end), self.cut)

    @cached_property
    def look_ahead_end(self) -> datetime:
        """First instant after the look-ahead."""
        return _midnight(self.period.end + timedelta(days=LOOK_AHEAD_DAYS))

    @cached_property
    def _bounds(self) -> dict[str, pl.Expr]:
        """The instants as expressions: rules compare with them hundreds of times."""
        return {name: pl.lit(getattr(self, name)) for name in ("cut", "start", "end", "look_ahead_end")}

    def is_fact(self, column: str) -> pl.Expr:
        """The instant is known and not after as-of (never null)."""
        return (pl.col(column) < self._bounds["cut"]).fill_null(False)

    def is_in(self, column: str) -> pl.Expr:
        """The instant lies in the period and is a fact (never null)."""
        return ((pl.col(column) >= self._bounds["start"]) & (pl.col(column) < self._bounds["end"])).fill_null(False)

    def is_before(self, column: str) -> pl.Expr:
        """The instant lies before the period (never null)."""
        return (pl.col(column) < self._bounds["start"]).fill_null(False)

    def is_ahead(self, column: str) -> pl.Expr:
        """The instant lies in the look-ahead (never null)."""
        return ((pl.col(column) >= self._bounds["end"]) & (pl.col(column) < self._bounds["look_ahead_end"])).fill_null(False)

    def age(self, column: str) -> pl.Expr:
        """Whole calendar days from the instant to the as-of day; null stays null."""
        return (pl.lit(self.as_of) - pl.col(column).dt.date()).dt.total_days()

    @cached_property
    def usual_channel(self) -> dict[str, str]:
        """Platform → the channel its buyers usually pay through."""
        return {platform: channels[0] for platform, channels in CHANNELS_OF_PLATFORM.items()}

    @cached_property
    def escrow_platforms(self) -> tuple[str, ...]:
        """Platforms whose money reaches the wallet when the buyer confirms receipt."""
        return self.config.escrow_platforms()


def _midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
