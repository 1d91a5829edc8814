"""What an order's amounts must agree with: their own identity, its lines, and (A05) what a refund gives back beside money."""

from __future__ import annotations

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.promotions import is_merchant_discount, recompute
from recon_kit.facts.scope import Scope
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import match
from recon_kit.pairs import PAIRS
from recon_kit.schema import ORDER_DISCOUNTS, ORDERS, natural_key

RESTORABLE = ("points", "cross_shop_allowance", "platform_red_packet")
"""Layers whose value goes back to the buyer's account, not to their wallet, when the goods do."""
WITHOUT_POINTS = ("pdd",)
"""Platforms that know no points: their exports have no such column. Source: docs/method.md, discounts."""
NET_LINES = ("taobao", "tmall")
"""Platforms whose item export may state what was paid net of refunds, or may count a refund the order export does not."""
_PARTS = {
    "list_fen": 1,
    "merchant_discount_fen": -1,
    "platform_discount_fen": -1,
    "points_fen": -1,
}
"""Amounts both an order and its lines can state, with their sign in the identity; shipping stands in the header alone."""


def discount_facts(tied: Tied) -> dict[str, pl.DataFrame]:
    """`identities` (A02), `stacking` (A01), `unrestored` (A05) and the rows of M2."""
    orders = tied.orders.filter(_is_paid(tied.scope))
    orders = orders.join(_sum_lines(tied, orders), on="o", how="left", validate="1:1", maintain_order="left")
    found = {
        "identities": _identities(orders).with_columns(SOURCE.alias("order_source")),
        "stacking": _stacking(tied, orders).with_columns(SOURCE.alias("order_source")),
        "unrestored": _unrestored(tied),
    }
    return found | ({"sides_M2": _order_rule(tied)} if "order_discounts" in tied.supplied else {})


def _is_paid(scope: Scope) -> pl.Expr:
    """Unpaid orders take no part in A codes; what an earlier month left open stands. Source: rulings 6."""
    return scope.is_fact("paid_at") & (pl.col("status") != "unpaid")


def _sum_lines(tied: Tied, orders: pl.DataFrame) -> pl.DataFrame:
    """Σ of each amount over the lines of an order `o`, null where a line does not state it.

    Lines name no platform, so an order whose id another platform has too gets none.
    """
    named = orders.filter(~pl.col("is_shared_id")).select("order_id", "o")
    amounts = [*_PARTS, "buyer_paid_fen"]
    whole = [pl.when(pl.col(name).null_count() == 0).then(pl.col(name).sum()).alias(f"lines_{name}") for name in amounts]
    return (
        tied.tables["order_lines"]
        .select("order_id", *amounts, SOURCE.alias("line_source"))
        .join(named, on="order_id", how="inner", validate="m:1")
        .group_by("o")
        .agg(*whole, pl.len().cast(pl.Int64).alias("n_lines"), pl.col("line_source").sort().head(20))
    )


def _identities(orders: pl.DataFrame) -> pl.DataFrame:
    """One row per paid order whose amounts do not agree, with the first identity that breaks (`broken`).

    `header`: list + shipping − discounts − points ≠ buyer_paid. `lines`: Σ of what the lines paid + shipping ≠ buyer_paid.
    Else the name of the column whose lines sum to something else. `identity_fen` is what buyer_paid would have to be.
    Exact to the fen: an identity has no tolerance. Source: docs/rules.md, A02; rulings 6.
    """
    paid, shipping = pl.col("buyer_paid_fen"), pl.col("shipping_fen")
    points = pl.when(pl.col("platform").is_in(WITHOUT_POINTS)).then(pl.col("points_fen").fill_null(0)).otherwise("points_fen")
    header = pl.col("list_fen") + shipping - pl.col("merchant_discount_fen") - pl.col("platform_discount_fen") - points
    lines = pl.col("lines_buyer_paid_fen") + shipping
    refunded = pl.when(pl.col("platform").is_in(NET_LINES)).then(pl.col("refunded_fen")).fill_null(0)
    # Taobao puts the postage into the line of an order that has but one.
    alone = (pl.col("n_lines") == 1) & (pl.col("lines_buyer_paid_fen") == paid)
    agrees = pl.any_horizontal(*((lines + moved == paid) for moved in (pl.lit(0), refunded, -refunded))) | alone
    found = pl.when(header != paid).then(pl.lit("header")).when(~agrees).then(pl.lit("lines"))
    expected = pl.when(header != paid).then(header).when(~agrees).then(lines)
    for name, sign in _PARTS.items():
        differs = pl.col(f"lines_{name}") != pl.col(name)
        found = found.when(differs).then(pl.lit(name))
        expected = expected.when(differs).then(paid + sign * (pl.col(f"lines_{name}") - pl.col(name)))
    return orders.with_columns(found.alias("broken"), expected.alias("identity_fen")).filter(pl.col("broken").is_not_null())


def _stacking(tied: Tied, orders: pl.DataFrame) -> pl.DataFrame:
    """One row per paid order whose merchant discount can be judged: what it should be, and what is booked.

    `expected_fen`: recomputed where the order's discounts name promotions, else as the platform states it. `booked_fen`: the
    ERP's, unless only the platform's differs from the recomputation. Tolerance 0.01 a line. Source: rulings 21.
    """
    limits = tied.scope.config.tolerance
    tolerance = pl.min_horizontal(pl.col("n_lines").fill_null(1) * limits.aggregate_per_line, pl.lit(limits.aggregate_cap))
    stated = pl.coalesce("merchant_discount_fen", "lines_merchant_discount_fen")
    booked = pl.col("erp_merchant_discount_fen")
    off = (
        orders.join(recompute(tied, orders), on="o", how="left", validate="1:1", maintain_order="left")
        .filter(pl.col("recomputed_fen").is_not_null() | booked.is_not_null())
        .with_columns(
            pl.col("recomputed_fen").is_not_null().alias("is_recomputed"),
            pl.coalesce("recomputed_fen", stated).alias("expected_fen"),
            tolerance.alias("tolerance_fen"),
        )
        .with_columns(
            pl.when((booked - pl.col("expected_fen")).abs() > pl.col("tolerance_fen"))
            .then(booked)
            .otherwise(pl.coalesce(stated, booked))
            .alias("booked_fen")
        )
        .filter((pl.col("booked_fen") - pl.col("expected_fen")).abs() > pl.col("tolerance_fen"))
    )
    rules = (
        tied.tables["order_discounts"]
        .join(off, on="order_id", how="semi")
        .group_by("order_id")
        .agg(
            pl.col("rule").drop_nulls().unique().sort().str.join("、").alias("rules"),
            SOURCE.sort_by("seq").head(20).alias("discount_source"),
        )
    )
    return off.join(rules, on="order_id", how="left", validate="m:1", maintain_order="left")


def _unrestored(tied: Tied) -> pl.DataFrame:
    """One row per refunded case with points or an allowance of its line (or order) due back and no trace of their return.

    `points_due_fen`: the refunded share of what was used. Due only where the discount is marked returnable; any return counts,
    whatever its amount: points on the case, a fee row, or a clawback, by which the platform takes its part back from us.
    """
    used = (
        tied.tables["order_discounts"]
        .filter(pl.col("layer").is_in(RESTORABLE) & pl.col("returnable") & (pl.col("amount_fen") > 0))
        .select("order_id", pl.col("line_id").alias("used_on"), "amount_fen", SOURCE.alias("discount_source"))
    )
    paid = tied.tables["order_lines"].select("order_id", "line_id", pl.col("buyer_paid_fen").alias("line_paid_fen"))
    cases = (
        tied.cases.filter(pl.col("kind").is_in(["refund_only", "return_refund"]) & pl.col("is_done") & (pl.col("amount_fen") > 0))
        .filter(pl.col("points_returned_fen").fill_null(0) == 0)
        .join(used.select("order_id"), on="order_id", how="semi")
        .join(paid, on=["order_id", "line_id"], how="left", validate="m:1")
        .pipe(_without_return, tied)
    )
    whole = pl.when(pl.col("used_on").is_null()).then("order_paid_fen").otherwise(pl.coalesce("line_paid_fen", "order_paid_fen"))
    due = 2 * pl.col("used_fen") * pl.min_horizontal("case_fen", whole) + whole
    return (
        cases.rename({"amount_fen": "case_fen"})
        .join(used.rename({"amount_fen": "used_fen"}), on="order_id", how="inner", validate="m:m")
        .filter(pl.col("used_on").is_null() | pl.col("line_id").is_null() | (pl.col("used_on") == pl.col("line_id")))
        .with_columns(pl.when(whole > 0).then(due // (2 * whole)).otherwise("used_fen").alias("points_due_fen"))
        .filter(pl.col("points_due_fen") > 0)
        .group_by("c", maintain_order=True)
        .agg(
            pl.col("platform", "platform_key", "case_id", "order_id", "shop", "channel", "done_at", "case_source").first(),
            pl.col("points_due_fen", "used_fen").sum(),
            pl.col("discount_source").sort().head(20),
        )
        .sort("c")
    )


def _without_return(cases: pl.DataFrame, tied: Tied) -> pl.DataFrame:
    """The cases that neither a fee row nor a clawback gives points back for, by the case or else by its order."""
    scope = tied.scope
    fees = tied.tables["fees"].filter((pl.col("kind") == "points_awarded_return") & scope.is_fact("at"))
    clawbacks = tied.flows.filter((pl.col("kind") == "subsidy_clawback") & pl.col("is_fact"))
    returned = pl.concat([frame.select("case_id", "order_id") for frame in (fees, clawbacks)])
    by_order = returned.filter(pl.col("case_id").is_null()).select("order_id")
    return cases.join(returned.select("case_id"), on="case_id", how="anti").join(by_order, on="order_id", how="anti")


def _order_rule(tied: Tied) -> pl.DataFrame:
    """M2: what the seller gave on an order against the discounts that explain it; what others fund, and points, stand outside."""
    known = tied.orders.filter(~pl.col("is_shared_id")).select("order_id", "o")
    lefts = tied.orders.with_columns(
        pl.col("order_id").hash().alias("partition"), pl.col("merchant_discount_fen").fill_null(0).alias("amount_fen")
    )
    gives = ~pl.col("is_shared_id") & (pl.col("amount_fen") != 0)
    rights = (
        tied.tables["order_discounts"]
        .with_row_index("d")
        .with_columns(pl.col("d").cast(pl.Int64), pl.col("order_id").hash().alias("partition"))
        .join(known, on="order_id", how="left", validate="m:1", maintain_order="left")
    )
    matched = match(
        PAIRS["M2"],
        lefts.filter(gives).select(pl.col("o").alias("row"), "o", "amount_fen", "partition"),
        rights.filter(is_merchant_discount()).select(pl.col("d").alias("row"), "o", "amount_fen", "partition"),
    )
    outcome = ["group", "pass", pl.col("reason").alias("unmatched")]
    left = lefts.join(matched.left.select(pl.col("row").alias("o"), *outcome), on="o", how="left", validate="1:1")
    right = rights.join(matched.right.select(pl.col("row").alias("d"), *outcome), on="d", how="left", validate="1:1")
    return pl.concat(
        [
            side(left, "left", pl.lit("orders"), natural_key(ORDERS), pl.col("amount_fen"), EXCLUDED),
            side(right, "right", pl.lit("order_discounts"), natural_key(ORDER_DISCOUNTS), pl.col("amount_fen"), EXCLUDED),
        ]
    )
