"""`recon-kit cases export` and `cases import`: work-lists go out to their owners, and their answers come back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from recon_kit.casebook import Casebook
    from recon_kit.config import Config

_OUT = typer.Option(help="运行结果所在文件夹 · the folder of results")
_CONFIG = typer.Option(help="recon.toml；默认取结果旁、其次当前文件夹的 · default: beside the results, else the working folder")


def export_command(
    period: Annotated[str, typer.Argument(help="已运行的期间，如 2026-10 · a period that was run")],
    owner: Annotated[
        str | None, typer.Option("--owner", help="只要一个责任方，如 cs 或 客服 · one owner only, such as cs")
    ] = None,
    to: Annotated[Path | None, typer.Option("--to", help="写到哪个文件夹，默认 OUT/worklists/<期间> · where to")] = None,
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, _CONFIG] = None,
) -> None:
    """给每个责任方导出一份可填写的工作清单 · write each owner's work-list, with cells to answer in.

    例 · example:  recon-kit cases export 2026-10 --owner 客服

    已填而未导入的清单不会被覆盖 · a list with answers that were not imported is not replaced.
    """
    from recon_kit.answers import check_nothing_lost
    from recon_kit.labels import phrase, value_label
    from recon_kit.worklists import FOLDER, WORDS, open_run, owner_of, work_list, write_work_lists

    casebook, settings = open_casebook_of(out, config)
    run, earlier = open_run(out, period)
    language = settings.entity.language
    events = casebook.events()
    work = work_list(run, events, earlier)
    folder = to or out / FOLDER / period
    owners = (owner_of(owner),) if owner else tuple(work["owner"].unique(maintain_order=True))
    check_nothing_lost([folder / f"{name}.xlsx" for name in owners], events, language)
    written = write_work_lists(work, run, folder, language, owners)
    counts = dict(work.group_by("owner").len().iter_rows())
    for name, path in written.items():
        label = value_label("owner", name, language)
        typer.echo(phrase(WORDS, "export.done", language, owner=label, n=f"{counts[name]:,}", path=path.as_posix()))
    if not written:
        typer.echo(phrase(WORDS, "export.nothing", language))


def import_command(
    files: Annotated[list[Path], typer.Argument(help="填好的工作清单 · work-lists that were filled in")],
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, _CONFIG] = None,
    at: Annotated[str | None, typer.Option("--at", help="登记时间，默认现在 · instant of the record, default now")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 JSON · print JSON to stdout")] = False,
) -> None:
    """把填好的工作清单登记进案卷；每份要么全部登记，要么一条不登 · record answers; a file as a whole or not at all.

    例 · example:  recon-kit cases import reports/worklists/2026-10/cs.xlsx

    退出码 · exit codes: 0 都登记了 all recorded · 2 至少一份不能登记，其余照登 a file was refused, the others were recorded.
    """
    from recon_kit.answers import import_answers
    from recon_kit.cli.archive import instant
    from recon_kit.errors import ReconError
    from recon_kit.labels import phrase
    from recon_kit.worklists import WORDS

    casebook, settings = open_casebook_of(out, config)
    language = settings.entity.language
    refused, done = [], []
    for file in files:
        try:
            done.append(import_answers(casebook, file, settings, at=instant(at), language=language))
        except ReconError as error:
            refused.append(str(error))
    if as_json:
        document = {"schema": 1, "imported": [result.__dict__ for result in done], "refused": refused}
        typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
    else:
        for result in done:
            typer.echo(phrase(WORDS, "import.done", language, **result.__dict__))
            if result.ended:
                typer.echo(phrase(WORDS, "import.ended", language, file=result.file, n=result.ended))
    for message in refused:
        typer.echo(f"recon-kit: {message}", err=True)
    raise typer.Exit(2 if refused else 0)


def open_casebook_of(out: Path, config: Path | None) -> tuple[Casebook, Config]:
    """The casebook that the runs in `out` are recorded in, and the configuration that says where it is."""
    from recon_kit.casebook import casebook_place, open_casebook
    from recon_kit.config import find_config, load_config

    path = config or find_config(out)
    settings = load_config(path)
    return open_casebook(casebook_place(out, settings, path.parent if path else None), create=False), settings
