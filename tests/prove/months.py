"""A planted month from files to findings, against its answer key: what was planted, found, missed and invented."""

from __future__ import annotations

import random
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import polars as pl

from recon_kit.collect import Collected, collect
from recon_kit.config import Standard, load_config
from recon_kit.facts import Scope
from recon_kit.periods import Period, parse_period
from recon_kit.run import Outcome, reconcile
from recon_kit.synth import seller
from recon_kit.synth.edits import AnswerRow
from recon_kit.synth.sample import write_sample
from recon_kit.synth.writers.text import write_zip

OCTOBER = parse_period("2026-10")
EDITED_AFTER_CLOSE = "K04"
"""The one code that no month of files can hold: it compares with what was signed."""

LARGE = 2_000
"""From so many orders on a torn month has a bill a day: three hundred files."""


@dataclass(frozen=True)
class Figures:
    """What one month and the month before it showed. `codes`: how many the key has, of which `natures`.

    `files`: "exported" as the platforms cut them, "torn" into pieces with their rows shuffled, or "clean", nothing planted.
    `missed`: planted and not found; `invented`: found and not planted; each as `period code key`.
    """

    orders: int
    seed: int
    standard: str
    files: str
    codes: int
    natures: tuple[str, ...]
    planted: int
    missed: tuple[str, ...]
    invented: tuple[str, ...]


def prove_month(
    folder: Path, orders: int, seed: int, standard: Standard = "SBE", *, torn: bool = False, clean: bool = False
) -> Figures:
    """Write a month, reconcile it and the month before, and compare each with its part of the answer key.

    Raises AssertionError where a month does not tie or leaves a code unchecked.
    """
    with _as_text(by_day=orders >= LARGE) if torn else nullcontext():
        answers = write_sample(folder, OCTOBER, orders, seed, clean=clean, standard=standard)
    if torn:
        tear(folder, random.Random(seed))
    collected = collect(folder)
    missed: list[str] = []
    invented: list[str] = []
    for month in (OCTOBER.previous(), OCTOBER):
        outcome = reconcile_folder(folder, collected, month)
        assert outcome.summary["unexplained_fen"] == 0 and not outcome.summary["not_checked"]
        lost, more = compare(outcome, [row for row in answers if row.period == month.text])
        missed += [f"{month.text} {row.code} {row.key}" for row in lost]
        invented += [f"{month.text} {row['code']} {row['key']}" for row in more]
    files = "clean" if clean else "torn" if torn else "exported"
    codes, natures = ({getattr(row, name) for row in answers} for name in ("code", "nature"))
    return Figures(
        orders, seed, standard, files, len(codes), tuple(sorted(natures)), len(answers), tuple(missed), tuple(invented)
    )


def reconcile_folder(folder: Path, collected: Collected, month: Period) -> Outcome:
    """One month of a collected sample, as of its last day, by the sample's own configuration."""
    return reconcile(collected, Scope(load_config(folder / "recon.toml"), month, month.last_day))


def compare(outcome: Outcome, answers: Sequence[AnswerRow]) -> tuple[list[AnswerRow], list[dict[str, Any]]]:
    """The answers no primary finding gives to the fen, and the primary findings no answer asks for.

    A planted key may be the order's or the case's, or empty where the row has no id of its own.
    """
    found = outcome.tables["discrepancies"].filter(pl.col("primary_id").is_null()).to_dicts()
    missed = []
    for row in answers:
        amounts = (row.expected_fen, row.actual_fen, row.gap_fen)
        same = [
            one
            for one in found
            if one["code"] == row.code
            and row.key in ("", one["key"], one["order_id"], one["case_id"])
            and (one["expected_fen"], one["actual_fen"], one["gap_fen"]) == amounts
        ]
        if same:
            found.remove(same[0])
        else:
            missed.append(row)
    return missed, found


@contextmanager
def _as_text(*, by_day: bool) -> Iterator[None]:
    """Tables as text, and bills by the day where they are large: as such a seller downloads them."""
    daily = patch("recon_kit.synth.world.MONTHLY_ORDERS", 0) if by_day else nullcontext()
    with patch("recon_kit.synth.writers.text.XLSX_ROWS", 0), daily:
        yield


def tear(folder: Path, rng: random.Random) -> None:
    """Shuffle the rows of every export, cut those without totals in two, and leave some files there twice.

    Equal rows stay in one file: the same row in two files is an overlap of two exports, twice in one it is K05.
    """
    for path in sorted(folder.iterdir()):
        if path.suffix == ".zip":
            _shuffle_members(path, rng)
        elif path.suffix == ".csv" and path.name != "answer_key.csv":
            _tear_text(path, rng, is_bill=path.name.startswith((seller.MINI.account, "pdd-mall")))
    exports = [path for path in sorted(folder.iterdir()) if path.name not in ("answer_key.csv", "recon.toml")]
    for path in exports[::7]:
        shutil.copyfile(path, folder / f"重复下载_{path.name}")


def _shuffle_members(path: Path, rng: random.Random) -> None:
    with zipfile.ZipFile(path, metadata_encoding="gbk") as archive:
        members = {name: archive.read(name).decode("gb18030") for name in archive.namelist()}
    shuffled = {name: text if "汇总" in name else _shuffled(text.split("\n"), rng) for name, text in members.items()}
    write_zip(path, shuffled)


def _tear_text(path: Path, rng: random.Random, *, is_bill: bool) -> None:
    lines = path.read_bytes().decode("latin-1").split("\n")  # bytes as they are, whatever the encoding
    if is_bill:
        path.write_bytes(_shuffled(lines, rng).encode("latin-1"))
        return
    header, rows = lines[0], [line for line in lines[1:] if line]
    rng.shuffle(rows)
    into = {row: rng.random() < 0.5 for row in rows}
    for name, is_mine in (("甲", True), ("乙", False)):
        piece = "\n".join([header, *(row for row in rows if into[row] is is_mine), ""])
        path.with_stem(f"{path.stem}_{name}").write_bytes(piece.encode("latin-1"))
    path.unlink()


def _shuffled(lines: list[str], rng: random.Random) -> str:
    """The text with its rows in another order: the longest block of lines with as many commas as the header before them."""
    commas = [line.count(",") for line in lines]
    width = max(commas)
    first = commas.index(width) + 1
    last = next((n for n in range(first, len(lines)) if commas[n] != width), len(lines))
    rows = lines[first:last]
    rng.shuffle(rows)
    return "\n".join([*lines[:first], *rows, *lines[last:]])
