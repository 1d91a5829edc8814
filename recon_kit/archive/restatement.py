"""What a closed month says today against what it said: item by item, and which changed source rows an item rests on.

Pure: tables as they were sealed and as they are, in; `RESTATEMENT` out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import polars as pl

from recon_kit.compare import compare
from recon_kit.errors import TieError
from recon_kit.facts.edits import JUDGED
from recon_kit.facts.intake import HAPPENED_AT
from recon_kit.labels import column_label
from recon_kit.money import format_yuan_expr
from recon_kit.results import RESTATEMENT, conform_result
from recon_kit.schema import TABLES, Table, empty, natural_key

Tables = Mapping[str, pl.DataFrame]
FINDING = ("code", "key", "primary_id", "expected_fen", "actual_fen", "gap_fen", "qty", "loss_fen", "nature", "severity", "owner")
IDS = (
    *("order_id", "case_id", "flow_id", "pay_id", "trade_no", "request_no", "payout_id", "voucher_id", "ref_id", "line_id"),
    *("ship_id", "return_id", "fee_id", "bank_id", "complaint_id"),
)
"""Columns by which an item and a source row know each other."""
ROWS_NAMED = 20
"""Source rows an item names at most."""


def build_restatement(
    before: Tables, after: Tables, *, settings: tuple[Mapping[str, str], Mapping[str, str]], until: datetime, language: str
) -> pl.DataFrame:
    """One row per thing that differs, as `RESTATEMENT`: settings and files, source rows, findings, bridge, its items, KPIs.

    `settings`: name → value of everything else the run rested on, then and now (files with their sha-256, configuration,
    versions). `until`: first instant after the look-ahead; later rows count in neither. Raises TieError when a bridge line did
    not move by what its items moved.
    """
    rows = [_rows(table, before, after, until, language) for table in TABLES.values()]
    changed = pl.concat(row.drop("ids") for row in rows)
    links = _linked(pl.concat(row.select(pl.col("label").alias("row"), "ids") for row in rows), [before, after])
    findings = _findings(before, after, language)
    items, lines = _items(before, after), _lines(before, after)
    _check_lines(items, lines)
    told = pl.concat([findings, items])
    moved = _name_rows(told, links, [before, after])
    by_line = (
        moved.filter(pl.col("area") == "bridge_items")
        .select(pl.col("group").alias("key"), "source_rows")
        .explode("source_rows")
        .drop_nulls("source_rows")
        .group_by("key")
        .agg(pl.col("source_rows").unique().sort().head(ROWS_NAMED))
    )
    lines = lines.drop("source_rows").join(by_line, on="key", how="left", validate="1:1", maintain_order="left")
    parts = [_settings(*settings), changed, moved.drop("group"), lines, _kpis(before, after)]
    frame = pl.concat([conform_result(part, RESTATEMENT) for part in parts])
    order = {part: number for number, part in enumerate(RESTATEMENT.column("area").allowed)}
    place = pl.col("area").replace_strict(order, return_dtype=pl.Int64)
    return frame.with_columns(pl.col("columns", "source_rows", "evidence").fill_null([])).sort(
        place, "table", "key", nulls_last=True
    )


def _settings(before: Mapping[str, str], after: Mapping[str, str]) -> pl.DataFrame:
    sides = [
        pl.DataFrame({"key": list(side), "value": list(side.values())}, schema={"key": pl.String, "value": pl.String})
        for side in (before, after)
    ]
    return compare(*sides, key=["key"]).select(
        pl.lit("settings").alias("area"),
        "key",
        "change",
        pl.col("before").struct.field("value").alias("sealed"),
        pl.col("after").struct.field("value").alias("today"),
    )


def _rows(table: Table, before: Tables, after: Tables, until: datetime, language: str) -> pl.DataFrame:
    """The changed rows of one table: part, table, key, change …, `label` (how items name it) and `ids`."""
    amount = JUDGED[table.name].amount if table.name in JUDGED else None
    counts = [(HAPPENED_AT[table.name] < until).fill_null(value=True)] if table.name in HAPPENED_AT else []
    sides = [
        tables.get(table.name, empty(table)).filter(*counts).with_columns(natural_key(table).alias("_key"))
        for tables in (before, after)
    ]
    names = [c.name for c in table.columns if all(c.name in side.columns for side in sides)]
    found = compare(*sides, key=["_key"], columns=names)
    ids = [name for name in IDS if name in names]
    known = pl.concat([side.select("_key", *ids, _place()) for side in sides])
    known = known.join(found.select("_key").unique(), on="_key", how="semi")
    named = known.group_by("_key").agg(
        pl.concat_list(pl.col(ids)).explode().drop_nulls().unique().sort().alias("ids")
        if ids
        else pl.lit([], _TEXTS).alias("ids"),
        pl.col("_place").unique(maintain_order=True).alias("evidence"),
    )
    return found.join(named, on="_key", how="left", validate="m:1", maintain_order="left").select(
        pl.lit("rows").alias("area"),
        pl.lit(table.name).alias("table"),
        pl.col("_key").alias("key"),
        "change",
        "columns",
        *_texts([n for n in names if n not in table.key], found, language),
        *_amounts(amount),
        "evidence",
        pl.lit([], _TEXTS).alias("source_rows"),
        pl.concat_str(pl.lit(f"{table.name} "), "_key").alias("label"),
        "ids",
    )


_TEXTS = pl.List(pl.String)
_SIDES = (("before", "sealed"), ("after", "today"))
"""The sides of a comparison, and what they are called in `RESTATEMENT`."""


def _place() -> pl.Expr:
    return pl.concat_str("source_file", pl.lit(":"), "source_row").alias("_place")


def _texts(names: Sequence[str], found: pl.DataFrame, language: str) -> list[pl.Expr]:
    """The changed columns as they were and are, in words: `金额 -30.00；时间 …`; of a row that came or went all it states."""
    between = "；" if language == "zh" else "; "
    is_change = pl.col("change") == "changed"
    told = {}
    for side, shown in _SIDES:
        fields = {field.name: field.dtype for field in found.schema[side].fields}  # type: ignore[attr-defined]  # a struct
        parts = [
            pl.when(pl.col("columns").list.contains(name) | (~is_change & pl.col(side).struct.field(name).is_not_null())).then(
                pl.concat_str(
                    pl.lit(f"{column_label(name, language)} "), _text(pl.col(side).struct.field(name), name, fields[name])
                )
            )
            for name in names
            if name in fields
        ]
        told[shown] = pl.concat_list(parts).list.drop_nulls().list.join(between) if parts else pl.lit("")
    return [pl.when(text != "").then(text).alias(side) for side, text in told.items()]


def _text(value: pl.Expr, name: str, dtype: pl.DataType) -> pl.Expr:
    if name.endswith("_fen"):
        value = format_yuan_expr(value)
    elif isinstance(dtype, pl.Datetime):
        value = value.dt.to_string("%Y-%m-%d %H:%M:%S")
    elif isinstance(dtype, pl.List):
        value = value.list.join(" ")
    return value.cast(pl.String).fill_null("—")


def _amounts(amount: str | None) -> list[pl.Expr]:
    sides = [pl.col(side).struct.field(amount) if amount else pl.lit(None, pl.Int64) for side in ("before", "after")]
    moved = pl.when(sides[0].is_not_null() | sides[1].is_not_null()).then(sides[1].fill_null(0) - sides[0].fill_null(0))
    return [sides[0].alias("sealed_fen"), sides[1].alias("today_fen"), moved.alias("moved_fen")]


def _findings(before: Tables, after: Tables, language: str) -> pl.DataFrame:
    """Findings that came, went or changed, by their stable id; `ids`: their key, order and case."""
    sides = [tables["discrepancies"] for tables in (before, after)]
    found = compare(*sides, key=["discrepancy_id"], columns=[*FINDING, "order_id", "case_id"])
    known = pl.concat([side.select("discrepancy_id", "code", "key", "order_id", "case_id") for side in sides])
    named = known.group_by("discrepancy_id", maintain_order=True).agg(
        pl.col("code").last(),
        pl.concat_list(pl.col("key").str.split("|").explode().implode().first(), pl.col("order_id", "case_id").implode().first())
        .explode()
        .drop_nulls()
        .unique()
        .sort()
        .alias("ids"),
        pl.col("key").last(),
    )
    return found.join(named, on="discrepancy_id", how="left", validate="1:1", maintain_order="left").select(
        pl.lit("discrepancies").alias("area"),
        pl.concat_str("code", pl.lit(" "), "key", pl.lit(" "), "discrepancy_id").alias("key"),
        "change",
        "columns",
        *_texts(FINDING, found, language),
        *_amounts("gap_fen"),
        pl.lit(None, pl.String).alias("group"),
        "ids",
    )


def _items(before: Tables, after: Tables) -> pl.DataFrame:
    """Items of the bridge, per line and key, whose sum moved; `group`: their line."""
    sides = [tables["bridge_items"].group_by("line", "key").agg(pl.col("amount_fen").sum()) for tables in (before, after)]
    return compare(*sides, key=["line", "key"]).select(
        pl.lit("bridge_items").alias("area"),
        pl.concat_str("line", pl.lit(" "), "key", ignore_nulls=True).alias("key"),
        "change",
        "columns",
        pl.lit(None, pl.String).alias("sealed"),
        pl.lit(None, pl.String).alias("today"),
        *_amounts("amount_fen"),
        pl.col("line").alias("group"),
        pl.col("key").str.split("|").alias("ids"),
    )


def _lines(before: Tables, after: Tables) -> pl.DataFrame:
    sides = [tables["bridge"].select("line", "amount_fen", "n") for tables in (before, after)]
    return compare(*sides, key=["line"]).select(
        pl.lit("bridge").alias("area"),
        pl.col("line").alias("key"),
        "change",
        "columns",
        *(pl.col(side).struct.field("n").cast(pl.String).alias(name) for side, name in _SIDES),
        *_amounts("amount_fen"),
        pl.lit([], _TEXTS).alias("source_rows"),
    )


def _check_lines(items: pl.DataFrame, lines: pl.DataFrame) -> None:
    """Every line moved by what its items moved."""
    sums = dict(items.group_by("group").agg(pl.col("moved_fen").sum()).iter_rows())
    for line, moved in lines.select("key", "moved_fen").iter_rows():
        if sums.pop(line, 0) != moved:
            raise TieError(
                f"restatement: line {line} moved by {moved} fen, its items by another sum; expected equal. This is a bug"
            )
    if any(sums.values()):
        raise TieError("restatement: items moved whose line did not; expected equal sums. This is a bug")


def _kpis(before: Tables, after: Tables) -> pl.DataFrame:
    key = ["kpi", "dimension", "member"]
    sides = [tables["kpis"].select(*key, "numerator", "denominator") for tables in (before, after)]
    shown = {
        side: pl.when(pl.col(side).is_not_null()).then(
            pl.concat_str(
                *(pl.col(side).struct.field(n).cast(pl.String).fill_null("—") for n in ("numerator", "denominator")),
                separator=" / ",
            )
        )
        for side, _ in _SIDES
    }
    return compare(*sides, key=key).select(
        pl.lit("kpis").alias("area"),
        pl.concat_str(*key, separator=" ", ignore_nulls=True).alias("key"),
        "change",
        "columns",
        *(shown[side].alias(name) for side, name in _SIDES),
    )


def _linked(rows: pl.DataFrame, sides: Sequence[Tables]) -> pl.DataFrame:
    """Id → changed row, by the row's own ids and by the orders that these belong to."""
    own = rows.select("row", pl.col("ids").alias("id")).explode("id").drop_nulls("id")
    return pl.concat([own, _with_orders(own, "row", sides)]).unique()


def _with_orders(known: pl.DataFrame, column: str, sides: Sequence[Tables]) -> pl.DataFrame:
    """The orders of the ids, as ids of the same things."""
    named = [
        tables[table].select(pl.col(id_column).alias("id"), "order_id").drop_nulls()
        for tables in sides
        for table, id_column in (("aftersales", "case_id"), ("flows", "flow_id"), ("payments", "pay_id"))
        if table in tables
    ]
    orders = pl.concat([pl.DataFrame(schema={"id": pl.String, "order_id": pl.String}), *named]).unique()
    return known.join(orders, on="id", how="inner", validate="m:m").select(column, pl.col("order_id").alias("id"))


def _name_rows(told: pl.DataFrame, links: pl.DataFrame, sides: Sequence[Tables]) -> pl.DataFrame:
    """The items with the changed source rows of their ids and the orders of these, `ROWS_NAMED` at most; `ids` goes."""
    numbered = told.with_row_index("_n")
    own = numbered.select("_n", pl.col("ids").alias("id")).explode("id").drop_nulls("id")
    own = pl.concat([own, _with_orders(own, "_n", sides)]).unique()
    rests = (
        own.join(links, on="id", how="inner", validate="m:m").group_by("_n").agg(pl.col("row").unique().sort().head(ROWS_NAMED))
    )
    found = numbered.join(rests.rename({"row": "source_rows"}), on="_n", how="left", validate="1:1", maintain_order="left")
    return found.drop("_n", "ids").with_columns(pl.lit(None, pl.String).alias("table"))


def flatten(name: str, value: Any) -> dict[str, str]:
    """Nested settings as one level: `limits.small_loss` → its value as text."""
    if isinstance(value, Mapping):
        return {key: text for inner, given in value.items() for key, text in flatten(f"{name}.{inner}", given).items()}
    return {name: str(value)}
