"""Ledgers and the seller's own systems: which form a header is, one name for one voucher, and what such a system may state."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_kit.collect import Collected, collect
from recon_kit.errors import ConfigError
from recon_kit.schema import TABLES
from recon_kit.sources.layout import claims
from recon_kit.sources.loading import load_layout, load_layouts
from recon_kit.sources.template import template_claim

VOUCHERS = TABLES["voucher_lines"]
SPLIT = "日期,凭证字,凭证号,摘要,科目编码,借方金额,贷方金额"


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        ("日期,凭证字号,摘要,科目编码,科目名称,借方金额,贷方金额,方向,余额", "ledger_list"),
        ("会计期间,凭证日期,凭证号,摘要,科目代码,借方,贷方", "ledger_list"),
        (SPLIT, "ledger_list"),
        (f"{SPLIT},分录序号", "ledger_jdy"),
        (f"{SPLIT},分录序号,原币金额", "ledger_jdy"),
        (f"{SPLIT},原币金额", "ledger_kis"),
        ("日期,凭证字号,摘要,科目编码,科目名称,方向,金额,余额", "ledger_direction"),
    ],
)
def test_every_form_of_a_ledger_is_recognised_under_its_own_name(header, layout):
    assert [claim.layout.name for claim in claims(load_layouts(), [header.split(",")])] == [layout]


@pytest.mark.parametrize(
    "header",
    [
        [column.label for column in VOUCHERS.columns],
        [column.label for column in VOUCHERS.columns if column.required],
        ["period", "凭证字号", "line_no", "凭证日期", "科目编码", "借方金额", "贷方金额"],
    ],
    ids=["whole", "required columns", "mixed languages"],
)
def test_a_standard_template_of_vouchers_is_no_voucher_list(header):
    assert claims(load_layouts(), [header]) == []
    assert template_claim([header], "a.csv")[0].layout.name == "template_voucher_lines"


@pytest.mark.parametrize(
    ("header", "cells", "voucher_id"),
    [
        ("凭证号", "记-0012", "记-0012"),
        ("凭证号", "记0012", "记-0012"),
        ("凭证号", "记 - 12", "记-12"),
        ("凭证号", "记－12", "记-12"),
        ("凭证号", "记字第12号", "记-12"),
        ("凭证号", "银收12", "银收-12"),
        ("凭证号", "银-收-12", "银-收-12"),
        ("凭证号", "12", "12"),
        ("凭证号", "JZ2026-10-0012", "JZ2026-10-0012"),
        ("凭证字,凭证号", "记,0012", "记-0012"),
        ("凭证字,凭证号", "记字,12", "记-12"),
        ("凭证字,凭证号", "JZ2026-10,0012", "JZ2026-10-0012"),
        ("凭证字,凭证号", "记,记-12", "记-12"),
        ("凭证字,凭证号", ",12", "12"),
    ],
)
def test_a_voucher_has_one_name_however_its_word_and_number_are_written(tmp_path, header, cells, voucher_id):
    ledger = f"日期,{header},摘要,科目编码,借方金额,贷方金额\n2026-10-05,{cells},退款,101201,,1.00\n"
    (tmp_path / "a.csv").write_text(ledger, "utf-8")

    assert collect(tmp_path).tables.voucher_lines["voucher_id"].to_list() == [voucher_id]


def test_one_voucher_in_two_forms_is_one_voucher(tmp_path):
    (tmp_path / "序时账.csv").write_text(
        "日期,凭证字号,摘要,科目编码,借方金额,贷方金额\n2026-10-05,记-0010,退款,5001,,-1.00\n,,退款,101201,,1.00\n", "utf-8"
    )
    (tmp_path / "精斗云.csv").write_text(
        "日期,凭证字,凭证号,分录序号,摘要,科目代码,借方金额,贷方金额,附件数\n"
        "2026-10-05,记,10,1,退款,5001,,-1.00,2\n2026-10-05,记,10,2,退款,101201,,1.00,2\n",
        "utf-8",
    )

    lines = collect(tmp_path).tables.voucher_lines

    assert lines.select("voucher_id", "line_no", "credit_fen", "attachments").rows() == [
        ("记-10", "1", -100, 2),
        ("记-10", "2", 100, 2),
    ]


def test_a_layout_says_only_what_differs_from_the_one_it_extends(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "ledger_list"\nname = "mine"\n[aliases]\n"摘要" = ["说明"]\n', "utf-8")

    layout, base = load_layout(mine), next(lay for lay in load_layouts() if lay.name == "ledger_list")

    assert (layout.name, layout.rows, layout.signature) == ("mine", base.rows, base.signature)
    assert layout.aliases == {**base.aliases, "摘要": ("说明",)}


@pytest.mark.parametrize("name", ["ledger_lists", "mine"])
def test_a_layout_that_extends_none_that_exists_is_refused(tmp_path, name):
    (tmp_path / "mine.toml").write_text(f'name = "mine"\nextends = "{name}"\n', "utf-8")

    with pytest.raises(ConfigError, match=r"mine\.toml:2: extends: there is no other layout .* did you mean"):
        load_layout(tmp_path / "mine.toml")


PLATFORM = {
    "订单.csv": "订单编号,买家实付金额,订单状态,订单付款时间,退款金额\n331001,99.00,交易成功,2026-10-01 10:00:00,0.00\n",
    "退款.csv": "订单编号,退款编号,退款金额,退款申请时间,退款状态\n331001,17001,29.90,2026-10-03 09:00:00,退款成功\n",
}
ORDERS = (
    "内部订单号,线上订单号,平台站点,状态,订单类型,子订单编号,线上子订单编号,原始线上订单号,商品编码,数量,原价,买家实付,成本价\n"
)
CASES = "内部售后单号,外部售后单号,线上订单号,售后类型,状态,卖家应退金额\n"


def gather(folder: Path, **files: str) -> Collected:
    for name, text in {**PLATFORM, **{f"{name}.csv": text for name, text in files.items()}}.items():
        (folder / name).write_text(text, "utf-8")
    return collect(folder)


def test_the_sellers_own_system_completes_orders_and_makes_none(tmp_path):
    line = "5001,331001,淘宝天猫,已发货,普通订单,9001,331002,331001,CJ-01,2,50.00,99.00,41.50\n"
    stranger = "5002,331009,淘宝天猫,已发货,普通订单,9002,331010,331009,CJ-01,1,50.00,50.00,41.50\n"

    found = gather(tmp_path, jst=ORDERS + line + stranger)

    assert found.tables.orders.select("order_id", "status", "erp_status", "buyer_paid_fen").rows() == [
        ("331001", "completed", "shipped", 9900)
    ]
    lines = found.tables.order_lines.select("order_id", "line_id", "list_fen", "buyer_paid_fen", "unit_cost_fen")
    assert lines.rows() == [("331001", "331002", 10000, 9900, 4150), ("331009", "331010", 5000, 5000, 4150)]
    assert [note.text() for note in found.warnings] == ["jst.csv：1 笔订单在平台导出里找不到，没有并入（第 3 行）"]


def test_a_row_of_the_sellers_own_system_may_leave_empty_what_the_platform_states(tmp_path):
    rows = "5001,331001,淘宝天猫,已发货,普通订单,9001,331002,331001,CJ-01,2,,,41.50\n"
    item = "子订单编号,主订单编号,购买数量,商品价格,买家实付金额,商家编码\n331002,331001,2,50.00,99.00,CJ-01\n"

    found = gather(tmp_path, jst=ORDERS + rows, item=item)

    assert found.tables.order_lines.select("qty", "buyer_paid_fen", "unit_cost_fen").rows() == [(2, 9900, 4150)]
    assert not found.quarantine.height


def test_a_reshipment_or_a_cancelled_order_gives_no_line_and_is_counted(tmp_path):
    rows = (
        "5001,331001,淘宝天猫,取消,普通订单,9001,331002,331001,CJ-01,1,99.00,99.00,41.50\n"
        "5002,331001,淘宝天猫,已完成,普通订单,9002,331002,331001,CJ-01,1,99.00,99.00,41.50\n"
        "5003,331001-补1,淘宝天猫,待审核,补发订单,9003,,331001,CJ-01,1,99.00,0.00,41.50\n"
    )

    found = gather(tmp_path, jst=ORDERS + rows)

    assert found.tables.orders["erp_status"].to_list() == ["completed"]
    assert found.tables.order_lines.select("line_id", "qty", "unit_cost_fen").rows() == [("331002", 1, 4150)]
    counts = ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")
    assert found.intake.filter(file="jst.csv").select(counts).row(0) == (3, 3, 0, 0)
    assert not found.duplicates.height


def test_the_sellers_own_system_completes_cases_and_makes_no_money(tmp_path):
    rows = "7001,17001,331001,仅退款,待确认,30.00\n7002,17009,331001,仅退款,已确认,99.00\n7003,,331001,补发,已确认,0.00\n"

    found = gather(tmp_path, jst=CASES + rows)

    cases = found.tables.aftersales
    assert cases.select("case_id", "platform", "final_fen", "platform_status", "erp_fen", "erp_status").rows() == [
        ("17001", "taobao", 2990, "success", 3000, "open")
    ]
    assert [note.text() for note in found.warnings] == ["jst.csv：2 笔售后单在平台导出里找不到，没有并入（第 3、4 行）"]
    assert all(note.is_remark for note in found.warnings)
    assert found.intake.filter(file="jst.csv")["rows_loaded"].item() == 3


def test_a_standard_template_stands_before_the_sellers_own_system(tmp_path):
    mine = "售后编号,订单编号,售后类型,申请时间,平台状态,ERP状态\n17009,331001,仅退款,2026-10-04 09:00:00,成功,成功\n"

    found = gather(tmp_path, mine=mine, jst=CASES + "7002,17009,331001,仅退款,待确认,9.00\n")

    cases = found.tables.aftersales.filter(case_id="17009")
    assert cases.select("platform", "platform_status", "erp_status", "erp_fen").rows() == [("taobao", "success", "success", 900)]


def test_without_any_platform_export_the_sellers_own_system_supplies_no_table(tmp_path):
    (tmp_path / "jst.csv").write_text(CASES + "7001,17001,331001,仅退款,待确认,30.00\n", "utf-8")

    found = collect(tmp_path)

    assert found.tables.aftersales is None
    assert found.intake["rows_loaded"].to_list() == [1]
