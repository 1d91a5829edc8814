import io
import tomllib
import zipfile
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter

from recon_kit.errors import ConfigError, SourceError
from recon_kit.sources.decode import open_grids
from recon_kit.sources.draft import Draft, draft_layout
from recon_kit.sources.draft_text import render_draft
from recon_kit.sources.layout import Layout
from recon_kit.sources.loading import load_layout
from recon_kit.sources.reader import Reading, identify, read

CASES = """平台,售后编号,订单编号,售后类型,处理状态,申请时间,退款金额,买家姓名,联系电话,备注
淘宝,AS1,O1,仅退款,退款成功,2026-10-02 10:00:00,12.00,张三,13800138000,请打 13800138000
淘宝,AS2,O2,退货退款,已关闭,2026-10-03 10:00:00,0.00,李四,13800138001,
"""


def draft(folder: Path, data: str | bytes, name: str = "in.csv", table: str | None = None) -> Draft:
    path = folder / name
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return draft_layout(open_grids(path, name, folder)[0], table)


def text_of(folder: Path, data: str | bytes, name: str = "in.csv") -> str:
    return render_draft(draft(folder, data, name), "mine")


def read_by_draft(folder: Path, data: str | bytes, name: str = "in.csv") -> Reading:
    """The file as its own draft reads it."""
    made = draft(folder, data, name)
    layout = folder / "mine.toml"
    layout.write_text(render_draft(made, "mine"), "utf-8")
    found = identify(open_grids(folder / name, name, folder)[0], (), [load_layout(layout)])
    assert found is not None
    return read(found)


def rows(reading: Reading, *columns: str) -> list[tuple[object, ...]]:
    return reading.parts[0].frame.select(columns).rows()


ORDERS = """订单号,店铺名称,支付时间,订单状态,买家实付金额
A1001,小店,2026-10-01 10:00:05,已付款,29.90
A1002,小店,2026-10-13 11:00:05,交易成功,"1,029.90"
"""


def test_a_draft_whose_columns_were_all_found_reads_the_file_as_it_is(tmp_path):
    reading = read_by_draft(tmp_path, ORDERS)

    assert reading.rows_quarantined == 0
    assert rows(reading, "platform", "order_id", "shop", "status", "buyer_paid_fen", "source_row") == [
        ("other", "A1001", "小店", "paid", 2990, 2),
        ("other", "A1002", "小店", "completed", 102990, 3),
    ]


@pytest.mark.parametrize("separator", ["\t", ";"])
def test_the_header_is_found_below_a_title_and_at_any_separator(tmp_path, separator):
    data = "我们的订单\n导出时间：2026-11-01\n\n" + ORDERS.replace('"1,029.90"', "1029.90").replace(",", separator)

    reading = read_by_draft(tmp_path, data.encode("gb18030"))

    assert rows(reading, "order_id", "buyer_paid_fen") == [("A1001", 2990), ("A1002", 102990)]


def test_a_workbook_and_a_zip_member_are_drafted_like_a_text(tmp_path):
    with xlsxwriter.Workbook(tmp_path / "in.xlsx") as book:
        sheet = book.add_worksheet("订单")
        for number, line in enumerate(ORDERS.replace('"1,029.90"', "1029.90").splitlines()):
            sheet.write_row(number, 0, line.split(","))
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("十月/订单.csv", ORDERS)

    sheet_rows = rows(read_by_draft(tmp_path, (tmp_path / "in.xlsx").read_bytes(), "in.xlsx"), "order_id", "buyer_paid_fen")

    assert sheet_rows == rows(read_by_draft(tmp_path, packed.getvalue(), "in.zip"), "order_id", "buyer_paid_fen")
    assert sheet_rows == [("A1001", 2990), ("A1002", 102990)]


def test_a_like_name_and_values_alone_are_not_sure_and_stand_as_comments(tmp_path):
    made = draft(tmp_path, CASES)
    text = render_draft(made, "mine")

    assert made.table.name == "aftersales"
    assert made.missing == ("platform_status",)
    assert '# [rows.columns.platform_status]\n# from = "处理状态"' in text
    assert tomllib.loads(text)["name"] == "mine"
    (tmp_path / "mine.toml").write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=r"mine\.toml:\d+: .*need platform_status"):
        load_layout(tmp_path / "mine.toml")


def test_a_draft_finished_by_taking_the_marks_away_reads_the_file(tmp_path):
    (tmp_path / "mine.toml").write_text(
        text_of(tmp_path, CASES).replace("# [rows", "[rows").replace("# from", "from").replace("# map", "map"), "utf-8"
    )

    found = identify(open_grids(tmp_path / "in.csv", "in.csv", tmp_path)[0], (), [load_layout(tmp_path / "mine.toml")])

    assert found is not None
    assert rows(read(found), "case_id", "kind", "platform_status") == [
        ("AS1", "refund_only", "success"),
        ("AS2", "return_refund", "closed"),
    ]


def test_nothing_personal_stands_in_a_draft(tmp_path):
    text = text_of(tmp_path, CASES)

    assert "# 个人信息，不读：买家姓名、联系电话" in text
    assert not [word for word in ("张三", "李四", "13800138000", "请打") if word in text]


def test_every_active_line_says_why_and_shows_a_value(tmp_path):
    lines = text_of(tmp_path, ORDERS).splitlines()
    place = lines.index('order_id = "订单号"')

    assert lines[place - 1].startswith("# 订单编号: “")
    assert lines[place - 1].endswith("”里就叫这个 (A1001, A1002)")


def test_a_word_nobody_knows_is_named_and_its_rows_are_set_aside(tmp_path):
    data = ORDERS + "A1003,小店,2026-10-13 11:00:05,飞走了,1.00\n"

    assert "# 没有认出，读时会被隔离：飞走了" in text_of(tmp_path, data)
    assert read_by_draft(tmp_path, data).quarantine["row"].to_list() == [4]


def test_income_and_expense_become_one_signed_amount(tmp_path):
    rows_of_both = ("F0001,2026-10-01 08:00:00,10.00,,交易收款", "F0002,2026-10-02 08:00:00,,3.00,退款")
    data = "\n".join(["流水号,时间,收入金额(元),支出金额(元),类别", *rows_of_both])

    reading = read_by_draft(tmp_path, data)

    assert reading.layout.tables == ("flows",)
    assert rows(reading, "flow_id", "kind", "amount_fen") == [("F0001", "trade_receipt", 1000), ("F0002", "refund", -300)]


def test_an_unsigned_amount_takes_its_sign_from_the_column_that_says_where_it_goes(tmp_path):
    data = "银行流水号,时间,金额,收支\nB1,2026-10-01 08:00:00,10.00,收入\nB2,2026-10-02 08:00:00,3.00,支出\n"

    assert rows(read_by_draft(tmp_path, data), "bank_id", "amount_fen") == [("B1", 1000), ("B2", -300)]


def test_an_amount_without_any_sign_is_warned_of(tmp_path):
    data = "银行流水号,时间,金额\nB1,2026-10-01 08:00:00,10.00\n"

    assert "没有负数：请用 negative 说明哪些行是出账" in text_of(tmp_path, data)


def test_rows_of_money_without_an_id_get_one_made(tmp_path):
    data = "交易时间,金额(元),备注\n2026-10-01 08:00:00,-10.00,货款\n2026-10-01 08:00:00,-10.00,货款\n"

    ids = read_by_draft(tmp_path, data).parts[0].frame["bank_id"]

    assert ids.n_unique() == 2 and ids.null_count() == 0


def test_dates_of_another_order_get_their_format_where_only_one_fits(tmp_path):
    days = "银行流水号,时间,金额\nB1,13/10/2026,-10.00\nB2,01/10/2026,-1.00\n"
    unclear = days.replace("13/10", "03/10")

    assert 'at = { from = "时间", format = "%d/%m/%Y" }' in text_of(tmp_path, days)
    assert '# at = "时间"' in text_of(tmp_path, unclear)


def test_a_totals_row_at_the_end_is_no_data(tmp_path):
    reading = read_by_draft(tmp_path, ORDERS + "合计,,,,1059.80\n")

    assert (reading.rows_read, reading.rows_quarantined) == (2, 0)


def test_the_table_can_be_told(tmp_path):
    assert draft(tmp_path, ORDERS).table.name == "orders"
    assert draft(tmp_path, ORDERS, table="payments").table.name == "payments"


def test_a_file_without_a_header_cannot_be_drafted(tmp_path):
    with pytest.raises(SourceError, match=r"in\.csv: no row of the first 2 looks like a header"):
        draft(tmp_path, "1,2\n3,4\n")


HOSTILE = ['a"b', "a\\b", "a\nb", "<script>", "=1+1", "合\x7f计", "x'y", "@file", "?", "-|x|?", "#单号", "[rows]"]


def test_whatever_the_headers_and_cells_hold_a_draft_is_toml_with_a_known_shape(tmp_path):
    frame = pl.DataFrame({"订单号": HOSTILE, "订单状态": HOSTILE, **dict.fromkeys(HOSTILE, HOSTILE)})
    text = text_of(tmp_path, frame.write_csv())

    assert set(tomllib.loads(text)) <= set(Layout.model_fields)
