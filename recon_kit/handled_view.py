"""What the pages show of the casebook: who has what, what is late, who signed what, and which actions stand."""

from __future__ import annotations

from html import escape

import polars as pl

from recon_kit import handled, views
from recon_kit.labels import code_name, phrase, value_label, word
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

WORDS = "handled"
"""The phrases of these tables: templates/handled.toml."""
MAX_ROWS = 20
CLEARED_ROWS = 50
"""Settled items listed one by one; the rest is in the table the page names."""
CLEARED_BY = {
    "related to ": "related",
    "source corrected: ": "source",
    "rerun ": "rerun",
    **{f"{noun} ": noun for noun in ("flow", "payment", "case", "order", "voucher", "receipt", "shipment", "fee", "bank")},
}
"""How the casebook begins what cleared an item → the word for it; a name alone is who decided."""


def says(path: str, language: str, **facts: object) -> str:
    """A phrase of these tables."""
    return phrase(WORDS, path, language, **facts)


def standing_table(run: Run, language: str) -> Shown:
    """Items by owner and status: open, explained, ended in the period; assigned, overdue and escalated among what is open."""
    frame = handled.standing(run)
    left = int((frame["item_open"] + frame["item_explained"]).sum())
    if not left:
        return _sentence("nothing_open", language)
    overdue, assigned = int(frame["item_overdue"].sum()), int(frame["item_assigned"].sum())
    told = says("text.standing", language, left=f"{left:,}", overdue=f"{overdue:,}", unassigned=f"{left - assigned:,}")
    named = _valued(frame, "owner", language).drop("n")
    table = short_table(with_total(named, language, "owner"), language, "standing-table", strong=is_total("owner", language))
    return Shown(f"<p>{escape(told)}</p>{table.html}")


def late_table(run: Run, language: str) -> Shown:
    """Open items past their day of answer: who has them, since when, and what was last decided on each."""
    frame = handled.late(run)
    if frame.is_empty():
        return _sentence("nothing_late", language)
    shown = _with_code(frame.head(MAX_ROWS), language).with_columns(
        pl.col("assigned_to").fill_null(word("ui.nobody", language)),
        pl.col("due_on").cast(pl.String).alias("answer_by"),
        pl.Series("last_decision", _decisions(frame.head(MAX_ROWS), language), pl.String),
    )
    columns = ("name", "key", "remaining_fen", "owner", "assigned_to", "answer_by", "days_late", "last_decision", "explanation")
    table = short_table(shown.select(columns), language, "late-table")
    return Shown(table.html + _more(frame.height, language, "tables/open_items.parquet"))


def recent_table(run: Run, language: str) -> Shown:
    """The last decisions, newest first."""
    frame = handled.recent(run, MAX_ROWS)
    if frame.is_empty():
        return _sentence("nothing_decided", language)
    rest = run.table("decisions").height
    return Shown(_decided(frame, language, "recent-table").html + _more(rest, language, "tables/decisions.parquet"))


def signed_table(run: Run, language: str) -> Shown:
    """Who approved, rejected, wrote off or closed what, when and why."""
    frame = handled.signed(run)
    if frame.is_empty():
        return _sentence("nothing_signed", language)
    table = _decided(frame.head(MAX_ROWS), language, "signed-table")
    return Shown(table.html + _more(frame.height, language, "tables/decisions.parquet"))


def actions_table(run: Run, language: str, codes: tuple[str, ...] = ()) -> Shown:
    """Actions with who, by when and whether done, and how often it happened again since."""
    frame = handled.actions(run, codes)
    if frame.is_empty():
        return _sentence("no_action", language)
    shown = _with_code(frame.head(MAX_ROWS), language).with_columns(
        pl.col("due_on").cast(pl.String).alias("due_day"),
        pl.Series("action_state", [_state(row, language) for row in frame.head(MAX_ROWS).iter_rows(named=True)], pl.String),
    )
    table = short_table(shown.select("name", "what", "who", "due_day", "action_state", "n_since"), language, "actions-table")
    return Shown(table.html + _more(frame.height, language, "tables/actions.parquet"))


def ageing_moves_table(run: Run, language: str) -> Shown:
    """Open items by age at the start of the period and at its end."""
    frame = handled.ageing_moves(run)
    if not frame.select(pl.sum_horizontal("opening_n", "closing_n").sum()).item():
        return _sentence("nothing_open", language)
    named = _valued(frame, "bucket", language).select("bucket", "opening_n", "closing_n", "moved_n", "remaining_fen")
    return short_table(with_total(named, language, "bucket"), language, "moves-table", strong=is_total("bucket", language))


def roll_table(run: Run, language: str, *, only_carried: bool = False) -> Shown:
    """How open items came from the start of the period to its end: opening + new ± recoded ± changed − cleared − written off.

    `only_carried`: what is new in the period alone is one line, and steps that nothing took are left out.
    """
    frame = views.roll(run, only_carried=only_carried)
    if frame.is_empty():
        return Shown(f'<p class="empty">{word("ui.no_roll", language)}</p>')
    told = {"all": word("ui.total", language), "others": ""}
    names = {"all": "", "others": word("ui.new_only", language)}
    shown = frame.with_columns(
        pl.Series("code", [told.get(code, code) for code in frame["code"]], pl.String),
        pl.Series("name", [names.get(code, code_name(code, language)) for code in frame["code"]], pl.String),
    )
    steps = [name for name in views.ROLL_STEPS if not only_carried or frame.select((pl.col(name) != 0).any()).item()]
    return short_table(shown.select("code", "name", *steps), language, "roll-table", strong=is_total("code", language))


def cleared_table(run: Run, language: str) -> Shown:
    """Items that were settled in the period, and what settled each: a flow, a voucher, a corrected source, a decision."""
    frame = views.cleared(run)
    shown = frame.head(CLEARED_ROWS).with_columns(
        name=pl.Series([code_name(code, language) for code in frame["code"].head(CLEARED_ROWS)], dtype=pl.String),
        cleared_how=pl.Series(
            [value_label("cleared_how", how, language) for how in frame["cleared_how"].head(CLEARED_ROWS)], dtype=pl.String
        ),
        cleared_by=pl.Series([_evidence(by, language) for by in frame["cleared_by"].head(CLEARED_ROWS)], dtype=pl.String),
    )
    rest = frame.height - shown.height
    more = word("ui.more_rows", language, n=CLEARED_ROWS, rest=rest, table="tables/open_items.parquet")
    table = short_table(
        shown.select("code", "name", "key", "first_period", "amount_fen", "cleared_how", "cleared_by"), language, "cleared-table"
    )
    return Shown(table.html + (f'<p class="empty">{more}</p>' if rest > 0 else ""))


def _evidence(cleared_by: str | None, language: str) -> str | None:
    """What cleared an item, its first word in the page's language; ids and places as they are."""
    for begins, key in CLEARED_BY.items():
        if cleared_by and cleared_by.startswith(begins):
            return f"{word(f'cleared_by.{key}', language)} {cleared_by.removeprefix(begins)}"
    return cleared_by


def _decided(frame: pl.DataFrame, language: str, table_id: str) -> Shown:
    shown = frame.with_columns(
        pl.col("decided_at").dt.strftime("%Y-%m-%d %H:%M").alias("decided_day"),
        pl.Series("decision", _decisions(frame, language), pl.String),
        pl.Series("about", [_about(row, language) for row in frame.iter_rows(named=True)], pl.String),
        pl.concat_str("detail", "why", separator=" · ", ignore_nulls=True).alias("reason_given"),
    )
    columns = ("decided_day", "decided_by", "decision", "about", "key", "amount_fen", "reason_given")
    return short_table(shown.select(columns), language, table_id)


def _about(row: dict[str, object], language: str) -> str:
    """What a decision is about: an item's code, the entry for one, or a month."""
    subject, code = str(row["subject"]), str(row["code"])
    if subject.startswith("period:"):
        return says("text.month", language, period=row["period"])
    if subject.startswith("E"):
        return says("text.entry", language, code=code, name=code_name(code, language))
    return f"{code} {code_name(code, language)}"


def _decisions(frame: pl.DataFrame, language: str) -> list[str]:
    """The decision in words, a cause with its kind."""
    causes = frame["cause"].to_list() if "cause" in frame.columns else [None] * frame.height
    return [
        ""
        if kind is None
        else says(f"decision.{kind}", language)
        + (f" · {value_label('cause', cause, language)}" if kind == "cause" and cause else "")
        for kind, cause in zip(frame["decision"], causes, strict=True)
    ]


def _state(row: dict[str, object], language: str) -> str:
    told = says(f"state.{row['state']}", language)
    return f"{told} {row['done_on']}" if row["state"] == "done" else told


def _with_code(frame: pl.DataFrame, language: str) -> pl.DataFrame:
    names = [f"{code} {code_name(code, language)}" for code in frame["code"]]
    return frame.with_columns(name=pl.Series(names, dtype=pl.String))


def _valued(frame: pl.DataFrame, column: str, language: str) -> pl.DataFrame:
    """A column of values in words."""
    words = [value_label(column, value, language) for value in frame[column]]
    return frame.with_columns(pl.Series(column, words, dtype=pl.String))


def _more(height: int, language: str, table: str) -> str:
    rest = height - MAX_ROWS
    return f'<p class="empty">{word("ui.more_rows", language, n=MAX_ROWS, rest=rest, table=table)}</p>' if rest > 0 else ""


def _sentence(key: str, language: str) -> Shown:
    return Shown(f'<p class="empty">{escape(says(f"text.{key}", language))}</p>')
