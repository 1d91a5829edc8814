"""Orders and their lines as the buyers placed them: who, when, what, at which price and discount."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from recon_kit.periods import SHANGHAI
from recon_kit.synth import seller
from recon_kit.synth.chance import between, choose, draw, normal, pick

UNPAID = 0.04
COMBINED = 0.12
"""Share of the mini-program's order pairs that were paid together with one payment."""


def build_products(seed: int) -> pl.DataFrame:
    """One row per SKU: title, category, list price and cost in fen."""
    rows = [
        {"category": category, "goods": goods, "style": style, "centre": seller.CENTRE_PRICE[category]}
        for category, names in seller.GOODS.items()
        for goods in names
        for style in seller.STYLES
    ]
    price = (pl.col("centre") * (0.45 * normal(seed, "price")).exp()).floor().clip(12) * 100
    return (
        pl.DataFrame(rows)
        .with_row_index("n")
        .with_columns(price_fen=(price + choose(draw(seed, "cents"), {"0": 4, "90": 5, "80": 2}).cast(pl.Int64)).cast(pl.Int64))
        .select(
            sku=pl.format("CQ-{}", pl.col("n") + 1001),
            title=pl.format("{}{}·{}", pl.lit(seller.BRAND), "goods", "style"),
            category="category",
            unit_cost_fen=(pl.col("price_fen") * between(draw(seed, "cost"), 0.32, 0.5)).round().cast(pl.Int64),
            vat_rate=pl.lit(f"0.{seller.VAT_PERCENT}"),
            price_fen="price_fen",
        )
    )


def build_orders(count: int, first: date, end: date, seed: int) -> pl.DataFrame:
    """One row per order, in time order, with ids and the times it would have if nobody ever asked for a refund.

    Unpaid orders have no `paid_at`. `n` numbers the orders and is the counter of every later draw; `pay_n` is the `n`
    of the order that leads a combined payment. Amounts are added by `price_orders`.
    """
    shops = choose(draw(seed, "shop"), {shop.platform: shop.share for shop in seller.SHOPS})
    by_platform = {shop.platform: shop for shop in seller.SHOPS}
    return (
        pl.DataFrame({"n": pl.int_range(count, eager=True)})
        .with_columns(created_at=_created(first, end, seed), platform=shops)
        .sort("created_at", "n")
        .with_columns(n=pl.int_range(pl.len()))
        .with_columns(
            k=pl.int_range(pl.len()).over("platform"),
            shop=pl.col("platform").replace_strict({p: s.name for p, s in by_platform.items()}),
        )
        .pipe(_combine_payments, seed)
        .with_columns(
            channel=pl.when((pl.col("platform") == seller.MINI.platform) & (draw(seed, "card", "pay_n") < seller.CARD_SHARE))
            .then(pl.lit("card"))
            .otherwise(pl.col("platform").replace_strict({p: s.channel for p, s in by_platform.items()})),
            paid_at=pl.when(draw(seed, "unpaid", "pay_n") >= UNPAID).then(
                _later("created_at", between(draw(seed, "pay", "pay_n"), 20, 1500))
            ),
        )
        .with_columns(shipped_at=_later("paid_at", between(draw(seed, "ship"), 4 * 3600, 44 * 3600)))
        .with_columns(
            completed_at=_later(
                "shipped_at", between(draw(seed, "confirm"), 2.4, 5.4) * 86400 + draw(seed, "slow") ** 4 * 5 * 86400
            )
        )
        .pipe(_with_ids)
    )


def build_lines(orders: pl.DataFrame, products: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row per order line, different SKUs within an order, at list price."""
    size = pick(draw(seed, "lines"), [0.76, 0.19, 0.05]).cast(pl.Int64) + 1
    lines = (
        orders.select("n", "order_id", line=pl.int_ranges(1, size + 1))
        .explode("line")
        .with_columns(m=pl.col("n") * 8 + pl.col("line"))
        .with_columns(
            sku_n=((draw(seed, "sku") ** 1.7 * products.height).floor().cast(pl.Int64) + pl.col("line") * 37) % products.height,
            qty=pick(draw(seed, "qty", "m"), [0.86, 0.11, 0.03]).cast(pl.Int64) + 1,
        )
    )
    goods = products.with_row_index("sku_n").cast({"sku_n": pl.Int64})
    return (
        lines.join(goods, on="sku_n", how="left", validate="m:1", maintain_order="left")
        .with_columns(line_id=pl.format("{}-{}", "order_id", "line"), list_fen=pl.col("price_fen") * pl.col("qty"))
        .drop("sku_n", "price_fen", "m")
    )


def price_orders(orders: pl.DataFrame, lines: pl.DataFrame, seed: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Discounts on the order, split over its lines to the fen (largest remainder); header and lines then agree."""
    goods = lines.group_by("n", maintain_order=True).agg(list_fen=pl.col("list_fen").sum())
    is_pdd, is_mini = pl.col("platform") == seller.PDD.platform, pl.col("platform") == seller.MINI.platform
    coupon = choose(draw(seed, "coupon"), {"0": 5, "500": 3, "1000": 2}).cast(pl.Int64)
    platform = choose(draw(seed, "platform"), {"0": 5, "200": 2, "500": 2, "633": 1}).cast(pl.Int64)
    points = (between(draw(seed, "points"), -8, 2).clip(0) * 100).round().cast(pl.Int64) * 3
    none = pl.lit(0, pl.Int64)
    priced = (
        orders.join(goods, on="n", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            shipping_fen=pl.when(pl.col("list_fen") < 4000)
            .then(600)
            .when(draw(seed, "freight") < 0.05)
            .then(1200)
            .otherwise(none)
            .cast(pl.Int64),
            merchant_discount_fen=pl.when(is_mini)
            .then(pl.col("list_fen") // 20000 * 2000)
            .when(pl.col("list_fen") > 5000)
            .then(coupon)
            .otherwise(none),
            platform_discount_fen=pl.when(is_pdd & (pl.col("list_fen") > 3000)).then(platform).otherwise(none),
            points_fen=pl.when(is_mini & (pl.col("list_fen") > 5000)).then(points).otherwise(none),
        )
        .with_columns(
            buyer_paid_fen=pl.col("list_fen") + pl.col("shipping_fen") - pl.sum_horizontal(DISCOUNTS),
        )
        .with_columns(merchant_receivable_fen=pl.col("buyer_paid_fen") + pl.col("platform_discount_fen"))
    )
    header = priced.select("n", goods_fen="list_fen", **{f"order_{name}": pl.col(name) for name in DISCOUNTS})
    split = (
        lines.join(header, on="n", how="left", validate="m:1", maintain_order="left")
        .with_columns(_share(f"order_{name}").alias(name) for name in DISCOUNTS)
        .with_columns(buyer_paid_fen=pl.col("list_fen") - pl.sum_horizontal(DISCOUNTS))
        .with_columns(merchant_receivable_fen=pl.col("buyer_paid_fen") + pl.col("platform_discount_fen"))
        .drop("goods_fen", *(f"order_{name}" for name in DISCOUNTS))
    )
    return priced, split


DISCOUNTS = ("merchant_discount_fen", "platform_discount_fen", "points_fen")


def _share(total: str) -> pl.Expr:
    """The line's part of an order total by list price, largest remainder first, earlier line on ties."""
    scaled = pl.col(total) * pl.col("list_fen")
    left = pl.col(total) - (scaled // pl.col("goods_fen")).sum().over("n")
    place = (scaled % pl.col("goods_fen")).rank("ordinal", descending=True).over("n")
    return scaled // pl.col("goods_fen") + (place <= left).cast(pl.Int64)


def _created(first: date, end: date, seed: int) -> pl.Expr:
    days = [first + timedelta(days=i) for i in range((end - first).days)]
    day = pick(draw(seed, "day"), [seller.WEEKDAY[d.weekday()] * (1.25 if d.day in (18, 19, 20) else 1) for d in days])
    hour = pick(draw(seed, "hour"), list(seller.HOUR))
    seconds = day.cast(pl.Int64) * 86400 + hour.cast(pl.Int64) * 3600 + (draw(seed, "second") * 3600).floor().cast(pl.Int64)
    return pl.lit(datetime(first.year, first.month, first.day, tzinfo=SHANGHAI)).dt.cast_time_unit("us") + pl.duration(
        seconds=seconds
    )


def _later(column: str, seconds: pl.Expr) -> pl.Expr:
    return pl.col(column) + pl.duration(seconds=seconds.floor().cast(pl.Int64))


def _combine_payments(orders: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Every other order of the mini-program may have been paid together with the one before it."""
    lead = {name: pl.col(name).shift(1).over("platform") for name in ("n", "created_at")}
    joins = (pl.col("platform") == seller.MINI.platform) & (pl.col("k") % 2 == 1) & (draw(seed, "combined") < COMBINED)
    return orders.with_columns(
        pay_n=pl.when(joins).then(lead["n"]).otherwise("n"),
        created_at=pl.when(joins).then(lead["created_at"]).otherwise("created_at"),
    )


def _with_ids(orders: pl.DataFrame) -> pl.DataFrame:
    """Ids in each platform's own shape; neighbours differ in the last digit or the prefix only (look-alikes)."""
    twin, odd = pl.col("k") // 2, pl.col("k") % 2
    day, paid_day = pl.col("created_at").dt.strftime("%Y%m%d"), pl.col("paid_at").dt.strftime("%Y%m%d")
    taobao = (pl.lit(4_182_600_731_000_000_000, pl.Int64) + twin * 79_190 + odd * 5 + 2).cast(pl.String)
    pdd = pl.format("{}-{}", day.str.slice(2), pl.lit(318_270_040_000_000, pl.Int64) + twin * 613_720 + odd * 3 + 1)
    mini = pl.format(
        "{}{}{}", pl.when(odd == 0).then(pl.lit("WJ")).otherwise(pl.lit("WK")), day, twin.cast(pl.String).str.zfill(7)
    )
    number = pl.col("pay_n").cast(pl.String)
    is_taobao, is_pdd = pl.col("platform") == seller.TMALL.platform, pl.col("platform") == seller.PDD.platform
    return orders.with_columns(
        order_id=pl.when(is_taobao).then(taobao).when(is_pdd).then(pdd).otherwise(mini),
        trade_no=pl.when(is_taobao)
        .then(pl.format("{}22001{}", paid_day, number.str.zfill(15)))
        .when(~is_pdd)
        .then(pl.format("4200002{}{}", paid_day, (pl.col("pay_n") * 7 + 31).cast(pl.String).str.zfill(13))),
    ).with_columns(
        pay_id=pl.when(is_taobao).then("trade_no").when(~is_pdd).then(pl.format("WJP{}{}", paid_day, number.str.zfill(8))),
    )
