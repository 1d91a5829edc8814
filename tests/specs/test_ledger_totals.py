"""Summary vouchers without any reference: shop × channel × day or month totals, and a miss is one finding."""

from __future__ import annotations

from datetime import date

import pytest

from tests.world import Result, Row, case, fen, order, refund, run, voucher, world

DAYS = ["2026-10-03", "2026-10-04", "2026-10-05"]
AMOUNTS = ["10.00", "20.00", "30.00"]


def refunds(shop: str = "甲店", tag: str = "A", days: list[str] = DAYS) -> dict[str, list[Row]]:
    """Two refunds a day, ten and twenty and thirty yuan, each twice."""
    ids = [(f"{tag}{n}{k}", day, amount) for n, (day, amount) in enumerate(zip(days, AMOUNTS, strict=True)) for k in "xy"]
    return {
        "orders": [order(f"O{i}", "100.00", "2026-10-01", shop=shop) for i, _, _ in ids],
        "cases": [case(f"C{i}", f"O{i}", amount, day, shop=shop) for i, day, amount in ids],
        "flows": [refund(f"F{i}", amount, day, case_id=f"C{i}", order_id=f"O{i}") for i, day, amount in ids],
    }


def both(*months: dict[str, list[Row]]) -> dict[str, list[Row]]:
    return {name: [row for month in months for row in month[name]] for name in ("orders", "cases", "flows")}


def total(voucher_id: str, gross: str, on: str, text: str = "支付退款汇总", shop: str | None = "甲店") -> list[Row]:
    """A voucher that books a total and names nothing: revenue red, wallet."""
    head = {"period": on[:7], "voucher_id": voucher_id, "date": date.fromisoformat(on), "shop": shop}
    return [
        {**head, "line_no": "1", "account": "5001", "debit_fen": 0, "credit_fen": -fen(gross), "summary": text},
        {**head, "line_no": "2", "account": "101202", "debit_fen": 0, "credit_fen": fen(gross), "summary": text},
    ]


DAILY = [total(f"V{n}", f"{2 * int(a[:2])}.00", day) for n, (day, a) in enumerate(zip(DAYS, AMOUNTS, strict=True))]


def test_daily_totals_tie_the_day():
    month = run(world(**refunds(), vouchers=DAILY))

    assert month.codes == []
    assert month.bridge == {"A0": 12000, "B0": 12000, "C0": 12000}
    assert set(month.outcome.tables["matches"].filter(pair="M4")["pass"]) == {"day_total"}


def test_a_total_for_the_month_ties_the_month():
    month = run(world(**refunds(), vouchers=[total("V1", "120.00", "2026-10-31")]))

    assert month.codes == []
    assert set(month.outcome.tables["matches"].filter(pair="M4")["pass"]) == {"month_total"}


def test_totals_of_several_days_that_only_add_up_in_the_month_tie_the_month():
    month = run(world(**refunds(), vouchers=[total("V1", "60.00", "2026-10-04"), total("V2", "60.00", "2026-10-31")]))

    assert month.codes == []


def test_a_day_that_misses_a_refund_is_one_finding():
    month = run(world(**refunds(), vouchers=[*DAILY[:1], total("V1", "20.00", DAYS[1]), *DAILY[2:]]))

    assert month.codes == ["L04 wechat|2026-10-04"]
    assert month.amounts("L04") == (4000, 2000, -2000)
    assert month.bridge == {"A0": 12000, "B0": 12000, "B6": -2000, "C0": 10000}
    assert "2 笔" in month.one("L04")["why"] and "-20.00" in month.one("L04")["why"]


def test_a_day_without_its_voucher_is_one_finding_not_one_per_refund():
    month = run(world(**refunds(), vouchers=DAILY[:2]))

    assert month.codes == ["L01 wechat|2026-10-05"] and month.amounts("L01") == (6000, 0, -6000)


def test_a_month_that_misses_is_one_finding():
    month = run(world(**refunds(), vouchers=[total("V1", "100.00", "2026-10-31")]))

    assert month.codes == ["L04 wechat|2026-10"] and month.amounts("L04") == (12000, 10000, -2000)


def test_a_total_of_a_day_without_refunds_is_a_voucher_without_refund():
    month = run(world(**refunds(), vouchers=[*DAILY, total("V9", "7.00", "2026-10-20")]))

    assert month.codes == ["L02 V9"]


def test_a_fen_per_refund_is_rounding_and_more_is_not():
    within = run(world(**refunds(), vouchers=[*DAILY[:2], total("V2", "60.02", DAYS[2])]))
    beyond = run(world(**refunds(), vouchers=[*DAILY[:2], total("V2", "60.03", DAYS[2])]))

    assert within.codes == ["A06 wechat|2026-10-05"] and within.amounts("A06") == (6000, 6002, 2)
    assert beyond.codes == ["L04 wechat|2026-10-05"]


def test_the_day_a_summary_names_counts_before_the_voucher_s_own():
    vouchers = [
        total(f"V{n}", f"{2 * int(a[:2])}.00", "2026-10-31", text=f"{int(day[5:7])}月{int(day[8:])}日微信退款")
        for n, (day, a) in enumerate(zip(DAYS, AMOUNTS, strict=True))
    ]
    month = run(world(**refunds(), vouchers=vouchers[:2]))

    assert month.codes == ["L01 wechat|2026-10-05"]


def test_a_day_booked_in_the_next_month_is_late():
    late = total("V9", "60.00", "2026-11-02", text="10月5日退款")
    month = run(world(**refunds(), vouchers=[*DAILY[:2], late]))

    assert month.codes == ["L05 wechat|2026-10-05"] and month.bridge["B2"] == -6000


def test_shops_are_apart_where_the_totals_say_so():
    months = both(refunds(), refunds("乙店", "B"))
    other = [
        total(f"W{n}", f"{2 * int(a[:2])}.00", day, shop="乙店") for n, (day, a) in enumerate(zip(DAYS, AMOUNTS, strict=True))
    ]

    assert run(world(**months, vouchers=[*DAILY, *other])).codes == []
    assert run(world(**months, vouchers=[*DAILY, *other[:2]])).codes == ["L01 wechat|乙店|2026-10-05"]


def test_totals_without_a_shop_are_of_all_shops():
    months = both(refunds(), refunds("乙店", "B"))
    vouchers = [
        total(f"V{n}", f"{4 * int(a[:2])}.00", day, shop=None) for n, (day, a) in enumerate(zip(DAYS, AMOUNTS, strict=True))
    ]

    assert run(world(**months, vouchers=vouchers)).codes == []


def test_refunds_that_a_voucher_names_stay_out_of_the_totals():
    named = voucher("N1", ("CA0x", "10.00"), on=DAYS[0])

    assert run(world(**refunds(), vouchers=[named, total("V0", "10.00", DAYS[0]), *DAILY[1:]])).codes == []


def test_a_stray_line_does_not_hide_refunds_nobody_booked():
    month = run(world(**refunds(), vouchers=[total("V1", "5.00", "2026-10-20", text="售后赔付")]))

    assert len([code for code in month.codes if code.startswith("L01")]) == 6


@pytest.mark.parametrize("text", ["本月提现", "调整售后退款差额"])
def test_what_is_no_total_of_refunds_is_none(text):
    month = run(world(**refunds(), vouchers=[total("V1", "120.00", "2026-10-31", text=text)]))

    assert {code[:3] for code in month.codes} == {"L01"} and len(month.codes) == 6


@pytest.mark.parametrize("partitions", [3, 8])
def test_totals_do_not_depend_on_partitions(partitions):
    given = world(**refunds(), vouchers=[*DAILY[:1], total("V1", "20.00", DAYS[1]), *DAILY[2:]])

    assert run(given, partitions=partitions).findings.equals(run(given).findings)


def ties(month: Result) -> list[tuple[object, ...]]:
    return month.outcome.tables["ledger_ties"].rows()


def test_the_run_says_what_share_of_the_ledger_it_could_tie_and_how():
    named = voucher("N1", ("CA0x", "10.00"), on=DAYS[0])
    month = run(
        world(
            **refunds(),
            vouchers=[named, total("V0", "10.00", DAYS[0]), *DAILY[1:], total("V7", "9.00", DAYS[0], text="退款 售后单 R404")],
        )
    )

    assert ties(month) == [("column", 1, 1, 1000, 1000), ("text", 1, 0, 900, 0), ("day_total", 3, 3, 11000, 11000)]


def test_lines_that_speak_of_a_refund_and_name_nothing_are_counted_apart():
    month = run(world(**refunds(), vouchers=[total("V1", "5.00", "2026-10-20", text="售后赔付")]))

    assert ties(month) == [("none", 1, 0, 500, 0)]


def test_a_stray_line_about_after_sales_hides_no_refund_that_a_book_kept_by_name_forgot():
    """Five of six refunds are booked by name; an expense out of the same wallet is no total of the sixth."""
    month = refunds()
    by_name = [
        voucher(f"V{row['flow_id']}", (row["case_id"], f"{-row['amount_fen'] / 100:.2f}"), on=f"{row['at']:%Y-%m-%d}")
        for row in month["flows"][:-1]
    ]
    stray = total("V-EXPENSE", "20.00", "2026-10-20", "售后费用报销")

    found = run(world(**month, vouchers=[*by_name, stray]))

    assert [code for code in found.codes if code != "L09 V-EXPENSE"] == ["L01 CA2y"]
