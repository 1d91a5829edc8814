"""The goods side: the rows of M6, M7 and M8 once each, and the leg of each case as the case file states it."""

from itertools import chain

import polars as pl

from recon_kit.facts import build_facts
from tests.goods import a_return, a_service
from tests.world import case, line, order, refund, returned, run, scope, shipment, world

OPEN = {"done": None, "kind": "return_refund", "qty": 1}
HELD = {"stock_posted_at": None, "is_quarantined": True}


def _rows(month, pair, side):
    """row_key → the pass that matched it, or the reason it is unmatched."""
    which = (pl.col("pair") == pair) & (pl.col("side") == side)
    tables = month.outcome.tables
    matched = tables["matches"].filter(which).select("row_key", "pass").iter_rows()
    return dict(chain(matched, tables["unmatched"].filter(which).select("row_key", "reason").iter_rows()))


def test_receipts_say_which_key_placed_them():
    cases = [
        case("NAMED", "O1", line_id="L", **OPEN),
        case("PARCEL", "O2", line_id="L", return_waybill="SF1", **OPEN),
        case("SKU", "O3", line_id="L", **OPEN),
        case("A", "O4", line_id="L", **OPEN),
        case("B", "O4", line_id="L", **OPEN),
        case("MONEY", "O5", done=None),
    ]
    returns = [
        returned("T1", "NAMED", **HELD),
        returned("T2", None, waybill="SF1", **HELD),
        returned("T3", None, order_id="O3", **HELD),
        returned("T4", None, order_id="O4", **HELD),
        returned("T5", None, **HELD),
    ]

    month = run(
        world(
            orders=[order(f"O{n}") for n in range(1, 6)],
            lines=[line(f"O{n}", "L", "100.00") for n in range(1, 6)],
            cases=cases,
            returns=returns,
        ),
        as_of="2026-10-15",
    )

    assert _rows(month, "M6", "left") == {
        "wechat_mini|NAMED": "case_id",
        "wechat_mini|PARCEL": "return_waybill_sku",
        "wechat_mini|SKU": "order_sku_qty",
        "wechat_mini|A": "ambiguous",
        "wechat_mini|B": "ambiguous",
        "wechat_mini|MONEY": "excluded",
    }
    assert _rows(month, "M6", "right") == {
        "T1|": "case_id",
        "T2|": "return_waybill_sku",
        "T3|": "order_sku_qty",
        "T4|": "ambiguous",
        "T5|": "no_counterpart",
    }


def test_a_gap_counts_pieces_and_no_piece_is_within_tolerance():
    month = run(a_return([returned("T1", "C1", 1)], qty=2))

    match = month.outcome.tables["matches"].filter(pl.col("pair") == "M6")
    assert match.select("verdict", "gap_fen").unique().rows() == [("matched", -1)]


def test_a_shipment_belongs_to_its_line_or_to_its_case():
    shipments = [
        shipment("S1", "O1", 3, line_id="L1"),
        shipment("S2", "O1", kind="resend", case_id="C1"),
        shipment("S3", "O1", kind="resend", sku="SPARE"),
        shipment("S4", "O9"),
    ]

    month = run(a_service("resend", qty=2, shipments=shipments))

    assert _rows(month, "M7", "right") == {"S2|": "case_id", "S3|": "no_counterpart"}
    assert _rows(month, "M8", "right") == {"S1|": "line_id", "S4|": "no_counterpart"}
    assert _rows(month, "M8", "left") == {"O1|L1": "line_id"}


def test_a_pair_with_a_side_that_was_not_supplied_is_not_stated():
    month = run(a_return(None))

    assert month.outcome.tables["unmatched"].filter(pl.col("pair").is_in(["M6", "M7", "M8"])).is_empty()


def leg(collected, **about):
    """State of C1's goods and the day on which it becomes a break."""
    (row,) = build_facts(collected, scope(**about)).frame("goods").select("goods_state", "goods_until").rows()
    return row[0], row[1] and row[1].isoformat()


def test_the_leg_of_a_return_ties_waits_breaks_or_is_not_checked():
    back = returned("T1", "C1", on="2026-10-30")

    assert leg(a_return([back], done="2026-10-29")) == ("ties", None)
    assert leg(a_return([{**back, "stock_posted_at": None}], done="2026-10-29")) == ("pending", "2026-11-03")
    assert leg(a_return(done="2026-10-29")) == ("pending", "2026-11-14")
    assert leg(a_return(done="2026-10-10")) == ("broken", None)
    assert leg(a_return(None, done="2026-10-10")) == ("not_checked", None)


def test_a_case_that_moves_no_goods_has_no_leg():
    assert leg(a_return(about={"kind": "refund_only"})) == ("none", None)
    assert leg(a_return(None, about={"kind": "refund_only"})) == ("none", None)
    assert leg(a_return(paid=False, about={"platform_status": "closed"})) == ("none", None)


def test_the_leg_of_an_exchange_a_resend_and_a_repair_has_two_ways_or_one():
    def sent(kind, on="2026-10-20"):
        return [shipment("S1", "O1", 1, on, kind=kind, case_id="C1")]

    back = [returned("T1", "C1")]

    assert leg(a_service("exchange", returns=back, shipments=sent("exchange"))) == ("ties", None)
    assert leg(a_service("exchange", shipments=sent("exchange"))) == ("pending", "2026-11-05")
    assert leg(a_service("exchange", returns=back, shipments=[])) == ("pending", None)
    assert leg(a_service("exchange", returns=back)) == ("not_checked", None)
    assert leg(a_service("resend", returns=None, shipments=sent("resend"))) == ("ties", None)
    assert leg(a_service("repair", done=None, returns=back, shipments=[]), as_of="2026-10-20") == ("pending", "2026-10-30")


def test_one_parcel_brings_back_what_two_cases_return_in_a_row_each_or_in_one():
    cases = [
        case(name, "O1", "50.00", kind="return_refund", line_id="L1", qty=1, return_waybill="SF1", basis="negotiated")
        for name in ("A", "B")
    ]
    flows = [refund(f"F{row['case_id']}", "50.00", case_id=row["case_id"]) for row in cases]
    about = {"orders": [order("O1")], "lines": [line("O1", "L1", "100.00", 2)], "cases": cases, "flows": flows}
    rows = [returned(f"T{n}", None, waybill="SF1", **HELD) for n in (1, 2)]
    single = [returned("T1", None, 2, waybill="SF1", **HELD)]

    apart, together = (run(world(**about, returns=returns), as_of="2026-10-31") for returns in (rows, single))

    assert _rows(apart, "M6", "left") == dict.fromkeys(("wechat_mini|A", "wechat_mini|B"), "return_waybill_twins")
    assert _rows(together, "M6", "right") == {"T1|": "return_waybill_sum"}
    assert apart.codes == together.codes == []
