"""What would the match find with another tolerance, or with more or fewer days? The engine's own match, run again.

One pair at a time: everything else stands as the run has it. Days are looked at by M3 and M11, in the passes that have no
number to go by; the tolerance says which of the groups a match formed still tie. Source: docs/method.md, What if.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import polars as pl

from recon_kit.errors import ReportError, TieError
from recon_kit.facts import Facts, build_facts
from recon_kit.facts.channel import refund_window
from recon_kit.facts.pairs import case_refund_sides, pair_sides, place_rows, tolerance_of
from recon_kit.facts.settlement import match_payouts, payout_sides
from recon_kit.matching import match
from recon_kit.pairs import PAIRS
from recon_kit.record import Run
from recon_kit.replay import recall

OFFERED = ("M3", "M4", "M1", "M11", "M10", "M9", "M2", "M5")
"""Pairs of money, the ones looked at most first."""
STANDINGS = ("exact", "forgiven", "differs", "unmatched")
"""How a row stands: in a group without a gap, with one inside the tolerance, with one beyond it, or in no group."""
ROW = ["side", "table", "row_key"]


@dataclass(frozen=True)
class Limits:
    """What is tried. `window_days` (null: the pair looks at no days); `card_days`: M3 alone, of refunds to cards."""

    tolerance_fen: int
    window_days: int | None = None
    card_days: int | None = None


@dataclass(frozen=True)
class Ready:
    """A run whose sides are loaded, keyed and sorted. `placed`: pair → its rows at the run's own limits (see `_placed`)."""

    facts: Facts
    sides: Mapping[str, pl.DataFrame]
    placed: Mapping[str, pl.DataFrame]


@dataclass(frozen=True)
class Trial:
    """The answer at `limits`, beside the run's own at `was`.

    `standings`: a row a side and standing: n, amount_fen and what the run has (n_was, amount_was_fen), every one of
    STANDINGS on both sides. `passes`: a row a pass that places or placed something: n_groups, n_groups_was, n_rows,
    n_rows_was. `changed`: the rows that stand otherwise, or with another counterpart: side, table, row_key, amount_fen,
    was, now, pass_was, pass, gap_was_fen, gap_fen. `forgiven`: two rows, `was` and `now`: n groups, forgiven_fen (without
    sign), net_fen (with it), n_over, n_under.
    """

    pair: str
    was: Limits
    limits: Limits
    standings: pl.DataFrame
    passes: pl.DataFrame
    changed: pl.DataFrame
    forgiven: pl.DataFrame

    @property
    def newly_unmatched(self) -> pl.DataFrame:
        """Rows that had a counterpart in the run and would have none."""
        return self.changed.filter((pl.col("was") != "unmatched") & (pl.col("now") == "unmatched"))

    @property
    def no_longer_unmatched(self) -> pl.DataFrame:
        """Rows that had none in the run and would have one."""
        return self.changed.filter((pl.col("was") == "unmatched") & (pl.col("now") != "unmatched"))


def prepare(run: Run) -> Ready:
    """Take the run up again and tie its tables, once; then each `try_limits` is the match alone.

    TieError where its own limits no longer give its own answer: the tables were changed, or another version made them.
    """
    recalled = recall(run)
    ready = make_ready(build_facts(recalled.collected, recalled.scope))
    for pair, rows in ready.placed.items():
        _check_same(run, pair, rows)
    return ready


def make_ready(facts: Facts) -> Ready:
    """The pairs of money of some facts, ready to be matched at other limits."""
    sides = {pair: rows for pair, rows in pair_sides(facts).items() if pair in OFFERED and rows.height}
    return Ready(facts, sides, {pair: _placed(pair, rows, tolerance_of(pair, facts.scope)) for pair, rows in sides.items()})


def pairs_of(ready: Ready) -> tuple[str, ...]:
    """The pairs that can be tried: of money, and with rows in this run."""
    return tuple(pair for pair in OFFERED if pair in ready.sides)


def limits_of(ready: Ready, pair: str) -> Limits:
    """The limits the run itself has for a pair; ReportError for one that it does not have."""
    if pair not in ready.sides:
        raise ReportError(f"what if: {pair} has no rows in this run; expected one of {', '.join(pairs_of(ready))}")
    sla = ready.facts.scope.config.sla_days
    days = {"M3": (sla.refund, sla.refund_card), "M11": (sla.payout, None)}.get(pair, (None, None))
    return Limits(tolerance_of(pair, ready.facts.scope), *days)


def try_limits(ready: Ready, pair: str, limits: Limits) -> Trial:
    """Match the pair again at other limits and compare with the run's own answer; ReportError for limits that are none."""
    was = limits_of(ready, pair)
    for name in ("tolerance_fen", "window_days", "card_days"):
        given = getattr(limits, name)
        if (given is None) != (getattr(was, name) is None) or (given or 0) < 0:
            raise ReportError(
                f"what if, {pair}: {name} {given}; expected "
                + ("none, the pair looks at no such limit" if getattr(was, name) is None else "a whole number from 0 on")
            )
    rows = _placed(pair, _match_again(ready, pair, was, limits), limits.tolerance_fen)
    before = ready.placed[pair]
    both = rows.join(before.select(*ROW, pl.col(_SAID).name.suffix("_was")), on=ROW, how="full", validate="1:1", coalesce=True)
    if both.height != before.height or both["standing"].null_count():
        raise TieError(
            f"what if, {pair}: {before.height} rows in, {rows.height} out; every row must come out once. This is a bug"
        )
    return Trial(pair, was, limits, _standings(both), _passes(both), _changed(both), _forgiven(before, rows))


def _match_again(ready: Ready, pair: str, was: Limits, limits: Limits) -> pl.DataFrame:
    """The rows of both sides after the match; the sides as they are where no day that the pair looks at moved."""
    facts = ready.facts
    if (limits.window_days, limits.card_days) == (was.window_days, was.card_days):
        return ready.sides[pair]
    if pair == "M11":
        flows, bank = facts.more["payout_flows"], facts.more["payout_bank"]
        return payout_sides(flows, bank, match_payouts(flows, bank, limits.window_days or 0))
    outcome = ["group", "pass", "reason"]
    left, right = facts.refunds.left.drop(outcome), facts.refunds.right.drop(outcome)
    window = refund_window(limits.window_days or 0, limits.card_days or 0)
    days = facts.cases.select(window).to_series().gather(left["row"])
    again = match(PAIRS[pair], left.with_columns(days.alias("window_days")), right)
    return case_refund_sides(replace(facts, refunds=again))


_SAID = ["pass", "standing", "gap_fen", "group_id", "amount_fen"]


def _placed(pair: str, sides: pl.DataFrame, tolerance_fen: int) -> pl.DataFrame:
    """Every row of the pair once: its side, table, row_key, amount_fen, group_id, pass, gap_fen, reason and standing."""
    matches, unmatched = place_rows(pair, sides, tolerance_fen)
    gap = pl.col("gap_fen")
    tied = pl.when(pl.col("verdict") == "in_tolerance").then(pl.lit("forgiven"))
    standing = tied.when(gap == 0).then(pl.lit("exact")).otherwise(pl.lit("differs"))
    return pl.concat(
        [matches.with_columns(standing.alias("standing")), unmatched.with_columns(pl.lit("unmatched").alias("standing"))],
        how="diagonal",
    )


def _check_same(run: Run, pair: str, rows: pl.DataFrame) -> None:
    """The rows as the run wrote them."""
    told = pl.concat([run.table(name).filter(pl.col("pair") == pair) for name in ("matches", "unmatched")], how="diagonal").sort(
        "side", "table", "row_key"
    )
    if not rows.select(told.columns).sort("side", "table", "row_key").equals(told):
        raise TieError(
            f"{run.folder.name}, {pair}: the match at the run's own limits does not give what the run wrote; expected the same. "
            "Its tables were changed, another version of recon_kit made it, or masking hid a number that a text names: run "
            "`recon-kit run` again"
        )


def _standings(both: pl.DataFrame) -> pl.DataFrame:
    frame = pl.DataFrame({"side": ["left", "right"]}).join(pl.DataFrame({"standing": STANDINGS}), how="cross")
    for column, suffix in (("standing", ""), ("standing_was", "_was")):
        sums = both.group_by("side", pl.col(column).alias("standing")).agg(
            pl.len().cast(pl.Int64).alias(f"n{suffix}"), pl.col("amount_fen").sum().alias(f"amount{suffix}_fen")
        )
        frame = frame.join(sums, on=["side", "standing"], how="left", validate="1:1", maintain_order="left")
    return frame.with_columns(pl.exclude("side", "standing").fill_null(0))


def _passes(both: pl.DataFrame) -> pl.DataFrame:
    frames = [
        both.drop_nulls(f"pass{suffix}")
        .group_by(pl.col(f"pass{suffix}").alias("pass"))
        .agg(
            pl.col(f"group_id{suffix}").n_unique().cast(pl.Int64).alias(f"n_groups{suffix}"),
            pl.len().cast(pl.Int64).alias(f"n_rows{suffix}"),
        )
        for suffix in ("", "_was")
    ]
    counts = ["n_groups", "n_groups_was", "n_rows", "n_rows_was"]
    joined = frames[0].join(frames[1], on="pass", how="full", coalesce=True, validate="1:1")
    return joined.select("pass", pl.col(counts).fill_null(0)).sort("n_rows_was", "n_rows", "pass", descending=[True, True, False])


def _changed(both: pl.DataFrame) -> pl.DataFrame:
    is_other = pl.col("standing").ne(pl.col("standing_was")) | pl.col("group_id").ne_missing(pl.col("group_id_was"))
    return (
        both.filter(is_other)
        .select(
            *ROW,
            "amount_fen",
            pl.col("standing_was").alias("was"),
            pl.col("standing").alias("now"),
            pl.col("pass_was"),
            "pass",
            pl.col("gap_fen_was").alias("gap_was_fen"),
            "gap_fen",
        )
        .sort(pl.col("amount_fen").abs(), *ROW, descending=[True, False, False, False], nulls_last=True)
    )


def _forgiven(before: pl.DataFrame, now: pl.DataFrame) -> pl.DataFrame:
    gap = pl.col("gap_fen")
    sums = [
        rows.filter(pl.col("standing") == "forgiven")
        .unique("group_id", keep="first")
        .select(
            pl.lit(name).alias("when"),
            pl.len().cast(pl.Int64).alias("n"),
            gap.abs().sum().alias("forgiven_fen"),
            gap.sum().alias("net_fen"),
            (gap > 0).sum().cast(pl.Int64).alias("n_over"),
            (gap < 0).sum().cast(pl.Int64).alias("n_under"),
        )
        for name, rows in (("was", before), ("now", now))
    ]
    return pl.concat(sums)
