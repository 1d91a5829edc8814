"""What a day, a week and a month run. Source: docs/schedule.md."""

import json

import pytest

from recon_kit import charts, display, narrative
from recon_kit.periods import parse_period
from recon_kit.record import load_run
from recon_kit.rules import CATALOGUE, RULES, not_scheduled
from recon_kit.run import write_tables
from recon_kit.schedule import DAILY, WEEKLY
from recon_kit.workbook import write_workbook
from tests.settlement import wallet
from tests.world import case, flow, order, refund, run, voucher, world

DAY, WEEK, MONTH = "2026-10-31", "2026-W44", "2026-10"
OF_A_DAY = "P01 P02 P03 P04 P05 A03 A06 C01 C02 C03 C04 C05 C06 C07 C08 C10 C11 C12 C13 C14 C15 W06 W13 S08 K05 K06"
A_WEEK_ADDS = "A04 L01 L02 L03 L04 L05 L06 L10 L11 W01 W02 W03 W04 W05 W07 W08 W09 W10 W11 W12 S01 S02 Q01 Q02 Q03"


def test_every_code_is_in_one_class_a_week_adds_to_a_day_and_a_month_runs_all():
    of_day = [code for code in CATALOGUE if code not in not_scheduled(parse_period(DAY))]
    of_week = [code for code in CATALOGUE if code not in not_scheduled(parse_period(WEEK))]

    assert of_day == OF_A_DAY.split()
    assert sorted(set(of_week) - set(of_day)) == sorted(A_WEEK_ADDS.split()) and set(of_day) < set(of_week)
    assert not_scheduled(parse_period(MONTH)) == []
    assert DAILY < WEEKLY


def test_a_rule_of_a_code_may_wait_longer_than_the_code_but_names_a_known_check():
    pairs = {f"M{n}" for n in range(1, 14)}
    known = {*pairs, "ageing", *CATALOGUE}

    assert {entry.check for entry in CATALOGUE.values()} <= known and {rule.check for rule in RULES} <= {"", "M4"}
    assert {entry.code for entry in CATALOGUE.values() if entry.check == "M13"} == {"C10"}


@pytest.fixture(scope="module")
def books():
    """A refund nobody booked (L01), an over-refund (C05) and an approval that is missing (K01)."""
    return {
        "orders": [order("O1", on="2026-10-31"), order("O2", "500.00", on="2026-10-31")],
        "cases": [
            case("C1", "O1", done="2026-10-31"),
            case("C2", "O2", "300.00", done="2026-10-31", creator="王", approver=None),
            case("C3", "O2", "20.00", done="2026-10-31", creator="王", approver="李"),
        ],
        "flows": [
            refund("F1", "35.00", "2026-10-31", case_id="C1"),
            refund("F2", "300.00", "2026-10-31", case_id="C2"),
            refund("F3", "20.00", "2026-10-31", case_id="C3"),
        ],
        "vouchers": [voucher("V1", ("C2", "300.00"), on="2026-10-31"), voucher("V2", ("C3", "20.00"), on="2026-10-31")],
    }


def test_each_period_states_what_is_due_and_names_the_rest(books):
    day, week, month = (run(world(**books), period=text, as_of="2026-11-01") for text in (DAY, WEEK, MONTH))

    assert day.codes == ["C05 C1"]
    assert week.codes == ["C05 C1", "L01 C1"]
    assert month.codes == ["C05 C1", "K01 C2", "L01 C1"]
    assert "L01" in day.outcome.summary["not_scheduled"] and "K01" in week.outcome.summary["not_scheduled"]
    assert set(day.outcome.tables["matches"]["pair"]) <= DAILY and "M4" in week.outcome.tables["matches"]["pair"]


def test_a_day_and_a_week_draw_no_bridge_and_are_not_incomplete_for_it(books):
    for text in (DAY, WEEK):
        part = run(world(**books), period=text, as_of="2026-11-01").outcome
        assert part.tables["bridge"].is_empty() and part.tables["bridge_items"].is_empty() and part.tables["tax_basis"].is_empty()
        assert part.summary["bridge_ends_at"] is part.summary["unexplained_fen"] is None
        assert part.summary["verdict"] == "breaks"


def test_a_side_that_is_not_due_is_not_missed():
    tied = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")], "vouchers": None}

    assert run(world(**tied), period="2026-10-12", as_of="2026-10-12").verdict == "reconciled"
    assert run(world(**tied), period="2026-W42", as_of="2026-10-18").verdict == "warnings"
    assert run(world(**{**tied, "flows": None}), period="2026-10-12", as_of="2026-10-12").verdict == "warnings"
    missing = run(world(**tied), period="2026-10-12", as_of="2026-10-12").outcome.summary["not_checked"]
    assert "L01" not in missing and missing["W06"]


def test_vouchers_of_a_week_count_by_their_date():
    """Vouchers carry the month they are booked in; inside a shorter period their date decides."""
    month = world(
        orders=[order("O1"), order("O2")],
        cases=[case("C1", "O1", done="2026-10-12"), case("C2", "O2", "20.00", done="2026-10-20")],
        flows=[refund("F1", on="2026-10-12", case_id="C1"), refund("F2", "20.00", "2026-10-20", case_id="C2")],
    )

    assert run(month, period="2026-W42", as_of="2026-10-18").codes == []
    assert run(month, period="2026-10-20", as_of="2026-10-20").codes == []


def test_a_legs_whose_check_is_not_due_is_not_checked(books):
    day, week = (run(world(**books), period=text, as_of="2026-11-01").outcome.tables["case_file"] for text in (DAY, WEEK))

    legs = ("money", "goods", "ledger", "fee", "discount")
    assert day.filter(case_id="C3").select(legs).row(0) == ("ties", *["not_checked"] * 4)
    assert week.filter(case_id="C3")["ledger"].item() == "ties" and not day["is_complete"].any()


def test_a_balance_is_rolled_in_the_day_and_week_in_which_its_month_ends():
    flows = [flow("F1", "topup", "100.00", "2026-10-03"), flow("F2", "topup", "1.00", "2026-10-31")]
    month = world(flows=flows, wallets=[wallet("0.00", "99.00")])

    last, week, whole = run(month, period=DAY), run(month, period=WEEK, as_of="2026-11-01"), run(month)

    assert last.amounts("S08") == week.amounts("S08") == whole.amounts("S08") == (10100, 9900, -200)
    assert last.one("S08")["discrepancy_id"] == whole.one("S08")["discrepancy_id"]
    before = run(month, period="2026-10-30", as_of="2026-10-30").outcome.summary
    assert "S08" not in before["codes"] and before["not_checked"]["S08"] == "wallets"


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pages_and_the_workbook_of_a_day_say_what_was_not_scheduled(books, language, tmp_path):
    outcome = run(world(**books), period=DAY, as_of="2026-11-01", language=language).outcome
    write_tables(tmp_path, outcome)
    day = load_run(tmp_path)

    assert len(json.loads((tmp_path / "summary.json").read_text("utf-8"))["not_scheduled"]) == 42
    assert charts.plot_bridge(day, language).html == charts.plot_ageing(day, language).html == ""
    assert display.bridge_table(day, language).html == display.ageing_table(day, language).html
    assert display.tie(day, "bridge", language).html == "" and "data-figure" not in display.tie(day, "kpis", language).html
    assert "bridge.A0" not in display.headline(day, language).html
    assert ">42<" in narrative.render_story(day, language) and "L01" in display.not_checked(day, language).html
    assert write_workbook(tmp_path, language=language).stat().st_size > 5000
