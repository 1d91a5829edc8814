"""Pinduoduo: order export (tab after every cell), after-sales workbook 售后信息, and the 货款明细 bill without row ids."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.bills import order_spans, pdd_bill, spans
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import (
    goods_of,
    lines,
    repeated,
    stamp,
    within,
    write_table,
    write_text,
    yuan,
    yuan_text,
)

ORDER_HEADER = (
    "商品,订单号,订单状态,商品总价(元),邮费(元),店铺优惠折扣(元),平台优惠折扣(元),多多支付立减金额(元),用户实付金额(元),商家实收金额(元),商品数量(件),"
    "发货时间,确认收货时间,商品id,商品规格,样式ID,商家编码-规格维度,商家编码-商品维度,商家备注,售后状态,快递单号,快递公司,订单成交时间"
)
BILL_HEADER = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述"
TYPES = {
    "trade_receipt": ("交易收入", "-", "0010002|交易收入-订单收入"),
    "subsidy": ("优惠券结算", "-", "0010005|交易收入-优惠券结算"),
    "refund": ("交易退款", "-", "0020002|交易退款-订单退款"),
    "subsidy_clawback": ("优惠券结算", "-", "0020005|交易退款-优惠券结算"),
    "fee": ("技术服务费", "-", "0030002|技术服务费-基础技术服务费"),
    "fee_return": ("技术服务费", "基础技术服务费返还", "0030002|技术服务费-基础技术服务费"),
    "payout": ("提现", "-", "0080001|提现-提现申请"),
    "unknown": ("其他", "-", "0990031|其他-系统调整"),
    "transfer": ("转账", "-", "0070004|转账-保证金充值"),
}
CASE_KINDS = {"refund_only": "仅退款", "return_refund": "退货退款", "exchange": "换货", "resend": "补寄", "repair": "维修"}
SUCCESS = {
    "refund_only": "退款成功",
    "return_refund": "退款成功",
    "exchange": "换货成功",
    "resend": "补寄成功",
    "repair": "维修成功",
}


def write_pdd(world: World, folder: Path) -> None:
    """Orders and after-sales by month, bills by span."""
    orders = world.tables["orders"].filter(pl.col("platform") == seller.PDD.platform)
    cases = world.tables["aftersales"].filter(pl.col("platform") == seller.PDD.platform)
    known = orders.join(
        goods_of(world.tables["order_lines"]), on="order_id", how="left", validate="1:1", maintain_order="left"
    ).join(_refund_status(cases), on="order_id", how="left", validate="1:1", maintain_order="left")
    for tag, first, end in order_spans(world):
        write_table(folder, f"售后单导出_{tag}", _case_rows(world, within(cases, "applied_at", first, end), orders), "售后信息")
        write_text(folder / f"orders_export{tag}.csv", _order_rows(within(known, "created_at", first, end)), "utf-8-sig")
    own = world.tables["flows"].filter(pl.col("channel") == seller.PDD.channel)
    wrong = dict(world.footers)
    for tag, first, end in spans(world, world.split):
        bill = within(own, "at", first, end).sort("at", "flow_id")
        write_text(folder / pdd_bill(tag), _bill_rows(bill, first, end, wrong.get(pdd_bill(tag), 0)), "gb18030")


def _refund_status(cases: pl.DataFrame) -> pl.DataFrame:
    """Whether the order has a case that is still open."""
    return cases.group_by("order_id").agg(is_open=(pl.col("platform_status") == "open").any())


def _order_rows(orders: pl.DataFrame) -> list[str]:
    is_refunded = pl.col("is_refund_stated")
    stage = (
        pl.when(pl.col("completed_at").is_not_null())
        .then(pl.lit("已收货"))
        .when(pl.col("shipped_at").is_not_null())
        .then(pl.lit("已发货"))
        .otherwise(pl.lit("未发货"))
    )
    plain = pl.col("status").replace_strict(
        {"completed": "已收货", "shipped": "已发货，待收货", "paid": "待发货", "closed": "已取消"}
    )
    status = pl.when(is_refunded).then(pl.concat_str(stage, pl.lit("，退款成功"))).otherwise(plain)
    is_open = pl.col("is_open").fill_null(value=False)
    after = (
        pl.when(is_refunded)
        .then(pl.lit("退款成功"))
        .when(is_open)
        .then(pl.lit("售后处理中"))
        .otherwise(pl.lit("无售后或售后取消"))
    )
    reduction = pl.col("platform_discount_fen") % 500
    shipped = pl.col("shipped_at").is_not_null()
    cells = [
        pl.col("titles"),
        pl.col("order_id"),
        status,
        yuan("list_fen"),
        yuan("shipping_fen"),
        yuan("merchant_discount_fen"),
        yuan(pl.col("platform_discount_fen") - reduction),
        yuan(reduction),
        yuan("buyer_paid_fen"),
        yuan("merchant_receivable_fen"),
        pl.col("pieces"),
        stamp("shipped_at"),
        stamp("completed_at"),
        pl.lit("7301826455"),
        pl.col("skus"),
        pl.lit("1"),
        pl.col("skus"),
        pl.col("skus"),
        pl.lit(""),
        after,
        pl.when(shipped).then(pl.lit("SF3100000000000")).otherwise(pl.lit("")),
        pl.when(shipped).then(pl.lit("顺丰")).otherwise(pl.lit("")),
        stamp("paid_at"),
    ]
    return [ORDER_HEADER, *(row + "\t" for row in lines(orders, cells, "\t,"))]


def _case_rows(world: World, cases: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    known = repeated(world, cases).join(
        orders.select("order_id", "shipped_at", "buyer_paid_fen"),
        on="order_id",
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    shipped = pl.col("shipped_at").is_not_null()
    waiting = pl.when(pl.col("kind") == "return_refund").then(pl.lit("待买家退货")).otherwise(pl.lit("待商家处理"))
    ended = (
        pl.when(pl.col("platform_status") == "closed").then(pl.lit("已撤销")).otherwise(pl.col("kind").replace_strict(SUCCESS))
    )
    return known.select(
        pl.col("case_id").alias("售后编号"),
        pl.col("order_id").alias("订单编号"),
        pl.when(shipped).then(pl.lit("SF3100000000000")).otherwise(pl.lit("")).alias("发货运单号"),
        pl.col("return_waybill").fill_null("").alias("退货运单号"),
        pl.when(pl.col("platform_status") == "open").then(waiting).otherwise(ended).alias("售后状态"),
        pl.col("kind").replace_strict(CASE_KINDS).alias("退款类型"),
        pl.col("reason").alias("退款原因"),
        pl.when(shipped).then(pl.lit("已发货")).otherwise(pl.lit("未发货")).alias("订单状态"),
        yuan("buyer_paid_fen").alias("交易金额"),
        yuan(pl.coalesce("final_fen", "requested_fen")).alias("退款金额"),
        stamp("applied_at").alias("申请时间"),
        pl.lit("").alias("退货物流状态"),
        pl.lit("b***r").alias("买家"),
        stamp("approved_at").alias("同意退款时间"),
    )


def _bill_rows(bill: pl.DataFrame, first: date, end: date, wrong_fen: int) -> list[str]:
    words = [pl.col("kind").replace_strict({kind: text[place] for kind, text in TYPES.items()}) for place in range(3)]
    remark = pl.when(pl.col("kind") == "unknown").then(pl.col("memo")).otherwise(words[1])
    cells = [
        pl.col("order_id"),
        stamp("at"),
        yuan(pl.col("amount_fen").clip(lower_bound=0), "0"),
        yuan(pl.col("amount_fen").clip(upper_bound=0), "0"),
        words[0],
        remark,
        words[2],
    ]
    amounts = bill["amount_fen"]
    income, outgo = amounts.filter(amounts > 0), amounts.filter(amounts < 0)
    return [
        "拼多多店铺账务明细查询",
        "",
        f"起始时间：{first:%Y-%m-%d} 00:00:00  终止时间：{end - timedelta(days=1):%Y-%m-%d} 23:59:59",
        "----------交易记录明细列表---------",
        BILL_HEADER,
        *(row + "\t" for row in lines(bill, cells, "\t,")),
        f"#支出合计：{outgo.len()}笔，{yuan_text(int(outgo.sum()) + wrong_fen)}元",
        f"#收入合计：{income.len()}笔，{yuan_text(int(income.sum()))}元",
    ]
