"""`recon-kit match`: reconcile any two files, without a month and without a configuration."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from recon_kit.adhoc import Records


def match_command(
    left: Annotated[Path, typer.Argument(help="左表：CSV、XLSX、Parquet 或 zip · the left file")],
    right: Annotated[Path, typer.Argument(help="右表 · the right file")],
    amount: Annotated[str, typer.Option(help="金额列；两表列名不同写 左=右 · amount column, LEFT=RIGHT where names differ")],
    on: Annotated[str, typer.Option(help="键列，多列用逗号 · key columns: A,B or LEFT=RIGHT")] = "",
    left_on: Annotated[str, typer.Option(help="左表的键列 · key columns of the left")] = "",
    right_on: Annotated[str, typer.Option(help="右表的键列 · key columns of the right")] = "",
    within: Annotated[
        str,
        typer.Option(
            help="键没对上的行，再在这些列之内按金额对 · what the key leaves open is tried by amount inside these columns"
        ),
    ] = "",
    date: Annotated[str | None, typer.Option(help="日期列；相同金额按日期先后对 · date column; orders equal amounts")] = None,
    window_days: Annotated[
        int | None, typer.Option(help="两侧日期最多差几天；超出的列为“超出窗口” · days the two sides may lie apart")
    ] = None,
    tolerance: Annotated[str, typer.Option(help="每组允许的差额(含) · the gap that is forgiven per match")] = "0.01",
    scale: Annotated[int, typer.Option(help="金额的小数位，不精确的行隔离 · decimals; what is not exact is set aside")] = 2,
    group: Annotated[bool, typer.Option("--group", help="按键合计对合计 · sum of a key against sum of the key")] = False,
    subset: Annotated[
        bool, typer.Option("--subset", help="键内一行对几行之和(≤12 行且组合唯一) · one row against several, only combination")
    ] = False,
    unique_use: Annotated[
        bool, typer.Option("--unique-use/--reuse", help="每行只用一次，或允许再用 · each row once, or a used row again")
    ] = True,
    opposite: Annotated[bool, typer.Option("--opposite", help="右表符号相反 · the right side has the other sign")] = False,
    show: Annotated[str, typer.Option(help="结果里带出的其他列 · further columns to carry along, masked where personal")] = "",
    out: Annotated[Path, typer.Option(help="结果文件夹 · folder of the results")] = Path("match"),
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 summary.json · print summary.json to stdout")] = False,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """核对任意两个文件：匹配、未匹配、隔离，每行只有一个去处 · reconcile any two files.

    例 · examples:

    recon-kit match bill.csv ledger.xlsx --on 订单号=关联单号 --amount 金额=借方金额 --date 时间=日期 --window-days 3

    recon-kit match payouts.csv orders.parquet --on batch --amount amount --subset --out payouts-october

    键相同而金额不同、对侧没有、不唯一、超出窗口分别列出；同侧一正一负的冲销成对列为“冲销”。
    Same key with another amount, no counterpart, ambiguous and outside the window are told apart; a line and its
    reversal on one side are a pair.

    退出码 · exit codes: 0 全部对上 all matched · 1 有差异 differences · 2 无法运行 it could not run.
    """
    from recon_kit.adhoc import match_records
    from recon_kit.adhoc.page import write_records

    records = match_records(
        left,
        right,
        on=on,
        amount=amount,
        left_on=left_on,
        right_on=right_on,
        within=within,
        date=date,
        window_days=window_days,
        tolerance=tolerance,
        scale=scale,
        group=group,
        subset=subset,
        unique_use=unique_use,
        opposite=opposite,
        show=show,
    )
    door = write_records(records, out, "en" if english else "zh")
    if as_json:
        typer.echo(json.dumps(records.summary, ensure_ascii=False, indent=1))
    else:
        _print_outcome(records, door, "en" if english else "zh")
    raise typer.Exit(records.exit_code)


def _print_outcome(records: Records, door: Path, language: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from recon_kit.adhoc.page import sentences, totals

    console = Console()
    for sentence in sentences(records.summary, language):
        console.print(sentence, highlight=False, markup=False)
    listing = totals(records.summary, language)
    table = Table(box=None, pad_edge=False)
    for name, is_figure in listing.columns:
        table.add_column(name, justify="right" if is_figure else "left")
    for row in listing.rows:
        table.add_row(*row)
    console.print(table)
    console.print(f"{'页面' if language == 'zh' else 'Page'}: {door}", highlight=False, soft_wrap=True, markup=False)
