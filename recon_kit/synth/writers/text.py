"""Cells and files: fen as yuan text, instants as text, and byte-equal CSV, XLSX and ZIP."""

from __future__ import annotations

import zipfile
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import xlsxwriter

from recon_kit.synth.cases import midnight
from recon_kit.synth.world import World

XLSX_ROWS = 10_000
"""Larger exports are written as CSV, as the platforms do."""
STAMP = "%Y-%m-%d %H:%M:%S"
_FIXED = (2026, 1, 1, 0, 0, 0)
_CREATED = datetime(*_FIXED, tzinfo=UTC)


def yuan(column: str | pl.Expr, zero: str = "0.00") -> pl.Expr:
    """Fen as yuan text without separators, `-12.30`; null stays null, and 0 is written as `zero`."""
    fen = pl.col(column) if isinstance(column, str) else column
    sign = pl.when(fen < 0).then(pl.lit("-")).otherwise(pl.lit(""))
    text = pl.format("{}{}.{}", sign, fen.abs() // 100, (fen.abs() % 100).cast(pl.String).str.zfill(2))
    return pl.when(fen == 0).then(pl.lit(zero)).otherwise(text)


def yuan_text(fen: int) -> str:
    """One amount in fen as yuan text without separators."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def stamp(column: str) -> pl.Expr:
    """An instant as `YYYY-MM-DD HH:MM:SS`; null is an empty cell."""
    return pl.col(column).dt.strftime(STAMP).fill_null("")


def within(frame: pl.DataFrame, column: str, first: date, end: date) -> pl.DataFrame:
    """Rows whose instant lies in the days `[first, end)`."""
    return frame.filter((pl.col(column) >= midnight(first)) & (pl.col(column) < midnight(end)))


def lines(frame: pl.DataFrame, cells: Sequence[pl.Expr], separator: str = ",") -> list[str]:
    """Each row as one line of text; a null cell is empty."""
    return (
        frame.select(pl.concat_str([cell.cast(pl.String).fill_null("") for cell in cells], separator=separator))
        .to_series()
        .to_list()
    )


def write_text(path: Path, rows: Iterable[str], encoding: str = "utf-8", newline: str = "\n") -> None:
    """Rows of text, each ended by `newline`, in the platform's encoding."""
    path.write_bytes("".join(f"{row}{newline}" for row in rows).encode(encoding))


def write_sheet(path: Path, frame: pl.DataFrame, sheet: str = "Sheet1") -> None:
    """A frame of texts as a workbook of one sheet, every cell as text; no clock in it."""
    with xlsxwriter.Workbook(path, {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}) as book:
        book.set_properties({"created": _CREATED})
        page = book.add_worksheet(sheet)
        page.write_row(0, 0, frame.columns)
        for number, row in enumerate(frame.iter_rows(), 1):
            for place, value in enumerate(row):
                if value not in (None, ""):
                    page.write_string(number, place, str(value))


class _GbkMember(zipfile.ZipInfo):
    """A member whose name is stored in GBK without the UTF-8 flag, as Alipay packs them."""

    def _encodeFilenameFlags(self) -> tuple[bytes, int]:  # noqa: N802 - the name zipfile calls
        return self.filename.encode("gbk"), self.flag_bits


def write_zip(path: Path, members: Mapping[str, str]) -> None:
    """A ZIP of GB18030 texts with GBK member names and fixed dates."""
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in members.items():
            member = _GbkMember(name, date_time=_FIXED)
            member.compress_type, member.create_system, member.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
            archive.writestr(member, text.encode("gb18030"))


def goods_of(lines_table: pl.DataFrame) -> pl.DataFrame:
    """Per order, what its lines say in one cell each: titles, SKUs and the number of pieces."""
    return lines_table.group_by("order_id").agg(
        titles=pl.col("title").str.join("，"), skus=pl.col("sku").str.join("，"), pieces=pl.col("qty").sum()
    )


def write_csv(path: Path, frame: pl.DataFrame, *, bom: bool = False) -> None:
    """A frame of texts as UTF-8 CSV, quoted only where needed; null is an empty cell."""
    frame.write_csv(path, include_bom=bom)


def fits_a_sheet(frame: pl.DataFrame) -> bool:
    """Whether the export is small enough to come as a workbook."""
    return frame.height <= XLSX_ROWS


def write_table(folder: Path, stem: str, frame: pl.DataFrame, sheet: str = "Sheet1") -> None:
    """A workbook while it is small, a CSV with a byte-order mark when it is not."""
    if fits_a_sheet(frame):
        write_sheet(folder / f"{stem}.xlsx", frame, sheet)
    else:
        write_csv(folder / f"{stem}.csv", frame, bom=True)


def repeated(world: World, cases: pl.DataFrame) -> pl.DataFrame:
    """The cases with the planted second copy of a row (K05) at the end of its file."""
    twice = [case_id for _, case_id in world.repeats]
    return pl.concat([cases, cases.filter(pl.col("case_id").is_in(twice))])
