"""A finished run taken up again: the tables, the books and the limits it was made with, from its folder alone.

The engine then runs on them once more, with other limits (`what_if`) or as of an earlier day (`backtest`). Personal data
is masked in a run's tables; ids, amounts and times, which is all that the engine compares, are not.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from recon_kit.collect import Collected, Tables
from recon_kit.config import Config, parse_config
from recon_kit.errors import ConfigError, ReportError
from recon_kit.facts import Scope
from recon_kit.publish import MANIFEST, read_manifest
from recon_kit.record import Run
from recon_kit.schema import TABLES
from recon_kit.sources.merge import DUPLICATES_SCHEMA


@dataclass(frozen=True)
class Recalled:
    """What a run rested on. `collected`: its canonical tables and what was said of its files; `scope`: config, period, as-of.

    A run does not keep the rows that came twice, nor a closed period: K04 and K05 cannot be found again from it.
    """

    collected: Collected
    scope: Scope


def recall(run: Run) -> Recalled:
    """Take a run up again. ReportError where its folder does not say how it was configured."""
    supplied = {name: run.table(name) for name in TABLES if run.has(name)}
    collected = Collected(
        Tables(**supplied),
        run.table("intake"),
        run.table("quarantine"),
        pl.DataFrame(schema=DUPLICATES_SCHEMA),
        run.table("controls"),
        run.table("coverage"),
        run.table("intake_days"),
        (),
    )
    return Recalled(collected, Scope(_config(run), run.period, run.as_of))


def _config(run: Run) -> Config:
    try:
        return parse_config(read_manifest(run.folder)["config"], MANIFEST)
    except (OSError, ValueError, KeyError, ConfigError) as error:
        raise ReportError(
            f"{run.folder / MANIFEST}: the configuration of the run cannot be read ({error}); expected the one it was made with. "
            "Run `recon-kit run` again"
        ) from None
