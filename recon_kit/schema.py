"""Canonical tables: the contract between files, matching, rules and reports. `conform` is the only door in.

Money is Int64 fen (suffix `_fen`), ids are text, instants are microseconds in Asia/Shanghai. A fact is positive; only
`flows`, `bank_rows` and `aftersales.price_difference_fen` are signed (negative leaves the wallet). Null means unknown or
not stated, never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

import polars as pl

from recon_kit.errors import SchemaError
from recon_kit.periods import TIMEZONE

Kind = Literal["text", "fen", "int", "float", "bool", "instant", "date", "list"]
DTYPES: dict[Kind, pl.DataType] = {
    "text": pl.String(),
    "fen": pl.Int64(),
    "int": pl.Int64(),
    "float": pl.Float64(),
    "bool": pl.Boolean(),
    "instant": pl.Datetime("us", TIMEZONE),
    "date": pl.Date(),
    "list": pl.List(pl.String()),
}


@dataclass(frozen=True)
class Column:
    """One column: its type, 中文 label, and what files must say about it.

    `key`: part of the natural key. `required`: must stand in a file's header. `allowed`: English value → 中文.
    `default` is filled after merging, so that it never beats a stated value. `personal`: how privacy masks it
    ("name" whole value, "text" free text that may quote a person).
    """

    name: str
    label: str
    kind: Kind = "text"
    key: bool = False
    required: bool = False
    allowed: dict[str, str] = field(default_factory=dict)
    default: str | bool | None = None
    personal: Literal["", "name", "text"] = ""
    note: str = ""


@dataclass(frozen=True)
class Table:
    """A canonical table: one row per natural key."""

    name: str
    label: str
    columns: tuple[Column, ...]

    @property
    def key(self) -> tuple[str, ...]:
        """The natural key's columns, in table order."""
        return tuple(c.name for c in self.columns if c.key)

    @property
    def required(self) -> tuple[str, ...]:
        """Columns a file of this table must have in its header."""
        return tuple(c.name for c in self.columns if c.required)

    @property
    def names(self) -> tuple[str, ...]:
        """Column names in order, without the two provenance columns."""
        return tuple(c.name for c in self.columns)

    def column(self, name: str) -> Column:
        """The column of that name; SchemaError when there is none."""
        for candidate in self.columns:
            if candidate.name == name:
                return candidate
        raise SchemaError(f"table {self.name}: no column {name!r}; it has {', '.join(self.names)}")

    @property
    def polars_schema(self) -> dict[str, pl.DataType]:
        """Name → dtype, provenance columns included."""
        return {c.name: DTYPES[c.kind] for c in (*self.columns, *PROVENANCE)}


PROVENANCE = (
    Column("source_file", "来源文件", note="name as given, relative to the data folder; zip!member for members"),
    Column("source_row", "来源行", "int", note="physical line or sheet row, 1-based, of the row's first line"),
)

PLATFORM = {
    "taobao": "淘宝",
    "tmall": "天猫",
    "jd": "京东",
    "pdd": "拼多多",
    "douyin": "抖音",
    "wechat_mini": "微信小程序",
    "other": "其他",
}
CHANNEL = {
    "alipay": "支付宝",
    "wechat": "微信",
    "card": "银行卡",
    "jd": "京东钱包",
    "pdd": "拼多多货款",
    "douyin": "抖音货款",
    "bank": "银行",
    "other": "其他",
}
ORDER_KIND = {"normal": "普通", "presale": "预售", "price_difference": "补差", "gift": "赠品"}
ORDER_STATUS = {"unpaid": "待付款", "paid": "已付款", "shipped": "已发货", "completed": "已完成", "closed": "已关闭"}
CASE_KIND = {
    "refund_only": "仅退款",
    "return_refund": "退货退款",
    "exchange": "换货",
    "resend": "补发",
    "repair": "维修",
    "price_protection": "价保",
    "small_transfer": "小额打款",
}
CASE_STATUS = {"open": "处理中", "success": "成功", "closed": "关闭"}
REASON_GROUP = {
    "quality": "质量",
    "logistics": "物流",
    "wrong_goods": "错发",
    "no_reason": "无理由",
    "price": "价格",
    "other": "其他",
}
DECIDED_BY = {"merchant": "商家", "platform": "平台"}
LAYER = {
    "item": "单品",
    "shop_coupon": "店铺券",
    "full_reduction": "满减",
    "cross_shop_allowance": "跨店津贴",
    "platform_coupon": "平台券",
    "platform_red_packet": "平台红包",
    "points": "积分",
    "payment_reduction": "支付立减",
    "gov_subsidy": "政府补贴",
    "cashback": "返现",
}
FUNDER = {"merchant": "商家", "platform": "平台", "brand": "品牌", "government": "政府", "anchor": "达人"}
FLOW_KIND = {
    "trade_receipt": "交易收款",
    "refund": "退款",
    "subsidy": "平台补贴",
    "subsidy_clawback": "补贴收回",
    "fee": "平台费用",
    "fee_return": "费用返还",
    "small_transfer": "小额打款",
    "chargeback": "拒付",
    "payout": "提现",
    "topup": "充值",
    "penalty": "扣罚",
    "insurance": "运费险",
    "price_protection": "价保",
    "transfer": "转账",
    "unknown": "不明",
}
FLOW_STATUS = {"success": "成功", "processing": "处理中", "failed": "失败"}

REFUND_CASE_KINDS = ("refund_only", "return_refund", "price_protection", "small_transfer")
"""Case kinds that end in money to the buyer. Source: rulings 15."""
REFUND_FLOW_KINDS = ("refund", "subsidy_clawback", "small_transfer", "chargeback", "price_protection")
"""Refund-type outflows: what the ledger must book. Source: rulings 20."""
CASE_FLOW_KINDS = ("refund", "small_transfer", "chargeback", "price_protection")
"""Outflows that can pay a case, or stand on none (bridge A3)."""


def _platform(key: bool = False, required: bool = False) -> Column:
    return Column("platform", "平台", key=key, required=required, allowed=PLATFORM)


def _channel(key: bool = False, required: bool = False) -> Column:
    return Column("channel", "渠道", key=key, required=required, allowed=CHANNEL)


def _id(name: str, label: str, key: bool = False, required: bool = False) -> Column:
    return Column(name, label, key=key, required=required)


def _fen(name: str, label: str, required: bool = False, note: str = "") -> Column:
    return Column(name + "_fen", label, "fen", required=required, note=note)


def _at(name: str, label: str, required: bool = False) -> Column:
    return Column(name, label, "instant", required=required)


SHOP = Column("shop", "店铺")
ORDER = _id("order_id", "订单编号")
LINE = _id("line_id", "子订单编号")
CASE = _id("case_id", "售后编号")
PAY = _id("pay_id", "支付单号")
PAYOUT = _id("payout_id", "提现单号")
WAYBILL = _id("waybill", "快递单号")
MEMO = Column("memo", "备注", personal="text")
UNIT_COST = _fen("unit_cost", "成本单价")
VAT_RATE = Column("vat_rate", "税率", note="text such as 0.13")
DISCOUNTS = (_fen("merchant_discount", "商家优惠"), _fen("platform_discount", "平台优惠"), _fen("points", "积分抵扣"))

ORDERS = Table(
    "orders",
    "订单",
    (
        _platform(key=True, required=True),
        SHOP,
        _id("order_id", "订单编号", key=True, required=True),
        PAY,
        Column("kind", "订单类型", allowed=ORDER_KIND, default="normal"),
        _id("linked_case_id", "关联售后编号"),
        Column("status", "平台状态", required=True, allowed=ORDER_STATUS),
        Column("erp_status", "ERP状态", allowed=ORDER_STATUS),
        _at("created_at", "创建时间"),
        _at("paid_at", "付款时间", required=True),
        _at("shipped_at", "发货时间"),
        _at("completed_at", "完成时间"),
        _fen("list", "商品总价"),
        _fen("shipping", "运费"),
        *DISCOUNTS,
        _fen("buyer_paid", "买家实付", required=True, note="gross: what was paid at payment time"),
        _fen("merchant_receivable", "商家应收"),
        _fen("refunded", "已退金额", note="as the export states it"),
        _fen("erp_merchant_discount", "ERP商家优惠"),
        Column(
            "is_refund_stated",
            "已标退款成功",
            "bool",
            note="the order export says 退款成功; null where it states no refund status",
        ),
    ),
)
ORDER_LINES = Table(
    "order_lines",
    "订单明细",
    (
        _id("order_id", "订单编号", key=True, required=True),
        _id("line_id", "子订单编号", key=True, required=True),
        _id("sku", "商家编码", required=True),
        Column("title", "商品标题", personal="text"),
        Column("category", "类目"),
        Column("qty", "数量", "int", required=True),
        _fen("list", "商品总价", required=True),
        *DISCOUNTS,
        _fen("buyer_paid", "买家实付", required=True),
        _fen("merchant_receivable", "商家应收"),
        UNIT_COST,
        VAT_RATE,
    ),
)
ORDER_DISCOUNTS = Table(
    "order_discounts",
    "优惠明细",
    (
        _id("order_id", "订单编号", key=True, required=True),
        Column("seq", "序号", "int", key=True, required=True),
        LINE,
        Column("layer", "优惠层级", required=True, allowed=LAYER),
        Column("rule", "规则"),
        Column("funder", "出资方", required=True, allowed=FUNDER),
        _fen("amount", "金额", required=True),
        Column("returnable", "是否可退", "bool"),
    ),
)
PROMOTIONS = Table(
    "promotions",
    "优惠规则",
    (
        _id("promotion_id", "活动编号", key=True, required=True),
        Column("layer", "优惠层级", required=True, allowed=LAYER),
        Column("funder", "出资方", required=True, allowed=FUNDER),
        Column(
            "kind", "类型", required=True, allowed={"every": "每满减", "threshold": "满减", "percent": "折扣", "fixed": "立减"}
        ),
        _fen("threshold", "门槛"),
        _fen("off", "减额"),
        Column("percent", "折扣率", note="text such as 0.90"),
        _fen("cap", "封顶"),
        _at("starts_at", "开始时间", required=True),
        _at("ends_at", "结束时间", required=True),
        Column("stackable", "可叠加", "bool"),
        Column("scope", "范围"),
    ),
)
PAYMENTS = Table(
    "payments",
    "支付流水",
    (
        _channel(key=True, required=True),
        _id("pay_id", "支付单号", key=True, required=True),
        _id("trade_no", "渠道交易号", key=True),
        SHOP,
        _id("order_id", "订单编号", key=True),
        _at("paid_at", "付款时间", required=True),
        _fen("amount", "金额", required=True),
        Column("status", "状态", allowed={"success": "成功", "closed": "关闭"}, default="success"),
    ),
)
AFTERSALES = Table(
    "aftersales",
    "售后单",
    (
        _platform(key=True),
        _id("case_id", "售后编号", key=True, required=True),
        SHOP,
        _id("order_id", "订单编号", required=True),
        LINE,
        Column("kind", "售后类型", required=True, allowed=CASE_KIND),
        Column("qty", "数量", "int"),
        Column(
            "basis", "计价方式", allowed={"qty": "按件", "negotiated": "协商"}, note="default negotiated without qty, else qty"
        ),
        Column("reason", "原因", personal="text"),
        Column("is_quality", "是否质量问题", "bool"),
        Column("initiator", "发起方", allowed={"buyer": "买家", "merchant": "商家", "platform": "平台"}),
        Column("decided_by", "判定方", allowed=DECIDED_BY),
        Column("reason_group", "原因归类", allowed=REASON_GROUP),
        Column("is_instant", "极速退款", "bool"),
        _at("applied_at", "申请时间", required=True),
        _at("approved_at", "同意时间"),
        _at("completed_at", "完结时间"),
        _fen("requested", "申请金额"),
        _fen("approved", "同意金额"),
        _fen("final", "最终金额", note="null: as approved"),
        Column("platform_status", "平台状态", required=True, allowed=CASE_STATUS),
        Column("erp_status", "ERP状态", allowed=CASE_STATUS),
        _fen("erp", "ERP金额"),
        Column("creator", "创建人"),
        Column("approver", "审核人"),
        _id("exchange_sku", "换出编码"),
        _fen("price_difference", "换货差价", note="signed: negative = we pay"),
        _id("return_waybill", "退货快递单号"),
        _fen("points_returned", "已返积分"),
    ),
)
AFTERSALE_EVENTS = Table(
    "aftersale_events",
    "售后变更",
    (
        _id("case_id", "售后编号", key=True, required=True),
        Column("seq", "序号", "int", key=True, required=True),
        _at("at", "时间", required=True),
        Column(
            "field",
            "字段",
            required=True,
            allowed={"requested": "申请金额", "approved": "同意金额", "final": "最终金额", "status": "状态", "qty": "数量"},
        ),
        Column("old", "原值", note="money as yuan text"),
        Column("new", "新值", note="money as yuan text"),
        Column("by", "操作人"),
        Column("reapproved_by", "复核人"),
    ),
)
FLOWS = Table(
    "flows",
    "资金流水",
    (
        _channel(key=True, required=True),
        _id("flow_id", "流水号", key=True, required=True),
        _id("account", "账户"),
        SHOP,
        _at("at", "时间", required=True),
        _at("success_at", "到账时间"),
        Column("status", "状态", allowed=FLOW_STATUS, default="success"),
        Column("kind", "类别", required=True, allowed=FLOW_KIND),
        _fen("amount", "金额", required=True, note="signed: negative leaves the wallet"),
        _fen("balance", "余额"),
        ORDER,
        CASE,
        _id("request_no", "退款请求号"),
        _id("trade_no", "渠道交易号"),
        PAY,
        PAYOUT,
        Column("decided_by", "判定方", allowed=DECIDED_BY),
        Column("funder", "出资方", allowed=FUNDER),
        Column("scene", "业务描述", personal="text"),
        MEMO,
    ),
)
SHIPMENTS = Table(
    "shipments",
    "发货明细",
    (
        _id("ship_id", "出库单号", key=True, required=True),
        _id("line_no", "序号", key=True),
        Column(
            "kind",
            "出库类型",
            required=True,
            allowed={"sale": "销售", "resend": "补发", "exchange": "换货", "repair": "维修返还", "gift": "赠品"},
        ),
        _id("order_id", "订单编号", required=True),
        LINE,
        CASE,
        _id("sku", "商家编码", required=True),
        Column("qty", "数量", "int", required=True),
        WAYBILL,
        Column("carrier", "快递公司"),
        _at("at", "发货时间", required=True),
        Column("is_intercepted", "是否拦截", "bool"),
        UNIT_COST,
    ),
)
RECEIPTS = Table(
    "receipts",
    "退货入库",
    (
        _id("return_id", "入库单号", key=True, required=True),
        _id("line_no", "序号", key=True),
        CASE,
        ORDER,
        WAYBILL,
        _id("sku", "商家编码", required=True),
        Column("qty", "数量", "int", required=True),
        Column("grade", "品级", allowed={"good": "良品", "damaged": "残次"}),
        _at("received_at", "收货时间", required=True),
        _at("stock_posted_at", "入库时间"),
        Column("is_quarantined", "待检", "bool"),
        _fen("posted_cost", "入库成本"),
    ),
)
VOUCHER_LINES = Table(
    "voucher_lines",
    "凭证明细",
    (
        Column("period", "会计期间", key=True, required=True),
        _id("voucher_id", "凭证字号", key=True, required=True),
        _id("line_no", "分录号", key=True, required=True),
        Column("date", "凭证日期", "date", required=True),
        Column("summary", "摘要", personal="text"),
        _id("account", "科目编码", required=True),
        Column("account_name", "科目名称"),
        _fen("debit", "借方金额", required=True),
        _fen("credit", "贷方金额", required=True, note="red-letter = negative on the account's own side"),
        Column("ref_kind", "关联类型", allowed={"case": "售后", "flow": "流水", "order": "订单"}),
        _id("ref_id", "关联单号"),
        SHOP,
        Column("maker", "制单人"),
        Column("approver", "审核人"),
        Column("attachments", "附件数", "int"),
    ),
)
FEES = Table(
    "fees",
    "平台费用",
    (
        _id("fee_id", "费用单号", key=True, required=True),
        _channel(required=True),
        SHOP,
        ORDER,
        CASE,
        Column(
            "kind",
            "费用项",
            required=True,
            allowed={
                "commission": "佣金",
                "commission_return": "佣金返还",
                "service": "技术服务费",
                "points_awarded": "赠送积分",
                "points_awarded_return": "赠送积分返还",
                "insurance": "运费险",
                "penalty": "扣罚",
                "other": "其他",
            },
        ),
        Column("rate", "费率", note="text such as 0.05"),
        Column("base", "计费基数", allowed={"merchant_receivable": "商家应收", "buyer_paid": "买家实付"}),
        _fen("amount", "金额", required=True, note="positive charged, negative returned"),
        _at("at", "时间", required=True),
    ),
)
WALLETS = Table(
    "wallets",
    "钱包余额",
    (
        _channel(key=True, required=True),
        _id("account", "账户", key=True),
        Column("shop", "店铺", key=True),
        Column("period", "会计期间", key=True, required=True),
        _fen("opening", "期初", required=True),
        _fen("closing", "期末", required=True),
    ),
)
BANK_ROWS = Table(
    "bank_rows",
    "银行流水",
    (
        _id("bank_id", "银行流水号", key=True, required=True),
        _at("at", "时间", required=True),
        _fen("amount", "金额", required=True, note="signed"),
        PAYOUT,
        SHOP,
        Column("counterparty", "对方户名", personal="name"),
        MEMO,
    ),
)
COMPLAINTS = Table(
    "complaints",
    "投诉工单",
    (
        _id("complaint_id", "工单编号", key=True, required=True),
        ORDER,
        CASE,
        Column("channel", "渠道", note="free text"),
        Column("kind", "类型"),
        Column("claims_unrefunded", "诉称未退款", "bool"),
        _at("opened_at", "投诉时间", required=True),
        _at("closed_at", "结案时间"),
        Column("handler", "处理人"),
    ),
)
PRODUCTS = Table(
    "products",
    "商品档案",
    (
        _id("sku", "商家编码", key=True, required=True),
        Column("title", "商品标题", required=True, personal="text"),
        Column("category", "类目"),
        UNIT_COST,
        VAT_RATE,
    ),
)
KPI_HISTORY = Table(
    "kpi_history",
    "指标历史",
    (
        Column("period", "会计期间", key=True, required=True),
        Column("kpi", "指标", key=True, required=True, note="a name of the table kpis"),
        Column("dimension", "维度", key=True, default="all"),
        Column("member", "成员", key=True, default="all"),
        Column("numerator", "分子", "int", required=True, note="as it was reported then; money in fen, never recomputed"),
        Column("denominator", "分母", "int"),
    ),
)

TABLES: dict[str, Table] = {
    t.name: t
    for t in (
        ORDERS,
        ORDER_LINES,
        ORDER_DISCOUNTS,
        PROMOTIONS,
        PAYMENTS,
        AFTERSALES,
        AFTERSALE_EVENTS,
        FLOWS,
        SHIPMENTS,
        RECEIPTS,
        VOUCHER_LINES,
        FEES,
        WALLETS,
        BANK_ROWS,
        COMPLAINTS,
        PRODUCTS,
        KPI_HISTORY,
    )
}
"""The seventeen canonical tables by name, in the order of docs/method.md."""


def empty(table: Table) -> pl.DataFrame:
    """An empty frame of the table: supplied, with nothing in it."""
    return pl.DataFrame(schema=table.polars_schema)


def natural_key(table: Table) -> pl.Expr:
    """The natural key of a row as one text, its parts joined by `|` in table order; a null part is empty."""
    return pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in table.key], separator="|")


def conform(frame: pl.DataFrame, table: Table) -> pl.DataFrame:
    """Return `frame` with exactly the table's columns, order and types; missing optional columns become null.

    Raises SchemaError on a missing required column, an unknown column or a wrong type: no cast happens in silence.
    """
    wanted = table.polars_schema
    if unknown := [name for name in frame.columns if name not in wanted]:
        raise SchemaError(f"table {table.name}: unknown columns {unknown}; it has {', '.join(table.names)}")
    if missing := [name for name in table.required if name not in frame.columns]:
        raise SchemaError(f"table {table.name}: required columns {missing} are missing")
    for name, dtype in frame.schema.items():
        if dtype not in (wanted[name], pl.Null()):
            raise SchemaError(f"table {table.name}: column {name} is {dtype}, expected {wanted[name]}")
    return frame.select(
        (pl.col(name) if name in frame.columns and frame.schema[name] == dtype else pl.lit(None, dtype).alias(name))
        for name, dtype in wanted.items()
    )
