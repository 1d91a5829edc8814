"""What is sealed with a period: inputs, run, notebooks, casebook, configuration, versions; and how long each is kept."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

import polars as pl

from recon_kit.archive.retention import BASIS, RETENTION, kept_until
from recon_kit.durable import sha256, write_json
from recon_kit.publish import SEALED
from recon_kit.record import Run
from recon_kit.resources import notebooks_dir

EVENTS = "casebook/events.jsonl"


def write_contents(
    folder: Path,
    run: Run,
    inputs: Sequence[tuple[str, Path, str]],
    config_file: Path | None,
    config: dict[str, Any],
    events: pl.DataFrame,
    notebooks: Path | None = None,
) -> dict[str, Any]:
    """Copy everything into `folder`; the part of SEAL.json that lists it: `files`, `retention`, `packages`.

    `notebooks`: the folder of the user's own that the run's pages were made from, beside the shipped ones.
    """
    kinds: dict[str, str] = {}

    def place(name: str, source: Path, kind: str) -> None:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
        kinds[name] = kind

    for name, source, kind in inputs:
        place(name, source, kind)
    for source in sorted(path for path in run.folder.rglob("*") if path.is_file() and not path.name.startswith(SEALED)):
        place(f"run/{source.relative_to(run.folder).as_posix()}", source, "report")
    for source in sorted(notebooks_dir().glob("*.ipynb")):
        place(f"notebooks/{source.name}", source, "method")
    for source in sorted(notebooks.glob("*.ipynb")) if notebooks else ():
        place(f"notebooks/own/{source.name}", source, "method")
    if config_file is not None:
        place(f"config/{config_file.name}", config_file, "method")
    (folder / "config").mkdir(exist_ok=True)
    write_json(folder / "config" / "effective.json", config)
    kinds["config/effective.json"] = "method"
    (folder / "casebook").mkdir(exist_ok=True)
    (folder / EVENTS).write_text(event_lines(events), encoding="utf-8", newline="\n")
    kinds[EVENTS] = "casebook"
    last_day = run.period.last_day
    files = [
        {
            "file": name,
            "bytes": (folder / name).stat().st_size,
            "sha256": sha256(folder / name),
            "kind": kinds[name],
            "keep_until": kept_until(kinds[name], last_day).isoformat(),
        }
        for name in sorted(kinds)
    ]
    retention = {
        kind: {"years": years, "what": what, "keep_until": kept_until(kind, last_day).isoformat()}
        for kind, (years, what) in RETENTION.items()
    }
    return {"retention": {"basis": BASIS, **retention}, "packages": _packages(), "files": files}


def event_lines(events: pl.DataFrame) -> str:
    """Events as JSON lines, oldest first, in the very texts that their hashes are of."""
    rows = ({**row, "at": row["at"].isoformat(timespec="microseconds")} for row in events.iter_rows(named=True))
    return "".join(json.dumps(row, ensure_ascii=False, sort_keys=True, separators=(",", ":")) + "\n" for row in rows)


def _packages() -> dict[str, str]:
    """The version of every package that recon_kit is built on."""
    needed = (re.match(r"[\w.-]+", text) for text in requires("recon-kit") or () if "extra ==" not in text)
    names = sorted({name[0] for name in needed if name})
    found = {}
    for name in names:
        try:
            found[name] = version(name)
        except PackageNotFoundError:  # one that this platform does without
            continue
    return found
