"""What-if: the engine's own match at other limits, beside what the run wrote."""

import json
from dataclasses import replace
from functools import cache

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.errors import ReportError, TieError
from recon_kit.record import load_run
from recon_kit.replay import recall
from recon_kit.what_if import Limits, limits_of, make_ready, pairs_of, prepare, try_limits
from tests import sample
from tests.settlement import bank_row, payout
from tests.world import case, facts, order, refund, world


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    return sample.publish_month(tmp_path_factory.mktemp("what_if"), "2026-10")


@cache
def october():
    return make_ready(sample.facts_of("2026-10"))


def ready_of(**tables):
    return make_ready(facts(world(**tables)))


def refunds_that_are_off(*gaps):
    """Cases of 30.00 whose refund is off by so many fen."""
    numbers = range(len(gaps))
    return ready_of(
        orders=[order(f"O{n}") for n in numbers],
        cases=[case(f"R{n}", f"O{n}") for n in numbers],
        flows=[refund(f"F{n}", f"{30 + gap / 100:.2f}", case_id=f"R{n}") for n, gap in enumerate(gaps)],
    )


def counts(trial, side="left"):
    rows = trial.standings.filter((pl.col("side") == side) & (pl.col("n") > 0))
    return dict(rows.select("standing", "n").iter_rows())


def test_at_the_limits_of_the_run_every_pair_gives_what_the_run_wrote(published):
    ready = prepare(published)

    assert {"M1", "M3", "M4", "M9", "M10", "M11"} <= set(pairs_of(ready))
    for pair in pairs_of(ready):
        trial = try_limits(ready, pair, limits_of(ready, pair))
        wrote = {name: published.table(name).filter(pl.col("pair") == pair) for name in ("matches", "unmatched")}
        assert trial.changed.is_empty(), pair
        assert trial.standings["n"].sum() == wrote["matches"].height + wrote["unmatched"].height
        assert trial.passes["n_rows"].sum() == wrote["matches"].height
        by_run = published.table("tolerance_audit").filter(pl.col("pair") == pair)
        assert trial.forgiven["forgiven_fen"].to_list() == [by_run["forgiven_fen"].sum()] * 2


def test_a_run_is_taken_up_again_with_the_limits_it_was_made_with(published):
    scope = recall(published).scope

    assert (scope.config, scope.period, scope.as_of) == (
        sample.scope_of("2026-10").config,
        sample.scope_of("2026-10").period,
        sample.scope_of("2026-10").as_of,
    )


def test_a_wider_tolerance_forgives_more_and_says_to_which_side_it_leans():
    ready = refunds_that_are_off(1, 3, 4, -2, 60)

    trial = try_limits(ready, "M3", Limits(5, 3, 10))

    assert counts(trial) == {"forgiven": 4, "differs": 1}
    assert trial.forgiven.rows() == [("was", 1, 1, 1, 1, 0), ("now", 4, 10, 6, 3, 1)]
    assert trial.changed.filter(pl.col("side") == "right").select("row_key", "was", "now", "gap_fen").rows() == [
        ("wechat|F2", "differs", "forgiven", 4),
        ("wechat|F1", "differs", "forgiven", 3),
        ("wechat|F3", "differs", "forgiven", -2),
    ]


def test_a_gap_equal_to_the_tolerance_is_forgiven_and_with_none_no_gap_is():
    ready = refunds_that_are_off(0, 5)

    assert counts(try_limits(ready, "M3", Limits(5, 3, 10))) == {"exact": 1, "forgiven": 1}
    assert counts(try_limits(ready, "M3", Limits(4, 3, 10))) == {"exact": 1, "differs": 1}
    assert counts(try_limits(ready, "M3", Limits(0, 3, 10))) == {"exact": 1, "differs": 1}


def payouts(*days):
    """A payout of another amount each, that the bank shows so many days later, without a number."""
    out = [payout(None, f"{100 + n}.00", "2026-10-05", flow_id=f"OUT{n}") for n in range(len(days))]
    bank = [bank_row(f"B{n}", f"{100 + n}.00", f"2026-10-{5 + late:02d}") for n, late in enumerate(days)]
    return ready_of(flows=out, bank_rows=bank)


def test_fewer_days_leave_payouts_without_their_bank_row_and_more_days_find_them():
    ready = payouts(0, 2, 4)

    narrow, wide = (try_limits(ready, "M11", Limits(1, days)) for days in (1, 4))

    assert counts(narrow) == {"exact": 1, "unmatched": 2}
    assert narrow.newly_unmatched.select("side", "row_key").rows() == [("left", "wechat|OUT1"), ("right", "B1")]
    assert counts(wide) == {"exact": 3}
    assert wide.no_longer_unmatched.select("side", "row_key", "pass").rows() == [
        ("left", "wechat|OUT2", "amount_window"),
        ("right", "B2", "amount_window"),
    ]
    assert wide.newly_unmatched.is_empty() and narrow.no_longer_unmatched.is_empty()


def test_a_refund_that_would_pay_the_other_case_of_its_order_is_named_though_it_stays_matched():
    def refunded(days):
        ready = ready_of(
            orders=[order("O1")],
            cases=[case("R1", "O1", done="2026-10-06"), case("R2", "O1", done="2026-10-20")],
            flows=[refund("F1", on="2026-10-21", order_id="O1")],
        )
        return try_limits(ready, "M3", Limits(1, 3, days))

    assert refunded(10).changed.is_empty()
    moved = refunded(15).changed
    assert moved.select("row_key", "was", "now").sort("row_key").rows() == [
        ("wechat_mini|R1", "unmatched", "exact"),
        ("wechat_mini|R2", "exact", "unmatched"),
        ("wechat|F1", "exact", "exact"),
    ]


def test_cards_keep_their_own_days():
    ready = ready_of(
        orders=[order("O1"), order("O2", platform="jd", confirmed="2026-10-06")],
        cases=[case("R1", "O1"), case("R2", "O2", platform="jd")],
        flows=[
            refund("F1", on="2026-10-14", order_id="O1"),
            refund("F2", on="2026-10-14", order_id="O2", channel="jd"),
        ],
    )

    def passes(limits):
        return dict(try_limits(ready, "M3", limits).passes.select("pass", "n_rows").iter_rows())

    assert passes(Limits(1, 3, 10)) == {"order_amount_window": 4}
    assert passes(Limits(1, 1, 10)) == {"order_amount": 2, "order_amount_window": 2}
    assert passes(Limits(1, 1, 1)) == {"order_amount": 4, "order_amount_window": 0}


@given(st.integers(0, 300), st.integers(0, 40), st.integers(0, 40))
def test_at_any_limits_every_row_stands_once_and_no_money_is_lost(tolerance, days, card_days):
    ready = october()

    trial = try_limits(ready, "M3", Limits(tolerance, days, card_days))

    by_side = trial.standings.group_by("side").agg(pl.col("n", "n_was", "amount_fen", "amount_was_fen").sum())
    assert (by_side["n"] == by_side["n_was"]).all() and (by_side["amount_fen"] == by_side["amount_was_fen"]).all()
    assert by_side["n"].sum() == ready.sides["M3"].height
    moved = trial.no_longer_unmatched.height - trial.newly_unmatched.height
    open_rows = trial.standings.filter(pl.col("standing") == "unmatched").select("n_was", "n").sum().row(0)
    assert moved == open_rows[0] - open_rows[1]
    assert trial.forgiven["forgiven_fen"][1] <= tolerance * trial.forgiven["n"][1]


def test_a_wider_tolerance_never_leaves_more_differences():
    ready = october()

    for pair in pairs_of(ready):
        own = limits_of(ready, pair)
        tried = [try_limits(ready, pair, replace(own, tolerance_fen=fen)) for fen in (0, 1, 10, 100, 5000)]
        differing = [counts(trial).get("differs", 0) for trial in tried]
        assert differing == sorted(differing, reverse=True), pair


def test_limits_that_the_pair_does_not_look_at_are_refused(published):
    ready = prepare(published)

    with pytest.raises(ReportError, match="M4: window_days 3; expected none"):
        try_limits(ready, "M4", Limits(1, 3))
    with pytest.raises(ReportError, match="tolerance_fen -1; expected a whole number from 0 on"):
        try_limits(ready, "M4", Limits(-1))
    with pytest.raises(ReportError, match="M6 has no rows in this run; expected one of M3"):
        limits_of(ready, "M6")


def test_a_run_whose_tables_were_changed_is_not_compared_with(tmp_path):
    run = sample.publish_month(tmp_path, "2026-10")
    flows = run.table("flows").with_columns(pl.col("amount_fen") - 1)
    flows.write_parquet(run.folder / "tables/flows.parquet")

    with pytest.raises(TieError, match="does not give what the run wrote"):
        prepare(load_run(run.folder))


def test_a_run_that_does_not_say_how_it_was_configured_cannot_be_taken_up(tmp_path):
    run = sample.publish_month(tmp_path, "2026-10")
    manifest = run.folder / "MANIFEST.json"
    told = json.loads(manifest.read_text("utf-8"))
    manifest.write_text(json.dumps({**told, "config": {"tolerance": {"row": True}}}), encoding="utf-8")

    with pytest.raises(ReportError, match="configuration of the run cannot be read"):
        prepare(load_run(run.folder))
