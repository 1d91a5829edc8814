"""The `matches` and `unmatched` tables: every row of both sides of each pair exactly once, with its amount."""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from recon_kit.errors import TieError
from recon_kit.facts import Facts, Scope, platform_covered
from recon_kit.facts.sides import EXCLUDED, SIDES, side
from recon_kit.pairs import PAIRS
from recon_kit.periods import Period
from recon_kit.results import MATCHES, UNMATCHED, conform_result
from recon_kit.schedule import is_due
from recon_kit.schema import AFTERSALES, FLOWS, ORDERS, PAYMENTS, REFUND_FLOW_KINDS, VOUCHER_LINES, natural_key


def pair_tables(facts: Facts) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Return (`matches`, `unmatched`) of every pair that is due; TieError when a row is missing or stands twice (a bug)."""
    placed = [place_rows(pair, sides, tolerance_of(pair, facts.scope)) for pair, sides in pair_sides(facts).items()]
    matches, unmatched = zip(*placed, strict=True)
    return (
        conform_result(pl.concat(matches).sort("pair", "group_id", "side", "table", "row_key"), MATCHES),
        conform_result(pl.concat(unmatched).sort("pair", "side", "table", "row_key"), UNMATCHED),
    )


def pair_sides(facts: Facts) -> dict[str, pl.DataFrame]:
    """The rows of both sides of every pair that is due, each once with its group or the reason it has none (`SIDES`)."""
    money = {"M1": _order_payment(facts), "M3": case_refund_sides(facts), "M4": _refund_ledger(facts)}
    added = {pair: facts.more[f"sides_{pair}"].select(*SIDES) for pair in PAIRS if f"sides_{pair}" in facts.more}
    if "M10" in added:
        added["M10"] = _reasoned_as_paid(added["M10"], money["M1"])
    return {pair: sides for pair, sides in (money | added).items() if is_due(pair, facts.scope.period)}


def tolerance_of(pair: str, scope: Scope) -> int:
    """What a group of the pair may be off and still tie: the tolerance of a row, in fen; pieces and states forgive nothing."""
    return scope.config.tolerance.row if PAIRS[pair].unit == "fen" else 0


def place_rows(pair: str, sides: pl.DataFrame, tolerance_fen: int) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The rows of one pair, unsorted, as (`matches`, `unmatched`); TieError when a row stands twice (a bug)."""
    for (name,), rows in sides.group_by("side"):
        if rows.select("table", "row_key").is_duplicated().any():
            raise TieError(f"pair {pair}, {name} side: a row stands twice; every row must have one outcome. This is a bug")
    signed = pl.when(pl.col("side") == "right").then("amount_fen").otherwise(-pl.col("amount_fen"))
    matched = sides.filter(pl.col("group").is_not_null()).with_columns(signed.sum().over("group").alias("gap_fen"))
    small = (pl.col("gap_fen") != 0) & (pl.col("gap_fen").abs() <= tolerance_fen)
    return (
        matched.with_columns(
            pl.lit(pair).alias("pair"),
            pl.concat_str(pl.lit(f"{pair}-"), "group").alias("group_id"),
            pl.when(small).then(pl.lit("in_tolerance")).otherwise(pl.lit("matched")).alias("verdict"),
        ).drop("group", "reason"),
        sides.filter(pl.col("group").is_null()).with_columns(pl.lit(pair).alias("pair")).drop("group", "pass"),
    )


def _reasoned_as_paid(settled: pl.DataFrame, paid: pl.DataFrame) -> pl.DataFrame:
    """M10 with the reason M1 has for an order without any money: unpaid, or paid before the first loaded bill."""
    lone = pl.col("group").is_null()
    why = paid.filter(lone & (pl.col("side") == "left")).select("side", "row_key", pl.col("reason").alias("of_paid"))
    return (
        settled.join(why, on=["side", "row_key"], how="left", validate="m:1", maintain_order="left")
        .with_columns(
            pl.when(lone & (pl.col("reason") == "no_counterpart"))
            .then(pl.coalesce("of_paid", "reason"))
            .otherwise("reason")
            .alias("reason")
        )
        .select(*SIDES)
    )


_REFUNDS, _SALE = pl.col("kind").is_in(REFUND_FLOW_KINDS), pl.col("kind") == "sale"
_ALL, _OUT = pl.lit(value=True), -pl.col("amount_fen")
CONSERVED: dict[tuple[str, str], tuple[str, pl.Expr, pl.Expr | None]] = {
    ("M1", "left"): ("orders", _ALL, None),
    ("M2", "left"): ("orders", _ALL, pl.col("merchant_discount_fen")),
    ("M2", "right"): ("order_discounts", _ALL, pl.col("amount_fen")),
    ("M3", "left"): ("aftersales", _ALL, None),
    ("M3", "right"): ("flows", _REFUNDS, _OUT),
    ("M4", "left"): ("flows", _REFUNDS, _OUT),
    ("M4", "right"): ("voucher_lines", _ALL, pl.col("credit_fen") - pl.col("debit_fen")),
    ("M6", "left"): ("aftersales", _ALL, None),
    ("M6", "right"): ("receipts", _ALL, pl.col("qty")),
    ("M7", "left"): ("aftersales", _ALL, None),
    ("M7", "right"): ("shipments", ~_SALE, pl.col("qty")),
    ("M8", "left"): ("order_lines", _ALL, pl.col("qty")),
    ("M8", "right"): ("shipments", _SALE, pl.col("qty")),
    ("M9", "left"): ("aftersales", _ALL, None),
    ("M9", "right"): ("fees", _ALL, _OUT),
    ("M10", "left"): ("orders", _ALL, pl.coalesce("merchant_receivable_fen", "buyer_paid_fen")),
    ("M11", "left"): ("flows", pl.col("kind") == "payout", None),
    ("M11", "right"): ("bank_rows", _ALL, pl.col("amount_fen")),
    ("M12", "left"): ("aftersales", _ALL, None),
    ("M12", "right"): ("complaints", _ALL, None),
    ("M13", "right"): ("aftersales", pl.col("erp_status").is_not_null(), None),
}
"""Side of a pair → the table it comes from, which of its rows, and what of a row it counts (None: what was expected of it)."""
ALWAYS = ("M1", "M3", "M4")
"""Pairs of money run whichever of their tables came; the others where both did, and what else they rest on."""
RESTS_ON = {"M9": {"orders"}}


def check_pairs(tables: Mapping[str, pl.DataFrame], matches: pl.DataFrame, unmatched: pl.DataFrame, period: Period) -> None:
    """Every loaded row of a side of what is due is in `matches` or `unmatched`, and their sums are the table's.

    TieError otherwise: a bug.
    """
    placed = pl.concat([rows.select("pair", "side", "amount_fen") for rows in (matches, unmatched)])
    sums = placed.group_by("pair", "side").agg(pl.len(), pl.col("amount_fen").sum())
    found = {(pair, side): (n, amount) for pair, side, n, amount in sums.iter_rows()}
    for (pair, name), (table, mine, amount) in CONSERVED.items():
        needed = {table} if pair in ALWAYS else {PAIRS[pair].left, PAIRS[pair].right, *RESTS_ON.get(pair, ())}
        if not is_due(pair, period) or not needed <= tables.keys():
            continue
        rows = tables[table].filter(mine)
        given = (rows.height, None if amount is None else int(rows.select(amount.sum()).item()))
        out = found.get((pair, name), (0, 0))
        if out[0] != given[0] or given[1] not in (None, out[1]):
            raise TieError(
                f"pair {pair}, {name} side: {given[0]} rows of {table} in, {out[0]} out, Σ {given[1]} in, {out[1]} out; expected "
                "every row once and its amount kept. This is a bug, nothing was published"
            )


_REASON = pl.col("reason").alias("unmatched")


def _outside(is_outside: pl.Expr) -> pl.Expr:
    """Rows whose counterpart would lie in a bill that was not loaded are outside the window, not without counterpart."""
    lone = pl.col("unmatched") == "no_counterpart"
    return pl.when(lone & is_outside.fill_null(True)).then(pl.lit("outside_window")).otherwise("unmatched").alias("unmatched")


def _order_payment(facts: Facts) -> pl.DataFrame:
    matched = facts.receipts.matched
    covered = {platform: first for platform, first in platform_covered(facts.covered_from).items() if first is not None}
    start = pl.col("platform").replace_strict(covered, default=None, return_dtype=pl.Datetime("us", "Asia/Shanghai"))
    left = facts.orders.join(
        matched.left.select(pl.col("row").alias("o"), pl.col("amount_fen").alias("expected_fen"), "group", "pass", _REASON),
        on="o",
        how="left",
        validate="1:1",
    ).with_columns(_outside(~pl.col("platform").is_in(list(covered)) | (pl.col("paid_at") < start)))
    payments = facts.receipts.payments.join(
        matched.right.select(pl.col("row").alias("p"), "group", "pass", _REASON), on="p", how="left", validate="1:1"
    )
    outside = pl.when(pl.col("is_covered")).then(EXCLUDED).otherwise(pl.lit("outside_window"))
    key = pl.when(pl.col("table") == "flows").then(natural_key(FLOWS)).otherwise(natural_key(PAYMENTS))
    return pl.concat(
        [
            side(left, "left", pl.lit("orders"), natural_key(ORDERS), pl.coalesce("expected_fen", "buyer_paid_fen"), EXCLUDED),
            # A template row gained its order for the match; its own key is what the file stated.
            side(
                payments.with_columns(pl.col("stated_order_id").alias("order_id")),
                "right",
                pl.col("table"),
                key,
                pl.col("amount_fen"),
                outside,
            ),
        ]
    )


def case_refund_sides(facts: Facts) -> pl.DataFrame:
    """The rows of M3: every case against every refund flow, as `facts.refunds` matched them."""
    matched = facts.refunds
    left = facts.cases.join(
        matched.left.select(pl.col("row").alias("c"), "group", "pass", _REASON), on="c", how="left", validate="1:1"
    ).with_columns(_outside(pl.col("is_unseen")))
    right = facts.flows.filter(pl.col("kind").is_in(REFUND_FLOW_KINDS)).join(
        matched.right.select(pl.col("row").alias("f"), "group", "pass", _REASON), on="f", how="left", validate="1:1"
    )
    return pl.concat(
        [
            side(left, "left", pl.lit("aftersales"), natural_key(AFTERSALES), pl.col("amount_fen"), EXCLUDED),
            side(right, "right", pl.lit("flows"), natural_key(FLOWS), pl.col("out_fen"), EXCLUDED),
        ]
    )


def _refund_ledger(facts: Facts) -> pl.DataFrame:
    matched = facts.ledger.matched
    lefts = facts.units.select("u", "unit").join(
        matched.left.select(pl.col("row").alias("u"), "group", "pass", _REASON), on="u", validate="1:1"
    )
    by_flow = facts.ledger.flow_units.unique("f", keep="first", maintain_order=True).join(lefts, on="unit", validate="m:1")
    left = facts.flows.filter(pl.col("is_refund_type")).join(by_flow, on="f", how="left", validate="1:1")
    key = ["period", "voucher_id", "line_no"]
    lines = facts.ledger.line_refs.join(
        matched.right.select(pl.col("row").alias("r"), "group", "pass", _REASON), on="r", validate="m:1"
    ).select(*key, "group", "pass", "unmatched")
    right = facts.vouchers.join(lines, on=key, how="left", validate="1:1")
    # A unit without a flow (a case never paid) may carry the group: its vouchers then have no flow beside them.
    flows_of = left.select("group").drop_nulls().unique().with_columns(pl.lit(True).alias("has_flow"))
    right = right.join(flows_of, on="group", how="left", validate="m:1").with_columns(
        pl.when(pl.col("has_flow")).then("group").alias("group"),
        pl.when(pl.col("has_flow")).then("pass").alias("pass"),
        pl.when(pl.col("has_flow") | pl.col("group").is_null())
        .then("unmatched")
        .otherwise(pl.lit("no_counterpart"))
        .alias("unmatched"),
    )
    return pl.concat(
        [
            side(left, "left", pl.lit("flows"), natural_key(FLOWS), pl.col("out_fen"), EXCLUDED),
            side(
                right,
                "right",
                pl.lit("voucher_lines"),
                natural_key(VOUCHER_LINES),
                pl.col("credit_fen") - pl.col("debit_fen"),
                EXCLUDED,
            ),
        ]
    )
