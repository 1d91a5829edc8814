"""L09: a refund on a profit and loss account other than revenue. Rulings 20: goodwill and write-offs may stand on expense."""

from tests.world import Row, case, order, receipt, refund, run, voucher, world

PAID = {"orders": [order("O1")], "cases": [case("C1", "O1")], "flows": [refund("F1", case_id="C1")]}


def on_account(account: str, voucher_id: str = "V1", ref: str = "C1", kind: str = "case", gross: str = "30.00") -> list[Row]:
    """A refund booked whole on one account instead of revenue and tax."""
    lines = [line for line in voucher(voucher_id, (ref, gross, kind)) if line["account"] != "222101-05"]
    return [{**lines[0], "account": account, "credit_fen": 0, "debit_fen": lines[1]["credit_fen"]}, lines[1]]


def test_a_refund_on_another_profit_and_loss_account_is_L09():
    for account in ("560101", "560102", "5711", "5051"):
        month = run(world(**PAID, vouchers=[on_account(account)]))

        assert month.codes == ["L09 V1"] and month.amounts("L09") == (None, None, None)
        assert month.one("L09")["case_id"] == "C1" and account in month.one("L09")["why"] and "30.00" in month.one("L09")["why"]


def test_revenue_and_its_sub_accounts_are_right_whatever_they_are_called():
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00"))])).codes == []
    lines = voucher("V1", ("C1", "30.00"))
    assert run(world(**PAID, vouchers=[[{**lines[0], "account": "500103"}, *lines[1:]]])).codes == []
    named = [{**lines[0], "account": "5100", "account_name": "主营业务收入—旗舰店"}, *lines[1:]]
    assert run(world(**PAID, vouchers=[named])).codes == []


def test_balance_sheet_accounts_are_not_looked_at():
    assert run(world(**PAID, vouchers=[on_account("122102")])).codes == []


def test_goodwill_without_a_case_may_stand_on_after_sales_expense_and_nowhere_else():
    flows = [refund("F1", "8.00", kind="small_transfer", order_id="O1")]

    def month(account: str) -> list[str]:
        vouchers = [on_account(account, ref="F1", kind="flow", gross="8.00")]
        return run(world(orders=[order("O1")], flows=flows, vouchers=vouchers)).codes

    assert month("560101") == ["C11 F1"] and month("5711") == ["C11 F1", "L09 V1"]


def test_what_was_refunded_too_much_may_be_written_off_and_no_more():
    flows = [refund("F1", "35.00", case_id="C1")]
    revenue, vat, wallet = voucher("V1", ("C1", "30.00"))

    def month(lost: int) -> list[str]:
        reversed_less = {**revenue, "credit_fen": revenue["credit_fen"] - 500 + lost}
        expense = {**revenue, "line_no": "4", "account": "560101", "credit_fen": 0, "debit_fen": lost}
        lines = [reversed_less, vat, {**wallet, "credit_fen": 3500}, expense]
        return [code for code in run(world(**{**PAID, "flows": flows}, vouchers=[lines])).codes if code[:3] == "L09"]

    assert month(500) == [] and month(501) == [] and month(502) == ["L09 V1"]


def test_a_lost_chargeback_may_stand_on_non_operating_expense():
    flows = [refund("F1", "30.00", kind="chargeback", order_id="O1")]
    vouchers = [on_account("5711", ref="F1", kind="flow")]

    assert run(world(orders=[order("O1")], flows=flows, vouchers=vouchers)).codes == ["C13 F1"]


def test_a_reclass_of_the_month_puts_it_right():
    wrong, wallet = on_account("560101")
    back = [{**wrong, "voucher_id": "V2", "debit_fen": -3000}, {**wrong, "voucher_id": "V2", "line_no": "2", "account": "5001"}]

    assert run(world(**PAID, vouchers=[[wrong, wallet], back])).codes == []


def test_costs_income_and_what_is_about_no_refund_are_no_L09():
    cost = [
        {**line, "voucher_id": "V2", "account": account, "debit_fen": debit, "credit_fen": 0}
        for line, account, debit in zip(voucher("V2", ("C1", "30.00")), ("1405", "5401"), (1200, -1200), strict=False)
    ]
    fee = [{**line, "ref_id": None, "ref_kind": None} for line in on_account("560102", "V3", gross="2.00")]
    assert run(world(**PAID, vouchers=[voucher("V1", ("C1", "30.00")), cost, fee])).codes == []

    unknown = world(orders=[order("O1")], flows=[receipt("O9")], receipts=False, vouchers=[on_account("560101", ref="C9")])
    assert "L09 V1" not in run(unknown).codes


def test_under_CAS_the_accounts_are_the_sixes():
    lines = voucher("V1", ("C1", "30.00"))
    right, wrong = ([{**lines[0], "account": account}, *lines[1:]] for account in ("6001", "660101"))

    assert run(world(**PAID, vouchers=[right]), standard="CAS").codes == []
    assert run(world(**PAID, vouchers=[wrong]), standard="CAS").codes == ["L09 V1"]
