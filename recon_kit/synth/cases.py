"""After-sales cases, and what they do to their orders: closed, refunded in escrow, confirmed later."""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from recon_kit.periods import SHANGHAI
from recon_kit.schema import REFUND_CASE_KINDS
from recon_kit.synth import seller
from recon_kit.synth.chance import between, choose, draw

STAGES = {"unshipped": 0.14, "transit": 0.17, "after": 0.69}
"""When a buyer asks: before shipping, before confirming receipt, after it."""
KINDS = {"return_refund": 0.57, "refund_only": 0.24, "partial": 0.09, "exchange": 0.05, "resend": 0.03, "repair": 0.02}
WITHDRAWN = 0.07
SECOND_CASE = 0.30
"""Share of partial refunds that are followed by another one on the same order."""
SOME_BACK = 0.5
"""Share of returns of a line of several pieces that bring back but one."""
PEOPLE = {"creator": seller.CLERKS, "lead": seller.LEADS}
APPROVAL_FEN = 9_000
"""From here on a lead approves; below the limit of 100 yuan on purpose."""


def build_cases(
    orders: pl.DataFrame, lines: pl.DataFrame, start: date, bad_from: date, export_at: datetime, seed: int
) -> pl.DataFrame:
    """One row per case as the platform knows it at `export_at`; cases applied for later do not exist yet.

    Cases whose money would have moved before the first bill (`start`) are left out. Keeps `n` of its order and `stage`;
    `completed_at` is null while open, `final_fen` null unless it succeeded.
    """
    mood = pl.when(pl.col("paid_at").dt.date() >= bad_from).then(pl.lit("bad")).otherwise(pl.lit("normal"))
    rate = mood.replace_strict(seller.REFUND_RATE, return_dtype=pl.Float64)
    chosen = orders.filter(pl.col("paid_at").is_not_null() & (draw(seed, "has case") < rate)).with_columns(
        mood=mood, stage=choose(draw(seed, "stage"), STAGES), line=(draw(seed, "which line") * 8).floor().cast(pl.Int64)
    )
    first = (
        chosen.join(_line_of_case(chosen, lines), on="n", how="left", validate="1:1", maintain_order="left")
        .with_columns(kind=_kind(seed), seq=pl.lit(0, pl.Int64))
        .with_columns(back_qty=_pieces_back(seed), line_id=_line_named())
        .with_columns(final_fen=_amount(seed))
        .pipe(_with_times, seed)
    )
    return (
        pl.concat([first, _second_cases(first, seed)], how="diagonal")
        .filter((pl.col("applied_at") < export_at) & ((pl.col("completed_at") >= midnight(start)) | _is_in_escrow()))
        .sort("applied_at", "n", "seq")
        .pipe(_with_ids)
        .pipe(_as_known, export_at, seed)
    )


def settle_orders(orders: pl.DataFrame, cases: pl.DataFrame, export_at: datetime) -> pl.DataFrame:
    """Orders as the platform shows them at `export_at`: refunded before shipping or in full means closed, the rest goes on.

    A return in transit that leaves something to pay delays the confirmation until after the case.
    """
    success = cases.filter(pl.col("platform_status") == "success")
    before = (
        success.filter(pl.col("stage") != "after")
        .group_by("n")
        .agg(refund_end=pl.col("completed_at").max(), early_fen=pl.col("final_fen").sum())
    )
    waiting = (
        cases.filter((pl.col("stage") != "after") & (pl.col("platform_status") == "open"))
        .select("n", is_held=pl.lit(value=True))
        .unique()
    )
    unshipped = (
        cases.filter((pl.col("stage") == "unshipped") & (pl.col("platform_status") != "closed"))
        .select("n", is_unshipped=pl.lit(value=True))
        .unique()
    )
    stated = success.filter(pl.col("kind").is_in(REFUND_CASE_KINDS)).group_by("n").agg(refunded_fen=pl.col("final_fen").sum())
    joined = orders
    for extra in (before, waiting, unshipped, stated):
        joined = joined.join(extra, on="n", how="left", validate="1:1", maintain_order="left")
    is_closed = pl.col("paid_at").is_null() | (pl.col("early_fen") >= pl.col("buyer_paid_fen")).fill_null(value=False)
    ends = pl.max_horizontal("completed_at", pl.col("refund_end") + pl.duration(hours=20))
    return (
        joined.with_columns(
            shipped_at=pl.when(pl.col("is_unshipped").is_null() & (pl.col("shipped_at") < export_at)).then("shipped_at"),
            completed_at=pl.when(~is_closed & pl.col("is_held").is_null() & (ends < export_at)).then(ends),
            refunded_fen=pl.col("refunded_fen").fill_null(0),
        )
        .with_columns(
            status=pl.when(is_closed)
            .then(pl.lit("closed"))
            .when(pl.col("completed_at").is_not_null())
            .then(pl.lit("completed"))
            .when(pl.col("shipped_at").is_not_null())
            .then(pl.lit("shipped"))
            .otherwise(pl.lit("paid"))
        )
        .drop("refund_end", "early_fen", "is_held", "is_unshipped")
    )


def _is_in_escrow() -> pl.Expr:
    """The shop's money waits for the buyer's confirmation, and the case came before it."""
    waits = [shop.channel for shop in seller.SHOPS if shop.on_confirmation]
    return pl.col("channel").is_in(waits) & (pl.col("stage") != "after")


def _line_of_case(chosen: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """The line the case is about, and how many lines its order has."""
    per_order = lines.select(
        "n",
        "line_id",
        "sku",
        "unit_cost_fen",
        line_qty="qty",
        line_paid_fen="buyer_paid_fen",
        line_points_fen="points_fen",
        list_n=pl.int_range(pl.len()).over("n"),
    )
    return (
        chosen.select("n", "line")
        .join(per_order.with_columns(line_count=pl.len().over("n")), on="n", how="left", validate="1:m", maintain_order="left")
        .filter(pl.col("list_n") == pl.col("line") % pl.col("line_count"))
        .drop("line", "list_n")
    )


def _line_named() -> pl.Expr:
    """A refund before shipping is about the whole order; it names a line only where there is but one."""
    return pl.when((pl.col("stage") != "unshipped") | (pl.col("line_count") == 1)).then("line_id")


def _pieces_back(seed: int) -> pl.Expr:
    """Pieces the case is about: all of its line, or one of several."""
    some = (pl.col("kind") == "return_refund") & (pl.col("stage") == "after") & (draw(seed, "some back") < SOME_BACK)
    return pl.when(some).then(1).otherwise("line_qty")


def _kind(seed: int) -> pl.Expr:
    drawn = choose(draw(seed, "kind"), KINDS)
    early = pl.when(drawn == "partial").then(pl.lit("partial")).otherwise(pl.lit("return_refund"))
    return (
        pl.when(pl.col("stage") == "unshipped")
        .then(pl.lit("refund_only"))
        .when(pl.col("stage") == "transit")
        .then(early)
        .otherwise(drawn)
    )


def _amount(seed: int) -> pl.Expr:
    """The whole order before shipping, the pieces returned, the line lost, a whole number of yuan as goodwill, or nothing."""
    part = (pl.col("line_paid_fen") * between(draw(seed, "part"), 0.1, 0.45) // 100 * 100).cast(pl.Int64).clip(100)
    kind = pl.col("kind")
    return (
        pl.when(pl.col("stage") == "unshipped")
        .then("buyer_paid_fen")
        .when(kind == "partial")
        .then(part)
        .when(kind == "return_refund")
        .then((2 * pl.col("line_paid_fen") * pl.col("back_qty") + pl.col("line_qty")) // (2 * pl.col("line_qty")))
        .when(kind == "refund_only")
        .then("line_paid_fen")
        .otherwise(0)
    )


def _with_times(cases: pl.DataFrame, seed: int) -> pl.DataFrame:
    stage, kind = pl.col("stage"), pl.col("kind")
    wait, back = draw(seed, "wait"), between(draw(seed, "way back"), 2.2, 6.0) * 86400
    trip = (pl.col("completed_at") - pl.col("shipped_at")).dt.total_seconds()
    packing = (pl.col("shipped_at") - pl.col("paid_at")).dt.total_seconds()
    applied = (
        pl.when(stage == "unshipped")
        .then(_after("paid_at", packing * between(wait, 0.05, 0.6)))
        .when(stage == "transit")
        .then(_after("shipped_at", trip * between(wait, 0.45, 0.85)))
        .otherwise(_after("completed_at", between(wait, 0.1, 5.0) * 86400))
    )
    takes = (
        pl.when(stage == "unshipped")
        .then(packing * between(draw(seed, "takes"), 0.05, 0.3))
        .when(kind.is_in(["return_refund", "exchange", "repair"]))
        .then(back)
        .otherwise(between(draw(seed, "takes"), 1, 34) * 3600)
    )
    in_transit = (stage == "transit") & (kind == "partial")
    takes = pl.when(in_transit).then(trip * 0.1).otherwise(takes)
    return (
        cases.with_columns(applied_at=applied)
        .with_columns(completed_at=_after("applied_at", takes))
        .with_columns(approved_at=_after("applied_at", takes * between(draw(seed, "approval"), 0.05, 0.3)))
    )


def _second_cases(first: pl.DataFrame, seed: int) -> pl.DataFrame:
    """A further partial refund on the same order, after the first one."""
    gap = (between(draw(seed, "second gap"), 1.2, 3.5) * 86400).floor().cast(pl.Int64)
    return first.filter(
        (pl.col("kind") == "partial") & (pl.col("stage") == "after") & (draw(seed, "second") < SECOND_CASE)
    ).with_columns(
        *((pl.col(name) + pl.duration(seconds=gap)).alias(name) for name in ("applied_at", "approved_at", "completed_at")),
        final_fen=pl.col("final_fen") // 2 + 37,
        seq=pl.lit(1, pl.Int64),
    )


def _with_ids(cases: pl.DataFrame) -> pl.DataFrame:
    """Case ids in each platform's own shape, numbered in order of application."""
    k = pl.int_range(pl.len()).over("platform")
    taobao = (pl.lit(234_871_900_000_000, pl.Int64) + k // 2 * 17_710 + k % 2).cast(pl.String)
    pdd = (pl.lit(60_318_000_000, pl.Int64) + k // 2 * 130 + k % 2 * 7).cast(pl.String)
    mini = pl.format("SH{}{}", pl.col("applied_at").dt.strftime("%Y%m%d"), k.cast(pl.String).str.zfill(6))
    is_pdd = pl.col("platform") == seller.PDD.platform
    return cases.with_columns(
        case_id=pl.when(pl.col("platform") == seller.TMALL.platform).then(taobao).when(is_pdd).then(pdd).otherwise(mini),
        approved_at=pl.when(is_pdd).then("completed_at").otherwise("approved_at"),
    )


def _as_known(cases: pl.DataFrame, export_at: datetime, seed: int) -> pl.DataFrame:
    """Status, amounts and people of each case at the export."""
    count = pl.col("n") * 4 + pl.col("seq")
    drawn = cases.with_columns(m=count, requested_fen="final_fen")
    is_ended = pl.col("completed_at") < export_at
    status = (
        pl.when(~is_ended)
        .then(pl.lit("open"))
        .when(draw(seed, "withdrawn", "m") < WITHDRAWN)
        .then(pl.lit("closed"))
        .otherwise(pl.lit("success"))
    )
    reasons = {mood: choose(draw(seed, "reason", "m"), weights) for mood, weights in seller.REASONS.items()}
    people = {role: choose(draw(seed, role, "m"), dict.fromkeys(names, 1.0)) for role, names in PEOPLE.items()}
    known = drawn.with_columns(
        platform_status=status,
        reason=pl.when(pl.col("stage") == "unshipped")
        .then(reasons["unshipped"])
        .when(pl.col("mood") == "bad")
        .then(reasons["bad"])
        .otherwise(reasons["normal"]),
        **people,
    )
    is_success, is_money = pl.col("platform_status") == "success", pl.col("kind").is_in([*REFUND_CASE_KINDS, "partial"])
    is_goods = pl.col("kind").is_in(["return_refund", "exchange", "resend", "repair"])
    return known.with_columns(
        erp_status="platform_status",
        completed_at=pl.when(is_ended).then("completed_at"),
        approved_at=pl.when((pl.col("approved_at") < export_at) & (pl.col("platform_status") != "closed")).then("approved_at"),
        final_fen=pl.when(is_success & is_money).then("final_fen"),
        approved_fen=pl.when(is_success & is_money).then("final_fen"),
        erp_fen=pl.when(is_success & is_money).then("final_fen"),
        approver=pl.when((pl.col("platform_status") != "closed") & (pl.col("requested_fen") >= APPROVAL_FEN)).then("lead"),
        kind=pl.col("kind").replace({"partial": "refund_only"}),
        qty=pl.when(is_goods).then("back_qty"),
        is_instant=pl.lit(value=False),
        basis=pl.when(pl.col("kind") == "return_refund").then(pl.lit("qty")).otherwise(pl.lit("negotiated")),
        exchange_sku=pl.when(pl.col("kind") == "exchange").then("sku"),
        points_returned_fen=pl.when(is_success & is_money).then(_points_back()),
        is_quality=pl.col("reason").is_in(["质量问题", "与描述不符"]),
        reason_group=pl.col("reason").replace_strict(seller.REASON_GROUP),
        initiator=pl.lit("buyer"),
        decided_by=pl.lit("merchant"),
        return_waybill=pl.when(pl.col("kind").is_in(["return_refund", "exchange", "repair"])).then(
            pl.format("YT88{}", (pl.col("m") * 7 + 410_000_003))
        ),
    ).drop("m", "lead", "mood")


def _points_back() -> pl.Expr:
    """The refunded share of the points spent on what the case is about, at least one; null where none were."""
    whole = pl.col("stage") == "unshipped"
    points = pl.when(whole).then("points_fen").otherwise("line_points_fen")
    paid = pl.when(whole).then("buyer_paid_fen").otherwise("line_paid_fen")
    return pl.when(points > 0).then((points * pl.col("final_fen") // paid).clip(1))


def _after(column: str, seconds: pl.Expr) -> pl.Expr:
    return pl.col(column) + pl.duration(seconds=seconds.floor().cast(pl.Int64))


def midnight(day: date) -> datetime:
    """The first instant of a Shanghai day."""
    return datetime(day.year, day.month, day.day, tzinfo=SHANGHAI)
