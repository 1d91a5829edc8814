"""The what-if panel as JupyterLab shows it, without a browser: move a widget, read the answer."""

import re

import ipywidgets as widgets
import pytest

from recon_kit.explore.what_if_panel import what_if_panel
from recon_kit.record import load_run
from recon_kit.what_if import Limits, limits_of, make_ready, try_limits
from recon_kit.what_if_view import MAX_ROWS, sentences, show_trial
from tests import sample
from tests.test_what_if import october, refunds_that_are_off
from tests.world import case, facts, order, refund, world


@pytest.fixture(scope="module")
def panel(tmp_path_factory):
    return what_if_panel(sample.publish_month(tmp_path_factory.mktemp("panel"), "2026-10"), "zh")


def test_the_panel_opens_at_the_limits_of_the_run_and_says_that_nothing_changes(panel):
    panel.pair.value = "M3"

    assert panel.limits() == limits_of(panel.ready, "M3")
    assert "与本次运行写下的结果完全相同" in panel.shown.value


def test_a_move_of_a_slider_matches_again_and_reset_goes_back(panel):
    panel.pair.value = "M11"
    own = panel.window_days.value
    panel.window_days.value = 0

    lost = try_limits(panel.ready, "M11", Limits(panel.tolerance.value, 0)).newly_unmatched.height
    assert lost > 0 and f"{lost} 行不再有对应" in panel.shown.value
    panel.reset.click()
    assert panel.window_days.value == own > 0 and "完全相同" in panel.shown.value


def test_a_pair_that_looks_at_no_days_has_no_slider_for_them(panel):
    panel.pair.value = "M4"

    assert (panel.window_days.layout.display, panel.card_days.layout.display) == ("none", "none")
    assert "这个配对不看日期" in panel.shown.value
    panel.tolerance.value = 5000
    assert "容差 50.00 元（本次运行 " in panel.shown.value


def test_the_whole_month_is_judged_when_asked_and_the_answer_goes_with_the_next_move(panel):
    panel.pair.value = "M3"
    panel.reset.click()
    panel.judge.click()
    assert "没有变化" in panel.judged.value

    panel.tolerance.value = 5000
    assert panel.judged.value == ""
    panel.judge.click()
    assert "只列变了的码" in panel.judged.value and "A06" in panel.judged.value


def test_every_slider_waits_until_it_is_let_go(panel):
    assert not any(slider.continuous_update for slider in (panel.tolerance, panel.window_days, panel.card_days))


def test_a_run_that_cannot_be_taken_up_says_why_instead_of_failing(run_folder):
    (run_folder / "MANIFEST.json").unlink()
    shown = what_if_panel(load_run(run_folder), "en")

    assert isinstance(shown, widgets.HTML) and "configuration of the run cannot be read" in shown.value


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_answer_lists_the_largest_rows_and_counts_the_others(language):
    trial = try_limits(october(), "M1", Limits(0))
    all_off = refunds_that_are_off(*[5] * (MAX_ROWS + 3))
    changed = show_trial(try_limits(all_off, "M3", Limits(9, 3, 10)), language).html

    assert trial.changed.is_empty()
    assert {"zh": f"列 {MAX_ROWS} 行，另有 {MAX_ROWS + 6} 行", "en": f"The {MAX_ROWS} largest are listed; {MAX_ROWS + 6} more"}[
        language
    ] in changed


def test_gaps_that_all_lean_to_one_side_are_called_no_rounding():
    leaning = try_limits(refunds_that_are_off(2, 2, 3, 3, 2), "M3", Limits(9, 3, 10))
    both_ways = try_limits(refunds_that_are_off(2, 2, 3, 3, -2), "M3", Limits(9, 3, 10))

    assert any("no rounding" in line for line in sentences(leaning, "en"))
    assert not any("no rounding" in line for line in sentences(both_ways, "en"))


def test_hostile_keys_are_text():
    hostile = world(
        orders=[order("O1")],
        cases=[case("<script>fired=1</script>", "O1")],
        flows=[refund("F1", "30.05", case_id="<script>fired=1</script>")],
    )

    html = show_trial(try_limits(make_ready(facts(hostile)), "M3", Limits(9, 3, 10)), "en").html

    assert not re.search("<script", html) and "&lt;script&gt;" in html
