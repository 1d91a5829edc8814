"""tax_basis: what the period's refunds reversed of sales and output VAT, in parts that sum to C0 of the bridge."""

from dataclasses import replace

import polars as pl
import pytest

from recon_kit.errors import TieError
from recon_kit.tax import build_tax_basis
from tests.world import Result, Row, accrual, case, facts, order, refund, release, run, voucher, world

ORDERS = [order(f"O{n}") for n in range(1, 7)]


def basis(month: Result) -> list[tuple[object, ...]]:
    table = month.outcome.tables["tax_basis"]
    assert table["gross_fen"].sum() == month.bridge.get("C0", 0)
    return table.select("part", "rate", "red_letter", "sales_fen", "vat_fen", "vat_due_fen", "gross_fen", "n").rows()


def month(*vouchers: list[Row], refunds: tuple[str, ...], standard: str = "SBE", **more: list[Row]) -> Result:
    cases = [case(f"C{n}", f"O{n}", amount, shop="A" if n < 3 else "B") for n, amount in enumerate(refunds, 1)]
    flows = [refund(f"F{n}", amount, case_id=f"C{n}") for n, amount in enumerate(refunds, 1)]
    return run(world(orders=ORDERS, cases=cases, flows=flows, vouchers=vouchers, **more), standard=standard)


def test_what_was_reversed_stands_by_rate_and_shop_without_its_tax():
    lines = [{"order_id": f"O{n}", "line_id": "1", "sku": "S", "qty": 1, "list_fen": 1, "buyer_paid_fen": 1} for n in (1, 2)]
    lines = [{**lines[0], "vat_rate": "0.13"}, {**lines[1], "vat_rate": "0.09"}]
    tea = voucher("V2", ("C2", "10.90"))
    nine = [{**tea[0], "credit_fen": -1000}, {**tea[1], "credit_fen": -90}, tea[2]]

    found = month(
        voucher("V1", ("C1", "11.30")), nine, voucher("V3", ("C3", "22.60")),
        refunds=("11.30", "10.90", "22.60"), lines=lines,
    )  # fmt: skip

    assert basis(found) == [
        ("sales", "0.09", "red", 1000, 90, 90, 1090, 1),
        ("sales", "0.13", "red", 1000, 130, 130, 1130, 1),
        ("sales", "0.13", "red", 2000, 260, 260, 2260, 1),
    ]
    assert found.outcome.tables["tax_basis"]["shop"].to_list() == ["A", "A", "B"]


def test_red_letters_and_debits_are_told_apart_and_a_wrong_tax_stands_beside_the_right_one():
    black = [
        {**line, "debit_fen": -line["credit_fen"], "credit_fen": 0} if line["credit_fen"] < 0 else line
        for line in voucher("V1", ("C1", "11.30"))
    ]
    revenue, vat, wallet = voucher("V2", ("C2", "22.60"))
    wrong = [{**revenue, "credit_fen": -1966}, {**vat, "credit_fen": -294}, wallet]

    found = basis(month(black, wrong, refunds=("11.30", "22.60")))

    assert found == [
        ("sales", "0.13", "debit", 1000, 130, 130, 1130, 1),
        ("sales", "0.13", "red", 1966, 294, 260, 2260, 1),
    ]


def test_what_is_on_no_revenue_or_tax_line_has_rows_of_its_own():
    revenue, vat, wallet = voucher("V1", ("C1", "11.30"))
    lost = {**revenue, "line_no": "4", "account": "560101", "credit_fen": 0, "debit_fen": 500}
    written_off = [revenue, vat, {**wallet, "credit_fen": 1630}, lost]
    claimed = [{**wallet, "voucher_id": "V2", "ref_id": "C2", "credit_fen": 700}]
    claimed += [{**claimed[0], "line_no": "2", "account": "122102", "credit_fen": 0, "debit_fen": 700}]

    found = basis(month(written_off, claimed, refunds=("16.30", "7.00")))

    assert found == [
        ("sales", "0.13", "red", 1000, 130, 130, 1130, 1),
        ("expense", None, None, 0, 0, 0, 500, 1),
        ("unknown", None, None, 0, 0, 0, 700, 1),
    ]


def test_accruals_count_when_they_are_made_and_releases_take_nothing_back():
    made, paid = accrual("V1", "C1", "11.30", "2026-10-11"), release("V2", "C1", "11.30", "2026-10-12")
    reclass = [{**accrual("V3", "C2", "9.00", "2026-10-12")[2]}]
    reclass += [{**reclass[0], "line_no": "9", "account": "280102", "credit_fen": 0, "debit_fen": 900}]
    moved = [
        {**reclass[0], "voucher_id": "V4", "credit_fen": -200},
        {**reclass[0], "voucher_id": "V4", "line_no": "2", "account": "2202"},
    ]
    moved[1]["credit_fen"] = 200

    found = basis(month(made, paid, reclass, moved, refunds=("11.30", "9.00"), standard="CAS"))

    assert found == [
        ("sales", "0.13", "red", 1000, 130, 130, 1130, 1),
        ("provision", None, None, 0, 0, 0, 900, 1),
        ("release", None, None, 0, 0, 0, -200, 1),
    ]


def test_a_days_total_is_one_booking_of_its_whole_voucher():
    lines = [{**line, "ref_id": None, "ref_kind": None, "summary": "10月12日售后退款"} for line in voucher("V1", ("C1", "22.60"))]

    assert basis(month(lines, refunds=("11.30", "11.30"))) == [("sales", "0.13", "red", 2000, 260, 260, 2260, 1)]


def test_without_a_ledger_it_is_empty_and_a_month_without_refunds_is_too():
    assert run(world(orders=ORDERS, vouchers=None)).outcome.tables["tax_basis"].is_empty()
    assert run(world(orders=ORDERS)).outcome.tables["tax_basis"].is_empty()


def test_a_fen_that_is_lost_between_the_vouchers_and_the_table_stops_the_run():
    found = facts(world(orders=ORDERS, cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")]))
    broken = found.more["bookings"].with_columns(pl.col("sales_fen") + 1, pl.col("gross_fen") + 1)

    with pytest.raises(TieError, match="tax_basis sums to 3001 fen, C0 to 3000"):
        build_tax_basis(replace(found, more={**found.more, "bookings": broken}))
