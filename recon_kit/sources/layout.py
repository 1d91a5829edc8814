"""Layouts as data: what one platform export looks like and how its columns become canonical ones.

A layout is a TOML file (built in: `layouts/*.toml`; users add their own folder). Unknown keys are refused. Headers are named
once and compared without blanks and with half-width brackets, so `收入金额（+元） ` and `收入金额(+元)` are one word.
"""

from __future__ import annotations

import functools
import re
import unicodedata
import zoneinfo
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import polars as pl
from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, model_validator


def cell_pattern(pattern: str) -> str:
    """A regular expression as polars reads it: no look-around, no back-references."""
    try:
        pl.select(pl.lit("").str.contains(pattern))
    except pl.exceptions.PolarsError:
        raise ValueError(f"{pattern!r} is no regular expression (look-around and back-references are not known)") from None
    return pattern


def _text_pattern(pattern: str) -> str:
    """A regular expression with one group, searched for in the lines around the data."""
    try:
        groups = re.compile(pattern).groups
    except re.error as error:
        raise ValueError(f"{pattern!r} is no regular expression: {error}") from None
    if groups != 1:
        raise ValueError(f"{pattern!r} has {groups} groups; expected one, around what is stated")
    return pattern


def _timezone(name: str) -> str:
    """A time zone by its name in the tz database."""
    if name not in zoneinfo.available_timezones():
        raise ValueError(f"{name!r} is no time zone; expected a name such as UTC or Asia/Shanghai")
    return name


CellPattern = Annotated[str, AfterValidator(cell_pattern)]
Timezone = Annotated[str, AfterValidator(_timezone)]
Together = Annotated[tuple[str, ...], BeforeValidator(lambda names: (names,) if isinstance(names, str) else names)]
TextPattern = Annotated[str, AfterValidator(_text_pattern)]


class _Model(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class YearOf(_Model):
    """The day, stated elsewhere (as `from`, `regex` and `format` say), which an instant without a year does not pass."""

    from_: str = Field(alias="from")
    regex: CellPattern
    format: str


class Step(_Model):
    """One way to a value: a header's text (`from`), a `value`, or a `sum` of amounts; it counts only where `when` holds.

    `join`: the texts of several headers, put together with `separator`, empty ones left out. `regex` keeps its first group,
    or what `as` makes of its groups (`$1-$2`).

    `from` may also be `@file` (the file's name), `@preamble` (what stands above the header) or `@column` (a canonical column
    worked out above). `format` reads an instant, `timezone` says where it was written and
    `year_of` which year it means. `unit` fen: the amount is a whole number of fen. `when` maps a header (or `@column`, or
    `@sign` of the amount: `+`, `-`, `0`) to a regular expression its text must contain. A `sum` term is a header with an
    optional leading `-`, bars for its magnitude and a trailing `?` where an empty cell counts as nothing: `-|支出金额|?`.
    """

    from_: str | None = Field(None, alias="from")
    value: str | None = None
    sum: tuple[str, ...] = ()
    join: tuple[str, ...] = ()
    separator: str = " "
    regex: CellPattern | None = None
    as_: str | None = Field(None, alias="as")
    format: str | None = None
    timezone: Timezone | None = None
    year_of: YearOf | None = None
    unit: Literal["yuan", "fen"] = "yuan"
    when: dict[str, CellPattern] = {}

    @property
    def reads(self) -> tuple[str, ...]:
        """What it reads beside its conditions, in order."""
        elsewhere = (self.year_of.from_,) if self.year_of else ()
        return (*((self.from_,) if self.from_ else ()), *self.join, *map(term_header, self.sum), *elsewhere)


class Rule(Step):
    """How one canonical column is made: itself a step, or several `steps` of which the first that gives a value counts.

    `words` turns text into a value by regular expression, in order; `map` by the whole word; `else` is the value where
    nothing fitted. `negative`: header → regular expression under which the amount leaves the wallet. `times`: header of a
    quantity the amount is multiplied by. `empty`: words that mean nothing is stated.
    """

    steps: tuple[Step, ...] = ()
    words: dict[str, CellPattern] = {}
    map: dict[str, str] = {}
    else_: str | None = Field(None, alias="else")
    negative: dict[str, CellPattern] = {}
    times: str | None = None
    empty: tuple[str, ...] = ()

    @property
    def ways(self) -> tuple[Step, ...]:
        """The steps in order; the rule itself where it has none."""
        return self.steps or (self,)

    @property
    def headers(self) -> set[str]:
        """Every header the rule reads."""
        names = {*self.negative, *([self.times] if self.times else [])}
        for step in self.ways:
            names |= {*step.when, *step.reads}
        return {name for name in names if not name.startswith("@")}


class RowId(_Model):
    """An id for rows that carry none, from the columns `of` and how many rows equal in them stand before.

    `style`: hash, sequence (the columns and the number) or number (the number alone). A row that has an id keeps it.
    """

    column: str
    of: tuple[str, ...]
    prefix: str = ""
    style: Literal["hash", "sequence", "number"] = "hash"


class Complement(_Model):
    """These rows complete rows of another layout of the same table rather than stand alone.

    They join by their `link` to the other's `link`, of several with one link the first with the first in time; the columns
    in `takes` override. Where the other layout is loaded and
    lacks the row, the row is not money yet: no `success_at`, status success becomes processing.
    """

    of: str
    takes: tuple[str, ...]


class Rows(_Model):
    """The rows of one table in a layout: `when` picks them (but one that fits any of `unless`), `columns` makes them.

    `lines`: headers that tell the lines of one key apart (an order with a row a line); `summed`: columns that such a file states
    per line (`[]` for none), so that the order has their sum and the state that all its lines have reached. `also`: the rows
    feed this table besides the part that takes them, and are counted there. `lacks`: columns the table requires and this export
    does not have. `link`: the join key of a complement.
    """

    table: str
    also: bool = False
    lacks: tuple[str, ...] = ()
    summed: tuple[str, ...] | None = None
    when: dict[str, CellPattern] = {}
    unless: dict[str, CellPattern] = {}
    constants: dict[str, str] = {}
    columns: dict[str, Rule] = {}
    row_id: RowId | None = None
    lines: tuple[str, ...] = ()
    link: Rule | None = None
    complement: Complement | None = None

    @model_validator(mode="before")
    @classmethod
    def _sugar(cls, raw: Any) -> Any:
        if not isinstance(raw, dict) or not isinstance(raw.get("columns", {}), dict):
            return raw
        columns = {name: as_rule(rule) for name, rule in raw.get("columns", {}).items()}
        return {**raw, "columns": columns, **({"link": as_rule(raw["link"])} if raw.get("link") else {})}


class Control(_Model):
    """A total the file states and its rows must hold.

    `measure`: the file's own word. Stated: the first group of `pattern` in the lines below the data, or the cell under the
    header `measure` in the totals row. Found: `sum` of a header, or the count of rows, over the rows where `when` holds.
    `zero_rows`: the vendor counts rows of zero on one of the two sides, so they may fill what the count lacks.
    """

    measure: str
    pattern: TextPattern | None = None
    sum: str | None = None
    when: dict[str, CellPattern] = {}
    zero_rows: str | None = None


class Coverage(_Model):
    """Regular expressions, on the lines around the data, whose first group is an instant the file states about itself."""

    starts: TextPattern
    ends: TextPattern
    exported: TextPattern | None = None


class Label(_Model):
    """The layout's name for people."""

    zh: str
    en: str


class Layout(_Model):
    """One platform export.

    `signature`: headers it must have; `without`: headers that make it something else, in a list of their own those that do so
    only together. `extends`: the file name, without its ending, of a layout whose words hold where this one says nothing;
    spellings in `aliases` add up.

    `confidence`: A seen in three sources or the vendor's own text, B two, C one, M from memory. `is_data` false: recognised
    and passed over (a summary sheet). `footer`: regular expression of first cells that are no data; `totals`: first cell of
    a totals header, whose next row holds the totals; `no_data`: rows that hold any of these conditions are none (subtotals, a
    row that explains the header). `fill_down`: an empty cell under these headers means what stands above it. `currency`: the
    header of a currency; rows in another one than 人民币 are set aside. `fixed`: names and widths (bytes of GB18030) of the
    fields of a text without header, one character between two fields. `account`: whose wallet the file is about. `is_erp`: the
    seller's own system, which completes what platforms state and never beats it. `advice`: for a file that is recognised and
    no data, what to export instead.
    """

    name: str
    label: Label
    confidence: Literal["A", "B", "C", "M"]
    note: str = ""
    channel: str | None = None
    signature: Annotated[tuple[str, ...], Field(min_length=1)]
    without: tuple[Together, ...] = ()
    aliases: dict[str, tuple[str, ...]] = {}
    is_data: bool = True
    advice: Label | None = None
    is_template: bool = False
    footer: CellPattern = r"^#"
    totals: CellPattern | None = None
    no_data: tuple[dict[str, CellPattern], ...] = ()
    fill_down: tuple[str, ...] = ()
    currency: str | None = None
    fixed: tuple[tuple[str, Annotated[int, Field(gt=0)]], ...] = ()
    is_erp: bool = False
    account: Rule | None = None
    rows: tuple[Rows, ...] = ()
    controls: tuple[Control, ...] = ()
    coverage: Coverage | None = None

    @model_validator(mode="before")
    @classmethod
    def _sugar(cls, raw: Any) -> Any:
        return {**raw, "account": as_rule(raw["account"])} if isinstance(raw, dict) and raw.get("account") else raw

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables its rows go to, in order, each once."""
        return tuple(dict.fromkeys(part.table for part in self.rows))

    def headers(self) -> set[str]:
        """Every header any rule reads."""
        names: set[str] = {*self.fill_down, *(self.account.headers if self.account else ())}
        names |= {*([self.currency] if self.currency else []), *(header for when in self.no_data for header in when)}
        for part in self.rows:
            names |= {*part.when, *part.unless, *part.lines, *(part.link.headers if part.link else ())}
            names |= {header for rule in part.columns.values() for header in rule.headers}
        for control in self.controls:
            names |= {*control.when, *([control.sum] if control.sum else [])}
        return {name for name in names if not name.startswith("@")}

    def spellings(self, header: str) -> tuple[str, ...]:
        """Every way the header is written, compared as `header_word` does."""
        return tuple(header_word(word) for word in (header, *self.aliases.get(header, ())))

    def positions(self, words: Sequence[str], names: Iterable[str]) -> dict[str, int]:
        """Where each header stands in a header row; headers that are not there are left out."""
        first = {word: place for place, word in reversed(list(enumerate(words))) if word}
        found = {name: next((first[s] for s in self.spellings(name) if s in first), None) for name in names}
        return {name: place for name, place in found.items() if place is not None}

    def missing(self, words: Sequence[str]) -> list[str]:
        """Headers of the signature that a header row lacks."""
        present = self.positions(words, self.signature)
        return [name for name in self.signature if name not in present]

    def is_ruled_out(self, words: Sequence[str]) -> bool:
        """Whether a header row has what makes it something else."""
        return any(len(self.positions(words, names)) == len(names) for names in self.without)


@dataclass(frozen=True)
class Claim:
    """A layout that recognised a header row (`place`: its index among the first rows)."""

    layout: Layout
    place: int


def as_rule(raw: Any) -> Any:
    """The short forms of a rule: a header, or a list of headers of which the first that is filled counts."""
    if isinstance(raw, str):
        return {"from": raw}
    if isinstance(raw, list):
        return {"steps": [{"from": name} if isinstance(name, str) else name for name in raw]}
    return raw


def term_header(term: str) -> str:
    """The header inside a `sum` term."""
    return term.lstrip("-").rstrip("?").strip("|")


@functools.lru_cache(maxsize=10_000)
def header_word(cell: str) -> str:
    """A header cell as it is compared: half-width, without blanks, quotes and byte-order marks."""
    word = re.sub(r"[\s\ufeff`']+", "", unicodedata.normalize("NFKC", cell))
    return word[2:-1] if word.startswith('="') and word.endswith('"') else word


def claims(layouts: Iterable[Layout], head: Sequence[Sequence[str]]) -> list[Claim]:
    """The layouts whose signature stands in one of the first rows, at the earliest such row."""
    for place, cells in enumerate(head):
        words = [header_word(cell) for cell in cells]
        fits = [lay for lay in layouts if not lay.missing(words) and not lay.is_ruled_out(words)]
        if fits:
            return [Claim(layout, place) for layout in fits]
    return []


def nearest(layouts: Iterable[Layout], head: Sequence[Sequence[str]]) -> list[tuple[Layout, list[str]]]:
    """The two layouts that miss the fewest headers of their signature in any of the first rows, at least two present."""
    scored: list[tuple[float, str, Layout, list[str]]] = []
    rows = [[header_word(cell) for cell in cells] for cells in head]
    for layout in layouts:
        if not layout.is_data or not rows:
            continue
        gap = min((layout.missing(words) for words in rows), key=len)
        present = len(layout.signature) - len(gap)
        if present >= 2 and present * 3 >= len(layout.signature):
            scored.append((len(gap) / len(layout.signature), layout.name, layout, gap))
    return [(layout, gap) for _, _, layout, gap in sorted(scored, key=lambda item: item[:2])[:2]]
