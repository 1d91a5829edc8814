"""L07: the output VAT a voucher reverses is gross − gross / (1 + rate). Rulings 20: only where a (voucher, ref) has revenue."""

import polars as pl

from tests.world import Row, accrual, case, fen, order, refund, run, voucher, world

PAID = {"orders": [order("O1", "113.00")], "cases": [case("C1", "O1", "113.00")], "flows": [refund("F1", "113.00", case_id="C1")]}


def taxed(voucher_id: str, tax: str | None, *, gross: str = "113.00", ref: str = "C1", on: str = "2026-10-12") -> list[Row]:
    """A refund booked with another tax than its own, or with none; the voucher balances."""
    revenue, vat, wallet = voucher(voucher_id, (ref, gross), on=on)
    booked = fen(tax or "0.00")
    lines = [{**revenue, "credit_fen": booked - fen(gross)}, {**vat, "credit_fen": -booked}, wallet]
    return lines if tax is not None else [lines[0], lines[2]]


def test_another_tax_than_the_rate_says_is_L07_of_the_voucher():
    month = run(world(**PAID, vouchers=[taxed("V1", "19.21")]))

    assert month.codes == ["L07 V1"] and month.amounts("L07") == (1300, 1921, 621)
    found = month.one("L07")
    assert (found["case_id"], found["order_id"], found["owner"]) == ("C1", "O1", "tax")
    assert "13%" in found["why"] and found["evidence"] == ["voucher_lines.csv:2", "voucher_lines.csv:3", "voucher_lines.csv:4"]


def test_one_fen_of_rounding_is_forgiven_and_two_are_not():
    assert run(world(**PAID, vouchers=[taxed("V1", "13.01")])).codes == []
    assert run(world(**PAID, vouchers=[taxed("V1", "12.98")])).codes == ["L07 V1"]


def test_no_tax_line_is_L07_unless_the_tax_waits_for_the_red_invoice():
    month = world(**PAID, vouchers=[taxed("V1", None)])

    assert run(month).amounts("L07") == (1300, 0, -1300)
    assert run(month, config={"policy": {"vat_reversal": "red_invoice"}}).codes == []
    wrong = world(**PAID, vouchers=[taxed("V1", "19.21")])
    assert run(wrong, config={"policy": {"vat_reversal": "red_invoice"}}).codes == ["L07 V1"]


def test_the_rate_is_the_lines_else_the_products_else_the_entitys():
    nine = [taxed("V1", "9.33")]
    lines = [{"order_id": "O1", "line_id": "L1", "sku": "TEA", "qty": 1, "list_fen": 11300, "buyer_paid_fen": 11300}]
    product = [{"sku": "TEA", "title": "Tea", "vat_rate": "9%"}]

    assert run(world(**PAID, vouchers=nine)).codes == ["L07 V1"]
    assert run(world(**PAID, vouchers=nine), config={"entity": {"vat_rate": "0.09"}}).codes == []
    assert run(world(**PAID, vouchers=nine, lines=lines, products=product)).codes == []
    assert run(world(**PAID, vouchers=nine, lines=[{**lines[0], "vat_rate": "0.09"}])).codes == []
    assert run(world(**PAID, vouchers=nine, lines=[{**lines[0], "vat_rate": "0.13"}], products=product)).codes == ["L07 V1"]


def test_of_goods_at_two_rates_any_tax_between_them_is_right():
    line = {"order_id": "O1", "sku": "S", "qty": 1, "list_fen": 10000, "buyer_paid_fen": 10000}
    lines = [{**line, "line_id": "L1", "vat_rate": "0.13"}, {**line, "line_id": "L2", "vat_rate": "0.09"}]

    assert run(world(**PAID, lines=lines, vouchers=[taxed("V1", "11.00")])).codes == []
    assert run(world(**PAID, lines=lines, vouchers=[taxed("V1", "13.50")])).amounts("L07") == (1300, 1350, 50)
    cases = [case("C1", "O1", "113.00", line_id="L1")]
    assert run(world(**{**PAID, "cases": cases}, lines=lines, vouchers=[taxed("V1", "11.00")])).codes == ["L07 V1"]


def test_only_the_wrong_refs_of_a_summary_voucher_count_and_opposite_errors_are_not_netted():
    cases = [case(f"C{n}", "O1", "11.30") for n in (1, 2, 3)]
    flows = [refund(f"F{n}", "11.30", case_id=f"C{n}") for n in (1, 2, 3)]

    def summary(*taxes: str) -> list[list[Row]]:
        lines = [line for n, tax in enumerate(taxes, 1) for line in taxed("V1", tax, gross="11.30", ref=f"C{n}")]
        return [[{**line, "line_no": str(n)} for n, line in enumerate(lines, 1)]]

    one = run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=summary("1.30", "1.50", "1.30")))
    assert one.codes == ["L07 V1"] and one.amounts("L07") == (130, 150, 20)
    both = run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=summary("1.20", "1.50", "1.30")))
    assert both.codes == ["L07 V1", "L07 V1"] and sorted(row["gap_fen"] for row in both.all("L07")) == [-10, 20]


def test_a_summary_voucher_with_one_tax_line_is_judged_as_a_whole():
    cases = [case(f"C{n}", "O1", "11.30") for n in (1, 2)]
    flows = [refund(f"F{n}", "11.30", case_id=f"C{n}") for n in (1, 2)]
    lines = [line for n in (1, 2) for line in voucher("V1", (f"C{n}", "11.30")) if line["account"] != "222101-05"]
    tax = {**voucher("V1", ("C1", "22.60"))[1], "ref_id": None, "ref_kind": None}

    def month(amount: int) -> list[str]:
        given = [{**lines[0], "credit_fen": -1260 - amount}, *lines[1:], {**tax, "credit_fen": amount}]
        vouchers = [[{**line, "line_no": str(n)} for n, line in enumerate(given, 1)]]
        return run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=vouchers)).codes

    assert month(-260) == [] and month(-262) == [] and month(-263) == ["L07 V1"]


def test_a_total_that_names_no_refund_is_judged_where_it_states_tax():
    flows = [refund(f"F{n}", "11.30", case_id=f"C{n}") for n in (1, 2)]
    cases = [case(f"C{n}", "O1", "11.30") for n in (1, 2)]

    def month(lines: list[Row]) -> list[str]:
        silent = [{**line, "ref_id": None, "ref_kind": None, "summary": "10月12日售后退款"} for line in lines]
        return run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=[silent])).codes

    assert month(taxed("V1", "2.60", gross="22.60")) == [] and month(taxed("V1", "2.90", gross="22.60")) == ["L07 V1"]
    assert month(taxed("V1", None, gross="22.60")) == [], "the tax may be in a voucher of its own"


def test_what_went_to_expense_carries_no_tax():
    """5.00 too much was refunded and written off: tax is that of the 113.00 which reduce revenue."""
    revenue, vat, wallet = voucher("V1", ("C1", "113.00"))
    lost = {**revenue, "line_no": "4", "account": "560101", "credit_fen": 0, "debit_fen": 500}
    lines = [revenue, vat, {**wallet, "credit_fen": 11800}, lost]
    flows = [refund("F1", "118.00", case_id="C1")]

    assert run(world(**{**PAID, "flows": flows}, vouchers=[lines])).codes == ["C05 C1"]


def test_without_a_revenue_line_nothing_is_split():
    lines = [{**line, "account": "122102"} if line["account"] == "5001" else line for line in taxed("V1", "19.21")]

    assert run(world(**PAID, vouchers=[lines])).codes == []


def test_a_later_voucher_between_revenue_and_tax_puts_it_right():
    correction = [line for line in taxed("V2", "-6.21", gross="0.00", on="2026-10-20") if line["account"] != "101202"]

    assert run(world(**PAID, vouchers=[taxed("V1", "19.21"), correction])).codes == []
    assert run(world(**PAID, vouchers=[taxed("V1", "19.21"), [{**line, "ref_id": "C9"} for line in correction]])).codes == [
        "L07 V1"
    ]


def test_an_accrual_reverses_tax_too_and_its_undoing_gives_it_back():
    month = {"orders": [order("O1", "113.00")], "cases": [case("C1", "O1", "113.00", done=None)], "bills_until": "2026-12-11"}
    made = accrual("V1", "C1", "113.00", "2026-10-12")
    undone = [{**line, "voucher_id": "V2", "credit_fen": -line["credit_fen"]} for line in made]

    assert run(world(**month, vouchers=[made, undone]), standard="CAS").codes == []
    short = [{**line, "credit_fen": -1000} if line["account"] == "222101-05" else line for line in made]
    assert run(world(**month, vouchers=[short]), standard="CAS").codes == ["L11 V1"]


def test_a_wrong_tax_line_that_unbalances_the_voucher_is_L11_first():
    revenue, vat, wallet = voucher("V1", ("C1", "113.00"))
    month = run(world(**PAID, vouchers=[[revenue, {**vat, "credit_fen": -1500}, wallet]]))

    assert month.codes == ["L11 V1"] and month.one("L07")["primary_id"] == month.one("L11")["discrepancy_id"]


def test_M5_has_every_booking_on_both_sides_and_its_gap():
    matches = run(world(**PAID, vouchers=[taxed("V1", "19.21")])).outcome.tables["matches"].filter(pl.col("pair") == "M5")

    assert matches.select("side", "row_key", "amount_fen", "gap_fen").rows() == [
        ("left", "2026-10|V1|case|C1", 1300, 621),
        ("right", "2026-10|V1|case|C1", 1921, 621),
    ]
