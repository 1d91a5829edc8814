"""The house style of figures: colours, axes, bars with their figure, waterfalls. `charts` says what is drawn.

Colours are told apart by colour-blind readers and by a black-and-white printer.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

import plotly.graph_objects as go

from recon_kit.labels import word
from recon_kit.money import format_yuan

INK, MUTED, GRID, SIDE, MORE, LESS, BEFORE = "#1f2a37", "#5f6b7a", "#e4e8ec", "#33475b", "#c8663b", "#3f7cac", "#a9b4bf"
FONT = '"Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'


@dataclass(frozen=True)
class Chart:
    """A figure that a notebook shows as data, and JupyterLab and our page draw; plotly's own renderers take seconds to load."""

    figure: go.Figure

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"application/vnd.plotly.v1+json": self.figure.to_plotly_json()}


def draw_waterfall(
    figure: go.Figure,
    language: str,
    ticks: Sequence[str],
    is_side: Sequence[bool],
    amounts: Sequence[int],
    ends: Sequence[int],
) -> Chart:
    """Sides stand on the axis, steps hang between them: one bar a tick, fen, each with its figure; `ends` run along."""
    starts = [0 if side else end - amount for side, end, amount in zip(is_side, ends, amounts, strict=True)]
    for name, colour, wanted in (
        ("side", SIDE, list(is_side)),
        ("plus", MORE, [not s and a > 0 for s, a in zip(is_side, amounts, strict=True)]),
        ("minus", LESS, [not s and a < 0 for s, a in zip(is_side, amounts, strict=True)]),
    ):
        at = [i for i, is_wanted in enumerate(wanted) if is_wanted]
        figure.add_bar(
            x=at,
            base=[min(starts[i], ends[i]) / 100 for i in at],
            y=[abs(amounts[i]) / 100 for i in at],
            name=word(f"ui.{name}", language),
            width=0.6,
            marker_color=colour,
            text=[format_yuan(amounts[i], sign=name != "side") for i in at],
            textposition="none",
            hovertemplate="%{text}<extra></extra>",
        )
    for i, (side, start, end, amount) in enumerate(zip(is_side, starts, ends, amounts, strict=True)):
        is_below = amount < 0 and not side
        label = {"text": format_yuan(amount, sign=not side), "y": (end if is_below else max(start, end)) / 100}
        figure.add_annotation(x=i, showarrow=False, yshift=-10 if is_below else 10, font={"size": 11, "color": INK}, **label)
    for i in range(len(ends) - 1):
        level = ends[i] / 100
        figure.add_shape(
            type="line", x0=i + 0.3, x1=i + 0.7, y0=level, y1=level, line={"color": MUTED, "width": 1, "dash": "dot"}
        )
    floor, top = min(ends, default=0), max([*starts, *ends], default=0)
    is_cut = floor > top / 2  # else the steps are large enough to be seen on the whole axis
    low = floor - 0.3 * max(top - floor, 1) if is_cut else min(floor * 1.18, 0)
    figure.update_yaxes(range=[low / 100, (top + 0.18 * max(top - floor, 1)) / 100], tickformat=",.0f")
    figure.update_xaxes(
        tickvals=list(range(len(ticks))),
        ticktext=ticks,
        tickangle=0,
        tickfont={"size": 10.5},
        showgrid=False,
        zeroline=False,
        range=[-0.6, len(ticks) - 0.4],
    )
    figure.update_layout(barmode="overlay")
    return Chart(with_note(figure, word("ui.axis_cut", language)) if is_cut else figure)


def add_bars(
    figure: go.Figure, names: Sequence[str], fen: Sequence[int], name: str, colour: str, counts: Sequence[int] | None = None
) -> None:
    """Horizontal bars of money, each with its figure (and its count) at the end."""
    written = [format_yuan(v) for v in fen]
    text = written if counts is None else [f"{w}  ({n:,})" for w, n in zip(written, counts, strict=True)]
    figure.add_bar(
        y=list(names),
        x=as_axis(fen, is_money=True),
        orientation="h",
        name=name,
        marker_color=colour,
        text=text,
        textposition="outside",
        cliponaxis=False,
        textfont={"size": 11},
        hovertemplate="%{y}: %{text}<extra></extra>",
    )
    largest = max([v for trace in figure.data for v in trace.x if trace.orientation == "h"], default=0)
    figure.update_xaxes(range=[0, largest * 1.25 or 1], showticklabels=False, showgrid=False)


def set_categories(figure: go.Figure, names: list[str]) -> None:
    """Horizontal bars in this order, the first at the bottom."""
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names, showgrid=False)


def as_axis(values: Sequence[int], is_money: bool) -> list[float]:
    """Fen as yuan for an axis, counts as they are."""
    return [value / 100 for value in values] if is_money else list(values)


def tall(bars: int) -> int:
    """The height in pixels of a figure of so many horizontal bars."""
    return 110 + 30 * max(bars, 2)


def wrapped(text: str, language: str) -> str:
    """Break an axis label into short lines: after four 汉字, or between words."""
    if language == "zh":
        return "<br>".join(text[i : i + 4] for i in range(0, len(text), 4))
    return "<br>".join(textwrap.wrap(text, 11))


def with_note(figure: go.Figure, text: str) -> go.Figure:
    """The figure with a line under its title."""
    return figure.add_annotation(
        text=text,
        xref="paper",
        yref="paper",
        x=0,
        y=1.02,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 11, "color": MUTED},
    )


def new_figure(key: str, language: str, *, height: int, legend: bool) -> go.Figure:
    """An empty figure in the house style; its title is also what a screen reader hears."""
    axis: dict[str, Any] = {
        "gridcolor": GRID,
        "zerolinecolor": GRID,
        "linecolor": GRID,
        "ticks": "",
        "automargin": True,
        "fixedrange": True,
        "separatethousands": True,
    }
    layout = {
        "template": "none",
        "meta": key,
        "title": {
            "text": word(f"chart.{key}", language),
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yref": "container",
            "yanchor": "top",
            "pad": {"t": 8},
            "font": {"size": 14, "color": INK, "weight": 600},
        },
        "font": {"family": FONT, "size": 12, "color": INK},
        "height": height,
        "margin": {"l": 8, "r": 16, "t": 64, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "showlegend": legend,
        "legend": {"orientation": "h", "x": 1, "xanchor": "right", "y": 1.02, "yanchor": "bottom", "traceorder": "normal"},
        "hoverlabel": {"bgcolor": "#ffffff", "font": {"color": INK}},
        "separators": ".,",
        "dragmode": False,
        "xaxis": axis,
        "yaxis": axis,
    }
    return go.Figure(layout=layout)


@dataclass(frozen=True)
class FigureTable:
    """What a figure draws, as words: its series, and of each category, in the order of the axis, what each series says."""

    series: list[str]
    rows: list[tuple[str, list[str]]]


def read_figure(figure: Mapping[str, Any]) -> FigureTable:
    """The table behind a figure (plotly's JSON), for a reader who does not see it; text as it was before it was escaped."""
    layout = figure["layout"]
    series = [trace for trace in figure["data"] if trace.get("visible", True) and len(trace["x"])]
    said: dict[Any, list[list[str]]] = {}
    for place, trace in enumerate(series):
        for category, mark in zip(_categories(trace), _marks(trace, layout), strict=True):
            said.setdefault(category, [[] for _ in series])[place].append(mark)
    is_lying = any(trace.get("orientation") == "h" for trace in series)
    order = layout["yaxis" if is_lying else "xaxis"].get("categoryarray", [])[:: -1 if is_lying else 1]
    names = _ticks(layout) if not is_lying else {}
    ranked = {category: place for place, category in enumerate(order or names)}
    rows = [
        (_plain(str(names.get(category, category))), [_plain("; ".join(marks)) for marks in said[category]])
        for category in sorted(said, key=lambda category: ranked.get(category, 0))
    ]
    return FigureTable([_plain(trace.get("name") or layout["title"]["text"]) for trace in series], rows)


def _categories(trace: Mapping[str, Any]) -> Sequence[Any]:
    categories: Sequence[Any] = trace["y" if trace.get("orientation") == "h" else "x"]
    return categories


def _marks(trace: Mapping[str, Any], layout: Mapping[str, Any]) -> list[str]:
    """What each bar or point says: its own text, what the hover adds, else its value; a cell of a grid names its column."""
    is_lying = trace.get("orientation") == "h"
    text, more, values = trace.get("text"), trace.get("customdata"), trace["x" if is_lying else "y"]
    if isinstance(text, list):
        ticks = _ticks(layout) if is_lying else {}
        columns = [ticks.get(start + 0.5, "") for start in trace.get("base", [])] or [""] * len(text)
        return [f"{column}: {mark}" if column else mark for column, mark in zip(columns, text, strict=True)]
    if "%" in layout["xaxis" if is_lying else "yaxis"].get("tickformat", ""):
        return [f"{value:.2%} ({rest})" for value, rest in zip(values, more or (), strict=True)]
    return [str(rest) for rest in more] if more else [f"{value:,}" for value in values]


def _ticks(layout: Mapping[str, Any]) -> dict[Any, str]:
    axis = layout["xaxis"]
    return dict(zip(axis.get("tickvals", []), axis.get("ticktext", []), strict=False))


def _plain(text: str) -> str:
    return unescape(re.sub(r"\s+", " ", re.sub("<[^>]*>", " ", text)).strip())
