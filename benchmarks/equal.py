"""The worst case of matching: so many equal amounts of one key on one day, by every one-to-one pass and by subsets."""

from __future__ import annotations

import time

import polars as pl

from recon_kit.matching import Pair, Pass, match


def run_equal(rows: int) -> dict[str, float]:
    """Seconds a ladder takes over `rows` equal rows a side, one too many on the left."""
    side = pl.DataFrame({"row": range(rows)}).select(
        pl.col("row").cast(pl.Int64),
        pl.lit("A").alias("order"),
        pl.lit(100, pl.Int64).alias("amount_fen"),
        pl.date(2026, 10, 1).alias("day"),
        pl.lit(3).alias("window_days"),
        pl.lit(0, pl.UInt64).alias("partition"),
    )
    ladders = {"twins": ("unique", "twins"), "all": ("unique", "twins", "near", "reversal", "subset")}
    seconds = {}
    for name, hows in ladders.items():
        ladder = tuple(Pass(how, how, (("order", "order"),), tolerance_fen=1) for how in hows)  # type: ignore[arg-type]  # names of How
        started = time.perf_counter()
        match(Pair("equal", "left", "right", ladder, "", ""), side, side.head(rows - 1))
        seconds[name] = time.perf_counter() - started
    return seconds
