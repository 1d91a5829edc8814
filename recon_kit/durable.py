"""Writing so that a kill or a full disk leaves the old or the new: flushed files, atomic replacement, one clear message."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from recon_kit.errors import ReconError


def sha256(path: Path) -> str:
    """The sha-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_json(path: Path, content: Mapping[str, object]) -> None:
    """Write JSON, one key a line, with a line end; not yet flushed."""
    path.write_text(json.dumps(content, ensure_ascii=False, indent=1) + "\n", encoding="utf-8", newline="\n")


def replace_text(path: Path, text: str) -> None:
    """Replace a file's text at one instant, flushed to the disk."""
    replace_file(path, lambda draft: draft.write_text(text, encoding="utf-8", newline="\n"))


def replace_file(path: Path, write: Callable[[Path], object]) -> None:
    """Replace a file by what `write` writes to the path it is given, at one instant, flushed to the disk."""
    draft = path.with_name(f"{path.name}.new")
    try:
        write(draft)
        sync_file(draft)
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


def sync_tree(folder: Path) -> None:
    """Flush every file and folder below `folder`, and itself, to the disk."""
    found = sorted(folder.rglob("*"))
    for path in found:
        if path.is_file():
            sync_file(path)
    for path in found:
        if path.is_dir():
            sync_folder(path)
    sync_folder(folder)


def sync_file(path: Path) -> None:
    """Flush a file to the disk."""
    with path.open("r+b") as file:  # Windows flushes only a handle that may write
        os.fsync(file.fileno())


def sync_folder(path: Path) -> None:
    """Flush a folder's entries to the disk."""
    if sys.platform == "win32":  # a folder cannot be opened there; NTFS journals renames itself
        return
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextmanager
def only_one(lock_file: Path, busy: str, wait_seconds: float) -> Iterator[None]:
    """Hold a lock: another holder is waited for, then ReconError says `busy`, after how many seconds, and to wait."""
    lock = FileLock(lock_file, timeout=wait_seconds)
    with told_plainly(lock_file.parent):
        try:
            lock.acquire()
        except Timeout:
            raise ReconError(f"{busy} after {wait_seconds:g} s; wait until it has ended") from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def told_plainly(out: Path, stands: str = "The old month stands") -> Iterator[None]:
    """Turn a failure to write below `out` into one ReconError, which says what `stands`; any other OSError passes."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            found, advice = "the disk is full", "free some space"
        elif error.errno in (errno.EROFS, errno.EACCES, errno.EPERM) and str(error.filename or out).startswith(str(out)):
            found = "it cannot be written, or a file in it is open in another program"
            advice = "close the file (Excel locks a workbook it shows), or choose another --out"
        else:
            raise
        raise ReconError(f"{out}: {found}; expected a folder to write to; {advice} and run again. {stands}") from error
