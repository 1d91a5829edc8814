"""What notebook 01 shows of the intake: the answer, the files, their totals, what was set aside, pictures and absent tables."""

from __future__ import annotations

from datetime import datetime
from html import escape

import polars as pl

from recon_kit import display, narrative, trust
from recon_kit.labels import code_name, table_label, value_label, word
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

CARDS = (
    ("intake.files", "files"),
    ("intake.read", "read"),
    ("trust.broken", "broken"),
    ("trust.missing_days", "missing_days"),
    ("quarantine.n", "aside"),
    ("quarantine.amount", "aside_amount"),
    ("trust.stale", "stale"),
    ("trust.absent", "absent"),
)
COLOURED_AS = {"no": "incomplete", "reserved": "warnings", "yes": "reconciled"}
MAX_ROWS = 150
"""Rows of a table here; the rest is in the Parquet table that the page names."""


def masthead(run: Run, language: str) -> Shown:
    """Whose data it is, as of when, and whether it may be trusted."""
    level = trust.level(run)
    return display.masthead_with(run, language, COLOURED_AS[level], word(f"trust.{level}", language))


def headline(run: Run, language: str) -> Shown:
    """What the answer rests on, as cards, each bound to its table."""
    return display.cards(run, language, CARDS)


def reasons(run: Run, language: str) -> Shown:
    """The answer in sentences: every reason not to trust the data, then every reservation."""
    return Shown(f'<div class="story reasons">{narrative.render_story(run, language, "trust")}</div>')


def files_table(run: Run, language: str) -> Shown:
    """One row a file or zip member, those with a problem first: what it was taken for, its rows, days and totals."""
    frame = trust.files(run).sort(pl.col("n_broken") == 0, pl.col("rows_quarantined") == 0, maintain_order=True)
    totals = [_totals(n, broken, language) for n, broken in frame.select("n_totals", "n_broken").iter_rows()]
    spans = [_span(first, last) for first, last in frame.select("first_at", "last_at").iter_rows()]
    shown = frame.select(
        "file",
        _label(language).alias("taken_for"),
        *("rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate"),
        pl.Series("span", spans, pl.String),
        pl.Series("totals", totals, pl.String),
    )
    shown, more = _cut(shown, "intake", language)
    bad = pl.col("totals").str.contains(word("ui.differs", language), literal=True) | (pl.col("rows_quarantined") > 0)
    strong = is_total("file", language) | bad
    return Shown(short_table(with_total(shown, language, "file"), language, "files-table", strong=strong).html + more)


def warnings(run: Run, language: str) -> Shown:
    """What the run warns of (unknown files, platforms without a bill, templates that say otherwise), then its remarks."""
    notes = (*run.summary["warnings"], *run.summary.get("remarks", ()))
    listed = "".join(f"<li>{escape(text)}</li>" for text in notes)
    return Shown(f"<ul>{listed}</ul>") if listed else _sentence("no_warnings", language)


def gaps_table(run: Run, language: str) -> Shown:
    """Days missing by the bills' own statement, then silences that nothing explains."""
    frame = trust.gaps(run)
    accounts = [_account(channel, account, language) for channel, account in frame.select("channel", "account").iter_rows()]
    stated = frame.select(
        pl.lit(word("gap.stated", language)).alias("gap_kind"),
        pl.Series("source", accounts, pl.String),
        pl.col("gap_from").dt.strftime("%Y-%m-%d %H:%M").alias("since"),
        pl.col("gap_until").dt.strftime("%Y-%m-%d %H:%M").alias("until"),
        pl.col("days"),
    )
    quiet = trust.quiet(run).select(
        pl.lit(word("gap.quiet", language)).alias("gap_kind"),
        _label(language).alias("source"),
        pl.col("since").cast(pl.String),
        pl.col("until").cast(pl.String),
        pl.col("n").alias("days"),
    )
    both = pl.concat([stated, quiet])
    return short_table(both, language, "gaps-table") if both.height else _sentence("no_gaps", language)


def totals_table(run: Run, language: str) -> Shown:
    """One row a total that a file states: stated, found and the gap; those that agree are folded."""
    frame = run.table("controls")
    if frame.is_empty():
        return _sentence("no_controls", language)
    agrees = pl.col("stated") == pl.col("found")
    broken, more = _cut(frame.filter(~agrees), "controls", language)
    whole, rest = _cut(frame.filter(agrees), "controls", language)
    folded = _totals_table(whole, language, "agreed-table") + rest
    count = f"{word('ui.totals_agree', language)} ({frame.filter(agrees).height:,})"
    details = f'<details class="later"><summary>{count}</summary>{folded}</details>' if whole.height else ""
    return Shown((_totals_table(broken, language, "totals-table") + more if broken.height else "") + details)


def _totals_table(frame: pl.DataFrame, language: str, table_id: str) -> str:
    rows = [
        (member, measure, *(display.control_figure(value, unit) for value in (stated, found)), _gap(stated, found, unit))
        for member, measure, unit, stated, found in frame.select("member", "measure", "unit", "stated", "found").iter_rows()
    ]
    names = ("file", "measure", "stated", "found", "gap")
    shown = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return short_table(shown, language, table_id, right=names[2:], strong=pl.col("gap") != "").html


def set_aside_table(run: Run, language: str) -> Shown:
    """Quarantine by reason and column: rows, files, and the money among them that is known."""
    frame = trust.set_aside(run)
    words = [value_label("reason", reason, language) for reason in frame["reason"]]
    shown = frame.select(pl.Series("reason", words, pl.String), "column", "n_files", pl.col("n").alias("rows"), "amount_fen")
    if shown.is_empty():
        return _sentence("nothing_aside", language)
    shown = with_total(shown, language, "reason").with_columns(
        pl.when(~is_total("reason", language)).then("n_files").alias("n_files")
    )
    return short_table(shown, language, "aside-table", strong=is_total("reason", language))


def set_aside_rows(run: Run, language: str) -> Shown:
    """The rows in quarantine as file:row, with the value at fault, masked where it may name a person."""
    frame, more = _cut(run.table("quarantine"), "quarantine", language)
    words = [value_label("reason", reason, language) for reason in frame["reason"]]
    shown = frame.select(
        (pl.col("file") + ":" + pl.col("row").cast(pl.String)).alias("place"),
        "column",
        pl.col("value").str.slice(0, 40),
        pl.Series("reason", words, pl.String),
        "amount_fen",
    )
    return Shown(short_table(shown, language, "aside-rows-table").html + more if shown.height else "")


def snapshots_table(run: Run, language: str) -> Shown:
    """How old the picture of orders and cases is, one row a file: up to when it sees, days before as-of, rows still open."""
    ordered = trust.snapshots(run).sort("is_current", "layout", "file", descending=[True, False, False])
    frame, more = _cut(ordered, "intake", language)
    shown = frame.select(
        "file",
        _label(language).alias("taken_for"),
        pl.col("seen_at").dt.strftime("%Y-%m-%d %H:%M"),
        pl.Series("age", [_age(days, language) for days in frame["age_days"]], pl.String),
        "rows_read",
        "n_open",
    )
    is_old = (frame["is_current"] & (frame["age_days"] > trust.STALE_DAYS)).fill_null(value=False)
    return Shown(short_table(shown, language, "snapshots-table", right=("age",), strong=pl.lit(is_old)).html + more)


def ledger_table(run: Run, language: str) -> Shown:
    """How the period's refund lines in the ledger say which refund they book, and the share of them that was found."""
    frame = run.table("ledger_ties")
    if frame.is_empty():
        return _sentence("no_ledger" if not run.has("voucher_lines") else "no_refund_lines", language)
    words = [value_label("how", how, language) for how in frame["how"]]
    sums = with_total(frame.select(pl.Series("how", words, pl.String), pl.exclude("how")), language, "how")
    share = pl.Series("share", [f"{tied / n:.1%}" for n, tied in sums.select("n_lines", "n_tied").iter_rows()], pl.String)
    shown = sums.with_columns(share).select("how", "n_lines", "n_tied", "share", "amount_fen", "tied_fen")
    return short_table(shown, language, "ledger-table", right=("share",), strong=is_total("how", language))


def absent_table(run: Run, language: str) -> Shown:
    """The tables not supplied, and the codes that were therefore not checked."""
    frame = trust.tables(run).filter(pl.col("n").is_null())
    if frame.is_empty():
        return _sentence("all_supplied", language)
    rows = [
        (table_label(table, language), "；".join(f"{code} {code_name(code, language)}" for code in codes))
        for table, codes in frame.select("table", "codes").iter_rows()
    ]
    shown = pl.DataFrame(rows, schema={"absent": pl.String, "not_checked": pl.String}, orient="row")
    if language == "en":
        shown = shown.with_columns(pl.col("not_checked").str.replace_all("；", "; ", literal=True))
    nothing = pl.when(pl.col("not_checked") == "").then(pl.lit(word("ui.no_code_needs_it", language))).otherwise("not_checked")
    return short_table(shown.with_columns(nothing.alias("not_checked")), language, "absent-table")


def _sentence(key: str, language: str) -> Shown:
    return Shown(f'<p class="empty">{word(f"ui.{key}", language)}</p>')


def _label(language: str) -> pl.Expr:
    """What a file was taken for, in the words of its layout."""
    return pl.col(f"layout_{language}")


def _account(channel: str | None, account: str | None, language: str) -> str:
    return " ".join(text for text in (value_label("channel", channel, language), account) if text)


def _totals(n: int, broken: int, language: str) -> str:
    if broken:
        return f"{word('ui.differs', language)} {broken}/{n}"
    return f"{word('ui.agrees', language)} {n}" if n else word("ui.not_stated", language)


def _span(first: datetime | None, last: datetime | None) -> str:
    if first is None or last is None:
        return ""
    end = f"{last:%m-%d}" if first.year == last.year else f"{last:%Y-%m-%d}"
    return f"{first:%Y-%m-%d}" if first.date() == last.date() else f"{first:%Y-%m-%d} – {end}"


def _gap(stated: int, found: int, unit: str) -> str:
    return "" if stated == found else display.control_figure(found - stated, unit)


def _age(days: int | None, language: str) -> str:
    if days is None:
        return "—"
    return word("ui.days_old", language, n=f"{days:,}") if days > 0 else word("ui.fresh", language)


def _cut(frame: pl.DataFrame, table: str, language: str) -> tuple[pl.DataFrame, str]:
    """The first MAX_ROWS rows, and a line that says where the others are."""
    rest = frame.height - MAX_ROWS
    says = word("ui.more_rows", language, n=f"{MAX_ROWS:,}", rest=f"{rest:,}", table=f"tables/{table}.parquet")
    return frame.head(MAX_ROWS), f'<p class="empty">{says}</p>' if rest > 0 else ""
