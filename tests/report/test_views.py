from datetime import date

import polars as pl
import pytest

from recon_kit import section_ties, views
from recon_kit.display import match_table, tie
from recon_kit.errors import TieError
from recon_kit.periods import parse_period
from recon_kit.record import load_run
from recon_kit.results import DISCREPANCIES, KPIS, conform_result
from tests.report.test_management import with_table


def with_findings(run_folder, **columns):
    frame = conform_result(pl.DataFrame(columns), DISCREPANCIES)
    frame.write_parquet(run_folder / "tables/discrepancies.parquet")
    return load_run(run_folder)


def test_every_tie_of_a_sound_run_holds(run_folder):
    run = load_run(run_folder)

    assert [name for name in section_ties.TIES if len(set(section_ties.tie_figures(run, name)[:2])) != 1] == []


def test_a_tie_that_does_not_hold_stops_the_page(run_folder):
    flows = pl.read_parquet(run_folder / "tables/flows.parquet")
    flows.filter(pl.int_range(pl.len()) != 60).write_parquet(run_folder / "tables/flows.parquet")

    with pytest.raises(TieError, match="daily_refunds"):
        tie(load_run(run_folder), "daily_refunds", "zh")


def test_an_age_falls_into_the_bucket_whose_last_day_it_is(run_folder):
    ages = [0, 3, 4, 7, 8, 15, 16, 30, 31, 60, 61, 90, 91, None]
    run = with_findings(run_folder, code=["C04"] * len(ages), nature=["break"] * len(ages), age_days=ages)

    found = views.ageing(run)

    assert dict(found.select("bucket", "n").iter_rows()) == {**dict.fromkeys(views.BUCKETS, 2), "older": 1, "undated": 1}
    assert found["bucket"].to_list() == list(views.BUCKET_ORDER)


def test_gaps_of_opposite_sign_add_up_and_do_not_net(run_folder):
    run = with_findings(run_folder, code=["C05", "C05"], severity=["high", "low"], gap_fen=[500, -500])

    assert views.codes(run)["abs_gap_fen"].to_list() == [1000]
    assert views.codes(run)["severity"].to_list() == ["high"]


def test_a_code_without_money_has_no_gap_rather_than_zero(run_folder):
    assert views.codes(with_findings(run_folder, code=["K05"], severity=["high"]))["abs_gap_fen"].to_list() == [None]


def test_findings_fold_only_when_code_shop_day_and_owner_agree(run_folder):
    run = with_findings(
        run_folder,
        discrepancy_id=["a", "b", "c", "d"],
        code=["C04", "C04", "C04", "C04"],
        shop=["s1", "s1", "s2", None],
        owner=["cs", "cs", "cs", "cs"],
        severity=["high", "critical", "high", "high"],
        gap_fen=[-100, 40, -7, 0],
    )

    lines = views.folded(run)

    assert lines.select("shop", "n", "abs_gap_fen", "severity").rows() == [
        ("s1", 2, 140, "critical"),
        ("s2", 1, 7, "high"),
        (None, 1, 0, "high"),
    ]


def test_related_findings_are_counted_nowhere(run_folder):
    run = with_findings(run_folder, code=["C04", "L02"], primary_id=[None, "x"], severity=["high", "high"])

    assert views.codes(run)["code"].to_list() == ["C04"]


def test_the_bridge_runs_from_side_to_side(run_folder):
    steps = views.bridge_steps(load_run(run_folder))
    balance = dict(steps.select("line", "balance_fen").iter_rows())
    amount = dict(steps.select("line", "amount_fen").iter_rows())

    assert balance["A6"] == amount["B0"] == balance["B0"]
    assert balance["B7"] == amount["C0"] == balance["C0"]


def test_a_week_before_with_a_few_look_back_rows_is_not_last_period(run_folder):
    few = pl.DataFrame({"day": [date(2026, 9, d) for d in range(1, 31)], "n": [1, 1] + [0] * 28})

    assert not views.is_covered(few)
    assert views.is_covered(few.with_columns(n=1))
    assert not views.is_covered(views.refunds_by_day(load_run(run_folder), parse_period("2025-01")))


def test_match_rates_are_of_rows_and_of_money_where_a_pair_has_any(run_folder):
    rows = [
        {"kpi": "match_rate_count", "dimension": "pair", "member": "M3", "numerator": 9, "denominator": 10},
        {"kpi": "match_rate_count", "dimension": "pair", "member": "M6", "numerator": 2, "denominator": 2},
        {"kpi": "match_rate_amount", "dimension": "pair", "member": "M3", "numerator": 500, "denominator": 600},
        {"kpi": "match_rate_count", "dimension": "all", "member": "all", "numerator": 11, "denominator": 12},
    ]
    run = with_table(run_folder, "kpis", rows, KPIS)

    assert views.match_rates(run).rows() == [("M3", 10, 9, 600, 500), ("M6", 2, 2, None, None)]
    assert "83.33%" in match_table(run, "en").html
