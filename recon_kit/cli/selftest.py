"""`recon-kit selftest`: how much of what could be wrong in this month would be found, tried on copies of its own data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    import polars as pl


def selftest_command(
    period: Annotated[
        str, typer.Argument(help="期间：月 2026-10、ISO 周 2026-W44 或日 2026-10-31 · a month, an ISO week or a day")
    ],
    data: Annotated[Path, typer.Option(help="下载的导出文件所在文件夹 · the folder of downloaded exports")] = Path("data"),
    config: Annotated[
        Path | None,
        typer.Option(help="recon.toml；默认取数据旁、其次当前文件夹的 · default: beside the data, else the working folder"),
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="另存结果表 OUT/selftest_<期间>.csv · also write the table there as CSV")
    ] = None,
    seed: Annotated[int | None, typer.Option(help="随机种子；同样的种子植入同样的差异 · the same seed plants the same")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 JSON · print JSON to stdout")] = False,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """自检：把每一种差异植入本月数据的副本，看查出多少、误报多少 · plant every anomaly in copies of the month, and find it.

    例 · example:  recon-kit selftest 2026-10 --data data/sample

    数据文件不动，也不生成报告 · the files are not touched, and nothing is published.

    退出码 · exit codes: 0 全部查出且无误报 all found, nothing else · 1 有漏查、误报或丢失 a miss, a false alarm or a loss ·
    2 无法运行 it could not run.
    """
    from recon_kit.collect import collect
    from recon_kit.config import find_config, load_config
    from recon_kit.errors import SourceError
    from recon_kit.facts import Scope
    from recon_kit.periods import parse_period
    from recon_kit.selftest import SEED, self_test_period, sums_of
    from recon_kit.sources.own import load_own

    if not data.is_dir():
        raise SourceError(
            f"--data {data}: is not a folder; expected the folder with the downloaded exports. Give it with --data DIR"
        )
    span = parse_period(period)
    path = config or find_config(data)
    settings, home = load_config(path), path.parent if path else None
    collected = collect(data, own=load_own(settings.sources, home=home, data=[data]))
    table = self_test_period(collected, Scope(settings, span, span.last_day), SEED if seed is None else seed)
    language = "en" if english else "zh"
    sums = sums_of(table)
    if out is not None:
        _write(table, out / f"selftest_{span.text}.csv")
    if as_json:
        document = {"schema": 1, "period": span.text, "seed": SEED if seed is None else seed, "totals": sums}
        typer.echo(json.dumps({**document, "codes": table.to_dicts()}, ensure_ascii=False, indent=1))
    else:
        _print_outcome(table, sums, span.text, language)
    raise typer.Exit(1 if sums and sums["missed"] + sums["false"] + sums["lost"] else 0)


def _write(table: pl.DataFrame, path: Path) -> None:
    """The result table as CSV; lists of keys in one cell."""
    import polars as pl

    path.parent.mkdir(parents=True, exist_ok=True)
    table.with_columns(pl.col(pl.List(pl.String)).list.join("; ")).write_csv(path, include_bom=True)


def _print_outcome(table: pl.DataFrame, sums: dict[str, int] | None, period: str, language: str) -> None:
    """One line a code that was planted, why the others were not, and what it comes to."""
    import polars as pl
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from recon_kit.labels import code_name, column_label, phrase
    from recon_kit.selftest_view import note_of, sentences, untried

    console = Console()
    console.print(Text(phrase("selftest", "says.title", language, period=period), style="bold"))
    figures = ("n_planted", "n_found", "n_missed", "n_false", "n_lost")
    listing = Table(box=None, pad_edge=False, header_style="dim")
    for name in ("code", "name", *figures, "note"):
        listing.add_column(column_label(name, language), justify="right" if name in figures else "left", overflow="fold")
    for row in table.filter(pl.any_horizontal(pl.col(figures) > 0)).iter_rows(named=True):
        counts = [str(row[name]) if row[name] or name in figures[:2] else "" for name in figures]
        listing.add_row(row["code"], code_name(row["code"], language), *counts, Text(note_of(row, language)))
    console.print(listing)
    for codes, reason in untried(table, language):
        console.print(Text(f"{codes}  {reason}", style="dim"))
    console.print()
    for line in sentences(sums, period, language):
        console.print(Text(line))
