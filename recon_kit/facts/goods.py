"""The goods side as of a day: what came back, what went out and what became of it, per case, order line and parcel.

Frames: `goods` one row per case · `returns` one per receipt that no case claims · `reshipments` one per shipment that is no
sale and has no approved case · `shipped_lines` one per order line shipped more than once · `late_shipments` one per sale
shipped after its refund · `sides_M6`, `sides_M7`, `sides_M8` the pairs whose tables came.
Source: docs/rules.md, W and L08; rulings 11, 12, 22.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts.goods_pairs import RETURNING, SENDING, Goods, tie_goods
from recon_kit.facts.goods_parcels import (
    SOURCES,
    begins,
    lone_receipts,
    lone_shipments,
    overshipped_lines,
    shipped_after_refund,
    shipped_out,
    whole_sum,
)
from recon_kit.facts.ledger import is_booked_in
from recon_kit.facts.scope import Scope
from recon_kit.facts.tied import Tied
from recon_kit.pairs import PAIRS

_TABLES = {pair: (PAIRS[pair].left, PAIRS[pair].right) for pair in ("M6", "M7", "M8")}


def build_goods(tied: Tied) -> dict[str, pl.DataFrame]:
    """The frames of the goods rules."""
    goods = tie_goods(tied)
    refunds = _refunded(tied)
    return {
        "goods": _judge_cases(tied, goods, refunds),
        "returns": lone_receipts(tied, goods),
        "reshipments": lone_shipments(tied, goods),
        "shipped_lines": overshipped_lines(tied, goods),
        "late_shipments": shipped_after_refund(tied, goods, refunds),
        **{f"sides_{pair}": rows for pair, rows in goods.sides.items() if {*_TABLES[pair]} <= tied.supplied},
    }


def _refunded(tied: Tied) -> pl.DataFrame:
    """Refund cases whose money has left: `c` and `refunded_at`.

    Outside escrow a successful flow says so; inside it the platform does, unless the order's export denies it or states 0.
    """
    scope = tied.scope
    moved = (
        tied.parts.join(tied.flows.select("f", "money_at"), on="f", validate="m:1")
        .filter(scope.is_fact("money_at"))
        .group_by("c")
        .agg(pl.col("money_at").max())
    )
    paid = tied.cases.filter("is_judged").join(moved, on="c", validate="1:1").select("c", pl.col("money_at").alias("refunded_at"))
    stated = (
        pl.col("in_escrow") & ~pl.col("is_escrow_unstated") & (pl.col("refunded_fen").is_null() | (pl.col("refunded_fen") > 0))
    )
    return pl.concat([paid, tied.cases.filter(stated).select("c", pl.col("done_at").alias("refunded_at"))])


def _judge_cases(tied: Tied, goods: Goods, refunds: pl.DataFrame) -> pl.DataFrame:
    """One row per after-sales case: pieces due, received and shipped, and what is wrong with them.

    `pieces` due (null: unknown); `received_qty`, `shipped_qty` as of the as-of day; `goods_state`: ties, pending (until
    `goods_until`, null: not known), broken, not_checked (a table it needs was not supplied) or none (no goods to move).
    """
    scope, limits = tied.scope, tied.scope.config.sla_days
    # What was agreed before the loaded receipts begin may have come back unseen.
    seen_from = begins(goods.receipts["received_at"], scope)
    about = ["platform", "platform_key", "shop", "channel", "order_id", "case_id", "kind", "done_at", "is_done", "is_closed"]
    cases = (
        tied.cases.select("c", *about, "case_source", "approved_at", pl.coalesce("approved_at", "applied_at").alias("agreed_at"))
        .join(
            goods.cases.select("c", "pieces", "skus", "unit_cost_fen", "due_cost_fen", "part_pieces", "part_cost_fen"),
            on="c",
            how="left",
            validate="1:1",
            maintain_order="left",
        )
        .join(_returned(goods, scope), on="c", how="left", validate="1:1", maintain_order="left")
        .join(_odd_cost(goods, scope), on="c", how="left", validate="1:1", maintain_order="left")
        .join(_shipped(goods, scope), on="c", how="left", validate="1:1", maintain_order="left")
        .join(_restocked(tied, goods), on="c", how="left", validate="1:1", maintain_order="left")
        .join(refunds, on="c", how="left", validate="1:1", maintain_order="left")
        .with_columns(pl.col(*_COUNTS).fill_null(0), pl.col("is_in_parts").fill_null(False))
        .with_columns(  # a kit that came back as its parts is counted in them
            pl.when("is_in_parts").then("part_pieces").otherwise("pieces").alias("pieces"),
            pl.when("is_in_parts").then("part_cost_fen").otherwise("unit_cost_fen").alias("unit_cost_fen"),
        )
        .with_columns(
            pl.coalesce("unit_cost_fen", "odd_cost_fen", "returned_cost_fen").alias("unit_cost_fen"),
            pl.coalesce("due_cost_fen", pl.col("pieces") * pl.coalesce("unit_cost_fen", "returned_cost_fen")).alias(
                "due_cost_fen"
            ),
            # A right piece that a wrong one stands for; what is missing or too many beside it is W04's.
            pl.min_horizontal("wrong_qty", (pl.col("pieces") - pl.col("received_qty") + pl.col("wrong_qty")).clip(0)).alias(
                "replaced_qty"
            ),
            (pl.col("agreed_at") >= pl.lit(seen_from, pl.Datetime("us", "Asia/Shanghai")))
            .fill_null(True)
            .alias("is_return_seen"),
            (scope.is_fact("approved_at") | pl.col("is_done")).alias("is_agreed"),
            scope.age("done_at").alias("age_days"),
            scope.age("exchanged_at").alias("exchange_age_days"),
            scope.age("received_at").alias("received_age_days"),
            pl.lit(limits.return_).alias("sla_days"),
            pl.lit(limits.stock_posting).alias("posting_days"),
        )
    )
    return cases.pipe(_flag, tied.supplied).pipe(_state, tied.supplied)


_COUNTS = (
    *("received_qty", "wrong_qty", "wrong_posted_qty", "unposted_qty", "waiting_qty", "damaged_qty"),
    *("shipped_qty", "resent_qty", "exchanged_qty", "repaired_qty", "restocked_qty"),
)


def _returned(goods: Goods, scope: Scope) -> pl.DataFrame:
    """Per case what came back: pieces of any and of a wrong SKU, not posted (overdue, or waiting), damaged at full cost."""
    qty, posted = pl.col("qty"), scope.is_fact("stock_posted_at")
    waits = ~posted & ~pl.col("is_quarantined").fill_null(False)
    is_late = scope.age("received_at") > scope.config.sla_days.stock_posting
    wrong = ~pl.col("sku").is_in(pl.col("skus")).fill_null(True)
    full = posted & (pl.col("grade") == "damaged") & (pl.col("posted_cost_fen") >= qty * pl.col("unit_cost_fen"))
    is_whole = (pl.col("grade") != "damaged").fill_null(True) & ~wrong & (pl.col("posted_cost_fen") % qty == 0)
    received = goods.receipts.filter(scope.is_fact("received_at")).drop_nulls("c")
    in_parts = pl.col("sku").is_in(pl.col("parts")).fill_null(False)
    about = goods.cases.select("c", "skus", "parts", "part_cost_fen", pl.col("unit_cost_fen").alias("case_cost_fen"))
    one_sku = pl.col("skus").first().list.len() == 1
    return (
        received.join(about, on="c", validate="m:1")
        .join(_due_skus(goods).select("c", "sku", "sku_cost_fen"), on=["c", "sku"], how="left", validate="m:1")
        .with_columns(
            pl.coalesce("sku_cost_fen", pl.when(in_parts).then("part_cost_fen").otherwise("case_cost_fen")).alias("case_cost_fen")
        )
        .with_columns(pl.when(wrong).then("unit_cost_fen").otherwise(pl.coalesce("case_cost_fen", "unit_cost_fen")))
        .sort("c", "row")
        .group_by("c", maintain_order=True)
        .agg(
            qty.sum().alias("received_qty"),
            qty.filter(wrong).sum().alias("wrong_qty"),
            in_parts.any().alias("is_in_parts"),
            qty.filter(wrong & posted).sum().alias("wrong_posted_qty"),
            qty.filter(waits & is_late).sum().alias("unposted_qty"),
            qty.filter(waits & ~is_late).sum().alias("waiting_qty"),
            qty.filter(full).sum().alias("damaged_qty"),
            pl.col("posted_cost_fen").filter(full).sum().alias("damaged_cost_fen"),
            pl.col("received_at").min(),
            pl.col("received_at").filter(waits & is_late).min().alias("unposted_at"),
            pl.col("received_at").filter(waits & ~is_late).min().alias("waiting_at"),
            whole_sum((qty * pl.col("unit_cost_fen")).filter(waits & is_late)).alias("unposted_cost_fen"),
            pl.when(one_sku).then((pl.col("posted_cost_fen") // qty).filter(is_whole).first()).alias("returned_cost_fen"),
            pl.col("sku").filter(wrong).unique().sort().alias("wrong_skus"),
            SOURCES.alias("receipt_source"),
        )
    )


def _due_skus(goods: Goods) -> pl.DataFrame:
    """What cases about an order of several lines return: one row per case and SKU, its pieces and the cost of one."""
    of_order = goods.cases.filter(pl.col("l").is_null()).select("c", "order_id", "is_whole")
    lines = goods.lines.select("order_id", "sku", "qty", pl.col("unit_cost_fen").alias("sku_cost_fen"))
    return (
        of_order.join(lines, on="order_id", how="inner", validate="m:m")
        .group_by("c", "sku", maintain_order=True)
        .agg(pl.col("is_whole").first(), pl.col("qty").sum().alias("sku_qty"), pl.col("sku_cost_fen").first())
    )


def _odd_cost(goods: Goods, scope: Scope) -> pl.DataFrame:
    """Per case about a whole order what a piece costs of those that are missing, else of those too many: `odd_cost_fen`."""
    received = goods.receipts.filter(scope.is_fact("received_at")).drop_nulls("c").group_by("c", "sku").agg(pl.col("qty").sum())
    off = pl.col("sku_qty") - pl.col("qty").fill_null(0)
    missing, extra = (pl.when(side > 0).then(side).otherwise(0) for side in (off, -off))
    costs = (
        _due_skus(goods)
        .filter("is_whole")
        .join(received, on=["c", "sku"], how="left", validate="1:1", maintain_order="left")
        .group_by("c")
        .agg(*_of(missing, "missing"), *_of(extra, "extra"))
    )
    few, many = pl.col("missing_cost_fen") // pl.col("missing"), pl.col("extra_cost_fen") // pl.col("extra")
    return costs.select("c", pl.when(pl.col("missing") > 0).then(few).when(pl.col("extra") > 0).then(many).alias("odd_cost_fen"))


def _of(pieces: pl.Expr, name: str) -> tuple[pl.Expr, pl.Expr]:
    """Pieces, and what they cost (null: one of the costs is not known)."""
    return pieces.sum().alias(name), whole_sum((pieces * pl.col("sku_cost_fen")).filter(pieces > 0)).alias(f"{name}_cost_fen")


def _shipped(goods: Goods, scope: Scope) -> pl.DataFrame:
    """Per case what was sent out for it and not intercepted, by kind; a gift is no part of what the case is due."""
    qty, kind = pl.col("qty"), pl.col("kind")
    return (
        shipped_out(goods.sent, scope)
        .drop_nulls("c")
        .sort("c", "at", "row")
        .group_by("c", maintain_order=True)
        .agg(
            qty.filter(kind != "gift").sum().alias("shipped_qty"),
            *(qty.filter(kind == k).sum().alias(f"{name}_qty") for name, k in _SENT_AS.items()),
            pl.col("at").filter(kind == "exchange").min().alias("exchanged_at"),
            pl.col("at").filter(kind == "resend").max().alias("resent_at"),
            pl.col("unit_cost_fen").filter(kind == "resend").drop_nulls().first().alias("resent_cost_fen"),
            SOURCES.alias("shipment_source"),
        )
    )


_SENT_AS = {"resent": "resend", "exchanged": "exchange", "repaired": "repair"}


def _restocked(tied: Tied, goods: Goods) -> pl.DataFrame:
    """Per return and exchange case the good receipts posted to stock in the period, their cost, and whether it was reversed.

    Vouchers that name nothing reverse all that no other does when they come to just that, and else none of it.
    """
    scope = tied.scope
    kinds = goods.cases.filter(pl.col("kind").is_in(["return_refund", "exchange"]))
    of_case = pl.when(pl.col("sku").is_in(pl.col("parts")).fill_null(False)).then("part_cost_fen").otherwise("case_cost_fen")
    good = goods.receipts.filter(scope.is_in("stock_posted_at") & (pl.col("grade") != "damaged").fill_null(True))
    cost = pl.coalesce("posted_cost_fen", pl.col("qty") * pl.coalesce(of_case, "unit_cost_fen"))
    about = ["c", "parts", "part_cost_fen", pl.col("unit_cost_fen").alias("case_cost_fen")]
    restocked = (
        good.join(kinds.select(about), on="c", validate="m:1")
        .with_columns(cost.alias("cost_fen"))
        .group_by("c")
        .agg(
            pl.col("qty").sum().alias("restocked_qty"),
            whole_sum(pl.col("cost_fen")).alias("restocked_cost_fen"),
            pl.col("stock_posted_at").min(),
        )
    )
    lines = _reversing_lines(tied)
    restocked = restocked.join(_cost_named(tied, goods, lines), on="c", how="left", validate="1:1")
    waiting = restocked.filter(pl.col("is_cost_booked").is_null())["restocked_cost_fen"]
    total = int(lines.filter(pl.col("ref_ids").is_null() & is_booked_in(scope))["reversed_fen"].sum())
    tolerance = scope.config.tolerance
    close = min(len(waiting) * tolerance.aggregate_per_line, tolerance.aggregate_cap)
    is_total = total != 0 and not waiting.has_nulls() and abs(int(waiting.sum()) - total) <= close
    return restocked.with_columns(pl.col("is_cost_booked").fill_null(is_total))


def _reversing_lines(tied: Tied) -> pl.DataFrame:
    """Voucher lines up to the look-ahead that take `reversed_fen` back: debit on the inventory, credit on the return cost.

    A line that names nothing goes by what its voucher names; one whose voucher names nothing either counts only beside the
    cost of sales, so that no purchase does.
    """
    config, voucher = tied.scope.config, ["period", "voucher_id"]
    net, account = pl.col("debit_fen") - pl.col("credit_fen"), pl.col("account")
    answers = account.str.starts_with(config.account("INVENTORY").code) & (net > 0)
    if config.standard == "CAS" or "RETURN_COST" in config.accounts:
        answers |= account.str.starts_with(config.account("RETURN_COST").code) & (net < 0)
    lines = tied.vouchers.filter(answers & (pl.col("date") < tied.scope.look_ahead_end.date()))
    beside = tied.vouchers.join(lines.select(voucher).unique(), on=voucher, how="semi")
    about = beside.group_by(voucher).agg(
        account.str.starts_with(config.account("COGS").code).any().alias("is_of_sales"),
        pl.col("ref_kind").filter(pl.col("ref_ids").is_not_null()).first().alias("kind_beside"),
        pl.col("ref_ids").drop_nulls().explode().unique().sort().alias("ids_beside"),
    )
    is_silent = pl.col("ref_ids").is_null()
    return (
        lines.join(about, on=voucher, validate="m:1")
        .with_columns(
            pl.when(is_silent).then("kind_beside").otherwise("ref_kind").alias("ref_kind"),
            pl.when(~is_silent).then("ref_ids").when(pl.col("ids_beside").list.len() > 0).then("ids_beside").alias("ref_ids"),
            net.abs().alias("reversed_fen"),
        )
        .filter(pl.col("ref_ids").is_not_null() | pl.col("is_of_sales"))
    )


def _cost_named(tied: Tied, goods: Goods, lines: pl.DataFrame) -> pl.DataFrame:
    """Cases that a reversing line names, by their own number or that of their order, refund or receipt: `c`, `is_cost_booked`."""
    refs = lines.select("ref_kind", pl.col("ref_ids").alias("ref_id")).drop_nulls("ref_id").explode("ref_id").unique()
    flows = tied.parts.join(tied.flows.select("f", "flow_id"), on="f", validate="m:1")
    names = pl.concat(
        [
            _names("case", tied.cases, "case_id"),
            _names("order", tied.cases, "order_id"),
            _names("flow", flows, "flow_id"),
            _names("receipt", goods.receipts, "return_id"),
        ]
    )
    is_meant = pl.col("ref_kind").is_null() | (pl.col("ref_kind") == pl.col("named_kind")) | (pl.col("named_kind") == "receipt")
    found = refs.join(names, on="ref_id", how="inner", validate="m:m").filter(is_meant)
    return found.select("c", pl.lit(value=True).alias("is_cost_booked")).unique()


def _names(kind: str, frame: pl.DataFrame, column: str) -> pl.DataFrame:
    named = frame.select(pl.lit(kind).alias("named_kind"), pl.col(column).alias("ref_id"), "c")
    return named.drop_nulls().unique()


def _flag(cases: pl.DataFrame, supplied: frozenset[str]) -> pl.DataFrame:
    """What is wrong with a case's goods, one flag a code: W01 W02 W03 W04 W05 W07 W08 W11 W12 and L08, in this order.

    What was sent for a case that nobody approved is W09 of the parcel, and neither W07 nor W08.
    """
    kind, received, sla = pl.col("kind"), pl.col("received_qty"), pl.col("sla_days")
    is_returning = kind.is_in(RETURNING) & ~pl.col("is_closed")
    is_nothing_back = (received == 0) & pl.col("is_return_seen") & ("receipts" in supplied)
    is_awaited = (kind == "return_refund") & pl.col("is_done") & pl.col("refunded_at").is_not_null() & is_nothing_back
    is_in_repair = (kind == "repair") & ~pl.col("is_closed") & ~pl.col("is_done") & (received > 0) & (pl.col("repaired_qty") == 0)
    flags = {
        "is_not_back": is_awaited & (pl.col("age_days") > sla),
        "is_on_way": is_awaited & (pl.col("age_days") <= sla),
        "is_wrong_sku": is_returning & (pl.col("wrong_qty") > 0),
        "is_qty_off": is_returning & (received > 0) & (received != pl.col("pieces")),
        "is_unposted": (pl.col("unposted_qty") > 0) & (kind != "repair"),
        "is_resent_twice": (pl.col("resent_qty") > pl.col("pieces")) & pl.col("is_agreed"),
        "is_old_kept": (pl.col("exchanged_qty") > 0)
        & pl.col("is_agreed")
        & is_nothing_back
        & (pl.col("exchange_age_days") > sla),
        "is_damaged_at_cost": pl.col("damaged_qty") > 0,
        "is_repair_late": is_in_repair & (pl.col("received_age_days") > sla) & ("shipments" in supplied),
        "is_cost_kept": (pl.col("restocked_qty") > 0) & ~pl.col("is_cost_booked"),
    }
    return cases.with_columns(flag.fill_null(False).alias(name) for name, flag in flags.items())


_BROKEN = (
    *("is_not_back", "is_wrong_sku", "is_qty_off", "is_unposted"),
    *("is_resent_twice", "is_old_kept", "is_damaged_at_cost", "is_repair_late"),
)


def _state(cases: pl.DataFrame, supplied: frozenset[str]) -> pl.DataFrame:
    """Add `goods_state`, and `goods_until`: the day on which what is pending becomes a break."""
    returns = pl.col("kind").is_in(RETURNING) & ~pl.col("is_closed")
    sends = pl.col("kind").is_in(SENDING) & ~pl.col("is_closed")
    received, shipped = pl.col("received_qty") > 0, pl.col("shipped_qty") > 0
    unposted = (pl.col("waiting_qty") > 0) & (pl.col("kind") != "repair")
    unchecked = (returns & ("receipts" not in supplied)) | (sends & ("shipments" not in supplied))
    state = (
        pl.when(pl.any_horizontal(_BROKEN))
        .then(pl.lit("broken"))
        .when(unchecked)
        .then(pl.lit("not_checked"))
        .when(~returns & ~sends & ~received & ~shipped)
        .then(pl.lit("none"))
        .when((returns & ~received) | (sends & ~shipped) | unposted)
        .then(pl.lit("pending"))
        .otherwise(pl.lit("ties"))
    )
    until = (
        pl.when("is_on_way")
        .then(_after("done_at", "sla_days"))
        .when((pl.col("exchanged_qty") > 0) & ~received)
        .then(_after("exchanged_at", "sla_days"))
        .when(unposted)
        .then(_after("waiting_at", "posting_days"))
        .when((pl.col("kind") == "repair") & received & ~shipped)
        .then(_after("received_at", "sla_days"))
    )
    return cases.with_columns(state.alias("goods_state")).with_columns(
        pl.when(pl.col("goods_state") == "pending").then(until).alias("goods_until")
    )


def _after(instant: str, days: str) -> pl.Expr:
    """The first day on which the age since the instant is over the limit."""
    return pl.col(instant).dt.date() + pl.duration(days=pl.col(days) + 1)
