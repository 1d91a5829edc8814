"""August as archived against August today: item by item, and which changed source rows it rests on."""

from datetime import datetime

import polars as pl
import pytest

from recon_kit.archive.restatement import build_restatement, flatten
from recon_kit.errors import TieError
from recon_kit.periods import SHANGHAI
from tests.world import case, line, order, refund, run, voucher, world

UNTIL = datetime(2026, 11, 11, tzinfo=SHANGHAI)
SETTINGS = {"bill.csv": "sha256 1", "config.limits.small_loss": "5000"}


def month(paid="30.00", booked="30.00", **more):
    """One case of 30.00, refunded and booked."""
    about = {"orders": [order("O1"), order("O2")], "cases": [case("C1", "O1")], "vouchers": [voucher("V1", ("C1", booked))]}
    return run(world(**about, flows=[refund("F1", paid, case_id="C1")], **more)).outcome.tables


@pytest.fixture(scope="module")
def sealed():
    return month()


def restated(before, after, settings=(SETTINGS, SETTINGS), language="zh"):
    return build_restatement(before, after, settings=settings, until=UNTIL, language=language)


def area(frame, name):
    return frame.filter(area=name)


def test_the_same_month_restates_nothing(sealed):
    assert restated(sealed, month()).is_empty()


def test_a_changed_flow_is_told_with_the_lines_and_findings_that_moved_by_it(sealed):
    found = restated(sealed, month(paid="35.00"))

    row = area(found, "rows").to_dicts()
    assert [(r["table"], r["key"], r["change"], r["sealed_fen"], r["today_fen"], r["moved_fen"]) for r in row] == [
        ("flows", "wechat|F1", "changed", -3000, -3500, -500)
    ]
    assert row[0]["columns"] == ["amount_fen"]
    assert (row[0]["sealed"], row[0]["today"]) == ("金额（元） -30.00", "金额（元） -35.00")
    assert row[0]["evidence"] == ["flows.csv:4"]
    lines = {r["key"]: (r["moved_fen"], r["source_rows"]) for r in area(found, "bridge").to_dicts()}
    assert lines["B0"] == (500, ["flows wechat|F1"]) and lines["A5"][0] == 500 and lines["A5"][1] == ["flows wechat|F1"]
    assert {r["key"].split()[0] for r in area(found, "discrepancies").to_dicts()} == {"C05", "L04"}
    assert all(rows == ["flows wechat|F1"] for rows in area(found, "discrepancies")["source_rows"].to_list())


def test_an_item_that_names_the_case_finds_the_changed_flow_of_its_order():
    def other(paid):
        about = {"orders": [order("O1")], "cases": [case("C1", "O1")], "vouchers": [voucher("V1", ("C1", "30.00"))]}
        return run(world(**about, flows=[refund("F1", paid, order_id="O1")])).outcome.tables

    items = area(restated(other("30.00"), other("35.00")), "bridge_items")

    assert dict(items.select("key", "source_rows").iter_rows())["A5 C1"] == ["flows wechat|F1"]


def test_items_of_a_line_sum_to_what_the_line_moved(sealed):
    found = restated(sealed, month(paid="35.00", booked="31.00"))

    items = area(found, "bridge_items").with_columns(line=pl.col("key").str.split(" ").list.first())
    sums = dict(items.group_by("line").agg(pl.col("moved_fen").sum()).iter_rows())
    assert sums == dict(area(found, "bridge").select("key", "moved_fen").iter_rows())


def test_a_line_that_moved_without_its_items_is_a_bug_and_stops(sealed):
    broken = {**month(), "bridge": sealed["bridge"].with_columns(pl.col("amount_fen") + 1)}

    with pytest.raises(TieError, match="line A0 moved by 1 fen"):
        restated(sealed, broken)


def test_rows_that_came_and_went_are_told(sealed):
    found = area(restated(sealed, month(lines=[line("O1", "L1", "1.00")])), "rows")
    assert found.select("table", "key", "change", "today_fen").rows() == [("order_lines", "O1|L1", "added", None)]
    assert found["sealed"].to_list() == [None] and "商品 SKU" in found["today"][0]
    back = area(restated(month(), {k: v for k, v in sealed.items() if k != "flows"}), "rows")
    assert set(back["change"]) == {"removed"} and set(back["table"]) == {"flows"}


def test_what_lies_after_the_look_ahead_is_no_restatement(sealed):
    late = month(further_vouchers=[voucher("V9", ("C9", "1.00"), on="2026-12-24")])

    assert area(restated(sealed, late), "rows").is_empty()


def test_files_and_settings_that_changed_stand_first_and_kpis_last(sealed):
    found = restated(sealed, month(paid="35.00"), ({**SETTINGS, "old.csv": "sha256 3"}, {**SETTINGS, "bill.csv": "sha256 2"}))

    areas = ["settings", "rows", "discrepancies", "bridge", "bridge_items", "kpis"]
    assert found["area"].unique(maintain_order=True).to_list() == areas
    assert area(found, "settings").select("key", "change", "sealed", "today").rows() == [
        ("bill.csv", "changed", "sha256 1", "sha256 2"),
        ("old.csv", "removed", "sha256 3", None),
    ]
    assert any("3000 / " in text for text in area(found, "kpis")["sealed"].drop_nulls())


def test_the_words_are_in_the_language_of_the_run(sealed):
    assert area(restated(sealed, month(paid="35.00"), language="en"), "rows")["today"].to_list() == ["Amount (yuan) -35.00"]


def test_nested_settings_are_told_one_by_one():
    assert flatten("config", {"a": {"b": 1}, "shops": []}) == {"config.a.b": "1", "config.shops": "[]"}
