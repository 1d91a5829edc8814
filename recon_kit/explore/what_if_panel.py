"""What-if in JupyterLab: choose a pair, move the limits, and see the match run again beside what the run wrote."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from html import escape
from typing import Any

import ipywidgets as widgets

from recon_kit.audit import TOLERANCES
from recon_kit.errors import ReconError
from recon_kit.labels import pair_name, phrase
from recon_kit.money import format_yuan
from recon_kit.record import Run
from recon_kit.rejudge import judge_again
from recon_kit.what_if import Limits, Ready, limits_of, pairs_of, prepare, try_limits
from recon_kit.what_if_view import codes_table, show_trial

says = partial(phrase, "what_if")
MOST_DAYS = 45
"""Days that the sliders reach, further where the run's own limit is."""
_WIDE = {"description_width": "11em"}


@dataclass(frozen=True, eq=False)
class WhatIfPanel:
    """The widgets: what is chosen, `shown`, the answer to it, and `judged`, what the whole month would say, when asked."""

    run: Run
    ready: Ready
    language: str
    pair: widgets.Dropdown
    tolerance: widgets.SelectionSlider
    window_days: widgets.IntSlider
    card_days: widgets.IntSlider
    reset: widgets.Button
    judge: widgets.Button
    judged: widgets.HTML
    shown: widgets.HTML

    def limits(self) -> Limits:
        """The limits as the sliders stand."""
        own = limits_of(self.ready, self.pair.value)
        return Limits(
            self.tolerance.value,
            None if own.window_days is None else self.window_days.value,
            None if own.card_days is None else self.card_days.value,
        )

    def follow_pair(self, *_: object) -> None:
        """Set the sliders to the run's own limits for the chosen pair, and hide those it does not look at."""
        own = limits_of(self.ready, self.pair.value)
        self.watch(on=False)
        self.tolerance.value = own.tolerance_fen
        for slider, days in ((self.window_days, own.window_days), (self.card_days, own.card_days)):
            slider.layout.display = "none" if days is None else None
            if days is not None:
                slider.max = max(MOST_DAYS, days)
                slider.value = days
        self.watch(on=True)
        self.answer()

    def watch(self, *, on: bool) -> None:
        """Let a move of a slider match again, or not while all of them are set."""
        for slider in (self.tolerance, self.window_days, self.card_days):
            (slider.observe if on else slider.unobserve)(self.answer, "value")

    def answer(self, *_: object) -> None:
        """Match again at the limits that are set, and show what comes of it."""
        self.judged.value = ""
        try:
            self.shown.value = show_trial(try_limits(self.ready, self.pair.value, self.limits()), self.language).html
        except ReconError as error:
            self.shown.value = _told(error)

    def answer_whole(self, *_: object) -> None:
        """Judge the whole month at the limits that are set: a second or so, and not at every move."""
        limits = self.limits()
        days = {"M11": {"payout_days": limits.window_days}, "M3": {"refund_days": limits.window_days}}.get(self.pair.value, {})
        try:
            found = judge_again(self.run, tolerance_fen=limits.tolerance_fen, card_days=limits.card_days, **days)
            self.judged.value = codes_table(found, self.language).html
        except ReconError as error:
            self.judged.value = _told(error)

    def _ipython_display_(self) -> None:
        from IPython.display import display

        sliders = [self.tolerance, self.window_days, self.card_days]
        buttons = widgets.HBox([self.reset, self.judge], layout={"margin": "0 0 0 11em"})
        display(widgets.VBox([self.pair, *sliders, buttons, self.judged, self.shown]))  # type: ignore[no-untyped-call]


def what_if_panel(run: Run, language: str) -> WhatIfPanel | widgets.HTML:
    """The panel over a run, at the run's own limits; a plain message where the run cannot be taken up again."""
    try:
        ready = prepare(run)
    except ReconError as error:
        return widgets.HTML(_told(error))
    pairs = pairs_of(ready)
    steps = sorted({*TOLERANCES, *(limits_of(ready, pair).tolerance_fen for pair in pairs)})
    panel = WhatIfPanel(
        run,
        ready,
        language,
        widgets.Dropdown(
            options=[(pair_name(pair, language), pair) for pair in pairs],
            description=says("field.pair", language),
            style=_WIDE,
            layout={"width": "32em"},
        ),
        widgets.SelectionSlider(options=[(format_yuan(fen), fen) for fen in steps], **_slider("tolerance", language)),
        widgets.IntSlider(min=0, max=MOST_DAYS, **_slider("window_days", language)),
        widgets.IntSlider(min=0, max=MOST_DAYS, **_slider("card_days", language)),
        widgets.Button(description=says("field.reset", language), layout={"width": "auto"}),
        widgets.Button(description=says("field.judge", language), layout={"width": "auto"}),
        widgets.HTML(),
        widgets.HTML(),
    )
    panel.watch(on=True)
    panel.follow_pair()
    panel.pair.observe(panel.follow_pair, "value")
    panel.reset.on_click(panel.follow_pair)
    panel.judge.on_click(panel.answer_whole)
    return panel


def _slider(name: str, language: str) -> dict[str, Any]:
    return {
        "description": says(f"field.{name}", language),
        "continuous_update": False,
        "style": _WIDE,
        "layout": {"width": "36em"},
    }


def _told(error: ReconError) -> str:
    return f"<p>{escape(str(error))}</p>"
