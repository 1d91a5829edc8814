"""The passes that look at several rows of few: by subset-sum, within a tolerance, and a line with its reversal."""

from __future__ import annotations

import itertools
from datetime import date
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_kit.matching import Matched, match
from recon_kit.pairs import Pair, Pass
from recon_kit.subsets import MAX_CANDIDATES, unique_subsets

SCHEMA = {"row": pl.Int64, "order": pl.String, "amount_fen": pl.Int64, "day": pl.Date}
some = settings(max_examples=settings().max_examples // 4)


def rows(*listed: tuple[str, int] | tuple[str, int, int]) -> pl.DataFrame:
    """Rows numbered from 1: (order, amount[, day of October])."""
    full = [(n, order, amount, date(2026, 10, *(rest or [1]))) for n, (order, amount, *rest) in enumerate(listed, 1)]
    frame = pl.DataFrame(full, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.lit(3).alias("window_days"), pl.col("order").hash().alias("partition"))


def run(left: pl.DataFrame, right: pl.DataFrame, *hows: Any, window: bool = False, tolerance: int = 0) -> Matched:
    ladder = tuple(Pass(how, how, (("order", "order"),), window, tolerance) for how in hows)
    return match(Pair("T", "left", "right", ladder, "", ""), left, right)


def groups(found: Matched) -> list[tuple[list[int], list[int]]]:
    """Left and right rows of every group."""
    sides = [side.drop_nulls("group").group_by("group").agg(pl.col("row").sort()) for side in (found.left, found.right)]
    left, right = (dict(side.iter_rows()) for side in sides)
    return sorted((left.get(group, []), right.get(group, [])) for group in {*left, *right})


def test_a_subset_is_matched_when_only_these_rows_sum_to_the_one():
    assert groups(run(rows(("A", 100)), rows(("A", 60), ("A", 40), ("A", 30)), "subset")) == [([1], [1, 2])]
    assert groups(run(rows(("A", 60), ("A", 30), ("A", 40)), rows(("A", 100)), "subset")) == [([1, 3], [1])]


def test_two_subsets_that_sum_to_it_match_nothing():
    assert groups(run(rows(("A", 100)), rows(("A", 50), ("A", 50), ("A", 50)), "subset")) == []
    assert groups(run(rows(("A", 100)), rows(("A", 100), ("A", 60), ("A", 40)), "subset")) == []


def test_two_rows_that_could_use_the_same_one_both_stay_open():
    assert groups(run(rows(("A", 100), ("A", 90)), rows(("A", 60), ("A", 40), ("A", 30)), "subset")) == []
    assert groups(run(rows(("A", 100), ("A", 7)), rows(("A", 60), ("A", 40), ("A", 3), ("A", 4)), "subset")) == [
        ([1], [1, 2]),
        ([2], [3, 4]),
    ]


def test_a_subset_never_crosses_keys_or_the_window():
    assert groups(run(rows(("A", 100)), rows(("A", 60), ("B", 40)), "subset")) == []
    assert groups(run(rows(("A", 100, 1)), rows(("A", 60, 2), ("A", 40, 9)), "subset", window=True)) == []
    assert groups(run(rows(("A", 100, 1)), rows(("A", 60, 2), ("A", 40, 4), ("A", 40, 9)), "subset", window=True)) == [
        ([1], [1, 2])
    ]


def test_negative_lines_take_part_in_a_subset():
    assert groups(run(rows(("A", 70)), rows(("A", 100), ("A", -30), ("A", 9)), "subset")) == [([1], [1, 2])]


def test_more_than_twelve_candidates_are_not_tried():
    powers = [("A", 2**n) for n in range(MAX_CANDIDATES)]

    assert groups(run(rows(("A", 3)), rows(*powers), "subset")) == [([1], [1, 2])]
    assert groups(run(rows(("A", 3)), rows(*powers, ("A", 99_999)), "subset")) == []


def test_a_hundred_thousand_equal_rows_of_one_key_do_not_explode_in_any_pass():
    left = pl.concat([rows(("A", 100))] * 100_000).with_columns(row=pl.int_range(100_000))

    found = run(left, left.head(99_999), "twins", "near", "reversal", "subset", tolerance=1)

    assert found.left["group"].null_count() == 1 and found.right["group"].null_count() == 0


def test_near_pairs_amounts_within_the_tolerance_when_each_has_only_the_other():
    left, right = rows(("A", 1000), ("A", 2000), ("B", 500)), rows(("A", 1001), ("A", 1998), ("B", 501), ("B", 499))

    assert groups(run(left, right, "near", tolerance=1)) == [([1], [1])]
    assert groups(run(left, right, "near", tolerance=2)) == [([1], [1]), ([2], [2])]


@pytest.mark.parametrize("gap", [-3, -2, 2, 3])
@pytest.mark.parametrize("amount", [-2, -1, 0, 1, 2, 100])
def test_a_gap_equal_to_the_tolerance_is_near_and_one_fen_more_is_not(amount, gap):
    assert len(groups(run(rows(("A", amount)), rows(("A", amount + gap)), "near", tolerance=2))) == (abs(gap) == 2)


def test_a_line_and_its_reversal_on_one_side_are_a_pair_and_a_third_stays():
    found = run(rows(("A", 100, 1), ("A", -100, 2), ("A", 100, 3)), rows(("B", 5)), "reversal")

    assert groups(found) == [([1, 2], [])]
    assert groups(run(rows(("B", 5)), rows(("A", -7), ("A", 7)), "reversal")) == [([], [1, 2])]
    assert groups(run(rows(("A", 7)), rows(("B", -7)), "reversal")) == []
    assert groups(run(rows(("A", 7)).clear(), rows(("A", -7), ("A", 7)), "reversal")) == [([], [1, 2])]


few = st.lists(st.integers(-9, 9).filter(bool), min_size=1, max_size=7)


@some
@given(st.integers(-20, 20).filter(bool), few)
def test_a_subset_is_found_exactly_when_trying_all_of_them_finds_one(total, values):
    listed = pl.DataFrame({"target": 1, "total_fen": total, "member": range(len(values)), "value_fen": values})

    found = unique_subsets(listed)["member"].to_list()

    ways = [
        [*way]
        for n in range(1, len(values) + 1)
        for way in itertools.combinations(range(len(values)), n)
        if sum(values[i] for i in way) == total
    ]
    assert found == (ways[0] if len(ways) == 1 and len(ways[0]) > 1 else [])


@some
@given(*[st.lists(st.tuples(st.sampled_from("AB"), st.integers(-9, 9), st.integers(1, 9)), max_size=8)] * 2)
def test_swapping_the_sides_swaps_the_groups_and_groups_tie(left, right):
    lefts, rights = rows(*left), rows(*right)
    hows = ("unique", "near", "subset", "reversal")

    found, swapped = (groups(run(a, b, *hows, window=True, tolerance=1)) for a, b in ((lefts, rights), (rights, lefts)))

    assert found == sorted((b, a) for a, b in swapped)
    for mine, others in found:
        gap = sum(right[row - 1][1] for row in others) - sum(left[row - 1][1] for row in mine)
        assert abs(gap) <= 1
