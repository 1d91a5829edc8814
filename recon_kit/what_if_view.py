"""How a what-if looks: one sentence a question, then how the rows stand, what each pass places, and which rows change."""

from __future__ import annotations

from dataclasses import fields
from functools import partial
from html import escape

import polars as pl

from recon_kit.labels import code_name, phrase, table_label, value_label
from recon_kit.money import format_yuan
from recon_kit.tables import Shown, short_table
from recon_kit.what_if import STANDINGS, Limits, Trial

MAX_ROWS = 40
"""Changed rows listed, largest first; `Trial.changed` has all of them."""
MANY = 5
"""Gaps from so many on that all lean to one side are no chance: one in sixteen of rounding would."""
says = partial(phrase, "what_if")


def show_trial(trial: Trial, language: str) -> Shown:
    """The whole answer, as the panel shows it."""
    pieces = [
        f"<p><b>{escape(limits_line(trial, language))}</b></p>",
        *(f"<p>{escape(line)}</p>" for line in sentences(trial, language)),
        f"<h4>{says('text.standings', language)}</h4>",
        standings_table(trial, language).html,
        f"<h4>{says('text.passes', language)}</h4>",
        passes_table(trial, language).html,
    ]
    if trial.changed.height:
        pieces += [f"<h4>{says('text.changed', language)}</h4>", changed_table(trial, language).html]
    return Shown("".join(pieces))


def limits_line(trial: Trial, language: str) -> str:
    """What was tried, beside what the run has."""
    told = []
    for field in fields(Limits):
        was, now = getattr(trial.was, field.name), getattr(trial.limits, field.name)
        if now is not None:
            name = field.name.removesuffix("_fen")
            written = format_yuan if field.name.endswith("_fen") else str
            told.append(says(f"text.{name}", language, was=written(was), now=written(now)))
    return ("；" if language == "zh" else "; ").join(told)


def sentences(trial: Trial, language: str) -> list[str]:
    """What changes, what is forgiven, and whether that leans to one side."""
    lost, gained = trial.newly_unmatched.height, trial.no_longer_unmatched.height
    other = trial.changed.height - lost - gained
    told = [says("text.same", language)]
    if trial.changed.height:
        told = [says("text.rows", language, lost=f"{lost:,}", gained=f"{gained:,}", other=f"{other:,}")]
    was, now = (_amounts(row) for row in trial.forgiven.iter_rows(named=True))
    told.append(says("text.forgiven", language, **now) + _space(language) + says("text.forgiven_was", language, **was))
    n, over, under = trial.forgiven.filter(pl.col("when") == "now").select("n", "n_over", "n_under").row(0)
    if n >= MANY and 0 in (over, under):
        told.append(says("text.leans", language))
    if trial.limits.window_days is None:
        told.append(says("text.no_days", language))
    return told


def _amounts(row: dict[str, int]) -> dict[str, str]:
    return {
        "n": f"{row['n']:,}",
        "forgiven": format_yuan(row["forgiven_fen"]),
        "net": format_yuan(row["net_fen"]),
        "over": f"{row['n_over']:,}",
        "under": f"{row['n_under']:,}",
    }


def _space(language: str) -> str:
    return "" if language == "zh" else " "


def standings_table(trial: Trial, language: str) -> Shown:
    """Rows and amounts of each standing, as run and as tried; of the right side rows alone, since both sum to the same gap."""
    sides = {name: trial.standings.filter(pl.col("side") == name) for name in ("left", "right")}
    left, right = sides["left"], sides["right"]
    frame = pl.DataFrame(
        {
            "standing": [says(f"standing.{name}", language) for name in STANDINGS],
            "left_was": _counted(left["n_was"]),
            "left_now": _counted(left["n"]),
            "left_was_fen": left["amount_was_fen"],
            "left_now_fen": left["amount_fen"],
            "right_was": _counted(right["n_was"]),
            "right_now": _counted(right["n"]),
        }
    )
    return short_table(frame, language, "what-if-standings", right=("left_was", "left_now", "right_was", "right_now"))


def passes_table(trial: Trial, language: str) -> Shown:
    """What each pass places, as run and as tried."""
    counts = {"groups_was": "n_groups_was", "groups_now": "n_groups", "rows_was": "n_rows_was", "rows_now": "n_rows"}
    frame = pl.DataFrame(
        {
            "pass": _passes(trial.passes["pass"], language),
            **{name: _counted(trial.passes[column]) for name, column in counts.items()},
        },
        schema_overrides={"pass": pl.String},
    )
    return short_table(frame, language, "what-if-passes", right=tuple(counts))


def changed_table(trial: Trial, language: str) -> Shown:
    """The rows that would stand otherwise, largest first."""
    shown = trial.changed.head(MAX_ROWS)
    frame = pl.DataFrame(
        {
            "side": [
                says(f"side.{side}", language, table=table_label(table, language))
                for side, table in shown.select("side", "table").iter_rows()
            ],
            "key": shown["row_key"],
            "amount_fen": shown["amount_fen"],
            "standing_was": [says(f"standing.{name}", language) for name in shown["was"]],
            "standing_now": [says(f"standing.{name}", language) for name in shown["now"]],
            "pass_was": _passes(shown["pass_was"], language),
            "pass_now": _passes(shown["pass"], language),
            "gap_fen": shown["gap_fen"],
        }
    )
    rest = trial.changed.height - shown.height
    more = says("text.more", language, shown=shown.height, rest=f"{rest:,}")
    note = f'<p class="empty">{escape(more)}</p>' if rest else ""
    return Shown(short_table(frame, language, "what-if-changed").html + note)


def codes_table(judged: pl.DataFrame, language: str) -> Shown:
    """What the whole month would say under the limits: the codes that move, and how many findings and fen."""
    moved = judged.filter((pl.col("gone") > 0) | (pl.col("new") > 0) | (pl.col("gap_was_fen") != pl.col("gap_fen")))
    was, now = (f"{judged[name].sum():,}" for name in ("n_was", "n"))
    if moved.is_empty():
        return Shown(f"<p>{escape(says('text.codes_same', language, n=was))}</p>")
    frame = moved.select(
        "code",
        pl.Series("name", [code_name(code, language) for code in moved["code"]], pl.String),
        *(pl.Series(name, _counted(moved[column])) for name, column in _CODES.items()),
        pl.col("gap_was_fen").alias("abs_gap_was_fen"),
        pl.col("gap_fen").alias("abs_gap_now_fen"),
    )
    told = says("text.codes", language, was=was, now=now)
    return Shown(f"<p>{escape(told)}</p>{short_table(frame, language, 'what-if-codes', right=tuple(_CODES)).html}")


_CODES = {"findings_was": "n_was", "findings_now": "n", "findings_gone": "gone", "findings_new": "new"}


def _counted(numbers: pl.Series) -> list[str]:
    return [f"{number:,}" for number in numbers]


def _passes(names: pl.Series, language: str) -> list[str]:
    return [value_label("pass", name, language) for name in names]
