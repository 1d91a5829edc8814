"""The whole month judged again with other limits."""

import polars as pl
import pytest

from recon_kit.errors import ReportError
from recon_kit.record import load_run
from recon_kit.rejudge import NOT_KEPT, judge_again
from recon_kit.what_if_view import codes_table
from tests import sample
from tests.casebook.book import Book
from tests.world import case, order, refund, world


def judged(tmp_path, collected, **limits):
    Book(tmp_path).run(collected)
    frame = judge_again(load_run(tmp_path / "2026-10"), **limits)
    return {row.pop("code"): tuple(row.values()) for row in frame.to_dicts()}


def overpaid():
    return world(
        orders=[order("O1"), order("O2")],
        cases=[case("R1", "O1"), case("R2", "O2")],
        flows=[refund("F1", "30.05", case_id="R1"), refund("F2", "31.00", case_id="R2")],
    )


def test_with_the_limits_of_the_run_the_month_says_what_it_said(tmp_path):
    run = sample.publish_month(tmp_path, "2026-10")

    found = judge_again(run)

    codes = run.findings.filter(~pl.col("code").is_in(NOT_KEPT)).group_by("code").agg(pl.len(), pl.col("gap_fen").abs().sum())
    assert found.select("gone", "new").sum().row(0) == (0, 0)
    assert found.select("code", "n", "gap_fen").rows() == codes.sort("code").rows()


def test_a_wider_tolerance_turns_an_overpayment_into_rounding(tmp_path):
    found = judged(tmp_path, overpaid(), tolerance_fen=5)

    assert found == {"C05": (2, 1, 1, 0, 105, 100), "A06": (0, 1, 0, 1, 0, 5)}


def test_more_days_leave_a_refund_in_transit_and_fewer_make_it_a_break(tmp_path):
    waiting = world(
        orders=[order(f"O{n}", platform="jd", confirmed="2026-10-02", on="2026-10-01") for n in (1, 2)],
        cases=[case(f"R{n}", f"O{n}", done=f"2026-10-{day}", platform="jd") for n, day in ((1, 26), (2, 29))],
    )

    wide = judged(tmp_path, waiting, refund_days=5)
    narrow = {row["code"]: row["n"] for row in judge_again(load_run(tmp_path / "2026-10"), refund_days=1).to_dicts()}

    assert wide == {"C02": (1, 2, 0, 1, 3000, 6000), "C04": (1, 0, 1, 0, 3000, 0)}
    assert narrow == {"C02": 0, "C04": 2}


def test_a_limit_below_zero_is_refused(tmp_path):
    Book(tmp_path).run(overpaid())

    with pytest.raises(ReportError, match="row -1; expected a whole number from 0 on"):
        judge_again(load_run(tmp_path / "2026-10"), tolerance_fen=-1)


@pytest.mark.parametrize(
    ("language", "moves", "same"), [("zh", "2 项 → 2 项", "没有变化"), ("en", "2 findings → 2", "none of them moves")]
)
def test_the_table_lists_the_codes_that_move_and_says_when_none_does(tmp_path, language, moves, same):
    Book(tmp_path).run(overpaid())
    run = load_run(tmp_path / "2026-10")

    assert moves in codes_table(judge_again(run, tolerance_fen=5), language).html
    assert same in codes_table(judge_again(run), language).html
