"""`recon-kit lab`: JupyterLab on a working copy of the notebooks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer


def lab_command(
    folder: Annotated[Path, typer.Option(help="放笔记副本的文件夹 · the folder of your copy")] = Path("notebooks-work"),
    period: Annotated[str | None, typer.Option(help="打开时看哪个期间 · the period the notebooks look at")] = None,
    run_dir: Annotated[Path | None, typer.Option(help="看哪次运行 · the run (reports/<period>)")] = None,
    language: Annotated[str | None, typer.Option(help="zh 或 en · zh or en")] = None,
    browser: Annotated[bool, typer.Option("--browser/--no-browser", help="是否打开浏览器 · whether to open a browser")] = True,
    port: Annotated[int, typer.Option(help="端口 · port")] = 8888,
    extra: Annotated[
        list[str] | None, typer.Argument(help="-- 之后原样交给 JupyterLab · after --, passed on to JupyterLab")
    ] = None,
) -> None:
    """在笔记的副本上打开 JupyterLab；已有的副本不会被覆盖 · open JupyterLab on your copy of the notebooks.

    例 · example:  recon-kit lab --period 2026-10
    """
    from recon_kit.workcopy import copy_notebooks, lab_command_line, lab_environment

    given = {"period": period, "run_dir": None if run_dir is None else str(run_dir.resolve()), "language": language}
    copied = copy_notebooks(folder, {name: value for name, value in given.items() if value is not None})
    for path in copied:
        typer.echo(f"  {path}")
    command = lab_command_line(sys.executable, folder, port=port, browser=browser)
    command += extra or []
    raise typer.Exit(subprocess.run(command, env=lab_environment(os.environ), check=False).returncode)  # noqa: S603 - our own interpreter
