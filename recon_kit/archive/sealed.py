"""What later runs take from closed periods: the rows that may not change (K04), and whether a rerun is the sealed run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.archive import chain
from recon_kit.archive.chain import ARCHIVE, SEAL, Link
from recon_kit.durable import sha256
from recon_kit.errors import ArchiveError
from recon_kit.facts.edits import JUDGED, Sealed, in_span
from recon_kit.periods import parse_period
from recon_kit.publish import MANIFEST


def closed_periods(out: Path) -> dict[str, Link]:
    """Period → the seal that holds, of the closed periods below `out`; nothing where none was ever closed."""
    return chain.current_seals(chain.read_chain(out))


def sealed_rows(out: Path, seals: Mapping[str, Link]) -> tuple[Sealed, ...]:
    """What K04 compares with: of each closed period the judged rows that happened in it.

    ArchiveError when a sealed table is not as it was sealed: nothing may be compared with it.
    """
    return tuple(_rows(out / ARCHIVE / link.seal, period) for period, link in seals.items())


def sealed_folder(out: Path, link: Link) -> Path:
    """The run as it was sealed."""
    return out / ARCHIVE / link.seal / "run"


def is_same_run(folder: Path, described: Mapping[str, Any], as_of: date) -> bool:
    """Whether a rerun rests on what the run in `folder` rested on: the same inputs, settings, versions and as-of day.

    Seals are left out: closing a period does not make its own run another one.
    """
    was = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    signed_on = json.loads((folder / "summary.json").read_text(encoding="utf-8"))["as_of"]
    return signed_on == as_of.isoformat() and all(was.get(name) == described[name] for name in ("inputs", "config", "versions"))


def _rows(folder: Path, period: str) -> Sealed:
    content = chain.read_seal(folder)
    digests = {file["file"]: file["sha256"] for file in content["files"]}
    seal = Sealed(parse_period(period), date.fromisoformat(content["as_of"]), {})
    tables: dict[str, pl.DataFrame] = {}
    for name in JUDGED:
        file = f"run/tables/{name}.parquet"
        if file not in digests:
            continue
        path = folder / file
        if not path.is_file() or sha256(path) != digests[file]:
            raise ArchiveError(
                f"{period}/{folder.name}/{file}: is not as it was sealed ({SEAL}), expected the tables {period} was closed with; "
                "run `recon-kit verify` and restore the file from a copy"
            )
        tables[name] = pl.read_parquet(path, glob=False).filter(in_span(name, seal))
    return Sealed(seal.period, seal.as_of, tables)
