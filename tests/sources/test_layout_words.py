"""What a layout may say, each on the smallest file that shows it."""

from __future__ import annotations

import polars as pl
import pytest

from recon_kit.collect import Collected, collect
from recon_kit.errors import ConfigError
from recon_kit.sources.columns import YEAR_UNKNOWN
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.own import Own

HEAD = 'confidence = "C"\nlabel = { zh = "试", en = "test" }\n'
ORDERS = """
name = "my_orders"
signature = ["单号", "子单", "实付", "状态", "付款时间"]
{more}
[[rows]]
table = "orders"
constants = {{ platform = "douyin" }}
lines = ["子单"]
summed = ["buyer_paid_fen"]
[rows.columns]
order_id = "单号"
buyer_paid_fen = "实付"
paid_at = "付款时间"
completed_at = "完成时间"
status = {{ from = "状态", words = {{ closed = "关闭", shipped = "发货", completed = "完成" }} }}
[[rows]]
table = "order_lines"
also = true
[rows.columns]
order_id = "单号"
line_id = "子单"
sku = "货号"
qty = {{ value = "1" }}
list_fen = "实付"
buyer_paid_fen = "实付"
"""
FLOWS = """
name = "my_flows"
signature = ["流水", "金额"]
{more}
[[rows]]
table = "flows"
constants = {{ channel = "card", status = "success", kind = "refund" }}
[rows.columns]
flow_id = "流水"
at = {at}
amount_fen = {amount}
"""


@pytest.fixture
def read(tmp_path):
    def _read(layout: str, *lines: str, name: str = "a.csv") -> Collected:
        (tmp_path / "layouts").mkdir(exist_ok=True)
        (tmp_path / "layouts" / "my.toml").write_text(HEAD + layout, "utf-8")
        (tmp_path / name).write_text("\n".join(lines) + "\n", "utf-8")
        return collect(tmp_path, own=Own(layouts=load_layouts(tmp_path / "layouts")))

    return _read


def flows(more: str = "", at: str = '{ value = "2026-10-03" }', amount: str = '"金额"') -> str:
    return FLOWS.format(more=more, at=at, amount=amount)


def column(found: Collected, table: str, name: str) -> list[object]:
    frame = getattr(found.tables, table)
    values = frame[name]
    return (values.dt.strftime("%Y-%m-%d %H:%M:%S") if values.dtype == pl.Datetime else values).to_list()


def orders(*rows: str) -> tuple[str, ...]:
    return ("单号,子单,实付,状态,付款时间,完成时间,货号", *rows)


def test_an_order_is_the_sum_of_its_lines_and_each_row_is_counted_once(read):
    found = read(
        ORDERS.format(more=""),
        *orders(
            "D1,1,10.00,完成,2026-10-01 10:00:00,2026-10-05 10:00:00,K1",
            "D1,2,5.50,完成,2026-10-01 10:00:00,2026-10-07 09:00:00,K2",
        ),
    )

    assert column(found, "orders", "buyer_paid_fen") == [1550]
    assert column(found, "orders", "completed_at") == ["2026-10-07 09:00:00"]
    assert column(found, "order_lines", "buyer_paid_fen") == [1000, 550]
    assert found.intake.row(0, named=True)["rows_loaded"] == 2
    assert found.duplicates.is_empty()


def test_an_order_is_as_far_as_its_slowest_open_line(read):
    found = read(
        ORDERS.format(more=""),
        *orders(
            "D1,1,10.00,完成,2026-10-01,2026-10-05,K1",
            "D1,2,5.50,已发货,2026-10-01,,K2",
            "D2,1,10.00,完成,2026-10-01,2026-10-05,K1",
            "D2,2,5.50,已关闭,2026-10-01,,K2",
        ),
    )

    assert column(found, "orders", "status") == ["shipped", "completed"]
    assert column(found, "orders", "completed_at") == [None, "2026-10-05 00:00:00"]


def test_a_line_twice_is_k05_once_and_counts_once_in_the_sum(read):
    found = read(ORDERS.format(more=""), *orders(*["D1,1,10.00,完成,2026-10-01,2026-10-05,K1"] * 2))

    assert column(found, "orders", "buyer_paid_fen") == [1000]
    assert found.duplicates.select("table", "n").rows() == [("orders", 2)]


def test_an_order_with_a_line_at_fault_is_set_aside_whole(read):
    found = read(
        ORDERS.format(more=""),
        *orders("D1,1,10.00,完成,2026-10-01,,K1", "D1,2,五元,完成,2026-10-01,,K2", "D2,1,3.00,完成,2026-10-01,,K1"),
    )

    assert column(found, "orders", "order_id") == ["D2"]
    assert column(found, "order_lines", "order_id") == ["D2"]
    assert found.quarantine.select("row", "reason").rows() == [(2, "同一单的另一行有误"), (3, "不是精确到分的金额")]


def test_a_row_at_fault_in_what_it_also_feeds_is_in_neither_table(read):
    found = read(ORDERS.format(more=""), *orders("D1,,10.00,完成,2026-10-01,,K1"))

    assert column(found, "orders", "order_id") == []
    assert found.quarantine["reason"].to_list() == ["缺少必填的值"]


def test_subtotals_are_no_rows(read):
    found = read(flows('no_data = [{ "流水" = "小计|合计" }]'), "流水,金额", "F1,1.00", "本页小计,1.00", "F2,2.00")

    assert column(found, "flows", "flow_id") == ["F1", "F2"]
    assert found.intake["rows_read"].to_list() == [2]


def test_an_empty_cell_means_what_stands_above_where_the_layout_says_so(read):
    found = read(
        flows('fill_down = ["日期"]', at='"日期"'), "流水,日期,金额", "F1,2026-10-01,1.00", "F2,,2.00", "F3,2026-10-02,3.00"
    )

    assert column(found, "flows", "at") == ["2026-10-01 00:00:00", "2026-10-01 00:00:00", "2026-10-02 00:00:00"]


def test_a_foreign_currency_is_set_aside(read):
    found = read(flows('currency = "币种"'), "流水,金额,币种", "F1,1.00,CNY", "F2,2.00,USD", "F3,3.00,", "F4,4.00,人民币")

    assert column(found, "flows", "flow_id") == ["F1", "F3", "F4"]
    assert found.quarantine.select("row", "reason").rows() == [(3, "不是人民币")]


def test_day_and_time_in_two_columns_are_one_instant(read):
    found = read(flows(at='{ join = ["日", "时"] }'), "流水,金额,日,时", "F1,1.00,2026-10-01,08:30:00", "F2,1.00,2026-10-01,")

    assert column(found, "flows", "at") == ["2026-10-01 08:30:00", "2026-10-01 00:00:00"]


def test_an_instant_in_utc_is_eight_hours_later_in_shanghai(read):
    found = read(flows(at='{ from = "时", timezone = "UTC" }'), "流水,金额,时", "F1,1.00,2026-09-30 20:00:00")

    assert column(found, "flows", "at") == ["2026-10-01 04:00:00"]


YEARLESS = '{ from = "时", format = "%m%d%H%M%S", year_of = { from = "@file", regex = \'N(\\d{6})\', format = "%y%m%d" } }'


def test_an_instant_without_a_year_is_the_last_one_before_the_day_of_the_file(read):
    found = read(flows(at=YEARLESS), "流水,金额,时", "F1,1.00,0101093000", "F2,1.00,1231230500", name="N270101.csv")

    assert column(found, "flows", "at") == ["2027-01-01 09:30:00", "2026-12-31 23:05:00"]


def test_without_the_day_of_the_file_the_year_is_not_guessed(read):
    found = read(flows(at=YEARLESS), "流水,金额,时", "F1,1.00,0101093000", name="bill.csv")

    assert found.quarantine.select("row", "column", "reason").rows() == [(2, "时", YEAR_UNKNOWN)]


def test_whole_fen_are_fen_and_nothing_else_is(read):
    found = read(flows(amount='{ from = "金额", unit = "fen" }'), "流水,金额", "F1,000000012345", "F2,1.00")

    assert column(found, "flows", "amount_fen") == [12345]
    assert found.quarantine["reason"].to_list() == ["不是精确到分的金额"]


FIXED = 'fixed = [["流水", 4], ["名称", 6], ["金额", 5]]'


def fixed_flows() -> str:
    return FLOWS.format(more=FIXED, at='{ value = "2026-10-03" }', amount='{ from = "金额", unit = "fen" }')


def test_a_text_of_fixed_width_is_cut_by_bytes_and_keeps_its_line_numbers(read):
    found = read(fixed_flows(), "F001 小店   00100", "", "F002 abcdef 00250")

    assert column(found, "flows", "amount_fen") == [100, 250]
    assert column(found, "flows", "source_row") == [1, 3]


def test_a_line_of_another_length_is_set_aside(read):
    found = read(fixed_flows(), "F001 abcdef 00100", "F002 abcdef 00250 and more")

    assert column(found, "flows", "flow_id") == ["F001"]
    assert found.quarantine.select("row", "reason").rows() == [(2, "长度与版式不符")]


def test_a_line_whose_last_blanks_were_cut_off_is_whole(read):
    fixed = fixed_flows().replace('["金额", 5]', '["金额", 5], ["保留", 9]')

    assert column(read(fixed, "F001 abcdef 00100", "F002 abcdef 00250 x"), "flows", "amount_fen") == [100, 250]


@pytest.mark.parametrize(
    ("column", "asked"), [('shop = { from = "@memo" }', "@memo"), ('shop = { from = "店", when = { "@kind" = "x" } }', "@kind")]
)
def test_a_rule_asks_only_for_what_is_worked_out_above_it(read, column, asked):
    layout = flows() + f'{column}\nmemo = "备注"\n'

    with pytest.raises(ConfigError, match=rf"my\.toml:\d+: rows\.0\.columns\.shop: asks for '{asked}', which is not worked out"):
        read(layout, "流水,金额,店,备注", "F1,1.00,甲,乙")
