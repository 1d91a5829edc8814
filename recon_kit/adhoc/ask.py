"""What an ad-hoc match is asked to do, checked before a file is opened."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import polars as pl

from recon_kit.errors import ConfigError
from recon_kit.money import parse_yuan_expr

MAX_SCALE = 8
Names = str | Sequence[str]
"""Column names: a sequence, or one text with commas. `LEFT=RIGHT` where the two files call a column differently."""


@dataclass(frozen=True)
class Ask:
    """The question: each column as (name on the left, name on the right), `tolerance` in units of 10^-scale."""

    on: tuple[tuple[str, str], ...]
    within: tuple[tuple[str, str], ...]
    amount: tuple[str, str]
    date: tuple[str, str] | None
    window_days: int | None
    tolerance: int
    scale: int
    group: bool
    subset: bool
    unique_use: bool
    opposite: bool
    show: tuple[str, ...]

    def described(self) -> dict[str, object]:
        """The question as plain values, for the summary."""
        return {name: _plain(value) for name, value in asdict(self).items()}


def build_ask(
    *,
    on: Names = (),
    amount: str,
    left_on: Names = (),
    right_on: Names = (),
    within: Names = (),
    date: str | None = None,
    window_days: int | None = None,
    tolerance: str = "0.01",
    scale: int = 2,
    group: bool = False,
    subset: bool = False,
    unique_use: bool = True,
    opposite: bool = False,
    show: Names = (),
) -> Ask:
    """The options as an `Ask`; ConfigError names the option, what was found and what was expected."""
    keys = tuple(_pair(name) for name in _names(on)) or _both(_names(left_on), _names(right_on))
    if on and (left_on or right_on):
        raise ConfigError("--on and --left-on/--right-on: both were given; expected one way to name the key; leave one out")
    if not keys and not within:
        raise ConfigError(
            "--on: no key was given; nothing is matched by amount alone. Name the column both files share: --on KEY"
        )
    if not 0 <= scale <= MAX_SCALE:
        raise ConfigError(f"--scale {scale}: expected 0 to {MAX_SCALE} decimals")
    units = pl.select(parse_yuan_expr(pl.lit(str(tolerance)), scale=scale)).item()
    if units is None or units < 0:
        raise ConfigError(
            f"--tolerance {tolerance}: expected an amount such as 0.01, not negative, with at most {scale} decimals"
        )
    if window_days is not None and (date is None or window_days < 0):
        raise ConfigError(f"--window-days {window_days}: expected 0 or more, together with --date COLUMN")
    if group and (subset or within or not unique_use):
        raise ConfigError("--group compares sums of the whole key; leave out --subset, --within and --reuse")
    return Ask(
        on=keys,
        within=tuple(_pair(name) for name in _names(within)),
        amount=_pair(amount),
        date=None if date is None else _pair(date),
        window_days=window_days,
        tolerance=units,
        scale=scale,
        group=group,
        subset=subset,
        unique_use=unique_use,
        opposite=opposite,
        show=_names(show),
    )


def _plain(value: object) -> object:
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _names(given: Names) -> tuple[str, ...]:
    listed = given.split(",") if isinstance(given, str) else given
    return tuple(name.strip() for name in listed if name.strip())


def _pair(name: str) -> tuple[str, str]:
    left, _, right = name.partition("=")
    return left.strip(), (right or left).strip()


def _both(left: tuple[str, ...], right: tuple[str, ...]) -> tuple[tuple[str, str], ...]:
    if len(left) != len(right):
        raise ConfigError(
            f"--left-on names {len(left)} columns, --right-on {len(right)}; expected as many, in the same order; name both"
        )
    return tuple(zip(left, right, strict=True))
