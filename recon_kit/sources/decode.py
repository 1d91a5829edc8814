"""Bytes → text cells with physical row numbers: encodings, CSV, zip, gzip. No layout is known here.

A `Grid` is one text file, zip member or worksheet. Text is decoded strictly (UTF-8, UTF-16 by its mark, GB18030) into a
UTF-8 file and parsed by polars, columns as text; where a row spans lines its physical number is worked out from the quotes,
and where polars and the quotes disagree the csv module reads the file instead. Nothing is guessed from the file's name.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import hashlib
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import IO

import polars as pl

from recon_kit.errors import SourceError
from recon_kit.periods import TIMEZONE
from recon_kit.sources.archive import gunzip, is_passed_over, open_zip, read_member, refuse_bomb
from recon_kit.sources.workbook import read_sheets

HEAD_ROWS = 30
"""A header stands within the first thirty rows, or the file has none."""
CHUNK = 1 << 20
MAX_ROW_LINES = 200
"""A row that spans more lines than this is an unclosed quotation mark, not a long remark."""
MAX_HEAD = 1 << 17
"""Characters that the first rows may hold together: ten thousand headers fit, and no header stands below a longer row."""
SHORT_LINE, FEW_LINES = 12, 250_000
"""A file of more lines whose mean line is shorter in bytes is no export, and its millions of rows would not fit in memory."""
LONG_LINE = 1 << 22
MAX_PARQUET_CELLS = 20_000_000
_UTF8_CLASSES = bytes(b"Lc."[0 if 0xE3 <= byte <= 0xEF else 1 if 0x80 <= byte <= 0xBF else 2] for byte in range(256))
_ASCII = bytes(range(128))
_UTF8_RUN = b"Lcc" * 6
"""Six characters of 中文 in UTF-8 as classes of bytes; ASCII between them is left out. Chance in GB18030 text: 5e-14 a byte."""
csv.field_size_limit(1 << 30)  # a cell may be as long as its file; the module's own limit is 128 KB


@dataclass(frozen=True)
class HeadRow:
    """One of the first rows: its first and last physical line, and its cells as they stand."""

    first: int
    last: int
    cells: tuple[str, ...]


@dataclass(frozen=True)
class Grid:
    """The cells of one text file, zip member or worksheet as text. `lines`: physical lines; `frame`: a worksheet's cells.

    `sha256`: of the bytes of the file or member; of several sheets in one workbook each has its own.
    `ends_open`: the text stops without a line end, as a file does that was cut. `longest`: characters of its longest line,
    where that is longer than CHUNK.
    """

    name: str
    sha256: str
    head: tuple[HeadRow, ...]
    text: Path | None = None
    lines: int = 0
    ends_open: bool = False
    longest: int = 0
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
    if not path.is_file():
        raise SourceError(f"{name}: no file that can be read through (a pipe, a socket, a broken link); put the file itself here")
    try:
        return _open_file(path, name, workdir)
    except OSError as error:
        raise SourceError(
            f"{name}: the file cannot be opened ({error.strerror}); expected a file this user may read; close it elsewhere, "
            "check its permissions, or copy it here again"
        ) from None


def _open_file(path: Path, name: str, workdir: Path) -> list[Grid]:
    with path.open("rb") as stream:
        magic = stream.read(8)
        stream.seek(0)
        if magic.startswith(b"PAR1"):
            return [_open_parquet(path, name, hashlib.file_digest(stream, "sha256").hexdigest())]
        if magic.startswith(b"PK"):
            grids = _open_archive(path, name, workdir)
            if grids is not None:
                return grids
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
    _refuse_shapeless(grid)
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
    lines = _scan_lines(grid).filter(pl.col("n").is_in(list(rows))).select("line").collect()
    return lines["line"].to_list()


def cut_row(grid: Grid, header: HeadRow, last: int) -> int:
    """The row `last`, the file's last one, when the text stops inside it (no line end, fewer cells than headers); else 0."""
    if not grid.ends_open:
        return 0
    text = "\n".join(read_lines(grid, range(last, min(grid.lines, last + MAX_ROW_LINES) + 1)))
    expected = max((n for n, cell in enumerate(header.cells, 1) if cell.strip()), default=0)
    try:
        cells = next(csv.reader(io.StringIO(text, newline=""), delimiter=grid.separator, strict=True))
    except csv.Error:
        return last
    return last if len(cells) < expected else 0


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
        return [_open_text(io.BytesIO(gunzip(data, name)), name, digest, workdir)]
    if _is_binary(data):
        sheets = read_sheets(data, name)
        if len(sheets) == 1:
            return [_sheet_grid(name, digest, sheets[0][1])]
        own = {sheet: hashlib.sha256(f"{digest}!{sheet}".encode()).hexdigest() for sheet, _ in sheets}
        return [_sheet_grid(f"{name}!{sheet}", own[sheet], frame) for sheet, frame in sheets]
    return [_open_text(io.BytesIO(data), name, digest, workdir)]


def _sheet_grid(name: str, digest: str, frame: pl.DataFrame) -> Grid:
    first = frame.head(HEAD_ROWS).rows()
    head = tuple(HeadRow(row[0], row[0], tuple(cell or "" for cell in row[1:])) for row in first)
    return Grid(name, digest, head, frame=frame)


def _open_parquet(path: Path, name: str, digest: str) -> Grid:
    """A Parquet file as text cells; its rows count from 1 and its header stands above them."""
    source = path.resolve()  # a relative path such as `http:/x` would be taken for an address
    try:
        scan = pl.scan_parquet(source, glob=False)
        cells = scan.select(pl.len()).collect().item() * len(scan.collect_schema())
        if cells > MAX_PARQUET_CELLS:
            raise SourceError(
                f"{name}: {cells} cells; expected at most {MAX_PARQUET_CELLS}; split it by month and put the parts here"
            )
        table = scan.collect()
    except pl.exceptions.PolarsError as error:
        raise SourceError(
            f"{name}: the Parquet file is broken ({type(error).__name__}); expected a whole file; write it again"
        ) from None
    return frame_grid(table, name, digest)


def frame_grid(table: pl.DataFrame, name: str, digest: str) -> Grid:
    """A frame's cells as text, as if read from a worksheet; its rows count from 1 and its header stands above them."""
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


def _open_archive(path: Path, name: str, workdir: Path) -> list[Grid] | None:
    """The data members of a zip, or None when it is a workbook (an xlsx file is a zip too)."""
    with open_zip(path, name) as archive:
        members = [m for m in archive.infolist() if not m.is_dir()]
        if any(m.filename == "[Content_Types].xml" for m in members):
            return None
        refuse_bomb(members, name)
        kept = [m for m in members if not is_passed_over(PurePosixPath(m.filename.replace("\\", "/")))]
        grids: list[Grid] = []
        for member in sorted(kept, key=lambda m: m.filename):
            grids += _open_bytes(read_member(archive, member, name), f"{name}!{member.filename}", workdir)
        return grids


def _open_text(stream: IO[bytes], name: str, digest: str, workdir: Path) -> Grid:
    """Decode a text stream strictly into a UTF-8 file with plain line ends."""
    start = stream.read(1 << 10)
    utf16 = start.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
    if not utf16:
        _refuse_zero_bytes(start.decode("latin-1"), 1, name)
    target = workdir / f"{digest}.csv"
    failed_at = []
    for encoding in ("utf-16",) if utf16 else ("utf-8-sig", "gb18030"):
        stream.seek(0)
        written = _transcode(stream, encoding, target, name)
        if written.is_whole:
            head = _read_head(target, ",")
            return Grid(name, digest, head, target, written.lines, written.open > 0, written.longest)
        failed_at.append(written.ends + 1)
    tried = "UTF-16" if utf16 else "UTF-8, nor GB18030, from its first line to its last"
    raise SourceError(
        f"{name}, line {max(failed_at)}: the text is not valid {tried}; it was cut or pasted together from files in different "
        "encodings; export the file again, do not re-save it"
    )


@dataclass(frozen=True)
class _Written:
    """What of a text was written: line ends, characters after the last of them, characters of the longest line."""

    ends: int = 0
    open: int = 0
    longest: int = 0
    is_whole: bool = True

    @property
    def lines(self) -> int:
        return self.ends + (self.open > 0)


def _transcode(stream: IO[bytes], encoding: str, target: Path, name: str) -> _Written:
    """Write the stream as UTF-8 with plain line ends, as far as it is in the encoding.

    GB18030 reads most UTF-8 as other characters without complaint, so text that fails as UTF-8 and yet holds a run of it is
    no GB18030 either.
    """
    decoder, ends = codecs.getincrementaldecoder(encoding)("strict"), io.IncrementalNewlineDecoder(None, translate=True)
    written, classes = _Written(), b""
    with target.open("wb") as out:
        for chunk in itertools.chain(iter(lambda: stream.read(CHUNK) + stream.readline(MAX_HEAD), b""), (b"",)):
            if encoding == "gb18030":
                classes = classes[1 - len(_UTF8_RUN) :] + chunk.translate(_UTF8_CLASSES, _ASCII)
                if _UTF8_RUN in classes:
                    return replace(written, ends=written.ends + _lines_before_utf8(chunk), is_whole=False)
            try:
                text = _decode(decoder, chunk, encoding)
            except UnicodeDecodeError as error:
                before = error.object[: error.start].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
                return replace(written, ends=written.ends + before.count(b"\n"), is_whole=False)
            if "\r" in text or ends.getstate()[1]:
                text = ends.decode(text, final=not chunk)
            if b"\0" in chunk:
                _refuse_zero_bytes(text, written.ends + 1, name)
            out.write(text.encode())
            written = _count(written, text)
    return written


def _decode(decoder: codecs.IncrementalDecoder, chunk: bytes, encoding: str) -> str:
    """The next characters, as fast as the standard library has them.

    Line ends are made plain while they are bytes, which no character of UTF-8 or GB18030 holds; GBK, the part of GB18030 that
    nearly every line keeps to, is the faster codec.
    """
    if encoding != "utf-16":
        chunk = chunk.replace(b"\r\n", b"\n")
    if encoding == "gb18030" and not decoder.getstate()[0]:
        with contextlib.suppress(UnicodeDecodeError):
            return chunk.decode("gbk")
    return decoder.decode(chunk, final=not chunk)


def _count(written: _Written, text: str) -> _Written:
    if "\n" not in text:
        return replace(written, open=written.open + len(text), longest=max(written.longest, written.open + len(text)))
    first, rest = text.index("\n") + written.open, len(text) - text.rindex("\n") - 1
    # a line between two ends of one piece is shorter than the piece, which is never longer than a long line may be
    return _Written(written.ends + text.count("\n"), rest, max(written.longest, first, rest))


def _lines_before_utf8(chunk: bytes) -> int:
    """How many lines of the chunk stand before its first line of 中文 in UTF-8."""
    for number, line in enumerate(chunk.splitlines()):
        try:
            if max(line.decode(), default="") >= "\u0800":
                return number
        except UnicodeDecodeError:
            continue
    return 0


def _refuse_zero_bytes(text: str, line: int, name: str) -> None:
    if (place := text.find("\0")) >= 0:
        raise SourceError(
            f"{name}, line {line + text.count(chr(10), 0, place)}: this is no text file (it holds a zero byte): it is binary, or "
            "UTF-16 without its mark; expected a CSV, XLSX or ZIP export; export it again, or save it as UTF-8"
        )


def _refuse_shapeless(grid: Grid) -> None:
    """Refuse millions of lines of next to nothing, and a line of megabytes, before they take the memory of the machine."""
    size = grid.text.stat().st_size if grid.text else 0
    if grid.lines > FEW_LINES and size < SHORT_LINE * grid.lines:
        raise SourceError(
            f"{grid.name}: {grid.lines} lines of {size // grid.lines} bytes on average; expected rows of an export; "
            "delete the empty rows at its end, or export it again"
        )
    if grid.longest > LONG_LINE:
        raise SourceError(
            f"{grid.name}: a line of {grid.longest} characters; expected at most {LONG_LINE}; it is damaged; export it again"
        )


def _read_head(text: Path, separator: str) -> tuple[HeadRow, ...]:
    """The first rows that fit in MAX_HEAD; what stands below a longer row or an unclosed quotation mark is not looked at."""
    with text.open(encoding="utf-8", newline="") as stream:
        start = stream.read(MAX_HEAD + 1)
    whole = start if len(start) <= MAX_HEAD else start[: start.rfind("\n") + 1]
    rows = itertools.islice(_numbered_rows(io.StringIO(whole, newline="\n"), separator), HEAD_ROWS)
    return tuple(HeadRow(first, last, tuple(cells)) for first, last, cells in rows)


def _numbered_rows(lines: Iterable[str], separator: str) -> Iterator[tuple[int, int, list[str]]]:
    """First and last physical line and cells of every row."""
    reader = csv.reader(lines, delimiter=separator)
    last = 0
    for cells in reader:
        yield last + 1, reader.line_num, cells
        last = reader.line_num


def _scan_lines(grid: Grid) -> pl.LazyFrame:
    """Physical lines as `line`, numbered from 1 as `n`."""
    return pl.scan_lines(grid.text or "", row_index_name="n", row_index_offset=1, glob=False)


def _row_starts(grid: Grid, header: HeadRow) -> pl.Series:
    """Physical first lines of the rows below the header: a line starts a row when the quotes before it are even."""
    quotes = pl.col("line").str.count_matches('"', literal=True).cast(pl.Int64)
    before = quotes.cum_sum().shift(1, fill_value=0)
    lines = _scan_lines(grid).slice(header.last)
    return lines.filter(before % 2 == 0).select(pl.col("n").cast(pl.Int64)).collect()["n"]


def _read_slowly(grid: Grid, header: HeadRow, names: Sequence[str]) -> pl.DataFrame:
    """Read with the csv module, for the rare file whose quotation marks polars and a line count see differently."""
    schema = {"row": pl.Int64(), **{name: pl.String() for name in names}}
    frames = [pl.DataFrame(schema=schema)]
    with (grid.text or Path()).open(encoding="utf-8", newline="") as stream:
        rows = _wanted_cells(grid, _numbered_rows(stream, grid.separator), header, [int(name) for name in names])
        while chunk := list(itertools.islice(rows, 50_000)):
            frames.append(pl.DataFrame(chunk, schema=schema, orient="row"))
    return pl.concat(frames)


def _wanted_cells(
    grid: Grid, rows: Iterable[tuple[int, int, list[str]]], header: HeadRow, places: Sequence[int]
) -> Iterator[tuple[int | str | None, ...]]:
    """The rows below the header as (row, cells); SourceError where a quotation mark is never closed."""
    for first, last, cells in rows:
        if last - first > MAX_ROW_LINES:
            raise SourceError(
                f"{grid.name}, row {first}: a quotation mark is not closed (the row spans {last - first} lines); "
                "expected well-formed CSV; export the file again"
            )
        if first > header.last:
            yield (first, *((cells[place] or None) if place < len(cells) else None for place in places))
