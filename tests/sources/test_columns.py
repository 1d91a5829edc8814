import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.money import parse_yuan
from recon_kit.schema import FLOWS
from recon_kit.sources.columns import Cells, clean, make_columns, parse_instants, parse_money
from recon_kit.sources.layout import Rule, as_rule


def values(rule, column, **cells):
    frame = pl.DataFrame(cells, schema=dict.fromkeys(cells, pl.String))
    table = FLOWS if column in FLOWS.names else None
    assert table is not None
    made, _ = make_columns({column: Rule.model_validate(as_rule(rule))}, table, Cells(frame))
    return made.frame[f"={column}"].to_list()


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ('="3310761902812009459"', "3310761902812009459"),
        ('=""', None),
        ("`4200000925\t", "4200000925"),
        ("'3553498017448001\t", "3553498017448001"),
        ("\t", None),
        (" -", None),
        ("--", None),
        ("　茶杯　", "茶杯"),
        ("a-b", "a-b"),
        ("", None),
        (None, None),
    ],
)
def test_a_cell_loses_its_wrapping_and_a_dash_is_nothing(cell, expected):
    assert pl.DataFrame({"c": [cell]}, schema={"c": pl.String}).select(clean(pl.col("c")).alias("c"))["c"].to_list() == [expected]


@given(st.from_regex(r"[+-]?[¥￥]?[0-9,]{1,9}(\.[0-9]{0,4})?元?", fullmatch=True) | st.text(max_size=8))
def test_fast_parsing_of_amounts_is_the_strict_parser(text):
    frame = pl.DataFrame({"t": [text]}, schema={"t": pl.String})

    assert frame.select(parse_money(pl.col("t"), is_sheet=False))["t"].to_list() == [parse_yuan(text)]


@given(st.integers(-(10**11), 10**11))
def test_a_double_of_a_worksheet_is_the_amount_it_was_typed_as(fen):
    frame = pl.DataFrame({"t": [repr(fen / 100)]})

    assert frame.select(parse_money(pl.col("t"), is_sheet=True))["t"].to_list() == [fen]


def test_a_worksheet_amount_between_two_fen_is_not_rounded():
    frame = pl.DataFrame({"t": ["0.30000000000000004", "12.345", "12.3400002", "0.1249999"]})

    assert frame.select(parse_money(pl.col("t"), is_sheet=True))["t"].to_list() == [30, None, 1234, None]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-01 03:02:30", "2026-10-01 03:02:30"),
        ("2026/10/1 3:02", "2026-10-01 03:02:00"),
        ("2026/10/1 3:02:05", "2026-10-01 03:02:05"),
        ("2026-10-01", "2026-10-01 00:00:00"),
        ("2026年10月01日 00:00:00", "2026-10-01 00:00:00"),
        ("20261001", "2026-10-01 00:00:00"),
        ("2026-10-01 03:02:30.400", "2026-10-01 03:02:30"),
        ("2026-13-01", None),
        ("昨天", None),
        (None, None),
    ],
)
def test_instants_are_read_in_the_forms_exports_and_excel_write(text, expected):
    found = parse_instants(pl.Series([text], dtype=pl.String))

    assert found.dt.strftime("%Y-%m-%d %H:%M:%S").to_list() == [expected]
    assert found.dtype == pl.Datetime("us", "Asia/Shanghai")


def test_the_first_step_that_is_stated_counts_even_when_it_cannot_be_read():
    rule = ["时间", "日期"]

    found = values(rule, "at", 时间=["2026-10-01 01:00:00", None, "昨天"], 日期=["2026-01-01", "2026-01-02", "2026-01-03"])

    assert [at and f"{at:%m-%d}" for at in found] == ["10-01", "01-02", None]


def test_a_column_the_file_does_not_have_is_not_stated():
    frame = pl.DataFrame({"甲": ["1"]})
    rules = {"memo": Rule(from_="乙"), "shop": Rule(from_="甲")}

    made, headers = make_columns(rules, FLOWS, Cells(frame))

    assert headers == {"shop": "甲"}
    assert "=memo" not in made.frame.columns


@pytest.mark.parametrize(("out", "expected"), [("-5.00", -500), ("5.00", -500), ("0", 0), (None, None), ("1,005.00", -100500)])
def test_money_out_is_negative_whichever_way_the_file_signs_it(out, expected):
    assert values({"sum": ["收入?", "-|支出|?"]}, "amount_fen", 收入=[None], 支出=[out]) == [expected]


def test_a_sum_with_a_term_that_cannot_be_read_is_nothing():
    assert values({"sum": ["收入?", "-|支出|?"]}, "amount_fen", 收入=["1.00", "1.00"], 支出=["1.234", "一"]) == [None, None]


def test_direction_words_sign_an_unsigned_amount_and_leave_a_signed_one():
    rule = {"from": "金额", "negative": {"方向": "支出"}}

    assert values(rule, "amount_fen", 金额=["5", "-5", "5", "-5"], 方向=["支出", "支出", "收入", "收入"]) == [
        -500,
        -500,
        500,
        -500,
    ]


def test_a_rule_may_ask_for_the_sign_of_the_amount_and_for_columns_made_before():
    frame = pl.DataFrame({"金额": ["5", "-5"], "类": ["费", "费"]})
    rules = {
        "amount_fen": Rule(from_="金额"),
        "kind": Rule.model_validate(
            {"steps": [{"value": "fee", "when": {"类": "费", "@sign": "-"}}, {"value": "fee_return", "when": {"类": "费"}}]}
        ),
        "memo": Rule(value="退", when={"@kind": "return"}),
    }

    made, _ = make_columns(rules, FLOWS, Cells(frame))

    assert made.frame["=kind"].to_list() == ["fee_return", "fee"]
    assert made.frame["=memo"].to_list() == ["退", None]


def test_words_that_fit_no_rule_are_left_for_the_quarantine():
    rule = {"from": "状态", "words": {"success": "成功"}}

    assert values(rule, "status", 状态=["退款成功", "奇怪"]) == ["success", "奇怪"]
    assert values({**rule, "else": "processing"}, "status", 状态=["退款成功", "奇怪"]) == ["success", "processing"]
