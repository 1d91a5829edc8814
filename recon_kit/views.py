"""What figures and tables draw: small aggregates of a run, each of which ties to a total stated elsewhere.

Nothing here knows a language or a colour. Gaps are summed as absolute amounts: opposite signs are never netted.
"""

from __future__ import annotations

import re
from datetime import timedelta

import polars as pl

from recon_kit.case_file import LEGS
from recon_kit.facts.platform import DONE_AT, FINAL, MONEY_AT
from recon_kit.pairs import PAIRS
from recon_kit.periods import Period
from recon_kit.record import BRIDGE_LINES, SIDES, Run
from recon_kit.results import ADJUSTMENTS, LEG, NATURE, SEVERITY
from recon_kit.schema import REFUND_CASE_KINDS, REFUND_FLOW_KINDS

BUCKETS = {"d03": 3, "d07": 7, "d15": 15, "d30": 30, "d60": 60, "d90": 90}
"""Age bucket → its last day; older and undated come after. Source: domain, Cut-off."""
BUCKET_ORDER = (*BUCKETS, "older", "undated")
IN_MONEY = [name for name, pair in PAIRS.items() if pair.unit == "fen"]
"""Pairs whose rows have amounts; of the others `amount_fen` counts pieces, or nothing."""
FOLD_BY = ("code", "shop", "day", "owner")
"""Findings that share these are one line of the detail table."""
_GAP = pl.when(pl.col("gap_fen").is_not_null().any()).then(pl.col("gap_fen").abs().sum()).alias("abs_gap_fen")
"""Null where no finding has a gap: absent is not zero."""
_COUNT = pl.len().cast(pl.Int64).alias("n")
_RANK = {severity: rank for rank, severity in enumerate(SEVERITY)}


def bridge_steps(run: Run) -> pl.DataFrame:
    """One row a bridge line in order: line, label, amount_fen, n, balance_fen (running; a side states its own total)."""
    order = pl.DataFrame({"line": BRIDGE_LINES, "position": range(len(BRIDGE_LINES))})
    is_side = pl.col("line").is_in(SIDES)
    walked = pl.when(pl.col("line").is_in(["B0", "C0"])).then(0).otherwise(pl.col("amount_fen")).cum_sum()
    return (
        run.table("bridge")
        .join(order, on="line", how="inner", validate="1:1")
        .sort("position")
        .with_columns(balance_fen=pl.when(is_side).then(pl.col("amount_fen")).otherwise(walked))
        .drop("position")
    )


def codes(run: Run) -> pl.DataFrame:
    """One row a code: code, nature, severity (worst), owner, n, abs_gap_fen; most money first."""
    worst = pl.col("severity").sort_by(pl.col("severity").replace_strict(_RANK, default=-1)).last()
    return (
        run.findings.group_by("code")
        .agg(pl.col("nature").first(), worst, pl.col("owner").mode(maintain_order=True).first(), _COUNT, _GAP)
        .sort("abs_gap_fen", "n", "code", descending=[True, True, False], nulls_last=True)
    )


def owners(run: Run) -> pl.DataFrame:
    """One row an owner and severity: owner, severity, n, abs_gap_fen."""
    rank = pl.col("severity").replace_strict(_RANK, default=-1, return_dtype=pl.Int64)
    return run.findings.group_by("owner", "severity").agg(_COUNT, _GAP).sort("owner", rank)


def ageing(run: Run) -> pl.DataFrame:
    """One row an age bucket and nature, young first: bucket, nature, n, abs_gap_fen. Age is as of the run's as-of day."""
    age = pl.col("age_days")
    within = [pl.when(age <= last).then(pl.lit(name)) for name, last in BUCKETS.items()]
    by_age = pl.coalesce(*within, pl.when(age.is_not_null()).then(pl.lit("older")), pl.lit("undated"))
    place = pl.col("bucket").replace_strict({name: i for i, name in enumerate(BUCKET_ORDER)}, return_dtype=pl.Int64)
    nature = pl.col("nature").replace_strict({name: i for i, name in enumerate(NATURE)}, default=-1, return_dtype=pl.Int64)
    return run.findings.with_columns(bucket=by_age).group_by("bucket", "nature").agg(_COUNT, _GAP).sort(place, nature)


ROLL_STEPS = (
    *("opening_n", "opening_fen", "new_fen", "recoded_fen", "changed_fen"),
    *("cleared_fen", "written_off_fen", "closing_n", "closing_fen"),
)
"""Columns of the roll as it is read, left to right."""


def roll(run: Run, *, only_carried: bool = False) -> pl.DataFrame:
    """The roll of open items, one row a code that moved or stands, the total (`all`) last.

    `only_carried`: codes of which nothing was carried in and nothing has ended are one row, `others`.
    """
    frame = run.table("carry_forward")
    if frame.is_empty():
        return frame
    moved, is_all = pl.any_horizontal(pl.col("^.*_n$") != 0), pl.col("code") == "all"
    rows = frame.filter(moved & ~is_all).sort("code")
    if only_carried:
        is_new = pl.all_horizontal(pl.col("opening_n", "recoded_n", "cleared_n", "written_off_n") == 0)
        others = rows.filter(is_new).select(pl.lit("others").alias("code"), pl.exclude("code").sum()).filter(pl.col("new_n") > 0)
        rows = pl.concat([rows.filter(~is_new), others])
    return pl.concat([rows, frame.filter(is_all)])


def cleared(run: Run) -> pl.DataFrame:
    """Items settled in the period, largest first: cleared, closed or written off, and by what."""
    ended = run.table("open_items").filter(pl.col("cleared_how").is_not_null())
    return ended.sort("amount_fen", "code", "key", descending=[True, False, False])


def top_findings(run: Run, limit: int) -> pl.DataFrame:
    """The largest breaks and control items by severity, then by money; timing and rounding are not ranked."""
    rank = pl.col("severity").replace_strict(_RANK, default=-1, return_dtype=pl.Int64)
    size = pl.col("gap_fen").abs().fill_null(0)
    return (
        run.findings.filter(~pl.col("nature").is_in(["timing", "rounding"]))
        .sort(rank, size, "discrepancy_id", descending=[True, True, False])
        .head(limit)
    )


def work_items(run: Run) -> pl.DataFrame:
    """One row a primary finding, with `related`: the codes of the findings that it explains, apart by spaces."""
    related = (
        run.table("discrepancies")
        .filter(pl.col("primary_id").is_not_null())
        .group_by("primary_id")
        .agg(pl.col("code").unique().sort().str.join(" ").alias("related"))
    )
    return run.findings.join(related, left_on="discrepancy_id", right_on="primary_id", how="left", validate="1:1")


def folded(run: Run) -> pl.DataFrame:
    """One row a (code, shop, day, owner): n, abs_gap_fen, the oldest age, the worst severity, and the findings as a list."""
    rank = pl.col("severity").replace_strict(_RANK, default=-1, return_dtype=pl.Int64)
    inside = pl.struct(
        "discrepancy_id",
        "platform",
        "order_id",
        "case_id",
        "expected_fen",
        "actual_fen",
        "gap_fen",
        "age_days",
        "breaks_on",
        "key",
        "why",
        "evidence",
    )
    return (
        run.findings.with_columns(day=pl.col("event_at").dt.date(), rank=rank)
        .sort("discrepancy_id")
        .group_by(FOLD_BY, maintain_order=True)
        .agg(
            _COUNT,
            _GAP,
            pl.col("age_days").max(),
            pl.col("severity").sort_by("rank").last(),
            pl.col("rank").max(),
            pl.col("nature").first(),
            inside.alias("findings"),
        )
        .sort("rank", "abs_gap_fen", *FOLD_BY, descending=[True, True, False, False, False, False], nulls_last=True)
        .drop("rank")
    )


def refunds_by_day(run: Run, period: Period) -> pl.DataFrame:
    """Money that left the wallets for refunds, one row a day of the period (zero where none): day, amount_fen, n.

    Dated when it succeeded; the period's own sum is bridge line B0.
    """
    flows = run.table("flows").with_columns(MONEY_AT.alias("money_at"))
    inside = pl.col("kind").is_in(REFUND_FLOW_KINDS) & period.contains("money_at") & (pl.col("money_at").dt.date() <= run.as_of)
    return _every_day(flows.filter(inside), "money_at", -pl.col("amount_fen").sum(), period)


def cases_by_day(run: Run, period: Period) -> pl.DataFrame:
    """After-sales cases applied, one row a day of the period (zero where none): day, amount_fen (requested), n."""
    cases = run.table("aftersales").filter(period.contains("applied_at"), pl.col("applied_at").dt.date() <= run.as_of)
    return _every_day(cases, "applied_at", pl.col("requested_fen").sum(), period)


def refunds_by(run: Run, column: str, period: Period) -> pl.DataFrame:
    """Refunds of cases completed in the period by `platform`, `kind` or `reason`: member, amount_fen, n; sums to bridge line A0.

    A reason is its group where one is known, else the buyer's words.
    """
    inside = pl.col("kind").is_in(REFUND_CASE_KINDS) & period.contains("done_at") & (pl.col("done_at").dt.date() <= run.as_of)
    member = pl.coalesce("reason_group", "reason") if column == "reason" else pl.col(column)
    return (
        run.table("aftersales")
        .with_columns(DONE_AT.alias("done_at"))
        .filter(inside)
        .group_by(member.alias("member"))
        .agg(FINAL.sum().alias("amount_fen"), _COUNT)
        .sort("amount_fen", "member", descending=[True, False])
    )


def earlier_months(run: Run) -> dict[str, str]:
    """Columns of the KPI table that look back → the month they show; none where the period is no month."""
    if not re.fullmatch(r"\d{4}-\d{2}", run.period.text):
        return {}
    year, month = run.period.text.split("-")
    return {"last_month": run.period.previous().text, "last_year": f"{int(year) - 1}-{month}"}


TREND_KPIS = (
    "aftersales_rate_period",
    "aftersales_rate_cohort",
    "refund_rate_amount_period",
    "return_rate_period",
    "complaint_rate_period",
)
"""Rates that are followed from month to month."""


def trend(run: Run, kpi: str) -> pl.DataFrame:
    """A KPI by month, oldest first: period, value, numerator, denominator, is_mature."""
    return run.table("kpi_trend").filter(pl.col("kpi") == kpi).select("period", "value", "numerator", "denominator", "is_mature")


def is_covered(by_day: pl.DataFrame) -> bool:
    """Whether a day series is a month that was loaded, not a few look-back rows: something on most of its days."""
    return bool(by_day.height) and by_day.filter(pl.col("n") > 0).height * 2 > by_day.height


def entries(run: Run) -> pl.DataFrame:
    """Proposed entries by effect and code: n, amount_fen, and Σ debit and Σ credit (red-letter negative, so that both may be 0).

    `amount_fen`: half of what its lines come to without sign: what an entry without red moves from one side to the other.
    """
    lines = run.table("adjustments")
    order = {effect: n for n, effect in enumerate(ADJUSTMENTS.column("effect").allowed)}
    place = pl.col("effect").replace_strict(order, return_dtype=pl.Int64)
    moved = (pl.col("debit_fen").abs().sum() + pl.col("credit_fen").abs().sum()) // 2
    count = pl.col("entry_id").n_unique().cast(pl.Int64).alias("n")
    sums = [count, moved.alias("amount_fen"), pl.col("debit_fen", "credit_fen").sum()]
    return lines.group_by("effect", "code").agg(sums).sort(place, "code", nulls_last=True)


def case_legs(run: Run) -> pl.DataFrame:
    """How each leg of the cases that ended in the period stands: one row a leg, one count a state."""
    ended = run.table("case_file").filter("is_of_period")
    names = {state: "unchecked" if state == "not_checked" else state for state in LEG}
    rows = [{"leg": leg, **{name: int((ended[leg] == state).sum()) for state, name in names.items()}} for leg in LEGS]
    return pl.DataFrame(rows, schema={"leg": pl.String, **dict.fromkeys(names.values(), pl.Int64)})


def passes(run: Run) -> pl.DataFrame:
    """The passes that matched something, in their order: pair, pass, groups, rows, and the amount they placed (null: pieces)."""
    amount = pl.when(pl.col("pair").is_in(IN_MONEY)).then("amount_fen").alias("amount_fen")
    return run.table("pass_audit").filter(pl.col("n_groups") > 0).select("pair", "pass", "n_groups", "n_rows", amount)


def dead_passes(run: Run) -> list[tuple[str, str]]:
    """Passes that matched nothing, as (pair, pass)."""
    return run.table("pass_audit").filter(pl.col("n_groups") == 0).select("pair", "pass").rows()


def match_rates(run: Run) -> pl.DataFrame:
    """One row a pair: rows due a counterpart and found, and the amounts of its left side (null: a pair without money)."""
    kpis = run.table("kpis").filter(pl.col("dimension") == "pair")
    rows = kpis.filter(pl.col("kpi") == "match_rate_count").select(
        pl.col("member").alias("pair"), pl.col("denominator").alias("n_due"), pl.col("numerator").alias("n_matched")
    )
    money = kpis.filter(pl.col("kpi") == "match_rate_amount").select(
        pl.col("member").alias("pair"), pl.col("denominator").alias("due_fen"), pl.col("numerator").alias("matched_fen")
    )
    return rows.join(money, on="pair", how="left", validate="1:1", maintain_order="left")


def limits(run: Run, kind: str) -> pl.DataFrame:
    """How many matches would break at other limits of a `kind`, one row a pair and limit: pair, limit, n, amount_fen, share.

    `share` of what the strictest limit breaks. Tolerance: pairs of money in which something differs at all.
    """
    curve = run.table("limit_curve").filter(pl.col("kind") == kind)
    strictest = pl.col("n").max().over("pair")
    shown = curve.filter(pl.col("pair").is_in(IN_MONEY)).with_columns((pl.col("n") / strictest).alias("share"))
    order = {name: place for place, name in enumerate(PAIRS)}
    drawn = shown.filter(strictest > 0) if kind == "tolerance" else shown.fill_nan(0)
    return drawn.sort(pl.col("pair").replace_strict(order, return_dtype=pl.Int64), "limit").drop("kind")


def _every_day(rows: pl.DataFrame, at: str, amount: pl.Expr, period: Period) -> pl.DataFrame:
    days = pl.DataFrame({"day": pl.date_range(period.start, period.end - timedelta(days=1), eager=True)})
    found = rows.group_by(pl.col(at).dt.date().alias("day")).agg(amount.alias("amount_fen"), _COUNT)
    return days.join(found, on="day", how="left", validate="1:1", maintain_order="left").with_columns(
        pl.col("amount_fen", "n").fill_null(0)
    )
