"""`recon-kit notify`: push each owner's list through the channels that the environment names."""

from __future__ import annotations

import os
import time
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from recon_kit.casebook import Casebook
    from recon_kit.config import Config
    from recon_kit.notify import Channel, Message, Sent


def notify_command(
    period: Annotated[str, typer.Argument(help="已运行的期间：日、周或月 · a period that was run")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="只打印要发什么给谁，不发 · print it, send nothing")] = False,
    owner: Annotated[str | None, typer.Option("--owner", help="只发一个责任方，如 cs 或 客服 · one owner only")] = None,
    full: Annotated[bool, typer.Option("--full", help="逐项列出，附原因与怎么办 · every item with why and what to do")] = False,
    again: Annotated[bool, typer.Option("--again", help="没有变化也再发 · send also what was sent before")] = False,
    out: Annotated[Path, typer.Option(help="运行结果所在文件夹 · the folder of results")] = Path("reports"),
    config: Annotated[Path | None, typer.Option(help="recon.toml；默认取结果旁的 · default: beside the results")] = None,
) -> None:
    """把每个责任方的清单推送出去：邮件、钉钉、企业微信、飞书等；同一份只发一次 · push each owner's list, once.

    渠道地址只从环境变量读：RECON_KIT_NOTIFY_<责任方>（如 RECON_KIT_NOTIFY_CS）或 RECON_KIT_NOTIFY_ALL，
    写法见 docs/worklists.md · addresses come from the environment only.

    例 · example:  recon-kit notify 2026-10 --dry-run

    退出码 · exit codes: 0 都已送达或早已送达 all delivered, now or before · 2 有渠道没有发出，其余照发 a channel failed.
    """
    from recon_kit.cli.worklists import open_casebook_of
    from recon_kit.notify import channels, compose, send
    from recon_kit.periods import SHANGHAI
    from recon_kit.worklists import open_run, owner_of, work_list

    casebook, settings = open_casebook_of(out, config)
    run, earlier = open_run(out, period)
    role = owner_of(owner) if owner else None
    messages = compose(work_list(run, casebook.events(), earlier), run, settings, is_full=full, role=role)
    ways = {message.role: channels(message.role, os.environ) for message in messages}
    if dry_run or not messages:
        _print_messages(messages, ways, casebook, settings)
        return

    def now() -> datetime:
        return datetime.now(SHANGHAI).replace(microsecond=0)

    outcomes = send(messages, ways, run, casebook, settings, now=now, sleep=time.sleep, again=again)
    raise typer.Exit(_print_outcomes(outcomes, settings))


def _print_messages(
    messages: Sequence[Message], ways: Mapping[str, Sequence[Channel]], casebook: Casebook, config: Config
) -> None:
    """What would go to whom, as it would go."""
    from recon_kit.labels import phrase
    from recon_kit.notify import VARIABLE, WORDS, already_sent, role_name

    language = config.entity.language
    if not messages:
        typer.echo(phrase(WORDS, "say.nothing", language))
    for message in messages:
        listed = [
            channel.name + (phrase(WORDS, "say.known", language) if already_sent(message, channel, casebook) else "")
            for channel in ways[message.role]
        ]
        none = phrase(WORDS, "say.none", language, variable=VARIABLE + message.role.upper())
        role = role_name(message.role, config)
        typer.echo(phrase(WORDS, "say.to", language, role=role, channels=", ".join(listed) or none))
        typer.echo(phrase(WORDS, "say.title", language, title=message.title))
        typer.echo(message.body)
        if config.notify.attach and message.items.height:
            typer.echo(phrase(WORDS, "say.attached", language, file=f"{message.role}.xlsx"))
        typer.echo("")


def _print_outcomes(outcomes: Sequence[Sent], config: Config) -> int:
    """One line a role and outcome; 2 when a channel failed, or when nobody has one."""
    from recon_kit.labels import phrase
    from recon_kit.notify import VARIABLE, WORDS, role_name

    language = config.entity.language
    code = 0
    for outcome in outcomes:
        role = role_name(outcome.role, config)
        if outcome.sent:
            typer.echo(phrase(WORDS, "say.sent", language, role=role, channels=", ".join(outcome.sent)))
        if outcome.known:
            typer.echo(phrase(WORDS, "say.had", language, role=role, channels=", ".join(outcome.known)))
        for channel, why in outcome.failed.items():
            code, tries = 2, config.notify.retries + 1
            told = phrase(WORDS, "say.failed", language, role=role, channel=channel, why=why, n=tries)
            typer.echo(f"recon-kit: {told}", err=True)
        if not (outcome.sent or outcome.known or outcome.failed):
            typer.echo(role + phrase(WORDS, "say.none", language, variable=VARIABLE + outcome.role.upper()), err=True)
    if not any(outcome.sent or outcome.known or outcome.failed for outcome in outcomes):
        typer.echo("recon-kit: " + phrase(WORDS, "say.nobody", language, variable=VARIABLE), err=True)
        return 2
    return code
