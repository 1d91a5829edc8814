"""Which of a few amounts make up a total, where there is only one way: the subset-sum behind N:1 matches.

Every subset is tried for all totals at once, each a step from the one before it (Gray code): one addition and one comparison
over a whole column. Nothing is listed, so equal amounts cost what others do.
"""

from __future__ import annotations

import polars as pl

MAX_CANDIDATES = 12
"""More than this are not tried: beyond 4,096 ways a total has several."""
_SCHEMA = {"target": pl.Int64(), "member": pl.Int64()}


def unique_subsets(candidates: pl.DataFrame) -> pl.DataFrame:
    """The members of the only subset that sums to each target: (`target`, `member`), two members or more a target.

    `candidates`: one row a target and candidate: `target` and `member` (row numbers), `total_fen`, `value_fen` (neither 0).
    A target with no such subset, with several, or with more than MAX_CANDIDATES candidates is left out.
    """
    size = pl.len().over("target")
    few = candidates.filter(size.is_between(2, MAX_CANDIDATES)).sort("target", "member")
    numbered = few.with_columns(size.alias("size"), pl.int_range(pl.len(), dtype=pl.Int64).over("target").alias("place"))
    ways = [_only_ways(same, int(size)) for (size,), same in numbered.group_by("size")]
    chosen = numbered.join(pl.concat(ways), on="target", validate="m:1") if ways else numbered.with_columns(mask=pl.lit(0))
    is_member = pl.col("mask") // pl.lit(2, pl.Int64).pow(pl.col("place")) % 2 == 1
    members = chosen.filter(is_member).filter(pl.len().over("target") > 1)
    return members.select(pl.col(name).cast(dtype) for name, dtype in _SCHEMA.items()).sort("target", "member")


def _only_ways(numbered: pl.DataFrame, size: int) -> pl.DataFrame:
    """Of targets with `size` candidates: target → `mask`, the bits of the places of its only subset."""
    wide = numbered.group_by("target", maintain_order=True).agg(pl.col("total_fen").first(), pl.col("value_fen"))
    values = [wide["value_fen"].list.get(place) for place in range(size)]
    total = wide["total_fen"]
    sums = ways = mask = pl.repeat(0, wide.height, dtype=pl.Int64, eager=True)
    for step in range(1, 2**size):
        place = (step & -step).bit_length() - 1
        subset = step ^ (step >> 1)
        sums = sums + values[place] if subset >> place & 1 else sums - values[place]
        hit = (sums == total).cast(pl.Int64)
        ways, mask = ways + hit, mask + hit * subset
    return wide.select("target", mask.alias("mask")).filter(ways == 1)
