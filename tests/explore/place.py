"""A small published month with its casebook, as the workplace opens it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from recon_kit.explore import Desk, open_desk
from recon_kit.record import load_run
from tests.casebook.book import AT, Book
from tests.world import case, order, world

MONTH = world(
    orders=[order("O1", shop="甲店"), order("O2", shop="乙店"), order("O3", shop="甲店")],
    cases=[
        case("C1", "O1", done="2026-10-05", shop="甲店"),
        case("C2", "O2", "20.00", done="2026-10-30", shop="乙店"),
        case("C3", "O3", "50.00", done="2026-10-08", shop="甲店"),
    ],
)
"""Two refunds that no bill shows (C04), of 30 and 50 yuan, and one on its way (C02)."""


@dataclass
class Clock:
    """A clock that goes on by a minute whenever it is read."""

    at: datetime = AT
    _ticks: Iterator[int] = field(default_factory=lambda: iter(range(1, 10_000)))

    def __call__(self) -> datetime:
        return self.at + timedelta(minutes=next(self._ticks))


def published(out: Path, month: Any = MONTH, **about: Any) -> Book:
    """The month reconciled, published and recorded, with the summary that a run writes."""
    book = Book(out)
    book.run(month, **about)
    return book


def desk_of(book: Book, language: str = "zh", period: str = "2026-10") -> Desk:
    """The workplace over it."""
    return open_desk(load_run(book.out / period), language, clock=Clock())
