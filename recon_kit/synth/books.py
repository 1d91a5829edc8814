"""The ledger: refunds in red, returned cost, and at month end sales, fees and payouts. Every voucher balances."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from recon_kit.periods import Period
from recon_kit.schema import REFUND_FLOW_KINDS
from recon_kit.synth import seller
from recon_kit.synth.chance import choose, draw

REFS_PER_VOUCHER = {"alipay": 1, "pdd": 6, "wechat": 3, "card": 1}
"""How many refunds of a day the bookkeeper puts into one voucher (summary vouchers), by channel."""
REF_KINDS = {"case": 0.82, "flow": 0.09, "order": 0.09}
"""By what the bookkeeper names a refund, where the flow or the order alone is enough to find it."""


def book_refunds(flows: pl.DataFrame, cases: pl.DataFrame, seed: int) -> pl.DataFrame:
    """Voucher lines of every refund paid for a case, booked within two days and within the month of the money."""
    counts = cases.group_by("order_id").agg(cases_of_order=pl.len())
    counter = cases.select("case_id", m=pl.col("n") * 4 + pl.col("seq"))
    booked = (
        flows.filter(pl.col("kind").is_in(REFUND_FLOW_KINDS) & pl.col("case_id").is_not_null())
        .group_by("case_id", maintain_order=True)
        .agg(
            pl.col("channel", "shop", "order_id", "flow_id").first(),
            at=pl.col("at").max(),
            gross_fen=-pl.col("amount_fen").sum(),
            flow_count=pl.len(),
        )
        .join(counter, on="case_id", how="left", validate="1:1", maintain_order="left")
        .join(counts, on="order_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            wish=choose(draw(seed, "ref", "m"), REF_KINDS), lag=(draw(seed, "book lag", "m") * 3).floor().cast(pl.Int64)
        )
        .with_columns(
            date=pl.min_horizontal(
                pl.col("at").dt.date() + pl.duration(days=pl.col("lag")), pl.col("at").dt.date().dt.month_end()
            ),
            ref_kind=pl.when((pl.col("wish") == "flow") & (pl.col("flow_count") == 1) & (pl.col("channel") != seller.PDD.channel))
            .then(pl.lit("flow"))
            .when((pl.col("wish") == "order") & (pl.col("cases_of_order") == 1))
            .then(pl.lit("order"))
            .otherwise(pl.lit("case")),
        )
        .with_columns(
            ref_id=pl.when(pl.col("ref_kind") == "flow")
            .then("flow_id")
            .when(pl.col("ref_kind") == "order")
            .then("order_id")
            .otherwise("case_id")
        )
    )
    size = pl.col("channel").replace_strict(REFS_PER_VOUCHER, return_dtype=pl.Int64)
    return refund_lines(
        booked.sort("date", "shop", "ref_id").with_columns(batch=pl.int_range(pl.len()).over("date", "channel") // size)
    )


def refund_lines(bookings: pl.DataFrame) -> pl.DataFrame:
    """Three lines for each booking: revenue and output VAT in red, the wallet in black; all of them name the ref.

    Needs channel, shop, date, batch, ref_kind, ref_id and gross_fen (VAT included); `voucher` tells vouchers apart.
    """
    wallets = {c: shop.wallet_account for c, shop in seller.WALLETS.items()}
    names = {c: shop.wallet_name for c, shop in seller.WALLETS.items()}
    channel = pl.col("channel")
    sides = (
        ("1", "售后退款冲收入", pl.lit(seller.REVENUE[0]), pl.lit(seller.REVENUE[1]), -net_of("gross_fen")),
        (
            "2",
            "售后退款冲销项税",
            pl.lit(seller.VAT_OUT[0]),
            pl.lit(seller.VAT_OUT[1]),
            net_of("gross_fen") - pl.col("gross_fen"),
        ),
        ("3", "退客户款", channel.replace_strict(wallets), channel.replace_strict(names), pl.col("gross_fen")),
    )
    return pl.concat(
        bookings.select(
            "date", "shop", "ref_kind", "ref_id", voucher=pl.format("{}|{}|{}", "date", "channel", "batch"), side=pl.lit(side),
            summary=pl.lit(summary), account=account, account_name=name, debit_fen=pl.lit(0, pl.Int64), credit_fen=credit,
        )
        for side, summary, account, name, credit in sides
    )  # fmt: skip


def net_of(gross: str) -> pl.Expr:
    """The part of a gross amount without VAT, half up; gross is non-negative."""
    with_tax = 100 + seller.VAT_PERCENT
    return (200 * pl.col(gross) + with_tax) // (2 * with_tax)


def book_returned_cost(receipts: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """借 1405 / 借 5401 in red for every return put on stock, by case."""
    posted = receipts.filter(pl.col("posted_cost_fen") > 0).join(
        orders.select("order_id", "shop"), on="order_id", how="left", validate="m:1", maintain_order="left"
    )
    sides = (("1", seller.INVENTORY, pl.col("posted_cost_fen")), ("2", seller.COGS, -pl.col("posted_cost_fen")))
    return pl.concat(
        posted.select(
            "shop", date=pl.col("stock_posted_at").dt.date(), ref_kind=pl.lit("case"), ref_id="case_id",
            voucher=pl.format("{}|cost|{}", pl.col("stock_posted_at").dt.date(), "return_id"), side=pl.lit(side),
            summary=pl.lit("退货入库冲成本"), account=pl.lit(account[0]), account_name=pl.lit(account[1]),
            debit_fen=debit, credit_fen=pl.lit(0, pl.Int64),
        )
        for side, account, debit in sides
    )  # fmt: skip


def number_vouchers(lines: pl.DataFrame, end: date) -> pl.DataFrame:
    """Voucher numbers by date within each month, 记-0001 onwards; vouchers from `end` on are not there yet."""
    return (
        lines.filter(pl.col("date") < end)
        .with_columns(period=pl.col("date").dt.strftime("%Y-%m"))
        .sort("date", "voucher", "ref_id", "side")
        .with_columns(voucher_id=voucher_number(pl.col("voucher").rle_id().over("period") + 1))
        .pipe(as_voucher_lines)
    )


def voucher_number(number: pl.Expr) -> pl.Expr:
    """A number as the books write it, 记-0001."""
    return pl.format("记-{}", number.cast(pl.String).str.zfill(4))


def as_voucher_lines(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines with their period and voucher_id as canonical voucher lines, numbered within each voucher."""
    return lines.with_columns(
        line_no=pl.int_range(1, pl.len() + 1).over("voucher").cast(pl.String),
        maker=pl.lit(seller.MAKER),
        approver=pl.lit(seller.CHECKER),
        attachments=pl.lit(1, pl.Int64),
    ).select(VOUCHER_COLUMNS)


VOUCHER_COLUMNS = [
    "period", "voucher_id", "line_no", "date", "summary", "account", "account_name", "debit_fen", "credit_fen",
    "ref_kind", "ref_id", "shop", "maker", "approver", "attachments",
]  # fmt: skip


def close_month(flows: pl.DataFrame, vouchers: pl.DataFrame, period: Period) -> pl.DataFrame:
    """The month's sales, fees and payouts by wallet, without refs, numbered after the vouchers there are.

    With them each wallet account moves in the ledger exactly as its bill does, unknown flows apart.
    """
    inside = flows.filter(period.contains("success_at") & (pl.col("status") == "success"))
    group = pl.col("kind").replace_strict(
        {"trade_receipt": "sales", "subsidy": "sales", "fee": "fees", "fee_return": "fees", "payout": "payout"},
        default=None,
        return_dtype=pl.String,
    )
    sums = (
        inside.with_columns(group=group)
        .filter(pl.col("group").is_not_null())
        .group_by("channel", "shop", "group")
        .agg(amount_fen=pl.col("amount_fen").sum().abs())
        .filter(pl.col("amount_fen") > 0)
        .sort("channel", "group")
        .rows(named=True)
    )
    last = vouchers.filter(pl.col("period") == period.text)["voucher_id"].str.extract(r"(\d+)$").cast(pl.Int64).max()
    first_free = (last if isinstance(last, int) else 0) + 1
    return pl.DataFrame(
        [line for place, row in enumerate(sums) for line in _closing_voucher(row, f"记-{first_free + place:04d}", period)],
        schema=vouchers.schema,
        orient="row",
    )


def _closing_voucher(row: dict[str, object], voucher_id: str, period: Period) -> list[tuple[object, ...]]:
    shop, amount = seller.WALLETS[str(row["channel"])], int(str(row["amount_fen"]))
    wallet = (shop.wallet_account, shop.wallet_name)
    net = (200 * amount + 113) // 226
    entries: dict[str, tuple[str, list[tuple[tuple[str, str], int, int]]]] = {
        "sales": ("本月销售收款", [(wallet, amount, 0), (seller.REVENUE, 0, net), (seller.VAT_OUT, 0, amount - net)]),
        "fees": ("本月平台佣金", [(seller.COMMISSION, amount, 0), (wallet, 0, amount)]),
        "payout": ("本月提现", [(seller.BANK, amount, 0), (wallet, 0, amount)]),
    }
    summary, lines = entries[str(row["group"])]
    day = period.end - timedelta(days=1)
    return [
        (
            period.text,
            voucher_id,
            str(number),
            day,
            summary,
            *account,
            debit,
            credit,
            None,
            None,
            row["shop"],
            seller.MAKER,
            seller.CHECKER,
            1,
        )
        for number, (account, debit, credit) in enumerate(lines, 1)
    ]
