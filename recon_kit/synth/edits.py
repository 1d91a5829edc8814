"""What planters share: whom a finding can be planted on, and the small pure changes to a world they are made of."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast

import polars as pl

from recon_kit.periods import Period
from recon_kit.schema import REFUND_CASE_KINDS, REFUND_FLOW_KINDS
from recon_kit.synth import books, seller
from recon_kit.synth.cases import midnight
from recon_kit.synth.flows import fee_rate, rated
from recon_kit.synth.world import World

COST_ACCOUNTS = [seller.INVENTORY[0], seller.COGS[0]]
Row = dict[str, object]


@dataclass(frozen=True)
class AnswerRow:
    """One planted finding as the answer key states it; money in fen, null where the code has none."""

    period: str
    code: str
    key: str
    order_id: str | None = None
    case_id: str | None = None
    expected_fen: int | None = None
    actual_fen: int | None = None
    nature: str = "break"
    note: str = ""

    @property
    def gap_fen(self) -> int | None:
        """What is there less what was expected, null where the code has no amounts."""
        return None if self.expected_fen is None or self.actual_fen is None else self.actual_fen - self.expected_fen


Planted = tuple[World, list[AnswerRow]]
"""A changed world and what must be found in it."""


def settled_cases(world: World, period: Period) -> pl.DataFrame:
    """Cases that tie on every leg: the only case of an untouched order, one refund flow of its amount and one booking.

    One row per case, with its flow (`flow_id`, `at`), its booking (`ref_kind`, `ref_id`, `booked_on`) and `buyer_paid_fen`;
    all of it inside the period. Card refunds, combined payments and refunds with a clawback are left out.
    """
    tables = world.tables
    orders = tables["orders"].filter(~pl.col("order_id").is_in(list(world.touched)) & _is_paid_alone())
    refunds = (
        tables["flows"]
        .filter(pl.col("kind").is_in(REFUND_FLOW_KINDS) & pl.col("case_id").is_not_null())
        .group_by("case_id")
        .agg(pl.col("channel", "flow_id", "at", "amount_fen").first(), flow_count=pl.len())
        .filter(pl.col("flow_count") == 1)
    )
    cases = (
        tables["aftersales"]
        .filter(pl.len().over("order_id") == 1)
        .filter(
            (pl.col("platform_status") == "success") & pl.col("kind").is_in(REFUND_CASE_KINDS) & period.contains("completed_at")
        )
        .select("platform", "case_id", "order_id", "shop", "applied_at", "completed_at", "final_fen")
        .join(orders.select("order_id", "buyer_paid_fen"), on="order_id", how="inner", validate="m:1")
        .join(refunds, on="case_id", how="inner", validate="1:1")
        .filter(
            (pl.col("amount_fen") == -pl.col("final_fen")) & period.contains("at") & (pl.col("channel") != seller.CARD.channel)
        )
    )
    booked = bookings(world)
    found = pl.concat(
        cases.join(
            booked.filter(pl.col("ref_kind") == kind).drop("shop"),
            left_on=f"{kind}_id",
            right_on="ref_id",
            how="inner",
            validate="1:1",
        ).with_columns(ref_id=pl.col(f"{kind}_id"))
        for kind in ("case", "flow", "order")
    )
    return found.filter(pl.col("gross_fen") == pl.col("final_fen")).sort("case_id")


def receipted_orders(world: World, period: Period) -> pl.DataFrame:
    """Untouched orders without a case whose one receipt lies in the period, paid alone and not by card."""
    with_case = world.tables["aftersales"]["order_id"].implode()
    receipts = (
        world.tables["flows"]
        .filter((pl.col("kind") == "trade_receipt") & pl.col("order_id").is_not_null())
        .filter((pl.len().over("order_id") == 1) & period.contains("at"))
        .select("order_id", "channel", "flow_id", "at", "amount_fen")
    )
    return (
        world.tables["orders"]
        .filter(~pl.col("order_id").is_in(list(world.touched)) & _is_paid_alone() & ~pl.col("order_id").is_in(with_case))
        .filter(pl.col("kind") == "normal")
        .select("platform", "order_id", "shop", "buyer_paid_fen", "paid_at")
        .join(receipts, on="order_id", how="inner", validate="1:1")
        .filter(
            (pl.col("amount_fen") == pl.col("buyer_paid_fen"))
            & (pl.col("channel") != seller.CARD.channel)
            & (pl.col("amount_fen") > 3_000)
        )
        .sort("order_id")
    )


def bookings(world: World) -> pl.DataFrame:
    """One row per booked refund ref: gross, date and voucher (the first one where there are several)."""
    lines = world.tables["voucher_lines"].filter(pl.col("ref_id").is_not_null() & ~pl.col("account").is_in(COST_ACCOUNTS))
    wallets = [shop.wallet_account for shop in seller.WALLETS.values()]
    return (
        lines.filter(pl.col("account").is_in(wallets))
        .group_by("ref_kind", "ref_id")
        .agg(gross_fen=pl.col("credit_fen").sum(), booked_on=pl.col("date").first(), shop=pl.col("shop").first())
    )


def take(frame: pl.DataFrame, rng: random.Random, n: int) -> list[Row]:
    """Up to n rows by chance, going round the platforms so that each gets its share."""
    groups = [group for _, group in sorted(frame.partition_by("platform", as_dict=True).items())]
    drawn = [group[rng.sample(range(group.height), min(n, group.height))].rows(named=True) for group in groups]
    rng.shuffle(drawn)
    rounds = max((len(rows) for rows in drawn), default=0)
    return [rows[i] for i in range(rounds) for rows in drawn if i < len(rows)][:n]


def touch(world: World, rows: Sequence[Row]) -> World:
    """Mark the orders of these rows as carrying a finding."""
    return replace(world, touched=world.touched | {str(row["order_id"]) for row in rows})


def next_flows(world: World, known: Sequence[object]) -> list[str]:
    """Flow ids of the same shape as known ones, not used yet."""
    return fresh_ids([str(flow_id) for flow_id in known], world.tables["flows"]["flow_id"])


def fresh_ids(known: Sequence[str], taken: pl.Series) -> list[str]:
    """Ids of the same shapes as known ones that nobody has: their trailing numbers counted up, by ever larger steps."""
    parts = [re.fullmatch(r"(.*?)(\d*)", text, re.DOTALL) for text in known]
    heads, digits = [part[1] if part else "" for part in parts], [part[2] if part else "" for part in parts]
    numbers = [int(text or 1) + 1 for text in digits]
    step = 1
    while True:
        fresh = [f"{head}{str(number).zfill(len(text))}" for head, number, text in zip(heads, numbers, digits, strict=True)]
        used = set(taken.filter(taken.is_in(fresh)))
        clashes = [i for i, text in enumerate(fresh) if text in used or text in fresh[:i]]
        if not clashes:
            return fresh
        step *= 2
        for i in clashes:
            numbers[i] += step


def set_flows(world: World, changes: Mapping[str, object], column: str = "amount_fen") -> World:
    """Flows with one column changed, by flow_id."""
    if not changes:
        return world
    flows = world.tables["flows"]
    changed = pl.DataFrame(
        {"flow_id": list(changes), "_new": list(changes.values()), "_is_new": True},
        schema_overrides={"_new": flows.schema[column]},
    )
    joined = flows.join(changed, on="flow_id", how="left", validate="m:1", maintain_order="left")
    return world.with_tables(
        flows=joined.with_columns(pl.when("_is_new").then("_new").otherwise(column).alias(column)).drop("_new", "_is_new")
    )


def return_fees(world: World, rows: Sequence[Row]) -> World:
    """Commission comes back on what these cases were refunded now, in the bill and in the fee statement."""
    flows, kind = world.tables["flows"], pl.col("kind")
    own = flows.filter(of_cases(list(rows)))
    refunded = own.filter(kind.is_in(["refund", "subsidy_clawback"])).group_by("case_id").agg(-pl.col("amount_fen").sum())
    back = (
        own.filter(kind == "fee_return")
        .select("flow_id", "case_id", "channel")
        .join(refunded, on="case_id", validate="m:1", maintain_order="left")
        .with_columns(rated(pl.col("amount_fen"), fee_rate()).alias("amount_fen"))
    )
    stated = pl.col("case_id").replace_strict(dict(back.select("case_id", -pl.col("amount_fen")).iter_rows()), default=None)
    is_return = kind == "commission_return"
    fees = world.tables["fees"].with_columns(
        amount_fen=pl.when(is_return).then(pl.coalesce(stated.cast(pl.Int64), "amount_fen")).otherwise("amount_fen")
    )
    return set_flows(world, dict(back.select("flow_id", "amount_fen").iter_rows())).with_tables(fees=fees)


def add_rows(world: World, table: str, rows: Sequence[Row]) -> World:
    """A table with rows added; columns they do not name are null."""
    frame = world.tables[table]
    names = [name for name in frame.columns if any(name in row for row in rows)]
    added = pl.DataFrame(
        [{name: row.get(name) for name in names} for row in rows], schema={name: frame.schema[name] for name in names}
    )
    return world.with_tables(**{table: pl.concat([frame, added], how="diagonal")})


def drop_flows(world: World, flags: pl.Expr) -> World:
    """Flows without the flagged rows."""
    return world.with_tables(flows=world.tables["flows"].filter(~flags.fill_null(value=False)))


def copies_of(world: World, table: str, column: str, rows: Sequence[Row]) -> list[Row]:
    """For each row, the table's row with the same value in `column`, as a dict to build a new row from."""
    wanted = [row[column] for row in rows]
    found = {row[column]: row for row in world.tables[table].filter(pl.col(column).is_in(wanted)).iter_rows(named=True)}
    return [dict(found[value]) for value in wanted]


def is_booked_under(refs: Collection[object]) -> pl.Expr:
    """Voucher lines of these refund refs; lines of returned cost are not refunds."""
    return (pl.col("ref_id").is_in([str(ref) for ref in refs]) & ~pl.col("account").is_in(COST_ACCOUNTS)).fill_null(value=False)


def unbook(world: World, refs: Collection[object]) -> World:
    """The ledger without the refund lines of these refs."""
    return world.with_tables(voucher_lines=world.tables["voucher_lines"].filter(~is_booked_under(refs)))


def rebook(world: World, gross: Mapping[object, int]) -> World:
    """The refund lines of each ref with another gross amount, split into revenue, VAT and wallet again."""
    if not gross:
        return world
    lines = world.tables["voucher_lines"]
    new = pl.DataFrame(
        {"ref_id": [str(ref) for ref in gross], "_gross": list(gross.values())}, schema_overrides={"_gross": pl.Int64}
    )
    joined = lines.join(new, on="ref_id", how="left", validate="m:1", maintain_order="left")
    account, net = pl.col("account"), books.net_of("_gross")
    credit = (
        pl.when(pl.col("_gross").is_null() | account.is_in(COST_ACCOUNTS))
        .then("credit_fen")
        .when(account.str.starts_with("2221"))
        .then(net - pl.col("_gross"))
        .when(account.str.contains("^[56]001"))
        .then(-net)
        .otherwise("_gross")
    )
    return world.with_tables(voucher_lines=joined.with_columns(credit_fen=credit).drop("_gross"))


def book(world: World, rows: Sequence[Row]) -> tuple[World, list[str]]:
    """One new voucher per row (channel, shop, date, ref_kind, ref_id, gross_fen); returns their numbers too."""
    if not rows:
        return world, []
    lines = world.tables["voucher_lines"]
    last = lines.group_by("period").agg(last=pl.col("voucher_id").str.extract(r"(\d+)$").cast(pl.Int64).max())
    wanted = (
        pl.DataFrame(rows, schema_overrides={"gross_fen": pl.Int64, "date": pl.Date}, infer_schema_length=None)
        .with_row_index("batch")
        .with_columns(period=pl.col("date").dt.strftime("%Y-%m"))
        .join(last, on="period", how="left", validate="m:1", maintain_order="left")
        .with_columns(number=pl.col("last").fill_null(0) + pl.int_range(1, pl.len() + 1).over("period"))
        .with_columns(voucher_id=books.voucher_number(pl.col("number")))
    )
    numbered = wanted.select("period", "voucher_id", voucher=pl.format("{}|{}|{}", "date", "channel", "batch"))
    added = (
        books.refund_lines(wanted)
        .join(numbered, on="voucher", how="left", validate="m:1", maintain_order="left")
        .sort("voucher", "side")
    )
    return world.with_tables(voucher_lines=pl.concat([lines, books.as_voucher_lines(added)])), wanted["voucher_id"].to_list()


def booking_of(row: Row, on: date, gross_fen: int | None = None) -> Row:
    """The booking of a settled case on another day or with another gross."""
    kept = {name: row[name] for name in ("channel", "shop", "ref_kind", "ref_id")}
    return {**kept, "date": on, "gross_fen": row["final_fen"] if gross_fen is None else gross_fen}


def of_case(code: str, period: Period, row: Row, expected: int | None = None, actual: int | None = None) -> AnswerRow:
    """The answer of a finding whose key is the case."""
    return AnswerRow(period.text, code, str(row["case_id"]), str(row["order_id"]), str(row["case_id"]), expected, actual)


def of_order(code: str, period: Period, row: Row, expected: int, actual: int) -> AnswerRow:
    """The answer of a finding whose key is the order."""
    return AnswerRow(period.text, code, str(row["order_id"]), str(row["order_id"]), None, expected, actual)


def of_cases(rows: list[Row]) -> pl.Expr:
    """Rows of these cases."""
    return pl.col("case_id").is_in([str(row["case_id"]) for row in rows])


def first_days(period: Period, rng: random.Random, within: int) -> date:
    """A day among the first days after the period."""
    return period.end + timedelta(days=rng.randrange(within))


def instant_in(period: Period, rng: random.Random, margin: int = 4) -> datetime:
    """An instant of the period, some days away from both of its ends."""
    seconds = rng.randrange(margin * 86_400, (period.days - margin) * 86_400)
    return midnight(period.start) + timedelta(seconds=seconds)


def fen(row: Row, name: str) -> int:
    """An amount of a row that is known to be there."""
    return cast(int, row[name])


def day(row: Row, name: str) -> date:
    """A date of a row that is known to be there."""
    return cast(date, row[name])


def text(row: Row, name: str) -> str | None:
    """A text of a row, null where it has none."""
    return cast("str | None", row[name])


def moment(row: Row, name: str) -> datetime:
    """An instant of a row that is known to be there."""
    return cast(datetime, row[name])


def _is_paid_alone() -> pl.Expr:
    return pl.col("paid_at").is_not_null() & (pl.col("pay_id").is_null() | (pl.len().over("pay_id") == 1))
