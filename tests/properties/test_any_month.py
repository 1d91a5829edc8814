"""What holds of every month, even an inconsistent one: nothing lost, parts sum to the whole, nothing unexplained."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import polars as pl
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from recon_kit.collect import Collected, Tables
from recon_kit.rules import detect
from recon_kit.run import reconcile
from recon_kit.schema import REFUND_FLOW_KINDS
from tests.world import (
    Row,
    accrual,
    at,
    case,
    facts,
    fen,
    flow,
    in_key_order,
    line,
    order,
    receipt,
    release,
    run,
    scope,
    voucher,
    world,
)

few = settings(
    max_examples=settings().max_examples // 10,
    phases=[
        phase for phase in settings().phases if phase is not Phase.shrink
    ],  # a month shrinks for minutes; the report below is small
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
"""Each example is a whole run: a tenth of the profile's examples (`--hypothesis-profile=thorough` makes it a hundred)."""

PLATFORMS = ("wechat_mini", "taobao", "pdd", "jd")
CHANNELS = {"wechat_mini": "wechat", "taobao": "alipay", "pdd": "pdd", "jd": "jd"}
yuan = st.sampled_from(("0.01", "5.00", "9.99", "10.00", "10.01", "20.00", "30.00", "100.00"))
days = st.sampled_from(
    (
        "2026-09-20",
        "2026-09-30 23:59:59",
        "2026-10-01 00:00:00",
        "2026-10-05",
        "2026-10-12",
        "2026-10-20",
        "2026-10-28",
        "2026-10-29",
        "2026-10-31 23:59:59",
        "2026-11-01 00:00:00",
        "2026-11-03",
        "2026-11-10",
        "2026-11-20",
    )
)
maybe_day = st.none() | days
order_ids = st.sampled_from([f"O{n}" for n in range(5)])
case_ids = st.sampled_from([f"C{n}" for n in range(6)])
flow_ids = st.sampled_from([f"F{n}" for n in range(14)])
case_kinds = st.sampled_from(("refund_only", "refund_only", "return_refund", "exchange", "price_protection", "small_transfer"))
flow_kinds = st.sampled_from((*REFUND_FLOW_KINDS, "refund", "refund", "refund", "unknown", "fee", "payout"))


@st.composite
def orders(draw: st.DrawFn) -> Row:
    row = order(
        draw(order_ids), draw(yuan), draw(maybe_day), confirmed=draw(maybe_day), platform=draw(st.sampled_from(PLATFORMS))
    )
    stated = draw(st.sampled_from((None, 0, 500, 1000, 2000)))
    pay_id = draw(st.sampled_from((row["pay_id"], None, "PAY-SHARED")))
    return {**row, "pay_id": pay_id, "refunded_fen": stated, "is_refund_stated": draw(st.sampled_from((None, True, False)))}


@st.composite
def cases(draw: st.DrawFn) -> Row:
    row = case(
        draw(case_ids),
        draw(order_ids),
        draw(yuan),
        draw(maybe_day),
        kind=draw(case_kinds),
        platform=draw(st.sampled_from(PLATFORMS)),
    )
    status = draw(st.sampled_from(("success", "success", "success", "open", "closed")))
    final = draw(st.sampled_from((row["final_fen"], row["final_fen"], None)))
    decided = draw(st.sampled_from((None, None, "merchant", "platform")))
    extra = {
        "approved_at": draw(st.sampled_from((row["approved_at"], None))),
        "erp_status": draw(st.sampled_from((None, "success", "open"))),
    }
    return {
        **row,
        "final_fen": final,
        "platform_status": status,
        "decided_by": decided,
        "line_id": "L1",
        "qty": draw(st.sampled_from((None, 1, 2))),
        **extra,
    }


@st.composite
def flows(draw: st.DrawFn) -> Row:
    channel = draw(st.sampled_from((*CHANNELS.values(), "card")))
    kind = draw(st.sampled_from(("trade_receipt", None)))
    about = {
        "channel": channel,
        "order_id": draw(st.none() | order_ids),
        "pay_id": draw(st.sampled_from((None, None, "PAY-O1", "PAY-SHARED"))),
        "status": draw(st.sampled_from(("success", "success", "success", "processing", "failed"))),
        "success_at": draw(st.none() | st.none() | days),
    }
    if kind:
        return flow(draw(flow_ids), kind, draw(yuan), draw(days), **about)
    stated = {"case_id": draw(st.none() | case_ids), "request_no": draw(st.sampled_from((None, None, "R1", "R2", "C3")))}
    sign = draw(st.sampled_from(("-", "-", "-", "")))
    return flow(
        draw(flow_ids),
        draw(flow_kinds),
        sign + draw(yuan),
        draw(days),
        **about,
        **stated,
        decided_by=draw(st.sampled_from((None, None, "platform"))),
    )


@st.composite
def vouchers(draw: st.DrawFn) -> list[Row]:
    name, on = (
        draw(st.sampled_from([f"V{n}" for n in range(9)])),
        draw(st.sampled_from(("2026-09-25", "2026-10-02", "2026-10-31", "2026-11-02", "2026-11-15"))),
    )
    refs = st.tuples(case_ids, yuan) | st.tuples(flow_ids, yuan, st.just("flow")) | st.tuples(order_ids, yuan, st.just("order"))
    make = draw(st.sampled_from(("voucher", "voucher", "accrual", "release")))
    if make == "voucher":
        return voucher(name, *draw(st.lists(refs, min_size=1, max_size=3)), on=on)
    return (accrual if make == "accrual" else release)(name, draw(case_ids), draw(yuan), on)


def unique(rows: list[Row], *key: str) -> list[Row]:
    """The first row of each natural key, as the intake would load them."""
    found: dict[tuple[Any, ...], Row] = {}
    for row in rows:
        found.setdefault(tuple(row[name] for name in key), row)
    return list(found.values())


def _unique_vouchers(entries: list[list[Row]]) -> list[list[Row]]:
    return list({(lines[0]["period"], lines[0]["voucher_id"]): lines for lines in entries}.values())


@st.composite
def payments(draw: st.DrawFn) -> Row:
    about = {"channel": draw(st.sampled_from((*CHANNELS.values(), "card"))), "order_id": draw(st.none() | order_ids)}
    pay_id, status = (
        draw(st.sampled_from(("PAY-O1", "PAY-O2", "PAY-SHARED", "PAY-X"))),
        draw(st.sampled_from(("success", "closed"))),
    )
    return {**about, "pay_id": pay_id, "paid_at": at(draw(days)), "amount_fen": fen(draw(yuan)), "status": status}


@st.composite
def months(draw: st.DrawFn) -> Collected:
    """A month in which anything may stand beside anything, and any one side may be missing."""
    given_orders = unique(draw(st.lists(orders(), max_size=10)), "platform", "order_id")
    paid = [receipt(o["order_id"], "10.00", channel=CHANNELS[o["platform"]], flow_id=f"R{n}") for n, o in enumerate(given_orders)]
    sides: dict[str, Any] = {
        "orders": given_orders,
        "cases": unique(draw(st.lists(cases(), max_size=14)), "platform", "case_id"),
        "flows": unique([*draw(st.lists(flows(), max_size=20)), *paid], "channel", "flow_id"),
        "vouchers": _unique_vouchers(draw(st.lists(vouchers(), max_size=9))),
        "payments": unique(draw(st.lists(payments(), max_size=3)), "channel", "pay_id", "order_id"),
    }
    sides |= dict.fromkeys(draw(st.sampled_from(((), (), (), ("orders",), ("cases",), ("flows",), ("vouchers",), ("payments",)))))
    bills_from = draw(st.sampled_from(("2026-09-01", "2026-10-01")))
    return world(**sides, lines=[line(f"O{n}", "L1", "10.00", 3) for n in range(5)], receipts=False, bills_from=bills_from)


@st.composite
def abouts(draw: st.DrawFn) -> dict[str, Any]:
    """The run's options."""
    period, as_of = draw(
        st.sampled_from(
            (
                ("2026-10", "2026-10-31"),
                ("2026-10", "2026-10-31"),
                ("2026-10", "2026-10-15"),
                ("2026-10", "2026-11-05"),
                ("2026-W42", "2026-10-18"),
                ("2026-10-12", "2026-10-12"),
            )
        )
    )
    basis = draw(st.sampled_from(({}, {"alipay": "paid", "pdd": "paid", "jd": "paid"})))
    return {
        "period": period,
        "as_of": as_of,
        "standard": draw(st.sampled_from(("SBE", "CAS"))),
        "config": {"receipt_basis": basis},
    }


def _shuffled(collected: Collected, seed: int) -> Collected:
    """The same rows at other places of their files."""
    places = pl.col("source_row").shuffle(seed=seed)
    frames = {name: in_key_order(frame.with_columns(places), name) for name, frame in collected.tables.supplied().items()}
    return replace(collected, tables=Tables(**frames))


RESULTS = ("discrepancies", "matches", "unmatched", "bridge", "bridge_items", "kpis")


@few
@given(months(), abouts())
def test_every_month_ties(month, about):
    """`run` asserts it: ΣA = B0, ΣB = C0, nothing unexplained, every row once, every finding told in two languages."""
    run(month, **about)


@few
@given(months(), abouts())
def test_findings_exclude_each_other(month, about):
    found = detect(facts(month, **about)).filter(pl.col("primary_id").is_null())

    for exclusive in (
        ("C01", "C02", "C04", "C05", "C06", "C07"),
        ("P01", "P03", "P04"),
        ("L01", "L03", "L04"),
        ("C03", "C11", "C13", "C14"),
    ):
        keys = found.filter(pl.col("code").is_in(exclusive) & (pl.col("gap_fen") != 0)).select(
            "platform", "channel", "key", "case_id"
        )
        keys = keys if exclusive[0] != "L01" else keys.filter(pl.col("case_id").is_not_null())
        assert not keys.is_duplicated().any(), (exclusive, keys)


@few
@given(months(), abouts(), st.integers(1, 5))
def test_the_places_of_rows_in_their_files_change_nothing(month, about, seed):
    first, shuffled = (reconcile(given, scope(**about)) for given in (month, _shuffled(month, seed)))

    assert shuffled.summary == first.summary
    for name in RESULTS:
        assert first.tables[name].drop("evidence", strict=False).equals(shuffled.tables[name].drop("evidence", strict=False)), (
            name
        )


@few
@given(months(), abouts(), st.sampled_from((1, 3, 8)))
def test_running_again_in_any_number_of_partitions_changes_nothing(month, about, partitions):
    first, again = reconcile(month, scope(**about)), reconcile(month, scope(**about), partitions=partitions)

    assert again.summary == first.summary
    for name in RESULTS:
        assert first.tables[name].equals(again.tables[name]), name


@few
@given(months(), abouts())
def test_a_wider_tolerance_never_finds_more_differences(month, about):
    amounts = ("P01", "P04", "P05", "C05", "C06", "C07", "C08", "L03", "L04", "A03")

    narrow, wide = (
        detect(facts(month, **about | {"config": {**about["config"], "tolerance": {"row": row}}})).filter(
            pl.col("code").is_in(amounts)
        )
        for row in ("0.01", "0.02")
    )

    assert set(wide["key"]) <= set(narrow["key"])
