"""K03: an adjusting voucher, whose 摘要 begins with 调整, without an attachment. Rulings 24; vouchers of the period."""

from tests.world import case, order, refund, run, voucher, world


def _month(*adjusting):
    """A refund booked with its evidence, and adjustments that book the refunds of cases A1, A2 …"""
    names = ["C1", *(f"A{n}" for n in range(1, len(adjusting) + 1))]
    vouchers = [voucher("记-1", ("C1", "30.00"), summary="退款", attachments=1)]
    for name, (summary, attachments) in zip(names[1:], adjusting, strict=True):
        vouchers.append(voucher(name, (name, "30.00"), summary=summary, attachments=attachments))
    flows = [refund(f"F{name}", case_id=name) for name in names]
    return run(world(orders=[order("O1", "500.00")], cases=[case(name, "O1") for name in names], flows=flows, vouchers=vouchers))


def test_an_adjusting_voucher_without_an_attachment_is_K03():
    month = _month(("调整9月退款", 0), ("调整9月退款", None), ("调整9月退款", 1), ("冲销并调整退款", 0), (None, 0))

    assert month.codes == ["K03 A1", "K03 A2"]
    assert [(row["key_kind"], row["gap_fen"]) for row in month.all("K03")] == [("voucher_id", None)] * 2
    assert month.all("K03")[0]["evidence"][0] == "voucher_lines.csv:5"


def test_a_ledger_that_states_no_attachments_at_all_is_not_checked():
    rows = voucher("记-1", ("C1", "30.00"), summary="调整")
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")], vouchers=[rows]))

    assert month.codes == [] and month.outcome.summary["not_checked"]["K03"] == "voucher_lines.attachments"


def test_an_adjustment_of_another_period_is_none():
    rows = [
        voucher("记-1", ("C1", "30.00"), attachments=1),
        voucher("记-9", ("C9", "9.00"), on="2026-09-30", summary="调整", attachments=0),
    ]
    month = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")], vouchers=rows))

    assert month.all("K03") == []
