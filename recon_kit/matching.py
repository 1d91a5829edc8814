"""Matching passes as pure functions, and the ladders they form; which pairs there are is data (`pairs`).

A pair has a left and a right frame. Each has a unique `row` (Int64), an `amount_fen`, a `partition` (u64) and the key
columns its ladder names; where it looks at time, a `day` (Date) too, and the left side `window_days`. A pass sees the rows
no earlier pass used and returns memberships; a row is used once, and what no pass can place without guessing stays
unmatched: *ambiguous* where several counterparts were possible. Nothing is ever matched by amount alone: every pass has a key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from recon_kit.errors import MatchError
from recon_kit.pairs import PAIRS, Pair, Pass
from recon_kit.subsets import unique_subsets

__all__ = ["PAIRS", "Matched", "Pair", "Pass", "match"]

PAIRS_PER_KEY = 10_000
"""Keys with more candidate pairs than this skip `unique`: such rows are twins, and their pairs would explode."""


@dataclass(frozen=True)
class Matched:
    """The outcome of one pair. `left`/`right`: row → group and pass (null: unmatched), with `reason` where unmatched.

    Grain: every input row exactly once per side.
    """

    left: pl.DataFrame
    right: pl.DataFrame


def match(pair: Pair, left: pl.DataFrame, right: pl.DataFrame, *, partitions: int = 1) -> Matched:
    """Run a pair's ladder. The result does not depend on `partitions` or on the order of rows.

    Raises MatchError when a frame lacks a column the ladder names, or when a pass uses a row twice (a bug).
    """
    _check(pair, left, right)
    if partitions == 1:
        matched = Matched(*_climb(pair.ladder, left, right))
    else:
        share = [pl.col("partition") % partitions == i for i in range(partitions)]
        parts = [_climb(pair.ladder, left.filter(mine), right.filter(mine)) for mine in share]
        matched = Matched(*(pl.concat(side).sort("row") for side in zip(*parts, strict=True)))
    for side, given in ((matched.left, left), (matched.right, right)):
        if side.height != given.height:
            raise MatchError(
                f"pair {pair.name}: {given.height} rows in, {side.height} out; every row must come out once. This is a bug"
            )
    return matched


def _check(pair: Pair, left: pl.DataFrame, right: pl.DataFrame) -> None:
    days = {"day"} if any(rung.window or rung.how in ("twins", "reversal") for rung in pair.ladder) else set()
    windows = {"window_days"} if any(rung.window for rung in pair.ladder) else set()
    for index, (side, frame, extra) in enumerate((("left", left, days | windows), ("right", right, days))):
        wanted = {"row", "amount_fen", "partition"} | extra | {on[index] for rung in pair.ladder for on in rung.on}
        if missing := wanted - set(frame.columns):
            raise MatchError(f"pair {pair.name}, {side} side: columns {sorted(missing)} are missing")


def _climb(ladder: tuple[Pass, ...], left: pl.DataFrame, right: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One partition: each pass in turn on what is still open. `at` is a row's place, so that results are put, not joined."""
    left, right = _opened(left), _opened(right)
    for number, rung in enumerate(ladder):
        open_right = right.filter(pl.col("group").is_null()) if number else right
        if (open_right.is_empty() or left.is_empty()) and rung.how != "reversal":
            continue
        new_left, new_right = _PASSES[rung.how](_keyed(left, rung, 0), _keyed(open_right, rung, 1), rung)
        left, right = _place(left, new_left, number), _place(right, new_right, number)
    names = pl.Series([rung.name for rung in ladder], dtype=pl.String)
    named = [frame.with_columns(names.gather(frame["pass"]).alias("pass")).drop("at") for frame in (left, right)]
    return _with_reasons(named[0], named[1])


def _opened(frame: pl.DataFrame) -> pl.DataFrame:
    nothing = [pl.lit(None, pl.Int64).alias("group"), pl.lit(None, pl.Int64).alias("pass")]
    return frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("at"), *nothing)


def _place(frame: pl.DataFrame, found: pl.DataFrame, number: int) -> pl.DataFrame:
    """Write the groups a pass found into its rows."""
    if found.is_empty():
        return frame
    group = frame["group"].clone().scatter(found["at"], found["group"])
    if frame["group"].null_count() - group.null_count() != found.height:
        raise MatchError(f"pass {number}: a row was used twice; every row has one group. This is a bug")
    rung = frame["pass"].clone().scatter(found["at"], pl.repeat(number, found.height, dtype=pl.Int64, eager=True))
    return frame.with_columns(group.alias("group"), rung.alias("pass"))


def _keyed(frame: pl.DataFrame, rung: Pass, side: int) -> pl.DataFrame:
    """Rows with a whole key, the key's columns renamed k0, k1 …"""
    names = [on[side] for on in rung.on]
    whole = frame.drop_nulls(names) if any(frame[name].null_count() for name in names) else frame
    return whole.with_columns(pl.col(name).alias(f"k{i}") for i, name in enumerate(names))


def _keys(rung: Pass) -> list[str]:
    return [f"k{i}" for i in range(len(rung.on))]


def _open(left: pl.DataFrame) -> pl.DataFrame:
    return left.filter(pl.col("group").is_null())


Sides = tuple[pl.DataFrame, pl.DataFrame]


def _match_key(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    on = _keys(rung)
    if len(on) == 1 and left.schema["k0"] == pl.Int64 and right.schema["k0"] == pl.Int64:
        places = _places(left["k0"], right["k0"])
        if places is not None:
            return _match_placed(left, right, places)
    groups = left.group_by(on).agg(pl.coalesce("group", "row").min().alias("key_group"))
    rights = right.join(groups, on=on, validate="m:1")
    lefts = _open(left).join(rights.select(on), on=on, how="semi").join(groups, on=on, validate="m:1")
    return _grouped(lefts, "key_group"), _grouped(rights, "key_group")


def _places(left: pl.Series, right: pl.Series) -> pl.Series | None:
    """For each right key the place of its left row (null: none), looked up in a table by the number itself.

    Only for row numbers: None where the left keys repeat, are negative or are sparse. Three times faster than a join.
    """
    top = max(left.max() or 0, right.max() or 0)
    lowest = min(left.min() or 0, right.min() or 0)
    if not isinstance(top, int) or not isinstance(lowest, int) or lowest < 0 or top > 4 * (len(left) + len(right)):
        return None
    table = pl.repeat(None, top + 1, dtype=pl.Int64, eager=True).scatter(left, pl.int_range(len(left), eager=True))
    return table.gather(right) if table.len() - table.null_count() == len(left) else None


def _match_placed(left: pl.DataFrame, right: pl.DataFrame, places: pl.Series) -> Sides:
    group = left.select(pl.coalesce("group", "row")).to_series()
    rights = right.select("at", group.gather(places).alias("group")).drop_nulls("group")
    met = pl.repeat(value=False, n=left.height, dtype=pl.Boolean, eager=True).scatter(places.drop_nulls(), values=True)
    return _grouped(left.filter(met & left["group"].is_null()), "row"), rights


def _match_unique(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    found = _bounded_pairs(_open(left), right, [*_keys(rung), "amount_fen"])
    pairs = _within(found, rung).filter((pl.len().over("row") == 1) & (pl.len().over("row_right") == 1))
    return _one_to_one(pairs)


def _match_twins(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    on = [*_keys(rung), "amount_fen"]
    nth = pl.struct("day", "row").rank("ordinal").over(on).alias("nth")
    pairs = _open(left).with_columns(nth).join(right.with_columns(nth), on=[*on, "nth"], suffix="_right", validate="1:1")
    return _one_to_one(_within(pairs, rung))


def _match_near(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    on, width = [*_keys(rung), "near"], max(rung.tolerance_fen, 1)
    near = (pl.col("amount_fen") // width).alias("near")
    # amounts within the tolerance stand in the same band or in neighbours
    bands = pl.concat([right.with_columns(near + step) for step in (-1, 0, 1)])
    pairs = _bounded_pairs(_open(left).with_columns(near), bands, on)
    close = (pl.col("amount_fen") - pl.col("amount_fen_right")).abs() <= rung.tolerance_fen
    pairs = _within(pairs.filter(close), rung)
    return _one_to_one(pairs.filter((pl.len().over("row") == 1) & (pl.len().over("row_right") == 1)))


def _bounded_pairs(left: pl.DataFrame, right: pl.DataFrame, on: list[str]) -> pl.DataFrame:
    """Every pair of rows with the key; none of a key that would make more than PAIRS_PER_KEY."""
    crowded = (
        left.group_by(on).len("l").join(right.group_by(on).len("r"), on=on).filter(pl.col("l") * pl.col("r") > PAIRS_PER_KEY)
    )
    return left.join(crowded, on=on, how="anti").join(right, on=on, suffix="_right")


def _match_subset(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    pairs = _within(_bounded_pairs(_open(left), right, _keys(rung)), rung)
    pairs = pairs.filter((pl.col("amount_fen") != 0) & (pl.col("amount_fen_right") != 0))
    found = pl.concat([_sets(pairs, "", "_right"), _sets(pairs, "_right", "")])
    # a row in two solutions could be used by either: neither is taken
    torn = found.filter(pl.len().over("side", "row") > 1)["set"].unique()
    kept = found.filter(~pl.col("set").is_in(torn.implode())).with_columns(
        pl.col("row").filter(pl.col("side") == "").min().over("set").alias("key_group")
    )
    sides = [kept.filter(pl.col("side") == side).select("row", "key_group") for side in ("", "_right")]
    return (
        _grouped(left.join(sides[0], on="row", validate="1:1"), "key_group"),
        _grouped(right.join(sides[1], on="row", validate="1:1"), "key_group"),
    )


def _sets(pairs: pl.DataFrame, one: str, many: str) -> pl.DataFrame:
    """The rows of every unique solution that has one row on the side `one`: (set, side, row)."""
    candidates = pairs.select(
        pl.col(f"row{one}").alias("target"),
        pl.col(f"amount_fen{one}").alias("total_fen"),
        pl.col(f"row{many}").alias("member"),
        pl.col(f"amount_fen{many}").alias("value_fen"),
    )
    found = unique_subsets(candidates).with_columns((pl.col("target") * 2 + (one != "")).alias("set"))
    return pl.concat(
        [
            found.select("set", pl.lit(many).alias("side"), pl.col("member").alias("row")),
            found.unique("set").select("set", pl.lit(one).alias("side"), pl.col("target").alias("row")),
        ]
    )


def _match_reversal(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    """A group of the left is named by its first row, one of the right by the negative of it, which no left row has."""
    pairs = [_reversed(_open(side), rung) for side in (left, right)]
    return pairs[0], pairs[1].with_columns((-1 - pl.col("group")).alias("group"))


def _reversed(rows: pl.DataFrame, rung: Pass) -> pl.DataFrame:
    on = [*_keys(rung), "amount_fen", "nth"]
    ranked = rows.with_columns(pl.struct("day", "row").rank("ordinal").over(on[:-1]).alias("nth"))
    minus = ranked.filter(pl.col("amount_fen") < 0).with_columns(-pl.col("amount_fen"))
    pairs = ranked.filter(pl.col("amount_fen") > 0).join(minus, on=on, suffix="_right", validate="1:1")
    group = pl.min_horizontal("row", "row_right").alias("group")
    return pl.concat([pairs.select("at", group), pairs.select(pl.col("at_right").alias("at"), group)])


def _match_sum(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    on = _keys(rung)
    lefts = _open(left)
    total = pl.col("amount_fen").sum().alias("total")
    sums = (
        lefts.group_by(on)
        .agg(total, pl.col("row").min().alias("key_group"), pl.len().alias("n"))
        .join(right.group_by(on).agg(total, pl.len().alias("n")), on=on, suffix="_right", validate="1:1")
    )
    tied = sums.filter((pl.col("total") == pl.col("total_right")) & ((pl.col("n") == 1) | (pl.col("n_right") == 1)))
    tied = tied.select(*on, "key_group")
    return (
        _grouped(lefts.join(tied, on=on, validate="m:1"), "key_group"),
        _grouped(right.join(tied, on=on, validate="m:1"), "key_group"),
    )


def _match_rest(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    return _join_only(_open(left), right, _keys(rung))


def _match_sole(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    return _join_only(left, right, _keys(rung))


def _match_alike(left: pl.DataFrame, right: pl.DataFrame, rung: Pass) -> Sides:
    return _join_only(left, right, [*_keys(rung), "amount_fen"])


def _join_only(left: pl.DataFrame, right: pl.DataFrame, on: list[str]) -> Sides:
    """Rights join the group of the only left with their key, whether that left was open or used."""
    only = (
        left.group_by(on)
        .agg(pl.coalesce("group", "row").min().alias("key_group"), pl.len().alias("n"), pl.col("row").min().alias("left_row"))
        .filter(pl.col("n") == 1)
        .drop("n")
    )
    rights = right.join(only, on=on, validate="m:1")
    lefts = _open(left).join(rights.select("left_row"), left_on="row", right_on="left_row", how="semi")
    return _grouped(lefts, "row"), _grouped(rights, "key_group")


def _grouped(rows: pl.DataFrame, group: str) -> pl.DataFrame:
    return rows.select("at", pl.col(group).alias("group"))


def _within(pairs: pl.DataFrame, rung: Pass) -> pl.DataFrame:
    if not rung.window:
        return pairs
    return pairs.filter((pl.col("day_right") - pl.col("day")).dt.total_days().abs() <= pl.col("window_days"))


def _one_to_one(pairs: pl.DataFrame) -> Sides:
    return _grouped(pairs, "row"), pairs.select(pl.col("at_right").alias("at"), pl.col("row").alias("group"))


_PASSES: dict[str, Callable[[pl.DataFrame, pl.DataFrame, Pass], Sides]] = {
    "key": _match_key,
    "unique": _match_unique,
    "twins": _match_twins,
    "near": _match_near,
    "sum": _match_sum,
    "subset": _match_subset,
    "rest": _match_rest,
    "sole": _match_sole,
    "alike": _match_alike,
    "reversal": _match_reversal,
}


def _with_reasons(left: pl.DataFrame, right: pl.DataFrame) -> Sides:
    """Say why a row is unmatched: it is ambiguous when its `order` still has an unmatched counterpart."""
    lone = pl.col("group").is_null()
    if "order" not in left.columns or "order" not in right.columns:
        reason = pl.when(lone).then(pl.lit("no_counterpart")).alias("reason")
        return left.with_columns(reason), right.with_columns(reason)

    def with_reason(mine: pl.DataFrame, other: pl.DataFrame) -> pl.DataFrame:
        waiting = other.filter(lone)["order"].drop_nulls().unique()
        waits = pl.col("order").is_in(waiting.implode()).fill_null(value=False)
        return mine.with_columns(
            pl.when(lone).then(pl.when(waits).then(pl.lit("ambiguous")).otherwise(pl.lit("no_counterpart"))).alias("reason")
        )

    return with_reason(left, right), with_reason(right, left)
