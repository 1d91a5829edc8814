"""One grid and the layout that claims it → typed rows, quarantine, control totals and stated coverage.

Every data row ends in exactly one place: a part (rows of one canonical table) or the quarantine.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import PurePosixPath

import polars as pl

from recon_kit.errors import SourceError
from recon_kit.privacy import mask_figure_expr, mask_text_expr
from recon_kit.schema import DTYPES, TABLES, Column, Table
from recon_kit.sources.columns import Cells, clean, fault, fault_place, make_columns, make_text
from recon_kit.sources.controls import NO_CONTROLS, compare_controls, read_coverage
from recon_kit.sources.decode import Grid, HeadRow, cut_row, read_body, read_lines, with_separator
from recon_kit.sources.fixed import open_fixed
from recon_kit.sources.layout import Layout, RowId, Rows, Rule, claims, header_word, nearest
from recon_kit.sources.template import template_claim, template_layout

MAY_BE_EMPTY = {("orders", "paid_at")}
"""Required in a header, yet empty in a row that has none. Source: docs of `schema`."""
OWN_AMOUNT = ("amount_fen", "final_fen", "approved_fen", "requested_fen", "buyer_paid_fen", "debit_fen", "credit_fen")
"""What a row of a table is about in money, the first that is given and not zero."""
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


LOCAL_CURRENCY = r"(?i)^(|CNY|RMB|人民币|元|￥|¥|156)$"
_PROGRESS = ("unpaid", "open", "paid", "shipped", "completed", "success", "closed")


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
    """What one grid held. `rows_read` = rows of the parts that are not `also` + rows of the quarantine.

    `ends_open`: the text stops behind a row without a line end.
    """

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
    ends_open: bool = False

    @property
    def rows_quarantined(self) -> int:
        """Rows of the file that stand in quarantine."""
        return self.quarantine.height


def identify(grid: Grid, layouts: Sequence[Layout], own: Sequence[Layout] = ()) -> Identified | None:
    """Find the one layout that claims a grid: the user's own first, then the given ones, then the standard templates.

    Returns None for an unknown file. Raises SourceError when two of a kind claim it.
    """
    if cut := open_fixed(grid, own) or open_fixed(grid, layouts):
        return Identified(*cut, place=0)
    for separator in (",", "\t", ";"):
        split = grid if separator == "," else with_separator(grid, separator)
        head = [row.cells for row in split.head]
        found = claims(own, head) or claims(layouts, head)
        if len(found) > 1:
            names = " and ".join(f"{c.layout.name} ({', '.join(c.layout.signature)})" for c in found)
            raise SourceError(
                f"{grid.name}, row {split.head[found[0].place].first}: two layouts claim this header: {names}; expected one; "
                "give one of them a `without` header that only the other has, or name one in recon.toml [sources] use"
            )
        if found:
            return Identified(split, found[0].layout, found[0].place)
        if template := template_claim(head, grid.name):
            return Identified(split, template[0].layout, template[0].place, tuple(template[1]))
        if grid.is_sheet:
            break
    return None


def nearest_layouts(grid: Grid, layouts: Sequence[Layout]) -> list[tuple[str, str, list[str]]]:
    """For an unknown grid: the nearest layouts by their 中文 and English names, and the headers of theirs that it lacks."""
    known = (*layouts, *(template_layout(name) for name in TABLES))
    best = max((nearest(known, [r.cells for r in with_separator(grid, s).head]) for s in (",", "\t")), key=len)
    return [(lay.label.zh, lay.label.en, [lay.aliases[h][0] if lay.is_template else h for h in missing]) for lay, missing in best]


def read(found: Identified) -> Reading:
    """Read a grid as its layout says."""
    grid, layout, header = found.grid, found.layout, found.header
    positions = layout.positions([header_word(cell) for cell in header.cells], layout.headers())
    _refuse_two_columns(grid, header, positions)
    cells, above, below = _read_cells(found, positions)
    parts, quarantine = _make_parts(grid, layout, cells)
    shown = {name: header.cells[place].strip() for name, place in positions.items()}
    return Reading(
        name=grid.name,
        sha256=grid.sha256,
        layout=layout,
        rows_read=cells.frame.height,
        parts=tuple(parts),
        quarantine=quarantine.with_columns(pl.col("column").replace(shown)),
        controls=compare_controls(layout, below, cells) if layout.controls else NO_CONTROLS,
        coverage=_coverage(layout, parts, "\n".join([*above, *below]), cells),
        unknown=found.unknown,
        money_fen=_money(parts),
        ends_open=grid.ends_open and cells.frame.height > 0 and cells.frame["row"][-1] == grid.lines,
    )


def _refuse_two_columns(grid: Grid, header: HeadRow, positions: Mapping[str, int]) -> None:
    """Refuse a file in which a header that is read stands twice over different cells: which of them counts is not guessed."""
    words = [header_word(cell) for cell in header.cells]
    for name, place in positions.items():
        for other in (n for n, word in enumerate(words) if word == words[place] and n != place):
            one, two = (clean(pl.col(str(n))) for n in (place, other))
            differing = read_body(grid, header, len(words), sorted((place, other))).filter(one.ne_missing(two))
            if differing.height:
                raise SourceError(
                    f"{grid.name}, row {header.first}: the column {name} stands twice (columns {place + 1} and {other + 1}) and "
                    f"its cells differ, first in row {differing['row'][0]}; expected it once; delete the wrong one"
                )


def _read_cells(found: Identified, positions: Mapping[str, int]) -> tuple[Cells, list[str], list[str]]:
    """The cleaned cells of the data rows under the layout's headers, and the lines above and below the data."""
    grid, header, layout = found.grid, found.header, found.layout
    first = next((n for n, cell in enumerate(header.cells) if header_word(cell)), 0)
    width = len(header.cells)
    body = read_body(grid, header, width, sorted({*positions.values(), first, width}))
    data, notes = _split(grid, body, layout, header.cells[first], str(first))
    above = [",".join(row.cells) for row in grid.head[: found.place]]
    below = read_lines(grid, notes) if notes else []
    cleaned = {name: clean(pl.col(str(place))) for name, place in positions.items()}
    cut = cut_row(grid, header, body["row"][-1]) if body.height else 0
    marks = (pl.col(str(width)).alias("@extra"), (pl.col("row") == cut).alias("@cut"))
    frame = data.lazy().select("row", *marks, **cleaned).collect(engine="in-memory")
    file, member = (PurePosixPath(grid.name.split("!")[place]).name for place in (0, -1))
    literals = {"@file": file, "@member": member, "@preamble": "\n".join(above), "@footer": "\n".join(below)}
    cells = Cells(frame, grid.is_sheet, literals)
    if layout.no_data:
        frame = frame.filter(~pl.any_horizontal(*map(cells.holds, layout.no_data)))
    filled = [pl.col(name).forward_fill() for name in layout.fill_down if name in frame.columns]
    return replace(cells, frame=frame.with_columns(filled)), above, below


def _split(grid: Grid, body: pl.DataFrame, layout: Layout, header_cell: str, first: str) -> tuple[pl.DataFrame, list[int]]:
    """Data rows, and the physical rows of everything below the header that is no data: totals, end lines.

    A blank line and a header repeated by pasting files together are neither. A row whose only content stands in columns
    that are not read is data.
    """
    cell = pl.col(first).fill_null("").str.strip_chars(" \t\r\n\ufeff")
    filled = [pl.col(c).fill_null("").str.strip_chars() != "" for c in body.columns if c != "row"]
    is_blank = ~pl.any_horizontal(filled)
    is_row = pl.sum_horizontal(filled) * 2 > len(filled)  # a title such as `#1 茶杯` is no footer
    is_note = cell.str.contains(layout.footer) & ~is_row
    if layout.totals:
        is_totals = cell.str.contains(layout.totals)
        is_note = is_note | is_totals | is_totals.shift(1, fill_value=False)
    looks_blank = body.filter(cell == "").filter(is_blank)["row"].to_list()
    raw = zip(looks_blank, read_lines(grid, looks_blank), strict=True) if looks_blank else ()
    is_blank = pl.col("row").is_in([row for row, line in raw if not line.strip(', \t"')])
    is_header = cell == header_cell.strip(" \t\r\n\ufeff")
    marked = body.with_columns(is_note.alias("@note"), (is_blank | is_header).alias("@blank"))
    notes = marked.filter(pl.col("@note"))["row"].to_list()
    return marked.filter(~pl.col("@note") & ~pl.col("@blank")).drop("@note", "@blank"), notes


def _make_parts(grid: Grid, layout: Layout, cells: Cells) -> tuple[list[Part], pl.DataFrame]:
    """Route the rows to their parts; one with too many cells, in a foreign currency or of no known kind goes to quarantine.

    A row that is at fault in one part is in none.
    """
    frame = cells.frame
    extra = pl.col("@extra").fill_null("") != ""
    is_habit = frame.select((extra & (pl.col("@extra").str.strip_chars() == "")).all()).item()  # every row ends with a blank cell
    is_foreign = ~cells.text(layout.currency or "").fill_null("").str.contains(LOCAL_CURRENCY)
    part = pl.when(extra & pl.lit(not is_habit)).then(-1).when(is_foreign).then(-2).when("@cut").then(-3)
    for number, rows in enumerate(layout.rows):
        if not rows.also:
            part = part.when(_picks(rows, cells)).then(number)
    routed = frame.with_columns(part.alias("@part"))
    made: list[tuple[Rows, pl.DataFrame, tuple[str, ...]]] = []
    bad = []
    for number, rows in enumerate(layout.rows):
        here = (pl.col("@part") >= 0) & _picks(rows, cells) if rows.also else pl.col("@part") == number
        whole, stated, faults = _make_part(
            grid, layout, rows, replace(cells, frame=routed.filter(here).drop("@part", "@extra", "@cut"))
        )
        made.append((rows, whole, stated))
        bad.append(faults)
    too_long = "长度与版式不符" if layout.fixed else "单元格多于表头"
    for condition, reason in (
        (pl.col("@part") == -1, too_long),
        (pl.col("@part") == -2, "不是人民币"),
        (pl.col("@part") == -3, "行不完整，文件在此处被截断"),
        (pl.col("@part").is_null(), "无法识别的行类型"),
    ):
        bad.append(_quarantine(grid.name, routed.filter(condition)["row"].to_list(), reason))
    quarantine = pl.concat(bad).sort("row", maintain_order=True).unique("row", keep="first", maintain_order=True)
    is_bad = pl.col("source_row").is_in(quarantine["row"].implode())
    return [Part(rows, whole.filter(~is_bad), stated) for rows, whole, stated in made], quarantine


def _picks(rows: Rows, cells: Cells) -> pl.Expr:
    """The rows of the file that a part of the layout is about."""
    return cells.holds(rows.when) & ~pl.any_horizontal(
        pl.lit(value=False), *(cells.holds({h: p}) for h, p in rows.unless.items())
    )


def _make_part(grid: Grid, layout: Layout, rows: Rows, cells: Cells) -> tuple[pl.DataFrame, tuple[str, ...], pl.DataFrame]:
    """Make the canonical columns of one part in the layout's order: all its rows, the columns stated, the rows at fault."""
    table = TABLES[rows.table]
    rules = {**rows.columns, **{name: Rule(value=value) for name, value in rows.constants.items()}}
    if layout.account and "account" in table.names and "account" not in rules:
        rules["account"] = layout.account
    made, headers = make_columns(rules, table, cells)
    if rows.also and "amount_fen" in table.names:
        made = replace(made, frame=_moving(made.frame))
    needed = {*table.required} - _may_be_empty(layout, rows)
    bad = _faults(grid.name, table, rules, needed, headers, made)
    columns = [(pl.col(f"={c.name}") if c.name in headers else pl.lit(None, DTYPES[c.kind])).alias(c.name) for c in table.columns]
    line = pl.concat_str([cells.text(name).fill_null("") for name in rows.lines] or [pl.lit("")], separator="|")
    place = (pl.lit(grid.name).alias("source_file"), pl.col("row").alias("source_row"))
    frame = made.frame.with_columns(*columns, *place, line.alias("_line"), make_text(rows.link, made).alias("_link"))
    frame = _with_ids(rows.row_id, frame.select(*table.polars_schema, "_line", "_link"))
    if rows.summed is not None:
        bad = pl.concat([bad, _beside(grid.name, table, frame, bad)])
    amounts = frame.select(pl.col("source_row").alias("row"), _own_amount(table).alias("amount_fen"))
    bad = bad.drop("amount_fen").join(amounts, on="row", how="left", validate="m:1", maintain_order="left")
    return frame if rows.summed is None else sum_lines(table, rows.summed, frame), tuple(headers), bad


def _own_amount(table: Table) -> pl.Expr:
    amounts = [pl.col(name) for name in OWN_AMOUNT if name in table.names]
    return pl.coalesce(*(pl.when(amount != 0).then(amount) for amount in amounts), *amounts, pl.lit(None, DTYPES["fen"]))


def _moving(frame: pl.DataFrame) -> pl.DataFrame:
    """The rows with an amount: a column of fees feeds nothing where it is empty, zero or absent."""
    if "=amount_fen" not in frame.columns:
        return frame.clear()
    return frame.filter((pl.col("=amount_fen") != 0).fill_null(pl.col("~amount_fen").is_not_null()))


def _beside(name: str, table: Table, frame: pl.DataFrame, bad: pl.DataFrame) -> pl.DataFrame:
    """The other lines of an order one of whose lines is at fault: their sum would not be the order's."""
    at_fault = pl.col("source_row").is_in(bad["row"].implode())
    rest = frame.filter(~at_fault).join(frame.filter(at_fault), on=[*table.key], how="semi")
    return _quarantine(name, rest["source_row"].to_list(), "同一单的另一行有误")


def sum_lines(table: Table, summed: Sequence[str], frame: pl.DataFrame) -> pl.DataFrame:
    """Give every row of a key what its distinct lines come to: the sums, and the state that all of them have reached.

    Closed only when every line is, else the least advanced of the others; an instant of dispatch or completion only when all
    that are not closed have one, then the latest; of creation and payment the earliest. True where one line says so.
    """
    keys = [*table.key]
    distinct = frame.unique([*keys, "_line"], keep="first", maintain_order=True)
    states = [n for n in ("status", "platform_status", "erp_status") if n in table.names]
    rank = {state: n for n, state in enumerate(_PROGRESS)}
    is_open = pl.coalesce(*states, pl.lit("")) != "closed"
    last = {n for n in ("shipped_at", "completed_at") if n in table.names}
    first = {n for n in ("created_at", "paid_at") if n in table.names}
    whole = distinct.group_by(keys, maintain_order=True).agg(
        *(pl.when(pl.col(n).is_not_null().any()).then(pl.col(n).sum()).alias(n) for n in summed),
        *(
            pl.when((pl.col(n).is_not_null() | ~is_open).all()).then(pl.col(n).filter(is_open).max()).alias(n)
            for n in sorted(last)
        ),
        *(pl.col(n).min() for n in sorted(first)),
        *(
            pl.when(pl.col(c.name).is_not_null().any()).then(pl.col(c.name).any()).alias(c.name)
            for c in table.columns
            if c.kind == "bool"
        ),
        *(pl.col(n).sort_by(pl.col(n).replace_strict(rank, default=len(rank), return_dtype=pl.Int64)).first() for n in states),
    )
    order = frame.columns
    return (
        frame.drop(set(whole.columns) - {*keys})
        .join(whole, on=keys, how="left", validate="m:1", maintain_order="left", nulls_equal=True)
        .select(order)
    )


def _with_ids(row_id: RowId | None, frame: pl.DataFrame) -> pl.DataFrame:
    """Give rows that carry no id one made of their contents and of how many equal rows stand before them."""
    if row_id is None:
        return frame
    text = pl.concat_str([pl.col(name).cast(pl.String).fill_null("") for name in row_id.of], separator="|")
    parts = frame.select(text.alias("text")).with_columns((pl.int_range(pl.len()).over("text") + 1).cast(pl.String).alias("nth"))
    if row_id.style == "hash":
        # polars' own hash may change between versions, and an id is for life
        digests = [blake2b(t.encode(), digest_size=8).hexdigest() for t in parts["text"] + "|" + parts["nth"]]
        ids = pl.Series([row_id.prefix + digest for digest in digests], dtype=pl.String)
    else:
        ids = parts["nth"] if row_id.style == "number" else parts["text"] + "-" + parts["nth"]
    return frame.with_columns(pl.col(row_id.column).fill_null(ids.alias(row_id.column)))


def _may_be_empty(layout: Layout, rows: Rows) -> set[str]:
    """Required columns that a row may leave empty: an id that it is given, and all but the key in the seller's own system."""
    names = {column for table, column in MAY_BE_EMPTY if table == rows.table} | ({rows.row_id.column} if rows.row_id else set())
    return names | ({c.name for c in TABLES[rows.table].columns if not c.key} if layout.is_erp else set())


def _faults(
    name: str, table: Table, rules: Mapping[str, Rule], needed: set[str], headers: Mapping[str, str], made: Cells
) -> pl.DataFrame:
    """One quarantine row per row with a fault, for its first: a value that cannot be read, or a needed one that is missing."""
    columns = [table.column(column) for column in headers]
    has_year = {c.name: not any(step.year_of for step in rules[c.name].ways) for c in columns}
    found = [fault(c, must_be_given=c.name in needed, has_year=has_year[c.name]).alias(c.name) for c in columns]
    reasons = made.frame.select("row", *found)
    reasons = reasons.filter(pl.any_horizontal(pl.col(headers.keys()).is_not_null()))
    if not reasons.height:
        return _quarantine(name, [], "")
    places = {c.name: fault_place(rules[c.name], headers[c.name], made) for c in columns}
    shown = {f"{c.name}@": pl.lit(MASKED) if c.personal else places[c.name][1].fill_null("") for c in columns}
    values = made.frame.select("row", **shown, **{f"{name}@where": where for name, (where, _) in places.items()})
    both = reasons.join(values, on="row", how="left", validate="1:1", maintain_order="left")
    first = [pl.when(pl.col(c.name).is_not_null()) for c in columns]
    return both.select(
        pl.lit(name).alias("file"),
        "row",
        pl.coalesce(*(at.then(pl.col(f"{c.name}@where")) for at, c in zip(first, columns, strict=True))).alias("column"),
        pl.coalesce(*(at.then(_masked(c)) for at, c in zip(first, columns, strict=True))).alias("value"),
        pl.coalesce(*(pl.col(c.name) for c in columns)).alias("reason"),
        pl.lit(None, DTYPES["fen"]).alias("amount_fen"),
    )


def _masked(column: Column) -> pl.Expr:
    """The text at fault, without what names a person."""
    text = pl.col(f"{column.name}@")
    return mask_text_expr(text) if column.kind == "text" else mask_figure_expr(text)


def _quarantine(name: str, rows: Sequence[int], reason: str) -> pl.DataFrame:
    return pl.DataFrame({"row": rows}, schema={"row": pl.Int64}).select(
        pl.lit(name).alias("file"),
        "row",
        pl.lit(None, pl.String).alias("column"),
        pl.lit(None, pl.String).alias("value"),
        pl.lit(reason).alias("reason"),
        pl.lit(None, DTYPES["fen"]).alias("amount_fen"),
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
    stated_in = [p.frame["account"] for p in parts if p.table.name == "flows" and not layout.account]
    named = cells.frame.with_columns(make_text(layout.account, cells).alias("@account"))["@account"]
    accounts = {a for series in (named, *stated_in) for a in series.drop_nulls().unique().to_list()}
    return {
        **stated,
        "channel": layout.channel or (channels.pop() if len(channels) == 1 else None),
        "account": accounts.pop() if len(accounts) == 1 else None,
        "first_at": span.min(),
        "last_at": span.max(),
    }


def main_days(parts: Sequence[Part]) -> pl.Series:
    """The day of every row, by its table's own date; null where it has none. A row that feeds a second part counts once."""
    days = [pl.Series("day", [], pl.Date)]
    for part in (part for part in parts if not part.rows.also):
        names = [n for n in MAIN_INSTANT.get(part.table.name, ("at",)) if n in part.table.names]
        days.append(part.frame.select(pl.coalesce(*(pl.col(n).dt.date() for n in names), pl.lit(None, pl.Date))).to_series())
    return pl.concat([series.alias("day") for series in days])


def _money(parts: Sequence[Part]) -> int | None:
    """Σ of the table's own amount, for the eye of the person who checks a file; null where a table has none."""
    for part in parts:
        for name in ("amount_fen", "final_fen", "buyer_paid_fen", "debit_fen"):
            if name in part.frame.columns and part.frame[name].null_count() < part.frame.height:
                return int(part.frame[name].sum())
    return None
