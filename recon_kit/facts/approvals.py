"""Who approved what: amounts changed after approval, amounts nobody approved, advances nobody settled, and M13."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.ledger import is_booked_in
from recon_kit.facts.scope import Scope
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import match
from recon_kit.money import parse_yuan_expr
from recon_kit.pairs import PAIRS
from recon_kit.schema import AFTERSALES, natural_key

_IS_AMOUNT = pl.col("field").is_in(["requested", "approved", "final"])


def approval_facts(tied: Tied) -> dict[str, pl.DataFrame]:
    """`approvals` (C09, C15, K01, K02 of a case), `signatures` (K02, K03 of a voucher) and the rows of M13."""
    found = {"approvals": _approvals(tied), "signatures": _signatures(tied)}
    return found | ({"sides_M13": _statuses(tied)} if "aftersales.erp_status" in tied.supplied else {})


def _approvals(tied: Tied) -> pl.DataFrame:
    """One row per case with what its controls turn on; facts of the as-of day, whatever month the case is of.

    `old_fen`, `new_fen`, `amended_at`: an amount changed after approval that nobody approved again (null: none).
    `money_fen`: what the case costs us, refund or price difference. `is_approved`: it was agreed to, or it succeeded.
    `reapproved_fen`: the most that a second approval let pass. `is_unsettled`: see `_is_unsettled`.
    """
    scope = tied.scope
    paid_extra = pl.when(pl.col("kind") == "exchange").then(-pl.col("price_difference_fen")).fill_null(0)
    cases = (
        tied.cases.join(_amendments(tied), on="c", how="left", validate="1:1", maintain_order="left")
        .join(_second_approvals(tied), on="c", how="left", validate="1:1", maintain_order="left")
        .join(_goods_back(tied), on="c", how="left", validate="1:1", maintain_order="left")
    )
    return (
        cases.with_columns(
            pl.when("is_refund").then("amount_fen").otherwise(paid_extra).alias("money_fen"),
            (scope.is_fact("approved_at") | pl.col("is_done")).alias("is_approved"),
            pl.lit(scope.config.limits.auto_approval).alias("limit_fen"),
            ((pl.col("decided_by") == "platform").fill_null(value=False) | pl.col("is_flow_decided")).alias(
                "is_platform_decided"
            ),
            _advanced_at(scope).alias("advanced_at"),
            pl.lit(scope.config.sla_days.return_).alias("return_days"),
        )
        .with_columns(scope.age("advanced_at").alias("advance_days"))
        .with_columns(_is_unsettled(tied).alias("is_unsettled"))
    )


def _money_events(tied: Tied) -> pl.DataFrame:
    """Changes of an amount that are facts, with the case `c` they are of; a case number two platforms share names none."""
    named = tied.cases.filter(~pl.col("case_id").is_duplicated()).select("case_id", "c", "approved_at", "is_done", "done_at")
    return (
        tied.tables["aftersale_events"]
        .filter(_IS_AMOUNT & tied.scope.is_fact("at"))
        .select(
            *("case_id", "seq", "at", "reapproved_by"),
            parse_yuan_expr(pl.col("old")).alias("old_fen"),
            parse_yuan_expr(pl.col("new")).alias("new_fen"),
            SOURCE.alias("event_source"),
        )
        .filter(pl.col("new_fen").is_not_null())
        .join(named, on="case_id", how="inner", validate="m:1")
        .sort("c", "at", "seq")
    )


def _second_approvals(tied: Tied) -> pl.DataFrame:
    """One row per case of which a change was approved again: the largest amount so approved."""
    again = _money_events(tied).filter(pl.col("reapproved_by").is_not_null())
    return again.group_by("c").agg(pl.col("new_fen").max().alias("reapproved_fen"))


def _amendments(tied: Tied) -> pl.DataFrame:
    """One row per case amended after its approval with nobody approving that amount, or more, then or later.

    From the amount before the first such change to the one after the last; `amended_at` is when that one was made.
    """
    events = _money_events(tied)
    again = pl.when(pl.col("reapproved_by").is_not_null()).then("new_fen").otherwise(-1)
    approved_then_or_later = again.reverse().cum_max().reverse().over("c")
    is_change = (pl.col("old_fen") != pl.col("new_fen")).fill_null(value=True)
    return (
        events.with_columns(approved_then_or_later.alias("approved_fen"))
        .filter((pl.col("at") > pl.col("approved_at")) & is_change & (pl.col("approved_fen") < pl.col("new_fen")))
        .group_by("c", maintain_order=True)
        .agg(
            pl.col("old_fen").first(),
            pl.col("new_fen").last(),
            pl.col("at").last().alias("amended_at"),
            pl.col("event_source").head(20),
        )
    )


def _advanced_at(scope: Scope) -> pl.Expr:
    """When the buyer had the money of an instant refund: its case ended, else was agreed to (null: not yet)."""
    agreed = pl.when(scope.is_fact("approved_at")).then("approved_at")
    return pl.when(pl.col("is_instant").fill_null(value=False)).then(pl.when("is_done").then("done_at").otherwise(agreed))


def _goods_back(tied: Tied) -> pl.DataFrame:
    """One row per case that some receipt may be the goods of, by case, waybill or order: `is_back`. Which one M6 decides."""
    arrived = tied.tables["receipts"].filter(tied.scope.is_fact("received_at"))
    asks = tied.cases.filter((pl.col("kind") == "return_refund") & pl.col("is_instant"))
    keys = {"case_id": "case_id", "return_waybill": "waybill", "order_id": "order_id"}
    found = [asks.join(arrived, left_on=mine, right_on=its, how="semi").select("c") for mine, its in keys.items()]
    return pl.concat(found).unique().with_columns(pl.lit(value=True).alias("is_back"))


def _is_unsettled(tied: Tied) -> pl.Expr:
    """An instant refund older than the time to return: its case is still open, or it succeeded and its goods are not back.

    Goods are looked at only where receipts were supplied; of a case without goods to return, success settles it, and closing
    settles any. Source: docs/rules.md, C15.
    """
    is_late = (pl.col("advance_days") > pl.col("return_days")).fill_null(value=False)
    is_out = (pl.col("kind") == "return_refund") & pl.col("is_back").is_null() & pl.lit("receipts" in tied.supplied)
    return is_late & pl.when("is_done").then(is_out).otherwise(~pl.col("is_closed"))


def _signatures(tied: Tied) -> pl.DataFrame:
    """One row per voucher of the period: who made and who approved it, and its `attachments` (null: none stated).

    `is_adjusting`: a line's 摘要 begins with 调整. `is_self_approved`: one person made and approved it.
    """
    return (
        tied.vouchers.filter(is_booked_in(tied.scope))
        .group_by("period", "voucher_id")
        .agg(
            pl.col("shop").first(),
            pl.col("date").min(),
            pl.col("maker").drop_nulls().first(),
            pl.col("approver").drop_nulls().first(),
            pl.col("attachments").max(),
            (pl.col("maker") == pl.col("approver")).any().alias("is_self_approved"),
            pl.col("summary").str.strip_chars().str.starts_with("调整").any().alias("is_adjusting"),
            SOURCE.sort_by("line_no").head(20).alias("voucher_source"),
        )
        .sort("period", "voucher_id")
    )


def _statuses(tied: Tied) -> pl.DataFrame:
    """M13: each case's platform status against its ERP status; states that differ beyond the hours allowed match nothing."""
    cases = tied.cases.with_columns(pl.col("case_id").hash().alias("partition"), pl.lit(0, pl.Int64).alias("amount_fen"))
    columns = [pl.col("c").alias("row"), "amount_fen", "partition", "c"]
    open_still = pl.when(~pl.col("is_status_mismatch")).then("c").alias("c_in_time")
    erp = cases.filter(pl.col("erp_status").is_not_null())
    matched = match(
        PAIRS["M13"],
        cases.select(*columns, pl.col("platform_status").alias("status"), open_still),
        erp.select(*columns, pl.col("erp_status").alias("status"), open_still),
    )
    outcome = ["group", "pass", pl.col("reason").alias("unmatched")]
    left = cases.join(matched.left.select(pl.col("row").alias("c"), *outcome), on="c", how="left", validate="1:1")
    right = erp.join(matched.right.select(pl.col("row").alias("c"), *outcome), on="c", how="left", validate="1:1")
    about = (pl.lit("aftersales"), natural_key(AFTERSALES), pl.col("amount_fen"), EXCLUDED)
    return pl.concat([side(left, "left", *about), side(right, "right", *about)])
