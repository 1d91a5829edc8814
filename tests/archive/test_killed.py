"""A close or a reopening killed anywhere leaves the month open or closed, never between, and the next start completes it."""

import contextlib
import errno
import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from recon_kit import publish
from recon_kit.archive import chain, contents
from recon_kit.archive.close import complete, reopen_period
from recon_kit.archive.verify import verify_archive
from recon_kit.casebook import Casebook
from recon_kit.errors import ArchiveError, ReconError
from tests.months import SIGNED_AT, casebook, close, digest_of, write_data, write_month

MONTH = "2026-10"


class Killed(BaseException):
    """The process is dead: nothing that touches the disk happens any more."""


DISK = [
    (os, "fsync"),
    (Path, "mkdir"),
    (Path, "write_text"),
    (Path, "rename"),
    (Path, "replace"),
    (Path, "unlink"),
    (shutil, "rmtree"),
    (shutil, "copyfile"),
    (Casebook, "append"),
]


def die_at(step: int, patch: pytest.MonkeyPatch) -> None:
    """Let `step` disk operations happen, and none after them, clean-up included."""
    count = itertools.count()

    def mortal(real):
        def call(*args, **kwargs):
            if next(count) >= step:
                raise Killed
            return real(*args, **kwargs)

        return call

    for owner, name in DISK:
        patch.setattr(owner, name, mortal(getattr(owner, name)))


@pytest.fixture(scope="module")
def month(tmp_path_factory):
    """A month that nothing stands against, and its exports."""
    folder = tmp_path_factory.mktemp("month")
    write_month(folder / "out", write_data(folder / "data"))
    casebook(folder / "out")
    return folder


@pytest.fixture(autouse=True)
def few_notebooks(monkeypatch, tmp_path):
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "n.ipynb").write_text("{}")
    monkeypatch.setattr(contents, "notebooks_dir", lambda: tmp_path / "notebooks")


def close_it(folder: Path) -> None:
    close(folder / "out", folder / "data")


def reopen_it(folder: Path) -> None:
    reopen_period(MONTH, folder / "out", casebook(folder / "out"), by="李主管", why="补账单", at=SIGNED_AT)


def is_closed(out: Path) -> bool:
    """Whether it is, once whoever starts next has looked; everything then says the same, and every byte is proved."""
    held = MONTH in chain.current_seals(chain.read_chain(out))
    complete(out)
    assert publish.is_sealed(out / MONTH) == held
    assert publish.identity(out / MONTH) == publish.read_manifest(out / MONTH)["run_id"]
    if chain.read_chain(out):
        assert verify_archive(out, out / "casebook.db").first is None
    return held


def states_when_killed(start: Path, folder: Path, act, patch, *, every: int) -> set[bool]:
    """The states that kills at every `every`-th step leave, and at each of the last steps; the act repeated then succeeds."""
    seen: set[bool] = set()
    steps = count_steps(start, folder / "count", act, patch)
    for step in sorted({*range(0, steps, every), *range(max(0, steps - 14), steps)}):
        here = shutil.copytree(start, folder / str(step))
        with patch.context() as dying, pytest.raises(Killed):
            die_at(step, dying)
            act(here)
        seen.add(is_closed(here / "out"))
        with contextlib.suppress(ArchiveError):  # it was done already
            act(here)
        told = casebook(here / "out").events(kinds=["sealed", "reopened"])
        assert len({json.loads(data)["link"] for data in told["data"]}) == told.height == len(chain.read_chain(here / "out"))
        assert not list((here / "out" / "archive").glob(".tmp-*"))
        shutil.rmtree(here)
    return seen


def count_steps(start: Path, here: Path, act, patch) -> int:
    shutil.copytree(start, here)
    steps = itertools.count()

    def counted(real):
        def call(*args, **kwargs):
            next(steps)
            return real(*args, **kwargs)

        return call

    with patch.context() as counting:
        for owner, name in DISK:
            counting.setattr(owner, name, counted(getattr(owner, name)))
        act(here)
    return next(steps)


def test_a_close_killed_anywhere_leaves_the_month_open_or_closed(month, tmp_path, monkeypatch):
    assert states_when_killed(month, tmp_path, close_it, monkeypatch, every=25) == {False, True}


def test_a_reopening_killed_anywhere_leaves_the_month_closed_or_open(month, tmp_path, monkeypatch):
    closed = shutil.copytree(month, tmp_path / "closed")
    close_it(closed)

    assert states_when_killed(closed, tmp_path, reopen_it, monkeypatch, every=3) == {False, True}


@pytest.mark.prove
def test_a_close_killed_at_every_single_step_leaves_the_month_open_or_closed(month, tmp_path, monkeypatch):
    assert states_when_killed(month, tmp_path, close_it, monkeypatch, every=1) == {False, True}


@pytest.mark.prove
def test_forty_processes_killed_at_random_leave_it_open_or_closed(month, tmp_path):
    chance, seen = random.Random(40), {True: 0, False: 0}
    script = (
        "import sys\nfrom pathlib import Path\nfrom tests.months import close\nprint('go', flush=True)\n"
        "close(Path(sys.argv[1]) / 'out', Path(sys.argv[1]) / 'data')\n"
    )
    for number in range(40):
        here = shutil.copytree(month, tmp_path / str(number))
        with subprocess.Popen([sys.executable, "-c", script, str(here)], stdout=subprocess.PIPE) as process:
            assert process.stdout.readline() == b"go\n"
            time.sleep(chance.uniform(0, 0.9))
            process.send_signal(signal.SIGKILL)
        seen[is_closed(here / "out")] += 1
        shutil.rmtree(here)
    assert sum(seen.values()) == 40


# --- a disk that refuses, two at once --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "says"), [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "cannot be written")], ids=["full", "read-only"]
)
@pytest.mark.parametrize("operation", [(shutil, "copyfile"), (os, "fsync")], ids=["copying", "flushing"])
def test_a_disk_that_refuses_is_one_clear_message_and_nothing_was_closed(month, tmp_path, monkeypatch, number, says, operation):
    here = shutil.copytree(month, tmp_path / "here")
    before = digest_of(here / "out")

    def refuse(*_):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch, pytest.raises(ReconError, match=f"(?s){says}.*Nothing was closed"):
        patch.setattr(*operation, refuse)
        close_it(here)

    assert digest_of(here / "out") == before
    close_it(here)
    assert is_closed(here / "out")


def test_a_second_close_waits_and_then_says_so(month, tmp_path, monkeypatch):
    here = shutil.copytree(month, tmp_path / "here")
    entered, leave = threading.Event(), threading.Event()
    real = shutil.copyfile

    def slow(source, target):
        entered.set()
        leave.wait(30)
        return real(source, target)

    monkeypatch.setattr(shutil, "copyfile", slow)
    first = threading.Thread(target=close_it, args=(here,))
    first.start()
    entered.wait(30)
    with pytest.raises(ReconError, match=r"somebody else is closing or reopening after 0\.1 s"):
        close(here / "out", here / "data", wait_seconds=0.1)
    leave.set()
    first.join()

    assert is_closed(here / "out")
    with pytest.raises(ArchiveError, match="is closed already"):
        close_it(here)


def test_a_run_cannot_be_published_while_its_month_is_being_closed(month, tmp_path):
    here = shutil.copytree(month, tmp_path / "here")
    with publish.locked(here / "out", MONTH), pytest.raises(ReconError, match="another run of this period"):
        close(here / "out", here / "data", wait_seconds=0.1)
