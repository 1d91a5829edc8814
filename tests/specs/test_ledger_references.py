"""How a ledger without a reference column says which refund it books: numbers in the 摘要, one or several to a line."""

from __future__ import annotations

import pytest

from tests.world import Row, case, fen, order, refund, run, voucher, world

CASE, ORDER, FLOW = "1180000000175860", "3553498017004770", "20261012220000000001"
PAID = {
    "orders": [order(ORDER, "100.00")],
    "cases": [case(CASE, ORDER)],
    "flows": [refund(FLOW, case_id=CASE, request_no="RQ-20261012-01")],
}


def silent(voucher_id: str, *texts_and_gross: tuple[str, str], text: str | None = None, on: str = "2026-10-12") -> list[Row]:
    """A refund voucher as a ledger without references has it: each 摘要 with the gross on the wallet."""
    lines = voucher(voucher_id, *((f"X{n}", gross) for n, (_, gross) in enumerate(texts_and_gross)), on=on)
    said = [summary for summary, _ in texts_and_gross for _ in range(3)]
    nothing: Row = {"ref_kind": None, "ref_id": None}
    return [{**line, **nothing, "summary": text or summary} for line, summary in zip(lines, said, strict=True)]


@pytest.mark.parametrize(
    "summary",
    [
        f"退款 售后单号：{CASE}",
        f"退款{CASE}",
        f"支付宝退款 订单号{ORDER}，售后单{CASE}",
        f"10月12日退款，流水号 {FLOW}",
        f"退客户款 {FLOW}",
        "退款 RQ-20261012-01",
        f"退货退款（订单 {ORDER}）",
    ],
)
def test_the_number_in_the_summary_ties_the_voucher(summary):
    month = run(world(**PAID, vouchers=[silent("V1", (summary, "30.00"))]))

    assert month.codes == []
    assert month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}


def test_a_wrong_amount_is_found_on_the_case_the_summary_names():
    month = run(world(**PAID, vouchers=[silent("V1", (f"退款 {CASE}", "39.00"))]))

    assert month.codes == [f"L04 {CASE}"] and month.amounts("L04") == (3000, 3900, 900)


@pytest.mark.parametrize("summary", ["退款 售后单 A9999999", "退客户款 1190000000000001"])
def test_a_case_nobody_knows_is_a_voucher_without_refund(summary):
    month = run(world(**PAID, vouchers=[voucher("V1", (CASE, "30.00")), silent("V2", (summary, "8.00"))]))

    assert month.codes == ["L02 V2"] and month.amounts("L02") == (0, 800, 800)


def test_a_sale_of_the_same_order_is_no_booking_of_its_refund():
    sale = [
        {**line, "credit_fen": 0, "debit_fen": fen("100.00")}
        for line in silent("V2", (f"销售收款 订单号 {ORDER}", "100.00"))
        if line["account"] == "101202"
    ]
    month = run(world(**PAID, vouchers=[silent("V1", (f"退款 {ORDER}", "30.00")), sale]))

    assert month.codes == []


def test_a_fee_named_by_its_flow_is_no_refund():
    fee = refund("20261012990000000009", "1.00", kind="fee")
    month = run(
        world(
            orders=PAID["orders"],
            cases=PAID["cases"],
            flows=[*PAID["flows"], fee],
            vouchers=[silent("V1", (f"退款 {CASE}", "30.00")), silent("V2", ("售后服务费 流水号20261012990000000009", "1.00"))],
        )
    )

    assert month.codes == []


CASES = ["1180000000000011", "1180000000000022", "1180000000000033"]
SEVERAL = {
    "orders": [order(f"35534980170047{n}0", "100.00") for n in range(3)],
    "cases": [
        case(c, f"35534980170047{n}0", amount)
        for n, (c, amount) in enumerate(zip(CASES, ("10.00", "20.00", "30.00"), strict=True))
    ],
    "flows": [
        refund(f"F{n}", amount, case_id=c) for n, (c, amount) in enumerate(zip(CASES, ("10.00", "20.00", "30.00"), strict=True))
    ],
}


@pytest.mark.parametrize("between", ["、", ",", " ", "；", "和"])
def test_one_line_may_book_several_cases(between):
    month = run(world(**SEVERAL, vouchers=[silent("V1", ("退款 售后单：" + between.join(CASES), "60.00"))]))

    assert month.codes == []
    assert month.bridge == {"A0": 6000, "B0": 6000, "C0": 6000}


def test_a_line_that_misses_several_cases_is_one_finding():
    month = run(world(**SEVERAL, vouchers=[silent("V1", ("退款 售后单：" + "、".join(CASES), "55.00"))]))

    assert month.codes == [f"L04 {CASES[0]}"] and month.amounts("L04") == (6000, 5500, -500)


def test_a_case_named_with_others_and_booked_again_alone_counts_with_them():
    vouchers = [silent("V1", ("退款 " + "、".join(CASES), "60.00")), voucher("V2", (CASES[1], "20.00"))]
    month = run(world(**SEVERAL, vouchers=vouchers))

    assert [code[:3] for code in month.codes] == ["L04"] and month.amounts("L04") == (6000, 8000, 2000)


def test_the_wallet_line_of_a_voucher_takes_what_its_other_lines_name():
    lines = silent("V1", *((f"冲收入 售后单{c}", amount) for c, amount in zip(CASES, ("10.00", "20.00", "30.00"), strict=True)))
    wallet = [line for line in lines if line["account"] == "101202"]
    rest = [line for line in lines if line["account"] != "101202"]
    total = {**wallet[0], "credit_fen": fen("60.00"), "summary": "退款合计"}
    month = run(world(**SEVERAL, vouchers=[[*rest, total]]))

    assert month.codes == []


def test_a_reference_column_may_hold_several_numbers():
    lines = voucher("V1", (",".join(CASES), "60.00"))

    assert run(world(**SEVERAL, vouchers=[lines])).codes == []


def test_a_reference_without_a_kind_is_what_the_platform_or_the_bill_knows_it_as():
    flows = [refund("F1", case_id="C1", order_id="O1"), refund("F2", "8.00", kind="small_transfer", order_id="O1")]
    booked = [voucher("V1", ("C1", "30.00")), voucher("V2", ("F2", "8.00")), voucher("V3", ("UNKNOWN", "5.00"))]
    bare = [[{**row, "ref_kind": None} for row in entry] for entry in booked]

    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows, vouchers=bare))

    assert month.codes == ["C11 F2", "L02 V3"]
