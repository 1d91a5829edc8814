"""Decisions: who may take which, what it needs, that undoing one leaves the others, and what the roll makes of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from recon_kit.casebook import MACHINE, Decision, Event, decide, entry_states, find_id, keep_evidence
from recon_kit.cli import app
from recon_kit.config import Config, parse_config
from recon_kit.errors import CasebookError
from tests.casebook.book import AT, Book, items, rolled
from tests.world import case, order, world

MONTH = world(orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-05"), case("C2", "O1", "20.00", done="2026-10-30")])


@pytest.fixture
def book(tmp_path: Path) -> Book:
    book = Book(tmp_path)
    book.run(MONTH)
    return book


def item(book: Book, name: str = "C04 C1") -> str:
    return book.states()[name]["discrepancy_id"]


def say(book: Book, kind: str, by: str, subject: str | None = None, config: Config | None = None, **data: Any) -> int:
    return decide(book.casebook, config or Config(), Decision(kind, subject or item(book), by, AT, "因为", data))


def test_a_break_is_closed_only_with_its_cause(book):
    with pytest.raises(CasebookError, match="without a cause"):
        say(book, "closed", "王芳")
    say(book, "cause", "王芳", cause="process")
    say(book, "closed", "王芳")

    assert book.states()["C04 C1"]["status"] == "closed"
    outcome = book.run(MONTH)
    assert items(outcome)["C04 C1"]["cleared_how"] == "decision"
    assert rolled(outcome, "C04") == {"new_n": 1, "cleared_n": 1, "new_fen": 3000, "cleared_fen": 3000}
    assert (rolled(outcome)["closing_n"], rolled(outcome)["closing_fen"]) == (1, 2000)


def test_timing_needs_no_cause(book):
    say(book, "closed", "王芳", item(book, "C02 C2"))

    assert book.states()["C02 C2"]["status"] == "closed"


def test_nobody_approves_a_write_off_of_their_own_or_of_what_they_work_on(book):
    say(book, "assigned", "李雷", to="赵六")
    say(book, "written_off", "王芳")
    for own in ("王芳", "赵六"):
        with pytest.raises(CasebookError, match="Nobody approves their own"):
            say(book, "approved", own)
    assert book.states()["C04 C1"]["pending"] == "write_off"
    say(book, "approved", "李雷")

    assert book.states()["C04 C1"]["status"] == "written_off"
    outcome = book.run(MONTH)
    assert rolled(outcome, "C04") == {"new_n": 1, "written_off_n": 1, "new_fen": 3000, "written_off_fen": 3000}


def test_the_tier_of_the_amount_says_how_many_approve_and_who(book):
    config = parse_config({"approval": {"tiers": [{"up_to": "10.00"}, {"approvals": 2, "by": ["李雷", "赵六"]}]}})
    say(book, "written_off", "王芳", config=config)
    with pytest.raises(CasebookError, match="may not approve this amount"):
        say(book, "approved", "路人", config=config)
    say(book, "approved", "李雷", config=config)
    with pytest.raises(CasebookError, match="approved it already"):
        say(book, "approved", "李雷", config=config)
    assert book.states()["C04 C1"]["status"] == "open"
    say(book, "approved", "赵六", config=config)

    assert book.states()["C04 C1"]["status"] == "written_off"


def test_by_default_two_approve_above_a_hundred_times_the_automatic_limit():
    assert [Config().approval_tier(fen).approvals for fen in (0, 1_000_000, 1_000_001)] == [1, 1, 2]


def test_undoing_one_decision_leaves_the_others(book):
    say(book, "assigned", "李雷", to="赵六")
    say(book, "explained", "赵六", text="等平台")
    say(book, "written_off", "王芳")
    approval = say(book, "approved", "李雷")
    undone = say(book, "undone", "李雷", seq=approval)

    state = book.states()["C04 C1"]
    assert (state["status"], state["pending"], state["assigned_to"]) == ("explained", "write_off", "赵六")
    with pytest.raises(CasebookError, match="no decision"):
        say(book, "undone", "李雷", seq=approval)
    with pytest.raises(CasebookError, match="no decision"):
        say(book, "undone", "李雷", seq=1)
    assert undone == book.casebook.head()[0]


def test_a_rejected_write_off_can_be_proposed_again(book):
    say(book, "written_off", "王芳")
    with pytest.raises(CasebookError, match="waits for approval already"):
        say(book, "written_off", "王芳")
    say(book, "rejected", "李雷")
    say(book, "written_off", "王芳")
    say(book, "approved", "李雷")

    assert book.states()["C04 C1"]["status"] == "written_off"


def test_a_written_off_item_is_not_carried_and_a_reopened_one_is_new_again(book):
    say(book, "written_off", "王芳")
    say(book, "approved", "李雷")
    quiet = world(orders=[order("O9", on="2026-11-05")])
    assert rolled(book.run(quiet, "2026-11"))["opening_n"] == 1
    say(book, "reopened", "李雷")
    outcome = book.run(quiet, "2026-11")

    assert items(outcome)["C04 C1"]["origin"] == "new"
    assert rolled(outcome, "C04") == {"new_n": 1, "closing_n": 1, "new_fen": 3000, "closing_fen": 3000}


def test_a_decision_stands_only_on_what_it_was_taken_on(book):
    say(book, "cause", "王芳", cause="process")
    say(book, "closed", "王芳")
    book.run(world(orders=[order("O1")], cases=[case("C1", "O1", "40.00", done="2026-10-05")]))

    assert (book.states()["C04 C1"]["status"], book.states()["C04 C1"]["amount_fen"]) == ("open", 4000)


def test_a_decision_after_the_seal_belongs_to_the_next_month(book):
    book.casebook.append([Event("sealed", "period:2026-10", "李主管", AT, data={"period": "2026-10"})])
    say(book, "commented", "王芳")

    assert json.loads(book.casebook.events()["data"][-1])["period"] == "2026-11"


def test_an_entry_is_approved_by_another_and_again_once_it_changes(book):
    proposed = {"period": "2026-10", "amount_fen": 3000, "discrepancy_ids": [item(book)], "effect": "correction"}
    book.casebook.append([Event("entry_proposed", "E1", MACHINE, AT, data=proposed)])
    say(book, "assigned", "李雷", to="赵六")
    with pytest.raises(CasebookError, match="Nobody approves"):
        say(book, "approved", "赵六", "E1")
    say(book, "approved", "李雷", "E1")
    assert entry_states(book.casebook.events())["status"].to_list() == ["approved"]
    book.casebook.append([Event("entry_proposed", "E1", MACHINE, AT, data={**proposed, "amount_fen": 4000})])

    assert entry_states(book.casebook.events())["status"].to_list() == ["proposed"]


@pytest.mark.parametrize(
    ("kind", "by", "why", "said"),
    [("invented", "王芳", "x", "no decision"), ("closed", MACHINE, "x", "a person"), ("closed", "王芳", " ", "no reason")],
)
def test_every_decision_says_who_and_why(book, kind, by, why, said):
    with pytest.raises(CasebookError, match=said):
        decide(book.casebook, Config(), Decision(kind, item(book), by, AT, why))


def test_an_id_may_be_given_as_far_as_it_is_unique(book):
    events = book.casebook.events()
    whole = item(book)

    assert find_id(events, whole[:9]) == whole
    with pytest.raises(CasebookError, match="expected one"):
        find_id(events, "D")
    with pytest.raises(CasebookError, match="0 ids"):
        find_id(events, "Dxyz")


def test_evidence_is_kept_once_by_its_content(tmp_path):
    for name in ("聊天.PNG", "again.png"):
        (tmp_path / name).write_bytes(b"picture")
    kept = [keep_evidence(tmp_path / name, tmp_path / "out") for name in ("聊天.PNG", "again.png")]

    assert [one["name"] for one in kept] == ["聊天.PNG", "again.png"] and kept[0]["file"] == kept[1]["file"]
    assert [path.read_bytes() for path in (tmp_path / "out" / "evidence").iterdir()] == [b"picture"]
    with pytest.raises(CasebookError, match="no such file"):
        keep_evidence(tmp_path / "absent.png", tmp_path / "out")


def test_the_command_decides_lists_and_tells(book, tmp_path):
    def command(*arguments: str) -> Any:
        return CliRunner().invoke(app, ["cases", *arguments, "--out", str(book.out)])

    short = item(book)[:10]
    listed = json.loads(command("list", "--code", "c04", "--min-amount", "30.00", "--json").stdout)
    assert [row["key"] for row in listed] == ["C1"]
    (tmp_path / "chat.txt").write_text("问过")
    for arguments in (
        ("assign", short, "--to", "赵六", "--due", "2026-11-20", "--by", "李雷"),
        ("attach", short, str(tmp_path / "chat.txt"), "--by", "赵六", "--why", "聊天"),
        ("action", short, "--what", "补凭证", "--to", "赵六", "--due", "2026-11-30", "--by", "李雷", "--why", "防止再漏"),
        ("cause", short, "process", "--by", "赵六", "--why", "漏记"),
        ("close", short, "--by", "赵六", "--why", "已补"),
    ):
        assert command(*arguments).exit_code == 0
    assert command("list", "--code", "C04", "--json").stdout.strip() == "[]"
    shown = json.loads(command("show", short, "--json").stdout)
    assert (shown["state"]["status"], shown["state"]["n_evidence"], shown["state"]["n_actions"]) == ("closed", 1, 1)
    assert '"due":"2026-11-20"' in command("history", short).stdout
    assert "补凭证" in command("history", short).stdout and "已关闭" in command("list", "--status", "all").stdout


def test_the_command_records_a_published_run_that_was_not_recorded(tmp_path):
    book = Book(tmp_path)
    book.run(MONTH, record=False)
    done = CliRunner().invoke(app, ["cases", "list", "--json", "--out", str(tmp_path)])

    assert [row["key"] for row in json.loads(done.stdout)] == ["C2", "C1"]
