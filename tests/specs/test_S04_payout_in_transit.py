"""S04: a payout that has not reached the bank and is not older than two days. Ruling 23; timing."""

from datetime import date

from tests.settlement import bank_row, payout
from tests.world import run, world


def test_a_payout_of_the_last_day_that_arrives_after_it_is_in_transit_and_says_when_it_breaks():
    month = run(
        world(
            flows=[payout("P1", "500.00", "2026-10-31"), payout("P0", "100.00", "2026-10-30")],
            bank_rows=[
                bank_row("B1", "500.00", "2026-11-01 00:00:00", "P1"),
                bank_row("B0", "100.00", "2026-10-31 23:59:59", "P0"),
            ],
        )
    )

    assert month.codes == ["S04 P1"] and month.amounts("S04") == (50000, 0, -50000)
    finding = month.one("S04")
    assert (finding["nature"], finding["breaks_on"]) == ("timing", date(2026, 11, 3))
    assert month.verdict != "breaks"


def test_two_days_old_is_in_transit_and_three_days_old_is_a_break():
    def of(day):
        return run(world(flows=[payout("P1", "500.00", day)], bank_rows=[])).codes

    assert of("2026-10-29 00:00:00") == ["S04 P1"]
    assert of("2026-10-28 23:59:59") == ["S03 P1"]


def test_the_limit_is_the_configuration_s():
    month = world(flows=[payout("P1", "500.00", "2026-10-26")], bank_rows=[])

    assert run(month, config={"sla_days": {"payout": 5}}).codes == ["S04 P1"]
    assert run(month, config={"sla_days": {"payout": 4}}).codes == ["S03 P1"]
