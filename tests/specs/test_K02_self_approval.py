"""K02: who created a case approved it, or who made a voucher approved it. Rulings 24; the key is the case or the voucher."""

from tests.world import case, order, refund, run, voucher, world


def _cases(*cases):
    flows = [refund(f"F{row['case_id']}", case_id=row["case_id"]) for row in cases if row["platform_status"] == "success"]
    return run(world(orders=[order("O1", "500.00")], cases=cases, flows=flows))


def test_a_case_approved_by_the_one_who_created_it_is_K02_whatever_the_amount():
    month = _cases(
        case("SELF", "O1", creator="cs01", approver="cs01"),
        case("TWO", "O1", creator="cs01", approver="lead01"),
        case("NO_APPROVER", "O1", creator="cs01"),
        case("NO_CREATOR", "O1", approver="lead01"),
    )

    assert month.codes == ["K02 SELF"] and month.amounts("K02") == (None, None, None)
    assert (month.one("K02")["key_kind"], month.one("K02")["case_id"]) == ("case_id", "SELF")
    assert month.one("K02")["evidence"] == ["aftersales.csv:2"]


def test_a_case_not_approved_as_of_the_day_is_none():
    month = _cases(
        case("ASKED", "O1", done=None, approved_at=None, creator="cs01", approver="cs01"),
        case("LATER", "O1", done="2026-11-01 00:00:00", creator="cs01", approver="cs01"),
    )

    assert month.codes == []


def _vouchers(*vouchers):
    flows = [refund("F1", case_id="C1")]
    return run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=flows, vouchers=vouchers))


def test_a_voucher_approved_by_the_one_who_made_it_is_K02_once_with_the_voucher_as_key():
    month = _vouchers(voucher("记-1", ("C1", "30.00"), maker="fin01", approver="fin01"))

    assert month.codes == ["K02 记-1"]
    assert (month.one("K02")["key_kind"], month.one("K02")["case_id"]) == ("voucher_id", None)
    assert month.one("K02")["evidence"] == [f"voucher_lines.csv:{row}" for row in (2, 3, 4)]


def test_a_voucher_of_two_people_or_of_another_period_is_none():
    assert _vouchers(voucher("记-1", ("C1", "30.00"), maker="fin01", approver="fin02")).codes == []
    assert _vouchers(voucher("记-1", ("C1", "30.00"), maker="fin01")).codes == []
    month = _vouchers(
        voucher("记-1", ("C1", "30.00"), maker="fin01", approver="fin02"),
        voucher("记-9", ("C9", "9.00"), on="2026-09-30", maker="fin01", approver="fin01"),
    )
    assert month.all("K02") == []
