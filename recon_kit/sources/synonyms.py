"""What headers and words are known to mean: every standard template and every built-in layout, turned around."""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from recon_kit.schema import TABLES, Column, Table
from recon_kit.sources.layout import Label, Rule, header_word, term_header
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.template import field_name

SIMILAR = 0.75
"""How like two headers must be (difflib) for one to be taken for the other."""
TEMPLATE = Label(zh="标准模板", en="the standard template")
_UNIT = re.compile(r"\((?:元|人民币|¥|￥|CNY|RMB|[+-]元)\)$", re.IGNORECASE)


@dataclass(frozen=True)
class Meaning:
    """What a header means in a table: a column, who says so, and its term where the column is a sum."""

    column: str
    said_by: Label
    term: str = ""


def header_core(word: str) -> str:
    """A header without the unit in brackets that ends it."""
    return _UNIT.sub("", word)


def meanings(table: Table, word: str) -> list[tuple[int, Meaning]]:
    """What a header may mean in a table, by strength: 10 and a vote per layout for a known header, 1 for a like one."""
    known = _synonyms()[table.name]
    if exact := known.get(header_core(word)):
        by_column = {name: [m for m in exact if m.column == name] for name in dict.fromkeys(m.column for m in exact)}
        return [
            (10 + len(said) + 5 * (said[0].said_by == TEMPLATE), next((m for m in said if m.term), said[0]))
            for said in by_column.values()
        ]
    near = difflib.get_close_matches(header_core(word), known, n=1, cutoff=SIMILAR)
    return [(1, known[near[0]][0])] if near else []


def is_known(word: str, table: Table | None = None) -> bool:
    """Whether a table, or any table, has a column under this header."""
    return header_core(word) in (_synonyms()[table.name] if table else _all_words())


def meant_words(table: Table, column: Column, texts: pl.Series) -> dict[str, str]:
    """Text → allowed word: its own or its 中文 label, else what the first built-in layout that fits makes of it."""
    named = {label: word for word, label in column.allowed.items()} | {word: word for word in column.allowed}
    meant = {text: named[text] for text in texts if text in named}
    for rule in _rules_of(table.name, column.name):
        meant = {text: word for text, word in rule.map.items() if text in set(texts)} | meant
        by_step = [(p, s.value) for s in rule.steps if s.value for h, p in s.when.items() if len(s.when) == 1 and h[0] != "@"]
        for pattern, word in [*((p, w) for w, p in rule.words.items()), *by_step]:
            meant = dict.fromkeys(texts.filter(texts.str.contains(pattern)), word) | meant
    return {text: word for text, word in meant.items() if word in column.allowed}


@functools.cache
def _synonyms() -> dict[str, dict[str, list[Meaning]]]:
    """Table → header → its meanings, the templates' first. The seller's own systems name their own state of things: left out."""
    known: dict[str, dict[str, list[Meaning]]] = {name: {} for name in TABLES}
    for table in TABLES.values():
        for column in table.columns:
            for word in dict.fromkeys((column.label, field_name(column), column.name)):
                known[table.name].setdefault(header_core(header_word(word)), []).append(Meaning(column.name, TEMPLATE))
    for layout in load_layouts():
        for part in () if layout.is_erp else layout.rows:
            for name, rule in part.columns.items():
                for header, term in _read_by(rule):
                    for spelling in layout.spellings(header):
                        known[part.table].setdefault(header_core(spelling), []).append(Meaning(name, layout.label, term))
    return known


@functools.cache
def _all_words() -> frozenset[str]:
    return frozenset(word for words in _synonyms().values() for word in words)


def _rules_of(table: str, column: str) -> Iterator[Rule]:
    parts = (part for layout in load_layouts() for part in layout.rows if part.table == table)
    return (part.columns[column] for part in parts if column in part.columns)


def _read_by(rule: Rule) -> Iterator[tuple[str, str]]:
    """The headers a rule takes its value from as it stands, each with its term in a sum; one that decides a word counts too."""
    for step in rule.ways:
        if step.from_ and not step.from_.startswith("@") and not step.regex:
            yield step.from_, ""
        for term in step.sum:
            yield term_header(term), term
        if step.value is not None and len(step.when) == 1 and not next(iter(step.when)).startswith("@"):
            yield next(iter(step.when)), ""
