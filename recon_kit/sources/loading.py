"""Layouts from TOML files: read, checked, and refused with the line and what was probably meant."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from recon_kit.errors import ConfigError
from recon_kit.mistakes import Place, explain, first_mistake, line_of, nearest, read_toml
from recon_kit.schema import TABLES
from recon_kit.sources.layout import Layout, Rows

BUILT_IN = Path(__file__).parent / "layouts"


def load_layouts(folder: Path | None = None) -> tuple[Layout, ...]:
    """Read and check every layout of a folder, by file name; without a folder the built-in ones.

    Raises ConfigError with the file, the line, what is wrong there and what was probably meant.
    """
    if folder is None:
        return _built_in()
    first_with: dict[str, Path] = {}
    layouts = []
    for path in sorted(folder.glob("*.toml")):
        layout = load_layout(path)
        if (first := first_with.setdefault(layout.name, path)) != path:
            raise ConfigError(
                f"{path.name}: layout name {layout.name!r} is used twice, in {first.name} too; give each its own name"
            )
        layouts.append(layout)
    return tuple(layouts)


@functools.cache
def _built_in() -> tuple[Layout, ...]:
    return load_layouts(BUILT_IN)


def load_layout(path: Path) -> Layout:
    """Read and check one layout."""
    text = read_toml(path)
    try:
        layout = Layout.model_validate(_extended(path, text))
    except ValidationError as error:
        first = first_mistake(error)
        raise _refusal(path, text, first["loc"], explain(first, Layout)) from None
    for place, message in _faults(layout):
        raise _refusal(path, text, place, message)
    return layout


def _extended(path: Path, text: str) -> dict[str, Any]:
    """What the file says, over what the layout says that it extends: one beside it, else a built-in one."""
    raw = tomllib.loads(text)
    if "extends" not in raw:
        return raw
    name = str(raw.pop("extends"))
    known = {base.stem: base for folder in (BUILT_IN, path.parent) for base in folder.glob("*.toml")}
    if name not in known or name == path.stem:
        raise _refusal(path, text, ("extends",), f"there is no other layout {name!r}{nearest(name, known)}")
    base = tomllib.loads(read_toml(known[name]))
    spellings = raw.get("aliases", {})
    return {**base, **raw, "aliases": {**base.get("aliases", {}), **spellings} if isinstance(spellings, dict) else spellings}


def _refusal(path: Path, text: str, place: Place, message: str) -> ConfigError:
    where = ".".join(map(str, place))
    return ConfigError(f"{path.name}:{line_of(text, place)}: {where}: {message}; docs/layouts.md says what a layout may say")


def _faults(layout: Layout) -> Iterator[tuple[Place, str]]:
    """What no row could survive: unknown tables, columns and values, and columns that a table needs and nothing makes."""
    if layout.is_data and not layout.rows:
        yield ("rows",), "there is no [[rows]]; expected at least one, or is_data = false"
    for number, part in enumerate(layout.rows):
        here = ("rows", number)
        if part.table not in TABLES:
            yield (*here, "table"), f"table {part.table!r} does not exist{nearest(part.table, TABLES)}"
            continue
        table, places = TABLES[part.table], _column_places(part)
        for place, name in places:
            if name not in table.names:
                yield (*here, *place), f"table {table.name} has no column {name!r}{nearest(name, table.names)}"
                return
        for place, name, value in _stated_values(part):
            if (allowed := table.column(name).allowed) and value not in allowed:
                yield (*here, *place), f"{value!r} is no value of {name}{nearest(value, allowed)}"
        for place, asked in _asked_too_soon(part):
            yield (*here, *place), f"asks for {asked!r}, which is not worked out above it; put that column first"
        made = {*part.columns, *part.constants, *part.lacks, *([part.row_id.column] if part.row_id else [])}
        lacking = [name for name in table.required if name not in made]
        if lacking and not (part.complement or layout.is_erp):
            hint = "give each a header under [rows.columns] or a constant, or name it in lacks"
            yield here, f"rows of {table.name} need {', '.join(lacking)}; {hint}"


def _asked_too_soon(part: Rows) -> Iterator[tuple[Place, str]]:
    """Every `@column` that a rule asks for before it is there: it would hold nothing, without a word."""
    there = {"@file", "@member", "@preamble", "@footer"}
    for name, rule in part.columns.items():
        asked = {word for step in rule.ways for word in (*step.when, *step.reads)} | {*rule.negative}
        for word in sorted(word for word in asked if word.startswith("@")):
            if ("@amount_fen" if word == "@sign" else word) not in there:
                yield ("columns", name), word
        there.add(f"@{name}")


def _column_places(part: Rows) -> list[tuple[Place, str]]:
    """Every canonical column that a part names, and where."""
    named: list[tuple[Place, str]] = [(("columns", name), name) for name in part.columns]
    named += [(("constants", name), name) for name in part.constants]
    named += [((word,), name) for word, names in (("summed", part.summed or ()), ("lacks", part.lacks)) for name in names]
    if part.row_id:
        named += [(("row_id", "column"), part.row_id.column), *((("row_id", "of"), name) for name in part.row_id.of)]
    if part.complement:
        named += [(("complement", "takes"), name) for name in part.complement.takes]
    return named


def _stated_values(part: Rows) -> Iterator[tuple[Place, str, str]]:
    """Every value that a part gives a column by itself, and where."""
    for name, value in part.constants.items():
        yield ("constants", name), name, value
    for name, rule in part.columns.items():
        if rule.else_ is not None:
            yield ("columns", name, "else"), name, rule.else_
        for value in rule.words:
            yield ("columns", name, "words", value), name, value
        if not rule.words and not rule.map:
            for number, step in enumerate(rule.steps):
                if step.value is not None:
                    yield ("columns", name, "steps", number), name, step.value
