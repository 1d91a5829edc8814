"""The matching passes one by one, the ladders they form, and what holds of every match: each row once, never by amount alone."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_kit.errors import MatchError
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS, Pair, Pass

some = settings(max_examples=settings().max_examples // 4)
SCHEMA = {"row": pl.Int64, "amount_fen": pl.Int64, "day": pl.Date, "order": pl.String, "case": pl.String}
Rows = dict[int, tuple[str | None, int, int]]


def side(rows: Rows, *, cases: dict[int, str] | None = None) -> pl.DataFrame:
    """Rows `number: (order, amount, day of October)`; `cases` gives some of them a case."""
    listed = [(row, amount, date(2026, 10, day), order, (cases or {}).get(row)) for row, (order, amount, day) in rows.items()]
    frame = pl.DataFrame(listed, schema=SCHEMA, orient="row")
    return frame.with_columns(pl.lit(3).alias("window_days"), pl.coalesce("order", "case").hash().alias("partition"))


def ladder(*passes: Pass) -> Pair:
    return Pair("T", "left", "right", passes, "", "")


def on(how: Any, *, window: bool = False, key: str = "order", name: str = "") -> Pass:
    return Pass(name or how, how, ((key, key),), window)


def pairs(matched: Matched) -> dict[int, list[int]]:
    """Left row → right rows of its group; a group of several lefts stands under its first."""
    rights: dict[int, list[int]] = {}
    for row, group in matched.right.select("row", "group").drop_nulls().sort("row").iter_rows():
        rights.setdefault(group, []).append(row)
    return rights


def lone(matched: Matched, which: str) -> dict[int, str]:
    frame = getattr(matched, which)
    return dict(frame.filter(pl.col("group").is_null()).select("row", "reason").iter_rows())


def test_key_puts_all_rows_of_a_key_in_one_group_whatever_the_amounts():
    found = match(
        ladder(on("key")), side({1: ("A", 100, 1), 2: ("B", 50, 1)}), side({1: ("A", 60, 1), 2: ("A", 70, 9), 3: ("C", 50, 1)})
    )

    assert pairs(found) == {1: [1, 2]}
    assert lone(found, "left") == {2: "no_counterpart"} and lone(found, "right") == {3: "no_counterpart"}


def test_a_row_without_a_key_matches_nothing_not_even_another_one_without():
    found = match(ladder(on("key"), on("unique"), on("rest")), side({1: (None, 100, 1)}), side({1: (None, 100, 1)}))

    assert pairs(found) == {}


def test_unique_needs_one_candidate_on_each_side():
    left = side({1: ("A", 100, 1), 2: ("B", 100, 1), 3: ("B", 100, 1), 4: ("C", 100, 1)})
    right = side({1: ("A", 100, 1), 2: ("B", 100, 1), 3: ("C", 100, 1), 4: ("C", 100, 1), 5: ("D", 100, 1)})

    found = match(ladder(on("unique")), left, right)

    assert pairs(found) == {1: [1]}
    assert lone(found, "left") == {2: "ambiguous", 3: "ambiguous", 4: "ambiguous"}
    assert lone(found, "right") == {2: "ambiguous", 3: "ambiguous", 4: "ambiguous", 5: "no_counterpart"}


def test_an_equal_amount_on_another_order_is_no_candidate():
    found = match(PAIRS["M3"], _m3({1: ("A", 100, 1)}), _m3({1: ("B", 100, 1)}))

    assert pairs(found) == {}


@pytest.mark.parametrize(("day", "is_match"), [(7, True), (10, True), (13, True), (6, False), (14, False)])
def test_a_window_reaches_its_days_on_both_sides_and_no_further(day, is_match):
    found = match(ladder(on("unique", window=True)), side({1: ("A", 100, 10)}), side({1: ("A", 100, day)}))

    assert pairs(found) == ({1: [1]} if is_match else {})


def test_a_window_tells_two_equal_refunds_of_an_order_apart():
    found = match(
        ladder(on("unique", window=True)),
        side({1: ("A", 100, 1), 2: ("A", 100, 20)}),
        side({1: ("A", 100, 21), 2: ("A", 100, 2)}),
    )

    assert pairs(found) == {1: [2], 2: [1]}


def test_twins_pair_kth_with_kth_in_time():
    left = side({1: ("A", 100, 5), 2: ("A", 100, 3), 3: ("A", 100, 4)})
    right = side({1: ("A", 100, 9), 2: ("A", 100, 8), 3: ("B", 100, 1)})

    found = match(ladder(on("twins")), left, right)

    assert pairs(found) == {2: [2], 3: [1]}
    assert lone(found, "left") == {1: "no_counterpart"}


def test_a_hundred_thousand_equal_rows_do_not_explode():
    n = 100_000
    day = date(2026, 10, 1)
    rows = pl.DataFrame({"row": range(n)}).select(
        pl.col("row").cast(pl.Int64),
        pl.lit(100, pl.Int64).alias("amount_fen"),
        pl.lit(day).alias("day"),
        pl.lit("A").alias("order"),
        pl.lit(3).alias("window_days"),
        pl.lit(0, pl.UInt64).alias("partition"),
    )

    found = match(ladder(on("unique"), on("twins")), rows, rows)

    assert found.left["group"].null_count() == 0 and (found.right["row"] == found.right["group"]).all()


def test_sum_matches_one_row_with_the_several_that_sum_to_it_on_either_side():
    left = side({1: ("A", 100, 1), 2: ("B", 60, 1), 3: ("B", 40, 1), 4: ("C", 99, 1), 5: ("D", 50, 1), 6: ("D", 50, 1)})
    right = side(
        {1: ("A", 30, 1), 2: ("A", 70, 1), 3: ("B", 100, 1), 4: ("C", 50, 1), 5: ("C", 50, 1), 6: ("D", 40, 1), 7: ("D", 60, 1)}
    )

    found = match(ladder(on("sum")), left, right)

    assert pairs(found) == {1: [1, 2], 2: [3]}
    assert dict(found.left.select("row", "group").iter_rows()) == {1: 1, 2: 2, 3: 2, 4: None, 5: None, 6: None}


def test_rest_gives_the_only_open_left_of_a_key_what_is_open_whatever_the_amount():
    left = side({1: ("A", 100, 1), 2: ("B", 100, 1), 3: ("B", 90, 1)})
    right = side({1: ("A", 30, 1), 2: ("A", 80, 9), 3: ("B", 55, 1)})

    found = match(ladder(on("rest")), left, right)

    assert pairs(found) == {1: [1, 2]}
    assert lone(found, "right") == {3: "ambiguous"}


def test_sole_lets_a_used_left_take_more_only_when_its_key_has_no_other():
    left = side({1: ("A", 100, 1), 2: ("B", 100, 1), 3: ("B", 90, 1)})
    right = side({1: ("A", 100, 1), 2: ("A", 30, 2), 3: ("B", 100, 1), 4: ("B", 30, 2)})

    found = match(ladder(on("unique"), on("sole")), left, right)

    assert pairs(found) == {1: [1, 2], 2: [3]}
    assert lone(found, "right") == {4: "ambiguous"}


def test_alike_joins_the_only_left_of_that_amount_used_or_not():
    left = side({1: ("A", 100, 1), 2: ("A", 90, 1), 3: ("B", 50, 1), 4: ("B", 50, 1)})
    right = side({1: ("A", 100, 1), 2: ("A", 100, 5), 3: ("A", 90, 5), 4: ("B", 50, 1)})

    found = match(ladder(on("unique"), on("alike")), left, right)

    assert pairs(found) == {1: [1, 2], 2: [3]}


def test_a_stronger_pass_goes_first_and_each_match_carries_the_name_of_its_pass():
    left = side({1: ("A", 100, 1), 2: ("A", 100, 1)}, cases={2: "C2"})
    right = side({1: ("A", 100, 1), 2: ("A", 100, 1)}, cases={1: "C2"})

    found = match(ladder(on("key", key="case", name="case_id"), on("unique", name="order_amount")), left, right)

    assert pairs(found) == {1: [2], 2: [1]}
    assert dict(found.right.select("row", "pass").iter_rows()) == {1: "case_id", 2: "order_amount"}


def test_a_key_pass_may_join_a_group_that_an_earlier_pass_made():
    left = side({1: ("A", 100, 1)}, cases={1: "C1"})
    right = side({1: ("A", 100, 1), 2: ("A", 20, 1)}, cases={2: "C1"})

    found = match(ladder(on("unique"), on("key", key="case")), left, right)

    assert pairs(found) == {1: [1, 2]}


def test_an_empty_side_leaves_the_other_unmatched():
    rows, none = side({1: ("A", 100, 1)}), side({})

    assert lone(match(ladder(on("key")), rows, none), "left") == {1: "no_counterpart"}
    assert lone(match(ladder(on("key")), none, rows), "right") == {1: "no_counterpart"}


def test_a_frame_without_a_column_of_the_ladder_is_refused():
    with pytest.raises(MatchError, match=r"left side.*window_days"):
        match(ladder(on("unique", window=True)), side({}).drop("window_days"), side({}))
    with pytest.raises(MatchError, match=r"right side.*partition"):
        match(ladder(on("key")), side({}), side({}).drop("partition"))


def test_every_pair_of_the_matrix_names_its_passes_once():
    for pair in PAIRS.values():
        names = [rung.name for rung in pair.ladder]
        assert len(set(names)) == len(names)
        assert all(rung.on for rung in pair.ladder), "a pass without a key would match by amount alone"


def _m3(rows: Rows, cases: dict[int, str] | None = None) -> pl.DataFrame:
    """A side with every column that any ladder of the matrix names."""
    frame = side(rows, cases=cases)
    wanted = {name for pair in PAIRS.values() for rung in pair.ladder for on in rung.on for name in on} - set(frame.columns)
    nothing = [pl.lit(None, pl.String).alias(name) for name in sorted(wanted) if "case" not in name]
    return frame.with_columns(*nothing, *(pl.col("case").alias(name) for name in sorted(wanted) if "case" in name))


row = st.tuples(st.sampled_from(("A", "B", "C", "D", None)), st.sampled_from((10, 20, 30, 100)), st.integers(1, 28))
rows = st.lists(row, max_size=12).map(lambda found: dict(enumerate(found, 1)))
case_of = st.dictionaries(st.integers(1, 12), st.sampled_from(("c1", "c2", "c3")), max_size=4)


def _within_orders(given: Rows, cases: dict[int, str]) -> dict[int, str]:
    """A case belongs to one order: its name carries the order's, so that no key crosses a partition."""
    return {number: f"{given[number][0]}-{name}" for number, name in cases.items() if number in given and given[number][0]}


@some
@given(rows, rows, case_of, case_of)
def test_each_row_comes_out_once_and_amounts_are_conserved(left, right, left_cases, right_cases):
    lefts, rights = _m3(left, _within_orders(left, left_cases)), _m3(right, _within_orders(right, right_cases))

    found = match(PAIRS["M3"], lefts, rights)

    for given_rows, out in ((lefts, found.left), (rights, found.right)):
        assert out["row"].to_list() == given_rows["row"].to_list() and out["amount_fen"].sum() == given_rows["amount_fen"].sum()
        assert (out["group"].is_null() == out["pass"].is_null()).all() and (
            out["group"].is_null() == out["reason"].is_not_null()
        ).all()
    assert set(found.left["group"].drop_nulls()) == set(found.right["group"].drop_nulls())


@some
@given(rows, rows, case_of, case_of)
def test_three_or_eight_partitions_give_the_rows_of_one(left, right, left_cases, right_cases):
    lefts, rights = _m3(left, _within_orders(left, left_cases)), _m3(right, _within_orders(right, right_cases))

    one, three, eight = (match(PAIRS["M3"], lefts, rights, partitions=n) for n in (1, 3, 8))

    for other in (three, eight):
        assert one.left.equals(other.left)
        assert one.right.equals(other.right)


@some
@given(rows, rows, st.integers(0, 9))
def test_the_order_of_rows_does_not_matter(left, right, seed):
    lefts, rights = _m3(left), _m3(right)

    found = match(PAIRS["M3"], lefts, rights)
    shuffled = match(
        PAIRS["M3"], lefts.sample(fraction=1, shuffle=True, seed=seed), rights.sample(fraction=1, shuffle=True, seed=seed)
    )

    assert found.left.equals(shuffled.left.sort("row")) and found.right.equals(shuffled.right.sort("row"))


@some
@given(rows, rows)
def test_one_to_one_passes_are_symmetric(left, right):
    """Swapping the sides of passes that know no sides swaps the pairs."""
    lefts, rights = side(left), side(right)
    passes = ladder(on("unique", window=True), on("unique"))

    def found(a: pl.DataFrame, b: pl.DataFrame) -> set[tuple[int, int]]:
        matched = match(passes, a, b)
        return set(matched.right.drop_nulls("group").select("group", "row").iter_rows())

    assert found(lefts, rights) == {(a, b) for b, a in found(rights, lefts)}


@some
@given(rows, rows, st.integers(0, 400))
def test_moving_both_sides_in_time_changes_nothing(left, right, days):
    lefts, rights = _m3(left), _m3(right)
    later = pl.col("day") + timedelta(days=days)

    found, moved = match(PAIRS["M3"], lefts, rights), match(PAIRS["M3"], lefts.with_columns(later), rights.with_columns(later))

    assert found.right["group"].equals(moved.right["group"])
