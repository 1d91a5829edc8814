"""The inputs of a run and the evidence of its casebook, found again as they were, or the names of those that changed."""

from __future__ import annotations

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.archive.retention import input_kind
from recon_kit.durable import sha256
from recon_kit.errors import SourceError
from recon_kit.sources.decode import open_grids


@dataclass(frozen=True)
class Found:
    """Files to seal: (name below the seal, where it is, kind of retention), and what is wrong with any, one sentence each."""

    files: tuple[tuple[str, Path, str], ...]
    wrong: tuple[str, ...]


def find_inputs(inputs: Sequence[Mapping[str, Any]], data: Path, own: Mapping[str, Path], tables: Mapping[str, str]) -> Found:
    """Find what a manifest names: exports below `data`, the user's own files by name in `own`, each with its sha-256.

    `tables`: file → the tables read from it. A member of a zip or a sheet is checked by its own sha-256, and its file is
    sealed whole, once.
    """
    files: dict[str, tuple[Path, str]] = {}
    wrong: list[str] = []
    digests: dict[str, dict[str, str]] = {}
    for entry in inputs:
        name = str(entry["file"])
        held, path = _place(name, data, own)
        if not path.is_file():
            wrong.append(f"{name}: is not there any more")
            continue
        if held not in digests:
            digests[held] = {held: sha256(path)} if held == name else _members(path, held)
        if digests[held].get(name) != entry["sha256"]:
            wrong.append(f"{name}: is not what was read for this run")
        kind = "method" if name in own else input_kind(tables.get(name, ""))
        if files.get(held, (path, "bank_statement"))[1] == "bank_statement":  # a zip with a voucher in it is kept as vouchers are
            files[held] = (path, kind)
    return Found(tuple((f"inputs/{name}", *found) for name, found in sorted(files.items())), tuple(wrong))


def find_evidence(events: pl.DataFrame, folder: Path) -> Found:
    """Find what was attached to discrepancies: a file of `folder` that is called by its sha-256, with any suffix.

    An `attached` event states `sha256`, and `name` as the user knows the file.
    """
    files: dict[str, tuple[Path, str]] = {}
    wrong: list[str] = []
    for subject, text in events.filter(pl.col("kind") == "attached").select("subject", "data").iter_rows():
        data = json.loads(text)
        digest, name = str(data.get("sha256", "")), str(data.get("name") or "evidence")
        path = next(iter(sorted(folder.glob(f"{digest}*"))), None) if re.fullmatch("[0-9a-f]{64}", digest) else None
        if path is None:
            wrong.append(f"{name} of {subject}: the evidence is not there any more")
        elif sha256(path) != digest:
            wrong.append(f"{name} of {subject}: the evidence is not what was attached")
        else:
            files[path.name] = (path, "casebook")
    return Found(tuple((f"casebook/evidence/{name}", *found) for name, found in sorted(files.items())), tuple(wrong))


def _place(name: str, data: Path, own: Mapping[str, Path]) -> tuple[str, Path]:
    """The file that holds an input, as it is called and where it is: of `bill.zip!October.csv` it is bill.zip."""
    if name in own:
        return name, own[name]
    held = name if (data / name).is_file() else name.partition("!")[0]
    return held, data / held


def _members(path: Path, name: str) -> dict[str, str]:
    """Member → sha-256, as the run saw it; nothing where the file cannot be opened any more."""
    with tempfile.TemporaryDirectory(prefix="recon_kit_", ignore_cleanup_errors=True) as folder:
        try:
            return {grid.name: grid.sha256 for grid in open_grids(path, name, Path(folder))}
        except SourceError:
            return {}
