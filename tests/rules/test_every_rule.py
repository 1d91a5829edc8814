"""Every rule fires on a month made for it, and without it a finding of that month is lost: a rule without a proof fails here.

The sample holds most rules (its answer key is compared in test_run); those it cannot hold stand in `WORLDS`, each with what
must be found there. Rules of totals need ledgers without references, those of CAS its events, K04 a closed month.
"""

from __future__ import annotations

from collections import Counter
from functools import cache
from typing import Any

import polars as pl
import pytest

from recon_kit import rules
from recon_kit.collect import Collected
from recon_kit.facts import Facts, build_facts
from recon_kit.rules import CATALOGUE, RULES, Rule, detect
from tests import sample
from tests.settlement import complaint, fee
from tests.world import Row, accrual, case, fen, flow, line, order, receipt, refund, release, run, scope, sealed, voucher, world

DAYS = ("2026-10-03", "2026-10-04", "2026-10-05")
WIDE = {"bills_from": "2026-08-01", "bills_until": "2026-12-11"}
CAS = {"standard": "CAS"}
PROVISION = {"provision": {"method": "expected_rate", "expected_return_rate": "0.05", "window_closes": 60}}


def totals(*booked: tuple[str, str, str], days: tuple[str, ...] = DAYS, clawback: str = "0.00") -> Collected:
    """Refunds of 20.00, 40.00 and 60.00 on three days, and vouchers that book totals and name a day: (amount, day, on)."""
    ids = [(f"{n}{k}", day, f"{n}0.00") for n, day in enumerate(days, 1) for k in "xy"]
    flows = [refund(f"F{i}", amount, day, case_id=f"C{i}", order_id=f"O{i}") for i, day, amount in ids]
    if clawback != "0.00":
        flows.append(refund("CLAW", clawback, days[2], kind="subsidy_clawback", order_id="O3x", case_id="C3x"))
    return world(
        orders=[order(f"O{i}", on="2026-09-01") for i, _, _ in ids],
        cases=[case(f"C{i}", f"O{i}", amount, day) for i, day, amount in ids],
        flows=flows,
        vouchers=[_total(f"V{n}", *given) for n, given in enumerate(booked)],
        **WIDE,
    )


def _total(voucher_id: str, gross: str, day: str, on: str) -> list[Row]:
    """A voucher without references: revenue red, wallet."""
    text = f"{day[:4]}年{int(day[5:7])}月{int(day[8:])}日微信退款"
    amounts = (("5001", -fen(gross)), ("101202", fen(gross)))
    lines = voucher(voucher_id, ("", gross), on=on)[:2]
    named = {"ref_kind": None, "ref_id": None, "debit_fen": 0, "summary": text}
    return [{**line, **named, "account": a, "credit_fen": c} for line, (a, c) in zip(lines, amounts, strict=True)]


FIRST, SECOND, THIRD = (("20.00", DAYS[0], DAYS[0]), ("40.00", DAYS[1], DAYS[1]), ("60.00", DAYS[2], DAYS[2]))
OLD = ("2026-09-30", *DAYS[:2])
NEXT = (*DAYS[:2], "2026-11-02")
ESCROW = {"platform": "taobao", "refunded_fen": "30.01"}


def of_totals() -> dict[str, tuple[Collected, dict[str, Any], list[str]]]:
    """Ledgers that name nothing."""
    old = (("40.00", OLD[1], OLD[1]), ("60.00", OLD[2], OLD[2]))
    next_ = (("20.00", NEXT[0], NEXT[0]), ("40.00", NEXT[1], NEXT[1]))
    return {
        "a day nobody booked": (totals(FIRST, SECOND), {}, ["L01 wechat|2026-10-05"]),
        "a day booked short": (totals(FIRST, SECOND, ("50.00", DAYS[2], DAYS[2])), {}, ["L04 wechat|2026-10-05"]),
        "a day booked twice": (totals(FIRST, SECOND, THIRD, THIRD), {}, ["L03 wechat|2026-10-05"]),
        "an old day booked again": (
            totals(("20.00", OLD[0], OLD[0]), ("20.00", OLD[0], "2026-10-02"), *old, days=OLD),
            {},
            ["L03 wechat|2026-09-30"],
        ),
        "a day a fen off": (totals(FIRST, SECOND, ("60.02", DAYS[2], DAYS[2])), {}, ["A06 wechat|2026-10-05"]),
        "a day without its clawback": (totals(FIRST, SECOND, THIRD, clawback="5.00"), {}, ["A04 wechat|2026-10-05"]),
        "a day booked late": (totals(FIRST, SECOND, ("60.00", DAYS[2], "2026-11-02")), {}, ["L05 wechat|2026-10-05"]),
        "the rest of a day booked late": (
            totals(FIRST, SECOND, ("40.00", DAYS[2], DAYS[2]), ("20.00", DAYS[2], "2026-11-02")),
            {},
            ["L05 wechat|2026-10-05"],
        ),
        "an old day booked now": (totals(("20.00", OLD[0], "2026-10-02"), *old, days=OLD), {}, ["L05 wechat|2026-09-30"]),
        "a day booked in advance": (totals(*next_, ("60.00", NEXT[2], "2026-10-31"), days=NEXT), {}, ["L06 wechat|2026-11-02"]),
        "a month's total in a week's run": (
            totals(("120.00", "2026-10-17", "2026-10-17"), days=("2026-10-13", "2026-10-14", "2026-10-20")),
            {"period": "2026-W42", "as_of": "2026-10-18"},
            ["L06 wechat|2026-10"],
        ),
        "a day booked the month before": (
            totals(("20.00", DAYS[0], "2026-09-30"), SECOND, THIRD),
            {},
            ["L06 wechat|2026-10-03"],
        ),
    }


def recognised(approved: str, paid: str | None, *vouchers: list[Row], **about: Any) -> Collected:
    """One refund of 30.00, approved and paid on two days, as the books show it."""
    done = about.pop("done", paid)
    flows = [refund("F1", on=paid, case_id="C1")] if paid else []
    cases = [case("C1", "O1", done=done, applied_at=approved, approved_at=approved, **about)]
    return world(orders=[order("O1", on="2026-09-01")], cases=cases, flows=flows, vouchers=vouchers, **WIDE)


def of_recognition() -> dict[str, tuple[Collected, dict[str, Any], list[str]]]:
    """What is booked in another month than it belongs to."""
    november = voucher("V2", ("C1", "30.00"), on="2026-11-03")
    accrued = (accrual("V1", "C1", "30.00", "2026-10-31"), release("V2", "C1", "30.00", "2026-11-03"))
    late = recognised("2026-10-28", "2026-11-03", november)
    provided = recognised("2026-10-28", "2026-11-03", november, kind="return_refund")
    september = recognised("2026-09-28", "2026-10-03", voucher("V1", ("C1", "30.00"), on="2026-09-30"))
    parts = [
        voucher(f"V{n}", ("C1", amount), on=on) for n, amount, on in ((1, "20.00", "2026-10-13"), (2, "10.00", "2026-11-02"))
    ]
    twice = [voucher(f"V{n}", ("C1", "30.00"), on=on) for n, on in ((1, "2026-09-12"), (2, "2026-10-02"))]
    halves = {"cases": [case("C1", "O1", done="2026-10-31")], "orders": [order("O1")]}
    flows = [
        refund("F1", on="2026-10-31", case_id="C1", order_id="O1"),
        refund("F2", "2.00", "2026-11-01", kind="subsidy_clawback", order_id="O1"),
    ]
    return {
        "approved and not accrued": (late, CAS, ["L05 C1"]),
        "not reclassed from the provision": (provided, CAS | {"config": PROVISION}, ["L05 C1"]),
        "accrued before the approval": (recognised("2026-11-01", "2026-11-03", *accrued), CAS, ["L06 C1"]),
        "booked in the month before": (september, {}, ["L06 C1"]),
        "booked in part, and the rest after": (recognised("2026-10-12", "2026-10-12", *parts), {}, ["L05 C1"]),
        "booked once more the month after": (recognised("2026-09-11", "2026-09-12", *twice), {}, ["L03 C1"]),
        "booked whole, and paid in part": (
            world(**halves, flows=flows, vouchers=[voucher("V1", ("C1", "32.00"), on="2026-10-31")]),
            {},
            ["L06 C1"],
        ),
    }


def of_the_rest() -> dict[str, tuple[Collected, dict[str, Any], list[str]]]:
    """One world for each other way that the sample does not hold."""
    header = {"list_fen": "100.00", "shipping_fen": "0.00", "merchant_discount_fen": "0.00", "platform_discount_fen": "0.00"}
    premiums = [flow("INS", "insurance", "-0.60", "2026-10-06", order_id="O1")]
    policy = {"rate": None, "base": None, "kind": "insurance"}
    claims = [fee("POLICY", "O1", "0.60", "2026-10-06", **policy), fee("CLAIM", "O1", "-8.00", "2026-10-10", **policy)]
    thirty = [order(f"O{n}") for n in range(1, 31)]
    overdue = {"orders": [order("O1")], "cases": [case("C1", "O1")], "complaints": [complaint("T1", case_id="C1", kind="退款")]}
    inside, transit = case("C1", "O1", platform="taobao"), case("C1", "O1", done="2026-10-30", platform="pdd")
    return {
        "a receipt a fen off": (world(orders=[order("O1")], flows=[receipt("O1", "100.01")], receipts=False), {}, ["A06 O1"]),
        "lines that come to more": (
            world(orders=[order("O1", shipping_fen="0.00")], lines=[line("O1", "L1", "100.01")]),
            {},
            ["A02 O1"],
        ),
        "lines that list another price": (
            world(
                orders=[order("O1", **header, points_fen="0.00")],
                lines=[line("O1", "L1", "100.00", list_fen="101.00", merchant_discount_fen="0.00")],
            ),
            {},
            ["A02 O1"],
        ),
        "in escrow and not stated yet": (
            world(orders=[order("O1", platform="pdd", is_refund_stated=False)], cases=[transit]),
            {},
            ["C02 C1"],
        ),
        "in escrow and a fen off": (world(orders=[order("O1", **ESCROW)], cases=[inside]), {}, ["A06 C1"]),
        "decided by the platform, on no case": (
            world(orders=[order("O1")], flows=[refund("F1", "20.00", order_id="O1", decided_by="platform")]),
            {},
            ["C12 O1"],
        ),
        "a claim that did not come in": (world(orders=thirty, flows=premiums, fees=claims), {}, ["S07 O1"]),
        "a complaint that calls nothing missing": (
            world(**overdue),
            {},
            ["C04 C1", "Q03 T1"],
        ),
    }


WORLDS = of_totals() | of_recognition() | of_the_rest()


@cache
def closed_month() -> Facts:
    """September was sealed, and a refund of it is another today."""
    orders = [order("O1", on="2026-09-05")]
    before, after = (
        world(orders=orders, cases=[case("C1", "O1", amount, "2026-09-10")], flows=[], bills_from="2026-09-01")
        for amount in ("30.00", "31.00")
    )
    return build_facts(after, scope(), sealed=[sealed(before, period="2026-09", as_of="2026-09-30")])


@cache
def facts_of(month: str) -> Facts:
    """The facts of a month of the sample, of the closed month, or of one of the worlds."""
    if month in sample.MONTHS:
        return sample.facts_of(month)
    if month == CLOSED:
        return closed_month()
    collected, about, _ = WORLDS[month]
    return build_facts(collected, scope(**about))


@cache
def found_in(month: str) -> Counter[tuple[str, str]]:
    """(code, key) of every primary finding of a month."""
    return told(detect(facts_of(month)))


def told(found: pl.DataFrame) -> Counter[tuple[str, str]]:
    return Counter(found.filter(pl.col("primary_id").is_null()).select("code", "key").iter_rows())


CLOSED = "a closed month"
MONTHS = (*reversed(sample.MONTHS), CLOSED, *WORLDS)


def lost_without(rule: Rule, month: str, monkeypatch: pytest.MonkeyPatch) -> set[tuple[str, str]]:
    """The findings of a month that this rule alone gives."""
    facts = facts_of(month)
    if not set(rule.needs) <= facts.supplied or facts.frame(rule.source).filter(rule.when).is_empty():
        return set()
    monkeypatch.setattr(rules, "RULES", (rule,))
    alone = told(detect(facts))
    monkeypatch.undo()
    return {finding for finding, n in alone.items() if found_in(month)[finding] == n}


@pytest.mark.parametrize("rule", RULES, ids=[f"{n}-{rule.code}-{rule.why}" for n, rule in enumerate(RULES)])
def test_without_a_rule_a_finding_of_some_month_is_lost(rule: Rule, monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(lost_without(rule, month, monkeypatch) for month in MONTHS), "add a month in which it fires to WORLDS"


def test_every_code_of_the_catalogue_has_a_rule() -> None:
    assert {rule.code for rule in RULES} == set(CATALOGUE)


@pytest.mark.parametrize("name", WORLDS)
def test_a_world_gives_just_the_codes_it_was_made_for(name: str) -> None:
    collected, about, codes = WORLDS[name]

    assert run(collected, **about).codes == codes
