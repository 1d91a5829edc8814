"""What stands where a file should: folders, pipes, odd names, copies, overlaps, files of other months."""

import os
import re
import socket
from pathlib import Path

import pytest

from recon_kit.config import parse_config
from recon_kit.run import run_period
from tests.hostile.builders import bill, collected_from, flows, outcome_of, put, row, sheet


def test_a_folder_with_a_files_name_is_a_folder(tmp_path):
    assert outcome_of(put(tmp_path, {"a.csv/b.csv": bill()})) == ("accept", "")


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to(path.parent / "gone.csv")], ids=["pipe", "broken link"])
def test_what_is_no_file_is_refused_and_not_waited_for(tmp_path, make):
    make(tmp_path / "a.csv")

    for given in (tmp_path, tmp_path / "a.csv"):
        if given.exists():
            assert outcome_of(given)[0] == "reject"
            assert "no file that can be read through" in outcome_of(given)[1]


def test_a_socket_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # a socket's path may have a hundred bytes only
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("a.csv")

        assert outcome_of(Path())[0] == "reject"


def test_a_file_that_may_not_be_read_is_one_message(tmp_path, monkeypatch):
    def refuse(self, *args, **options):
        raise PermissionError(13, "Permission denied")

    put(tmp_path, {"a.csv": bill()})
    monkeypatch.setattr(Path, "open", refuse)

    outcome, said = outcome_of(tmp_path)

    assert outcome == "reject"
    assert said.startswith("a.csv: the file cannot be opened (Permission denied)")


@pytest.mark.parametrize(
    "name",
    ["a[1].csv", "*.csv", "a?.csv", "http:/a.example/b.csv", "s3:/bucket/a.csv", "file:a.csv", "a\nb.csv", "<b>.csv", "%2e.csv"],
)
def test_a_name_is_only_a_name(tmp_path, name):
    put(tmp_path, {"other.csv": flows(), name: bill()})

    assert collected_from(tmp_path).intake["rows_loaded"].to_list() in ([1, 2], [2, 1])


def test_a_parquet_file_with_the_name_of_an_address_is_opened_here(tmp_path, monkeypatch):
    (tmp_path / "http:").mkdir()
    collected_from(put(tmp_path / "data", {"a.csv": flows()})).tables.flows.with_columns(amount=1).select(
        "channel", "flow_id", "at", "kind"
    ).write_parquet(tmp_path / "http:" / "a.parquet")
    monkeypatch.chdir(tmp_path)

    assert outcome_of(Path("http:/a.parquet"))[0] == "warn"  # read, and no table has these columns only


def test_the_same_file_under_another_name_counts_once(tmp_path):
    outcome, said = outcome_of(put(tmp_path, {"a.csv": bill(), "副本 b.csv": bill()}))

    assert outcome == "warn"
    assert "副本 b.csv 与 a.csv 内容完全相同" in said
    assert collected_from(tmp_path).tables.flows.height == 2


def test_two_files_of_overlapping_days_count_each_row_once(tmp_path):
    put(tmp_path, {"a.csv": bill(row(1), row(2), row(2)), "b.csv": bill(row(2), row(3))})
    collected = collected_from(tmp_path)

    assert collected.tables.flows.height == 4
    assert collected.intake.select("rows_read", "rows_loaded", "rows_duplicate").rows() == [(3, 3, 0), (2, 1, 1)]
    assert outcome_of(tmp_path)[0] == "accept"


def test_a_workbook_saved_as_text_and_a_text_saved_as_a_workbook_are_read_for_what_they_are(tmp_path):
    cells = [line.split(",") for line in bill().splitlines()]
    put(tmp_path, {"a.csv": sheet(*cells), "b.xlsx": bill(row(3))})

    assert collected_from(tmp_path).tables.flows.height == 3


@pytest.mark.parametrize(("at", "says"), [("2026-12-01", "b.csv：全部在 2026-11-10 之后，不参与本期"), ("2026-11-05", "")])
def test_a_file_wholly_after_the_look_ahead_takes_no_part_and_is_named(tmp_path, at, says):
    put(tmp_path / "data", {"a.csv": bill(), "b.csv": bill(row(3, at=f"{at} 12:00:00"))})

    result = run_period("2026-10", tmp_path / "data", tmp_path / "out", config=parse_config({}), pages=False)

    assert [text for text in result.summary["remarks"] if re.search("b.csv", text)] == ([says + "。"] if says else [])
    assert result.summary["bridge"]["B0"] == 1000
