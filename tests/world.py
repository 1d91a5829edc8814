"""A world is the smallest month that a rule needs, told as a reader would; `run` reconciles it and checks the books.

Money is yuan text, an instant is a day (10:00 Shanghai) or `YYYY-MM-DD HH:MM:SS`. The platform decides the receipt basis:
`wechat_mini` is paid when the buyer pays, `taobao` when the buyer confirms (escrow). Every row has a place: `orders.csv:2`
is the first order. Orders, cases, flows and vouchers that a world does not give are header-only files; None is a file that
was not supplied.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import polars as pl

from recon_kit.collect import Collected, Tables
from recon_kit.config import CHANNELS_OF_PLATFORM, parse_config
from recon_kit.facts import Facts, Scope, Sealed, build_facts
from recon_kit.money import format_yuan, parse_yuan
from recon_kit.narrative import render_why
from recon_kit.pairs import PAIRS
from recon_kit.periods import SHANGHAI, parse_period
from recon_kit.results import CONTROLS, COVERAGE, INTAKE, INTAKE_DAYS, QUARANTINE, conform_result, result_schema
from recon_kit.run import Outcome, reconcile
from recon_kit.schedule import is_due
from recon_kit.schema import CHANNEL, REFUND_FLOW_KINDS, TABLES, conform, empty
from recon_kit.sources.merge import DUPLICATES_SCHEMA

Row = dict[str, Any]
SHANGHAI_INSTANT = pl.Datetime("us", "Asia/Shanghai")
ESCROW = ("taobao", "tmall", "pdd", "jd", "douyin")


def fen(yuan: str) -> int:
    """Yuan text as fen."""
    amount = parse_yuan(yuan)
    assert amount is not None, yuan
    return amount


def at(text: str | None) -> datetime | None:
    """A day at 10:00, or the instant written out, in Shanghai."""
    if text is None:
        return None
    return datetime.fromisoformat(text if " " in text else f"{text} 10:00:00").replace(tzinfo=SHANGHAI)


def _fens(more: Row) -> Row:
    return {
        name: fen(value) if name.endswith("_fen") and isinstance(value, str) else _instants(name, value)
        for name, value in more.items()
    }


def _instants(name: str, value: Any) -> Any:
    return at(value) if name.endswith("_at") and isinstance(value, str) else value


def order(
    order_id: str, paid: str = "100.00", on: str | None = "2026-10-05", *, confirmed: str | None = None, **more: Any
) -> Row:
    """An order paid on a day, confirmed by the buyer on another; its pay_id is `PAY-` + its id."""
    row = {
        "platform": "wechat_mini",
        "order_id": order_id,
        "pay_id": f"PAY-{order_id}",
        "status": "completed" if confirmed else "paid",
    }
    return {**row, "paid_at": at(on), "completed_at": at(confirmed), "buyer_paid_fen": fen(paid), **_fens(more)}


def case(case_id: str, order_id: str, final: str = "30.00", done: str | None = "2026-10-12", **more: Any) -> Row:
    """A refund case that succeeded on a day; without the day it is still open."""
    when = at(done or "2026-10-12")
    row = {
        "platform": "wechat_mini",
        "case_id": case_id,
        "order_id": order_id,
        "kind": "refund_only",
        "applied_at": when,
        "approved_at": when,
    }
    status = "success" if done else "open"
    return {**row, "completed_at": at(done), "final_fen": fen(final), "platform_status": status, **_fens(more)}


def flow(flow_id: str, kind: str, amount: str, on: str = "2026-10-12", **more: Any) -> Row:
    """A row of the bill, signed: negative leaves the wallet. `channel` is wechat unless told."""
    row = {"channel": "wechat", "flow_id": flow_id, "at": at(on), "status": "success", "kind": kind, "amount_fen": fen(amount)}
    return {**row, **_fens(more)}


def refund(flow_id: str, amount: str = "30.00", on: str = "2026-10-12", *, kind: str = "refund", **more: Any) -> Row:
    """Money that left to the buyer; amount as a fact, so positive."""
    return flow(flow_id, kind, f"-{amount}", on, **more)


def receipt(order_id: str, amount: str = "100.00", on: str = "2026-10-05", **more: Any) -> Row:
    """Money that arrived for an order; the flow is `R-` + the order's id."""
    return flow(more.pop("flow_id", f"R-{order_id}"), "trade_receipt", amount, on, order_id=order_id, **more)


def voucher(
    voucher_id: str, *refs: tuple[str, str] | tuple[str, str, str], on: str = "2026-10-12", wallet: str = "101202", **more: Any
) -> list[Row]:
    """A refund booked: red revenue, red VAT and the wallet's credit for each ref `(case_id, gross)` or `(id, gross, kind)`."""
    lines = []
    for ref in refs:
        ref_id, gross, kind = (*ref, "case")[:3]
        total = fen(gross)
        tax = total - round(total / 1.13)
        for account, credit in (("5001", tax - total), ("222101-05", -tax), (wallet, total)):
            lines.append({"account": account, "debit_fen": 0, "credit_fen": credit, "ref_kind": kind, "ref_id": ref_id})
    return _numbered(voucher_id, on, lines, more)


def accrual(voucher_id: str, ref_id: str, gross: str, on: str) -> list[Row]:
    """A refund accrued: red revenue and red VAT against the refund payable (应退客户款)."""
    total = fen(gross)
    tax = total - round(total / 1.13)
    amounts = (("6001", tax - total), ("222101-05", -tax), ("224101", total))
    return _numbered(
        voucher_id,
        on,
        [{"account": a, "debit_fen": 0, "credit_fen": c, "ref_kind": "case", "ref_id": ref_id} for a, c in amounts],
    )


def release(voucher_id: str, ref_id: str, gross: str, on: str) -> list[Row]:
    """The accrual paid: refund payable against the wallet."""
    amounts = (("224101", fen(gross), 0), ("101202", 0, fen(gross)))
    return _numbered(
        voucher_id,
        on,
        [{"account": a, "debit_fen": d, "credit_fen": c, "ref_kind": "case", "ref_id": ref_id} for a, d, c in amounts],
    )


def _numbered(voucher_id: str, on: str, lines: list[Row], more: Row | None = None) -> list[Row]:
    head = {"period": on[:7], "voucher_id": voucher_id, "date": date.fromisoformat(on)}
    return [{**head, "line_no": str(n), **line, **(more or {})} for n, line in enumerate(lines, 1)]


def line(order_id: str, line_id: str, paid: str, qty: int = 1, **more: Any) -> Row:
    """An order line."""
    return {
        "order_id": order_id,
        "line_id": line_id,
        "sku": "SKU",
        "qty": qty,
        "list_fen": fen(paid),
        "buyer_paid_fen": fen(paid),
        **_fens(more),
    }


def shipment(ship_id: str, order_id: str, qty: int = 1, on: str = "2026-10-06", *, kind: str = "sale", **more: Any) -> Row:
    """Pieces that left the warehouse for an order."""
    return {"ship_id": ship_id, "kind": kind, "order_id": order_id, "sku": "SKU", "qty": qty, "at": at(on), **_fens(more)}


def returned(return_id: str, case_id: str | None, qty: int = 1, on: str = "2026-10-14", **more: Any) -> Row:
    """Good pieces that came back and were posted to stock at once; without a case nothing names it."""
    row = {"return_id": return_id, "case_id": case_id, "sku": "SKU", "qty": qty, "grade": "good"}
    return {**row, "received_at": at(on), "stock_posted_at": at(on), **_fens(more)}


def cost_voucher(voucher_id: str, ref_id: str | None, cost: str, on: str = "2026-10-14", **more: Any) -> list[Row]:
    """The cost of a return taken back: inventory against red cost of sales."""
    amounts = (("1405", fen(cost), 0), ("5401", -fen(cost), 0))
    lines: list[Row] = [{"account": a, "debit_fen": d, "credit_fen": c} for a, d, c in amounts]
    named = {"ref_kind": "case", "ref_id": ref_id} if ref_id else {}
    return _numbered(voucher_id, on, lines, {**named, **more})


def control(file: str, measure: str, stated: str, found: str, unit: str = "fen") -> Row:
    """A total that a file states, and what its rows sum to."""
    value = fen if unit == "fen" else int
    return {"file": file, "member": file, "measure": measure, "unit": unit, "stated": value(stated), "found": value(found)}


def repeated(table: str, key: str, n: int = 2, **more: Any) -> Row:
    """A natural key that stood several times in one load."""
    return {"table": table, "key": key, "n": n, "evidence": [f"{table}.csv:{row}" for row in range(2, 2 + n)], **more}


AUTO = "auto"


def world(
    *,
    orders: Sequence[Row] | None = (),
    cases: Sequence[Row] | None = (),
    flows: Sequence[Row] | None = (),
    vouchers: Sequence[Sequence[Row]] | str | None = AUTO,
    payments: Sequence[Row] | None = None,
    lines: Sequence[Row] | None = None,
    returns: Sequence[Row] | None = None,
    further_vouchers: Sequence[Sequence[Row]] = (),
    receipts: bool = True,
    bills_from: str | dict[str, str] = "2026-10-01",
    bills_until: str = "2026-11-11",
    controls: Sequence[Row] = (),
    duplicates: Sequence[Row] = (),
    files: dict[str, str] | None = None,
    **tables: Sequence[Row],
) -> Collected:
    """The month as collected. By default every order's money arrived (`receipts`) and every refund that left is booked once.

    `returns`: what the warehouse received. `further_vouchers`: beside those of the refunds.

    `bills_from`/`bills_until`: what the bills of every channel (or of each) state to cover; a channel not named has no bill.
    `files`: further files of the intake, each with the day of its first row.
    """
    if flows is not None and receipts:
        flows = [*_receipts(orders or (), cases or ()), *flows]
    if vouchers == AUTO:
        vouchers = (
            None
            if flows is None
            else [_booked(row) for row in flows if row["kind"] in REFUND_FLOW_KINDS and row["status"] == "success"]
        )
    if isinstance(vouchers, Sequence):
        vouchers = [*vouchers, *further_vouchers]
    given: dict[str, Iterable[Row] | None] = {
        "orders": orders,
        "order_lines": lines,
        "payments": payments,
        "aftersales": cases,
        "flows": flows,
        "voucher_lines": None if vouchers is None else [entry for entries in vouchers for entry in entries],
        "receipts": returns,
        **tables,
    }
    frames = {name: _frame(name, list(rows)) for name, rows in given.items() if rows is not None}
    starts = dict.fromkeys(CHANNEL, bills_from) if isinstance(bills_from, str) else bills_from
    return Collected(
        tables=Tables(**frames),
        intake=_intake(frames, files or {}),
        quarantine=pl.DataFrame(schema=result_schema(QUARANTINE)),
        duplicates=pl.DataFrame(list(duplicates), schema=DUPLICATES_SCHEMA),
        controls=pl.DataFrame(list(controls), schema=result_schema(CONTROLS)),
        coverage=_coverage(starts if flows is not None else {}, bills_until),
        days=pl.DataFrame(schema=result_schema(INTAKE_DAYS)),
        warnings=(),
    )


def _receipts(orders: Iterable[Row], cases: Iterable[Row]) -> list[Row]:
    """What each order brought: on payment, or in escrow on confirmation less what was refunded before."""
    found = []
    for row in orders:
        in_escrow, confirmed = row["platform"] in ESCROW, row["completed_at"]
        when = confirmed if in_escrow else row["paid_at"]
        if when is None or row["status"] == "unpaid":
            continue
        mine = [c for c in cases if c["order_id"] == row["order_id"] and c["platform_status"] == "success"]
        back = sum(c["final_fen"] for c in mine if in_escrow and c["completed_at"] < confirmed)
        channel = CHANNELS_OF_PLATFORM[row["platform"]][0]
        base = {"channel": channel, "flow_id": f"R-{row['order_id']}", "at": when, "status": "success", "kind": "trade_receipt"}
        found.append({**base, "amount_fen": row["buyer_paid_fen"] - back, "order_id": row["order_id"]})
    return found


def _booked(row: Row) -> list[Row]:
    """The voucher of one refund flow, on the day it moved."""
    when = (row.get("success_at") or row["at"]).date().isoformat()
    wallet = {"alipay": "101201", "wechat": "101202", "jd": "101203", "pdd": "101204", "card": "101205", "bank": "1002"}[
        row["channel"]
    ]
    return voucher(
        f"V-{row['flow_id']}", (row["flow_id"], format_yuan(-row["amount_fen"]).replace(",", ""), "flow"), on=when, wallet=wallet
    )


def _frame(name: str, rows: list[Row]) -> pl.DataFrame:
    table = TABLES[name]
    if not rows:
        return empty(table)
    defaults = {c.name: c.default for c in table.columns if c.default is not None}
    placed = [{**defaults, **row, "source_file": f"{name}.csv", "source_row": n} for n, row in enumerate(rows, 2)]
    columns = list(dict.fromkeys(column for row in placed for column in row))
    frame = conform(pl.DataFrame(placed, schema={c: table.polars_schema[c] for c in columns}), table)
    return in_key_order(frame, name)


def in_key_order(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Sorted once, at the edge, as `collect` does."""
    return frame.sort(*TABLES[name].key, "source_file", "source_row")


def _intake(frames: dict[str, pl.DataFrame], files: dict[str, str]) -> pl.DataFrame:
    rows = [(f"{name}.csv", name, frame.height, frame["at"].min() if name == "flows" else None) for name, frame in frames.items()]
    rows += [(file, "flows", 0, at(day)) for file, day in files.items()]
    counts = pl.DataFrame(
        rows, schema={"file": pl.String, "table": pl.String, "rows_read": pl.Int64, "first_at": SHANGHAI_INSTANT}, orient="row"
    )
    return conform_result(
        counts.with_columns(
            pl.col("rows_read").alias("rows_loaded"),
            rows_quarantined=0,
            rows_duplicate=0,
            layout=pl.lit("template"),
            sha256="file",
        ),
        INTAKE,
    )


def _coverage(starts: dict[str, str], until: str) -> pl.DataFrame:
    rows = [
        {
            "file": f"{channel}.csv",
            "layout": "bill",
            "table": "flows",
            "channel": channel,
            "starts_at": at(f"{start} 00:00:00"),
            "ends_at": at(f"{until} 00:00:00"),
            "first_at": at(f"{start} 00:00:00"),
        }
        for channel, start in starts.items()
    ]
    return pl.DataFrame(rows, schema=result_schema(COVERAGE))


@dataclass(frozen=True)
class Result:
    """What a run of a world found."""

    outcome: Outcome

    @property
    def findings(self) -> pl.DataFrame:
        """All findings, related ones too."""
        return self.outcome.tables["discrepancies"]

    @property
    def codes(self) -> list[str]:
        """Every primary finding as `code key`, sorted."""
        primary = self.findings.filter(pl.col("primary_id").is_null())
        return sorted(f"{code} {key}" for code, key in primary.select("code", "key").iter_rows())

    def all(self, code: str) -> list[Row]:
        """The findings of one code, related ones too."""
        return self.findings.filter(pl.col("code") == code).to_dicts()

    def one(self, code: str) -> Row:
        """The only finding of a code."""
        found = self.all(code)
        assert len(found) == 1, f"{code}: {found}\nfound: {self.codes}"
        return found[0]

    def amounts(self, code: str) -> tuple[int | None, int | None, int | None]:
        """Expected, actual and gap of the only finding of a code."""
        row = self.one(code)
        return row["expected_fen"], row["actual_fen"], row["gap_fen"]

    @property
    def bridge(self) -> dict[str, int]:
        """The lines of the bridge that are not zero."""
        return {line: amount for line, amount in self.outcome.tables["bridge"].select("line", "amount_fen").iter_rows() if amount}

    @property
    def verdict(self) -> str:
        """The run's verdict."""
        return str(self.outcome.summary["verdict"])


def scope(
    *,
    as_of: str = "2026-10-31",
    period: str = "2026-10",
    standard: str = "SBE",
    language: str = "zh",
    config: dict[str, Any] | None = None,
) -> Scope:
    """The run's books, period and as-of day."""
    given = {**(config or {}), "entity": {"standard": standard, "language": language, **(config or {}).get("entity", {})}}
    return Scope(parse_config(given), parse_period(period), date.fromisoformat(as_of))


def facts(collected: Collected, **about: Any) -> Facts:
    """The facts of a world."""
    return build_facts(collected, scope(**about))


def sealed(collected: Collected, **about: Any) -> Sealed:
    """A world as it was when its month was closed."""
    signed = scope(**about)
    return Sealed(signed.period, signed.as_of, collected.tables.supplied())


def run(collected: Collected, *, partitions: int = 1, closed: Sequence[Sealed] = (), **about: Any) -> Result:
    """Reconcile a world, and check what must hold of every run whatever the world: the accounts, the sentences, the evidence.

    `closed`: the months sealed before.
    """
    outcome = reconcile(collected, scope(**about), partitions=partitions, sealed=closed)
    check_bridge(outcome)
    check_pairs(collected, outcome)
    check_states(collected, outcome)
    check_findings(collected, outcome)
    return Result(outcome)


def check_bridge(outcome: Outcome) -> None:
    """Every line is the sum of its items, the A lines make B0, the B lines make C0, and nothing is unexplained."""
    sums = dict(outcome.tables["bridge"].select("line", "amount_fen").iter_rows())
    items = dict(outcome.tables["bridge_items"].group_by("line").agg(pl.col("amount_fen").sum()).iter_rows())
    assert {line: items.get(line, 0) for line in sums} == sums
    if "B0" in sums:
        assert sum(amount for line, amount in sums.items() if line[0] == "A") == sums["B0"]
    if "C0" in sums:
        assert sum(amount for line, amount in sums.items() if line[0] == "B") == sums["C0"]
    assert outcome.summary["unexplained_fen"] == (0 if sums else None)
    known = set(outcome.tables["discrepancies"]["discrepancy_id"])
    assert set(outcome.tables["bridge_items"]["discrepancy_id"].drop_nulls()) <= known


def check_pairs(collected: Collected, outcome: Outcome) -> None:
    """Each row of both sides of a pair is matched or unmatched, once, and keeps its amount."""
    matched, unmatched = outcome.tables["matches"], outcome.tables["unmatched"]
    rows = pl.concat(
        [
            matched.select("pair", "side", "table", "row_key", "amount_fen"),
            unmatched.select("pair", "side", "table", "row_key", "amount_fen"),
        ]
    )
    assert not rows.select("pair", "side", "table", "row_key").is_duplicated().any()
    due = {pair for pair in PAIRS if is_due(pair, parse_period(outcome.summary["period"]))}
    assert set(rows["pair"]) <= due
    sides = {("M1", "left"): ["orders"], ("M3", "left"): ["aftersales"], ("M4", "right"): ["voucher_lines"]}
    for (pair, side), tables in ((key, tables) for key, tables in sides.items() if key[0] in due):
        given = sum(frame.height for name in tables if (frame := getattr(collected.tables, name)) is not None)
        assert rows.filter((pl.col("pair") == pair) & (pl.col("side") == side)).height == given
    if (flows := collected.tables.flows) is not None:
        refunds = flows.filter(pl.col("kind").is_in(REFUND_FLOW_KINDS))
        for pair, side in {("M3", "right"), ("M4", "left") if "M4" in due else ("M3", "right")}:
            mine = rows.filter((pl.col("pair") == pair) & (pl.col("side") == side))
            assert (mine.height, mine["amount_fen"].sum()) == (refunds.height, -refunds["amount_fen"].sum())
    goods = {"M6": ("aftersales", "receipts"), "M7": ("aftersales", "shipments"), "M8": ("order_lines", "shipments")}
    for pair, tables in ((pair, tables) for pair, tables in goods.items() if pair in due):
        supplied = [getattr(collected.tables, name) for name in tables]
        for side, frame in zip(("left", "right"), supplied, strict=True):
            if all(table is not None for table in supplied):
                mine = frame.filter((pl.col("kind") == "sale") == (pair == "M8")) if side == "right" and pair != "M6" else frame
                assert rows.filter((pl.col("pair") == pair) & (pl.col("side") == side)).height == mine.height
    groups = matched.group_by("group_id").agg(
        pl.col("side").n_unique().alias("sides"),
        pl.col("gap_fen").n_unique().alias("gaps"),
        pl.col("gap_fen").first(),
        pl.when(pl.col("side") == "right").then("amount_fen").otherwise(-pl.col("amount_fen")).sum().alias("sum"),
    )
    assert groups.filter((pl.col("sides") != 2) | (pl.col("gaps") != 1) | (pl.col("gap_fen") != pl.col("sum"))).is_empty()


def check_states(collected: Collected, outcome: Outcome) -> None:
    """Each order and discount, and each state of a case, has its one outcome in M2 and M13."""
    tables = collected.tables
    rows = (
        pl.concat([outcome.tables[name].select("pair", "side") for name in ("matches", "unmatched")])
        .group_by("pair", "side")
        .len()
    )
    found = {(pair, side): n for pair, side, n in rows.iter_rows()}
    has_discounts = tables.order_discounts is not None and tables.orders is not None
    if has_discounts and is_due("M2", parse_period(outcome.summary["period"])):
        assert (found.get(("M2", "left"), 0), found.get(("M2", "right"), 0)) == (
            tables.orders.height,
            tables.order_discounts.height,
        )
    if tables.aftersales is not None and (stated := tables.aftersales["erp_status"].count()):
        assert (found["M13", "left"], found["M13", "right"]) == (tables.aftersales.height, stated)


def check_findings(collected: Collected, outcome: Outcome) -> None:
    """Each finding has an id of its own, its gap, its sentence in both languages with the figures, and rows that exist."""
    found = outcome.tables["discrepancies"]
    assert found["discrepancy_id"].is_unique().all()
    assert set(found["primary_id"].drop_nulls()) <= set(found["discrepancy_id"])
    places = {f"{name}.csv:{row}" for name, frame in collected.tables.supplied().items() for row in range(2, frame.height + 2)}
    places |= set(collected.controls["file"]) | {f"{channel}.csv" for channel in CHANNEL}
    sentences = [render_why(found, language)["why"].to_list() for language in ("zh", "en")]
    assert found["why"].to_list() == sentences[0 if outcome.summary["language"] == "zh" else 1]
    for row, zh, en in zip(found.iter_rows(named=True), *sentences, strict=True):
        assert zh != en and not zh.isascii()
        assert row["evidence"] and set(row["evidence"]) <= places, row
        if row["gap_fen"] is not None and row["code"] != "K06":
            assert row["gap_fen"] == row["actual_fen"] - row["expected_fen"]
        figures = {name: row[f"{name}_fen"] and format_yuan(abs(row[f"{name}_fen"])) for name in ("expected", "actual", "gap")}
        for sentence in (zh, en) if row["gap_fen"] else ():
            told = {name for name, text in figures.items() if text and text in sentence}
            assert len(told) >= 2 or (not (row["expected_fen"] and row["actual_fen"]) and told), (row["code"], sentence, figures)
