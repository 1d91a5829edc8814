"""`recon-kit sample`: write a made-up seller's two months, in the layouts a seller downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon_kit.synth import DEFAULT_ORDERS, DEFAULT_SEED


def sample_command(
    out: Annotated[Path, typer.Option("--out", help="新的或空的文件夹 · a new or empty folder")],
    orders: Annotated[int, typer.Option("--orders", help="订单总数 · orders in all")] = DEFAULT_ORDERS,
    seed: Annotated[int, typer.Option("--seed", help="相同种子得到相同文件 · same seed, same files")] = DEFAULT_SEED,
    period: Annotated[str, typer.Option("--period", help="要对账的月份 · the month to reconcile")] = "2026-10",
    clean: Annotated[bool, typer.Option("--clean", help="不植入差异 · plant nothing")] = False,
) -> None:
    """生成示例数据：两个月的导出文件、recon.toml、答案 answer_key.csv 和上月案卷 casebook.json。

    Write a sample: the exports of two months, recon.toml, answer_key.csv and the casebook of the month before.
    """
    from recon_kit.periods import parse_period
    from recon_kit.sample_casebook import write_casebook
    from recon_kit.synth.sample import write_sample

    month = parse_period(period)
    answers = write_sample(out, month, orders, seed, clean=clean)
    codes = len({row.code for row in answers})
    typer.echo(f"{out}: {orders} 个订单，植入 {len(answers)} 项差异，{codes} 种（answer_key.csv）")
    if not clean:
        typer.echo(f"{month.previous().text} 案卷：{write_casebook(out, month.previous())} 个决定（casebook.json）")
