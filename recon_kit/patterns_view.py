"""How unusual patterns look: what was compared with what, and the members that stand out."""

from __future__ import annotations

from functools import partial
from html import escape
from typing import Any

import polars as pl

from recon_kit.labels import phrase, value_label
from recon_kit.patterns import ENOUGH, Patterns, find_patterns
from recon_kit.record import Run
from recon_kit.tables import Shown, short_table

MAX_ROWS = 30
"""Members listed, least likely first."""
says = partial(phrase, "patterns")


def patterns_table(run: Run, language: str) -> Shown:
    """The members of a run that stand out against their own earlier periods, or a plain sentence that none does."""
    return show_patterns(find_patterns(run), language)


def show_patterns(patterns: Patterns, language: str) -> Shown:
    """The same of patterns found before."""
    tried = int(patterns.compared["n_tried"].sum())
    if not tried:
        return Shown(f'<p class="empty">{escape(says("text.no_history", language))}</p>')
    told = [says("text.what", language, tried=f"{tried:,}", enough=ENOUGH), compared_line(patterns, language)]
    if patterns.found.is_empty():
        told.append(says("text.nothing", language, tried=f"{tried:,}"))
    else:
        told.append(says("text.found", language, n=f"{patterns.found.height:,}"))
    head = "".join(f"<p>{escape(line)}</p>" for line in told)
    return Shown(head + (_listed(patterns.found.head(MAX_ROWS), language).html if patterns.found.height else ""))


def compared_line(patterns: Patterns, language: str) -> str:
    """Of each measure: how many members were tried against which periods, and how many have none."""
    told = [_measure(row, language) for row in patterns.compared.iter_rows(named=True)]
    end, between = ("。", "；") if language == "zh" else (".", "; ")
    is_one = patterns.compared.filter((pl.col("n_tried") > 0) & (pl.col("periods").list.len() == 1)).height
    one = ("" if language == "zh" else " ") + says("text.one", language) if is_one else ""
    return between.join(told) + end + one


def _measure(row: dict[str, Any], language: str) -> str:
    of, periods = says(f"of.{row['dimension']}", language), row["periods"]
    if not row["n_tried"]:
        return says("text.none_of", language, of=of)
    key = "text.against" if len(periods) > 1 else "text.against_one"
    facts = {"of": of, "tried": f"{row['n_tried']:,}", "first": periods[0]}
    facts |= {"last": periods[-1], "n": len(periods)} if len(periods) > 1 else {}
    new = says("text.new", language, n=f"{row['n_new']:,}") if row["n_new"] else ""
    return says(key, language, **facts) + (("，" if language == "zh" else ", ") + new if new else "")


def _listed(found: pl.DataFrame, language: str) -> Shown:
    rows = [_row(row, language) for row in found.iter_rows(named=True)]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(rows[0], pl.String))
    figures = ("rate_now", "rate_usual", "usual_periods", "expected_n", "by_chance")
    return short_table(frame, language, "patterns-table", right=figures)


def _row(row: dict[str, Any], language: str) -> dict[str, str]:
    return {
        "pattern_of": says(f"dimension.{row['dimension']}", language),
        "member": value_label(row["dimension"], row["member"], language),
        "rate_now": _rate(row["rate"], row["numerator"], row["denominator"], language),
        "rate_usual": _rate(row["usual_rate"], row["usual_numerator"], row["usual_denominator"], language),
        "usual_periods": str(row["n_periods"]),
        "expected_n": f"{row['expected']:,.1f}",
        "by_chance": says("text.tiny", language) if row["chance"] < 0.001 else f"{row['chance']:.3f}",
        "look_first": _look(row, language),
    }


def _rate(rate: float, numerator: int, denominator: int, language: str) -> str:
    return says("text.rate", language, rate=f"{rate:.1%}", numerator=f"{numerator:,}", denominator=f"{denominator:,}")


def _look(row: dict[str, Any], language: str) -> str:
    if row["look_member"] is None:
        return says("look.none", language, of=f"{row['look_of']:,}") if row["look_of"] else ""
    member = value_label(row["looks_at"], row["look_member"], language)
    return says(f"look.{row['looks_at']}", language, member=member, n=f"{row['look_n']:,}", of=f"{row['look_of']:,}")
