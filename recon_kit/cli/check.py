"""`recon-kit check`: what each file is, its period, rows and totals, and what is wrong with it, before anything is run."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from recon_kit.errors import SourceError
from recon_kit.sources.notes import MESSAGES, REMARKS

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from recon_kit.collect import Collected, Note
    from recon_kit.config import Config
    from recon_kit.sources.own import Own
    from recon_kit.sources.reader import Reading

Language = Literal["zh", "en"]
WORDS: dict[str, dict[Language, str]] = {
    "file": {"zh": "文件", "en": "file"},
    "kind": {"zh": "识别为", "en": "taken for"},
    "period": {"zh": "期间", "en": "period"},
    "rows": {"zh": "行数", "en": "rows"},
    "money": {"zh": "金额合计", "en": "money"},
    "totals": {"zh": "声明合计", "en": "stated totals"},
    "problems": {"zh": "问题", "en": "problems"},
    "ties": {"zh": "{n} 项相符", "en": "{n} tie"},
    "broken": {"zh": "{n} 项不符", "en": "{n} broken"},
    "none": {"zh": "未声明", "en": "none"},
    "quarantined": {"zh": "隔离 {n}", "en": "{n} set aside"},
    "repeated": {"zh": "重复 {n}", "en": "{n} repeated"},
    "total_broken": {
        "zh": "{file}：{measure} 声明 {stated}，实际 {found}",
        "en": "{file}: {measure} states {stated}, found {found}",
    },
    "rows_quarantined": {
        "zh": "{file}：列“{column}”{reason}，{n} 行（第 {rows} 行）",
        "en": "{file}: column {column}: {reason}; {n} rows (row {rows})",
    },
    "key_repeated": {
        "zh": "{table} {key} 出现 {n} 次：{places}",
        "en": "{table} {key} comes {n} times: {places}",
    },
    "summary": {
        "zh": "{files} 个文件，{rows} 行；{problems} 个问题",
        "en": "{files} files, {rows} rows; {problems} problems",
    },
    "unreadable": {"zh": "读不了", "en": "cannot be read"},
    "ledger": {
        "zh": "账簿 {period}：退款分录 {n} 条、{amount} 元，对上 {share}（{ways}）",
        "en": "ledger {period}: {n} lines book refunds, {amount}; {share} of it tied ({ways})",
    },
    "column": {"zh": "按关联单号列 {share}", "en": "{share} by the reference column"},
    "text": {"zh": "按摘要里的单号 {share}", "en": "{share} by numbers in the text"},
    "day_total": {"zh": "按日合计 {share}", "en": "{share} by daily totals"},
    "month_total": {"zh": "按月合计 {share}", "en": "{share} by monthly totals"},
}


EXIT_MEANING = {0: "ok", 1: "problems", 2: "unreadable"}
KINDS = ("unreadable", *(key for key in MESSAGES if key not in REMARKS), "total_broken", "rows_quarantined", "key_repeated")
"""What a problem in the JSON document may be; a kind keeps its meaning."""


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong: its kind (`KINDS`), the file where one is known, and the sentence for a person."""

    kind: str
    file: str | None
    message: str


@dataclass(frozen=True)
class Checked:
    """What a check found: the files as rows of text, problems and remarks, and the exit code they mean.

    `document`: the same for machines, plain values only, in an order that does not change. Source: docs/sources.md.
    """

    files: tuple[tuple[str, ...], ...]
    problems: tuple[Problem, ...]
    remarks: tuple[str, ...]
    summary: str
    exit_code: int
    document: dict[str, Any]


def check(paths: Sequence[Path], *, own: Own | None = None, config: Config | None = None, language: Language = "zh") -> Checked:
    """Read files and folders and say what they are, and what share of the ledger can be tied, without reconciling anything.

    `exit_code`: 0 everything was understood and ties, 1 something is wrong in a file, 2 a file cannot be read at all.
    """
    from recon_kit.collect import Note, assemble, read_files
    from recon_kit.config import Config
    from recon_kit.facts.ties import ledger_ties_by_month
    from recon_kit.sources.own import Own

    own = own or Own()
    readings: list[Reading] = []
    notes: list[Note] = []
    errors: list[SourceError] = []
    for outcome in read_files(paths, own=own):
        if isinstance(outcome, SourceError):
            errors.append(outcome)
        elif isinstance(outcome, Note):
            notes.append(outcome)
        else:
            readings.append(outcome)
    readings.sort(key=lambda reading: reading.name)
    collected = assemble(readings, notes, own)
    files = tuple(_file_row(reading, collected, language) for reading in readings)
    problems = (
        *(Problem("unreadable", error.file, str(error)) for error in errors),
        *(Problem(note.key, _file_of(note), note.text(language)) for note in collected.warnings if not note.is_remark),
        *_problems(collected, language),
    )
    ties = ledger_ties_by_month(collected, config or Config())
    remarks = [note for note in collected.warnings if note.is_remark]
    rows = sum(reading.rows_read for reading in readings)
    summary = WORDS["summary"][language].format(files=len(files), rows=f"{rows:,}", problems=len(problems))
    exit_code = 2 if errors else 1 if problems else 0
    document = {
        "schema": 1,
        "exit_code": exit_code,
        "exit_meaning": EXIT_MEANING[exit_code],
        **_document(readings, collected),
        "ledger": ties.to_dicts(),
        "problems": [asdict(problem) for problem in problems],
        "remarks": [{"kind": note.key, "message": note.text(language)} for note in remarks],
        "own_files": [{"file": name, "sha256": sha256} for name, sha256 in own.files],
    }
    said = (*(note.text(language) for note in remarks), *_ledger(ties, language))
    return Checked(files, problems, said, summary, exit_code, document)


def check_command(
    paths: Annotated[list[Path], typer.Argument(help="文件或文件夹 · files or folders")],
    layouts: Annotated[
        list[Path] | None, typer.Option("--layouts", help="自己的版式文件夹 · a folder of your own layouts")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="recon.toml；默认取数据旁的 · default: the one beside the data")] = None,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="只向标准输出打印一个 JSON 文档 · one JSON document on stdout")] = False,
) -> None:
    """看看这些文件是什么、哪天到哪天、几行、合计对不对 · what these files are, and what is wrong with them.

    例 · example:  recon-kit check 下载

    认不出的文件 · a file that is not recognised:  recon-kit layout draft 文件.csv

    退出码 · exit codes: 0 都认得且相符 all known and tied · 1 有问题 something is wrong · 2 有文件读不了 a file cannot be read.
    """
    from rich.console import Console

    language: Language = "en" if english else "zh"
    own, settings = _load_own(paths, config, layouts)
    checked = check(paths, own=own, config=settings, language=language)
    if as_json:
        typer.echo(json.dumps(checked.document, ensure_ascii=False, indent=1))
    else:
        _print(checked, language, Console(highlight=False, soft_wrap=False))
    raise typer.Exit(checked.exit_code)


def _load_own(paths: Sequence[Path], config: Path | None, folders: Sequence[Path] | None) -> tuple[Own, Config]:
    """The user's own and recon.toml, as `recon-kit run` on the first path would have them, and the folders named."""
    from recon_kit.config import find_config, load_config
    from recon_kit.sources.own import load_own

    places = [path if path.is_dir() else path.parent for path in paths]
    path = config or find_config(places[0])
    home = path.parent if path else None
    settings = load_config(path)
    return load_own(settings.sources, home=home, data=places, folders=folders or ()), settings


def _print(checked: Checked, language: Language, console: Console) -> None:
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, padding=(0, 1))
    for name in ("file", "kind", "period", "rows", "money", "totals", "problems"):
        is_number = name in ("rows", "money")
        table.add_column(
            WORDS[name][language],
            justify="right" if is_number else "left",
            no_wrap=is_number or name == "period",
            overflow="fold",
        )
    for row in checked.files:
        table.add_row(*map(escape, row))
    if checked.files:
        console.print(table)
    for problem in checked.problems:
        console.print(f"! {problem.message}", markup=False, style="yellow")
    for remark in checked.remarks:
        console.print(f"· {remark}", markup=False)
    console.print(checked.summary, markup=False)


def _file_row(reading: Reading, collected: Collected, language: Language) -> tuple[str, ...]:
    from recon_kit.money import format_yuan

    intake = collected.intake.filter(collected.intake["file"] == reading.name).row(0, named=True)
    broken = reading.controls.filter(reading.controls["stated"] != reading.controls["found"]).height
    totals = "broken" if broken else "ties" if reading.controls.height else "none"
    wrong = [
        WORDS[word][language].format(n=intake[column])
        for word, column in (("quarantined", "rows_quarantined"), ("repeated", "rows_duplicate"))
        if intake[column]
    ]
    label = reading.layout.label.zh if language == "zh" else reading.layout.label.en
    return (
        reading.name,
        label,
        _span(intake["first_at"], intake["last_at"]),
        f"{reading.rows_read:,}",
        format_yuan(reading.money_fen),
        WORDS[totals][language].format(n=broken or reading.controls.height),
        "，".join(wrong),
    )


def _span(first: datetime | None, last: datetime | None) -> str:
    if not first or not last:
        return ""
    return f"{first:%Y-%m-%d}~{last:%m-%d}" if first.year == last.year else f"{first:%Y-%m-%d}~{last:%Y-%m-%d}"


def _problems(collected: Collected, language: Language) -> Iterator[Problem]:
    """Broken totals, rows set aside by column and reason, and keys that came twice."""
    from recon_kit.labels import value_label
    from recon_kit.money import format_yuan

    words = {kind: WORDS[kind][language] for kind in ("total_broken", "rows_quarantined", "key_repeated")}
    for row in collected.controls.filter(collected.controls["stated"] != collected.controls["found"]).iter_rows(named=True):
        stated, found = (format_yuan(row[n]) if row["unit"] == "fen" else f"{row[n]:,}" for n in ("stated", "found"))
        text = words["total_broken"].format(file=row["member"], measure=row["measure"], stated=stated, found=found)
        yield Problem("total_broken", row["member"], text)
    for row in _by_reason(collected.quarantine).iter_rows(named=True):
        rows = "、".join(map(str, row["first_rows"])) + ("…" if row["rows"] > len(row["first_rows"]) else "")
        facts = {**row, "n": row["rows"], "rows": rows, "column": row["column"] or "—"}
        facts["reason"] = value_label("reason", row["reason"], language)
        yield Problem("rows_quarantined", row["file"], words["rows_quarantined"].format(**facts))
    for row in collected.duplicates.iter_rows(named=True):
        places = "、".join(row["evidence"])
        text = words["key_repeated"].format(table=row["table"], key=row["key"], n=row["n"], places=places)
        yield Problem("key_repeated", None, text)


def _ledger(ties: pl.DataFrame, language: Language) -> Iterator[str]:
    """One sentence a month: how much the ledger books as refunds, what share of it was tied, and by what."""
    from recon_kit.money import format_yuan

    for (period,), rows in ties.group_by("period", maintain_order=True):
        ways = [(how, int(fen)) for how, fen in rows.select("how", "tied_fen").iter_rows()]
        n, booked, tied = (int(rows[name].sum()) for name in ("n_lines", "amount_fen", "tied_fen"))
        if booked:
            said = " · ".join(WORDS[how][language].format(share=f"{fen / booked:.1%}") for how, fen in ways if fen)
            facts = {
                "period": period,
                "n": n,
                "amount": format_yuan(booked),
                "share": f"{tied / booked:.1%}",
                "ways": said or "—",
            }
            yield WORDS["ledger"][language].format(**facts)


def _by_reason(quarantine: pl.DataFrame) -> pl.DataFrame:
    """Rows set aside per file, column and reason: how many, their amounts where they could be read, the first five."""
    import polars as pl

    grouped = quarantine.group_by("file", "column", "reason", maintain_order=True)
    amount = pl.when(pl.col("amount_fen").count() > 0).then(pl.col("amount_fen").sum()).alias("amount_fen")
    return grouped.agg(pl.len().cast(pl.Int64).alias("rows"), amount, pl.col("row").head(5).alias("first_rows"))


def _document(readings: Sequence[Reading], collected: Collected) -> dict[str, Any]:
    """The figures of the check: money in fen, instants in ISO 8601; no cell of a file but ids that came twice."""
    counts = ("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")
    held = {row["file"]: row for row in collected.intake.iter_rows(named=True)}
    files = [
        {
            "file": reading.name,
            "sha256": reading.sha256,
            "layout": reading.layout.name,
            "label": reading.layout.label.model_dump(),
            "tables": list(reading.layout.tables),
            **{name: held[reading.name][name] for name in counts},
            "money_fen": reading.money_fen,
            "first_at": _iso(held[reading.name]["first_at"]),
            "last_at": _iso(held[reading.name]["last_at"]),
        }
        for reading in readings
    ]
    controls = [
        {
            "file": row["member"],
            "measure": row["measure"],
            f"stated_{row['unit']}": row["stated"],
            f"found_{row['unit']}": row["found"],
            "ties": row["stated"] == row["found"],
        }
        for row in collected.controls.iter_rows(named=True)
    ]
    spans = ("starts_at", "ends_at", "exported_at", "first_at", "last_at")
    coverage = [
        {**{name: row[name] for name in ("file", "layout", "table", "channel")}, **{name: _iso(row[name]) for name in spans}}
        for row in collected.coverage.iter_rows(named=True)
    ]
    return {
        "totals": {"files": len(files), **{name: sum(row[name] for row in held.values()) for name in counts}},
        "files": files,
        "controls": controls,
        "quarantine": _by_reason(collected.quarantine).to_dicts(),
        "coverage": coverage,
        "repeated": collected.duplicates.select("table", "key", "n", "evidence").to_dicts(),
    }


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None


def _file_of(note: Note) -> str | None:
    file = note.facts.get("file")
    return file if isinstance(file, str) else None
