"""Workbooks: cells that cost memory, parts that attack a parser, values that are not what they look like."""

import io
import os
import re

import openpyxl
import pytest
import xlsxwriter

from tests.hostile.builders import FLOWS, collected_from, edited, flows_in, outcome_of, put, sheet, zipped

HEADER = FLOWS.split(",")
ROW = ["card", "F1", "2026-10-09", "refund", -5, "退"]
GOOD = sheet(HEADER, ROW)
SHEET = "xl/worksheets/sheet1.xml"
LAUGHS = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
OUTSIDE = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
DECLARATION = b'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>'


def cell(place: str) -> tuple[str, bytes, bytes]:
    """One more row with one cell, in a sheet's XML."""
    number = re.sub(r"\D", "", place).encode()
    more = b'<row r="' + number + b'"><c r="' + place.encode() + b'"><v>1</v></c></row></sheetData>'
    return SHEET, b"</sheetData>", more


def saved_by_a_program(formula: str) -> bytes:
    """A workbook whose last cell is a formula that no spreadsheet has worked out."""
    book = openpyxl.Workbook()
    book.active.append(HEADER)
    book.active.append([*ROW[:4], formula])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def of_pages(*pages: tuple[str, list[list[object]], bool]) -> bytes:
    """Several sheets: name, rows, whether it is hidden."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        for name, rows, _ in pages:
            page = book.add_worksheet(name)
            for number, cells in enumerate(rows):
                page.write_row(number, 0, cells)
        shown = next(n for n, (_, _, is_hidden) in enumerate(pages) if not is_hidden)
        book.worksheets()[shown].activate()
        book.worksheets()[shown].set_first_sheet()
        for page, (_, _, is_hidden) in zip(book.worksheets(), pages, strict=True):
            if is_hidden:
                page.hide()
    return buffer.getvalue()


def under_merged_titles() -> bytes:
    """Titles over groups of columns above the real header."""
    buffer = io.BytesIO()
    with xlsxwriter.Workbook(buffer) as book:
        page = book.add_worksheet()
        page.merge_range("A1:C1", "流水")
        page.merge_range("D1:F1", "金额")
        page.write_row("A2", HEADER)
        page.write_row("A3", ROW)
    return buffer.getvalue()


def of_repeated_text(length: int, times: int) -> bytes:
    """One long shared string that many cells point to."""
    strings = b"<sst><si><t>" + b"x" * length + b"</t></si></sst>"
    rows = b"".join(b'<row r="%d"><c r="A%d" t="s"><v>0</v></c></row>' % (n, n) for n in range(1, times + 1))
    xml = (
        b'<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>'
        + rows
        + b"</sheetData></worksheet>"
    )
    return edited(GOOD, ("xl/sharedStrings.xml", b"", strings), (SHEET, b"", xml))


def beside_a_long_text() -> bytes:
    """One long shared string that stands once beside cells that point to a short one."""
    cells = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>{int(n > 1)}</v></c></row>' for n in range(1, 30_001)).encode()
    data = of_repeated_text(30_000, 1)
    row = b'<row r="1"><c r="A1" t="s"><v>0</v></c></row>'
    return edited(data, ("xl/sharedStrings.xml", b"</sst>", b"<si><t>x</t></si></sst>"), (SHEET, row, cells))


OTHER = [HEADER, ["card", "F2", "2026-10-09", "refund", -6, "退"]]
CASES = {
    "a plain sheet": (GOOD, "accept", ""),
    "one cell in the last corner": (edited(GOOD, cell("XFD1048576")), "reject", r"sheet 表: \d+ cells spread over"),
    "one cell far below": (edited(GOOD, cell("A1048576")), "reject", "cells spread over"),
    "a dimension that is too small": (edited(GOOD, (SHEET, b'ref="A1:F2"', b'ref="A1"')), "accept", ""),
    "a dimension that is too large": (edited(GOOD, (SHEET, b'ref="A1:F2"', b'ref="A1:XFD1048576"')), "accept", ""),
    "no dimension": (edited(GOOD, (SHEET, b'<dimension ref="A1:F2"/>', b"")), "accept", ""),
    "titles merged above the header": (under_merged_titles(), "accept", ""),
    "a hidden sheet": (of_pages(("旧", OTHER, True), ("表", [HEADER, ROW], False)), "accept", ""),
    "two sheets": (of_pages(("九月", OTHER, False), ("十月", [HEADER, ROW], False)), "accept", ""),
    "a sheet of notes beside the data": (of_pages(("说明", [["请先看"]], False), ("十月", [HEADER, ROW], False)), "accept", ""),
    "dates as text": (sheet(HEADER, [*ROW[:2], "2026/10/9 8:00", *ROW[3:]]), "accept", ""),
    "a formula that was never worked out": (
        saved_by_a_program("=-5"),
        "reject",
        r"a\.xlsx, sheet Sheet, cell E2: a formula without a stored value",
    ),
    "a formula whose value is empty text": (
        edited(GOOD, (SHEET, b"</row></sheetData>", b'<c r="G2" t="str"><f>A9</f><v></v></c></row></sheetData>')),
        "accept",
        "",
    ),
    "a formula that failed": (
        edited(GOOD, (SHEET, b"<v>-5</v>", b"<v>#N/A</v>"), (SHEET, b'<c r="E2">', b'<c r="E2" t="e">')),
        "quarantine",
        "第 2 行",
    ),
    "entities that multiply": (edited(GOOD, (SHEET, DECLARATION, LAUGHS)), "reject", "declares a document type"),
    "an entity that reads a file": (edited(GOOD, ("xl/workbook.xml", DECLARATION, OUTSIDE)), "reject", "document type"),
    "a shared text that would fill the memory": (of_repeated_text(300_000, 30_000), "reject", "repeat shared text"),
    "long texts that the cells do not repeat": (of_repeated_text(30_000, 1_000), "warn", "认不出是什么文件"),
    "a long text among many short cells": (beside_a_long_text(), "warn", "认不出是什么文件"),
    "a shared text of ten megabytes": (
        edited(GOOD, ("xl/sharedStrings.xml", b"</sst>", b"<si><t>" + os.urandom(5 << 20).hex().encode() + b"</t></si></sst>")),
        "reject",
        "a text of more than 8 MB",
    ),
    "no shared texts": (
        edited(GOOD, ("xl/sharedStrings.xml", b"", b"<sst/>")),
        "reject",
        r"a\.xlsx: the workbook cannot be opened",
    ),
    "an index of sheets that swells": (
        edited(GOOD, ("xl/workbook.xml", b"</workbook>", b" " * (9 << 20) + b"</workbook>")),
        "reject",
        r"part xl/workbook\.xml unpacks to 9 MB",
    ),
    "no index of sheets": (zipped({"[Content_Types].xml": "<Types/>"}), "reject", r"a\.xlsx: the workbook is broken"),
    "bytes that are no archive": (b"PK\x03\x04 not a workbook", "reject", r"a\.xlsx: the zip file is broken"),
    "a workbook under a password": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 2_000, "reject", "protected by a password"),
    "an empty sheet": (sheet(), "accept", ""),
    "a header only": (sheet(HEADER), "accept", ""),
    "cells without a place": (edited(GOOD, (SHEET, b' r="E2"', b"")), "accept", ""),
    "a cell that stands nowhere": (edited(GOOD, (SHEET, b'r="E2"', b'r="ZZZZ2"')), "reject", "stands nowhere"),
}


@pytest.mark.parametrize(("data", "outcome", "says"), CASES.values(), ids=CASES)
def test_the_workbook_ends_as_stated(tmp_path, data, outcome, says):
    found, said = outcome_of(put(tmp_path, {"a.xlsx": data}))

    assert found == outcome, said
    assert re.search(says, said)


def test_all_visible_sheets_count_and_none_passes_for_a_copy_of_another(tmp_path):
    data = of_pages(
        ("旧", [[*HEADER], ["card", "F9", "2026-10-09", "refund", -9]], True),
        ("九月", OTHER, False),
        ("十月", [HEADER, ROW], False),
    )
    collected = collected_from(put(tmp_path, {"a.xlsx": data}))

    assert sorted(collected.tables.flows["flow_id"]) == ["F1", "F2"]
    assert collected.intake["file"].to_list() == ["a.xlsx!九月", "a.xlsx!十月"]


def test_the_titles_above_a_header_change_no_row_number(tmp_path):
    assert flows_in(put(tmp_path, {"a.xlsx": under_merged_titles()}))["source_row"].to_list() == [3]
