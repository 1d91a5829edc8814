"""Seeded chance as expressions: a draw is a pure function of (seed, name, row number), so order and chunking never matter.

The generator is splitmix64 written in UInt64 arithmetic; unlike a library's random stream it cannot change under us.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from hashlib import blake2b
from itertools import accumulate

import polars as pl

_GOLDEN = 0x9E3779B97F4A7C15


def draw(seed: int, name: str, counter: str = "n") -> pl.Expr:
    """A uniform number in [0, 1) for each row: the same for the same seed, name and value of the counter column."""
    stream = int.from_bytes(blake2b(f"{seed}:{name}".encode(), digest_size=8).digest())
    mixed = pl.col(counter).cast(pl.UInt64) * _u64(_GOLDEN) + _u64(stream)
    for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):
        mixed = (mixed ^ (mixed // _u64(2**shift))) * _u64(factor)
    mixed = mixed ^ (mixed // _u64(2**31))
    return (mixed // _u64(2**11)).cast(pl.Float64) * 2.0**-53


def normal(seed: int, name: str, counter: str = "n") -> pl.Expr:
    """A standard normal number for each row (Box–Muller)."""
    radius = (-2 * (1 - draw(seed, name + "/r", counter)).log()).sqrt()
    return radius * (2 * math.pi * draw(seed, name + "/a", counter)).cos()


def between(chance: pl.Expr, low: float, high: float) -> pl.Expr:
    """A draw stretched to [low, high)."""
    return low + chance * (high - low)


def choose(chance: pl.Expr, weights: Mapping[str, float]) -> pl.Expr:
    """One of the keys for each row, as often as its weight says."""
    return pl.lit(pl.Series(list(weights), dtype=pl.String)).gather(pick(chance, list(weights.values())))


def pick(chance: pl.Expr, weights: list[float]) -> pl.Expr:
    """The position of one of the weights for each row, as often as the weight says."""
    bounds = pl.Series(list(accumulate(weights))) / sum(weights)
    return pl.lit(bounds).search_sorted(chance, side="right").clip(0, len(weights) - 1)


def _u64(value: int) -> pl.Expr:
    return pl.lit(value, dtype=pl.UInt64)
