"""`recon-kit template`: an empty standard template of one table, ready to fill in."""

from __future__ import annotations

import csv
import difflib
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recon_kit.errors import ConfigError

if TYPE_CHECKING:
    from recon_kit.schema import Column, Table


class Format(StrEnum):
    """Kinds of file a template is written as."""

    XLSX = "xlsx"
    CSV = "csv"


class Language(StrEnum):
    """Language of a template's header; both are read back, in any mix."""

    ZH = "zh"
    EN = "en"


def template_command(
    table: Annotated[str | None, typer.Argument(help="表名，如 orders 或 订单 · a table")] = None,
    out: Annotated[Path | None, typer.Option(help="写到哪个文件，默认当前文件夹下 <表名>.xlsx · the file to write")] = None,
    kind: Annotated[
        Format | None, typer.Option("--format", help="文件格式，默认按文件名，否则 xlsx · default: by the name, else xlsx")
    ] = None,
    language: Annotated[Language, typer.Option(help="表头语言 · language of the header")] = Language.ZH,
    is_list: Annotated[bool, typer.Option("--list", help="列出全部表 · list the tables")] = False,
) -> None:
    """写出一张标准模板的空表，用来补充没有内置版式的数据 · write an empty standard template.

    例 · example:  recon-kit template orders --out 订单.xlsx
    """
    if is_list or table is None:
        _list_tables(language)
        return
    found = _find_table(table)
    kind = kind or (Format.CSV if out and out.suffix.lower() == ".csv" else Format.XLSX)
    path = out or Path(f"{found.label if language == Language.ZH else found.name}.{kind}")
    if path.exists():
        raise ConfigError(f"--out {path}: the file exists, expected a new name; nothing was overwritten, choose another name")
    header = [_header(column, language) for column in found.columns]
    if kind == Format.CSV:
        with path.open("w", encoding="utf-8-sig", newline="") as file:  # the mark tells Excel that it is UTF-8
            csv.writer(file).writerow(header)
    else:
        _write_workbook(path, found, header, language)
    typer.echo(path)


def _find_table(name: str) -> Table:
    from recon_kit.schema import TABLES

    names = {word: table for table in TABLES.values() for word in (table.name, table.label)}
    if name not in names:
        close = difflib.get_close_matches(name, names, n=1, cutoff=0.4)
        hint = f"did you mean {close[0]}?" if close else "`recon-kit template --list` names them"
        raise ConfigError(f"template {name}: there is no such table; expected one of the {len(TABLES)} tables; {hint}")
    return names[name]


def _list_tables(language: Language) -> None:
    from recon_kit.schema import TABLES

    for table in TABLES.values():
        required = "、".join(_header(column, language) for column in table.columns if column.required)
        typer.echo(f"{table.name:<18}{table.label}\t{'必填' if language == Language.ZH else 'required'}: {required}")


def _header(column: Column, language: Language) -> str:
    from recon_kit.sources.template import field_name

    return column.label if language == Language.ZH else field_name(column)


def _write_workbook(path: Path, table: Table, header: list[str], language: Language) -> None:
    """Every cell is formatted as text, because Excel rounds an 18-digit id that it takes for a number."""
    import xlsxwriter

    rows = 1_048_575
    with xlsxwriter.Workbook(path) as book:
        text, bold = book.add_format({"num_format": "@"}), book.add_format({"bold": True, "num_format": "@", "bottom": 1})
        sheet = book.add_worksheet(table.label if language == Language.ZH else table.name)
        sheet.freeze_panes(1, 0)
        for place, (column, title) in enumerate(zip(table.columns, header, strict=True)):
            sheet.set_column(place, place, max(12, 2 * len(title)), text)
            sheet.write_string(0, place, title, bold)
            sheet.write_comment(0, place, _explain(column, language))
            if words := [chinese if language == Language.ZH else english for english, chinese in column.allowed.items()]:
                sheet.data_validation(1, place, rows, place, {"validate": "list", "source": words, "error_type": "warning"})


def _explain(column: Column, language: Language) -> str:
    """What a cell of the column takes, for the note on its header."""
    zh = language == Language.ZH
    kinds = {
        "text": ("文本", "text"),
        "fen": ("金额(元)，如 29.90", "yuan, such as 29.90"),
        "int": ("整数", "a whole number"),
        "bool": ("是/否", "true/false"),
        "instant": ("时间，如 2026-10-31 08:00:00", "such as 2026-10-31 08:00:00"),
        "date": ("日期，如 2026-10-31", "such as 2026-10-31"),
    }
    parts = [kinds[column.kind][not zh]]
    if column.required:
        parts.insert(0, "必填" if zh else "required")
    if column.allowed:
        parts.append(" | ".join(column.allowed.values() if zh else column.allowed))
    return ("；" if zh else "; ").join(parts)
