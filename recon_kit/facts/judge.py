"""Cases, allocations, orders and units with the sums, dates, limits and states that the rules read."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.coverage import platform_covered
from recon_kit.facts.ledger import is_booked_before, is_booked_in
from recon_kit.facts.scope import Scope


def judge_cases(
    cases: pl.DataFrame,
    flows: pl.DataFrame,
    parts: pl.DataFrame,
    paid_by: pl.DataFrame,
    scope: Scope,
    covered: dict[str, datetime],
) -> pl.DataFrame:
    """Add to each case what its flows paid as of the as-of day, and the limits it is judged by.

    `paid_fen` Σ parts that are facts; `paid_before_fen`, `paid_in_fen` around the period; `has_pending` a flow that has not
    arrived; `is_judged` a success refund case that is a fact and not in escrow; `is_covered` it ended after the first
    loaded bill of its platform began, `is_unseen` before (its refund may lie in a bill that was not loaded).
    """
    config = scope.config
    moved = parts.join(
        flows.select("f", "money_at", "at", "channel", "request_no", "decided_by", "source"), on="f", validate="m:1"
    ).with_columns(scope.is_fact("money_at").alias("is_fact"))
    part, fact = pl.col("part_fen"), pl.col("is_fact")
    requests = pl.col("request_no").filter(fact).drop_nulls()
    paid = (
        moved.join(cases.select("c", "amount_fen"), on="c", validate="m:1")
        .sort("c", "f")
        .group_by("c", maintain_order=True)
        .agg(
            part.filter(fact).sum().alias("paid_fen"),
            fact.sum().cast(pl.Int64).alias("n_paid"),
            part.filter(scope.is_before("money_at")).sum().alias("paid_before_fen"),
            part.filter(scope.is_in("money_at")).sum().alias("paid_in_fen"),
            (part == pl.col("amount_fen")).filter(fact).all().alias("is_each_final"),
            (requests.n_unique() == requests.len()).alias("is_request_distinct"),
            (~fact & (pl.col("at") < scope.cut)).any().alias("has_pending"),
            pl.col("channel").first().alias("flow_channel"),
            (fact & (pl.col("decided_by") == "platform")).any().alias("is_flow_decided"),
            pl.col("source").head(20).alias("flow_source"),
        )
    )
    sla = config.sla_days
    start = pl.col("platform").replace_strict(
        platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None
    )
    channel = pl.coalesce(
        "flow_channel",
        pl.col("paid_channels").list.first(),
        pl.col("platform").replace_strict(scope.usual_channel, return_dtype=pl.String, default=None),
    )
    return (
        cases.join(paid, on="c", how="left", validate="1:1", maintain_order="left")
        .join(paid_by, on="o", how="left", validate="m:1", maintain_order="left")
        .with_columns(
            pl.col("paid_fen", "n_paid", "paid_before_fen", "paid_in_fen").fill_null(0),
            pl.col("has_pending", "is_flow_decided").fill_null(False),
        )
        .with_columns(channel.alias("channel"), SOURCE.alias("case_source"))
        .with_columns(
            pl.when(pl.col("channel") == "card").then(sla.refund_card).otherwise(sla.refund).cast(pl.Int64).alias("sla_days"),
            scope.age("done_at").alias("age_days"),
            (pl.col("is_refund") & pl.col("is_done") & ~pl.col("in_escrow")).alias("is_judged"),
            (pl.col("done_at") >= start).fill_null(False).alias("is_covered"),
            (start.is_null() | (pl.col("done_at") < start).fill_null(False)).alias("is_unseen"),
            pl.lit(config.tolerance.row).alias("tolerance_fen"),
            scope.is_in("done_at").alias("is_done_in"),
            (pl.col("amount_fen") - pl.col("paid_fen")).alias("short_fen"),
            pl.coalesce("completed_at", "approved_at", "applied_at").alias("ended_at"),
        )
        .with_columns(
            (
                (pl.col("platform_status") != pl.col("erp_status"))
                & (pl.col("ended_at") + pl.duration(hours=config.limits.status_mismatch_hours) < scope.cut)
            )
            .fill_null(False)
            .alias("is_status_mismatch")
        )
        .with_columns((pl.col("done_at").dt.date() + pl.duration(days=pl.col("sla_days") + 1)).alias("breaks_on"))
    )


def add_clawbacks(cases: pl.DataFrame, clawbacks: pl.DataFrame, flows: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Add `clawback_fen`, what the platform took back of its own part with the case; its decision is one about the case too."""
    taken = (
        clawbacks.drop_nulls("c")
        .join(flows.filter(scope.is_fact("money_at")).select("f", "decided_by"), on="f", validate="1:1")
        .group_by("c")
        .agg(pl.col("part_fen").sum().alias("clawback_fen"), (pl.col("decided_by") == "platform").any().alias("is_decided"))
    )
    joined = cases.join(taken, on="c", how="left", validate="1:1", maintain_order="left")
    decided = pl.col("is_flow_decided") | pl.col("is_decided").fill_null(value=False)
    return joined.with_columns(pl.col("clawback_fen").fill_null(0), decided.alias("is_flow_decided")).drop("is_decided")


def judge_allocations(allocations: pl.DataFrame, scope: Scope, covered: dict[str, datetime]) -> pl.DataFrame:
    """Add the dates and flags P rules read. On an escrow platform an order is due when confirmed, elsewhere when paid.

    A combined payment may be off by a rounding an order. Source: docs/method.md, matching M1.
    """
    limits = scope.config.tolerance
    combined = pl.min_horizontal(pl.col("n_orders") * limits.aggregate_per_line, pl.lit(limits.aggregate_cap))
    start = pl.col("platform").replace_strict(
        platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None
    )
    due_at = pl.when(pl.col("is_escrow")).then("confirmed_at").otherwise("paid_at")
    return allocations.with_columns(
        due_at.alias("due_at"), (pl.col("received_fen") - pl.col("expected_fen")).alias("gap_fen")
    ).with_columns(
        (scope.is_in("paid_at") | scope.is_in("money_at")).alias("is_in_period"),
        scope.is_in("due_at").alias("is_due_in"),
        (pl.col("due_at") >= start).fill_null(False).alias("is_covered"),
        scope.age("due_at").alias("due_age_days"),
        scope.age("money_at").alias("payment_age_days"),
        pl.when(pl.col("n_orders") > 1).then(combined).otherwise(pl.lit(limits.row)).alias("tolerance_fen"),
        pl.lit(scope.config.sla_days.payment).alias("sla_days"),
    )


def sum_order_refunds(orders: pl.DataFrame, flows: pl.DataFrame, escrow: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per order with refunds: what it paid and what went back, in-escrow refunds included. Source: rulings 12, 16."""
    about = ["order_id", "platform", "platform_key", "shop", "channel", "buyer_paid_fen", "source_file", "source_row"]
    back = (
        flows.filter(pl.col("kind").is_in(["refund", "small_transfer"]) & pl.col("o").is_not_null() & scope.is_fact("money_at"))
        .group_by("o")
        .agg(
            pl.col("out_fen").sum(),
            pl.col("money_at").max(),
            pl.len().alias("n_flows"),
            pl.col("source").sort_by("f").head(20).alias("flow_source"),
        )
    )
    return (
        back.join(escrow, on="o", how="full", coalesce=True, validate="1:1")
        .pipe(lambda found: found.with_columns(orders[name].gather(found["o"]) for name in about))
        .with_columns(
            SOURCE.alias("order_source"),
            (pl.col("out_fen").fill_null(0) + pl.col("escrow_fen").fill_null(0)).alias("refunded_fen"),
        )
        .with_columns(
            (pl.col("refunded_fen") - pl.col("buyer_paid_fen")).alias("gap_fen"),
            pl.lit(scope.config.tolerance.row).alias("tolerance_fen"),
        )
        .sort("o")
    )


def judge_units(units: pl.DataFrame, refs: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Say of each unit how the ledger stands to the channel in this period, as `state`, with what follows from it.

    `base_fen` is what the period should have booked, `wallet_fen` what it did book net of accruals, `residual_fen` their
    difference. States: ties · not_booked · late · late_rest · early_before · early · early_rest · duplicate · clawback ·
    amount · rounding · no_flow · unseen (its refund lies before the first loaded bill) · undone (takes back what an earlier
    month booked too much). Source: rulings 13, 17, 19, 20.
    """
    sums = ["booked_before_fen", "booked_in_fen", "booked_ahead_fen", "accrued_in_fen", "accrued_before_fen", "n_vouchers"]
    flags = ["is_booked_before", "is_booked_in", "is_booked_ahead", "is_same_gross"]
    flow, booked = pl.col("flow_in_fen"), pl.col("booked_in_fen")
    units = units.with_columns(pl.col(sums).fill_null(0), pl.col(flags).fill_null(False)).with_columns(
        # An accrual is no booking of its own. One that ties with the flow need not be told apart; beside a release of an
        # earlier accrual the wallet would then be credited twice.
        pl.when((booked == flow) & (pl.col("accrued_in_fen") >= 0)).then(0).otherwise("accrued_in_fen").alias("accrued_net_fen")
    )
    wallet = booked - pl.col("accrued_net_fen")
    booked_before = pl.col("booked_before_fen") - pl.col("accrued_before_fen")
    prior = (pl.col("flow_before_fen") != 0) & (booked_before == 0)
    # What earlier months booked too little or too much is put right: all there is now ties.
    rest = pl.col("flow_before_fen") - booked_before
    is_settled = (booked_before != 0) & (wallet != flow) & (wallet != 0) & _is_close(wallet - flow - rest, scope)
    base = (
        pl.when(is_settled & (rest > 0))
        .then(flow + rest)
        .when(prior & (wallet != 0) & (wallet != flow) & (flow == 0))
        .then("flow_before_fen")
        .when(prior & (flow != 0) & _is_close(wallet - flow - pl.col("flow_before_fen"), scope))
        .then(flow + pl.col("flow_before_fen"))
        .otherwise(flow)
    )
    units = units.with_columns(wallet.alias("wallet_fen"), base.alias("base_fen")).with_columns(
        (pl.col("wallet_fen") - pl.col("base_fen")).alias("residual_fen"),
        (pl.col("base_fen") != pl.col("flow_in_fen")).alias("is_prior"),
        (is_settled & (rest < 0)).alias("is_undone"),
    )
    return (
        units.with_columns(_state(scope).alias("state"), pl.lit(scope.period.text).alias("period_text"))
        .with_columns(_unaccrued(scope).fill_null(0).alias("unaccrued_fen"))
        .with_columns((pl.col("unaccrued_fen") != 0).alias("is_unaccrued"), _is_accrued_early(scope).alias("is_accrued_early"))
        .pipe(_add_vouchers, refs, scope)
    )


def add_case_facts(units: pl.DataFrame, cases: pl.DataFrame, orders: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Add to each unit `is_unseen` (its refund may lie in a bill that was not loaded), `ends_in_escrow` and `is_provisioned`.

    Provisioned: under CAS, with a portfolio provision, a return without a quality defect inside the window, so that the
    revenue was never recognised. Source: docs/method.md, CAS.
    """
    provision = scope.config.provision
    sold_on = orders.select(pl.coalesce("completed_at", "shipped_at", "paid_at").dt.date().alias("sold_on"))["sold_on"]
    is_provisioned = (
        pl.lit(scope.config.standard == "CAS" and provision.method != "none")
        & (pl.col("kind") == "return_refund")
        & ~pl.col("is_quality").fill_null(value=False)
        & (pl.col("approved_at").dt.date() <= pl.col("sold_on") + pl.duration(days=provision.window_closes))
    )
    known = cases.with_columns(sold_on.gather(cases["o"])).select(
        "c", "is_unseen", "ends_in_escrow", is_provisioned.fill_null(value=False).alias("is_provisioned")
    )
    return units.join(known, on="c", how="left", validate="m:1", maintain_order="left").with_columns(
        pl.col("is_unseen", "is_provisioned", "ends_in_escrow").fill_null(value=False)
    )


def _is_close(gap: pl.Expr, scope: Scope) -> pl.Expr:
    """Within the tolerance of a row, or of a total: so much per flow in it, up to the cap."""
    tolerance = scope.config.tolerance
    of_total = pl.min_horizontal(pl.col("n_flows") * tolerance.aggregate_per_line, pl.lit(tolerance.aggregate_cap))
    return gap.abs() <= pl.when(pl.col("group_key").is_null()).then(pl.lit(tolerance.row)).otherwise(of_total)


def _state(scope: Scope) -> pl.Expr:
    wallet, base, gap = pl.col("wallet_fen"), pl.col("base_fen"), pl.col("residual_fen")
    booked_twice = pl.col("is_same_gross") & (pl.col("n_vouchers") >= 2) & (wallet == pl.col("n_vouchers") * base)
    again = (pl.col("flow_before_fen") != 0) & (wallet % pl.col("flow_before_fen") == 0)
    rest = pl.col("booked_ahead_fen") != 0
    # Booked before its refund, beyond what earlier refunds of the same case took.
    over = pl.col("booked_before_fen") - pl.col("accrued_before_fen") - pl.col("flow_before_fen")
    is_early_before = (pl.col("booked_before_fen") != pl.col("accrued_before_fen")) & (
        (pl.col("flow_before_fen") == 0) | _is_close(over - base, scope)
    )
    return (
        pl.when(gap == 0)
        .then(pl.lit("ties"))
        .when("is_undone")
        .then(pl.lit("undone"))
        .when((wallet == 0) & rest)
        .then(pl.lit("late"))
        .when((wallet == 0) & is_early_before)
        .then(pl.lit("early_before"))
        .when(wallet == 0)
        .then(pl.lit("not_booked"))
        .when((base == 0) & (pl.col("flow_before_fen") != 0))
        .then(pl.when(again).then(pl.lit("duplicate")).otherwise(pl.lit("amount")))
        .when((base == 0) & (pl.col("flow_ahead_fen") != 0))
        .then(pl.lit("early"))
        .when((base == 0) & pl.col("is_unseen"))
        .then(pl.lit("unseen"))
        .when(base == 0)
        .then(pl.lit("no_flow"))
        .when(_is_close(gap, scope))
        .then(pl.lit("rounding"))
        .when(booked_twice)
        .then(pl.lit("duplicate"))
        .when(rest & _is_close(gap + pl.col("booked_ahead_fen"), scope))
        .then(pl.lit("late_rest"))
        .when(gap == -pl.col("clawback_in_fen"))
        .then(pl.lit("clawback"))
        .when((pl.col("flow_ahead_fen") != 0) & (base != 0) & _is_close(gap - pl.col("flow_ahead_fen"), scope))
        .then(pl.lit("early_rest"))
        .otherwise(pl.lit("amount"))
    )


def _unaccrued(scope: Scope) -> pl.Expr:
    """What CAS recognises at approval and the books of that period lack, in fen. Source: rulings 13; docs/method.md, CAS.

    Approved in the period: what was paid, booked or granted without being paid, after it, less what was accrued. Approved
    before it: what is booked in this one, where nothing was before and nothing is released.
    """
    if scope.config.standard != "CAS":
        return pl.lit(0, pl.Int64)
    amount, ahead, booked_ahead = pl.col("amount_fen"), pl.col("flow_ahead_fen"), pl.col("booked_ahead_fen")
    # Books may accrue the platform's part as well, or book it with the money: what must be there is without it.
    with_clawback = amount + pl.col("clawback_ahead_fen")
    is_unpaid = (pl.col("flow_before_fen") == 0) & (pl.col("flow_in_fen") == 0)
    owed = (
        pl.when(ahead != 0)
        .then(pl.min_horizontal(ahead, amount))
        .when(is_unpaid & scope.is_fact("done_at"))
        .then(amount)
        .when(is_unpaid & (booked_ahead != 0))
        .then(pl.min_horizontal(booked_ahead, amount))
        .otherwise(0)
    )
    accrued_so_far = pl.col("accrued_in_fen") + pl.col("accrued_before_fen")
    in_escrow = pl.col("in_escrow").fill_null(value=False) | pl.col("ends_in_escrow")
    is_missing = owed - accrued_so_far > scope.config.tolerance.row
    missing = pl.when(ahead != 0).then(pl.min_horizontal(ahead, with_clawback)).otherwise(owed) - accrued_so_far
    approved_here = scope.is_in("approved_at") & (pl.col("state") == "ties") & ~in_escrow & is_missing
    flow, accrued, wallet = pl.col("flow_in_fen"), pl.col("accrued_in_fen"), pl.col("wallet_fen")
    booked = pl.when((wallet != 0) & (flow != 0)).then(flow).when((wallet == 0) & (flow == 0)).then(accrued).otherwise(0)
    approved_before = (
        scope.is_before("approved_at")
        & ~pl.col("is_booked_before")
        & (accrued >= 0)
        & ~pl.col("is_prior")
        & ~pl.col("state").is_in(["late", "late_rest"])
    )
    return pl.when(approved_here).then(missing).when(approved_before).then(booked).otherwise(0)


def _is_accrued_early(scope: Scope) -> pl.Expr:
    """Accrued in the period though the event comes after it: under CAS the approval, under SBE the refund of an open case."""
    unpaid = (pl.col("flow_before_fen") == 0) & (pl.col("flow_in_fen") == 0)
    if scope.config.standard == "CAS":
        comes_later = scope.is_ahead("approved_at")
    else:
        comes_later = (pl.col("flow_ahead_fen") != 0) & ~scope.is_fact("done_at")
    return (comes_later & unpaid & (pl.col("accrued_in_fen") > 0) & (pl.col("wallet_fen") == 0)).fill_null(value=False)


def _add_vouchers(units: pl.DataFrame, refs: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Add the vouchers of the period and all their sources, as lists, to the units that do not simply tie."""
    odd = units.filter(
        (pl.col("state") != "ties") | pl.col("is_prior") | pl.col("is_unaccrued") | pl.col("is_accrued_early")
    ).select("u")
    named = (
        refs.join(odd, on="u", how="semi")
        .group_by("u")
        .agg(
            pl.col("voucher_id").filter(is_booked_in(scope)).sort().alias("voucher_ids"),
            pl.col("voucher_source").explode().sort().head(20).alias("voucher_source"),
        )
    )
    return units.join(named, on="u", how="left", validate="1:1", maintain_order="left")


def lone_vouchers(
    refs: pl.DataFrame, units: pl.DataFrame, cases: pl.DataFrame, orders: pl.DataFrame, scope: Scope
) -> pl.DataFrame:
    """One row per voucher of the period with refs that no refund answers: Σ of those refs, accruals apart, and the refs.

    `open_fen`: without the refs that a later voucher, up to the period, took back. Order and case are filled where all such
    refs of the voucher are about one. Source: rulings 10 and 19.
    """
    wallet = pl.col("gross_fen") - pl.col("accrued_fen")
    so_far = refs.filter(is_booked_in(scope) | is_booked_before(scope))
    taken_back = so_far.group_by("ref_kind", "ref_id").agg((wallet.sum() == 0).alias("is_taken_back"))
    about = units.select("u", "state", "platform_key", "order_id", "case_id")
    case_orders = cases.select("case_id", pl.col("order_id").alias("case_order")).unique("case_id", keep="none")
    lone = (
        refs.filter(is_booked_in(scope))
        .join(about, on="u", how="left", validate="m:1")
        .filter((pl.col("u").is_null() | (pl.col("state") == "no_flow")) & (wallet != 0))
        .join(taken_back, on=["ref_kind", "ref_id"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("order_id", pl.when(pl.col("ref_kind") == "order").then("ref_id")).alias("order_id"),
            pl.coalesce("case_id", pl.when(pl.col("ref_kind") == "case").then("ref_id")).alias("case_id"),
        )
        .join(case_orders, on="case_id", how="left", validate="m:1")
        .with_columns(pl.coalesce("order_id", "case_order").alias("order_id"))
    )
    platforms = (
        orders.select("order_id", pl.col("platform").alias("order_platform"))
        .join(lone, on="order_id", how="semi")
        .unique("order_id", keep="none")
    )
    lone = lone.join(platforms, on="order_id", how="left", validate="m:1")

    def only(column: str) -> pl.Expr:
        values = pl.col(column).drop_nulls().unique()
        return pl.when(values.len() == 1).then(values.sort().first()).alias(column)

    return (
        lone.with_columns(pl.coalesce("platform_key", "order_platform").alias("platform"))
        .group_by("period", "voucher_id")
        .agg(
            wallet.sum().alias("gross_fen"),
            wallet.filter(~pl.col("is_taken_back")).sum().alias("open_fen"),
            pl.col("ref_id").filter(~pl.col("is_taken_back")).sort().alias("ref_ids"),
            *(only(name) for name in ("platform", "shop", "order_id", "case_id")),
            pl.col("date").min(),
            pl.col("voucher_source").explode().sort().head(20),
        )
        .sort("period", "voucher_id")
    )
