"""Columns that are missing, renamed, repeated, reordered or too many; headers, totals and rows in odd places."""

import re

import pytest

from tests.hostile.builders import FLOWS, HEADER, bill, collected_from, flows_in, outcome_of, put, row

SWAPPED = (
    "业务描述,备注,账务类型,支出金额（-元）,收入金额（+元）,发生时间,商户订单号\n"
    "0020002|交易退款-订单退款,-,交易退款,-5.00,0,2026-10-09 12:00:00,261009-1\n"
)
ORDERS = (
    "商品,订单号,订单状态,商品总价(元),邮费(元),店铺优惠折扣(元),平台优惠折扣(元),用户实付金额(元),商家实收金额(元),商品数量(件),"
    "支付时间,售后状态\n#热卖# 茶杯,261009-1,已收货,5.00,0,0,0,5.00,5.00,1,2026-10-09 12:00:00,无售后或售后取消\n"
)
WIDE = f"{HEADER},{','.join(f'列{n}' for n in range(10_000))}\n{row(1)}{',1' * 10_000}\n"
TOTALS = "#支出合计：{}笔-{}元\n#收入合计：0笔+0.00元\n"


def twice(column: str, *cells: str) -> str:
    """The bill with one more column of a name it has."""
    return "\n".join([f"{HEADER},{column}", *(f"{row(n)},{cell}" for n, cell in enumerate(cells, 1))]) + "\n"


CASES = {
    "a needed column is missing": (
        bill(header=HEADER.replace(",支出金额（-元）", "")),
        "warn",
        "最接近的版式：拼多多货款明细，缺少列 支出金额",
    ),
    "a needed column has another name": (bill(header=HEADER.replace("支出金额（-元）", "付出")), "warn", "缺少列 支出金额"),
    "a column that may be missing is missing": (
        "商户订单号,发生时间,收入金额,支出金额,账务类型\n1,2026-10-09,0,-5.00,交易退款\n",
        "accept",
        "",
    ),
    "columns in another order": (SWAPPED, "accept", ""),
    "a column that nobody knows": (bill(row(1) + ",x", header=HEADER + ",新列"), "accept", ""),
    "a column that the template does not have": (
        "fee_id,channel,kind,amount,at,颜色\nF1,card,other,1.00,2026-10-09,红\n",
        "warn",
        "标准模板里没有这些列，未读入：颜色",
    ),
    "10,000 columns more": (WIDE, "accept", ""),
    "10,000 columns of nothing known": (",".join(f"列{n}" for n in range(10_000)) + "\n", "warn", "认不出是什么文件"),
    "a column twice with the same cells": (twice("支出金额（-元）", "-5.00", "-5.00"), "accept", ""),
    "a column twice with other cells": (
        twice("支出金额(-元)", "-5.00", "-6.00"),
        "reject",
        r"a\.csv, row 1: the column 支出金额 stands twice \(columns 4 and 8\) and its cells differ, first in row 3",
    ),
    "a column that is not read, twice": (
        twice("列", "1", "2").replace(",列\n", ",列,列\n", 1).replace(",1\n", ",1,2\n"),
        "accept",
        "",
    ),
    "a title above the header": ("拼多多店铺账务明细查询\n\n说明,,,\n" + bill(), "accept", ""),
    "a header below its thirty first rows": ("说明\n" * 30 + bill(), "warn", "认不出是什么文件"),
    "the header again between the rows": (bill(row(1), HEADER, row(2)), "accept", ""),
    "blank lines": (bill("", row(1), ",,,,,,", "\t", row(2), "", ""), "accept", ""),
    "a row with a cell too many": (bill(row(1), row(2) + ",x"), "quarantine", "单元格多于表头，1 行（第 3 行）"),
    "a row with cells too few": (bill(row(1), "261009-000000000000002,2026-10-09"), "quarantine", "第 3 行"),
    "totals that agree": (bill() + TOTALS.format(2, "10.00"), "accept", ""),
    "a total of rows that does not agree": (bill() + TOTALS.format(3, "10.00"), "warn", "支出笔数 声明 3，实际 2"),
    "a total of money that does not agree": (
        bill() + TOTALS.format(2, "10.01"),
        "warn",
        r"支出合计金额 声明 -10\.01，实际 -10\.00",
    ),
    "a title that begins like a footer": (
        ORDERS,
        "accept",
        "",
    ),
    "three faults in one row": (
        f"{FLOWS}\ncard,F1,昨天,什么,1.234,\n",
        "quarantine",
        r"a\.csv：列“(时间|at)”不是时间，1 行（第 2 行）$",
    ),
}


@pytest.mark.parametrize(("data", "outcome", "says"), CASES.values(), ids=CASES)
def test_the_file_ends_as_stated(tmp_path, data, outcome, says):
    found, said = outcome_of(put(tmp_path, {"a.csv": data}))

    assert found == outcome, said
    assert re.search(says, said)


@pytest.mark.parametrize("name", [name for name, (_, outcome, _) in CASES.items() if outcome == "accept"])
def test_every_row_of_what_is_accepted_is_loaded(tmp_path, name):
    collected = collected_from(put(tmp_path, {"a.csv": CASES[name][0]}))

    assert collected.intake["rows_loaded"].to_list() == [1 if name in ONE_ROW else 2]
    assert collected.intake["rows_read"].equals(collected.intake["rows_loaded"])


ONE_ROW = {
    "a column that may be missing is missing",
    "columns in another order",
    "a column that nobody knows",
    "10,000 columns more",
    "a title that begins like a footer",
}


def test_columns_in_another_order_give_the_same_row(tmp_path):
    one = flows_in(put(tmp_path / "one", {"a.csv": SWAPPED}))
    two = flows_in(put(tmp_path / "two", {"a.csv": bill(row(1).replace("261009-000000000000001", "261009-1"))}))

    assert one.equals(two)


def test_a_row_with_three_faults_is_set_aside_once(tmp_path):
    collected = collected_from(put(tmp_path, {"a.csv": CASES["three faults in one row"][0]}))

    assert collected.quarantine.height == 1
    assert collected.intake["rows_quarantined"].to_list() == [1]
