"""What two files of a channel say together: nothing is counted twice, and what one bill lacks is not money yet."""

from __future__ import annotations

from pathlib import Path

import pytest

from recon_kit.collect import Collected, Note, collect, read_files

TRADE, OTHER = "2026100222001400000000000101", "2026100322001400000000000202"
TRADE_HEADER = "支付宝交易号,商户订单号,业务类型,创建时间,完成时间,商家实收（元）,退款批次号/请求号"
FUND_HEADER = "账务流水号,业务流水号,商户订单号,发生时间,收入金额（+元）,支出金额（-元）,业务类型,备注"
RECEIPT = f"{TRADE},T200P3310761900000000101,交易,2026-10-02 10:00:00,2026-10-09 10:00:00,128.00,"
BOOKED_RECEIPT = f"F1,{TRADE},T200P3310761900000000101,2026-10-09 10:00:00,128.00,,交易付款,"


def trade_refund(amount: str, request: str, at: str, trade: str = TRADE) -> str:
    return f"{trade},T200P3310761900000000101,退款,2026-10-02 10:00:00,{at},{amount},{request}"


def fund_refund(flow: str, amount: str, at: str) -> str:
    return f"{flow},{TRADE},T200P3310761900000000101,{at},,{amount},交易退款,"


@pytest.fixture
def read(tmp_path):
    def _read(**files: list[str]) -> Collected:
        for name, lines in files.items():
            (tmp_path / f"{name}.csv").write_text("\n".join(lines) + "\n", "gb18030")
        return collect(tmp_path)

    return _read


def rows(found: Collected, *columns: str, table: str = "flows") -> list[tuple[object, ...]]:
    frame = getattr(found.tables, table)
    return frame.select(columns).rows()


def test_trades_alone_are_payments_and_their_refunds_flows(read):
    found = read(detail=[TRADE_HEADER, RECEIPT, trade_refund("-20.00", "R1", "2026-10-12 10:00:00")])

    assert rows(found, "pay_id", "order_id", "amount_fen", table="payments") == [(TRADE, "3310761900000000101", 12800)]
    assert rows(found, "kind", "status", "amount_fen", "request_no") == [("refund", "success", -2000, "R1")]


def test_with_the_account_statement_a_refund_is_one_flow_that_has_its_request_number(read):
    found = read(
        detail=[
            TRADE_HEADER,
            RECEIPT,
            trade_refund("-20.00", "R2", "2026-10-13 10:00:00"),
            trade_refund("-20.00", "R1", "2026-10-12 10:00:00"),
            trade_refund("-5.00", "R3", "2026-10-14 10:00:00"),
        ],
        fund=[
            FUND_HEADER,
            BOOKED_RECEIPT,
            fund_refund("F2", "-20.00", "2026-10-12 10:00:03"),
            fund_refund("F3", "-20.00", "2026-10-13 10:00:03"),
            fund_refund("F4", "5.00", "2026-10-14 10:00:03"),
        ],
    )

    assert rows(found, "flow_id", "status", "amount_fen", "request_no") == [
        ("F1", "success", 12800, None),
        ("F2", "success", -2000, "R1"),
        ("F3", "success", -2000, "R2"),
        ("F4", "success", -500, "R3"),
    ]
    assert found.intake["rows_loaded"].to_list() == [4, 4]


def test_a_refund_that_the_account_statement_lacks_has_not_left(read):
    found = read(
        detail=[TRADE_HEADER, trade_refund("-20.00", "R1", "2026-10-12 10:00:00", OTHER)], fund=[FUND_HEADER, BOOKED_RECEIPT]
    )

    assert rows(found, "flow_id", "status", "success_at")[0] == (f"{OTHER}-R1", "processing", None)


def test_two_equal_refunds_one_of_which_the_statement_lacks_are_two_flows_and_one_is_money(read):
    found = read(
        detail=[
            TRADE_HEADER,
            trade_refund("-20.00", "R1", "2026-10-12 10:00:00"),
            trade_refund("-20.00", "R2", "2026-10-13 10:00:00"),
        ],
        fund=[FUND_HEADER, fund_refund("F2", "-20.00", "2026-10-12 10:00:03")],
    )

    assert sorted(rows(found, "request_no", "status")) == [("R1", "success"), ("R2", "processing")]


WALLET = [
    "入账时间,支付流水号,淘宝订单编号,收入金额（元）,支出金额,业务描述",
    *["2026-10-12 09:30:00,P1,O1,,20.00,0020001|交易退款-交易退款"] * 2,
]


def test_overlapping_wallet_exports_count_each_of_equal_rows_once(read):
    found = read(one=WALLET, two=[*WALLET, "2026-10-13 09:30:00,P2,O2,5.00,,0010001|交易收款-交易收款"])

    assert [row[0] for row in rows(found, "amount_fen", "account")].count(-2000) == 2
    assert found.intake["rows_duplicate"].to_list() == [0, 2]
    assert found.duplicates.is_empty()


def test_a_wallet_of_its_own_neither_takes_nor_gives_the_account_of_the_channel(read):
    fundflow = [
        "记账时间,微信支付业务单号,资金流水单号,业务类型,收支类型,收支金额(元)",
        "`2026-10-12 10:00:00,`W1,`F1,`交易,`收入,`3.00",
    ]
    pay = [
        "交易时间,商户号,微信订单号,商户订单号,交易状态,应结订单金额,微信退款单号,商户退款单号,退款金额,退款状态",
        "`2026-10-12 10:00:00,`1900006101,`W1,`M1,`SUCCESS,`3.00,`0,`0,`0.00,`",
    ]

    both, alone = read(wallet=WALLET, fundflow=fundflow, pay=pay), read(pay=pay[:1])

    assert set(rows(both, "flow_id", "account")) > {("F1", "1900006101")}
    assert {account for flow, account in rows(both, "flow_id", "account") if flow != "F1"} == {"聚合账户"}
    assert ("F1", None) in rows(alone, "flow_id", "account")


EMPTY_DAYS = [
    "No Bill Exist",
    "<xml>\n<return_code><![CDATA[FAIL]]></return_code>\n<return_msg><![CDATA[No Bill Exist]]></return_msg>\n</xml>",
    "<xml><return_code><![CDATA[FAIL]]></return_code><return_msg><![CDATA[No Bill Exist]]></return_msg></xml>",
    '{"code":"NO_STATEMENT_EXIST","message":"账单文件不存在"}',
    '{\n  "code": "NO_STATEMENT_EXIST",\n  "message": "账单文件不存在"\n}',
]


@pytest.mark.parametrize("body", EMPTY_DAYS)
def test_the_answer_that_there_is_no_bill_is_known_by_name(tmp_path: Path, body: str):
    (tmp_path / "wx_20261003.csv").write_text(body, "utf-8")

    (note,) = read_files([tmp_path])

    assert isinstance(note, Note)
    assert note.key == "no_data"
    assert "No Bill Exist" in note.text("zh")
    assert "no bill" in note.text("en")
