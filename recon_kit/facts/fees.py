"""What platforms charge for orders and give back for refunds, as of a day. Reads `fees` only, never the fee rows of bills.

Frames: `fees` one row per fee charged at a stated rate · `fee_returns` one per case whose refund should bring a fee back ·
`sides_M9` the pair. Source: docs/rules.md S01 and S02; rulings 12 and 23.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.ledger import attach_clawbacks
from recon_kit.facts.platform import attach_order
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS
from recon_kit.schema import AFTERSALES, FEES, natural_key

RETURNABLE = ("commission", "service", "points_awarded")
"""Fee kinds that follow the sale, so that a refund brings its share back."""
RETURNS = ("commission_return", "points_awarded_return")
"""Kinds that are returns by name; a negative row of a returnable kind is one too."""
RATE_UNIT = 10**8
"""Rates are whole hundred-millionths, so that rate × base is exact in whole numbers."""


def build_fees(tied: Tied) -> dict[str, pl.DataFrame]:
    """The frames of the fee rules; none where the fees or orders did not come."""
    if not {"orders", "fees"} <= tied.supplied:
        return {}
    rows = _numbered_fees(tied)
    charges = _charges(rows, tied)
    due = _due_returns(tied, charges)
    matched = _match_returns(tied, rows, due)
    frames = {"fees": _judge_charges(charges, tied), "fee_returns": _judge_returns(tied, rows, due, matched)}
    return frames | ({"sides_M9": _sides(tied, rows, due, matched)} if "aftersales" in tied.supplied else {})


def _numbered_fees(tied: Tied) -> pl.DataFrame:
    """Every fee row with its number `row`, order `o`, whether it `is_return`, and `rate_units` (null: no rate)."""
    kind, is_negative = pl.col("kind"), pl.col("amount_fen") < 0
    rate = pl.col("rate").str.strip_suffix("%").cast(pl.Float64, strict=False)
    percent = pl.when(pl.col("rate").str.ends_with("%")).then(100).otherwise(1)
    return (
        tied.tables["fees"]
        .with_row_index("row")
        .with_columns(pl.col("row").cast(pl.Int64), SOURCE.alias("source"))
        .pipe(attach_order, tied.orders, {"o": "o", "order_shop": "shop", "platform": "platform", "platform_key": "platform_key"})
        .with_columns(
            pl.coalesce("shop", "order_shop").alias("shop"),
            (kind.is_in(RETURNS) | (kind.is_in(RETURNABLE) & is_negative)).alias("is_return"),
            (rate * RATE_UNIT / percent).round().cast(pl.Int64).alias("rate_units"),
        )
    )


def _charges(rows: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """Fees charged on loaded orders at a stated rate and base, as facts, with the `base_fen` they are due on.

    A fee charged after a refund inside escrow is on what was left; how much of the merchant's receivable that is, is not
    known, so `base_fen` is null there. Source: rulings 12.
    """
    orders = tied.orders
    about = rows.filter(
        (pl.col("amount_fen") > 0) & ~pl.col("is_return") & pl.col("o").is_not_null() & tied.scope.is_fact("at")
    ).drop_nulls(["rate_units", "base"])
    refunded = tied.cases.filter(pl.col("in_escrow") & ~pl.col("is_escrow_unstated")).select(
        "o", "done_at", (pl.col("amount_fen") + pl.col("escrow_diff_fen")).alias("inside_fen")
    )
    inside = (
        about.select("row", "o", "at")
        .join(refunded, on="o", how="inner", validate="m:m")
        .filter(pl.col("done_at") <= pl.col("at"))
        .group_by("row")
        .agg(pl.col("inside_fen").sum())
    )
    base = (
        pl.when(pl.col("base") == "buyer_paid")
        .then(pl.col("paid_fen") - pl.col("inside_fen").fill_null(0))
        .when(pl.col("inside_fen").fill_null(0) == 0)
        .then("receivable_fen")
    )
    return (
        about.with_columns(
            orders["buyer_paid_fen"].gather(about["o"]).alias("paid_fen"),
            orders["merchant_receivable_fen"].gather(about["o"]).alias("receivable_fen"),
        )
        .join(inside, on="row", how="left", validate="1:1", maintain_order="left")
        .with_columns(base.alias("base_fen"))
    )


def _share(rate: str, base: pl.Expr) -> pl.Expr:
    """Rate × base, half up, in whole numbers."""
    return (pl.col(rate) * base + RATE_UNIT // 2) // RATE_UNIT


_TERMS = ["o", "kind", "rate_units", "base"]
"""Rows of an order with the same terms are parts of one charge."""


def _judge_charges(charges: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """One row per charge, the last of its parts: `due_fen` is what rate × base leaves for it."""
    earlier = pl.col("amount_fen").cum_sum() - pl.col("amount_fen")
    return (
        charges.sort("at", "fee_id")
        .with_columns(
            (_share("rate_units", pl.col("base_fen")) - earlier.over(_TERMS)).clip(0).alias("due_fen"),
            pl.col("source").over(_TERMS, mapping_strategy="join").list.head(20).alias("fee_source"),
            pl.len().over(_TERMS).cast(pl.Int64).alias("n_parts"),
            tied.scope.age("at").alias("age_days"),
        )
        .unique(_TERMS, keep="last", maintain_order=True)
        .with_columns((pl.col("n_parts") * tied.scope.config.tolerance.row).alias("tolerance_fen"))
    )


def _due_returns(tied: Tied, charges: pl.DataFrame) -> pl.DataFrame:
    """One row per case with successful refunds of an order charged before: `due_fen` to come back, since `refunded_at`.

    Refunds count at the rate of each returnable charge; where its base is the merchant's receivable, the platform's
    clawback counts too. Source: rulings 23.
    """
    scope, flows = tied.scope, tied.flows
    cases = tied.cases.filter(pl.col("is_refund") & ~pl.col("is_closed"))
    clawbacks = attach_clawbacks(flows, tied.parts, cases).drop_nulls("c")
    money = flows.filter(scope.is_fact("money_at")).select("f", "kind", "money_at")
    part, is_refund = pl.col("part_fen"), pl.col("kind") == "refund"
    refunded = (
        pl.concat([tied.parts.select("f", "c", "part_fen"), clawbacks.select("f", "c", "part_fen")])
        .join(money.filter(pl.col("kind").is_in(["refund", "subsidy_clawback"])), on="f", how="inner", validate="m:1")
        .group_by("c")
        .agg(
            part.filter(is_refund).sum().alias("refund_fen"),
            part.filter(~is_refund).sum().alias("clawback_fen"),
            pl.col("money_at").filter(is_refund).max().alias("refunded_at"),
        )
        .join(cases.select("c", "o"), on="c", validate="1:1")
    )
    base = pl.col("refund_fen") + pl.when(pl.col("base") == "merchant_receivable").then("clawback_fen").otherwise(0)
    terms = (
        charges.filter(pl.col("kind").is_in(RETURNABLE))
        .group_by(_TERMS)
        .agg(pl.col("at").min().alias("charged_at"), pl.col("source").sort().head(5).alias("fee_source"))
    )
    return (
        refunded.join(terms, on="o", how="inner", validate="m:m")
        .filter(pl.col("charged_at") <= pl.col("refunded_at"))
        .with_columns(_share("rate_units", base).alias("share_fen"))
        .sort("c", "kind", "rate_units", "base")
        .group_by("c", maintain_order=True)
        .agg(
            pl.col("o", "refunded_at").first(),
            pl.col("share_fen").sum().alias("due_fen"),
            pl.len().cast(pl.Int64).alias("n_terms"),
            pl.col("fee_source").list.explode(keep_nulls=False, empty_as_null=False).head(10),
        )
        .filter(pl.col("due_fen") > 0)
    )


def _match_returns(tied: Tied, rows: pl.DataFrame, due: pl.DataFrame) -> Matched:
    """M9: cases a fee is due back for against the returns. A return that names a case goes to that case or to none."""
    cases = tied.cases
    named = cases.select("case_id", "o", pl.col("c").alias("named")).drop_nulls("o").unique(["case_id", "o"], keep="none")
    returns = rows.filter("is_return").join(
        named, on=["case_id", "o"], how="left", validate="m:1", maintain_order="left", nulls_equal=False
    )
    return match(
        PAIRS["M9"],
        due.select(
            pl.col("c").alias("row"),
            pl.col("due_fen").alias("amount_fen"),
            pl.col("refunded_at").dt.date().alias("day"),
            "c",
            pl.col("o").alias("order"),
            pl.col("o").cast(pl.UInt64).alias("partition"),
        ),
        returns.select(
            "row",
            (-pl.col("amount_fen")).alias("amount_fen"),
            pl.col("at").dt.date().alias("day"),
            pl.col("named").alias("c"),
            pl.when(pl.col("named").is_null()).then("o").alias("order"),
            pl.coalesce("o", "row").cast(pl.UInt64).alias("partition"),
        ),
    )


def _judge_returns(tied: Tied, rows: pl.DataFrame, due: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """Add to each case what came back as of the as-of day, and the limits it is judged by."""
    scope = tied.scope
    came = (
        matched.right.drop_nulls("group")
        .select("row", "group")
        .join(rows.filter(scope.is_fact("at")).select("row", "amount_fen", "source"), on="row", how="inner", validate="1:1")
        .group_by("group")
        .agg((-pl.col("amount_fen")).sum().alias("returned_fen"), pl.col("source").sort().head(10).alias("return_source"))
    )
    about = ["platform", "platform_key", "shop", "channel", "order_id", "case_id", "case_source", "flow_source"]
    return (
        due.join(tied.cases.select("c", *about), on="c", validate="1:1")
        .join(matched.left.select(pl.col("row").alias("c"), "group"), on="c", validate="1:1")
        .join(came, on="group", how="left", validate="m:1")
        .with_columns(
            pl.col("returned_fen").fill_null(0),
            scope.age("refunded_at").alias("age_days"),
            pl.lit(scope.config.sla_days.commission_return, pl.Int64).alias("sla_days"),
            (pl.col("n_terms") * scope.config.tolerance.row).alias("tolerance_fen"),
        )
        .sort("c")
    )


def _sides(tied: Tied, rows: pl.DataFrame, due: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """M9 as matches and unmatched state it: every case with what is due back, every fee row with what it returned."""
    found = {
        name: frame.select("row", "group", "pass", pl.col("reason").alias("unmatched"))
        for name, frame in (("left", matched.left), ("right", matched.right))
    }
    left = tied.cases.join(due.select("c", "due_fen"), on="c", how="left", validate="1:1").join(
        found["left"], left_on="c", right_on="row", how="left", validate="1:1"
    )
    right = rows.join(found["right"], on="row", how="left", validate="1:1")
    owed = pl.col("due_fen").fill_null(0)
    return pl.concat(
        [
            side(left, "left", pl.lit("aftersales"), natural_key(AFTERSALES), owed, EXCLUDED),
            side(right, "right", pl.lit("fees"), natural_key(FEES), -pl.col("amount_fen"), EXCLUDED),
        ]
    )
