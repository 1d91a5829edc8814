"""Money: what entered and left each wallet, and why. Double entry: every flow has its order, case or payout."""

from __future__ import annotations

from datetime import date, datetime, timedelta

import polars as pl

from recon_kit.schema import REFUND_CASE_KINDS
from recon_kit.synth import seller
from recon_kit.synth.cases import midnight
from recon_kit.synth.chance import between, draw

ON_CONFIRMATION = [shop.channel for shop in seller.WALLETS.values() if shop.on_confirmation]
SPLIT = 0.06
"""Share of refunds paid in two flows that sum to the case."""
PAYOUT_SHARE_PERCENT = 85
MONTH_END_PAYOUT_FEN = 500_000
"""Paid out of the Tmall wallet in the last hours of a month, so that it is on its way when the month ends."""
PREMIUM_FEN = 90
INSURED = 0.03
"""Share of Tmall orders that bear the premium of a freight insurance."""
ZERO = pl.lit(0, pl.Int64)


def build_flows(orders: pl.DataFrame, cases: pl.DataFrame, start: date, end: date, seed: int) -> pl.DataFrame:
    """One row per wallet movement in `[start, end)`, payouts included, with the balance after it."""
    paid_cases = wallet_refunds(orders, cases)
    early = early_refunds(orders, cases)
    refunds = _refunds(paid_cases, seed)
    parts = [_receipts(orders, early), _subsidies(orders, early), refunds, _clawbacks(paid_cases, refunds)]
    base = pl.concat(parts, how="diagonal")
    flows = pl.concat([base, _fees(base), _fee_returns(base, seed), _premiums(base, seed)], how="diagonal")
    inside = flows.filter((pl.col("at") >= midnight(start)) & (pl.col("at") < midnight(end)) & (pl.col("amount_fen") != 0))
    named = inside.pipe(_with_ids)
    return roll_balances(
        pl.concat([named, _payouts(named, start, end)], how="diagonal").with_columns(
            success_at="at", status=pl.lit("success"), memo=pl.lit(None, pl.String), decided_by=pl.lit(None, pl.String)
        )
    )


def wallet_refunds(orders: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Successful refund cases whose money left a wallet: not those settled inside escrow."""
    facts = orders.select(
        "n", confirmed_at="completed_at", share_fen="platform_discount_fen", orders_of_payment=pl.len().over("pay_n")
    )
    after = (pl.col("confirmed_at") < pl.col("completed_at")).fill_null(value=False)
    return (
        cases.filter((pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS))
        .join(facts, on="n", how="left", validate="m:1", maintain_order="left")
        .filter(~pl.col("channel").is_in(ON_CONFIRMATION) | after)
    )


def early_refunds(orders: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Per confirmed order: what was refunded inside escrow, and the platform's share of it."""
    facts = orders.filter(pl.col("completed_at").is_not_null()).select(
        "n", confirmed_at="completed_at", paid="buyer_paid_fen", share="platform_discount_fen"
    )
    return (
        cases.filter((pl.col("platform_status") == "success") & pl.col("final_fen").is_not_null())
        .join(facts, on="n", how="inner", validate="m:1", maintain_order="left")
        .filter(pl.col("completed_at") < pl.col("confirmed_at"))
        .group_by("n", maintain_order=True)
        .agg(early_fen=pl.col("final_fen").sum(), early_share_fen=ratio("share", "final_fen", "paid").sum())
    )


def ratio(amount: str, part: str, whole: str) -> pl.Expr:
    """Amount × part ÷ whole in whole fen, half up; all of them non-negative."""
    return (2 * pl.col(amount) * pl.col(part) + pl.col(whole)) // (2 * pl.col(whole))


def rated(amount: pl.Expr, rate: pl.Expr) -> pl.Expr:
    """Amount × rate in whole fen, half up; the rate has at most four decimals."""
    return (amount * (rate * 10_000).round().cast(pl.Int64) + 5_000) // 10_000


def roll_balances(flows: pl.DataFrame) -> pl.DataFrame:
    """Sort by wallet and time and state the balance after each flow that moved money."""
    moved = pl.when(pl.col("success_at").is_not_null() & (pl.col("status") == "success")).then("amount_fen").otherwise(0)
    opening = pl.col("channel").replace_strict(seller.OPENING_FEN, return_dtype=pl.Int64)
    return flows.sort("channel", "at", "flow_id").with_columns(balance_fen=opening + moved.cum_sum().over("channel"))


def _receipts(orders: pl.DataFrame, early: pl.DataFrame) -> pl.DataFrame:
    """Escrow money at confirmation, net of what was refunded before; other money when paid, one flow per payment."""
    is_escrow = pl.col("channel").is_in(ON_CONFIRMATION)
    confirmed = (
        orders.filter(is_escrow & pl.col("completed_at").is_not_null())
        .join(early, on="n", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            at=pl.col("completed_at") + pl.duration(seconds=3),
            amount_fen=pl.col("buyer_paid_fen") - pl.col("early_fen").fill_null(0),
        )
        .select("n", "channel", "shop", "order_id", "pay_id", "trade_no", "at", "amount_fen")
    )
    paid = (
        orders.filter(~is_escrow & pl.col("paid_at").is_not_null())
        .group_by("pay_n", maintain_order=True)
        .agg(
            pl.col("channel", "shop", "pay_id", "trade_no").first(),
            at=pl.col("paid_at").first(),
            amount_fen=pl.col("buyer_paid_fen").sum(),
            order_id=pl.when(pl.len() == 1).then(pl.col("order_id").first()),
        )
        .rename({"pay_n": "n"})
    )
    return pl.concat([confirmed, paid], how="diagonal").with_columns(kind=pl.lit("trade_receipt"), slot=ZERO)


def _subsidies(orders: pl.DataFrame, early: pl.DataFrame) -> pl.DataFrame:
    """The platform's part of a Pinduoduo order, paid at confirmation."""
    return (
        orders.filter(
            (pl.col("channel") == seller.PDD.channel)
            & pl.col("completed_at").is_not_null()
            & (pl.col("platform_discount_fen") > 0)
        )
        .join(early, on="n", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            at=pl.col("completed_at") + pl.duration(seconds=5),
            amount_fen=pl.col("platform_discount_fen") - pl.col("early_share_fen").fill_null(0),
            kind=pl.lit("subsidy"),
            slot=ZERO + 1,
        )
        .select("n", "channel", "shop", "order_id", "at", "amount_fen", "kind", "slot")
    )


def _refunds(paid_cases: pl.DataFrame, seed: int) -> pl.DataFrame:
    """One flow per case, or two that sum to it; never after the month in which the case completed.

    Only the one case of the one order of a payment is split: elsewhere nobody could say what the second flow is for.
    """
    cases = paid_cases.with_columns(m=pl.col("n") * 4 + pl.col("seq"))
    is_wechat = pl.col("channel") == seller.MINI.channel
    lag = (
        pl.when(is_wechat)
        .then(between(draw(seed, "lag", "m") ** 2, 60, 100_000))
        .otherwise(between(draw(seed, "lag", "m"), 2, 900))
    )
    alone = (pl.len().over("n") == 1) & (pl.col("orders_of_payment") == 1)
    is_split = (draw(seed, "split", "m") < SPLIT) & (pl.col("final_fen") > 1_000) & alone
    part = pl.when(is_split).then(pl.col("final_fen") * 2 // 3).otherwise("final_fen")
    first = cases.with_columns(
        at=_in_month(pl.col("completed_at") + pl.duration(seconds=lag.floor().cast(pl.Int64))),
        amount_fen=-part,
        request_no="case_id",
        slot=8 + pl.col("seq") * 8,
        rest_fen=pl.col("final_fen") - part,
    )
    rest = first.filter(pl.col("rest_fen") > 0).with_columns(
        at=_in_month(pl.col("at") + pl.duration(hours=3)),
        amount_fen=-pl.col("rest_fen"),
        request_no=pl.format("{}-2", "case_id"),
        slot=pl.col("slot") + 1,
    )
    kept = [
        "n",
        "completed_at",
        "channel",
        "shop",
        "order_id",
        "case_id",
        "pay_id",
        "trade_no",
        "at",
        "amount_fen",
        "request_no",
        "slot",
    ]
    return pl.concat([first.select(kept), rest.select(kept)]).with_columns(kind=pl.lit("refund"))


def _clawbacks(paid_cases: pl.DataFrame, refunds: pl.DataFrame) -> pl.DataFrame:
    """The platform takes its part back right after the last flow of the refund."""
    shares = paid_cases.filter(pl.col("share_fen") > 0).select("case_id", "share_fen", "buyer_paid_fen", part="final_fen")
    return (
        refunds.join(shares, on="case_id", how="inner", validate="m:1", maintain_order="left")
        .unique("case_id", keep="last", maintain_order=True)
        .with_columns(
            at=_in_month(pl.col("at") + pl.duration(seconds=5)),
            amount_fen=-ratio("share_fen", "part", "buyer_paid_fen"),
            kind=pl.lit("subsidy_clawback"),
            slot=pl.col("slot") - pl.col("slot") % 8 + 2,
        )
        .drop("share_fen", "buyer_paid_fen", "part", "request_no")
    )


def _fees(base: pl.DataFrame) -> pl.DataFrame:
    """Commission on what came in at confirmation or payment, subsidy included where the base says so."""
    return (
        base.filter(pl.col("kind").is_in(["trade_receipt", "subsidy"]))
        .filter((pl.col("kind") == "trade_receipt") | (pl.col("channel") == seller.PDD.channel))
        .group_by("n", maintain_order=True)
        .agg(pl.col("channel", "shop", "order_id", "pay_id", "trade_no", "at").first(), base_fen=pl.col("amount_fen").sum())
        .with_columns(
            amount_fen=-rated(pl.col("base_fen"), fee_rate()),
            at=pl.col("at") + pl.duration(seconds=61),
            kind=pl.lit("fee"),
            slot=ZERO + 3,
        )
        .drop("base_fen")
    )


def _fee_returns(base: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Commission on the refunded base comes back within two hours of the refund."""
    minutes = between(draw(seed, "fee back"), 8, 120).floor().cast(pl.Int64)
    return (
        base.filter(pl.col("kind").is_in(["refund", "subsidy_clawback"]))
        .group_by("case_id", maintain_order=True)
        .agg(
            pl.col("n", "channel", "shop", "order_id", "pay_id", "trade_no", "slot").first(),
            at=pl.col("at").max(),
            base_fen=-pl.col("amount_fen").sum(),
        )
        .with_columns(
            amount_fen=rated(pl.col("base_fen"), fee_rate()),
            at=pl.col("at") + pl.duration(minutes=minutes),
            kind=pl.lit("fee_return"),
            slot=pl.col("slot") + 4,
        )
        .drop("base_fen")
    )


def _premiums(base: pl.DataFrame, seed: int) -> pl.DataFrame:
    """The premium of a freight insurance, minutes after the money of its order."""
    insured = (pl.col("channel") == seller.TMALL.channel) & (draw(seed, "insured") < INSURED)
    return base.filter((pl.col("kind") == "trade_receipt") & insured).with_columns(
        at=pl.col("at") + pl.duration(minutes=4),
        amount_fen=pl.lit(-PREMIUM_FEN, pl.Int64),
        kind=pl.lit("insurance"),
        slot=ZERO + 5,
    )


def fee_rate() -> pl.Expr:
    """The commission rate of a flow's channel."""
    return pl.col("channel").replace_strict({c: shop.fee_rate for c, shop in seller.WALLETS.items()}, return_dtype=pl.Float64)


def _in_month(at: pl.Expr) -> pl.Expr:
    """Not later than the last second of the month in which the case completed: only planted refunds cross it."""
    return pl.min_horizontal(at, pl.col("completed_at").dt.truncate("1mo").dt.offset_by("1mo") - pl.duration(seconds=1))


def _with_ids(flows: pl.DataFrame) -> pl.DataFrame:
    """Flow ids in each channel's own shape; a Pinduoduo bill has none, so there the id never leaves the world."""
    serial = pl.col("n") * 64 + pl.col("slot")
    channel, day = pl.col("channel"), pl.col("at").dt.strftime("%Y%m%d")
    return flows.with_columns(
        account=channel.replace_strict({c: shop.account or None for c, shop in seller.WALLETS.items()}, return_dtype=pl.String),
        flow_id=pl.when(channel == "alipay")
        .then((pl.lit(61_740_000_000_000_000, pl.Int64) + serial * 10).cast(pl.String))
        .when(channel == "wechat")
        .then(pl.format("19000061{}{}0", day, serial.cast(pl.String).str.zfill(11)))
        .when(channel == "card")
        .then(pl.format("UP{}{}0", day, serial.cast(pl.String).str.zfill(11)))
        .otherwise(pl.format("pdd-{}0", serial)),
    ).drop("n", "slot", "completed_at")


def _payouts(flows: pl.DataFrame, start: date, end: date) -> pl.DataFrame:
    """Most of a week's net inflow goes to the bank on Monday, in whole hundreds, and arrives next day."""
    mondays = [start + timedelta(days=i) for i in range((end - start).days) if (start + timedelta(days=i)).weekday() == 0]
    usable = [day for day in mondays[1:] if (day + timedelta(days=2)).month == day.month and day + timedelta(days=2) <= end]
    week = pl.col("at").dt.truncate("1w").dt.offset_by("1w")
    net = flows.with_columns(at=week).group_by("channel", "shop", "account", "at").agg(net=pl.col("amount_fen").sum())
    day = pl.col("at").dt.strftime("%Y%m%d")
    weekly = net.filter(pl.col("at").dt.date().is_in(usable)).with_columns(
        amount_fen=-(pl.col("net") * PAYOUT_SHARE_PERCENT // 100 // 10_000 * 10_000), at=pl.col("at") + pl.duration(hours=9)
    )
    ends = pl.col("at").dt.month_end()
    last = flows.filter(pl.col("channel") == seller.TMALL.channel, ends.dt.date() < end).select(
        "channel", "shop", "account", at=ends.dt.truncate("1d") + pl.duration(hours=21)
    )
    monthly = last.unique().with_columns(amount_fen=pl.lit(-MONTH_END_PAYOUT_FEN, pl.Int64))
    return (
        pl.concat([weekly, monthly], how="diagonal")
        .filter(pl.col("amount_fen") < 0)
        .sort("channel", "at")
        .with_columns(
            kind=pl.lit("payout"),
            payout_id=pl.when(pl.col("channel").is_in(["alipay", "wechat"])).then(
                pl.format("TX{}{}01", day, pl.col("account").str.tail(4))
            ),
            flow_id=pl.when(pl.col("channel") == "alipay")
            .then(pl.format("6199{}00001", day))
            .when(pl.col("channel") == "wechat")
            .then(pl.format("19000061{}999999999990", day))
            .otherwise(pl.format("{}-payout-{}", "channel", day)),
        )
        .drop("net")
    )


def bank_rows(flows: pl.DataFrame, export_at: datetime) -> pl.DataFrame:
    """The other end of every payout: one bank row on the next day."""
    names = {
        "alipay": "支付宝（中国）网络技术有限公司",
        "wechat": "财付通支付科技有限公司",
        "pdd": "上海寻梦信息技术有限公司",
        "card": "银联商务股份有限公司",
    }
    return (
        flows.filter(pl.col("kind") == "payout")
        .with_columns(at=pl.col("at") + pl.duration(hours=25))
        .filter(pl.col("at") < export_at)
        .sort("at", "channel")
        .select(
            bank_id=pl.format("BK{}", pl.int_range(1, pl.len() + 1).cast(pl.String).str.zfill(6)),
            at="at",
            amount_fen=-pl.col("amount_fen"),
            payout_id="payout_id",
            shop="shop",
            counterparty=pl.col("channel").replace_strict(names),
            memo=pl.lit("提现"),
        )
    )
