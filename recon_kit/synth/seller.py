"""The made-up seller of the sample: shops, goods, staff, ledger accounts and how its months go. Data only."""

from __future__ import annotations

from dataclasses import dataclass, replace

BRAND = "苇间"
ENTITY = "苇间茶器（示例）"


@dataclass(frozen=True)
class Shop:
    """A shop, the wallet its money lands in, and when: `on_confirmation` means escrow until the buyer confirms."""

    platform: str
    name: str
    channel: str
    account: str
    on_confirmation: bool
    share: float
    fee_rate: float
    fee_base: str


TMALL = Shop(
    platform="taobao",
    name="苇间旗舰店",
    channel="alipay",
    account="20885310260718440156",
    on_confirmation=True,
    share=0.40,
    fee_rate=0.02,
    fee_base="buyer_paid",
)
PDD = Shop(
    platform="pdd",
    name="苇间茶具拼多多店",
    channel="pdd",
    account="",
    on_confirmation=True,
    share=0.27,
    fee_rate=0.006,
    fee_base="merchant_receivable",
)
MINI = Shop(
    platform="wechat_mini",
    name="苇间小程序",
    channel="wechat",
    account="1648203157",
    on_confirmation=False,
    share=0.33,
    fee_rate=0.006,
    fee_base="buyer_paid",
)
SHOPS = (TMALL, PDD, MINI)
CARD_SHARE = 0.16
"""Share of the mini-program's orders that pay by card: a second wallet of the same shop."""
CARD = replace(
    MINI,
    channel="card",
    account="898310148160729",
    share=0.0,
    fee_rate=0.0,
)
WALLETS = {shop.channel: shop for shop in (*SHOPS, CARD)}
OPENING_FEN = {"alipay": 12_630_000, "pdd": 5_120_000, "wechat": 8_450_000, "card": 1_260_000}

GOODS = {
    "茶壶": ("手工紫泥壶", "朱泥西施壶", "白瓷侧把壶", "柴烧提梁壶", "玻璃煮茶壶"),
    "茶杯": ("品茗杯", "主人杯", "双层玻璃杯", "建盏", "竹节杯"),
    "茶具": ("盖碗", "公道杯", "竹制茶盘", "石磨茶台", "旅行茶具套装"),
    "茶叶": ("正山小种", "凤凰单丛", "白毫银针", "安溪铁观音", "陈年熟普"),
    "配件": ("茶则", "茶巾三条装", "锡制茶叶罐", "滤网架", "杯垫四件套"),
}
STYLES = ("素色", "礼盒", "梅纹", "大号")
CENTRE_PRICE = {"茶壶": 168.0, "茶杯": 58.0, "茶具": 128.0, "茶叶": 96.0, "配件": 32.0}

REASONS = {
    "unshipped": {"不想要了": 5.0, "拍错了": 3.0, "地址填错": 2.0},
    "normal": {"七天无理由": 5.0, "与描述不符": 2.0, "质量问题": 1.0, "物流太慢": 1.0, "少件漏发": 1.0},
    "bad": {"质量问题": 6.0, "与描述不符": 3.0, "七天无理由": 3.0, "物流太慢": 1.0, "少件漏发": 1.0},
}
REASON_GROUP = {
    "质量问题": "quality",
    "与描述不符": "quality",
    "物流太慢": "logistics",
    "少件漏发": "wrong_goods",
    "七天无理由": "no_reason",
    "不想要了": "no_reason",
    "拍错了": "other",
    "地址填错": "other",
}

REFUND_RATE = {"normal": 0.09, "bad": 0.32}
"""Share of paid orders with an after-sales case: an ordinary stretch, and the month of a bad firing of cups."""
WEEKDAY = (1.0, 0.97, 0.95, 0.98, 1.04, 1.18, 1.15)
HOUR = (1.2, 0.6, 0.4, 0.2, 0.2, 0.3, 0.8, 1.6, 2.6, 3.6, 4.4, 4.2, 3.8, 4.0, 4.2, 4.1, 3.9, 3.7, 4.1, 5.2, 6.4, 6.8, 5.2, 2.8)

CLERKS = ("客服-阿宁", "客服-小满", "客服-知夏", "客服-木白")
LEADS = ("主管-沈", "主管-陆")
MAKER, CHECKER = "会计-何", "财务经理-唐"

VAT_PERCENT = 13

PROMOTIONS = (
    ("MJ-200-20", "full_reduction", "every", 20_000, 2_000),
    ("DPQ-50-5", "shop_coupon", "threshold", 5_000, 500),
    ("DPQ-50-10", "shop_coupon", "threshold", 5_000, 1_000),
)
"""The merchant's own rules: id, layer, kind, threshold and reduction in fen."""
CARRIERS = {"顺丰速运": ("SF31", 3.0), "圆通速递": ("YT62", 4.0), "中通快递": ("ZT75", 5.0)}
"""Carrier → how its waybills begin, and how often it is used."""

NAMELESS = frozenset({PDD.channel})
"""Channels whose bill has no row ids."""
SPEAKS = {
    "small_transfer": ("alipay", "card"),
    "penalty": ("alipay", "card"),
    "insurance": ("alipay", "card"),
    "chargeback": ("card",),
    "price_protection": ("card",),
    "processing": ("wechat",),
    "stray_receipt": ("pdd", "wechat", "card"),
    "more_than_paid": ("pdd", "wechat", "card"),
    "refund_state": ("pdd",),
    "refunded_sum": ("alipay",),
}
"""What only some of the seller's bills have words for: flow kinds, a refund under way, money of nobody's order, more back than
was paid; and what the order exports of their platforms say of refunds: that there was one, or how much."""
