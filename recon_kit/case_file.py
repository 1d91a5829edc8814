"""One line per after-sales case: how each of its legs stands, with its vouchers and approval. Pure.

Exchanges, resends and repairs move no money and are judged all the same, by their goods. Source: docs/method.md, case file.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts import Facts
from recon_kit.results import CASE_FILE, conform_result
from recon_kit.schedule import is_due

LEGS = ("money", "goods", "ledger", "fee", "discount")
_MONEY = r"^(C0[1-8]|C1[1-5])$"
_DISCOUNT = r"^A0[1235]$"
_LEDGER = r"^(L\d\d|A04)$"
_FEE = r"^S0[12]$"
_BOOKED = ("ties", "rounding")
_UNKNOWN = ("unseen",)
_JUDGED_BY = {"M2": "order_lines", "M4": "voucher_lines", "M9": "fees"}
"""Check → the table without which its leg is not checked: a check that is not due says as little as a table that is absent."""


def build_case_file(facts: Facts, findings: pl.DataFrame) -> pl.DataFrame:
    """`case_file`: one row per case applied for by the as-of day.

    A leg is broken by a finding of its codes (related ones too), pending by one that may still clear, not_checked without
    the tables it needs or where its check is not due, none where nothing was to move; else it ties. A case is complete when it
    has ended, every leg ties or is none, its approval is not missing and what its ledger leg rests on is named.
    """
    cases = facts.cases.filter(facts.scope.is_fact("applied_at"))
    marked = (
        cases.join(_marks(findings), on=["platform_key", "case_id"], how="left", validate="m:1")
        .join(_order_marks(findings), on=["platform_key", "order_id"], how="left", validate="m:1")
        .join(_ledger(facts), on="c", how="left", validate="1:1")
        .join(_goods(facts), on="c", how="left", validate="1:1")
        .join(_fees(facts), on="order_id", how="left", validate="m:1")
        .with_columns(pl.col("codes", "order_codes").fill_null(pl.lit([], pl.List(pl.String))))
    )
    period = facts.scope.period
    supplied = facts.supplied - {table for check, table in _JUDGED_BY.items() if not is_due(check, period)}
    legs = marked.with_columns(
        _money(supplied).alias("money"),
        pl.coalesce(*(["goods_leg"] if is_due("M6", period) else []), pl.lit("not_checked")).alias("goods"),
        _ledger_leg(supplied).alias("ledger"),
        _fee_leg(supplied).alias("fee"),
        _discount_leg(supplied).alias("discount"),
        _approval(facts.scope.config.limits.auto_approval).alias("approval"),
        pl.concat_list("codes", "order_codes").list.unique().list.sort().alias("findings"),
    )
    has_ended = pl.col("platform_status").is_in(["success", "closed"])
    settled = pl.all_horizontal(*(pl.col(leg).is_in(["ties", "none"]) for leg in LEGS))
    named = (pl.col("ledger") == "none") | (pl.col("vouchers").list.len() > 0)
    complete = has_ended & settled & named & (pl.col("approval") != "missing")
    ended = pl.col("is_done_in") | (pl.col("is_closed") & facts.scope.is_in("ended_at"))
    return conform_result(
        legs.with_columns(
            complete.fill_null(False).alias("is_complete"), ended.fill_null(False).alias("is_of_period"), pl.col("amount_fen")
        ).sort("platform", "case_id", nulls_last=True),
        CASE_FILE,
    )


def _marks(findings: pl.DataFrame) -> pl.DataFrame:
    """The findings of a case: its codes, and when the last of its pending ones becomes a break."""
    platform = pl.col("platform").replace("tmall", "taobao").alias("platform_key")
    waits = (pl.col("nature") == "timing") & pl.col("code").str.contains(_MONEY)
    until = pl.col("breaks_on").filter(waits).max().alias("money_until")
    return (
        findings.drop_nulls("case_id")
        .filter(pl.col("nature") != "rounding")
        .group_by(platform, "case_id")
        .agg(pl.col("code").unique().sort().alias("codes"), until)
    )


def _order_marks(findings: pl.DataFrame) -> pl.DataFrame:
    """The discount findings of an order, which all of its cases share."""
    mine = findings.filter(
        pl.col("case_id").is_null() & pl.col("order_id").is_not_null() & pl.col("code").str.contains(_DISCOUNT)
    )
    platform = pl.col("platform").replace("tmall", "taobao").alias("platform_key")
    return mine.group_by(platform, "order_id").agg(pl.col("code").unique().sort().alias("order_codes"))


def _ledger(facts: Facts) -> pl.DataFrame:
    """Per case: the states of its bookings, how much moved and was booked, its vouchers and their attachments."""
    by_flow = facts.parts.select("c", "f").join(facts.ledger.flow_units, on="f", how="inner", validate="m:m")
    units = facts.units.select("u", "unit", "state", "flow_before_fen", "flow_in_fen", "booked_before_fen", "booked_in_fen")
    mine = pl.concat(
        [
            by_flow.select("c", "unit"),
            facts.units.drop_nulls("c").select("c", "unit"),
        ]
    ).unique()
    of_case = mine.join(units, on="unit", how="inner", validate="m:1")
    attachments = facts.vouchers.group_by("period", "voucher_id").agg(pl.col("attachments").max())
    vouchers = (
        facts.refs.drop_nulls("u")
        .select("u", "period", "voucher_id")
        .join(attachments, on=["period", "voucher_id"], how="left", validate="m:1")
        .join(of_case.select("c", "u"), on="u", how="inner", validate="m:m")
        .unique(["c", "period", "voucher_id"])
        .group_by("c")
        .agg(pl.col("voucher_id").sort().alias("vouchers"), pl.col("attachments").sum().alias("attachments"))
    )
    states = of_case.group_by("c").agg(
        pl.col("state").unique().sort().alias("states"),
        (pl.col("flow_before_fen") + pl.col("flow_in_fen")).sum().alias("moved_fen"),
        (pl.col("booked_before_fen") + pl.col("booked_in_fen")).sum().alias("booked_fen"),
    )
    return states.join(vouchers, on="c", how="full", coalesce=True, validate="1:1")


def _goods(facts: Facts) -> pl.DataFrame:
    until = pl.col("goods_until")
    return facts.frame("goods").select("c", pl.col("goods_state").alias("goods_leg"), until)


def _fees(facts: Facts) -> pl.DataFrame:
    """Orders that were charged fees."""
    if "fees" not in facts.more:
        return pl.DataFrame(schema={"order_id": pl.String, "has_fees": pl.Boolean})
    charged = facts.frame("fees").select("order_id").drop_nulls().unique()
    return charged.with_columns(pl.lit(True).alias("has_fees"))


def _has(pattern: str, column: str = "codes") -> pl.Expr:
    return pl.col(column).list.eval(pl.element().str.contains(pattern)).list.any().fill_null(False)


def _money(supplied: frozenset[str]) -> pl.Expr:
    pending = pl.col("money_until").is_not_null() | _has("^(C02|C15)$")
    return (
        pl.when(_has(_MONEY) & ~pending)
        .then(pl.lit("broken"))
        .when(~pl.col("is_refund") | pl.col("is_closed"))
        .then(pl.lit("none"))
        .when(pl.lit("flows" not in supplied))
        .then(pl.lit("not_checked"))
        .when(pending | ~pl.col("is_done"))
        .then(pl.lit("pending"))
        .when((pl.col("paid_fen") == 0) & ~pl.col("in_escrow") & (pl.col("amount_fen") > 0))
        .then(pl.lit("not_checked"))  # it ended before the loaded bills, or no bill of its platform came
        .otherwise(pl.lit("ties"))
    )


def _ledger_leg(supplied: frozenset[str]) -> pl.Expr:
    states = pl.col("states").fill_null(pl.lit([], pl.List(pl.String)))
    ties = states.list.eval(pl.element().is_in(_BOOKED)).list.all()
    unknown = states.list.eval(pl.element().is_in(_UNKNOWN)).list.any()
    moved, booked = pl.col("moved_fen").fill_null(0) != 0, pl.col("booked_fen").fill_null(0) != 0
    return (
        pl.when(pl.lit("voucher_lines" not in supplied))
        .then(pl.lit("not_checked"))
        .when(_has(_LEDGER) | ~(ties | unknown))
        .then(pl.lit("broken"))
        .when(unknown | (moved & ~booked))
        .then(pl.lit("not_checked"))
        .when(moved | booked)
        .then(pl.lit("ties"))
        .when(pl.col("is_refund") & ~pl.col("is_closed") & ~pl.col("in_escrow") & (pl.col("amount_fen") > 0))
        .then(pl.lit("pending"))
        .otherwise(pl.lit("none"))
    )


def _fee_leg(supplied: frozenset[str]) -> pl.Expr:
    return (
        pl.when(pl.lit("fees" not in supplied))
        .then(pl.lit("not_checked"))
        .when(_has(_FEE))
        .then(pl.lit("broken"))
        .when(pl.col("is_refund") & pl.col("is_done") & pl.col("has_fees").fill_null(False))
        .then(pl.lit("ties"))
        .otherwise(pl.lit("none"))
    )


def _discount_leg(supplied: frozenset[str]) -> pl.Expr:
    return (
        pl.when(_has(_DISCOUNT) | _has(_DISCOUNT, "order_codes"))
        .then(pl.lit("broken"))
        .when(~pl.col("is_refund") | pl.col("is_closed"))
        .then(pl.lit("none"))
        .when(pl.lit("order_lines" not in supplied))
        .then(pl.lit("not_checked"))
        .otherwise(pl.lit("ties"))
    )


def _approval(limit: int) -> pl.Expr:
    return (
        pl.when(pl.col("approver").is_not_null())
        .then(pl.lit("approved"))
        .when(pl.col("decided_by") == "platform")
        .then(pl.lit("platform"))
        .when(pl.col("is_closed") | ~pl.col("is_done").fill_null(False))
        .then(pl.lit("none"))
        .when(pl.col("amount_fen") <= limit)
        .then(pl.lit("automatic"))
        .otherwise(pl.lit("missing"))
    )
