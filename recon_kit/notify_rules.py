"""`[notify]` of recon.toml: what is pushed to whom. The addresses are never here."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from recon_kit.errors import ConfigError
from recon_kit.mistakes import nearest
from recon_kit.results import OWNER

Severity = Literal["info", "low", "medium", "high", "critical"]
Days = Annotated[int, Field(ge=0, le=3650)]


class Notify(BaseModel):
    """What is pushed to whom; the addresses are never here, but in RECON_KIT_NOTIFY_<ROLE> of the environment.

    A day pushes `daily_codes` (beginnings of codes) from `daily_min_severity` on, a week and a month all from
    `min_severity` on. `top`: items listed in a summary. `escalate`: owner (or "all") → the role that hears of items older than
    `escalate_after_days` or past their deadline by more than `escalate_overdue_days`. A channel that fails is tried
    `retries` times more, first after `wait_seconds`, then after twice as long each time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    min_severity: Severity = "low"
    daily_min_severity: Severity = "high"
    daily_codes: tuple[Annotated[str, Field(pattern=r"^[PACLWSQK]\d{0,2}$")], ...] = ("P", "C", "W")
    top: Annotated[int, Field(ge=1, le=200)] = 10
    attach: bool = True
    escalate: dict[str, str] = {}
    escalate_after_days: Days = 30
    escalate_overdue_days: Days = 7
    retries: Annotated[int, Field(ge=0, le=8)] = 3
    wait_seconds: Annotated[int, Field(ge=0, le=60)] = 2


def check_notify(given: dict[str, Any], where: str) -> None:
    """Refuse an address of a channel, without quoting it, and a role that nobody has."""
    secret = next((key for key, value in given.items() if "url" in key.lower() or "://" in str(value)), None)
    if secret is not None:
        raise ConfigError(
            f"{where} [notify] {secret}: looks like the address of a channel, which is as good as its password, and this file is "
            "copied into every run and archive; expected it in the environment, as RECON_KIT_NOTIFY_<OWNER> or "
            "RECON_KIT_NOTIFY_ALL. Move it there, and change it at the service if the file was shared"
        )
    escalate = given.get("escalate")
    for key, role in escalate.items() if isinstance(escalate, dict) else ():
        for name, known in ((key, [*OWNER, "all"]), (role, [*OWNER, "supervisor"])):
            if name not in known:
                raise ConfigError(f"{where} [notify.escalate] {key}: unknown role {name!r}{nearest(str(name), known)}")
