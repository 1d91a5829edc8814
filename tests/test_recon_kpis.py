"""How well the month reconciled, as KPIs: what is matched, unexplained, open, booked late and lost. Source: domain, KPIs."""

from dataclasses import replace
from datetime import date

import polars as pl
import pytest

from recon_kit.recon_kpis import BASES, Outcomes, build_item_kpis, build_recon_kpis
from recon_kit.results import BRIDGE, DISCREPANCIES, KPIS, MATCHES, UNMATCHED, conform_result, result_schema

AS_OF = date(2026, 10, 31)
EVERYTHING = frozenset(("orders", "receipts"))


def _table(table, *rows):
    frame = pl.DataFrame(list(rows)) if rows else pl.DataFrame(schema=result_schema(table))
    return conform_result(frame, table)


def _row(pair, side, fen, reason=None, table="aftersales"):
    about = {"pair": pair, "side": side, "table": table, "row_key": f"{pair}{side}{fen}{reason}", "amount_fen": fen}
    return about | ({"reason": reason} if reason else {"group_id": "1", "pass": "case_id", "verdict": "matched", "gap_fen": 0})


def _finding(code, gap, age, nature="break", loss=None, primary_id=None):
    about = {"discrepancy_id": f"{code}{gap}{age}", "code": code, "nature": nature, "primary_id": primary_id}
    return {**about, "gap_fen": gap, "age_days": age, "loss_fen": loss}


@pytest.fixture(scope="module")
def found():
    matches = [_row("M3", "left", 6000), _row("M3", "right", -6000), _row("M6", "left", 2), _row("M6", "right", 2)]
    unmatched = [
        _row("M3", "left", 2000, "no_counterpart"),
        _row("M3", "right", 100, "ambiguous"),
        _row("M3", "left", 9900, "outside_window"),
        _row("M6", "left", 0, "excluded"),
    ]
    findings = [
        _finding("C04", -2000, 3),
        _finding("L05", -500, 4),
        _finding("C05", 700, 91),
        _finding("K06", 44, None, "control"),
        _finding("W01", -4000, 20, loss=4000),
        _finding("W02", None, 9, "timing", loss=9999),
        _finding("L02", 2000, 3, primary_id="C04-20003"),
    ]
    rate = {"kpi": "refund_rate_amount_period", "dimension": "all", "member": "all", "numerator": 8000, "denominator": 88000}
    return Outcomes(
        matches=_table(MATCHES, *matches),
        unmatched=_table(UNMATCHED, *unmatched),
        findings=_table(DISCREPANCIES, *findings),
        bridge=_table(BRIDGE, {"line": "B0", "amount_fen": 5000}, {"line": "C0", "amount_fen": 4500}),
        kpis=_table(KPIS, rate),
        unexplained_fen=0,
        ends_at="C0",
    )


@pytest.mark.parametrize(
    ("kpi", "dimension", "member", "numerator", "denominator"),
    [
        ("match_rate_count", "all", "all", 4, 6),
        ("match_rate_count", "pair", "M3", 2, 4),
        ("match_rate_count", "pair", "M6", 2, 2),
        ("match_rate_amount", "pair", "M3", 6000, 8000),
        ("unexplained_amount", "all", "all", 0, None),
        ("open_amount", "all", "all", 7244, None),
        ("open_amount", "age", "0-3", 2000, None),
        ("open_amount", "age", "4-7", 500, None),
        ("open_amount", "age", "8-15", 0, None),
        ("open_amount", "age", "16-30", 4000, None),
        ("open_amount", "age", ">90", 700, None),
        ("open_amount", "age", None, 44, None),
        ("late_booking_rate_amount", "all", "all", 500, 5000),
        ("leakage_rate", "all", "all", 4000, 80000),
        ("leakage_rate", "code", "W01", 4000, 80000),
    ],
)
def test_each_of_them_by_its_member(found, kpi, dimension, member, numerator, denominator):
    table = build_recon_kpis(found, EVERYTHING, AS_OF)

    row = table.filter(pl.col("kpi") == kpi, pl.col("dimension") == dimension, pl.col("member").eq_missing(member))
    assert row.select("numerator", "denominator").rows() == [(numerator, denominator)]


def test_pieces_have_no_rate_of_money_and_members_of_one_kpi_stand_once(found):
    table = build_recon_kpis(found, EVERYTHING, AS_OF)

    assert table.filter(kpi="match_rate_amount")["member"].to_list() == ["M3"]
    assert not table.select("kpi", "dimension", "member").is_duplicated().any()
    assert set(table["kpi"]) == set(BASES) - OF_ITEMS


def test_what_was_not_supplied_is_left_out_and_no_zero(found):
    table = build_recon_kpis(replace(found, ends_at="B0"), frozenset(("flows",)), AS_OF)

    assert not {"late_booking_rate_amount", "leakage_rate"} & set(table["kpi"])


def test_a_month_that_sold_less_than_it_refunded_has_no_rate_of_loss(found):
    sales = found.kpis.with_columns(denominator=pl.lit(8000, pl.Int64))
    table = build_recon_kpis(replace(found, kpis=sales), EVERYTHING, AS_OF)

    assert table.filter(kpi="leakage_rate", dimension="all")["value"].to_list() == [None]


OF_ITEMS = {"median_detect_hours", "median_resolve_hours", "recurrence_rate"}


def open_item(origin, event, seen, ended=None, shop="甲", code="C04"):
    return {"origin": origin, "event_on": event, "first_seen_on": seen, "cleared_on": ended, "shop": shop, "code": code}


def test_times_to_detect_and_to_resolve_are_medians_of_what_was_found_and_what_ended():
    october, september = date(2026, 10, 31), date(2026, 9, 30)
    frame = pl.DataFrame(
        [
            open_item("new", date(2026, 10, 30), october),
            open_item("new", date(2026, 10, 21), october),
            open_item("new", date(2026, 10, 1), october),
            open_item("opening", date(2026, 9, 1), september, date(2026, 10, 5)),
        ],
        schema_overrides={"cleared_on": pl.Date},
    )

    table = build_item_kpis(frame, known(), AS_OF)

    assert dict(table.select("kpi", "numerator").iter_rows()) == {"median_detect_hours": 240, "median_resolve_hours": 120}


def known(*rows):
    return pl.DataFrame(rows, schema={"code": pl.String, "shop": pl.String, "first_seen_on": pl.Date}, orient="row")


@pytest.mark.parametrize(
    ("earlier", "again"),
    [
        (("C04", "甲", date(2026, 8, 31)), 1),
        (("C04", "甲", date(2026, 8, 1)), 0),
        (("C04", "乙", date(2026, 8, 31)), 0),
        (("C07", "甲", date(2026, 8, 31)), 0),
    ],
)
def test_an_item_recurs_where_its_code_and_shop_had_one_within_ninety_days(earlier, again):
    frame = pl.DataFrame([open_item("new", None, AS_OF)], schema_overrides={"event_on": pl.Date, "cleared_on": pl.Date})

    table = build_item_kpis(frame, known(earlier), AS_OF)

    assert table.filter(kpi="recurrence_rate").select("numerator", "denominator").rows() == [(again, 1)]


def test_without_items_or_history_nothing_is_told_of_them():
    nothing = pl.DataFrame(schema={"origin": pl.String, **dict.fromkeys(("event_on", "first_seen_on", "cleared_on"), pl.Date)})

    assert build_item_kpis(nothing, known(), AS_OF).is_empty()
