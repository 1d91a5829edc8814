"""What the pages say of the casebook: who has what, what is late, who signed, which actions stand, how old items moved."""

from datetime import date, datetime
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from recon_kit import handled, handled_view, section_ties
from recon_kit.record import load_run
from recon_kit.results import ACTIONS, CARRY_FORWARD, DECISIONS, OPEN_ITEMS, conform_result

SHANGHAI = ZoneInfo("Asia/Shanghai")
TABLES = {"open_items": OPEN_ITEMS, "decisions": DECISIONS, "actions": ACTIONS, "carry_forward": CARRY_FORWARD}


def told(folder, **tables):
    for name, rows in tables.items():
        conform_result(pl.DataFrame(rows, infer_schema_length=None), TABLES[name]).write_parquet(
            folder / f"tables/{name}.parquet"
        )
    return load_run(folder)


def item(n, status="open", fen=100, **more):
    base = {"discrepancy_id": f"D{n}", "code": "C04", "key": f"R{n}", "owner": "finance", "shop": "甲", "status": status}
    left = fen if status in ("open", "explained") else 0
    about = {"amount_fen": fen, "remaining_fen": left, "origin": "new", "is_overdue": False, "is_escalated": False}
    return base | about | {"event_on": date(2026, 10, 20), "first_seen_on": date(2026, 10, 31), "bucket": "8-15"} | more


def decision(number, kind, subject="D1", **more):
    at = datetime(2026, 10, 2, 9, number, tzinfo=SHANGHAI)
    about = {"discrepancy_id": "D1", "code": "C04", "key": "R1", "amount_fen": 100, "period": "2026-09", "decided_by": "主管"}
    return {"number": number, "decided_at": at, "decision": kind, "subject": subject, "why": "因为"} | about | more


def action(what="改流程", **more):
    base = {"discrepancy_id": "D1", "what": what, "code": "C04", "key": "R1", "shop": "甲", "who": "会计-何"}
    return base | {"due_on": date(2026, 10, 20), "agreed_on": date(2026, 10, 8), "is_done": False, "is_overdue": False} | more


def test_every_item_stands_under_its_owner_and_status(run_folder):
    run = told(
        run_folder,
        open_items=[
            item(1, assigned_to="会计-何", is_overdue=True),
            item(2, "explained", 250),
            item(3, "cleared"),
            item(4, owner="cs", is_escalated=True),
        ],
    )

    rows = {row["owner"]: row for row in handled.standing(run).to_dicts()}
    assert [rows["finance"][f"item_{name}"] for name in ("open", "explained", "ended", "assigned", "overdue")] == [1, 1, 1, 1, 1]
    assert (rows["finance"]["remaining_fen"], rows["cs"]["item_escalated"]) == (350, 1)
    assert section_ties.tie_figures(run, "standing") == (4, 4, "count")
    assert "未清 3 项，其中 1 项过了应答日，2 项还没有分派" in handled_view.standing_table(run, "zh").html


def test_late_items_say_how_late_and_what_was_decided_last(run_folder):
    run = told(
        run_folder,
        open_items=[
            item(1, fen=100, due_on=date(2026, 10, 28), is_overdue=True, explanation="等平台"),
            item(2, fen=900, due_on=date(2026, 10, 30), is_overdue=True),
            item(3, fen=9000, due_on=date(2026, 11, 3)),
            item(4, "closed", due_on=date(2026, 10, 1), is_overdue=True),
        ],
        decisions=[decision(1, "assigned"), decision(2, "action")],
    )

    assert handled.late(run).select("key", "days_late", "decision").rows() == [("R2", 1, None), ("R1", 3, "action")]
    shown = handled_view.late_table(run, "zh").html
    assert "未分派" in shown and "等平台" in shown and "措施" in shown


def test_signed_decisions_are_those_somebody_answers_for(run_folder):
    run = told(
        run_folder,
        decisions=[
            decision(1, "assigned"),
            decision(2, "written_off"),
            decision(3, "approved", "E77", amount_fen=35680),
            decision(4, "sealed", "period:2026-09", discrepancy_id=None, code=None, key=None, amount_fen=None, why=None),
        ],
    )

    assert handled.signed(run)["decision"].to_list() == ["sealed", "approved", "written_off"]
    shown = handled_view.signed_table(run, "zh").html
    assert "2026-09 全月" in shown and "C04 售后完成无退款流水的分录" in shown and "356.80" in shown
    assert "all of 2026-09" in handled_view.signed_table(run, "en").html


def test_a_cause_is_told_with_its_kind_in_either_language(run_folder):
    run = told(run_folder, decisions=[decision(1, "cause", cause="process")])

    assert "定因 · 流程" in handled_view.recent_table(run, "zh").html
    assert "cause given · process" in handled_view.recent_table(run, "en").html


def test_an_action_tells_whether_it_happened_again_since(run_folder):
    run = told(
        run_folder,
        open_items=[item(1), item(2, event_on=date(2026, 10, 12)), item(3, event_on=date(2026, 10, 26)), item(4, shop="乙")],
        actions=[
            action("核对", is_done=True, done_on=date(2026, 10, 15)),
            action("改流程", is_overdue=True),
            action("培训", due_on=date(2026, 11, 30)),
        ],
    )

    assert handled.actions(run).select("what", "state", "n_since").rows() == [
        ("改流程", "overdue", 2),
        ("培训", "open", 2),
        ("核对", "done", 1),
    ]
    assert handled.actions(run, ("C07",)).is_empty()
    assert "已完成 2026-10-15" in handled_view.actions_table(run, "zh").html


def test_ages_move_from_what_was_carried_in_to_what_is_left(run_folder):
    run = told(
        run_folder,
        open_items=[
            item(1, origin="opening", event_on=date(2026, 9, 28), bucket="31-60"),
            item(2, "cleared", origin="opening", event_on=date(2026, 9, 29), bucket="31-60"),
            item(3),
        ],
        carry_forward=[{"code": "all", "opening_n": 2, "closing_n": 2}],
    )

    moves = {row["bucket"]: row for row in handled.ageing_moves(run).to_dicts()}
    assert (moves["0-3"]["opening_n"], moves["0-3"]["closing_n"], moves["0-3"]["moved_n"]) == (2, 0, -2)
    assert (moves["31-60"]["opening_n"], moves["31-60"]["closing_n"], moves["8-15"]["closing_n"]) == (0, 1, 1)
    assert section_ties.tie_figures(run, "ageing_moves") == (4, 4, "count")


@pytest.mark.parametrize("language", ["zh", "en"])
def test_where_the_casebook_is_silent_the_page_says_so(run_folder, language):
    run = load_run(run_folder)
    said = {
        view.__name__: view(run, language).html
        for view in (
            handled_view.standing_table,
            handled_view.late_table,
            handled_view.recent_table,
            handled_view.signed_table,
            handled_view.actions_table,
            handled_view.ageing_moves_table,
        )
    }

    assert all(html.startswith('<p class="empty">') for html in said.values())
    assert ("recon-kit cases" in said["recent_table"]) and ("recon-kit cases action" in said["actions_table"])


def test_words_of_the_casebook_are_escaped(run_folder):
    run = told(run_folder, decisions=[decision(1, "commented", why="<script>window.fired=1</script>", decided_by="<b>x</b>")])

    shown = handled_view.recent_table(run, "zh").html
    assert "<script>" not in shown and "<b>x</b>" not in shown


def test_more_than_a_page_holds_is_counted(run_folder):
    run = told(run_folder, decisions=[decision(n, "commented") for n in range(1, 24)])

    assert "其余 3 行见 tables/decisions.parquet" in handled_view.recent_table(run, "zh").html
