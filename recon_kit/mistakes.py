"""What is wrong in a TOML file that a person wrote: the line, and what was probably meant."""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Union, get_args, get_origin

from recon_kit.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

_HEADER = re.compile(r"\s*(\[\[?)\s*([^\]]+?)\s*\]")
_KEY = re.compile(r"\s*((?:\"[^\"]*\"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:\"[^\"]*\"|'[^']*'|[\w-]+))*)\s*=")
_WORD = re.compile(r"\"([^\"]*)\"|'([^']*)'|([\w-]+)")

Place = tuple[str | int, ...]


def read_toml(path: Path) -> str:
    """The text of a TOML file; ConfigError when it cannot be read or is no TOML."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(f"{path.name}: there is no such file; expected a TOML file; check the path") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"{path.name}: cannot be read ({error.__class__.__name__}); expected a UTF-8 text file; save it again as UTF-8"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(
            f"{path.name}: this is not valid TOML ({error}); expected key = value lines; often a quote or bracket is missing"
        ) from None
    return text


def nearest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the nearest known one, else all of them."""
    names = list(known)
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
    return f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(names)}"


def first_mistake(error: ValidationError) -> ErrorDetails:
    """The first of pydantic's findings; an unknown key before the missing one that it may have been meant for."""
    return min(error.errors(), key=lambda found: found["type"] == "missing")


def explain(error: ErrorDetails, model: type) -> str:
    """What pydantic found wrong, in words; an unknown key with the nearest key its model has."""
    place = error["loc"]
    if error["type"] == "extra_forbidden":
        return f"unknown key {place[-1]!r}{nearest(str(place[-1]), _keys_at(model, place[:-1]))}"
    if error["type"] == "missing":
        return f"the key {place[-1]!r} is missing"
    if error["type"] == "literal_error":
        return f"{error['input']!r} is none of {error.get('ctx', {}).get('expected')}"
    return str(error["msg"]).removeprefix("Value error, ")


def line_of(text: str, place: Sequence[str | int]) -> int:
    """The line of a TOML text where a place (keys and list positions) stands, or as much of it as has a line; 1 at worst."""
    wanted, lines = tuple(place), text.splitlines()
    named = [*_named(lines), (len(lines) + 1, ())]
    fitting = [n for n, (_, path) in enumerate(named) if path and wanted[: len(path)] == path]
    if not fitting:
        return 1
    best = max(fitting, key=lambda n: len(named[n][1]))  # of equal ones the first
    start, end = named[best][0], named[best + 1][0]
    return _inside(lines, start, end, wanted[len(named[best][1]) :])


def _named(lines: Sequence[str]) -> list[tuple[int, Place]]:
    """Line number and full place of every table header and key, positions in lists of tables counted."""
    named: list[tuple[int, Place]] = []
    counts: dict[Place, int] = {}
    table: Place = ()
    for number, line in enumerate(lines, 1):
        if header := _HEADER.match(line):
            table = ()
            keys = _words(header[2])
            for depth, key in enumerate(keys, 1):
                table = (*table, key)
                if header[1] == "[[" and len(keys) == depth:
                    counts[table] = counts.get(table, -1) + 1
                if table in counts:
                    table = (*table, counts[table])
            named.append((number, table))
        elif key_words := _KEY.match(line):
            named.append((number, (*table, *_words(key_words[1]))))
    return named


def _words(dotted: str) -> list[str]:
    return [double or single or bare for double, single, bare in _WORD.findall(dotted)]


def _inside(lines: Sequence[str], start: int, end: int, rest: Sequence[str | int]) -> int:
    """Within the lines of one value: the item at a position, where each stands on a line of its own, else the last word."""
    items = [n for n in range(start, end) if re.match(r"\s*[{\[\"']", lines[n - 1])]
    for part in rest:
        if isinstance(part, int) and part < len(items):
            return items[part]
    words = [part for part in rest if isinstance(part, str)]
    return next((n for n in range(start, end) if words and words[-1] in lines[n - 1]), start)


def _keys_at(model: object, place: Place) -> list[str]:
    """The keys of the model that stands at a place inside another."""
    for part in place:
        model = _step_into(model, part)
    fields = getattr(model, "model_fields", {})
    return [field.alias or name for name, field in fields.items()]


def _step_into(kind: Any, part: str | int) -> object:
    if get_origin(kind) in (Union, UnionType):
        return _step_into(next(k for k in get_args(kind) if k is not NoneType), part)
    if hasattr(kind, "model_fields"):
        return next((f.annotation for name, f in kind.model_fields.items() if part in (name, f.alias)), None)
    inner = [k for k in get_args(kind) if k is not ...]
    return inner[-1] if inner else None
