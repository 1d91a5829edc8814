"""What a reader is told of a self-test: the sentence, one line a code that was not wholly found, and what was not tried."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape
from typing import Any

import polars as pl

from recon_kit.labels import code_name, phrase, table_label
from recon_kit.record import Run
from recon_kit.rules.catalogue import FAMILY
from recon_kit.tables import Shown, short_table

MAX_KEYS = 5
"""Keys named in a note; the table has them all."""


def sentences(sums: Mapping[str, int] | None, period: str, language: str) -> list[str]:
    """What the self-test came to, or that none was made and how to make one."""
    if sums is None:
        return [phrase("selftest", "says.not_run", language, period=period)]
    wrong = sums["missed"] + sums["false"] + sums["lost"]
    key = "failed" if wrong else "passed" if sums["planted"] else "nothing"
    said = [phrase("selftest", f"says.{key}", language, **sums)]
    return [*said, phrase("selftest", "says.untested", language, n=sums["untested"])] if sums["untested"] else said


def note_of(row: Mapping[str, Any], language: str) -> str:
    """The keys of one code's row of `selftest` that went wrong; nothing where none did."""
    sides = {"missed": row["missed"], "false": row["false_keys"], "lost": row["lost"]}
    said = [phrase("selftest", f"note.{name}", language, keys=_listed(keys, language)) for name, keys in sides.items() if keys]
    return ("；" if language == "zh" else "; ").join(said)


def untried(table: pl.DataFrame, language: str) -> list[tuple[str, str]]:
    """The codes of `selftest` that were not tried, those with one reason together, and the reason."""
    told: dict[str, list[str]] = {}
    for row in table.filter(pl.col("n_planted") == 0).iter_rows(named=True):
        room = phrase("selftest", f"room.{row['needs']}", language) if row["state"] == "no_room" else ""
        lacks = table_label(row["needs"], language) if row["state"] == "not_checked" else ""
        told.setdefault(phrase("selftest", f"note.{row['state']}", language, room=room, table=lacks), []).append(row["code"])
    return [(" ".join(codes), reason) for reason, codes in told.items()]


def _listed(keys: list[str], language: str) -> str:
    shown = ("、" if language == "zh" else ", ").join(keys[:MAX_KEYS])
    return f"{shown} …+{len(keys) - MAX_KEYS}" if len(keys) > MAX_KEYS else shown


def told(run: Run, language: str) -> Shown:
    """The outcome in sentences; where the run made no self-test, that it did not, and the command."""
    said = sentences(run.summary.get("selftest"), run.summary["period"], language)
    return Shown("".join(f"<p>{escape(text)}</p>" for text in said))


def family_table(run: Run, language: str) -> Shown:
    """By family: codes, those tried, planted, found, missed, false alarms and lost."""
    table = run.table("selftest")
    sums = ("n_planted", "n_found", "n_missed", "n_false", "n_lost")
    by_family = table.group_by(pl.col("code").str.head(1).alias("letter"), maintain_order=True).agg(
        pl.len().cast(pl.Int64).alias("n_codes"),
        (pl.col("n_planted") > 0).sum().cast(pl.Int64).alias("n_tried"),
        pl.col(sums).sum(),
    )
    names = [f"{letter} {FAMILY[letter][0 if language == 'zh' else 1]}" for letter in by_family["letter"]]
    shown = by_family.select(pl.Series("family", names, pl.String), "n_codes", "n_tried", *sums)
    wrong = pl.col("n_missed") + pl.col("n_false") + pl.col("n_lost") > 0
    return short_table(shown, language, "selftest-table", strong=wrong) if shown.height else Shown("")


def wrong_table(run: Run, language: str) -> Shown:
    """The codes that were missed, found too much or lost, with the keys; and a sentence where there is none."""
    rows = [(row["code"], code_name(row["code"], language), note_of(row, language)) for row in run.table("selftest").to_dicts()]
    frame = pl.DataFrame([row for row in rows if row[2]], schema=_texts("code", "name", "note"), orient="row")
    return short_table(frame, language, "selftest-wrong-table") if frame.height else Shown("")


def untried_table(run: Run, language: str) -> Shown:
    """The codes that were not tried, by reason."""
    frame = pl.DataFrame(untried(run.table("selftest"), language), schema=_texts("code", "note"), orient="row")
    return short_table(frame, language, "selftest-untried-table") if frame.height else Shown("")


def _texts(*names: str) -> dict[str, type[pl.String]]:
    return dict.fromkeys(names, pl.String)
