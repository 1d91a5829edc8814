"""Goods and voices beside the money: shipments, returned goods, complaints."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from recon_kit.synth.chance import choose, draw

RETURNED = ["return_refund", "exchange", "repair"]
SENT_AGAIN = {"resend": "resend", "exchange": "exchange", "repair": "repair"}
DAMAGED = 0.06
COMPLAINED = 0.03


def build_shipments(orders: pl.DataFrame, lines: pl.DataFrame, cases: pl.DataFrame, export_at: datetime) -> pl.DataFrame:
    """One row per line shipped of an order with a case, and per line sent again for one: what after-sales looks at."""
    sales = (
        lines.join(orders.select("n", "shipped_at"), on="n", how="left", validate="m:1", maintain_order="left")
        .filter(pl.col("shipped_at").is_not_null() & pl.col("n").is_in(cases["n"].implode()))
        .with_columns(serial=pl.col("n") * 16 + pl.col("line"), kind=pl.lit("sale"), at="shipped_at")
    )
    again = cases.filter(pl.col("kind").is_in(list(SENT_AGAIN)) & (pl.col("platform_status") == "success")).with_columns(
        serial=pl.col("n") * 16 + 9, kind=pl.col("kind").replace(SENT_AGAIN), at=pl.col("completed_at") - pl.duration(minutes=30)
    )
    kept = ["serial", "kind", "order_id", "line_id", "case_id", "sku", "qty", "at", "unit_cost_fen"]
    return (
        pl.concat([sales.select(c for c in kept if c != "case_id"), again.select(kept)], how="diagonal")
        .filter(pl.col("at") < export_at)
        .sort("at", "serial")
        .select(
            ship_id=pl.format("CK{}", pl.col("serial").cast(pl.String).str.zfill(9)),
            line_no=pl.lit("1"),
            kind="kind",
            order_id="order_id",
            line_id="line_id",
            case_id="case_id",
            sku="sku",
            qty="qty",
            waybill=pl.format("SF31{}", (pl.col("serial") // 16 * 9 + 70_000_004).cast(pl.String).str.zfill(11)),
            at="at",
            is_intercepted=pl.lit(value=False),
            unit_cost_fen="unit_cost_fen",
        )
    )


def build_receipts(cases: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One row per parcel that came back: received and put on stock before its case completed."""
    return (
        cases.filter(pl.col("kind").is_in(RETURNED) & (pl.col("platform_status") == "success"))
        .with_columns(is_repair=pl.col("kind") == "repair", is_damaged=draw(seed, "damaged") < DAMAGED)
        .sort("completed_at", "case_id")
        .select(
            return_id=pl.format("RK{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(7)),
            line_no=pl.lit("1"),
            case_id="case_id",
            order_id="order_id",
            waybill="return_waybill",
            sku="sku",
            qty="qty",
            grade=pl.when("is_damaged").then(pl.lit("damaged")).otherwise(pl.lit("good")),
            received_at=pl.col("completed_at") - pl.duration(hours=20),
            stock_posted_at=pl.when(~pl.col("is_repair")).then(pl.col("completed_at") - pl.duration(hours=2)),
            is_quarantined="is_repair",
            posted_cost_fen=pl.when(~pl.col("is_repair")).then(
                pl.col("unit_cost_fen") * pl.col("qty") // pl.when("is_damaged").then(2).otherwise(1)
            ),
        )
    )


def build_complaints(cases: pl.DataFrame, export_at: datetime, seed: int) -> pl.DataFrame:
    """A few buyers complained about their case; every complaint was closed in time."""
    return (
        cases.filter((draw(seed, "complains") < COMPLAINED) & (pl.col("seq") == 0))
        .with_columns(opened_at=pl.col("applied_at") + pl.duration(hours=7))
        .with_columns(closed_at=pl.col("opened_at") + pl.duration(hours=50))
        .filter(pl.col("closed_at") < export_at)
        .sort("opened_at", "case_id")
        .select(
            complaint_id=pl.format("TS{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(6)),
            order_id="order_id",
            case_id="case_id",
            channel=pl.lit("平台"),
            kind=choose(draw(seed, "complaint"), {"质量": 3.0, "物流": 1.0, "服务": 1.0}),
            claims_unrefunded=pl.lit(value=False),
            opened_at="opened_at",
            closed_at="closed_at",
            handler="creator",
        )
    )
