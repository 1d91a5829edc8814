"""Exported vouchers: our own readers find the same amounts in each form, and what nobody approved says so."""

from __future__ import annotations

import json
import re
from pathlib import Path

import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit import display
from recon_kit.cli import app
from recon_kit.collect import collect
from recon_kit.facts.references import read_entry_ids
from recon_kit.record import load_run
from recon_kit.voucher_forms import choose_entries, statuses
from recon_kit.workbook import write_workbook
from tests.world import case, order, refund, run, world

MONEY = ["account", "debit_fen", "credit_fen"]


@pytest.fixture(scope="module")
def out(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A results folder with one run: a refund nobody booked, a double refund, a voucher of no refund."""
    orders = [order(f"O{n}") for n in (1, 2)]
    flows = [
        refund("F1", case_id="R1", order_id="O1"),
        refund("F2", case_id="R2", order_id="O2", request_no="Q1"),
        refund("F3", case_id="R2", order_id="O2", request_no="Q2"),
    ]
    outcome = run(world(orders=orders, cases=[case("R1", "O1"), case("R2", "O2")], flows=flows, vouchers=[])).outcome
    folder = tmp_path_factory.mktemp("out")
    (folder / "2026-10" / "tables").mkdir(parents=True)
    for name in ("adjustments", "discrepancies"):
        outcome.tables[name].write_parquet(folder / "2026-10" / "tables" / f"{name}.parquet")
    (folder / "2026-10" / "summary.json").write_text(json.dumps(outcome.summary), "utf-8")
    return folder


def command(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["entries", *arguments])
    assert result.exit_code == 0, result.output
    return result.output


LAYOUTS = {"template": "template_voucher_lines", "jdy": "ledger_jdy", "kis": "ledger_kis"}


@pytest.mark.parametrize(("form", "layout"), LAYOUTS.items())
def test_a_form_is_read_back_with_the_same_amounts_and_the_ids_in_the_summary(out, tmp_path, form, layout):
    file = tmp_path / "凭证.xlsx"
    command("export", "2026-10", "--out", str(out), "--format", form, "--file", str(file))
    proposed = load_run(out / "2026-10").table("adjustments")

    read = collect(tmp_path)
    lines = read.tables.voucher_lines
    assert read.intake["layout"].to_list() == [layout]
    assert read.quarantine.is_empty()
    assert lines.sort(MONEY).select(MONEY).rows() == proposed.sort(MONEY).select(MONEY).rows()
    assert set(lines["period"]) == {"2026-10"}
    assert set(read_entry_ids(lines)["entry_id"]) == set(proposed["entry_id"])
    assert lines["voucher_id"].n_unique() == proposed["entry_id"].n_unique()
    if form == "template":
        assert set(lines["ref_id"].drop_nulls()) == set(proposed["ref_id"].drop_nulls())


def test_without_a_casebook_every_entry_is_written_and_marked(out, tmp_path):
    file = tmp_path / "all.xlsx"
    command("export", "2026-10", "--out", str(out), "--file", str(file))

    assert collect(tmp_path).tables.voucher_lines["summary"].str.starts_with("【未审批】E").all()


def test_approved_entries_alone_are_chosen_unless_all_are_asked_for_and_rejected_ones_never():
    entries = pl.DataFrame({"entry_id": ["E1", "E2", "E3"], "memo": ["E1 a", "E2 b", "E3 c"]})
    known = {"E1": "approved", "E2": "proposed", "E3": "rejected"}

    assert choose_entries(entries, known, "zh", everything=False)["memo"].to_list() == ["E1 a"]
    assert choose_entries(entries, known, "zh", everything=True)["memo"].to_list() == ["E1 a", "【未审批】E2 b"]
    assert choose_entries(entries, None, "en", everything=False)["memo"].to_list()[0] == "[not approved] E1 a"


def test_a_casebook_speaks_of_the_entries_of_the_run_only():
    states = pl.DataFrame({"entry_id": ["E1", "E9"], "status": ["approved", "proposed"]})

    assert statuses(states, ["E1"]) == {"E1": "approved"}


def test_nothing_to_export_and_a_file_that_exists_are_told(out, tmp_path):
    file = tmp_path / "there.xlsx"
    file.write_bytes(b"")
    again = CliRunner().invoke(app, ["entries", "export", "2026-10", "--out", str(out), "--file", str(file)])

    assert "nothing was overwritten" in str(again.exception)


def test_the_list_has_a_line_an_entry_and_their_number(out):
    text = command("list", "2026-10", "--out", str(out))
    ids = load_run(out / "2026-10").table("adjustments")["entry_id"].unique()

    assert all(entry in text for entry in ids)
    assert "待审批" in text


def test_the_work_list_has_the_entries_on_a_sheet_of_their_own_line_by_line(out):
    book = openpyxl.load_workbook(write_workbook(out / "2026-10", language="zh"))
    head, *rows = book["分录"].iter_rows(values_only=True)
    proposed = load_run(out / "2026-10").table("adjustments")

    assert len(rows) == proposed.height
    assert [row[head.index("科目编码")] for row in rows] == proposed["account"].to_list()
    assert sum(row[head.index("贷方（元）")] for row in rows) == proposed["credit_fen"].sum() / 100


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_review_shows_entries_by_effect_and_ties_debits_to_credits(out, language):
    found = load_run(out / "2026-10")

    shown = display.entries_table(found, language).html
    assert "L01" in shown and not re.search(r">0\.00<", shown), "red and black of an entry do not hide its amount"
    assert "tie" in display.tie(found, "entries", language).html
