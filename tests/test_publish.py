"""What stands at OUT/2026-10 after any failure: the old month or the new, never a mixture and never nothing."""

import errno
import itertools
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from recon_kit import publish
from recon_kit.errors import ReconError

MONTH = "2026-10"


def write_month(out: Path, text: str, **how) -> None:
    with publish.staged(out, MONTH, **how) as staging:
        (staging.path / "index.html").write_text(f"<p>{text}</p>", encoding="utf-8")
        (staging.path / "tables").mkdir()
        (staging.path / "tables" / "bridge.parquet").write_bytes(text.encode())
        staging.describe(inputs=[{"file": "账单.csv", "sha256": "00"}], config={"standard": "SBE"}, versions={"polars": "2.1.0"})


def month_at(out: Path) -> str | None:
    """The text of a whole and unchanged month; None when there is none, or a mixture."""
    if publish.identity(out / MONTH) != publish.read_manifest(out / MONTH)["run_id"]:
        return None
    return (out / MONTH / "tables" / "bridge.parquet").read_text()


def kept_runs(out: Path) -> list[str]:
    return sorted(p.name for p in (out / publish.RUNS / MONTH).iterdir() if p.is_dir())


def test_a_run_is_read_where_the_user_opens_it(tmp_path):
    write_month(tmp_path, "new")

    assert (tmp_path / MONTH / "index.html").read_text() == "<p>new</p>"
    assert (tmp_path / MONTH / "tables" / "bridge.parquet").is_file()
    assert not (tmp_path / MONTH).is_symlink()


def test_the_manifest_states_inputs_configuration_versions_and_every_output(tmp_path):
    write_month(tmp_path, "new")

    manifest = publish.read_manifest(tmp_path / MONTH)

    assert manifest["inputs"] == [{"file": "账单.csv", "sha256": "00"}]
    assert manifest["config"] == {"standard": "SBE"}
    assert manifest["versions"] == {"polars": "2.1.0"}
    assert [(o["file"], o["bytes"]) for o in manifest["outputs"]] == [("index.html", 10), ("tables/bridge.parquet", 3)]
    assert manifest["outputs"][1]["sha256"] == publish.sha256(tmp_path / MONTH / "tables" / "bridge.parquet")


def test_a_rerun_replaces_the_month_and_keeps_the_earlier_run(tmp_path):
    write_month(tmp_path, "old")
    old_id = publish.identity(tmp_path / MONTH)
    write_month(tmp_path, "new")

    assert month_at(tmp_path) == "new"
    assert kept_runs(tmp_path) == [old_id]
    assert (tmp_path / publish.RUNS / MONTH / old_id / "index.html").read_text() == "<p>old</p>"


def test_equal_contents_are_the_same_run(tmp_path):
    write_month(tmp_path, "same")
    before = (tmp_path / MONTH).stat().st_ino
    write_month(tmp_path, "same")

    assert (tmp_path / MONTH).stat().st_ino == before
    assert kept_runs(tmp_path) == []


def test_an_earlier_run_that_comes_out_again_is_not_kept_twice(tmp_path):
    for text in ("a", "b", "a", "b", "a"):
        write_month(tmp_path, text)

    assert month_at(tmp_path) == "a"
    assert len(kept_runs(tmp_path)) == 1


def test_a_month_changed_by_hand_is_kept_beside(tmp_path):
    write_month(tmp_path, "same")
    (tmp_path / MONTH / "index.html").write_text("my notes")
    write_month(tmp_path, "same")

    assert month_at(tmp_path) == "same"
    (changed,) = kept_runs(tmp_path)
    assert changed.endswith("-changed")
    assert (tmp_path / publish.RUNS / MONTH / changed / "index.html").read_text() == "my notes"


def test_an_earlier_run_changed_by_hand_does_not_come_back_as_it_is(tmp_path):
    write_month(tmp_path, "a")
    write_month(tmp_path, "b")
    (tmp_path / publish.RUNS / MONTH / kept_runs(tmp_path)[0] / "index.html").write_text("my notes")
    write_month(tmp_path, "a")

    assert month_at(tmp_path) == "a"
    assert sum(name.endswith("-changed") for name in kept_runs(tmp_path)) == 1
    assert len(kept_runs(tmp_path)) == 2


def test_a_month_removed_by_hand_stays_removed_until_it_is_run_again(tmp_path):
    write_month(tmp_path, "old")
    shutil.rmtree(tmp_path / MONTH)

    publish.recover(tmp_path, MONTH)
    assert not (tmp_path / MONTH).exists()

    write_month(tmp_path, "old")
    assert month_at(tmp_path) == "old"


def test_a_failing_run_publishes_nothing_and_leaves_nothing(tmp_path):
    write_month(tmp_path, "old")
    with pytest.raises(ZeroDivisionError), publish.staged(tmp_path, MONTH) as staging:
        (staging.path / "index.html").write_text("half")
        _ = 1 / 0

    assert month_at(tmp_path) == "old"
    assert kept_runs(tmp_path) == []


def test_a_run_without_files_is_refused(tmp_path):
    write_month(tmp_path, "old")
    with pytest.raises(ReconError, match="wrote no file"), publish.staged(tmp_path, MONTH):
        pass

    assert month_at(tmp_path) == "old"


def test_a_sealed_period_is_never_replaced(tmp_path):
    write_month(tmp_path, "old")
    (tmp_path / MONTH / publish.SEALED).write_text("{}")

    with pytest.raises(ReconError, match=r"2026-10: the period is sealed"):
        write_month(tmp_path, "new")

    assert month_at(tmp_path) == "old"


def test_a_folder_that_is_no_run_is_never_replaced(tmp_path):
    (tmp_path / MONTH).mkdir()
    (tmp_path / MONTH / "holiday.jpg").write_bytes(b"")

    with pytest.raises(ReconError, match="no run"):
        write_month(tmp_path, "new")

    assert (tmp_path / MONTH / "holiday.jpg").exists()


# --- killed at any instant -------------------------------------------------------------------------------------------


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

    for owner, name in [*DISK, (publish, "_exchange")]:
        patch.setattr(owner, name, mortal(getattr(owner, name)))


def run_and_die(out: Path, step: int, patch: pytest.MonkeyPatch) -> bool:
    """Run the new month, killed at `step`; False when the run ended before it."""
    with patch.context() as dying:
        die_at(step, dying)
        try:
            write_month(out, "new")
        except Killed:
            return True
    return False


def steps_survived(tmp_path, patch, check) -> int:
    for step in range(200):
        out = tmp_path / str(step)
        write_month(out, "old")
        if not run_and_die(out, step, patch):
            assert month_at(out) == "new"
            return step
        check(out)
        write_month(out, "old")  # the next start recovers and works
        assert month_at(out) == "old"
        assert not list((out / publish.RUNS / MONTH).glob(".tmp-*"))
        assert all(publish.identity(out / publish.RUNS / MONTH / run) == run for run in kept_runs(out))
    raise AssertionError("the run never ended")


def test_killed_anywhere_the_month_is_the_old_or_the_new_one(tmp_path, monkeypatch):
    seen = set()

    def check(out):
        seen.add(month_at(out) if (out / MONTH).exists() else "absent")

    assert steps_survived(tmp_path, monkeypatch, check) > 15
    assert seen == {"old", "new"} | ({"absent"} if sys.platform == "win32" else set())


def test_killed_anywhere_without_exchange_the_next_start_completes_the_month(tmp_path, monkeypatch):
    monkeypatch.setattr(publish, "_exchange", lambda left, right: False)
    gaps = []

    def check(out):
        gaps.append(not (out / MONTH).exists())
        publish.recover(out, MONTH)
        assert month_at(out) in ("old", "new")

    assert steps_survived(tmp_path, monkeypatch, check) > 15
    assert sum(gaps) == 1


def test_killed_in_its_first_run_a_month_appears_whole_or_not_at_all(tmp_path, monkeypatch):
    for step in range(200):
        out = tmp_path / str(step)
        ended = not run_and_die(out, step, monkeypatch)
        assert not (out / MONTH).exists() or month_at(out) == "new"
        if ended:
            return
    raise AssertionError("the run never ended")


def test_a_really_killed_process_leaves_the_old_month_and_its_leftover_is_removed(tmp_path):
    write_month(tmp_path, "old")
    script = (
        "import os, sys\nfrom pathlib import Path\nfrom recon_kit import publish\n"
        "with publish.staged(Path(sys.argv[1]), '2026-10') as staging:\n"
        "    (staging.path / 'index.html').write_text('half')\n    os._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    assert any(name.startswith(".tmp-") for name in kept_runs(tmp_path))
    assert month_at(tmp_path) == "old"

    write_month(tmp_path, "new")
    assert month_at(tmp_path) == "new"
    assert len(kept_runs(tmp_path)) == 1


# --- a disk that refuses, another run at the same time ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("number", "expected"),
    [(errno.ENOSPC, "the disk is full"), (errno.EROFS, "cannot be written"), (errno.EACCES, "open in another")],
)
def test_a_disk_that_refuses_is_one_clear_message(tmp_path, monkeypatch, number, expected):
    write_month(tmp_path, "old")

    def refuse(handle):
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch, pytest.raises(ReconError, match=expected):
        patch.setattr(os, "fsync", refuse)
        write_month(tmp_path, "new")

    assert month_at(tmp_path) == "old"
    assert kept_runs(tmp_path) == []


def test_a_month_open_in_another_program_keeps_its_place(tmp_path, monkeypatch):
    """Windows refuses to rename a folder while a file in it is open; the second rename may fail as well as the first."""
    write_month(tmp_path, "old")
    real = Path.rename
    monkeypatch.setattr(publish, "_exchange", lambda left, right: False)

    def locked(source, target):
        if target == tmp_path / MONTH and not (source / "index.html").read_text().count("old"):
            raise PermissionError(errno.EACCES, "in use", str(source))
        return real(source, target)

    monkeypatch.setattr(Path, "rename", locked)
    monkeypatch.setattr(publish.time, "sleep", lambda seconds: None)
    with pytest.raises(ReconError, match="open in another program"):
        write_month(tmp_path, "new")

    assert month_at(tmp_path) == "old"


def test_an_error_that_is_not_the_disks_passes_unchanged(tmp_path):
    with pytest.raises(FileNotFoundError), publish.staged(tmp_path, MONTH):
        (tmp_path / "elsewhere" / "missing.csv").read_text()


def test_a_second_run_waits_its_turn_and_then_says_so(tmp_path):
    entered, leave = threading.Event(), threading.Event()

    def first():
        with publish.staged(tmp_path, MONTH) as staging:
            (staging.path / "index.html").write_text("first")
            entered.set()
            leave.wait(30)

    thread = threading.Thread(target=first)
    thread.start()
    entered.wait(30)
    with pytest.raises(ReconError, match=r"another run of this period is still writing after 0\.1 s"):
        write_month(tmp_path, "second", wait_seconds=0.1)
    leave.set()
    thread.join()
    write_month(tmp_path, "second", wait_seconds=30)

    assert month_at(tmp_path) == "second"


def test_two_periods_do_not_wait_for_each_other(tmp_path):
    with publish.staged(tmp_path, "2026-09") as september:
        (september.path / "index.html").write_text("september")
        write_month(tmp_path, "october", wait_seconds=0)

    assert month_at(tmp_path) == "october"
    assert json.loads((tmp_path / "2026-09" / publish.MANIFEST).read_text())["period"] == "2026-09"


# --- kept beside, for good -------------------------------------------------------------------------------------------


def keep_one(out: Path, text: str) -> Path:
    return publish.keep(out / "restatements" / MONTH, MONTH, lambda staging: (staging.path / "index.html").write_text(text))


def test_what_is_kept_beside_is_kept_once_and_under_its_run_id(tmp_path):
    first, again, other = keep_one(tmp_path, "a"), keep_one(tmp_path, "a"), keep_one(tmp_path, "b")

    assert first == again != other
    assert [publish.identity(folder) for folder in (first, other)] == [first.name, other.name]


def test_killed_while_it_is_kept_beside_it_is_there_whole_or_not_at_all(tmp_path, monkeypatch):
    for step in range(100):
        out = tmp_path / str(step)
        with monkeypatch.context() as dying:
            die_at(step, dying)
            try:
                keep_one(out, "a")
                break
            except Killed:
                pass
        kept = list((out / "restatements" / MONTH).glob("[!.]*"))
        assert all(publish.identity(folder) == folder.name for folder in kept)
        assert keep_one(out, "a").is_dir() and not list((out / "restatements" / MONTH).glob(".tmp-*"))
    assert step > 5
