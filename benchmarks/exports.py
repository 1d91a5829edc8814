"""Exports of any size as a platform writes them, for the reading benchmarks. Every row is made up."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import xlsxwriter

PREAMBLE = (
    "#支付宝账务明细查询\n#账号：[20880000000000000156]\n"
    "#起始日期：[2026年10月01日 00:00:00]   终止日期：[2026年11月01日 00:00:00]\n"
    "#-----------------------------------------账务明细列表----------------------------------------\n"
)
BYTES_A_ROW = 266
"""GB18030 bytes of one row of `bill_rows`, so that a file's size can be asked for."""


def write_bill(folder: Path, megabytes: int) -> None:
    """Write an Alipay 账务明细 of 16 columns: in GB18030 with what stands around it, and its bare rows in UTF-8."""
    rows = bill_rows((megabytes << 20) // BYTES_A_ROW)
    rows.write_csv(folder / "rows.csv")
    spent, earned = (rows[name].cast(pl.Decimal(12, 2)) for name in ("支出金额（-元）", "收入金额（+元）"))
    with (folder / "rows.csv").open(encoding="utf-8") as text, (folder / "bill.csv").open("w", encoding="gb18030") as bill:
        bill.write(PREAMBLE)
        while chunk := text.read(1 << 20):
            bill.write(chunk)
        for word, amounts in (("支出", spent), ("收入", earned)):
            bill.write(f"#{word}合计：{(amounts != 0).sum()}笔，共{amounts.sum()}元\n")


def bill_rows(height: int) -> pl.DataFrame:
    """Rows of October 2026 under the bill's headers: receipts, and one in twenty a refund."""
    n = pl.col("n")
    is_refund = n % 20 == 7
    yuan = (n * 7_919 % 90_000 + 1_000).cast(pl.String)
    amount = yuan.str.head(-2) + "." + yuan.str.tail(2)
    order_id = pl.format("33{}\t", n * 7_919 + 10_000_000_000_000_000)
    columns = {
        "账务流水号": pl.format("48{}\t", n + 10_000_000_000_000),
        "业务流水号": pl.format("20261002220014{}\t", n + 10_000_000_000_000),
        "商户订单号": pl.format("T200P33{}\t", n * 7_919 + 10_000_000_000_000_000),
        "商品名称": pl.format("不锈钢保温杯大容量 {} 款", n % 900),
        "发生时间": (pl.datetime(2026, 10, 1) + pl.duration(seconds=n * 31_337 % 2_592_000)).dt.strftime("%Y-%m-%d %H:%M:%S"),
        "对方账号": pl.format("买家{} (a***{}@example.com)", n % 9_000, n % 90),
        "收入金额（+元）": pl.when(is_refund).then(pl.lit("0.00")).otherwise(amount),
        "支出金额（-元）": pl.when(is_refund).then("-" + amount).otherwise(pl.lit("0.00")),
        "账户余额（元）": pl.format("{}.00", n % 900_000 + 100_000),
        "交易渠道": pl.lit("支付宝"),
        "业务类型": pl.when(is_refund).then(pl.lit("交易退款")).otherwise(pl.lit("在线支付")),
        "备注": pl.when(is_refund).then(pl.format("售后退款-{}", order_id.str.head(-1))).otherwise(None),
        "业务描述": pl.when(is_refund).then(pl.lit("0020002|交易退款-退款")).otherwise(pl.lit("0010001|交易收款-交易收款")),
        "业务账单来源": pl.lit("淘宝天猫"),
        "业务基础订单号": order_id,
        "业务订单号": order_id,
    }
    return pl.select(n=pl.int_range(height)).select(**columns)


def write_workbook(folder: Path, height: int) -> None:
    """Write `orders.xlsx` of 20 columns: 8 ids as text, 6 amounts as numbers, 2 instants, 4 texts; strings inside the cells."""
    with xlsxwriter.Workbook(folder / "orders.xlsx", {"constant_memory": True}) as book:
        sheet, day = book.add_worksheet("订单报表"), book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        ids, amounts = [f"编号{n}" for n in range(8)], [f"金额{n}" for n in range(6)]
        sheet.write_row(0, 0, [*ids, *amounts, "下单时间", "付款时间", "状态", "留言", "店铺", "商品"])
        first = datetime(2026, 10, 1)  # noqa: DTZ001  a worksheet knows no time zones
        for row in range(1, height + 1):
            for column in range(8):
                sheet.write_string(row, column, f"{3_310_761_902_812_000_000 + row * 7_919 + column}")
            for column in range(8, 14):
                sheet.write_number(row, column, (row * 7_919 + column * 31) % 100_000 / 100)
            for column, step in ((14, 1), (15, 3)):
                sheet.write_datetime(row, column, first + timedelta(seconds=row * step % 2_500_000), day)
            texts = ("交易成功", f"尽快发货 {row % 1_000}" if row % 5 == 0 else "", "示例旗舰店", f"保温杯 {row % 300} 款")
            for column, text in enumerate(texts, 16):
                sheet.write_string(row, column, text)
