"""The filters over the list: one box a column as spreadsheets' slicers are, limits of amount and age, a text, an order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import ipywidgets as widgets
import polars as pl

from recon_kit.explore.findings import CHOICES, NOBODY, SORTS, Filters, values_of
from recon_kit.labels import code_name, phrase, value_label
from recon_kit.money import format_yuan, parse_yuan

LIMITS = ("amount_from", "amount_to", "age_from", "age_to")
ROWS = 7
"""Values of a column that are seen at once; the rest scroll."""
word = partial(phrase, "explore")


@dataclass(frozen=True)
class Finder:
    """The widgets of the filters. `said` tells of a limit that cannot be read."""

    language: str
    slicers: dict[str, widgets.SelectMultiple]
    limits: dict[str, widgets.Text]
    text: widgets.Text
    sort: widgets.Dropdown
    reset: widgets.Button
    said: widgets.Label
    box: widgets.VBox

    def read(self) -> Filters:
        """What is asked for; a limit that cannot be read is passed over, and said."""
        read = {name: _read_limit(name, box.value) for name, box in self.limits.items()}
        wrong = [box.value for name, box in self.limits.items() if box.value.strip() and read[name] is None]
        self.said.value = "".join(word("filter.not_amount", self.language, found=found) for found in wrong)
        self.said.layout.display = None if wrong else "none"
        chosen: dict[str, Any] = {name: tuple(box.value) for name, box in self.slicers.items()}
        return Filters(**chosen | read, text=self.text.value)

    def fill(self, filters: Filters, sort: str) -> None:
        """Set the widgets to what was asked for; values that are no longer there are left out."""
        for name, box in self.slicers.items():
            known = {value for _, value in box.options}
            box.value = tuple(value for value in getattr(filters, name) if value in known)
        for name, limit in self.limits.items():
            value = getattr(filters, name)
            limit.value = "" if value is None else format_yuan(value) if name.startswith("amount") else str(value)
        self.text.value, self.sort.value = filters.text, sort

    def count(self, findings: pl.DataFrame) -> None:
        """Set what can be chosen, with how many findings each value has; what was chosen stays chosen."""
        for name, box in self.slicers.items():
            kept, counts = box.value, values_of(findings, name)
            options = [(_option(name, value, n, self.language), value) for value, n in counts.items()]
            if options != list(box.options):
                box.options = options
                box.value = tuple(value for value in kept if value in counts)

    def watch(self, changed: Callable[[Any], None]) -> None:
        """Call when anything is asked for anew."""
        for box in (*self.slicers.values(), *self.limits.values(), self.text, self.sort):
            box.observe(changed, names="value")
        self.reset.on_click(lambda _: self.fill(Filters(), self.sort.value))


def make_finder(language: str) -> Finder:
    """The filters, nothing chosen yet and nothing to choose from."""
    slicers = {name: _slicer(name, language) for name in CHOICES}
    limits = {
        name: widgets.Text(
            description=word(f"filter.{name}", language), layout={"width": "220px"}, style=_LEFT, continuous_update=False
        )
        for name in LIMITS
    }
    text = widgets.Text(
        description=word("filter.text", language),
        placeholder=word("filter.text_hint", language),
        layout={"width": "320px"},
        style=_LEFT,
    )
    orders = [(word(f"sort.{name}", language), name) for name in SORTS]
    sort = widgets.Dropdown(options=orders, description=word("filter.sort", language), layout={"width": "260px"}, style=_LEFT)
    reset = widgets.Button(description=word("filter.reset", language), layout={"width": "auto"})
    said = widgets.Label()
    flow = {"flex_flow": "row wrap"}
    box = widgets.VBox(
        [
            widgets.HBox([*slicers.values()]),
            widgets.Label(word("filter.hint", language)),
            widgets.HBox([*limits.values()], layout=flow),
            widgets.HBox([text, sort, reset], layout=flow),
            said,
        ]
    )
    return Finder(language, slicers, limits, text, sort, reset, said, box)


_LEFT = {"description_width": "initial"}


def _slicer(name: str, language: str) -> widgets.SelectMultiple:
    """A box of values with its name above it."""
    layout = {"width": "auto", "min_width": "110px", "flex": "1 1 auto"}
    box = widgets.SelectMultiple(rows=ROWS, description=word(f"filter.{name}", language), layout=layout, style=_LEFT)
    return box.add_class("recon-slicer")


def _option(name: str, value: str, n: int, language: str) -> str:
    """A value as it is chosen: in words, with how many findings have it."""
    if value == NOBODY:
        told = word("filter.nobody" if name == "assigned_to" else "filter.nothing", language)
    elif name == "code":
        told = f"{value} {code_name(value, language)}"
    elif name == "status":
        told = word(f"status.{value}", language)
    else:
        told = value_label(name, value, language)
    return word("filter.option", language, name=told, n=f"{n:,}")


def _read_limit(name: str, text: str) -> int | None:
    """A limit in fen or days; None where the text is empty or no figure."""
    if name.startswith("amount"):
        return parse_yuan(text)
    return int(text) if text.strip().isdecimal() else None
