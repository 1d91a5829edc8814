"""The whole way on the sample: found = planted, equal runs are equal bytes, and what the command tells its caller."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import subprocess
import sys

import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit.cli import app
from recon_kit.config import load_config
from recon_kit.run import run_period
from recon_kit.synth.edits import AnswerRow
from tests.prove.months import compare
from tests.sample import SAMPLE, outcome


def planted(period: str) -> list[AnswerRow]:
    with (SAMPLE / "answer_key.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = [row for row in csv.DictReader(file) if row["period"] == period]
    amounts = [[int(row[name]) if row[name] else None for name in ("expected_fen", "actual_fen")] for row in rows]
    ids = [[row[name] or None for name in ("order_id", "case_id")] for row in rows]
    return [AnswerRow(period, row["code"], row["key"], *about, *fen) for row, about, fen in zip(rows, ids, amounts, strict=True)]


@pytest.mark.parametrize("period", ["2026-09", "2026-10"])
def test_the_planted_month_is_found_exactly(period):
    assert compare(outcome(period), planted(period)) == ([], [])


@pytest.mark.parametrize("period", ["2026-09", "2026-10"])
def test_the_bridge_of_the_sample_closes_and_every_fen_is_an_item(period):
    tables = outcome(period).tables
    assert outcome(period).summary["unexplained_fen"] == 0
    sums = tables["bridge_items"].group_by("line").agg(pl.col("amount_fen").sum())
    lines = (
        tables["bridge"].join(sums, on="line", how="left", suffix="_items").with_columns(pl.col("amount_fen_items").fill_null(0))
    )
    assert lines.filter(pl.col("amount_fen") != pl.col("amount_fen_items")).is_empty()


@pytest.mark.parametrize("partitions", [3, 8])
def test_the_result_does_not_depend_on_the_number_of_partitions(partitions):
    whole, parts = outcome("2026-10"), outcome("2026-10", partitions)
    assert [name for name, frame in whole.tables.items() if not frame.equals(parts.tables[name])] == []


def test_equal_inputs_give_equal_bytes_in_another_process_with_any_number_of_threads(tmp_path):
    run_period("2026-10", SAMPLE, tmp_path / "one", config=load_config(SAMPLE / "recon.toml"), pages=False)
    arguments = ("run", "2026-10", "--data", str(SAMPLE), "--out", str(tmp_path / "two"), "--no-pages", "--quiet")
    command = [sys.executable, "-c", "from recon_kit.cli import main; main()", *arguments]
    subprocess.run(command, env={**os.environ, "POLARS_MAX_THREADS": "4", "PYTHONHASHSEED": "7"}, check=False)

    digests = [
        {
            path.relative_to(tmp_path / name).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in sorted((tmp_path / name).rglob("*"))
            if path.is_file() and not path.name.startswith("casebook.db")  # which says when
        }
        for name in ("one", "two")
    ]
    assert digests[0] == digests[1] and "2026-10/tables/discrepancies.parquet" in digests[0]


def test_the_command_prints_verdict_figures_and_place_and_ends_with_1_on_breaks(tmp_path):
    done = CliRunner().invoke(app, ["run", "2026-10", "--data", str(SAMPLE), "--out", str(tmp_path), "--no-pages"])
    assert done.exit_code == 1
    summary = json.loads((tmp_path / "2026-10" / "summary.json").read_text("utf-8"))
    for text in ("不完整", "桥未解释", f"{summary['bridge']['A0'] / 100:,.2f}", "L03"):
        assert text in done.stdout
    tables = outcome("2026-10").tables
    rows, found = (f"{n:,}" for n in (tables["intake"]["rows_read"].sum(), tables["discrepancies"].height))
    told = re.findall(r"✓ ([^：\s]+).* · (\S+) ", done.stderr)
    assert ("收表", rows) in told and ("识别差异", found) in told and [stage for stage, _ in told][-1] == "写出结果表"


def test_json_is_all_that_is_printed_and_progress_is_not_told(tmp_path):
    done = CliRunner().invoke(app, ["run", "2026-10", "--data", str(SAMPLE), "--out", str(tmp_path), "--no-pages", "--json"])

    assert json.loads(done.stdout) == json.loads((tmp_path / "2026-10" / "summary.json").read_text("utf-8"))
    assert done.stderr == ""


def test_the_command_speaks_english_on_request(tmp_path):
    arguments = ["run", "2026-09", "--data", str(SAMPLE), "--out", str(tmp_path), "--no-pages", "--language", "en", "--quiet"]
    done = CliRunner().invoke(app, arguments)
    assert "breaks" in done.stdout and "Unexplained" in done.stdout
    assert done.stderr == "", "--quiet tells no progress"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["2026-10", "--data", "nowhere"], "nowhere"),
        (["2026-13", "--data", str(SAMPLE)], "2026-13"),
        (["2026-10", "--data", "."], "could be taken for an export"),
        (["2026-10", "--data", str(SAMPLE), "--as-of", "2026-09-01"], "2026-09-01"),
        (["2026-10", "--data", str(SAMPLE), "--language", "fr"], "fr"),
        (["2026-10", "--data", str(SAMPLE), "--config", "absent.toml"], "absent.toml"),
    ],
)
def test_what_cannot_run_is_one_message_and_nothing_is_published(tmp_path, monkeypatch, capsys, arguments, said):
    from recon_kit.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.argv", ["recon-kit", "run", *arguments, "--out", str(tmp_path / "out")])
    with pytest.raises(SystemExit) as ended:
        main()
    told = capsys.readouterr().err.strip()
    assert ended.value.code == 2 and said in told and "Traceback" not in told
    assert not (tmp_path / "out" / "2026-10").exists()
