"""Facts: what the sources say as of a day, tied together once, so that a rule is one expression over one frame."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import polars as pl

from recon_kit.collect import Collected
from recon_kit.config import CHANNELS_OF_PLATFORM
from recon_kit.facts.entitlement import add_entitlement
from recon_kit.facts.intake import broken_files, known_duplicates, later_files
from recon_kit.facts.channel import Receipts, allocate_refunds, build_flows, build_payments, match_payments, match_refunds, name_flows
from recon_kit.facts.ledger import SOURCE, Ledger, build_ledger, judge_units, lone_vouchers
from recon_kit.facts.platform import build_cases, build_orders
from recon_kit.facts.scope import Scope
from recon_kit.matching import Matched
from recon_kit.periods import SHANGHAI
from recon_kit.schema import CHANNEL, TABLES, empty

__all__ = ["Facts", "Scope", "build_facts", "platform_covered"]


@dataclass(frozen=True)
class Facts:
    """The frames rules read. Grain: `orders`, `cases`, `flows` one row each; `allocations` one row per order, combined
    payment or payment without order; `units` per refund to book; `refs` per (voucher, ref); `lone_vouchers` per voucher
    whose refund does not exist; `order_refunds` per order with
    a refund; `duplicates` and `broken_files` per finding candidate of the intake. `supplied` names the tables that came.
    """

    scope: Scope
    supplied: frozenset[str]
    orders: pl.DataFrame
    cases: pl.DataFrame
    flows: pl.DataFrame
    parts: pl.DataFrame
    allocations: pl.DataFrame
    order_refunds: pl.DataFrame
    units: pl.DataFrame
    refs: pl.DataFrame
    lone_vouchers: pl.DataFrame
    vouchers: pl.DataFrame
    duplicates: pl.DataFrame
    broken_files: pl.DataFrame
    refunds: Matched
    receipts: Receipts
    ledger: Ledger
    covered_from: dict[str, datetime]

    def uncovered_platforms(self) -> list[str]:
        """Platforms with orders or cases of the period and no bill of any of their channels: their refunds are not checked."""
        if "payments" not in self.supplied:
            return []
        started = platform_covered(self.covered_from)
        seen = [self.cases.filter("is_done_in")["platform"], self.orders.filter(self.scope.is_in("paid_at"))["platform"]]
        return sorted(platform for platform in set(pl.concat(seen).drop_nulls()) if started[platform] is None)

    def frame(self, name: str) -> pl.DataFrame:
        """The frame a rule names as its source."""
        found = getattr(self, name)
        assert isinstance(found, pl.DataFrame)
        return found


USED: dict[str, list[str]] = {
    "orders": [
        *("platform", "shop", "order_id", "pay_id", "kind", "status", "paid_at", "shipped_at", "completed_at", "buyer_paid_fen"),
        *("refunded_fen", "is_refund_stated", "source_file", "source_row"),
    ],
    "flows": [
        *("channel", "flow_id", "shop", "at", "success_at", "status", "kind", "amount_fen", "order_id", "case_id", "request_no"),
        *("trade_no", "pay_id", "decided_by", "scene", "memo", "source_file", "source_row"),
    ],
}
"""The columns facts read of the two large tables; whoever loads Parquet for them need not read the others."""


def build_facts(collected: Collected, scope: Scope, *, partitions: int = 1) -> Facts:
    """Tie the loaded tables together: orders ↔ payments (M1), cases ↔ flows (M3), flows ↔ vouchers (M4)."""
    tables = {name: getattr(collected.tables, name) for name in TABLES}
    supplied = frozenset(name for name, frame in tables.items() if frame is not None)
    given = {name: (frame if frame is not None else empty(TABLES[name])).select(USED.get(name, pl.all())) for name, frame in tables.items()}
    covered = covered_from(collected, scope)
    later = later_files(collected.intake, scope)

    orders = build_orders(given["orders"], scope)
    cases = build_cases(given["aftersales"], orders, scope)
    flows = build_flows(given["flows"], orders, cases, scope)
    refunds = match_refunds(cases, flows, scope, partitions=partitions)
    parts = allocate_refunds(refunds, flows)
    cases = judge_cases(cases, flows, parts, scope, covered).pipe(add_entitlement, given["order_lines"], scope)
    flows = flows.join(parts.group_by("f").agg(pl.col("c").min()), on="f", how="left", validate="1:1", maintain_order="left")
    escrow = (
        cases.filter(pl.col("in_escrow") & pl.col("o").is_not_null() & ~pl.col("is_escrow_unstated"))
        .group_by("o")
        .agg((pl.col("amount_fen") + pl.col("escrow_diff_fen")).sum().alias("escrow_fen"))
    )
    payments = build_payments(collected.tables.payments, given["flows"], orders)
    receipts = match_payments(orders, payments, escrow, scope, partitions=partitions)
    flows = name_flows(flows, payments)
    ledger = build_ledger(given["voucher_lines"], cases, flows, parts, scope, partitions=partitions)
    units = ledger.units.join(cases.select("c", "is_unseen"), on="c", how="left", validate="m:1", maintain_order="left").with_columns(
        pl.col("is_unseen").fill_null(False)
    )
    units = judge_units(units, ledger.refs, scope)
    return Facts(
        scope=scope,
        # A bill states payments too: what arrived in a wallet was paid.
        supplied=supplied | ({"payments"} if "flows" in supplied else set()),
        orders=orders,
        cases=cases,
        flows=flows,
        parts=parts,
        allocations=judge_allocations(receipts.allocations, scope, covered),
        order_refunds=sum_order_refunds(orders, cases, flows, escrow, scope),
        units=units,
        refs=ledger.refs,
        lone_vouchers=lone_vouchers(ledger.refs, units, cases, orders, scope),
        vouchers=given["voucher_lines"],
        duplicates=known_duplicates(collected.duplicates, later),
        broken_files=broken_files(collected.controls, coverage_gaps(collected.coverage, scope), later, scope),
        refunds=refunds,
        receipts=receipts,
        ledger=ledger,
        covered_from=covered,
    )


def covered_from(collected: Collected, scope: Scope) -> dict[str, datetime]:
    """Channel → first instant its loaded bills speak of; a channel without any bill is absent.

    A bill's stated start, else the day of its first row, or the month when that is one of its first three days (a small
    shop sells nothing on some days). A template states nothing: the month of its first row. A header-only file says that
    nothing moved: every channel is covered from the period's start.
    """
    starts: dict[str, list[datetime]] = {}
    for row in collected.coverage.drop_nulls("channel").iter_rows(named=True):
        first = _day(row["first_at"]) if row["first_at"] else scope.start
        start = row["starts_at"] or (first.replace(day=1) if first.day <= 3 else first)
        starts.setdefault(row["channel"], []).append(start)
    for frame, column in ((collected.tables.flows, "at"), (collected.tables.payments, "paid_at")):
        if frame is None:
            continue
        if frame.is_empty():
            for channel in CHANNEL:
                starts.setdefault(channel, []).append(scope.start)
        for channel, first in frame.group_by("channel").agg(pl.col(column).min()).iter_rows():
            if channel not in starts and first is not None:
                starts[channel] = [_day(first).replace(day=1)]
    return {channel: min(found) for channel, found in starts.items()}


def _day(instant: datetime) -> datetime:
    local = instant.astimezone(SHANGHAI)
    return datetime(local.year, local.month, local.day, tzinfo=SHANGHAI)


def platform_covered(covered: dict[str, datetime]) -> dict[str, datetime | None]:
    """Platform → first instant the bills of its channels speak of; None where no bill of any of them was loaded."""
    return {
        platform: min((covered[c] for c in channels if c in covered), default=None) for platform, channels in CHANNELS_OF_PLATFORM.items()
    }


def judge_cases(
    cases: pl.DataFrame, flows: pl.DataFrame, parts: pl.DataFrame, scope: Scope, covered: dict[str, datetime]
) -> pl.DataFrame:
    """Add to each case what its flows paid as of the as-of day, and the limits it is judged by.

    `paid_fen` Σ parts that are facts; `paid_before_fen`, `paid_in_fen` around the period; `has_pending` a flow that has not
    arrived; `is_judged` a success refund case that is a fact and not in escrow; `is_covered` it ended after the first
    loaded bill of its platform began, `is_unseen` before (its refund may lie in a bill that was not loaded).
    """
    config = scope.config
    moved = parts.join(
        flows.select("f", "money_at", "at", "channel", "request_no", "decided_by", "source"), on="f", validate="m:1"
    ).with_columns(scope.is_fact("money_at").alias("is_fact"))
    part, fact = pl.col("part_fen"), pl.col("is_fact")
    requests = pl.col("request_no").filter(fact).drop_nulls()
    paid = (
        moved.join(cases.select("c", "amount_fen"), on="c", validate="m:1")
        .sort("c", "f")
        .group_by("c", maintain_order=True)
        .agg(
            part.filter(fact).sum().alias("paid_fen"),
            fact.sum().cast(pl.Int64).alias("n_paid"),
            part.filter(scope.is_before("money_at")).sum().alias("paid_before_fen"),
            part.filter(scope.is_in("money_at")).sum().alias("paid_in_fen"),
            (part == pl.col("amount_fen")).filter(fact).all().alias("is_each_final"),
            (requests.n_unique() == requests.len()).alias("is_request_distinct"),
            (~fact & (pl.col("at") < scope.cut)).any().alias("has_pending"),
            pl.col("channel").first().alias("flow_channel"),
            (fact & (pl.col("decided_by") == "platform")).any().alias("is_flow_decided"),
            pl.col("source").head(20).alias("flow_source"),
        )
    )
    sla = config.sla_days
    start = pl.col("platform").replace_strict(platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None)
    channel = pl.coalesce("flow_channel", pl.col("platform").replace_strict(scope.usual_channel, return_dtype=pl.String, default=None))
    return (
        cases.join(paid, on="c", how="left", validate="1:1", maintain_order="left")
        .with_columns(
            pl.col("paid_fen", "n_paid", "paid_before_fen", "paid_in_fen").fill_null(0), pl.col("has_pending", "is_flow_decided").fill_null(False)
        )
        .with_columns(channel.alias("channel"), SOURCE.alias("case_source"))
        .with_columns(
            pl.when(pl.col("channel") == "card").then(sla.refund_card).otherwise(sla.refund).cast(pl.Int64).alias("sla_days"),
            scope.age("done_at").alias("age_days"),
            (pl.col("is_refund") & pl.col("is_done") & ~pl.col("in_escrow")).alias("is_judged"),
            (pl.col("done_at") >= start).fill_null(False).alias("is_covered"),
            (start.is_null() | (pl.col("done_at") < start).fill_null(False)).alias("is_unseen"),
            pl.lit(config.tolerance.row).alias("tolerance_fen"),
            scope.is_in("done_at").alias("is_done_in"),
            (pl.col("amount_fen") - pl.col("paid_fen")).alias("short_fen"),
            pl.coalesce("completed_at", "approved_at", "applied_at").alias("ended_at"),
        )
        .with_columns(
            (
                (pl.col("platform_status") != pl.col("erp_status"))
                & (pl.col("ended_at") + pl.duration(hours=config.limits.status_mismatch_hours) < scope.cut)
            )
            .fill_null(False)
            .alias("is_status_mismatch")
        )
        .with_columns((pl.col("done_at").dt.date() + pl.duration(days=pl.col("sla_days") + 1)).alias("breaks_on"))
    )


def judge_allocations(allocations: pl.DataFrame, scope: Scope, covered: dict[str, datetime]) -> pl.DataFrame:
    """Add the dates and flags P rules read. On an escrow platform an order is due when confirmed, elsewhere when paid."""
    start = pl.col("platform").replace_strict(platform_covered(covered), return_dtype=pl.Datetime("us", "Asia/Shanghai"), default=None)
    due_at = pl.when(pl.col("is_escrow")).then("confirmed_at").otherwise("paid_at")
    return (
        allocations.with_columns(due_at.alias("due_at"), (pl.col("received_fen") - pl.col("expected_fen")).alias("gap_fen"))
        .with_columns(
            (scope.is_in("paid_at") | scope.is_in("money_at")).alias("is_in_period"),
            scope.is_in("due_at").alias("is_due_in"),
            (pl.col("due_at") >= start).fill_null(False).alias("is_covered"),
            scope.age("due_at").alias("due_age_days"),
            scope.age("money_at").alias("payment_age_days"),
            pl.lit(scope.config.tolerance.row).alias("tolerance_fen"),
            pl.lit(scope.config.sla_days.payment).alias("sla_days"),
        )
    )


def sum_order_refunds(
    orders: pl.DataFrame, cases: pl.DataFrame, flows: pl.DataFrame, escrow: pl.DataFrame, scope: Scope
) -> pl.DataFrame:
    """One row per order with refunds: what it paid and what went back, in-escrow refunds included. Source: rulings 12, 16."""
    about = ["order_id", "platform", "platform_key", "shop", "channel", "buyer_paid_fen", "source_file", "source_row"]
    back = (
        flows.filter(pl.col("kind").is_in(["refund", "small_transfer"]) & pl.col("o").is_not_null() & scope.is_fact("money_at"))
        .group_by("o")
        .agg(
            pl.col("out_fen").sum(),
            pl.col("money_at").max(),
            pl.len().alias("n_flows"),
            pl.col("source").sort_by("f").head(20).alias("flow_source"),
        )
    )
    return (
        back.join(escrow, on="o", how="full", coalesce=True, validate="1:1")
        .pipe(lambda found: found.with_columns(orders[name].gather(found["o"]) for name in about))
        .with_columns(SOURCE.alias("order_source"), (pl.col("out_fen").fill_null(0) + pl.col("escrow_fen").fill_null(0)).alias("refunded_fen"))
        .with_columns(
            (pl.col("refunded_fen") - pl.col("buyer_paid_fen")).alias("gap_fen"), pl.lit(scope.config.tolerance.row).alias("tolerance_fen")
        )
        .sort("o")
    )


def coverage_gaps(coverage: pl.DataFrame, scope: Scope) -> pl.DataFrame:
    """Days of the period outside the coverage that a channel account's files themselves state; one row per gap.

    A day without rows is never a gap. An export taken before its stated end covers only what was past. Source: rulings 8.
    """
    stated = coverage.drop_nulls(["starts_at", "ends_at"]).with_columns(pl.min_horizontal("ends_at", "exported_at").alias("until"))
    rows = []
    for (channel, account), files in sorted(stated.group_by("channel", "account"), key=lambda item: tuple(map(str, item[0]))):
        reached, last = scope.start, files["file"].sort()[0]
        for file, starts_at, until in files.select("file", "starts_at", "until").sort("starts_at", "file").iter_rows():
            if starts_at > reached and reached < scope.end:
                rows.append((file, channel, account, reached, min(starts_at, scope.end)))
            if until > reached:
                reached, last = until, file
        if reached < scope.end:
            rows.append((last, channel, account, reached, scope.end))
    instant = pl.Datetime("us", "Asia/Shanghai")
    schema = {"file": pl.String, "channel": pl.String, "account": pl.String, "gap_from": instant, "gap_until": instant}
    return pl.DataFrame(rows, schema=schema, orient="row")
