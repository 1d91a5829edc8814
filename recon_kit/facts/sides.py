"""What a pair states of each row of its two sides: the group and pass it is in, or the reason it is in none."""

from __future__ import annotations

import polars as pl

SIDES = {
    "side": pl.String(),
    "table": pl.String(),
    "row_key": pl.String(),
    "amount_fen": pl.Int64(),
    "group": pl.Int64(),
    "pass": pl.String(),
    "reason": pl.String(),
}
"""A family of rules adds a pair to `matches` and `unmatched` as a frame of these columns named `sides_` and the pair."""
EXCLUDED = pl.lit("excluded")


def side(frame: pl.DataFrame, name: str, table: pl.Expr, key: pl.Expr, amount: pl.Expr, default: pl.Expr) -> pl.DataFrame:
    """Rows of one side; `group`, `pass` and `unmatched` come from the match, `default` where the row took no part in it."""
    reason = pl.when(pl.col("group").is_null()).then(pl.coalesce("unmatched", default))
    return frame.select(
        pl.lit(name).alias("side"),
        table.alias("table"),
        key.alias("row_key"),
        amount.cast(pl.Int64).alias("amount_fen"),
        pl.col("group"),
        pl.col("pass"),
        reason.alias("reason"),
    ).select(*SIDES)
