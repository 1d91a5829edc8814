"""compare(before, after): each key that differs, once, with what differs."""

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.compare import compare
from recon_kit.errors import MatchError


def rows(**fens: int | None) -> pl.DataFrame:
    return pl.DataFrame({"id": list(fens), "fen": list(fens.values())}, schema={"id": pl.String, "fen": pl.Int64})


def told(found: pl.DataFrame) -> list[tuple[str, str, list[str]]]:
    return list(found.select("id", "change", "columns").iter_rows())


def test_what_came_what_went_and_what_changed_are_told_apart():
    found = compare(rows(a=1, b=2, c=3), rows(b=2, c=4, d=5), key=["id"])

    assert told(found) == [("a", "removed", []), ("c", "changed", ["fen"]), ("d", "added", [])]
    assert [row and row["fen"] for row in found["before"]] == [1, 3, None]
    assert [row and row["fen"] for row in found["after"]] == [None, 4, 5]


def test_equal_frames_differ_in_nothing_whatever_the_order_of_rows():
    assert compare(rows(a=1, b=None), rows(b=None, a=1), key=["id"]).is_empty()


def test_what_was_empty_and_is_now_stated_is_a_change_unless_it_is_to_be_ignored():
    before, after = rows(a=None, b=1), rows(a=1, b=None)

    assert told(compare(before, after, key=["id"])) == [("a", "changed", ["fen"]), ("b", "changed", ["fen"])]
    assert told(compare(before, after, key=["id"], ignore_filled=True)) == [("b", "changed", ["fen"])]


def test_only_the_columns_asked_for_are_compared():
    before, after = rows(a=1).with_columns(memo=pl.lit("x")), rows(a=2).with_columns(memo=pl.lit("x"))

    assert compare(before, after, key=["id"], columns=["memo"]).is_empty()
    assert told(compare(before, after.drop("memo"), key=["id"], columns=[])) == []


def test_a_key_that_stands_twice_pairs_first_with_first_and_the_rest_is_added():
    before = pl.concat([rows(a=1), rows(a=2)])

    assert told(compare(before, pl.concat([before, rows(a=3)]), key=["id"])) == [("a", "added", [])]


def test_a_key_that_is_null_is_a_key():
    before = pl.DataFrame({"id": [None], "fen": [1]}, schema={"id": pl.String, "fen": pl.Int64})

    assert told(compare(before, before.with_columns(fen=pl.lit(2, pl.Int64)), key=["id"])) == [(None, "changed", ["fen"])]


def test_a_column_of_another_type_is_refused():
    with pytest.raises(MatchError, match="column fen is Int64 before and String after"):
        compare(rows(a=1), rows(a=1).cast({"fen": pl.String}), key=["id"])


FRAMES = st.dictionaries(st.sampled_from("abcdef"), st.none() | st.integers(0, 2))


@given(FRAMES, FRAMES)
def test_applied_to_what_was_the_differences_give_what_is(before, after):
    found = compare(rows(**before), rows(**after), key=["id"])

    result = dict(before)
    for row in found.iter_rows(named=True):
        result.pop(row["id"], None)
        if row["after"] is not None:
            result[row["id"]] = row["after"]["fen"]
    assert result == after
    turned = {"added": "removed", "removed": "added", "changed": "changed"}
    back = compare(rows(**after), rows(**before), key=["id"])
    assert [(i, turned[change]) for i, change, _ in told(back)] == [(i, change) for i, change, _ in told(found)]
