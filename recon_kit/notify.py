"""Push: each owner's list or its summary goes out through the channels that the environment names, once.

Addresses of channels are secrets (a robot's URL is its password), so they come from the environment only, and no message
and no event holds one. What is sent holds no personal data: texts are masked as everything that is published.
"""

from __future__ import annotations

import hashlib
import json
import logging
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import apprise
import polars as pl
from apprise import NotifyBase, OverflowMode

from recon_kit.casebook import MACHINE, Casebook, Event
from recon_kit.config import Config
from recon_kit.errors import NotifyError
from recon_kit.labels import code_action, code_name, phrase, value_label, word
from recon_kit.money import format_yuan
from recon_kit.notify_rules import Notify
from recon_kit.privacy import mask_text
from recon_kit.record import Run
from recon_kit.results import OWNER, SEVERITY
from recon_kit.worklists import write_work_lists

WORDS = "notify"
VARIABLE = "RECON_KIT_NOTIFY_"
"""Beginning of the names of environment variables: then the role in capitals, or ALL for every role without its own."""
SUPERVISOR = "supervisor"
"""The role that long open items go to unless [notify] escalate says otherwise."""
_RANK = {severity: rank for rank, severity in enumerate(SEVERITY)}


@dataclass(frozen=True)
class Message:
    """What goes to one role: its own items, and those of others that waited too long.

    `items`, `raised`: rows of the work-list. `digest`: what the message is about; an equal one is not sent again.
    """

    role: str
    title: str
    body: str
    items: pl.DataFrame
    raised: pl.DataFrame
    digest: str


@dataclass(frozen=True)
class Channel:
    """One way to a role: `name` (such as "DingTalk 1") says nothing secret, `plugin` knows the address."""

    name: str
    plugin: NotifyBase


@dataclass(frozen=True)
class Sent:
    """What became of one message: channels that took it, had it already, or failed (name → why), files they could not take."""

    role: str
    sent: tuple[str, ...]
    known: tuple[str, ...]
    failed: Mapping[str, str]


def compose(work: pl.DataFrame, run: Run, config: Config, *, is_full: bool = False, role: str | None = None) -> list[Message]:
    """One message a role that has something to know, in the order of roles; `role`: that one only.

    A day pushes what is severe of the codes that must not wait; a week and a month all from `min_severity` on, and what
    waited too long goes to the owner's superior, in a section of its own.
    """
    items = _wanted(work, run, config.notify)
    raised = _raised(items, run, config.notify)
    messages = []
    for name in (*OWNER, SUPERVISOR):
        mine, others = items.filter(pl.col("owner") == name), raised.filter(pl.col("to") == name).drop("to")
        if (mine.height or others.height) and role in (None, name):
            messages.append(_message(name, mine, others, run, config, is_full))
    return messages


def channels(role: str, environment: Mapping[str, str]) -> list[Channel]:
    """The channels of a role: `RECON_KIT_NOTIFY_<ROLE>`, else `RECON_KIT_NOTIFY_ALL`; several addresses apart by blanks.

    NotifyError, which names the variable and not what it holds, for an address that no service takes.
    """
    variable = next((name for name in (VARIABLE + role.upper(), VARIABLE + "ALL") if environment.get(name, "").strip()), None)
    found: list[Channel] = []
    for number, address in enumerate(environment[variable].split() if variable else (), 1):
        with _quietly():
            plugin = apprise.Apprise.instantiate(address, suppress_exceptions=True)
        if not isinstance(plugin, NotifyBase):
            raise NotifyError(
                f"{variable}, address {number}: no service takes it (it is not shown: it may hold a password); expected one "
                "such as mailto://, dingtalk://, wecombot:// or feishu://. Correct the variable"
            )
        plugin.overflow_mode = OverflowMode.SPLIT
        found.append(Channel(f"{plugin.service_name} {number}", plugin))
    return found


def send(
    messages: Sequence[Message],
    ways: Mapping[str, Sequence[Channel]],
    run: Run,
    casebook: Casebook,
    config: Config,
    *,
    now: Callable[[], datetime],
    sleep: Callable[[float], None],
    again: bool = False,
) -> list[Sent]:
    """Send each message by each channel of its role that does not have it yet; what went out is recorded at once.

    A channel that fails is tried again `retries` times, waiting twice as long each time; others are served all the same.
    """
    known = set() if again else _sent_before(casebook.events(kinds=["notified"]))
    outcomes = []
    with TemporaryDirectory(prefix="recon-notify-") as folder:
        for message in messages:
            sent, had, failed = [], [], {}
            attached: dict[str, Path] = {}
            if config.notify.attach and message.items.height:
                place, language = Path(folder, message.role), config.entity.language
                attached = write_work_lists(message.items, run, place, language, (message.role,))
            for channel in ways.get(message.role, ()):
                if (message.role, channel.name, message.digest) in known:
                    had.append(channel.name)
                elif why := _deliver(channel, message, attached.get(message.role), config, sleep):
                    failed[channel.name] = why
                else:
                    casebook.append([_record(message, channel, run, now())])
                    sent.append(channel.name)
            outcomes.append(Sent(message.role, tuple(sent), tuple(had), failed))
    return outcomes


def already_sent(message: Message, channel: Channel, casebook: Casebook) -> bool:
    """Whether the channel has this very message."""
    return (message.role, channel.name, message.digest) in _sent_before(casebook.events(kinds=["notified"]))


def role_name(role: str, config: Config) -> str:
    """A role in words, with the name that recon.toml gives it under [owners]."""
    language = config.entity.language
    label = phrase(WORDS, "role.supervisor", language) if role == SUPERVISOR else value_label("owner", role, language)
    person = config.owners.get(role) or config.owners.get(label)
    return f"{label}（{person}）" if person and language == "zh" else f"{label} ({person})" if person else label


def _wanted(work: pl.DataFrame, run: Run, rules: Notify) -> pl.DataFrame:
    """The items that this kind of period pushes."""
    rank = pl.col("severity").replace_strict(_RANK, default=-1, return_dtype=pl.Int64)
    if run.period.kind == "day":
        codes = pl.any_horizontal(pl.col("code").str.starts_with(code) for code in rules.daily_codes)
        return work.filter((rank >= _RANK[rules.daily_min_severity]) & codes)
    return work.filter(rank >= _RANK[rules.min_severity])


def _raised(items: pl.DataFrame, run: Run, rules: Notify) -> pl.DataFrame:
    """The items that waited too long, with `to`: the role that hears of them. None on a day, which judges no age."""
    to = {owner: rules.escalate.get(owner, rules.escalate.get("all", SUPERVISOR)) for owner in OWNER}
    is_old = pl.col("age_days") > rules.escalate_after_days
    is_late = pl.lit(run.as_of) > pl.col("due_on") + timedelta(days=rules.escalate_overdue_days)
    late = items.filter((is_old | is_late).fill_null(False) & run.is_due("ageing"))
    return late.with_columns(to=pl.col("owner").replace_strict(to, return_dtype=pl.String))


def _message(role: str, mine: pl.DataFrame, raised: pl.DataFrame, run: Run, config: Config, is_full: bool) -> Message:
    language = config.entity.language
    facts = {"entity": run.summary["entity"], "period": run.period.text, "role": role_name(role, config)}
    title = phrase(WORDS, "message.title", language, **facts, n=f"{mine.height + raised.height:,}")
    verdict = word(f"verdict.{run.summary['verdict']}", language)
    lines = [phrase(WORDS, "message.head", language, day=run.as_of.isoformat(), verdict=verdict, **facts)]
    if mine.height:
        lines += _section("own", mine, config, is_full)
    for (owner,), part in raised.group_by("owner", maintain_order=True):
        lines += _section("raised", part, config, is_full, owner=role_name(str(owner), config))
    lines.append(phrase(WORDS, "message.answer", language))
    return Message(role, title, mask_text("\n".join(lines)), mine, raised, _digest(role, run, mine, raised, is_full))


def _section(kind: str, items: pl.DataFrame, config: Config, is_full: bool, **facts: object) -> list[str]:
    """Totals, then the worst items; with `is_full` every item with why and what to do."""
    language, shown = config.entity.language, items.height if is_full else config.notify.top
    severe = items["severity"].is_in(["high", "critical"]).sum()
    totals = {"n": f"{items.height:,}", "severe": f"{severe:,}", "amount": format_yuan(int(items["amount_fen"].sum()))}
    totals |= {"late": f"{items['is_overdue'].sum():,}", "first": str(items["deadline"].min())}
    lines = ["", phrase(WORDS, f"message.{kind}", language, **totals, **facts)]
    for number, row in enumerate(items.head(shown).iter_rows(named=True), 1):
        about = {
            "number": number,
            "code": f"{row['code']} {code_name(row['code'], language)}",
            "severity": value_label("severity", row["severity"], language),
            "amount": "—" if row["gap_fen"] is None else format_yuan(row["amount_fen"]),
            "deadline": row["deadline"].isoformat(),
            "key": row["case_id"] or row["order_id"] or row["key"],
            "id": row["discrepancy_id"],
        }
        lines.append(phrase(WORDS, "message.item", language, **about))
        if is_full:
            action = code_action(row["code"], language)
            lines.append(phrase(WORDS, "message.why", language, why=row["why"] or "—", action=action))
    if shown < items.height:
        lines.append(phrase(WORDS, "message.rest", language, n=f"{items.height - shown:,}"))
    return lines


def _digest(role: str, run: Run, mine: pl.DataFrame, raised: pl.DataFrame, is_full: bool) -> str:
    """What a message is about: the items, their amounts and where they stand, not the day on which it was written."""
    facts = ["discrepancy_id", "code", "amount_fen", "severity", "status", "due_on"]
    told = [role, run.period.text, is_full, mine.select(facts).rows(), raised.select(facts).rows()]
    return hashlib.sha256(json.dumps(told, ensure_ascii=False, default=str).encode()).hexdigest()[:16]


def _sent_before(events: pl.DataFrame) -> set[tuple[str, str, str]]:
    """(role, channel, digest) of every message that went out last: an older list that comes back is news again."""
    told = events.select(
        pl.col("data").str.json_path_match(f"$.{name}").alias(name) for name in ("period", "role", "channel", "digest")
    )
    last = told.unique(["period", "role", "channel"], keep="last", maintain_order=True)
    return set(last.select("role", "channel", "digest").rows())


def _record(message: Message, channel: Channel, run: Run, at: datetime) -> Event:
    data = {"period": run.period.text, "role": message.role, "channel": channel.name, "digest": message.digest}
    counts = {"n": message.items.height, "n_raised": message.raised.height}
    return Event("notified", f"period:{run.period.text}", MACHINE, at, data={**data, **counts})


def _deliver(
    channel: Channel, message: Message, attached: Path | None, config: Config, sleep: Callable[[float], None]
) -> str | None:
    """Try a channel until it takes the message; why it did not, in words that hold no secret, when it never does."""
    files = apprise.AppriseAttachment()
    if attached is not None and channel.plugin.attachment_support:
        files.add(str(attached))
    reason = ""
    for attempt in range(config.notify.retries + 1):
        if attempt:
            sleep(config.notify.wait_seconds * 2.0 ** (attempt - 1))
        with _quietly() as said:
            if channel.plugin.notify(body=message.body, title=message.title, attach=files if len(files) else None):
                return None
        reason = _reason(said.getvalue(), config.entity.language)
    return reason


def _reason(said: str, language: str) -> str:
    """What went wrong, from a service's own log, of which nothing else is repeated: it may quote the address."""
    if code := re.search(r"\berror=(\d{3})\b", said):
        return phrase(WORDS, "reason.status", language, code=code[1])
    if re.search(r"(?i)\bauthent", said):
        return phrase(WORDS, "reason.password", language)
    is_away = re.search(r"(?i)connection|timed? ?out|socket|smtp", said)
    return phrase(WORDS, "reason.connection" if is_away else "reason.refused", language)


@contextmanager
def _quietly() -> Iterator[StringIO]:
    """Keep what the services warn of: it may hold addresses, so it goes nowhere but into the text given."""
    logger = logging.getLogger("apprise")
    before = logger.propagate
    logger.propagate = False
    try:
        with apprise.LogCapture(level=logging.WARNING) as said:  # type: ignore[no-untyped-call]  # apprise's own
            yield said
    finally:
        logger.propagate = before
