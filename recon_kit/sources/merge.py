"""Rows of one table from several files → one row per natural key, every row accounted for.

Within a layout the first row of a key counts: a repetition inside a file, or another content in a second file, is K05; an
identical row in another file is an overlap of two exports. Across layouts rows complete each other, platform exports before
templates. Source: docs of `schema`, Merging.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from recon_kit.schema import PROVENANCE, Table
from recon_kit.sources.layout import Complement
from recon_kit.sources.notes import Note
from recon_kit.sources.own import reason_group

EVIDENCE_COLUMNS = ("platform", "channel", "shop", "order_id", "case_id")
DUPLICATES_SCHEMA = {
    "table": pl.String(),
    "key": pl.String(),
    **{name: pl.String() for name in EVIDENCE_COLUMNS},
    "n": pl.Int64(),
    "evidence": pl.List(pl.String()),
}
_KEPT_OUT = {*(c.name for c in PROVENANCE), "platform"}


@dataclass(frozen=True)
class Source:
    """The rows of one layout for one table: canonical columns and `_file`, `_line`, `_link`; `rank` orders the layouts.

    `completes`: a template or the seller's own system, after the platforms. `is_also`: the rows are counted in another part.
    `is_erp`: the seller's own system, after the templates.
    """

    layout: str
    rank: int
    completes: bool
    frame: pl.DataFrame
    stated: tuple[str, ...]
    complement: Complement | None = None
    is_also: bool = False
    is_erp: bool = False


@dataclass(frozen=True)
class Merged:
    """One row per natural key; `kept`: loaded rows of each file; `duplicates`: repeated keys (K05 candidates).

    `is_supplied` is false where the seller's own system alone speaks of the table and no row of it stands alone: what such a
    system leaves out is no evidence of absence.
    """

    frame: pl.DataFrame
    kept: dict[str, int]
    duplicates: pl.DataFrame
    notes: tuple[Note, ...]
    is_supplied: bool = True


def merge(table: Table, sources: Sequence[Source]) -> Merged:
    """Merge all sources of a table."""
    ordered = sorted(sources, key=lambda s: (s.completes, s.is_erp, s.complement is not None, s.rank))
    frames: list[tuple[Source, pl.DataFrame]] = []
    duplicates: list[pl.DataFrame] = []
    notes: list[Note] = []
    kept: dict[str, int] = {}
    for source in ordered:
        unique, repeated, loaded = _unique(table, source)
        frames.append((source, unique))
        if source.is_also:
            continue
        duplicates.append(repeated)
        for file, n in loaded.rows():
            kept[file] = kept.get(file, 0) + n
    whole = frames[0][1].clear()
    loaded_layouts = {source.layout for source in ordered}
    for source, frame in frames:
        if source.complement:
            whole = _complement(whole, frame, source.complement, loaded_layouts)
        elif whole.is_empty() and not source.is_erp:
            whole = frame
        else:
            whole, differing = _complete(table, whole, frame, source)
            notes.extend(differing)
    is_supplied = not (whole.is_empty() and all(source.is_erp for source in sources))
    return Merged(whole, kept, pl.concat([_no_duplicates(), *duplicates]), tuple(notes), is_supplied)


def key_of(table: Table) -> list[pl.Expr]:
    """The natural key as comparable text columns `_k0`, `_k1` …; tmall equals taobao, 记-0012 equals 记-12, null equals null."""
    keys = []
    for number, name in enumerate(table.key):
        text = pl.col(name).cast(pl.String).fill_null("")
        if name == "platform":
            text = text.replace("tmall", "taobao")
        elif name == "voucher_id":
            text = text.str.replace(r"^(|.*\D)0+(\d+)$", "$1$2")
        keys.append(text.alias(f"_k{number}"))
    return keys


def _unique(table: Table, source: Source) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """The first row of every key, the repeated keys, and per file how many rows count as loaded."""
    keys = [f"_k{n}" for n in range(len(table.key))]
    frame = source.frame.with_columns(key_of(table))
    in_order = frame.sort("_file", "source_row") if frame["_file"].n_unique() > 1 else frame
    if in_order.select(keys).is_unique().all():
        return in_order, _no_duplicates(), in_order.group_by("source_file").len().cast({"len": pl.Int64})
    content = pl.struct(c for c in table.names if c != "platform").hash()
    marked = in_order.with_columns(
        content.alias("_content"),
        (pl.int_range(pl.len()).over(keys) == 0).alias("_first"),
        (pl.int_range(pl.len()).over([*keys, "_file", "_line"]) > 0).alias("_again"),
    )
    same = pl.col("_content") == pl.col("_content").first().over(keys)
    same_file = pl.col("_file") == pl.col("_file").first().over(keys)
    marked = marked.with_columns(
        (pl.col("_again") | ~same).alias("_fault"), (~pl.col("_first") & same & same_file & ~pl.col("_again")).alias("_folded")
    )
    faulty = marked.filter(pl.col("_fault").any().over(keys))
    loaded = marked.filter(pl.col("_first") | pl.col("_folded")).group_by("source_file").len().cast({"len": pl.Int64})
    unique = marked.filter(pl.col("_first")).drop("_content", "_first", "_again", "_fault", "_folded")
    return unique, _repeated(table, faulty, keys), loaded


def _no_duplicates() -> pl.DataFrame:
    return pl.DataFrame(schema=DUPLICATES_SCHEMA)


def _repeated(table: Table, faulty: pl.DataFrame, keys: Sequence[str]) -> pl.DataFrame:
    """One row per repeated key, with the place of every row that has it."""
    place = pl.concat_str("source_file", pl.lit(":"), pl.col("source_row").cast(pl.String))
    named = [pl.col(c).first() if c in table.names else pl.lit(None, pl.String).alias(c) for c in EVIDENCE_COLUMNS]
    shown = pl.concat_str([pl.col(c).first().cast(pl.String).fill_null("") for c in table.key], separator="|")
    return (
        faulty.group_by(keys, maintain_order=True)
        .agg(
            pl.lit(table.name).alias("table"),
            shown.alias("key"),
            *(n.cast(pl.String) for n in named),
            pl.len().cast(pl.Int64).alias("n"),
            place.alias("evidence"),
        )
        .select(DUPLICATES_SCHEMA.keys())
        .cast(DUPLICATES_SCHEMA)  # type: ignore[arg-type]
    )


def _complete(table: Table, left: pl.DataFrame, right: pl.DataFrame, source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """Fill what the left rows lack from the right rows of the same key, and add the right rows of new keys."""
    keys = [f"_k{n}" for n in range(len(table.key))]
    right = _adopt_keys(table, left, right)
    filled = [c.name for c in table.columns if not (c.key and c.required)]
    extra = right.select(*keys, *(pl.col(c).alias(f"{c}@") for c in filled), pl.col("source_file").alias("_right"))
    joined = left.join(extra, on=keys, how="left", validate="1:1", maintain_order="left")
    notes: list[Note] = []
    for name in filled:
        if name in source.stated and name not in _KEPT_OUT:
            differ = joined.filter(pl.col(name) != pl.col(f"{name}@")).group_by("_right").len().sort("_right")
            column = table.column(name).label
            notes.extend(Note("differs", {"file": file, "column": column, "n": n}) for file, n in differ.rows())
    whole = joined.with_columns(pl.coalesce(name, f"{name}@").alias(name) for name in filled).select(left.columns)
    new = right.join(left.select(keys), on=keys, how="anti", maintain_order="left")
    if source.is_erp:
        new, alone = _stand_alone(table, new, source)
        notes.extend(alone)
    return pl.concat([whole, new.select(left.columns)]), notes


def _stand_alone(table: Table, new: pl.DataFrame, source: Source) -> tuple[pl.DataFrame, list[Note]]:
    """The rows of the seller's own system that state all a row needs; the others complete nothing, which is said per file."""
    is_whole = pl.all_horizontal(pl.col(name).is_not_null() for name in table.required)
    if not set(source.stated) - {*table.key}:
        return new.filter(is_whole), []
    rest = new.filter(~is_whole).group_by("source_file").agg(pl.len(), pl.col("source_row").sort().head(5)).sort("source_file")
    facts = {"table_zh": table.label, "table_en": table.name}
    return new.filter(is_whole), [
        Note("erp_alone", {"file": file, "n": n, "rows": "、".join(map(str, rows)) + "…" * (n > len(rows)), **facts})
        for file, n, rows in rest.rows()
    ]


def _adopt_keys(table: Table, left: pl.DataFrame, right: pl.DataFrame) -> pl.DataFrame:
    """Give a right row that leaves an optional part of its key open the key of the one left row it can only mean.

    A payment without its trade number, or a case without its platform, is the same row when the rest of the key is, neither
    side contradicts the other, and no second row would do.
    """
    certain = [f"_k{n}" for n, name in enumerate(table.key) if table.column(name).required]
    open_ = [f"_k{n}" for n, name in enumerate(table.key) if not table.column(name).required]
    if not open_:
        return right
    new = right.with_row_index("_r").join(left.select(*certain, *open_), on=[*certain, *open_], how="anti", maintain_order="left")
    old = left.with_row_index("_l").select("_l", *certain, *(pl.col(k).alias(f"{k}@") for k in open_))
    fits = pl.all_horizontal((pl.col(k) == "") | (pl.col(f"{k}@") == "") | (pl.col(k) == pl.col(f"{k}@")) for k in open_)
    pairs = new.select("_r", *certain, *open_).join(old, on=certain, how="inner").filter(fits)
    pairs = pairs.filter(pl.col("_r").is_unique() & pl.col("_l").is_unique()).select("_r", *(f"{k}@" for k in open_))
    found = right.with_row_index("_r").join(pairs, on="_r", how="left", validate="1:1", maintain_order="left")
    return found.with_columns(pl.coalesce(f"{k}@", k).alias(k) for k in open_).select(right.columns)


def _complement(left: pl.DataFrame, right: pl.DataFrame, how: Complement, loaded: set[str]) -> pl.DataFrame:
    """Let rows of a second bill complete the first bill's rows by their link; a row without its counterpart is not money yet."""
    takes = list(how.takes)
    left, right = _numbered(left), _numbered(right)
    pair = ["_link", "_nth"]
    extra = right.filter(pl.col("_link").is_not_null()).select(*pair, *(pl.col(c).alias(f"{c}@") for c in takes))
    joined = left.join(extra, on=pair, how="left", validate="m:1", maintain_order="left")
    whole = joined.with_columns(pl.coalesce(f"{c}@", c).alias(c) for c in takes).select(left.columns)
    alone = right.join(left.filter(pl.col("_link").is_not_null()).select(pair), on=pair, how="anti", maintain_order="left")
    if how.of in loaded:
        waiting = pl.when(pl.col("status") == "success").then(pl.lit("processing")).otherwise(pl.col("status"))
        alone = alone.with_columns(waiting.alias("status"), pl.lit(None, right.schema["success_at"]).alias("success_at"))
    return pl.concat([whole, alone.select(left.columns)]).drop("_nth")


def _numbered(frame: pl.DataFrame) -> pl.DataFrame:
    """Add `_nth`: which of the rows with this link it is, in time; 0 without a link."""
    order = [name for name in ("success_at", "at", "paid_at") if name in frame.columns]
    place = pl.struct(pl.coalesce(order), "source_file", "source_row").rank("ordinal").over("_link").cast(pl.Int64)
    return frame.with_columns(pl.when(pl.col("_link").is_not_null()).then(place).otherwise(0).alias("_nth"))


def fill_platform(cases: pl.DataFrame, orders: pl.DataFrame) -> pl.DataFrame:
    """Give a case without a platform the one of its order, where no second platform has an order of that id."""
    known = orders.select("order_id", pl.col("platform").alias("_known")).unique().unique("order_id", keep="none")
    joined = cases.join(known, on="order_id", how="left", validate="m:1", maintain_order="left")
    return joined.with_columns(pl.coalesce("platform", "_known").alias("platform")).drop("_known")


def defaults(table: Table, reasons: Sequence[tuple[str, str]] = ()) -> list[pl.Expr]:
    """Fill the defaults of a table: always after merging, so that one never beats a stated value. `reasons`: the user's words."""
    filled = [pl.col(c.name).fill_null(c.default) for c in table.columns if c.default is not None]
    if table.name == "aftersales":
        by_qty = pl.when(pl.col("qty").is_null()).then(pl.lit("negotiated")).otherwise(pl.lit("qty"))
        filled += [pl.col("basis").fill_null(by_qty), pl.col("reason_group").fill_null(reason_group(reasons))]
    return filled
