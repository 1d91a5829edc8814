"""What each code books, as data: forms of entry in logical accounts, and which form a code takes when (`entries.toml`)."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recon_kit.config import Standard


@dataclass(frozen=True)
class Line:
    """One line of a form: `side` debit or credit, logical account, name of the amount; `sign` −1 takes it negative."""

    side: str
    account: str
    amount: str
    sign: int


@dataclass(frozen=True)
class Form:
    """How an entry looks: its effect and lines; `is_copy`: it also repeats ledger lines in red."""

    name: str
    effect: str
    lines: tuple[Line, ...]
    is_copy: bool


@dataclass(frozen=True)
class Choice:
    """A form a code takes when all `conditions` hold (columns of a request), under one standard or under both (null)."""

    form: str
    conditions: tuple[str, ...]
    standard: str | None


def _read() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "entries.toml").read_text(encoding="utf-8"))


def _parse_line(text: str) -> Line:
    side, account, amount = text.split()
    return Line(side, account, amount.lstrip("-"), -1 if amount.startswith("-") else 1)


_DATA = _read()
FORMS: dict[str, Form] = {
    name: Form(name, given["effect"], tuple(map(_parse_line, given.get("lines", []))), given.get("copy", False))
    for name, given in _DATA["forms"].items()
}
CHOICES: dict[str, tuple[Choice, ...]] = {
    code: tuple(Choice(c["form"], tuple(c.get("when", [])), c.get("standard")) for c in given.get("forms", []))
    for code, given in _DATA["codes"].items()
}
"""Code → its forms, the first whose conditions hold counts; empty: nothing is ever booked."""
CONDITIONS: dict[str, tuple[str, str]] = {name: (zh, en) for name, (zh, en) in _DATA["conditions"].items()}
NONE: dict[str, str] = {code: given.get("none", "") for code, given in _DATA["codes"].items()}
"""Code → key of `NONE_TEXTS`: why nothing is booked where no form holds."""
NONE_TEXTS: dict[str, tuple[str, str]] = {name: (zh, en) for name, (zh, en) in _DATA["none"].items()}
ABOUT: dict[str, tuple[str, str]] = {name: (zh, en) for name, (zh, en) in _DATA["about"].items()}
"""What a memo calls the thing an entry is about."""


def choices(code: str, standard: Standard) -> tuple[Choice, ...]:
    """The forms a code can take under a standard, in order of precedence."""
    return tuple(c for c in CHOICES[code] if c.standard in (None, standard))


def entry_text(code: str, standard: Standard, language: str = "zh") -> str:
    """What a code books under a standard, in one line of logical accounts: 借 debit, 贷 credit, − red-letter."""
    place = 0 if language == "zh" else 1
    colon, stop = ("：", "；") if language == "zh" else (": ", "; ")
    parts = []
    for choice in choices(code, standard):
        when = ("、" if place == 0 else " and ").join(CONDITIONS[name][place] for name in choice.conditions)
        parts.append((f"{when}{colon}" if when else "") + _form_text(FORMS[choice.form], standard, place))
    if reason := NONE[code]:
        otherwise = ("其余", "otherwise")[place] + colon if parts else ""
        parts.append(f"{otherwise}{('不入账，', 'nothing is booked; ')[place]}{NONE_TEXTS[reason][place]}")
    return stop.join(parts)


def _form_text(form: Form, standard: Standard, place: int) -> str:
    side = {"debit": ("借", "debit")[place], "credit": ("贷", "credit")[place]}
    red = [("照原分录红字冲销", "the ledger's lines in red")[place]] if form.is_copy else []
    lines = [f"{side[line.side]} {_account_text(line.account, standard)}{'−' if line.sign < 0 else ''}" for line in form.lines]
    return " ".join([*red, *lines])


def _account_text(account: str, standard: Standard) -> str:
    if account == "OVER":
        return "SELL_AFTERSALES/OTHER_AR_CUSTOMER"
    if account == "EXPECTED_BACK":
        return "RETURN_COST" if standard == "CAS" else "INVENTORY"
    return account
