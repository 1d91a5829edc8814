"""Which instants the loaded bills speak of: nothing is missing that lies outside them."""

from __future__ import annotations

from datetime import datetime

import polars as pl

from recon_kit.collect import Collected
from recon_kit.config import CHANNELS_OF_PLATFORM
from recon_kit.facts.scope import Scope
from recon_kit.periods import SHANGHAI
from recon_kit.schema import CHANNEL


def covered_from(collected: Collected, scope: Scope) -> dict[str, datetime]:
    """Channel → first instant its loaded bills speak of; a channel without any bill is absent.

    A bill's stated start, else the day of its first row, or the month when that is one of its first three days (a small
    shop sells nothing on some days). A template states nothing: the month of its first row. A header-only file says that
    nothing moved: every channel is covered from the period's start.
    """
    starts: dict[str, list[datetime]] = {}
    is_template = pl.col("layout").str.starts_with("template_").fill_null(value=False)
    for row in collected.coverage.drop_nulls("channel").filter(~is_template).iter_rows(named=True):
        first = _day(row["first_at"]) if row["first_at"] else scope.start
        start = row["starts_at"] or (first.replace(day=1) if first.day <= 3 else first)
        starts.setdefault(row["channel"], []).append(start)
    for frame, column in ((collected.tables.flows, "at"), (collected.tables.payments, "paid_at")):
        if frame is None:
            continue
        if frame.is_empty():
            for channel in CHANNEL:
                starts.setdefault(channel, []).append(scope.start)
        # Whatever channels a template's file holds, and in how many files it came: each channel's first row decides.
        templates = collected.coverage.filter(is_template)["file"].implode()
        of_template = pl.col(column).filter(pl.col("source_file").is_in(templates)).min().alias("of_template")
        firsts = frame.group_by("channel").agg(of_template, pl.col(column).min().alias("of_any"))
        for channel, of_template_at, of_any_at in firsts.sort("channel").iter_rows():
            first = of_any_at if channel not in starts else of_template_at
            if first is not None:
                starts.setdefault(channel, []).append(_day(first).replace(day=1))
    return {channel: min(found) for channel, found in starts.items()}


def _day(instant: datetime) -> datetime:
    local = instant.astimezone(SHANGHAI)
    return datetime(local.year, local.month, local.day, tzinfo=SHANGHAI)


def platform_covered(covered: dict[str, datetime]) -> dict[str, datetime | None]:
    """Platform → first instant the bills of its channels speak of; None where no bill of any of them was loaded."""
    return {
        platform: min((covered[c] for c in channels if c in covered), default=None)
        for platform, channels in CHANNELS_OF_PLATFORM.items()
    }


def coverage_gaps(coverage: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Days of the period outside the coverage that a channel account's files themselves state; one row per gap.

    A day without rows is never a gap. An export taken before its stated end covers only what was past. A gap is laid to the
    file that stops before it, to the first where none does. Source: rulings 8.
    """
    stated = coverage.drop_nulls(["starts_at", "ends_at"]).with_columns(
        pl.min_horizontal("ends_at", "exported_at").alias("until")
    )
    rows = []
    for (channel, account), files in sorted(stated.group_by("channel", "account"), key=lambda item: tuple(map(str, item[0]))):
        in_order = files.select("file", "starts_at", "until").sort("starts_at", "file")
        reached, last = scope.start, in_order["file"][0]
        for file, starts_at, until in in_order.iter_rows():
            if starts_at > reached and reached < scope.end:
                rows.append((last, channel, account, reached, min(starts_at, scope.end)))
            if until > reached:
                reached, last = until, file
        if reached < scope.end:
            rows.append((last, channel, account, reached, scope.end))
    instant = pl.Datetime("us", "Asia/Shanghai")
    text = pl.String()
    schema: dict[str, pl.DataType] = {"file": text, "channel": text, "account": text, "gap_from": instant, "gap_until": instant}
    return pl.DataFrame(rows, schema=schema, orient="row")
