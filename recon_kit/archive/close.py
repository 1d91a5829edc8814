"""Closing and reopening a period. A kill at any instant leaves it open or closed; the next start says so everywhere.

1. All that is sealed is written into `.tmp-`, flushed, `SEAL.json` last.
2. The folder is renamed to `<period>/seal-n`: the one instant at which the period is closed. A reopening replaces CHAIN instead.
3. CHAIN, SEALED.json in the run folder and the casebook follow; whoever starts next repeats what is missing of it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit import publish
from recon_kit.archive import chain, signoff
from recon_kit.archive.chain import ARCHIVE, SEAL, Link
from recon_kit.archive.contents import write_contents
from recon_kit.archive.inputs import Found, find_evidence, find_inputs
from recon_kit.casebook import Casebook, Event
from recon_kit.config import Config
from recon_kit.durable import only_one, replace_text, sha256, sync_folder, sync_tree, told_plainly, write_json
from recon_kit.errors import ArchiveError
from recon_kit.periods import parse_period
from recon_kit.record import Run, load_run
from recon_kit.sources.own import load_own

WAIT_SECONDS = 60.0
EVIDENCE = "evidence"
"""The folder beside the casebook that holds what was attached."""


@dataclass(frozen=True)
class Books:
    """Where a close finds everything: exports, results, settings with the file they came from, the casebook, own notebooks."""

    data: Path
    out: Path
    config: Config
    config_file: Path | None
    casebook: Casebook
    notebooks: Path | None = None


def close_period(
    period: str, books: Books, *, by: str, prepared_by: str, at: datetime, wait_seconds: float = WAIT_SECONDS
) -> Link:
    """Seal the published run of a month; its link in the chain.

    ArchiveError names everything that stands against it at once; then nothing was changed.
    """
    run_dir = _run_folder(books.out, period)
    with _archive(books.out, wait_seconds), publish.locked(books.out, period, wait_seconds=wait_seconds):
        links = chain.read_chain(books.out)
        if period in chain.current_seals(links):
            _follow(books.out, links, books.casebook)
            raise ArchiveError(
                f"{period}: is closed already; a closed period stays as it is. To change it, `recon-kit reopen {period}` first"
            )
        events = books.casebook.events()
        run, manifest = load_run(run_dir), publish.read_manifest(run_dir)
        parts = (_inputs(books, run, manifest), find_evidence(events, Path(books.casebook.place).parent / EVIDENCE))
        found = Found(parts[0].files + parts[1].files, parts[0].wrong + parts[1].wrong)
        reasons = [*signoff.people(by, prepared_by), *_reasons(books, run, manifest, found, links, events)]
        if reasons:
            raise ArchiveError(
                f"{period}: cannot be closed, {len(reasons)} things stand against it:\n"
                + "\n".join(f"  {number}. {reason}" for number, reason in enumerate(reasons, 1))
            )
        signed = {"closed_by": by.strip(), "prepared_by": prepared_by.strip(), "closed_at": at.isoformat()}
        seal = _write_seal(books, run, manifest, found, events, links, signed)
        links = (*links, chain.link_of(chain.read_seal(books.out / ARCHIVE / seal), seal, _seal_hash(books.out, seal), links))
        _follow(books.out, links, books.casebook)
        return links[-1]


def reopen_period(
    period: str, out: Path, casebook: Casebook, *, by: str, why: str, at: datetime, wait_seconds: float = WAIT_SECONDS
) -> Link:
    """Reopen a closed month: its seal stays in the chain, superseded, and the month may be run and closed again."""
    if not by.strip() or not why.strip():
        raise ArchiveError(f"{period}: nobody or no reason was given; expected who reopens it and why: --by NAME --why TEXT")
    with _archive(out, wait_seconds), publish.locked(out, period, wait_seconds=wait_seconds):
        links = chain.read_chain(out)
        held = chain.current_seals(links).get(period)
        if held is None:
            _follow(out, links, casebook)
            raise ArchiveError(f"{period}: is not closed; expected a closed period. `recon-kit verify` names those that are")
        said = {"by": by.strip(), "why": why.strip(), "at": at.isoformat(), "previous": chain.head_hash(links)}
        links = (*links, Link(len(links) + 1, "reopened", period, held.seal, held.sha256, **said))
        _follow(out, links, casebook)
        return links[-1]


def complete(out: Path) -> None:
    """Have CHAIN and the run folders say what was closed or reopened, where a kill kept them from it."""
    if _unmarked(out, chain.read_chain(out)):
        with _archive(out, WAIT_SECONDS):
            _mark(out, chain.read_chain(out))


@contextmanager
def _archive(out: Path, wait_seconds: float) -> Iterator[None]:
    """The archive, held for one writer, without what a killed one left."""
    place = out / ARCHIVE
    with told_plainly(out, "Nothing was closed or reopened"):
        place.mkdir(parents=True, exist_ok=True)
        with only_one(place / ".lock", f"{place}: somebody else is closing or reopening", wait_seconds):
            for leftover in place.glob(".tmp-*"):
                shutil.rmtree(leftover)
            yield


def _run_folder(out: Path, period: str) -> Path:
    if parse_period(period).kind != "month":
        raise ArchiveError(f"{period}: is no month; expected one such as 2026-10. Days and weeks are closed with their month")
    folder = out / period
    if publish.identity(folder) is None:
        raise ArchiveError(f"{folder}: there is no run to close; expected a published one. Run `recon-kit run {period}` first")
    return folder


def _inputs(books: Books, run: Run, manifest: dict[str, Any]) -> Found:
    home = books.config_file.parent if books.config_file else None
    own = load_own(books.config.sources, home=home, data=[books.data])
    tables = dict(run.table("intake").select("file", "table").iter_rows())
    return find_inputs(manifest["inputs"], books.data, own.places, tables)


def _reasons(
    books: Books, run: Run, manifest: dict[str, Any], found: Found, links: tuple[Link, ...], events: pl.DataFrame
) -> list[str]:
    """All that stands against closing the run, but for who signs."""
    period = run.period.text
    reasons = list(found.wrong)
    if publish.identity(run.folder) != manifest["run_id"]:
        reasons.append(f"{run.folder.name}: a file of the run was changed after it was published; run it again")
    now = books.config.model_dump(mode="json", by_alias=True)
    changed = [name for name, value in manifest["config"].items() if name != "entity" and value != now.get(name)]
    changed += [
        f"entity.{k}" for k, v in manifest["config"].get("entity", {}).items() if k != "language" and v != now["entity"][k]
    ]
    if changed:
        reasons.append(f"recon.toml is not the one of the run ({', '.join(changed)}); run it again")
    months = [path.parent.name for path in books.out.glob("????-??/summary.json")]
    reasons += signoff.verdict(run.summary["verdict"], run.summary["unexplained_fen"])
    reasons += signoff.approvals(events, period, run.table("discrepancies"))
    return reasons + signoff.earlier(period, months, list(chain.current_seals(links)))


def _write_seal(
    books: Books,
    run: Run,
    manifest: dict[str, Any],
    found: Found,
    events: pl.DataFrame,
    links: tuple[Link, ...],
    signed: dict[str, str],
) -> str:
    """Steps 1 and 2: the sealed folder, as CHAIN names it."""
    place, period = books.out / ARCHIVE, run.period.text
    staging = place / f".tmp-{os.getpid()}"
    superseded = chain.last_seal(links, period)
    before = next((link for link in reversed(links) if link.kind == "sealed"), None)
    number = 1 + sum(link.period == period and link.kind == "sealed" for link in links)
    try:
        staging.mkdir()
        files = write_contents(staging, run, found.files, books.config_file, manifest["config"], events, books.notebooks)
        head = events.select("seq", "hash").rows()[-1] if events.height else (0, chain.GENESIS)
        content = {
            "schema": 1,
            "period": period,
            "entity": run.summary["entity"],
            "run_id": manifest["run_id"],
            "as_of": run.summary["as_of"],
            "verdict": run.summary["verdict"],
            **signed,
            "follows": chain.head_hash(links),
            "previous": None if before is None else {"period": before.period, "seal": before.seal, "sha256": before.sha256},
            "supersedes": None if superseded is None else superseded.seal,
            "casebook": {"seq": head[0], "hash": head[1]},
            "versions": manifest["versions"],
            **files,
        }
        write_json(staging / SEAL, content)
        sync_tree(staging)
        (place / period).mkdir(exist_ok=True)
        sealed = place / period / f"seal-{number}"
        staging.rename(sealed)
        sync_folder(place / period)
        sync_folder(place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return f"{period}/{sealed.name}"


def _seal_hash(out: Path, seal: str) -> str:
    return sha256(out / ARCHIVE / seal / SEAL)


def _follow(out: Path, links: tuple[Link, ...], casebook: Casebook) -> None:
    """Step 3: CHAIN, the run folders and the casebook say what the links say. Repeating it changes nothing."""
    _mark(out, links)
    told = {json.loads(data).get("link") for data in casebook.events(kinds=["sealed", "reopened"])["data"]}
    casebook.append([_event(link) for link in links if link.hash not in told])


def _mark(out: Path, links: tuple[Link, ...]) -> None:
    chain.write_chain(out, links)
    for mark, text in _unmarked(out, links).items():
        if text is None:
            mark.unlink()
        else:
            replace_text(mark, text)


def _unmarked(out: Path, links: tuple[Link, ...]) -> dict[Path, str | None]:
    """SEALED.json of a run folder → what it has to say (None: that it must go), where it says something else."""
    current = chain.current_seals(links)
    wanted = {}
    for period in {link.period for link in links}:
        mark = out / period / publish.SEALED
        text = _says_sealed(current[period]) if period in current else None
        is_there = mark.read_text(encoding="utf-8") if mark.is_file() else None
        if is_there != text and (text is None or publish.identity(mark.parent) is not None):
            wanted[mark] = text
    return wanted


def _says_sealed(link: Link) -> str:
    said = {"period": link.period, "seal": f"{ARCHIVE}/{link.seal}", "sha256": link.sha256}
    return json.dumps({**said, "closed_by": link.by, "closed_at": link.at}, ensure_ascii=False, indent=1) + "\n"


def _event(link: Link) -> Event:
    data = {"link": link.hash, "seal": link.seal, "sha256": link.sha256}
    if link.prepared_by:
        data["prepared_by"] = link.prepared_by
    return Event(link.kind, f"period:{link.period}", link.by, datetime.fromisoformat(link.at), link.why, data)
