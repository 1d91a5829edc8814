"""What is planted is found, and nothing else is: months of every code, whole and torn, and months without an error.

One small month runs with every `pytest`; `just prove` runs all of them and adds their figures up.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest

from recon_kit.rules.catalogue import CATALOGUE
from tests.prove.months import EDITED_AFTER_CLOSE, Figures, prove_month

SEEDS = range(10)
EVERY_CODE = len(CATALOGUE) - 1
"""All but K04."""

Record = Callable[[str, object], None]


def proven(figures: Figures, record_property: Record) -> Figures:
    """Keep the figures for the closing line, and ask that nothing was missed or invented."""
    record_property("month", json.dumps(asdict(figures), ensure_ascii=False))
    assert (figures.missed, figures.invented) == ((), ())
    return figures


def test_a_torn_month_of_every_code_is_found_exactly(tmp_path: Path, record_property: Record) -> None:
    assert EDITED_AFTER_CLOSE in CATALOGUE

    figures = proven(prove_month(tmp_path / "month", 1_700, seed=3, torn=True), record_property)

    assert figures.codes == EVERY_CODE and figures.planted > 2 * EVERY_CODE


@pytest.mark.prove
@pytest.mark.parametrize("standard", ["SBE", "CAS"])
@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    ("orders", "torn"), [(2_000, False), (2_000, True), (20_000, True)], ids=["2000", "2000-torn", "20000-torn"]
)
def test_every_code_is_found_exactly_in_ten_months_of_each_size(
    tmp_path: Path, record_property: Record, orders: int, seed: int, standard: str, torn: bool
) -> None:
    figures = proven(prove_month(tmp_path / "month", orders, seed, standard, torn=torn), record_property)

    assert figures.codes == EVERY_CODE and figures.planted > 2 * EVERY_CODE


@pytest.mark.prove
@pytest.mark.parametrize("standard", ["SBE", "CAS"])
@pytest.mark.parametrize("seed", SEEDS)
def test_ten_months_without_an_error_have_no_break(tmp_path: Path, record_property: Record, seed: int, standard: str) -> None:
    figures = proven(prove_month(tmp_path / "month", 2_000, seed, standard, clean=True), record_property)

    assert figures.natures == ("timing",)
