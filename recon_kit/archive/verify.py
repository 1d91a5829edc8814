"""Proof of all that was ever sealed: every byte, every link, and that the casebook still holds what was signed on."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit import publish
from recon_kit.archive import chain
from recon_kit.archive.chain import ARCHIVE, CHAIN, SEAL, Link
from recon_kit.archive.contents import EVENTS
from recon_kit.casebook import EVENTS_SCHEMA, open_casebook, verify_events
from recon_kit.durable import sha256
from recon_kit.errors import ArchiveError, CasebookError


@dataclass(frozen=True)
class Difference:
    """A file that is not as it was sealed: its name below the results folder, and what is wrong with it."""

    file: str
    says: str


@dataclass(frozen=True)
class Proof:
    """What was proved: the links, how many files of how many bytes, and the first that differs (None: all is intact)."""

    links: tuple[Link, ...]
    n_files: int
    n_bytes: int
    first: Difference | None

    @property
    def exit_code(self) -> int:
        """0 when all is intact, 1 when something differs."""
        return 0 if self.first is None else 1


def verify_archive(out: Path, casebook: Path | str) -> Proof:
    """Prove every sealed period below `out`, superseded ones too, and the casebook at its place. Nothing is written.

    ArchiveError when nothing was ever closed there.
    """
    if not (out / ARCHIVE / CHAIN).is_file() and not chain.folders(out):
        raise ArchiveError(
            f"{out}: nothing was ever closed here; expected an {ARCHIVE} folder with its {CHAIN}. Give --out the results folder"
        )
    try:
        links = chain.read_chain(out)
    except ArchiveError as broken:
        return Proof((), 0, 0, Difference(f"{ARCHIVE}/{CHAIN}", str(broken)))
    counted = [0, 0]
    first = next(_differences(out, links, casebook, counted), None)
    return Proof(links, counted[0], counted[1], first)


def _differences(out: Path, links: Sequence[Link], casebook: Path | str, counted: list[int]) -> Iterator[Difference]:
    for link in links:
        if link.kind == "sealed":
            yield from _in_seal(out, link, counted)
    known = {link.seal for link in links}
    yield from (
        Difference(f"{ARCHIVE}/{seal}/{SEAL}", "is a seal that no link of the chain names") for seal in chain.folders(out)
        if seal not in known
    )  # fmt: skip
    yield from _in_run_folders(out, links)
    yield from _in_casebook(out, links, casebook)


def _in_seal(out: Path, link: Link, counted: list[int]) -> Iterator[Difference]:
    """SEAL.json as CHAIN has it, every file as SEAL.json has it, no file more, and the events of the casebook chained."""
    folder, name = out / ARCHIVE / link.seal, f"{ARCHIVE}/{link.seal}"
    if not (folder / SEAL).is_file():
        yield Difference(f"{name}/{SEAL}", "is not there any more")
        return
    if sha256(folder / SEAL) != link.sha256:
        yield Difference(f"{name}/{SEAL}", "is not the one that was sealed")
        return
    content = chain.read_seal(folder)
    for file in content["files"]:
        path = folder / file["file"]
        if not path.is_file():
            yield Difference(f"{name}/{file['file']}", "is not there any more")
        elif sha256(path) != file["sha256"]:
            yield Difference(f"{name}/{file['file']}", "is not as it was sealed")
        counted[0], counted[1] = counted[0] + 1, counted[1] + file["bytes"]
    sealed = {file["file"] for file in content["files"]} | {SEAL}
    there = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    yield from (Difference(f"{name}/{extra}", "was not sealed") for extra in there if extra not in sealed)
    yield from _events_follow(f"{name}/{EVENTS}", folder / EVENTS, content["casebook"])


def _events_follow(name: str, path: Path, head: dict[str, Any]) -> Iterator[Difference]:
    events = read_event_lines(path)
    try:
        verify_events(events)
    except CasebookError as broken:
        yield Difference(name, str(broken))
        return
    last = events.select("seq", "hash").rows()[-1] if events.height else (0, chain.GENESIS)
    if last != (head["seq"], head["hash"]):
        yield Difference(name, f"ends at event {last[0]}, the seal at {head['seq']}")


def read_event_lines(path: Path) -> pl.DataFrame:
    """Sealed events as `EVENTS_SCHEMA`."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    rows = [{**row, "at": datetime.fromisoformat(row["at"])} for row in rows]
    return pl.DataFrame(rows, schema=EVENTS_SCHEMA)


def _in_run_folders(out: Path, links: Sequence[Link]) -> Iterator[Difference]:
    """A month that is closed still stands in its folder as it was sealed, and says so; a folder taken away says nothing."""
    for period, link in chain.current_seals(links).items():
        folder = out / period
        if not folder.is_dir():
            continue
        sealed = chain.read_seal(out / ARCHIVE / link.seal)
        for file in sealed["files"]:
            name = file["file"].removeprefix("run/")
            if file["file"].startswith("run/") and not _is_same(folder / name, file["sha256"]):
                yield Difference(f"{period}/{name}", "is not as it was sealed; the archive holds it as it was")
        try:
            mark = json.loads((folder / publish.SEALED).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            mark = {}
        if mark.get("sha256") != link.sha256 and link is not links[-1]:
            yield Difference(f"{period}/{publish.SEALED}", "does not say what the chain says")


def _is_same(path: Path, digest: str) -> bool:
    return path.is_file() and sha256(path) == digest


def _in_casebook(out: Path, links: Sequence[Link], place: Path | str) -> Iterator[Difference]:
    """The casebook's own chain, each sealed head still in it, and every close and reopening it tells of in the chain."""
    name = Path(str(place)).name
    try:
        events = open_casebook(place, create=False).events()
        verify_events(events)
    except CasebookError as broken:
        yield Difference(name, str(broken))
        return
    hashes = dict(events.select("seq", "hash").iter_rows())
    for link in links:
        if link.kind == "sealed":
            head = chain.read_seal(out / ARCHIVE / link.seal)["casebook"]
            if head["seq"] and hashes.get(head["seq"]) != head["hash"]:
                yield Difference(name, f"event {head['seq']} is not the one that {link.period} was sealed with")
    known = {link.hash for link in links}
    told = events.filter(pl.col("kind").is_in(["sealed", "reopened"]) & pl.col("subject").str.starts_with("period:"))
    for seq, subject, data in told.select("seq", "subject", "data").iter_rows():
        if json.loads(data).get("link") not in known:
            yield Difference(f"{ARCHIVE}/{CHAIN}", f"lacks the link of event {seq}, {subject}")
