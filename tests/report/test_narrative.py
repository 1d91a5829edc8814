import json

import polars as pl
import pytest

from recon_kit import narrative
from recon_kit.errors import ReportError, TieError
from recon_kit.record import load_run


def restate(run_folder, **changes):
    path = run_folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")
    return load_run(run_folder)


@pytest.fixture
def sentences(monkeypatch, tmp_path):
    def use(text: str):
        (tmp_path / "narrative.toml").write_text(f"[only]\nzh = '''{text}'''\nen = '''{text}'''\n", encoding="utf-8")
        monkeypatch.setattr(narrative, "templates_dir", lambda: tmp_path)
        narrative._sentences.cache_clear()

    yield use
    narrative._sentences.cache_clear()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_figure_of_the_story_is_bound_and_verifies_against_its_table(run_folder, language):
    run = load_run(run_folder)

    story = narrative.render_story(run, language)

    assert narrative.verify_figures(story, run) == story.count("data-figure") > 15


def test_a_figure_that_summary_states_otherwise_is_stale(run_folder):
    bridge = load_run(run_folder).summary["bridge"]
    run = restate(run_folder, bridge=bridge | {"B0": bridge["B0"] + 1})

    with pytest.raises(ReportError, match=r"bridge\.B0 is stale"):
        narrative.render_story(run, "zh")


def test_a_page_whose_table_has_moved_on_is_refused(run_folder):
    story = narrative.render_story(load_run(run_folder), "zh")
    bridge = pl.read_parquet(run_folder / "tables/bridge.parquet")
    lines = {row["line"]: row["amount_fen"] + (100 if row["line"] in ("A0", "C0") else 0) for row in bridge.to_dicts()}
    bridge.with_columns(amount_fen=pl.Series(list(lines.values()))).write_parquet(run_folder / "tables/bridge.parquet")
    run = restate(run_folder, bridge=lines)

    with pytest.raises(TieError, match=r"bridge\.A0 is written as"):
        narrative.verify_figures(story, run)


def test_a_digit_that_is_bound_to_no_table_is_refused(run_folder, sentences):
    sentences("共 12 项")

    with pytest.raises(ReportError, match="bound to no table"):
        narrative.render_story(load_run(run_folder), "zh")


def test_a_figure_nobody_defined_is_refused(run_folder, sentences):
    sentences('{{ figure("bridge.Z9") }}')

    with pytest.raises(ReportError, match=r"bridge\.Z9"):
        narrative.render_story(load_run(run_folder), "zh")


def test_a_name_the_sentence_may_not_use_is_refused(run_folder, sentences):
    sentences("{{ total }}")

    with pytest.raises(ReportError, match="total"):
        narrative.render_story(load_run(run_folder), "zh")


def test_business_text_in_a_sentence_is_escaped(hostile_run):
    story = narrative.render_story(load_run(hostile_run), "zh")

    assert "<script" not in story
    assert "&lt;script&gt;" in story


def why(*rows: tuple[str | None, str | None, str | None]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema={"why_key": pl.String, "why_facts": pl.String, "why": pl.String}, orient="row")


@pytest.fixture
def why_templates(monkeypatch, tmp_path):
    text = (
        "[C05]\nzh = '应退 {{ final_fen | yuan }} 元，差 {{ gap_fen | signed }} 元，{{ at | day }}'\n"
        "en = '{{ final_fen | yuan }} due, {{ gap_fen | signed }} off, {{ at | day }}'\n"
    )
    (tmp_path / "why.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(narrative, "templates_dir", lambda: tmp_path)
    narrative._why_templates.cache_clear()
    yield
    narrative._why_templates.cache_clear()


FACTS = '{"final_fen": 123456, "gap_fen": 1, "at": "2026-10-03T09:30:00+08:00"}'


@pytest.mark.usefixtures("why_templates")
def test_why_is_filled_from_its_facts_in_the_language_of_the_run():
    frame = why(("C05", FACTS, None))

    assert narrative.render_why(frame, "zh")["why"].to_list() == ["应退 1,234.56 元，差 +0.01 元，2026-10-03"]
    assert narrative.render_why(frame, "en")["why"].to_list() == ["1,234.56 due, +0.01 off, 2026-10-03"]


@pytest.mark.usefixtures("why_templates")
def test_a_row_without_a_key_keeps_its_why_and_an_empty_frame_stays_empty():
    assert narrative.render_why(why((None, None, "as it was")), "zh")["why"].to_list() == ["as it was"]
    assert narrative.render_why(why(), "zh").schema["why"] == pl.String


@pytest.mark.usefixtures("why_templates")
@pytest.mark.parametrize("row", [("C05", '{"final_fen": 1}', None), ("C99", "{}", None), ("C05", "not json", None)])
def test_a_missing_fact_an_unknown_key_or_broken_facts_fail(row):
    with pytest.raises(ReportError, match=r"why\.toml"):
        narrative.render_why(why(row), "zh")
