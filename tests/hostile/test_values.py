"""Amounts, dates and ids that a careless reader would take for others."""

import pytest

from tests.hostile.builders import FLOWS, collected_from, flows, flows_in, outcome_of, put, sheet

NOT_EXACT, NO_TIME, DAMAGED = "不是精确到分的金额", "不是时间", "编号在表格软件中已损坏（数值单元格丢失末位）"
TOO_LARGE = "金额过大"

AMOUNTS = {
    "-5.00": -500,
    "1,234.50": 123450,
    "￥12": 1200,
    "¥12.00": 1200,
    "12元": 1200,
    "+5": 500,
    "-0.00": 0,
    "0": 0,
    "12.3400": 1234,
    "12.345": NOT_EXACT,
    "1e5": NOT_EXACT,
    "1E+05": NOT_EXACT,
    "NaN": NOT_EXACT,
    "inf": NOT_EXACT,
    "(12.00)": NOT_EXACT,  # a negative amount to an accountant, an aside to anyone else
    "１２．３０": NOT_EXACT,  # no program writes this: a person did, so a person looks
    "12,34": NOT_EXACT,
    "1.234,50": NOT_EXACT,
    "5.00 USD": NOT_EXACT,
    "$5.00": NOT_EXACT,
    "0x10": NOT_EXACT,
    "1_000": NOT_EXACT,
    "٣": NOT_EXACT,
    "999999999999999.99": -1,
    "92233720368547758.07": NOT_EXACT,
    "9" * 40: NOT_EXACT,
}
AMOUNTS["999999999999999.99"] = 10**17 - 1
AMOUNTS["1000000000000000"] = NOT_EXACT


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
@pytest.mark.parametrize(("text", "expected"), AMOUNTS.items(), ids=AMOUNTS)
def test_an_amount_is_exact_to_the_fen_or_set_aside(tmp_path, text, expected, kind):
    cells = ["card", "F1", "2026-10-09", "refund", text, ""]
    data = flows(amount=text) if kind == "csv" else sheet(FLOWS.split(","), cells)
    collected = collected_from(put(tmp_path, {f"a.{kind}": data}))

    read = collected.tables.flows["amount_fen"].to_list() + collected.quarantine["reason"].to_list()
    assert read == [expected]


@pytest.mark.parametrize(
    ("number", "expected"),
    [(12.3, 1230), (0.1 + 0.2, 30), (1e5, 10_000_000), (12.345, NOT_EXACT), (1e14, 10**16), (1e16, NOT_EXACT), (-0.0, 0)],
)
def test_a_numeric_cell_is_the_amount_it_was_typed_as(tmp_path, number, expected):
    collected = collected_from(put(tmp_path, {"a.xlsx": sheet(FLOWS.split(","), ["card", "F1", "2026-10-09", "refund", number])}))

    assert collected.tables.flows["amount_fen"].to_list() + collected.quarantine["reason"].to_list() == [expected]


TIMES = {
    "2026-10-09 12:00:01": "2026-10-09 12:00:01",
    "2026/1/2": "2026-01-02 00:00:00",
    "2026-1-2 3:4:5": "2026-01-02 03:04:05",
    "20261009": "2026-10-09 00:00:00",
    "2026年10月9日": "2026-10-09 00:00:00",
    "2099-01-01": "2099-01-01 00:00:00",  # the future is read; it is no fact yet
    "2026-02-30": NO_TIME,
    "2026-13-01": NO_TIME,
    "26/1/2": NO_TIME,
    "26-01-02": NO_TIME,
    "46304": NO_TIME,  # a serial number as text says nothing of its origin
    "463041": NO_TIME,
    "2026101": NO_TIME,
    "202610": NO_TIME,
    "1790812800": NO_TIME,
    "10/09/2026": NO_TIME,
    "2026-10-09T12:00:00Z": NO_TIME,  # a time zone that the layout does not declare is not converted on a guess
    "2026-10-09 12:00:00+09:00": NO_TIME,
    "2026-10-09 12:00:00 UTC": NO_TIME,
    "-2026-10-09": NO_TIME,
    "0026-10-09": NO_TIME,
    "1900-01-01": NO_TIME,
    "昨天": NO_TIME,
}


@pytest.mark.parametrize(("text", "expected"), TIMES.items(), ids=TIMES)
def test_a_time_is_one_instant_in_shanghai_or_set_aside(tmp_path, text, expected):
    collected = collected_from(put(tmp_path, {"a.csv": flows(at=text)}))

    read = collected.tables.flows["at"].dt.strftime("%Y-%m-%d %H:%M:%S").to_list()
    assert read + collected.quarantine["reason"].to_list() == [expected]


def test_a_number_that_a_sheet_shows_as_a_date_is_that_date_and_one_it_shows_as_a_number_is_none(tmp_path):
    rows = [FLOWS.split(","), ["card", "F1", 46304.5, "refund", -5]]

    dated = flows_in(put(tmp_path / "dated", {"a.xlsx": sheet(*rows, C="yyyy-mm-dd hh:mm:ss")}))
    plain = outcome_of(put(tmp_path / "plain", {"a.xlsx": sheet(*rows)}))

    assert dated["at"].dt.strftime("%Y-%m-%d %H:%M").to_list() == ["2026-10-09 12:00"]
    assert plain[0] == "quarantine"


IDS = {
    "3310761902812009459": None,
    "0012345678901234567": None,
    "12345678901234567": None,  # lost leading zeros leave no trace: what does not match is found by matching
    "4200000000000000000000000001": None,
    "12E5": None,  # a merchant's own code
    "3.31E+18": DAMAGED,
    "3.31076e+18": DAMAGED,
    "3310761902812.0": DAMAGED,
    "#N/A": "是表格公式的错误值，没有结果",
    "#REF!": "是表格公式的错误值，没有结果",
}


@pytest.mark.parametrize(("text", "reason"), IDS.items(), ids=IDS)
def test_an_id_is_the_text_it_was_or_set_aside(tmp_path, text, reason):
    collected = collected_from(put(tmp_path, {"a.csv": flows(flow_id=text)}))

    assert collected.tables.flows["flow_id"].to_list() == ([] if reason else [text])
    assert collected.quarantine["reason"].to_list() == ([reason] if reason else [])


def test_a_long_number_in_a_numeric_cell_is_no_id(tmp_path):
    rows = [["card", str(n) if n % 2 else n, "2026-10-09", "refund", -5] for n in (3310761902812009459, 3310761902812009460)]
    collected = collected_from(put(tmp_path, {"a.xlsx": sheet(FLOWS.split(","), *rows)}))

    assert collected.tables.flows["flow_id"].to_list() == ["3310761902812009459"]
    assert collected.quarantine.select("row", "reason").rows() == [(3, DAMAGED)]


@pytest.mark.parametrize(("amount", "kind", "fen"), [("-5.00", "refund", -500), ("5.00", "refund", 500), ("0.00", "refund", 0)])
def test_the_sign_of_a_template_row_is_taken_as_given(tmp_path, amount, kind, fen):
    assert flows_in(put(tmp_path, {"a.csv": flows(amount=amount, kind=kind)}))["amount_fen"].to_list() == [fen]


def test_a_quantity_is_a_whole_number(tmp_path):
    header = "order_id,line_id,sku,qty,list,buyer_paid"
    texts = {"2": 2, "1,000": 1000, "2.0": 2, "1,2345": None, "2.5": None, "1e3": None, str(2**63): None}
    rows = [f'O{n},L{n},S,"{text}",5.00,5.00' for n, text in enumerate(texts)]
    collected = collected_from(put(tmp_path, {"a.csv": "\n".join([header, *rows]) + "\n"}))

    assert collected.tables.order_lines["qty"].to_list() == [n for n in texts.values() if n is not None]
    assert collected.quarantine["reason"].to_list() == ["不是整数"] * 4


def test_amounts_of_several_currencies_are_not_added_up(tmp_path):
    usual = {"交易时间": "2026-10-09 12:00:00", "商户号": "1", "微信订单号": "42", "商户订单号": "26", "交易状态": "SUCCESS"}
    amounts = {"应结订单金额": "5.00", "手续费": "0.03", "订单金额": "5.00"}
    bills = [{**usual, "微信订单号": f"42{n}", "货币种类": name, **amounts} for n, name in enumerate(("CNY", "USD"))]
    rows = [",".join(f"`{cell}" for cell in bill.values()) for bill in bills]
    header = ",".join(bills[0])
    outcome, said = outcome_of(put(tmp_path, {"a.csv": "\n".join([header, *rows]) + "\n"}))

    assert outcome == "quarantine"
    assert "不是人民币，1 行（第 3 行）" in said
