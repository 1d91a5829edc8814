"""What a notebook shows, section by section, in either language. Drawing of tables is in `tables`, of figures in `charts`.

Every text that comes from data is escaped, and the page's CSP stands behind it.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from html import escape
from pathlib import Path

import polars as pl

from recon_kit import narrative, section_ties, views
from recon_kit.errors import TieError
from recon_kit.labels import code_name, pair_name, table_label, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import SIDES, Run
from recon_kit.tables import Shown, detail_table, is_total, short_table, with_total

CARDS = (
    ("bridge.A0", "A0"),
    ("bridge.B0", "B0"),
    ("bridge.C0", "C0"),
    ("bridge.unexplained", "unexplained"),
    ("findings.breaks", "breaks"),
    ("findings.gap", "gap"),
    ("findings.timing", "timing"),
    ("ageing.old", "old"),
    ("findings.severe", "severe"),
)


def masthead(run: Run, language: str) -> Shown:
    """Whose month it is, as of when, under which standard, and the verdict."""
    verdict = run.summary["verdict"]
    return masthead_with(run, language, verdict, word(f"verdict.{verdict}", language))


def masthead_with(run: Run, language: str, verdict: str, says: str) -> Shown:
    """The masthead with an answer of its own, coloured as `verdict`."""
    summary = run.summary
    facts = "".join(
        f"<div><dt>{word(f'ui.{key}', language)}</dt><dd>{escape(str(summary[key]))}</dd></div>"
        for key in ("period", "as_of", "standard")
    )
    return Shown(
        f'<div class="masthead"><p class="entity">{escape(summary["entity"])}</p><dl>{facts}</dl>'
        f'<p class="verdict verdict-{escape(verdict)}">{says}</p></div>'
    )


def headline(run: Run, language: str) -> Shown:
    """The month's figures as cards, each bound to its table."""
    last = "severe" if run.is_due("ageing") else "old"  # without ageing, what is severe takes its place
    return headline_of(run, language, [(name, key) for name, key in CARDS if key != last])


def headline_of(run: Run, language: str, figures: Sequence[tuple[str, str]]) -> Shown:
    """Figures as cards, without the sides that the bridge does not reach."""
    ends_at = run.summary["bridge_ends_at"]
    absent = (*SIDES, "unexplained") if ends_at is None else SIDES[SIDES.index(ends_at) + 1 :]
    return cards(run, language, [(name, key) for name, key in figures if key not in absent])


def cards(run: Run, language: str, figures: Sequence[tuple[str, str]]) -> Shown:
    """Figures of `narrative`, each with the key of its title, as cards."""
    shown = []
    for name, key in figures:
        title = word(f"bridge.{key}" if key in SIDES else f"card.{key}", language)
        unit = f" <small>{word('ui.yuan', language)}</small>" if key in SIDES else ""
        shown.append(f"<div><dt>{title}</dt><dd>{narrative.bound_figure(run, name)}{unit}</dd></div>")
    return Shown(f'<dl class="cards">{"".join(shown)}</dl>')


def story(run: Run, language: str) -> Shown:
    """The month in sentences."""
    return Shown(f'<div class="story">{narrative.render_story(run, language)}</div>')


def bridge_table(run: Run, language: str) -> Shown:
    """The bridge, one row a line: amount, running total and number of items; a note where none is due."""
    if not run.is_due("bridge"):
        return _later(language)
    steps = views.bridge_steps(run)
    names = [word(f"bridge.{line}", language) for line in steps["line"]]
    frame = steps.with_columns(label=pl.Series(names, dtype=pl.String)).select("line", "label", "n", "amount_fen", "balance_fen")
    return short_table(frame, language, "bridge-table", strong=pl.col("line").is_in(SIDES))


def codes_table(run: Run, language: str) -> Shown:
    """Findings by code: how many, how much, whose."""
    frame = views.codes(run)
    named = frame.with_columns(name=pl.Series([code_name(code, language) for code in frame["code"]], dtype=pl.String))
    columns = named.select("code", "name", "nature", "severity", "owner", "n", "abs_gap_fen")
    return short_table(with_total(columns, language, "code"), language, "codes-table", strong=is_total("code", language))


def owners_table(run: Run, language: str) -> Shown:
    """Findings by owner."""
    frame = views.owners(run).group_by("owner", maintain_order=True).agg(pl.col("n", "abs_gap_fen").sum())
    frame = frame.sort("n", "owner", descending=[True, False])
    frame = frame.with_columns(owner=pl.Series([value_label("owner", v, language) for v in frame["owner"]], dtype=pl.String))
    return short_table(with_total(frame, language, "owner"), language, "owners-table", strong=is_total("owner", language))


def ageing_table(run: Run, language: str) -> Shown:
    """Open findings by age bucket; a note where ageing is not due."""
    if not run.is_due("ageing"):
        return _later(language)
    frame = views.ageing(run).group_by("bucket", maintain_order=True).agg(pl.col("n", "abs_gap_fen").sum())
    frame = frame.with_columns(bucket=pl.Series([word(f"bucket.{v}", language) for v in frame["bucket"]], dtype=pl.String))
    return short_table(with_total(frame, language, "bucket"), language, "ageing-table", strong=is_total("bucket", language))


def top_findings(run: Run, language: str, limit: int = 15) -> Shown:
    """The findings to look at one by one, worst and largest first."""
    frame = views.top_findings(run, limit)
    named = frame.with_columns(
        name=pl.Series([code_name(code, language) for code in frame["code"]], dtype=pl.String),
        key=pl.coalesce("case_id", "order_id", "key"),
    )
    return short_table(named.select("code", "name", "severity", "owner", "shop", "key", "gap_fen", "why"), language, "top-table")


def entries_table(run: Run, language: str) -> Shown:
    """Proposed entries by effect and code: how many, and how much they move."""
    frame = views.entries(run)
    named = frame.with_columns(
        name=pl.Series([code_name(code, language) if code else "—" for code in frame["code"]], dtype=pl.String),
        effect=pl.Series([value_label("effect", v, language) for v in frame["effect"]], dtype=pl.String),
    )
    columns = named.select("effect", "code", "name", "n", "amount_fen")
    return short_table(with_total(columns, language, "effect"), language, "entries-table", strong=is_total("effect", language))


def detail(run: Run, language: str) -> Shown:
    """Every primary finding with search and sort; those that share code, shop, day and owner are one line that opens."""
    return detail_table(views.folded(run), language)


def kpi_table(run: Run, language: str) -> Shown:
    """Rates with numerator, denominator, base, date basis and maturity; never a bare percentage.

    Beside them the month before and the same month of last year, where these are known.
    """
    frame = run.table("kpis").filter(pl.col("dimension") == "all")
    columns = ("kpi", "unit", "numerator", "denominator", "value")
    rows = [_kpi_row(*row, language=language) for row in frame.select(columns).iter_rows()]
    shown = pl.DataFrame(rows, schema=dict.fromkeys(("kpi", "value", "numerator", "denominator"), pl.String), orient="row")
    mature = [value_label("ui", "mature" if flag else "immature", language) for flag in frame["is_mature"]]
    shown = shown.with_columns(
        base=pl.Series([value_label("base", v, language) for v in frame["base"]], dtype=pl.String),
        date_basis=pl.Series([value_label("date_basis", v, language) for v in frame["date_basis"]], dtype=pl.String),
        is_mature=pl.Series(mature, dtype=pl.String),
    )
    earlier = {name: _earlier(run, frame, period, language) for name, period in views.earlier_months(run).items()}
    known = {name: values for name, values in earlier.items() if any(values)}
    shown = shown.select(
        "kpi", "value", *(pl.Series(name, values, pl.String) for name, values in known.items()), pl.exclude("kpi", "value")
    )
    return short_table(shown, language, "kpi-table", right=("value", *known, "numerator", "denominator"))


def trend_table(run: Run, language: str) -> Shown:
    """The rates that the trend draws, a row a month, each with what it is of and whether it is mature."""
    frames = {kpi: views.trend(run, kpi) for kpi in views.TREND_KPIS}
    known = {kpi: frame for kpi, frame in frames.items() if frame.height}
    units = dict(run.table("kpis").filter(pl.col("dimension") == "all").select("kpi", "unit").iter_rows())
    cells = {
        (kpi, month): _rate_of(kpi, units.get(kpi, "count"), top, below, value, mature, language)
        for kpi, frame in known.items()
        for month, value, top, below, mature in frame.iter_rows()
    }
    months = sorted({month for _, month in cells}, reverse=True)
    if len(months) < 2:
        return Shown("")
    heads = {kpi: value_label("kpi", kpi, language) for kpi in known}
    rows = [(month, *(cells.get((kpi, month), "—") for kpi in known)) for month in months]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(("trend_month", *heads.values()), pl.String), orient="row")
    return short_table(frame, language, "trend-table", right=list(heads.values()))


def _rate_of(
    kpi: str, unit: str, top: int | None, below: int | None, value: float | None, mature: bool | None, language: str
) -> str:
    """A rate with its numerator and denominator, and that it is not mature where it is not."""
    _, shown, numerator, denominator = _kpi_row(kpi, unit, top, below, value, language=language)
    rate = f"{shown} ({numerator}/{denominator})"
    return rate if mature else word("ui.not_mature", language, rate=rate)


def _earlier(run: Run, frame: pl.DataFrame, period: str, language: str) -> list[str]:
    """The KPIs of `frame` as they were in another month, empty where that is not known."""
    trend = run.table("kpi_trend").filter(pl.col("period") == period)
    then = {
        kpi: (top, below, value)
        for kpi, top, below, value in trend.select("kpi", "numerator", "denominator", "value").iter_rows()
    }
    return [
        _kpi_row(kpi, unit, *then[kpi], language=language)[1] if kpi in then else ""
        for kpi, unit in frame.select("kpi", "unit").iter_rows()
    ]


def _kpi_row(
    kpi: str, unit: str, numerator: int | None, denominator: int | None, value: float | None, *, language: str
) -> list[str]:
    def written(amount: int | None) -> str:
        return "—" if amount is None else format_yuan(amount) if unit == "fen" else f"{amount:,}"

    if denominator is None:
        hours = f" {value_label('unit', unit, language)}" if unit == "hours" else ""
        shown, numerator = (written(numerator) + hours, None)
    elif value is None:
        shown = "—"
    elif "rate" in kpi:
        shown = f"{value:.2%}"
    else:
        shown = f"{value:,.1f} {value_label('unit', unit, language)}"
    return [value_label("kpi", kpi, language), shown, written(numerator), written(denominator)]


def case_legs(run: Run, language: str) -> Shown:
    """How complete the files of the cases are that ended in the period, and how each leg of theirs stands."""
    summary = run.summary["case_file"]
    if not summary["ended"]:
        return Shown(f'<p class="empty">{word("ui.nothing_here", language)}</p>')
    share = f"{summary['complete'] / summary['ended']:.1%}"
    says = word("ui.case_file", language, complete=f"{summary['complete']:,}", ended=f"{summary['ended']:,}", share=share)
    frame = views.case_legs(run)
    named = frame.with_columns(leg=pl.Series([word(f"leg.{leg}", language) for leg in frame["leg"]], dtype=pl.String))
    return Shown(f"<p>{escape(says)}</p>" + short_table(named, language, "leg-table").html)


def match_table(run: Run, language: str) -> Shown:
    """Match rates by pair, of rows and of money; what is excluded or outside the window is due nothing."""
    frame = views.match_rates(run)
    shares = {
        name: pl.Series([f"{a / b:.2%}" if b else None for a, b in frame.select(found, due).iter_rows()], dtype=pl.String)
        for name, found, due in (("rate_count", "n_matched", "n_due"), ("rate_amount", "matched_fen", "due_fen"))
    }
    named = frame.with_columns(
        pl.Series("pair", [pair_name(pair, language) for pair in frame["pair"]], dtype=pl.String), **shares
    )
    columns = ("pair", "n_due", "n_matched", "rate_count", "due_fen", "matched_fen", "rate_amount")
    return short_table(named.select(columns), language, "match-table", right=("rate_count", "rate_amount"))


def pass_table(run: Run, language: str) -> Shown:
    """What each matching pass contributed; the passes that matched nothing are folded away."""
    frame = views.passes(run)
    named = frame.with_columns(
        pl.Series("pair", [pair_name(pair, language) for pair in frame["pair"]], dtype=pl.String),
        pl.Series("pass", [value_label("pass", rung, language) for rung in frame["pass"]], dtype=pl.String),
    )
    dead = [f"{pair} {value_label('pass', rung, language)}" for pair, rung in views.dead_passes(run)]
    folded = (
        f'<details class="later"><summary>{word("ui.dead_passes", language)} ({len(dead)})</summary><p>'
        f"{escape(('；' if language == 'zh' else '; ').join(dead))}</p></details>"
        if dead
        else ""
    )
    return Shown(short_table(named, language, "pass-table").html + folded)


def tolerance_table(run: Run, language: str) -> Shown:
    """What tolerance forgave by pair, shop and pass, and whether the gaps lean to one side."""
    frame = run.table("tolerance_audit")
    if frame.is_empty():
        return Shown(f"<p>{word('ui.nothing_forgiven', language)}</p>")
    named = frame.with_columns(
        pl.Series("pair", [pair_name(pair, language) for pair in frame["pair"]], dtype=pl.String),
        pl.Series("pass", [value_label("pass", rung, language) for rung in frame["pass"]], dtype=pl.String),
    )
    return short_table(named, language, "tolerance-table")


def not_checked(run: Run, language: str) -> Shown:
    """Codes that could not be checked and what is missing for them, then those not scheduled; no finding there says nothing."""
    missing = run.summary["not_checked"]
    later = run.summary["not_scheduled"]
    note = ""
    if later:
        names = "；".join(f"{code} {code_name(code, language)}" for code in later)
        note = (
            f'<details class="later"><summary>{word("ui.not_scheduled", language)} ({len(later)})</summary>'
            f"<p>{escape(names if language == 'zh' else names.replace('；', '; '))}</p></details>"
        )
    if not run.summary.get("compares_closed"):
        note += f"<p>{word('ui.nothing_closed', language)}</p>"
    if not missing:
        return Shown(f"<p>{word('ui.all_checked', language)}</p>{note}")
    frame = pl.DataFrame(
        [(code, code_name(code, language), _tables(tables, language)) for code, tables in missing.items()],
        schema={"code": pl.String, "name": pl.String, "missing": pl.String},
        orient="row",
    )
    return Shown(short_table(frame, language, "not-checked-table").html + note)


def _later(language: str) -> Shown:
    return Shown(f'<p class="empty">{word("ui.later", language)}</p>')


def _tables(names: str | Sequence[str], language: str) -> str:
    listed = re.split(r"\s*[,+]\s*", names) if isinstance(names, str) else names
    return ("、" if language == "zh" else ", ").join(table_label(name, language) for name in listed)


def intake_table(run: Run, language: str) -> Shown:
    """Row accounting, one row a file or zip member: read = loaded + quarantined + duplicate."""
    named = pl.coalesce(f"layout_{language}", "layout").alias("layout")
    frame = run.table("intake").select("file", named, "table", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate")
    frame = frame.with_columns(table=pl.Series([_tables(t or "—", language) for t in frame["table"]], dtype=pl.String))
    return short_table(with_total(frame, language, "file"), language, "intake-table", strong=is_total("file", language))


def controls_table(run: Run, language: str) -> Shown:
    """Totals that the files themselves state, beside what was read; those that differ come first."""
    controls = sorted(run.summary["controls"], key=lambda c: c["stated"] == c["found"])
    if not controls:
        return Shown(f"<p>{word('ui.no_controls', language)}</p>")
    rows = [
        (
            c["file"],
            c["measure"],
            control_figure(c["stated"], c["unit"]),
            control_figure(c["found"], c["unit"]),
            word("ui.agrees" if c["stated"] == c["found"] else "ui.differs", language),
        )
        for c in controls
    ]
    names = ("file", "measure", "stated", "found", "check")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    differs = pl.col("check") == word("ui.differs", language)
    return short_table(frame, language, "controls-table", right=("stated", "found"), strong=differs)


def control_figure(value: int | None, unit: str) -> str:
    """A stated or found total as it is read: yuan, or a count."""
    return "—" if value is None else format_yuan(value) if unit == "fen" else f"{value:,}"


def notebook_table(notebooks: Sequence[Path], language: str) -> Shown:
    """The notebooks that come with the package, and what each is for."""
    rows = [(path.name, word(f"notebook.{path.stem[3:]}", language)) for path in notebooks]
    return short_table(pl.DataFrame(rows, schema=["notebook", "purpose"], orient="row"), language, "notebook-table")


def tie(run: Run, name: str, language: str) -> Shown:
    """The line that closes a section: two figures that must be one; TieError when they are not.

    Nothing where the section itself is not due, and a word where only its control total is not.
    """
    check = section_ties.TIED_TO.get(name)
    if check and not run.is_due(check):
        return Shown("" if name == check else f'<p class="empty">{word("ui.no_control_total", language)}</p>')
    left, right, unit = section_ties.tie_figures(run, name)
    if left != right:
        raise TieError(
            f"{run.folder.name}: {name}: {left} on the page, {right} in its control total; expected the same. Run again"
        )
    facts = {"left": narrative.write_figure(left, unit), "right": narrative.write_figure(right, unit)}
    if name == "bridge":
        facts["side"] = word(f"bridge.{run.summary['bridge_ends_at']}", language)
        facts["unexplained"] = narrative.write_figure(int(run.summary["unexplained_fen"]), "fen")
    says = word(f"tie.{name}", language, **facts)
    return Shown(f'<p class="tie"><b>{word("ui.ties", language)}</b> {escape(says)}</p>')
