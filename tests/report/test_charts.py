import json

import pytest

from recon_kit import charts
from recon_kit.drawing import draw_waterfall, new_figure, read_figure
from recon_kit.money import format_yuan
from recon_kit.record import load_run
from recon_kit.results import LIMIT_CURVE
from recon_kit.views import bridge_steps, refunds_by_day
from tests.report.test_management import with_table

ALL = (
    charts.plot_bridge,
    charts.plot_codes,
    charts.plot_owners,
    charts.plot_ageing,
    charts.plot_daily_refunds,
    charts.plot_daily_cases,
)


def test_the_waterfall_labels_every_step_with_its_exact_figure_and_leaves_zeros_to_the_table(run_folder):
    run = load_run(run_folder)
    shown = bridge_steps(run).filter(bridge_steps(run)["amount_fen"] != 0)

    figure = charts.plot_bridge(run, "zh").figure
    texts = [note.text for note in figure.layout.annotations]

    for line, amount in shown.select("line", "amount_fen").iter_rows():
        assert format_yuan(amount, sign=line not in ("A0", "B0", "C0")) in texts
    assert len(figure.layout.xaxis.ticktext) == shown.height


def test_bars_of_the_waterfall_span_from_the_running_total_before_to_the_one_after(run_folder):
    figure = charts.plot_bridge(load_run(run_folder), "zh").figure
    steps = bridge_steps(load_run(run_folder)).filter(bridge_steps(load_run(run_folder))["amount_fen"] != 0)
    spans = {
        x: (round(base * 100), round((base + y) * 100))
        for bar in figure.data
        for x, base, y in zip(bar.x, bar.base, bar.y, strict=True)
    }
    ends, amounts = steps["balance_fen"].to_list(), steps["amount_fen"].to_list()

    for place, (line, end, amount) in enumerate(zip(steps["line"], ends, amounts, strict=True)):
        before = 0 if line in ("A0", "B0", "C0") else end - amount
        assert spans[place] == (min(before, end), max(before, end))


@pytest.mark.parametrize("plot", ALL)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_has_a_title_and_draws_the_same_twice(run_folder, plot, language):
    run = load_run(run_folder)

    once, twice = (json.dumps(plot(run, language)._repr_mimebundle_(), sort_keys=True) for _ in range(2))

    assert once == twice
    assert plot(run, language).figure.layout.title.text


def test_last_period_is_drawn_where_it_was_loaded(run_folder):
    names = [trace.name for trace in charts.plot_daily_refunds(load_run(run_folder), "en").figure.data]

    assert names == ["This period 2026-10", "Last period 2026-09"]


def test_markup_in_a_reason_is_text_on_the_axis(hostile_run):
    import polars as pl

    cases = pl.read_parquet(hostile_run / "tables/aftersales.parquet").with_columns(reason_group=pl.lit(None, pl.String))
    cases.write_parquet(hostile_run / "tables/aftersales.parquet")

    figure = charts.plot_refunds_by(load_run(hostile_run), "reason", "zh").figure

    assert not any("<" in name for trace in figure.data for name in trace.y)


CURVE = [
    *({"pair": "M3", "kind": "tolerance", "limit": limit, "n": n, "amount_fen": n * 7} for limit, n in ((0, 8), (1, 4), (2, 0))),
    *({"pair": "M1", "kind": "tolerance", "limit": limit, "n": 0, "amount_fen": 0} for limit in (0, 1, 2)),
    *({"pair": "M8", "kind": "tolerance", "limit": limit, "n": 5, "amount_fen": 5} for limit in (0, 1, 2)),
    *({"pair": "M3", "kind": "window", "limit": limit, "n": n, "amount_fen": n} for limit, n in ((0, 3), (1, 0))),
]


def test_the_limit_curve_is_a_row_a_pair_of_money_that_differs_at_all_and_a_cell_a_limit(run_folder):
    run = with_table(run_folder, "limit_curve", CURVE, LIMIT_CURVE)

    cells = charts.plot_limits(run, "tolerance", "en").figure
    days = charts.plot_limits(run, "window", "zh").figure

    assert list(cells.data[0].text) == ["8", "4", "0"] and set(cells.data[0].y) == {"M3 case–channel refund"}
    assert list(cells.layout.xaxis.ticktext) == ["0.00", "0.01", "0.02"]
    assert list(days.data[0].text) == ["3", "0"] and list(days.layout.xaxis.ticktext) == ["0 天", "1 天"]
    assert len({*cells.data[0].marker.color}) == 3


def test_a_month_in_which_nothing_differs_says_so_instead_of_drawing_a_curve(run_folder):
    run = with_table(run_folder, "limit_curve", [{**row, "n": 0} for row in CURVE], LIMIT_CURVE)

    assert "No match has a gap" in charts.plot_limits(run, "tolerance", "en").html


def behind(plot, run, *more):
    return read_figure(plot(run, *more, "zh")._repr_mimebundle_()["application/vnd.plotly.v1+json"])


def test_the_table_behind_a_chart_states_what_it_draws_in_the_order_of_its_axis(run_folder):
    run = load_run(run_folder)
    steps = bridge_steps(run).filter(bridge_steps(run)["amount_fen"] != 0)

    bridge, codes, ageing, daily = (
        behind(plot, run) for plot in (charts.plot_bridge, charts.plot_codes, charts.plot_ageing, charts.plot_daily_refunds)
    )

    assert [name.split()[0] for name, _ in bridge.rows] == steps["line"].to_list()
    assert ["".join(marks) for _, marks in bridge.rows] == [
        format_yuan(amount, sign=line not in ("A0", "B0", "C0"))
        for line, amount in steps.select("line", "amount_fen").iter_rows()
    ]
    assert codes.rows[0] == ("L01 退款未入账", ["", "699.00 (3)", ""]) and codes.series == ["时间性", "差异", "尾差"]
    assert [name for name, _ in ageing.rows] == ["16–30 天", "31–60 天"]
    days = [refunds_by_day(run, period)["amount_fen"][0] for period in (run.period, run.period.previous())]
    assert daily.rows[0] == ("10-01", [format_yuan(fen) for fen in days]) and len(daily.rows) == 31


def test_the_table_behind_a_grid_names_the_column_of_each_cell(run_folder):
    grid = behind(charts.plot_limits, with_table(run_folder, "limit_curve", CURVE, LIMIT_CURVE), "tolerance")

    assert grid.rows == [("M3 售后—渠道退款", ["0.00: 8; 0.01: 4; 0.02: 0"])]


def test_the_table_behind_the_trend_states_rates_with_their_bases(run_folder):
    trend = behind(charts.plot_trend, load_run(run_folder))

    assert [name for name, _ in trend.rows] == ["2025-10", "2026-09", "2026-10"]
    assert trend.rows[-1][1][0] == "13.86% (70 / 505)"


def test_text_that_was_escaped_for_the_drawing_is_itself_again_in_the_table(hostile_run):
    names = [name for name, _ in behind(charts.plot_refunds_by, load_run(hostile_run), "reason").rows]

    assert '<img src=x onerror="window.fired=1">' in names


@pytest.mark.parametrize(("before", "starts_at_zero"), [(10_000, True), (90_000, False)])
def test_a_waterfall_cuts_its_axis_only_where_the_steps_would_be_too_small_to_see(before, starts_at_zero):
    step = 100_000 - before
    figure = draw_waterfall(
        new_figure("movement", "zh", height=300, legend=False),
        "zh",
        ["甲", "乙", "丙"],
        [True, False, True],
        [before, step, 100_000],
        [before, *[100_000] * 2],
    ).figure

    low = figure.layout.yaxis.range[0]
    assert (low == 0) is starts_at_zero and low < before / 100
    assert any("纵轴不从 0 起" in (note.text or "") for note in figure.layout.annotations) is not starts_at_zero
