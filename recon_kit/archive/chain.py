"""The chain of closes and reopenings: what is sealed now, and whether every seal follows the one before it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recon_kit.durable import replace_text, sha256
from recon_kit.errors import ArchiveError

ARCHIVE = "archive"
CHAIN = "CHAIN"
SEAL = "SEAL.json"
GENESIS = "0" * 64
"""What the first link follows."""


@dataclass(frozen=True)
class Link:
    """One line of CHAIN. `seal`: the sealed folder below the archive (`2026-10/seal-1`) and `sha256` of its SEAL.json.

    `kind`: sealed or reopened; a reopening repeats the seal it supersedes. `by`: who signed, `prepared_by`: who prepared (null of
    a reopening). `previous`: hash of the line before.
    """

    n: int
    kind: str
    period: str
    seal: str
    sha256: str
    by: str
    at: str
    previous: str
    prepared_by: str | None = None
    why: str | None = None

    @property
    def line(self) -> str:
        """The link as its line of text, without the line end."""
        return json.dumps(self.__dict__, ensure_ascii=False, sort_keys=True, separators=(",", ":"))

    @property
    def hash(self) -> str:
        """The sha-256 of the line, which the next link bears."""
        return hashlib.sha256(self.line.encode()).hexdigest()


def read_chain(out: Path) -> tuple[Link, ...]:
    """The links, oldest first; none where nothing was ever closed.

    A seal that is whole and follows the last link, and was killed before its line was written, counts as its link: the rename of
    its folder is the instant at which a period is closed. ArchiveError for a line that cannot be read or does not follow.
    """
    links: list[Link] = []
    path = out / ARCHIVE / CHAIN
    if path.is_file():
        for number, text in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            links.append(_read_link(text, number, links))
    for seal in folders(out):
        if seal in {link.seal for link in links}:
            continue
        content = read_seal(out / ARCHIVE / seal)
        if content.get("follows") == head_hash(links):
            links.append(link_of(content, seal, sha256(out / ARCHIVE / seal / SEAL), links))
    return tuple(links)


def write_chain(out: Path, links: Sequence[Link]) -> None:
    """Replace CHAIN at one instant, where it does not say that already."""
    path, text = out / ARCHIVE / CHAIN, "".join(f"{link.line}\n" for link in links)
    if links and (not path.is_file() or path.read_text(encoding="utf-8") != text):
        replace_text(path, text)


def link_of(content: dict[str, Any], seal: str, digest: str, links: Sequence[Link]) -> Link:
    """The link of a seal, from what stands in its SEAL.json."""
    said = {name: content[name] for name in ("period", "prepared_by")}
    return Link(
        len(links) + 1, "sealed", seal=seal, sha256=digest, by=content["closed_by"], at=content["closed_at"],
        previous=content["follows"], **said,
    )  # fmt: skip


def head_hash(links: Sequence[Link]) -> str:
    """The hash that the next link has to bear."""
    return links[-1].hash if links else GENESIS


def current_seals(links: Sequence[Link]) -> dict[str, Link]:
    """Period → the seal that holds, in the order of periods; a reopened period has none."""
    held: dict[str, Link] = {}
    for link in links:
        held.pop(link.period, None)
        if link.kind == "sealed":
            held[link.period] = link
    return dict(sorted(held.items()))


def last_seal(links: Sequence[Link], period: str) -> Link | None:
    """The newest seal of a period, superseded or not."""
    return next((link for link in reversed(links) if link.period == period and link.kind == "sealed"), None)


def read_seal(folder: Path) -> dict[str, Any]:
    """The content of a SEAL.json; ArchiveError where it is absent or cannot be read."""
    try:
        content: dict[str, Any] = json.loads((folder / SEAL).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ArchiveError(
            f"{folder / SEAL}: found none that can be read ({error.__class__.__name__}), expected the manifest of a sealed "
            "period; restore the folder from a copy"
        ) from None
    return content


def folders(out: Path) -> list[str]:
    """Every folder of a seal there is, as CHAIN names them."""
    return sorted(f"{path.parent.parent.name}/{path.parent.name}" for path in (out / ARCHIVE).glob(f"*/seal-*/{SEAL}"))


def _read_link(text: str, number: int, before: Sequence[Link]) -> Link:
    try:
        link = Link(**json.loads(text))
    except (ValueError, TypeError):
        raise ArchiveError(
            f"{ARCHIVE}/{CHAIN}, line {number}: found something that is no link of the chain, expected one JSON object a line; "
            "restore CHAIN from a copy"
        ) from None
    if link.n != number or link.previous != head_hash(before) or link.line != text:
        raise ArchiveError(
            f"{ARCHIVE}/{CHAIN}, line {number}: does not follow from line {number - 1}, expected its hash; somebody changed the "
            "chain: restore it from a copy"
        )
    return link
