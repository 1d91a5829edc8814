"""Stage 1: a folder of exports → canonical tables, with every row of every file accounted for.

Files are found by what stands in them, whatever they are called and however deep they lie.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path

import polars as pl

from recon_kit.errors import SourceError, TieError
from recon_kit.results import CONTROLS, COVERAGE, INTAKE, INTAKE_DAYS, QUARANTINE, conform_result, result_schema
from recon_kit.schema import TABLES, conform
from recon_kit.sources.archive import is_passed_over
from recon_kit.sources.decode import Grid, open_grids
from recon_kit.sources.layout import Layout
from recon_kit.sources.loading import load_layouts
from recon_kit.sources.merge import DUPLICATES_SCHEMA, Merged, Source, defaults, fill_platform, merge
from recon_kit.sources.notes import Note, skipped, unknown_file
from recon_kit.sources.own import NOTHING_OWN, Own, unmapped_reasons
from recon_kit.sources.reader import Identified, Part, Reading, identify, main_days, nearest_layouts, read

__all__ = ["Collected", "Note", "Tables", "collect", "read_files"]

DATA_SUFFIXES = {"", ".csv", ".txt", ".tsv", ".xlsx", ".xlsm", ".xls", ".zip", ".gz", ".parquet"}
"""A file that cannot be opened under one of these names is an error; under another name it is none of ours."""
PASSED_OVER_FOLDERS = {"reports", "layouts"}


@dataclass(frozen=True)
class Tables:
    """The canonical tables, in the order of `schema.TABLES`. None: not supplied; an empty frame: supplied, nothing in it."""

    orders: pl.DataFrame | None = None
    order_lines: pl.DataFrame | None = None
    order_discounts: pl.DataFrame | None = None
    promotions: pl.DataFrame | None = None
    payments: pl.DataFrame | None = None
    aftersales: pl.DataFrame | None = None
    aftersale_events: pl.DataFrame | None = None
    flows: pl.DataFrame | None = None
    shipments: pl.DataFrame | None = None
    receipts: pl.DataFrame | None = None
    voucher_lines: pl.DataFrame | None = None
    fees: pl.DataFrame | None = None
    wallets: pl.DataFrame | None = None
    bank_rows: pl.DataFrame | None = None
    complaints: pl.DataFrame | None = None
    products: pl.DataFrame | None = None
    kpi_history: pl.DataFrame | None = None

    def supplied(self) -> dict[str, pl.DataFrame]:
        """The tables that were supplied, by name."""
        return {f.name: frame for f in fields(self) if (frame := getattr(self, f.name)) is not None}


@dataclass(frozen=True)
class Collected:
    """What a folder held.

    `intake`: one row per file or zip member read. `quarantine`: rows set aside, with the reason. `duplicates`: one row per
    natural key that came twice (K05 candidates; `evidence` has all its rows). `controls`: one row per total a file states.
    `coverage`: one row per bill, with the half-open span it states (null where it states none). `days`: rows per file and day.
    `own_files`: name and sha-256 of the user's layouts and reasons, which decided how the files were read.
    """

    tables: Tables
    intake: pl.DataFrame
    quarantine: pl.DataFrame
    duplicates: pl.DataFrame
    controls: pl.DataFrame
    coverage: pl.DataFrame
    days: pl.DataFrame
    warnings: tuple[Note, ...]
    own_files: tuple[tuple[str, str], ...] = ()


def collect(data: Path, *, progress: Callable[[str], None] | None = None, own: Own = NOTHING_OWN) -> Collected:
    """Read every file under a folder and merge the rows into canonical tables.

    `progress` is called with each file's name. `own`: the user's own layouts, which come before the built-in ones, and more.
    Raises SourceError for a file that cannot be read and TieError when a row is unaccounted for.
    """
    if not data.is_dir():
        raise SourceError(f"{data}: no such folder; expected the folder with the exported files; give it with --data")
    readings, notes = [], []
    for outcome in read_files([data], own=own, progress=progress):
        if isinstance(outcome, SourceError):
            raise outcome
        if isinstance(outcome, Note):
            notes.append(outcome)
        else:
            readings.append(outcome)
    return assemble(readings, notes, own)


def read_files(
    paths: Sequence[Path], *, own: Own = NOTHING_OWN, progress: Callable[[str], None] | None = None
) -> Iterator[Reading | Note | SourceError]:
    """Read files and folders one after another: a reading per file or member, a note per unknown file, or its error.

    Last come what the user had passed over, a note per pattern.
    """
    passed_over: dict[str, list[str]] = {pattern: [] for pattern in own.skip}
    for path, name in _walk(paths):
        if pattern := own.skipped_by(name):
            passed_over[pattern].append(name)
            continue
        if progress:
            progress(name)
        with tempfile.TemporaryDirectory(prefix="recon_kit_", ignore_cleanup_errors=True) as workdir:
            try:
                yield from _read_file(path, name, Path(workdir), own)
            except SourceError as error:
                error.file = name
                yield error
    yield from (skipped(pattern, names) for pattern, names in passed_over.items())


def assemble(readings: Sequence[Reading], notes: Sequence[Note] = (), own: Own = NOTHING_OWN) -> Collected:
    """Merge what the files held into canonical tables and account for every row."""
    ordered = sorted(readings, key=lambda r: r.name)
    first_with: dict[str, str] = {}
    fresh, repeated, warnings = [], [], list(notes)
    for reading in ordered:
        if (first := first_with.setdefault(reading.sha256, reading.name)) != reading.name:
            repeated.append(reading)
            warnings.append(Note("same_file", {"file": reading.name, "first": first}))
        else:
            fresh.append(reading)
        if reading.ends_open and not reading.layout.is_template:
            warnings.append(Note("no_line_end", {"file": reading.name}))
        if reading.unknown:
            warnings.append(Note("unknown_columns", {"file": reading.name, "columns": "、".join(reading.unknown)}))
    merged = _merge_all(fresh)
    kept: dict[str, int] = {}
    for result in merged.values():
        warnings.extend(result.notes)
        for file, n in result.kept.items():
            kept[file] = kept.get(file, 0) + n
    supplied = {name: result for name, result in merged.items() if result.is_supplied}
    frames = {name: conform(_finish(name, result, fresh, own.reasons), TABLES[name]) for name, result in supplied.items()}
    warnings.extend(unmapped_reasons(frames.get("aftersales")))
    return Collected(
        tables=Tables(**frames),
        intake=_intake(ordered, kept, {r.name for r in repeated}),
        quarantine=_stack([r.quarantine for r in fresh], result_schema(QUARANTINE)),
        duplicates=_stack([m.duplicates for m in merged.values()], DUPLICATES_SCHEMA),
        controls=_controls(fresh),
        coverage=_coverage(ordered),
        days=_days(ordered),
        warnings=tuple(warnings),
        own_files=own.files,
    )


def _walk(paths: Sequence[Path]) -> Iterator[tuple[Path, str]]:
    """Every data file with its name in posix form, in name order: relative to the one folder given, else as given."""
    for path in paths:
        if not path.exists():
            raise SourceError(f"{path}: no such file or folder; expected exported files; check the path")
        if not path.is_dir():
            yield path, path.name if len(paths) == 1 else path.as_posix()
            continue
        base = path if len(paths) == 1 else Path()
        for found in sorted(path.rglob("*"), key=lambda p: p.relative_to(path).as_posix()):
            folders = found.relative_to(path).parts[:-1]
            hidden = any(f.startswith(".") or f.lower() in PASSED_OVER_FOLDERS for f in folders)
            if not found.is_dir() and not hidden and not is_passed_over(found.relative_to(path)):
                yield found, found.relative_to(base).as_posix()


def _read_file(path: Path, name: str, workdir: Path, own: Own) -> Iterator[Reading | Note]:
    if path.is_file() and path.stat().st_size == 0:
        yield Note("empty_file", {"file": name})
        return
    try:
        grids = open_grids(path, name, workdir)
    except SourceError:
        if path.suffix.lower() in DATA_SUFFIXES:
            raise
        yield unknown_file(name)
        return
    layouts = load_layouts()
    settled = {grid.name: layout for grid in grids if (layout := own.settled(grid.name))}
    found = [(grid, identify(grid, layouts, [settled[grid.name]] if grid.name in settled else own.layouts)) for grid in grids]
    readers = {identified.layout.name for _, identified in found if identified}
    for layout in settled.values():
        if layout.name not in readers:
            raise SourceError(
                f"{name}: recon.toml [sources] use says that layout {layout.name} reads it, but the header is another; expected "
                f"the columns {', '.join(layout.signature)}; correct the layout, or take the line out"
            )
    yield from _readings(found, (*own.layouts, *layouts))


def _readings(found: Sequence[tuple[Grid, Identified | None]], layouts: Sequence[Layout]) -> Iterator[Reading | Note]:
    known = any(identified for _, identified in found)
    for grid, identified in found:
        if identified and identified.layout.is_data:
            yield read(identified)
        elif identified and identified.layout.advice:
            label, advice = identified.layout.label, identified.layout.advice
            facts = {"layout_zh": label.zh, "layout_en": label.en, "advice_zh": advice.zh, "advice_en": advice.en}
            yield Note("no_data", {"file": grid.name, **facts})
        elif identified is None and not (grid.is_sheet and known):
            yield unknown_file(grid.name, nearest_layouts(grid, layouts))


def _merge_all(readings: Sequence[Reading]) -> dict[str, Merged]:
    """Merge per table, in table order; orders come before the cases that take their platform."""
    merged: dict[str, Merged] = {}
    for name in TABLES:
        sources = _sources(name, readings)
        if name == "aftersales" and "orders" in merged:
            sources = [replace(s, frame=fill_platform(s.frame, merged["orders"].frame)) for s in sources]
        if sources:
            merged[name] = merge(TABLES[name], sources)
    return merged


def _sources(table: str, readings: Sequence[Reading]) -> list[Source]:
    """The rows of one table, gathered per layout; templates with different columns complete each other, so they stay apart."""
    groups: dict[tuple[str, bool, frozenset[str]], list[tuple[Reading, Part]]] = {}
    for reading in sorted(readings, key=lambda r: r.layout.name):
        for part in reading.parts:
            if part.rows.table == table:
                columns = frozenset(part.stated if reading.layout.is_template else ())
                groups.setdefault((reading.layout.name, part.rows.also, columns), []).append((reading, part))
    sources = []
    for rank, members in enumerate(groups.values()):
        numbers = {reading.name: number for number, (reading, _) in enumerate(members)}
        frame = pl.concat([p.frame.with_columns(pl.lit(numbers[r.name], pl.Int64).alias("_file")) for r, p in members])
        stated = tuple(dict.fromkeys(column for _, part in members for column in part.stated))
        first, part = members[0]
        completes = first.layout.is_template or first.layout.is_erp
        how = (part.rows.complement, part.rows.also, first.layout.is_erp)
        sources.append(Source(first.layout.name, rank, completes, frame, stated, *how))
    return sources


def _finish(name: str, result: Merged, readings: Sequence[Reading], reasons: Sequence[tuple[str, str]]) -> pl.DataFrame:
    """Defaults, the one account of a channel, and a fixed order by natural key."""
    table = TABLES[name]
    frame = result.frame.with_columns(defaults(table, reasons))
    if name == "flows":
        accounts: dict[str, set[str]] = {}
        for reading in readings:
            channel, account = reading.coverage["channel"], reading.coverage["account"]
            # A file about one account speaks for those that name none; one with an account a row, or of a wallet apart, does not.
            whose = reading.layout.account
            if whose and whose.value is None and isinstance(channel, str) and isinstance(account, str):
                accounts.setdefault(channel, set()).add(account)
        only = {channel: next(iter(found)) for channel, found in accounts.items() if len(found) == 1}
        known = pl.col("channel").replace_strict(only, default=None, return_dtype=pl.String)
        frame = frame.with_columns(pl.col("account").fill_null(known))
    return frame.select(table.polars_schema.keys()).sort(*table.key, "source_file", "source_row")


def _intake(readings: Sequence[Reading], kept: dict[str, int], repeated: set[str]) -> pl.DataFrame:
    """One row per file: read = loaded + quarantined + duplicate, or TieError."""
    rows = []
    for reading in readings:
        is_copy = reading.name in repeated
        quarantined = 0 if is_copy else reading.rows_quarantined
        loaded = 0 if is_copy else kept.get(reading.name, 0)
        held = reading.rows_quarantined + sum(part.frame.height for part in reading.parts if not part.rows.also)
        if held != reading.rows_read or loaded + quarantined > reading.rows_read:
            raise TieError(
                f"{reading.name}: {reading.rows_read} rows read, {held} held, {loaded} loaded and {quarantined} quarantined; "
                "expected every row in exactly one place; report this as a bug"
            )
        stated = dict(reading.controls.select("measure", "stated").rows())
        found = dict(reading.controls.select("measure", "found").rows())
        rows.append(
            {
                "file": reading.name,
                "layout": reading.layout.name,
                "table": " + ".join(reading.layout.tables),
                "rows_read": reading.rows_read,
                "rows_loaded": loaded,
                "rows_quarantined": quarantined,
                "rows_duplicate": reading.rows_read - loaded - quarantined,
                "first_at": reading.coverage["first_at"],
                "last_at": reading.coverage["last_at"],
                "layout_zh": reading.layout.label.zh,
                "layout_en": reading.layout.label.en,
                "exported_at": reading.coverage["exported_at"],
                "latest_at": _latest(reading),
                "control_stated": json.dumps(stated, ensure_ascii=False) if stated else None,
                "control_found": json.dumps(found, ensure_ascii=False) if stated else None,
                "sha256": reading.sha256,
            }
        )
    return conform_result(pl.DataFrame(rows, schema=result_schema(INTAKE)), INTAKE)


def _controls(readings: Sequence[Reading]) -> pl.DataFrame:
    stated = [
        r.controls.select(pl.lit(r.name.split("!")[0]).alias("file"), pl.lit(r.name).alias("member"), pl.all())
        for r in readings
        if r.controls.height
    ]
    return _stack(stated, result_schema(CONTROLS))


def _coverage(readings: Sequence[Reading]) -> pl.DataFrame:
    bills = [r for r in readings if {"flows", "payments"} & set(r.layout.tables)]
    rows = [{"file": r.name, "layout": r.layout.name, "table": " + ".join(r.layout.tables), **r.coverage} for r in bills]
    return pl.DataFrame(rows, schema=result_schema(COVERAGE))


def _latest(reading: Reading) -> object:
    instants = [p.frame[c.name].max() for p in reading.parts for c in p.table.columns if c.kind == "instant"]
    return max((at for at in instants if isinstance(at, datetime)), default=None)


def _days(readings: Sequence[Reading]) -> pl.DataFrame:
    """Rows of each file by the day of its table; the day is null where the table has none or the row was set aside."""
    rows: list[tuple[str, object, int]] = []
    for reading in readings:
        dated = main_days(reading.parts).drop_nulls()
        rows.extend((reading.name, day, n) for day, n in dated.value_counts(name="n").sort(dated.name).iter_rows())
        if undated := reading.rows_read - dated.len():
            rows.append((reading.name, None, undated))
    return pl.DataFrame(rows, schema=result_schema(INTAKE_DAYS), orient="row")


def _stack(frames: Sequence[pl.DataFrame], schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return pl.concat([pl.DataFrame(schema=schema), *frames])
