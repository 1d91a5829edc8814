"""The notebooks as they are shipped: thin, in two languages, without outputs, and every cell runs."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from recon_kit.errors import ConfigError
from recon_kit.notebook import open_run, shipped_notebooks
from recon_kit.report import CHOICES, LANGUAGE_MARK, PARAMETERS
from recon_kit.workcopy import copy_notebooks, lab_command_line, lab_environment
from tests.explore.place import published

NOTEBOOKS = {path.stem: path for path in shipped_notebooks()}
LOGIC = re.compile(r"^\s*(def|class|for|while|if)\b|\.(join|filter|group_by|with_columns|select)\(", re.MULTILINE)


def cells(path, kind):
    return [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == kind]


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_code_cells_are_short_and_only_call_the_package(path):
    for cell in cells(path, "code"):
        assert len(cell.source.splitlines()) <= 10
        assert not LOGIC.search(cell.source)


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_markdown_is_in_both_languages_and_holds_no_figure(path):
    for cell in cells(path, "markdown"):
        chinese, mark, english = cell.source.partition(LANGUAGE_MARK)
        assert mark
        assert re.search("[\u4e00-\u9fff]", chinese)
        assert not re.search("[\u4e00-\u9fff]", english)
        assert not re.search(r"\d", cell.source)


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_the_title_is_a_question_and_there_is_one_parameters_cell_with_the_known_names(path):
    title = cells(path, "markdown")[0].source
    tagged = [cell for cell in cells(path, "code") if "parameters" in cell.metadata.get("tags", [])]

    assert re.match(r"# .*？\n", title)
    assert re.search(r"# .*\?\n", title)
    assert len(tagged) == 1
    assert set(re.findall(r"^(\w+) =", tagged[0].source, re.MULTILINE)) - CHOICES == PARAMETERS


@pytest.mark.parametrize("path", NOTEBOOKS.values(), ids=NOTEBOOKS)
def test_only_small_checked_outputs_are_kept(path):
    for cell in cells(path, "code"):
        if cell.outputs:
            assert {"nbval-check-output", "keep_output"} <= set(cell.metadata["tags"])
            assert sum(len(str(output)) for output in cell.outputs) < 1000


def nbval(folder, name: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "-q", "-p", "no:cacheprovider", "-c", os.devnull, name]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def nbval_on(run_dir, name: str, folder) -> subprocess.CompletedProcess[str]:
    notebook = load_notebook_node(str(NOTEBOOKS[name]))
    told = {"run_dir": str(run_dir)}
    nbformat.write(parameterize_notebook(notebook, told, kernel_name="python3", language="python"), folder / f"{name}.ipynb")
    return nbval(folder, f"{name}.ipynb")


@pytest.mark.parametrize("name", [name for name in NOTEBOOKS if not name.startswith(("00_", "02_"))])
def test_every_cell_runs_under_nbval_on_a_run(name, tmp_path, pages):
    done = nbval_on(pages["zh"], name, tmp_path)

    assert done.returncode == 0, done.stdout[-3000:]


def test_the_workplace_runs_under_nbval_on_a_published_run(tmp_path):
    book = published(tmp_path / "reports")

    done = nbval_on(book.out / "2026-10", "02_explore_discrepancies", tmp_path)

    assert done.returncode == 0, done.stdout[-3000:]


def test_start_here_computes_the_sample_and_its_kept_totals_hold(tmp_path):
    shutil.copy(NOTEBOOKS["00_start_here"], tmp_path)

    done = nbval(tmp_path, "00_start_here.ipynb")

    assert done.returncode == 0, done.stdout[-3000:]
    assert (tmp_path / "reports/2026-10/summary.json").is_file()


def test_a_working_copy_keeps_what_the_user_changed_and_takes_new_parameters(tmp_path):
    first = copy_notebooks(tmp_path / "mine", {"period": "2026-10"})
    review = next(path for path in first if path.stem == "03_monthly_review")
    edited = review.read_text("utf-8").replace("display.story(run, language)", "display.story(run, 'en')")
    review.write_text(edited, encoding="utf-8")

    again = copy_notebooks(tmp_path / "mine", {"period": "2026-09", "language": "en"})
    text = review.read_text("utf-8")

    assert again == first
    assert "display.story(run, 'en')" in text
    assert text.count("injected-parameters") == 1
    assert 'period = \\"2026-09\\"' in text


@pytest.mark.parametrize("parameters", [{"period": "2026-13"}, {"language": "fr"}])
def test_a_working_copy_refuses_what_no_notebook_can_open(tmp_path, parameters):
    with pytest.raises(ConfigError):
        copy_notebooks(tmp_path / "mine", parameters)

    assert not (tmp_path / "mine").exists()


def test_lab_serves_this_machine_only_with_this_python(tmp_path):
    command = lab_command_line(sys.executable, tmp_path, port=8890, browser=False)

    assert command[:3] == [sys.executable, "-m", "jupyterlab"]
    assert {"--ServerApp.ip=127.0.0.1", "--ServerApp.port=8890", "--no-browser"} <= set(command)


def test_lab_asks_nobody_for_news_and_keeps_the_settings_that_were_given():
    given = lab_environment({"JUPYTER_CONFIG_PATH": "/etc/ours", "HOME": "/home/x"})
    places = given["JUPYTER_CONFIG_PATH"].split(os.pathsep)

    assert places[0] == "/etc/ours" and given["HOME"] == "/home/x"
    disabled = json.loads(Path(places[1], "labconfig/page_config.json").read_text("utf-8"))["disabledExtensions"]
    assert disabled["@jupyterlab/apputils-extension:announcements"]


def test_a_finished_run_of_the_working_folder_is_opened_and_not_computed_again(run_folder, monkeypatch):
    (run_folder.parent / "reports").mkdir()
    run_folder.rename(run_folder.parent / "reports" / "2026-10")
    monkeypatch.chdir(run_folder.parent)

    assert open_run("2026-10").summary["period"] == "2026-10"
