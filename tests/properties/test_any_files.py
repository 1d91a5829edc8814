"""The same rows in any files: torn apart, overlapping, shuffled, or there twice; nothing changes but the places of rows."""

from __future__ import annotations

import random
import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from recon_kit.collect import Collected, collect
from recon_kit.facts import build_facts
from recon_kit.facts.pairs import pair_tables
from recon_kit.rules import detect
from recon_kit.schema import PROVENANCE
from recon_kit.synth.writers.template import as_template
from tests.properties.test_any_month import abouts, few, months
from tests.world import scope

PLACES = [column.name for column in PROVENANCE]
chances = st.integers(0, 1_000).map(random.Random)


def write(folder: Path, month: Collected) -> None:
    """Each table as one file of the standard template."""
    for name, frame in month.tables.supplied().items():
        as_template(frame.drop(PLACES), name, "zh").write_csv(folder / f"{name}.csv")


def tear(folder: Path, chance: random.Random) -> None:
    """Each file in two, its rows shuffled, some of them in both."""
    for path in sorted(folder.iterdir()):
        header, *rows = path.read_text("utf-8").splitlines()
        chance.shuffle(rows)
        for letter in "ab":
            piece = [row for number, row in enumerate(rows) if (number % 2 == 0) == (letter == "a") or chance.random() < 0.2]
            (folder / f"{path.stem}-{letter}.csv").write_text("\n".join([header, *piece, ""]), "utf-8")
        path.unlink()


def judged(collected: Collected, about: dict[str, object]) -> list[pl.DataFrame]:
    """What follows from the rows, without their places."""
    facts = build_facts(collected, scope(**about))
    return [frame.drop("evidence", strict=False) for frame in (detect(facts), *pair_tables(facts))]


def assert_same(first: Collected, second: Collected, about: dict[str, object]) -> None:
    """The same tables, every row accounted for, and the same findings and matches."""
    sides = [month.tables.supplied() for month in (first, second)]
    assert sides[0].keys() == sides[1].keys()
    for name, frame in sides[0].items():
        assert frame.drop(PLACES).equals(sides[1][name].drop(PLACES)), name
    out = pl.sum_horizontal("rows_loaded", "rows_quarantined", "rows_duplicate")
    assert second.intake.filter(pl.col("rows_read") != out).is_empty()
    assert second.duplicates.drop("evidence").equals(first.duplicates.drop("evidence"))
    for frame, other in zip(judged(first, about), judged(second, about), strict=True):
        assert frame.equals(other)


@few
@given(months(), abouts(), chances)
def test_files_torn_apart_and_overlapping_give_what_they_gave_whole(month, about, chance):
    with tempfile.TemporaryDirectory() as whole, tempfile.TemporaryDirectory() as torn:
        for folder in (whole, torn):
            write(Path(folder), month)
        tear(Path(torn), chance)

        assert_same(collect(Path(whole)), collect(Path(torn)), about)


@few
@given(months(), abouts(), chances)
def test_a_file_that_is_there_twice_counts_once(month, about, chance):
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder), month)
        once = collect(Path(folder))
        for path in chance.sample(sorted(Path(folder).iterdir()), 2):
            (Path(folder) / f"{path.stem} (1).csv").write_bytes(path.read_bytes())

        twice = collect(Path(folder))

    assert [note.key for note in twice.warnings].count("same_file") >= 1
    assert_same(once, twice, about)
