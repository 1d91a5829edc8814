"""The charts of a run as pictures: every one, by name, the same for equal pages, and no text of data is more than text."""

import re

import pytest

from recon_kit.errors import ReportError
from recon_kit.page import safe_json
from recon_kit.plots import read_figures, write_plots
from tests.cli.test_main import run as command

FIGURE = {
    "data": [{"type": "bar", "x": [1], "y": [2], "name": "<img src=x onerror=1>"}],
    "layout": {"title": {"text": "<script>1"}},
}
ATTACKED = f'<script type="application/json" data-chart="cell-1-0">{safe_json(FIGURE)}</script>'


@pytest.mark.browser
def test_every_chart_of_the_pages_is_a_picture_named_after_its_page_and_what_it_draws(pages, tmp_path):
    (tmp_path / "plots").mkdir()
    (tmp_path / "plots" / "of_before.svg").write_text("old")

    written = write_plots(pages["zh"], tmp_path / "plots", "svg")

    assert sorted(tmp_path.rglob("*")) == [tmp_path / "plots", *written]
    assert [path.stem for path in written] == list(read_figures(pages["zh"]))
    assert {"monthly_review_01_bridge", "management_pack_01_movement"} < {path.stem for path in written}
    bridge = (tmp_path / "plots" / "monthly_review_01_bridge.svg").read_text("utf-8")
    assert 'width="1000" height="430"' in bridge and "平台售后" in bridge
    assert [path.read_bytes() for path in write_plots(pages["zh"], tmp_path / "again", "svg")] == [
        p.read_bytes() for p in written
    ]


@pytest.mark.browser
def test_a_picture_of_points_has_twice_the_size_and_text_of_data_stays_text(tmp_path):
    (tmp_path / "page.html").write_text(ATTACKED, encoding="utf-8")

    (points,) = write_plots(tmp_path, tmp_path / "png", "png")
    (lines,) = write_plots(tmp_path, tmp_path / "svg", "svg")

    head = points.read_bytes()[:24]
    assert head.startswith(b"\x89PNG") and int.from_bytes(head[16:20]) == 2000
    assert points.name == "page_01_figure.png"
    assert not re.search(r"<(script|img|foreignObject)", lines.read_text("utf-8"))


def test_a_browser_that_draws_nothing_is_an_error_and_leaves_what_was_there(monkeypatch, tmp_path):
    monkeypatch.setenv("RECON_KIT_BROWSER", "true")
    (tmp_path / "page.html").write_text(ATTACKED, encoding="utf-8")
    (tmp_path / "plots").mkdir()

    with pytest.raises(ReportError, match=r"drew 0 of 1 figures; expected all"):
        write_plots(tmp_path, tmp_path / "plots", "svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "plots"]


def test_pages_without_a_chart_are_refused(tmp_path):
    with pytest.raises(ReportError, match="hold no figure"):
        write_plots(tmp_path, tmp_path / "plots", "svg")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--plots", "gif"], "--plots gif: unknown; expected svg or png"),
        (["--plots", "svg", "--no-pages"], "--plots: found together with --no-pages"),
        (["--pdf", "--all", "."], "--pdf: found together with --all"),
    ],
)
def test_what_cannot_be_drawn_is_said_before_the_work(monkeypatch, capsys, options, says):
    code, _, err = command(monkeypatch, capsys, "run", "2026-10", *options)

    assert code == 2 and says in err
