"""What notebook 04 shows: five minutes for a director, what moved and why, what it costs, and what waits for a decision."""

from __future__ import annotations

from decimal import Decimal
from html import escape

import polars as pl

from recon_kit import display, management, narrative
from recon_kit.labels import code_name, value_label, word
from recon_kit.money import format_yuan
from recon_kit.record import Run
from recon_kit.tables import Shown, is_total, short_table, with_total

CARDS = (
    ("bridge.A0", "A0"),
    ("bridge.B0", "B0"),
    ("bridge.C0", "C0"),
    ("bridge.unexplained", "unexplained"),
    ("findings.gap", "gap"),
    ("loss.stock", "stock_loss"),
    ("funds.owed", "owed"),
    ("findings.control", "control"),
)
SIGNATURES = ("prepared", "reviewed", "approved")
MEMBER_KINDS = {"platform": "platform", "channel": "channel", "reason_group": "reason_group"}
"""Dimensions whose members have words of their own; the others are names of the seller's."""


def sign_off(run: Run, language: str) -> Shown:
    """What the pack rests on, and the box in which three people sign it by hand."""
    intake = run.table("intake")
    files = intake.select(pl.col("file").n_unique()).item()
    says = word(
        "ui.rests_on",
        language,
        files=f"{files:,}",
        rows=f"{int(intake['rows_read'].sum()):,}",
        aside=f"{int(intake['rows_quarantined'].sum()):,}",
        as_of=run.summary["as_of"],
        digest=run.summary["inputs_sha256"][:16],
    )
    heads = "".join(f"<th>{word(f'sign.{column}', language)}</th>" for column in ("role", "name", "date", "comment"))
    rows = "".join(f"<tr><td>{word(f'sign.{role}', language)}</td><td></td><td></td><td></td></tr>" for role in SIGNATURES)
    return Shown(
        f'<p>{escape(says)}</p><table class="sign" id="sign-table"><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>'
    )


def headline(run: Run, language: str) -> Shown:
    """The month's figures as cards, each bound to its table."""
    return display.headline_of(run, language, CARDS)


def story(run: Run, language: str) -> Shown:
    """What moved, why, what it costs and what to decide, in sentences."""
    return Shown(f'<div class="story">{narrative.render_story(run, language, "management")}</div>')


def contributions_table(run: Run, dimension: str, language: str) -> Shown:
    """What each member moved of the refunds: last period, volume, rate, this period; the rows sum to the movement."""
    frame = management.contributions(run, dimension)
    if frame.is_empty():
        return Shown(f'<p class="empty">{word("ui.nothing_before", language)}</p>')
    named = _named(run, frame, dimension, language).select(
        dimension, "before_fen", "volume_fen", "rate_fen", "now_fen", "movement_fen"
    )
    return _totalled(named, language, dimension, f"moved-{dimension}-table")


def drivers_tables(run: Run, language: str) -> Shown:
    """For each dimension that a table states, the members most refunds come from."""
    parts = []
    for dimension in management.DRIVERS:
        frame = management.drivers(run, dimension)
        if frame.is_empty():
            continue
        shares = [
            "—" if not paid or is_rest else f"{amount / paid:.1%}"
            for amount, paid, is_rest in frame.select("amount_fen", "paid_fen", "is_rest").iter_rows()
        ]
        named = _named(run, frame.with_columns(pl.Series("refund_share", shares)), dimension, language)
        table = short_table(
            named.select(dimension, "n", "amount_fen", "refund_share"), language, f"by-{dimension}-table", right=("refund_share",)
        )
        parts.append(table.html)
    return Shown("".join(parts) or f'<p class="empty">{word("ui.nothing_here", language)}</p>')


def _named(run: Run, frame: pl.DataFrame, dimension: str, language: str) -> pl.DataFrame:
    """Members in words: a product with its title, the last row of small ones by its name, a null member as unclassified."""
    kind = MEMBER_KINDS.get(dimension, "")
    titles = dict(run.table("products").select("sku", "title").iter_rows()) if dimension == "sku" else {}
    names = [
        word("ui.all_others", language)
        if is_rest
        else word("ui.unassigned", language)
        if member is None
        else f"{value_label(kind, member, language)} {titles.get(member) or ''}".strip()
        for member, is_rest in frame.select("member", "is_rest").iter_rows()
    ]
    return frame.with_columns(pl.Series(dimension, names, dtype=pl.String))


def code_owner_table(run: Run, language: str) -> Shown:
    """Findings by owner and code: how many, how much, and the loss at cost."""
    frame = _with_names(management.code_owner(run), language).select("owner", "code", "name", "n", "abs_gap_fen", "loss_fen")
    return _totalled(frame, language, "owner", "code-owner-table")


def deductions_table(run: Run, language: str) -> Shown:
    """What channels took and gave back, by kind."""
    frame = management.deductions(run)
    named = frame.with_columns(
        kind=pl.Series([value_label("flow_kind", kind, language) for kind in frame["kind"]], dtype=pl.String)
    )
    return _totalled(named, language, "channel", "deductions-table")


def claims_table(run: Run, language: str) -> Shown:
    """What can be claimed from platforms."""
    frame = _with_names(management.claims(run), language).select("code", "name", "platform", "n", "abs_gap_fen")
    return _totalled(frame, language, "code", "claims-table")


def stock_loss_table(run: Run, language: str) -> Shown:
    """Goods of findings at cost: at risk, on their way, in the warehouse but not in the books."""
    frame = _with_names(management.stock_loss(run), language)
    states = pl.Series("goods_state", [word(f"goods_state.{state}", language) for state in frame["state"]], dtype=pl.String)
    return _totalled(frame.select(states, "code", "name", "n", "qty", "loss_fen"), language, "goods_state", "stock-table")


def funds_table(run: Run, language: str) -> Shown:
    """Money that still has to leave the wallets, by when and from which."""
    frame = management.funds(run)
    named = frame.with_columns(
        due=pl.Series([word(f"due.{due}", language) for due in frame["due"]], dtype=pl.String),
        due_on=pl.col("due_on").cast(pl.String).fill_null("—"),
    )
    return _totalled(named, language, "due", "funds-table")


def entries_effect(run: Run, language: str) -> Shown:
    """Proposed entries by what they do, and what they do to profit: negative lowers it."""
    rows = [
        (value_label("effect", effect, language), told["n"], told["pnl_fen"]) for effect, told in run.summary["entries"].items()
    ]
    frame = pl.DataFrame(rows, schema={"effect": pl.String, "n": pl.Int64, "pnl_fen": pl.Int64}, orient="row")
    return _totalled(frame, language, "effect", "effect-table")


def tax_table(run: Run, language: str) -> Shown:
    """Sales and output VAT reversed, by part, rate and shop."""
    frame = run.table("tax_basis")
    named = frame.select(
        pl.Series("tax_part", [value_label("part", part, language) for part in frame["part"]], pl.String),
        pl.Series(
            "tax_rate", ["—" if rate is None else f"{(Decimal(rate) * 100).normalize():f}%" for rate in frame["rate"]], pl.String
        ),
        pl.Series("red_letter", [value_label("red_letter", how, language) for how in frame["red_letter"]], pl.String),
        "shop",
        "sales_fen",
        "vat_fen",
        "gross_fen",
        "n",
    )
    return _totalled(named, language, "tax_part", "tax-table")


def controls_breached(run: Run, language: str) -> Shown:
    """Controls that did not hold and data that is not whole."""
    frame = _with_names(management.control_breaches(run), language)
    return _totalled(frame.select("code", "name", "severity", "owner", "n", "abs_gap_fen"), language, "code", "breaches-table")


def funnel_table(run: Run, language: str) -> Shown:
    """The stages of the process: what came in, what is through, what is left."""
    rows = [
        (
            word(f"stage.{stage}", language),
            f"{total:,}",
            f"{done:,}",
            f"{total - done:,}",
            f"{done / total:.1%}" if total else "—",
        )
        for stage, total, done in management.funnel(run)
    ]
    names = ("stage", "stage_total", "stage_done", "stage_left", "stage_share")
    frame = pl.DataFrame(rows, schema=dict.fromkeys(names, pl.String), orient="row")
    return short_table(frame, language, "funnel-table", right=names[1:])


def moved_line(run: Run, language: str) -> Shown:
    """The line that closes the movement: last period + volume + rate = this period, to the fen."""
    before, volume, rate, now = management.movement(run)
    says = word(
        "ui.moved",
        language,
        before=format_yuan(before),
        volume=format_yuan(volume, sign=True),
        rate=format_yuan(rate, sign=True),
        now=format_yuan(now),
    )
    return Shown(f"<p>{escape(says)}</p>" if management.has_before(run) else "")


def _with_names(frame: pl.DataFrame, language: str) -> pl.DataFrame:
    return frame.with_columns(name=pl.Series([code_name(code, language) for code in frame["code"]], dtype=pl.String))


def _totalled(frame: pl.DataFrame, language: str, column: str, table_id: str) -> Shown:
    """A table with its total, `column` holding the total's name; a sentence where there is nothing."""
    if frame.is_empty():
        return short_table(frame, language, table_id)
    written = frame.with_columns(
        pl.Series(column, [value_label(column, value, language) for value in frame[column]], dtype=pl.String)
    )
    return short_table(with_total(written, language, column), language, table_id, strong=is_total(column, language))
