"""`recon-kit run`: reconcile a period and publish it."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import date

    from rich.console import Console

    from recon_kit.run import RunResult

STAGES = {
    "collect": ("收表：读取导出文件", "Collect: reading the exports"),
    "match": ("匹配：订单、售后、流水、凭证", "Match: orders, cases, flows, vouchers"),
    "detect": ("识别差异", "Detect discrepancies"),
    "bridge": ("搭桥：平台 → 渠道 → 账簿", "Bridge: platform → channel → ledger"),
    "selftest": ("自检：在副本里植入差异再查", "Self-test: planting findings in copies"),
    "write": ("写出结果表", "Write the tables"),
    "intake_review": ("生成资料核查报告", "Render the intake review"),
    "monthly_review": ("生成月度对账报告", "Render the monthly review"),
    "management_pack": ("生成经营报告", "Render the management pack"),
    "post_mortem": ("生成复盘", "Render the post-mortem"),
}
COUNTED = {
    "collect": ("{n:,} 行", "{n:,} rows"),
    "match": ("{n:,} 行对上", "{n:,} rows matched"),
    "detect": ("{n:,} 项", "{n:,} findings"),
    "bridge": ("{n:,} 笔", "{n:,} items"),
    "selftest": ("植入 {n:,} 项", "{n:,} planted"),
    "write": ("{n:,} 行", "{n:,} rows"),
}
"""What a stage counted, shown when it is done."""
STANDING = {
    "closed": (
        "{period} 已结账，资料与封存时相同：就是那一次运行，什么都没有改动",
        "{period} is closed, and these files are those it was closed on: this is that run, nothing was changed",
    ),
    "restated": (
        "{period} 已结账，封存的结果不变。资料有变动，已另写重述：与封存时逐项对照",
        "{period} is closed and stays as sealed. The files changed: a restatement was written beside it, item by item",
    ),
}


def run_command(
    period: Annotated[
        str, typer.Argument(help="期间：月 2026-10、ISO 周 2026-W44 或日 2026-10-31 · a month, an ISO week or a day")
    ],
    data: Annotated[Path, typer.Option(help="下载的导出文件所在文件夹 · the folder of downloaded exports")] = Path("data"),
    out: Annotated[Path, typer.Option(help="结果写到 OUT/<期间>/ · results go to OUT/<period>/")] = Path("reports"),
    config: Annotated[
        Path | None,
        typer.Option(help="recon.toml；默认取数据旁、其次当前文件夹的 · default: beside the data, else the working folder"),
    ] = None,
    as_of: Annotated[str | None, typer.Option("--as-of", help="截至日(含)，默认期间最后一天 · the last day that counts")] = None,
    language: Annotated[str | None, typer.Option(help="zh 或 en，默认按 recon.toml · zh or en")] = None,
    pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="是否生成 HTML 与 xlsx · whether to render pages and workbook")
    ] = True,
    all_in: Annotated[
        Path | None,
        typer.Option(
            "--all", help="文件夹里每个有 recon.toml 的文件夹各跑一次，汇成一页 · every folder in it that has a recon.toml"
        ),
    ] = None,
    notebooks: Annotated[
        Path | None,
        typer.Option(help="自己的笔记文件夹：同名的替换内置的，其余的另成一页 · your own notebooks: replace or add pages"),
    ] = None,
    selftest: Annotated[
        bool | None,
        typer.Option(
            "--selftest/--no-selftest",
            help="自检；默认在出报告的整月、两万单以内做 · self-test; default: with pages, a month of ≤ 20,000 orders",
        ),
    ] = None,
    pdf: Annotated[
        bool, typer.Option("--pdf", help="另把报告打印成 OUT/<期间>_management_pack.pdf · print the report to a PDF too")
    ] = False,
    plots: Annotated[
        str | None,
        typer.Option(help="另把各页的图存到 OUT/<期间>_plots/：svg 或 png · save the pages' charts as pictures too: svg or png"),
    ] = None,
    casebook: Annotated[
        bool, typer.Option("--casebook/--no-casebook", help="是否结转并登记未清项 · whether to carry open items and record them")
    ] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="只打印结论 · print the verdict only")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 summary.json · print summary.json to stdout")] = False,
) -> None:
    """对一个期间做售后对账：收表、匹配、识别差异、搭桥、出报告 · reconcile a period of after-sales.

    日、周只查日程内的项目，不搭桥；月查全部 · a day or a week runs what is scheduled, without a bridge; a month everything.

    例 · examples:

    recon-kit run 2026-10 --data data/sample --out reports

    recon-kit run 2026-10 --all 各公司

    退出码 · exit codes: 0 对平或仅在途 reconciled or pending · 1 有警告、差异或不完整 warnings, breaks or incomplete ·
    2 无法运行 it could not run.
    """
    from recon_kit.config import find_config, load_config
    from recon_kit.errors import ConfigError, SourceError
    from recon_kit.periods import parse_day
    from recon_kit.plots import write_plots
    from recon_kit.printing import print_page
    from recon_kit.run import run_period

    if pdf or plots:
        _check_drawable(period, pages, pdf, plots, all_in)
    day = parse_day(as_of) if as_of else None
    if all_in is not None:
        raise typer.Exit(_run_all(period, all_in, day, pages, language or "zh", as_json))
    if not data.is_dir():
        raise SourceError(
            f"--data {data}: is not a folder; expected the folder with the downloaded exports. Give it with --data DIR"
        )
    path = config or find_config(data)
    settings, home = load_config(path), path.parent if path else None
    if language is not None:
        if language not in ("zh", "en"):
            raise ConfigError(f"--language {language}: unknown; expected zh or en")
        settings = settings.model_copy(update={"entity": settings.entity.model_copy(update={"language": language})})
    chosen = settings.entity.language
    run = partial(
        run_period,
        period,
        data,
        out,
        config=settings,
        home=home,
        as_of=day,
        pages=pages,
        notebooks=notebooks,
        selftest=selftest,
        casebook=casebook,
    )
    result = run() if quiet or as_json else _run_with_progress(run, chosen)
    if pdf:
        print_page(result.run_dir / "management_pack.html", out / f"{period}_management_pack.pdf")
    if plots:
        write_plots(result.run_dir, out / f"{period}_plots", plots)
    if as_json:
        typer.echo(json.dumps(result.summary, ensure_ascii=False, indent=1))
    else:
        _print_outcome(result, chosen, pages)
    raise typer.Exit(result.exit_code)


def _check_drawable(period: str, pages: bool, pdf: bool, plots: str | None, all_in: Path | None) -> None:
    """Before the work, not after it: whether there will be pages to print or draw, and something to do it with."""
    from recon_kit.errors import ConfigError
    from recon_kit.periods import parse_period
    from recon_kit.plots import KINDS
    from recon_kit.printing import find_browser

    if pdf and parse_period(period).kind != "month":
        raise ConfigError(f"--pdf: {period} is a day or a week; expected a month, which has a management pack to print")
    if plots is not None and plots not in KINDS:
        raise ConfigError(f"--plots {plots}: unknown; expected {' or '.join(KINDS)}")
    option = "--pdf" if pdf else "--plots"
    if not pages:
        raise ConfigError(f"{option}: found together with --no-pages; expected pages to draw. Leave one of them out")
    if all_in is not None:
        raise ConfigError(f"{option}: found together with --all; expected one company. Run those that need it by themselves")
    find_browser()


def _run_all(period: str, folder: Path, as_of: date | None, pages: bool, language: str, as_json: bool) -> int:
    """Every workspace in a folder, and the page that lists them; the worst exit code."""
    from recon_kit.workspaces import run_workspaces, write_overview

    standings = run_workspaces(
        period, folder, as_of=as_of, pages=pages, progress=None if as_json else partial(typer.echo, err=True)
    )
    page = write_overview(period, folder, standings, language)
    told = [
        {"workspace": one.workspace.name, "verdict": one.result.verdict if one.result else None, "message": one.message}
        for one in standings
    ]
    if as_json:
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1))
    else:
        for one in told:
            typer.echo(f"{one['workspace']}: {one['verdict'] or one['message']}")
        typer.echo(str(page))
    return max(one.exit_code for one in standings)


def _run_with_progress(run: Callable[..., RunResult], language: str) -> RunResult:
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn

    index = 0 if language == "zh" else 1
    columns = (SpinnerColumn(finished_text="✓"), TextColumn("{task.description}"), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        tasks: list[TaskID] = []

        def step(message: str, n: int | None = None) -> None:
            if message in STAGES and n is None:
                end()
                tasks.append(bar.add_task(STAGES[message][index], total=None))
            elif tasks:
                said = message if n is None else COUNTED[message][index].format(n=n)
                bar.update(tasks[-1], description=f"{bar.tasks[-1].description.split(' · ')[0]} · {said}")

        def end() -> None:
            if tasks:
                bar.update(tasks[-1], total=1, completed=1)

        result = run(progress=step)
        end()
    return result


def _print_outcome(result: RunResult, language: str, pages: bool) -> None:
    """The verdict, the headline figures, what was not checked, and where the report is."""
    from rich.console import Console
    from rich.table import Table

    from recon_kit.bridge import LINES
    from recon_kit.money import format_yuan
    from recon_kit.results import VERDICT
    from recon_kit.rules.catalogue import CATALOGUE

    zh = language == "zh"
    console, summary = Console(), result.summary
    console.print(
        f"\n[bold]{summary['entity']} {summary['period']}[/]  {VERDICT[result.verdict] if zh else result.verdict}",
        highlight=False,
    )
    figures = Table(box=None, show_header=False, pad_edge=False)
    figures.add_column()
    figures.add_column(justify="right")
    for line in ("A0", "B0", "C0"):
        if line in summary["bridge"]:
            figures.add_row(LINES[line][0 if zh else 1], format_yuan(summary["bridge"][line]))
    if summary["bridge_ends_at"]:
        figures.add_row("桥未解释" if zh else "Unexplained", format_yuan(summary["unexplained_fen"]))
    console.print(figures)
    if summary["codes"]:
        found = Table(box=None, pad_edge=False)
        for title, side in (("码", "Code"), ("差异", "Discrepancy"), ("项数", "n"), ("差额(元)", "Gap (yuan)")):
            found.add_column(title if zh else side, justify="right" if side in ("n", "Gap (yuan)") else "left")
        for code, row in summary["codes"].items():
            found.add_row(code, CATALOGUE[code].name(language), str(row["n"]), format_yuan(row["gap_fen"]))
        console.print(found)
    _print_notes(console, result, zh)
    door = result.run_dir / ("index.html" if pages or result.standing == "restated" else "summary.json")
    console.print(f"{'报告' if zh else 'Report'}: {door}", highlight=False, soft_wrap=True, markup=False)


def _print_notes(console: Console, result: RunResult, zh: bool) -> None:
    """What was not checked or not due, what is worth knowing, and how the run stands to what was sealed."""
    summary = result.summary
    if summary["not_checked"]:
        listed = ", ".join(f"{code} ({table})" for code, table in summary["not_checked"].items())
        console.print(("未检查(缺表)：" if zh else "Not checked (missing table): ") + listed, highlight=False)
    if later := summary["not_scheduled"]:
        console.print(("不在本次日程：" if zh else "Not scheduled: ") + " ".join(later), highlight=False)
    for warning in (*summary["warnings"], *summary["remarks"]):
        console.print(("提示：" if zh else "Note: ") + warning, highlight=False, markup=False)
    if result.standing != "published":
        says = STANDING[result.standing]
        console.print(says[0 if zh else 1].format(period=summary["period"]), highlight=False, markup=False)
