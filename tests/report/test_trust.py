import json
from datetime import date, timedelta

import polars as pl
import pytest

from recon_kit import intake_view, narrative, trust
from recon_kit.labels import word
from recon_kit.record import load_run
from recon_kit.results import RESULTS, conform_result

BILL = {"file": "a.csv", "layout": "bill", "table": "flows", "rows_read": 1, "rows_quarantined": 0}
OCTOBER = [date(2026, 10, day) for day in range(1, 32)]


def with_table(run_folder, name: str, rows: list[dict[str, object]]):
    """The run with one result table replaced; instants are written as text."""
    wanted = RESULTS[name]
    frame = pl.DataFrame(rows, infer_schema_length=None) if rows else pl.DataFrame()
    texts = [c.name for c in wanted.columns if c.kind == "instant" and c.name in frame.columns]
    instants = [pl.col(n).str.to_datetime(time_zone="Asia/Shanghai").dt.cast_time_unit("us") for n in texts]
    path = run_folder / f"tables/{name}.parquet"
    (conform_result(frame.with_columns(instants), wanted) if rows else pl.read_parquet(path).clear()).write_parquet(path)
    return load_run(run_folder)


def bill(file: str, **more: object) -> dict[str, object]:
    return {"file": file, "layout": "bill", "table": "flows", "channel": "alipay", "account": "A", **more}


def days(file: str, *which: date) -> list[dict[str, object]]:
    return [{"file": file, "day": day, "n": 1} for day in which]


@pytest.fixture
def quiet_run(run_folder):
    """A run in which nothing is set aside, repeated, warned of or unchecked."""
    path = run_folder / "summary.json"
    summary = json.loads(path.read_text("utf-8")) | {"warnings": [], "not_checked": {}}
    path.write_text(json.dumps(summary), encoding="utf-8")
    with_table(run_folder, "quarantine", [])
    with_table(run_folder, "discrepancies", [])
    return run_folder


def test_a_month_whose_files_are_whole_read_and_fresh_may_be_trusted(quiet_run):
    run = load_run(quiet_run)

    assert trust.level(run) == "yes"
    assert word("trust.yes", "zh") in intake_view.masthead(run, "zh").html
    assert 'class="says-fine"' in narrative.render_story(run, "zh", "trust")


def test_a_total_that_differs_is_a_reason_not_to_trust_only_where_it_is_a_finding(quiet_run):
    controls = [{"file": "a.csv", "member": "a.csv", "measure": "m", "unit": "fen", "stated": 100, "found": 90}]
    ahead = with_table(quiet_run, "controls", controls)
    assert trust.level(ahead) == "yes"

    run = with_table(quiet_run, "discrepancies", [{"code": "K06", "key": "a.csv", "nature": "data", "gap_fen": -10}])

    assert trust.level(run) == "no"
    assert narrative.measure(run, "trust.broken") == 1
    assert 'class="says-stop_broken"' in narrative.render_story(run, "zh", "trust")


def test_days_outside_what_a_bill_states_are_missing_and_a_covered_day_without_rows_is_not(quiet_run):
    with_table(
        quiet_run, "intake", [{"file": "a.csv", "layout": "bill", "table": "flows", "rows_read": 1, "rows_quarantined": 0}]
    )
    with_table(quiet_run, "coverage", [bill("a.csv", starts_at="2026-10-01T00:00:00", ends_at="2026-10-30T00:00:00")])
    gap = {"file": "a.csv", "channel": "alipay", "account": "A"}
    with_table(quiet_run, "coverage_gaps", [{**gap, "gap_from": "2026-10-30T00:00:00", "gap_until": "2026-11-01T00:00:00"}])
    run = with_table(quiet_run, "intake_days", days("a.csv", *OCTOBER[:20], OCTOBER[29]))

    state = dict(trust.days(run).select("day", "state").iter_rows())

    assert [state[day] for day in (OCTOBER[0], OCTOBER[20], OCTOBER[28])] == ["rows", "covered", "covered"]
    assert [state[day] for day in OCTOBER[29:]] == ["missing", "missing"]
    assert trust.gaps(run)["days"].to_list() == [2]
    assert trust.level(run) == "no"


@pytest.mark.parametrize(
    ("rows", "silent"),
    [
        (OCTOBER[:20], 11),  # cut after the 20th
        (OCTOBER[:10] + OCTOBER[17:], 7),  # a week in the middle
        (OCTOBER[:28], 0),  # three days at the end
        (OCTOBER[::5], 0),  # a source that has rows every fifth day
        (OCTOBER[:3], 0),  # too few days to have a rhythm
    ],
)
def test_a_source_that_states_no_days_is_silent_only_against_its_own_rhythm(quiet_run, rows, silent):
    with_table(
        quiet_run, "intake", [{"file": "a.csv", "layout": "bill", "table": "flows", "rows_read": 1, "rows_quarantined": 0}]
    )
    with_table(quiet_run, "coverage", [bill("a.csv")])
    september = [date(2026, 9, 1) + timedelta(days=d) for d in range(0, 30, 5 if len(rows) == 7 else 1)] if len(rows) > 3 else []
    run = with_table(quiet_run, "intake_days", days("a.csv", *september, *rows))

    assert trust.quiet(run)["n"].to_list() == ([silent] if silent else [])
    assert trust.level(run) == ("reserved" if silent else "yes")


def test_a_file_of_which_much_is_set_aside_counts_as_not_read(quiet_run):
    base = {"layout": "x", "table": "fees", "rows_read": 100}
    some = with_table(quiet_run, "intake", [{"file": "a.csv", **base, "rows_quarantined": 5}])
    assert trust.unread(some).is_empty()

    much = with_table(quiet_run, "intake", [{"file": "a.csv", **base, "rows_quarantined": 6}])
    assert trust.level(much) == "no"


@pytest.mark.parametrize(("latest", "is_stale"), [("2026-10-27T23:00:00", True), ("2026-10-28T00:00:00", False)])
def test_a_picture_is_stale_when_the_newest_file_with_rows_of_the_period_is_old(quiet_run, latest, is_stale):
    def file(name: str, first: str, last: str, seen: str) -> dict[str, object]:
        spans = {"first_at": first, "last_at": last, "latest_at": seen}
        return {"file": name, "layout": "o", "table": "orders", "rows_read": 9, "rows_quarantined": 0, **spans}

    october = file("10.csv", "2026-10-01T00:00:00", "2026-10-20T00:00:00", latest)
    november = file("11.csv", "2026-11-01T00:00:00", "2026-11-10T00:00:00", "2026-11-10T00:00:00")
    run = with_table(quiet_run, "intake", [october, november])

    assert (trust.stale(run).height == 1) is is_stale
    assert trust.snapshots(run)["is_current"].to_list() == [True, False]
    assert ("<td" in intake_view.snapshots_table(run, "zh").html) and trust.level(run) == ("reserved" if is_stale else "yes")


def test_rows_set_aside_are_counted_with_the_money_that_is_known_and_without_sign(quiet_run):
    row = {"file": "a.csv", "reason": "不是时间", "column": "时间"}
    rows = [{**row, "row": n, "amount_fen": fen} for n, fen in ((2, -500), (3, 300), (4, None))]
    run = with_table(quiet_run, "quarantine", rows)

    assert trust.set_aside(run).select("n", "amount_fen").rows() == [(3, 800)]
    assert (narrative.measure(run, "quarantine.amount"), narrative.measure(run, "quarantine.unknown")) == (800, 1)
    assert "not a time" in intake_view.set_aside_table(run, "en").html


def test_ledger_lines_that_do_not_say_which_refund_they_book_are_a_reservation(quiet_run):
    lines = {"n_lines": 4, "n_tied": 3, "amount_fen": 100, "tied_fen": 75}
    tied = with_table(quiet_run, "ledger_ties", [{"how": "text", **lines}])
    assert (trust.level(tied), trust.unfounded(tied).height) == ("yes", 0)

    run = with_table(quiet_run, "ledger_ties", [{"how": "text", **lines}, {"how": "none", **lines, "n_tied": 0}])

    assert trust.level(run) == "reserved"
    assert "37.5%" in intake_view.ledger_table(run, "zh").html


def test_payments_are_supplied_where_flows_are(run_folder):
    supplied = dict(trust.tables(load_run(run_folder)).select("table", "n").iter_rows())

    assert supplied["payments"] == 0
    assert supplied["orders"] is None


def test_a_table_of_many_rows_is_cut_and_says_where_the_rest_is(quiet_run):
    rows = [{"file": "a.csv", "row": n, "reason": "不是时间"} for n in range(intake_view.MAX_ROWS + 5)]

    shown = intake_view.set_aside_rows(with_table(quiet_run, "quarantine", rows), "zh").html

    assert shown.count("a.csv:") == intake_view.MAX_ROWS
    assert "其余 5 行见 tables/quarantine.parquet" in shown
