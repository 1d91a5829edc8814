"""K04: rows of a sealed period that are not as they were when it was sealed. What is judged of a row is data (`JUDGED`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time

import polars as pl

from recon_kit.compare import compare
from recon_kit.facts.intake import HAPPENED_AT
from recon_kit.periods import SHANGHAI, TIMEZONE, Period, cut_off
from recon_kit.privacy import mask_frame
from recon_kit.schema import TABLES, natural_key

SEALED_PERIOD = "sealed period"
"""What K04 needs, as *not checked* says it: no table, but a period that was closed."""


@dataclass(frozen=True)
class Sealed:
    """What a sealed period was signed on: its canonical tables, masked as they were published, by name."""

    period: Period
    as_of: date
    tables: Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Judged:
    """What may not change in a row once its period is sealed.

    `always`: columns judged of every row. `at_rest`: columns judged of rows that had come to rest when they were sealed, as
    `rest` says. `amount`: the money the finding states. `unit`: for tables whose rows neither come nor go after the seal, what
    names a list of them that is there as a whole (a channel's account, a book); none: rows may come and go. `is_dense`: such a
    list is only known between the first and the last day loaded of it, so that a bill that begins later says nothing.
    """

    always: tuple[str, ...]
    at_rest: tuple[str, ...] = ()
    rest: pl.Expr = field(default_factory=lambda: pl.lit(value=True))
    amount: str | None = None
    unit: tuple[str, ...] = ()
    is_dense: bool = True


JUDGED: dict[str, Judged] = {
    "orders": Judged(
        ("created_at", "kind"),
        ("paid_at", "pay_id", "buyer_paid_fen", "list_fen", "shipping_fen"),
        rest=pl.col("status").is_in(["paid", "shipped", "completed"]) & pl.col("paid_at").is_not_null(),
        amount="buyer_paid_fen",
    ),
    "payments": Judged(("paid_at", "amount_fen"), amount="amount_fen"),
    "aftersales": Judged(
        ("order_id", "applied_at"),
        ("kind", "qty", "completed_at", "approved_fen", "final_fen", "creator", "approver"),
        rest=pl.col("platform_status") == "success",
        amount="final_fen",
    ),
    "flows": Judged(
        ("at",),
        ("success_at", "kind", "amount_fen", "order_id", "case_id", "pay_id", "payout_id"),
        rest=pl.col("status") == "success",
        amount="amount_fen",
        unit=("channel", "account"),
    ),
    "shipments": Judged(("at", "kind", "order_id", "sku", "qty")),
    "receipts": Judged(("received_at", "sku", "qty")),
    "voucher_lines": Judged(
        ("date", "account", "debit_fen", "credit_fen", "ref_kind", "ref_id", "summary", "maker", "approver"),
        unit=("period",),
        is_dense=False,
    ),
    "fees": Judged(("at", "kind", "amount_fen", "order_id", "rate", "base"), amount="amount_fen"),
    "wallets": Judged(("opening_fen", "closing_fen"), amount="closing_fen"),
    "bank_rows": Judged(("at", "amount_fen", "payout_id"), amount="amount_fen", unit=("shop",)),
    "complaints": Judged(("opened_at", "kind")),
}
"""Table → what is judged. What goes on living after the close is left out: states, refunded and receivable amounts, costs,
accounts a bill is filled with, attachments. A column that was empty and is now stated is no change, nor is a flow nobody could
name (`unknown`) that has a name now. Tables without a day of their own (details of an order, rules, products) are not judged."""

_UNNAMED = {"kind": "unknown"}
_KEPT = ("platform", "shop", "channel", "order_id", "case_id")
EDITED_SCHEMA: dict[str, pl.DataType] = {
    "table": pl.String(),
    "key": pl.String(),
    **dict.fromkeys(_KEPT, pl.String()),
    "sealed_period": pl.String(),
    "change": pl.String(),
    "changes": pl.List(pl.Struct({"column": pl.String(), "before": pl.String(), "after": pl.String()})),
    "expected_fen": pl.Int64(),
    "actual_fen": pl.Int64(),
    "event_at": pl.Datetime("us", TIMEZONE),
    "evidence": pl.List(pl.String()),
}


def edited_rows(tables: Mapping[str, pl.DataFrame], sealed: Sequence[Sealed]) -> pl.DataFrame:
    """One row per row of a sealed period that was changed, added or removed since: `EDITED_SCHEMA`.

    `tables`: as loaded today. Judged are rows that happened in the sealed period and not after its as-of. `changes`: what
    changed, money in fen as text; a personal column's values are left out. `expected_fen` and `actual_fen` (as sealed, today) of
    the table's amount, where it changed. `evidence`: the row today, or where it stood when it was removed.
    """
    found = [
        _edited(name, judged, seal.tables[name], tables[name], seal)
        for seal in sealed
        for name, judged in JUDGED.items()
        if name in seal.tables and name in tables
    ]
    return pl.concat([pl.DataFrame(schema=EDITED_SCHEMA), *found]).sort("table", "key", "sealed_period")


def in_span(name: str, seal: Sealed) -> pl.Expr:
    """Whether a row happened in what was sealed of the period (never null)."""
    if name == "wallets":
        return (pl.col("period") == seal.period.text).fill_null(value=False)
    start = datetime.combine(seal.period.start, time(), SHANGHAI)
    end = min(datetime.combine(seal.period.end, time(), SHANGHAI), cut_off(seal.as_of))
    return ((HAPPENED_AT[name] >= start) & (HAPPENED_AT[name] < end)).fill_null(value=False)


def _edited(name: str, judged: Judged, sealed: pl.DataFrame, today: pl.DataFrame, seal: Sealed) -> pl.DataFrame:
    """The edited rows of one table and one sealed period."""
    about = [natural_key(TABLES[name]).alias("_key"), in_span(name, seal).alias("_is_in"), _happened(name).alias("_at")]
    rest = judged.rest.fill_null(value=False).alias("_is_at_rest")
    before = sealed.with_columns(*about, rest).filter("_is_in")
    if before.is_empty():
        return pl.DataFrame(schema=EDITED_SCHEMA)
    now = today.with_columns(*about, rest)
    same = pl.col("_key").is_in(before["_key"].implode())
    after = now.filter(same | (pl.col("_is_in") & pl.lit(bool(judged.unit)))).pipe(mask_frame, TABLES[name])
    columns = (*judged.always, *judged.at_rest)
    moved = compare(before.pipe(_forget, judged), after, key=["_key"], columns=columns, ignore_filled=True)
    kept = ["_key", "_at", "_is_at_rest", *dict.fromkeys(c for c in (*_KEPT, *judged.unit) if c in before.columns), "_place"]
    place = pl.concat_str("source_file", pl.lit(":"), "source_row").alias("_place")
    rows = pl.concat([frame.with_columns(place).select(kept) for frame in (after, before)])
    found = moved.join(rows.unique("_key", keep="first", maintain_order=True), on="_key", how="left", validate="m:1")
    is_change = pl.col("change") == "changed"
    if judged.unit:
        lists = _shared_lists(judged, before, now.filter("_is_in"))
        came_or_went = found.filter(~is_change & pl.col("_is_at_rest")).join(
            lists, on=list(judged.unit), how="inner", nulls_equal=True, validate="m:1"
        )
        is_known = pl.col("_at").is_between("_from", "_until") | (not judged.is_dense)
        found = pl.concat([found.filter(is_change), came_or_went.filter(is_known).select(found.columns)])
    else:
        found = found.filter(is_change)
    return _told(name, judged, found, seal)


def _happened(name: str) -> pl.Expr:
    return HAPPENED_AT.get(name, pl.lit(None)).cast(EDITED_SCHEMA["event_at"])


def _forget(before: pl.DataFrame, judged: Judged) -> pl.DataFrame:
    """The sealed rows without what may still change in them, so that it counts as not stated."""
    at_rest = [pl.when("_is_at_rest").then(column).alias(column) for column in judged.at_rest]
    named = [pl.when(pl.col(column) != word).then(column).alias(column) for column, word in _UNNAMED.items()]
    return before.with_columns(at_rest).with_columns(named if _UNNAMED.keys() & {*judged.always, *judged.at_rest} else [])


def _shared_lists(judged: Judged, before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    """The lists of rows that both sides have, and the days from and until which both do: unit, `_from`, `_until`."""
    days = [pl.col("_at").min().alias("_from"), pl.col("_at").max().alias("_until")]
    spans = pl.concat([frame.group_by(judged.unit).agg(days) for frame in (before, now)])
    both = spans.group_by(judged.unit).agg(pl.col("_from").max(), pl.col("_until").min(), pl.len().alias("_n"))
    return both.filter(pl.col("_n") == 2).drop("_n")


def _told(name: str, judged: Judged, found: pl.DataFrame, seal: Sealed) -> pl.DataFrame:
    """The edited rows in `EDITED_SCHEMA`."""
    was, now = pl.col("before").struct, pl.col("after").struct
    hidden = {column.name for column in TABLES[name].columns if column.personal}

    def told_of(column: str) -> pl.Expr:
        shown = [pl.lit(None, pl.String) if column in hidden else side.field(column).cast(pl.String) for side in (was, now)]
        change = pl.struct(pl.lit(column).alias("column"), shown[0].alias("before"), shown[1].alias("after"))
        return pl.when(pl.col("columns").list.contains(column)).then(change)

    changes = [told_of(column) for column in (*judged.always, *judged.at_rest)]
    moved = pl.col("columns").list.contains(judged.amount) if judged.amount else pl.lit(value=False)
    amounts = {
        side: pl.when(moved).then(field.field(judged.amount)).alias(side) if judged.amount else pl.lit(None, pl.Int64).alias(side)
        for side, field in (("expected_fen", was), ("actual_fen", now))
    }
    given = [pl.col(column) if column in found.columns else pl.lit(None, pl.String).alias(column) for column in _KEPT]
    told = found.select(
        pl.lit(name).alias("table"),
        pl.col("_key").alias("key"),
        *given,
        pl.lit(seal.period.text).alias("sealed_period"),
        "change",
        pl.concat_list(changes).list.drop_nulls().alias("changes"),
        *amounts.values(),
        pl.col("_at").alias("event_at"),
        pl.concat_list("_place").alias("evidence"),
    )
    return told.select(pl.col(column).cast(dtype) for column, dtype in EDITED_SCHEMA.items())
