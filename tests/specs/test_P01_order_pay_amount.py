"""P01: what a payment brought is not what its order should have brought. Rulings 1, 2, 6, 10, 12, 14."""

from tests.world import at, flow, order, receipt, run, world


def test_a_payment_that_differs_from_its_order_is_P01_and_one_fen_is_not():
    month = run(
        world(
            orders=[order("OVER"), order("SHORT"), order("EQUAL"), order("FEN")],
            flows=[receipt("OVER", "103.50"), receipt("SHORT", "97.00"), receipt("EQUAL"), receipt("FEN", "100.01")],
            receipts=False,
        )
    )

    assert [row for row in month.codes if row.startswith("P")] == ["P01 OVER", "P01 SHORT"]
    over, short = month.all("P01")
    assert (over["expected_fen"], over["actual_fen"], over["gap_fen"]) == (10000, 10350, 350)
    assert (short["expected_fen"], short["actual_fen"], short["gap_fen"]) == (10000, 9700, -300)
    assert over["evidence"] == ["orders.csv:2", "flows.csv:2"]
    assert (over["key_kind"], over["order_id"], over["platform"], over["channel"], over["nature"]) == (
        "order_id",
        "OVER",
        "wechat_mini",
        "wechat",
        "break",
    )
    assert month.bridge == {} and month.verdict == "breaks"


def test_a_receipt_finds_its_order_by_the_order_it_states_or_by_its_payment_number():
    month = run(
        world(
            orders=[order("STATED"), order("PAID")],
            flows=[receipt("STATED"), flow("F2", "trade_receipt", "99.00", "2026-10-05", pay_id="PAY-PAID")],
            receipts=False,
        )
    )

    assert month.codes == ["P01 PAID"]


def test_part_payments_that_sum_to_the_order_are_right_and_a_sum_below_it_is_P01():
    month = run(
        world(
            orders=[order("PRESALE"), order("SHORT")],
            flows=[
                receipt("PRESALE", "20.00", flow_id="F1"),
                receipt("PRESALE", "80.00", "2026-10-09", flow_id="F2"),
                receipt("SHORT", "20.00", flow_id="F3"),
                receipt("SHORT", "60.00", "2026-10-09", flow_id="F4"),
            ],
            receipts=False,
        )
    )

    assert month.codes == ["P01 SHORT"]
    assert month.amounts("P01") == (10000, 8000, -2000)


def test_a_template_payment_and_the_receipt_of_its_pay_id_are_one_payment():
    paid = {"channel": "wechat", "pay_id": "PAY-O1", "order_id": "O1", "paid_at": order("O1")["paid_at"], "amount_fen": 10000}
    alone = {**paid, "pay_id": "PAY-O2", "order_id": "O2", "amount_fen": 9000}
    closed = {**paid, "pay_id": "PAY-O3", "order_id": "O3", "status": "closed"}

    month = run(
        world(
            orders=[order("O1"), order("O2"), order("O3")],
            payments=[paid, alone, closed],
            flows=[flow("F1", "trade_receipt", "100.00", "2026-10-05", pay_id="PAY-O1"), receipt("O3")],
            receipts=False,
        )
    )

    assert month.codes == ["P01 O2"]
    assert month.amounts("P01") == (10000, 9000, -1000)


def test_the_order_or_the_receipt_must_lie_in_the_period():
    month = run(
        world(
            orders=[
                order("BOTH_BEFORE", on="2026-09-20"),
                order("PAID_BEFORE", on="2026-09-30 23:59:59"),
                order("LAST_SECOND", on="2026-10-31 23:59:59"),
            ],
            flows=[
                receipt("BOTH_BEFORE", "90.00", "2026-09-20"),
                receipt("PAID_BEFORE", "90.00", "2026-10-01 00:00:00"),
                receipt("LAST_SECOND", "90.00", "2026-10-31 23:59:59"),
            ],
            receipts=False,
            bills_from="2026-09-01",
        )
    )

    assert month.codes == ["P01 LAST_SECOND", "P01 PAID_BEFORE"]


def test_unpaid_orders_take_no_part():
    month = run(world(orders=[order("O1", status="unpaid", on=None)], receipts=False))

    assert month.codes == [] and month.verdict == "reconciled"


def test_in_escrow_a_receipt_is_due_net_of_what_was_refunded_before_confirmation():
    escrow = {"platform": "taobao", "confirmed": "2026-10-15", "refunded_fen": "30.00"}
    case = {"platform": "taobao", "kind": "refund_only", "applied_at": "2026-10-10", "platform_status": "success"}
    cases = [
        {
            **order_case,
            "applied_at": order("x")["paid_at"],
            "completed_at": order("x", confirmed="2026-10-10")["completed_at"],
            "final_fen": 3000,
        }
        for order_case in ({**case, "case_id": "C1", "order_id": "NET"}, {**case, "case_id": "C2", "order_id": "GROSS"})
    ]

    month = run(
        world(
            orders=[order("NET", **escrow), order("GROSS", **escrow)],
            cases=cases,
            flows=[
                receipt("NET", "70.00", "2026-10-15", channel="alipay"),
                receipt("GROSS", "100.00", "2026-10-15", channel="alipay"),
            ],
            receipts=False,
        )
    )

    assert month.codes == ["P01 GROSS"]
    assert month.amounts("P01") == (7000, 10000, 3000)
    assert month.bridge == {"A0": 6000, "A4E": -6000}


def test_the_same_order_id_on_two_platforms_is_two_findings():
    month = run(
        world(
            orders=[order("SAME"), order("SAME", platform="jd", pay_id="JD-1")],
            flows=[receipt("SAME", "90.00"), receipt("SAME", "80.00", flow_id="F2", channel="jd")],
            receipts=False,
            vouchers=None,
        ),
        config={"receipt_basis": {"jd": "paid"}},
    )

    wechat, jd = sorted(month.all("P01"), key=lambda row: -row["actual_fen"])
    assert (wechat["platform"], wechat["actual_fen"], jd["platform"], jd["actual_fen"]) == ("wechat_mini", 9000, "jd", 8000)
    assert wechat["discrepancy_id"] != jd["discrepancy_id"]


def test_a_deposit_that_only_a_template_knows_and_the_tail_of_the_bill_are_one_order():
    """Ruling 1: a template row is the same money as the flows of its own payment number; the deposit came before the bills."""
    paid = [
        {"channel": "wechat", "pay_id": "DEPOSIT", "order_id": "O1", "paid_at": at("2026-09-20"), "amount_fen": 2000},
        {"channel": "wechat", "pay_id": "TAIL", "order_id": "O1", "paid_at": at("2026-10-05"), "amount_fen": 8000},
    ]
    tail = [flow("R1", "trade_receipt", "80.00", "2026-10-05", pay_id="TAIL")]

    assert run(world(orders=[order("O1", kind="presale")], flows=tail, payments=paid, receipts=False)).codes == []
