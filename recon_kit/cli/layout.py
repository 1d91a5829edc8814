"""`recon-kit layout`: draft a layout for an unknown file, list the layouts there are, check one that was written."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from recon_kit.errors import ConfigError, SourceError

if TYPE_CHECKING:
    from recon_kit.sources.draft import Draft
    from recon_kit.sources.layout import Layout
    from recon_kit.sources.reader import Identified

layout_app = typer.Typer(
    name="layout",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="自己的版式：草拟、列出、检查 · layouts of your own: draft, list, check",
)
English = Annotated[bool, typer.Option("--en", help="英文 · in English")]
Folders = Annotated[list[Path] | None, typer.Option("--layouts", help="自己的版式文件夹 · a folder of your own layouts")]


@layout_app.command("draft")
def draft_command(
    file: Annotated[Path, typer.Argument(help="认不出的文件：csv、xlsx 或 zip · a file that no layout knows")],
    out: Annotated[Path | None, typer.Option(help="写到哪个文件，默认 layouts/<文件名>.toml · the file to write")] = None,
    table: Annotated[str | None, typer.Option(help="数据属于哪张表，默认猜 · the table of its rows, else guessed")] = None,
    layouts: Folders = None,
    force: Annotated[bool, typer.Option("--force", help="覆盖已有的文件 · overwrite")] = False,
    english: English = False,
) -> None:
    """为认不出的文件草拟一个带注释的版式，再用手改完 · draft a commented layout for an unknown file.

    例 · example:  recon-kit layout draft 平台导出.csv --out layouts/my.toml

    然后 · then:  recon-kit check 平台导出.csv --layouts layouts

    退出码 · exit codes: 0 可以直接读，或已有版式 it reads the file, or another layout does · 1 还要用手补 finish it by hand.
    """
    if not file.is_file():
        raise SourceError(f"{file}: is no file; expected an export to draft a layout for; give one file, not a folder")
    target = out or Path("layouts") / f"{file.stem}.toml"
    if target.exists() and not force:
        raise ConfigError(f"--out {target}: the file exists, expected a new name; nothing was overwritten, add --force to do so")
    own = _finished([*(layouts or []), file.parent / "layouts", target.parent], but=target)
    with tempfile.TemporaryDirectory(prefix="recon_kit_", ignore_cleanup_errors=True) as workdir:
        found = _draft(file, own, _table(table), Path(workdir))
        if isinstance(found, list):
            for identified in found:
                typer.echo(_known(identified, english))
            raise typer.Exit(0)
        _write(found, target, own, english)
        raise typer.Exit(1 if found.missing or not found.made else _try(found, target, english))


@layout_app.command("list")
def list_command(layouts: Folders = None, english: English = False) -> None:
    """列出全部版式：名字、叫法、读进哪张表、可信度 · every layout: its name, what it is, its tables, its confidence.

    例 · example:  recon-kit layout list
    """
    from rich.console import Console
    from rich.table import Table

    from recon_kit.config import find_config, load_config
    from recon_kit.schema import TABLES
    from recon_kit.sources.loading import load_layouts
    from recon_kit.sources.own import load_own

    path = find_config(Path())
    own = load_own(load_config(path).sources, home=path.parent if path else None, data=[Path()], folders=layouts or ())
    listed = Table(box=None, pad_edge=False)
    for title in ("name", "what", "tables", "confidence") if english else ("名字", "版式", "表", "可信度"):
        listed.add_column(title, overflow="fold")
    for layout in (*own.layouts, *load_layouts()):
        tables = "、".join(name if english else TABLES[name].label for name in layout.tables) or "—"
        listed.add_row(layout.name, layout.label.en if english else layout.label.zh, tables, layout.confidence)
    Console(highlight=False).print(listed)


@layout_app.command("check")
def check_command(file: Annotated[Path, typer.Argument(help="版式文件 · a layout")], english: English = False) -> None:
    """看看一个版式写得对不对；错在哪一行，本来想写什么 · whether a layout is right; where it is wrong and what was meant.

    例 · example:  recon-kit layout check layouts/my.toml
    """
    from recon_kit.sources.loading import load_layout

    layout = load_layout(file)
    tables, columns = "、".join(layout.tables) or "—", sum(len(part.columns) + len(part.constants) for part in layout.rows)
    if english:
        typer.echo(f"{file}: {layout.name} is right: {tables}, {columns} columns; recognised by {', '.join(layout.signature)}")
    else:
        typer.echo(f"{file}：{layout.name} 没有问题：{tables}，{columns} 列；凭这些列认出：{'、'.join(layout.signature)}")


def _draft(file: Path, own: Sequence[Layout], table: str | None, workdir: Path) -> Draft | list[Identified]:
    """A draft for the unknown part of a file that says most; where every part is known, the layouts that read them."""
    from recon_kit.sources.decode import open_grids
    from recon_kit.sources.draft import draft_layout
    from recon_kit.sources.loading import load_layouts
    from recon_kit.sources.reader import identify

    found = [(grid, identify(grid, load_layouts(), own)) for grid in open_grids(file, file.name, workdir)]
    unknown = [grid for grid, identified in found if identified is None]
    if not unknown:
        return [identified for _, identified in found if identified]
    return max((draft_layout(grid, table) for grid in unknown), key=lambda draft: len(draft.made))


def _write(draft: Draft, target: Path, own: Sequence[Layout], english: bool) -> None:
    from recon_kit.sources.draft_text import render_draft

    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_text(render_draft(draft, _name(target, own), "en" if english else "zh"), encoding="utf-8", newline="\n")
    made, missing = ", ".join(draft.made) or "—", ", ".join(draft.missing)
    if english:
        typer.echo(f"{target}: {draft.table.name}; found {made}" + (f"; still to find: {missing}" if missing else ""))
    else:
        typer.echo(f"{target}：{draft.table.label}；认出 {made}" + (f"；还要补：{missing}" if missing else ""))


def _known(identified: Identified, english: bool) -> str:
    name, label = identified.layout.name, identified.layout.label
    if english:
        return f"{identified.grid.name}: layout {name} ({label.en}) reads it already; nothing was written"
    return f"{identified.grid.name}：已有版式 {name}（{label.zh}）能读，没有写新的"


def _try(draft: Draft, target: Path, english: bool) -> int:
    """Read the file by its draft, and say how many rows are set aside."""
    from recon_kit.sources.loading import load_layout
    from recon_kit.sources.reader import identify, read

    identified = identify(draft.file.grid, (), [load_layout(target)])
    if identified is None or identified.layout.is_template:
        raise ConfigError(f"{target}: the draft does not recognise the file it was made from; correct its signature by hand")
    reading = read(identified)
    n, aside = reading.rows_read, reading.rows_quarantined
    typer.echo(f"{n} rows read, {aside} set aside; check every line" if english else f"读到 {n} 行，隔离 {aside} 行；请逐行核对")
    return 1 if aside else 0


def _table(name: str | None) -> str | None:
    from recon_kit.mistakes import nearest
    from recon_kit.schema import TABLES

    names = {word: table.name for table in TABLES.values() for word in (table.name, table.label)}
    if name is not None and name not in names:
        raise ConfigError(f"--table {name}: there is no such table{nearest(name, names)}; `recon-kit template --list` names them")
    return names[name] if name else None


def _name(target: Path, own: Sequence[Layout]) -> str:
    """A name for the layout after its file, unlike any other."""
    from recon_kit.sources.loading import load_layouts

    name = re.sub(r"\W+", "_", target.stem).strip("_") or "draft"
    taken = {layout.name for layout in (*own, *load_layouts())}
    return f"my_{name}" if name in taken or name.startswith("template_") else name


def _finished(folders: Sequence[Path], *, but: Path) -> list[Layout]:
    """The user's layouts, but for the one to be written; a draft among them that is not finished stands for nothing yet."""
    from recon_kit.sources.loading import load_layout

    layouts: dict[Path, Layout] = {}
    for path in (path for folder in folders for path in sorted(folder.glob("*.toml"))):
        with contextlib.suppress(ConfigError):
            layouts[path.resolve()] = load_layout(path)
    layouts.pop(but.resolve(), None)
    return list(layouts.values())
