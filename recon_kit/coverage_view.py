"""What the management pack shows of how much the month rests on: data by table, match rates by platform, complete files."""

from __future__ import annotations

import polars as pl

from recon_kit import management_scope as scope
from recon_kit.labels import pair_name, table_label, value_label, word
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

MAX_ROWS = 20


def coverage_table(run: Run, language: str) -> Shown:
    """Which data came in: files, rows, rows set aside, and from which day to which."""
    frame = scope.coverage(run)
    named = frame.select(
        pl.Series("of_table", [_tables(name, language) for name in frame["table"]], pl.String),
        *("n_sources", "rows_loaded", "rows_quarantined"),
        *(pl.col(name).cast(pl.String).fill_null("—") for name in ("first_on", "last_on")),
    )
    total = with_total(named, language, "of_table").with_columns(pl.col("first_on", "last_on").fill_null(""))
    return short_table(total, language, "coverage-table", strong=is_total("of_table", language))


def matrix_table(run: Run, language: str) -> Shown:
    """Match rates, a row a pair and a column a platform, each with what is due and what was matched."""
    frame = scope.match_matrix(run)
    platforms = frame["platform"].unique().sort(nulls_last=True).to_list()
    cells = {(pair, platform): (due, found) for pair, platform, due, found in frame.iter_rows()}
    heads = [value_label("platform", p, language) if p else word("ui.unassigned", language) for p in platforms]
    rows = [
        (pair_name(pair, language), *(_rate(*cells.get((pair, platform), (0, 0))) for platform in platforms))
        for pair in frame["pair"].unique(maintain_order=True)
    ]
    shown = pl.DataFrame(rows, schema=dict.fromkeys(("pair", *heads), pl.String), orient="row")
    return short_table(shown, language, "matrix-table", right=heads)


def approvals_table(run: Run, language: str) -> Shown:
    """Cases that ended in the period by approval: how many have vouchers, attachments, and a complete file."""
    frame = scope.approvals(run)
    if frame.is_empty():
        return short_table(frame, language, "approvals-table")
    words = [value_label("approval", state, language) for state in frame["approval"]]
    named = frame.with_columns(pl.Series("approval", words, pl.String))
    return short_table(
        with_total(named, language, "approval"), language, "approvals-table", strong=is_total("approval", language)
    )


def incomplete_table(run: Run, language: str) -> Shown:
    """The largest cases whose file is not complete, and what each lacks."""
    frame = scope.incomplete(run)
    head = frame.head(MAX_ROWS)
    comma = "、" if language == "zh" else ", "
    lacks = [comma.join(_lack(reason, language) for reason in reasons) for reasons in head["lacks"]]
    columns = head.select("case_id", "shop", "kind", "amount_fen", pl.Series("lacks", lacks, pl.String)).with_columns(
        kind=pl.Series([value_label("case_kind", kind, language) for kind in head["kind"]], dtype=pl.String)
    )
    rest = frame.height - head.height
    more = word("ui.more_rows", language, n=MAX_ROWS, rest=rest, table="tables/case_file.parquet")
    table = short_table(columns, language, "incomplete-table")
    return Shown(table.html + (f'<p class="empty">{more}</p>' if rest > 0 else ""))


def _tables(names: str, language: str) -> str:
    """One table's name, or the several that one export fills."""
    return ("、" if language == "zh" else ", ").join(table_label(name, language) for name in names.split(" + "))


def _lack(reason: str, language: str) -> str:
    """`leg:state` or a reason of its own, in words."""
    leg, _, state = reason.partition(":")
    return (
        f"{word(f'leg.{leg}', language)}{value_label('leg_state', state, language)}" if state else word(f"lack.{leg}", language)
    )


def _rate(due: int, found: int) -> str:
    return f"{found / due:.1%} ({found:,}/{due:,})" if due else "—"
