"""`recon-kit pack`: one zip to send."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def pack_command(
    period: Annotated[str, typer.Argument(help="期间，如 2026-10 · a period")],
    out: Annotated[
        Path | None,
        typer.Option(help="写成哪个 zip，默认 <期间>.zip；给结果文件夹则取其中的期间、写在其中 · the zip, or the results"),
    ] = None,
    reports: Annotated[Path, typer.Option(help="运行结果所在文件夹 · the folder of results")] = Path("reports"),
    comment: Annotated[str, typer.Option(help="分析说明，文字或文本文件 · the analyst's comment, text or a text file")] = "",
) -> None:
    """打包发送：脱敏报告、工作清单、说明与签字栏，一个 zip · one zip to send: masked pages, work-lists, comment, sign-off box.

    例 · example:  recon-kit pack 2026-10 --comment 本月差异集中在平台补贴 --out 2026-10.zip

    链接在解压后可用，原始数据表不在其中 · links work after unpacking, and no tables of data are in it.
    """
    from recon_kit.archive.pack import LISTS, write_pack
    from recon_kit.archive.sealed import closed_periods

    folder, target = (out, out / f"{period}.zip") if out and out.is_dir() else (reports, out or Path(f"{period}.zip"))
    text = (
        Path(comment).read_text(encoding="utf-8-sig") if comment and len(comment) < 256 and Path(comment).is_file() else comment
    )
    closed, lists = closed_periods(folder).get(period), folder / LISTS / period
    path = write_pack(folder / period, target, comment=text, closed=closed, lists=lists)
    typer.echo(f"{path}: {path.stat().st_size:,} bytes")
