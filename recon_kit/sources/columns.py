"""A layout's rules → typed columns. Every value is either exact or null, and a null where the file had text is a fault.

Works on frames whose columns are the layout's own headers, cleaned text; canonical columns already made stand beside them
as `=name`, so that a later rule may ask for `@name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce

import polars as pl

from recon_kit.money import parse_yuan_expr
from recon_kit.periods import TIMEZONE
from recon_kit.schema import DTYPES, Column, Kind
from recon_kit.sources.layout import Rule, Step, term_header

INSTANT_FORMATS = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y-%m-%d %H:%M:%S%.f",
    "%Y-%m-%dT%H:%M:%S",
    "%Y年%m月%d日 %H:%M:%S",
    "%Y年%m月%d日",
    "%Y%m%d",
)
DAMAGED = r"^\d+(\.\d+)?[eE]\+\d+$"
_EMPTY = ("", "-", "--", "—")
_STRIPPED = " \t\r\n\u3000\u00a0\ufeff`'"


@dataclass(frozen=True)
class Cells:
    """What a rule may read: the file's cleaned cells, and literals such as `@file` and `@preamble`."""

    frame: pl.DataFrame
    is_sheet: bool = False
    literals: Mapping[str, str] = field(default_factory=dict)

    def has(self, name: str) -> bool:
        """Whether the file (or an earlier rule) states anything under this name."""
        return name in self.literals or self._column(name) in self.frame.columns

    def text(self, name: str) -> pl.Expr:
        """The text under a header, a literal or a canonical column made earlier; null where there is none."""
        if name in self.literals:
            return pl.lit(self.literals[name], pl.String)
        if name == "@sign" and self.has(name):
            sign = pl.col("=amount_fen").sign()
            return pl.when(sign > 0).then(pl.lit("+")).when(sign < 0).then(pl.lit("-")).otherwise(pl.lit("0"))
        return pl.col(self._column(name)).cast(pl.String) if self.has(name) else pl.lit(None, pl.String)

    def holds(self, when: Mapping[str, str]) -> pl.Expr:
        """Whether every condition's text contains its pattern; an empty cell is the empty text."""
        tests = [self.text(name).fill_null("").str.contains(pattern) for name, pattern in when.items()]
        return pl.all_horizontal(*tests) if tests else pl.lit(True)

    @staticmethod
    def _column(name: str) -> str:
        return "=amount_fen" if name == "@sign" else f"={name[1:]}" if name.startswith("@") else name


@dataclass(frozen=True)
class Made:
    """One canonical column: its values, and per row why it is at fault (null: it is not)."""

    values: pl.Series
    fault: pl.Series
    header: str


def clean(text: pl.Expr) -> pl.Expr:
    """Cell text without blanks, tabs, leading quote or backtick and Excel's `="…"`; a dash or nothing is null."""
    bare = text.str.strip_chars(_STRIPPED)
    bare = pl.when(bare.str.starts_with('="')).then(bare.str.strip_prefix("=").str.strip_chars('"')).otherwise(bare)
    return pl.when(bare.is_in(_EMPTY)).then(None).otherwise(bare)


def is_stated(rule: Rule, cells: Cells) -> bool:
    """Whether the file has what any of the rule's steps reads: a column it does not have is not stated, not empty."""
    return any(_is_usable(step, cells) for step in rule.ways)


def make(rule: Rule, column: Column, cells: Cells) -> Made:
    """Work one canonical column out of the cells."""
    if any(step.sum for step in rule.ways):
        values, text = _sum(rule, cells)
    else:
        values, text = _first_given(rule, column, cells)
    if rule.negative or rule.times:
        values = _signed(rule, values, cells)
    return Made(values, _faults(column, values, text), _header(rule, cells))


def parse_instants(text: pl.Series, formats: tuple[str, ...] = INSTANT_FORMATS) -> pl.Series:
    """Text → instants in Shanghai, each text by the first format that reads all of it; null where none does."""
    found = pl.Series(text.name, [None], dtype=pl.Datetime("us")).new_from_index(0, text.len())
    for pattern in formats:
        left = found.is_null() & text.is_not_null()
        if not left.any():
            break
        parsed = text.str.strptime(pl.Datetime("us"), pattern, strict=False)
        found = found.zip_with(~left, parsed)
    return found.dt.replace_time_zone(TIMEZONE, ambiguous="earliest", non_existent="null")


def parse_money(text: pl.Expr, is_sheet: bool) -> pl.Expr:
    """Yuan text → fen; a worksheet's doubles count when they lie within a millionth of a yuan of a whole fen."""
    exact = parse_yuan_expr(text)
    if not is_sheet:
        return exact
    cents = text.cast(pl.Float64, strict=False) * 100
    near = pl.when((cents - cents.round()).abs() < 1e-4).then(cents.round().cast(pl.Int64, strict=False))
    return exact.fill_null(near)


def _is_usable(step: Step, cells: Cells) -> bool:
    if step.sum:
        return all(cells.has(term_header(term)) or term.endswith("?") for term in step.sum) and any(
            cells.has(term_header(term)) for term in step.sum
        )
    if step.from_:
        return cells.has(step.from_)
    return not step.when or any(cells.has(name) for name in step.when)


def _first_given(rule: Rule, column: Column, cells: Cells) -> tuple[pl.Series, pl.Series]:
    """The first step that gives a value, as (typed values, the text they came from)."""
    values = pl.Series([None], dtype=DTYPES[column.kind]).new_from_index(0, cells.frame.height)
    text = pl.Series([None], dtype=pl.String).new_from_index(0, cells.frame.height)
    for step in rule.ways:
        if not _is_usable(step, cells):
            continue
        words = cells.frame.with_columns(_step_text(rule, step, cells).alias("@t"))["@t"]
        typed = _typed(column.kind, words, step.format, cells.is_sheet)
        values, text = values.zip_with(values.is_not_null(), typed), text.zip_with(text.is_not_null(), words)
        if not values.has_nulls():
            break
    if rule.else_ is not None:
        rest = pl.Series([rule.else_]).new_from_index(0, values.len())
        values, text = (
            values.zip_with(values.is_not_null(), _typed(column.kind, rest, None, False)),
            text.zip_with(values.is_not_null(), rest),
        )
    return values, text


def _step_text(rule: Rule, step: Step, cells: Cells) -> pl.Expr:
    text = cells.text(step.from_) if step.from_ else pl.lit(step.value, pl.String)
    if rule.empty and step.from_:
        text = pl.when(text.is_in(rule.empty)).then(None).otherwise(text)
    if step.regex:
        text = text.str.extract(step.regex, 1)
    if rule.words:
        chain = [pl.when(text.str.contains(pattern)).then(pl.lit(value)) for value, pattern in rule.words.items()]
        text = pl.coalesce(*chain, text if rule.else_ is None else pl.lit(None, pl.String))
    if rule.map:
        text = text.replace(rule.map)
    return pl.when(cells.holds(step.when)).then(text) if step.when else text


def _typed(kind: Kind, text: pl.Series, pattern: str | None, is_sheet: bool) -> pl.Series:
    if kind == "instant":
        return parse_instants(text, (pattern,) if pattern else INSTANT_FORMATS)
    if kind == "date":
        return parse_instants(text, (pattern,) if pattern else INSTANT_FORMATS).dt.date()
    cell = pl.col("t")
    whole = cell.str.replace(r"\.0+$", "").str.replace_all(r"(\d),(\d{3})", "$1$2")
    by_kind: dict[Kind, pl.Expr] = {
        "fen": parse_money(cell, is_sheet),
        "int": whole.cast(pl.Int64, strict=False),
        "float": cell.cast(pl.Float64, strict=False),
        "bool": pl.when(cell == "true").then(True).when(cell == "false").then(False),
    }
    return text.alias("t").to_frame().select(by_kind.get(kind, cell).alias("t"))["t"]


def _sum(rule: Rule, cells: Cells) -> tuple[pl.Series, pl.Series]:
    """The sum of signed terms; null where a term that must be given is empty, or every one is."""
    step = next((s for s in rule.ways if _is_usable(s, cells)), None)
    if step is None:
        nothing = cells.frame.with_columns(pl.lit(None, pl.Int64).alias("@v"), pl.lit(None, pl.String).alias("@t"))
        return nothing["@v"], nothing["@t"]
    values: list[pl.Expr] = []
    texts: list[pl.Expr] = []
    for term in step.sum:
        if not cells.has(term_header(term)):
            continue
        text = cells.text(term_header(term))
        fen = parse_money(text, cells.is_sheet)
        fen = fen.abs() if "|" in term else fen
        fen = pl.when(text.is_null()).then(0).otherwise(fen) if term.endswith("?") else fen
        values.append(-fen if term.startswith("-") else fen)
        texts.append(text)
    total = reduce(lambda left, right: left + right, values)
    given = pl.any_horizontal(*(text.is_not_null() for text in texts))
    broken = pl.any_horizontal(*(v.is_null() & t.is_not_null() for v, t in zip(values, texts, strict=True)))
    frame = cells.frame.select(
        pl.when(given).then(total).alias("v"),
        pl.when(broken).then(pl.concat_str(texts, separator=" ", ignore_nulls=True)).alias("t"),
    )
    return frame["v"], frame["t"]


def _signed(rule: Rule, values: pl.Series, cells: Cells) -> pl.Series:
    amount: pl.Expr = pl.col("=v")
    if rule.negative:
        leaves = pl.any_horizontal(*(cells.holds({name: pattern}) for name, pattern in rule.negative.items()))
        amount = pl.when(leaves).then(-amount.abs()).otherwise(amount)
    if rule.times and cells.has(rule.times):
        amount = amount * cells.text(rule.times).str.replace(r"\.0+$", "").cast(pl.Int64, strict=False)
    return cells.frame.with_columns(values.alias("=v")).select(amount.alias("v"))["v"]


def _faults(column: Column, values: pl.Series, text: pl.Series) -> pl.Series:
    """Why a value is at fault, per row: it is damaged, unreadable, not among the allowed words."""
    frame = pl.DataFrame({"v": values, "t": text})
    fault = pl.when(pl.col("v").is_null() & pl.col("t").is_not_null()).then(pl.lit(UNREADABLE[column.kind]))
    if column.kind == "fen":
        fault = fault.when(pl.col("v").abs() >= 10**17).then(pl.lit("金额过大"))
    if column.allowed:
        fault = fault.when(~pl.col("v").is_in(list(column.allowed))).then(pl.lit("不在允许的取值之内"))
    elif is_id(column):
        fault = fault.when(pl.col("v").str.contains(DAMAGED)).then(pl.lit("编号在表格软件中已损坏（数值单元格丢失末位）"))
    return frame.select(fault.otherwise(None).alias("fault"))["fault"]


UNREADABLE: dict[Kind, str] = {
    "text": "无法读取",
    "list": "无法读取",
    "fen": "不是精确到分的金额",
    "int": "不是整数",
    "float": "不是数字",
    "bool": "不是是/否",
    "instant": "不是时间",
    "date": "不是日期",
}
_ID_NAMES = {"sku", "exchange_sku", "waybill", "return_waybill", "account"}


def is_id(column: Column) -> bool:
    """Whether the column holds an identifier, which no damaged number may enter."""
    return column.kind == "text" and (column.name.endswith(("_id", "_no")) or column.name in _ID_NAMES)


def _header(rule: Rule, cells: Cells) -> str:
    """The file's header a person would look under."""
    names = [name for step in rule.ways for name in (step.from_, *(term_header(t) for t in step.sum)) if name]
    return next((name for name in names if cells.has(name) and not name.startswith("@")), "")
