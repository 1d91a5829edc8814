"""Sentences: why a finding is one, and the story of the month, in Chinese and English from stored templates.

Every figure of the story is *bound*: a template writes `{{ figure("bridge.A0") }}`, the figure names the aggregate of a
result table it is, and where summary.json states the same figure both must agree. A digit that is not a bound figure,
an unknown name or a stale value makes the render fail.
"""

from __future__ import annotations

import html
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from typing import Any

import polars as pl
from jinja2 import Environment, StrictUndefined, Template, TemplateError
from markupsafe import Markup

from recon_kit import handled, management, trust
from recon_kit.errors import ReportError, TieError
from recon_kit.labels import code_name, column_label, table_label, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import BRIDGE_LINES, Run
from recon_kit.resources import templates_dir

OLD_DAYS = 30
"""Open longer than this is escalated. Source: domain, Cut-off."""
Value = int | str


@dataclass(frozen=True)
class Figure:
    """One figure of the prose: the result table it is an aggregate of, and how it is written.

    `measure` gives one value from the table (`primary`: from primary findings only; `frame`: from what is made of the table);
    `stated` finds the same figure in summary.json, None when the summary does not state it. `unit`: fen, signed (fen with its
    sign), count or text.
    `section` is the page's anchor.
    """

    table: str
    measure: pl.Expr
    section: str
    unit: str = "count"
    primary: bool = False
    stated: Callable[[dict[str, Any]], Value] | None = None
    frame: Callable[[Run], pl.DataFrame] | None = None


def _line(line: str) -> Figure:
    amount = pl.col("amount_fen").filter(pl.col("line") == line).sum()
    return Figure("bridge", amount, "bridge", "fen", stated=lambda summary: int(summary["bridge"].get(line, 0)))


def _unexplained() -> Figure:
    """C0 as booked less everything the steps add up to; 0 by definition where a side was not supplied."""
    lines = pl.col("line")
    computed = pl.col("amount_fen").filter(~lines.is_in(["B0", "C0"])).sum()
    booked = pl.col("amount_fen").filter(lines == "C0").sum()
    gap = pl.when((lines == "C0").any()).then(booked - computed).otherwise(0).cast(pl.Int64).first()
    return Figure("bridge", gap, "bridge", "fen", stated=lambda summary: int(summary["unexplained_fen"] or 0))


def _findings(condition: pl.Expr, stated: Callable[[dict[str, Any]], int] | None = None) -> Figure:
    return Figure("discrepancies", condition.fill_null(value=False).sum(), "findings", primary=True, stated=stated)


def _of_nature(*natures: str) -> Figure:
    def stated(summary: dict[str, Any]) -> int:
        return sum(item["n"] for item in summary["codes"].values() if item["nature"] in natures)

    return _findings(pl.col("nature").is_in(natures), stated)


def _rows(column: str) -> Figure:
    return Figure(
        "intake", pl.col(column).sum(), "intake", stated=lambda summary: sum(row[column] for row in summary["rows"].values())
    )


def _rate(kpi: str, part: str, unit: str) -> Figure:
    value = pl.col(part).filter((pl.col("kpi") == kpi) & (pl.col("dimension") == "all")).sum()
    return Figure("kpis", value, "kpis", unit, stated=lambda summary: int(summary["kpis"].get(kpi, {}).get(part) or 0))


_FILES = pl.col("file").n_unique()
_GAP = pl.col("gap_fen").abs()
_BY_SIZE = _GAP.fill_null(0).filter(pl.col("nature") == "break").arg_max()
_TOP = pl.col("code").filter(pl.col("nature") == "break").get(_BY_SIZE, null_on_oob=True).fill_null("")
_OLD = pl.col("age_days") > OLD_DAYS

_NAMED = pl.col("member").is_not_null()
_MOST = pl.col("member").filter(_NAMED).sort_by(pl.col("amount_fen").filter(_NAMED), descending=True).first().fill_null("")
_MOST_FEN = pl.col("amount_fen").filter(_NAMED).max().fill_null(0)
_AT_RISK = pl.col("loss_fen").filter(pl.col("state") == "at_risk").sum()
_OVERDUE = pl.col("amount_fen").filter(pl.col("due") == "overdue").sum()


def _by_platform(run: Run) -> pl.DataFrame:
    return management.contributions(run, "platform")


def _part(place: int) -> dict[str, Figure]:
    """A platform's share of the movement, with its sign; the shares of all places sum to the movement."""
    named = pl.when("is_rest").then(pl.lit("all_others")).otherwise(pl.col("member").fill_null("unassigned"))
    name = named.get(place, null_on_oob=True).fill_null("")
    moved = pl.col("movement_fen").get(place, null_on_oob=True).fill_null(0)
    return {
        f"moved.part{place}": Figure("kpi_movements", name, "moved", "text", frame=_by_platform),
        f"moved.part{place}_by": Figure("kpi_movements", moved, "moved", "signed", frame=_by_platform),
    }


def _actions(condition: pl.Expr) -> Figure:
    return Figure("actions", condition.fill_null(value=False).sum(), "actions", frame=handled.actions)


def _moved(part: str) -> Figure:
    """Refunds against the period before: a part of the movement of the KPI that A0 is the numerator of, without its sign."""
    is_whole = (pl.col("kpi") == management.REFUNDED) & (pl.col("dimension") == "all")
    return Figure("kpi_movements", pl.col(part).filter(is_whole).sum().abs(), "moved", "fen")


FIGURES: dict[str, Figure] = {
    **{f"bridge.{line}": _line(line) for line in BRIDGE_LINES},
    "bridge.unexplained": _unexplained(),
    "findings.n": _findings(pl.col("code").is_not_null(), lambda summary: sum(c["n"] for c in summary["codes"].values())),
    "findings.breaks": _of_nature("break"),
    "findings.timing": _of_nature("timing"),
    "findings.control": _of_nature("control", "data"),
    "findings.rounding": _of_nature("rounding"),
    "findings.severe": _findings(pl.col("severity").is_in(["high", "critical"])),
    "findings.owners": Figure("discrepancies", pl.col("owner").n_unique(), "findings", primary=True),
    "findings.gap": Figure("discrepancies", _GAP.filter(pl.col("nature") == "break").sum(), "findings", "fen", primary=True),
    "top.code": Figure("discrepancies", _TOP, "top", "text", primary=True),
    "top.gap": Figure("discrepancies", _GAP.filter(pl.col("nature") == "break").max().fill_null(0), "top", "fen", primary=True),
    "ageing.old": Figure("discrepancies", _OLD.fill_null(value=False).sum(), "ageing", primary=True),
    "ageing.old_gap": Figure("discrepancies", _GAP.filter(_OLD).sum(), "ageing", "fen", primary=True),
    "intake.files": Figure("intake", pl.len(), "intake"),
    "intake.read": _rows("rows_read"),
    "intake.loaded": _rows("rows_loaded"),
    "intake.quarantined": _rows("rows_quarantined"),
    "intake.duplicate": _rows("rows_duplicate"),
    "quarantine.n": Figure("quarantine", pl.struct("file", "row").n_unique(), "intake"),
    "quarantine.amount": Figure("quarantine", pl.col("amount_fen").abs().sum(), "quarantine", "fen"),
    "quarantine.unknown": Figure("quarantine", pl.col("amount_fen").null_count(), "quarantine"),
    "trust.broken": Figure("controls", pl.len(), "controls", frame=trust.broken_totals),
    "trust.broken_files": Figure("controls", _FILES, "controls", frame=trust.broken_totals),
    "trust.broken_gap": Figure("discrepancies", _GAP.filter(pl.col("code") == "K06").sum(), "controls", "fen", primary=True),
    "trust.missing_days": Figure("coverage_gaps", pl.col("days").sum(), "days", frame=trust.gaps),
    "trust.missing_accounts": Figure("coverage_gaps", pl.struct("channel", "account").n_unique(), "days", frame=trust.gaps),
    "trust.unread": Figure("intake", pl.len(), "quarantine", frame=trust.unread),
    "trust.repeated": Figure("discrepancies", pl.len(), "intake", frame=trust.repeated),
    "trust.quiet": Figure("intake_days", pl.len(), "days", frame=trust.quiet),
    "trust.quiet_days": Figure("intake_days", pl.col("n").max().fill_null(0), "days", frame=trust.quiet),
    "trust.stale": Figure("intake", pl.len(), "snapshots", frame=trust.stale),
    "trust.stale_days": Figure("intake", pl.col("age_days").max().fill_null(0), "snapshots", frame=trust.stale),
    "trust.unfounded": Figure("ledger_ties", pl.col("n_lines").sum(), "ledger", frame=trust.unfounded),
    "trust.unfounded_fen": Figure("ledger_ties", pl.col("amount_fen").abs().sum(), "ledger", "fen", frame=trust.unfounded),
    "trust.absent": Figure("intake", pl.col("n").null_count(), "absent", frame=trust.tables),
    "trust.unchecked": Figure("intake", pl.col("codes").explode().n_unique(), "absent", frame=trust.wanting),
    "kpi.refunded": _rate("refund_rate_amount_period", "numerator", "fen"),
    "kpi.paid": _rate("refund_rate_amount_period", "denominator", "fen"),
    "kpi.cases": _rate("aftersales_rate_period", "numerator", "count"),
    "kpi.orders": _rate("aftersales_rate_period", "denominator", "count"),
    "moved.before": _moved("numerator_before"),
    "moved.now": _moved("numerator"),
    "moved.by": _moved("movement"),
    "moved.volume": _moved("volume"),
    "moved.rate": _moved("rate"),
    "moved.parts": Figure("kpi_movements", pl.len(), "moved", frame=_by_platform),
    **{name: figure for place in range(management.TOP_MEMBERS + 1) for name, figure in _part(place).items()},
    "moved.sku": Figure("kpis", _MOST, "drivers", "text", frame=lambda run: management.drivers(run, "sku")),
    "moved.sku_amount": Figure("kpis", _MOST_FEN, "drivers", "fen", frame=lambda run: management.drivers(run, "sku")),
    "moved.reason": Figure("kpis", _MOST, "drivers", "text", frame=lambda run: management.drivers(run, "reason_group")),
    "moved.reason_amount": Figure("kpis", _MOST_FEN, "drivers", "fen", frame=lambda run: management.drivers(run, "reason_group")),
    "entries.n": Figure("adjustments", pl.col("entry_id").n_unique(), "entries"),
    "late.n": Figure("open_items", pl.len(), "ageing", frame=handled.late),
    "late.amount": Figure("open_items", pl.col("remaining_fen").sum(), "ageing", "fen", frame=handled.late),
    "actions.late": _actions(pl.col("state") == "overdue"),
    "actions.again": _actions((pl.col("state") == "done") & (pl.col("n_since") > 0)),
    "loss.stock": Figure("discrepancies", _AT_RISK, "loss", "fen", frame=management.stock_loss),
    "funds.owed": Figure("discrepancies", pl.col("amount_fen").sum(), "funds", "fen", frame=management.funds),
    "funds.overdue": Figure("discrepancies", _OVERDUE, "funds", "fen", frame=management.funds),
    "claims.amount": Figure("discrepancies", pl.col("abs_gap_fen").sum(), "deductions", "fen", frame=management.claims),
    "deducted.out": Figure("flows", pl.col("out_fen").sum(), "deductions", "fen", frame=management.deductions),
    "deducted.back": Figure("flows", pl.col("in_fen").sum(), "deductions", "fen", frame=management.deductions),
}
"""Every figure a sentence may use, by name."""


def measure(run: Run, name: str) -> Value:
    """The figure's value from its table; ReportError when no figure has the name, or when summary.json states another value."""
    figure = FIGURES.get(name)
    if figure is None:
        raise ReportError(
            f"narrative: figure {name!r} is bound to nothing; expected one of {', '.join(FIGURES)}. Name one of them"
        )
    frame = figure.frame(run) if figure.frame else run.findings if figure.primary else run.table(figure.table)
    found = frame.select(figure.measure.alias("value"))["value"].item() if frame.width else 0
    value: Value = found if isinstance(found, str) else int(found or 0)
    if figure.stated is not None and (stated := figure.stated(run.summary)) != value:
        raise ReportError(
            f"narrative: figure {name} is stale: table {figure.table} gives {value}, summary.json states {stated}; "
            "expected the same. Run `recon-kit run` again"
        )
    return value


def write_figure(value: Value, unit: str) -> str:
    """A figure as the reader sees it: yuan with thousands separators, a count, or text."""
    if isinstance(value, str):
        return value
    return format_yuan(value, sign=unit == "signed") if unit in ("fen", "signed") else f"{value:,}"


def render_story(run: Run, language: str, story: str = "narrative") -> Markup:
    """The month (`narrative`) or its data (`trust`) in sentences, one paragraph each, whose class is `says-` and its key.

    Every digit is a bound figure that links to its table.
    """
    context, level = _Context(run, language), trust.level(run)
    given = {name: getattr(context, name) for name in ("figure", "value", "fact", "code", "label")}
    moved = management.movement(run)
    given |= {"moved_before": management.has_before(run), "moved": moved.now - moved.before, **moved._asdict()}
    paragraphs = []
    for key, template in _sentences(story, language).items():
        try:
            text = template.render(given, run=run, level=level)
        except TemplateError as error:
            raise ReportError(
                f"templates/{story}.toml: {key} ({language}): {error}; "
                "expected only figure, value, fact, code and label. Correct the sentence"
            ) from None
        if re.search(r"\d", re.sub(r"<a [^>]*data-figure=.*?</a>", "", text)):
            raise ReportError(
                f"templates/{story}.toml: {key} ({language}) holds a digit that is bound to no table; "
                'expected {{ figure("…") }}. Bind it'
            )
        if text.strip():
            paragraphs.append(f'<p class="says-{key}">{text.strip()}</p>')
    return Markup("\n".join(paragraphs))  # noqa: S704 - rendered with autoescape on


def bound_figure(run: Run, name: str) -> Markup:
    """One figure as text that carries its binding and links to the section of its table."""
    return _bound(name, _written(run, name), FIGURES[name].section)


def verify_figures(page: str, run: Run) -> int:
    """Compute every bound figure of a finished page again; the number checked, or TieError when one is stale."""
    bound = re.findall(r'data-figure="([^"]+)"[^>]*>([^<]*)<', page)
    for name, written in bound:
        expected = _fact(run, name.removeprefix("summary.")) if name.startswith("summary.") else _written(run, name)
        if html.unescape(written) != expected:
            raise TieError(
                f"{run.folder.name}: figure {name} is written as {html.unescape(written)!r}; "
                f"its table gives {expected!r}. Make the page again"
            )
    return len(bound)


@dataclass(frozen=True)
class _Context:
    """What a sentence may call."""

    run: Run
    language: str

    def value(self, name: str) -> Value:
        """The bare value, to decide with."""
        return measure(self.run, name)

    def figure(self, name: str) -> Markup:
        """The value as text that carries its binding."""
        return bound_figure(self.run, name)

    def fact(self, key: str, section: str = "verdict") -> Markup:
        """A stated fact of the run (entity, period, as_of, standard), or how many of a list it states."""
        return _bound(f"summary.{key}", _fact(self.run, key), section)

    def code(self, name: str) -> str:
        """The words of the code that the figure is."""
        return code_name(str(measure(self.run, name)), self.language)

    def label(self, kind: str, name: str) -> Markup:
        """The words of a member that the figure is, bound like it."""
        return Markup("{}").format(value_label(kind, str(measure(self.run, name)), self.language))


def _written(run: Run, name: str) -> str:
    return write_figure(measure(run, name), FIGURES[name].unit)


def _fact(run: Run, key: str) -> str:
    value = run.summary[key]
    return str(len(value)) if isinstance(value, dict | list) else str(value)


def _bound(name: str, written: str, section: str) -> Markup:
    return Markup('<a class="figure" href="#{}" data-figure="{}">{}</a>').format(section, name, written)


@cache
def _sentences(story: str, language: str) -> dict[str, Template]:
    environment = Environment(autoescape=True, undefined=StrictUndefined)
    sentences = tomllib.loads((templates_dir() / f"{story}.toml").read_text("utf-8"))
    environment.globals["word"] = lambda path: word(path, language)
    return {key: environment.from_string(text[language]) for key, text in sentences.items()}


def render_why(frame: pl.DataFrame, language: str) -> pl.DataFrame:
    """Fill `why` from `why_key` and `why_facts` (a JSON object; money in fen); a row without a key keeps what it has.

    ReportError when a key has no template, or a template asks for a fact that is not there.
    """
    templates = _why_templates(language)
    sentences: list[str | None] = []
    for key, facts, why in frame.select("why_key", "why_facts", "why").iter_rows():
        if key is None:
            sentences.append(why)
            continue
        try:
            sentences.append(templates[key].render(json.loads(facts or "{}")))
        except (KeyError, TemplateError, ValueError) as error:
            raise ReportError(
                f"templates/why.toml: {key} ({language}): {error}; "
                "expected a template whose facts are all in why_facts. Correct the template"
            ) from None
    return frame.with_columns(pl.Series("why", sentences, pl.String))


@cache
def _why_templates(language: str) -> dict[str, Template]:
    environment = Environment(autoescape=False, undefined=StrictUndefined)  # noqa: S701 - plain text, escaped where it is shown
    environment.filters |= {
        "yuan": format_yuan,
        "signed": lambda fen: format_yuan(fen, sign=True),
        "day": _day,
        "minute": _minute,
        "label": lambda value, kind: value_label(kind, value, language),
        "name": lambda code: code_name(code, language),
        "table": lambda name: table_label(name, language),
        "change": lambda change: _change(change, language),
        "listed": lambda values: ("、" if language == "zh" else ", ").join(map(str, values)),
    }
    sentences = tomllib.loads((templates_dir() / "why.toml").read_text("utf-8"))
    return {key: environment.from_string(text[language]) for key, text in sentences.items()}


def _change(change: Mapping[str, str | None], language: str) -> str:
    """A changed column and its two values; of a personal column only its name."""
    column = str(change["column"])
    shown = [
        format_yuan(int(value)) if value and column.endswith("_fen") else value_label(column, value, language)
        for value in (change["before"], change["after"])
    ]
    return column_label(column, language) + ("" if shown[0] == shown[1] else f" {shown[0]} → {shown[1]}")


def _day(value: str | None) -> str:
    """An ISO date or instant as its day."""
    return "" if value is None else date.fromisoformat(value[:10]).isoformat()


def _minute(value: str | None) -> str:
    """An ISO instant to the minute."""
    return "" if value is None else datetime.fromisoformat(value).strftime("%Y-%m-%d %H:%M")
