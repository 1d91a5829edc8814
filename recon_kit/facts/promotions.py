"""What the rules of a promotion would have taken off an order: layer by layer, on what is left after the layer before.

Layers run in the order of `schema.LAYER`. Rows that name a promotion are computed, the others count as stated. What a row
takes off is spread over its lines by largest remainder, in fen, so that a later layer that looks at some lines only, sees
their own remainder. Layers stack; within a layer a promotion that is not stackable stands alone: of such rivals the one
that gives most counts. A promotion counts once an order, one of layer `item` once a line. Source: docs/rules.md, A01.
"""

from __future__ import annotations

import polars as pl

from recon_kit.facts.tied import Tied
from recon_kit.schema import LAYER

MILLION = 1_000_000


def is_merchant_discount() -> pl.Expr:
    """A discount that stands in the order's merchant_discount: the seller's, but for points and cashback, which do not."""
    return (pl.col("funder") == "merchant") & ~pl.col("layer").is_in(["points", "cashback"])


def recompute(tied: Tied, orders: pl.DataFrame) -> pl.DataFrame:
    """One row per order `o` of which a discount names a promotion: `recomputed_fen`, what the merchant gives by the rules.

    Orders without a list price (neither theirs nor their lines') are left out: there is nothing to compute on.
    """
    if tied.tables["order_discounts"].is_empty():
        return pl.DataFrame(schema={"o": pl.Int64, "recomputed_fen": pl.Int64})
    rows = _ruled_rows(tied, orders)
    goods = _goods(tied, orders.join(rows.select("o"), on="o", how="semi"))
    rows = _read_percents(rows.join(goods.select("o"), on="o", how="semi"), goods)
    takes = [pl.DataFrame(schema={"o": pl.Int64, "funder": pl.String, "layer": pl.String, "off": pl.Int64})]
    for step in rows.sort("step", "d").partition_by("step"):
        taken = _best_of_rivals(_take(step, goods))
        goods = _spread(taken, step, goods)
        takes.append(taken.select("o", "funder", "layer", "off"))
    merchant = pl.col("off").filter(is_merchant_discount()).sum()
    return pl.concat(takes).group_by("o").agg(merchant.alias("recomputed_fen")).sort("o")


def _ruled_rows(tied: Tied, orders: pl.DataFrame) -> pl.DataFrame:
    """The discounts `d` of orders that name a promotion, each with its rule, funder and the `step` at which it is taken.

    A promotion of the whole order may be listed line by line: its rows are one discount on those lines (`of_lines`).
    """
    rules = tied.tables["promotions"].select(
        pl.col("promotion_id").alias("rule"),
        pl.col("funder").alias("rule_funder"),
        pl.col("kind").alias("rule_kind"),
        *("threshold_fen", "off_fen", "cap_fen", "starts_at", "ends_at", "stackable", "scope"),
        _per_million().alias("pays"),
    )
    listed = ["order_id", "seq", "line_id", "layer", "rule", "funder", "amount_fen"]
    asked = orders.filter(~pl.col("is_shared_id")).select("order_id", "o", "created_at", "paid_at")
    rows = tied.tables["order_discounts"].select(listed).join(asked, on="order_id", validate="m:1")
    rows = rows.join(rules, on="rule", how="left", validate="m:1").sort("o", "seq")
    rows = rows.join(rows.filter(_is_named()).select("o"), on="o", how="semi", maintain_order="left")
    by_line = pl.when(pl.col("layer") == "item").then("line_id").fill_null("")
    each = pl.when(_is_named()).then(pl.concat_str("rule", pl.lit(" "), by_line)).otherwise(pl.col("seq").cast(pl.String))
    first = ["rule", "rule_kind", "rule_funder", "funder", "pays", "threshold_fen", "off_fen", "cap_fen", "stackable", "scope"]
    rows = (
        rows.with_columns(
            (_inside("created_at") | _inside("paid_at")).alias("is_inside"), by_line.alias("line"), each.alias("each")
        )
        .group_by("o", "layer", "each", "line", maintain_order=True)
        .agg(
            pl.col(*first, "is_inside", "seq").first(),
            pl.col("amount_fen").sum().alias("stated"),
            pl.col("line_id").alias("of_lines"),
        )
        .with_row_index("d")
        .with_columns(
            pl.when(~pl.col("of_lines").list.contains(None, nulls_equal=True)).then("of_lines").alias("of_lines"),
            pl.coalesce("rule_funder", "funder").alias("funder"),
        )
    )
    return _with_steps(rows)


def _with_steps(rows: pl.DataFrame) -> pl.DataFrame:
    """Add `step`, the turn of each row in its order: by layer, then as listed; rules that exclude each other share one."""
    place = ["o", "layer", "line"]
    named = rows.filter(_is_named())
    rivals = named.join(named.filter(~pl.col("stackable")).select(place), on=place, how="semi")
    slots = rivals.group_by(place).agg(pl.col("seq").min().alias("slot"))
    rank = pl.col("layer").replace_strict({layer: rank for rank, layer in enumerate(LAYER)}, return_dtype=pl.Int64)
    slot = pl.coalesce(pl.when(_is_named()).then("slot"), "seq")
    turn = pl.struct("o", "rank", "slot")
    return (
        rows.join(slots, on=place, how="left", validate="m:1")
        .with_columns(rank.alias("rank"), slot.alias("slot"))
        .sort("o", "rank", "slot", "seq")
        .with_columns((turn != turn.shift()).fill_null(value=True).cum_sum().alias("turn"))
        .with_columns((pl.col("turn") - pl.col("turn").first().over("o")).alias("step"))
    )


def _is_named() -> pl.Expr:
    return pl.col("rule_kind").is_not_null()


def _per_million() -> pl.Expr:
    """What the buyer pays of a million: 折扣率 "0.90", "90%", "9" or "90" is 九折. Null for anything else."""
    text = pl.col("percent").str.strip_chars()
    number = text.str.strip_chars_end("%折").cast(pl.Decimal(18, 8), strict=False)
    is_hundredths = text.str.ends_with("%") | (number > 10)
    whole = pl.when(is_hundredths).then(100).when(text.str.ends_with("折") | (number > 1)).then(10).otherwise(1)
    share = (number * MILLION / whole).cast(pl.Int64)
    return pl.when(share.is_between(0, MILLION)).then(share)


def _read_percents(rows: pl.DataFrame, goods: pl.DataFrame) -> pl.DataFrame:
    """Turn `pays` round for promotions whose rate is what the buyer saves: "0.10" of nine tenths paid.

    The orders tell: of those with this discount alone, more state a tenth off than nine tenths.
    """
    alone = rows.filter((pl.col("rule_kind") == "percent") & pl.col("pays").is_not_null() & (pl.len().over("o") == 1))
    if alone.is_empty():
        return rows
    base = goods.group_by("o").agg(pl.col("rest").sum().alias("base"))
    kept, stated = _kept(pl.col("base")), pl.col("stated")
    saves = (
        alone.join(base, on="o", validate="m:1")
        .filter(kept != pl.col("base") - kept)
        .group_by("rule")
        .agg((stated == pl.col("base") - kept).sum().alias("n_pays"), (stated == kept).sum().alias("n_saves"))
        .filter(pl.col("n_saves") > pl.col("n_pays"))
    )
    is_saving = pl.col("rule").is_in(saves["rule"].implode()).fill_null(value=False)
    return rows.with_columns(pl.when(is_saving).then(MILLION - pl.col("pays")).otherwise("pays").alias("pays"))


def _kept(base: pl.Expr) -> pl.Expr:
    """What of a price the buyer pays at the rate of the row, half up to the fen."""
    return (2 * base * pl.col("pays") + MILLION) // (2 * MILLION)


def _inside(column: str) -> pl.Expr:
    return ((pl.col(column) >= pl.col("starts_at")) & (pl.col(column) <= pl.col("ends_at"))).fill_null(value=False)


def _goods(tied: Tied, orders: pl.DataFrame) -> pl.DataFrame:
    """The lines `l` of the orders with what is left of their list price; an order without lines is one of its own."""
    stated = tied.tables["order_lines"].select("order_id", "line_id", "sku", "category", pl.col("list_fen").alias("rest"))
    lines = stated.join(orders.select("order_id", "o"), on="order_id", validate="m:1").filter(
        (pl.col("rest").null_count() == 0).over("o")
    )
    without = orders.join(lines.select("o"), on="o", how="anti").filter(pl.col("list_fen").is_not_null())
    bare = without.select("o", pl.col("list_fen").alias("rest"))
    lines = pl.concat([lines.select("o", "line_id", "sku", "category", "rest"), bare], how="diagonal")
    return lines.sort("o", "line_id").with_row_index("l")


def _eligible(step: pl.DataFrame, goods: pl.DataFrame) -> pl.DataFrame:
    """(row `d`, line `l`) that a row looks at: its line, and of a rule with a scope the lines of such SKU or category."""
    words = pl.col("scope").str.split(",").list.eval(pl.element().str.strip_chars())
    in_scope = words.list.contains(pl.col("sku")) | words.list.contains(pl.col("category"))
    everything = pl.col("scope").is_null() | pl.col("scope").is_in(["", "all", "全店", "全部", "全场"])
    pairs = step.select("d", "o", "of_lines", pl.col("scope").str.replace_all("[，、;；|]", ",")).join(
        goods, on="o", validate="m:m"
    )
    on_line = pl.col("of_lines").is_null() | pl.col("line_id").is_null() | pl.col("of_lines").list.contains(pl.col("line_id"))
    return pairs.filter(on_line & (everything | in_scope.fill_null(value=False))).select("d", "l", "rest")


def _take(step: pl.DataFrame, goods: pl.DataFrame) -> pl.DataFrame:
    """What each row of the step takes off (`off`); a row whose rule cannot be computed takes what it states."""
    base, threshold = pl.col("base"), pl.col("threshold_fen")
    percent = base - _kept(base)
    by_rule = (
        pl.when(pl.col("rule_kind") == "every")
        .then(pl.when(threshold > 0).then(base // threshold * pl.col("off_fen")))
        .when(pl.col("rule_kind") == "threshold")
        .then(pl.when(threshold.is_not_null()).then("off_fen"))
        .when(pl.col("rule_kind") == "percent")
        .then(percent)
        .when(pl.col("rule_kind") == "fixed")
        .then("off_fen")
    )
    off = pl.when(base.is_not_null()).then(by_rule)
    due = pl.when(pl.col("is_inside") & (base >= threshold.fill_null(0))).then(pl.min_horizontal(off, "cap_fen", "base"))
    sums = _eligible(step, goods).group_by("d").agg(pl.col("rest").sum().alias("base"))
    return step.join(sums, on="d", how="left", validate="1:1").select(
        "d", "o", "seq", "funder", "layer", pl.when(off.is_null()).then("stated").otherwise(due.fill_null(0)).alias("off")
    )


def _best_of_rivals(taken: pl.DataFrame) -> pl.DataFrame:
    """Rows of an order share a step only where they exclude each other: the one that gives most, of equals the first."""
    return taken.sort("o", "off", "seq", descending=[False, True, False]).unique("o", keep="first", maintain_order=True)


def _spread(taken: pl.DataFrame, step: pl.DataFrame, goods: pl.DataFrame) -> pl.DataFrame:
    """Take each row's amount off its lines in proportion to what is left of them, by largest remainder in fen."""
    base = pl.col("rest").sum().over("d")
    shares = (
        _eligible(step, goods)
        .join(taken.select("d", "off"), on="d", validate="m:1")
        .with_columns(pl.min_horizontal("off", base).cast(pl.Int128).alias("off"), pl.col("rest").cast(pl.Int128))
        .filter(base > 0)
        .with_columns(
            (pl.col("off") * pl.col("rest") // base).alias("part"), (pl.col("off") * pl.col("rest") % base).alias("cut")
        )
        .sort("d", "cut", "l", descending=[False, True, False])
        .with_columns((pl.int_range(pl.len()).over("d") < pl.col("off") - pl.col("part").sum().over("d")).alias("gets_one"))
        .group_by("l")
        .agg((pl.col("part") + pl.col("gets_one").cast(pl.Int128)).sum().cast(pl.Int64).alias("taken"))
    )
    return (
        goods.join(shares, on="l", how="left", validate="1:1")
        .with_columns((pl.col("rest") - pl.col("taken").fill_null(0)).clip(lower_bound=0))
        .drop("taken")
        .sort("l")
    )
