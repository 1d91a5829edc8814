"""`compare(before, after)`: what was added, removed and changed between two frames, by key.

One mechanism for all that changes in time: K04, restatement, carry-forward, overlapping exports, month on month.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from recon_kit.errors import MatchError

CHANGES = {"added": "新增", "removed": "消失", "changed": "改动"}


def compare(
    before: pl.DataFrame,
    after: pl.DataFrame,
    *,
    key: Sequence[str],
    columns: Sequence[str] | None = None,
    ignore_filled: bool = False,
) -> pl.DataFrame:
    """The rows that differ between two frames, one row per key, sorted by key.

    Columns: those of `key`, `change` (`CHANGES`), `columns` (names of what changed, empty for a row added or removed), and
    two structs `before` and `after` of the compared columns (null where there is no such row). `columns`: what is compared, by
    default all that both frames have. Null equals null, in keys too. A key that stands several times pairs its k-th row with
    the k-th, in the frames' order. `ignore_filled`: null before and a value after is no change. Raises MatchError when a
    compared column is absent on one side or of another type.
    """
    names = [name for name in before.columns if name in after.columns and name not in key] if columns is None else list(columns)
    for name in (*key, *names):
        if before.schema.get(name) != after.schema.get(name) or name not in before.schema:
            raise MatchError(
                f"compare: column {name} is {before.schema.get(name, 'absent')} before and {after.schema.get(name, 'absent')} "
                "after; expected one type on both sides. This is a bug"
            )
    sides = [_keyed(frame, key, names, side) for frame, side in ((before, "before"), (after, "after"))]
    joined = sides[0].join(sides[1], on=[*key, _NTH], how="full", coalesce=True, nulls_equal=True, validate="1:1")
    return (
        joined.with_columns(_kind(names, ignore_filled))
        .with_columns(pl.when(pl.col("change") == "changed").then("columns").otherwise(pl.lit([], _NAMES)))
        .filter((pl.col("change") != "changed") | (pl.col("columns").list.len() > 0))
        .sort(*key, _NTH, nulls_last=True)
        .select(*key, "change", "columns", "before", "after")
    )


_NTH = "_nth"
_NAMES = pl.List(pl.String)


def _keyed(frame: pl.DataFrame, key: Sequence[str], names: Sequence[str], side: str) -> pl.DataFrame:
    nth = pl.int_range(pl.len()).over(list(key)).alias(_NTH)
    # A struct without fields cannot be told from no struct.
    return frame.select(*key, nth, pl.struct(*names, pl.lit(value=True).alias(_NTH)).alias(side))


def _kind(names: Sequence[str], ignore_filled: bool) -> list[pl.Expr]:
    was, now = pl.col("before").struct, pl.col("after").struct
    differs = [was.field(n).ne_missing(now.field(n)) & (was.field(n).is_not_null() | (not ignore_filled)) for n in names]
    changed = [pl.when(differ).then(pl.lit(name)) for name, differ in zip(names, differs, strict=True)]
    return [
        pl.when(pl.col("before").is_null())
        .then(pl.lit("added"))
        .when(pl.col("after").is_null())
        .then(pl.lit("removed"))
        .otherwise(pl.lit("changed"))
        .alias("change"),
        (pl.concat_list(changed).list.drop_nulls() if names else pl.lit([], _NAMES)).alias("columns"),
    ]
