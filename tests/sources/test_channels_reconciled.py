"""A clean month told by each set of bills a seller may download: nothing is found, and the same money is never there twice."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_kit.collect import Collected, collect
from recon_kit.run import reconcile
from tests.world import Result, check_bridge, check_pairs, scope

ORDERS = """订单编号,买家实付金额,订单状态,订单付款时间,确认收货时间,店铺名称,支付单号,退款金额
="3310761900000000001",100.00,交易成功,2026-10-02 09:00:00,2026-10-09 09:00:00,示例茶舍,20261002220000000001,0.00
="3310761900000000002",160.00,交易成功,2026-10-03 09:00:00,2026-10-10 09:00:00,示例茶舍,20261003220000000002,40.00
="3310761900000000003",0.00,交易关闭,2026-10-04 09:00:00,,示例茶舍,20261004220000000003,88.00
"""
REFUNDS = """订单编号,退款编号,退款完结时间,买家退款金额,退款申请时间,退款状态,售后类型
="3310761900000000002",50310761900000021,2026-10-12 09:00:00,20.00,2026-10-11 09:00:00,退款成功,已发货仅退款
="3310761900000000002",50310761900000022,2026-10-13 09:00:00,20.00,2026-10-11 09:00:00,退款成功,已发货仅退款
="3310761900000000003",50310761900000031,2026-10-06 09:00:00,88.00,2026-10-05 09:00:00,退款成功,未发货仅退款
"""
DETAIL = """#支付宝业务明细查询
#账号：[20880000000000000999]
#起始日期：[2026年10月01日 00:00:00]   终止日期：[2026年11月01日 00:00:00]
支付宝交易号,商户订单号,业务类型,创建时间,完成时间,商家实收（元）,退款批次号/请求号
20261002220000000001,T200P3310761900000000001,交易,2026-10-02 09:00:00,2026-10-09 09:00:00,100.00,
20261003220000000002,T200P3310761900000000002,交易,2026-10-03 09:00:00,2026-10-10 09:00:00,200.00,
20261003220000000002,T200P3310761900000000002,退款,2026-10-03 09:00:00,2026-10-12 09:00:00,-20.00,50310761900000021
20261003220000000002,T200P3310761900000000002,退款,2026-10-03 09:00:00,2026-10-13 09:00:00,-20.00,50310761900000022
#交易合计：2笔，商家实收共300.00元，商家优惠共0.00元
#退款合计：2笔，商家实收退款共-40.00元，商家优惠退款共0.00元
"""
STATEMENT_HEAD = """#支付宝账务明细查询
#账号：[20880000000000000999]
#起始日期：[2026年10月01日 00:00:00]   终止日期：[2026年11月01日 00:00:00]
账务流水号,业务流水号,商户订单号,发生时间,收入金额（+元）,支出金额（-元）,业务类型,备注,业务基础订单号
F1,20261002220000000001,T200P3310761900000000001,2026-10-09 09:00:00,100.00,0.00,交易付款,,3310761900000000001
"""
STATEMENT_REST = """F2,20261003220000000002,T200P3310761900000000002,2026-10-10 09:00:00,200.00,0.00,交易付款,,3310761900000000002
F3,20261003220000000002,T200P3310761900000000002,2026-10-12 09:00:00,0.00,-20.00,交易退款,,3310761900000000002
F4,20261003220000000002,T200P3310761900000000002,2026-10-13 09:00:00,0.00,-20.00,交易退款,,3310761900000000002
"""
WALLET = """入账时间,支付流水号,淘宝订单编号,收入金额（元）,支出金额,业务描述
2026-10-10 09:00:00,4200002610,3310761900000000002,200.00,0.00,0010001|交易收款-交易收款
2026-10-12 09:00:00,4200002610,3310761900000000002,0.00,20.00,0020001|交易退款-交易退款
2026-10-13 09:00:00,4200002610,3310761900000000002,0.00,20.00,0020001|交易退款-交易退款
"""


def month_of(folder: Path, **bills: str) -> Result:
    for name, text in {"orders": ORDERS, "refunds": REFUNDS, **bills}.items():
        (folder / f"{name}.csv").write_text(text, "gb18030")
    return run(collect(folder))


def run(found: Collected) -> Result:
    outcome = reconcile(found, scope())
    check_bridge(outcome)
    check_pairs(found, outcome)
    return Result(outcome)


@pytest.mark.parametrize(
    "bills",
    [
        {"detail": DETAIL},
        {"statement": STATEMENT_HEAD + STATEMENT_REST},
        {"detail": DETAIL, "statement": STATEMENT_HEAD + STATEMENT_REST},
        {"statement": STATEMENT_HEAD, "wallet": WALLET},
    ],
    ids=["trade detail", "account statement", "both", "account statement and WeChat wallet"],
)
def test_a_clean_taobao_month_is_clean_by_any_of_its_bills(tmp_path, bills):
    month = month_of(tmp_path, **bills)

    assert month.codes == []
    assert month.bridge == {"A0": 12800, "A4E": -8800, "B0": 4000}


def test_without_its_second_refund_the_statement_says_that_it_is_on_its_way(tmp_path):
    statement = STATEMENT_HEAD + STATEMENT_REST.rsplit("F4", 1)[0]

    assert month_of(tmp_path, detail=DETAIL, statement=statement).codes == ["C01 50310761900000022"]


WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2, 6, 2, 4, 32, 1, 21, 15)
REST = (1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 131)


def zm_line(code: str, at: str, fen: int, query: str, order: str, original: str = "", fee: str = "") -> str:
    said = {0: code, 4: at, 6: f"{fen:012d}", 9: query, 11: order, 15: fee, 26: original, 27: "898110048990001"}
    return " ".join(said.get(n, "").ljust(width) for n, width in enumerate((*WIDTHS, *REST)))


def test_a_mini_program_paid_by_card_is_clean_by_its_daily_unionpay_files(tmp_path):
    days = {
        "261003": [zm_line("S22", "1003093000", 12800, "Q1", "WX1", fee="D000000000077")],
        "261005": [zm_line("S30", "1005093000", 2000, "Q2", "R1", original="Q1"), zm_line("S22", "1004235959", 500, "Q3", "WX2")],
    }
    for day, lines in days.items():
        (tmp_path / f"INN{day}88ZM_898110048990001").write_text("\n".join(lines), "gb18030")
    orders = [f"微信小程序,茶舍,O{n},WX{n},已付款,2026-10-0{n + 2} 09:30:00,{paid}" for n, paid in ((1, "128.00"), (2, "5.00"))]
    cases = ["微信小程序,SH1,O1,仅退款,2026-10-04 09:00:00,2026-10-05 09:00:00,20.00,成功"]
    heads = (
        "平台,店铺,订单编号,支付单号,平台状态,付款时间,买家实付",
        "平台,售后编号,订单编号,售后类型,申请时间,完结时间,最终金额,平台状态",
    )
    for name, head, rows in zip(("orders", "cases"), heads, (orders, cases), strict=True):
        (tmp_path / f"{name}.csv").write_text("\n".join([head, *rows]), "utf-8")

    found = collect(tmp_path)
    month = run(found)

    assert month.codes == []
    assert month.bridge == {"A0": 2000, "B0": 2000}
    assert found.tables.flows is not None
    assert sorted(found.tables.flows.select("kind", "amount_fen").rows()) == [
        ("fee", -77),
        ("refund", -2000),
        ("trade_receipt", 500),
        ("trade_receipt", 12800),
    ]
