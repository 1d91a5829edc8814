"""Discounts as the order system keeps them: which layer took how much off an order, by which rule, and who pays for it."""

from __future__ import annotations

from datetime import date

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.cases import midnight


def build_discounts(orders: pl.DataFrame) -> pl.DataFrame:
    """One row per layer of an order: the merchant's rule first, then the platform's coupon, then points."""
    by_amount = {off: rule for rule, layer, _, _, off in seller.PROMOTIONS if layer == "shop_coupon"}
    is_mini = pl.col("platform") == seller.MINI.platform
    coupon = pl.col("merchant_discount_fen").replace_strict(by_amount, default=None, return_dtype=pl.String)
    text = pl.lit(None, pl.String)
    layers = (
        ("merchant_discount_fen", pl.when(is_mini).then(pl.lit("full_reduction")).otherwise(pl.lit("shop_coupon")), "merchant",
         pl.when(is_mini).then(pl.lit(seller.PROMOTIONS[0][0])).otherwise(coupon)),
        ("platform_discount_fen", pl.lit("platform_coupon"), "platform", text),
        ("points_fen", pl.lit("points"), "merchant", text),
    )  # fmt: skip
    return (
        pl.concat(
            orders.filter(pl.col(amount) > 0).select(
                "n", "order_id", place=pl.lit(place), layer=layer, rule=rule, funder=pl.lit(funder), amount_fen=amount,
                returnable=pl.lit(amount == "points_fen") if amount != "merchant_discount_fen" else pl.lit(value=False),
            )
            for place, (amount, layer, funder, rule) in enumerate(layers)
        )
        .sort("n", "place")
        .select(
            "order_id", "layer", "rule", "funder", "amount_fen", "returnable", seq=pl.int_range(1, pl.len() + 1).over("order_id")
        )
    )  # fmt: skip


def build_promotions(first: date, end: date) -> pl.DataFrame:
    """The merchant's rules, valid from the first day to the last."""
    rows = [
        (name, layer, "merchant", kind, threshold, off, midnight(first), midnight(end))
        for name, layer, kind, threshold, off in seller.PROMOTIONS
    ]
    columns = ["promotion_id", "layer", "funder", "kind", "threshold_fen", "off_fen", "starts_at", "ends_at"]
    return pl.DataFrame(rows, schema=columns, orient="row").with_columns(
        pl.col("starts_at", "ends_at").dt.convert_time_zone("Asia/Shanghai").dt.cast_time_unit("us"),
        stackable=pl.lit(value=True),
    )
