"""Tolerance audit and pass audit: what was forgiven, by what, and what other limits would find."""

import polars as pl
import pytest

from recon_kit.pairs import PAIRS
from tests.world import case, order, refund, run, voucher, world


@pytest.fixture(scope="module")
def month():
    orders = [order(f"O{n}", "100.00", shop="甲" if n < 3 else "乙") for n in range(5)]
    cases = [case(f"C{n}", f"O{n}", "30.00", "2026-10-10", shop="甲" if n < 3 else "乙") for n in range(5)]
    paid = ["30.01", "30.01", "29.99", "30.01", "35.00"]
    flows = [refund(f"F{n}", amount, f"2026-10-1{n}", case_id=f"C{n}", order_id=f"O{n}") for n, amount in enumerate(paid)]
    return run(world(orders=orders, cases=cases, flows=flows))


def rows(month, table, **where):
    return month.outcome.tables[table].filter(**where).drop("pair").rows()


def test_what_tolerance_forgave_is_added_up_per_shop_with_its_lean(month):
    assert rows(month, "tolerance_audit", pair="M3") == [("乙", "case_id", 1, 1, 1, 1, 0), ("甲", "case_id", 3, 3, 1, 2, 1)]


def test_the_curve_says_how_many_breaks_each_tolerance_would_leave(month):
    curve = month.outcome.tables["limit_curve"].filter(pair="M3", kind="tolerance")
    breaks = dict(curve.select("limit", "n").iter_rows())

    assert (breaks[0], breaks[1], breaks[100], breaks[500]) == (5, 1, 1, 0)
    assert curve["n"].is_sorted(descending=True)
    assert curve.filter(pl.col("limit") == 1)["amount_fen"].item() == 500


def test_the_window_curve_counts_refunds_further_from_their_case(month):
    curve = month.outcome.tables["limit_curve"].filter(pair="M3", kind="window")
    beyond = {limit: (n, amount) for limit, n, amount in curve.select("limit", "n", "amount_fen").iter_rows()}

    assert beyond[0] == (4, 3001 + 2999 + 3001 + 3500) and beyond[2] == (2, 3001 + 3500) and beyond[5] == (0, 0)


def test_every_pass_is_there_in_its_order_and_dead_ones_with_zeros(month):
    audit = month.outcome.tables["pass_audit"].filter(pair="M3")

    assert audit["pass"].to_list() == [rung.name for rung in PAIRS["M3"].ladder]
    assert audit.filter(pl.col("n_groups") > 0).select("pass", "n_groups", "n_rows", "amount_fen").rows() == [
        ("case_id", 5, 10, 15000)
    ]


def test_passes_account_for_every_matched_row(month):
    audit, matches = month.outcome.tables["pass_audit"], month.outcome.tables["matches"]

    assert dict(audit.group_by("pair").agg(pl.col("n_rows").sum()).iter_rows()) == dict(
        matches.group_by("pair").agg(pl.len()).iter_rows()
    )


def test_totals_are_passes_of_their_own():
    lines = [
        {**row, "ref_id": None, "ref_kind": None, "summary": "退客户款"} for row in voucher("V1", ("X", "30.00"), on="2026-10-31")
    ]
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")], vouchers=[lines]))
    audit = month.outcome.tables["pass_audit"].filter(pair="M4")

    assert audit.filter(pl.col("n_groups") > 0)["pass"].to_list() == ["month_total"]
