"""Figures: each draws one view of a run and nothing it does not show. Amounts are yuan on the axes, exact on the labels.

Colours are told apart by colour-blind readers and by a black-and-white printer; every bar carries its figure.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from html import escape

import plotly.graph_objects as go
import polars as pl

from recon_kit import management, trust, views
from recon_kit.drawing import (
    BEFORE,
    INK,
    LESS,
    MORE,
    MUTED,
    SIDE,
    Chart,
    add_bars,
    as_axis,
    draw_waterfall,
    new_figure,
    set_categories,
    tall,
    wrapped,
)
from recon_kit.labels import code_name, pair_name, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import SIDES, Run
from recon_kit.results import NATURE, SEVERITY
from recon_kit.tables import Shown

NATURE_COLOUR = {"break": MORE, "timing": LESS, "control": "#7a6a9e", "rounding": BEFORE, "data": "#c9a227"}
SEVERITY_COLOUR = {"critical": "#8f2d1f", "high": MORE, "medium": "#e0b08a", "low": "#9bb8d0", "info": "#d5dbe1"}
DAY_COLOUR = {"missing": MORE, "rows": LESS, "covered": "#c9dbe8", "silent": "#eef0f2"}
LIMIT_COLOUR = ("#f2f4f6", "#f6e3d8", "#f0cdb9", "#e8b394", "#e0996f")
TREND_STYLES = ((SIDE, "solid"), (SIDE, "dashdot"), (MORE, "solid"), (LESS, "dash"), (MUTED, "dot"))
"""Told apart by dash too, for readers and printers without colour."""
MAX_CODES = 20
"""Codes drawn; the table beside the figure lists all."""
MAX_MEMBERS = 10
"""Platforms, kinds or reasons drawn one by one."""


def plot_bridge(run: Run, language: str) -> Chart | Shown:
    """Waterfall of the bridge; a step of zero is left to the table. Nothing where none is due."""
    if not run.is_due("bridge"):
        return Shown("")
    steps = views.bridge_steps(run).filter(pl.col("line").is_in(SIDES) | (pl.col("amount_fen") != 0))
    is_side = steps["line"].is_in(SIDES).to_list()
    ticks = [f"<b>{line}</b><br>{wrapped(word(f'bridge.{line}', language), language)}" for line in steps["line"]]
    figure = new_figure("bridge", language, height=430, legend=True)
    return draw_waterfall(figure, language, ticks, is_side, steps["amount_fen"].to_list(), steps["balance_fen"].to_list())


def plot_movement(run: Run, language: str) -> Chart | Shown:
    """Waterfall from last period's refunds to this one's: what sales moved, what the refund rate moved.

    A sentence where the period before was not loaded.
    """
    if not management.has_before(run):
        return Shown(f'<p class="empty">{word("ui.nothing_before", language)}</p>')
    before, volume, rate, now = management.movement(run)
    ticks = [
        word("ui.last_period", language, period=run.period.previous().text),
        *(word(f"columns.{part}_fen", language) for part in ("volume", "rate")),
        word("ui.this_period", language, period=run.period.text),
    ]
    figure = new_figure("movement", language, height=340, legend=True)
    balances = [before, before + volume, before + volume + rate, now]
    return draw_waterfall(figure, language, ticks, [True, False, False, True], [before, volume, rate, now], balances)


def plot_codes(run: Run, language: str) -> Chart:
    """Absolute gap by code, most money on top; codes without money are in the table."""
    shown = views.codes(run).filter(pl.col("abs_gap_fen") > 0).head(MAX_CODES).reverse()
    names = [f"{code} {code_name(code, language)}" for code in shown["code"]]
    figure = new_figure("codes", language, height=tall(len(names)), legend=True)
    for nature in NATURE:
        part = shown.with_columns(name=pl.Series(names, dtype=pl.String)).filter(pl.col("nature") == nature)
        if part.height:
            add_bars(
                figure,
                part["name"].to_list(),
                part["abs_gap_fen"].to_list(),
                value_label("nature", nature, language),
                NATURE_COLOUR[nature],
                counts=part["n"].to_list(),
            )
    set_categories(figure, names)
    return Chart(figure)


def plot_owners(run: Run, language: str) -> Chart:
    """Number of findings by owner, stacked by severity."""
    shown = views.owners(run)
    totals = shown.group_by("owner").agg(pl.col("n").sum()).sort("n", "owner", descending=[False, True])
    names = {owner: value_label("owner", owner, language) for owner in totals["owner"]}
    figure = new_figure("owners", language, height=tall(len(names)), legend=True)
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
    set_categories(figure, list(names.values()))
    return Chart(figure)


def plot_ageing(run: Run, language: str) -> Chart | Shown:
    """Open findings by age bucket, stacked by nature; nothing where ageing is not due."""
    if not run.is_due("ageing"):
        return Shown("")
    shown = views.ageing(run)
    present = [bucket for bucket in views.BUCKET_ORDER if bucket != "undated" or bucket in shown["bucket"]]
    names = {bucket: word(f"bucket.{bucket}", language) for bucket in present}
    figure = new_figure("ageing", language, height=320, legend=True)
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
    return _with_promotions(_daily("daily_refunds", run, language, this, last, "amount_fen"), run)


def plot_daily_cases(run: Run, language: str) -> Chart:
    """After-sales cases applied by day, with last period's days as a line where that period was loaded."""
    periods = (run.period, run.period.previous())
    this, last = (views.cases_by_day(run, period) for period in periods)
    return _daily("daily_cases", run, language, this, last, "n")


def plot_trend(run: Run, language: str) -> Chart | Shown:
    """Rates by month, up to thirteen months, oldest first; a cohort that is not mature yet is drawn hollow.

    A sentence where no earlier month is known.
    """
    lines = {kpi: views.trend(run, kpi) for kpi in views.TREND_KPIS}
    months = sorted({period for frame in lines.values() for period in frame["period"]})
    if len(months) < 2:
        return Shown(f'<p class="empty">{word("ui.nothing_earlier", language)}</p>')
    figure = new_figure("trend", language, height=360, legend=True)
    for (kpi, frame), (colour, dash) in zip(lines.items(), TREND_STYLES, strict=True):
        figure.add_scatter(
            x=frame["period"].to_list(),
            y=frame["value"].to_list(),
            mode="lines+markers",
            name=value_label("kpi", kpi, language),
            line={"color": colour, "width": 2, "dash": dash},
            marker={"symbol": ["circle" if mature else "circle-open" for mature in frame["is_mature"]], "size": 7},
            customdata=[f"{top:,} / {below:,}" for top, below in _written(frame)],
            hovertemplate="%{x}: %{y:.2%} (%{customdata})<extra>%{fullData.name}</extra>",
        )
    _mark_promotion_months(figure, run, months)
    figure.update_xaxes(type="category", categoryorder="array", categoryarray=months, showgrid=False)
    figure.update_yaxes(rangemode="tozero", tickformat=".0%")
    return Chart(figure)


def _written(frame: pl.DataFrame) -> list[tuple[int, int]]:
    """Numerator and denominator as they are counted: amounts in yuan."""
    return [(top or 0, below or 0) for top, below in frame.select("numerator", "denominator").iter_rows()]


def _mark_promotion_months(figure: go.Figure, run: Run, months: Sequence[str]) -> None:
    """Promotions of the calendar as bands behind the months they touch."""
    for name, days in sorted(run.summary.get("promotions_calendar", {}).items()):
        touched = [place for place, month in enumerate(months) if days[0][:7] <= month <= days[1][:7]]
        if touched:
            _band(figure, name, touched[0], touched[-1])


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
    figure = new_figure(f"by_{column}", language, height=tall(len(order) * (2 if has_before else 1)), legend=has_before)
    if has_before:
        last = word("ui.last_period", language, period=run.period.previous().text)
        add_bars(figure, order, [earlier.get(name, 0) for name in order], last, BEFORE)
    now = word("ui.this_period", language, period=run.period.text)
    add_bars(figure, order, [amounts.get(name, 0) for name in order], now, LESS, counts=[counts.get(name, 0) for name in order])
    figure.update_layout(barmode="group", bargap=0.25 if len(order) > 1 else 0.6)
    set_categories(figure, order)
    return Chart(figure)


def _daily(key: str, run: Run, language: str, this: pl.DataFrame, last: pl.DataFrame, column: str) -> Chart:
    is_money = column.endswith("_fen")
    days = [f"{day:%m-%d}" for day in this["day"]]
    has_last = views.is_covered(last)
    figure = new_figure(key, language, height=300, legend=has_last)
    written = [format_yuan(v) if is_money else f"{v:,}" for v in this[column]]
    figure.add_bar(
        x=days,
        y=as_axis(this[column].to_list(), is_money),
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
            y=as_axis(values, is_money),
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


def _with_promotions(chart: Chart, run: Run) -> Chart:
    """The days of promotions (`[promotions_calendar]`) as bands behind a chart by day."""
    for name, first, last in management.promotion_days(run):
        _band(chart.figure, name, (first - run.period.start).days, (last - run.period.start).days)
    return chart


def _band(figure: go.Figure, name: str, first: int, last: int) -> None:
    """A named band behind the categories from place `first` to `last`."""
    across = {"xref": "x", "yref": "paper", "x0": first - 0.5, "x1": last + 0.5, "y0": 0, "y1": 1}
    figure.add_shape(type="rect", layer="below", line_width=0, fillcolor="#f3e3d8", **across)
    says = {"text": escape(name, quote=False), "font": {"size": 11, "color": MUTED}}
    figure.add_annotation(x=(first + last) / 2, y=1, yref="paper", yanchor="top", showarrow=False, **says)


def plot_days(run: Run, language: str) -> Chart:
    """Every source by the days of the period: with rows, stated without rows, missing (crossed), nothing known."""
    shown = trust.days(run)
    label = pl.concat_str(f"layout_{language}", pl.col("account").str.tail(4), separator=" …", ignore_nulls=True)
    names = shown.select(label.alias("name")).unique(maintain_order=True)["name"].to_list()
    place = shown.with_columns(label.alias("name"), at=(pl.col("day") - run.period.start).dt.total_days())
    figure = new_figure("days", language, height=120 + 24 * max(len(names), 2), legend=True)
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
    set_categories(figure, names[::-1])
    return Chart(figure)


def plot_limits(run: Run, kind: str, language: str) -> Chart | Shown:
    """How many matches would break at other limits of a `kind` (tolerance, window): a row a pair, a cell a limit.

    The darker a cell, the more of what the strictest limit breaks. A sentence where nothing differs.
    """
    shown = views.limits(run, kind)
    if shown.is_empty():
        return Shown(f'<p class="empty">{word("ui.nothing_differs", language)}</p>')
    pairs, steps = shown["pair"].unique(maintain_order=True).to_list(), shown["limit"].unique().sort().to_list()
    names = {pair: pair_name(pair, language) for pair in pairs}
    figure = new_figure(f"limits_{kind}", language, height=100 + 34 * len(pairs), legend=False)
    figure.add_bar(
        y=[names[pair] for pair in shown["pair"]],
        base=[steps.index(limit) for limit in shown["limit"]],
        x=[1] * shown.height,
        orientation="h",
        marker={
            "color": [LIMIT_COLOUR[round(share * (len(LIMIT_COLOUR) - 1))] for share in shown["share"]],
            "line": {"color": "#ffffff", "width": 1},
        },
        text=[f"{n:,}" for n in shown["n"]],
        textposition="inside",
        insidetextanchor="middle",
        textangle=0,
        constraintext="none",
        insidetextfont={"color": INK},
        customdata=[format_yuan(fen) for fen in shown["amount_fen"]],
        hovertemplate="%{y}<br>%{text} · %{customdata}<extra></extra>",
    )
    figure.update_layout(bargap=0.15)
    figure.update_xaxes(
        tickvals=[place + 0.5 for place in range(len(steps))],
        ticktext=[format_yuan(step) if kind == "tolerance" else word("ui.days", language, n=step) for step in steps],
        tickangle=0,
        tickfont={"size": 10},
        range=[0, len(steps)],
        showgrid=False,
        zeroline=False,
    )
    set_categories(figure, list(names.values())[::-1])
    return Chart(figure)
