"""A first layout for a file that no layout knows: what its header and its values suggest, each guess with its reason.

A header must be known and its values must fit the column; a guess that rests on a like name or on the look of the values alone
is not sure, and becomes a commented-out line for a person to finish.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import polars as pl

from recon_kit.errors import SourceError
from recon_kit.schema import TABLES, Column, Table
from recon_kit.sources.columns import INSTANT_FORMATS, Cells, clean, is_id, make_columns
from recon_kit.sources.decode import Grid, HeadRow, read_body, with_separator
from recon_kit.sources.layout import Rule, Step, header_word, term_header
from recon_kit.sources.synonyms import Meaning, is_known, meanings, meant_words
from recon_kit.sources.template import BOOLEANS, OTHER_SIDE, field_name

FOOTER = r"^(#|合计|总计|小计|本月合计|本期合计)"
DIRECTION = r"^(收|支|入|出|进|付|借|贷|转|不计|/$|[+-]$)"
LEAVES = "^(支|出|付|借|转出|-)"
_DAYS = ("%Y.%m.%d", "%d/%m/%Y", "%m/%d/%Y")
OTHER_FORMATS = (*_DAYS, *(f"{day} %H:%M:%S" for day in _DAYS), "%Y%m%d%H%M%S")
MAX_WORDS = 30
MAX_HEADERS, MAX_TABLES = 300, 4
"""No more headers are looked at, and no more tables tried: those that know most of them by name."""
SAFE_KINDS = ("unknown", "other")


@dataclass(frozen=True)
class Guess:
    """One column of a draft: the rule that makes it, why, and whether it is sure enough to count.

    `words`: for a column of fixed words every text seen, with the word it most likely means or nothing.
    """

    column: Column
    rule: Rule
    zh: str
    en: str
    is_sure: bool = True
    words: tuple[tuple[str, str], ...] = ()

    @property
    def headers(self) -> tuple[str, ...]:
        """What the value comes from."""
        return self.rule.reads or tuple(name for step in self.rule.steps for name in step.reads)


@dataclass(frozen=True)
class Unknown:
    """The unknown file as far as it is known: its header row, and the data rows under its words as cleaned text."""

    grid: Grid
    header: HeadRow
    words: tuple[str, ...]
    cells: Cells
    above: str
    has_footer: bool

    def values(self, word: str) -> pl.Series:
        """The distinct texts under a header, in order."""
        return self.cells.frame[word].drop_nulls().unique(maintain_order=True)


@dataclass(frozen=True)
class Draft:
    """What a file's rows most likely are. `missing`: columns the table requires that nothing sure was found for."""

    file: Unknown
    table: Table
    guesses: tuple[Guess, ...]
    constants: dict[str, str] = field(default_factory=dict)
    row_id: tuple[str, ...] = ()

    @property
    def made(self) -> tuple[str, ...]:
        """The columns the draft fills."""
        return tuple(guess.column.name for guess in self.guesses if guess.is_sure)

    @property
    def missing(self) -> tuple[str, ...]:
        """The columns the table requires and the draft does not fill."""
        made = {*self.made, *self.constants, *(self.table.key if self.row_id else ())}
        return tuple(name for name in self.table.required if name not in made)


def find_header(grid: Grid) -> tuple[Grid, HeadRow] | None:
    """The row that looks most like a header, at the separator where it does; None where no row has two words."""
    splits = [grid] if grid.is_sheet else [with_separator(grid, separator) for separator in (",", "\t", ";")]
    rows = [(_likeness(row.cells), split, row) for split in splits for row in split.head]
    best = max(rows, key=lambda row: row[0], default=None)
    return best[1:] if best and best[0] >= 2 else None


def draft_layout(grid: Grid, table: str | None = None) -> Draft:
    """Draft the layout of a grid, for the table that fits best unless one is given; SourceError without a header row."""
    found = find_header(grid)
    if found is None:
        raise SourceError(
            f"{grid.name}: no row of the first {len(grid.head)} looks like a header; expected column names above the data; "
            "add a header row, or export the file again with one"
        )
    file = _open(*found)
    if table:
        return _draft(file, TABLES[table])
    promising = sorted(TABLES.values(), key=lambda each: -sum(is_known(word, each) for word in file.words))[:MAX_TABLES]
    order = list(TABLES)
    return max((_draft(file, each) for each in promising), key=lambda draft: (_fit(draft), -order.index(draft.table.name)))


def _likeness(cells: Sequence[str]) -> int:
    """How much a row looks like a header: known headers count three times, words once, repetitions nothing."""
    words = {header_word(cell) for cell in cells}
    wordy = {word for word in words if re.search(r"[^\W\d_]", word) and len(word) <= 40 and not re.search(r"\d{4,}", word)}
    return sum(3 if is_known(word) else 1 for word in wordy)


def _open(grid: Grid, header: HeadRow) -> Unknown:
    places = {header_word(cell): place for place, cell in reversed(list(enumerate(header.cells)))}
    words = tuple(dict.fromkeys(word for word in map(header_word, header.cells) if word and not word.startswith("@")))[
        :MAX_HEADERS
    ]
    body = read_body(grid, header, len(header.cells), sorted(places[word] for word in words))
    is_footer = body[str(min(places[word] for word in words))].fill_null("").str.strip_chars().str.contains(FOOTER)
    frame = body.filter(~is_footer).select("row", **{word: clean(pl.col(str(places[word]))) for word in words})
    above = " ".join([grid.name, *(cell for row in grid.head if row.first < header.first for cell in row.cells)])
    return Unknown(grid, header, words, Cells(frame, grid.is_sheet), above, bool(is_footer.any()))


def _draft(file: Unknown, table: Table) -> Draft:
    known = _by_name(table, file)
    made = {guess.column.name for guess in known if guess.is_sure}
    constants = _constants(table, made, file)
    lacking = [c for c in table.columns if c.required and c.name not in {*constants, *(guess.column.name for guess in known)}]
    free = [word for word in file.words if not any(word in guess.headers for guess in known)]
    looks = [guess for column in lacking for guess in _by_look(table, column, free, file)]
    order = {column.name: place for place, column in enumerate(table.columns)}
    guesses = tuple(sorted([*known, *looks], key=lambda guess: order[guess.column.name]))
    unnamed = [c for c in lacking if not any(guess.column == c for guess in looks)]
    only_id = len(unnamed) == 1 and unnamed[0].key and is_id(unnamed[0]) and table.name in ("flows", "fees", "bank_rows")
    of = tuple(name for name in table.names if name in made and name not in ("channel", "kind")) if only_id else ()
    return Draft(file, table, guesses, constants, of if len(table.required) - 1 - len(constants) <= len(of) else ())


def _fit(draft: Draft) -> float:
    """How well a table fits: the share of its required columns that was found for sure, and a little for every other."""
    needed = [name for name in draft.table.required if name not in ("platform", "channel")]
    return len({*draft.made} & {*needed}) / len(needed) + len(draft.made) / 20


def _by_name(table: Table, file: Unknown) -> list[Guess]:
    """The best guess for every column that a header's name suggests; the strongest first, and a header counts once."""
    suggested: dict[str, list[tuple[int, str, Meaning]]] = {}
    for word in file.words:
        for strength, meaning in meanings(table, word):
            suggested.setdefault(meaning.column, []).append((strength, word, meaning))
    guesses: list[Guess] = []
    taken: set[str] = set()
    columns = [column for column in table.columns if column.name in suggested]
    for column in sorted(columns, key=lambda c: (-max(each[0] for each in suggested[c.name]), not c.required)):
        free = [each for each in suggested[column.name] if each[1] not in taken]
        terms = {word: meaning.term for _, word, meaning in free if meaning.term}
        if len(terms) > 1:
            guesses.append(_summed(column, terms, file))
        elif free:
            guesses.append(_single(table, column, max(free, key=lambda each: each[0]), file))
        if free and guesses[-1].is_sure:
            taken.update(guesses[-1].headers)
    return guesses


def _single(table: Table, column: Column, found: tuple[int, str, Meaning], file: Unknown) -> Guess:
    """A column from one header: by its words where only some are allowed, in the first way that reads all its values."""
    strength, word, meaning = found
    is_sure = strength > 1
    zh = f"“{meaning.said_by.zh}”里就叫这个" if is_sure else "名称相近"
    en = f"so called in “{meaning.said_by.en}”" if is_sure else "a like name"
    values = file.values(word)
    if column.personal == "name":
        return Guess(column, Rule(from_=word), "个人信息，需要时再打开", "personal; open it only where needed", is_sure=False)
    if column.allowed and 0 < values.len() <= MAX_WORDS:
        meant = meant_words(table, column, values)
        words = tuple((text, meant.get(text, "")) for text in values)
        return Guess(column, Rule(from_=word), zh, en, is_sure=is_sure and bool(meant), words=words)
    for rule in () if column.allowed else _ways(column, word, file):
        if not _unread(column, rule, file):
            more_zh, more_en = _sign_warning(column, rule, values)
            return Guess(column, rule, zh + more_zh, en + more_en, is_sure=is_sure and values.len() > 0)
    zh, en = f"{zh}，但值读不成{column.label}", f"{en}, but not all values can be read"
    return Guess(column, Rule(from_=word), zh, en, is_sure=False)


def _ways(column: Column, word: str, file: Unknown) -> Iterator[Rule]:
    """The ways to read a header as a column, the likeliest first."""
    values = file.values(word)
    if column.kind == "bool":
        yield Rule(from_=word, map={text: BOOLEANS[text] for text in values if text in BOOLEANS})
        return
    other = OTHER_SIDE.get(field_name(column))
    side = next((w for w in file.words if any(m.column == f"{other}_fen" for _, m in meanings(TABLES["voucher_lines"], w))), None)
    if other and side:
        yield Rule(steps=(Step(from_=word), Step(value="0", when={side: r"\S"})))
    if column.name == "amount_fen" and not values.str.starts_with("-").any():
        several = [other for other in file.words if file.values(other).len() > 1]
        if direction := next((other for other in several if file.values(other).str.contains(DIRECTION).all()), None):
            yield Rule(from_=word, negative={direction: LEAVES})
    yield Rule(from_=word)
    if column.kind in ("instant", "date"):
        fitting = [f for f in OTHER_FORMATS if f not in INSTANT_FORMATS and not _unread(column, Rule(from_=word, format=f), file)]
        if len(fitting) == 1:
            yield Rule(from_=word, format=fitting[0])


def _summed(column: Column, terms: dict[str, str], file: Unknown) -> Guess:
    """A column that known layouts sum from several headers, such as income less expense."""
    rule = Rule(sum=tuple(f"{term.removesuffix('?').replace(term_header(term), word)}?" for word, term in terms.items()))
    listed = "、".join(terms)
    is_sure = not _unread(column, rule, file)
    return Guess(column, rule, f"由 {listed} 合成，请核对方向", f"made of {listed}: check the signs", is_sure=is_sure)


def _by_look(table: Table, column: Column, free: Sequence[str], file: Unknown) -> Iterator[Guess]:
    """The first header without a meaning whose values look like the column's; never sure."""
    for word in free:
        values = file.values(word)
        if not values.len():
            continue
        meant = meant_words(table, column, values) if column.allowed and values.len() <= MAX_WORDS else {}
        if column.allowed and len(meant) == values.len():
            words = tuple((text, meant[text]) for text in values)
            yield Guess(column, Rule(from_=word), "看取值像", "by its values", is_sure=False, words=words)
            return
        if _looks_like(column, values):
            rule = next((rule for rule in _ways(column, word, file) if not _unread(column, rule, file)), Rule(from_=word))
            yield Guess(column, rule, "看取值像", "by its values", is_sure=False)
            return


def _looks_like(column: Column, values: pl.Series) -> bool:
    """Whether values have the shape of a column: two decimals, long and mixed like an id, a date's digits."""
    if column.kind == "fen":
        return bool(values.str.contains(r"^[+-]?[¥￥]?[\d,]+\.\d{1,2}$").all())
    if column.kind in ("instant", "date"):
        return bool(values.str.contains(r"^\d{1,4}[-/.年]\d{1,2}").all())
    shape = r"^\d{1,6}$" if column.kind == "int" else r"^[A-Za-z0-9_-]{5,40}$"
    return (column.kind == "int" or is_id(column)) and bool(values.str.contains(shape).all())


def _unread(column: Column, rule: Rule, file: Unknown) -> int:
    """How many cells with text would not become a value of the column."""
    made, _ = make_columns({column.name: rule}, Table("draft", "", (column,)), file.cells)
    return made.frame.filter(pl.col(f"={column.name}").is_null() & pl.col(f"~{column.name}").is_not_null()).height


def _sign_warning(column: Column, rule: Rule, values: pl.Series) -> tuple[str, str]:
    """What to say about an amount that should be signed: another column gives its sign, or nothing does."""
    if not (column.name == "amount_fen" and column.note.startswith("signed")):
        return "", ""
    if rule.negative:
        return f"；方向取自{'、'.join(rule.negative)}，请核对", f"; its sign comes from {', '.join(rule.negative)}: check it"
    if values.str.starts_with("-").any():
        return "", ""
    return "；没有负数：请用 negative 说明哪些行是出账", "; none is negative: say with `negative` which rows leave the wallet"


def _constants(table: Table, made: set[str], file: Unknown) -> dict[str, str]:
    """Required columns that a file may leave to its layout: whose it is, and a kind that claims nothing."""
    found = {}
    for column in (c for c in table.columns if c.required and c.allowed and c.name not in made):
        names = {word: re.sub("(钱包|货款)$", "", label) for word, label in column.allowed.items()}
        if column.name in ("platform", "channel"):
            found[column.name] = next((word for word, name in names.items() if name in file.above), "other")
        elif safe := [word for word in SAFE_KINDS if column.name == "kind" and word in column.allowed]:
            found[column.name] = safe[0]
    return found
