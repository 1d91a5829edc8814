"""Runs that lack something: a side, every finding, the orders."""

import json

import polars as pl
import pytest

from recon_kit import charts, display, intake_view, narrative, section_ties
from recon_kit.record import load_run
from tests.conftest import build_run

PIECES = (
    display.masthead, display.headline, display.story, display.bridge_table, display.codes_table, display.owners_table,
    display.top_findings, display.detail, display.ageing_table, display.kpi_table, display.not_checked, display.intake_table,
    display.controls_table, charts.plot_bridge, charts.plot_codes, charts.plot_owners, charts.plot_ageing,
    charts.plot_daily_refunds, charts.plot_daily_cases, charts.plot_days, intake_view.masthead, intake_view.headline,
    intake_view.reasons, intake_view.files_table, intake_view.warnings, intake_view.gaps_table, intake_view.totals_table,
    intake_view.set_aside_table, intake_view.set_aside_rows, intake_view.snapshots_table,
    intake_view.absent_table, intake_view.ledger_table,
)  # fmt: skip


def restate(run_folder, **changes):
    path = run_folder / "summary.json"
    path.write_text(json.dumps(json.loads(path.read_text("utf-8")) | changes), encoding="utf-8")


def keep(run_folder, table: str, condition: pl.Expr):
    path = run_folder / f"tables/{table}.parquet"
    pl.read_parquet(path).filter(condition).write_parquet(path)


@pytest.fixture
def without_ledger(run_folder):
    keep(run_folder, "bridge", pl.col("line") <= "B0")
    run = load_run(run_folder)
    restate(
        run_folder,
        bridge_ends_at="B0",
        bridge=dict(run.table("bridge").select("line", "amount_fen").iter_rows()),
        verdict="warnings",
    )
    return load_run(run_folder)


@pytest.fixture
def without_bills(run_folder):
    keep(run_folder, "bridge", pl.col("line") == "A0")
    (run_folder / "tables/flows.parquet").unlink()
    a0 = load_run(run_folder).summary["bridge"]["A0"]
    restate(run_folder, bridge_ends_at="A0", bridge={"A0": a0}, verdict="warnings")
    return load_run(run_folder)


@pytest.fixture
def without_findings(run_folder):
    keep(run_folder, "discrepancies", pl.lit(value=False))
    keep(run_folder, "controls", pl.lit(value=False))
    restate(run_folder, codes={}, related={}, verdict="reconciled", not_checked={}, controls=[], warnings=[])
    return load_run(run_folder)


@pytest.fixture
def without_orders(run_folder):
    keep(run_folder, "kpis", pl.lit(value=False))
    restate(run_folder, kpis={})
    return load_run(run_folder)


@pytest.mark.parametrize("case", ["without_ledger", "without_bills", "without_findings", "without_orders"])
@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_piece_of_the_review_is_made_and_ties(case, language, request):
    run = request.getfixturevalue(case)

    for piece in PIECES:
        assert piece(run, language)._repr_mimebundle_()
    for column in ("platform", "kind", "reason"):
        assert charts.plot_refunds_by(run, column, language)
    for name in section_ties.TIES:
        assert display.tie(run, name, language)


def test_a_side_that_was_not_supplied_is_not_shown_as_zero(without_ledger):
    cards = display.headline(without_ledger, "zh").html
    story = narrative.render_story(without_ledger, "zh")

    assert "账上登记" not in cards
    assert "账上登记" not in story
    assert "账单实际流出" in cards


@pytest.mark.parametrize(("limit", "at", "lines", "listed"), [("LINES", 3, 3, 4), ("FINDINGS", 7, 4, 6), ("INSIDE", 1, 12, 12)])
def test_a_month_with_more_findings_than_a_page_can_take_says_what_is_left_out(tmp_path, monkeypatch, limit, at, lines, listed):
    monkeypatch.setattr(f"recon_kit.tables.MAX_{limit}", at)
    folder = build_run(tmp_path / "2026-10", texts=("Shop",))

    detail = display.detail(load_run(folder), "en").detail

    assert (len(detail["rows"]), sum(len(line["findings"]) for line in detail["inside"])) == (lines, listed)
    assert detail["note"].startswith(f"The first {listed} findings") and f"{19 - listed} more" in detail["note"]
