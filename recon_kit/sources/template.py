"""The standard template as a layout: every canonical table can be supplied under English names or 中文 labels, in any mix."""

from __future__ import annotations

import functools
from collections.abc import Sequence

from recon_kit.errors import SourceError
from recon_kit.schema import TABLES, Column, Table
from recon_kit.sources.layout import Claim, Label, Layout, Rows, Rule, Step, header_word

BOOLEANS = {
    **dict.fromkeys(("true", "True", "TRUE", "是", "1"), "true"),
    **dict.fromkeys(("false", "False", "FALSE", "否", "0"), "false"),
}
MONTHS = (
    (r"^(\d{4})-(\d{2})-01(?: 00:00:00)?$", "$1-$2"),
    (r"^(20\d\d)[./年]?(0[1-9]|1[0-2])(?:月|期)?$", "$1-$2"),
    (r"^(20\d\d)[-./年]第?([1-9])(?:月|期)?$", "$1-0$2"),
    (r"^(20\d\d)年第(1[0-2])期$", "$1-$2"),
)
"""How a month is written where it is not 2026-10; the first is what Excel makes of that."""
OTHER_SIDE = {"debit": "credit", "credit": "debit"}
"""A ledger leaves the side without an amount blank: blank is zero where the other side is stated."""


def field_name(column: Column) -> str:
    """The column's name in a template: money loses its suffix."""
    return column.name.removesuffix("_fen")


@functools.cache
def template_layout(name: str) -> Layout:
    """The layout of the table's standard template; headers are known by their English name."""
    table = TABLES[name]
    return Layout(
        name=f"template_{table.name}",
        label=Label(zh=f"标准模板·{table.label}", en=f"standard template: {table.name}"),
        confidence="A",
        is_template=True,
        footer=r"^\b$",
        signature=tuple(field_name(c) for c in table.columns if c.required),
        aliases={field_name(c): (c.label,) for c in table.columns},
        rows=(Rows(table=table.name, columns={c.name: _rule(c) for c in table.columns}),),
    )


def template_claim(head: Sequence[Sequence[str]], name: str) -> tuple[Claim, list[str]] | None:
    """The table a header row is a template of, with the unknown headers kept out; None when there is none.

    Every header known beats unknown extras; of several tables the one whose required columns contain the others'. Raises
    SourceError when two tables fit and neither contains the other.
    """
    for place, cells in enumerate(head):
        words = [header_word(cell) for cell in cells if header_word(cell)]
        fitting = {t.name: _unknown(t, words) for t in TABLES.values() if not template_layout(t.name).missing(words)}
        if not fitting:
            continue
        exact = [table for table, unknown in fitting.items() if not unknown]
        candidates = exact or list(fitting)
        required = {table: set(TABLES[table].required) for table in candidates}
        best = [table for table in candidates if all(required[table] >= required[other] for other in candidates)]
        if len(best) != 1:
            tables = " and ".join(sorted(candidates))
            raise SourceError(
                f"{name}, row {place + 1}: the header fits the templates {tables}; expected one only; "
                f"use the header that `recon-kit template {min(candidates)}` writes"
            )
        return Claim(template_layout(best[0]), place), fitting[best[0]]
    return None


def _unknown(table: Table, words: Sequence[str]) -> list[str]:
    layout = template_layout(table.name)
    known = {spelling for column in table.columns for spelling in layout.spellings(field_name(column))}
    return [word for word in words if word not in known]


def _rule(column: Column) -> Rule:
    header = field_name(column)
    if column.kind == "bool":
        return Rule(from_=header, map=BOOLEANS)
    if header == "period":
        written = [Step(from_=header, regex=pattern, as_=how) for pattern, how in MONTHS]
        return Rule(steps=(*written, Step(from_=header)))
    if header in OTHER_SIDE:
        return Rule(steps=(Step(from_=header), Step(value="0", when={OTHER_SIDE[header]: r"\S"})))
    return Rule(from_=header, map={**{v: v for v in column.allowed}, **{zh: v for v, zh in column.allowed.items()}})
