"""Facts: what the sources say as of a day, tied together once, so that a rule is one expression over one frame."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from recon_kit.collect import Collected
from recon_kit.facts.approvals import approval_facts
from recon_kit.facts.books import build_books
from recon_kit.facts.channel import allocate_refunds, build_flows, match_refunds, name_flows
from recon_kit.facts.complaints import build_complaints
from recon_kit.facts.coverage import coverage_gaps, covered_from, platform_covered
from recon_kit.facts.discounts import discount_facts
from recon_kit.facts.edits import SEALED_PERIOD, Sealed, edited_rows
from recon_kit.facts.entitlement import add_entitlement
from recon_kit.facts.fees import build_fees
from recon_kit.facts.goods import build_goods
from recon_kit.facts.intake import broken_files, known_duplicates, later_files
from recon_kit.facts.judge import (
    add_case_facts,
    add_clawbacks,
    judge_allocations,
    judge_cases,
    judge_units,
    lone_vouchers,
    sum_order_refunds,
)
from recon_kit.facts.ledger import Ledger, attach_clawbacks, build_ledger
from recon_kit.facts.payments import Receipts, build_payments, match_payments, paid_channels
from recon_kit.facts.platform import add_dispatch, build_cases, build_orders
from recon_kit.facts.references import read_references
from recon_kit.facts.scope import Scope
from recon_kit.facts.settlement import build_settlement
from recon_kit.facts.tied import Tied
from recon_kit.facts.wallets import balance_month, build_wallets
from recon_kit.matching import Matched
from recon_kit.schema import TABLES, empty

__all__ = ["Facts", "Scope", "Sealed", "build_facts", "platform_covered"]


@dataclass(frozen=True)
class Facts:
    """The frames rules read, and which tables came (`supplied`).

    Grain: `orders`, `cases`, `flows` (refund-type and unknown) one row each; `parts` per (case, flow that pays it);
    `allocations` what does not tie, per order, combined payment or payment without order; `order_refunds` per order with a
    refund; `units` per refund to book; `refs` per (voucher, ref); `lone_vouchers` per voucher whose refund does not exist;
    `duplicates` and `broken_files` per finding candidate of the intake. `more`: frames of one family of rules each, by name
    (`FAMILIES`).
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
    more: Mapping[str, pl.DataFrame] = field(default_factory=dict)

    def uncovered_platforms(self) -> list[str]:
        """Platforms with orders or cases of the period and no bill of any of their channels: their refunds are not checked."""
        if "payments" not in self.supplied:
            return []
        started = platform_covered(self.covered_from)
        seen = [self.cases.filter("is_done_in")["platform"], self.orders.filter(self.scope.is_in("paid_at"))["platform"]]
        return sorted(platform for platform in set(pl.concat(seen).drop_nulls()) if started[platform] is None)

    def frame(self, name: str) -> pl.DataFrame:
        """The frame a rule names as its source."""
        found: pl.DataFrame = self.more[name] if name in self.more else getattr(self, name)
        return found


USED: dict[str, list[str]] = {
    "orders": [
        *("platform", "shop", "order_id", "pay_id", "kind", "status", "paid_at", "shipped_at", "completed_at", "buyer_paid_fen"),
        *("refunded_fen", "is_refund_stated", "linked_case_id", "merchant_receivable_fen", "source_file", "source_row"),
        *("created_at", "list_fen", "shipping_fen", "merchant_discount_fen", "platform_discount_fen", "points_fen"),
        "erp_merchant_discount_fen",
    ],
    "flows": [
        *("channel", "flow_id", "shop", "at", "success_at", "status", "kind", "amount_fen", "order_id", "case_id", "request_no"),
        *("trade_no", "pay_id", "payout_id", "account", "decided_by", "scene", "memo", "source_file", "source_row"),
    ],
}
"""The columns facts read of the two large tables; whoever loads Parquet for them need not read the others."""


STATED: dict[str, tuple[str, ...]] = {
    "orders.erp_merchant_discount_fen": ("erp_merchant_discount_fen",),
    "aftersales.erp_status": ("erp_status",),
    "aftersales.approver": ("creator", "approver"),
    "voucher_lines.approver": ("approver",),
    "voucher_lines.attachments": ("attachments",),
}
"""What a rule can need beside whole tables: `table.column` → the columns of which one must be stated somewhere."""


def stated_columns(tables: Mapping[str, pl.DataFrame]) -> set[str]:
    """The names of STATED that came: an export that leaves a column out says nothing about it, however many rows it has.

    A table without rows says that there is nothing, so nothing is missing in it.
    """
    found = set()
    for name, columns in STATED.items():
        table = tables.get(name.split(".")[0])
        if table is not None and (table.is_empty() or any(table[column].count() for column in columns)):
            found.add(name)
    return found


FAMILIES: tuple[Callable[[Tied], dict[str, pl.DataFrame]], ...] = (
    build_books,
    build_goods,
    build_fees,
    build_settlement,
    build_wallets,
    build_complaints,
    discount_facts,
    approval_facts,
)
"""What each further family of rules adds to the facts: frame name → frame."""


def build_facts(collected: Collected, scope: Scope, *, partitions: int = 1, sealed: Sequence[Sealed] = ()) -> Facts:
    """Tie the loaded tables together: orders ↔ payments (M1), cases ↔ flows (M3), flows ↔ vouchers (M4).

    `sealed`: the periods that were closed, whose rows may no longer change (K04).
    """
    tables = collected.tables.supplied()
    given = {name: tables.get(name, empty(table)).select(USED.get(name, pl.all())) for name, table in TABLES.items()}
    covered = covered_from(collected, scope)
    later = later_files(collected.intake, scope)

    orders = build_orders(given["orders"], given["flows"], scope).pipe(add_dispatch, given["shipments"])
    cases = build_cases(given["aftersales"], orders, scope)
    flows = build_flows(given["flows"], orders, cases, scope)
    refunds = match_refunds(cases, flows, scope, partitions=partitions)
    parts = allocate_refunds(refunds, flows)
    payments = build_payments(collected.tables.payments, given["flows"], orders)
    paid_by = paid_channels(payments, cases, flows)
    clawbacks = attach_clawbacks(flows, parts, cases)
    cases = (
        judge_cases(cases, flows, parts, paid_by, scope, covered)
        .pipe(add_clawbacks, clawbacks, flows, scope)
        .pipe(add_entitlement, given["order_lines"], orders, scope)
    )
    flows = flows.join(parts.group_by("f").agg(pl.col("c").min()), on="f", how="left", validate="1:1", maintain_order="left")
    flows = flows.with_columns(pl.coalesce(cases["case_id"].gather(flows["c"]), flows["case_id"]).alias("about_case"))
    escrow = (
        cases.filter(pl.col("in_escrow") & pl.col("o").is_not_null() & ~pl.col("is_escrow_unstated"))
        .group_by("o")
        .agg((pl.col("amount_fen") + pl.col("escrow_diff_fen")).sum().alias("escrow_fen"))
    )
    receipts = match_payments(orders, payments, escrow, scope, partitions=partitions)
    flows = name_flows(flows, paid_by, clawbacks)
    vouchers = read_references(given["voucher_lines"], cases, flows, given["flows"]["flow_id"], orders, scope.config.gross_codes)
    ledger = build_ledger(vouchers, cases, flows, parts, clawbacks, scope, partitions=partitions)
    units = judge_units(add_case_facts(ledger.units, cases, orders, scope), ledger.refs, scope)
    # A bill states payments too: what arrived in a wallet was paid.
    supplied = frozenset(tables) | ({"payments"} if "flows" in tables else set()) | stated_columns(tables)
    supplied |= {SEALED_PERIOD} if sealed else set()
    if balance_month(scope) is None:
        supplied -= {"wallets"}
    tied = Tied(
        scope=scope,
        tables={name: tables.get(name, empty(table)) for name, table in TABLES.items()},
        supplied=supplied,
        orders=orders,
        cases=cases,
        flows=flows,
        parts=parts,
        payments=receipts.payments,
        units=units,
        refs=ledger.refs,
        vouchers=ledger.vouchers,
    )
    return Facts(
        scope=scope,
        supplied=supplied,
        orders=orders,
        cases=cases,
        flows=flows,
        parts=parts,
        allocations=judge_allocations(receipts.allocations, scope, covered),
        order_refunds=sum_order_refunds(orders, flows, escrow, scope),
        units=units,
        refs=ledger.refs,
        lone_vouchers=lone_vouchers(ledger.refs, units, cases, orders, scope),
        vouchers=ledger.vouchers,
        duplicates=known_duplicates(collected.duplicates, tables, scope),
        broken_files=broken_files(collected.controls, coverage_gaps(collected.coverage, scope), later, scope),
        refunds=refunds,
        receipts=receipts,
        ledger=ledger,
        covered_from=covered,
        more={
            "edited_rows": edited_rows(tables, sealed),
            **{name: frame for family in FAMILIES for name, frame in family(tied).items()},
        },
    )
