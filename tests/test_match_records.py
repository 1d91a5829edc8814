"""Ad-hoc match: any two tables, every row one outcome, and what each option means."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_kit.adhoc import Records, match_records
from recon_kit.adhoc.page import render_records, write_records
from recon_kit.errors import ConfigError, SourceError

some = settings(max_examples=settings().max_examples // 4)


def table(*rows: tuple[Any, ...]) -> pl.DataFrame:
    """Rows (key, amount[, day of October]) as text, as a file holds them."""
    full = [(key, amount, f"2026-10-{(rest or (1,))[0]:02}") for key, amount, *rest in rows]
    return pl.DataFrame(full, schema={"id": pl.String, "amount": pl.String, "day": pl.String}, orient="row")


def run(left: pl.DataFrame, right: pl.DataFrame, **options: Any) -> Records:
    return match_records(left, right, **{"on": "id", "amount": "amount", **options})


def outcome(records: Records) -> dict[str, list[str]]:
    """Verdict or reason → side and row of each row that has it, `L1` first."""
    matched = records.matches.select("verdict", "side", "row").iter_rows()
    lone = records.unmatched.select("reason", "side", "row").iter_rows()
    aside = (
        (f"quarantine {reason}", side, row) for reason, side, row in records.quarantine.select("reason", "side", "row").rows()
    )
    found: dict[str, list[str]] = {}
    for what, side, row in (*matched, *lone, *aside):
        found.setdefault(what, []).append(f"{side[0].upper()}{row}")
    return {what: sorted(rows) for what, rows in found.items()}


def test_equal_key_and_amount_match_and_all_matched_is_exit_code_0():
    found = run(table(("A", "10.00"), ("B", "-3")), table(("B", "-3.00"), ("A", "10")))

    assert outcome(found) == {"matched": ["L1", "L2", "R1", "R2"]} and found.exit_code == 0


def test_a_gap_equal_to_the_tolerance_is_in_tolerance_and_one_unit_more_is_another_amount():
    found = run(table(("A", "10.00"), ("B", "10.00")), table(("A", "10.01"), ("B", "10.02")))

    assert outcome(found) == {"in_tolerance": ["L1", "R1"], "amount_differs": ["L2", "R2"]} and found.exit_code == 1
    assert found.unmatched.select("group_id", "gap_units").unique().rows() == [(2, 2)]


def test_a_row_the_other_side_lacks_has_no_counterpart_and_a_surplus_one_is_repeated():
    assert outcome(run(table(("A", "1"), ("A", "1"), ("B", "2")), table(("A", "1")))) == {
        "matched": ["L1", "R1"],
        "repeated": ["L2"],
        "no_counterpart": ["L3"],
    }


def test_duplicates_pair_kth_with_kth_in_time():
    left, right = table(("A", "5", 3), ("A", "5", 1)), table(("A", "5", 2), ("A", "5", 4))

    matches = run(left, right, date="day", window_days=2).matches

    assert matches.group_by("group_id").agg(pl.col("row").sort_by("side")).sort("group_id")["row"].to_list() == [[1, 2], [2, 1]]


def test_a_counterpart_outside_the_window_is_outside_window_and_not_missing():
    left, right = table(("A", "5", 1), ("B", "6", 1), ("C", "7", 1)), table(("A", "5", 4), ("B", "6", 5))

    assert outcome(run(left, right, date="day", window_days=3)) == {
        "matched": ["L1", "R1"],
        "outside_window": ["L2", "R2"],
        "no_counterpart": ["L3"],
    }


def test_a_line_and_its_reversal_on_one_side_cancel_as_a_pair_and_the_rest_still_matches():
    found = run(table(("A", "5"), ("A", "-5"), ("A", "5")), table(("A", "5")))

    assert outcome(found) == {"matched": ["L1", "R1"], "reversed": ["L2", "L3"]} and found.exit_code == 0


def test_what_could_be_placed_in_two_ways_is_ambiguous():
    assert outcome(run(table(("A", "5"), ("A", "7")), table(("A", "9"), ("A", "1")))) == {"ambiguous": ["L1", "L2", "R1", "R2"]}


def test_a_row_without_a_key_says_so():
    assert outcome(run(table((None, "5"), ("", "5")), table(("A", "5")))) == {"no_key": ["L1", "L2"], "no_counterpart": ["R1"]}


def test_group_compares_the_sum_of_a_key_with_the_sum_of_the_key():
    left = table(("A", "5"), ("A", "7"), ("B", "1"), ("C", "3"), ("C", "-3"))

    assert outcome(run(left, table(("A", "12"), ("B", "3")), group=True)) == {
        "matched": ["L1", "L2", "R1"],
        "reversed": ["L4", "L5"],
        "amount_differs": ["L3", "R2"],
    }


def test_rows_of_a_key_far_from_the_other_side_take_no_part_in_its_sum():
    left, right = table(("A", "5", 1), ("A", "7", 2)), table(("A", "12", 2), ("A", "9", 20))

    assert outcome(run(left, right, group=True, date="day", window_days=3)) == {
        "matched": ["L1", "L2", "R1"],
        "outside_window": ["R2"],
    }


def test_subset_matches_one_row_with_the_only_rows_that_sum_to_it():
    left, right = table(("A", "10"), ("B", "10")), table(("A", "6"), ("A", "4"), ("B", "5"), ("B", "5"), ("B", "5"))

    assert outcome(run(left, right)) == {"ambiguous": ["L1", "L2", "R1", "R2", "R3", "R4", "R5"]}
    assert outcome(run(left, right, subset=True)) == {"matched": ["L1", "R1", "R2"], "ambiguous": ["L2", "R3", "R4", "R5"]}


def test_within_tries_by_amount_what_the_key_left_open_and_crosses_none_of_its_columns():
    left = pl.DataFrame({"id": ["A", None, None, None], "shop": ["x", "x", "x", "y"], "amount": ["1", "2", "3", "2"]})
    right = pl.DataFrame({"id": ["A", "Q", "R", "S"], "shop": ["x", "x", "x", "x"], "amount": ["1", "2", "3", "3"]})

    found = match_records(left, right, on="id", within="shop", amount="amount")

    assert outcome(found) == {
        "matched": ["L1", "L2", "L3", "R1", "R2", "R3"],
        "no_counterpart": ["R4"],
        "no_key": ["L4"],
    }


def test_a_used_row_may_be_used_again_when_asked():
    found = run(table(("A", "5"), ("A", "5")), table(("A", "5")), unique_use=False)

    assert outcome(found) == {"matched": ["L1", "R1"], "reused": ["L2"]} and found.exit_code == 0


def test_amounts_of_five_decimals_are_kept_and_what_is_not_exact_is_set_aside():
    found = run(table(("A", "0.12345"), ("B", "0.000001"), ("C", "")), table(("A", "0.12344")), scale=5, tolerance="0.00001")

    assert outcome(found) == {"in_tolerance": ["L1", "R1"], "quarantine not_exact": ["L2"], "quarantine no_amount": ["L3"]}
    assert found.summary["left"]["amount"] == "0.12345" and found.exit_code == 1


def test_doubles_and_fen_columns_mean_the_same_yuan_as_text():
    left = pl.DataFrame({"id": ["A", "B"], "amount_fen": [30, 123]})
    right = pl.DataFrame({"id": ["A", "B"], "yuan": [0.1 + 0.2, 1.23]})

    assert match_records(left, right, on="id", amount="amount_fen=yuan").exit_code == 0


def test_a_side_of_the_other_sign_is_turned():
    assert run(table(("A", "5")), table(("A", "-5")), opposite=True).exit_code == 0


def test_an_unreadable_date_and_a_damaged_id_are_set_aside():
    left = pl.DataFrame({"id": ["3.31E+18", "B"], "amount": ["1", "2"], "day": ["2026-10-01", "soon"]})

    assert outcome(run(left, table(("B", "2")), date="day")) == {
        "no_counterpart": ["R1"],
        "quarantine damaged_id": ["L1"],
        "quarantine no_date": ["L2"],
    }


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"on": ""}, "nothing is matched by amount alone"),
        ({"window_days": 3}, "--window-days"),
        ({"tolerance": "0.001"}, "--tolerance"),
        ({"tolerance": "-1"}, "--tolerance"),
        ({"scale": 9}, "--scale"),
        ({"group": True, "subset": True}, "--group"),
        ({"left_on": "id", "right_on": "id"}, "--left-on"),
        ({"on": "", "left_on": "id", "right_on": "id,amount"}, "--left-on"),
    ],
)
def test_options_that_do_not_go_together_are_refused_by_name(options, says):
    with pytest.raises(ConfigError, match=says):
        run(table(("A", "1")), table(("A", "1")), **options)


def test_a_missing_column_is_named_with_those_that_are_there():
    with pytest.raises(SourceError, match="column nr is missing; found: id, amount, day"):
        run(table(("A", "1")), table(("A", "1")), on="nr")


def test_gb18030_a_preamble_and_quirks_are_read_and_rows_keep_their_lines(tmp_path):
    left, right = tmp_path / "账单.csv", tmp_path / "ledger.csv"
    left.write_bytes('#对账单\n#起始\n订单号,金额\n\t1001,"1,234.50"\n="1002",￥7\n\n合计,,\n'.encode("gb18030"))
    right.write_text("id;sum\n1001;1234.5\n1002;7.00\n", encoding="utf-8-sig")

    found = match_records(left, right, on="订单号=id", amount="金额=sum")

    assert outcome(found) == {"matched": ["L4", "L5", "R2", "R3"], "quarantine no_amount": ["L7"]}
    assert set(found.matches["file"]) == {"账单.csv", "ledger.csv"}


def test_personal_columns_are_masked_by_their_name_and_text_is_scrubbed():
    left = pl.DataFrame({"买家昵称": ["张三丰"], "amount": ["1"], "备注": ["电话 13812345678"]})
    right = pl.DataFrame({"买家昵称": ["李四"], "amount": ["2"]})

    found = match_records(left, right, on="买家昵称", amount="amount", show="备注")

    assert found.unmatched["key"].to_list() == ["张**", "李**"]
    assert found.unmatched["备注"].to_list() == ["电话 ***", None]


def test_the_files_hold_decimals_the_parquet_units_and_a_formula_does_not_run(tmp_path):
    found = run(table(("A", "5"), ("=1+1", "-0.05")), table(("A", "5")))

    door = write_records(found, tmp_path / "out", "en")

    assert door.is_file() and json.loads((tmp_path / "out/summary.json").read_text("utf-8")) == found.summary
    lines = (tmp_path / "out/unmatched.csv").read_text("utf-8-sig").splitlines()
    assert lines[1].split(",")[4:7] == ["'=1+1", "2026-10-01" if lines[1].split(",")[5] else "", "-0.05"]
    assert pl.read_parquet(tmp_path / "out/unmatched.parquet")["amount_units"].to_list() == [-5]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_says_every_outcome_and_escapes_what_a_file_says(language):
    left = table(("<script>1</script>", "5"), ("A", "7"), ("B", "x"), ("C", "1", 1))

    page = render_records(run(left, table(("A", "9"), ("C", "1", 20)), date="day", window_days=1), language)

    assert "<script>1" not in page and "&lt;script&gt;1" in page
    assert all(f'id="{name}"' in page for name in ("control", "amount-differs", "no-counterpart", "outside-window", "quarantine"))


@pytest.mark.parametrize(("language", "says"), [("zh", "其余 51 行见 unmatched.csv"), ("en", "51 more stand in unmatched.csv")])
def test_a_long_list_is_cut_on_the_page_and_says_where_the_rest_is(language, says):
    left = table(*((f"A{n}", f"{n}.00") for n in range(250)))

    page = render_records(run(left, table(("B", "1"))), language)

    assert says in page


keys = st.sampled_from(["A", "B", "C", None])
sides = st.lists(st.tuples(keys, st.integers(-900, 900).map(lambda fen: f"{fen / 100:.2f}"), st.integers(1, 9)), max_size=9)
choices = st.fixed_dictionaries(
    {},
    optional={
        "subset": st.just(value=True),
        "unique_use": st.booleans(),
        "tolerance": st.sampled_from(["0", "0.01", "3.00"]),
        "date": st.just("day"),
    },
)


@some
@given(sides, sides, choices, st.booleans())
def test_every_row_has_one_outcome_sums_are_conserved_and_matches_tie(left, right, options, is_group):
    options = {"tolerance": options.get("tolerance", "0.01"), "group": True} if is_group else options
    found = run(table(*left), table(*right), **options)

    for name, given_rows in (("left", left), ("right", right)):
        frames = [frame.filter(pl.col("side") == name) for frame in (found.matches, found.unmatched)]
        assert Counter(row for frame in frames for row in frame["row"]) == Counter(range(1, len(given_rows) + 1))
        assert sum(int(frame["amount_units"].sum()) for frame in frames) == sum(
            round(float(amount) * 100) for _, amount, _ in given_rows
        )
    limit = found.summary["asked"]["tolerance"]
    assert (found.matches.filter(~(pl.col("verdict") == "reused").any().over("group_id"))["gap_units"].abs() <= limit).all()
    assert found.exit_code == (found.unmatched.height > 0)


@some
@given(sides, sides, st.integers(0, 9))
def test_swapped_sides_and_shuffled_rows_change_no_outcome(left, right, seed):
    options = {"date": "day", "window_days": 3, "subset": True}
    lefts, rights = table(*left), table(*right)

    def sizes(records: Records, mine: str) -> dict[str, int]:
        side = pl.col("side") == mine
        frames = (records.matches.filter(side)["verdict"], records.unmatched.filter(side)["reason"])
        return dict(Counter(what for frame in frames for what in frame))

    found, swapped = run(lefts, rights, **options), run(rights, lefts, **options)
    shuffled = run(lefts.sample(fraction=1, shuffle=True, seed=seed), rights, **options)

    assert sizes(found, "left") == sizes(swapped, "right") == sizes(shuffled, "left")
