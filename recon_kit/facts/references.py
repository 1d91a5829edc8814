"""Which refund a voucher line books: its reference column, or the numbers that stand in its 摘要 (`references.toml`)."""

from __future__ import annotations

import functools
import tomllib
from pathlib import Path
from typing import Any

import polars as pl

_LINE = ["period", "voucher_id", "line_no"]
_VOUCHER = ["period", "voucher_id"]
SEVERAL = r"[,，、;；]"
KINDS = ("case", "flow", "order")
"""What a number can name, the strongest first: a line that names a case and its order is about the case."""


@functools.cache
def words() -> dict[str, Any]:
    """The patterns of references.toml."""
    return tomllib.loads((Path(__file__).parent / "references.toml").read_text("utf-8"))


def read_references(
    vouchers: pl.DataFrame,
    cases: pl.DataFrame,
    flows: pl.DataFrame,
    other_flows: pl.Series,
    orders: pl.DataFrame,
    gross: tuple[str, ...],
) -> pl.DataFrame:
    """Add `ref_ids` (null: none; several: the line books them together) and `ref_how`: column, text, voucher, or null.

    `ref_id` becomes one text of them. A number in the 摘要 counts when the platform or the bill has it, or when a word says
    what it is and the voucher speaks of a refund; an order counts in such a voucher only. A voucher whose wallet lines name
    nothing takes what its other lines name. `other_flows`: ids of flows that are no refunds, and so no reference.
    """
    several = pl.col("ref_id").str.replace_all(SEVERAL, ",").str.split(",")
    alone = pl.concat_list("ref_id")
    ids = several if vouchers["ref_id"].str.contains(SEVERAL).any() else alone  # a list of one costs a tenth of a split
    stated = vouchers.with_columns(pl.when(pl.col("ref_id").is_not_null()).then(ids).alias("ref_ids"))
    stated = _fill_kinds(stated, cases, flows, orders)
    silent = stated.filter(pl.col("ref_ids").is_null() & pl.col("summary").str.contains(r"\d"))
    if silent.height:
        # Each text once: the lines of a voucher mostly say the same.
        about = silent.select(*_VOUCHER).unique().join(_refund_vouchers(stated), on=_VOUCHER, how="left", validate="1:1")
        said = silent.select(*_LINE, "summary").join(about, on=_VOUCHER, how="left", validate="m:1", maintain_order="left")
        texts = said.select("summary", "is_refund").unique(maintain_order=True).with_row_index("t")
        found = _strongest(_tokens(texts), _known(cases, flows, orders), other_flows)
        by_line = said.join(texts.join(found, on="t", validate="1:1"), on=["summary", "is_refund"], validate="m:1")
        by_line = by_line.select(*_LINE, "kind@", "ids@")
        stated = stated.join(by_line, on=_LINE, how="left", validate="1:1", maintain_order="left")
    else:
        stated = stated.with_columns(pl.lit(None, pl.String).alias("kind@"), pl.lit(None, pl.List(pl.String)).alias("ids@"))
    is_text = pl.col("ref_ids").is_null() & pl.col("ids@").is_not_null()
    read = stated.with_columns(
        pl.when(is_text).then("kind@").otherwise("ref_kind").alias("ref_kind"),
        pl.coalesce("ref_ids", "ids@").alias("ref_ids"),
        pl.when(is_text).then(pl.lit("text")).when(pl.col("ref_ids").is_not_null()).then(pl.lit("column")).alias("ref_how"),
    ).drop("kind@", "ids@")
    shared = _share_in_voucher(read, gross)
    joined = pl.when(pl.col("ref_how") == "column").then("ref_id").otherwise(pl.col("ref_ids").list.join(","))
    return shared.with_columns(joined.alias("ref_id"))


def _fill_kinds(stated: pl.DataFrame, cases: pl.DataFrame, flows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Say what a reference without a kind is: a case, else a refund flow, else an order; unknown, a case."""
    bare = pl.col("ref_kind").is_null() & pl.col("ref_ids").is_not_null()
    asked = stated.filter(bare).select(pl.col("ref_ids").list.first().alias("token")).unique()
    if asked.is_empty():
        return stated
    known = _known(cases, flows, orders).filter(pl.col("token") == pl.col("id")).join(asked, on="token", how="semi")
    rank = pl.col("known").replace_strict({kind: n for n, kind in enumerate(KINDS)}, return_dtype=pl.Int64)
    kinds = known.sort(rank).unique("token", keep="first", maintain_order=True).select("token", "known")
    token = stated.select(pl.col("ref_ids").list.first().alias("token"))
    found = token.join(kinds, on="token", how="left", validate="m:1", maintain_order="left")["known"]
    return stated.with_columns(pl.when(bare).then(found).otherwise("ref_kind").alias("ref_kind"))


def read_entry_ids(vouchers: pl.DataFrame) -> pl.DataFrame:
    """The proposed entries that vouchers say they book: `entry_id`, `period`, `voucher_id`, `date`; one row per voucher."""
    found = vouchers.filter(pl.col("summary").str.contains(words()["entry"]))
    return (
        found.with_columns(pl.col("summary").str.extract_all(words()["entry"]).alias("entry_id"))
        .explode("entry_id")
        .group_by("entry_id", *_VOUCHER)
        .agg(pl.col("date").min())
        .sort("entry_id", *_VOUCHER)
    )


def speaks_of_refund() -> pl.Expr:
    """Whether any line of the voucher says in its 摘要 that it books refunds."""
    return pl.col("summary").str.contains(words()["summary"]["refund"]).fill_null(False).any().over(_VOUCHER)


def _refund_vouchers(vouchers: pl.DataFrame) -> pl.DataFrame:
    """Each voucher and whether it speaks of a refund."""
    speaks = pl.col("summary").str.contains(words()["summary"]["refund"]).fill_null(False).any()
    return vouchers.group_by(_VOUCHER).agg(speaks.alias("is_refund"))


def _tokens(texts: pl.DataFrame) -> pl.DataFrame:
    """The numbers in a 摘要: the text's number `t`, token, label (null: none), is_refund."""
    given = words()
    token, between = given["token"], given["between"]
    labels = "|".join(f"(?:{pattern})" for pattern in given["labels"].values())
    run = f"(?:(?:{labels})[:：#\\s(（\\[【]*)?{token}(?:{between}{token})*"
    runs = texts.select("t", "is_refund", pl.col("summary").str.extract_all(run).alias("run")).explode("run").drop_nulls("run")
    label = pl.coalesce(
        *(pl.when(pl.col("run").str.contains(f"^(?:{pattern})")).then(pl.lit(kind)) for kind, pattern in given["labels"].items())
    )
    return (
        runs.with_columns(label.alias("label"), pl.col("run").str.extract_all(token).alias("token"))
        .explode("token")
        .filter(pl.col("token").str.contains(r"\d") & ~pl.col("token").str.contains(given["is_date"]))
        .with_columns(
            pl.coalesce("label", pl.when(pl.col("token").str.contains(given["unknown"])).then(pl.lit("case"))).alias("label")
        )
        .select("t", "is_refund", "label", "token")
    )


def _known(cases: pl.DataFrame, flows: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Every number the platform and the bill have: token, what it names (kind) and by which id."""
    requests = flows.filter(pl.col("is_refund_type")).drop_nulls("request_no").unique("request_no", keep="none")
    return pl.concat(
        [
            cases.select(pl.col("case_id").alias("token"), pl.lit("case").alias("known"), pl.col("case_id").alias("id")),
            flows.filter(pl.col("is_refund_type")).select(
                pl.col("flow_id").alias("token"), pl.lit("flow").alias("known"), pl.col("flow_id").alias("id")
            ),
            requests.select(pl.col("request_no").alias("token"), pl.lit("flow").alias("known"), pl.col("flow_id").alias("id")),
            orders.select(pl.col("order_id").alias("token"), pl.lit("order").alias("known"), pl.col("order_id").alias("id")),
        ]
    ).unique(["token", "known"], keep="first", maintain_order=True)


def _strongest(tokens: pl.DataFrame, known: pl.DataFrame, other_flows: pl.Series) -> pl.DataFrame:
    """One row per text that names something: `t`, `kind@` and `ids@`. What is known comes before what only a word says."""
    rank = {kind: n for n, kind in enumerate(KINDS)}
    found = tokens.join(known, on="token", how="left", validate="m:m").filter(
        pl.col("known").is_not_null() | ~pl.col("token").is_in(other_flows.implode())
    )
    as_said = (pl.col("known") == pl.col("label")).fill_null(False)
    found = found.filter(as_said | ~as_said.any().over("t", "token"))
    kind = pl.coalesce("known", "label")
    needs_word = pl.col("known").is_null() | (pl.col("known") == "order")
    found = (
        found.with_columns(kind.alias("kind@"), pl.coalesce("id", "token").alias("id"))
        .filter(pl.col("kind@").is_not_null() & (~needs_word | pl.col("is_refund")))
        .with_columns(
            (pl.col("known").is_null().cast(pl.Int64) * 10 + pl.col("kind@").replace_strict(rank, return_dtype=pl.Int64)).alias(
                "rank"
            )
        )
        .filter(pl.col("rank") == pl.col("rank").min().over("t"))
    )
    return found.group_by("t", maintain_order=True).agg(pl.col("kind@").first(), pl.col("id").unique().sort().alias("ids@"))


def _share_in_voucher(read: pl.DataFrame, gross: tuple[str, ...]) -> pl.DataFrame:
    """Give the wallet lines of a voucher that name nothing what its other lines name, and every line the only one there is."""
    is_gross = pl.col("account").is_in(gross)
    texts = read.filter(pl.col("ref_how") == "text").select(_VOUCHER)
    waiting = pl.concat([read.filter(is_gross & pl.col("ref_ids").is_null()).select(_VOUCHER), texts]).unique()
    named = read.filter(pl.col("ref_ids").is_not_null()).join(waiting, on=_VOUCHER, how="semi")
    if named.is_empty():
        return read
    rank = pl.col("ref_kind").replace_strict({kind: n for n, kind in enumerate(KINDS)}, default=len(KINDS), return_dtype=pl.Int64)
    best = named.with_columns(rank.alias("rank")).filter(pl.col("rank") == pl.col("rank").min().over(_VOUCHER))
    shared = best.group_by(_VOUCHER).agg(
        pl.col("ref_kind").first().alias("kind@"),
        pl.col("ref_ids").explode().unique().sort().alias("ids@"),
        (pl.col("ref_how") == "text").all().alias("is_text@"),
    )
    silent_wallet = named.filter(is_gross).select(_VOUCHER).unique().with_columns(pl.lit(False).alias("is_silent@"))
    joined = read.join(shared, on=_VOUCHER, how="left", validate="m:1", maintain_order="left").join(
        silent_wallet, on=_VOUCHER, how="left", validate="m:1", maintain_order="left"
    )
    only = pl.col("is_text@") & (pl.col("ids@").list.len() == 1)
    takes = pl.col("ref_ids").is_null() & pl.col("ids@").is_not_null() & ((is_gross & pl.col("is_silent@").is_null()) | only)
    return joined.with_columns(
        pl.when(takes).then("kind@").otherwise("ref_kind").alias("ref_kind"),
        pl.when(takes).then("ids@").otherwise("ref_ids").alias("ref_ids"),
        pl.when(takes).then(pl.lit("voucher")).otherwise("ref_how").alias("ref_how"),
    ).drop("kind@", "ids@", "is_text@", "is_silent@")
