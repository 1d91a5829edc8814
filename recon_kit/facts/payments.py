"""What orders brought: payments counted once, from bills and templates, and M1. Source: rulings 1, 2, 14."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.facts.channel import SOURCE, add_order_by_payment
from recon_kit.facts.platform import MONEY_AT, attach_order
from recon_kit.facts.scope import Scope
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS


@dataclass(frozen=True)
class Receipts:
    """M1, tied.

    `payments`: one row per payment, `p` its number. `allocations`: what does not tie, one row per order, combined payment
    or payment without order. `matched`: rows are `o` and `p`.
    """

    payments: pl.DataFrame
    allocations: pl.DataFrame
    matched: Matched


PAYMENT_COLUMNS = [
    "channel",
    "flow_id",
    "pay_id",
    "trade_no",
    "shop",
    "order_id",
    "money_at",
    "amount_fen",
    "source_file",
    "source_row",
]


def build_payments(payments: pl.DataFrame | None, flows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Template rows ∪ receipt flows, counted once; one row each, `p` its number. Source: rulings 1 and 2.

    A template row whose pay_id (else order_id) has receipt flows is the same money: `is_covered`, the flows count and take
    its order. `stated_order_id` is what the file says, `o` the loaded order it is (null: none).
    """
    receipts = flows.filter((pl.col("kind") == "trade_receipt") & MONEY_AT.is_not_null()).select(
        *(MONEY_AT.alias("money_at") if name == "money_at" else pl.col(name) for name in PAYMENT_COLUMNS),
        pl.lit("flows").alias("table"),
        pl.col("order_id").alias("stated_order_id"),
        pl.lit(value=False).alias("is_covered"),
    )
    if payments is not None and not payments.is_empty():
        receipts = _complete_payments(receipts, payments)
    return (
        receipts.with_row_index("p")
        .with_columns(pl.col("p").cast(pl.Int64))
        .pipe(add_order_by_payment, orders)
        .pipe(attach_order, orders, {"o": "o"})
    )


def _complete_payments(receipts: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """Receipts that take their order from template rows, followed by the template rows."""
    template = payments.filter(pl.col("status") != "closed").with_columns(
        pl.col("paid_at").alias("money_at"), pl.lit(None, pl.String).alias("flow_id")
    )
    known = template.drop_nulls("order_id").select("pay_id", pl.col("order_id").alias("known")).unique("pay_id", keep="none")
    receipts = (
        receipts.join(known, on="pay_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.coalesce("order_id", "known").alias("order_id"))
        .drop("known")
    )
    covered = pl.lit(value=True)
    by_pay = receipts.select("pay_id").drop_nulls().unique().with_columns(covered.alias("by_pay"))
    # A deposit that came before the first bill is not the tail, which its own row completes.
    unnamed = receipts.join(template.select("pay_id"), on="pay_id", how="anti")
    by_order = unnamed.select("order_id").drop_nulls().unique().with_columns(covered.alias("by_order"))
    template = (
        template.join(by_pay, on="pay_id", how="left", validate="m:1", maintain_order="left")
        .join(by_order, on="order_id", how="left", validate="m:1", maintain_order="left")
        .select(
            *PAYMENT_COLUMNS,
            pl.lit("payments").alias("table"),
            pl.col("order_id").alias("stated_order_id"),
            pl.coalesce("by_pay", "by_order", pl.lit(value=False)).alias("is_covered"),
        )
    )
    return pl.concat([receipts, template])


def match_payments(
    orders: pl.DataFrame, payments: pl.DataFrame, escrow: pl.DataFrame, scope: Scope, *, partitions: int = 1
) -> Receipts:
    """M1: what each order should have brought against what arrived, as facts of the as-of day.

    A payment that states its order is compared with that order; one that only states a payment number is compared with
    all orders of that number together. The `allocation` is the (first) order's number. `escrow`: columns o, escrow_fen
    (refunded before confirmation, never arrives).
    """
    is_counted = ~pl.col("is_covered") & scope.is_fact("money_at")
    right = payments.lazy().filter(is_counted).select("p", "o", "pay_id", "amount_fen", "money_at").collect()
    is_paid = pl.col("paid_at").is_not_null() & (pl.col("status") != "unpaid")
    never = pl.repeat(0, orders.height, dtype=pl.Int64, eager=True).scatter(escrow["o"], escrow["escrow_fen"])
    left = orders.lazy().filter(is_paid).select("o", "pay_id", "buyer_paid_fen", "paid_at").collect()
    left = left.with_columns(
        (left["buyer_paid_fen"] - never.gather(left["o"])).alias("expected_fen"), pl.col("o").alias("allocation")
    )
    numbers = right.filter(pl.col("o").is_null()).select("pay_id").drop_nulls()
    numbers = pl.concat([numbers, _unallocated(left, right, orders)]).unique()
    right = right.with_columns(pl.lit(None, pl.Int64).alias("combined"))
    if not numbers.is_empty():
        firsts = left.join(numbers, on="pay_id", how="semi").group_by("pay_id").agg(pl.col("o").min().alias("combined"))
        left = (
            left.join(firsts, on="pay_id", how="left", validate="m:1", maintain_order="left")
            .with_columns(pl.coalesce("combined", "allocation").alias("allocation"))
            .drop("combined")
        )
        right = right.drop("combined").join(firsts, on="pay_id", how="left", validate="m:1", maintain_order="left")
    own = pl.repeat(None, orders.height, dtype=pl.Int64, eager=True).scatter(left["o"], left["allocation"])
    right = right.with_columns(own.gather(right["o"]).alias("own")).with_columns(
        pl.coalesce("own", "combined").alias("allocation")
    )
    matched = match(
        PAIRS["M1"],
        left.select(
            pl.col("o").alias("row"),
            pl.col("expected_fen").alias("amount_fen"),
            "allocation",
            pl.col("allocation").cast(pl.UInt64).alias("partition"),
        ),
        right.select(
            pl.col("p").alias("row"),
            "amount_fen",
            "allocation",
            pl.col("allocation").fill_null(pl.col("p")).cast(pl.UInt64).alias("partition"),
        ),
        partitions=partitions,
    )
    return Receipts(payments, _allocations(left, right, orders, payments), matched)


def _unallocated(left: pl.DataFrame, right: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """The `pay_id` of combined payments whose rows name their orders and pay one of them another amount: they count as one.

    An order that was paid twice keeps its payments to itself, and so does one whose money is still in escrow. Source: rulings 14.
    """
    several = left.filter(pl.col("pay_id").is_duplicated())
    if several.is_empty():
        return several.select("pay_id")
    received = right.drop_nulls("o").group_by("o").agg(pl.col("amount_fen").sum(), pl.len().alias("n"))
    waits = orders.filter(pl.col("is_escrow") & pl.col("confirmed_at").is_null()).select("o", pl.lit(value=True).alias("waits"))
    found = several.join(received, on="o", how="left", validate="1:1").join(waits, on="o", how="left", validate="1:1")
    is_paid = pl.col("n").is_not_null()
    differs = (pl.col("n") == 1) & (pl.col("amount_fen") != pl.col("expected_fen"))
    is_apart = (pl.col("n") > 1) | (pl.col("waits") & ~is_paid)
    return (
        found.group_by("pay_id")
        .agg(differs.any().alias("differs"), is_apart.fill_null(value=False).any().alias("is_apart"))
        .filter(pl.col("differs") & ~pl.col("is_apart"))
        .select("pay_id")
    )


def _allocations(left: pl.DataFrame, right: pl.DataFrame, orders: pl.DataFrame, payments: pl.DataFrame) -> pl.DataFrame:
    """What does not tie, one row per allocation: both sums and counts, and where they come from."""
    due = left.select("allocation", pl.lit(1, pl.Int64).alias("n_orders"), "expected_fen")
    if (left["allocation"] != left["o"]).any():
        due = due.group_by("allocation").agg(pl.col("n_orders", "expected_fen").sum())
    came = right.select("allocation", "amount_fen").drop_nulls("allocation")
    received, counts = _sum_by_number(came["allocation"], came["amount_fen"], orders.height)
    odd = due.with_columns(
        received.gather(due["allocation"]).alias("received_fen"), counts.gather(due["allocation"]).alias("n_payments")
    ).filter(pl.col("received_fen") != pl.col("expected_fen"))
    about = ["order_id", "platform", "shop", "channel", "kind", "is_escrow", "is_by_receipt", "pay_id", "confirmed_at"]
    odd_orders = left.select("o", "allocation", "paid_at").join(odd.select("allocation"), on="allocation", how="semi")
    due_odd = (
        odd_orders.hstack(orders.select(*about, "source_file", "source_row")[odd_orders["o"]])
        .sort("allocation", "o")
        .group_by("allocation", maintain_order=True)
        .agg(pl.col("o", *about).first(), pl.col("paid_at").min(), SOURCE.head(5).alias("order_source"))
    )
    keyless = pl.concat_str("channel", pl.lit(" "), pl.coalesce("pay_id", "stated_order_id", "flow_id"))
    parts = right.select("p", "allocation")
    odd_parts = pl.concat(
        [
            parts.join(odd.select("allocation"), on="allocation", how="semi", nulls_equal=False),
            parts.filter(pl.col("allocation").is_null()),
        ]
    )
    came_odd = (
        odd_parts.hstack(payments[odd_parts["p"]].drop("p"))
        .with_columns(pl.when(pl.col("allocation").is_null()).then(keyless).alias("keyless"))
        .sort("money_at", "p")
        .group_by("allocation", "keyless", maintain_order=True)
        .agg(
            pl.len().cast(pl.Int64).alias("n_came"),
            pl.col("amount_fen").sum().alias("came_fen"),
            pl.col("money_at").min(),
            pl.col("channel").first().alias("pay_channel"),
            pl.col("pay_id").first().alias("payment_pay_id"),
            pl.col("stated_order_id", "flow_id").first(),
            SOURCE.head(20).alias("payment_source"),
        )
    )
    tied = odd.join(due_odd, on="allocation", validate="1:1").join(
        came_odd.drop_nulls("allocation").drop("keyless", "n_came", "came_fen"), on="allocation", how="left", validate="1:1"
    )
    without = (
        came_odd.filter(pl.col("allocation").is_null())
        .rename({"n_came": "n_payments", "came_fen": "received_fen"})
        .sort("keyless")
    )
    return pl.concat([tied.sort("allocation"), without], how="diagonal").with_columns(
        pl.col("n_orders", "expected_fen").fill_null(0),
        pl.coalesce(pl.concat_str(pl.lit("o "), "allocation"), "keyless").alias("subject"),
    )


def _sum_by_number(numbers: pl.Series, amounts: pl.Series, size: int) -> tuple[pl.Series, pl.Series]:
    """Sum and count of the amounts of each row number, as two columns of `size`; only numbers that repeat are grouped."""
    winner = pl.repeat(None, size, dtype=pl.Int64, eager=True).scatter(numbers, pl.int_range(len(numbers), eager=True))
    alone = winner.gather(numbers) == pl.int_range(len(numbers), eager=True)
    sums = pl.repeat(0, size, dtype=pl.Int64, eager=True).scatter(numbers.filter(alone), amounts.filter(alone))
    counts = winner.is_not_null().cast(pl.Int64)
    rest = pl.DataFrame({"number": numbers.filter(~alone), "amount": amounts.filter(~alone)})
    rest = rest.group_by("number").agg(pl.col("amount").sum(), pl.len().cast(pl.Int64).alias("n"))
    number = rest["number"]
    return (
        sums.scatter(number, sums.gather(number) + rest["amount"]),
        counts.scatter(number, counts.gather(number) + rest["n"]),
    )


def paid_channels(payments: pl.DataFrame, *asked: pl.DataFrame) -> pl.DataFrame:
    """The channels that the orders `o` of other frames were paid by: one row per order, `paid_channels` sorted."""
    orders = pl.concat([frame.select("o") for frame in asked]).drop_nulls().unique()
    paid = payments.select("o", "channel").join(orders, on="o", how="semi")
    return paid.group_by("o").agg(pl.col("channel").unique().sort().alias("paid_channels"))
