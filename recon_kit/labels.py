"""Words of the pages in Chinese and English, from templates/labels.toml; table and column names come from the schema."""

from __future__ import annotations

import tomllib
from functools import cache
from typing import Any

from recon_kit import results, schema
from recon_kit.errors import ReportError
from recon_kit.pairs import PAIRS
from recon_kit.resources import templates_dir
from recon_kit.rules.catalogue import CATALOGUE

LANGUAGES = ("zh", "en")


@cache
def labels() -> dict[str, dict[str, dict[str, str]]]:
    """Section → key → language → text; read once, every text in both languages (tests/report/test_labels.py)."""
    loaded: dict[str, Any] = tomllib.loads((templates_dir() / "labels.toml").read_text("utf-8"))
    return loaded


def word(path: str, language: str, **facts: object) -> str:
    """The text at `section.key`, with `{name}` places filled; ReportError when there is none."""
    section, _, key = path.partition(".")
    try:
        return labels()[section][key][language].format(**facts)
    except KeyError as missing:
        raise ReportError(
            f"templates/labels.toml: {path} ({language}) has no {missing}; expected a text in zh and en. Add it there"
        ) from None


@cache
def _phrases(file: str) -> dict[str, dict[str, dict[str, str]]]:
    loaded: dict[str, Any] = tomllib.loads((templates_dir() / f"{file}.toml").read_text("utf-8"))
    return loaded


def phrase(file: str, path: str, language: str, /, **facts: object) -> str:
    """The text at `section.key` of templates/<file>.toml, which one tool has to itself, with `{name}` places filled."""
    section, _, key = path.partition(".")
    return _phrases(file)[section][key][language].format(**facts)


def has_word(path: str) -> bool:
    """Whether labels.toml has the text `section.key`."""
    section, _, key = path.partition(".")
    return key in labels().get(section, {})


def code_name(code: str, language: str) -> str:
    """The catalogue's name of a discrepancy code; the code itself where the catalogue has none."""
    entry = CATALOGUE.get(code)
    return code if entry is None else entry.name(language)


def pair_name(pair: str, language: str) -> str:
    """A pair of the matrix by its number and what it compares."""
    return f"{pair} {PAIRS[pair].zh if language == 'zh' else PAIRS[pair].en}"


def code_action(code: str, language: str) -> str:
    """What the owner of a finding of this code does about it; empty where the catalogue does not say."""
    entry = CATALOGUE.get(code)
    return "" if entry is None else entry.action(language)


@cache
def _columns() -> dict[str, schema.Column]:
    tables = (*reversed(schema.TABLES.values()), *results.RESULTS.values())
    return {column.name: column for table in tables for column in table.columns}


def column_label(name: str, language: str) -> str:
    """A column's heading: labels.toml first, else the schema's 中文, else the name in words."""
    if has_word(f"columns.{name}"):
        return word(f"columns.{name}", language)
    if language == "zh" and name in _columns():
        return _columns()[name].label
    return name.removesuffix("_fen").removesuffix("_id").replace("_", " ").capitalize()


def value_label(kind: str, value: str | None, language: str) -> str:
    """An enumeration's value in words; unknown values and free text come back as they are, null as a dash."""
    if value is None:
        return "—"
    if has_word(f"{kind}.{value}"):
        return word(f"{kind}.{value}", language)
    column = _columns().get(kind)
    if language == "zh" and column is not None:
        return column.allowed.get(value, value)
    return value.replace("_", " ") if column is not None and value in column.allowed else value


def table_label(name: str, language: str) -> str:
    """A canonical table's name in words; of `table.column` with the column's, of anything else a rule needs its own."""
    if has_word(f"needs.{name.replace(' ', '_')}"):
        return word(f"needs.{name.replace(' ', '_')}", language)
    table, _, column = name.partition(".")
    label = schema.TABLES[table].label if language == "zh" and table in schema.TABLES else table.replace("_", " ")
    return f"{label} · {column_label(column, language)}" if column else label
