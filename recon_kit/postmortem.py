"""What a post-mortem asks of a run: what went wrong, since when, how it was noticed, how far it reaches, what will stop it.

An incident is a set of primary findings. Nothing here knows a language or a colour; gaps never net.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import polars as pl

from recon_kit.errors import ReportError
from recon_kit.mistakes import nearest
from recon_kit.recon_kpis import RECURS_DAYS
from recon_kit.record import Run
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.schedule import DAILY, WEEKLY

ENOUGH = 0.8
"""The share of the whole that the few members to begin with hold. Source: Pareto."""
STAGES = ("happened", "booked", "detected", "contained", "resolved")
"""What happens to a finding, in order; a stage nobody has reached yet has no date."""
CAUSES = ("reason_group", "shop", "platform", "channel", "decided_by", "creator", "approver")
"""By what an incident is split to find where it gathers."""


@dataclass(frozen=True)
class Incident:
    """What is looked into: the codes it is about, and its findings (the primary rows of `discrepancies`)."""

    codes: tuple[str, ...]
    findings: pl.DataFrame


def choose_incident(run: Run, wanted: str = "") -> Incident:
    """The findings a text names: codes or discrepancy ids, by commas; without one the break with the most money.

    ReportError for a name that is neither a code of the catalogue nor a finding of the run.
    """
    names = [name.strip() for name in wanted.split(",") if name.strip()]
    if not names:
        names = _largest(run)
    ids = set(run.findings["discrepancy_id"])
    for name in names:
        if name not in CATALOGUE and name not in ids:
            raise ReportError(
                f"incident {name!r}: neither a code nor a finding of {run.period.text}; expected for example C04, or an id of "
                f"`recon-kit cases list`{nearest(name, CATALOGUE)}"
            )
    found = run.findings.filter(pl.col("code").is_in(names) | pl.col("discrepancy_id").is_in(names)).sort("event_at", "key")
    return Incident(tuple(dict.fromkeys([*(n for n in names if n in CATALOGUE), *found["code"]])), found)


def _largest(run: Run) -> list[str]:
    breaks = run.findings.filter(pl.col("nature") == "break")
    ranked = breaks.group_by("code").agg(pl.col("gap_fen").abs().sum()).sort("gap_fen", "code", descending=[True, False])
    return ranked["code"].head(1).to_list()


@dataclass(frozen=True)
class Cost:
    """What an incident comes to: findings, Σ of the gaps without sign, with it, and the loss at cost; fen."""

    n: int
    gross_fen: int
    net_fen: int
    loss_fen: int


def cost(incident: Incident) -> Cost:
    """Money gross, net and at cost; a finding without an amount counts and adds nothing."""
    sums = incident.findings.select(
        pl.col("gap_fen").abs().sum().alias("gross"), pl.col("gap_fen").sum().alias("net"), pl.col("loss_fen").sum()
    ).row(0)
    return Cost(incident.findings.height, *(int(value or 0) for value in sums))


def stages(run: Run, incident: Incident) -> pl.DataFrame:
    """One row a finding, oldest first: discrepancy_id, code, key, and the day of each stage, null where it was not reached.

    `happened`: the event. `booked`: the first voucher line that names its case, flow or order. `detected`: the as-of day of the
    run that opened it. `contained`: the day of the first decision on it; from then on somebody has it in hand. `resolved`:
    cleared, closed or written off. Source: docs/method.md, post-mortem.
    """
    items = _known(run).select(
        "discrepancy_id", pl.col("first_seen_on").alias("detected"), pl.col("cleared_on").alias("resolved")
    )
    decided = run.table("decisions").drop_nulls("discrepancy_id")
    first = decided.group_by("discrepancy_id").agg(pl.col("decided_at").min().dt.date().alias("contained"))
    told = incident.findings.select(
        "discrepancy_id", "code", "key", "case_id", "order_id", pl.col("event_at").dt.date().alias("happened")
    )
    return (
        told.join(_booked(run, told), on="discrepancy_id", how="left", validate="1:1")
        .join(items, on="discrepancy_id", how="left", validate="1:1")
        .join(first, on="discrepancy_id", how="left", validate="1:1")
        .with_columns(pl.col("detected").fill_null(run.as_of))
        .select("discrepancy_id", "code", "key", *STAGES)
        .sort("happened", "key", nulls_last=True)
    )


def _booked(run: Run, told: pl.DataFrame) -> pl.DataFrame:
    """The first day on which the ledger names the finding's key, case or order."""
    first = run.table("voucher_lines").group_by("ref_id").agg(pl.col("date").min().alias("booked"))
    names = pl.concat(
        [told.select("discrepancy_id", pl.col(name).alias("ref_id")) for name in ("key", "case_id", "order_id")]
    ).drop_nulls()
    return names.join(first, on="ref_id", how="inner", validate="m:1").group_by("discrepancy_id").agg(pl.col("booked").min())


def stage_summary(run: Run, incident: Incident) -> pl.DataFrame:
    """One row a stage: stage, n (findings that reached it), first, last, days (median days after it happened)."""
    days = stages(run, incident)
    rows = [
        {
            "stage": stage,
            "n": days[stage].count(),
            "first": days[stage].min(),
            "last": days[stage].max(),
            "days": (days[stage] - days["happened"]).dt.total_days().median(),
        }
        for stage in STAGES
    ]
    schema = {"stage": pl.String, "n": pl.Int64, "first": pl.Date, "last": pl.Date, "days": pl.Float64}
    return pl.DataFrame(rows, schema=schema)


def scope(run: Run, incident: Incident) -> pl.DataFrame:
    """One row a code and side of the check it rests on: code, check, side, table, rows, matched, unmatched, n.

    Every row of both sides was looked at: matched + unmatched = rows. `n` findings of the code. A code that rests on no pair
    has one row without a side. This is what says that there are no more.
    """
    counts = [
        run.table(name).group_by("pair", "side", "table").agg(pl.len().cast(pl.Int64).alias(name))
        for name in ("matches", "unmatched")
    ]
    judged = counts[0].join(counts[1], on=["pair", "side", "table"], how="full", coalesce=True, validate="1:1")
    checks = pl.DataFrame(
        [
            {"code": code, "check": CATALOGUE[code].check, "n": incident.findings.filter(pl.col("code") == code).height}
            for code in incident.codes
        ],
        schema={"code": pl.String, "check": pl.String, "n": pl.Int64},
    )
    return (
        checks.join(judged, left_on="check", right_on="pair", how="left", validate="m:m")
        .with_columns(pl.col("matches", "unmatched").fill_null(0))
        .select(
            "code",
            "check",
            "side",
            "table",
            (pl.col("matches") + pl.col("unmatched")).alias("rows"),
            pl.col("matches").alias("matched"),
            "unmatched",
            "n",
        )
        .sort("code", "side", "table", nulls_last=True)
    )


def unchecked(run: Run, incident: Incident) -> list[str]:
    """Codes of the incident that could not be checked, or were not due: there the scope is not proved."""
    return [code for code in incident.codes if code in run.summary["not_checked"] or code in run.summary["not_scheduled"]]


def gathers_by(run: Run, incident: Incident) -> str:
    """The column by which the incident gathers most: the largest member's share of it; ties by order of CAUSES."""
    told, weight = _with_case(run, incident), _weight(incident)
    shares = {
        name: told.drop_nulls(name).group_by(name).agg(weight.alias("part"))["part"].max() or 0
        for name in CAUSES
        if told[name].n_unique() > 1
    }
    return max(shares, key=lambda name: shares[name]) if shares else CAUSES[0]


def _weight(incident: Incident) -> pl.Expr:
    """By what members are ranked: the money without sign, or how many where no finding has a gap."""
    gap = pl.col("gap_fen").abs().sum()
    return gap if incident.findings.select(gap).item() else pl.len().cast(pl.Int64)


def pareto(run: Run, incident: Incident, by: str) -> pl.DataFrame:
    """One row a member of a column, most money first: member, n, abs_gap_fen, share (running share of it), is_vital.

    Where no finding has a gap, findings are counted instead. `is_vital`: among the few that together hold ENOUGH. Sums to the
    incident.
    """
    sums = [pl.len().cast(pl.Int64).alias("n"), pl.col("gap_fen").abs().sum().alias("abs_gap_fen")]
    members = _with_case(run, incident).group_by(pl.col(by).alias("member")).agg(*sums, _weight(incident).alias("weight"))
    whole = max(int(members["weight"].sum()), 1)
    return (
        members.sort("weight", "n", "member", descending=[True, True, False], nulls_last=True)
        .with_columns((pl.col("weight").cum_sum() / whole).alias("share"))
        .with_columns(is_vital=(pl.col("share") - pl.col("weight") / whole) < ENOUGH)
        .drop("weight")
    )


def _with_case(run: Run, incident: Incident) -> pl.DataFrame:
    """The findings with what their case says of them."""
    said = ["reason_group", "decided_by", "creator", "approver"]
    cases = run.table("aftersales").select("platform", "case_id", *said).unique(["platform", "case_id"], keep="none")
    return incident.findings.join(cases, on=["platform", "case_id"], how="left", validate="m:1")


def catchable(run: Run, incident: Incident) -> pl.DataFrame:
    """One row a finding: discrepancy_id, code, key, happened, caught_by (day, week or month), caught_on, found_on, days_lost.

    `caught_on`: the earliest run of the schedule that has the code and comes when the finding stands, which is the day it breaks
    where it was on its way first, else the day after it happened. `days_lost`: from then to the run that found it.
    """
    days = stages(run, incident).join(
        incident.findings.select("discrepancy_id", "breaks_on"), on="discrepancy_id", how="left", validate="1:1"
    )
    stands = pl.coalesce("breaks_on", pl.col("happened") + timedelta(days=1))
    kind = pl.col("code").replace_strict({code: _kind(code) for code in incident.codes}, default="month", return_dtype=pl.String)
    week = stands.dt.offset_by("-1d").dt.truncate("1w").dt.offset_by("1w")
    on = pl.when(kind == "day").then(stands).when(kind == "week").then(week).otherwise(stands.dt.month_end().dt.offset_by("1d"))
    return days.with_columns(kind.alias("caught_by"), pl.min_horizontal(on, pl.lit(run.as_of)).alias("caught_on")).select(
        "discrepancy_id",
        "code",
        "key",
        "happened",
        "caught_by",
        "caught_on",
        pl.col("detected").alias("found_on"),
        (pl.col("detected") - pl.col("caught_on")).dt.total_days().clip(0).alias("days_lost"),
    )


def _kind(code: str) -> str:
    check = CATALOGUE[code].check
    return "day" if check in DAILY else "week" if check in WEEKLY else "month"


def recurrence(run: Run, incident: Incident) -> pl.DataFrame:
    """Items of the same codes by the period they were first seen in, oldest first.

    Columns: period, code, n, amount_fen, n_open, is_recent. `is_recent`: first seen within RECURS_DAYS before the run's as-of
    day, where the same code of the same shop is a recurrence.
    """
    items = _known(run).filter(pl.col("code").is_in(list(incident.codes)))
    is_open = pl.col("status").is_in(["open", "explained"])
    return (
        items.group_by(pl.col("first_period").alias("period"), "code")
        .agg(
            pl.len().cast(pl.Int64).alias("n"),
            pl.col("amount_fen").sum(),
            is_open.sum().cast(pl.Int64).alias("n_open"),
            (pl.col("first_seen_on").max() >= run.as_of - timedelta(days=RECURS_DAYS)).fill_null(False).alias("is_recent"),
        )
        .sort("period", "code")
    )


def came_back(run: Run, incident: Incident) -> int:
    """Items of the incident's codes that are new in the period and had one of their code and shop within RECURS_DAYS before."""
    mine = _known(run).filter(pl.col("code").is_in(list(incident.codes)))
    new = mine.filter(pl.col("first_period") == run.period.text)
    before = mine.filter(
        (pl.col("first_period") != run.period.text) & (pl.col("first_seen_on") >= run.as_of - timedelta(days=RECURS_DAYS))
    )
    return new.join(before.select("code", "shop").unique(), on=["code", "shop"], how="semi", nulls_equal=True).height


def _known(run: Run) -> pl.DataFrame:
    """Every item the casebook knew at the run: those of the roll as they stand, and earlier ones that had ended before."""
    names = ["discrepancy_id", "code", "key", "shop", "first_period", "first_seen_on", "amount_fen", "status", "cleared_on"]
    rolled = run.table("open_items").select(names)
    return pl.concat([rolled, run.table("earlier_items").select(names).join(rolled, on="discrepancy_id", how="anti")])


def whys(run: Run, incident: Incident) -> pl.DataFrame:
    """What the casebook says of why, one row an item of the incident's codes: code, key, explanation, cause, reason, decided_by.

    `explanation`: the first why; `reason`: why that was so, with the root `cause`; of any period. The newest first. Empty where
    nobody has said anything.
    """
    told = run.table("decisions").filter(pl.col("code").is_in(list(incident.codes)))
    said = {
        kind: told.filter(pl.col("decision") == kind)
        .group_by("discrepancy_id")
        .agg(*(pl.col(name).last() for name in ("code", "key", "why", "cause", "decided_by", "number")))
        for kind in ("explained", "cause")
    }
    both = said["explained"].drop("cause").join(said["cause"], on="discrepancy_id", how="full", coalesce=True, validate="1:1")
    return both.select(
        *(pl.coalesce(name, f"{name}_right").alias(name) for name in ("code", "key")),
        pl.col("why").alias("explanation"),
        "cause",
        pl.col("why_right").alias("reason"),
        pl.coalesce("decided_by_right", "decided_by").alias("decided_by"),
        pl.max_horizontal("number", "number_right").alias("number"),
    ).sort("number", descending=True)


def corrections(run: Run, incident: Incident) -> pl.DataFrame:
    """The lines of the proposed entries that answer a finding of the incident: entry_id, effect, account, name, debit, credit."""
    ids = set(incident.findings["discrepancy_id"])
    lines = run.table("adjustments").filter(pl.col("discrepancy_id").is_in(list(ids)))
    return lines.select(
        "entry_id", "effect", pl.col("account").alias("account_code"), "account_name", "debit_fen", "credit_fen", "memo"
    )


def controls_beside(run: Run, incident: Incident) -> pl.DataFrame:
    """Control findings on the same cases and orders: code, n. Where one failed, the incident could have been stopped."""
    control = run.findings.filter(pl.col("nature") == "control")
    on = [
        control.join(incident.findings.select(name).drop_nulls().unique(), on=name, how="semi")
        for name in ("case_id", "order_id")
    ]
    beside = pl.concat(on).unique("discrepancy_id").filter(~pl.col("code").is_in(list(incident.codes)))
    return beside.group_by("code").agg(pl.len().cast(pl.Int64).alias("n")).sort("code")
