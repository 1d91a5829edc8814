"""One grid and the layout that claims it → typed rows, quarantine, control totals and stated coverage.

Every data row ends in exactly one place: a part (rows of one canonical table) or the quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import PurePosixPath

import polars as pl

from recon_kit.errors import SourceError
from recon_kit.results import QUARANTINE, result_schema
from recon_kit.schema import DTYPES, TABLES, Column, Table
from recon_kit.sources.columns import Cells, clean, is_stated, make
from recon_kit.sources.controls import NO_CONTROLS, compare_controls, read_coverage
from recon_kit.sources.decode import Grid, HeadRow, read_body, read_lines, with_separator
from recon_kit.sources.layout import Claim, Layout, RowId, Rows, Rule, claims, header_word, nearest
from recon_kit.sources.template import template_claim

MAY_BE_EMPTY = {("orders", "paid_at")}
"""Required in a header, yet empty in a row that has none. Source: docs of `schema`."""
MASKED = "***"
MAIN_INSTANT = {
    "orders": ("paid_at", "created_at"),
    "promotions": ("starts_at",),
    "payments": ("paid_at",),
    "aftersales": ("applied_at",),
    "receipts": ("received_at",),
    "voucher_lines": ("date",),
    "complaints": ("opened_at",),
}


@dataclass(frozen=True)
class Identified:
    """A grid, the layout that claims it, its header row, and the headers that are kept out."""

    grid: Grid
    layout: Layout
    place: int
    unknown: tuple[str, ...] = ()

    @property
    def header(self) -> HeadRow:
        """The header row."""
        return self.grid.head[self.place]


@dataclass(frozen=True)
class Part:
    """Rows of one table. `frame`: canonical columns, `_link`, `_line`; `stated`: columns the file really has."""

    rows: Rows
    frame: pl.DataFrame
    stated: tuple[str, ...]

    @property
    def table(self) -> Table:
        """The canonical table of the rows."""
        return TABLES[self.rows.table]


@dataclass(frozen=True)
class Reading:
    """What one grid held. `rows_read` = rows of the parts + distinct rows of the quarantine."""

    name: str
    sha256: str
    layout: Layout
    rows_read: int
    parts: tuple[Part, ...]
    quarantine: pl.DataFrame
    controls: pl.DataFrame
    coverage: Mapping[str, object]
    unknown: tuple[str, ...]
    money_fen: int | None

    @property
    def rows_quarantined(self) -> int:
        """Rows of the file that stand in quarantine."""
        return self.quarantine.height


def identify(grid: Grid, layouts: Sequence[Layout]) -> Identified | None:
    """Find the one layout that claims a grid: built-in and user layouts first, the standard template after them.

    Returns None for an unknown file. Raises SourceError when two layouts claim it.
    """
    for separator in (",", "\t", ";"):
        split = grid if separator == "," else with_separator(grid, separator)
        head = [row.cells for row in split.head]
        found = claims(layouts, head)
        if len(found) > 1:
            names = " and ".join(f"{c.layout.name} ({', '.join(c.layout.signature)})" for c in found)
            raise SourceError(
                f"{grid.name}, row {split.head[found[0].place].first}: two layouts claim this header: {names}; expected one; "
                "give one of them a `without` header that only the other has"
            )
        if found:
            return Identified(split, found[0].layout, found[0].place)
        if template := template_claim(head, grid.name):
            return Identified(split, template[0].layout, template[0].place, tuple(template[1]))
        if grid.is_sheet:
            break
    return None


def nearest_layouts(grid: Grid, layouts: Sequence[Layout]) -> list[tuple[str, list[str]]]:
    """For an unknown grid: the nearest layouts by name, and the headers of theirs that are missing."""
    best = max((nearest(layouts, [r.cells for r in with_separator(grid, s).head]) for s in (",", "\t")), key=len)
    return [(layout.label.zh, gap) for layout, gap in best]


def read(found: Identified) -> Reading:
    """Read a grid as its layout says."""
    grid, layout, header = found.grid, found.layout, found.header
    words = [header_word(cell) for cell in header.cells]
    positions = layout.positions(words, layout.headers())
    first = next((n for n, word in enumerate(words) if word), 0)
    width = len(header.cells)
    wanted = sorted({*positions.values(), first, width})
    body = read_body(grid, header, width, wanted)
    data, notes = _split(grid, body, layout, header.cells[first], str(first))
    above = "\n".join(",".join(row.cells) for row in grid.head[: found.place])
    below = read_lines(grid, notes) if notes else []
    literals = {"@file": PurePosixPath(grid.name.split("!")[0]).name, "@preamble": above, "@footer": "\n".join(below)}
    frame = data.select("row", pl.col(str(width)).alias("@extra"), *(clean(pl.col(str(p))).alias(n) for n, p in positions.items()))
    cells = Cells(frame, grid.is_sheet, literals)
    controls = compare_controls(layout, below, cells) if layout.controls else NO_CONTROLS
    parts, quarantine = _make_parts(grid, layout, cells)
    return Reading(
        name=grid.name,
        sha256=grid.sha256,
        layout=layout,
        rows_read=frame.height,
        parts=tuple(parts),
        quarantine=quarantine,
        controls=controls,
        coverage=_coverage(layout, parts, "\n".join([above, *below]), cells),
        unknown=found.unknown,
        money_fen=_money(parts),
    )


def _split(grid: Grid, body: pl.DataFrame, layout: Layout, header_cell: str, first: str) -> tuple[pl.DataFrame, list[int]]:
    """Data rows, and the physical rows of everything below the header that is no data: totals, end lines.

    A blank line and a header repeated by pasting files together are neither. A row whose only content stands in columns
    that are not read is data.
    """
    cell = pl.col(first).fill_null("").str.strip_chars()
    is_blank = pl.all_horizontal(pl.col(c).fill_null("").str.strip_chars() == "" for c in body.columns if c != "row")
    is_note = cell.str.contains(layout.footer)
    if layout.totals:
        is_totals = cell.str.contains(layout.totals)
        is_note = is_note | is_totals | is_totals.shift(1, fill_value=False)
    looks_blank = body.filter(is_blank)["row"].to_list()
    raw = zip(looks_blank, read_lines(grid, looks_blank), strict=True) if looks_blank else ()
    is_blank = is_blank & ~pl.col("row").is_in([row for row, line in raw if line.strip(', \t"')])
    is_header = cell == header_cell.strip()
    marked = body.with_columns(is_note.alias("@note"), (is_blank | is_header).alias("@blank"))
    notes = marked.filter(pl.col("@note"))["row"].to_list()
    return marked.filter(~pl.col("@note") & ~pl.col("@blank")).drop("@note", "@blank"), notes


def _make_parts(grid: Grid, layout: Layout, cells: Cells) -> tuple[list[Part], pl.DataFrame]:
    """Route the rows to their parts; a row with too many cells or of no known kind goes to quarantine."""
    frame = cells.frame
    extra = pl.col("@extra").str.strip_chars().fill_null("") != ""
    routed = frame.with_columns(pl.when(extra).then(-1).otherwise(None).alias("@part"))
    for number, rows in enumerate(layout.rows):
        here = pl.col("@part").is_null() & cells.holds(rows.when)
        routed = routed.with_columns(pl.when(here).then(number).otherwise(pl.col("@part")).alias("@part"))
    parts, bad = [], []
    for number, rows in enumerate(layout.rows):
        chosen = routed.filter(pl.col("@part") == number).drop("@part", "@extra")
        part, faults = _make_part(grid, layout, rows, Cells(chosen, cells.is_sheet, cells.literals))
        parts.append(part)
        bad.append(faults)
    for condition, reason in ((pl.col("@part") == -1, "单元格多于表头"), (pl.col("@part").is_null(), "无法识别的行类型")):
        stray = routed.filter(condition)
        bad.append(_quarantine(grid.name, stray["row"], pl.Series([reason], dtype=pl.String).new_from_index(0, stray.height)))
    return parts, pl.concat(bad).sort("row")


def _make_part(grid: Grid, layout: Layout, rows: Rows, cells: Cells) -> tuple[Part, pl.DataFrame]:
    table = TABLES[rows.table]
    rules = {**rows.columns, **{name: Rule(value=value) for name, value in rows.constants.items()}}
    if layout.account and "account" in table.names and "account" not in rules:
        rules["account"] = layout.account
    made: dict[str, pl.Series] = {}
    faults: list[tuple[Column, pl.Series, str]] = []
    for name, rule in rules.items():
        if not is_stated(rule, cells):
            continue
        column = table.column(name)
        result = make(rule, column, cells)
        made[name] = result.values
        cells = Cells(cells.frame.with_columns(result.values.alias(f"={name}")), cells.is_sheet, cells.literals)
        faults.append((column, result.fault, result.header))
    frame = _with_ids(rows.row_id, made, cells.frame["row"])
    kept, bad = _set_aside(grid.name, table, rows, frame, faults, cells)
    return Part(rows, kept, tuple(made)), bad


def _with_ids(row_id: RowId | None, made: Mapping[str, pl.Series], row: pl.Series) -> pl.DataFrame:
    """The made columns and the row number, with an id for rows that carry none."""
    frame = pl.DataFrame({"source_row": row.cast(pl.Int64), **made})
    if row_id is None:
        return frame
    parts = [pl.col(name).cast(pl.String).fill_null("") for name in row_id.of if name in made]
    text = frame.select(pl.concat_str(parts, separator="|").alias("t"))
    nth = text.select((pl.int_range(pl.len()).over("t") + 1).cast(pl.String).alias("n"))["n"]
    if row_id.style == "sequence":
        return frame.with_columns((text["t"] + "-" + nth).alias(row_id.column))
    # polars' own hash may change between versions; an id is for life
    digests = [blake2b(t.encode(), digest_size=8).hexdigest() for t in (text["t"] + "|" + nth)]
    return frame.with_columns(pl.Series(row_id.column, [row_id.prefix + d for d in digests], dtype=pl.String))


def _set_aside(
    name: str, table: Table, rows: Rows, frame: pl.DataFrame, faults: Sequence[tuple[Column, pl.Series, str]], cells: Cells
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Split off the rows with a fault; one quarantine row each, for its first fault."""
    stated = {column.name: header for column, _, header in faults}
    needed = {table.column(n).name for n in stated if table.column(n).required or table.column(n).key} - {"platform"}
    checks = [(column, fault, header) for column, fault, header in faults]
    for column_name in (n for n in table.names if n in needed and (table.name, n) not in MAY_BE_EMPTY):
        column = table.column(column_name)
        if column.required:
            empty = frame.select(pl.when(pl.col(column_name).is_null()).then(pl.lit("缺少必填的值")).alias("@f"))["@f"]
            checks.append((column, empty, stated[column_name]))
    reason = pl.Series("reason", [None], dtype=pl.String).new_from_index(0, frame.height)
    header, value = reason.alias("column"), reason.alias("value")
    for column, fault, word in checks:
        first = reason.is_null() & fault.is_not_null()
        if not first.any():
            continue
        shown = cells.frame[word] if word in cells.frame.columns else fault
        shown = pl.Series([MASKED]).new_from_index(0, frame.height) if column.personal else shown
        reason, header = reason.zip_with(~first, fault), header.zip_with(~first, pl.Series([word]).new_from_index(0, frame.height))
        value = value.zip_with(~first, shown)
    is_bad = reason.is_not_null()
    line = cells.frame.with_columns(pl.concat_str(_texts(rows.lines, cells), separator="|").alias("_line"))["_line"]
    link = make(rows.link, LINK, cells).values if rows.link else pl.Series([None], dtype=pl.String).new_from_index(0, frame.height)
    full = frame.with_columns(pl.lit(name).alias("source_file"), line, link.alias("_link"))
    missing = [pl.lit(None, DTYPES[c.kind]).alias(c.name) for c in table.columns if c.name not in full.columns]
    ordered = full.with_columns(missing).select(*table.polars_schema, "_line", "_link")
    bad = _quarantine(name, frame["source_row"], reason, header, value).filter(pl.col("reason").is_not_null())
    return ordered.filter(~is_bad), bad


LINK = Column("_link", "连接键")


def _texts(names: Sequence[str], cells: Cells) -> list[pl.Expr]:
    return [cells.text(name).fill_null("") for name in names] or [pl.lit("")]


def _quarantine(
    name: str, row: pl.Series, reason: pl.Series, column: pl.Series | None = None, value: pl.Series | None = None
) -> pl.DataFrame:
    nothing = pl.Series([None], dtype=pl.String).new_from_index(0, row.len())
    columns = {"row": row, "column": nothing if column is None else column, "value": nothing if value is None else value, "reason": reason}
    return pl.DataFrame({"file": pl.Series([name], dtype=pl.String).new_from_index(0, row.len()), **columns}).cast(
        result_schema(QUARANTINE)  # type: ignore[arg-type]
    )


def _coverage(layout: Layout, parts: Sequence[Part], around: str, cells: Cells) -> dict[str, object]:
    """What the file states about itself, and the first and last instant of its rows."""
    stated = read_coverage(layout.coverage, around)
    spans = [pl.Series([], dtype=DTYPES["instant"])]
    for part in parts:
        names = MAIN_INSTANT.get(part.table.name, ("at",))
        instants = [part.frame[n].cast(DTYPES["instant"]) for n in names if n in part.frame.columns]
        spans.extend(instants[:1] if not instants or instants[0].has_nulls() is False else instants)
    span = pl.concat(spans)
    channels = {c for p in parts if "channel" in p.frame.columns for c in p.frame["channel"].unique().to_list() if c}
    accounts: set[object] = set()
    if layout.account and is_stated(layout.account, cells):
        accounts = set(make(layout.account, LINK, cells).values.drop_nulls().unique().to_list())
    elif not layout.account:
        accounts = {a for p in parts if p.table.name == "flows" for a in p.frame["account"].drop_nulls().unique().to_list()}
    return {
        **stated,
        "channel": layout.channel or (channels.pop() if len(channels) == 1 else None),
        "account": accounts.pop() if len(accounts) == 1 else None,
        "first_at": span.min(),
        "last_at": span.max(),
    }


def _money(parts: Sequence[Part]) -> int | None:
    """Σ of the table's own amount, for the eye of the person who checks a file; null where a table has none."""
    for part in parts:
        for name in ("amount_fen", "final_fen", "buyer_paid_fen", "debit_fen"):
            if name in part.frame.columns and part.frame[name].null_count() < part.frame.height:
                return int(part.frame[name].sum())
    return None
