"""`recon-kit trace`: one order's life, so that a customer's question is answered in a minute."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from recon_kit.tracing import Life, Trace

COLUMNS = ("at", "event", "id", "amount_fen", "status", "detail", "matched", "place")


def trace_command(
    wanted: Annotated[
        str,
        typer.Argument(
            metavar="ID",
            help="订单、售后、流水、支付、快递、凭证或差异编号 · order, case, flow, payment, waybill, voucher, finding",
        ),
    ],
    run: Annotated[
        Path | None, typer.Option(help="哪次运行，默认 reports 里最新的期间 · a run; default: the latest in reports")
    ] = None,
    data: Annotated[Path | None, typer.Option(help="不用运行，直接读导出文件夹 · read a folder of exports instead")] = None,
    period: Annotated[str | None, typer.Option(help="配合 --data：期间，如 2026-10 · with --data: the period")] = None,
    config: Annotated[Path | None, typer.Option(help="配合 --data：recon.toml · with --data: recon.toml")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 JSON · print JSON to stdout")] = False,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """一单到底：付了多少、退了多少、还差什么、下一步是谁，再列全部经过 · one order's whole life over every source.

    例 · examples:

    recon-kit trace 4182600731010690657 --run reports/2026-10

    recon-kit trace SH20261006000025 --data data/sample --period 2026-10 --en

    退出码 · exit codes: 0 找到 found · 2 没有这个编号或无法读取 unknown id, or it could not be read.
    """
    from recon_kit.errors import ConfigError
    from recon_kit.tracing import trace

    language = "en" if english else "zh"
    if data is not None:
        if period is None or run is not None:
            raise ConfigError(
                "--data: expected --period with it and no --run; give for example --data data/sample --period 2026-10"
            )
        with tempfile.TemporaryDirectory(prefix="recon_kit_", ignore_cleanup_errors=True) as folder:
            found = trace(_reconciled(data, period, config, Path(folder)), wanted, language)
    else:
        found = trace(run or _latest(Path("reports")), wanted, language)
    if as_json:
        typer.echo(json.dumps(_document(found), ensure_ascii=False, indent=1, default=str))
    else:
        for life in found.lives:
            _print_life(life, language)


def _latest(reports: Path) -> Path:
    """The newest period that was run."""
    from recon_kit.errors import ReportError

    runs = sorted(path.parent for path in reports.glob("*/summary.json"))
    if not runs:
        raise ReportError(
            f"{reports}: no finished run found; expected the folder of one. Give it with --run reports/2026-10, "
            "or read the exports with --data DIR --period 2026-10"
        )
    return runs[-1]


def _reconciled(data: Path, period: str, config: Path | None, folder: Path) -> Path:
    """The tables of a month that was not run, in a folder that goes away."""
    from recon_kit.config import find_config, load_config
    from recon_kit.errors import SourceError
    from recon_kit.run import run_period

    if not data.is_dir():
        raise SourceError(
            f"--data {data}: is not a folder; expected the folder with the downloaded exports. Give it with --data DIR"
        )
    path = config or find_config(data)
    home = path.parent if path else None
    return run_period(period, data, folder, config=load_config(path), home=home, pages=False, casebook=False).run_dir


def _document(found: Trace) -> dict[str, Any]:
    """The lives as plain values, money in fen."""
    return {
        "schema": 1,
        "lives": [
            {
                "platform": life.platform,
                "order_id": life.order_id,
                "answer": list(life.answer),
                "events": life.events.to_dicts(),
                "findings": life.findings.drop("why_key", "why_facts").to_dicts(),
                "bridge": life.bridge.to_dicts(),
            }
            for life in found.lives
        ],
    }


def _print_life(life: Life, language: str) -> None:
    from rich.console import Console
    from rich.text import Text

    from recon_kit.labels import code_name, value_label
    from recon_kit.money import format_yuan
    from recon_kit.tracing import word
    from recon_kit.tracing.events import shown_at

    console = Console()
    console.print()
    for number, sentence in enumerate(life.answer):
        console.print(Text(sentence, style="bold" if number == 0 else ""))
    rows = [
        [
            shown_at(row, "%m-%d %H:%M" if console.width < 140 else "%Y-%m-%d %H:%M"),
            word(f"event.{row['event']}", language),
            row["id"],
            "" if row["amount_fen"] is None else format_yuan(row["amount_fen"]),
            *(row[name] or "" for name in COLUMNS[4:]),
        ]
        for row in life.events.iter_rows(named=True)
    ]
    _print_table(console, word("head.events", language), [word(f"column.{name}", language) for name in COLUMNS], rows, {3})
    findings = [
        [
            row["code"],
            code_name(row["code"], language) + (word("says.related", language) if row["primary_id"] else ""),
            value_label("owner", row["owner"], language),
            format_yuan(row["gap_fen"]),
            row["why"] or "",
            "\n".join(row["evidence"] or []),
        ]
        for row in life.findings.iter_rows(named=True)
    ]
    heads = [word(f"column.{name}", language) for name in ("code", "name", "owner", "gap_fen", "why", "place")]
    _print_table(console, word("head.findings", language), heads, findings, {3})
    bridge = [[line, label, key, format_yuan(fen, sign=True)] for line, label, key, fen in life.bridge.iter_rows()]
    heads = [word(f"column.{name}", language) for name in ("line", "label", "key", "amount_fen")]
    _print_table(console, word("head.bridge", language), heads, bridge, {3})


def _print_table(console: Any, title: str, heads: list[str], rows: list[list[str]], figures: set[int]) -> None:
    """A table of text as it stands: business text is never read as markup."""
    from rich.table import Table
    from rich.text import Text

    if not rows:
        return
    table = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for place, head in enumerate(heads):
        table.add_column(head, justify="right" if place in figures else "left", no_wrap=place in figures, overflow="fold")
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))
    console.print()
    console.print(table)
