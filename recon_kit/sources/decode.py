"""Bytes → text cells with physical row numbers: encodings, CSV, zip, gzip. No layout is known here.

A `Grid` is one text file, zip member or worksheet. Text is decoded strictly (UTF-8, UTF-16 by its mark, GB18030) into a
UTF-8 file and parsed by polars, columns as text; where a row spans lines its physical number is worked out from the quotes,
and where polars and the quotes disagree the csv module reads the file instead. Nothing is guessed from the file's name.
"""

from __future__ import annotations

import codecs
import csv
import gzip
import hashlib
import io
import itertools
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import polars as pl

from recon_kit.errors import SourceError
from recon_kit.periods import TIMEZONE
from recon_kit.sources.workbook import read_sheets

HEAD_ROWS = 30
"""A header stands within the first thirty rows, or the file has none."""
CHUNK = 1 << 22
MAX_MEMBERS, MAX_MEMBER_BYTES, MAX_RATIO = 200, 200 << 20, 200
MAX_ROW_LINES = 200
"""A row that spans more lines than this is an unclosed quotation mark, not a long remark."""


@dataclass(frozen=True)
class HeadRow:
    """One of the first rows: its first and last physical line, and its cells as they stand."""

    first: int
    last: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """The cells of one text file, zip member or worksheet as text. `lines`: physical lines; `frame`: a worksheet's cells."""

    name: str
    sha256: str
    head: tuple[HeadRow, ...]
    text: Path | None = None
    lines: int = 0
    separator: str = ","
    frame: pl.DataFrame | None = None

    @property
    def is_sheet(self) -> bool:
        """Cells come from a worksheet: amounts may be doubles and long ids may be damaged."""
        return self.frame is not None


def open_grids(path: Path, name: str, workdir: Path) -> list[Grid]:
    """Open every table-like part of a file: itself, the members of a zip, the visible sheets of a workbook.

    `name` is what the grids are called after (`name!member` inside a zip). Decoded text is kept under `workdir`.
    Raises SourceError for a file that cannot be opened, is encrypted or looks like a bomb.
    """
    with path.open("rb") as stream:
        magic = stream.read(8)
        stream.seek(0)
        if magic.startswith(b"PAR1"):
            return [_open_parquet(path, name, hashlib.file_digest(stream, "sha256").hexdigest())]
        if magic.startswith(b"PK"):
            members = _zip_members(path, name)
            if members is not None:
                return [grid for member, data in members for grid in _open_bytes(data, f"{name}!{member}", workdir)]
        if _is_binary(magic):
            return _open_bytes(path.read_bytes(), name, workdir)
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        stream.seek(0)
        return [_open_text(stream, name, digest, workdir)]


def read_body(grid: Grid, header: HeadRow, width: int, wanted: Sequence[int]) -> pl.DataFrame:
    """Read the rows below the header: `row` (physical, of the row's first line) and the wanted cells, named by position.

    Position `width` holds the first cell a row has too many; a short row is padded with null, a blank line is all null.
    """
    names = [str(position) for position in wanted]
    if grid.frame is not None:
        cells = [c for c in grid.frame.columns if c != "row"]
        known = [pl.col(n) if n in cells else pl.lit(None, pl.String).alias(n) for n in names]
        return grid.frame.filter(pl.col("row") > header.last).select("row", *known)
    scan = pl.scan_csv(
        grid.text or "",
        has_header=False,
        skip_lines=header.last,
        schema={str(position): pl.String() for position in range(width + 1)},
        separator=grid.separator,
        infer_schema=False,
        truncate_ragged_lines=True,
        missing_columns="insert",
        raise_if_empty=False,
        glob=False,
    )
    try:
        body = scan.select(names).collect()
    except pl.exceptions.PolarsError:
        return _read_slowly(grid, header, names)
    rows = pl.Series("row", range(header.last + 1, header.last + 1 + body.height), dtype=pl.Int64)
    if body.height != grid.lines - header.last:
        starts = _row_starts(grid, header)
        if starts.len() != body.height or (starts.diff().max() or 0) > MAX_ROW_LINES:  # type: ignore[operator]
            return _read_slowly(grid, header, names)
        rows = starts.rename("row")
    return body.select(rows, *names)


def read_lines(grid: Grid, rows: Sequence[int]) -> list[str]:
    """Return the raw text of physical lines, cells joined by commas for a worksheet."""
    if grid.frame is not None:
        found = grid.frame.filter(pl.col("row").is_in(list(rows))).drop("row")
        return [",".join(cell or "" for cell in row) for row in found.rows()]
    lines = _scan_lines(grid).with_row_index("n", 1).filter(pl.col("n").is_in(list(rows))).select("line").collect()
    return [line or "" for line in lines["line"]]


def with_separator(grid: Grid, separator: str) -> Grid:
    """The same text split at another separator."""
    if grid.text is None:
        return grid
    return replace(grid, separator=separator, head=_read_head(grid.text, separator))


def _is_binary(magic: bytes) -> bool:
    return magic.startswith((b"PK", b"\xd0\xcf\x11\xe0", b"\x1f\x8b"))


def _open_bytes(data: bytes, name: str, workdir: Path) -> list[Grid]:
    """Open a member or a binary file held in memory."""
    digest = hashlib.sha256(data).hexdigest()
    if data.startswith(b"\x1f\x8b"):
        return [_open_text(io.BytesIO(_gunzip(data, name)), name, digest, workdir)]
    if _is_binary(data):
        sheets = read_sheets(data, name)
        several = len(sheets) > 1
        return [_sheet_grid(f"{name}!{sheet}" if several else name, digest, frame) for sheet, frame in sheets]
    return [_open_text(io.BytesIO(data), name, digest, workdir)]


def _sheet_grid(name: str, digest: str, frame: pl.DataFrame) -> Grid:
    first = frame.head(HEAD_ROWS).rows()
    head = tuple(HeadRow(row[0], row[0], tuple(cell or "" for cell in row[1:])) for row in first)
    return Grid(name, digest, head, frame=frame)


def _open_parquet(path: Path, name: str, digest: str) -> Grid:
    """A Parquet file as text cells; its rows count from 1 and its header stands above them."""
    try:
        table = pl.read_parquet(path, glob=False)
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{name}: the Parquet file is broken ({type(error).__name__}); expected a whole file; write it again"
        ) from None
    as_text = [_cell_text(pl.col(column), dtype).alias(str(n)) for n, (column, dtype) in enumerate(table.schema.items())]
    frame = table.select(pl.int_range(1, pl.len() + 1, dtype=pl.Int64).alias("row"), *as_text)
    return Grid(name, digest, (HeadRow(0, 0, tuple(table.columns)),), frame=frame)


def _cell_text(cell: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    if isinstance(dtype, pl.Datetime):
        local = cell.dt.convert_time_zone(TIMEZONE) if dtype.time_zone else cell
        return local.dt.strftime("%Y-%m-%d %H:%M:%S%.f")
    if dtype.is_float():
        return pl.when(cell.abs() >= 1e15).then(cell.cast(pl.String) + "E+00").otherwise(cell.cast(pl.String))
    if dtype.is_nested() or dtype == pl.Binary():
        return pl.lit(None, pl.String)
    return cell.cast(pl.String)


def _gunzip(data: bytes, name: str) -> bytes:
    try:
        with gzip.open(io.BytesIO(data)) as stream:
            text = stream.read(MAX_MEMBER_BYTES + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise SourceError(f"{name}: the gzip file is broken ({error}); expected a whole .gz file; download it again") from None
    if len(text) > MAX_MEMBER_BYTES:
        raise SourceError(
            f"{name}: unpacks to more than {MAX_MEMBER_BYTES >> 20} MB; unpack it yourself and put the text file here"
        )
    return text


def _zip_members(path: Path, name: str) -> list[tuple[str, bytes]] | None:
    """The data members of a zip with their bytes, or None when it is a workbook (an xlsx file is a zip too)."""
    archive = _open_zip(path, name)
    with archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if any(m.filename == "[Content_Types].xml" for m in members):
            return None
        if len(members) > MAX_MEMBERS or len({m.header_offset for m in members}) != len(members):
            raise SourceError(
                f"{name}: {len(members)} members, some overlapping or too many; expected at most {MAX_MEMBERS} files; repack it"
            )
        kept = [m for m in members if not is_passed_over(PurePosixPath(m.filename.replace("\\", "/")))]
        return [(m.filename, _read_member(archive, m, name)) for m in sorted(kept, key=lambda m: m.filename)]


def _open_zip(path: Path, name: str) -> zipfile.ZipFile:
    """Open a zip whose member names may be GBK without the UTF-8 flag, as Alipay writes them."""
    for encoding in ("utf-8", "gb18030", "cp437"):
        try:
            return zipfile.ZipFile(path, metadata_encoding=encoding)
        except UnicodeDecodeError:
            continue
        except zipfile.BadZipFile as error:
            raise SourceError(f"{name}: the zip file is broken ({error}); expected a whole archive; download it again") from None
    raise SourceError(f"{name}: member names are in no known encoding; unpack the archive and put its files here")


def _read_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, name: str) -> bytes:
    where = f"{name}!{member.filename}"
    if member.flag_bits & 1:
        raise SourceError(
            f"{where}: the member is encrypted; expected an archive without a password; unpack it and put the files here"
        )
    parts = PurePosixPath(member.filename.replace("\\", "/")).parts
    if ".." in parts or member.filename.startswith(("/", "\\")) or (member.external_attr >> 16) & 0o170000 == 0o120000:
        raise SourceError(f"{where}: a member may not be a link or point outside the archive; repack it with plain file names")
    if member.file_size > MAX_MEMBER_BYTES or member.file_size > MAX_RATIO * max(member.compress_size, 1024):
        raise SourceError(
            f"{where}: unpacks to {member.file_size >> 20} MB from {member.compress_size >> 10} KB; expected at most "
            f"{MAX_MEMBER_BYTES >> 20} MB and {MAX_RATIO} times the packed size; unpack it yourself and put the files here"
        )
    try:
        return archive.read(member)
    except (zipfile.BadZipFile, zlib.error, NotImplementedError, EOFError) as error:
        raise SourceError(f"{where}: the member cannot be unpacked ({error}); download the archive again") from None


PICTURES = frozenset((".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".heic"))
PASSED_OVER_SUFFIXES = PICTURES | frozenset(
    (".pdf", ".md", ".toml", ".html", ".ini", ".url", ".lnk", ".doc", ".docx", ".pptx", ".py", ".ipynb")
)
PASSED_OVER_NAMES = {".ds_store", "thumbs.db", "desktop.ini", "answer_key.csv"}


def is_passed_over(path: PurePosixPath | Path) -> bool:
    """Whether a file is no data by its name: office lock files, system files, PDFs, pictures, notes, hidden files."""
    name = path.name.lower()
    return (
        name.startswith((".", "~$", "readme"))
        or name in PASSED_OVER_NAMES
        or path.suffix.lower() in PASSED_OVER_SUFFIXES
        or "__macosx" in (part.lower() for part in path.parts)
    )


def _open_text(stream: IO[bytes], name: str, digest: str, workdir: Path) -> Grid:
    """Decode a text stream strictly into a UTF-8 file with plain line ends."""
    mark = stream.read(4)
    stream.seek(0)
    utf16 = mark.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    target = workdir / f"{digest}.csv"
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        stream.seek(0)
        try:
            lines = _transcode(stream, encoding, target, name)
        except UnicodeDecodeError:
            continue
        return Grid(name, digest, _read_head(target, ","), text=target, lines=lines)
    tried = "UTF-16" if utf16 else "UTF-8 or GB18030"
    raise SourceError(
        f"{name}: the text is not valid {tried}; expected one of the two throughout; export the file again, do not re-save it"
    )


def _transcode(stream: IO[bytes], encoding: str, target: Path, name: str) -> int:
    """Write the stream as UTF-8 with plain line ends and return the number of physical lines."""
    decoder = io.IncrementalNewlineDecoder(codecs.getincrementaldecoder(encoding)("strict"), translate=True)
    lines, last = 0, ""
    with target.open("wb") as out:
        while chunk := stream.read(CHUNK):
            text = decoder.decode(chunk)
            lines, last = _write(out, text, lines, last, name)
        lines, last = _write(out, decoder.decode(b"", final=True), lines, last, name)
    return lines + (last not in ("", "\n"))


def _write(out: IO[bytes], text: str, lines: int, last: str, name: str) -> tuple[int, str]:
    if "\0" in text:
        raise SourceError(
            f"{name}: this is no text file (it holds zero bytes); expected a CSV, XLSX or ZIP export; export it again"
        )
    out.write(text.encode())
    return lines + text.count("\n"), text[-1:] or last


def _read_head(text: Path, separator: str) -> tuple[HeadRow, ...]:
    with text.open(encoding="utf-8", newline="") as stream:
        rows = _numbered_rows(stream, separator)
        try:
            return tuple(itertools.islice(rows, HEAD_ROWS))
        except csv.Error:
            return ()


def _numbered_rows(stream: IO[str], separator: str) -> Iterator[HeadRow]:
    reader = csv.reader(stream, delimiter=separator)
    last = 0
    for cells in reader:
        yield HeadRow(last + 1, reader.line_num, tuple(cells))
        last = reader.line_num


def _scan_lines(grid: Grid) -> pl.LazyFrame:
    schema = {"line": pl.String()}
    return pl.scan_csv(
        grid.text or "", has_header=False, schema=schema, separator="\x01", quote_char=None, infer_schema=False, glob=False
    )


def _row_starts(grid: Grid, header: HeadRow) -> pl.Series:
    """Physical first lines of the rows below the header: a line starts a row when the quotes before it are even."""
    quotes = pl.col("line").fill_null("").str.count_matches('"', literal=True).cast(pl.Int64)
    lines = _scan_lines(grid).with_row_index("n", 1).slice(header.last)
    before = quotes.cum_sum().shift(1, fill_value=0)
    return lines.filter(before % 2 == 0).select(pl.col("n").cast(pl.Int64)).collect()["n"]


def _read_slowly(grid: Grid, header: HeadRow, names: Sequence[str]) -> pl.DataFrame:
    """Read with the csv module, for the rare file whose quotation marks polars and a line count see differently."""
    schema = {"row": pl.Int64(), **{name: pl.String() for name in names}}
    frames = [pl.DataFrame(schema=schema)]
    with (grid.text or Path()).open(encoding="utf-8", newline="") as stream:
        below = (row for row in _numbered_rows(stream, grid.separator) if row.first > header.last)
        try:
            while chunk := list(itertools.islice(below, 50_000)):
                if any(row.last - row.first > MAX_ROW_LINES for row in chunk):
                    raise csv.Error("a row spans hundreds of lines")
                columns = {n: [(row.cells[int(n)] if int(n) < len(row.cells) else "") or None for row in chunk] for n in names}
                frames.append(pl.DataFrame({"row": [row.first for row in chunk], **columns}, schema=schema))
        except csv.Error as error:
            raise SourceError(
                f"{grid.name}: a quotation mark is not closed ({error}); expected well-formed CSV; export the file again"
            ) from None
    return pl.concat(frames)
