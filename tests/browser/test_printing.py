"""The PDF of a page: every page of paper is there, with its text and its charts."""

import re
import zlib

import pytest

from recon_kit.errors import ReportError
from recon_kit.printing import find_browser, print_page


@pytest.mark.browser
def test_the_pack_is_printed_on_a4_with_its_charts(pages, tmp_path):
    print_page(pages["zh"] / "management_pack.html", tmp_path / "pack.pdf")

    content = (tmp_path / "pack.pdf").read_bytes()
    boxes = re.findall(rb"/MediaBox ?\[0 0 ([\d.]+) ([\d.]+)\]", content)
    drawn = sum(_paths(stream) for stream in re.findall(rb"stream\r?\n(.*?)endstream", content, re.DOTALL))
    assert content.startswith(b"%PDF")
    assert len(boxes) >= 4
    assert {tuple(round(float(side)) for side in box) for box in boxes} == {(595, 842)}
    assert drawn > 200, "bars of charts are filled paths"
    assert list(tmp_path.iterdir()) == [tmp_path / "pack.pdf"]


def _paths(stream: bytes) -> int:
    try:
        return len(re.findall(rb"\bf\*?\s", zlib.decompress(stream)))
    except zlib.error:
        return 0


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
