"""How tables look: short ones by great_tables, the detail table as data for the page and by itables in JupyterLab."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
from great_tables import GT, loc, style

from recon_kit.labels import code_action, code_name, column_label, value_label, word
from recon_kit.money import format_yuan

DETAIL_MIME = "application/vnd.recon.detail+json"
"""The detail table as data; report.ReconHTMLExporter draws it, JupyterLab shows the plain itables version instead."""
COUNTS = (
    *("n", "rows", "rows_read", "rows_loaded", "rows_quarantined", "rows_duplicate"),
    *(
        "n_files",
        "n_open",
        "n_lines",
        "n_tied",
        "n_groups",
        "n_rows",
        "n_due",
        "n_matched",
        "n_over",
        "n_under",
        "days",
        "age_days",
        "qty",
        "row",
    ),
    *("n_codes", "n_tried", "n_planted", "n_found", "n_missed", "n_false", "n_lost", "n_still"),
    *("matched", "unmatched", "opening_n", "closing_n", "moved_n", "n_since", "days_late"),
    *("item_open", "item_explained", "item_ended", "item_assigned", "item_overdue", "item_escalated"),
    *("with_voucher", "with_attachment", "complete", "n_sources"),
    *("ties", "pending", "broken", "unchecked", "none"),
)
ENUMS = ("nature", "severity", "owner", "platform", "channel")
MAX_LINES = 5_000
"""Lines of the detail table; a page with more is slow to open, and the work-list has them all."""
MAX_FINDINGS = 20_000
"""Findings in the lines of the detail table: some two megabytes of the page."""
MAX_INSIDE = 1_000
"""Findings that one line opens to."""
FINDING = (
    "platform",
    "order_id",
    "case_id",
    "key",
    "expected_fen",
    "actual_fen",
    "gap_fen",
    "age_days",
    "breaks_on",
    "why",
    "evidence",
)
"""What an opened line says of each of its findings."""
DETAIL_WORDS = (
    "search",
    "search_hint",
    "page_info",
    "page_empty",
    "page_filtered",
    "page_length",
    "previous",
    "next",
    "first",
    "last",
    "open_line",
    "finding_link",
)


@dataclass(frozen=True)
class Shown:
    """A piece of a page: HTML whose data is escaped, and for the detail table the data itself."""

    html: str
    detail: Mapping[str, Any] | None = None

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {"text/html": self.html} | ({DETAIL_MIME: dict(self.detail)} if self.detail else {})


def short_table(
    frame: pl.DataFrame, language: str, table_id: str, *, strong: pl.Expr | None = None, right: Sequence[str] = ()
) -> Shown:
    """A frame of up to some hundred rows; columns are named, formatted and aligned by what they are.

    `_fen` columns become yuan, counts get separators, enumerations their words, null a dash. `strong`: rows set in bold;
    `right`: text columns that hold figures. An empty frame says so in a sentence.
    """
    if frame.is_empty():
        return Shown(f'<p class="empty">{word("ui.nothing_here", language)}</p>')
    numeric = [name for name in frame.columns if name.endswith("_fen") or name in COUNTS or name in right]
    written = _written(frame, language)
    table = (
        GT(written, id=table_id)
        .cols_label({name: column_label(name, language) for name in frame.columns})
        .cols_align("left")
        .cols_align("right", numeric)
        .tab_options(table_width="100%", table_font_names="inherit", table_font_size="14px")
    )
    for name in (name for name in frame.columns if name.endswith("_fen")):
        if below := _places(frame, pl.col(name) < 0):
            table = table.tab_style(style.text(color="#a33a1f"), loc.body(name, below))
    if days := [name for name in written.columns if _is_day(written[name])]:
        table = table.tab_style(style.css("white-space:nowrap"), loc.body(days))
    if strong is not None and (places := _places(frame, strong)):
        table = table.tab_style(style.text(weight="bold"), loc.body(rows=places))
    return Shown(table.as_raw_html())


def _is_day(column: pl.Series) -> bool:
    """Whether a column holds days and nothing else, which are not broken over lines."""
    said = column.filter(~column.is_in(["", "—"]))
    return bool(said.len()) and bool(said.str.contains(r"^\d{4}-\d{2}-\d{2}$").all())


def with_total(frame: pl.DataFrame, language: str, column: str) -> pl.DataFrame:
    """The frame with a last row that sums its amounts and counts, named in `column`."""
    sums = {name: frame[name].sum() for name in frame.columns if name.endswith("_fen") or name in COUNTS}
    total = pl.DataFrame([{column: word("ui.total", language), **sums}])
    return pl.concat([frame, total], how="diagonal_relaxed")


def is_total(column: str, language: str) -> pl.Expr:
    """The row that `with_total` added."""
    return pl.col(column) == word("ui.total", language)


def _places(frame: pl.DataFrame, condition: pl.Expr) -> list[int]:
    return frame.select(pl.arg_where(condition.fill_null(value=False))).to_series().to_list()


def _written(frame: pl.DataFrame, language: str) -> pl.DataFrame:
    """Every column as the text a reader sees."""
    return frame.select(
        pl.Series(name, [_cell(name, value, language) for value in frame[name]], pl.String) for name in frame.columns
    )


def _cell(name: str, value: Any, language: str) -> str:
    if value is None:
        return ""
    if name.endswith("_fen"):
        return format_yuan(value)
    if name in COUNTS:
        return f"{value:,}"
    if name in ENUMS:
        return value_label(name, value, language)
    if isinstance(value, list):
        return "\n".join(map(str, value))
    return str(value)


def detail_table(lines: pl.DataFrame, language: str) -> Shown:
    """The folded findings (views.folded) with search and sort; ids stay text, and every line opens to at most MAX_INSIDE.

    What MAX_LINES and MAX_FINDINGS leave out is counted in a note that names the work-list.
    """
    if lines.is_empty():
        return Shown(f'<p class="empty">{word("ui.nothing_here", language)}</p>')
    inside = pl.col("n").clip(upper_bound=MAX_INSIDE)
    shown = lines.filter(inside.cum_sum() <= MAX_FINDINGS).head(MAX_LINES)
    columns = ("code", "shop", "day", "owner", "severity", "age_days", "n", "abs_gap_fen")
    detail = {
        "note": _left_out(lines, shown, language),
        "columns": _headings(columns, language),
        "rows": [_detail_row(line, columns, language) for line in shown.iter_rows(named=True)],
        "inside": [_opened(line, language) for line in shown.iter_rows(named=True)],
        "inside_columns": _headings(FINDING, language),
        "action": column_label("action", language),
        "words": {key: word(f"ui.{key}", language) for key in DETAIL_WORDS},
    }
    return Shown(_lab_table(shown, language), detail)


def _left_out(lines: pl.DataFrame, shown: pl.DataFrame, language: str) -> str:
    """How many findings are not on the page, and where they are; empty when all are."""
    listed = int(shown["n"].clip(upper_bound=MAX_INSIDE).sum())
    rest = int(lines["n"].sum()) - listed
    return word("ui.more_findings", language, n=f"{listed:,}", rest=f"{rest:,}") if rest else ""


def _headings(columns: Sequence[str], language: str) -> list[dict[str, Any]]:
    return [{"title": column_label(name, language), "numeric": name in COUNTS or name.endswith("_fen")} for name in columns]


def _detail_row(line: Mapping[str, Any], columns: Sequence[str], language: str) -> list[list[Any]]:
    """The cells of a line: what each shows and what it sorts by."""
    cells = [[_cell(name, line[name], language), _order(name, line[name])] for name in columns]
    cells[0][0] = f"{line['code']} {code_name(line['code'], language)}"
    return cells


def _opened(line: Mapping[str, Any], language: str) -> dict[str, Any]:
    """What to do about a line, and its findings: their ids, which the page's address may name, and what each says."""
    findings = line["findings"][:MAX_INSIDE]
    return {
        "action": code_action(line["code"], language),
        "ids": [finding["discrepancy_id"] for finding in findings],
        "findings": [_inside(finding, language) for finding in findings],
    }


def _inside(finding: Mapping[str, Any], language: str) -> list[str]:
    """What an opened line says of one finding; a key that is the order or the case is not said twice."""
    is_said = finding["key"] in (finding["order_id"], finding["case_id"])
    return ["" if name == "key" and is_said else _cell(name, finding[name], language) for name in FINDING]


def _order(name: str, value: Any) -> int | str:
    """What a detail column sorts by."""
    if name == "severity":
        return ("info", "low", "medium", "high", "critical").index(value) if value else -1
    if name.endswith("_fen") or name in COUNTS:
        return -1 if value is None else int(value)
    return "" if value is None else str(value)


def _lab_table(lines: pl.DataFrame, language: str) -> str:
    """The same findings one by one for JupyterLab, by itables, offline."""
    import itables
    from itables.javascript import generate_init_offline_itables_html

    flat = lines.explode("findings").select("code", "shop", "day", "owner", "severity", pl.col("findings").struct.unnest())
    flat = _written(flat.drop("discrepancy_id"), language)
    flat = flat.rename({name: column_label(name, language) for name in flat.columns})
    bundle = generate_init_offline_itables_html(itables.options.dt_bundle)
    return bundle + str(itables.to_html_datatable(flat, connected=False, show_dtypes=False, allow_html=False, table_id="detail"))
