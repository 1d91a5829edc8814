"""What a run says of the casebook: decisions, actions and items of earlier periods, of its own period and before, masked."""

from __future__ import annotations

from datetime import date, datetime
from pathlib import Path

import polars as pl
import pytest

from recon_kit.casebook import Decision, Event, decide, find_id
from recon_kit.config import parse_config
from recon_kit.periods import SHANGHAI
from tests.casebook.book import Book, items
from tests.world import case, order, refund, world

ORDERS = [order("O1", on="2026-09-05"), order("O2", on="2026-09-06")]
NEVER_PAID = [case("C1", "O1", done="2026-09-05"), case("C2", "O2", done="2026-09-06")]


@pytest.fixture
def book(tmp_path: Path) -> Book:
    """A September with two refunds that never came, and what people said of the first."""
    book = Book(tmp_path)
    book.run(month(), "2026-09")
    say(book, "assigned", "C1", by="主管", to="会计-何")
    say(book, "explained", "C1", day=5, why="买家电话 13812345678 打不通", text="买家电话 13812345678 打不通")
    say(book, "cause", "C1", day=5, cause="process")
    say(book, "action", "C1", day=6, what="每天核对", to="会计-何", due="2026-10-20", is_done=False)
    return book


def month(flows=()):
    return world(orders=ORDERS, cases=NEVER_PAID, flows=flows, bills_from="2026-09-01")


def say(book: Book, kind: str, key: str, *, by: str = "会计-何", day: int = 2, hour: int = 9, why: str = "因为", **data) -> int:
    states = {row["key"]: row for row in book.states().values()}
    at = datetime(2026, 10, day, hour, tzinfo=SHANGHAI)
    return decide(book.casebook, parse_config({}), Decision(kind, states[key]["discrepancy_id"], by, at, why, data))


def told(outcome, table: str) -> list[dict]:
    return outcome.tables[table].to_dicts()


def test_decisions_say_who_when_what_and_why_and_are_masked(book):
    rows = told(book.run(month()), "decisions")

    assert [row["decision"] for row in rows] == ["assigned", "explained", "cause", "action"]
    assert [(row["code"], row["key"], row["amount_fen"], row["period"]) for row in rows] == [("C04", "C1", 3000, "2026-09")] * 4
    assert (rows[0]["decided_by"], rows[0]["detail"]) == ("主管", "会计-何")
    assert (rows[2]["cause"], rows[3]["detail"]) == ("process", "每天核对")
    assert rows[1]["why"] == "买家电话 *** 打不通"
    assert items(book.run(month()))["C04 C1"]["explanation"] == "买家电话 *** 打不通"


def test_a_rerun_and_the_machine_s_own_events_change_nothing_of_it(book):
    first, second = book.run(month()), book.run(month())

    for table in ("decisions", "actions", "earlier_items"):
        assert first.tables[table].equals(second.tables[table])


def test_an_earlier_period_run_again_does_not_know_what_was_decided_later(book):
    book.run(month())
    say(book, "commented", "C2", day=30)

    assert len(told(book.run(month(), "2026-09"), "decisions")) == 4
    assert [row["decision"] for row in told(book.run(month()), "decisions")][-1] == "commented"


def test_what_was_undone_is_not_told(book):
    number = say(book, "commented", "C2", day=8)
    book.casebook.append(
        [Event("undone", find_id(book.casebook.events(), said_of(book, "C2")), "主管", at(9), "误", {"seq": number})]
    )

    assert "commented" not in [row["decision"] for row in told(book.run(month()), "decisions")]


def test_an_action_is_told_once_as_last_said(book):
    late = told(book.run(month()), "actions")
    say(book, "action", "C1", day=25, what="每天核对", to="会计-何", due="2026-10-20", is_done=True)
    done = told(book.run(month()), "actions")

    assert [(row["who"], row["due_on"], row["is_done"], row["is_overdue"]) for row in late] == [
        ("会计-何", date(2026, 10, 20), False, True)
    ]
    assert [(row["is_done"], row["done_on"], row["is_overdue"], row["agreed_on"]) for row in done] == [
        (True, date(2026, 10, 25), False, date(2026, 10, 6))
    ]


def test_an_action_due_on_the_last_day_is_not_late_yet(book):
    say(book, "action", "C2", what="催办", to="客服", due="2026-10-31", is_done=False)

    assert {row["what"]: row["is_overdue"] for row in told(book.run(month()), "actions")} == {"每天核对": True, "催办": False}


def test_items_of_earlier_periods_are_told_with_their_cause_also_when_they_ended(book):
    say(book, "closed", "C1", day=7)
    rows = {row["key"]: row for row in told(book.run(month([refund("F2", on="2026-10-02", case_id="C2")])), "earlier_items")}

    assert (rows["C1"]["status"], rows["C1"]["cause"], rows["C1"]["cleared_on"]) == ("closed", "process", date(2026, 10, 7))
    assert (rows["C2"]["status"], rows["C2"]["first_period"], rows["C2"]["cause"]) == ("open", "2026-09", None)


def test_a_month_that_was_closed_is_a_decision_of_who_closed_it(book):
    book.casebook.append([Event("sealed", "period:2026-09", "财务经理", at(9), None, {"link": "x"})])
    outcome = book.run(month())

    assert [(row["decision"], row["decided_by"], row["period"], row["code"]) for row in told(outcome, "decisions")][-1] == (
        "sealed",
        "财务经理",
        "2026-09",
        None,
    )
    assert outcome.summary["months"] == {"run": 2, "closed": 1}


def test_a_month_opened_again_is_not_closed(book):
    for kind, day in (("sealed", 9), ("reopened", 10)):
        book.casebook.append([Event(kind, "period:2026-09", "财务经理", at(day), "补账单", {"link": kind})])

    assert book.run(month()).summary["months"] == {"run": 2, "closed": 0}


def test_without_a_casebook_nothing_is_told(tmp_path):
    outcome = Book(tmp_path).run(month())

    assert [outcome.tables[name].height for name in ("decisions", "actions", "earlier_items")] == [0, 0, 0]
    assert outcome.summary["months"] == {"run": 1, "closed": 0}


def said_of(book: Book, key: str) -> str:
    return next(row["discrepancy_id"] for row in book.states().values() if row["key"] == key)


def at(day: int) -> datetime:
    return datetime(2026, 10, day, 12, tzinfo=SHANGHAI)


def test_the_tables_are_those_that_results_declares(book):
    outcome = book.run(month())

    assert outcome.tables["decisions"].schema["decided_at"] == pl.Datetime("us", "Asia/Shanghai")
    assert outcome.tables["actions"].columns[:2] == ["discrepancy_id", "what"]
