"""`recon-kit close`, `verify` and `reopen`: a month is signed, proved and, formally, opened again."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from recon_kit.casebook import Casebook
    from recon_kit.config import Config

_DATA = typer.Option(help="该期间用的导出文件所在文件夹 · the folder of exports the run was made from")
_OUT = typer.Option(help="运行结果所在文件夹 · the folder of results")
_CONFIG = typer.Option(help="recon.toml；默认取数据旁、其次当前文件夹的 · default: beside the data, else the working folder")
_AT = typer.Option("--at", help="签字时间，默认现在 · instant of the signature, default now: 2026-11-05T10:00:00+08:00")
_PERIOD = typer.Argument(help="月份，如 2026-10 · a month")


def close_command(
    period: Annotated[str, _PERIOD],
    by: Annotated[str, typer.Option("--by", help="审核并结账的人 · who approves and closes")],
    prepared_by: Annotated[str, typer.Option("--prepared-by", help="编制人，须另有其人 · who prepared it, somebody else")],
    data: Annotated[Path, _DATA] = Path("data"),
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, _CONFIG] = None,
    notebooks: Annotated[
        Path | None, typer.Option(help="生成报告时用的自有笔记本文件夹 · your own notebooks, as given to run --notebooks")
    ] = None,
    at: Annotated[str | None, _AT] = None,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """结账封存一个月：输入、结果、报告、案卷状态、配置与版本，逐文件 sha-256，与上一期相连 · close and seal a month.

    例 · example:  recon-kit close 2026-10 --by 李主管 --prepared-by 王会计 --data data --out reports

    不允许结账时一次列出全部原因 · all that stands against it is listed at once.

    退出码 · exit codes: 0 已封存 closed · 2 不能结账 refused.
    """
    from recon_kit.archive.close import Books, close_period
    from recon_kit.config import find_config, load_config

    path = config or find_config(data)
    settings = load_config(path)
    books = Books(data, out, settings, path, _casebook(out, settings, path), notebooks)
    link = close_period(period, books, by=by, prepared_by=prepared_by, at=instant(at))
    text = "{0} closed: {1}/archive/{2}; chain {3}" if english else "{0} 已封存：{1}/archive/{2}；链 {3}"
    typer.echo(text.format(period, out.as_posix(), link.seal, link.hash))


def reopen_command(
    period: Annotated[str, _PERIOD],
    by: Annotated[str, typer.Option("--by", help="谁重开 · who reopens it")],
    why: Annotated[str, typer.Option("--why", help="为什么 · why")],
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, typer.Option(help="recon.toml；默认当前文件夹的 · default: in the working folder")] = None,
    at: Annotated[str | None, _AT] = None,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """正式重开已封存的月份：旧封存留在链中，标为被取代 · reopen a closed month; its seal stays in the chain, superseded.

    例 · example:  recon-kit reopen 2026-10 --by 李主管 --why 平台补发账单
    """
    from recon_kit.archive.close import reopen_period
    from recon_kit.config import find_config, load_config

    path = config or find_config()
    settings = load_config(path)
    link = reopen_period(period, out, _casebook(out, settings, path), by=by, why=why, at=instant(at))
    text = "{0} reopened; {1} is superseded. Run and close it again" if english else "{0} 已重开；{1} 被取代。请重跑并重新结账"
    typer.echo(text.format(period, link.seal))


def verify_command(
    out: Annotated[Path, _OUT] = Path("reports"),
    config: Annotated[Path | None, typer.Option(help="recon.toml；默认当前文件夹的 · default: in the working folder")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="向标准输出打印 JSON · print JSON to stdout")] = False,
    english: Annotated[bool, typer.Option("--en", help="英文 · in English")] = False,
) -> None:
    """证明全部封存期间未被改动：逐文件 sha-256、清单、链、案卷 · prove that nothing sealed was changed.

    例 · example:  recon-kit verify --out reports

    退出码 · exit codes: 0 完好 intact · 1 有文件不符，给出第一个 a file differs, the first is named · 2 无法核对 cannot.
    """
    from recon_kit.archive.verify import verify_archive
    from recon_kit.casebook import casebook_place
    from recon_kit.config import find_config, load_config

    path = config or find_config()
    proof = verify_archive(out, casebook_place(out, load_config(path), path.parent if path else None))
    closed = [f"{link.seal} {link.kind}" for link in proof.links]
    if as_json:
        first = proof.first and {"file": proof.first.file, "says": proof.first.says}
        document = {
            "schema": 1, "is_intact": proof.first is None,
            "links": [{**link.__dict__, "hash": link.hash} for link in proof.links],
            "n_files": proof.n_files, "n_bytes": proof.n_bytes, "first_difference": first,
        }  # fmt: skip
        typer.echo(json.dumps(document, ensure_ascii=False, indent=1))
    elif proof.first:
        typer.echo(f"{'Differs' if english else '不符'}: {proof.first.file} {proof.first.says}")
    else:
        text = "Intact: {0} files, {1} bytes, {2}" if english else "完好：{0} 个文件，{1} 字节，{2}"
        typer.echo(text.format(proof.n_files, proof.n_bytes, "; ".join(closed)))
    raise typer.Exit(proof.exit_code)


def instant(text: str | None) -> datetime:
    """The instant of a decision, by default now; one without a zone is Shanghai's."""
    from recon_kit.errors import ConfigError
    from recon_kit.periods import SHANGHAI

    if text is None:
        return datetime.now(SHANGHAI).replace(microsecond=0)
    try:
        given = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(f"--at {text!r}: is not an instant; write for example 2026-11-05T10:00:00+08:00") from None
    return given.replace(tzinfo=SHANGHAI) if given.tzinfo is None else given.astimezone(SHANGHAI)


def _casebook(out: Path, settings: Config, path: Path | None) -> Casebook:
    from recon_kit.casebook import casebook_place, open_casebook
    from recon_kit.errors import ArchiveError

    if not out.is_dir():
        raise ArchiveError(f"--out {out}: is no folder; expected the one that `recon-kit run` wrote to. Give it with --out")
    return open_casebook(casebook_place(out, settings, path.parent if path else None))
