"""A small finished run, made here row by row, for everything that reads a run folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import polars as pl
import pytest
from hypothesis import settings

from recon_kit.config import parse_config
from recon_kit.results import (
    BRIDGE,
    BRIDGE_ITEMS,
    CASE_FILE,
    CONTROLS,
    COVERAGE,
    COVERAGE_GAPS,
    DISCREPANCIES,
    INTAKE,
    INTAKE_DAYS,
    KPI_MOVEMENTS,
    KPI_TREND,
    KPIS,
    LEDGER_TIES,
    QUARANTINE,
    TAX_BASIS,
    TOLERANCE_AUDIT,
    conform_result,
    result_schema,
)
from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.schema import AFTERSALES, FLOWS, conform

# The same examples on every machine and no time limit: a red test means a changed program, not a slow or unlucky day.
settings.register_profile("project", derandomize=True, deadline=None, print_blob=True)
settings.register_profile("thorough", settings.get_profile("project"), max_examples=1000, derandomize=False)
settings.register_profile("prove", settings.get_profile("thorough"), max_examples=20_000)  # whole months take a tenth of it
settings.load_profile("project")


def pytest_configure() -> None:
    """Two workers keep two cores busy: a thread pool of each on top only makes them wait. Workers inherit it."""
    os.environ.setdefault("POLARS_MAX_THREADS", "1")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect what cannot run or was not asked for, so that the closing line counts it: browser tests, the long proof."""
    left_out = set()
    if shutil.which("chromium") is None:
        left_out.add("browser")
    if "prove" not in config.option.markexpr:
        left_out.add("prove")
    without = [item for item in items if any(item.get_closest_marker(name) for name in left_out)]
    config.hook.pytest_deselected(items=without)
    items[:] = [item for item in items if item not in without]


SHANGHAI = ZoneInfo("Asia/Shanghai")
HOSTILE = (
    "<script>window.fired=1</script>",
    '<img src=x onerror="window.fired=1">',
    "</script><script>window.fired=1</script>",
    "<svg onload=window.fired=1>",
    "javascript:window.fired=1",
    '<a href="javascript:window.fired=1">x</a>',
    '=HYPERLINK("http://evil.example/","x")',
    "@SUM(1+1)",
    "{{ 7*7 }}",
    "<!-- --><style>body{display:none}</style>",
)
"""Texts that a shop title, a memo or a file name may hold; none may run, load or hide anything."""
CODES = {"C04": 3, "C03": 2, "C07": 1, "L01": 3, "L02": 2, "C02": 4, "A06": 1, "K05": 1, "S05": 2}
GAPS = {"C04": -8731, "C03": 4120, "C07": 12900, "L01": -23300, "L02": 8731, "C02": -4455, "A06": 1, "S05": 3300}


def build_run(folder: Path, language: str = "zh", texts: tuple[str, ...] = ("旗舰店", "优选小店")) -> Path:
    """Write a run folder whose tables and summary agree; `texts` become shop names, reasons, memos and file names."""
    cases, flows = _cases(texts), _flows(texts)
    a0 = int(cases.filter(pl.col("completed_at").dt.month() == 10)["final_fen"].sum())
    b0 = -int(flows.filter(pl.col("at").dt.month() == 10)["amount_fen"].sum())
    findings = _findings(texts)
    steps = {"A0": a0, "A2": -17820, "A3": b0 - a0 + 17820 + 26193, "A4": -26193, "B0": b0, "B2": -69900, "B4": 17462, "B7": 1}
    steps["C0"] = b0 - 69900 + 17462 + 1
    lines = ("A0", "A1", "A2", "A3", "A4", "A4E", "A5", "A6", "B0", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "C0")
    bridge = pl.DataFrame(
        {"line": lines, "label": lines, "amount_fen": [steps.get(line, 0) for line in lines], "n": [3] * len(lines)}
    )
    items = bridge.filter(pl.col("line") != "C0").select("line", "amount_fen", key=pl.col("line"))
    kpis = _kpis(a0)
    intake = _intake(texts)
    tables: dict[str, pl.DataFrame] = {
        "aftersales": conform(cases, AFTERSALES),
        "flows": conform(flows, FLOWS),
        "discrepancies": findings,
        "bridge": conform_result(bridge, BRIDGE),
        "bridge_items": conform_result(items, BRIDGE_ITEMS),
        "kpis": kpis,
        "intake": intake,
        "intake_days": _days(intake),
        "ledger_ties": conform_result(
            pl.DataFrame(
                {"how": ["column"], "n_lines": [9], "n_tied": [8], "amount_fen": [steps["C0"]], "tied_fen": [steps["C0"]]}
            ),
            LEDGER_TIES,
        ),
        "tax_basis": conform_result(
            pl.DataFrame(
                [{"part": "sales", "rate": "0.13", "red_letter": "red", "shop": texts[0], "gross_fen": steps["C0"], "n": 9}]
            ),
            TAX_BASIS,
        ),
        "kpi_movements": _movements(a0),
        "kpi_trend": _trend(a0),
        "case_file": conform_result(
            pl.DataFrame(
                {"case_id": ["R1", "R2"], "shop": [*texts[:1]] * 2, "is_of_period": [True, True], "is_complete": [True, False]}
            ).with_columns(
                money=pl.lit("ties"), goods=pl.lit("none"), ledger=pl.lit("broken"), fee=pl.lit("none"), discount=pl.lit("ties")
            ),
            CASE_FILE,
        ),
        "tolerance_audit": conform_result(
            pl.DataFrame(
                {"pair": ["M3"], "shop": [texts[0]], "pass": ["case_id"], "n": [1], "forgiven_fen": [1], "net_fen": [1]}
            ),
            TOLERANCE_AUDIT,
        ),
        "quarantine": conform_result(
            intake.select(
                "file", row=7, column=pl.lit("amount"), value=pl.lit(texts[0]), reason=pl.lit(texts[-1]), amount_fen=1290
            ),
            QUARANTINE,
        ),
        "controls": conform_result(pl.DataFrame(_controls(texts)).with_columns(member="file"), CONTROLS),
        "coverage": conform_result(intake.select("file", "layout", "table", channel=pl.lit("alipay"), account="file"), COVERAGE),
        "coverage_gaps": pl.DataFrame(schema=result_schema(COVERAGE_GAPS)),
    }
    (folder / "tables").mkdir(parents=True)
    for name, frame in tables.items():
        frame.write_parquet(folder / "tables" / f"{name}.parquet")
    primary = findings.filter(pl.col("primary_id").is_null())
    rows = {
        row["file"]: {k: v for k, v in row.items() if k in ("layout", "table") or k.startswith("rows_")}
        for row in intake.to_dicts()
    }
    summary = {
        "schema": 1,
        "entity": texts[0],
        "period": "2026-10",
        "as_of": "2026-10-31",
        "language": language,
        "standard": "SBE",
        "verdict": "breaks",
        "unexplained_fen": 0,
        "bridge_ends_at": "C0",
        "bridge": dict(zip(lines, bridge["amount_fen"], strict=True)),
        "codes": {
            code: {"n": n, "gap_fen": GAPS.get(code, 0) * n, "expected_fen": 0, "actual_fen": 0, "nature": CATALOGUE[code].nature}
            for code, n in CODES.items()
        },
        "related": {"C08": findings.height - primary.height},
        "case_file": {"ended": 2, "complete": 1},
        "entries": {"correction": {"n": 2, "pnl_fen": -1234}},
        "not_checked": {"W01": "receipts", "Q02": "complaints, aftersales"},
        "not_scheduled": ["S01", "S02"],
        "rows": rows,
        "controls": _controls(texts),
        "kpis": {row["kpi"]: {"numerator": row["numerator"], "denominator": row["denominator"]} for row in kpis.to_dicts()},
        "warnings": [texts[-1]],
        "remarks": [texts[0]],
        "inputs_sha256": "0" * 64,
        "versions": {"recon_kit": "0.1.0"},
    }
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
    described = {"config": parse_config({}).model_dump(mode="json", by_alias=True)}
    (folder / "MANIFEST.json").write_text(json.dumps(described), encoding="utf-8")
    return folder


def _controls(texts: tuple[str, ...]) -> list[dict[str, str | int]]:
    return [
        {"file": f"{texts[0]}.csv", "measure": texts[-1], "unit": "fen", "stated": 123456, "found": 123456},
        {"file": f"{texts[-1]}.csv", "measure": "ROWS", "unit": "rows", "stated": 12, "found": 12},
    ]


def _days(intake: pl.DataFrame) -> pl.DataFrame:
    """Four rows a day in October, the rest without a day."""
    october = pl.DataFrame({"day": pl.date_range(date(2026, 10, 1), date(2026, 10, 31), eager=True), "n": [4] * 31})
    rest = intake.select("file", pl.lit(None, pl.Date).alias("day"), pl.col("rows_read").alias("n") - 4 * 31)
    return conform_result(pl.concat([intake.select("file").join(october, how="cross"), rest]), INTAKE_DAYS)


def _cases(texts: tuple[str, ...]) -> pl.DataFrame:
    kinds = ("refund_only", "return_refund", "price_protection")
    rows = []
    for i in range(120):
        applied = datetime(2026, 9 if i < 50 else 10, i % 28 + 1, 9, 30, tzinfo=SHANGHAI)
        rows.append(
            {
                "platform": ("tmall", "pdd", "wechat_mini")[i % 3],
                "case_id": f"118000000000{i:07d}",
                "shop": texts[i % len(texts)],
                "order_id": f"3310761902812{i:06d}",
                "kind": kinds[i % 7 % 3],
                "reason": texts[i % len(texts)],
                "reason_group": ("quality", "no_reason", "logistics", None)[i % 4],
                "applied_at": applied,
                "completed_at": applied + timedelta(hours=20),
                "requested_fen": 2990 + i,
                "final_fen": 2990 + 37 * i,
                "platform_status": "success",
                "source_file": texts[0],
                "source_row": i + 2,
            }
        )
    return pl.DataFrame(
        rows,
        schema_overrides={"applied_at": pl.Datetime("us", "Asia/Shanghai"), "completed_at": pl.Datetime("us", "Asia/Shanghai")},
    )


def _flows(texts: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for i in range(118):
        at = datetime(2026, 9 if i < 50 else 10, i % 28 + 1, 18, 0, tzinfo=SHANGHAI)
        rows.append(
            {
                "channel": "alipay",
                "flow_id": f"F{i:05d}",
                "at": at,
                "status": "success",
                "kind": "refund",
                "amount_fen": -(2990 + 37 * i),
                "memo": texts[i % len(texts)],
                "source_file": texts[0],
                "source_row": i + 2,
            }
        )
    return pl.DataFrame(rows, schema_overrides={"at": pl.Datetime("us", "Asia/Shanghai")})


def _findings(texts: tuple[str, ...]) -> pl.DataFrame:
    rows = []
    for code, n in CODES.items():
        entry = CATALOGUE[code]
        for i in range(n):
            at = datetime(2026, 10, 4 + 5 * (i // 2), 12, 0, tzinfo=SHANGHAI)
            gap = GAPS.get(code)
            rows.append(
                {
                    "discrepancy_id": f"{code}-{i:04d}",
                    "code": code,
                    "key": f"1180000000{i:09d}",
                    "key_kind": "case_id",
                    "platform": "tmall",
                    "shop": texts[i % len(texts)],
                    "channel": "alipay",
                    "order_id": f"3310761902812{i:06d}",
                    "case_id": f"1180000000{i:09d}",
                    "expected_fen": None if gap is None else 8731,
                    "actual_fen": None if gap is None else 8731 + gap,
                    "gap_fen": gap,
                    "nature": entry.nature,
                    "severity": entry.severity,
                    "owner": entry.owner,
                    "event_at": at,
                    "age_days": 40 if code == "K05" else (date(2026, 10, 31) - at.date()).days,
                    "breaks_on": date(2026, 11, 3) if entry.nature == "timing" else None,
                    "why": f"{texts[i % len(texts)]}: {code}",
                    "evidence": [f"{texts[0]}:{i + 2}", f"{texts[-1]}:{i + 9}"],
                }
            )
    rows.append({**rows[0], "discrepancy_id": "C08-0000", "code": "C08", "primary_id": "C04-0000"})
    frame = pl.DataFrame(rows, infer_schema_length=None)
    return conform_result(frame.with_columns(pl.col("event_at").dt.convert_time_zone("Asia/Shanghai")), DISCREPANCIES)


def _kpis(a0: int) -> pl.DataFrame:
    orders = "orders paid in the period, without gift and price_difference orders"
    rows = [
        ("paid_orders", 505, None, "count", None, orders, "paid_at", True),
        ("paid_gmv", 18395989, None, "fen", None, orders, "paid_at", True),
        ("aftersales_rate_period", 70, 505, "count", 70 / 505, orders, "applied_at", True),
        ("aftersales_rate_cohort", 61, 505, "count", 61 / 505, orders, "paid_at", False),
        (
            "refund_rate_amount_period",
            a0,
            18395989,
            "fen",
            a0 / 18395989,
            "gross buyer_paid of those orders",
            "completed_at",
            True,
        ),
        ("avg_refund_hours_period", 1400, 70, "hours", 20.0, "success refund cases", "completed_at", True),
    ]
    names = ("kpi", "numerator", "denominator", "unit", "value", "base", "date_basis", "is_mature")
    frame = pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)
    return conform_result(frame.with_columns(dimension=pl.lit("all"), as_of=pl.lit(date(2026, 10, 31))), KPIS)


def _movements(a0: int) -> pl.DataFrame:
    """A third of the refunds of before, the same on every platform."""
    before = a0 // 3
    parts = [("all", "all", a0, before), ("platform", "tmall", a0 - 90_000, before - 30_000), ("platform", "pdd", 90_000, 30_000)]
    rows = [
        {
            "kpi": "refund_rate_amount_period",
            "dimension": dimension,
            "member": member,
            "numerator": now,
            "numerator_before": then,
            "movement": now - then,
            "volume": -1200,
            "rate": now - then + 1200,
        }
        for dimension, member, now, then in parts
    ]
    return conform_result(pl.DataFrame(rows), KPI_MOVEMENTS)


def _trend(a0: int) -> pl.DataFrame:
    """Two rates of this month, of September and of last October; the others begin this month."""
    now = {"refund_rate_amount_period": (a0, 18395989), "aftersales_rate_period": (70, 505), "return_rate_period": (9, 505)}
    rows = [
        {"kpi": kpi, "period": period, "numerator": top // part, "denominator": below, "value": top / part / below}
        for kpi, (top, below) in now.items()
        for period, part in (("2025-10", 2), ("2026-09", 3), ("2026-10", 1))
        if part == 1 or kpi != "return_rate_period"
    ]
    return conform_result(
        pl.DataFrame(rows).with_columns(source=pl.lit("kept"), is_mature=pl.col("period") != "2026-10"), KPI_TREND
    )


def _intake(texts: tuple[str, ...]) -> pl.DataFrame:
    rows = [
        {
            "file": f"{text}.csv",
            "layout": f"layout_{i}",
            "layout_zh": text,
            "layout_en": text,
            "first_at": datetime(2026, 10, 1, 9, tzinfo=SHANGHAI),
            "last_at": datetime(2026, 10, 31, 18, tzinfo=SHANGHAI),
            "latest_at": datetime(2026, 11, 2, 9, tzinfo=SHANGHAI),
            "table": ("flows", "aftersales")[i % 2],
            "rows_read": 130 + i,
            "rows_loaded": 128 + i,
            "rows_quarantined": 1,
            "rows_duplicate": 1,
        }
        for i, text in enumerate(texts)
    ]
    instants = pl.selectors.datetime().dt.convert_time_zone("Asia/Shanghai")
    return conform_result(pl.DataFrame(rows).with_columns(instants), INTAKE)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """One small run, in Chinese."""
    return build_run(tmp_path / "2026-10")


@pytest.fixture
def hostile_run(tmp_path: Path) -> Path:
    """The same run whose every business text is an attack."""
    return build_run(tmp_path / "2026-10", texts=HOSTILE)


@pytest.fixture(scope="session")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    """language → run folder with its pages made; made once a session because a kernel has to start."""
    from recon_kit.report import write_run_pages

    made = {}
    for language, texts in (("zh", ("旗舰店", "优选小店")), ("en", ("Flagship", "Outlet"))):
        made[language] = build_run(tmp_path_factory.mktemp(language) / "2026-10", language, texts)
        write_run_pages(made[language], language=language)
    return made
