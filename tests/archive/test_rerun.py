"""A closed month run again: the same files are the same run, other files are a restatement beside it, later months find K04."""

import json
import re
import shutil
from datetime import datetime
from pathlib import Path
from urllib.parse import unquote

import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit import publish
from recon_kit.archive.close import Books, close_period, reopen_period
from recon_kit.archive.verify import verify_archive
from recon_kit.casebook import open_casebook
from recon_kit.cli import app
from recon_kit.config import Config
from recon_kit.periods import SHANGHAI
from recon_kit.run import run_period
from recon_kit.schema import TABLES, conform
from recon_kit.synth.writers.template import as_template
from tests.months import SIGNED_AT, digest_of
from tests.world import case, order, receipt, refund, voucher

SIGNED = datetime(2026, 10, 5, 10, tzinfo=SHANGHAI)


def write_exports(folder: Path, paid: str = "30.00") -> Path:
    """September and October as templates: one refund in each, booked."""
    folder.mkdir(exist_ok=True)
    tables = {
        "orders": [order("O1", on="2026-09-03"), order("O2", on="2026-10-03")],
        "aftersales": [case("C1", "O1", done="2026-09-10"), case("C2", "O2", done="2026-10-10")],
        "flows": [
            receipt("O1", on="2026-09-03"),
            refund("F1", paid, on="2026-09-10", case_id="C1"),
            receipt("O2", on="2026-10-03"),
            refund("F2", on="2026-10-10", case_id="C2"),
        ],
        "voucher_lines": [*voucher("V1", ("C1", "30.00"), on="2026-09-10"), *voucher("V2", ("C2", "30.00"), on="2026-10-10")],
    }
    for name, rows in tables.items():
        columns = {column: TABLES[name].polars_schema[column] for row in rows for column in row}
        frame = conform(pl.DataFrame(rows, schema=columns), TABLES[name]).drop("source_file", "source_row")
        stated = frame.select(column.name for column in frame if column.count())
        as_template(stated, name, "zh").write_csv(folder / f"{TABLES[name].label}.csv", include_bom=True)
    return folder


def rerun(out: Path, data: Path, period: str = "2026-09"):
    return run_period(period, data, out, config=Config(), pages=False)


@pytest.fixture(scope="module")
def september(tmp_path_factory):
    """September run and closed; its exports beside it."""
    folder = tmp_path_factory.mktemp("september")
    out, data = folder / "out", write_exports(folder / "data")
    assert rerun(out, data).verdict == "reconciled"
    books = Books(data, out, Config(), None, open_casebook(out / "casebook.db"))
    close_period("2026-09", books, by="李主管", prepared_by="王会计", at=SIGNED)
    return folder


@pytest.fixture
def closed(tmp_path, september):
    shutil.copytree(september, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out", tmp_path / "data"


def test_the_same_files_are_the_same_run_and_nothing_changes(closed):
    out, data = closed
    before = digest_of(out)

    again = rerun(out, data)

    assert (again.standing, again.run_dir, again.verdict) == ("closed", out / "2026-09", "reconciled")
    assert digest_of(out) == before


def test_other_files_never_replace_it_and_are_restated_beside_it_once(closed):
    out, data = closed
    before = digest_of(out / "2026-09"), digest_of(out / "archive")
    write_exports(data, paid="35.00")

    again = rerun(out, data)

    assert again.standing == "restated" and again.run_dir.parent == out / "restatements" / "2026-09"
    assert (digest_of(out / "2026-09"), digest_of(out / "archive")) == before
    told = pl.read_parquet(again.run_dir / "restatement.parquet")
    assert told.filter(area="rows").select("key", "moved_fen").rows() == [("wechat|F1", -500)]
    found = pl.read_parquet(again.run_dir / "tables" / "discrepancies.parquet")
    assert found.filter(code="K04")["key"].to_list() == ["wechat|F1"]
    page = (again.run_dir / "index.html").read_text("utf-8")
    assert "30.00 → 35.00" in page
    assert "-35.00" in page and "wechat|F1" in page and "李主管" in page
    links = [unquote(href) for href in re.findall(r'href="([^"#]+)"', page)]
    assert links and all((again.run_dir / href).is_file() for href in links)
    assert publish.identity(again.run_dir) == again.run_dir.name
    assert verify_archive(out, out / "casebook.db").first is None

    assert rerun(out, data).run_dir == again.run_dir and len(list(again.run_dir.parent.glob("[!.]*"))) == 1
    told = open_casebook(out / "casebook.db").events(kinds=["restated"])
    assert told["subject"].to_list() == ["period:2026-09"]


def test_next_month_finds_what_was_changed_in_the_closed_one_and_names_its_seal(closed):
    out, data = closed
    quiet = rerun(out, data, "2026-10")
    assert "K04" not in quiet.summary["not_checked"] and quiet.verdict == "reconciled"
    seal = publish.read_manifest(out / "2026-10")["sealed"]
    assert list(seal) == ["2026-09"]

    write_exports(data, paid="35.00")
    loud = rerun(out, data, "2026-10")

    assert loud.summary["codes"]["K04"]["n"] == 1 and loud.verdict in ("warnings", "breaks")


def test_after_reopening_the_month_is_run_again_and_replaced(closed):
    out, data = closed
    reopen_period("2026-09", out, open_casebook(out / "casebook.db"), by="李主管", why="补账单", at=SIGNED_AT)
    write_exports(data, paid="35.00")

    assert rerun(out, data).standing == "published"
    assert not rerun(out, data, "2026-10").summary["compares_closed"]


def test_without_the_mark_in_the_folder_the_chain_still_says_that_it_is_closed(closed):
    out, data = closed
    (out / "2026-09" / publish.SEALED).unlink()
    write_exports(data, paid="35.00")

    assert rerun(out, data).standing == "restated"
    assert publish.is_sealed(out / "2026-09")


def test_the_commands_close_prove_and_reopen(tmp_path, september, monkeypatch):
    shutil.copytree(september, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)

    def call(*words):
        return CliRunner().invoke(app, list(words), catch_exceptions=False)

    proved = call("verify", "--out", "out", "--json")
    assert proved.exit_code == 0 and json.loads(proved.stdout)["is_intact"] is True
    again = call("run", "2026-09", "--data", "data", "--out", "out", "--no-pages")
    assert again.exit_code == 0 and "2026-09 已结账，资料与封存时相同" in again.stdout
    reopened = call("reopen", "2026-09", "--by", "李主管", "--why", "补账单", "--out", "out", "--at", "2026-10-06")
    assert reopened.exit_code == 0 and "2026-09/seal-1" in reopened.stdout
    closing = call(
        *("close", "2026-09", "--by", "李主管", "--prepared-by", "王会计", "--data", "data", "--out", "out"),
        *("--at", "2026-10-07T09:00:00+08:00"),
    )
    assert closing.exit_code == 0 and "archive/2026-09/seal-2" in closing.stdout
    (tmp_path / "out" / "archive" / "2026-09" / "seal-1" / "run" / "summary.json").write_text("{}")
    broken = call("verify", "--out", "out")
    assert broken.exit_code == 1 and "archive/2026-09/seal-1/run/summary.json" in broken.stdout
