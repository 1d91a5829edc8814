"""What the families of rules build their own frames on: the tables as loaded and the sides as they are tied."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from recon_kit.facts.scope import Scope


@dataclass(frozen=True)
class Tied:
    """The canonical tables (all their columns; empty where not supplied) and the frames of the money sides, tied.

    `orders`, `cases`, `flows`, `parts`, `units`, `refs` and `vouchers` are those of `Facts`; `o`, `c`, `f`, `u`, `r` are their
    row numbers. `payments`: what arrived (`Receipts.payments`). `supplied`: the tables that came.
    """

    scope: Scope
    tables: Mapping[str, pl.DataFrame]
    supplied: frozenset[str]
    orders: pl.DataFrame
    cases: pl.DataFrame
    flows: pl.DataFrame
    parts: pl.DataFrame
    payments: pl.DataFrame
    units: pl.DataFrame
    refs: pl.DataFrame
    vouchers: pl.DataFrame
