"""The small pure changes a planter is made of, and what it says must be found. All of it works on canonical tables."""

from __future__ import annotations

import random
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import cast

import polars as pl

from recon_kit.periods import Period
from recon_kit.synth import books
from recon_kit.synth.cases import midnight
from recon_kit.synth.world import World

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


def is_cost(world: World) -> pl.Expr:
    """Voucher lines of stock and cost of sales: no refund's."""
    keys = ("INVENTORY", "COGS", *(("RETURN_COST",) if world.config.standard == "CAS" else ()))
    return pl.col("account").is_in([world.config.account(key).code for key in keys])


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


def known_ids(world: World, column: str) -> pl.Series:
    """Every order, payment or trade number that orders or flows have, an unknown order's too."""
    return pl.concat([world.tables[name][column] for name in ("orders", "flows")]).drop_nulls()


def amend(world: World, table: str, key: str, changes: Mapping[str, Mapping[str, object]]) -> World:
    """A table with some columns of some rows changed: value of `key` → column → new value."""
    if not changes:
        return world
    frame = world.tables[table]
    columns = dict.fromkeys(name for change in changes.values() for name in change)
    exprs = []
    for name in columns:
        new = {value: change[name] for value, change in changes.items() if name in change}
        is_meant = pl.col(key).is_in(list(new))
        values = pl.Series(list(new.values()), dtype=frame.schema[name])
        place = pl.col(key).replace_strict({value: i for i, value in enumerate(new)}, default=None, return_dtype=pl.UInt32)
        exprs.append(pl.when(is_meant).then(pl.lit(values).gather(place)).otherwise(name).alias(name))
    return world.with_tables(**{table: frame.with_columns(exprs)})


def set_flows(world: World, changes: Mapping[str, object], column: str = "amount_fen") -> World:
    """Flows with one column changed, by flow_id."""
    return amend(world, "flows", "flow_id", {flow_id: {column: value} for flow_id, value in changes.items()})


def return_fees(world: World, rows: Sequence[Row]) -> World:
    """Commission comes back on what these cases (with their `final_fen`) were refunded now, in the bill and the statement."""
    refunded = dict(
        world.tables["flows"]
        .filter(of_cases(list(rows)) & (pl.col("kind") == "refund"))
        .group_by("case_id")
        .agg(-pl.col("amount_fen").sum())
        .iter_rows()
    )
    ratio = {str(row["case_id"]): (refunded.get(row["case_id"], 0), fen(row, "final_fen")) for row in rows}
    paid, final = (
        pl.col("case_id").replace_strict({case: pair[i] for case, pair in ratio.items()}, default=1, return_dtype=pl.Int64)
        for i in range(2)
    )
    rates = dict(commissions(world).unique("order_id", keep="none").select("order_id", "rate").drop_nulls().iter_rows())
    due = {
        str(row["case_id"]): share(rates[row["order_id"]], ratio[str(row["case_id"])][0])
        for row in rows
        if row["order_id"] in rates
    }
    size = (2 * pl.col("amount_fen").abs() * paid + final) // (2 * final)
    stated = pl.col("case_id").replace_strict(due, default=None, return_dtype=pl.Int64)
    is_alone = pl.len().over("case_id") == 1
    # What was rounded once is not scaled up: a fen of a small refund would be more than one of a large one.
    scaled = pl.col("amount_fen").sign() * pl.when(is_alone & ((stated - size).abs() > 1)).then(stated).otherwise(size)
    is_back = {"flows": pl.col("kind") == "fee_return", "fees": pl.col("kind") == "commission_return"}
    return world.with_tables(
        **{
            name: world.tables[name].with_columns(
                amount_fen=pl.when(is_return & of_cases(list(rows))).then(scaled).otherwise("amount_fen")
            )
            for name, is_return in is_back.items()
        }
    )


def commissions(world: World) -> pl.DataFrame:
    """Commission charged on what the buyer paid, at a rate that can be read."""
    is_rate = pl.col("rate").str.strip_suffix("%").cast(pl.Float64, strict=False).is_finite()
    return world.tables["fees"].filter((pl.col("kind") == "commission") & (pl.col("base") == "buyer_paid") & is_rate)


def share(rate: object, amount_fen: int) -> int:
    """Rate (text such as 0.02 or 2%) × amount in whole fen, half up."""
    written = str(rate)
    part = Decimal(written.removesuffix("%")) / (100 if written.endswith("%") else 1)
    return int((part * amount_fen).quantize(Decimal(1), ROUND_HALF_UP))


def add_rows(world: World, table: str, rows: Sequence[Row]) -> World:
    """A table with rows added; columns they do not name are null."""
    frame = world.tables[table]
    names = [name for name in frame.columns if any(name in row for row in rows)]
    added = pl.DataFrame(
        [{name: row.get(name) for name in names} for row in rows], schema={name: frame.schema[name] for name in names}
    )
    return world.with_tables(**{table: pl.concat([frame, added], how="diagonal")})


def drop_rows(world: World, table: str, flags: pl.Expr) -> World:
    """A table without the flagged rows."""
    return world.with_tables(**{table: world.tables[table].filter(~flags.fill_null(value=False))})


def drop_flows(world: World, flags: pl.Expr) -> World:
    """Flows without the flagged rows."""
    return drop_rows(world, "flows", flags)


def copies_of(world: World, table: str, column: str, rows: Sequence[Row]) -> list[Row]:
    """For each row, the table's row with the same value in `column`, as a dict to build a new row from."""
    wanted = [row[column] for row in rows]
    found = {row[column]: row for row in world.tables[table].filter(pl.col(column).is_in(wanted)).iter_rows(named=True)}
    return [dict(found[value]) for value in wanted]


def is_booked_under(world: World, refs: Collection[object]) -> pl.Expr:
    """Voucher lines of these refund refs; lines of returned cost are not refunds."""
    return (pl.col("ref_id").is_in([str(ref) for ref in refs]) & ~is_cost(world)).fill_null(value=False)


def unbook(world: World, refs: Collection[object]) -> World:
    """The ledger without the refund lines of these refs."""
    return world.with_tables(voucher_lines=world.tables["voucher_lines"].filter(~is_booked_under(world, refs)))


def rebook(world: World, gross: Mapping[object, int]) -> World:
    """The refund lines of each ref with another gross amount, split into revenue, VAT and wallet again.

    Every line stays on its side, in red or in black; where a ref has no line of VAT, revenue takes the whole.
    """
    if not gross:
        return world
    lines = world.tables["voucher_lines"]
    new = pl.DataFrame(
        {"ref_id": [str(ref) for ref in gross], "_gross": list(gross.values())}, schema_overrides={"_gross": pl.Int64}
    )
    joined = lines.join(new, on="ref_id", how="left", validate="m:1", maintain_order="left")
    account, whole, net = pl.col("account"), pl.col("_gross"), books.net_of("_gross", world.config)
    is_vat = account == world.config.account("VAT_OUT").code
    has_vat = is_vat.any().over("period", "voucher_id", "ref_id")
    amount = (
        pl.when(is_vat)
        .then(whole - net)
        .when((account == world.config.account("REVENUE").code) & has_vat)
        .then(net)
        .otherwise(whole)
    )
    is_meant = whole.is_not_null() & ~is_cost(world)
    sides = (
        pl.when(is_meant).then(pl.col(side).sign() * amount).otherwise(side).alias(side) for side in ("debit_fen", "credit_fen")
    )
    return world.with_tables(voucher_lines=joined.with_columns(sides).drop("_gross"))


def book(world: World, rows: Sequence[Row], accounts: tuple[str, str, str] = books.REFUND) -> tuple[World, list[str]]:
    """One new voucher per row (channel, shop, date, ref_kind, ref_id, gross_fen); returns their numbers too."""
    if not rows:
        return world, []
    lines = world.tables["voucher_lines"]
    wanted = (
        pl.DataFrame(rows, schema_overrides={"gross_fen": pl.Int64, "date": pl.Date}, infer_schema_length=None)
        .with_row_index("batch")
        .with_columns(voucher_id=pl.Series(free_numbers(world, [day(row, "date") for row in rows]), dtype=pl.String))
        .with_columns(period=pl.col("date").dt.strftime("%Y-%m"))
    )
    numbered = wanted.select(
        "period", "voucher_id", voucher=pl.format("{}|{}|{}|{}", "date", "channel", "batch", pl.lit(accounts[2]))
    )
    added = (
        books.refund_lines(wanted, world.config, accounts)
        .join(numbered, on="voucher", how="left", validate="m:1", maintain_order="left")
        .sort("voucher", "side")
    )
    booked = pl.concat([lines, books.as_voucher_lines(added)], how="diagonal")
    return world.with_tables(voucher_lines=booked), wanted["voucher_id"].to_list()


def free_numbers(world: World, dates: Sequence[date]) -> list[str]:
    """The next voucher numbers of the months of these days."""
    number = pl.col("voucher_id").str.extract(r"(\d{1,9})$").cast(pl.Int64)
    last = dict(world.tables["voucher_lines"].group_by("period").agg(number.max()).iter_rows())
    numbers = []
    for period in [f"{on:%Y-%m}" for on in dates]:
        last[period] = (last.get(period) or 0) + 1
        numbers.append(f"记-{last[period]:04d}")
    return numbers


def write_voucher(world: World, on: date, lines: Sequence[tuple[str, int, int]], **more: object) -> tuple[World, str]:
    """One voucher of (account key, debit, credit) lines; `more` are columns of all its lines, such as summary and ref_id."""
    number = free_numbers(world, [on])[0]
    maker, approver, attachments = books.STAFF
    head = {"period": f"{on:%Y-%m}", "voucher_id": number, "date": on, "maker": maker, "approver": approver}
    rows: list[Row] = []
    for place, (key, debit, credit) in enumerate(lines, 1):
        code, name = books.ledger_account(world.config, key)
        amounts = {"account": code, "account_name": name, "debit_fen": debit, "credit_fen": credit}
        rows.append({**head, "attachments": attachments, **amounts, "line_no": str(place), **more})
    return add_rows(world, "voucher_lines", rows), number


def book_later(world: World, rows: Sequence[Row], on: date | None) -> World:
    """Settled cases booked another day, or (None) not as paid at all; under CAS they were accrued when they were approved."""
    world = unbook(world, [row["ref_id"] for row in rows])
    is_cas = world.config.standard == "CAS"
    if is_cas:
        accrued = [{**booking_of(row, moment(row, "approved_at").date()), **of_its_case(row)} for row in rows]
        world, _ = book(world, accrued, books.ACCRUAL)
    if on is not None:
        world, _ = book(world, [booking_of(row, on) for row in rows], books.RELEASE if is_cas else books.REFUND)
    return world


def of_its_case(row: Row) -> Row:
    """The ref of a booking that names the case."""
    return {"ref_kind": "case", "ref_id": row["case_id"]}


def of_vouchers(rows: Sequence[Row]) -> pl.Expr:
    """Voucher lines of these bookings (period, voucher_id)."""
    return pl.any_horizontal(
        pl.lit(value=False),
        *((pl.col("period") == row["period"]) & (pl.col("voucher_id") == row["voucher_id"]) for row in rows),
    )


def resettle(world: World, finals: Mapping[str, int], rows: Sequence[Row]) -> World:
    """Settled cases that ended at another amount, on every leg: the case, its refund, the fee back, the order, the booking."""
    meant = [row for row in rows if row["case_id"] in finals]
    amounts = ("requested_fen", "approved_fen", "final_fen", "erp_fen")
    cases = {case: dict.fromkeys(amounts, final) for case, final in finals.items()}
    flows = {str(row["flow_id"]): -finals[str(row["case_id"])] for row in meant}
    more = {str(row["order_id"]): finals[str(row["case_id"])] - fen(row, "final_fen") for row in meant}
    shift = pl.col("order_id").replace_strict(more, default=0, return_dtype=pl.Int64)
    world = return_fees(set_flows(amend(world, "aftersales", "case_id", cases), flows), meant)
    orders = world.tables["orders"].with_columns(refunded_fen=pl.col("refunded_fen") + shift)
    return rebook(world.with_tables(orders=orders), {row["ref_id"]: finals[str(row["case_id"])] for row in meant})


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
    """An instant of the period, some days away from both of its ends: fewer in a period shorter than a month."""
    margin = min(margin, (period.days - 1) // 2)
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
