from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from recon_kit import postmortem
from recon_kit import postmortem_view as view
from recon_kit.errors import ReportError
from recon_kit.record import load_run
from recon_kit.results import ADJUSTMENTS, DISCREPANCIES, MATCHES, OPEN_ITEMS, UNMATCHED, conform_result
from recon_kit.schema import VOUCHER_LINES, conform

SHANGHAI = ZoneInfo("Asia/Shanghai")


def finding(n, code="C04", gap=-1000, day=5, **more):
    base = {"discrepancy_id": f"D{n}", "code": code, "key": f"R{n}", "case_id": f"R{n}", "platform": "jd", "shop": "甲"}
    about = {"gap_fen": gap, "nature": "break", "severity": "high", "event_at": datetime(2026, 10, day, 9, 0, tzinfo=SHANGHAI)}
    return base | about | more


def with_tables(folder, findings, **tables):
    kinds = {"open_items": OPEN_ITEMS, "matches": MATCHES, "unmatched": UNMATCHED, "adjustments": ADJUSTMENTS}
    conform_result(pl.DataFrame(findings, infer_schema_length=None), DISCREPANCIES).write_parquet(
        folder / "tables/discrepancies.parquet"
    )
    for name, rows in tables.items():
        frame = pl.DataFrame(rows)
        made = conform(frame, VOUCHER_LINES) if name == "voucher_lines" else conform_result(frame, kinds[name])
        made.write_parquet(folder / f"tables/{name}.parquet")
    return load_run(folder)


def test_without_a_wish_the_break_with_the_most_money_is_looked_into(run_folder):
    run = with_tables(run_folder, [finding(1), finding(2), finding(3, "C07", 1500), finding(4, "S04", -9000, nature="timing")])

    incident = postmortem.choose_incident(run)

    assert incident.codes == ("C04",) and incident.findings["key"].to_list() == ["R1", "R2"]


def test_codes_and_ids_choose_and_related_findings_are_left_out(run_folder):
    run = with_tables(run_folder, [finding(1), finding(2, "C07", 500), finding(3, "L02", 1000, primary_id="D1")])

    assert postmortem.choose_incident(run, "C07, D1").findings["discrepancy_id"].to_list() == ["D1", "D2"]
    assert postmortem.choose_incident(run, "L02").findings.is_empty()


def test_a_name_that_is_neither_is_refused_with_what_was_meant(run_folder):
    with pytest.raises(ReportError, match=r"did you mean .C04"):
        postmortem.choose_incident(with_tables(run_folder, [finding(1)]), "C044")


def test_gross_is_without_sign_and_net_with_it(run_folder):
    run = with_tables(run_folder, [finding(1, gap=-1000), finding(2, gap=400, loss_fen=90), finding(3, gap=None)])

    assert postmortem.cost(postmortem.choose_incident(run, "C04")) == postmortem.Cost(3, 1400, -600, 90)


def test_the_days_of_a_finding_come_from_its_event_the_ledger_and_the_roll(run_folder):
    booked = {
        "period": "2026-10",
        "voucher_id": "记-1",
        "line_no": "1",
        "date": date(2026, 10, 9),
        "account": "1012",
        "debit_fen": 0,
        "credit_fen": 1000,
        "ref_id": "R1",
        "source_file": "v.csv",
        "source_row": 2,
    }
    items = [{"discrepancy_id": "D1", "code": "C04", "first_seen_on": date(2026, 9, 30), "cleared_on": date(2026, 10, 20)}]
    run = with_tables(run_folder, [finding(1, day=7), finding(2, day=12)], voucher_lines=[booked], open_items=items)

    days = postmortem.stages(run, postmortem.choose_incident(run))

    assert days.select(postmortem.STAGES).rows() == [
        (date(2026, 10, 7), date(2026, 10, 9), date(2026, 9, 30), date(2026, 10, 20)),
        (date(2026, 10, 12), None, date(2026, 10, 31), None),
    ]


def test_the_scope_counts_every_row_of_both_sides(run_folder):
    matched = [
        {"pair": "M3", "side": side, "table": table, "row_key": str(i)}
        for side, table in (("left", "aftersales"), ("right", "flows"))
        for i in range(3)
    ]
    alone = [{"pair": "M3", "side": "left", "table": "aftersales", "row_key": "9", "reason": "no_counterpart"}]
    run = with_tables(run_folder, [finding(1)], matches=matched, unmatched=alone)

    scope = postmortem.scope(run, postmortem.choose_incident(run))

    assert scope.select("table", "rows", "matched", "unmatched", "n").rows() == [
        ("aftersales", 4, 3, 1, 1),
        ("flows", 3, 3, 0, 1),
    ]


def test_a_code_that_was_not_checked_leaves_the_scope_unproved(run_folder):
    run = with_tables(run_folder, [finding(1, "W01")])
    run.summary["not_checked"] = {"W01": "receipts"}
    incident = postmortem.choose_incident(run, "W01")

    assert postmortem.unchecked(run, incident) == ["W01"]
    assert "W01" in view.scope_table(run, incident, "zh").html and "还没有证明" in view.scope_table(run, incident, "zh").html


def test_the_few_that_hold_four_fifths_are_vital_and_the_parts_sum(run_folder):
    shops = ["甲"] * 6 + ["乙"] * 2 + ["丙", "丁"]
    run = with_tables(run_folder, [finding(n, shop=shop) for n, shop in enumerate(shops)])
    incident = postmortem.choose_incident(run)

    frame = postmortem.pareto(run, incident, "shop")

    assert postmortem.gathers_by(run, incident) == "shop"
    assert frame.select("member", "n", "is_vital").rows()[:2] == [("甲", 6, True), ("乙", 2, True)]
    assert frame["is_vital"].to_list() == [True, True, False, False]
    assert frame["n"].sum() == 10 and frame["share"].to_list()[-1] == 1.0


@pytest.mark.parametrize(
    ("code", "by", "on"),
    [("C04", "day", date(2026, 10, 6)), ("W03", "week", date(2026, 10, 12)), ("S09", "month", date(2026, 10, 31))],
)
def test_the_schedule_says_which_run_would_have_caught_it_and_when(run_folder, code, by, on):
    run = with_tables(run_folder, [finding(1, code)])  # on a Monday

    caught = postmortem.catchable(run, postmortem.choose_incident(run, code))

    assert caught.select("caught_by", "caught_on").row(0) == (by, on)
    assert caught["days_lost"].item() == (date(2026, 10, 31) - on).days


def test_what_was_on_its_way_first_could_be_caught_on_the_day_it_broke(run_folder):
    run = with_tables(run_folder, [finding(1, breaks_on=date(2026, 10, 9))])

    assert postmortem.catchable(run, postmortem.choose_incident(run))["caught_on"].item() == date(2026, 10, 9)


def test_earlier_periods_of_the_same_code_say_that_it_recurs(run_folder):
    items = [
        {"discrepancy_id": f"D{n}", "code": code, "first_period": period, "status": status, "amount_fen": 100}
        for n, (code, period, status) in enumerate(
            [
                ("C04", "2026-09", "cleared"),
                ("C04", "2026-10", "open"),
                ("C04", "2026-10", "explained"),
                ("C07", "2026-08", "open"),
            ]
        )
    ]
    run = with_tables(run_folder, [finding(1)], open_items=items)

    assert postmortem.recurrence(run, postmortem.choose_incident(run)).rows() == [
        ("2026-09", "C04", 1, 100, 0),
        ("2026-10", "C04", 2, 200, 2),
    ]


def test_controls_that_failed_on_the_same_case_stand_beside_it(run_folder):
    control = {"nature": "control", "gap_fen": None}
    run = with_tables(run_folder, [finding(1), finding(1, "K02", discrepancy_id="DK", **control), finding(9, "K01", **control)])

    assert postmortem.controls_beside(run, postmortem.choose_incident(run, "C04")).rows() == [("K02", 1)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_month_without_breaks_says_so_in_every_section(run_folder, language):
    run = with_tables(run_folder, [finding(1, "A06", 1, nature="rounding")])
    incident = postmortem.choose_incident(run)

    assert incident.codes == ()
    shown = [view.subject(incident, language), view.scope_table(run, incident, language), view.actions(incident, language)]
    assert len({piece.html for piece in shown}) == 1
    assert view.again(incident, language).html == ""
    assert "0" in view.tie(run, incident, "pareto", language).html
