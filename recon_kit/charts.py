"""Figures: each draws one view of a run and nothing it does not show. Amounts are yuan on the axes, exact on the labels.

Colours are told apart by colour-blind readers and by a black-and-white printer; every bar carries its figure.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import plotly.graph_objects as go
import polars as pl

from recon_kit import views
from recon_kit.labels import code_name, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import SIDES, Run
from recon_kit.results import NATURE, SEVERITY

INK, MUTED, GRID, SIDE, MORE, LESS, BEFORE = "#1f2a37", "#5f6b7a", "#e4e8ec", "#33475b", "#c8663b", "#3f7cac", "#a9b4bf"
NATURE_COLOUR = {"break": MORE, "timing": LESS, "control": "#7a6a9e", "rounding": BEFORE, "data": "#c9a227"}
SEVERITY_COLOUR = {"critical": "#8f2d1f", "high": MORE, "medium": "#e0b08a", "low": "#9bb8d0", "info": "#d5dbe1"}
FONT = '"Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'
MAX_CODES = 20
"""Codes drawn; the table beside the figure lists all."""


@dataclass(frozen=True)
class Chart:
    """A figure that a notebook shows as data, and JupyterLab and our page draw; plotly's own renderers take seconds to load."""

    figure: go.Figure

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"application/vnd.plotly.v1+json": self.figure.to_plotly_json()}


def plot_bridge(run: Run, language: str) -> Chart:
    """Waterfall of the bridge; a step of zero is left to the table. The axis is cut, and says so."""
    steps = views.bridge_steps(run).filter(pl.col("line").is_in(SIDES) | (pl.col("amount_fen") != 0))
    is_side = steps["line"].is_in(SIDES)
    ends, amounts = steps["balance_fen"].to_list(), steps["amount_fen"].to_list()
    starts = [0 if side else end - amount for side, end, amount in zip(is_side, ends, amounts, strict=True)]
    tops = [max(pair) for pair in zip(starts, ends, strict=True)]
    ticks = [f"<b>{line}</b><br>{_wrap(word(f'bridge.{line}', language), language)}" for line in steps["line"]]
    figure = _figure("bridge", language, height=430, legend=True)
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
    for i, top in enumerate(tops):
        label = format_yuan(amounts[i], sign=not is_side[i])
        figure.add_annotation(x=i, y=top / 100, text=label, showarrow=False, yshift=10, font={"size": 11, "color": INK})
    for i in range(len(ends) - 1):
        level = ends[i] / 100
        figure.add_shape(
            type="line", x0=i + 0.3, x1=i + 0.7, y0=level, y1=level, line={"color": MUTED, "width": 1, "dash": "dot"}
        )
    floor = min([*(min(s, e) for s, e, side in zip(starts, ends, is_side, strict=True) if not side), *ends], default=0)
    span = max([*tops, floor + 1]) - floor
    figure.update_yaxes(range=[(floor - 0.3 * span) / 100, (floor + 1.18 * span) / 100])
    figure.update_xaxes(tickvals=list(range(len(ticks))), ticktext=ticks, tickangle=0, tickfont={"size": 10.5}, showgrid=False)
    figure.update_layout(barmode="overlay")
    return Chart(_note(figure, word("ui.axis_cut", language)))


def plot_codes(run: Run, language: str) -> Chart:
    """Absolute gap by code, most money on top; codes without money are in the table."""
    shown = views.codes(run).filter(pl.col("abs_gap_fen") > 0).head(MAX_CODES).reverse()
    names = [f"{code} {code_name(code, language)}" for code in shown["code"]]
    figure = _figure("codes", language, height=_tall(len(names)), legend=True)
    for nature in NATURE:
        part = shown.with_columns(name=pl.Series(names, dtype=pl.String)).filter(pl.col("nature") == nature)
        if part.height:
            _bars(
                figure,
                part["name"].to_list(),
                part["abs_gap_fen"].to_list(),
                value_label("nature", nature, language),
                NATURE_COLOUR[nature],
                counts=part["n"].to_list(),
            )
    _categories(figure, names)
    return Chart(figure)


def plot_owners(run: Run, language: str) -> Chart:
    """Number of findings by owner, stacked by severity."""
    shown = views.owners(run)
    totals = shown.group_by("owner").agg(pl.col("n").sum()).sort("n", "owner", descending=[False, True])
    names = {owner: value_label("owner", owner, language) for owner in totals["owner"]}
    figure = _figure("owners", language, height=_tall(len(names)), legend=True)
    for severity in reversed(SEVERITY):
        part = shown.filter(pl.col("severity") == severity)
        figure.add_bar(
            y=[names[owner] for owner in part["owner"]],
            x=part["n"].to_list(),
            orientation="h",
            name=value_label("severity", severity, language),
            marker_color=SEVERITY_COLOUR[severity],
            visible=bool(part.height),
            hovertemplate="%{y}: %{x}<extra></extra>",
        )
    for owner, n in totals.iter_rows():
        figure.add_annotation(y=names[owner], x=n, text=f"{n:,}", showarrow=False, xanchor="left", xshift=4)
    figure.update_layout(barmode="stack")
    figure.update_xaxes(showticklabels=False, showgrid=False)
    _categories(figure, list(names.values()))
    return Chart(figure)


def plot_ageing(run: Run, language: str) -> Chart:
    """Open findings by age bucket, stacked by nature."""
    shown = views.ageing(run)
    present = [bucket for bucket in views.BUCKET_ORDER if bucket != "undated" or bucket in shown["bucket"]]
    names = {bucket: word(f"bucket.{bucket}", language) for bucket in present}
    figure = _figure("ageing", language, height=320, legend=True)
    for nature in NATURE:
        part = shown.filter(pl.col("nature") == nature)
        if part.height:
            figure.add_bar(
                x=[names[b] for b in part["bucket"]],
                y=part["n"].to_list(),
                marker_color=NATURE_COLOUR[nature],
                name=value_label("nature", nature, language),
                hovertemplate="%{x}: %{y}<extra></extra>",
            )
    for bucket, n in shown.group_by("bucket", maintain_order=True).agg(pl.col("n").sum()).iter_rows():
        figure.add_annotation(x=names[bucket], y=n, text=f"{n:,}", showarrow=False, yshift=9)
    figure.update_layout(barmode="stack", bargap=0.45)
    figure.update_xaxes(
        type="category", categoryorder="array", categoryarray=list(names.values()), showgrid=False, range=[-0.5, len(names) - 0.5]
    )
    return Chart(figure)


def plot_daily_refunds(run: Run, language: str) -> Chart:
    """Refund outflow by day, with last period's days as a line where that period was loaded."""
    periods = (run.period, run.period.previous())
    this, last = (views.refunds_by_day(run, period) for period in periods)
    return _daily("daily_refunds", run, language, this, last, "amount_fen")


def plot_daily_cases(run: Run, language: str) -> Chart:
    """After-sales cases applied by day, with last period's days as a line where that period was loaded."""
    periods = (run.period, run.period.previous())
    this, last = (views.cases_by_day(run, period) for period in periods)
    return _daily("daily_cases", run, language, this, last, "n")


def plot_refunds_by(run: Run, column: str, language: str) -> Chart:
    """Refunds of the period's completed cases by `platform`, `kind` or `reason_group`, beside last period where loaded."""
    this, before = (views.refunds_by(run, column, period) for period in (run.period, run.period.previous()))
    members = this["member"].to_list()[::-1]
    kind = "case_kind" if column == "kind" else column
    names = {
        m: word("ui.unassigned", language) if m is None else html.escape(value_label(kind, m, language), quote=False)
        for m in members
    }
    key = {"platform": "by_platform", "kind": "by_kind", "reason_group": "by_reason"}[column]
    has_before = views.is_covered(views.refunds_by_day(run, run.period.previous()))
    figure = _figure(key, language, height=_tall(len(members) * (2 if has_before else 1)), legend=has_before)
    if has_before:
        known = dict(before.select("member", "amount_fen").iter_rows())
        _bars(
            figure,
            list(names.values()),
            [known.get(m, 0) for m in members],
            word("ui.last_period", language, period=run.period.previous().text),
            BEFORE,
        )
    amounts = dict(this.select("member", "amount_fen").iter_rows())
    counts = dict(this.select("member", "n").iter_rows())
    _bars(
        figure,
        list(names.values()),
        [amounts[m] for m in members],
        word("ui.this_period", language, period=run.period.text),
        LESS,
        counts=[counts[m] for m in members],
    )
    figure.update_layout(barmode="group")
    _categories(figure, list(names.values()))
    return Chart(figure)


def _daily(key: str, run: Run, language: str, this: pl.DataFrame, last: pl.DataFrame, column: str) -> Chart:
    is_money = column.endswith("_fen")
    days = [f"{day:%m-%d}" for day in this["day"]]
    has_last = views.is_covered(last)
    figure = _figure(key, language, height=300, legend=has_last)
    written = [format_yuan(v) if is_money else f"{v:,}" for v in this[column]]
    figure.add_bar(
        x=days,
        y=_axis(this[column].to_list(), is_money),
        name=word("ui.this_period", language, period=run.period.text),
        marker_color=LESS,
        customdata=written,
        hovertemplate="%{x}: %{customdata}<extra></extra>",
    )
    if has_last:
        values = last[column].head(len(days)).to_list()
        written = [format_yuan(v) if is_money else f"{v:,}" for v in values]
        figure.add_scatter(
            x=days[: len(values)],
            y=_axis(values, is_money),
            mode="lines",
            line={"color": MORE, "width": 2},
            name=word("ui.last_period", language, period=run.period.previous().text),
            customdata=written,
            hovertemplate="%{x}: %{customdata}<extra></extra>",
        )
    figure.update_xaxes(type="category", tickmode="array", tickvals=days[:: 1 if len(days) < 15 else 3], showgrid=False)
    figure.update_yaxes(rangemode="tozero")
    figure.update_layout(bargap=0.3)
    return Chart(figure)


def _bars(
    figure: go.Figure, names: Sequence[str], fen: Sequence[int], name: str, colour: str, counts: Sequence[int] | None = None
) -> None:
    """Horizontal bars of money, each with its figure (and its count) at the end."""
    written = [format_yuan(v) for v in fen]
    text = written if counts is None else [f"{w}  ({n:,})" for w, n in zip(written, counts, strict=True)]
    figure.add_bar(
        y=list(names),
        x=_axis(fen, is_money=True),
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


def _categories(figure: go.Figure, names: list[str]) -> None:
    """Horizontal bars in this order, the first at the bottom."""
    figure.update_yaxes(type="category", categoryorder="array", categoryarray=names, showgrid=False)


def _axis(values: Sequence[int], is_money: bool) -> list[float]:
    return [value / 100 for value in values] if is_money else list(values)


def _tall(bars: int) -> int:
    return 110 + 30 * max(bars, 2)


def _wrap(text: str, language: str) -> str:
    """Break an axis label into short lines: after four 汉字, or at every space."""
    if language == "zh":
        return "<br>".join(text[i : i + 4] for i in range(0, len(text), 4))
    return text.replace(" ", "<br>")


def _note(figure: go.Figure, text: str) -> go.Figure:
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


def _figure(key: str, language: str, *, height: int, legend: bool) -> go.Figure:
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
