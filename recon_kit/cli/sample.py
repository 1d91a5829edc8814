"""`recon-kit sample`: write a made-up seller's two months, in the layouts a seller downloads."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from recon_kit.periods import parse_period
from recon_kit.synth.sample import DEFAULT_ORDERS, DEFAULT_SEED, write_sample


def sample_command(
    out: Annotated[Path, typer.Option("--out", help="a new or empty folder / 新的或空的文件夹")],
    orders: Annotated[int, typer.Option("--orders", help="orders in all / 订单总数")] = DEFAULT_ORDERS,
    seed: Annotated[int, typer.Option("--seed", help="same seed, same files / 相同种子得到相同文件")] = DEFAULT_SEED,
    period: Annotated[str, typer.Option("--period", help="the month to reconcile / 要对账的月份")] = "2026-10",
    clean: Annotated[bool, typer.Option("--clean", help="plant no discrepancy / 不植入差异")] = False,
) -> None:
    """Write a sample month with the month before it: exports, recon.toml and answer_key.csv."""
    answers = write_sample(out, parse_period(period), orders, seed, clean=clean)
    codes = len({row.code for row in answers})
    typer.echo(f"{out}: {orders} 个订单，植入 {len(answers)} 项差异（{codes} 种）/ {orders} orders, {len(answers)} planted findings of {codes} codes")
