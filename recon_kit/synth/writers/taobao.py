"""Taobao/Tmall: 订单报表 (workbook, or CSV when large) and 退款管理 CSV in GB18030, in two header generations."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.bills import order_spans
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import (
    fits_a_sheet,
    goods_of,
    lines,
    repeated,
    stamp,
    within,
    write_sheet,
    write_text,
    yuan,
)

ORDER_STATUS = {
    "paid": "买家已付款，等待卖家发货",
    "shipped": "卖家已发货，等待买家确认",
    "completed": "交易成功",
    "closed": "交易关闭",
}
CASE_KINDS = {"return_refund": "退货退款", "exchange": "换货", "resend": "补寄", "repair": "维修"}
WAITING = {"return_refund": "卖家已经同意退款，等待买家退货"}
REFUND_NAMES = {
    "2024": {"买家退款金额": "total", "退款的申请时间": "applied", "部分退款/全部退款": "extent"},
    "2026": {
        "退款总额": "total",
        "退给买家金额": "total",
        "退给平台金额": "zero",
        "退款申请时间": "applied",
        "部分退款/全额退款": "extent",
    },
}
"""What the generations call the same columns; the newest splits the amount by who gets it."""


def write_taobao(world: World, folder: Path) -> None:
    """Orders by month of creation, refunds by month of application."""
    orders = world.tables["orders"].filter(pl.col("platform") == seller.TMALL.platform)
    goods = goods_of(world.tables["order_lines"])
    for tag, first, end in order_spans(world):
        exported = _order_rows(
            within(orders, "created_at", first, end).join(goods, on="order_id", how="left", validate="1:1", maintain_order="left")
        )
        if fits_a_sheet(exported):
            write_sheet(folder / f"淘宝订单报表_{tag}.xlsx", exported, "sheet1")
        else:
            ids = ("订单编号", "支付单号")
            cells = [_id_cell(name) if name in ids else _quoted(name) for name in exported.columns]
            header = ",".join(f'"{name}"' for name in exported.columns)
            write_text(folder / f"淘宝订单报表_{tag}.csv", [header, *lines(exported, cells)], "gb18030", "\r\n")
    cases = world.tables["aftersales"].filter(pl.col("platform") == seller.TMALL.platform)
    for tag, first, end in order_spans(world):
        names = REFUND_NAMES["2024" if first < world.period.start else "2026"]
        write_text(
            folder / f"退款管理_{tag}.csv",
            _refund_rows(world, within(cases, "applied_at", first, end), orders, names),
            "gb18030",
            "\r\n",
        )


def _order_rows(orders: pl.DataFrame) -> pl.DataFrame:
    """买家实付金额 is what is left at the export: what was paid less 退款金额."""
    is_paid = pl.col("paid_at").is_not_null()
    closed = pl.when(is_paid).then(pl.lit("退款")).otherwise(pl.lit("买家未付款"))
    left = pl.when(is_paid).then(pl.col("buyer_paid_fen") - pl.col("refunded_fen")).otherwise(0)
    return orders.select(
        pl.col("order_id").alias("订单编号"),
        pl.col("pay_id").alias("支付单号"),
        pl.when(is_paid).then(pl.lit("支付方式：支付宝|")).otherwise(pl.lit("")).alias("支付详情"),
        yuan(pl.col("buyer_paid_fen") - pl.col("shipping_fen")).alias("买家应付货款"),
        yuan("shipping_fen").alias("买家应付邮费"),
        yuan("buyer_paid_fen").alias("总金额"),
        yuan(left).alias("买家实付金额"),
        pl.col("status").replace_strict(ORDER_STATUS).alias("订单状态"),
        pl.lit("苏**").alias("收货人姓名"),
        pl.lit("*******0000").alias("联系手机"),
        stamp("created_at").alias("订单创建时间"),
        stamp("paid_at").alias("订单付款时间"),
        pl.col("titles").alias("商品标题"),
        pl.col("pieces").cast(pl.String).alias("宝贝总数量"),
        pl.col("shop").alias("店铺名称"),
        pl.when(pl.col("status") == "closed").then(closed).otherwise(pl.lit("订单未关闭")).alias("订单关闭原因"),
        stamp("shipped_at").alias("发货时间"),
        stamp("completed_at").alias("确认收货时间"),
        yuan("refunded_fen").alias("退款金额"),
        pl.col("skus").alias("商家编码"),
        pl.lit("否").alias("是否主动赔付"),
        pl.lit("0.00").alias("主动赔付金额"),
    )


def _refund_rows(world: World, cases: pl.DataFrame, orders: pl.DataFrame, names: dict[str, str]) -> list[str]:
    facts = orders.select("order_id", "pay_id", "paid_at", "shipped_at", "buyer_paid_fen", confirmed_at="completed_at")
    sold = world.tables["order_lines"].select("line_id", "sku", "title")
    known = (
        repeated(world, cases)
        .join(facts, on="order_id", how="left", validate="m:1", maintain_order="left")
        .join(sold, on="line_id", how="left", validate="m:1", maintain_order="left")
    )
    amount, kind = pl.coalesce("final_fen", "requested_fen").fill_null(0), pl.col("kind")
    is_before = pl.col("confirmed_at").is_null() | (pl.col("applied_at") < pl.col("confirmed_at"))
    shipped = pl.when(pl.col("shipped_at").is_null()).then(pl.lit("未发货仅退款")).otherwise(pl.lit("已发货仅退款"))
    status = (
        pl.when(pl.col("platform_status") == "success")
        .then(pl.lit("退款成功"))
        .when(pl.col("platform_status") == "closed")
        .then(pl.lit("退款关闭"))
        .otherwise(kind.replace_strict(WAITING, default="买家已经申请退款，等待卖家同意"))
    )
    ended = pl.when(pl.col("platform_status") == "open").then(pl.lit("")).otherwise(stamp("completed_at"))
    whole = next(name for name, cell in names.items() if cell == "extent").split("/")[1]
    varying = {
        "total": yuan(amount),
        "zero": pl.lit("0.00"),
        "applied": stamp("applied_at"),
        "extent": pl.when(amount >= pl.col("buyer_paid_fen")).then(pl.lit(whole)).otherwise(pl.lit("部分退款")),
    }
    named = {name: varying[cell] for name, cell in names.items()}
    amounts = {name: cell for name, cell in named.items() if "申请时间" not in name and "/" not in name}
    columns: dict[str, pl.Expr] = {
        "订单编号": pl.col("order_id"),
        "退款编号": pl.col("case_id"),
        "支付单号": pl.col("pay_id"),
        "订单付款时间": stamp("paid_at"),
        "商品id": pl.lit(""),
        "商品编码": pl.col("sku"),
        "退款完结时间": ended,
        "买家实际支付金额": yuan("buyer_paid_fen"),
        "宝贝标题": pl.col("title"),
        **amounts,
        "手工退款/系统退款": pl.lit("手工退款"),
        "售后类型": kind.replace_strict(CASE_KINDS, default=shipped),
        **{name: cell for name, cell in named.items() if "申请时间" in name},
        "超时时间": pl.lit(""),
        "退款状态": status,
        "货物状态": pl.when(pl.col("shipped_at").is_null()).then(pl.lit("买家未收到货")).otherwise(pl.lit("买家已收到货")),
        "退货物流信息": pl.lit(""),
        "发货物流信息": pl.lit(""),
        "客服介入状态": pl.lit("无需客服介入"),
        "退货物流单号": pl.col("return_waybill"),
        "退货物流公司": pl.lit(""),
        "买家退款原因": pl.col("reason"),
        "买家退款说明": pl.lit(""),
        "买家退货时间": pl.lit(""),
        "责任方": pl.lit(""),
        "售中或售后": pl.when(is_before).then(pl.lit("售中")).otherwise(pl.lit("售后")),
        "商家备注": pl.lit(""),
        "完结时间": ended,
        **{name: cell for name, cell in named.items() if "/" in name},
        "审核操作人": pl.lit(""),
        "举证超时": pl.lit("否"),
        "是否零秒响应": pl.when("is_instant").then(pl.lit("是")).otherwise(pl.lit("否")),
        "退款操作人": pl.lit(""),
        "退款原因标签": pl.lit(""),
        "业务类型": pl.lit("普通退款"),
        "是否帮他退款": pl.lit("否"),
        "帮他退款操作账号": pl.lit(""),
        "小额收款": pl.lit("否"),
    }
    texts = known.select(cell.cast(pl.String).fill_null("").alias(name) for name, cell in columns.items())
    ids = ("订单编号", "退款编号", "支付单号")
    return [
        ",".join(f'"{name}"' for name in columns),
        *lines(texts, [_id_cell(name) if name in ids else _quoted(name) for name in columns]),
    ]


def _id_cell(name: str) -> pl.Expr:
    """An id as Excel text, `="4182…"`."""
    return pl.concat_str(pl.lit('="'), pl.col(name).fill_null(""), pl.lit('"'))


def _quoted(name: str) -> pl.Expr:
    return pl.concat_str(pl.lit('"'), pl.col(name).fill_null(""), pl.lit('"'))
