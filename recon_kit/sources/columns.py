"""A layout's rules → typed columns. Every value is either exact or null, and a null where the file had text is a fault.

Works on frames whose columns are the layout's own headers, cleaned text; canonical columns already made stand beside them
as `=name`, so that a later rule may ask for `@name`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import reduce

import polars as pl

from recon_kit.money import MAX_FEN, parse_yuan_expr
from recon_kit.periods import TIMEZONE
from recon_kit.schema import DTYPES, Column, Kind, Table
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
DAMAGED = r"^\d+(\.\d+)?[eE]\+\d+$|^\d+\.0$"
"""What a spreadsheet or a float makes of an id: `3.31E+18`, `12345.0`."""
SHEET_ERROR = r"^#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NUM!|NULL!|SPILL!|CALC!)$"
_YEARS = (1990, 9999)
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
        return pl.all_horizontal(*tests) if tests else pl.lit(value=True)

    @staticmethod
    def _column(name: str) -> str:
        return "=amount_fen" if name == "@sign" else f"={name[1:]}" if name.startswith("@") else name


def clean(text: pl.Expr) -> pl.Expr:
    """Cell text without blanks, tabs, leading quote or backtick and Excel's `="…"`; a dash or nothing is null."""
    bare = text.str.strip_chars(_STRIPPED)
    bare = pl.when(bare.str.starts_with('="')).then(bare.str.strip_prefix("=").str.strip_chars('"')).otherwise(bare)
    return pl.when(bare.is_in(_EMPTY)).then(None).otherwise(bare)


def is_stated(rule: Rule, cells: Cells) -> bool:
    """Whether the file has what any of the rule's steps reads: a column it does not have is not stated, not empty."""
    return any(_is_usable(step, cells) for step in rule.ways)


def make_columns(rules: Mapping[str, Rule], table: Table, cells: Cells) -> tuple[Cells, dict[str, str]]:
    """Work out the canonical columns the file states, in order: values as `=name`, and the text they came from as `~name`.

    Returns the cells with these columns, and for each column the header a person would look under.
    """
    headers: dict[str, str] = {}
    waiting: dict[str, pl.Expr] = {}
    for name, rule in rules.items():
        if _asks_for(rule) & {column[1:] for column in waiting}:
            cells, waiting = _with(cells, waiting), {}
        if not is_stated(rule, cells):
            continue
        value, text = _value_and_text(rule, table.column(name), cells)
        waiting |= {f"={name}": value, f"~{name}": text}
        headers[name] = _header(rule, cells)
    return _with(cells, waiting), headers


def make_text(rule: Rule | None, cells: Cells) -> pl.Expr:
    """A rule outside any table (a join key, an account) as text; null where there is no rule or nothing is stated."""
    return _value_and_text(rule, _TEXT, cells)[0] if rule and is_stated(rule, cells) else pl.lit(None, pl.String)


def fault(column: Column, *, must_be_given: bool, has_year: bool = True) -> pl.Expr:
    """Why the value of a column is at fault, or null: it is damaged, unreadable, not among the allowed words, missing."""
    value, text = pl.col(f"={column.name}"), pl.col(f"~{column.name}")
    tests = [(text.str.contains(SHEET_ERROR), "是表格公式的错误值，没有结果")]
    tests += [(value.is_null() & text.is_not_null(), UNREADABLE[column.kind] if has_year else YEAR_UNKNOWN)]
    if column.kind == "fen":
        tests.append((value.abs() >= MAX_FEN, "金额过大"))
    if column.allowed:
        tests.append((~value.is_in(list(column.allowed)), "不在允许的取值之内"))
    elif column.name == "period":
        tests.append((~value.str.contains(r"^\d{4}-(0[1-9]|1[0-2])$"), "不是会计期间"))
    elif is_id(column):
        tests.append((value.str.contains(DAMAGED), "编号在表格软件中已损坏（数值单元格丢失末位）"))
    if must_be_given:
        tests.append((value.is_null(), "缺少必填的值"))
    return pl.coalesce(*(pl.when(test).then(pl.lit(reason)) for test, reason in tests))


def fault_place(rule: Rule, header: str, cells: Cells) -> tuple[pl.Expr, pl.Expr]:
    """Under which header what is at fault stands, and its text: of a sum the first term that is no amount."""
    names = [term_header(term) for step in rule.ways for term in step.sum if cells.has(term_header(term))]
    texts = [cells.text(name) for name in names]
    is_bad = [pl.when(parse_money(t, is_sheet=cells.is_sheet).is_null() & t.is_not_null()) for t in texts]
    where = pl.coalesce(*(bad.then(pl.lit(name)) for bad, name in zip(is_bad, names, strict=True)), pl.lit(header))
    return where, pl.coalesce(*(bad.then(t) for bad, t in zip(is_bad, texts, strict=True)), cells.text(header))


def parse_instants(text: pl.Series, formats: tuple[str, ...] = INSTANT_FORMATS, timezone: str = TIMEZONE) -> pl.Series:
    """Text written in a time zone → instants in Shanghai, by the first format that reads all of it; null where none does."""
    found = text.str.strptime(pl.Datetime("us"), formats[0], strict=False)
    for pattern in formats[1:]:
        left = found.is_null() & text.is_not_null()
        if not left.any():
            break
        # polars reads a day or a month of one digit, and so 2026111 as some day or other
        whole = text.set(text.str.len_chars() != 8, None) if pattern == "%Y%m%d" else text
        found = found.zip_with(~left, whole.str.strptime(pl.Datetime("us"), pattern, strict=False))
    found = found.set(~found.dt.year().is_between(*_YEARS), None)  # 26/1/2 is no day of the year 26
    written = found.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")
    return written if timezone == TIMEZONE else written.dt.convert_time_zone(TIMEZONE)


def parse_money(text: pl.Expr, *, is_sheet: bool) -> pl.Expr:
    """Yuan text → fen; a worksheet's doubles count when they lie within a millionth of a yuan of a whole fen."""
    return text.map_batches(lambda s: _fen(s, is_sheet=is_sheet), return_dtype=pl.Int64, is_elementwise=True)


def _fen(text: pl.Series, *, is_sheet: bool) -> pl.Series:
    """Plain amounts by integer arithmetic on their digits, the few others by the strict parser (twenty times slower)."""
    cell = pl.col("t")
    digits = cell.str.replace(".", "", literal=True).cast(pl.Int64, strict=False)
    plain = (
        pl.when(cell.str.contains(r"^-?\d{1,15}\.\d\d$"))
        .then(digits)
        .when(cell.str.contains(r"^-?\d{1,15}$"))
        .then(digits * 100)
        .when(cell.str.contains(r"^-?\d{1,15}\.\d$"))
        .then(digits * 10)
    )
    frame = text.alias("t").to_frame()
    fen = frame.select(plain.alias("fen"))["fen"]
    left = (fen.is_null() & text.is_not_null()).arg_true()
    if not left.len():
        return fen
    exact = parse_yuan_expr(cell)
    if is_sheet:
        cents = cell.cast(pl.Float64, strict=False) * 100
        is_double = cell.str.contains(r"^-?\d{1,15}\.\d+$") & ((cents - cents.round()).abs() < 1e-4)
        exact = exact.fill_null(pl.when(is_double).then(cents.round().cast(pl.Int64, strict=False)))
    return fen.scatter(left, frame[left].select(exact.alias("fen"))["fen"])


def _asks_for(rule: Rule) -> set[str]:
    """Canonical columns that must be worked out before this rule."""
    names = {name for step in rule.ways for name in (*step.when, *step.reads)} | {*rule.negative}
    return {"amount_fen" if name == "@sign" else name[1:] for name in names if name.startswith("@")}


def _with(cells: Cells, columns: Mapping[str, pl.Expr]) -> Cells:
    lazy = cells.frame.lazy().with_columns(expr.alias(name) for name, expr in columns.items())
    return replace(cells, frame=lazy.collect(engine="in-memory")) if columns else cells


def _is_usable(step: Step, cells: Cells) -> bool:
    if step.sum:
        needed = [term_header(term) for term in step.sum if not term.endswith("?")]
        return all(cells.has(name) for name in needed) and any(cells.has(term_header(term)) for term in step.sum)
    if step.from_ or step.join:
        return cells.has(step.from_) if step.from_ else any(cells.has(name) for name in step.join)
    return not step.when or any(cells.has(name) for name in step.when)


def _value_and_text(rule: Rule, column: Column, cells: Cells) -> tuple[pl.Expr, pl.Expr]:
    """The first step that gives a value, typed, and the text it came from (null where nothing was stated)."""
    value, text = _typed(column.kind, pl.lit(None, pl.String)), pl.lit(None, pl.String)
    for step in reversed([step for step in rule.ways if _is_usable(step, cells)]):
        if step.sum:
            way, words, is_given = _sum(step, cells)
        else:
            words = _step_text(rule, step, cells)
            way, is_given = _step_value(column.kind, words, step, cells), words.is_not_null()
        value, text = (pl.when(is_given).then(new).otherwise(old) for new, old in ((way, value), (words, text)))
    if rule.else_ is not None:
        value = value.fill_null(_typed(column.kind, pl.lit(rule.else_)))
    if rule.negative:
        leaves = pl.any_horizontal(*(cells.holds({name: pattern}) for name, pattern in rule.negative.items()))
        value = pl.when(leaves).then(-value.abs()).otherwise(value)
    if rule.times and cells.has(rule.times):
        times = _typed("int", cells.text(rule.times))
        value = pl.when((value.cast(pl.Float64) * times).abs() < MAX_FEN).then(value * times)
    return value, text


def _step_text(rule: Rule, step: Step, cells: Cells) -> pl.Expr:
    text = cells.text(step.from_) if step.from_ else pl.lit(step.value, pl.String)
    if step.join:
        joined = pl.concat_str([cells.text(name) for name in step.join], separator=step.separator, ignore_nulls=True)
        text = pl.when(joined != "").then(joined)
    if rule.empty and step.from_:
        text = pl.when(text.is_in(rule.empty)).then(None).otherwise(text)
    if step.regex and step.as_:
        text = pl.when(text.str.contains(step.regex)).then(text.str.replace(step.regex, step.as_))
    elif step.regex:
        text = text.str.extract(step.regex, 1)
    if rule.words:
        chain = [pl.when(text.str.contains(pattern)).then(pl.lit(value)) for value, pattern in rule.words.items()]
        text = pl.coalesce(*chain, text if rule.else_ is None else pl.lit(None, pl.String))
    if rule.map:
        text = text.replace(rule.map)
    return pl.when(cells.holds(step.when)).then(text) if step.when else text


def _step_value(kind: Kind, text: pl.Expr, step: Step, cells: Cells) -> pl.Expr:
    """The step's text as the kind's type, in the unit, time zone and year it was written in."""
    if kind == "fen" and step.unit == "fen":
        return pl.when(text.str.contains(r"^[+-]?\d{1,17}$")).then(text.cast(pl.Int64, strict=False))
    if kind not in ("instant", "date") or not (step.year_of or step.timezone):
        return _typed(kind, text, step.format, is_sheet=cells.is_sheet)
    formats = (step.format,) if step.format else INSTANT_FORMATS
    if step.year_of:
        day = cells.text(step.year_of.from_).str.extract(step.year_of.regex, 1)
        last = day.str.strptime(pl.Date, step.year_of.format, strict=False)
        text, formats = _with_year(text, step.format or "", last)
    instants = text.map_batches(
        lambda s: parse_instants(s, formats, step.timezone or TIMEZONE), return_dtype=DTYPES["instant"], is_elementwise=True
    )
    return instants.dt.date() if kind == "date" else instants


def _with_year(text: pl.Expr, pattern: str, last: pl.Expr) -> tuple[pl.Expr, tuple[str]]:
    """Put the year of the latest such day not after `last` before a text without a year; null where `last` is unknown.

    A bill of 1 January may hold payments of 31 December; 29 February of a year that has none is unreadable.
    """
    this = last.dt.year().cast(pl.String) + " " + text
    before = (last.dt.year() - 1).cast(pl.String) + " " + text
    read = this.str.strptime(pl.Datetime("us"), f"%Y {pattern}", strict=False)
    return pl.when(read.dt.date() > last).then(before).otherwise(this), (f"%Y {pattern}",)


def _typed(kind: Kind, text: pl.Expr, pattern: str | None = None, *, is_sheet: bool = False) -> pl.Expr:
    """Text → the kind's type, null where it is not exactly one."""
    if kind in ("instant", "date"):
        formats = (pattern,) if pattern else INSTANT_FORMATS
        instants = text.map_batches(lambda s: parse_instants(s, formats), return_dtype=DTYPES["instant"], is_elementwise=True)
        return instants.dt.date() if kind == "date" else instants
    grouped = text.str.contains(r"^[+-]?\d{1,3}(,\d{3})+$")
    whole = pl.when(grouped).then(text.str.replace_all(",", "", literal=True)).otherwise(text.str.replace(r"\.0+$", ""))
    by_kind: dict[Kind, pl.Expr] = {
        "fen": parse_money(text, is_sheet=is_sheet),
        "int": whole.cast(pl.Int64, strict=False),
        "float": pl.when(text.str.contains(r"^[+-]?\d+(\.\d*)?$")).then(text.cast(pl.Float64, strict=False)),
        "bool": pl.when(text.is_in(["true", "false"])).then(text == "true"),
    }
    return by_kind.get(kind, text)


def _sum(step: Step, cells: Cells) -> tuple[pl.Expr, pl.Expr, pl.Expr]:
    """The sum of signed terms, null where one that must be given is empty; the texts where one is unreadable; if any is given."""
    values: list[pl.Expr] = []
    texts: list[pl.Expr] = []
    for term in step.sum:
        if not cells.has(term_header(term)):
            continue
        text = cells.text(term_header(term))
        fen = parse_money(text, is_sheet=cells.is_sheet)
        fen = fen.abs() if "|" in term else fen
        fen = pl.when(text.is_null()).then(0).otherwise(fen) if term.endswith("?") else fen
        values.append(-fen if term.startswith("-") else fen)
        texts.append(text)
    total = reduce(lambda left, right: left + right, values)
    given = pl.any_horizontal(*(text.is_not_null() for text in texts))
    broken = pl.any_horizontal(*(v.is_null() & t.is_not_null() for v, t in zip(values, texts, strict=True)))
    words = pl.when(broken).then(pl.concat_str(texts, separator=" ", ignore_nulls=True))
    return total, words, given & cells.holds(step.when)


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
YEAR_UNKNOWN = "不是时间，或文件名里没有日期（年份由此而来，请用原文件名）"
_ID_NAMES = {"sku", "exchange_sku", "waybill", "return_waybill", "account"}
_TEXT = Column("_text", "文本")


def is_id(column: Column) -> bool:
    """Whether the column holds an identifier, which no damaged number may enter."""
    return column.kind == "text" and (column.name.endswith(("_id", "_no")) or column.name in _ID_NAMES)


def _header(rule: Rule, cells: Cells) -> str:
    names = [name for step in rule.ways for name in step.reads]
    return next((name for name in names if cells.has(name) and not name.startswith("@")), "")
