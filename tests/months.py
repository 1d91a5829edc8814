"""A small published month with its exports and casebook: all that closing, restating and packing read, made in milliseconds."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit import publish
from recon_kit.archive.chain import Link
from recon_kit.archive.close import Books, close_period
from recon_kit.casebook import Casebook, Event, open_casebook
from recon_kit.config import Config, parse_config
from recon_kit.durable import sha256
from recon_kit.periods import SHANGHAI, parse_period
from recon_kit.results import DISCREPANCIES, INTAKE, conform_result
from tests.world import Row

SIGNED_AT = datetime(2026, 11, 5, 10, tzinfo=SHANGHAI)
BILL, STATEMENT = "支付宝.csv", "银行流水.csv"
CONFIG = '[entity]\nname = "小店"\n'


def write_data(folder: Path, bill: str = "流水号,金额\nF1,-30.00\n") -> Path:
    """The exports: a platform bill, a bank statement, recon.toml beside them."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / BILL).write_text(bill, encoding="utf-8")
    (folder / STATEMENT).write_text("银行流水号,对方户名\nB1,张三丰\n", encoding="utf-8")
    (folder / "recon.toml").write_text(CONFIG, encoding="utf-8")
    return folder


def broken(*ids: str, code: str = "C04", nature: str = "break") -> list[Row]:
    """Primary findings."""
    return [{"discrepancy_id": i, "code": code, "key": i, "nature": nature, "owner": "finance", "gap_fen": -100} for i in ids]


def write_month(
    out: Path,
    data: Path,
    period: str = "2026-10",
    *,
    findings: Sequence[Row] = (),
    verdict: str = "warnings",
    page: str = "<p>ok</p>",
    files: dict[str, bytes] | None = None,
) -> Path:
    """Publish a run of `data`; `files`: further ones of the run."""
    tables = {BILL: "flows", STATEMENT: "bank_rows"}
    found = [{"file": name, "sha256": sha256(data / name), "rows_read": 1} for name in sorted(tables)]
    summary: dict[str, Any] = {
        "schema": 1,
        "entity": "小店",
        "period": period,
        "as_of": parse_period(period).last_day.isoformat(),
        "language": "zh",
        "standard": "SBE",
        "warnings": [],
        "remarks": [],
        "verdict": verdict,
        "unexplained_fen": 0,
    }
    with publish.staged(out, period) as staging:
        (staging.path / "tables").mkdir()
        intake = pl.DataFrame([{"file": name, "table": table} for name, table in sorted(tables.items())])
        frames = {"intake": conform_result(intake, INTAKE), "discrepancies": _findings(findings)}
        for name, frame in frames.items():
            frame.write_parquet(staging.path / "tables" / f"{name}.parquet")
        (staging.path / "summary.json").write_text(json.dumps(summary, ensure_ascii=False), encoding="utf-8")
        (staging.path / "index.html").write_text(page, encoding="utf-8")
        for name, content in (files or {}).items():
            (staging.path / name).parent.mkdir(exist_ok=True)
            (staging.path / name).write_bytes(content)
        staging.describe(inputs=found, config=config().model_dump(mode="json", by_alias=True), versions={"recon_kit": "0.1.0"})
    return out / period


def config() -> Config:
    """What recon.toml says."""
    return parse_config({"entity": {"name": "小店"}})


def books(out: Path, data: Path) -> Books:
    """The month as the command finds it."""
    return Books(data, out, config(), data / "recon.toml", casebook(out))


def casebook(out: Path) -> Casebook:
    """The casebook of the results."""
    return open_casebook(out / "casebook.db")


def say(out: Path, *events: tuple[str, str, str, dict[str, Any]], why: str | None = "查过") -> None:
    """Append (kind, subject, by, data)."""
    casebook(out).append([Event(kind, subject, by, SIGNED_AT, why, data) for kind, subject, by, data in events])


def opened(out: Path, rows: Sequence[Row], period: str = "2026-10") -> None:
    """What a run says of its findings."""
    about = {"period": period, "run_id": "r", "as_of": "2026-10-31"}
    say(out, *(("opened", r["discrepancy_id"], "recon_kit", {**about, "code": r["code"], "amount_fen": 100}) for r in rows))


def close(out: Path, data: Path, period: str = "2026-10", **how: Any) -> Link:
    """Close it, by two persons unless told."""
    given = {"by": "李主管", "prepared_by": "王会计", "at": SIGNED_AT, **how}
    return close_period(period, books(out, data), **given)


def digest_of(folder: Path) -> str:
    """One hash of all files below a folder, their names included."""
    total = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file() and p.name != ".lock"):
        total.update(path.relative_to(folder).as_posix().encode() + path.read_bytes())
    return total.hexdigest()


def _findings(rows: Sequence[Row]) -> pl.DataFrame:
    names = {"discrepancy_id": pl.String, "code": pl.String, "key": pl.String, "nature": pl.String, "owner": pl.String}
    return conform_result(pl.DataFrame(list(rows), schema={**names, "gap_fen": pl.Int64}), DISCREPANCIES)
