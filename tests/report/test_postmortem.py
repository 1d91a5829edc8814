from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from recon_kit import postmortem
from recon_kit import postmortem_view as view
from recon_kit.errors import ReportError
from recon_kit.labels import code_action
from recon_kit.record import load_run
from recon_kit.results import (
    ACTIONS,
    ADJUSTMENTS,
    DECISIONS,
    DISCREPANCIES,
    EARLIER_ITEMS,
    MATCHES,
    OPEN_ITEMS,
    UNMATCHED,
    conform_result,
)
from recon_kit.schema import VOUCHER_LINES, conform

SHANGHAI = ZoneInfo("Asia/Shanghai")


def finding(n, code="C04", gap=-1000, day=5, **more):
    base = {"discrepancy_id": f"D{n}", "code": code, "key": f"R{n}", "case_id": f"R{n}", "platform": "jd", "shop": "甲"}
    about = {"gap_fen": gap, "nature": "break", "severity": "high", "event_at": datetime(2026, 10, day, 9, 0, tzinfo=SHANGHAI)}
    return base | about | more


def with_tables(folder, findings, **tables):
    kinds = {"open_items": OPEN_ITEMS, "matches": MATCHES, "unmatched": UNMATCHED, "adjustments": ADJUSTMENTS}
    kinds |= {"decisions": DECISIONS, "actions": ACTIONS, "earlier_items": EARLIER_ITEMS}
    conform_result(pl.DataFrame(findings, infer_schema_length=None), DISCREPANCIES).write_parquet(
        folder / "tables/discrepancies.parquet"
    )
    for name, rows in tables.items():
        frame = pl.DataFrame(rows, infer_schema_length=None)
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
    said = [decided(1, "assigned", 1, day=3), decided(2, "explained", 1, day=6), decided(3, "commented", 1, day=9)]
    about = {"voucher_lines": [booked], "open_items": items, "decisions": said}
    run = with_tables(run_folder, [finding(1, day=7), finding(2, day=12)], **about)

    days = postmortem.stages(run, postmortem.choose_incident(run))

    assert days.select(postmortem.STAGES).rows() == [
        (date(2026, 10, 7), date(2026, 10, 9), date(2026, 9, 30), date(2026, 10, 3), date(2026, 10, 20)),
        (date(2026, 10, 12), None, date(2026, 10, 31), None, None),
    ]
    assert "接手" in view.timeline(run, postmortem.choose_incident(run), "zh").html


def test_what_had_ended_before_keeps_the_days_it_was_found_and_ended(run_folder):
    ended = {
        "discrepancy_id": "D1",
        "code": "C04",
        "first_period": "2026-09",
        "first_seen_on": date(2026, 9, 30),
        "status": "closed",
    }
    run = with_tables(run_folder, [finding(1, day=7)], earlier_items=[ended | {"cleared_on": date(2026, 10, 9)}])

    days = postmortem.stages(run, postmortem.choose_incident(run))

    assert days.select("detected", "resolved").row(0) == (date(2026, 9, 30), date(2026, 10, 9))


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


def test_the_member_with_most_money_comes_first_however_few_its_findings(run_folder):
    gaps = {"甲": [100, 100], "乙": [-400_000]}
    parts = [(shop, gap) for shop, found in gaps.items() for gap in found]
    run = with_tables(run_folder, [finding(n, shop=shop, gap_fen=gap) for n, (shop, gap) in enumerate(parts)])

    frame = postmortem.pareto(run, postmortem.choose_incident(run), "shop")

    assert frame.select("member", "n", "is_vital").rows() == [("乙", 1, True), ("甲", 2, False)]


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


def known(n, code, period, status, seen, shop="甲"):
    about = {"first_period": period, "status": status, "amount_fen": 100, "first_seen_on": seen, "shop": shop}
    return {"discrepancy_id": f"D{n}", "code": code} | about


def test_earlier_periods_of_the_same_code_say_that_it_recurs(run_folder):
    september, october = date(2026, 9, 30), date(2026, 10, 31)
    items = [
        known(2, "C04", "2026-10", "open", october),
        known(3, "C04", "2026-10", "explained", october, "乙"),
        known(4, "C07", "2026-08", "open", date(2026, 8, 31)),
    ]
    earlier = [
        known(1, "C04", "2026-09", "closed", september),
        known(5, "C04", "2026-06", "cleared", date(2026, 6, 30), "乙"),
        known(4, "C07", "2026-08", "open", date(2026, 8, 31)),
    ]
    run = with_tables(run_folder, [finding(2)], open_items=items, earlier_items=earlier)
    incident = postmortem.choose_incident(run)

    assert postmortem.recurrence(run, incident).rows() == [
        ("2026-06", "C04", 1, 100, 0, False),
        ("2026-09", "C04", 1, 100, 0, True),
        ("2026-10", "C04", 2, 200, 2, True),
    ]
    assert postmortem.came_back(run, incident) == 1
    assert "有 1 项在前 90 天内" in view.recurrence_table(run, incident, "zh").html


def test_the_first_whys_are_those_of_the_casebook_and_the_others_are_to_be_asked(run_folder):
    said = [
        decided(1, "explained", 1, why="没有核对"),
        decided(2, "cause", 1, why="没有人负责", cause="process"),
        decided(3, "explained", 9, why="漏看了邮件"),
        decided(4, "explained", 7, code="C07", why="与此无关"),
    ]
    run = with_tables(run_folder, [finding(1)], decisions=said)
    incident = postmortem.choose_incident(run)

    assert postmortem.whys(run, incident).select("key", "explanation", "reason", "cause").rows() == [
        ("R9", "漏看了邮件", None, None),
        ("R1", "没有核对", "没有人负责", "process"),
    ]
    shown = view.whys_table(run, incident, "zh").html
    assert "没有人负责" in shown and "流程 · 主管" in shown and "第五问" in shown and "与此无关" not in shown


def test_where_nobody_gave_a_reason_the_whys_are_lines_to_fill_in(run_folder):
    shown = view.whys_table(*opened(run_folder), "zh").html

    assert "还没有人说明原因" in shown and "C04 售后完成无退款流水" in shown


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ({"is_done": True, "done_on": date(2026, 10, 2)}, "2026-10-02 完成，之后又发生 1 项：没有起作用"),
        ({"is_done": True, "done_on": date(2026, 10, 6)}, "2026-10-06 完成，之后没有再发生"),
        ({"is_done": False, "is_overdue": True}, "逾期未做；议定以后又发生 1 项"),
        ({"is_done": False, "is_overdue": False}, "进行中；议定以后又发生 1 项"),
    ],
)
def test_an_action_says_whether_it_held(run_folder, about, says):
    action = {"discrepancy_id": "D9", "what": "每天核对", "code": "C04", "shop": "甲", "who": "会计-何"}
    action |= {"due_on": date(2026, 10, 20), "agreed_on": date(2026, 10, 1)} | about
    items = [{"discrepancy_id": "D1", "code": "C04", "shop": "甲", "event_on": date(2026, 10, 5)}]
    run = with_tables(run_folder, [finding(1)], actions=[action], open_items=items)

    assert says in view.actions(run, postmortem.choose_incident(run), "zh").html


def test_a_code_without_an_action_says_what_to_do_and_leaves_who_and_when_open(run_folder):
    run, incident = opened(run_folder)

    assert code_action("C04", "zh") in view.actions(run, incident, "zh").html


def test_the_lines_for_next_month_name_it_and_each_code(run_folder):
    run = with_tables(run_folder, [finding(1), finding(2, "C07", 500)])

    shown = view.again(run, postmortem.choose_incident(run, "C04,C07"), "en").html

    assert "recon-kit run 2026-11 --data DATA --out OUT" in shown
    assert shown.count("--period 2026-11 --status all --out OUT") == 2


def opened(folder):
    run = with_tables(folder, [finding(1)])
    return run, postmortem.choose_incident(run)


def decided(number, kind, item, *, day=5, **more):
    at = datetime(2026, 10, day, 9, number, tzinfo=SHANGHAI)
    about = {"number": number, "decision": kind, "discrepancy_id": f"D{item}", "code": "C04", "key": f"R{item}", "decided_at": at}
    return about | {"decided_by": "主管", "why": "因为"} | more


def test_controls_that_failed_on_the_same_case_stand_beside_it(run_folder):
    control = {"nature": "control", "gap_fen": None}
    run = with_tables(run_folder, [finding(1), finding(1, "K02", discrepancy_id="DK", **control), finding(9, "K01", **control)])

    assert postmortem.controls_beside(run, postmortem.choose_incident(run, "C04")).rows() == [("K02", 1)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_a_month_without_breaks_says_so_in_every_section(run_folder, language):
    run = with_tables(run_folder, [finding(1, "A06", 1, nature="rounding")])
    incident = postmortem.choose_incident(run)

    assert incident.codes == ()
    shown = [view.subject(incident, language), view.scope_table(run, incident, language), view.actions(run, incident, language)]
    assert len({piece.html for piece in shown}) == 1
    assert view.again(run, incident, language).html == ""
    assert "0" in view.tie(run, incident, "pareto", language).html
