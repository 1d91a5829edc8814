"""A casebook that is not there yet begins with the one beside the exports, whole or not at all; and the sample brings one."""

from __future__ import annotations

import json
import shutil
import tomllib
from html import unescape
from pathlib import Path

import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit import postmortem_view as view
from recon_kit.casebook import NO_HISTORY, begin_casebook, entry_states, item_states, open_casebook, read_opening, verify_events
from recon_kit.casebook.states import read_events, write_offs
from recon_kit.cli import app
from recon_kit.config import load_config
from recon_kit.errors import CasebookError
from recon_kit.postmortem import Incident, choose_incident
from recon_kit.record import Run, load_run
from recon_kit.report import execute_notebook, render_notebook, write_workbook
from recon_kit.resources import notebooks_dir
from recon_kit.run import run_period
from recon_kit.sample_casebook import STORY
from tests.sample import SAMPLE


@pytest.fixture(scope="module")
def opening() -> pl.DataFrame:
    """The sample's worked September."""
    return read_opening(SAMPLE)


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of results that had no casebook before October was run in it."""
    folder = tmp_path_factory.mktemp("opening")
    run_period("2026-10", SAMPLE, folder, config=load_config(SAMPLE / "recon.toml"), pages=False)
    return folder


def test_a_run_that_finds_no_casebook_carries_what_the_opening_left_open(out, opening):
    items = pl.read_parquet(out / "2026-10" / "tables" / "open_items.parquet")
    left = item_states(opening).filter(pl.col("status").is_in(["open", "explained"]))

    assert set(items.filter(pl.col("origin") == "opening")["discrepancy_id"]) == set(left["discrepancy_id"])
    assert left.height == 11


def test_the_casebook_then_begins_with_the_same_events_and_the_same_hashes(out, opening):
    events = open_casebook(out / "casebook.db").events()

    verify_events(events)
    assert events.head(opening.height).equals(opening)
    assert events.filter(pl.col("seq") > opening.height)["kind"].to_list().count("run") == 1


def test_a_casebook_that_is_there_is_not_begun_again(out, opening):
    before = open_casebook(out / "casebook.db").events()

    assert begin_casebook(out / "casebook.db", opening).events().equals(before)


def test_what_the_history_prints_is_an_opening(out, tmp_path):
    printed = CliRunner().invoke(app, ["cases", "history", "--out", str(out), "--json"])
    (tmp_path / "casebook.json").write_text(printed.stdout, encoding="utf-8")

    assert read_opening(tmp_path).equals(open_casebook(out / "casebook.db").events())


def test_a_run_without_a_casebook_reads_no_opening(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "casebook.json").write_text("no events", encoding="utf-8")
    (tmp_path / "data" / "orders.csv").write_bytes((SAMPLE / "orders_export202610.csv").read_bytes())
    about = {"config": load_config(None), "pages": False}

    run_period("2026-10", tmp_path / "data", tmp_path / "out", casebook=False, **about)
    with pytest.raises(CasebookError, match=r"casebook\.json: cannot be read as events"):
        run_period("2026-10", tmp_path / "data", tmp_path / "out", **about)


def test_an_event_that_was_changed_is_named(tmp_path):
    told = json.loads((SAMPLE / "casebook.json").read_text(encoding="utf-8"))
    told[20]["why"] = "另一个理由"
    (tmp_path / "casebook.json").write_text(json.dumps(told, ensure_ascii=False), encoding="utf-8")

    with pytest.raises(CasebookError, match=r"casebook\.json: casebook, event 21: found an event that does not follow"):
        read_opening(tmp_path)


@pytest.mark.parametrize("text", ["", "[", "7", '[{"seq": 1}]', "[1]", '{"a": {"at": "x"}}'])
def test_what_is_no_list_of_events_is_refused(tmp_path, text):
    (tmp_path / "casebook.json").write_text(text, encoding="utf-8")

    with pytest.raises(CasebookError, match="cannot be read as events"):
        read_opening(tmp_path)


def test_without_an_opening_a_casebook_begins_empty(tmp_path):
    assert read_opening(tmp_path).equals(NO_HISTORY)


def test_every_decision_of_the_sample_s_story_was_taken(opening):
    acts = tomllib.loads(STORY.read_text(encoding="utf-8"))["act"]
    by_people = opening.filter(pl.col("by") != "recon_kit")

    assert by_people.height == len(acts)
    assert sorted(by_people["kind"]) == sorted(act["kind"] for act in acts)
    assert by_people["at"].is_sorted() and by_people["at"].dt.date().max().isoformat() < "2026-10-31"


def test_the_sample_s_september_was_worked_under_four_eyes(opening):
    states = {row["code"]: row for row in item_states(opening).iter_rows(named=True)}
    off = {row["code"]: row for row in write_offs(read_events(opening)).iter_rows(named=True)}

    assert {code: states[code]["status"] for code in ("P01", "C05", "L01", "P02")} == {
        "P01": "written_off",
        "C05": "closed",
        "L01": "explained",
        "P02": "open",
    }
    assert off["P01"]["status"] == "approved" and off["P01"]["by"] not in off["P01"]["approved_by"]
    assert off["C05"]["status"] == "rejected"
    assert entry_states(opening).filter(pl.col("status") == "approved").height == 3


def test_an_entry_in_red_is_approved_at_what_it_moves(opening):
    entry = entry_states(opening).filter(pl.col("discrepancy_ids").list.contains("Dcdc033b747c60a92")).row(0, named=True)

    assert (entry["effect"], entry["status"], entry["amount_fen"]) == ("correction", "approved", 35680)


@pytest.mark.parametrize(("code", "came_back"), [("S03", 2), ("P02", 2), ("L10", 2), ("S08", 2), ("K04", 0)])
def test_the_query_that_a_post_mortem_prints_lists_what_came_back(out, code, came_back):
    """The lines of September's post-mortem, run once October was: what is first seen in October, by code."""
    run = load_run(out / "2026-10")
    september = Run(run.folder, {**run.summary, "period": "2026-09"})
    shown = view.again(september, Incident((code,), run.findings.clear()), "en").html
    query = next(line for line in unescape(shown).splitlines() if "cases list" in line).split("<")[0]
    words = query.replace("OUT", str(out)).split()[1:]

    listed = CliRunner().invoke(app, [*words, "--json"], catch_exceptions=False)

    found = json.loads(listed.stdout)
    new = run.table("open_items").filter((pl.col("code") == code) & (pl.col("first_period") == "2026-10"))
    assert {row["discrepancy_id"] for row in found} == set(new["discrepancy_id"]) and len(found) == came_back
    assert {row["first_period"] for row in found} <= {"2026-10"}


def test_equal_runs_on_a_casebook_give_byte_equal_tables_pages_and_work_lists(out, tmp_path):
    """The second run finds the casebook that the first one began, in which it stands itself."""
    folders = [tmp_path / name / "2026-10" for name in ("one", "two")]
    shutil.copytree(out / "2026-10", folders[0])
    run_period("2026-10", SAMPLE, out, config=load_config(SAMPLE / "recon.toml"), pages=False)
    shutil.copytree(out / "2026-10", folders[1])

    for folder in folders:
        run = load_run(folder)
        write_workbook(folder, language="zh")
        executed = execute_notebook(notebooks_dir() / "04_management_pack.ipynb", run, "zh", tmp_path)
        (folder / "management_pack.html").write_text(render_notebook(executed, run, "zh"), encoding="utf-8")
        (folder / "post_mortem.html").write_text(_told_of_the_incident(run), encoding="utf-8")
    one, two = ({path.relative_to(f).as_posix(): path.read_bytes() for path in f.rglob("*") if path.is_file()} for f in folders)

    assert [name for name in one if one[name] != two[name]] == [] and one.keys() == two.keys()
    assert "会计-何" in one["management_pack.html"].decode()


def _told_of_the_incident(run: Run) -> str:
    """What the post-mortem takes from the casebook."""
    incident = choose_incident(run)
    shown = (view.timeline, view.whys_table, view.recurrence_table, view.actions, view.again)
    return "".join(piece(run, incident, "zh").html for piece in shown)
