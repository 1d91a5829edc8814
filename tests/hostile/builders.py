"""Small files that are wrong in one way each, and what becomes of them: accept, warn, quarantine or reject."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import polars as pl
import xlsxwriter

from recon_kit.cli.check import check
from recon_kit.collect import Collected, assemble, read_files
from recon_kit.sources.notes import Note
from recon_kit.sources.reader import Reading

HEADER = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述"
FLOWS = "channel,flow_id,at,kind,amount,memo"


def row(number: int = 1, amount: str = "-5.00", at: str = "2026-10-09 12:00:00", memo: str = "-") -> str:
    """One refund of a Pinduoduo bill."""
    return f"261009-{number:015d},{at},0,{amount},交易退款,{memo},0020002|交易退款-订单退款"


def bill(*rows: str, header: str = HEADER, end: str = "\n") -> str:
    """A Pinduoduo bill: two refunds of 5.00 unless rows are given."""
    return end.join([header, *(rows or (row(1), row(2)))]) + end


def flows(*, memo: str = "", **cells: str) -> str:
    """The standard template of flows with one row, whose cells are overridden by name."""
    usual = {"channel": "card", "flow_id": "F1", "at": "2026-10-09", "kind": "refund", "amount": "-5.00", "memo": memo}
    return FLOWS + "\n" + ",".join(f'"{cell}"' for cell in {**usual, **cells}.values()) + "\n"


def sheet(*rows: list[object], name: str = "表", **formats: str) -> bytes:
    """A workbook with one sheet; numbers are numbers; `formats`: column letter → number format."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer, {"strings_to_formulas": False, "strings_to_urls": False})
    page = book.add_worksheet(name)
    for letter, pattern in formats.items():
        page.set_column(f"{letter}:{letter}", None, book.add_format({"num_format": pattern}))
    for number, cells in enumerate(rows):
        page.write_row(number, 0, cells)
    book.close()
    return buffer.getvalue()


def edited(data: bytes, *changes: tuple[str, bytes, bytes]) -> bytes:
    """The same archive with (member, old bytes, new bytes) replaced; new bytes alone where the old ones are empty."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    for member, old, new in changes:
        assert not old or old in parts[member], f"{member} does not hold {old!r}"
        parts[member] = parts[member].replace(old, new) if old else new
    return zipped(parts)


def zipped(members: Mapping[str, bytes | str]) -> bytes:
    """A zip of these members."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def put(folder: Path, files: Mapping[str, bytes | str]) -> Path:
    """Write the files into the folder; text as UTF-8."""
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
    return folder


def outcome_of(folder: Path) -> tuple[str, str]:
    """What `recon-kit check` makes of a folder, and every sentence it says."""
    checked = check([folder])
    kinds = {problem.kind for problem in checked.problems}
    said = " | ".join(problem.message for problem in checked.problems)
    if "unreadable" in kinds:
        return "reject", said
    return ("quarantine" if "rows_quarantined" in kinds else "warn" if kinds else "accept"), said


def collected_from(folder: Path) -> Collected:
    """The tables of a folder in which every file can be read."""
    outcomes = list(read_files([folder]))
    notes = [outcome for outcome in outcomes if isinstance(outcome, Note)]
    readings = [outcome for outcome in outcomes if isinstance(outcome, Reading)]
    assert len(notes) + len(readings) == len(outcomes), outcomes
    return assemble(readings, notes)


def flows_in(folder: Path) -> pl.DataFrame:
    """The flows that a folder gave."""
    frame = collected_from(folder).tables.flows
    assert frame is not None
    return frame
