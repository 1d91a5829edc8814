"""CAS and SBE recognise at different events: whole small months. Rulings 13, 19, 20; bridge B1, B3; docs/method.md, CAS.

Under CAS the approval is the event: what is not paid by the month's end is accrued (贷 2241) and released when it is paid
(借 2241). Under SBE the refund is. `run` checks of every month that the bridge closes.
"""

from typing import Any

from tests.world import Result, Row, accrual, case, order, refund, release, run, voucher, world

OPEN_BILLS = {"bills_from": "2026-08-01", "bills_until": "2026-12-11"}


def month(vouchers: list[list[Row]], *, approved: str, paid: str | None, period: str = "2026-10", **more: Any) -> Result:
    """One refund of 30.00, approved and paid on two days, as the books of a period show it under CAS."""
    about = {name: more.pop(name) for name in ("standard", "config", "as_of") if name in more}
    day = {"2026-09": "2026-09-30", "2026-10": "2026-10-31", "2026-11": "2026-11-30"}[period]
    the_case = case("C1", "O1", done=more.pop("done", paid), applied_at=approved, approved_at=approved, **more)
    collected = world(
        orders=[order("O1", on="2026-09-01")],
        cases=[the_case],
        flows=[refund("F1", on=paid, case_id="C1")] if paid else [],
        vouchers=vouchers,
        **OPEN_BILLS,
    )
    return run(collected, **{"standard": "CAS", "period": period, "as_of": day, **about})


def cas_voucher(voucher_id: str, gross: str = "30.00", *, on: str) -> list[Row]:
    """A refund booked on the wallet at once, in the accounts of CAS."""
    lines = voucher(voucher_id, ("C1", gross), on=on)
    return [{**line, "account": "6001"} if line["account"] == "5001" else line for line in lines]


ACCRUED = [accrual("V1", "C1", "30.00", "2026-10-31"), release("V2", "C1", "30.00", "2026-11-03")]


def test_approved_in_one_month_and_paid_in_the_next_with_accrual_and_release_ties_in_both():
    october = month(ACCRUED, approved="2026-10-28", paid="2026-11-03")
    november = month(ACCRUED, approved="2026-10-28", paid="2026-11-03", period="2026-11")

    assert (october.codes, october.bridge) == ([], {"B3": 3000, "C0": 3000})
    assert (november.codes, november.bridge) == ([], {"A0": 3000, "B0": 3000, "B3": -3000})


def test_an_accrual_undone_in_red_and_booked_anew_is_released_too():
    undone = [{**line, "voucher_id": "V2", "period": "2026-11", "credit_fen": -line["credit_fen"]} for line in ACCRUED[0]]
    undone = [{**line, "date": line["date"].replace(month=11, day=1)} for line in undone]

    november = month(
        [ACCRUED[0], undone, cas_voucher("V3", on="2026-11-03")], approved="2026-10-28", paid="2026-11-03", period="2026-11"
    )

    assert (november.codes, november.bridge) == ([], {"A0": 3000, "B0": 3000, "B3": -3000})


def test_without_the_accrual_it_is_L05_of_the_approval_s_month_and_the_same_finding_in_the_next():
    booked = [cas_voucher("V2", on="2026-11-03")]
    october = month(booked, approved="2026-10-28", paid="2026-11-03")
    november = month(booked, approved="2026-10-28", paid="2026-11-03", period="2026-11")

    assert october.codes == november.codes == ["L05 C1"]
    assert october.amounts("L05") == november.amounts("L05") == (3000, 0, -3000)
    assert october.one("L05")["discrepancy_id"] == november.one("L05")["discrepancy_id"]
    assert "2026-11-03" in october.one("L05")["why"] and "V2" in november.one("L05")["why"]
    assert (october.bridge, november.bridge) == ({}, {"A0": 3000, "B0": 3000, "C0": 3000})


def test_the_same_books_are_right_under_SBE_which_wants_no_accrual():
    booked = [cas_voucher("V2", on="2026-11-03")]

    assert month(booked, approved="2026-10-28", paid="2026-11-03", standard="SBE").codes == []
    assert month(booked, approved="2026-10-28", paid="2026-11-03", standard="SBE", period="2026-11").codes == []


def test_what_the_platform_granted_and_nobody_paid_must_be_accrued_at_the_month_s_end():
    """The look-ahead shows nothing yet: in transit towards the buyer, and missing in the books."""
    transit = month([], approved="2026-10-29", paid=None, done="2026-10-30")
    assert transit.codes == ["C02 C1", "L05 C1"] and transit.amounts("L05") == (3000, 0, -3000)
    assert month([accrual("V1", "C1", "30.00", "2026-10-31")], approved="2026-10-29", paid=None, done="2026-10-30").codes == [
        "C02 C1"
    ]
    assert month([], approved="2026-10-29", paid=None, done="2026-10-30", standard="SBE").codes == ["C02 C1"]


def test_of_a_case_never_paid_the_missing_accrual_is_related_to_C04():
    never = month([], approved="2026-10-09", paid=None, done="2026-10-10")

    assert never.codes == ["C04 C1"] and never.one("L05")["primary_id"] == never.one("C04")["discrepancy_id"]


def test_an_approval_alone_is_no_debt_while_its_case_is_open_and_nothing_moved():
    assert month([], approved="2026-10-20", paid=None).codes == []


def test_an_approval_of_last_month_counts_when_it_is_booked_in_this_one_and_not_before():
    september = {"approved": "2026-09-28", "paid": "2026-10-03"}
    assert month([cas_voucher("V1", on="2026-10-03")], **september).codes == ["L05 C1"]
    accrued = [accrual("V1", "C1", "30.00", "2026-09-30"), release("V2", "C1", "30.00", "2026-10-03")]
    assert month(accrued, **september).codes == []
    assert month(accrued[1:], **september).codes == [], "a release says that it was accrued, in a month not loaded"
    late = [accrual("V1", "C1", "30.00", "2026-10-02"), release("V2", "C1", "30.00", "2026-10-03")]
    assert month(late, **september).amounts("L05") == (3000, 0, -3000)
    assert month([], approved="2026-09-28", paid="2026-11-03").codes == [], "booked nowhere in this month: not this month's"


def test_paid_in_the_month_and_booked_after_it_is_late_even_if_it_was_approved_before():
    """Its fen stand in B2, and every fen there has its finding."""
    found = month([cas_voucher("V1", on="2026-11-02")], approved="2026-09-28", paid="2026-10-30")

    assert found.codes == ["L05 C1"] and found.bridge == {"A0": 3000, "B0": 3000, "B2": -3000}
    item = found.outcome.tables["bridge_items"].filter(line="B2")["discrepancy_id"].to_list()
    assert item == [found.one("L05")["discrepancy_id"]]


def test_an_accrual_that_is_too_small_leaves_the_rest_late_and_one_too_large_nothing():
    def october(gross: str) -> list[tuple[int | None, int | None]]:
        found = month([accrual("V1", "C1", gross, "2026-10-31")], approved="2026-10-28", paid="2026-11-03")
        return [(row["expected_fen"], row["actual_fen"]) for row in found.all("L05")]

    assert october("25.00") == [(500, 0)] and october("30.00") == [] and october("35.00") == []


def test_what_is_paid_in_two_months_is_accrued_for_the_rest():
    flows = [refund("F1", "10.00", "2026-10-29", case_id="C1"), refund("F2", "20.00", "2026-11-03", case_id="C1")]
    cases = [case("C1", "O1", done="2026-11-03", approved_at="2026-10-28")]
    paid = cas_voucher("V1", "10.00", on="2026-10-29")

    def october(*vouchers: list[Row]) -> Result:
        return run(
            world(orders=[order("O1")], cases=cases, flows=flows, vouchers=vouchers, bills_until="2026-12-11"), standard="CAS"
        )

    short = october(paid, cas_voucher("V2", "20.00", on="2026-11-03"))
    assert short.codes == ["L05 C1"] and short.amounts("L05") == (2000, 0, -2000)
    whole = october(paid, accrual("V2", "C1", "20.00", "2026-10-31"))
    assert (whole.codes, whole.bridge) == ([], {"A1": 1000, "B0": 1000, "B3": 2000, "C0": 3000})


def test_an_accrual_before_its_event_is_L06_the_approval_under_CAS_the_refund_of_an_open_case_under_SBE():
    approved_later = month(ACCRUED, approved="2026-11-01", paid="2026-11-03")
    assert approved_later.codes == ["L06 C1"] and approved_later.amounts("L06") == (0, 3000, 3000)
    assert approved_later.bridge == {"B3": 3000, "C0": 3000}
    item = approved_later.outcome.tables["bridge_items"].filter(line="B3")["discrepancy_id"].to_list()
    assert item == [approved_later.one("L06")["discrepancy_id"]]

    assert month(ACCRUED, approved="2026-10-28", paid="2026-11-03", standard="SBE").codes == ["L06 C1"]
    assert month(ACCRUED, approved="2026-10-28", paid="2026-11-03", standard="SBE", done="2026-10-30").codes == ["C02 C1"]


def test_a_wallet_credited_before_the_money_left_is_L06_whatever_was_approved():
    """Only an accrual on the refund payable may come before the money."""
    found = month([cas_voucher("V1", on="2026-10-30")], approved="2026-10-28", paid="2026-11-03")

    assert found.codes == ["L06 C1"] and found.bridge == {"B4": 3000, "C0": 3000}


def test_paid_and_accrued_but_never_released_is_L01():
    found = month([accrual("V1", "C1", "30.00", "2026-09-30")], approved="2026-09-28", paid="2026-10-03")

    assert found.codes == ["L01 C1"] and found.bridge == {"A0": 3000, "B0": 3000, "B2": -3000}


def test_accrued_released_and_booked_once_more_is_L03():
    accrued = [accrual("V1", "C1", "30.00", "2026-09-30"), release("V2", "C1", "30.00", "2026-10-03")]

    found = month([*accrued, cas_voucher("V3", on="2026-10-03")], approved="2026-09-28", paid="2026-10-03")

    assert found.codes == ["L03 C1"] and found.amounts("L03") == (3000, 6000, 3000)
    assert found.bridge == {"A0": 3000, "B0": 3000, "B3": -3000, "B5": 3000, "C0": 3000}


def test_an_accrual_whose_case_was_closed_is_undone():
    accrued = accrual("V1", "C1", "30.00", "2026-10-31")
    undone = [{**line, "voucher_id": "V2", "period": "2026-11", "credit_fen": -line["credit_fen"]} for line in accrued]
    undone = [{**line, "date": line["date"].replace(month=11, day=5)} for line in undone]
    closed = {"approved": "2026-10-28", "paid": None, "platform_status": "closed"}

    assert month([accrued, undone], **closed).bridge == {"B3": 3000, "C0": 3000}
    november = month([accrued, undone], **closed, period="2026-11")
    assert (november.codes, november.bridge) == ([], {"B3": -3000, "C0": -3000})


PROVISION = {"provision": {"method": "expected_rate", "expected_return_rate": "0.05", "window_closes": 60}}


def test_a_return_that_a_provision_covers_lacks_a_reclass_only():
    late = {"approved": "2026-10-28", "paid": "2026-11-03"}
    booked = [cas_voucher("V2", on="2026-11-03")]

    covered = month(booked, **late, kind="return_refund", config=PROVISION).one("L05")
    assert (covered["severity"], covered["gap_fen"]) == ("low", -3000) and "重分类" in covered["why"]
    outside = [
        month(booked, **late, kind="return_refund"),
        month(booked, **late, kind="refund_only", config=PROVISION),
        month(booked, **late, kind="return_refund", is_quality=True, config=PROVISION),
        month(booked, **late, kind="return_refund", config={"provision": {**PROVISION["provision"], "window_closes": 30}}),
    ]
    assert [found.one("L05")["severity"] for found in outside] == ["high"] * 4


def test_the_reclass_from_the_provision_to_the_payable_is_the_accrual():
    moved = [line for line in accrual("V1", "C1", "30.00", "2026-10-31") if line["account"] != "222101-05"]
    moved = [{**moved[0], "account": "280102", "credit_fen": 0, "debit_fen": 3000}, moved[1]]

    october = month([moved, ACCRUED[1]], approved="2026-10-28", paid="2026-11-03", kind="return_refund", config=PROVISION)

    assert (october.codes, october.bridge) == ([], {"B3": 3000, "C0": 3000})
    assert october.outcome.tables["tax_basis"].select("part", "gross_fen").rows() == [("provision", 3000)]


def test_books_may_accrue_the_platform_s_part_or_book_it_with_the_money_but_lack_it_whole():
    """30.00 and a clawback of 2.00, approved in October and paid in November."""

    def october(*vouchers: list[Row]) -> Result:
        flows = [
            refund("F1", on="2026-11-03", case_id="C1", order_id="O1"),
            refund("F2", "2.00", "2026-11-03 10:00:05", kind="subsidy_clawback", order_id="O1"),
        ]
        cases = [case("C1", "O1", done="2026-11-03", applied_at="2026-10-28", approved_at="2026-10-28")]
        return run(world(orders=[order("O1")], cases=cases, flows=flows, vouchers=vouchers), standard="CAS")

    assert [october(accrual("V1", "C1", gross, "2026-10-31")).codes for gross in ("30.00", "32.00")] == [[], []]
    assert october(cas_voucher("V2", "32.00", on="2026-11-03")).amounts("L05") == (3200, 0, -3200)


def test_a_case_without_a_stated_approval_counts_from_its_end():
    """Taobao's export states no approval."""
    booked = [cas_voucher("V2", on="2026-11-03")]
    about = {"orders": [order("O1")], "flows": [refund("F1", on="2026-11-03", case_id="C1")], "vouchers": booked}
    ended = case("C1", "O1", done="2026-10-30", approved_at=None)

    assert run(world(**about, cases=[ended]), standard="CAS").codes == ["C02 C1", "L05 C1"]
    assert run(world(**about, cases=[ended]), standard="SBE").codes == ["C02 C1"]


def test_a_case_that_ends_in_escrow_needs_no_accrual_although_a_wallet_pays_it_again_later():
    """Rulings 12: a refund before the buyer confirms never passes the wallet; what does is another one."""
    orders = [order("O1", on="2026-10-20", platform="taobao", confirmed="2026-11-08", refunded_fen="30.00")]
    cases = [case("C1", "O1", done="2026-11-01", platform="taobao", applied_at="2026-10-29", approved_at="2026-10-29")]
    again = [refund("F1", "25.00", on="2026-11-05", channel="alipay", order_id="O1")]

    def october(**more):
        return run(world(orders=orders, cases=cases, flows=again, vouchers=[], **OPEN_BILLS, **more), standard="CAS")

    assert october().codes == []
