import base64
import hashlib
import html
import json
import re

import nbformat
import plotly.offline
import pytest
from nbconvert.exporters import get_exporter

from recon_kit import narrative, report
from recon_kit.errors import ReportError
from recon_kit.record import load_run
from recon_kit.resources import notebooks_dir, templates_dir
from recon_kit.workcopy import copy_notebooks

CJK = re.compile("[\u4e00-\u9fff]")
PAGES = ("intake_review.html", "monthly_review.html", "management_pack.html", "post_mortem.html", "index.html")


PACKED = re.compile(r'<script type="application/zlib"[^>]*>(.*?)</script>')


def without_scripts(page: str) -> str:
    """All that a reader is shown: no program, no style, the details unpacked."""
    page = PACKED.sub(lambda script: html.escape(json.dumps(report.unpack_json(script[1]), ensure_ascii=False)), page)
    return re.sub(r"<script\b(?![^>]*application/json)[^>]*>.*?</script>|<style>.*?</style>", "", page, flags=re.DOTALL)


def test_the_policy_lets_exactly_the_scripts_of_the_page_run(pages):
    page = (pages["zh"] / "monthly_review.html").read_text("utf-8")
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    scripts = re.findall(r"<script(?: type=\"module\")?>(.*?)</script>", page, re.DOTALL)

    hashes = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for text in scripts}

    assert len(scripts) == 3
    assert set(re.search(r"script-src ([^;]+)", policy)[1].split()) == hashes
    assert policy.startswith("default-src 'none'")


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_page_loads_nothing_and_links_only_to_its_own_folder(pages, language, name):
    page = without_scripts((pages[language] / name).read_text("utf-8"))

    links = re.findall(r'(?:href|src)="([^"]*)"', page)

    assert [link for link in links if re.match(r"\w+:|//|/", link)] == []
    assert not re.search(r"\bon\w+=|@import|url\(", page)


@pytest.mark.parametrize("name", PAGES)
def test_the_english_page_has_no_chinese_and_says_so(pages, name):
    page = (pages["en"] / name).read_text("utf-8")

    assert '<html lang="en">' in page
    assert CJK.findall(without_scripts(page)) == []


@pytest.mark.parametrize("name", PAGES)
def test_the_chinese_page_has_no_english_labels(pages, name):
    page = (pages["zh"] / name).read_text("utf-8")
    words = html.unescape(
        re.sub("<[^>]*>", " ", re.sub(r"<(title|footer)\b.*?</\1>", "", without_scripts(page), flags=re.DOTALL))
    )

    assert '<html lang="zh-CN">' in page
    assert re.findall(r"\b(?:[A-Z][a-z]+|of|the|and|per) (?:[a-z]+)\b", words) == []


@pytest.mark.parametrize(
    ("name", "sections"),
    [("monthly_review.html", 17), ("intake_review.html", 7), ("management_pack.html", 22), ("post_mortem.html", 10)],
)
def test_every_section_is_in_the_contents_and_every_link_leads_somewhere(pages, name, sections):
    page = (pages["zh"] / name).read_text("utf-8")
    contents = re.search(r"<nav.*?</nav>", page, re.DOTALL)[0]
    ids = set(re.findall(r'id="([^"]+)"', page))

    anchors = re.findall(r'href="#([^"]+)"', page)

    assert len(re.findall("<h2", without_scripts(page))) == len(re.findall("<li>", contents)) == sections
    assert set(anchors) <= ids


@pytest.mark.parametrize(("name", "ties"), [("monthly_review.html", 19), ("intake_review.html", 8)])
def test_every_section_of_a_review_ends_in_a_tie(pages, name, ties):
    assert (pages["zh"] / name).read_text("utf-8").count('class="tie"') == ties


def test_every_section_of_the_pack_that_sums_ends_in_a_tie(pages):
    assert (pages["zh"] / "management_pack.html").read_text("utf-8").count('class="tie"') == 16


def test_the_page_shows_no_code_and_no_error(pages):
    page = without_scripts((pages["zh"] / "monthly_review.html").read_text("utf-8"))

    assert "display." not in page
    assert "Traceback" not in page
    assert 'class="error"' not in page


@pytest.mark.parametrize("name", sorted({*PAGES} - {"post_mortem.html"}))
def test_every_bound_figure_of_a_written_page_is_that_of_its_table(pages, name):
    assert narrative.verify_figures((pages["zh"] / name).read_text("utf-8"), load_run(pages["zh"])) > 14


def test_the_door_links_to_every_page_the_work_list_and_every_table(pages):
    door = (pages["zh"] / "index.html").read_text("utf-8")
    links = set(re.findall(r'href="([^"#]+)"', door))

    assert {
        "intake_review.html",
        "monthly_review.html",
        "management_pack.html",
        "discrepancies.xlsx",
        "summary.json",
        "MANIFEST.json",
        "tables/bridge.parquet",
    } <= links


def test_a_page_made_twice_is_byte_equal_and_small(pages, tmp_path):
    run = load_run(pages["zh"])
    executed = report.execute_notebook(notebooks_dir() / "03_monthly_review.ipynb", run, "zh", tmp_path)

    page = report.render_notebook(executed, run, "zh")

    assert page == (pages["zh"] / "monthly_review.html").read_text("utf-8")
    assert len(page.encode()) < 3_000_000


def test_details_are_packed_to_a_fraction_and_unpack_to_what_they_were():
    detail = {"rows": [["</script>", n, "旗舰店"] for n in range(2_000)]}

    packed = report.pack_json(detail)

    assert re.fullmatch("[A-Za-z0-9+/=]+", packed) and len(packed) < 12_000
    assert report.unpack_json(packed) == detail


def notebook(tmp_path, *sources: str, parameters: str = 'period = ""\nrun_dir = ""\nconfig_path = ""\nlanguage = ""'):
    cells = [nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]}), *map(nbformat.v4.new_code_cell, sources)]
    kernel = {"kernelspec": {"name": "python3", "language": "python", "display_name": "Python 3"}}
    path = tmp_path / "made.ipynb"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), path)
    return path


def test_a_cell_that_fails_is_an_error_that_names_the_cell(run_folder, tmp_path):
    path = notebook(tmp_path, "raise ValueError('no')")

    with pytest.raises(ReportError, match=r"made\.ipynb, cell .: ValueError: no"):
        report.execute_notebook(path, load_run(run_folder), "zh", run_folder)


def test_a_cell_that_ends_the_kernel_early_does_not_pass_for_a_finished_notebook(run_folder, tmp_path):
    path = notebook(tmp_path, "import sys\nsys.exit(0)", "1")

    with pytest.raises(ReportError, match=r"expected (all|every cell)"):
        report.execute_notebook(path, load_run(run_folder), "zh", run_folder)


def test_a_kernel_that_dies_is_an_error_and_not_a_traceback(run_folder, tmp_path):
    path = notebook(tmp_path, "import os\nos._exit(9)")

    with pytest.raises(ReportError, match="the kernel stopped"):
        report.execute_notebook(path, load_run(run_folder), "zh", run_folder)


def test_a_parameter_that_papermill_must_not_set_is_refused(run_folder, tmp_path):
    path = notebook(tmp_path, parameters='period = ""\nlanguage = ""')

    with pytest.raises(ReportError, match="parameters cell names language, period"):
        report.execute_notebook(path, load_run(run_folder), "zh", tmp_path)


def test_nothing_is_written_when_a_notebook_fails(run_folder, monkeypatch):
    def fail(*_):
        raise ReportError("cell 3")

    monkeypatch.setattr(report, "execute_notebook", fail)

    with pytest.raises(ReportError):
        report.write_run_pages(run_folder, language="zh")
    assert list(run_folder.glob("*.html")) == []


def test_plotly_of_the_page_is_the_plotly_that_made_the_figures():
    bundled = re.search(
        r"plotly\.js \(basic - minified\) v([\d.]+)", (templates_dir() / "plotly-basic.min.js").read_text("utf-8")
    )[1]

    assert bundled == plotly.offline.get_plotlyjs_version(), (
        "npm pack plotly.js-basic-dist-min of that version, copy its plotly-basic.min.js"
    )


def test_nbconvert_knows_the_exporter_by_name_and_it_needs_no_run():
    exporter = get_exporter("recon_html")()
    cell = nbformat.v4.new_markdown_cell("# 问？\n\n<!-- en -->\n\n# Why?")

    page, _ = exporter.from_notebook_node(nbformat.v4.new_notebook(cells=[cell]))

    assert exporter.__class__ is report.ReconHTMLExporter
    assert "<title>问？</title>" in page


def test_an_unknown_language_is_refused():
    with pytest.raises(ReportError, match="language 'fr'"):
        report.ReconHTMLExporter().from_notebook_node(nbformat.v4.new_notebook(), {"recon": {"language": "fr"}})


def own_notebooks(folder, **sources: str):
    """A folder of notebooks of the user's own, each with a title in two languages and one cell."""
    for name, source in sources.items():
        path = notebook(folder, source)
        made = nbformat.read(path, as_version=4)
        made.cells.insert(0, nbformat.v4.new_markdown_cell(f"# {name} 怎么样？\n<!-- en -->\n# How is {name}?"))
        nbformat.write(made, folder / f"{name}.ipynb")
        path.unlink()
    return folder


def test_a_notebook_of_the_users_own_replaces_the_shipped_one_or_adds_a_page(run_folder, tmp_path):
    (tmp_path / "mine").mkdir()
    mine = own_notebooks(tmp_path / "mine", **{"03_monthly_review": "print(period)", "10_my_shop": "print(language)"})

    sources = report.page_sources(load_run(run_folder), mine)
    assert list(sources) == ["intake_review", "monthly_review", "management_pack", "post_mortem", "my_shop"]
    assert sources["monthly_review"].parent == mine and sources["intake_review"].parent != mine
    door = report.render_door(load_run(run_folder), "zh", sources)
    assert '<a href="my_shop.html">10_my_shop 怎么样？</a>' in door

    executed = report.execute_notebook(sources["my_shop"], load_run(run_folder), "en", tmp_path)
    assert "<pre>en" in report.render_notebook(executed, load_run(run_folder), "en")


@pytest.mark.parametrize(("name", "says"), [("10 My Shop", "cannot be the page"), ("5_index", "cannot be the page index")])
def test_a_notebook_whose_name_is_no_page_is_refused(run_folder, tmp_path, name, says):
    (tmp_path / "mine").mkdir()

    with pytest.raises(ReportError, match=says):
        report.page_sources(load_run(run_folder), own_notebooks(tmp_path / "mine", **{name: "1"}))


def test_a_folder_without_notebooks_is_refused(run_folder, tmp_path):
    with pytest.raises(ReportError, match="recon-kit lab"):
        report.page_sources(load_run(run_folder), tmp_path)


def test_a_working_copy_that_lab_made_adds_no_page_of_its_own(run_folder, tmp_path):
    copies = copy_notebooks(tmp_path / "notebooks-work", {})

    sources = report.page_sources(load_run(run_folder), tmp_path / "notebooks-work")

    assert set(sources.values()) < set(copies) and list(sources) == list(report.page_sources(load_run(run_folder)))
