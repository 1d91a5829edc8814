"""L10: an accrual still open sixty days after its voucher though its refund was paid or its case closed."""

from tests.world import Row, accrual, case, order, refund, release, run, voucher, world

AUGUST = {"orders": [order("O1", on="2026-08-01")], "bills_from": "2026-08-01"}
OPEN = [accrual("V1", "C1", "30.00", "2026-08-31")]


def paid(**more: str) -> dict[str, list[Row]]:
    case_row = case("C1", "O1", done="2026-09-02", approved_at="2026-08-30", **more)
    return {"cases": [case_row], "flows": [refund("F1", on="2026-09-02", case_id="C1")]}


def test_an_accrual_of_a_paid_refund_that_nobody_released_is_L10_of_its_voucher():
    again = voucher("V2", ("C1", "30.00"), on="2026-09-02")

    month = run(world(**AUGUST, **paid(), vouchers=[*OPEN, again]), standard="CAS")

    assert month.codes == ["L10 V1"] and month.amounts("L10") == (0, 3000, 3000)
    found = month.one("L10")
    assert found["case_id"] == "C1" and "61" in found["why"] and found["evidence"] == ["voucher_lines.csv:4"]


def test_sixty_days_are_not_yet_stale():
    month = world(**AUGUST, **paid(), vouchers=[accrual("V1", "C1", "30.00", "2026-09-01")])

    assert run(month, standard="CAS").all("L10") == []
    assert run(month, standard="CAS", config={"sla_days": {"accrual_stale": 59}}).amounts("L10") == (0, 3000, 3000)


def test_a_release_closes_it_whatever_it_names_and_part_of_it_leaves_the_rest():
    by_flow = [{**line, "ref_id": "F1", "ref_kind": "flow"} for line in release("V2", "C1", "30.00", "2026-09-02")]
    assert run(world(**AUGUST, **paid(), vouchers=[*OPEN, by_flow]), standard="CAS").codes == []

    part = release("V2", "C1", "20.00", "2026-09-02")
    assert run(world(**AUGUST, **paid(), vouchers=[*OPEN, part]), standard="CAS").amounts("L10") == (0, 1000, 1000)


def test_a_release_after_as_of_comes_too_late():
    late = release("V2", "C1", "30.00", "2026-11-02")

    assert [f["key"] for f in run(world(**AUGUST, **paid(), vouchers=[*OPEN, late]), standard="CAS").all("L10")] == ["V1"]


def test_an_accrual_is_owed_until_the_case_is_paid_or_closed():
    waiting = [case("C1", "O1", done=None, applied_at="2026-08-29", approved_at="2026-08-30")]
    closed = [{**waiting[0], "platform_status": "closed"}]

    assert run(world(**AUGUST, cases=waiting, vouchers=OPEN), standard="CAS").codes == []
    month = run(world(**AUGUST, cases=closed, vouchers=OPEN), standard="CAS")
    assert month.codes == ["L10 V1"] and "关闭" in month.one("L10")["why"]


def test_releases_use_up_the_oldest_accrual_first():
    vouchers = [
        accrual("V1", "C1", "10.00", "2026-08-20"),
        accrual("V2", "C1", "20.00", "2026-08-31"),
        release("V3", "C1", "15.00", "2026-09-02"),
    ]

    month = run(world(**AUGUST, **paid(), vouchers=vouchers), standard="CAS")

    assert [(f["key"], f["actual_fen"]) for f in month.all("L10")] == [("V2", 1500)]


def test_a_provision_by_case_counts_too_and_its_move_to_the_payable_is_no_release():
    provision = [{**line, "account": "280102"} if line["account"] == "224101" else line for line in OPEN[0]]
    moved = [
        {**release("V2", "C1", "30.00", "2026-09-01")[0], "account": "280102"},
        {**accrual("V2", "C1", "30.00", "2026-09-01")[2], "line_no": "2"},
    ]

    month = run(world(**AUGUST, **paid(), vouchers=[provision, moved]), standard="CAS")
    assert [(f["key"], f["actual_fen"]) for f in month.all("L10")] == [("V1", 3000)]
    gone = release("V3", "C1", "30.00", "2026-09-02")
    assert run(world(**AUGUST, **paid(), vouchers=[provision, moved, gone]), standard="CAS").all("L10") == []


def test_a_success_case_older_than_the_bills_was_paid_in_one_nobody_loaded():
    about = {"orders": [order("O1", on="2026-08-01")], "vouchers": OPEN, "bills_from": "2026-10-01"}
    agreed = {"applied_at": "2026-08-30", "approved_at": "2026-08-30"}
    done, open_still = (case("C1", "O1", done=day, **agreed) for day in ("2026-09-02", None))

    assert run(world(**about, cases=[done]), standard="CAS").codes == ["L10 V1"]
    assert run(world(**about, cases=[open_still]), standard="CAS").codes == []
