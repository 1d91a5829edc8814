"""The form of a decision: who, which decision, what it asks for beside the reason, and the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from recon_kit.casebook import CAUSES
from recon_kit.explore.acts import ABOUT, NEEDS, Typed
from recon_kit.labels import phrase

word = partial(phrase, "explore")
_LEFT = {"description_width": "initial"}


@dataclass(frozen=True)
class Form:
    """The widgets of a decision. `fields`: by what they ask for, as `acts.NEEDS` names it; `said`: what became of it."""

    language: str
    by: widgets.Text
    kind: widgets.Dropdown
    fields: dict[str, Any]
    why: widgets.Textarea
    send: widgets.Button
    undo: widgets.Button
    said: widgets.HTML
    box: widgets.VBox

    def read(self) -> Typed:
        """What stands in the form, files included."""
        told = {name: field.value for name, field in self.fields.items() if name != "files"}
        files = {upload["name"]: bytes(upload["content"]) for upload in self.fields["files"].value}
        return Typed(
            by=self.by.value.strip(),
            kind=self.kind.value,
            why=self.why.value,
            files=files,
            **told | {"cause": told["cause"] or ""},
        )

    def fill(self, typed: Typed) -> None:
        """Set the form; files are chosen anew."""
        self.by.value, self.kind.value, self.why.value = typed.by, typed.kind, typed.why
        for name in ("to", "due", "what", "about"):
            self.fields[name].value = getattr(typed, name)
        self.fields["cause"].value = typed.cause if typed.cause in CAUSES else None
        self.fields["files"].value = ()
        self.show()

    def show(self) -> None:
        """Show what the chosen decision asks for, and hide the rest."""
        for name, field in self.fields.items():
            field.layout.display = None if name in NEEDS[self.kind.value] else "none"

    def count(self, n: int) -> None:
        """Say how many a click on the button is about."""
        self.send.description = word("form.send", self.language, n=n)
        self.send.disabled = n == 0

    def tell(self, text: str, *, is_refused: bool = False) -> None:
        """Say what became of it."""
        state = "said refused" if is_refused else "said"
        self.said.value = f'<div class="recon-desk"><p class="{state}" role="status">{escape(text)}</p></div>' if text else ""

    def watch(self, changed: Callable[[Any], None]) -> None:
        """Call when anything in the form changes."""
        self.kind.observe(lambda _: self.show(), names="value")
        for field in (self.by, self.kind, self.why, *self.fields.values()):
            field.observe(changed, names="value")


def make_form(language: str) -> Form:
    """An empty form."""

    def text(name: str, width: str, **more: Any) -> widgets.Text:
        return widgets.Text(description=word(f"form.{name}", language), layout={"width": width}, style=_LEFT, **more)

    def choice(name: str, options: list[tuple[str, Any]], width: str, **more: Any) -> widgets.Dropdown:
        title = word(f"form.{name}", language)
        return widgets.Dropdown(options=options, description=title, layout={"width": width}, style=_LEFT, **more)

    causes = [(phrase("worklist", f"cause.{cause}", language), cause) for cause in CAUSES]
    fields = {
        "what": text("what", "420px"),
        "to": text("to", "200px"),
        "due": widgets.DatePicker(description=word("form.due", language), layout={"width": "210px"}, style=_LEFT),
        "cause": choice("cause", [("—", None), *causes], "220px"),
        "about": choice("about", [(word(f"about.{name}", language), name) for name in ABOUT], "240px"),
        "files": widgets.FileUpload(multiple=True, description=word("form.files", language), layout={"width": "auto"}),
    }
    by = text("by", "240px", placeholder=word("form.by_hint", language))
    kind = choice("kind", [(word(f"kind.{name}", language), name) for name in NEEDS], "250px")
    why = widgets.Textarea(description=word("form.why", language), rows=2, layout={"width": "860px"}, style=_LEFT)
    send = widgets.Button(button_style="primary", layout={"width": "auto"})
    undo = widgets.Button(description=word("form.undo", language), layout={"width": "auto"})
    said = widgets.HTML()
    flow = {"flex_flow": "row wrap"}
    first = widgets.HBox([by, kind, *fields.values()], layout=flow)
    box = widgets.VBox([first, why, widgets.HBox([send, undo], layout=flow), said])
    form = Form(language, by, kind, fields, why, send, undo, said, box)
    form.count(0)
    form.show()
    return form
