"""A rerun of a closed month whose inputs changed: kept beside the sealed run, never in its place, and told item by item."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
from markupsafe import Markup

from recon_kit import publish
from recon_kit.adhoc.page import Listing
from recon_kit.archive.chain import Link
from recon_kit.archive.restatement import build_restatement, flatten
from recon_kit.archive.sealed import sealed_folder
from recon_kit.bridge import LINES
from recon_kit.casebook import MACHINE, Casebook, Event
from recon_kit.labels import column_label, phrase, table_label, value_label
from recon_kit.money import format_yuan
from recon_kit.page import environment, render_page
from recon_kit.publish import Staging
from recon_kit.record import SIDES, Run, load_run
from recon_kit.results import RESTATEMENT
from recon_kit.schema import TABLES
from recon_kit.sheets import WIDTHS, cell_formats, new_workbook, write_table

FOLDER = "restatements"
SHOWN = 200
"""Rows of a part on the page; the workbook and the table have all."""
_COLUMNS = ("table", "key", "change", "sealed", "today", "sealed_fen", "today_fen", "moved_fen", "source_rows", "evidence")
_READ = ("discrepancies", "bridge", "bridge_items", "kpis", *TABLES)
_SHEET_ROWS = 1_000_000
ON_PAGE = ("bridge", "discrepancies", "rows", "settings", "bridge_items", "kpis")
"""The areas as the page has them: what moved, why, and the detail."""
word = partial(phrase, "restatement")


@dataclass(frozen=True)
class Rerun:
    """What a rerun of a closed month computed: its tables and summary, what it rests on, and how they are written."""

    tables: Mapping[str, pl.DataFrame]
    summary: Mapping[str, Any]
    described: Mapping[str, Any]
    sealed: Mapping[str, str]
    until: datetime
    write: Callable[[Path], None]


def restate(out: Path, held: Link, rerun: Rerun) -> Path:
    """Keep the rerun as `out/restatements/<period>/<run_id>`, with restatement.parquet, .xlsx and a page; the folder.

    The sealed run and its archive are only read.
    """
    archived = load_run(sealed_folder(out, held))
    language = str(rerun.summary["language"])
    settings = (_settings(publish.read_manifest(archived.folder)), _settings(rerun.described))
    before = {name: archived.table(name) for name in _READ if archived.has(name)}
    frame = build_restatement(before, rerun.tables, settings=settings, until=rerun.until, language=language)

    def fill(staging: Staging) -> None:
        rerun.write(staging.path)
        frame.write_parquet(staging.path / "restatement.parquet", compression="zstd", statistics=False)
        _write_workbook(staging.path / "restatement.xlsx", frame, held.period, language)
        page = render_restatement(frame, archived, held, rerun.summary, language)
        (staging.path / "index.html").write_text(page, encoding="utf-8", newline="\n")
        staging.describe(**rerun.described, sealed=rerun.sealed)

    return publish.keep(out / FOLDER / held.period, held.period, fill)


def record_restatement(casebook: Casebook, folder: Path, held: Link, at: datetime) -> None:
    """Have the casebook say that a closed month was run on other inputs; once per restatement."""
    told = casebook.events(subject=f"period:{held.period}", kinds=["restated"])["data"]
    if folder.name not in {json.loads(data)["run_id"] for data in told}:
        data = {"run_id": folder.name, "seal": held.seal, "sha256": held.sha256}
        casebook.append([Event("restated", f"period:{held.period}", MACHINE, at, None, data)])


def _settings(described: Mapping[str, Any]) -> dict[str, str]:
    """Everything but rows that a run rests on, as name → value."""
    files = {str(entry["file"]): f"sha256 {entry['sha256']}" for entry in described["inputs"]}
    return {**files, **flatten("config", described["config"]), **flatten("versions", described["versions"])}


def render_restatement(frame: pl.DataFrame, archived: Run, held: Link, summary: Mapping[str, Any], language: str) -> str:
    """The page: what moved in all, then part by part, the largest first."""
    names = {part: value_label("area", part, language) for part in ON_PAGE}
    parts = {part: frame.filter(pl.col("area") == part) for part in names}
    sections = [
        {"id": part, "title": names[part], "table": _listing(rows, language), "note": _more(rows, language)}
        for part, rows in parts.items()
    ]
    facts = {"period": held.period, "seal": held.seal, "by": held.by, "at": held.at[:10], "n": f"{frame.height:,}"}
    says = [word("says.moved" if frame.height else "says.nothing", language, **facts)]
    says += [word("says.part", language, part=names[part], n=f"{rows.height:,}") for part, rows in parts.items() if rows.height]
    sides = parts["bridge"].filter(pl.col("key").is_in(SIDES))
    for line, then, today in sides.select("key", "sealed_fen", "today_fen").iter_rows():
        name = LINES[line][0 if language == "zh" else 1]
        says.append(word("says.side", language, line=name, then=format_yuan(then), today=format_yuan(today)))
    shown = [summary["verdict"], archived.summary["verdict"]]
    verdict, was = (value_label("verdict", value, language) for value in shown)
    body = (
        environment()
        .get_template("match.html.j2")
        .render(
            title=word("title.page", language, period=held.period),
            left=word("title.before", language, at=held.at[:10]),
            right=word("title.after", language),
            is_tied=frame.is_empty(),
            verdict=verdict if verdict == was else f"{was} → {verdict}",
            says=says,
            sections=sections,
            nothing=word("says.none", language),
            files_title=word("title.files", language),
            files=["restatement.xlsx", "restatement.parquet", "summary.json"],
        )
    )
    contents = [{"id": section["id"], "text": section["title"]} for section in sections]
    footer = f"{held.seal} sha256 {held.sha256}"
    safe = Markup(body)  # noqa: S704 - our own template escaped it
    title = word("title.page", language, period=held.period)
    return render_page(language, footer=footer, title=title, contents=contents, body=safe, door="")


def _listing(rows: pl.DataFrame, language: str) -> Listing:
    columns = [name for name in _COLUMNS if name in ("key", "change") or _is_stated(rows[name])]
    largest = rows.sort(pl.col("moved_fen").abs(), descending=True, nulls_last=True, maintain_order=True).head(SHOWN)
    shown = [[_cell(name, row[name], language) for name in columns] for row in largest.iter_rows(named=True)]
    return Listing([(column_label(name, language), name.endswith("_fen")) for name in columns], shown)


def _is_stated(values: pl.Series) -> bool:
    return bool(values.list.len().sum()) if values.dtype == pl.List(pl.String) else values.count() > 0


def _cell(name: str, value: Any, language: str) -> str:
    if isinstance(value, list):
        return " · ".join(value)
    if name.endswith("_fen"):
        return format_yuan(value)
    if value is None:
        return ""
    if name == "table":
        return table_label(value, language)
    return value_label(name, value, language) if name == "change" else re.sub(r"(?<=^sha256 \w{12})\w+", "…", value)


def _more(rows: pl.DataFrame, language: str) -> str:
    return word("says.more", language, shown=SHOWN, n=f"{rows.height:,}") if rows.height > SHOWN else ""


def _write_workbook(path: Path, frame: pl.DataFrame, period: str, language: str) -> None:
    with new_workbook(path, word("title.page", language, period=period)) as book:
        formats = cell_formats(book)
        for part in RESTATEMENT.column("area").allowed:
            rows = frame.filter(pl.col("area") == part).head(_SHEET_ROWS)
            words = pl.Series("change", [value_label("change", change, language) for change in rows["change"]], pl.String)
            lists = pl.col("source_rows", "evidence").list.join("\n")
            sheet = book.add_worksheet(value_label("area", part, language))
            write_table(sheet, 0, rows.with_columns(words, lists).select(_COLUMNS), formats, language)
            for place, name in enumerate(_COLUMNS):
                sheet.set_column(place, place, WIDTHS.get(name, 18))
            sheet.freeze_panes(1, 2)
