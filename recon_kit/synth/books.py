"""The ledger: refunds in red, returned cost, and at month end sales, fees and payouts. Every voucher balances."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from recon_kit.config import DEFAULT_CHANNEL_ACCOUNTS, Config
from recon_kit.facts.bookings import rate_units, tax_in
from recon_kit.periods import Period
from recon_kit.schema import REFUND_FLOW_KINDS
from recon_kit.synth import seller
from recon_kit.synth.chance import choose, draw

REFS_PER_VOUCHER = {"alipay": 1, "pdd": 6, "wechat": 3, "card": 1}
"""How many refunds of a day the bookkeeper puts into one voucher (summary vouchers), by channel."""
REF_KINDS = {"case": 0.82, "flow": 0.09, "order": 0.09}
"""By what the bookkeeper names a refund, where the flow or the order alone is enough to find it."""


def ledger_account(config: Config, key: str) -> tuple[str, str]:
    """Code and name of a logical account."""
    found = config.account(key)
    return found.code, found.name


def wallet_account(config: Config, channel: str) -> tuple[str, str]:
    """Code and name of the account a channel's money is booked on."""
    return ledger_account(config, config.accounts_by_channel.get(channel, DEFAULT_CHANNEL_ACCOUNTS[channel]))


def book_refunds(flows: pl.DataFrame, cases: pl.DataFrame, seed: int, config: Config) -> pl.DataFrame:
    """Voucher lines of every refund paid for a case, booked within two days and within the month of the money.

    Under CAS a refund approved in an earlier month than it was paid was accrued then, and is paid out of the accrual.
    """
    counts = cases.group_by("order_id").agg(cases_of_order=pl.len())
    counter = cases.select("case_id", "approved_at", m=pl.col("n") * 4 + pl.col("seq"))
    booked = (
        flows.filter(pl.col("kind").is_in(REFUND_FLOW_KINDS) & pl.col("case_id").is_not_null())
        .group_by("case_id", maintain_order=True)
        .agg(
            pl.col("channel", "shop", "order_id", "flow_id").first(),
            at=pl.col("at").max(),
            paid_at=pl.col("at").min(),
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
    if config.standard == "SBE":
        return _batched(booked, REFUND, config)
    month = pl.col("approved_at").dt.truncate("1mo")
    early = booked.filter(month < pl.col("paid_at").dt.truncate("1mo"))
    accrued = early.with_columns(date=pl.col("approved_at").dt.date(), ref_kind=pl.lit("case"), ref_id="case_id")
    rest = booked.join(early, on="case_id", how="anti", maintain_order="left")
    return pl.concat([_batched(rest, REFUND, config), _batched(accrued, ACCRUAL, config), _batched(early, RELEASE, config)])


REFUND = ("REVENUE", "VAT_OUT", "")
ACCRUAL = ("REVENUE", "VAT_OUT", "REFUND_PAYABLE")
RELEASE = ("", "", "REFUND_PAYABLE")
"""The accounts of a booking: sales and tax in red, and what is credited (empty: the wallet); a release debits it instead."""


def _batched(booked: pl.DataFrame, accounts: tuple[str, str, str], config: Config) -> pl.DataFrame:
    """Bookings as voucher lines, so many of a day in one voucher."""
    size = pl.col("channel").replace_strict(REFS_PER_VOUCHER, return_dtype=pl.Int64)
    batches = booked.sort("date", "shop", "ref_id").with_columns(batch=pl.int_range(pl.len()).over("date", "channel") // size)
    return refund_lines(batches, config, accounts)


def refund_lines(bookings: pl.DataFrame, config: Config, accounts: tuple[str, str, str] = REFUND) -> pl.DataFrame:
    """Three lines for each booking: revenue and output VAT in red, the wallet in black; all of them name the ref.

    Needs channel, shop, date, batch, ref_kind, ref_id and gross_fen (VAT included); `voucher` tells vouchers apart.
    """
    channel = pl.col("channel")
    wallets = {c: wallet_account(config, c) for c in DEFAULT_CHANNEL_ACCOUNTS}
    wallet = tuple(channel.replace_strict({c: found[place] for c, found in wallets.items()}) for place in range(2))
    named = {key: tuple(map(pl.lit, ledger_account(config, key))) for key in accounts if key}
    revenue, vat, credited = accounts
    gross, net = pl.col("gross_fen"), net_of("gross_fen", config)
    none = pl.lit(0, pl.Int64)
    if revenue:
        sides = [("售后退款冲收入", named[revenue], none, -net), ("售后退款冲销项税", named[vat], none, net - gross)]
        sides.append(("退客户款", named[credited] if credited else wallet, none, gross))
    else:
        sides = [("冲应退客户款", named[credited], gross, none), ("退客户款", wallet, none, gross)]
    return pl.concat(
        bookings.select(
            "date", "shop", "ref_kind", "ref_id", voucher=pl.format("{}|{}|{}|{}", "date", "channel", "batch", pl.lit(credited)),
            side=pl.lit(str(number)), summary=pl.lit(summary), account=account[0], account_name=account[1], debit_fen=debit,
            credit_fen=credit,
        )
        for number, (summary, account, debit, credit) in enumerate(sides, 1)
    )  # fmt: skip


def net_of(gross: str, config: Config) -> pl.Expr:
    """The part of a gross amount without VAT at the entity's rate, half up; gross is non-negative."""
    return pl.col(gross) - tax_in(pl.col(gross), rate_units(pl.lit(config.entity.vat_rate)))


def book_returned_cost(receipts: pl.DataFrame, orders: pl.DataFrame, cases: pl.DataFrame, config: Config) -> pl.DataFrame:
    """借 1405 / 借 COGS in red for every return put on stock, by case.

    Under CAS a return approved in an earlier month stood on 1485 since then: 借 1485 / 借 COGS in red, and on posting
    借 1405 / 贷 1485.
    """
    posted = (
        receipts.filter((pl.col("posted_cost_fen") > 0) & pl.col("stock_posted_at").is_not_null())
        .join(orders.select("order_id", "shop"), on="order_id", how="left", validate="m:1", maintain_order="left")
        .join(cases.select("case_id", "approved_at"), on="case_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(date=pl.col("stock_posted_at").dt.date())
    )
    if config.standard == "SBE":
        return _cost_lines(posted, "INVENTORY", "COGS", config)
    early = posted.filter(pl.col("approved_at").dt.truncate("1mo") < pl.col("stock_posted_at").dt.truncate("1mo"))
    rest = posted.join(early, on="return_id", how="anti", maintain_order="left")
    waiting = early.with_columns(date=pl.col("approved_at").dt.date())
    return pl.concat(
        [
            _cost_lines(rest, "INVENTORY", "COGS", config),
            _cost_lines(waiting, "RETURN_COST", "COGS", config),
            _cost_lines(early, "INVENTORY", "RETURN_COST", config),
        ]
    )


def _cost_lines(posted: pl.DataFrame, debited: str, other: str, config: Config) -> pl.DataFrame:
    """One voucher per receipt: the cost on `debited`; the cost of sales in red, or the return cost credited."""
    cost, none = pl.col("posted_cost_fen"), pl.lit(0, pl.Int64)
    against = (-cost, none) if other == "COGS" else (none, cost)
    sides = (("1", debited, cost, none), ("2", other, *against))
    return pl.concat(
        posted.select(
            "shop", "date", ref_kind=pl.lit("case"), ref_id="case_id",
            voucher=pl.format("{}|cost|{}|{}", "date", "return_id", pl.lit(debited)), side=pl.lit(side),
            summary=pl.lit("退货入库冲成本"), account=pl.lit(ledger_account(config, key)[0]),
            account_name=pl.lit(ledger_account(config, key)[1]), debit_fen=debit, credit_fen=credit,
        )
        for side, key, debit, credit in sides
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


def close_month(flows: pl.DataFrame, vouchers: pl.DataFrame, period: Period, config: Config) -> pl.DataFrame:
    """The month's sales, fees and payouts by wallet, without refs, numbered after the vouchers there are.

    With them each wallet account moves in the ledger exactly as its bill does, unknown flows apart.
    """
    inside = flows.filter(period.contains("success_at") & (pl.col("status") == "success"))
    group = pl.col("kind").replace_strict(
        {
            "trade_receipt": "sales",
            "subsidy": "sales",
            "fee": "fees",
            "fee_return": "fees",
            "insurance": "fees",
            "payout": "payout",
        },
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
    day = period.end - timedelta(days=1)
    lines = [
        (period.text, f"记-{first_free + place:04d}", str(number), day, *line, None, None, row["shop"], *STAFF)
        for place, row in enumerate(sums)
        for number, line in enumerate(_closing_lines(row, config), 1)
    ]
    return pl.DataFrame(lines, schema=vouchers.schema, orient="row")


STAFF = (seller.MAKER, seller.CHECKER, 1)
"""Maker, approver and attachments of an ordinary voucher."""


def _closing_lines(row: dict[str, object], config: Config) -> list[tuple[object, ...]]:
    """Summary, account, its name, debit and credit of each line of a month-end voucher."""
    wallet, amount = wallet_account(config, str(row["channel"])), int(str(row["amount_fen"]))
    net = (200 * amount + 113) // 226
    revenue, vat, commission, bank = (ledger_account(config, key) for key in ("REVENUE", "VAT_OUT", "SELL_COMMISSION", "BANK"))
    entries: dict[str, tuple[str, list[tuple[tuple[str, str], int, int]]]] = {
        "sales": ("本月销售收款", [(wallet, amount, 0), (revenue, 0, net), (vat, 0, amount - net)]),
        "fees": ("本月平台佣金", [(commission, amount, 0), (wallet, 0, amount)]),
        "payout": ("本月提现", [(bank, amount, 0), (wallet, 0, amount)]),
    }
    summary, lines = entries[str(row["group"])]
    return [(summary, *account, debit, credit) for account, debit, credit in lines]
