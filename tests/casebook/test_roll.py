"""The roll: what is carried, what clears and by what, and that the same inputs give the same roll in whatever order."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from recon_kit.casebook import entry_states, verify_events
from tests.casebook.book import Book, items, rolled
from tests.world import case, order, receipt, refund, returned, run, voucher, world

ORDERS = [order("O1", on="2026-09-05"), order("O2", on="2026-09-06")]
EARLY = {"bills_from": "2026-09-01"}


@pytest.fixture
def book(tmp_path: Path) -> Book:
    return Book(tmp_path)


def month(cases=(), flows=(), **more):
    return world(orders=ORDERS, cases=cases, flows=flows, **EARLY, **more)


LATE = case("C1", "O1", done="2026-09-29")


def test_a_first_run_opens_everything_it_finds(book):
    outcome = book.run(month([LATE]), "2026-09")

    assert rolled(outcome) == {"new_n": 1, "closing_n": 1, "new_fen": 3000, "closing_fen": 3000}
    assert rolled(outcome, "C02") == rolled(outcome)
    row = items(outcome)["C02 C1"]
    assert (row["origin"], row["status"], row["first_period"], row["age_days"], row["bucket"]) == (
        "new",
        "open",
        "2026-09",
        1,
        "0-3",
    )
    assert book.kinds() == ["opened"]
    assert outcome.summary["carry_forward"]["closing_fen"] == 3000


def test_a_refund_that_arrives_next_month_clears_the_item_and_is_named(book):
    book.run(month([LATE]), "2026-09")
    outcome = book.run(month([LATE], [refund("F1", on="2026-10-02", case_id="C1")]))

    row = items(outcome)["C02 C1"]
    assert (row["status"], row["cleared_how"], row["cleared_on"].isoformat()) == ("cleared", "match", "2026-10-02")
    assert row["cleared_by"].startswith("flow wechat|F1 (flows.csv:")
    assert (row["remaining_fen"], row["amount_fen"], row["origin"]) == (0, 3000, "opening")
    assert rolled(outcome) == {"opening_n": 1, "cleared_n": 1, "opening_fen": 3000, "cleared_fen": 3000}
    assert book.states()["C02 C1"]["status"] == "cleared" and book.kinds() == ["opened", "cleared"]


def test_an_item_that_turns_into_another_code_keeps_its_id_and_is_never_new(book):
    book.run(month([LATE]), "2026-09")
    outcome = book.run(month([LATE]))

    assert rolled(outcome, "C02") == {"opening_n": 1, "recoded_n": -1, "opening_fen": 3000, "recoded_fen": -3000}
    assert rolled(outcome, "C04") == {"recoded_n": 1, "closing_n": 1, "recoded_fen": 3000, "closing_fen": 3000}
    assert rolled(outcome) == {"opening_n": 1, "closing_n": 1, "opening_fen": 3000, "closing_fen": 3000}
    assert items(outcome)["C04 C1"]["first_period"] == "2026-09" and items(outcome)["C04 C1"]["is_escalated"]
    assert book.kinds() == ["opened", "seen"] and list(book.states()) == ["C04 C1"]


def test_an_amount_that_changes_is_its_own_column(book):
    book.run(month([LATE]), "2026-09")
    outcome = book.run(month([case("C1", "O1", "40.00", done="2026-09-29")]))

    assert rolled(outcome) == {"opening_n": 1, "closing_n": 1, "opening_fen": 3000, "changed_fen": 1000, "closing_fen": 4000}


@pytest.mark.parametrize("again", ["same rows", "none loaded"])
def test_what_this_month_cannot_judge_stays_open(book, again):
    paid_twice = [receipt("O1", "100.00", "2026-09-05", flow_id="R9")]
    first = book.run(month([], paid_twice), "2026-09")
    assert list(items(first)) == ["P04 O1"]

    rows = month([], paid_twice) if again == "same rows" else world(orders=[order("O8", on="2026-10-05")])
    outcome = book.run(rows)

    assert (items(outcome)["P04 O1"]["status"], items(outcome)["P04 O1"]["is_found"]) == ("open", False)
    assert rolled(outcome)["closing_n"] == 1


def test_what_a_corrected_source_no_longer_says_is_cleared_naming_the_row(book):
    more = [*ORDERS, *(order(f"M{n}", on="2026-09-07") for n in range(9))]
    book.run(world(orders=more, flows=[receipt("O1", "100.00", "2026-09-05", flow_id="R9")], **EARLY), "2026-09")
    outcome = book.run(world(orders=more, **EARLY))

    row = items(outcome)["P04 O1"]
    assert (row["status"], row["cleared_how"], row["cleared_by"]) == ("cleared", "source", "source corrected: orders.csv:2")


def test_an_extract_that_lacks_most_of_the_old_month_says_nothing_about_it(book):
    many = [order(f"M{n}", on="2026-09-07") for n in range(9)]
    whole = world(orders=[*ORDERS, *many], flows=[receipt("O1", "100.00", "2026-09-05", flow_id="R9")], **EARLY)
    book.run(whole, "2026-09")

    outcome = book.run(month())

    assert items(outcome)["P04 O1"]["status"] == "open"


def test_a_refund_booked_next_month_clears_the_ledger_item(book):
    paid = [refund("F1", on="2026-09-12", case_id="C1")]
    cases = [case("C1", "O1", done="2026-09-11")]
    book.run(month(cases, paid, vouchers=[]), "2026-09")
    outcome = book.run(month(cases, paid, vouchers=[voucher("记-9", ("C1", "30.00"), on="2026-10-20")]))

    assert list(items(outcome)) == ["L05 C1"]
    row = items(outcome)["L05 C1"]
    assert (row["status"], row["cleared_how"], row["is_found"]) == ("cleared", "ledger", True)
    assert row["cleared_by"].startswith("voucher 2026-10|记-9 (") and row["cleared_on"].isoformat() == "2026-10-20"


def test_a_voucher_of_the_look_ahead_clears_nothing_yet(book):
    paid, cases = [refund("F1", on="2026-09-12", case_id="C1")], [case("C1", "O1", done="2026-09-11")]
    book.run(month(cases, paid, vouchers=[]), "2026-09")
    outcome = book.run(month(cases, paid, vouchers=[voucher("记-9", ("C1", "30.00"), on="2026-11-03")]))

    assert [row["status"] for row in items(outcome).values()] == ["open"]


def test_goods_that_arrive_clear_the_item_that_waited_for_them(book):
    cases = [case("C1", "O1", kind="return_refund", done="2026-09-25", line_id="O1-1", qty=1)]
    paid = [refund("F1", on="2026-09-26", case_id="C1")]
    first = book.run(month(cases, paid, returns=[]), "2026-09")
    assert list(items(first)) == ["W02 C1"]
    outcome = book.run(month(cases, paid, returns=[returned("RK1", "C1", on="2026-10-03", stock_posted_at="2026-10-03")]))

    assert items(outcome)["W02 C1"]["cleared_by"].startswith("receipt RK1|") and items(outcome)["W02 C1"]["status"] == "cleared"


def test_a_rerun_with_equal_inputs_gives_equal_tables_and_no_event(book):
    book.run(month([LATE]), "2026-09")
    first = book.run(month([LATE]))
    head = book.casebook.head()
    second = book.run(month([LATE]))

    assert book.casebook.head() == head
    for name in ("open_items", "carry_forward"):
        assert first.tables[name].equals(second.tables[name])


def test_a_rerun_with_corrected_input_clears_what_vanished_and_the_month_never_had_it(book):
    book.run(month([LATE]), "2026-09")
    outcome = book.run(month([case("C1", "O1", done=None)]), "2026-09")

    assert rolled(outcome) == {}
    state = book.states()["C02 C1"]
    assert state["status"] == "cleared" and state["cleared_by"].startswith("rerun ")


def test_what_a_rerun_brings_back_is_open_again(book):
    for cases in ([LATE], [], [LATE]):
        book.run(month(cases), "2026-09")

    assert book.kinds() == ["opened", "cleared", "reopened"]
    assert book.states()["C02 C1"]["status"] == "open"


def test_a_rerun_of_an_older_month_leaves_the_newer_one_alone(book):
    months = {"2026-09": month([LATE]), "2026-10": month([LATE, case("C2", "O2", done="2026-10-11")])}
    rolls = {period: book.run(months[period], period) for period in months}
    for period in ("2026-09", "2026-10", "2026-09"):
        again = book.run(months[period], period)
        assert again.tables["carry_forward"].equals(rolls[period].tables["carry_forward"])
        assert again.tables["open_items"].equals(rolls[period].tables["open_items"])
    verify_events(book.casebook.events())


def test_an_older_month_that_no_longer_states_an_item_does_not_clear_what_the_newer_one_saw(book):
    book.run(month([LATE]), "2026-09")
    book.run(month([LATE]))
    book.run(month(), "2026-09")

    assert book.states()["C04 C1"]["status"] == "open"


def test_the_roll_adds_up_over_three_months(book):
    late = [LATE, case("C2", "O2", done="2026-10-30")]
    first = book.run(month([LATE]), "2026-09")
    second = book.run(month(late))
    third = book.run(month(late, [refund("F2", on="2026-11-02", case_id="C2")]), "2026-11")

    for before, after in ((first, second), (second, third)):
        closing = before.tables["carry_forward"].filter(pl.col("closing_n") > 0).select("code", "closing_n", "closing_fen")
        opening = after.tables["carry_forward"].filter(pl.col("opening_n") > 0).select("code", "opening_n", "opening_fen")
        assert sorted(closing.rows()) == sorted(opening.rows())
    assert rolled(third)["cleared_n"] == 1


def test_without_a_casebook_the_opening_is_nothing():
    outcome = run(month([LATE])).outcome

    assert "opening_n" not in rolled(outcome)


def test_an_entry_that_was_booked_clears_what_it_answers_and_is_named(book):
    paid, done = refund("F1", on="2026-09-10", case_id="C1"), case("C1", "O1", done="2026-09-09")
    entry = book.run(month([done], [paid], vouchers=()), "2026-09").tables["adjustments"].filter(code="L01")
    assert entry["answers"].to_list() == [[book.states()["L01 C1"]["discrepancy_id"]]] * entry.height
    entry_id = entry["entry_id"][0]

    booked = voucher("记-9", ("C1", "30.00"), on="2026-10-20", summary=f"{entry_id} 补记退款")
    row = next(row for name, row in items(book.run(month([done], [paid], vouchers=[booked]))).items() if name.endswith(" C1"))

    assert (row["status"], row["cleared_how"]) == ("cleared", "entry")
    assert entry_id in row["cleared_by"] and "voucher_lines.csv:" in row["cleared_by"]
    assert entry_id in entry_states(book.casebook.events())["entry_id"].to_list()


def test_a_rerun_does_not_withdraw_an_entry_that_the_ledger_has_by_now(book):
    paid, done = refund("F1", on="2026-09-10", case_id="C1"), case("C1", "O1", done="2026-09-09")
    first = book.run(month([done], [paid], vouchers=()), "2026-09")
    entry_id = first.tables["adjustments"].filter(code="L01")["entry_id"][0]
    booked = voucher("记-9", ("C1", "30.00"), on="2026-09-20", summary=f"{entry_id} 补记")

    book.run(month([done], [paid], vouchers=[booked]), "2026-09")

    kept = entry_states(book.casebook.events()).filter(entry_id=entry_id)
    assert kept["status"].to_list() == ["proposed"]
