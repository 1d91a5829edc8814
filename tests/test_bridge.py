"""The bridge: each line's money in one month that has all of them, drawn as signed, traced to its items and findings."""

from dataclasses import replace

import pytest

from recon_kit.bridge import LINES, build_bridge
from recon_kit.errors import TieError
from recon_kit.rules import detect
from tests.world import accrual, case, facts, order, receipt, refund, run, voucher, world

ORDERS = [order(f"O{n}") for n in range(20)]
EVERY_LINE = world(
    orders=[
        *ORDERS,
        order("E1", platform="taobao", refunded_fen="8.00"),
        order("OLD", on="2026-09-05"),
        order("OLD2", on="2026-09-05"),
    ],
    cases=[
        case("TIES", "O1", "100.00"),
        case("EARLIER", "OLD", "1.00", done="2026-09-29"),
        case("TRANSIT", "O2", "2.00", done="2026-10-30"),
        case("NEVER", "O4", "4.00"),
        case("ESCROW", "E1", "8.00", platform="taobao"),
        case("OVER", "O5", "50.00"),
        case("CLAW", "O6", "60.00"),
        case("BOOKED_LATE", "OLD2", "11.00", done="2026-09-29"),
        case("UNBOOKED", "O7", "12.00"),
        case("ACCRUED", "O8", "13.00", done=None),
        case("TWICE", "O9", "15.00"),
        case("WRONG", "O10", "16.00"),
        case("FEN", "O11", "17.00"),
    ],
    flows=[
        refund("F-TIES", "100.00", case_id="TIES"),
        refund("F-EARLIER", "1.00", "2026-10-02", case_id="EARLIER"),
        refund("F-ALONE", "3.00", order_id="O3"),
        refund("F-OVER", "55.00", case_id="OVER"),
        refund("F-CLAW", "60.00", case_id="CLAW", order_id="O6"),
        refund("CLAWBACK", "6.00", kind="subsidy_clawback", case_id="CLAW", order_id="O6"),
        refund("F-LATE", "11.00", "2026-09-29", case_id="BOOKED_LATE"),
        refund("F-UNBOOKED", "12.00", case_id="UNBOOKED"),
        refund("F-TWICE", "15.00", case_id="TWICE"),
        refund("F-WRONG", "16.00", case_id="WRONG"),
        refund("F-FEN", "17.00", case_id="FEN"),
    ],
    vouchers=[
        voucher("V1", ("TIES", "100.00"), ("EARLIER", "1.00"), ("F-ALONE", "3.00", "flow"), ("OVER", "55.00"), ("CLAW", "66.00")),
        voucher("V2", ("BOOKED_LATE", "11.00")),
        accrual("V3", "ACCRUED", "13.00", "2026-10-30"),
        voucher("V4", ("UNKNOWN", "14.00")),
        voucher("V5", ("TWICE", "15.00")),
        voucher("V6", ("TWICE", "15.00")),
        voucher("V7", ("WRONG", "18.00")),
        voucher("V8", ("FEN", "17.01")),
    ],
    bills_from="2026-09-01",
)


@pytest.fixture(scope="module")
def month():
    return run(EVERY_LINE, standard="CAS", config={"receipt_basis": {"alipay": "completed"}})


def test_each_line_has_its_money_as_drawn(month):
    platform = 10000 + 200 + 400 + 800 + 5000 + 6000 + 1200 + 1500 + 1600 + 1700
    wallets = 10000 + 100 + 300 + 5500 + 6600 + 1200 + 1500 + 1600 + 1700
    ledger = 10000 + 100 + 300 + 5500 + 6600 + 1100 + 1300 + 1400 + 3000 + 1800 + 1701

    assert month.bridge == {
        "A0": platform,
        "A1": 100,
        "A2": -200,
        "A3": 300,
        "A4": -400,
        "A4E": -800,
        "A5": 500,
        "A6": 600,
        "B0": wallets,
        "B1": 1100,
        "B2": -1200,
        "B3": 1300,
        "B4": 1400,
        "B5": 1500,
        "B6": 200,
        "B7": 1,
        "C0": ledger,
    }


def test_lines_stand_in_the_order_in_which_they_are_drawn_and_say_how_many_items_they_have(month):
    lines = month.outcome.tables["bridge"]

    assert lines["line"].to_list() == list(LINES)
    assert dict(lines.select("line", "n").iter_rows())["A0"] == 10
    assert dict(lines.select("line", "n").iter_rows())["B4"] == 1


def test_each_item_names_the_finding_that_explains_it(month):
    codes = dict(month.findings.select("discrepancy_id", "code").iter_rows())
    found = {
        (line, key, codes.get(by))
        for line, by, key, _ in month.outcome.tables["bridge_items"].iter_rows()
        if line not in ("A0", "B0", "C0")
    }

    assert found == {
        ("A1", "EARLIER", None),
        ("A2", "TRANSIT", "C02"),
        ("A3", "F-ALONE", "C03"),
        ("A4", "NEVER", "C04"),
        ("A4E", "ESCROW", None),
        ("A5", "OVER", "C05"),
        ("A6", "CLAWBACK", None),
        ("B1", "BOOKED_LATE", "L05"),
        ("B2", "UNBOOKED", "L01"),
        ("B3", "ACCRUED", None),
        ("B4", "V4", "L02"),
        ("B5", "TWICE", "L03"),
        ("B6", "WRONG", "L04"),
        ("B7", "FEN", "A06"),
    }


def test_its_findings_are_the_ones_planted(month):
    assert month.codes == [
        "A06 FEN",
        "C02 TRANSIT",
        "C03 F-ALONE",
        "C04 NEVER",
        "C05 OVER",
        "L01 UNBOOKED",
        "L02 V4",
        "L03 TWICE",
        "L04 WRONG",
        "L05 BOOKED_LATE",
        "L05 EARLIER",
        "L05 TRANSIT",
    ]


def test_the_next_month_begins_where_this_one_ended():
    """A case in transit at the month's end is in A1 when it is paid, and what was paid stays out of the next A0."""
    month = world(
        orders=[order("O1")],
        cases=[case("C1", "O1", done="2026-10-30")],
        flows=[refund("F1", on="2026-11-02", case_id="C1")],
        bills_until="2026-12-11",
    )

    october, november = run(month), run(month, period="2026-11", as_of="2026-11-30")

    assert october.bridge == {"A0": 3000, "A2": -3000}
    assert november.bridge == {"A1": 3000, "B0": 3000, "C0": 3000} and november.codes == []


def test_an_as_of_after_the_month_does_not_move_its_flows():
    """A2 keeps what was unpaid at the period's end, whether or not it was paid by the as-of day."""
    month = world(
        orders=[order("O1")], cases=[case("C1", "O1", done="2026-10-30")], flows=[refund("F1", on="2026-11-02", case_id="C1")]
    )

    assert run(month, as_of="2026-11-05").bridge == run(month).bridge == {"A0": 3000, "A2": -3000}


def test_a_money_line_that_does_not_add_up_is_a_bug_and_stops_the_run():
    broken = facts(world(orders=[order("O1")], cases=[case("C1", "O1", done=None)], flows=[refund("F1", case_id="C1")]))
    broken = replace(broken, parts=broken.parts.head(0))

    with pytest.raises(TieError, match="A lines sum to 0 fen, the bills to 3000"):
        build_bridge(broken, detect(broken), "zh")


def test_labels_speak_the_runs_language(month):
    assert all(not zh.isascii() and en.isascii() for zh, en in LINES.values())
    assert month.outcome.tables["bridge"]["label"][0] == LINES["A0"][0]


def test_receipts_fees_and_payouts_are_in_no_line():
    assert run(world(orders=[order("O1")], flows=[receipt("O1")], receipts=False)).bridge == {}


def test_a_tied_month_before_this_one_leaves_nothing_in_it():
    flows = [refund("F1", on="2026-09-12", case_id="C1")]
    month = world(
        orders=[order("O1", on="2026-09-05")], cases=[case("C1", "O1", done="2026-09-12")], flows=flows, bills_from="2026-09-01"
    )

    assert run(month).codes == [] and run(month).bridge == {}
