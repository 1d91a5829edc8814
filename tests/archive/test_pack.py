"""One zip to send: whole, masked, the same for the same run, and every link of it works where it is unpacked."""

import json
import re
import zipfile
from pathlib import Path
from urllib.parse import unquote

import pytest
from typer.testing import CliRunner

from recon_kit.archive.pack import write_pack
from recon_kit.archive.sealed import closed_periods
from recon_kit.cli import app
from recon_kit.durable import sha256
from recon_kit.errors import ArchiveError
from tests.months import close, write_data, write_month

PAGES = {
    "monthly_review.html": b'<a href="index.html">door</a> <a href="#top">up</a><script>"<a href=\\"x\\">"</script>',
    "intake_review.html": b'<a href="monthly_review.html#findings">1</a>',
    "discrepancies.xlsx": b"PK list",
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pack")
    data = write_data(folder / "data")
    lists = folder / "out" / "worklists" / "2026-10"
    lists.mkdir(parents=True)
    (lists / "cs.xlsx").write_bytes(b"PK work")
    (lists / ".warehouse.new").write_bytes(b"half")
    return write_month(folder / "out", data, files=PAGES)


def unpacked(pack: Path, folder: Path) -> Path:
    with zipfile.ZipFile(pack) as archive:
        assert archive.testzip() is None
        archive.extractall(folder)
    return folder


def test_every_link_works_where_it_is_unpacked(run, tmp_path):
    lists = run.parent / "worklists" / "2026-10"
    pack = write_pack(run, tmp_path / "a" / "pack.zip", comment="看这里", lists=lists)
    folder = unpacked(pack, tmp_path / "elsewhere")

    seen, left = set(), ["index.html"]
    while left:
        page = left.pop()
        seen.add(page)
        text = re.sub("<script.*?</script>", "", (folder / page).read_text("utf-8"), flags=re.DOTALL)
        for href in map(unquote, re.findall(r'href="([^"#]+)', text)):
            assert (folder / href).is_file(), href
            if href.endswith(".html") and href not in seen:
                left.append(href)
    assert seen == {"index.html", "monthly_review.html", "intake_review.html"}
    assert [path.name for path in (folder / "worklists").iterdir()] == ["cs.xlsx"]
    assert '<a href="worklists/cs.xlsx">客服</a>' in (folder / "index.html").read_text("utf-8")


def test_its_manifest_lists_every_file_and_no_data_is_in_it(run, tmp_path):
    folder = unpacked(write_pack(run, tmp_path / "pack.zip"), tmp_path / "pack")

    stated = json.loads((folder / "MANIFEST.json").read_text("utf-8"))
    there = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    assert {file["file"]: file["sha256"] for file in stated["files"]} == {
        name: sha256(path) for name, path in there.items() if name != "MANIFEST.json"
    }
    assert stated["period"] == "2026-10" and stated["run_id"] and not any(name.endswith(".parquet") for name in there)


def test_equal_runs_give_equal_bytes_and_nothing_knows_the_machine(run, tmp_path):
    first, second = (write_pack(run, tmp_path / name / "pack.zip", comment="同") for name in "ab")

    assert first.read_bytes() == second.read_bytes()
    folder = unpacked(first, tmp_path / "pack")
    for path in folder.rglob("*"):
        if path.is_file():
            assert not any(str(place).encode() in path.read_bytes() for place in (tmp_path, run, Path.home() / "x"))


def test_the_comment_is_text_and_masked(run, tmp_path):
    told = "平台补贴\n联系人：张三丰 13800138000\n<script>x</script>"
    page = (unpacked(write_pack(run, tmp_path / "p.zip", comment=told), tmp_path / "p") / "index.html").read_text("utf-8")

    assert "<p>平台补贴</p>" in page and "13800138000" not in page and "张三丰" not in page and "<script>x" not in page


def test_a_closed_month_names_who_signed_in_the_box_and_its_seal(tmp_path):
    data = write_data(tmp_path / "data")
    run = write_month(tmp_path / "out", data, files=PAGES)
    link = close(tmp_path / "out", data)

    pack = write_pack(run, tmp_path / "p.zip", closed=closed_periods(tmp_path / "out")["2026-10"])

    page = (unpacked(pack, tmp_path / "p") / "index.html").read_text("utf-8")
    assert "王会计" in page and "李主管" in page and link.sha256 in page and "2026-11-05" in page
    assert json.loads((tmp_path / "p" / "MANIFEST.json").read_text("utf-8"))["seal"]["sha256"] == link.sha256


def test_a_run_without_pages_or_with_a_link_that_leads_nowhere_is_refused(tmp_path):
    data = write_data(tmp_path / "data")
    bare = write_month(tmp_path / "out", data)
    with pytest.raises(ArchiveError, match="has no pages"):
        write_pack(bare, tmp_path / "p.zip")
    lost = write_month(tmp_path / "out", data, files={"a.html": b'<a href="tables/x.parquet">x</a>'})
    with pytest.raises(ArchiveError, match=r"links to tables/x\.parquet"):
        write_pack(lost, tmp_path / "p.zip")
    with pytest.raises(ArchiveError, match="no run to pack"):
        write_pack(tmp_path / "data", tmp_path / "p.zip")
    assert not (tmp_path / "p.zip").exists()


def test_the_command_takes_the_comment_from_a_file_and_writes_beside_the_results(run, tmp_path):
    note = tmp_path / "说明.txt"
    note.write_text("\ufeff本月平稳", encoding="utf-8")

    named = CliRunner().invoke(
        app, ["pack", "2026-10", "--reports", str(run.parent), "--out", str(tmp_path / "x.zip"), "--comment", str(note)]
    )
    beside = CliRunner().invoke(app, ["pack", "2026-10", "--out", str(run.parent)])

    assert (named.exit_code, beside.exit_code) == (0, 0)
    assert "本月平稳" in (unpacked(tmp_path / "x.zip", tmp_path / "x") / "index.html").read_text("utf-8")
    with zipfile.ZipFile(run.parent / "2026-10.zip") as pack:
        assert "worklists/cs.xlsx" in pack.namelist()
