"""Load + match + rules of one month, three times: as recon_kit does it, as the floor, and as SQL in DuckDB.

The floor is what nobody can go below with polars: scan the columns that are needed (`facts.USED`: keys, amounts, times,
status, and file and row for the evidence) and do the bare joins, judging nothing. Each
contestant runs in a process of its own, which prints what it found and is measured from outside (wall time, peak memory).
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import TypedDict

import polars as pl


def run_ours(folder: Path) -> dict[str, int]:
    """Canonical tables → facts → findings → bridge."""
    from recon_kit.bridge import build_bridge
    from recon_kit.collect import Collected, Tables
    from recon_kit.config import parse_config
    from recon_kit.facts import USED, Scope, build_facts
    from recon_kit.periods import parse_period
    from recon_kit.results import CONTROLS, COVERAGE, INTAKE, INTAKE_DAYS, QUARANTINE, result_schema
    from recon_kit.rules import detect
    from recon_kit.sources.merge import DUPLICATES_SCHEMA

    frames = {path.stem: pl.read_parquet(path, columns=USED.get(path.stem)) for path in sorted(folder.glob("*.parquet"))}
    collected = Collected(
        Tables(**frames),
        pl.DataFrame(schema=result_schema(INTAKE)),
        pl.DataFrame(schema=result_schema(QUARANTINE)),
        pl.DataFrame(schema=DUPLICATES_SCHEMA),
        pl.DataFrame(schema=result_schema(CONTROLS)),
        pl.DataFrame(schema=result_schema(COVERAGE)),
        pl.DataFrame(schema=result_schema(INTAKE_DAYS)),
        (),
    )
    scope = Scope(parse_config({"receipt_basis": {"jd": "paid"}}), parse_period("2026-10"), date(2026, 10, 31))
    facts = build_facts(collected, scope)
    findings = detect(facts)
    bridge = build_bridge(facts, findings, "zh")
    sums = dict(bridge.lines.select("line", "amount_fen").iter_rows())
    return {"findings": findings.height, "A0": sums["A0"], "B0": sums["B0"], "C0": sums["C0"]}


def run_floor(folder: Path) -> dict[str, int]:
    """Scan of the needed columns and the bare joins: order ⟷ receipt, case ⟷ refund by case and by order, refund ⟷ voucher."""
    from recon_kit.facts import USED

    scan = {table: pl.scan_parquet(folder / f"{table}.parquet") for table in ("orders", "flows", "aftersales", "voucher_lines")}
    orders, flows = (scan[table].select(USED[table]).collect() for table in ("orders", "flows"))
    cases = (
        scan["aftersales"].select("case_id", "order_id", "final_fen", "completed_at", "platform_status", "erp_status").collect()
    )
    lines = scan["voucher_lines"].select("voucher_id", "account", "debit_fen", "credit_fen", "ref_id", "date").collect()
    receipts, refunds = flows.filter(pl.col("kind") == "trade_receipt"), flows.filter(pl.col("kind") == "refund")
    paid = orders.join(receipts, on="order_id", how="left")
    by_case = cases.join(refunds.drop_nulls("case_id"), on="case_id", how="left")
    by_order = cases.join(refunds.filter(pl.col("case_id").is_null()), on="order_id", how="left")
    booked = cases.join(lines.filter(pl.col("account") == "101203"), left_on="case_id", right_on="ref_id", how="left")
    return {
        "findings": 0,
        "A0": int(cases["final_fen"].sum()),
        "B0": -int(by_case["amount_fen"].sum()) - int(by_order["amount_fen"].sum()),
        "C0": int(booked["credit_fen"].sum()) + 0 * paid.height,
    }


DUCKDB_SQL = """
with receipts as (select order_id, sum(amount_fen) fen from flows where kind = 'trade_receipt' and status = 'success' group by 1),
p as (select count(*) n from orders o left join receipts r using (order_id) where coalesce(r.fen, 0) <> o.buyer_paid_fen),
refunds as (select * from flows where kind = 'refund' and status = 'success'),
keyed as (select c.case_id, c.order_id, c.final_fen, f.flow_id, f.amount_fen
          from aftersales c join refunds f on f.case_id = c.case_id),
open_cases as (select * from aftersales c where not exists (select 1 from keyed k where k.case_id = c.case_id)),
open_flows as (select * from refunds f where not exists (select 1 from keyed k where k.flow_id = f.flow_id)),
candidates as (
  select c.case_id, c.order_id, c.final_fen, f.flow_id, f.amount_fen,
         count(*) over (partition by c.case_id) nc, count(*) over (partition by f.flow_id) nf
  from open_cases c join open_flows f on f.order_id = c.order_id and -f.amount_fen = c.final_fen
    and abs(date_diff('day', c.completed_at, f.at)) <= 3),
matched as (select case_id, order_id, final_fen, flow_id, amount_fen from keyed
            union all select case_id, order_id, final_fen, flow_id, amount_fen from candidates where nc = 1 and nf = 1),
paid as (select case_id, sum(-amount_fen) fen from matched group by 1),
c as (select count(*) n from aftersales a left join paid using (case_id) where coalesce(paid.fen, 0) <> a.final_fen),
lone as (select count(*) n from refunds f where not exists (select 1 from matched m where m.flow_id = f.flow_id)),
booked as (select ref_id, sum(credit_fen - debit_fen) fen from voucher_lines where account = '101203' group by 1),
l as (select count(*) n from paid full join booked on booked.ref_id = paid.case_id
      where coalesce(paid.fen, 0) <> coalesce(booked.fen, 0))
select p.n + c.n + lone.n + l.n as findings, (select sum(final_fen) from aftersales) as a0,
       (select sum(-amount_fen) from refunds) as b0, (select sum(fen) from booked) as c0
from p, c, lone, l
"""


def run_duckdb(folder: Path) -> dict[str, int]:
    """The same chain in SQL: sums per order, two matching passes, differences, sums per reference."""
    import duckdb

    connection = duckdb.connect(config={"threads": 2})
    for path in sorted(folder.glob("*.parquet")):
        connection.execute(f"create view {path.stem} as select * from read_parquet('{path.as_posix()}')")
    found = connection.execute(DUCKDB_SQL).fetchone()
    assert found is not None
    return dict(zip(("findings", "A0", "B0", "C0"), map(int, found), strict=True))


CONTESTANTS: dict[str, Callable[[Path], dict[str, int]]] = {"recon_kit": run_ours, "floor": run_floor, "duckdb": run_duckdb}


class Run(TypedDict):
    """Seconds of one contestant (imports apart), its peak memory and what it found."""

    seconds: float
    peak_mib: float
    found: dict[str, int]


def measure(name: str, folder: Path) -> Run:
    """Run one contestant in a process of its own."""
    command = [sys.executable, "-m", "benchmarks", "contestant", name, str(folder)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    result: Run = json.loads(done.stdout)
    return result


def run_contestant(contestant: Callable[[Path], dict[str, int]], folder: Path) -> None:
    """What the child process does: import, run, print one JSON line."""
    import resource

    import recon_kit.facts  # noqa: F401 - imported before the clock starts

    began = time.perf_counter()
    found = contestant(folder)
    seconds = time.perf_counter() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "peak_mib": peak, "found": found}))
