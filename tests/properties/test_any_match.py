"""Which side is called left decides nothing: each pass that treats both sides alike puts the same rows together."""

from __future__ import annotations

from datetime import date

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.matching import match
from recon_kit.pairs import Pair, Pass
from tests.properties.test_any_month import few

KEY = (("k", "k"),)
ALIKE = Pair(
    "ALIKE",
    "left",
    "right",
    (
        Pass("unique_window", "unique", KEY, window=True),
        Pass("twins_window", "twins", KEY, window=True),
        Pass("unique", "unique", KEY),
        Pass("near", "near", KEY, tolerance_fen=2),
        Pass("reversal", "reversal", KEY),
        Pass("sum", "sum", KEY),
        Pass("subset", "subset", KEY),
    ),
    "左右",
    "left–right",
)
rows = st.lists(
    st.tuples(st.sampled_from("AB"), st.sampled_from((-300, -100, 1, 100, 101, 200, 300)), st.integers(1, 9)), max_size=8
)


def side(given_rows: list[tuple[str, int, int]], first: int) -> pl.DataFrame:
    """Rows (key, amount, day) as a side of a pair, numbered from `first` on."""
    frame = pl.DataFrame(given_rows, schema={"k": pl.String, "amount_fen": pl.Int64, "nth": pl.Int64}, orient="row")
    return frame.select(
        pl.int_range(first, first + pl.len(), dtype=pl.Int64).alias("row"),
        *("k", "amount_fen"),
        (pl.lit(date(2026, 10, 1)) + pl.duration(days="nth")).alias("day"),
        pl.lit(3, pl.Int64).alias("window_days"),
        pl.lit(0, pl.UInt64).alias("partition"),
    )


def groups(*sides: pl.DataFrame) -> set[tuple[str, frozenset[int]]]:
    """The pass and the rows of every group, whatever the group is called."""
    placed = pl.concat([frame.select("row", "group", "pass") for frame in sides]).drop_nulls("group")
    found = placed.group_by("group").agg("row", pl.col("pass").first())
    return {(rung, frozenset(members)) for members, rung in found.select("row", "pass").iter_rows()}


@few
@given(rows, rows)
def test_swapped_sides_put_the_same_rows_together(left, right):
    lefts, rights = side(left, 0), side(right, 100)

    found, swapped = match(ALIKE, lefts, rights), match(ALIKE, rights, lefts)

    assert groups(found.left, found.right) == groups(swapped.left, swapped.right)
    for given_rows, out in ((lefts, found.left), (rights, found.right)):
        assert out["row"].sort().equals(given_rows["row"]) and out["amount_fen"].sum() == given_rows["amount_fen"].sum()
