from decimal import Decimal

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from recon_kit.errors import SchemaError
from recon_kit.money import (
    MAX_FEN,
    allocate,
    format_units,
    format_yuan,
    format_yuan_expr,
    parse_rate,
    parse_yuan,
    parse_yuan_expr,
    round_half_up,
)

fen = st.integers(1 - MAX_FEN, MAX_FEN - 1)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("29.9", 2990),
        ("1,234.50", 123450),
        ("¥12.00", 1200),
        ("￥-12", -1200),
        ("-¥12", -1200),
        ("12元", 1200),
        ("-3.00", -300),
        ("+3", 300),
        (" 5.", 500),
        ("0.60000", 60),
        ("-0.00", 0),
    ],
)
def test_an_amount_exact_to_the_fen_is_read(text, expected):
    assert parse_yuan(text) == expected


@pytest.mark.parametrize(
    "text", [None, "", " ", "-", "12.345", "1e5", "(12.00)", "NaN", "1,23.00", ",1", "--1", ".5", "1.2.3", "12,34", "9" * 16]
)
def test_what_is_not_exact_to_the_fen_is_null_and_never_rounded(text):
    assert parse_yuan(text) is None


@given(fen)
def test_writing_and_reading_an_amount_returns_it(amount):
    assert parse_yuan(format_yuan(amount)) == amount
    assert parse_yuan(format_yuan(amount, sign=True)) == amount


AMOUNT_LIKE = st.text(alphabet="0123456789.,+-¥￥元 e", max_size=12)


@example(["+-1", "-+1", "¥-1", "-¥-1", "1.", "１２", "1\n"])
@given(st.lists(st.one_of(AMOUNT_LIKE, fen.map(format_yuan), st.text(max_size=4), st.none()), min_size=1))
def test_the_column_parser_reads_what_the_scalar_parser_reads(texts):
    parsed = pl.DataFrame({"text": texts}, schema={"text": pl.String}).select(parse_yuan_expr(pl.col("text"))).to_series()

    assert parsed.dtype == pl.Int64
    assert parsed.to_list() == [parse_yuan(text) for text in texts]


@given(st.from_regex(r"[+-]?[0-9]{1,15}(\.[0-9]{0,5})?", fullmatch=True))
def test_a_plain_number_is_what_decimal_says_or_nothing_where_it_is_not_exact_to_the_fen(text):
    exact = Decimal(text) * 100

    assert parse_yuan(text) == (int(exact) if exact == int(exact) else None)


@given(st.text("0123456789.,+-¥￥元 eE()", max_size=10))
def test_what_is_read_as_an_amount_has_that_value_without_its_signs_of_currency_and_thousands(text):
    if (amount := parse_yuan(text)) is not None:
        assert Decimal(amount) == Decimal(text.translate(str.maketrans("", "", ",¥￥元 "))) * 100


def test_a_missing_amount_is_written_as_nothing():
    assert format_yuan(None) == ""
    assert format_yuan(5, sign=True) == "+0.05"
    assert format_yuan(-123456789) == "-1,234,567.89"


@given(total=fen, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_allocated_parts_sum_to_the_whole_and_each_is_within_a_fen_of_its_share(total, weights):
    parts = allocate(total, weights)

    assert sum(parts) == total
    if sum(weights):
        assert all(abs(part * sum(weights) - total * weight) < sum(weights) for part, weight in zip(parts, weights, strict=True))


@given(total=fen, weights=st.lists(st.integers(0, 10**9), min_size=1, max_size=20))
def test_allocating_the_opposite_amount_flips_every_sign(total, weights):
    assert allocate(-total, weights) == [-part for part in allocate(total, weights)]


def test_the_spare_fen_goes_to_the_larger_remainder_and_then_to_the_earlier():
    assert allocate(100, [1, 1, 1]) == [34, 33, 33]
    assert allocate(10, [1, 2]) == [3, 7]
    assert allocate(3, [0, 0]) == [2, 1]


@pytest.mark.parametrize("weights", [[], [1, -1]])
def test_nothing_is_allocated_to_no_one_or_to_less_than_nothing(weights):
    with pytest.raises(SchemaError, match="allocate"):
        allocate(100, weights)


def test_halves_are_rounded_away_from_zero():
    assert [round_half_up(Decimal(text)) for text in ("0.5", "1.5", "-0.5", "2.4999")] == [1, 2, -1, 2]


@pytest.mark.parametrize(("text", "expected"), [("0.13", "0.13"), ("13%", "0.13"), ("0", "0"), ("100%", "1")])
def test_a_rate_is_a_fraction_or_a_percentage(text, expected):
    assert parse_rate(text) == Decimal(expected)


@pytest.mark.parametrize("text", ["", "13", "-0.1", "abc", "101%", "NaN", "1e400%"])
def test_what_is_no_rate_is_refused_with_an_example(text):
    with pytest.raises(SchemaError, match=r"0\.13"):
        parse_rate(text)


@given(st.integers(0, 8), st.integers(1 - MAX_FEN, MAX_FEN - 1))
def test_an_amount_of_any_scale_is_read_back_as_it_was_written(scale, units):
    for separator in ("", ",") if abs(units) < MAX_FEN // 100 else ("",):
        text = pl.lit(format_units(units, scale, separator=separator))
        assert pl.select(parse_yuan_expr(text, scale=scale)).item() == units


@pytest.mark.parametrize(("text", "scale"), [("0.123456", 5), ("1.5", 0), ("9" * 13, 5), ("1e-5", 5)])
def test_an_amount_that_is_not_exact_at_the_scale_is_null(text, scale):
    assert pl.select(parse_yuan_expr(pl.lit(text), scale=scale)).item() is None


@given(st.lists(st.none() | fen, min_size=1))
def test_a_column_is_written_as_its_amounts_are_without_separators(amounts):
    written = pl.DataFrame({"fen": amounts}, schema={"fen": pl.Int64}).select(format_yuan_expr(pl.col("fen"))).to_series()

    assert written.to_list() == [None if amount is None else format_units(amount, 2, separator="") for amount in amounts]
