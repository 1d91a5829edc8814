"""M6, M7 and M8: which case a receipt or a shipment belongs to, and which order line was shipped. Amounts are pieces."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.facts.channel import SOURCE
from recon_kit.facts.sides import EXCLUDED, side
from recon_kit.facts.tied import Tied
from recon_kit.matching import Matched, match
from recon_kit.pairs import PAIRS
from recon_kit.schema import AFTERSALES, ORDER_LINES, RECEIPTS, SHIPMENTS, Table, natural_key

RETURNING = ("return_refund", "exchange", "repair")
"""Case kinds whose goods come back."""
SENDING = ("exchange", "resend", "repair")
"""Case kinds that send goods out; a shipment has the kind of its case."""


@dataclass(frozen=True)
class Goods:
    """The goods side, tied.

    `lines`: one row per order line, `l` its number, with `unit_cost_fen` (null: nobody states it). `cases`: per case `c`
    its line, `pieces` (null: unknown) and `skus` (null: unknown) it is about. `receipts`, `sent`, `sold`: every row of the
    receipts, the shipments that are no sale and the sales, with the `c` or `l` they belong to (null: none), their `source`
    and `unit_cost_fen`. `sides`: pair → its rows as matches and unmatched state them.
    """

    lines: pl.DataFrame
    cases: pl.DataFrame
    receipts: pl.DataFrame
    sent: pl.DataFrame
    sold: pl.DataFrame
    sides: dict[str, pl.DataFrame]


def tie_goods(tied: Tied) -> Goods:
    """Tie receipts and shipments to cases and order lines: a number that names them first, then order and SKU."""
    products = tied.tables["products"].select("sku", pl.col("unit_cost_fen").alias("product_cost_fen"))
    lines, sold, m8 = _match_sales(tied, products)
    cases = _about_goods(tied.cases, lines)
    receipts, m6 = _match_receipts(tied, cases, products)
    sent, m7 = _match_sent(tied, cases, products)
    return Goods(lines, cases, receipts, sent, sold, {"M6": m6, "M7": m7, "M8": m8})


def _match_sales(tied: Tied, products: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Lines with their cost, sale shipments with their line, and the rows of M8."""
    lines = tied.tables["order_lines"].with_row_index("l").with_columns(pl.col("l").cast(pl.Int64), SOURCE.alias("source"))
    sales = _numbered(tied.tables["shipments"].filter(pl.col("kind") == "sale")).join(
        lines.select("order_id", "line_id", pl.col("l").alias("named")),
        on=["order_id", "line_id"],
        how="left",
        validate="m:1",
        maintain_order="left",
    )
    keys = [pl.col("order_id").alias("order"), pl.col("sku"), pl.col("order_id").hash().alias("partition")]
    left = lines.select(pl.col("l").alias("row"), "l", pl.col("qty").alias("amount_fen"), *keys)
    right = sales.select("row", pl.col("named").alias("l"), pl.col("qty").alias("amount_fen"), *keys)
    matched = match(PAIRS["M8"], left, right)
    sides = pl.concat(
        [
            _side(lines.with_columns(row="l"), "left", ORDER_LINES, "qty", matched.left),
            _side(sales, "right", SHIPMENTS, "qty", matched.right),
        ]
    )
    sales = _with_group(sales, matched, "l")
    lines = lines.join(_kits(lines, sales), on="l", how="left", validate="1:1", maintain_order="left")
    shipped = (
        sales.drop_nulls(["l", "unit_cost_fen"])
        .join(lines.filter(pl.col("parts").is_not_null()).select("l"), on="l", how="anti", maintain_order="left")
        .sort("at", "row")
        .unique("l", keep="first", maintain_order=True)
        .select("l", pl.col("unit_cost_fen").alias("shipped_cost_fen"))
    )
    lines = lines.join(shipped, on="l", how="left", validate="1:1", maintain_order="left").pipe(
        _add_cost, products, "shipped_cost_fen", "unit_cost_fen"
    )
    costs = lines.select("l", pl.col("unit_cost_fen").alias("line_cost_fen"))
    sales = sales.join(costs, on="l", how="left", validate="m:1", maintain_order="left").pipe(
        _add_cost, products, "unit_cost_fen", "line_cost_fen"
    )
    return lines, sales, sides


def _kits(lines: pl.DataFrame, sales: pl.DataFrame) -> pl.DataFrame:
    """Lines that left as two or more other SKUs than their own: `parts`, and `n_parts` pieces of them that were shipped."""
    left = sales.drop_nulls("l").filter(~pl.col("is_intercepted").fill_null(False)).select("l", "sku", "qty")
    odd = left.join(lines.select("l", pl.col("sku").alias("own")), on="l", validate="m:1", maintain_order="left")
    return (
        odd.filter((pl.col("sku") != pl.col("own")).all().over("l"))
        .group_by("l")
        .agg(pl.col("sku").unique().sort().alias("parts"), pl.col("qty").sum().alias("n_parts"))
        .filter(pl.col("parts").list.len() > 1)
    )


def _about_goods(cases: pl.DataFrame, lines: pl.DataFrame) -> pl.DataFrame:
    """What each case is about: its order line (the only one where it states none), pieces, SKUs and the cost of one piece.

    A case without a line, of an order with several, is about the one that was paid just its amount, where there is one; any
    SKU of the order may come back for it. Without a quantity it is about one piece where its line has but one, and about
    all of them where it takes all that was paid. `due_cost_fen`: what the pieces cost (null: not known); `is_whole`: they
    are all of the order. Of a kit that was shipped as its parts the `parts` are right too: `part_pieces` of them at
    `part_cost_fen` each (null: no kit).
    """
    lines = lines.join(cases.select("order_id"), on="order_id", how="semi")
    orders = lines.group_by("order_id").agg(
        pl.col("sku").unique().sort().alias("order_skus"),
        pl.when(pl.len() == 1).then(pl.col("line_id").first()).alias("only_line"),
        pl.when(pl.col("unit_cost_fen").n_unique() == 1).then(pl.col("unit_cost_fen").first()).alias("only_cost_fen"),
        pl.col("qty").sum().alias("order_qty"),
        pl.col("buyer_paid_fen").sum().alias("order_paid_fen"),
        pl.when(pl.col("unit_cost_fen").null_count() == 0)
        .then((pl.col("qty") * pl.col("unit_cost_fen")).sum())
        .alias("order_cost_fen"),
    )
    by_line = lines.select(
        "order_id",
        pl.col("line_id").alias("case_line"),
        "l",
        pl.col("sku").alias("line_sku"),
        pl.col("qty").alias("line_qty"),
        pl.col("unit_cost_fen").alias("line_cost_fen"),
        pl.col("buyer_paid_fen").alias("line_paid_fen"),
        "parts",
        "n_parts",
    )
    about = ["c", "order_id", "case_id", "line_id", "kind", "qty", "amount_fen", "exchange_sku", "return_waybill", "is_closed"]
    found = (
        cases.select(*about, pl.coalesce("approved_at", "applied_at").alias("agreed_at"))
        .join(orders, on="order_id", how="left", validate="m:1", maintain_order="left")
        .join(_lines_by_amount(lines), on=["order_id", "amount_fen"], how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.when(pl.coalesce("qty", "paid_qty") == pl.col("paid_qty")).then("paid_line").alias("paid_line"))
        .with_columns(pl.coalesce("line_id", "only_line", "paid_line").alias("case_line"))
        .join(by_line, on=["order_id", "case_line"], how="left", validate="m:1", maintain_order="left")
    )
    whole_order = pl.coalesce("line_id", "paid_line").is_null()
    alone = pl.when((pl.col("line_qty") == 1) | _takes("line_paid_fen")).then("line_qty")
    all_of_it = pl.when(whole_order & _takes("order_paid_fen")).then("order_qty")
    own = pl.when(pl.col("line_sku").is_not_null()).then(pl.concat_list("line_sku"))
    of_line = pl.when(pl.col("parts").is_not_null()).then(pl.concat_list("line_sku", "parts")).otherwise(own)
    return (
        found.with_columns(
            pl.when(pl.coalesce("line_id", "only_line").is_null()).then("order_skus").otherwise(of_line).alias("skus"),
            pl.coalesce("line_cost_fen", pl.when(whole_order).then("only_cost_fen")).alias("unit_cost_fen"),
            pl.coalesce("qty", alone, all_of_it).alias("pieces"),
        )
        .with_columns(
            (whole_order & (pl.col("pieces") == pl.col("order_qty"))).fill_null(False).alias("is_whole"),
        )
        .with_columns(
            pl.coalesce(pl.col("pieces") * pl.col("unit_cost_fen"), pl.when("is_whole").then("order_cost_fen")).alias(
                "due_cost_fen"
            ),
            pl.when(pl.col("skus").list.len() == 1).then(pl.col("skus").list.first()).alias("sku"),
            (pl.col("pieces") * pl.col("n_parts") // pl.col("line_qty")).alias("part_pieces"),
            (pl.col("line_cost_fen") * pl.col("line_qty") // pl.col("n_parts")).alias("part_cost_fen"),
        )
        .drop("order_skus", "only_line", "only_cost_fen", "case_line", "line_cost_fen", "line_sku", "line_paid_fen", "n_parts")
        .drop("order_qty", "order_paid_fen", "order_cost_fen", "paid_line", "paid_qty")
    )


def _lines_by_amount(lines: pl.DataFrame) -> pl.DataFrame:
    """Lines by what was paid for them, where no other line of the order was paid the same."""
    paid = lines.filter(pl.col("buyer_paid_fen") > 0).select(
        "order_id",
        pl.col("buyer_paid_fen").alias("amount_fen"),
        pl.col("line_id").alias("paid_line"),
        pl.col("qty").alias("paid_qty"),
    )
    return paid.unique(["order_id", "amount_fen"], keep="none")


def _takes(paid: str) -> pl.Expr:
    """The case refunds all that was paid."""
    return (pl.col(paid) > 0) & (pl.col("amount_fen") >= pl.col(paid))


def _match_receipts(tied: Tied, cases: pl.DataFrame, products: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Receipts with their case, and the rows of M6. A closed case takes only what names it."""
    receipts = _name_case(_numbered(tied.tables["receipts"]), cases)
    is_due = pl.col("kind").is_in(RETURNING) & ~pl.col("is_closed")
    # A parcel can hold returns of two orders, so nothing splits this pair; it has as many rows as goods that came back.
    undivided = pl.lit(0, pl.UInt64).alias("partition")
    left = cases.select(
        pl.col("c").alias("row"),
        "c",
        pl.col("pieces").alias("amount_fen"),
        pl.when(is_due).then("return_waybill").alias("waybill"),
        pl.when(is_due).then("order_id").alias("order"),
        "sku",
        pl.col("agreed_at").dt.date().alias("day"),
        undivided,
    )
    right = receipts.select(
        "row",
        pl.col("named").alias("c"),
        pl.col("qty").alias("amount_fen"),
        pl.col("received_at").dt.date().alias("day"),
        "waybill",
        pl.col("order_id").alias("order"),
        "sku",
        undivided,
    )
    matched = match(PAIRS["M6"], left, right)
    sides = pl.concat(
        [
            _case_side(tied, cases.with_columns(is_due.alias("is_due")), matched),
            _side(receipts, "right", RECEIPTS, "qty", matched.right),
        ]
    )
    return _with_group(receipts, matched, "c").pipe(_shared, matched).pipe(_add_cost, products), sides


def _shared(receipts: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    """A receipt of several cases' pieces becomes a row a case, with its share of the pieces and of their cost."""
    owners = matched.left.drop_nulls("group").select("group", pl.col("row").alias("owner"), pl.col("amount_fen").alias("share"))
    several = owners.filter(pl.len().over("group") > 1)
    share = pl.col("share").fill_null(0)
    parts = receipts.join(several, left_on="c", right_on="group", how="inner", validate="m:m").with_columns(
        pl.col("owner").alias("c"),
        share.alias("qty"),
        (pl.col("posted_cost_fen") * share // pl.col("qty")).alias("posted_cost_fen"),
    )
    whole = receipts.join(several.select("group").unique(), left_on="c", right_on="group", how="anti")
    return pl.concat([whole, parts.select(receipts.columns)])


def _match_sent(tied: Tied, cases: pl.DataFrame, products: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Shipments that are no sale with their case, and the rows of M7. A gift order names the case it was sent for."""
    sent = _numbered(tied.tables["shipments"].filter(pl.col("kind") != "sale"))
    linked = tied.orders.filter(~pl.col("is_shared_id")).select("order_id", "linked_case_id").drop_nulls()
    sent = (
        sent.join(linked, on="order_id", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.coalesce("case_id", "linked_case_id").alias("case_id"))
        .pipe(_name_case, cases)
    )
    is_due = pl.col("kind").is_in(SENDING) & ~pl.col("is_closed")
    partition = pl.col("order_id").hash().alias("partition")
    sku = pl.when(pl.col("kind") == "exchange").then(pl.coalesce("exchange_sku", "sku")).otherwise("sku").alias("sku")
    order = pl.col("order_id").alias("order")
    left = cases.select(
        pl.col("c").alias("row"),
        "c",
        pl.col("pieces").alias("amount_fen"),
        pl.when(is_due).then(order).alias("order"),
        "kind",
        sku,
        partition,
    )
    right = sent.select("row", pl.col("named").alias("c"), pl.col("qty").alias("amount_fen"), order, "kind", "sku", partition)
    matched = match(PAIRS["M7"], left, right)
    sides = pl.concat(
        [
            _case_side(tied, cases.with_columns(is_due.alias("is_due")), matched),
            _side(sent, "right", SHIPMENTS, "qty", matched.right),
        ]
    )
    return _with_group(sent, matched, "c").pipe(_add_cost, products, "unit_cost_fen"), sides


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64), SOURCE.alias("source"))


def _name_case(rows: pl.DataFrame, cases: pl.DataFrame) -> pl.DataFrame:
    """Add `named`: the case whose number the row states; of two platforms' equal numbers the one of the row's order."""
    alone = cases.select("case_id", pl.col("c").alias("by_id")).unique("case_id", keep="none")
    of_order = cases.select("case_id", "order_id", pl.col("c").alias("by_order")).unique(["case_id", "order_id"], keep="none")
    return (
        rows.join(alone, on="case_id", how="left", validate="m:1", maintain_order="left")
        .join(of_order, on=["case_id", "order_id"], how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.coalesce("by_id", "by_order").alias("named"))
        .drop("by_id", "by_order")
    )


def _with_group(rows: pl.DataFrame, matched: Matched, name: str) -> pl.DataFrame:
    """Add the case or line the row was matched to. A group of these pairs has one left row, whose number it bears."""
    found = matched.right.select("row", pl.col("group").alias(name), pl.col("reason").alias("unmatched"))
    return rows.join(found, on="row", how="left", validate="1:1", maintain_order="left")


def _add_cost(rows: pl.DataFrame, products: pl.DataFrame, *first: str) -> pl.DataFrame:
    """Set `unit_cost_fen` to the first of these columns that is stated, else that of the product; null where nobody does."""
    return (
        rows.join(products, on="sku", how="left", validate="m:1", maintain_order="left")
        .with_columns(pl.coalesce(*first, "product_cost_fen").alias("unit_cost_fen"))
        .drop("product_cost_fen", *(name for name in first if name != "unit_cost_fen"))
    )


def _case_side(tied: Tied, about: pl.DataFrame, matched: Matched) -> pl.DataFrame:
    rows = tied.cases.join(about.select("c", "pieces", "is_due"), on="c", validate="1:1", maintain_order="left")
    return _side(rows.with_columns(row="c"), "left", AFTERSALES, "pieces", matched.left, pl.col("is_due"))


def _side(
    rows: pl.DataFrame, name: str, table: Table, pieces: str, found: pl.DataFrame, is_due: pl.Expr | None = None
) -> pl.DataFrame:
    """The rows of a side; what is not due (a case whose goods do not move) is excluded, not without counterpart."""
    outcome = found.select("row", "group", "pass", pl.col("reason").alias("unmatched"))  # a case has a reason of its own
    joined = rows.join(outcome, on="row", validate="1:1", maintain_order="left")
    due = pl.lit(value=True) if is_due is None else is_due
    return side(
        joined.with_columns(pl.when(due).then("unmatched").alias("unmatched")),
        name,
        pl.lit(table.name),
        natural_key(table),
        pl.col(pieces),
        EXCLUDED,
    )
