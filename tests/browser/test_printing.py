"""The PDF of a page: every page of paper is there, with its text and its charts."""

import re
import zlib

import pytest

from recon_kit.errors import ReportError
from recon_kit.printing import find_browser, print_page

WHOLE = """[...document.querySelectorAll('.chart, tr')].filter(place => place.getClientRects().length)
    .filter(place => getComputedStyle(place).breakInside !== 'avoid' || place.getBoundingClientRect().height > 920).length"""
"""Charts and rows that paper may cut in two: A4 less its margins is 980 pixels high."""


@pytest.mark.browser
def test_the_pack_is_printed_on_a4_with_its_charts_and_no_page_is_blank(pages, tmp_path):
    print_page(pages["zh"] / "management_pack.html", tmp_path / "pack.pdf")

    content = (tmp_path / "pack.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", content)
    sheets = _sheets(content)
    assert content.startswith(b"%PDF")
    assert 4 <= len(sheets) == len(boxes) <= 12
    assert {tuple(round(float(side)) for side in box) for box in boxes} == {(595, 842)}
    assert [number for number, sheet in enumerate(sheets, 1) if len(re.findall(rb"T[jJ]\b", sheet)) < 10] == []
    assert sum(len(re.findall(rb"\bf\*?\s", sheet)) for sheet in sheets) > 200, "bars of charts are filled paths"
    assert list(tmp_path.iterdir()) == [tmp_path / "pack.pdf"]


def _sheets(content: bytes) -> list[bytes]:
    """What is drawn on each sheet of a PDF, in order of its objects."""
    objects = dict(re.findall(rb"(\d+) 0 obj\b(.*?)\bendobj", content, re.DOTALL))
    drawn = [re.search(rb"/Contents (\d+) 0 R", each)[1] for each in objects.values() if re.search(rb"/Type /Page\b", each)]
    return [zlib.decompress(re.search(rb"stream\r?\n(.*)endstream", objects[number], re.DOTALL)[1]) for number in drawn]


@pytest.mark.browser
@pytest.mark.parametrize("name", ["management_pack", "monthly_review"])
def test_paper_cuts_no_chart_and_no_row_and_repeats_the_headings_of_a_table(pages, visit, name):
    page = visit(pages["en"] / f"{name}.html", 688)
    page.emulate_media(media="print")

    assert page.evaluate(WHOLE) == 0
    heads = page.evaluate("[...document.querySelectorAll('main thead')].map(head => getComputedStyle(head).display)")
    assert set(heads) == {"table-header-group"}
    wide = "[...document.querySelectorAll('main table')].filter(table => table.scrollWidth > 690).map(table => table.outerHTML)"
    assert page.evaluate(wide) == []


def test_a_browser_that_is_none_is_named(monkeypatch):
    monkeypatch.setenv("RECON_KIT_BROWSER", "no-such-browser")

    with pytest.raises(ReportError, match=r"RECON_KIT_BROWSER: no-such-browser is no program"):
        find_browser()


def test_without_a_browser_the_message_says_what_to_do(monkeypatch):
    monkeypatch.setattr("recon_kit.printing.shutil.which", lambda _: None)
    monkeypatch.setattr("recon_kit.printing.PLACES", {})

    with pytest.raises(ReportError, match="Install one, or name it in RECON_KIT_BROWSER"):
        find_browser()


def test_a_browser_that_prints_nothing_is_an_error_and_leaves_nothing(monkeypatch, tmp_path):
    monkeypatch.setenv("RECON_KIT_BROWSER", "true")
    (tmp_path / "page.html").write_text("<p>1</p>", encoding="utf-8")

    with pytest.raises(ReportError, match="printed nothing"):
        print_page(tmp_path / "page.html", tmp_path / "page.pdf")
    assert list(tmp_path.iterdir()) == [tmp_path / "page.html"]


def test_a_page_that_is_not_there_is_not_printed(tmp_path):
    with pytest.raises(ReportError, match="there is no such page"):
        print_page(tmp_path / "page.html", tmp_path / "page.pdf")
