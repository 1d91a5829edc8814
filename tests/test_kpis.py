"""KPIs: numerator over denominator with base, date basis and maturity; never a bare rate. Source: domain, KPIs; rulings."""

import polars as pl
import pytest

from recon_kit.kpis import KPI_LIST
from recon_kit.recon_kpis import BASES
from tests.world import at, case, line, order, refund, run, shipment, world

COMPLAINTS = [
    {"complaint_id": "Q1", "order_id": "O1", "opened_at": at("2026-10-06")},
    {"complaint_id": "Q2", "order_id": "O1", "opened_at": at("2026-10-07")},
    {"complaint_id": "Q3", "order_id": "O1", "opened_at": at("2026-09-30 23:59:59")},
]


@pytest.fixture(scope="module")
def month():
    orders = [
        order("O1", "100.00", shop="甲", shipped_at="2026-10-06"),
        order("O2", "50.00", shop="甲"),
        order("O3", "30.00", platform="jd", shop="乙", shipped_at="2026-11-02"),
        order("GIFT", "0.00", kind="gift"),
        order("EXTRA", "5.00", kind="price_difference"),
        order("BEFORE", "70.00", on="2026-09-20"),
        order("UNPAID", "70.00", on=None, status="unpaid"),
    ]
    cases = [
        case("RETURN", "O1", "40.00", kind="return_refund", is_quality=True, applied_at="2026-10-10"),
        case("SECOND", "O1", "10.00", applied_at="2026-10-12 08:00:00", decided_by="platform"),
        case("BEFORE", "BEFORE", "20.00", applied_at="2026-09-25"),
        case("EXCHANGE", "O2", "0.00", kind="exchange", applied_at="2026-10-11"),
        case("CLOSED", "O3", "9.00", platform="jd", platform_status="closed", applied_at="2026-10-11"),
        case("OPEN", "O3", "9.00", done=None, platform="jd", applied_at="2026-10-20"),
        case("NOVEMBER", "O1", "7.00", done="2026-11-02", applied_at="2026-10-30"),
    ]
    return run(world(orders=orders, cases=cases, complaints=COMPLAINTS))


def _value(month, kpi, dimension="all", member="all"):
    frame = month.outcome.tables["kpis"].filter(
        (pl.col("kpi") == kpi) & (pl.col("dimension") == dimension) & (pl.col("member") == member)
    )
    return frame.select("numerator", "denominator").row(0)


@pytest.mark.parametrize(
    ("kpi", "numerator", "denominator"),
    [
        ("paid_orders", 3, None),
        ("paid_gmv", 18000, None),
        ("shipped_orders", 1, None),
        ("aftersales_rate_period", 3, 3),
        ("aftersales_rate_cohort", 3, 3),
        ("aftersales_rate_postship_cohort", 1, 1),
        ("return_amount_period", 4000, None),
        ("refund_rate_count_period", 3, 3),
        ("refund_rate_amount_period", 7000, 18000),
        ("refund_rate_amount_cohort", 5000, 18000),
        ("return_rate_period", 1, 3),
        ("quality_refund_rate_period", 1, 3),
        ("dispute_refund_rate_period", 1, 3),
        ("avg_refund_hours_period", 48 + 2 + 17 * 24, 3),
        ("median_refund_hours_period", 48, None),
        ("p90_refund_hours_period", 17 * 24, None),
        ("self_refund_only_hours_period", 17 * 24, 1),
        ("self_return_refund_hours_period", 48, 1),
        ("intervention_rate_period", 1, 3),
        ("self_finish_rate_period", 3, 4),
        ("complaint_rate_period", 2, 3),
    ],
)
def test_the_total_of_each_kpi(month, kpi, numerator, denominator):
    assert _value(month, kpi) == (numerator, denominator)


NOTHING_TO_TELL = {"leakage_rate", "median_resolve_hours", "recurrence_rate"}
"""Without goods, and without an earlier month in the casebook."""


def test_every_kpi_states_base_date_basis_and_as_of(month):
    table = month.outcome.tables["kpis"]

    assert set(table["kpi"]) == {kpi.name for kpi in KPI_LIST} | set(BASES) - NOTHING_TO_TELL
    assert table.select("base", "date_basis", "as_of", "unit").null_count().sum_horizontal().item() == 0
    rates = table.filter(pl.col("denominator") > 0)
    assert rates["value"].equals((rates["numerator"] / rates["denominator"]).alias("value"))


def test_members_of_a_dimension_sum_to_the_total(month):
    table = month.outcome.tables["kpis"].filter(pl.col("dimension") == "platform")
    sums = dict(table.group_by("kpi").agg(pl.col("numerator").sum()).iter_rows())

    assert all(sums[kpi.name] == _value(month, kpi.name)[0] for kpi in KPI_LIST)
    assert _value(month, "paid_orders", "platform", "jd") == (1, None)
    assert _value(month, "refund_rate_amount_period", "shop", "甲") == (5000, 15000)


def test_the_refund_rate_in_money_is_the_bridges_first_line(month):
    assert _value(month, "refund_rate_amount_period")[0] == month.bridge["A0"]


def test_a_cohort_matures_thirty_days_after_the_month_and_a_period_at_once():
    month = world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")], bills_until="2026-12-31")

    def mature(as_of):
        table = run(month, as_of=as_of).outcome.tables["kpis"].filter(pl.col("dimension") == "all")
        return dict(table.select("kpi", "is_mature").iter_rows())

    assert mature("2026-11-30")["aftersales_rate_cohort"] is False and mature("2026-11-30")["aftersales_rate_period"] is True
    assert mature("2026-12-01")["aftersales_rate_cohort"] is True


def test_without_paid_orders_a_rate_has_no_value():
    table = (
        run(world(cases=[]))
        .outcome.tables["kpis"]
        .filter((pl.col("dimension") == "all") & (pl.col("kpi") == "refund_rate_count_period"))
    )

    assert table.select("numerator", "denominator", "value").row(0) == (0, 0, None)


def test_a_kpi_whose_table_was_not_supplied_is_left_out():
    summary = run(world(orders=[order("O1")], cases=None, flows=[])).outcome.summary

    assert {"paid_orders", "paid_gmv", "shipped_orders"} <= set(summary["kpis"])
    assert not {"refund_rate_amount_period", "complaint_rate_period"} & set(summary["kpis"])


def lines(*rows):
    return [line(o, f"{o}-{n}", paid, sku=sku, category=category) for n, (o, sku, category, paid) in enumerate(rows)]


@pytest.fixture(scope="module")
def split():
    orders = [
        order("O1", "100.00", "2026-10-05", shop="甲"),
        order("O2", "60.00", "2026-10-14", shop="乙"),
        order("S1", "80.00", "2026-09-05", shop="甲"),
    ]
    cases = [
        case("C1", "O1", "40.00", line_id="O1-1", reason_group="quality"),
        case("C2", "O1", "10.00", reason_group="price"),
        case("C3", "O2", "60.00", reason_group="quality"),
        case("C4", "S1", "20.00", "2026-09-10", reason_group="price"),
    ]
    sold = lines(("O1", "茶", "饮品", "70.00"), ("O1", "杯", "器皿", "30.00"), ("O2", "茶", "饮品", "60.00"))
    shipped = [
        {"ship_id": "X1", "kind": "sale", "order_id": "O1", "sku": "茶", "qty": 1, "carrier": "顺丰", "at": at("2026-10-06")}
    ]
    off = [{"order_id": "O1", "seq": 1, "layer": "full_reduction", "funder": "merchant", "amount_fen": 500, "rule": "双十一"}]
    return run(world(orders=orders, cases=cases, lines=sold, shipments=shipped, order_discounts=off))


@pytest.mark.parametrize(
    ("dimension", "member", "amounts"),
    [
        ("category", "饮品", (6000, 13000)),
        ("category", "器皿", (4000, 3000)),
        ("category", None, (1000, 0)),
        ("sku", "茶", (6000, 13000)),
        ("reason_group", "quality", (10000, 16000)),
        ("reason_group", "price", (1000, 16000)),
        ("carrier", "顺丰", (5000, 10000)),
        ("promotion", "双十一", (5000, 10000)),
        ("pay_week", "2026-W41", (5000, 10000)),
        ("pay_week", "2026-W42", (6000, 6000)),
        ("channel", "wechat", (11000, 16000)),
    ],
)
def test_the_refund_rate_by_what_it_is_split_by(split, dimension, member, amounts):
    table = split.outcome.tables["kpis"].filter(kpi="refund_rate_amount_period", dimension=dimension)
    row = table.filter(pl.col("member").eq_missing(pl.lit(member, pl.String)))

    assert row.select("numerator", "denominator").rows() == [amounts]


def test_a_dimension_that_no_table_states_is_left_out(month):
    assert not {"sku", "category", "carrier", "promotion"} & set(month.outcome.tables["kpis"]["dimension"])


def test_a_movement_is_volume_and_rate_and_every_dimension_sums_to_it(split):
    table = split.outcome.tables["kpi_movements"].filter(kpi="refund_rate_amount_period")
    whole = table.filter(dimension="all").row(0, named=True)

    assert (whole["numerator_before"], whole["numerator"], whole["movement"]) == (2000, 11000, 9000)
    assert (whole["volume"], whole["rate"]) == (2000, 7000)  # twice the money at a quarter, the rest is a worse rate
    sums = table.group_by("dimension").agg(pl.col("movement").sum(), (pl.col("volume") + pl.col("rate")).sum().alias("parts"))
    assert {"platform", "shop", "sku", "category", "reason_group", "channel", "pay_week"} < set(sums["dimension"])
    assert set(sums["movement"]) == set(sums["parts"]) == {9000}


def test_without_a_period_before_nothing_moved(month):
    first = run(world(orders=[order("O1")], cases=[case("C1", "O1")], flows=[refund("F1", case_id="C1")]))

    assert first.outcome.tables["kpi_movements"].is_empty()


def test_a_platform_that_states_no_dispatch_ships_with_its_first_parcel_and_one_that_does_is_believed():
    orders = [order("J1", platform="jd"), order("J2", platform="jd"), order("M1", shipped_at="2026-10-06"), order("M2")]
    left = [shipment(f"S-{name}", name) for name in ("J1", "M2")] + [shipment("S-J2", "J2", is_intercepted=True)]

    month = run(world(orders=orders, shipments=left))

    assert _value(month, "shipped_orders") == (2, None)
    assert _value(month, "shipped_orders", "platform", "jd") == (1, None)
