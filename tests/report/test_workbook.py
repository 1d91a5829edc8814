import zipfile

import openpyxl
import polars as pl
import pytest

from recon_kit.record import load_run
from recon_kit.workbook import write_workbook


@pytest.fixture
def book(run_folder):
    return openpyxl.load_workbook(write_workbook(run_folder, language="zh"))


def cells(sheet) -> list[dict]:
    head, *rows = sheet.iter_rows(values_only=True)
    return [dict(zip(head, row, strict=True)) for row in rows]


def test_there_is_a_summary_one_sheet_an_owner_with_findings_and_the_evidence(book):
    assert book.sheetnames == ["汇总", "平台申诉", "客服", "财务", "数据", "证据"]


def test_every_primary_finding_is_on_exactly_one_work_list(book, run_folder):
    listed = [row["差异编号"] for name in book.sheetnames[1:-1] for row in cells(book[name])]

    assert sorted(listed) == sorted(load_run(run_folder).findings["discrepancy_id"])


def test_a_work_item_says_what_is_wrong_why_what_to_do_on_what_evidence_and_until_when(book):
    item = cells(book["平台申诉"])[0]

    assert item["码"] == "C04"
    assert item["差异"] == "售后完成无退款流水"
    assert item["处理"].startswith("催平台退款")
    assert item["证据"].splitlines() == ["旗舰店:2", "优选小店:9"]
    assert f"{item['期限']:%Y-%m-%d}" == "2026-11-03"
    assert item["附带码"] == "C08"


def test_money_is_numbers_of_yuan_and_ids_are_text(book):
    sheet = book["平台申诉"]
    item = cells(sheet)[0]
    gap = next(cell for cell in sheet[2] if cell.value == -87.31)

    assert item["差额（元）"] == -87.31
    assert gap.number_format.startswith("#,##0.00")
    assert isinstance(item["售后编号"], str)
    assert isinstance(item["订单编号"], str)


def test_hostile_text_comes_back_as_the_text_it_was_and_nothing_is_a_formula_or_link(hostile_run):
    path = write_workbook(hostile_run, language="zh")
    shops = {row["shop"] for row in load_run(hostile_run).findings.to_dicts()}
    book = openpyxl.load_workbook(path)
    found = {row["店铺"] for name in book.sheetnames[1:-1] for row in cells(book[name])}

    assert found == shops
    assert not [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.data_type == "f" or cell.hyperlink]
    with zipfile.ZipFile(path) as parts:
        assert not any(b"<f>" in parts.read(name) or b"<hyperlink" in parts.read(name) for name in parts.namelist())


def test_evidence_is_one_row_a_source_row_with_file_and_row_apart(hostile_run):
    book = openpyxl.load_workbook(write_workbook(hostile_run, language="zh"))
    rows = load_run(hostile_run).table("discrepancies").explode("evidence").sort("discrepancy_id")

    evidence = [f"{row['文件']}:{row['行']}" for row in cells(book["证据"])]

    assert sorted(evidence) == sorted(rows["evidence"].to_list())


def test_equal_runs_give_equal_bytes(run_folder):
    first = write_workbook(run_folder, language="en").read_bytes()

    assert write_workbook(run_folder, language="en").read_bytes() == first


def test_a_run_without_findings_has_a_summary_and_an_empty_evidence_sheet(run_folder):
    path = run_folder / "tables/discrepancies.parquet"
    pl.read_parquet(path).clear().write_parquet(path)

    assert openpyxl.load_workbook(write_workbook(run_folder, language="zh")).sheetnames == ["汇总", "证据"]
