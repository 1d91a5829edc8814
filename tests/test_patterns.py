"""Unusual patterns: rarely a false alarm on stable months, and a planted jump is seen."""

import math
import random
from dataclasses import replace
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.patterns import AFTERSALES, chance_of, compare_members, judge, upper_tail
from recon_kit.patterns_view import show_patterns
from recon_kit.replay import Recalled
from tests.world import case, facts, line, order, scope, world

KEY = {"dimension": pl.String, "kpi": pl.String, "member": pl.String, "numerator": pl.Int64, "denominator": pl.Int64}
NOW = "2026-10"


def figures(periods):
    """period → member → (numerator, denominator), as `judge` takes them: now and before."""
    rows = [
        (period, "sku", AFTERSALES, member, *counts) for period, members in periods.items() for member, counts in members.items()
    ]
    frame = pl.DataFrame(rows, schema={"period": pl.String, **KEY}, orient="row")
    return frame.filter(pl.col("period") == NOW).drop("period"), frame.filter(pl.col("period") != NOW)


def poisson(rng, mean):
    count, product, floor = 0, rng.random(), math.exp(-mean)
    while product >= floor:
        count, product = count + 1, product * rng.random()
    return count


def months(seed, earlier, moves=0.0, jump=1.0):
    """Sixty products of five to three hundred orders a month; each rate moves by itself by `moves`; one jumps now."""
    rng = random.Random(seed)
    products = [(rng.randint(5, 300), rng.uniform(0.02, 0.25)) for _ in range(60)]
    products[0] = (200, 0.06)
    return figures(
        {
            period: {
                f"S{n}": (
                    poisson(
                        rng,
                        orders
                        * rate
                        * (rng.gammavariate(moves**-2, moves**2) if moves else 1)
                        * (jump if (n, period) == (0, NOW) else 1),
                    ),
                    orders,
                )
                for n, (orders, rate) in enumerate(products)
            }
            for period in [NOW, *(f"2026-{9 - i:02d}" for i in range(earlier))]
        }
    )


@pytest.mark.parametrize(("earlier", "moves"), [(1, 0.0), (1, 0.15), (3, 0.0), (3, 0.15), (6, 0.2)])
def test_stable_months_raise_an_alarm_in_at_most_one_of_twenty(earlier, moves):
    alarms = sum(judge(*months(seed, earlier, moves))["is_unusual"].any() for seed in range(60))

    assert alarms <= 3


@pytest.mark.parametrize(("earlier", "jump"), [(1, 7.0), (3, 5.0), (6, 4.5)])
def test_a_rate_that_jumps_is_seen_the_sooner_the_more_months_are_known(earlier, jump):
    seen = [judge(*months(seed, earlier, jump=jump)).filter("is_unusual")["member"].to_list() for seed in range(20)]

    assert sum(found == ["S0"] for found in seen) >= 19


def test_a_rate_that_falls_to_nothing_is_seen_too():
    judged = judge(*figures({NOW: {"S1": (0, 300), "S2": (30, 300)}, "2026-09": {"S1": (45, 300), "S2": (28, 300)}}))

    assert judged.filter("is_unusual")["member"].to_list() == ["S1"]


def test_the_same_jump_among_more_members_is_less_unusual():
    few = {NOW: {"S": (12, 100)}, "2026-09": {"S": (3, 100)}}
    others = {f"T{n}": (5, 100) for n in range(99)}
    many = {period: {**members, **others} for period, members in few.items()}

    alone, among = (judge(*figures(given)).filter(pl.col("member") == "S")["chance"].item() for given in (few, many))

    assert among == pytest.approx(100 * alone)


def test_months_that_always_swing_make_the_same_count_no_news():
    calm = {f"2026-0{n}": {"S": (20, 200)} for n in range(5, 10)}
    wild = {f"2026-0{n}": {"S": (count, 200)} for n, count in zip(range(5, 10), (4, 38, 10, 36, 12), strict=True)}

    judged = {name: judge(*figures({NOW: {"S": (48, 200)}, **given})).row(0, named=True) for name, given in
              (("calm", calm), ("wild", wild))}  # fmt: skip

    assert judged["calm"]["usual_rate"] == judged["wild"]["usual_rate"] == 0.1
    assert judged["calm"]["is_unusual"] and not judged["wild"]["is_unusual"]


def test_a_large_member_that_moves_little_is_no_news_however_certain_the_move():
    judged = judge(
        *figures({NOW: {"S": (11_000, 100_000)}, "2026-09": {"S": (10_000, 100_000)}, "2026-08": {"S": (10_000, 100_000)}})
    )

    assert judged["chance"].item() < 1e-9 and not judged["is_unusual"].item()


def test_a_member_without_earlier_periods_or_without_orders_now_is_not_judged():
    assert judge(*figures({NOW: {"NEW": (9, 10), "GONE": (0, 0)}, "2026-09": {"GONE": (5, 10)}})).is_empty()


@given(st.integers(0, 40), st.integers(1, 40), st.integers(1, 9))
def test_the_tail_is_the_exact_one(successes, more, tenths):
    trials, p = successes + more, Fraction(tenths, 10)
    exact = sum(math.comb(trials, k) * p**k * (1 - p) ** (trials - k) for k in range(successes, trials + 1))

    assert upper_tail(successes, trials, tenths / 10) == pytest.approx(float(exact) if successes > trials * p else 1.0, rel=1e-9)


@given(st.integers(0, 60), st.integers(1, 500), st.integers(0, 60), st.integers(1, 500))
def test_more_scatter_never_makes_a_count_less_likely(found, base, usual, usual_base):
    chances = [chance_of(found, base, usual, usual_base, scatter) for scatter in (1.0, 1.5, 3.0)]

    assert all(0 < chance <= 1 for chance in chances)
    assert chances[2] >= chances[0] or chances[2] == pytest.approx(chances[0])


def two_months(*, september=True):
    """A product whose quality cases go from two to twenty of forty orders; the other stays at two."""
    orders, cases, lines = [], [], []
    for month, bad in (("09", 2), ("10", 20)):
        if month == "09" and not september:
            continue
        for n in range(80):
            sku, number = ("A", n) if n < 40 else ("B", n - 40)
            orders.append(order(f"{month}-{n}", on=f"2026-{month}-{1 + n % 28:02d}"))
            lines.append(line(f"{month}-{n}", f"L{month}-{n}", "100.00", sku=sku))
            if number < (bad if sku == "A" else 2):
                about = {"reason_group": "quality" if number % 7 else "no_reason", "approver": "主管"}
                cases.append(case(f"R{month}-{n}", f"{month}-{n}", done=f"2026-{month}-20", **about))
    return world(orders=orders, cases=cases, lines=lines, bills_from="2026-09-01")


def compared(collected, history=None):
    if history is not None:
        collected = replace(collected, tables=replace(collected.tables, kpi_history=history))
    return compare_members(Recalled(collected, scope()), facts(collected))


def test_a_product_is_compared_with_its_own_month_before_and_says_where_to_look_first():
    found = compared(two_months()).found.filter(pl.col("dimension") == "sku")

    columns = ["member", "numerator", "denominator", "usual_numerator", "usual_denominator", "n_periods"]
    assert found.select(columns).rows() == [("A", 20, 40, 2, 40, 1)]
    assert found.select("looks_at", "look_member", "look_n", "look_of").rows() == [("reason_group", "quality", 17, 20)]


def test_a_reason_that_nobody_gave_before_stood_at_none_of_all_orders():
    collected = two_months()
    cases = collected.tables.aftersales.with_columns(
        reason_group=pl.when(pl.col("applied_at").dt.month() == 9).then(pl.lit("no_reason")).otherwise(pl.lit("logistics"))
    )

    patterns = compared(replace(collected, tables=replace(collected.tables, aftersales=cases)))

    assert patterns.compared.filter(pl.col("dimension") == "reason_group").select("n_tried", "n_new").row(0) == (2, 0)
    counts = ["member", "numerator", "denominator", "usual_numerator", "usual_denominator"]
    assert patterns.found.filter(pl.col("dimension") == "reason_group").select(counts).rows() == [("logistics", 22, 80, 0, 80)]


def test_what_the_seller_kept_of_a_month_is_not_computed_again():
    kept = pl.DataFrame(
        {
            "period": ["2026-09", "2026-08"],
            "kpi": [AFTERSALES] * 2,
            "dimension": ["sku"] * 2,
            "member": ["A", "A"],
            "numerator": [12, 13],
            "denominator": [40, 40],
        }
    ).with_columns(source_file=pl.lit("k.xlsx"), source_row=pl.lit(2, pl.Int64))

    patterns = compared(two_months(), kept)

    assert patterns.compared.filter(pl.col("dimension") == "sku")["periods"].to_list() == [["2026-08", "2026-09"]]
    assert "A" not in patterns.found["member"].to_list()


@pytest.mark.parametrize(("language", "told"), [("zh", "没有往期可比"), ("en", "There is nothing to compare with")])
def test_without_an_earlier_period_it_says_so(language, told):
    patterns = compared(two_months(september=False))

    assert patterns.found.is_empty() and told in show_patterns(patterns, language).html


@pytest.mark.parametrize(("language", "told"), [("zh", "不是差异"), ("en", "not a discrepancy")])
def test_the_table_states_both_counts_both_bases_and_that_it_is_no_discrepancy(language, told):
    html = show_patterns(compared(two_months()), language).html

    assert told in html and "20/40" in html and "2/40" in html
    assert {"zh": "原因「质量」：20 单里的 17 单", "en": "17 of 20 cases"}[language] in html


def test_a_hostile_name_is_text():
    patterns = compared(two_months())
    hostile = patterns.found.with_columns(
        member=pl.lit("<script>fired=1</script>"), look_member=pl.lit("<img src=x onerror=f()>")
    )

    html = show_patterns(replace(patterns, found=hostile), "zh").html

    assert "<script" not in html and "<img" not in html and "&lt;script&gt;" in html
