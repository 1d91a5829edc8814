"""WeChat Pay: tradebill ALL and fundflow, a backtick before every data cell, totals rows at the end."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.bills import spans
from recon_kit.synth.cases import midnight
from recon_kit.synth.flows import rated
from recon_kit.synth.world import World
from recon_kit.synth.writers.text import lines, stamp, within, write_text, yuan, yuan_text

TRADE_HEADER = (
    "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,"
    "货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注"
)
TRADE_TOTALS = "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额"
FUND_HEADER = (
    "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,"
    "业务凭证号"
)
FUND_TOTALS = "资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额"
NAMES = {
    "trade_receipt": ("交易", "交易"),
    "fee": ("交易", "扣除交易手续费"),
    "refund": ("退款", "退款"),
    "fee_return": ("退款", "退还交易手续费"),
    "payout": ("提现", "提现"),
    "unknown": ("其他", "其他"),
    "transfer": ("商家转账", "其他"),
}


def write_wechat(world: World, folder: Path) -> None:
    """The tradebill and the fundflow of every span."""
    own = world.tables["flows"].filter(pl.col("channel") == seller.MINI.channel)
    asked = world.tables["aftersales"].filter(pl.col("completed_at").is_not_null()).select("case_id", asked_at="completed_at")
    trades = (
        own.filter(pl.col("kind").is_in(["trade_receipt", "refund"]))
        .join(asked, on="case_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            traded_at=pl.when(pl.col("kind") == "trade_receipt")
            .then("at")
            .otherwise(pl.coalesce("asked_at", pl.col("at") - pl.duration(hours=1)))
        )
    )
    money = own.filter(pl.col("success_at").is_not_null())
    for tag, first, end in spans(world, world.split):
        dates = f"{first}" if world.split == "day" else f"{first}_{end - timedelta(days=1)}"
        traded = within(trades, "traded_at", first, end).sort("traded_at", "flow_id")
        moved = within(money, "success_at", first, end).sort("at", "flow_id")
        if traded.height:  # for a day without any, WeChat gives no file
            write_text(folder / f"{seller.MINI.account}All{dates}.csv", _trade_rows(traded, end))
        if moved.height:
            write_text(folder / f"{seller.MINI.account}_fundflow_{tag}.csv", _fund_rows(moved))


def _refund_id() -> pl.Expr:
    """微信退款单号: WeChat's own number of the refund, next to the fundflow row's."""
    return pl.concat_str(pl.lit("50300061"), pl.col("flow_id").str.slice(8))


def _trade_rows(trades: pl.DataFrame, end: date) -> list[str]:
    """A refund stands on the day it was asked for; its status is what was known when the bill was made."""
    is_refund = pl.col("kind") == "refund"
    paid = pl.when(is_refund).then(0).otherwise("amount_fen")
    refunded = pl.when(is_refund).then(-pl.col("amount_fen")).otherwise(0)
    fee = rated(pl.col("amount_fen").abs(), pl.lit(seller.MINI.fee_rate)) * pl.col("amount_fen").sign()
    arrived = (pl.col("success_at") < midnight(end)).fill_null(value=False)
    fee_text = pl.concat_str(yuan(fee), pl.lit("000"))
    cells = [
        stamp("traded_at"),
        pl.lit("wx5e0c2d71b9a84f36"),
        pl.lit(seller.MINI.account),
        pl.lit("0"),
        pl.lit(""),
        pl.col("trade_no"),
        pl.col("pay_id"),
        pl.lit("oMASKED"),
        pl.lit("JSAPI"),
        pl.when(is_refund).then(pl.lit("REFUND")).otherwise(pl.lit("SUCCESS")),
        pl.lit("OTHERS"),
        pl.lit("CNY"),
        yuan(paid),
        pl.lit("0.00"),
        pl.when(is_refund).then(_refund_id()).otherwise(pl.lit("0")),
        pl.when(is_refund).then("request_no").otherwise(pl.lit("0")),
        yuan(refunded),
        pl.lit("0.00"),
        pl.when(is_refund).then(pl.lit("ORIGINAL")).otherwise(pl.lit("")),
        pl.when(~is_refund).then(pl.lit("")).when(arrived).then(pl.lit("SUCCESS")).otherwise(pl.lit("PROCESSING")),
        pl.lit(seller.BRAND),
        pl.lit(""),
        fee_text,
        pl.lit(f"{seller.MINI.fee_rate:.2%}"),
        yuan(paid),
        yuan(refunded),
        pl.lit(""),
    ]
    sums = trades.select(paid=paid.sum(), refunded=refunded.sum(), fee=fee.sum()).row(0, named=True)
    total = [str(trades.height), yuan_text(sums["paid"]), yuan_text(sums["refunded"]), "0.00", f"{yuan_text(sums['fee'])}000"]
    return [TRADE_HEADER, *_ticked(trades, cells), TRADE_TOTALS, ",".join(f"`{cell}" for cell in [*total, total[1], total[2]])]


def _fund_rows(money: pl.DataFrame) -> list[str]:
    kind = pl.col("kind")
    words = [kind.replace_strict({name: text[place] for name, text in NAMES.items()}) for place in range(2)]
    is_payout, is_refund = kind == "payout", kind == "refund"
    cells = [
        stamp("success_at"),
        pl.when(is_refund)
        .then(_refund_id())
        .when(is_payout)
        .then("payout_id")
        .otherwise(pl.coalesce("trade_no", pl.concat_str(pl.lit("QT"), "flow_id"))),
        pl.col("flow_id"),
        *words,
        pl.when(pl.col("amount_fen") > 0).then(pl.lit("收入")).otherwise(pl.lit("支出")),
        yuan(pl.col("amount_fen").abs()),
        yuan("balance_fen"),
        pl.when(is_payout).then(pl.lit(seller.MINI.account)).otherwise(pl.lit("system")),
        pl.when(is_refund).then(pl.lit("售后退款")).when(is_payout).then(pl.lit("提现")).otherwise(pl.col("memo")),
        pl.when(is_refund).then("request_no").when(is_payout).then("payout_id").otherwise("pay_id"),
    ]
    amounts = money["amount_fen"]
    income, outgo = amounts.filter(amounts > 0), amounts.filter(amounts < 0)
    total = [
        f"{money.height}.0",
        f"{income.len()}.0",
        yuan_text(int(income.sum())),
        f"{outgo.len()}.0",
        yuan_text(-int(outgo.sum())),
    ]
    return [FUND_HEADER, *_ticked(money, cells), FUND_TOTALS, ",".join(f"`{cell}" for cell in total)]


def _ticked(frame: pl.DataFrame, cells: list[pl.Expr]) -> list[str]:
    return [f"`{row}" for row in lines(frame, cells, ",`")]
