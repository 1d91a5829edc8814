"""Figures: each draws one view of a run and nothing it does not show. Amounts are yuan on the axes, exact on the labels.

Colours are told apart by colour-blind readers and by a black-and-white printer; every bar carries its figure.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from html import escape
from typing import Any

import plotly.graph_objects as go
import polars as pl

from recon_kit import trust, views
from recon_kit.labels import code_name, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import SIDES, Run
from recon_kit.results import NATURE, SEVERITY

INK, MUTED, GRID, SIDE, MORE, LESS, BEFORE = "#1f2a37", "#5f6b7a", "#e4e8ec", "#33475b", "#c8663b", "#3f7cac", "#a9b4bf"
NATURE_COLOUR = {"break": MORE, "timing": LESS, "control": "#7a6a9e", "rounding": BEFORE, "data": "#c9a227"}
SEVERITY_COLOUR = {"critical": "#8f2d1f", "high": MORE, "medium": "#e0b08a", "low": "#9bb8d0", "info": "#d5dbe1"}
DAY_COLOUR = {"missing": MORE, "rows": LESS, "covered": "#c9dbe8", "silent": "#eef0f2"}
FONT = '"Helvetica Neue", Arial, "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif'
MAX_CODES = 20
"""Codes drawn; the table beside the figure lists all."""
MAX_MEMBERS = 10
"""Platforms, kinds or reasons drawn one by one."""


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
    span = max(top - floor, 1)
    figure.update_yaxes(range=[(floor - 0.3 * span) / 100, (top + 0.18 * span) / 100], tickformat=",.0f")
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
    """Refunds of the period's completed cases by `platform`, `kind` or `reason`, beside last period where it was loaded.

    The members after the first MAX_MEMBERS are drawn as one.
    """
    this, before = (views.refunds_by(run, column, period) for period in (run.period, run.period.previous()))
    kind = {"kind": "case_kind", "reason": "reason_group"}.get(column, column)
    none, rest = word("ui.unassigned", language), word("ui.all_others", language)
    shown = this["member"].head(MAX_MEMBERS).to_list()
    names = {m: none if m is None else escape(value_label(kind, m, language), quote=False) for m in shown}

    def drawn(frame: pl.DataFrame, total: str) -> dict[str, int]:
        sums = dict.fromkeys([*names.values(), *([rest] if this.height > MAX_MEMBERS else [])], 0)
        for member, value in frame.select("member", total).iter_rows():
            name = names.get(member, rest)
            sums[name] = sums.get(name, 0) + value
        return dict(reversed(sums.items()))

    has_before = views.is_covered(views.refunds_by_day(run, run.period.previous()))
    amounts, counts, earlier = drawn(this, "amount_fen"), drawn(this, "n"), drawn(before, "amount_fen")
    order = list(earlier if has_before and len(earlier) > len(amounts) else amounts)
    figure = _figure(f"by_{column}", language, height=_tall(len(order) * (2 if has_before else 1)), legend=has_before)
    if has_before:
        last = word("ui.last_period", language, period=run.period.previous().text)
        _bars(figure, order, [earlier.get(name, 0) for name in order], last, BEFORE)
    now = word("ui.this_period", language, period=run.period.text)
    _bars(figure, order, [amounts.get(name, 0) for name in order], now, LESS, counts=[counts.get(name, 0) for name in order])
    figure.update_layout(barmode="group", bargap=0.25 if len(order) > 1 else 0.6)
    _categories(figure, order)
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


def plot_days(run: Run, language: str) -> Chart:
    """Every source by the days of the period: with rows, stated without rows, missing (crossed), nothing known."""
    shown = trust.days(run)
    label = pl.concat_str(f"layout_{language}", pl.col("account").str.tail(4), separator=" …", ignore_nulls=True)
    names = shown.select(label.alias("name")).unique(maintain_order=True)["name"].to_list()
    place = shown.with_columns(label.alias("name"), at=(pl.col("day") - run.period.start).dt.total_days())
    figure = _figure("days", language, height=120 + 24 * max(len(names), 2), legend=True)
    for state in trust.STATES:
        part = place.filter(pl.col("state") == state)
        figure.add_bar(
            y=part["name"].to_list(),
            base=part["at"].to_list(),
            x=[1] * part.height,
            orientation="h",
            name=word(f"day.{state}", language),
            marker={"color": DAY_COLOUR[state], "line": {"color": "#ffffff", "width": 1}},
            text="✗" if state == "missing" else None,
            textposition="inside",
            insidetextanchor="middle",
            textangle=0,
            constraintext="none",
            customdata=[f"{day} · {n:,}" for day, n in part.select("day", "n").iter_rows()],
            hovertemplate="%{y}<br>%{customdata}<extra>%{fullData.name}</extra>",
        )
    days = sorted(set(place["at"]))
    ticks = days[:: 1 if len(days) < 15 else 5]
    below = {"x": 0, "xanchor": "left", "y": -0.06, "yanchor": "top"}
    figure.update_layout(barmode="overlay", bargap=0.3, legend=below, margin={"t": 40})
    figure.update_xaxes(
        tickvals=[at + 0.5 for at in ticks],
        ticktext=[f"{run.period.start + timedelta(days=at):%d}" for at in ticks],
        tickangle=0,
        range=[0, len(days)],
        showgrid=False,
        zeroline=False,
    )
    _categories(figure, names[::-1])
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
    """Break an axis label into short lines: after four 汉字, or between words."""
    if language == "zh":
        return "<br>".join(text[i : i + 4] for i in range(0, len(text), 4))
    return "<br>".join(textwrap.wrap(text, 11))


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
