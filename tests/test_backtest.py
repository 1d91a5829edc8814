"""Looking back: the engine run again as of earlier days, on what was known then."""

from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from recon_kit import backtest
from recon_kit.as_known import BORN, OF_ORDERS, as_known
from recon_kit.backtest import UNKNOWABLE, earlier_months, look_back
from recon_kit.backtest_view import earlier_months_table, lookback_table, lookback_tie
from recon_kit.errors import TieError
from recon_kit.facts import build_facts
from recon_kit.periods import cut_off
from recon_kit.postmortem import Incident, choose_incident
from recon_kit.record import load_run
from recon_kit.rules import detect
from recon_kit.schema import TABLES
from tests import sample
from tests.casebook.book import Book
from tests.settlement import bank_row, payout
from tests.world import at, case, order, receipt, refund, repeated, returned, run, voucher, world

DAYS = ["seen_on", "seen_code", "caught_on", "caught_code", "scheduled_on", "scheduled_by", "found_on", "days_lost", "state"]


def oct_(day):
    return date(2026, 10, day)


def looked(tmp_path, code, collected, **about):
    Book(tmp_path).run(collected, **about)
    finished = load_run(tmp_path / "2026-10")
    return look_back(finished, choose_incident(finished, code))


def days_of(lookback):
    return lookback.findings.select(DAYS).row(0)


def not_paid(**more):
    """A refund on a platform that pays in three days, agreed to on the fifth and never paid."""
    return world(
        orders=[order("O1", platform="jd", confirmed="2026-10-02", on="2026-10-01")],
        cases=[case("R1", "O1", done="2026-10-05", platform="jd")],
        **more,
    )


@pytest.fixture(scope="module")
def unpaid(tmp_path_factory):
    """The finished run of `not_paid`, its incident, and what looking back on it says."""
    out = tmp_path_factory.mktemp("unpaid")
    Book(out).run(not_paid())
    finished = load_run(out / "2026-10")
    incident = choose_incident(finished, "C04")
    return finished, incident, look_back(finished, incident)


def test_a_refund_that_never_left_was_in_transit_first_and_a_daily_run_says_so_on_the_day_it_breaks(unpaid):
    assert days_of(unpaid[2]) == (
        *(oct_(5), "C02", oct_(9), "C04", oct_(9), "2026-10-09"),
        *(oct_(31), 22, "earlier"),
    )


def test_the_run_of_the_day_it_was_caught_on_says_so_of_the_files_of_that_day():
    of_that_day = run(not_paid(), period="2026-10-09", as_of="2026-10-09")
    of_the_day_before = run(not_paid(), period="2026-10-08", as_of="2026-10-08")

    assert of_that_day.codes == ["C04 R1"] and of_the_day_before.codes == ["C02 R1"]


def booked_late():
    return world(
        orders=[order("O1")],
        cases=[case("R1", "O1", done="2026-10-20")],
        flows=[refund("F1", on="2026-10-20", case_id="R1")],
        vouchers=[voucher("V1", ("R1", "30.00"), on="2026-11-03")],
    )


def test_what_is_called_late_with_hindsight_was_not_booked_at_the_time(tmp_path):
    found = looked(tmp_path, "L05", booked_late())

    assert days_of(found) == (
        *(oct_(20), "L01", oct_(20), "L01", oct_(25), "2026-W43"),
        *(oct_(31), 6, "earlier"),
    )


def test_a_rule_that_only_a_month_runs_is_told_from_one_that_the_schedule_has(tmp_path):
    short = world(flows=[payout("P1", "100.00", "2026-10-05")], bank_rows=[bank_row("B1", "90.00", "2026-10-06", payout_id="P1")])

    assert days_of(looked(tmp_path, "S03", short)) == (
        *(oct_(5), "S04", oct_(6), "S03", None, None),
        *(oct_(31), 25, "rule"),
    )


def test_what_breaks_on_the_last_day_could_not_be_caught_before(tmp_path):
    late = world(
        orders=[order("O1", platform="jd", confirmed="2026-10-02", on="2026-10-01")],
        cases=[case("R1", "O1", done="2026-10-27", platform="jd")],
    )

    assert days_of(looked(tmp_path, "C04", late)) == (oct_(27), "C02", None, None, None, None, oct_(31), 0, "never")


def test_an_item_in_transit_is_caught_when_it_is_first_named(tmp_path):
    on_its_way = world(
        orders=[order("O1", platform="jd", confirmed="2026-10-02", on="2026-10-01")],
        cases=[case("R1", "O1", done="2026-10-29", platform="jd")],
    )

    assert days_of(looked(tmp_path, "C02", on_its_way))[:6] == (oct_(29), "C02", oct_(29), "C02", oct_(29), "2026-10-29")


def test_a_later_refund_does_not_hide_that_it_was_overdue(tmp_path):
    paid_twice_late = not_paid(flows=[refund("F1", "31.00", on="2026-10-20", channel="jd", case_id="R1")])

    found = looked(tmp_path, "C05", paid_twice_late)

    assert found.findings.select("caught_on", "caught_code").row(0) == (oct_(20), "C05")


def test_rows_that_came_twice_cannot_be_looked_back_on(tmp_path):
    twice = world(orders=[order("O1")], duplicates=[repeated("orders", "wechat_mini|O1")])

    found = looked(tmp_path, "K05", twice)

    assert found.findings.select("state", "caught_on", "days_lost").rows() == [("unknown", None, None)]


def test_when_the_reruns_are_used_up_it_says_so(unpaid, monkeypatch):
    monkeypatch.setattr(backtest, "MOST_RUNS", 2)

    found = look_back(*unpaid[:2])

    assert found.findings["state"].to_list() == ["not_tried"] and found.n_runs == 3


def test_each_day_is_run_once_however_many_findings_ask_for_it(tmp_path, unpaid):
    several = world(
        orders=[order(f"O{n}", platform="jd", confirmed="2026-10-02", on="2026-10-01") for n in range(6)],
        cases=[case(f"R{n}", f"O{n}", done="2026-10-05", platform="jd") for n in range(6)],
    )

    six = looked(tmp_path, "C04", several)

    assert six.findings.height == 6 and six.findings.select(DAYS).n_unique() == 1
    assert six.n_runs == unpaid[2].n_runs <= 15


def test_a_large_month_is_looked_back_on_only_when_asked_and_shows_the_schedule_till_then(unpaid):
    finished, incident, _ = unpaid

    found = look_back(finished, incident, most_orders=0)

    assert found.why_not == "too_large" and found.findings.is_empty() and found.n_runs == 0
    for language, told in (("zh", "没有自动回看"), ("en", "not looked back without being asked")):
        shown = lookback_table(finished, incident, found, language).html
        assert told in shown and "catch-table" in shown


def test_findings_that_the_tables_do_not_bring_again_are_unknown_and_no_day_is_run_for_them(run_folder):
    finished = load_run(run_folder)

    found = look_back(finished, choose_incident(finished, "C04"))

    assert found.findings["state"].unique().to_list() == ["unknown"] and found.n_runs == 1


def test_a_run_without_its_configuration_shows_the_schedule(run_folder):
    (run_folder / "MANIFEST.json").unlink()
    finished = load_run(run_folder)
    incident = choose_incident(finished, "C04")

    found = look_back(finished, incident)

    assert found.why_not == "no_config"
    assert "MANIFEST.json" in lookback_table(finished, incident, found, "en").html
    assert lookback_tie(incident, found, "en").html == ""


@pytest.mark.parametrize(
    ("language", "told"),
    [("zh", ["每日 2026-10-09", "1 项会更早报出，早 22.0 天", "凭证按日期算入账"]),
     ("en", ["daily 2026-10-09", "1 would have been found earlier, by 22.0 days", "a voucher counts by its date"])],
)  # fmt: skip
def test_the_page_names_the_run_the_days_and_what_cannot_be_known(unpaid, language, told):
    finished, incident, past = unpaid

    html = lookback_table(finished, incident, past, language).html

    assert all(text in html for text in told)
    assert 'class="tie"' in lookback_tie(incident, past, language).html
    with pytest.raises(TieError, match="1 findings in it, 0 in the incident"):
        lookback_tie(Incident(("C04",), incident.findings.clear()), past, language)


def paid_short(months):
    """An order a month that brings a yuan too little, on the tenth; the bills begin with the first of them."""
    orders = [order(f"O{month}", on=f"2026-{month:02d}-10") for month in months]
    earlier = [order(f"E{month}", on=f"2026-{month:02d}-02") for month in months]
    short = [receipt(f"O{month}", "99.00", on=f"2026-{month:02d}-10") for month in months]
    whole = [receipt(f"E{month}", on=f"2026-{month:02d}-02") for month in months]
    return world(orders=orders + earlier, flows=short + whole, receipts=False, bills_from=f"2026-{months[0]:02d}-01")


def months_of(tmp_path, collected, codes="P01"):
    Book(tmp_path).run(collected)
    finished = load_run(tmp_path / "2026-10")
    return earlier_months(finished, choose_incident(finished, codes))


def test_earlier_months_say_whether_the_same_was_there_before(tmp_path):
    found = months_of(tmp_path, paid_short([8, 9, 10]))

    assert found.rows() == [("2026-08", "P01", 1, 100, 0), ("2026-09", "P01", 1, 100, 0)]


def test_a_month_that_had_none_says_so_and_one_beyond_ninety_days_is_not_asked(tmp_path):
    found = months_of(tmp_path, paid_short([5, 6, 7, 8, 9, 10]), "P01,P02")

    assert found["period"].unique().sort().to_list() == ["2026-07", "2026-08", "2026-09"]
    assert found.filter(pl.col("code") == "P02")["n"].to_list() == [0, 0, 0]


def test_a_refund_that_is_missing_since_september_is_still_there_in_october(tmp_path):
    since = world(
        orders=[order(f"O{n}", platform="jd", confirmed=f"2026-{m}-03", on=f"2026-{m}-02") for n, m in enumerate(("09", "10"))],
        cases=[case(f"R{n}", f"O{n}", done=f"2026-{m}-10", platform="jd") for n, m in enumerate(("09", "10"))],
        bills_from="2026-09-01",
    )

    assert months_of(tmp_path, since, "C04").rows() == [("2026-09", "C04", 1, 3000, 1)]


@pytest.mark.parametrize("language", ["zh", "en"])
def test_without_an_earlier_month_it_says_so(unpaid, language):
    shown = earlier_months_table(*unpaid[:2], language).html

    assert {"zh": "没有更早的月份可以重跑", "en": "no earlier month to run again"}[language] in shown


def tables_of(collected):
    return collected.tables.supplied()


def test_what_ended_later_had_not_ended_and_what_came_later_was_not_there():
    collected = world(
        orders=[
            order("O1", confirmed="2026-10-20", on="2026-10-05", shipped_at="2026-10-06", refunded_fen="30.00"),
            order("O2", on="2026-10-25"),
        ],
        cases=[
            case("R1", "O1", done="2026-10-22", applied_at="2026-10-08")
            | {"approved_at": at("2026-10-12"), "approver": "甲", "approved_fen": 3000, "requested_fen": 3500}
        ],
        flows=[refund("F1", on="2026-10-09", success_at="2026-10-15"), receipt("O1", on="2026-10-05")],
        receipts=False,
        returns=[returned("T1", "R1", on="2026-10-09", stock_posted_at="2026-10-14", posted_cost_fen="9.00")],
    )

    known = tables_of(as_known(collected, oct_(10)))

    assert known["orders"].select("order_id", "status", "completed_at", "refunded_fen").rows() == [("O1", "shipped", None, None)]
    case_said = known["aftersales"].select(
        "platform_status", "completed_at", "final_fen", "approved_at", "approved_fen", "approver"
    )
    assert case_said.rows() == [("open", None, None, None, None, None)]
    assert dict(known["flows"].select("flow_id", "status").iter_rows()) == {"F1": "processing", "R-O1": "success"}
    assert known["receipts"].select("stock_posted_at", "posted_cost_fen").rows() == [(None, None)]
    assert known["voucher_lines"].is_empty()


def test_a_case_that_states_one_amount_only_stood_at_that_one():
    about = {"applied_at": at("2026-10-08"), "approved_at": at("2026-10-09"), "requested_fen": 4000}
    collected = world(cases=[case("R1", "O1", done="2026-10-22") | about | {"requested_fen": None}, case("R2", "O1") | about])

    known = tables_of(as_known(collected, oct_(10)))["aftersales"]

    assert known.select("case_id", "final_fen", "requested_fen").rows() == [("R1", 3000, None), ("R2", None, 4000)]


def test_on_the_day_itself_the_engine_says_of_what_was_known_what_it_says_of_the_whole_but_for_hindsight():
    scope = sample.scope_of("2026-10")

    whole, known = (
        detect(build_facts(collected, scope)).select("code", "key").filter(~pl.col("code").is_in(UNKNOWABLE))
        for collected in (sample.collected(), as_known(sample.collected(), scope.as_of))
    )

    by_hindsight = {"L05": "L01", "L06": "L02"}
    told = whole.join(known, on=["code", "key"], how="anti")["code"]
    instead = known.join(whole, on=["code", "key"], how="anti")["code"]
    assert set(told) <= set(by_hindsight)
    answered_later = ("L08",)
    assert sorted(by_hindsight[code] for code in told) == sorted(code for code in instead if code not in answered_later)


@settings(max_examples=12)
@given(st.dates(date(2026, 8, 20), date(2026, 11, 12)))
def test_nothing_that_is_known_lies_after_the_day_and_no_row_is_made(day):
    whole, known = tables_of(sample.collected()), tables_of(as_known(sample.collected(), day))

    for name, frame in known.items():
        key = list(TABLES[name].key)
        assert frame.select(key).join(whole[name].select(key), on=key, how="anti", nulls_equal=True).is_empty(), name
        instants = [c.name for c in TABLES[name].columns if c.kind == "instant" and name != "promotions"]
        for column in instants:
            assert frame.filter(pl.col(column) >= cut_off(day)).is_empty(), f"{name}.{column}"
        if name == "voucher_lines":
            assert frame.filter(pl.col("date") > day).is_empty()


def test_once_all_has_come_everything_is_as_it_was_collected():
    whole, known = tables_of(sample.collected()), tables_of(as_known(sample.collected(), date(2027, 6, 30)))

    assert {*BORN, *OF_ORDERS} <= set(TABLES)
    for name in whole.keys() - {"kpi_history"}:
        assert known[name].equals(whole[name]), name


def test_every_finding_of_the_sample_is_said_on_a_day_between_its_event_and_its_run(tmp_path):
    finished = sample.publish_month(tmp_path, "2026-10")
    incident = choose_incident(finished, "C04")

    past = look_back(finished, incident)

    assert past.findings["state"].is_in(["earlier", "rule", "never"]).all()
    known = past.findings.drop_nulls("caught_on")
    assert known.height and (known["happened"] <= known["seen_on"]).all() and (known["seen_on"] <= known["caught_on"]).all()
    assert (known["caught_on"] < known["found_on"]).all()
