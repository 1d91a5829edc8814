"""`recon-kit check`: what each file is, its period, rows and totals, and what is wrong with it, before anything is run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from recon_kit.errors import SourceError

if TYPE_CHECKING:
    import polars as pl
    from rich.console import Console

    from recon_kit.collect import Collected, Note
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
    "total_gap": {
        "zh": "{file}：{measure} 声明 {stated}，实际 {found}",
        "en": "{file}: {measure} states {stated}, found {found}",
    },
    "bad_rows": {
        "zh": "{file}：列“{column}”{reason}，{n} 行（第 {rows} 行）",
        "en": "{file}: column {column}: {reason}; {n} rows (row {rows})",
    },
    "twice": {
        "zh": "{table} {key} 出现 {n} 次：{places}",
        "en": "{table} {key} comes {n} times: {places}",
    },
    "summary": {
        "zh": "{files} 个文件，{rows} 行；{problems} 个问题",
        "en": "{files} files, {rows} rows; {problems} problems",
    },
    "unreadable": {"zh": "读不了", "en": "cannot be read"},
}


@dataclass(frozen=True)
class Checked:
    """What a check found: the files as rows of text, the problems as sentences, and the exit code they mean."""

    files: tuple[tuple[str, ...], ...]
    problems: tuple[str, ...]
    summary: str
    exit_code: int


def check(paths: Sequence[Path], *, own: Own | None = None, language: Language = "zh") -> Checked:
    """Read files and folders and say what they are, without reconciling anything.

    `exit_code`: 0 everything was understood and ties, 1 something is wrong in a file, 2 a file cannot be read at all.
    """
    from recon_kit.collect import Note, assemble, read_files
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
    collected = assemble(readings, notes, own)
    files = tuple(_file_row(reading, collected, language) for reading in sorted(readings, key=lambda r: r.name))
    problems = (*map(str, errors), *(note.text(language) for note in collected.warnings), *_problems(collected, language))
    rows = sum(reading.rows_read for reading in readings)
    summary = WORDS["summary"][language].format(files=len(files), rows=f"{rows:,}", problems=len(problems))
    return Checked(files, problems, summary, 2 if errors else 1 if problems else 0)


def check_command(
    paths: Annotated[list[Path], typer.Argument(help="文件或文件夹 · files or folders")],
    layouts: Annotated[
        list[Path] | None, typer.Option("--layouts", help="自己的版式文件夹 · a folder of your own layouts")
    ] = None,
    config: Annotated[Path | None, typer.Option(help="recon.toml；默认取数据旁的 · default: the one beside the data")] = None,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """看看这些文件是什么、哪天到哪天、几行、合计对不对 · what these files are, and what is wrong with them.

    例 · example:  recon-kit check 下载
    """
    from rich.console import Console

    language: Language = "en" if english else "zh"
    checked = check(paths, own=_load_own(paths, config, layouts), language=language)
    _print(checked, language, Console(highlight=False, soft_wrap=False))
    raise typer.Exit(checked.exit_code)


def _load_own(paths: Sequence[Path], config: Path | None, folders: Sequence[Path] | None) -> Own:
    """The user's own, as `recon-kit run` on the first path would have it, and the folders of layouts that were named."""
    from recon_kit.config import find_config, load_config
    from recon_kit.sources.own import load_own

    places = [path if path.is_dir() else path.parent for path in paths]
    path = config or find_config(places[0])
    home = path.parent if path else None
    return load_own(load_config(path).sources, home=home, data=places, folders=folders or ())


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
        console.print(f"! {problem}", markup=False, style="yellow")
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


def _problems(collected: Collected, language: Language) -> list[str]:
    """Broken totals, rows set aside by column and reason, and keys that came twice."""
    from recon_kit.money import format_yuan

    said = []
    for row in collected.controls.filter(collected.controls["stated"] != collected.controls["found"]).iter_rows(named=True):
        stated, found = (format_yuan(row[n]) if row["unit"] == "fen" else f"{row[n]:,}" for n in ("stated", "found"))
        said.append(WORDS["total_gap"][language].format(file=row["member"], measure=row["measure"], stated=stated, found=found))
    for row in _by_reason(collected.quarantine).iter_rows(named=True):
        rows = "、".join(map(str, row["rows"])) + ("…" if row["n"] > len(row["rows"]) else "")
        said.append(WORDS["bad_rows"][language].format(**{**row, "column": row["column"] or "—", "rows": rows}))
    for row in collected.duplicates.iter_rows(named=True):
        places = "、".join(row["evidence"])
        said.append(WORDS["twice"][language].format(table=row["table"], key=row["key"], n=row["n"], places=places))
    return said


def _by_reason(quarantine: pl.DataFrame) -> pl.DataFrame:
    import polars as pl

    grouped = quarantine.group_by("file", "column", "reason", maintain_order=True)
    return grouped.agg(pl.len().alias("n"), pl.col("row").head(5).alias("rows"))
