"""L11: a voucher of the period whose debits and credits differ, or whose lines about refunds do not add up. Stated first."""

from tests.world import case, order, refund, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


def test_debits_that_differ_from_credits_are_L11():
    revenue, vat, wallet = voucher("V1", ("C1", "30.00"))
    debit = {**revenue, "credit_fen": 0, "debit_fen": 2700}

    month = run(world(**PAID, vouchers=[[debit, vat, wallet]]))

    assert month.codes == ["L11 V1"] and month.amounts("L11") == (2700, 2655, -45)
    assert month.one("L11")["case_id"] == "C1" and month.one("L11")["severity"] == "critical"


def test_red_letters_balance_against_credits():
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"))])).codes == []
    revenue, vat, wallet = voucher("V1", ("C1", "30.00"))
    month = run(world(**PAID, vouchers=[[{**revenue, "credit_fen": -2654}, vat, wallet]]))
    assert month.codes == ["L11 V1"] and month.amounts("L11") == (0, 1, 1)


def test_vouchers_about_no_refund_count_and_those_of_other_months_do_not():
    lines = [{**line, "ref_id": None, "ref_kind": None} for line in voucher("V2", ("C1", "5.00"))]
    uneven = [{**lines[0], "credit_fen": -1}, *lines[1:]]
    november = [{**line, "period": "2026-11", "date": line["date"].replace(month=11)} for line in uneven]

    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00")), uneven])).codes == ["L11 V2"]
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00")), november])).codes == []


def test_a_wallet_line_that_breaks_the_balance_is_L11_first_and_L04_related():
    revenue, vat, wallet = voucher("V1", ("C1", "30.00"))

    month = run(world(**PAID, vouchers=[[revenue, vat, {**wallet, "credit_fen": 3500}]]))

    assert month.codes == ["L11 V1"] and month.amounts("L11") == (0, 500, 500)
    assert month.one("L04")["primary_id"] == month.one("L11")["discrepancy_id"]
    assert month.bridge == {"A0": 3000, "B0": 3000, "B6": 500, "C0": 3500}


def test_a_summary_voucher_must_equal_its_refs_not_a_plug_on_a_foreign_account():
    cases = [case("C1", "O1", "10.00"), case("C2", "O1", "20.00")]
    flows = [refund("F1", "10.00", case_id="C1"), refund("F2", "20.00", case_id="C2")]
    lines = voucher("V1", ("C1", "10.00"), ("C2", "20.00"))
    plug = {**lines[0], "ref_id": None, "ref_kind": None}

    def found(account: str, debit: int, ref: str | None = None) -> list[dict[str, object]]:
        more = [{**plug, "account": account, "debit_fen": debit, "credit_fen": 0, "line_no": "7", "ref_id": ref}]
        short = [{**lines[0], "credit_fen": lines[0]["credit_fen"] + debit}, *lines[1:]]
        return run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=[[*short, *more]])).all("L11")

    assert [(f["expected_fen"], f["actual_fen"]) for f in found("190101", 300)] == [(0, 300)]
    assert found("190101", 300, "C1") == [] and found("5001", 300) == []


def test_a_file_that_shows_one_account_only_is_no_unbalanced_ledger():
    """An account's ledger (科目明细账) shows one line of each voucher."""
    wallet = [line for line in voucher("V1", ("C1", "30.00")) if line["account"] == "101202"]

    assert run(world(**PAID, vouchers=[wallet])).codes == []
