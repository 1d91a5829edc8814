"""Goods and voices beside the money: shipments, returned goods, complaints, and what became of a case on its way."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from recon_kit.synth import seller
from recon_kit.synth.chance import between, choose, draw

RETURNED = ["return_refund", "exchange", "repair"]
SENT_AGAIN = {"resend": "resend", "exchange": "exchange", "repair": "repair"}
DAMAGED = 0.06
COMPLAINED = 0.03
LATE_RETURN = 0.12
"""Share of returns that arrive after the refund: the seller refunds on the carrier's word."""
TWO_PARCELS = 0.3
"""Share of lines and returns of several pieces that travel in two parcels."""
AMENDED = {"requested": 0.05, "approved": 0.03}
"""Share of cases whose amount was changed before the approval, and after it with a second approval."""


def build_shipments(
    orders: pl.DataFrame, lines: pl.DataFrame, cases: pl.DataFrame, export_at: datetime, seed: int
) -> pl.DataFrame:
    """One row per parcel of a line that was sold, or sent again for a case."""
    sales = (
        lines.join(orders.select("n", "shipped_at"), on="n", how="left", validate="m:1", maintain_order="left")
        .filter(pl.col("shipped_at").is_not_null())
        .with_columns(serial=pl.col("n") * 32 + pl.col("line") * 2, kind=pl.lit("sale"), at="shipped_at")
        .with_columns(is_split=(pl.col("qty") > 1) & (draw(seed, "two parcels", "serial") < TWO_PARCELS))
    )
    second = sales.filter("is_split").with_columns(
        serial=pl.col("serial") + 1, qty=pl.lit(1, pl.Int64), at=pl.col("at") + pl.duration(hours=6)
    )
    first = sales.with_columns(qty=pl.col("qty") - pl.col("is_split").cast(pl.Int64))
    again = cases.filter(pl.col("kind").is_in(list(SENT_AGAIN)) & (pl.col("platform_status") == "success")).with_columns(
        serial=pl.col("n") * 32 + 24, kind=pl.col("kind").replace(SENT_AGAIN), at=pl.col("completed_at") - pl.duration(minutes=30)
    )
    kept = ["n", "serial", "kind", "order_id", "line_id", "case_id", "sku", "qty", "at", "unit_cost_fen"]
    sold = [frame.select(c for c in kept if c != "case_id") for frame in (first, second)]
    weights = {name: weight for name, (_, weight) in seller.CARRIERS.items()}
    starts = {name: start for name, (start, _) in seller.CARRIERS.items()}
    return (
        pl.concat([*sold, again.select(kept)], how="diagonal")
        .filter(pl.col("at") < export_at)
        .sort("at", "serial")
        .with_columns(carrier=choose(draw(seed, "carrier"), weights))
        .select(
            ship_id=pl.format("CK{}", pl.col("serial").cast(pl.String).str.zfill(9)),
            line_no=pl.lit("1"),
            kind="kind",
            order_id="order_id",
            line_id="line_id",
            case_id="case_id",
            sku="sku",
            qty="qty",
            waybill=pl.format(
                "{}{}",
                pl.col("carrier").replace_strict(starts),
                (pl.col("serial") * 9 + 70_000_004).cast(pl.String).str.zfill(11),
            ),
            carrier="carrier",
            at="at",
            is_intercepted=pl.lit(value=False),
            unit_cost_fen="unit_cost_fen",
        )
    )


def build_receipts(cases: pl.DataFrame, export_at: datetime, seed: int) -> pl.DataFrame:
    """One row per parcel that came back: before its case completed and on stock by then, or some days after the refund."""
    back = cases.filter(pl.col("kind").is_in(RETURNED) & (pl.col("platform_status") == "success")).with_columns(
        is_repair=pl.col("kind") == "repair",
        is_damaged=draw(seed, "damaged") < DAMAGED,
        is_late=(pl.col("kind") == "return_refund") & (draw(seed, "late return") < LATE_RETURN),
        is_split=(pl.col("qty") > 1) & (draw(seed, "return in two") < TWO_PARCELS),
        days=(between(draw(seed, "return days"), 1, 11) * 86_400).floor().cast(pl.Int64),
        parcel=pl.lit(1, pl.Int64),
    )
    second = back.filter("is_split").with_columns(qty=pl.lit(1, pl.Int64), parcel=pl.lit(2, pl.Int64))
    first = back.with_columns(qty=pl.col("qty") - pl.col("is_split").cast(pl.Int64))
    late, soon = pl.col("completed_at") + pl.duration(seconds=pl.col("days")), pl.col("completed_at") - pl.duration(hours=20)
    posted_at = pl.col("received_at") + pl.duration(hours=18)
    is_posted = ~pl.col("is_repair") & (posted_at < export_at)
    return (
        pl.concat([first, second])
        .with_columns(received_at=pl.when("is_late").then(late).otherwise(soon))
        .filter(pl.col("received_at") < export_at)
        .sort("completed_at", "case_id", "parcel")
        .select(
            return_id=pl.format("RK{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(7)),
            line_no=pl.lit("1"),
            case_id="case_id",
            order_id="order_id",
            waybill="return_waybill",
            sku="sku",
            qty="qty",
            grade=pl.when("is_damaged").then(pl.lit("damaged")).otherwise(pl.lit("good")),
            received_at="received_at",
            stock_posted_at=pl.when(is_posted).then(posted_at),
            is_quarantined="is_repair",
            posted_cost_fen=pl.when(is_posted).then(
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


def build_events(cases: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Amounts that were changed on the way: by the buyer before the approval, or after it and approved again."""
    known = cases.filter(
        (pl.col("platform_status") == "success") & (pl.col("final_fen") > 300) & (pl.col("approved_at") < pl.col("completed_at"))
    ).with_columns(m=pl.col("n") * 4 + pl.col("seq"))
    waited, worked = pl.col("approved_at") - pl.col("applied_at"), pl.col("completed_at") - pl.col("approved_at")
    changed = {"requested": pl.col("applied_at") + waited / 2, "approved": pl.col("approved_at") + worked / 2}
    events = pl.concat(
        known.filter(draw(seed, f"amended {field}", "m") < share).select(
            "case_id", "final_fen", field=pl.lit(field), at=changed[field].dt.truncate("1s"),
            by=pl.lit("买家") if field == "requested" else pl.col("creator"),
            reapproved_by=pl.lit(None, pl.String) if field == "requested" else pl.lit(seller.LEADS[0]),
        )
        for field, share in AMENDED.items()
    )  # fmt: skip
    return events.sort("case_id", "at").select(
        "case_id",
        "at",
        "field",
        "by",
        "reapproved_by",
        seq=pl.int_range(1, pl.len() + 1).over("case_id"),
        old=_yuan(pl.col("final_fen") - 300),
        new=_yuan(pl.col("final_fen")),
    )


def _yuan(fen: pl.Expr) -> pl.Expr:
    return pl.format("{}.{}", fen // 100, (fen % 100).cast(pl.String).str.zfill(2))
