"""The ledger's side: what each refund should have booked (its unit) against the vouchers that name it, and M4."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.groups import Grouped, group_by_total, merge_units, name_pass, read_totals, with_totals, without_grouped
from recon_kit.facts.scope import Scope
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS


@dataclass(frozen=True)
class Ledger:
    """M4, tied.

    `units`: one row per refund case or case-less flow, or per group that vouchers book together; `u` its number. `refs`: one
    row per (voucher, ref), `r` its number. `flow_units`: flow `f` → `unit`. `line_refs`: voucher line → `r`. `matched`: rows
    are `u` and `r`. `vouchers`: the lines with `ref_ids` and `ref_how` (column, text, voucher, total; null: names nothing).
    """

    units: pl.DataFrame
    refs: pl.DataFrame
    flow_units: pl.DataFrame
    line_refs: pl.DataFrame
    matched: Matched
    vouchers: pl.DataFrame


def build_ledger(
    vouchers: pl.DataFrame,
    cases: pl.DataFrame,
    flows: pl.DataFrame,
    parts: pl.DataFrame,
    clawbacks: pl.DataFrame,
    scope: Scope,
    *,
    partitions: int = 1,
) -> Ledger:
    """Sum flows and vouchers per unit and period. Source: rulings 13, 19, 20; bridge lines B1–B7."""
    flows = _label_flows(flows, cases)
    cases = _name_units(cases, parts)
    flow_parts = _flow_parts(cases, flows, parts, clawbacks)
    line_refs, refs = _voucher_refs(vouchers, scope)
    cases, flow_parts, refs = _join_named_together(cases, flow_parts, flows, refs)
    units = _units(cases, flows, flow_parts, scope)
    matched = _match_vouchers(units, refs, cases, flows, flow_parts, partitions)
    totals = read_totals(vouchers, sorted({*flows["shop"].drop_nulls()}), scope)
    if totals.height:
        paying = refs.filter(pl.col("gross_fen") != pl.col("accrued_fen"))
        grouped = _group_by_total(totals, units, matched, paying, flows, flow_parts, scope)
        if grouped.totals.height:
            cases, flow_parts = without_grouped(cases, flow_parts, grouped)
            line_refs, refs, vouchers = with_totals(line_refs, refs, vouchers, grouped.totals)
            units = _units(cases, flows, flow_parts, scope)
            matched = name_pass(_match_vouchers(units, refs, cases, flows, flow_parts, partitions), units)
    resolved = refs.join(
        matched.right.select(pl.col("row").alias("r"), pl.col("group").alias("u"), "reason"), on="r", how="left", validate="1:1"
    )
    booked = _booked(resolved.drop_nulls("u"), scope)
    return Ledger(
        units.join(booked, on="u", how="left", validate="1:1"),
        resolved,
        flow_parts.select("f", "unit"),
        line_refs,
        matched,
        vouchers,
    )


def _join_named_together(
    cases: pl.DataFrame, flow_parts: pl.DataFrame, flows: pl.DataFrame, refs: pl.DataFrame
) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Make one unit of what one voucher line names together, and give its ref that unit."""
    several = refs.filter(pl.col("ref_ids").list.len() > 1).select("r", "ref_kind", pl.col("ref_ids").alias("ref_id"))
    if several.is_empty():
        return cases, flow_parts, refs.with_columns(pl.lit(None, pl.String).alias("unit"))
    of_order = pl.concat(
        [
            cases.select(pl.col("order_id").alias("ref_id"), "unit"),
            flow_parts.join(flows.select("f", "order_id"), on="f", validate="m:1").select(
                pl.col("order_id").alias("ref_id"), "unit"
            ),
        ]
    )
    orders = (
        of_order.drop_nulls().unique().unique("ref_id", keep="none").select(pl.lit("order").alias("ref_kind"), "ref_id", "unit")
    )
    named = several.explode("ref_id").join(
        pl.concat([_named_units(cases, flows, flow_parts), orders]), on=["ref_kind", "ref_id"], how="inner", validate="m:1"
    )
    merged = merge_units(named.select("unit", pl.col("r").alias("group")))
    now = pl.col("unit").replace(merged)
    of_ref = named.select("r", now).unique("r", keep="first", maintain_order=True)
    return (
        cases.with_columns(now),
        flow_parts.with_columns(now).group_by("f", "unit", maintain_order=True).agg(pl.col("part_fen").sum()),
        refs.join(of_ref, on="r", how="left", validate="1:1", maintain_order="left"),
    )


def _group_by_total(
    totals: pl.DataFrame,
    units: pl.DataFrame,
    matched: Matched,
    paying: pl.DataFrame,
    flows: pl.DataFrame,
    flow_parts: pl.DataFrame,
    scope: Scope,
) -> Grouped:
    """The refunds whose payment no voucher names, against the totals of their shop and channel.

    `paying`: refs that book more than an accrual; what was only accrued by name can be paid in a total.
    """
    named = matched.right.drop_nulls("group").join(paying, left_on="row", right_on="r", how="semi")
    named = named.select(pl.col("group").alias("u")).unique()
    booked = units.join(named, on="u", how="semi").select("unit")
    free = flow_parts.join(booked, on="unit", how="anti")
    whole = free.join(flow_parts.join(booked, on="unit", how="semi").select("f"), on="f", how="anti")
    about = flows.select("f", "channel", "shop", pl.col("money_at").dt.date().alias("day"))
    about = about.drop_nulls("day").filter(pl.col("day") < scope.look_ahead_end.date())
    moved = whole.join(about, on="f", validate="m:1")
    by_name = flow_parts.join(whole, on=["f", "unit"], how="anti").join(about, on="f", validate="m:1")
    return group_by_total(totals, moved, by_name, scope)


def _label_flows(flows: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Add `case_label`: the case a flow names that is none to pay (closed, an exchange, not loaded), by which books know it."""
    by_number = cases["case_id"].gather(flows.select(pl.coalesce("case_c", "request_c")).to_series())
    live = cases.filter(pl.col("is_refund") & ~pl.col("is_closed"))["case_id"].implode()
    named = pl.coalesce(pl.col("case_id"), by_number)
    return flows.with_columns(pl.when(~named.is_in(live)).then(named).alias("case_label"))


def _name_units(cases: pl.DataFrame, parts: pl.DataFrame) -> pl.DataFrame:
    """Add `unit`: the case itself; cases that one flow pays together are one unit, named by the first of them."""
    shared = parts.filter(pl.col("f").is_duplicated()).with_columns(pl.col("c").min().over("f").alias("lead"))
    leads = shared.group_by("c").agg(pl.col("lead").min())
    named = cases.filter(pl.col("is_refund") & ~pl.col("is_closed")).join(
        leads, on="c", how="left", validate="1:1", maintain_order="left"
    )
    return named.with_columns(pl.concat_str(pl.lit("case "), pl.coalesce("lead", "c")).alias("unit")).drop("lead")


def _flow_parts(cases: pl.DataFrame, flows: pl.DataFrame, parts: pl.DataFrame, clawbacks: pl.DataFrame) -> pl.DataFrame:
    """Every refund-type flow split over its units: columns f, unit, part_fen. Clawbacks follow the refund they came with."""
    outflows = flows.filter(pl.col("is_refund_type"))
    by_case = parts.join(cases.select("c", "unit"), on="c", validate="m:1").group_by("f", "unit").agg(pl.col("part_fen").sum())
    rest = outflows.join(parts.select("f").unique(), on="f", how="anti")
    clawbacks = (
        clawbacks.join(cases.select("c", "unit"), on="c", how="left", validate="m:1")
        .with_columns(pl.coalesce("unit", pl.concat_str(pl.lit("flow "), "lead")).alias("unit"))
        .select("f", "unit", "part_fen")
    )
    alone = rest.join(clawbacks, on="f", how="anti").select(
        "f", pl.concat_str(pl.lit("flow "), "f").alias("unit"), pl.col("out_fen").alias("part_fen")
    )
    return pl.concat([by_case, clawbacks, alone])


def attach_clawbacks(flows: pl.DataFrame, parts: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """A clawback's case: the one it states, else, in its order, that of the last refund before it. Source: rulings 20.

    Columns: f, c, `lead` (the refund flow it came with, where that one stands on no case: then c is null), part_fen; clawbacks
    that find neither are left out.
    """
    cases = cases.filter(pl.col("is_refund") & ~pl.col("is_closed"))
    clawbacks = flows.filter(pl.col("kind") == "subsidy_clawback")
    clawbacks = clawbacks.select("f", "o", "order_id", "case_id", "out_fen", pl.coalesce("money_at", "at").alias("when"))
    stated = clawbacks.filter(pl.col("case_id").is_not_null()).join(
        cases.select("case_id", "o", "c").unique(["case_id", "o"], keep="none"),
        on=["case_id", "o"],
        how="inner",
        nulls_equal=True,
        validate="m:1",
    )
    refunds = (
        flows.filter((pl.col("kind") == "refund") & pl.col("order_id").is_not_null())
        .drop("c", strict=False)
        .join(parts.select("f", "c").unique("f", keep="first", maintain_order=True), on="f", how="left", validate="1:1")
        .select("order_id", "c", pl.col("f").alias("lead"), pl.coalesce("money_at", "at").alias("when"))
        .sort("when", "c", "lead", nulls_last=True)
    )
    rest = clawbacks.join(stated, on="f", how="anti").drop_nulls("order_id")
    after = rest.sort("when", "f").join_asof(refunds, on="when", by="order_id", strategy="backward", check_sortedness=False)
    first = refunds.unique("order_id", keep="first", maintain_order=True).select(
        "order_id", pl.col("c").alias("c_first"), pl.col("lead").alias("lead_first")
    )
    is_before = pl.col("lead").is_null()
    after = after.join(first, on="order_id", how="left", validate="m:1").with_columns(
        pl.when(is_before).then("c_first").otherwise("c").alias("c"),
        pl.when(is_before).then("lead_first").otherwise("lead").alias("lead"),
    )
    found = pl.concat([stated.with_columns(pl.lit(None, pl.Int64).alias("lead")), after.drop_nulls("lead")], how="diagonal")
    return found.select("f", "c", pl.when(pl.col("c").is_null()).then("lead").alias("lead"), pl.col("out_fen").alias("part_fen"))


def _units(cases: pl.DataFrame, flows: pl.DataFrame, flow_parts: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """One row per refund case not closed, and per flow on no case; `u` its number. Sums are fen, by when money moved."""
    moved = flow_parts.join(flows.select("f", "money_at", "kind", "channel", "shop", "source"), on="f", validate="m:1").sort("f")
    part = pl.col("part_fen")
    sums = moved.group_by("unit", maintain_order=True).agg(
        part.filter(scope.is_before("money_at")).sum().alias("flow_before_fen"),
        part.filter(scope.is_in("money_at")).sum().alias("flow_in_fen"),
        part.filter(scope.is_ahead("money_at")).sum().alias("flow_ahead_fen"),
        part.filter(scope.is_in("money_at") & (pl.col("kind") == "subsidy_clawback")).sum().alias("clawback_in_fen"),
        part.filter(scope.is_ahead("money_at") & (pl.col("kind") == "subsidy_clawback")).sum().alias("clawback_ahead_fen"),
        scope.is_in("money_at").sum().cast(pl.Int64).alias("n_flows"),
        pl.col("money_at").filter(scope.is_in("money_at")).min().alias("flow_at"),
        pl.col("money_at").min().alias("first_flow_at"),
        pl.col("channel").first().alias("flow_channel"),
        pl.col("source").head(20).alias("flow_source"),
    )
    by_case = cases.unique("unit", keep="first", maintain_order=True).select(
        "unit",
        "c",
        "platform",
        "platform_key",
        "shop",
        "case_id",
        "order_id",
        "o",
        "pay_group",
        pl.col("pay_group").alias("order_group"),
        # The event under CAS; an export that states no approval says when the case ended.
        pl.coalesce("approved_at", "done_at").alias("approved_at"),
        "done_at",
        "amount_fen",
        "in_escrow",
        SOURCE.alias("case_source"),
    )
    alone = (
        flow_parts.filter(pl.col("unit") == pl.concat_str(pl.lit("flow "), "f"))
        .select("f", "unit")
        .join(
            flows.select(
                *("f", "flow_id", "platform_key", "shop", "order_id", "o", "pay_group", "order_group"),
                # A transfer through another channel stands for itself, whatever it names: rulings 18.
                pl.when(pl.col("flow_code").ne_missing("C11")).then("case_label").alias("case_id"),
            ),
            on="f",
            validate="1:1",
        )
    )
    grouped = (
        moved.filter(pl.col("unit").str.starts_with("total "))
        .group_by("unit", maintain_order=True)
        .agg(pl.col("f").min(), pl.col("channel").first(), pl.col("shop").drop_nulls().unique().alias("shops"))
        .select("unit", "f", pl.col("unit").str.strip_prefix("total ").alias("group_key"), _only_shop())
    )
    return (
        pl.concat([by_case, alone, grouped], how="diagonal")
        .sort("c", "f", nulls_last=True)
        .with_row_index("u")
        .with_columns(pl.col("u").cast(pl.Int64))
        .join(sums, on="unit", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col("^(flow|clawback)_(before|in|ahead)_fen$").fill_null(0))
    )


def _only_shop() -> pl.Expr:
    """The shop of a group, where it has but one."""
    return pl.when(pl.col("shops").list.len() == 1).then(pl.col("shops").list.first()).alias("shop")


def _voucher_refs(vouchers: pl.DataFrame, scope: Scope) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Voucher lines with a ref on the gross accounts, and one row per (voucher, ref), `r` its number.

    `gross_fen` = Σ(credit − debit) on those lines; `accrued_fen` the part of it on the refund payable.
    """
    payable = scope.config.account("REFUND_PAYABLE").code
    lines = vouchers.filter(pl.col("ref_id").is_not_null() & pl.col("account").is_in(scope.config.gross_codes)).with_columns(
        (pl.col("credit_fen") - pl.col("debit_fen")).alias("amount_fen"), pl.col("ref_kind").fill_null("case")
    )
    key = ["period", "voucher_id", "ref_kind", "ref_id"]
    refs = (
        lines.sort(*key, "line_no")
        .group_by(key, maintain_order=True)
        .agg(
            pl.col("amount_fen").sum().alias("gross_fen"),
            pl.col("amount_fen").filter(pl.col("account") == payable).sum().alias("accrued_fen"),
            pl.col("date").min(),
            pl.col("shop").first(),
            SOURCE.alias("voucher_source"),
            pl.col("ref_ids").first(),
        )
        .with_row_index("r")
        .with_columns(pl.col("r").cast(pl.Int64))
    )
    line_refs = lines.select("period", "voucher_id", "line_no", "ref_kind", "ref_id", "amount_fen").join(
        refs.select("r", *key), on=key, validate="m:1"
    )
    return line_refs, refs


def _match_vouchers(
    units: pl.DataFrame, refs: pl.DataFrame, cases: pl.DataFrame, flows: pl.DataFrame, flow_parts: pl.DataFrame, partitions: int
) -> Matched:
    """M4: a ref names a case, a flow (and so its case), or an order: then its only refund, or the only one of that amount."""
    shared = cases.select(pl.col("case_id").alias("ref_id"), "unit", "shop").filter(pl.col("ref_id").is_duplicated())
    named = _named_units(cases, flows, flow_parts).rename({"unit": "unit_by_id"})
    right = refs.join(named, on=["ref_kind", "ref_id"], how="left", validate="m:1").join(
        shared.select("ref_id", "shop", pl.col("unit").alias("unit_by_shop")).unique(["ref_id", "shop"], keep="none"),
        on=["ref_id", "shop"],
        how="left",
        validate="m:1",
    )
    in_group = pl.col("order_group") == pl.col("pay_group")
    groups = units.filter(in_group).select("order_id", "order_group").drop_nulls().unique().unique("order_id", keep="none")
    right = (
        right.with_columns(
            pl.coalesce("unit", "unit_by_id", pl.when(pl.col("ref_kind") == "case").then("unit_by_shop")).alias("unit"),
            pl.when(pl.col("ref_kind") == "order").then("ref_id").alias("order_id"),
        )
        .join(units.select("unit", "pay_group"), on="unit", how="left", validate="m:1")
        .join(groups, on="order_id", how="left", validate="m:1")
        .select(
            pl.col("r").alias("row"),
            pl.col("gross_fen").alias("amount_fen"),
            pl.col("date").alias("day"),
            "unit",
            pl.when(pl.col("order_group").is_not_null()).then("order_id").alias("order"),
            pl.coalesce("pay_group", "order_group", "ref_id").hash().alias("partition"),
        )
    )
    total = pl.col("flow_before_fen") + pl.col("flow_in_fen") + pl.col("flow_ahead_fen")
    left = units.select(
        pl.col("u").alias("row"),
        pl.when(total != 0).then(total).otherwise(pl.col("amount_fen")).fill_null(0).alias("amount_fen"),
        pl.coalesce("flow_at", "first_flow_at", "done_at").dt.date().alias("day"),
        "unit",
        pl.when(~pl.col("in_escrow").fill_null(value=False) & in_group).then("order_id").alias("order"),
        pl.coalesce("pay_group", "group_key").hash().alias("partition"),
    )
    return match(PAIRS["M4"], left, right, partitions=partitions)


def _named_units(cases: pl.DataFrame, flows: pl.DataFrame, flow_parts: pl.DataFrame) -> pl.DataFrame:
    """What a case id or flow id alone names: ref_kind, ref_id, unit; ids of two cases are left out.

    A case that is none to pay names the only flow that names it.
    """
    by_case = cases.select(pl.col("case_id").alias("ref_id"), "unit").unique("ref_id", keep="none")
    one_unit = flow_parts.filter(~pl.col("f").is_duplicated()).select("f", "unit")
    by_flow = (
        flows.select("f", pl.col("flow_id").alias("ref_id")).join(one_unit, on="f", validate="1:1").unique("ref_id", keep="none")
    )
    by_label = (
        flows.select("f", pl.col("case_label").alias("ref_id"))
        .drop_nulls("ref_id")
        .join(one_unit.filter(pl.col("unit").str.starts_with("flow ")), on="f", validate="1:1")
        .unique("ref_id", keep="none")
    )
    return pl.concat(
        [
            by_case.select(pl.lit("case").alias("ref_kind"), "ref_id", "unit"),
            by_label.select(pl.lit("case").alias("ref_kind"), "ref_id", "unit"),
            by_flow.select(pl.lit("flow").alias("ref_kind"), "ref_id", "unit"),
        ]
    )


def _booked(refs: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Per unit: gross booked before, in and after the period (look-ahead), the accruals among it, and how often."""
    gross, accrued = pl.col("gross_fen"), pl.col("accrued_fen")
    before, inside = is_booked_before(scope), is_booked_in(scope)
    ahead = ~before & ~inside & (pl.col("date") < scope.look_ahead_end.date())
    wallet = (gross - accrued).filter(inside & (gross != accrued))
    return refs.group_by("u").agg(
        gross.filter(before).sum().alias("booked_before_fen"),
        gross.filter(inside).sum().alias("booked_in_fen"),
        gross.filter(ahead).sum().alias("booked_ahead_fen"),
        accrued.filter(inside).sum().alias("accrued_in_fen"),
        accrued.filter(before).sum().alias("accrued_before_fen"),
        before.any().alias("is_booked_before"),
        inside.any().alias("is_booked_in"),
        ahead.any().alias("is_booked_ahead"),
        wallet.len().alias("n_vouchers"),
        (wallet.min() == wallet.max()).alias("is_same_gross"),
        pl.col("date").filter(ahead).min().alias("ahead_date"),
    )


def is_booked_in(scope: Scope) -> pl.Expr:
    """The voucher is of the period and a fact: one dated after an as-of inside the period is look-ahead.

    Once a month is over, the accounting period a voucher states decides, whatever its date.
    """
    month = scope.period.start.strftime("%Y-%m")
    of_period = pl.col("period") == month if scope.period.text == month else scope.period.contains("date")
    return of_period & ((pl.col("date") <= scope.as_of) | pl.lit(scope.as_of >= scope.period.last_day))


def is_booked_before(scope: Scope) -> pl.Expr:
    """The voucher is of an earlier accounting period; a day or week has none of its own and goes by the voucher's date."""
    month = scope.period.start.strftime("%Y-%m")
    return pl.col("period") < month if scope.period.text == month else pl.col("date") < scope.period.start
