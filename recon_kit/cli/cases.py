"""`recon-kit cases`: what became of every discrepancy, and every decision on it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

if TYPE_CHECKING:
    import polars as pl

    from recon_kit.casebook import Casebook
    from recon_kit.config import Config

cases_app = typer.Typer(
    name="cases",
    no_args_is_help=True,
    rich_markup_mode=None,
    help="案卷：列出、查看未清差异，登记分派、说明、定因、证据、核销与审批 · open items and the decisions on them",
    context_settings={"help_option_names": ["-h", "--help"]},
)
Id = Annotated[str, typer.Argument(metavar="ID", help="差异或分录编号，可只写开头 · a discrepancy or entry id, or how it begins")]
By = Annotated[str, typer.Option("--by", envvar="RECON_KIT_USER", help="谁做的决定 · who decides")]
Why = Annotated[str, typer.Option("--why", help="为什么 · why")]
Out = Annotated[Path, typer.Option(help="运行结果所在文件夹 · the folder of results")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="recon.toml；默认当前文件夹 · default: the working folder's")]
At = Annotated[str | None, typer.Option("--at", help="何时，默认现在 · when, default now: 2026-11-05T10:00:00+08:00")]
Json = Annotated[bool, typer.Option("--json", help="向标准输出打印 JSON · print JSON to stdout")]
English = Annotated[bool, typer.Option("--en", help="英文 · in English")]
WHOLE = ("discrepancy_id", "code", "amount_fen")
"""Columns that are never broken over lines: ids are copied from the screen."""
_SHOWN = ("discrepancy_id", "code", "key", "amount_fen", "owner", "status", "first_period", "assigned_to", "cleared_by")


@cases_app.command("list")
def list_command(
    code: Annotated[list[str] | None, typer.Option(help="差异码，可多个 · a code; may be repeated")] = None,
    owner: Annotated[str | None, typer.Option(help="责任方 · owner: platform, cs, warehouse, finance …")] = None,
    platform: Annotated[str | None, typer.Option(help="平台 · platform")] = None,
    shop: Annotated[str | None, typer.Option(help="店铺 · shop")] = None,
    status: Annotated[
        str | None, typer.Option(help="open(默认,含已说明) explained cleared closed written_off all · default: what is open")
    ] = None,
    period: Annotated[str | None, typer.Option(help="首见期间 · period in which it was first seen")] = None,
    older_than: Annotated[int | None, typer.Option(help="发生已超过多少天 · more than so many days old")] = None,
    min_amount: Annotated[str | None, typer.Option(help="金额不低于(元) · at least so many yuan")] = None,
    text: Annotated[str | None, typer.Option(help="编号、键值、订单、说明中包含 · text in id, key, order or explanation")] = None,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
    as_json: Json = False,
    english: English = False,
) -> None:
    """列出差异，默认只列未清的 · list items; by default those that are open.

    例 · example:  recon-kit cases list --owner finance --older-than 30 --out reports
    """
    import polars as pl

    from recon_kit.casebook import item_states

    book, _ = _open(out, config, at)
    items = item_states(book.events())
    wanted = {"owner": owner, "platform": platform, "shop": shop, "first_period": period}
    keep = [pl.col(name) == value for name, value in wanted.items() if value is not None]
    if code:
        keep.append(pl.col("code").is_in([one.upper() for one in code]))
    if status != "all":
        keep.append(pl.col("status").is_in(["open", "explained"] if status in (None, "open") else [status]))
    if older_than is not None:
        age = (pl.lit(_instant(at).date()) - pl.coalesce("event_on", "first_seen_on")).dt.total_days()
        keep.append(age > older_than)
    if min_amount is not None:
        keep.append(pl.col("amount_fen") >= _fen(min_amount))
    if text is not None:
        places = pl.concat_str("discrepancy_id", "key", "order_id", "case_id", "explanation", separator=" ", ignore_nulls=True)
        keep.append(places.str.contains(text, literal=True))
    found = items.filter(pl.lit(True), *keep).sort("code", "platform", "key", "discrepancy_id", nulls_last=True)
    if as_json:
        typer.echo(json.dumps(found.to_dicts(), ensure_ascii=False, indent=1, default=str))
    else:
        _print_items(found, "en" if english else "zh")


@cases_app.command("show")
def show_command(
    item: Id, out: Out = Path("reports"), config: ConfigFile = None, as_json: Json = False, english: English = False
) -> None:
    """查看一项：状态与全部经过 · one item: its state and all that happened to it."""
    from recon_kit.casebook import entry_states, events_json, find_id, item_states
    from recon_kit.labels import column_label

    book, _ = _open(out, config, None)
    events = book.events()
    subject = find_id(events, item)
    states, column = (entry_states(events), "entry_id") if subject.startswith("E") else (item_states(events), "discrepancy_id")
    state = states.filter(states[column] == subject).to_dicts()[0]
    if as_json:
        told = {"state": state, "events": json.loads(events_json(events.filter(events["subject"] == subject)))}
        typer.echo(json.dumps(told, ensure_ascii=False, indent=1, default=str))
        return
    for name, value in state.items():
        if name != "opened_at" and value not in (None, [], 0):
            typer.echo(f"{column_label(name, 'en' if english else 'zh')}: {_shown(name, value)}")
    _print_events(events.filter(events["subject"] == subject), english)


@cases_app.command("history")
def history_command(
    item: Annotated[str | None, typer.Argument(metavar="[ID]", help="只看一项 · one item only")] = None,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    as_json: Json = False,
    english: English = False,
) -> None:
    """列出发生过的一切，先核对哈希链 · all events, oldest first, after their chain was checked."""
    from recon_kit.casebook import events_json, find_id, verify_events

    book, _ = _open(out, config, None)
    events = book.events()
    verify_events(events)
    if item is not None:
        events = events.filter(events["subject"] == find_id(events, item))
    if as_json:
        typer.echo(events_json(events))
    else:
        _print_events(events, english)


@cases_app.command("assign")
def assign_command(
    item: Id,
    to: Annotated[str, typer.Option("--to", help="交给谁 · to whom")],
    by: By,
    due: Annotated[str | None, typer.Option("--due", help="期限 · by when: 2026-11-30")] = None,
    why: Annotated[str | None, typer.Option("--why", help="为什么 · why")] = None,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
) -> None:
    """分派经办人 · assign an item to a person."""
    from recon_kit.periods import parse_day

    by_when = {"due": parse_day(due).isoformat()} if due else {}
    _decide("assigned", item, by, why, {"to": to, **by_when}, out, config, at)


@cases_app.command("comment")
def comment_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """加备注 · add a comment."""
    _decide("commented", item, by, why, {}, out, config, at)


@cases_app.command("explain")
def explain_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """说明原因；仍未清 · explain an item; it stays open."""
    _decide("explained", item, by, why, {"text": why}, out, config, at)


@cases_app.command("cause")
def cause_command(
    item: Id,
    cause: Annotated[str, typer.Argument(metavar="CAUSE", help="people人 process流程 system系统 platform平台 data数据")],
    why: Why,
    by: By,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
) -> None:
    """定根本原因；关闭差异类项目前必填 · the root cause; required to close a break."""
    _decide("cause", item, by, why, {"cause": cause}, out, config, at)


@cases_app.command("action")
def action_command(
    item: Id,
    what: Annotated[str, typer.Option("--what", help="做什么 · what is done")],
    to: Annotated[str, typer.Option("--to", help="谁负责 · who does it")],
    due: Annotated[str, typer.Option("--due", help="期限 · by when: 2026-11-30")],
    why: Why,
    by: By,
    done: Annotated[bool, typer.Option("--done", help="已完成 · it is done")] = False,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
) -> None:
    """登记纠正或预防措施，或其完成 · an action with owner and date, or that it is done."""
    from recon_kit.periods import parse_day

    data = {"what": what, "to": to, "due": parse_day(due).isoformat(), "is_done": done}
    _decide("action", item, by, why, data, out, config, at)


@cases_app.command("attach")
def attach_command(
    item: Id,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="聊天、照片、凭证、审批 · chat, photo, voucher, approval")],
    why: Why,
    by: By,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
) -> None:
    """附证据，按 sha-256 存入 OUT/evidence · keep evidence by its sha-256."""
    from recon_kit.casebook import keep_evidence

    for file in files:
        _decide("attached", item, by, why, lambda one=file: keep_evidence(one, out), out, config, at)


@cases_app.command("propose-write-off")
def write_off_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """申请核销；须由他人批准 · propose a write-off; another person approves it."""
    _decide("written_off", item, by, why, {}, out, config, at)


@cases_app.command("approve")
def approve_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """批准核销或分录；不得批准自己的 · approve a write-off or an entry; never one's own."""
    _decide("approved", item, by, why, {}, out, config, at)


@cases_app.command("reject")
def reject_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """驳回核销或分录 · reject a write-off or an entry."""
    _decide("rejected", item, by, why, {}, out, config, at)


@cases_app.command("close")
def close_item_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """关闭一项；差异类须先定因 · close an item; a break needs its cause first."""
    _decide("closed", item, by, why, {}, out, config, at)


@cases_app.command("reopen")
def reopen_item_command(item: Id, why: Why, by: By, out: Out = Path("reports"), config: ConfigFile = None, at: At = None) -> None:
    """重开已清、已关闭或已核销的一项 · open an item again."""
    _decide("reopened", item, by, why, {}, out, config, at)


@cases_app.command("undo")
def undo_command(
    item: Id,
    seq: Annotated[int, typer.Argument(metavar="SEQ", help="history 里的序号 · the number in `cases history`")],
    why: Why,
    by: By,
    out: Out = Path("reports"),
    config: ConfigFile = None,
    at: At = None,
) -> None:
    """撤销一个决定，其余不变 · undo one decision; the others stand."""
    _decide("undone", item, by, why, {"seq": seq}, out, config, at)


def _decide(kind: str, item: str, by: str, why: str | None, data: Any, out: Path, config: Path | None, at: str | None) -> None:
    """Write one decision and say its number. `data`: its facts, or what makes them once the item is known."""
    from recon_kit.casebook import Decision, decide, find_id

    book, settings = _open(out, config, at)
    subject = find_id(book.events(), item)
    told: Mapping[str, Any] = data() if callable(data) else data
    number = decide(book, settings, Decision(kind, subject, by, _instant(at), why, told))
    typer.echo(f"{number} {kind} {subject}")


def _open(out: Path, config: Path | None, at: str | None) -> tuple[Casebook, Config]:
    """The casebook of a folder of results, with every published run in it recorded."""
    from recon_kit.casebook import absorb_published, casebook_place, open_casebook
    from recon_kit.config import find_config, load_config

    path = config or find_config()
    settings = load_config(path)
    place = casebook_place(out, settings, path.parent if path else None)
    book = open_casebook(place, create=any(out.glob("*/summary.json")))
    absorb_published(book, out, at=_instant(at))
    return book, settings


def _instant(at: str | None) -> datetime:
    from recon_kit.cli.archive import instant

    return instant(at)


def _fen(amount: str) -> int:
    from recon_kit.errors import ConfigError
    from recon_kit.money import parse_yuan

    fen = parse_yuan(amount)
    if fen is None:
        raise ConfigError(f"--min-amount {amount}: not an amount; expected yuan such as 100.00")
    return fen


def _shown(name: str, value: object) -> str:
    from recon_kit.money import format_yuan

    return format_yuan(value) if name.endswith("_fen") and isinstance(value, int) else str(value)


def _print_items(items: pl.DataFrame, language: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from recon_kit.labels import column_label
    from recon_kit.money import format_yuan
    from recon_kit.results import ITEM_STATUS, OWNER

    table = Table(box=None, pad_edge=False, header_style="dim")
    for name in _SHOWN:
        justify: Literal["right", "left"] = "right" if name == "amount_fen" else "left"
        table.add_column(column_label(name, language), justify=justify, overflow="fold", no_wrap=name in WHOLE)
    zh = language == "zh"
    for row in items.iter_rows(named=True):
        words = {"owner": OWNER.get(row["owner"] or "", ""), "status": ITEM_STATUS[row["status"]]} if zh else {}
        shown = {**row, **words, "amount_fen": format_yuan(row["amount_fen"])}
        table.add_row(*(Text(str(shown[name] or "")) for name in _SHOWN))
    console = Console()
    console.print(table)
    total = format_yuan(int(items["amount_fen"].sum()))
    console.print(f"{items.height} 项，{total} 元" if zh else f"{items.height} items, {total} yuan", highlight=False)


def _print_events(events: pl.DataFrame, english: bool) -> None:
    from recon_kit.casebook import KINDS

    for row in events.iter_rows(named=True):
        kind = KINDS[row["kind"]][1 if english else 0]
        facts = "" if row["kind"] == "run" else row["data"]
        typer.echo(f"{row['seq']:>6} {row['at']:%Y-%m-%d %H:%M} {kind} {row['subject']} {row['by']} {row['why'] or ''} {facts}")
