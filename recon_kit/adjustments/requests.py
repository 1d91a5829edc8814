"""What each finding asks to be booked: the amounts, the conditions that decide its form, and what it is about.

A request is one row per finding, or per refund of a finding about a voucher. Source: docs/entries.md; rulings, Entries.
"""

from __future__ import annotations

import polars as pl

from recon_kit.adjustments.ledger import OF_FLOWS, accrued_return_costs, lone_refs, name_refs, read_standing
from recon_kit.facts import Facts

_OF_SALES = ("C05", "C06", "C07", "C08")
"""Codes whose expected and actual are the refund as decided and as paid."""
_ON_FLOWS = ("C03", "C11", "C12", "C13", "C14")
"""Codes that say what a flow is; where the ledger lacks it, their entry books it and answers that finding too."""
_TAKES = ("C03", "C13")
"""Of these, what is no refund: booked as one, it is taken out of sales again."""
_OVER = ("A03", "C05", "C07")
_UNPAID = ("C01", "C02", "C04")
_BY_REF = ("L02", "L07", "L09", "L10")
_CODE, _GAP, _STATE = pl.col("code"), pl.col("gap_fen"), pl.col("state")
_RESIDUAL = pl.col("residual_fen")


def build_requests(facts: Facts, findings: pl.DataFrame) -> pl.DataFrame:
    """Every finding that may book something, with `ids` (it first, then what its entry answers too).

    Fen: `target_fen` what the refund should be in the books, `booked_fen` what it is, `accrued_fen` the part that only moves
    out of the refund payable, `cost_fen` of goods, `gap_fen`, `expected_fen` and `actual_fen` of the finding. One boolean
    column for each of `rules.entries.CONDITIONS`. `basis` names the goods (`split.build_shares`), `ref_kind` and `ref_id` what
    the lines are about (null: no refund). `entry` groups the requests of one entry.
    """
    standing = _stand(facts, findings).with_columns(_out())
    judged = standing.with_columns(_amounts()).with_columns(_conditions(facts)).pipe(_add_sums, facts)
    asked = judged.filter(_is_own(judged)).pipe(_add_answers, judged)
    by_ref = asked.filter(_CODE.is_in(_BY_REF)).drop("basis", "ref_kind", "ref_id", "target_fen", "booked_fen")
    parts = [asked.filter(~_CODE.is_in(_BY_REF)), _per_ref(by_ref, facts), _releases(facts)]
    return pl.concat(parts, how="diagonal_relaxed").sort("entry", "discrepancy_id", "ref_id", nulls_last=True)


def _stand(facts: Facts, findings: pl.DataFrame) -> pl.DataFrame:
    """Findings with the rows they are about: `c`, `f`, `u`, how the ledger stands to the refund, and the goods of the case."""
    number = pl.col("subject").str.extract(r"^[cfou] (\d+)$", 1).cast(pl.Int64)
    letter = pl.when(number.is_not_null()).then(pl.col("subject").str.head(1))
    named = findings.with_columns(
        *(pl.when(letter == key).then(number).alias(key) for key in ("c", "f", "o", "u")), letter.alias("letter")
    )
    units, of_case, of_flow = read_standing(facts)
    u = pl.coalesce("u", "u_case", "u_flow")
    cases = facts.cases.select(
        "c",
        *("entitled_fen", "claimed_fen", "n_paid", "in_escrow"),
        pl.coalesce("approved_fen", "amount_fen").alias("approved_amount"),
    )
    flows = facts.flows.select("f", pl.col("c").is_not_null().alias("is_on_case"), "flow_id")
    goods = facts.more["goods"].select("c", "pieces", "unit_cost_fen", "received_qty", "wrong_posted_qty", "kind")
    return (
        named.join(of_case, on="c", how="left", validate="m:1")
        .join(of_flow, on="f", how="left", validate="m:1")
        .with_columns(u.alias("u"))
        .drop("u_case", "u_flow")
        .join(units, on="u", how="left", validate="m:1")
        .with_columns(pl.coalesce("c", "unit_c").alias("c"), pl.coalesce("f", "unit_f").alias("f"))
        .join(cases, on="c", how="left", validate="m:1")
        .join(flows, on="f", how="left", validate="m:1")
        .join(goods, on="c", how="left", validate="m:1")
        .join(accrued_return_costs(facts), on="case_id", how="left", validate="m:1")
        .with_columns(*_reference(), _basis())
    )


def _reference() -> list[pl.Expr]:
    """What a voucher line names so that the ledger's side finds it: the case, else the flow. P and S book no refund."""
    of_refund = ~_CODE.str.head(1).is_in(["P", "S"])
    has_case = pl.col("case_id").is_not_null()
    has_flow = pl.col("flow_id").is_not_null()
    kind = (
        pl.when(has_case)
        .then(pl.lit("case"))
        .when(has_flow)
        .then(pl.lit("flow"))
        .when(pl.col("order_id").is_not_null())
        .then(pl.lit("order"))
    )
    return [
        pl.when(of_refund).then(kind).alias("ref_kind"),
        pl.when(of_refund).then(pl.coalesce("case_id", "flow_id", "order_id")).alias("ref_id"),
    ]


def _basis() -> pl.Expr:
    """The goods a request is about: of its case, else of its flow, else of its order."""
    numbered = [pl.concat_str(pl.lit(f"{key} "), key) for key in ("c", "f", "o")]
    return pl.coalesce(*numbered).alias("basis")


def _out() -> pl.Expr:
    """What a flow took out, as the ledger should book it: with the clawback that came with it, where it stands on no case."""
    is_alone = (_CODE.is_in(_ON_FLOWS) & (pl.col("f") == pl.col("unit_f")) & (pl.col("base_fen") != 0)).fill_null(value=False)
    return pl.when(is_alone).then("base_fen").otherwise("actual_fen").alias("out")


def _amounts() -> list[pl.Expr]:
    """`target_fen`, `booked_fen`, `accrued_fen` and `cost_fen` by code."""
    out, wallet, base = pl.col("out"), pl.col("wallet_fen"), pl.col("base_fen")
    accrued = pl.col("accrued_before_fen") + pl.col("accrued_in_fen")
    is_missing_accrual = pl.col("why_key").is_in(["L05_cas", "L05_provision"])
    # An accrual not released yet pays the refund first.
    is_release = _CODE.is_in(["L01", "L05"]) & ~is_missing_accrual
    open_accrual = pl.min_horizontal(pl.col("accrued_before_fen"), base - wallet).clip(0)
    ledger_only = _is_ledger_only()
    by_ledger = (
        _CODE.is_in(["L01", "L04", "L06", "A04"]) | (is_release) | ledger_only | ((_CODE == "C12") & (pl.col("letter") == "c"))
    )
    target = (
        pl.when(by_ledger)
        .then(base)
        .when(is_missing_accrual)
        .then(accrued + pl.col("unaccrued_fen"))
        .when(_CODE.is_in(_UNPAID))
        .then(wallet)
        .when(_CODE.is_in(_TAKES))
        .then(pl.lit(0, pl.Int64))
        .when(_CODE.is_in(_ON_FLOWS))
        .then(out)
        .when(_CODE.is_in([*_OF_SALES, "A03"]))
        .then("expected_fen")
    )
    booked = (
        pl.when(by_ledger)
        .then(wallet)
        .when(is_missing_accrual)
        .then(accrued)
        .when(_CODE.is_in([*_TAKES, *_OF_SALES, "A03"]))
        .then(out)
    )
    expected_back = pl.when((pl.col("kind") == "return_refund") & (pl.col("received_qty") == 0) & ~pl.col("is_provisioned")).then(
        pl.col("pieces") * pl.col("unit_cost_fen")
    )
    cost = (
        pl.when(is_missing_accrual)
        .then(expected_back)
        .when(_CODE == "L08")
        .then("expected_fen")
        .otherwise(pl.col("loss_fen").abs())
    )
    return [
        target.fill_null(0).alias("target_fen"),
        booked.fill_null(0).alias("booked_fen"),
        pl.when(is_release).then(open_accrual).fill_null(0).alias("accrued_fen"),
        cost.fill_null(0).alias("cost_fen"),
    ]


def _is_ledger_only() -> pl.Expr:
    """The approved amount and the money are right, the ERP's amount is not, and the ledger took it."""
    is_erp = (pl.col("claimed_fen") != pl.col("approved_amount")).fill_null(value=False)
    return ((_CODE == "A03") & is_erp & (_STATE == "amount")).fill_null(value=False)


def _conditions(facts: Facts) -> list[pl.Expr]:
    """The conditions that decide which form a code takes; never null."""
    scope, has_ledger = facts.scope, "voucher_lines" in facts.supplied
    config, why = scope.config, pl.col("why_key")
    is_small = _GAP.abs() <= config.limits.small_loss
    is_erp = (pl.col("claimed_fen") != pl.col("approved_amount")) & (_CODE == "A03")
    is_money = (pl.col("n_paid") > 0) | pl.col("in_escrow")
    is_lacking = _STATE.is_in(["not_booked", "late"]) if has_ledger else pl.lit(value=True)
    # Bill rows that are no refunds stand in no unit: a voucher line that names the row books it.
    named = facts.vouchers["ref_ids"].explode().drop_nulls().unique().implode()
    is_named = pl.col("key").is_in(named)
    is_other = _CODE.is_in(OF_FLOWS)
    # A flow that is only part of what its refund lacks is booked with the refund (L01).
    is_whole = (pl.col("letter") != "f") | (pl.col("base_fen") - pl.col("wallet_fen") == pl.col("out"))
    differences = facts.cases.filter(pl.col("price_difference_fen") < 0).select(
        pl.concat_str("order_id", pl.lit("|"), -pl.col("price_difference_fen")).alias("cut")
    )["cut"]
    is_cut = pl.concat_str("order_id", pl.lit("|"), "actual_fen").is_in(differences.implode())
    found = {
        "is_ledger_only": _is_ledger_only(),
        "is_over": (_GAP > 0) & ~is_erp & is_money,
        "is_under": (_GAP < 0) & ~is_erp,
        "is_unbooked": (_STATE == "amount") & (_RESIDUAL == -_GAP),
        "is_overbooked": (_STATE == "amount") & (_RESIDUAL == -_GAP),
        "is_of_voucher": why == "A06_voucher",
        "is_of_payment": why == "A06_payment",
        "is_booked_unpaid": (_STATE == "no_flow") & (pl.col("wallet_fen") > 0),
        "is_not_booked": pl.when(is_other).then(~is_named).otherwise(is_lacking & is_whole),
        "is_on_sales": pl.col("sales_fen") > 0,
        "is_taken_back": ~(is_small & (config.policy.over_refund == "allowance")),
        "is_price_cut": pl.col("is_on_case") | is_cut | (config.policy.unlinked_small_transfer == "price_cut"),
        "is_accrued": pl.col("accrued_before_fen") > 0,
        "is_unaccrued": why.is_in(["L05_cas", "L05_provision"]) & scope.is_in("approved_at"),
        "is_provisioned": pl.col("is_provisioned"),
        "is_late": why == "L05",
        "is_booked_here": why != "L06_before",
        "is_early_part": why == "L06_rest",
        "is_costed": pl.col("cost_fen") > 0,
        "is_cost_accrued": pl.col("return_cost_fen") > 0,
        "is_posted": pl.col("wrong_posted_qty") > 0,
        "is_too_many": _GAP > 0,
        "is_too_little": _GAP < 0,
        "is_nothing_arrived": pl.col("actual_fen") == 0,
        "is_claim": why == "S07_claim",
        "is_small": is_small,
        "is_lacking": is_lacking,
    }
    return [condition.fill_null(value=False).alias(name) for name, condition in found.items()]


def _add_sums(requests: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Roundings are written off a shop at a time, while what they come to (signs apart) is under the cap."""
    cap = facts.scope.config.tolerance.aggregate_cap
    total = _GAP.abs().filter(_CODE == "A06").sum().over("shop")
    is_rounding = (_CODE == "A06") & pl.col("primary_id").is_null()
    shop = pl.concat_str(pl.lit("A06 "), pl.col("shop").fill_null(""))
    return requests.with_columns(
        (is_rounding & (total <= cap)).alias("is_within_cap"),
        pl.when(is_rounding).then(shop).otherwise("discrepancy_id").alias("entry"),
    )


def _is_own(judged: pl.DataFrame) -> pl.Expr:
    """Findings that ask for an entry of their own: not explained by another, nor booked by the entry of what their flow is."""
    primary = judged.filter(pl.col("primary_id").is_null())
    taken = primary.filter(_CODE.is_in(_ON_FLOWS) & pl.col("is_not_booked"))["u"].drop_nulls()
    is_over = _CODE.is_in(_OVER) & pl.col("is_unbooked") & (pl.col("is_taken_back") | (_CODE != "C05"))
    excess = primary.filter(is_over | ((_CODE == "C06") & pl.col("is_overbooked")))
    is_booked_by_code = _CODE.is_in(["L01", "L05"]) & pl.col("is_lacking") & pl.col("u").is_in(taken.implode())
    is_excess = (_CODE == "L04") & pl.col("u").is_in(excess["u"].drop_nulls().implode())
    decided = primary.filter((_CODE == "C12") & (pl.col("letter") == "c") & pl.col("is_not_booked"))["u"].drop_nulls()
    is_decided = (_CODE == "C11") & pl.col("u").is_in(decided.implode())
    is_own = pl.col("primary_id").is_null() | (_CODE == "L05")
    return (is_own & ~is_booked_by_code & ~is_excess & ~is_decided).fill_null(value=False)


def _add_answers(asked: pl.DataFrame, judged: pl.DataFrame) -> pl.DataFrame:
    """`ids`: the finding, those it explains, and those about the same refund that its entry books too."""
    explained = judged.drop_nulls("primary_id").filter(_CODE != "L05").select("discrepancy_id", pl.col("primary_id").alias("by"))
    silent = judged.join(asked, on="discrepancy_id", how="anti").filter(
        pl.col("primary_id").is_null() & _CODE.is_in(["C11", "L01", "L04", "L05"])
    )
    carrying = asked.filter(_CODE.is_in([*_ON_FLOWS, *_OVER, "C06"])).select("u", pl.col("discrepancy_id").alias("by"))
    same = silent.select("discrepancy_id", "u").join(carrying, on="u", how="inner", validate="m:m").select("discrepancy_id", "by")
    accruals = asked.filter(_CODE == "L05").drop_nulls("primary_id")
    above = accruals.select(pl.col("primary_id").alias("discrepancy_id"), pl.col("discrepancy_id").alias("by"))
    also = (
        pl.concat([explained, same, above])
        .unique()
        .sort("discrepancy_id")
        .group_by("by")
        .agg(pl.col("discrepancy_id").alias("also"))
    )
    own = pl.concat_list("discrepancy_id")
    if "is_stated" in asked.columns:
        own = pl.when(pl.col("is_stated").fill_null(value=True)).then(own).otherwise(pl.lit([], pl.List(pl.String)))
    return asked.join(also, left_on="discrepancy_id", right_on="by", how="left", validate="1:1").with_columns(
        pl.when(pl.col("also").is_null()).then(own).otherwise(own.list.concat("also")).alias("ids")
    )


def _per_ref(asked: pl.DataFrame, facts: Facts) -> pl.DataFrame:
    """Findings about a voucher, one request per refund in it: what each books too much or wrongly."""
    key = pl.col("subject").str.extract(r"^v (.*)$", 1)
    asked = asked.with_columns(key.alias("voucher"))
    lacking = facts.units.filter(_STATE.is_in(["not_booked", "late"]))["u"].implode()
    stale = facts.more["stale_refs"].filter(~pl.col("u").is_in(lacking).fill_null(value=False))
    wrong = facts.more["wrong_lines"]
    splits = facts.more["bookings"].filter("is_wrong_split")
    zero = pl.lit(0, pl.Int64)
    found = pl.concat(
        [
            name_refs(stale, "L10", zero, pl.col("open_fen")),
            name_refs(splits, "L07", zero, zero, pl.col("tax_fen") - pl.col("vat_fen")),
            name_refs(wrong, "L09", -pl.col("net_fen"), zero),
            lone_refs(facts),
        ]
    )
    units = facts.units.select("u", "c", "f")
    per_ref = asked.drop("u", "c", "f").join(found, on=["code", "voucher"], how="inner", validate="m:m")
    # A voucher with too much tax on one refund and too little on another is two findings.
    is_other_way = (_CODE == "L07") & (pl.col("tax_fen") * _GAP > 0)
    return per_ref.filter(~is_other_way).join(units, on="u", how="left", validate="m:1").with_columns(_basis())


def _releases(facts: Facts) -> pl.DataFrame:
    """Accruals of earlier months whose release is due, before they are old enough to be a finding (L10).

    The case was closed, or its refund was paid and booked on sales once more instead of being taken from the accrual.
    """
    paid = pl.col("flow_before_fen") + pl.col("flow_in_fen")
    direct = pl.col("booked_before_fen") - pl.col("accrued_before_fen") + pl.col("wallet_fen")
    again = facts.units.filter((_STATE == "ties") & (paid > 0) & (direct >= paid))["u"].implode()
    is_due = pl.col("is_closed").fill_null(value=False) | pl.col("u").is_in(again).fill_null(value=False)
    due = facts.more["due_refs"].filter(is_due & (pl.col("date") < facts.scope.period.start))
    zero = pl.lit(0, pl.Int64)
    named = name_refs(due, "L10", zero, pl.col("open_fen"))
    shops = due.select("period", "voucher_id", "shop").group_by("period", "voucher_id").agg(pl.col("shop").first())
    voucher = pl.concat_str("period", pl.lit("|"), "voucher_id").alias("voucher")
    units = facts.units.select("u", "c", "f", "o")
    return (
        named.join(shops.select(voucher, "shop"), on="voucher", how="left", validate="m:1")
        .join(units, on="u", how="left", validate="m:1")
        .with_columns(
            zero.alias("accrued_fen"),
            zero.alias("cost_fen"),
            pl.concat_str(pl.lit("release "), "voucher", pl.lit("|"), pl.col("ref_id").fill_null("")).alias("entry"),
            pl.lit([], pl.List(pl.String)).alias("ids"),
            _basis(),
        )
    )
