"""Alipay 账务明细: a ZIP for each span with the detail and a 汇总 member, GBK names, footer totals."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.bills import alipay_bill, spans
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import lines, stamp, within, write_zip, yuan, yuan_text

HEADER = (
    "账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注,"
    "业务描述,业务账单来源,业务基础订单号,业务订单号"
)
TYPES = {
    "trade_receipt": "交易付款",
    "refund": "交易退款",
    "fee": "收费",
    "fee_return": "退费",
    "payout": "提现",
    "unknown": "其它",
    "insurance": "其它",
    "penalty": "其它",
    "small_transfer": "转账",
    "transfer": "转账",
}
SCENES = {
    "trade_receipt": "0010001|交易收款-交易收款",
    "refund": "0020011|交易退款-交易退款",
    "fee": "0030001|技术服务费-天猫佣金",
    "fee_return": "0030001|技术服务费-天猫佣金",
}
SOURCES = {"trade_receipt": "交易系统", "refund": "交易系统", "fee": "天猫", "fee_return": "天猫"}
RULE = "-----------------------------------------"


def write_alipay(world: World, folder: Path) -> None:
    """The Alipay bills of every span."""
    wrong = dict(world.footers)
    own = world.tables["flows"].filter(pl.col("channel") == seller.TMALL.channel)
    for tag, first, end in spans(world, world.split):
        bill = within(own, "at", first, end).sort("at", "flow_id")
        stem = f"{seller.TMALL.account}_{tag}_账务明细"
        members = {
            f"{stem}.csv": _detail(bill, first, end, world.end, wrong.get(alipay_bill(tag), 0)),
            f"{stem}(汇总).csv": _summary(bill, first, end),
        }
        write_zip(folder / alipay_bill(tag), members)


def _detail(bill: pl.DataFrame, first: date, end: date, export: date, wrong_fen: int) -> str:
    kind, order = pl.col("kind"), pl.col("order_id").fill_null("")
    is_trade = kind.is_in(["trade_receipt", "refund"])
    text = {k: kind.replace_strict(names, default="") for k, names in {"type": TYPES, "scene": SCENES, "source": SOURCES}.items()}
    remark = (
        pl.when(kind == "fee")
        .then(pl.concat_str(pl.lit("天猫佣金（类目）{"), order, pl.lit("}")))
        .when(kind == "fee_return")
        .then(pl.concat_str(pl.lit("天猫佣金（类目）退款{"), order, pl.lit("}")))
        .when(kind == "refund")
        .then(pl.lit("售后退款"))
        .when(kind == "payout")
        .then(pl.lit("余额提现"))
        .when(kind == "insurance")
        .then(pl.concat_str(pl.lit("退货宝-保费{"), order, pl.lit("}")))
        .when(kind == "small_transfer")
        .then(pl.concat_str(pl.lit("售后小额打款{"), order, pl.lit("}")))
        .otherwise(pl.col("memo"))
    )
    business = (
        pl.when(is_trade)
        .then("trade_no")
        .when(kind == "payout")
        .then("payout_id")
        .otherwise(pl.concat_str(pl.lit("FW"), "flow_id"))
    )
    tab = pl.lit("\t")
    rows = lines(
        bill,
        [
            pl.concat_str("flow_id", tab),
            pl.concat_str(business.fill_null(""), tab),
            pl.concat_str(pl.when(is_trade).then(pl.concat_str(pl.lit("T200P"), order)).otherwise(pl.lit("")), tab),
            pl.concat_str(pl.when(is_trade).then(pl.lit(seller.BRAND)).otherwise(pl.lit("")), tab),
            stamp("at"),
            pl.concat_str(pl.when(is_trade).then(pl.lit("b***@example.com")).otherwise(pl.lit("")), tab),
            yuan(pl.col("amount_fen").clip(lower_bound=0)),
            yuan(pl.col("amount_fen").clip(upper_bound=0)),
            yuan("balance_fen"),
            pl.lit("支付宝"),
            text["type"],
            remark,
            text["scene"],
            text["source"],
            pl.concat_str(pl.when(is_trade).then(order).otherwise(pl.lit("")), tab),
            tab,
        ],
    )
    income, outgo = _sides(bill)
    return "\r\n".join(
        [
            *_preamble("账务明细查询", "账务明细列表", first, end),
            HEADER,
            *rows,
            f"#{RULE}账务明细列表结束{RULE[5:]}",
            f"#支出合计：{outgo[0]}笔，共{yuan_text(outgo[1] + wrong_fen)}元",
            f"#收入合计：{income[0]}笔，共{yuan_text(income[1])}元",
            f"#导出时间：[{export:%Y年%m月%d日} 09:00:00]",
            "",
        ]
    )


def _summary(bill: pl.DataFrame, first: date, end: date) -> str:
    rows = ["业务类型,收入笔数,收入金额（+元）,支出笔数,支出金额（-元）,总金额（元）"]
    kinds = {name: [kind for kind, named in TYPES.items() if named == name] for name in TYPES.values()}
    groups = [(name, bill.filter(pl.col("kind").is_in(of_name))) for name, of_name in kinds.items()]
    for name, group in [*((name, group) for name, group in groups if group.height), ("合计", bill)]:
        income, outgo = _sides(group)
        rows.append(
            f"{name}\t,{income[0]},{yuan_text(income[1])},{outgo[0]},{yuan_text(outgo[1])},{yuan_text(income[1] + outgo[1])}"
        )
    return "\r\n".join([*_preamble("账务汇总查询", "账务汇总列表", first, end), *rows, f"#{RULE}账务汇总列表结束{RULE[5:]}", ""])


def _preamble(title: str, block: str, first: date, end: date) -> list[str]:
    days = f"#起始日期：[{first:%Y年%m月%d日} 00:00:00]   终止日期：[{end:%Y年%m月%d日} 00:00:00]"
    return [f"#支付宝{title}", f"#账号：[{seller.TMALL.account}]", days, f"#{RULE}{block}{RULE[1:]}"]


def _sides(bill: pl.DataFrame) -> tuple[tuple[int, int], tuple[int, int]]:
    """Count and sum of what came in, and of what went out (negative)."""
    amounts = bill["amount_fen"]
    income, outgo = amounts.filter(amounts > 0), amounts.filter(amounts < 0)
    return (income.len(), int(income.sum())), (outgo.len(), int(outgo.sum()))
