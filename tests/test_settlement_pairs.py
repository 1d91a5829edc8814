"""M9–M12 in matches and unmatched: every row of both sides once, with the pass that placed it or why it has none."""

import polars as pl

from tests.settlement import bank_row, complaint, fee, fee_back, payout
from tests.world import case, flow, order, receipt, refund, run, world


def _rows(month, pair, side):
    """row_key → the pass that matched it, or the reason it is unmatched."""
    which = (pl.col("pair") == pair) & (pl.col("side") == side)
    matched = month.outcome.tables["matches"].filter(which).select("row_key", "pass")
    unmatched = month.outcome.tables["unmatched"].filter(which).select("row_key", "reason")
    assert not set(matched["row_key"]) & set(unmatched["row_key"])
    return dict(matched.iter_rows()) | dict(unmatched.iter_rows())


def _sum(month, pair, side):
    which = (pl.col("pair") == pair) & (pl.col("side") == side)
    return sum(month.outcome.tables[name].filter(which)["amount_fen"].sum() for name in ("matches", "unmatched"))


def test_refunds_and_fee_returns():
    cases = [case("NAMED", "O1"), case("BY_AMOUNT", "O2"), case("SUM", "O3"), case("NONE", "O4"), case("OPEN", "O5", done=None)]
    fees = [fee(f"FEE{n}", f"O{n}", "2.00") for n in range(1, 6)]
    fees += [fee_back("B1", "O1", "0.60", case_id="NAMED"), fee_back("B2", "O2", "0.60")]
    fees += [fee_back("B3", "O3", "0.20"), fee_back("B4", "O3", "0.40"), fee_back("B5", "GONE", "0.10")]

    month = run(
        world(
            orders=[order(f"O{n}") for n in range(1, 6)],
            cases=cases,
            flows=[refund(f"F{n}", case_id=row["case_id"]) for n, row in enumerate(cases[:4])],
            fees=fees,
        )
    )

    assert _rows(month, "M9", "left") == {
        "wechat_mini|NAMED": "case_id",
        "wechat_mini|BY_AMOUNT": "order_amount",
        "wechat_mini|SUM": "order_sum",
        "wechat_mini|NONE": "no_counterpart",
        "wechat_mini|OPEN": "excluded",
    }
    right = _rows(month, "M9", "right")
    assert [right[f"B{n}"] for n in range(1, 6)] == ["case_id", "order_amount", "order_sum", "order_sum", "no_counterpart"]
    assert {right[f"FEE{n}"] for n in range(1, 6)} == {"excluded"} and len(right) == 10
    assert month.codes == ["S01 NONE"] and _sum(month, "M9", "right") == -sum(row["amount_fen"] for row in fees)


def test_orders_and_what_settled_them():
    month = run(
        world(
            orders=[
                order("O1", merchant_receivable_fen="108.00"),
                order("O2"),
                order("O3", on="2026-10-30", merchant_receivable_fen="100.00"),
            ],
            flows=[
                receipt("O1"),
                receipt("O2"),
                receipt("GONE"),
                flow("SUB", "subsidy", "8.00", "2026-10-05 10:01:00", order_id="O1"),
                flow("FEE", "fee", "-1.00", order_id="O1"),
            ],
            receipts=False,
        )
    )

    assert _rows(month, "M10", "left") == {
        "wechat_mini|O1": "order_id",
        "wechat_mini|O2": "excluded",
        "wechat_mini|O3": "no_counterpart",
    }
    assert _rows(month, "M10", "right") == {
        "wechat|R-O1": "order_id",
        "wechat|SUB": "order_id",
        "wechat|R-O2": "excluded",
        "wechat|R-GONE": "no_counterpart",
    }


def test_payouts_and_bank_rows():
    flows = [
        payout("P1", "10.00", "2026-10-05", flow_id="F1"),
        payout(None, "20.00", "2026-10-05", flow_id="F2"),
        payout(None, "30.00", "2026-10-05", flow_id="F3"),
        payout(None, "30.00", "2026-10-06", flow_id="F4"),
        payout("P5", "50.00", "2026-10-05", flow_id="F5"),
        payout(None, "60.00", "2026-10-05", flow_id="F6"),
        payout("P7", "70.00", "2026-10-05", flow_id="F7"),
    ]
    bank = [
        bank_row("B1", "9.00", "2026-10-06", "P1"),
        bank_row("B2", "20.00", "2026-10-06"),
        bank_row("B3", "30.00", "2026-10-06"),
        bank_row("B4", "30.00", "2026-10-07"),
        bank_row("B5", "50.00", "2026-10-06"),
        bank_row("B6", "60.00", "2026-10-06", "X"),
        bank_row("B7", "70.00", "2026-10-06", "OTHER"),
        bank_row("RENT", "-20.00", "2026-10-06"),
    ]

    month = run(world(flows=flows, bank_rows=bank))

    passes = {
        "1": "payout_id",
        "2": "amount_window",
        "3": "amount_twins_window",
        "4": "amount_twins_window",
        "5": "amount_of_unnamed_bank_row",
        "6": "amount_of_unnamed_payout",
        "7": "no_counterpart",
    }
    assert _rows(month, "M11", "left") == {f"wechat|F{n}": how for n, how in passes.items()}
    assert _rows(month, "M11", "right") == {**{f"B{n}": how for n, how in passes.items()}, "RENT": "excluded"}
    assert month.codes == ["S03 P1", "S03 P7"]


def test_complaints_and_their_cases():
    cases = [case("C1", "O1"), case("C2", "O2"), case("C3", "O3"), case("C4", "O3")]
    complaints = [
        complaint("NAMES", case_id="C1"),
        complaint("BY_ORDER", "O1", "2026-10-15"),
        complaint("FAR", "O2", "2026-10-20"),
        complaint("TWO", "O3", "2026-10-15"),
    ]

    month = run(
        world(
            orders=[order(f"O{n}") for n in (1, 2, 3)],
            cases=cases,
            flows=[refund(f"F{row['case_id']}", case_id=row["case_id"]) for row in cases],
            complaints=complaints,
        )
    )

    assert _rows(month, "M12", "left") == {
        "wechat_mini|C1": "case_id",
        "wechat_mini|C2": "excluded",
        "wechat_mini|C3": "excluded",
        "wechat_mini|C4": "excluded",
    }
    assert _rows(month, "M12", "right") == {
        "NAMES": "case_id",
        "BY_ORDER": "order_window",
        "FAR": "no_counterpart",
        "TWO": "ambiguous",
    }


def test_a_pair_is_not_run_where_a_side_did_not_come():
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")]))

    assert {"M9", "M11", "M12"}.isdisjoint(set(month.outcome.tables["unmatched"]["pair"]))
