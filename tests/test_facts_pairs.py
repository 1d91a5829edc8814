"""matches and unmatched: every row of both sides of M1, M3 and M4 once, with the pass that placed it or why it has none."""

import polars as pl

from tests.world import case, flow, order, receipt, refund, run, voucher, world


def _rows(month, pair, side):
    """row_key → the pass that matched it, or the reason it is unmatched."""
    which = (pl.col("pair") == pair) & (pl.col("side") == side)
    matched = month.outcome.tables["matches"].filter(which).select("row_key", "pass")
    unmatched = month.outcome.tables["unmatched"].filter(which).select("row_key", "reason")
    return dict(matched.iter_rows()) | dict(unmatched.iter_rows())


def test_orders_and_payments():
    template = {"channel": "wechat", "pay_id": "PAY-O1", "order_id": "O1", "paid_at": order("O1")["paid_at"], "amount_fen": 10000}

    month = run(
        world(
            orders=[order("O1"), order("O2"), order("UNPAID", on=None, status="unpaid")],
            payments=[template],
            flows=[
                flow("R1", "trade_receipt", "100.00", "2026-10-05", pay_id="PAY-O1"),
                receipt("GONE", flow_id="R2"),
                receipt("O2", on="2026-11-03", flow_id="R3"),
            ],
            receipts=False,
        )
    )

    assert _rows(month, "M1", "left") == {
        "wechat_mini|O1": "allocation",
        "wechat_mini|O2": "no_counterpart",
        "wechat_mini|UNPAID": "excluded",
    }
    assert _rows(month, "M1", "right") == {
        "wechat|R1": "allocation",
        "wechat|R2": "no_counterpart",
        "wechat|R3": "outside_window",
        "wechat|PAY-O1||O1": "excluded",
    }


def test_cases_and_refunds_carry_the_pass_that_placed_them():
    cases = [
        case("REQUEST", "O1", "1.00"),
        case("CASE", "O1", "2.00"),
        case("NEAR", "O2", "3.00"),
        case("FAR", "O3", "4.00"),
        case("SUM", "O4", "5.00"),
        case("OTHER", "O5", "6.00"),
        case("CLOSED", "O6", "7.00", platform_status="closed"),
        case("NONE", "O7", "8.00"),
        case("SWAP", "O8", "0.00", kind="exchange"),
        case("TRADE", "O9", "9.00"),
    ]
    flows = [
        refund("F1", "1.00", request_no="REQUEST"),
        refund("F2", "2.00", case_id="CASE"),
        refund("F3", "3.00", "2026-10-15", order_id="O2"),
        refund("F4", "4.00", "2026-10-25", order_id="O3"),
        refund("F5", "2.00", order_id="O4"),
        refund("F6", "3.00", order_id="O4"),
        refund("F7", "6.60", order_id="O5"),
        refund("F8", "7.00", case_id="CLOSED"),
        refund("F9", "9.00", pay_id="PAY-O9"),
        refund("F10", "1.00", kind="subsidy_clawback", order_id="O1"),
    ]

    month = run(world(orders=[order(f"O{n}") for n in range(1, 10)], cases=cases, flows=flows))

    assert _rows(month, "M3", "left") == {
        "wechat_mini|REQUEST": "request_no",
        "wechat_mini|CASE": "case_id",
        "wechat_mini|NEAR": "order_amount_window",
        "wechat_mini|FAR": "order_amount",
        "wechat_mini|SUM": "order_sum",
        "wechat_mini|OTHER": "order_rest",
        "wechat_mini|CLOSED": "excluded",
        "wechat_mini|NONE": "no_counterpart",
        "wechat_mini|SWAP": "excluded",
        "wechat_mini|TRADE": "order_amount_window",
    }
    right = _rows(month, "M3", "right")
    assert (right["wechat|F8"], right["wechat|F10"]) == ("no_counterpart", "excluded")
    gaps = dict(
        month.outcome.tables["matches"]
        .filter((pl.col("pair") == "M3") & (pl.col("side") == "left"))
        .select("row_key", "gap_fen")
        .iter_rows()
    )
    assert {key: gap for key, gap in gaps.items() if gap} == {"wechat_mini|OTHER": 60}


def test_one_refund_may_pay_several_cases_that_sum_to_it_and_each_gets_its_own_part():
    cases = [case("C1", "O1", "10.00"), case("C2", "O1", "20.00")]

    month = run(world(orders=[order("O1")], cases=cases, flows=[refund("F1", "30.00", order_id="O1")]))

    assert month.codes == [] and month.bridge == {"A0": 3000, "B0": 3000, "C0": 3000}
    assert _rows(month, "M3", "left") == {"wechat_mini|C1": "order_sum", "wechat_mini|C2": "order_sum"}


def test_refunds_and_voucher_lines():
    month = run(
        world(
            orders=[order("O1"), order("O2")],
            cases=[case("C1", "O1"), case("C2", "O2")],
            flows=[refund("F1", case_id="C1"), refund("F2", case_id="C2", order_id="O2")],
            vouchers=[voucher("V1", ("C1", "30.00")), voucher("V2", ("GONE", "5.00"))],
        )
    )

    assert _rows(month, "M4", "left") == {"wechat|F1": "voucher_ref", "wechat|F2": "no_counterpart"}
    assert _rows(month, "M4", "right") == {
        "2026-10|V1|1": "excluded",
        "2026-10|V1|2": "excluded",
        "2026-10|V1|3": "voucher_ref",
        "2026-10|V2|1": "excluded",
        "2026-10|V2|2": "excluded",
        "2026-10|V2|3": "no_counterpart",
    }


def test_one_fen_is_in_tolerance_and_an_ambiguous_refund_stays_unmatched():
    cases = [case("FEN", "O1", "30.00"), case("A", "O2", "10.00"), case("B", "O2", "20.00")]
    flows = [refund("F1", "30.01", case_id="FEN"), refund("F2", "15.00", order_id="O2"), refund("F3", "16.00", order_id="O2")]

    month = run(world(orders=[order("O1"), order("O2")], cases=cases, flows=flows))

    verdicts = month.outcome.tables["matches"].filter(pl.col("pair") == "M3")["verdict"].unique().to_list()
    assert verdicts == ["in_tolerance"]
    assert {key: how for key, how in _rows(month, "M3", "right").items() if key != "wechat|F1"} == {
        "wechat|F2": "ambiguous",
        "wechat|F3": "ambiguous",
    }
    assert month.codes == ["A06 FEN", "C03 F2", "C03 F3", "C04 A", "C04 B"]


def test_a_flow_that_contradicts_itself_is_matched_alike_in_every_partition():
    """Its request names the case of an order that is not loaded, whose number another platform uses too."""
    month = world(
        orders=[order("O0", platform="pdd", pay_id="PAY")],
        cases=[case("C3", "O0", platform="taobao")],
        flows=[
            refund("F0", channel="pdd", case_id="C4", request_no="C3"),
            refund("F1", "20.00", channel="alipay", order_id="O0"),
        ],
        receipts=False,
    )

    one, *others = (run(month, partitions=n).outcome.tables for n in (1, 3, 8, 64))

    assert all(
        other[name].equals(one[name]) for other in others for name in ("matches", "unmatched", "discrepancies", "bridge_items")
    )
