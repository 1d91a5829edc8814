"""Ad-hoc match: any two tables against each other by the passes of `matching`, every row with one outcome.

A row ends in `matches` (its group ties within the tolerance), `unmatched` (with the reason) or `quarantine` (it cannot be
compared). Rows and sums of each side are conserved, or nothing is returned. Amounts are Int64 units of 10^-scale yuan.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.adhoc.ask import Ask, build_ask
from recon_kit.adhoc.side import Side, is_personal, read_side
from recon_kit.errors import TieError
from recon_kit.matching import Matched, match
from recon_kit.money import format_units
from recon_kit.pairs import Pair, Pass
from recon_kit.privacy import mask_name_expr

__all__ = ["Ask", "Records", "match_records"]

_ROW = {"n": pl.Int64(), "group": pl.Int64(), "pass": pl.String(), "verdict": pl.String(), "reason": pl.String()}
REASONS = ("amount_differs", "no_counterpart", "repeated", "ambiguous", "outside_window", "no_key")
VERDICTS = ("matched", "in_tolerance", "reversed", "reused")


@dataclass(frozen=True)
class Records:
    """What an ad-hoc match found; one row an input row, in exactly one of the three frames.

    `matches`: group_id, side, file, row, key, day, amount_units, pass, verdict (VERDICTS), gap_units (Σ right − Σ left of the
    group), and the columns asked to be shown. `unmatched`: the same with `reason` (REASONS); rows that only differ in amount
    share a group_id. `quarantine`: side, file, row, column, value (masked), reason. `summary`: plain values, amounts as text.
    """

    matches: pl.DataFrame
    unmatched: pl.DataFrame
    quarantine: pl.DataFrame
    summary: dict[str, Any]

    @property
    def exit_code(self) -> int:
        """0 when every row is matched, else 1."""
        return 1 if self.unmatched.height or self.quarantine.height else 0


def match_records(left: Path | str | pl.DataFrame, right: Path | str | pl.DataFrame, **options: Any) -> Records:
    """Reconcile two files or frames; the Python twin of `recon-kit match`.

    Options: `on` (or `left_on` and `right_on`), `amount`, `within`, `date`, `window_days`, `tolerance` ("0.01"), `scale` (2),
    `group`, `subset`, `unique_use` (True), `opposite`, `show`: as `recon-kit match --help` explains them.
    Raises ConfigError for options that do not go together, SourceError for a file that lacks a column.
    """
    ask = build_ask(**options)
    sides = (read_side(left, ask, 0), read_side(right, ask, 1))
    placed = _match_groups(ask, *sides) if ask.group else _match_rows(ask, *sides)
    if not ask.group:
        placed = _with_reasons(ask, sides, placed)
    rows = _rows(ask, sides, placed)
    is_match = pl.col("verdict").is_not_null()
    dropped = {True: "reason", False: "pass"}
    matches, unmatched = (rows.filter(is_match == kept).drop(dropped[kept]) for kept in (True, False))
    records = Records(
        matches.sort("group_id", "side", "file", "row"),
        unmatched.drop("verdict").sort("reason", "group_id", "side", "file", "row", nulls_last=True),
        pl.concat([side.quarantine for side in sides]).sort("side", "file", "row"),
        {},
    )
    _check(sides, records)
    return Records(records.matches, records.unmatched, records.quarantine, _summary(ask, sides, records))


def _ladder(ask: Ask) -> tuple[Pass, ...]:
    """From the strongest evidence to the weakest; nothing is matched without a key."""
    is_windowed = ask.window_days is not None
    rungs: list[Pass] = []
    for name in [column for column, given in (("key", ask.on), ("within", ask.within)) if given]:
        key = ((name, name),)
        if ask.date:
            rungs.append(Pass(f"{name}_day_amount", "twins", (*key, ("day", "day"))))
        rungs.append(Pass(f"{name}_amount", "unique", key, is_windowed))
        rungs.append(Pass(f"{name}_amount_twins", "twins", key, is_windowed))
        if ask.tolerance:
            rungs.append(Pass(f"{name}_tolerance", "near", key, is_windowed, ask.tolerance))
        if name == "key" or not ask.on:
            rungs.append(Pass(f"{name}_reversal", "reversal", key))
        if ask.subset:
            rungs.append(Pass(f"{name}_subset", "subset", key, is_windowed))
    return tuple(rungs)


def _match_rows(ask: Ask, left: Side, right: Side) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One to one by the ladder: for each side n, group, pass, verdict (null: not matched)."""
    frames = [_frame(side, ask) for side in (left, right)]
    found = match(Pair("match", "left", "right", _ladder(ask), "", ""), *frames)
    placed = _gaps(ask, found)
    return placed if ask.unique_use else _reuse(placed, (left, right))


def _frame(side: Side, ask: Ask) -> pl.DataFrame:
    return side.rows.select(
        pl.col("n").alias("row"),
        pl.col("amount_units").alias("amount_fen"),
        "key",
        "within",
        "day",
        pl.lit(ask.window_days, pl.Int64).alias("window_days"),
        pl.lit(0, pl.UInt64).alias("partition"),
    )


def _gaps(ask: Ask, found: Matched) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The verdict of each group; one that does not tie within the tolerance is none, and keeps its group for the reason."""
    both = pl.concat([found.left.with_columns(sign=-1), found.right.with_columns(sign=1)], how="diagonal")
    gap = (pl.col("amount_fen") * pl.col("sign")).sum().over("group")
    verdict = (
        pl.when(pl.col("group").is_null() | (gap.abs() > ask.tolerance))
        .then(None)
        .when(pl.col("pass").str.ends_with("_reversal"))
        .then(pl.lit("reversed"))
        .when(gap == 0)
        .then(pl.lit("matched"))
        .otherwise(pl.lit("in_tolerance"))
    )
    placed = both.with_columns(pl.col("row").alias("n"), verdict.alias("verdict"), pl.lit(None, pl.String).alias("reason"))
    sides = [placed.filter(pl.col("sign") == sign).select(pl.col(n).cast(t) for n, t in _ROW.items()) for sign in (-1, 1)]
    return sides[0], sides[1]


def _reuse(placed: tuple[pl.DataFrame, pl.DataFrame], sides: tuple[Side, Side]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows left over join the one group whose row on the other side has their key and amount, though it is used already."""
    on = ["key", "within", "amount_units"]
    full = [here.join(side.rows.select("n", *on), on="n", validate="1:1") for here, side in zip(placed, sides, strict=True)]
    joined = []
    for mine, other in ((full[0], full[1]), (full[1], full[0])):
        used = (
            other.filter(pl.col("verdict").is_in(["matched", "in_tolerance"]))
            .group_by(on)
            .agg(pl.col("group").unique().alias("groups"))
        )
        only = used.filter(pl.col("groups").list.len() == 1).with_columns(pl.col("groups").list.first().alias("reused"))
        found = mine.join(only.drop("groups"), on=on, how="left", validate="m:1", nulls_equal=True, maintain_order="left")
        is_reused = pl.col("verdict").is_null() & pl.col("reused").is_not_null() & pl.coalesce("key", "within").is_not_null()
        joined.append(
            found.with_columns(
                pl.when(is_reused).then("reused").otherwise("group").alias("group"),
                pl.when(is_reused).then(pl.lit("key_reused")).otherwise("pass").alias("pass"),
                pl.when(is_reused).then(pl.lit("reused")).otherwise("verdict").alias("verdict"),
            ).select(*_ROW)
        )
    return joined[0], joined[1]


def _match_groups(ask: Ask, left: Side, right: Side) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Σ of a key against Σ of the key; rows without a row of the other side in the window take no part."""
    frames = [_frame(side, ask) for side in (left, right)]
    near = [_nearest(a, b, ["key"]) for a, b in ((frames[0], frames[1]), (frames[1], frames[0]))]
    distance = pl.col("distance")
    is_out = (distance > ask.window_days).fill_null(value=False) if ask.window_days is not None else pl.lit(value=False)
    inside = [near_side.filter(~is_out).drop("distance") for near_side in near]
    key = (("key", "key"),)
    ladder = (Pass("key_sum", "key", key), Pass("key_reversal", "reversal", key))
    found = match(Pair("match", "left", "right", ladder, "", ""), inside[0], inside[1])
    tied = _gaps(ask, found)
    reason = (
        pl.when(pl.col("verdict").is_not_null())
        .then(None)
        .when(pl.col("key").is_null())
        .then(pl.lit("no_key"))
        .when(pl.col("group").is_not_null())
        .then(pl.lit("amount_differs"))
        .when(distance.is_not_null())
        .then(pl.lit("outside_window"))
        .otherwise(pl.lit("no_counterpart"))
    )
    placed = [
        near_side.rename({"row": "n"})
        .join(done.drop("reason"), on="n", how="left", validate="1:1", maintain_order="left")
        .with_columns(reason.alias("reason"))
        .select(*_ROW)
        for near_side, done in zip(near, tied, strict=True)
    ]
    return placed[0], placed[1]


def _nearest(mine: pl.DataFrame, other: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """`mine` with the distance in days to the nearest row of the other side with its key (0 without dates, null without one)."""
    if mine["day"].null_count() == mine.height:
        there = other.select(by).unique().with_columns(pl.lit(0, pl.Int64).alias("distance"))
        return mine.join(there, on=by, how="left", validate="m:1", maintain_order="left")
    days = other.select(*by, "day", pl.col("day").alias("near_day")).drop_nulls(by).sort("day")
    found = mine.sort("day").join_asof(days, on="day", by=by, strategy="nearest", check_sortedness=False)
    distance = (pl.col("near_day") - pl.col("day")).dt.total_days().abs().alias("distance")
    return found.with_columns(distance).drop("near_day").sort("row")


def _with_reasons(
    ask: Ask, sides: tuple[Side, Side], placed: tuple[pl.DataFrame, pl.DataFrame]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Say why a row is open: by the key, where there is one; else by equal amounts inside `within`."""
    by = ["key"] if ask.on else ["within", "amount_fen"]
    opened = [
        _frame(side, ask).join(here.select(pl.col("n").alias("row"), "verdict"), on="row", validate="1:1", maintain_order="left")
        for side, here in zip(sides, placed, strict=True)
    ]
    judged = [_judge(mine, other, by, ask) for mine, other in ((opened[0], opened[1]), (opened[1], opened[0]))]
    if ask.on:
        judged = _paired(judged[0], judged[1])
        if ask.within:
            also = ["within", "amount_fen"]
            coarse = [_judge(a, b, also, ask) for a, b in ((opened[0], opened[1]), (opened[1], opened[0]))]
            judged = [_fall_back(fine, rough) for fine, rough in zip(judged, coarse, strict=True)]
    told = [
        here.drop("reason", "group")
        .join(
            frame.select(pl.col("row").alias("n"), "reason", "differs"), on="n", how="left", validate="1:1", maintain_order="left"
        )
        .with_columns(here["group"].alias("group"))
        for here, frame in zip(placed, judged, strict=True)
    ]
    done = [
        side.with_columns(pl.when(pl.col("verdict").is_null()).then("differs").otherwise("group").alias("group")).select(*_ROW)
        for side in told
    ]
    return done[0], done[1]


def _judge(mine: pl.DataFrame, other: pl.DataFrame, by: list[str], ask: Ask) -> pl.DataFrame:
    """The open rows of a side with `reason`, and `differs` (null here)."""
    lone = pl.col("verdict").is_null()
    used = other.filter(~lone).select(by).unique().with_columns(pl.lit(value=True).alias("is_used"))
    near = _nearest(mine.filter(lone), other.filter(lone), by).join(
        used, on=by, how="left", validate="m:1", maintain_order="left"
    )
    outside = pl.col("distance") > ask.window_days if ask.window_days is not None else pl.lit(value=False)
    reason = (
        pl.when(pl.col(by[0]).is_null())
        .then(pl.lit("no_key"))
        .when(pl.col("distance").is_not_null() & ~outside.fill_null(value=False))
        .then(pl.lit("ambiguous"))
        .when(pl.col("distance").is_not_null())
        .then(pl.lit("outside_window"))
        .when(pl.col("is_used"))
        .then(pl.lit("repeated"))
        .otherwise(pl.lit("no_counterpart"))
    )
    return near.with_columns(reason.alias("reason"), pl.lit(None, pl.Int64).alias("differs"))


def _paired(left: pl.DataFrame, right: pl.DataFrame) -> list[pl.DataFrame]:
    """The only open rows of a key on both sides differ in amount: one finding, not two rows that miss each other."""
    waits = pl.col("reason") == "ambiguous"
    alone = [side.filter(waits).filter(pl.len().over("key") == 1).select("key", "row") for side in (left, right)]
    pairs = alone[0].join(alone[1].drop("row"), on="key", validate="1:1").select("key", pl.col("row").alias("paired"))

    def told(side: pl.DataFrame) -> pl.DataFrame:
        found = side.drop("differs").join(pairs, on="key", how="left", validate="m:1", maintain_order="left")
        is_paired = pl.col("paired").is_not_null() & waits
        return found.with_columns(
            pl.when(is_paired).then(pl.lit("amount_differs")).otherwise("reason").alias("reason"),
            pl.when(is_paired).then("paired").alias("differs"),
        ).drop("paired")

    return [told(left), told(right)]


def _fall_back(fine: pl.DataFrame, coarse: pl.DataFrame) -> pl.DataFrame:
    """Where the key says nothing, what `within` says: several of that amount, or one outside the window."""
    rough = coarse.select("row", pl.col("reason").alias("rough"))
    silent = pl.col("reason").is_in(["no_counterpart", "no_key"]) & pl.col("rough").is_in(["ambiguous", "outside_window"])
    found = fine.join(rough, on="row", how="left", validate="1:1", maintain_order="left")
    return found.with_columns(pl.when(silent).then("rough").otherwise("reason").alias("reason")).drop("rough")


def _rows(ask: Ask, sides: tuple[Side, Side], placed: tuple[pl.DataFrame, pl.DataFrame]) -> pl.DataFrame:
    """Both sides, one row a row, with the group's number in the order of its first row, and its gap."""
    parts = []
    for which, (side, here) in enumerate(zip(sides, placed, strict=True)):
        names = [pair[which] for pair in (ask.on or ask.within)]
        key = pl.coalesce("key", "within") if ask.on and ask.within else pl.col("key" if ask.on else "within")
        shown_key = mask_name_expr(key) if any(map(is_personal, names)) else key
        parts.append(
            side.rows.join(here, on="n", validate="1:1", maintain_order="left").with_columns(
                pl.lit(("left", "right")[which]).alias("side"), shown_key.alias("key"), sign=pl.lit(2 * which - 1)
            )
        )
    both = (
        pl.concat(parts)
        .with_row_index("place")
        .with_columns((pl.col("amount_units") * pl.col("sign")).sum().over("group").alias("gap_units"))
    )
    grouped = pl.when(pl.col("group").is_not_null())
    place = grouped.then(pl.col("place").min().over("group"))
    numbered = both.with_columns(
        place.rank("dense").cast(pl.Int64).alias("group_id"), grouped.then("gap_units").alias("gap_units")
    )
    shown = {name: pl.col(f"shown_{i}") for i, name in enumerate(ask.show)}
    names = ["group_id", "side", "file", "row", "key", "day", "amount_units", "pass", "verdict", "reason", "gap_units"]
    return numbered.select(*names, **{name: expr for name, expr in shown.items() if name not in names})


def _check(sides: tuple[Side, Side], records: Records) -> None:
    """Every row once and every unit of both sides, or nothing is said."""
    for name, side in zip(("left", "right"), sides, strict=True):
        out = pl.concat(
            [
                frame.filter(pl.col("side") == name).select("file", "row", "amount_units")
                for frame in (records.matches, records.unmatched)
            ]
        )
        given = side.rows.select("file", "row", "amount_units")
        rows = out.height + records.quarantine.filter(pl.col("side") == name).height
        if rows != side.rows_read or not out.sort("file", "row").equals(given.sort("file", "row")):
            raise TieError(
                f"match, {name} side: {side.rows_read} rows in, {rows} out, Σ {given['amount_units'].sum()} in, "
                f"{out['amount_units'].sum()} out; expected every row once. This is a bug"
            )


def _summary(ask: Ask, sides: tuple[Side, Side], records: Records) -> dict[str, Any]:
    """Plain values, equal for equal inputs; amounts as text with all their decimals."""

    def amount(units: int) -> str:
        return format_units(units, ask.scale, separator="")

    def tally(frame: pl.DataFrame, column: str) -> dict[str, dict[str, Any]]:
        sums = frame.group_by(column).agg(pl.len().alias("rows"), pl.col("amount_units").sum()).sort(column)
        return {row[column]: {"rows": row["rows"], "amount": amount(row["amount_units"])} for row in sums.iter_rows(named=True)}

    about: dict[str, Any] = {}
    for name, side in zip(("left", "right"), sides, strict=True):
        mine = pl.col("side") == name
        about[name] = {
            "file": side.name,
            "sha256": side.sha256,
            "rows": side.rows_read,
            "amount": amount(_total(side)),
            "matched": tally(records.matches.filter(mine), "verdict"),
            "unmatched": tally(records.unmatched.filter(mine), "reason"),
            "quarantined": records.quarantine.filter(mine).height,
        }
    ways = records.matches.group_by("pass").agg(
        pl.col("group_id").n_unique().alias("groups"),
        (pl.col("side") == "left").sum().alias("left"),
        (pl.col("side") == "right").sum().alias("right"),
    )
    ladder = [rung.name for rung in _ladder(ask)]
    place = pl.col("pass").replace_strict({name: at for at, name in enumerate(ladder)}, default=len(ladder))
    gaps = records.matches.unique("group_id").filter(pl.col("gap_units").abs() <= ask.tolerance)["gap_units"]
    return {
        "schema": 1,
        "exit_code": records.exit_code,
        "exit_meaning": ("all matched", "differences")[records.exit_code],
        **about,
        "difference": amount(_total(sides[1]) - _total(sides[0])),
        "forgiven": amount(int(gaps.abs().sum())),
        "passes": ways.sort(place, "pass").to_dicts(),
        "asked": ask.described(),
    }


def _total(side: Side) -> int:
    return int(side.rows["amount_units"].sum())
