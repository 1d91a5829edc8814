"""Publication of a run: written aside, made durable, then swapped in. A kill at any instant leaves the old month or the new.

    OUT/2026-10/                   the newest run, a real folder
    OUT/.runs/2026-10/<run_id>/    every earlier run, as it was
    OUT/.runs/2026-10/CURRENT      the journal: id of the run that belongs at OUT/2026-10
    OUT/.runs/2026-10/.tmp-<pid>/  a run being written

1. The run is written into `.tmp-`, each file is fsynced, `MANIFEST.json` (sha-256 of inputs, configuration and outputs)
   comes last; its hash is the run id, so a rerun with equal contents is the same run and changes nothing.
2. `.tmp-` is renamed to its id. From here on it is complete.
3. `CURRENT` is replaced atomically: the one instant at which the month changes from old to new.
4. The folders follow `CURRENT`: exchanged in one step where the system can (Linux, macOS), else by two renames.

Only step 4 on a system without exchange has a moment with no folder at OUT/2026-10, and there both runs are whole. The
next start, under the period's lock, removes `.tmp-` leftovers and repeats step 4, which is also how the first one is done.
No links are used, so the folders can be copied to a share or a stick. A folder with `SEALED.json` is never replaced. A
run that somebody changed by hand is kept as `<run_id>-changed`.
"""

from __future__ import annotations

import ctypes
import hashlib
import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from recon_kit.durable import only_one, replace_text, sha256, sync_folder, sync_tree, told_plainly, write_json
from recon_kit.errors import ReconError

MANIFEST = "MANIFEST.json"
SEALED = "SEALED.json"
RUNS = ".runs"
_CURRENT = "CURRENT"
_HASH_CHARACTERS = 16


@dataclass(frozen=True)
class Staging:
    """A run being written. `path` is an empty folder on the same disk as its target."""

    path: Path

    def describe(
        self,
        *,
        inputs: Sequence[Mapping[str, object]],
        config: Mapping[str, object],
        versions: Mapping[str, str],
        sealed: Mapping[str, str] | None = None,
    ) -> None:
        """State what the run rests on, for the manifest and the run id: JSON values only, and no clock time.

        `sealed`: closed period → sha-256 of its seal, of those the rows were compared with (K04); stated where there are any.
        """
        stated = {"inputs": list(inputs), "config": dict(config), "versions": dict(versions)}
        write_json(self.path / MANIFEST, {**stated, "sealed": dict(sealed)} if sealed else stated)


@contextmanager
def staged(out: Path, period: str, *, wait_seconds: float = 60) -> Iterator[Staging]:
    """Give a folder to write a run into, and publish it as `out/period` when the block ends without an exception.

    One run at a time per period: another waits `wait_seconds`. Raises ReconError for a sealed period, a folder at
    `out/period` that is no run, a period in use, or a disk that cannot be written; then the old month still stands.
    """
    with locked(out, period, wait_seconds=wait_seconds):
        staging = out / RUNS / period / f".tmp-{os.getpid()}"
        try:
            with told_plainly(out):
                check_replaceable(out / period)
                recover(out, period)
                staging.mkdir()
                yield Staging(staging)
                _publish(staging, out, period)
        finally:
            shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def locked(out: Path, period: str, *, wait_seconds: float = 60) -> Iterator[None]:
    """Hold a period: no other run of it is published meanwhile. ReconError when one still writes after `wait_seconds`."""
    runs = out / RUNS / period
    with told_plainly(out):
        runs.mkdir(parents=True, exist_ok=True)
    with only_one(runs / ".lock", f"{out / period}: another run of this period is still writing", wait_seconds):
        yield


def keep(place: Path, period: str, write: Callable[[Staging], None]) -> Path:
    """Let `write` fill a folder and keep it below `place` under its run id, for good; the folder.

    Equal contents are kept once. A kill leaves nothing or the whole; what a killed one left is removed. ReconError for a disk
    that cannot be written.
    """
    staging = place / f".tmp-{os.getpid()}"
    try:
        with told_plainly(place, "What was there before stands"):
            place.mkdir(parents=True, exist_ok=True)
            with only_one(place / ".lock", f"{place}: somebody else is still writing there", 60):
                for leftover in place.glob(".tmp-*"):
                    shutil.rmtree(leftover)
                staging.mkdir()
                write(Staging(staging))
                run_id = _seal_contents(staging, period)
                if not (place / run_id).exists():
                    _rename(staging, place / run_id)
                sync_folder(place)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
    return place / run_id


def recover(out: Path, period: str) -> None:
    """Finish what a killed run left, so that `out/period` is the run that `CURRENT` names. The period's lock must be held."""
    runs, here = out / RUNS / period, out / period
    for leftover in runs.glob(".tmp-*"):
        shutil.rmtree(leftover)
    if not (runs / _CURRENT).is_file():
        return
    wanted = runs / (runs / _CURRENT).read_text(encoding="ascii")
    if identity(here) != wanted.name:
        if not wanted.is_dir():  # the user removed or changed the month: theirs to decide
            (runs / _CURRENT).unlink()
            return
        _swap(wanted, here)
    if wanted.is_dir():  # an exchange left the old run under the new one's name
        _rename(wanted, _free_name(runs, identity(wanted) or "unknown"))
    sync_folder(runs)
    sync_folder(out)


def identity(folder: Path) -> str | None:
    """The id of the run in `folder`: `<run_id>-changed` when an output is not as it was published; None for no run."""
    try:
        manifest = read_manifest(folder)
        run_id = str(manifest["run_id"])
        outputs = {str(output["file"]): output["sha256"] for output in manifest["outputs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None
    intact = all((folder / name).is_file() and sha256(folder / name) == expected for name, expected in outputs.items())
    return run_id if intact and run_id == _run_id(manifest) else f"{run_id}-changed"


def read_manifest(folder: Path) -> dict[str, Any]:
    """The content of a run's MANIFEST.json: run_id, period, inputs, config, versions and outputs (file, bytes, sha256)."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def is_sealed(folder: Path) -> bool:
    """Whether the month was signed and archived; it is then never replaced."""
    return (folder / SEALED).exists()


def _publish(staging: Path, out: Path, period: str) -> None:
    """Steps 1 to 4 of the module's text."""
    runs = out / RUNS / period
    run_id = _seal_contents(staging, period)
    if identity(out / period) != run_id:
        kept = runs / run_id
        if kept.exists() and (found := identity(kept)) != run_id:
            _rename(kept, _free_name(runs, found or "unknown"))
        if not kept.exists():
            _rename(staging, kept)
        sync_folder(runs)
    replace_text(runs / _CURRENT, run_id)
    recover(out, period)


def _seal_contents(staging: Path, period: str) -> str:
    """Write the manifest, make every file durable, and return the run id."""
    files = sorted(path for path in staging.rglob("*") if path.is_file() and path != staging / MANIFEST)
    if not files:
        raise ReconError(f"{staging.name}: the run wrote no file, expected a report; nothing was published, please report this")
    described = json.loads((staging / MANIFEST).read_text(encoding="utf-8")) if (staging / MANIFEST).exists() else {}
    outputs = [{"file": f.relative_to(staging).as_posix(), "bytes": f.stat().st_size, "sha256": sha256(f)} for f in files]
    manifest = {"period": period, "inputs": [], "config": {}, "versions": {}, **described, "outputs": outputs}
    run_id = _run_id(manifest)
    write_json(staging / MANIFEST, {"run_id": run_id, **manifest})
    sync_tree(staging)
    return run_id


def _run_id(manifest: Mapping[str, object]) -> str:
    body = {name: value for name, value in manifest.items() if name != "run_id"}
    return hashlib.sha256(json.dumps(body, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:_HASH_CHARACTERS]


def check_replaceable(here: Path) -> None:
    """Refuse a sealed period, and a folder that is no run; ReconError says what to do."""
    if is_sealed(here):
        raise ReconError(
            f"{here}: the period is sealed ({SEALED}) and is never replaced; choose another --out, or reopen the period formally"
        )
    if here.exists() and identity(here) is None:
        raise ReconError(
            f"{here}: found something that is no run, expected nothing or an earlier run with its {MANIFEST}; "
            "move it away or choose another --out"
        )


def _swap(new: Path, here: Path) -> None:
    """Bring the run `new` to `here`; what was there goes among the kept runs. One step where the system can exchange."""
    if here.exists() and _exchange(new, here):
        return
    aside = _free_name(new.parent, identity(here) or "unknown")
    if here.exists():
        _rename(here, aside)
    try:
        _rename(new, here)
    except OSError:
        if aside.exists():
            _rename(aside, here)
        raise


def _exchange(left: Path, right: Path) -> bool:
    """Swap two folders atomically; False where the system or the file system cannot."""
    swap_flag, at_working_folder = 2, -100
    if sys.platform == "linux" and (renameat2 := getattr(ctypes.CDLL(None), "renameat2", None)):
        here = ctypes.c_int(at_working_folder)
        return bool(renameat2(here, os.fsencode(left), here, os.fsencode(right), ctypes.c_uint(swap_flag)) == 0)
    if sys.platform == "darwin" and (renamex_np := getattr(ctypes.CDLL(None), "renamex_np", None)):
        return bool(renamex_np(os.fsencode(left), os.fsencode(right), ctypes.c_uint(swap_flag)) == 0)
    return False


def _rename(source: Path, target: Path) -> None:
    """Rename a folder, patiently: on Windows a virus scanner may hold a fresh file for a moment."""
    for _ in range(20 if sys.platform == "win32" else 0):
        try:
            source.rename(target)
        except PermissionError:
            time.sleep(0.1)
        else:
            return
    source.rename(target)


def _free_name(runs: Path, wanted: str) -> Path:
    names = [wanted, *(f"{wanted}-{n}" for n in range(2, 10_000))]
    return next(runs / name for name in names if not (runs / name).exists())
