"""The workplace itself: filters, list, evidence and decisions as widgets over one run and its casebook.

Unlike the rest of the package it holds state, as anything a person clicks on does: the findings as the casebook sees them
now, what of them is listed, and which are selected. All else stands in the widgets or in the casebook.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import itables
import polars as pl
from itables.widget import ITable

from recon_kit.casebook import EVENTS_SCHEMA, Casebook, absorb_published, casebook_place, entry_states, open_casebook
from recon_kit.config import Config, find_config, load_config
from recon_kit.durable import told_plainly
from recon_kit.errors import CasebookError, ReconError
from recon_kit.explore import acts, selection
from recon_kit.explore.draft import Draft, draft_place, read_draft, write_draft
from recon_kit.explore.evidence import list_rows, render_evidence
from recon_kit.explore.finder import make_finder
from recon_kit.explore.findings import choose, findings_of, totals, with_states
from recon_kit.explore.form import make_form
from recon_kit.labels import phrase
from recon_kit.labels import word as label
from recon_kit.money import format_yuan
from recon_kit.periods import SHANGHAI
from recon_kit.publish import MANIFEST, read_manifest
from recon_kit.record import Run
from recon_kit.resources import templates_dir
from recon_kit.tables import Shown

MAX_LISTED = 1_000
"""Findings that the browser gets; what a person can look through. Totals and exports hold all."""
PAGE = 12
PERSON = "RECON_KIT_USER"
"""The variable that holds the name of who decides, as on the command line."""
FIGURES = (5, 6)
"""Columns of the list that are aligned right."""
word = partial(phrase, "explore")


@dataclass(frozen=True)
class Place:
    """Where a run's decisions go: the folder of results, its casebook (None: a run that was thrown away) and the rules."""

    out: Path
    casebook: Casebook | None
    config: Config


def open_desk(run: Run, language: str, config_path: str | None = None, *, clock: Callable[[], datetime] | None = None) -> Desk:
    """The workplace over a run, its draft restored. `clock`: what the time of a decision is taken from."""
    now = clock or partial(datetime.now, SHANGHAI)
    return Desk(run, language, _place(run, config_path, now()), now)


def _place(run: Run, config_path: str | None, at: datetime) -> Place:
    """The casebook and configuration of a run, found as the command line finds them: recon.toml beside the results or here.

    Where there is none, the configuration is the one that the run was made with.
    """
    out = run.folder.resolve().parent
    found = [Path(config_path)] if config_path else [out.parent / "recon.toml", find_config(), Path("../recon.toml")]
    path = next((place for place in found if place and place.is_file()), None)
    if config_path or path:
        config = load_config(path or Path(config_path or ""))
    elif (run.folder / MANIFEST).is_file():
        config = Config.model_validate(read_manifest(run.folder)["config"])
    else:
        config = Config()
    if not run.has("open_items"):
        return Place(out, None, config)
    casebook = open_casebook(casebook_place(out, config, path.parent if path else None))
    absorb_published(casebook, out, at=at)
    return Place(out, casebook, config)


class Desk:
    """The widgets of the workplace, one a section of the notebook: `finder`, `evidence`, `decisions`, `export`.

    Of what they are made: `filters`, `summary` and `grid`; `proof`; `form`; `exported`.
    """

    def __init__(self, run: Run, language: str, place: Place, now: Callable[[], datetime]) -> None:
        """Build the widgets and restore the draft."""
        self._run, self._language, self._place, self._now = run, language, place, now
        self._findings = findings_of(run, language)
        self._draft_file = draft_place(place.out, run.period.text)
        self._events: pl.DataFrame | None = None
        self._selected: tuple[str, ...] = ()
        self._is_quiet = False
        self.filters, self.form = make_finder(language), make_form(language)
        self.summary, self.proof, self.exported = widgets.HTML(), widgets.HTML(), widgets.Label()
        self._read_casebook()
        itables.options.warn_on_undocumented_option = False  # displayStart is DataTables' own
        self.grid = ITable(list_rows(self._all.clear(), language), **_look(language)).add_class("recon-grid")
        self._restore()
        self._watch()

    @property
    def finder(self) -> widgets.Widget:
        """The filters, what is chosen by count and amount, and the list."""
        return widgets.VBox([_styles(), self.filters.box, self.summary, self.grid])

    @property
    def evidence(self) -> widgets.Widget:
        """The evidence of the selected finding."""
        return self.proof

    @property
    def decisions(self) -> widgets.Widget:
        """The form of a decision on the selected findings; without a casebook the word that there is none."""
        if self._place.casebook is None:
            return widgets.Label(word("tell.no_casebook", self._language))
        return self.form.box

    @property
    def export(self) -> widgets.Widget:
        """Buttons that write what is chosen, listed or not, to files."""
        buttons = []
        for kind, write in selection.WRITERS.items():
            button = widgets.Button(description=word(f"export.{kind}", self._language), layout={"width": "auto"})
            button.on_click(partial(self._export, write))
            buttons.append(button)
        return widgets.VBox([widgets.HBox(buttons), self.exported])

    def tie(self) -> Shown:
        """The line that closes the list: its total is the run's; TieError when it is not."""
        sums = totals(self._run, self._all)
        told = {name: f"{getattr(sums, name):,}" for name in ("n", "found", "carried")}
        told |= {f"{name}_total": format_yuan(getattr(sums, f"{name}_fen")) for name in ("found", "carried")}
        says = word("list.ties", self._language, total=format_yuan(sums.total_fen), **told)
        return Shown(f'<p class="tie"><b>{label("ui.ties", self._language)}</b> {escape(says)}</p>')

    def _read_casebook(self) -> None:
        """Take up what the casebook says now."""
        if book := self._place.casebook:
            known = self._events if self._events is not None else pl.DataFrame(schema=EVENTS_SCHEMA)
            self._events = pl.concat([known, book.events(after=known.height)])
        self._entries = entry_states(self._events if self._events is not None else pl.DataFrame(schema=EVENTS_SCHEMA))
        self._all = with_states(self._findings, self._events)
        self.filters.count(self._all)

    def _restore(self) -> None:
        """Take up the draft, or begin with an empty form; the name of the environment goes before the one of the draft."""
        try:
            kept = read_draft(self._draft_file)
        except CasebookError:
            kept = None
            self.form.tell(word("tell.draft_lost", self._language), is_refused=True)
        draft = kept or Draft()
        self.filters.fill(draft.filters, draft.sort)
        self.form.fill(replace(draft.typed, by=os.environ.get(PERSON) or draft.typed.by))
        self._selected = draft.selected
        self._list()
        if kept and kept != Draft(typed=acts.Typed(by=kept.typed.by)):
            self.form.tell(word("tell.restored", self._language))

    def _watch(self) -> None:
        self.filters.watch(self._asked)
        self.form.watch(self._typed)
        self.form.send.on_click(self._send)
        self.form.undo.on_click(self._undo)
        self.grid.observe(self._picked, names="selected_rows")

    def _asked(self, _change: Any) -> None:
        if not self._is_quiet:
            self._catch_up()
            self._list()
            self._keep()

    def _typed(self, change: Any) -> None:
        if not self._is_quiet:
            if change["owner"] is self.form.kind:
                self._propose_about()
            self.form.tell("")
            self._count()
            self._keep()

    def _propose_about(self) -> None:
        """What is approved or rejected is the write-off where one waits, else the entries."""
        with self._quietly():
            waits = self._picked_findings()["pending"].is_not_null().any()
            self.form.fields["about"].value = "write_off" if waits else "entries"

    def _picked(self, change: Any) -> None:
        if not self._is_quiet:
            ids = self._listed["discrepancy_id"]
            self._selected = tuple(ids[place] for place in change["new"])
            if self._catch_up():
                self._list()
            else:
                self._show_selected()
            self._keep()

    def _catch_up(self) -> bool:
        """Take up what others decided meanwhile; False where nobody did."""
        book = self._place.casebook
        if book is None or self._events is None or book.head()[0] == self._events.height:
            return False
        with self._quietly():
            self._read_casebook()
        return True

    @contextmanager
    def _quietly(self) -> Iterator[None]:
        """Set widgets without answering to it."""
        self._is_quiet = True
        try:
            yield
        finally:
            self._is_quiet = False

    def _list(self) -> None:
        """List what the filters choose; what stays in the list stays selected."""
        self._chosen = choose(self._all, self.filters.read(), self.filters.sort.value)
        self._listed = self._chosen.head(MAX_LISTED)
        places = [place for place, one in enumerate(self._listed["discrepancy_id"]) if one in set(self._selected)]
        self._selected = tuple(self._listed["discrepancy_id"][place] for place in places)
        start = places[0] // PAGE * PAGE if places else 0
        with self._quietly():
            look = _look(self._language) | {"selected_rows": places, "displayStart": start}
            self.grid.update(list_rows(self._listed, self._language), **look)
        self.summary.value = _summary(self._chosen, self._listed, self._all, self._language)
        self._show_selected()

    def _show_selected(self) -> None:
        """The evidence of the first selected finding, and how many a decision would be about."""
        self._count()
        if not self._selected:
            self.proof.value = _note(word("evidence.choose", self._language))
            return
        finding = self._all.row(by_predicate=pl.col("discrepancy_id") == self._selected[0], named=True)
        self.proof.value = render_evidence(
            self._run, finding, self._all, self._entries, self._events, self._language, len(self._selected)
        )

    def _subjects(self, typed: acts.Typed) -> list[str]:
        return acts.subjects_of(typed, self._picked_findings(), self._entries)

    def _picked_findings(self) -> pl.DataFrame:
        return self._all.filter(pl.col("discrepancy_id").is_in(self._selected))

    def _count(self) -> None:
        self.form.count(len(self._subjects(self.form.read())))

    def _keep(self) -> None:
        """Keep what is unfinished; where that cannot be written, say so."""
        draft = Draft(self.filters.read(), self.filters.sort.value, self._selected, replace(self.form.read(), files={}))
        try:
            with told_plainly(self._place.out, "Decisions that were recorded stand"):
                write_draft(self._draft_file, draft)
        except ReconError as error:
            self.form.tell(str(error), is_refused=True)

    def _send(self, _button: Any) -> None:
        typed = self.form.read()
        subjects = self._subjects(typed)
        if lack := acts.missing(typed, subjects):
            self.form.tell(word(f"tell.{lack}", self._language), is_refused=True)
            return
        with self._refusals_shown() as book:
            numbers = acts.record(book, self._place.config, self._place.out, typed, subjects, self._now())
            self._renew(acts.Typed(by=typed.by, kind=typed.kind))
            self._tell_done("recorded", typed.kind, numbers, len(subjects))

    def _undo(self, _button: Any) -> None:
        typed = self.form.read()
        lack = "no_name" if not typed.by else "no_why" if not typed.why.strip() else ""
        if lack:
            self.form.tell(word(f"tell.{lack}", self._language), is_refused=True)
            return
        with self._refusals_shown() as book:
            gone = acts.undo(book, self._place.config, typed.by, typed.why, self._now())
            if gone.is_empty():
                self.form.tell(word("tell.nothing_to_undo", self._language, by=typed.by), is_refused=True)
                return
            self._renew(acts.typed_again(gone, typed.by))
            self._tell_done("undone", gone["kind"][0], gone["number"].to_list(), gone["subject"].n_unique())

    @contextmanager
    def _refusals_shown(self) -> Iterator[Casebook]:
        """What a rule forbids, or a disk refuses, is told in the form; nothing was written."""
        book = self._place.casebook
        if book is None:
            return
        try:
            yield book
        except ReconError as error:
            self.form.tell(acts.refusal(error, self._language), is_refused=True)

    def _renew(self, typed: acts.Typed) -> None:
        """After a decision: what the casebook says now, and the form as `typed`."""
        with self._quietly():
            self._read_casebook()
            self.form.fill(typed)
        self._list()
        if typed.kind in ("approved", "rejected"):
            self._propose_about()
        self._count()
        self._keep()

    def _tell_done(self, key: str, kind: str, numbers: Sequence[int], n: int) -> None:
        span = f"{min(numbers)}–{max(numbers)}" if len(numbers) > 1 else str(numbers[0])
        said = {"kind": word(f"kind.{kind}", self._language), "n": n, "numbers": span}
        self.form.tell(word(f"tell.{key}", self._language, **said))

    def _export(self, write: selection.Writer, _button: Any) -> None:
        try:
            with told_plainly(self._place.out, "Nothing was exported"):
                file = write(self._chosen, self._place.out, self._run.period.text, self._language)
        except ReconError as error:
            self.exported.value = str(error)
            return
        self.exported.value = word("export.done", self._language, n=f"{self._chosen.height:,}", file=file)


def _look(language: str) -> dict[str, Any]:
    """How the list looks: text only, nothing of it HTML, in the order of the filters. ITable wants it anew at each update."""
    names = {"info": "list.info", "infoEmpty": "list.empty", "emptyTable": "list.empty", "zeroRecords": "list.empty"}
    says: dict[str, Any] = {key: word(name, language) for key, name in names.items()}
    says["select"] = {"rows": {"_": word("list.picked", language, n="%d"), "0": ""}}
    return {
        "allow_html": False,
        "show_dtypes": False,
        "showIndex": False,
        "maxBytes": 0,
        "ordering": False,
        "select": {"style": "os"},
        "pageLength": PAGE,
        "layout": {"topStart": None, "topEnd": None, "bottomStart": "info", "bottomEnd": "paging"},
        "columnDefs": [{"targets": list(FIGURES), "className": "dt-right"}, {"targets": "_all", "className": "dt-left"}],
        "classes": "compact hover row-border nowrap",
        "style": "width:100%;margin:0",
        "language": says,
    }


def _summary(chosen: pl.DataFrame, listed: pl.DataFrame, everything: pl.DataFrame, language: str) -> str:
    """What is chosen by count and amount, of how much, and what the list leaves out."""

    def sums(frame: pl.DataFrame) -> dict[str, str]:
        return {"n": f"{frame.height:,}", "total": format_yuan(int(frame["amount_fen"].sum()))}

    if everything.is_empty():
        return _note(word("list.none", language))
    says = f"<b>{escape(word('list.chosen', language, **sums(chosen)))}</b>"
    if chosen.height < everything.height:
        says += escape(word("list.of", language, **sums(everything)))
    if rest := chosen.height - listed.height:
        says += "<br>" + escape(word("list.shown", language, shown=f"{listed.height:,}", rest=f"{rest:,}"))
    return f'<div class="recon-desk"><p class="summary">{says}</p></div>'


def _note(text: str) -> str:
    return f'<div class="recon-desk"><p class="note">{escape(text)}</p></div>'


def _styles() -> widgets.HTML:
    return widgets.HTML(f"<style>{(templates_dir() / 'explore.css').read_text('utf-8')}</style>")
