import io
import zipfile

import pytest
import xlsxwriter

from recon_kit.errors import SourceError
from recon_kit.sources import sheet_scan
from recon_kit.sources.workbook import read_sheets

SHEET = (
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<cols><col min="1" max="3"/></cols>{}<conditionalFormatting sqref="A1"/></worksheet>'
)


def workbook_of(*sheets, names=("甲", "乙")):
    """A workbook whose sheets hold this XML, under the names."""
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    for name in ("甲", "乙")[: len(sheets)]:
        book.add_worksheet(name)
    book.close()
    with zipfile.ZipFile(buffer) as archive:
        parts = {info.filename: archive.read(info) for info in archive.infolist()}
    parts |= {f"xl/worksheets/sheet{n}.xml": xml.encode() for n, xml in enumerate(sheets, 1)}
    parts["xl/workbook.xml"] = parts["xl/workbook.xml"].replace('name="乙"'.encode(), f'name="{names[1]}"'.encode())
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def sheet_of(rows):
    return SHEET.format(f"<sheetData>{rows}</sheetData>")


def cells_of(rows):
    return read_sheets(workbook_of(sheet_of(rows)), "in.xlsx")[0][1].drop("row").rows()


def plain_rows(height, width=3):
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[:width]
    return "".join(
        f'<row r="{n}">' + "".join(f'<c r="{x}{n}"><v>{n}</v></c>' for x in letters) + "</row>" for n in range(1, height + 1)
    )


FAR_CELLS = {
    "in the last corner": '<row r="1048576"><c r="XFD1048576"><v>1</v></c></row>',
    "in a row that states another number": '<row r="4"><c r="XFD1048576"><v>1</v></c></row>',
    "in small letters": '<row r="4"><c r="xfd1048576"><v>1</v></c></row>',
    "in single quotes": "<row r='4'><c r='XFD1048576'><v>1</v></c></row>",
    "behind another attribute": '<row r="4"><c s="0" r="XFD1048576"><v>1</v></c></row>',
    "behind an attribute that holds the end of a tag": '<row r="4"><c s="&gt;>" r="XFD1048576"><v>1</v></c></row>',
    "behind a line end": '<row r="4"><c\nr="XFD1048576"><v>1</v></c></row>',
    "with blanks around the equal sign": '<row r="4"><c r = "XFD1048576"><v>1</v></c></row>',
    "under a prefix": '<row r="4"><y:c r="XFD1048576"><v>1</v></y:c></row>',
    "in a last row without a place": '<row r="1048576">' + "<c><v>1</v></c>" * 600 + "</row>",
    "below a far row without a place": '<row r="1048575"/><row>' + "<c><v>1</v></c>" * 600 + "</row>",
}


@pytest.mark.parametrize("far", FAR_CELLS.values(), ids=FAR_CELLS.keys())
def test_a_cell_far_away_is_refused_however_it_is_written(far):
    with pytest.raises(SourceError, match=r"^in\.xlsx, sheet 甲: \d+ cells spread over"):
        read_sheets(workbook_of(sheet_of(plain_rows(3) + far)), "in.xlsx")


def test_every_sheet_is_scanned_even_under_a_name_that_came_before():
    far = sheet_of(FAR_CELLS["in the last corner"])

    for sheets in ((sheet_of(plain_rows(2)), far), (far, sheet_of(plain_rows(2)))):
        for names in (("甲", "乙"), ("甲", "甲")):
            with pytest.raises(SourceError, match="cells spread over"):
                read_sheets(workbook_of(*sheets, names=names), "in.xlsx")


def test_cells_without_a_place_stand_one_behind_the_other():
    assert cells_of("<row><c><v>1</v></c><c><v>2</v></c></row><row><c><v>3</v></c></row>") == [("1", "2"), ("3", None)]


def test_text_that_looks_like_a_far_cell_is_text():
    text = '&lt;c r="XFD1048576"> :c r="XFD9" http://x:c '

    assert cells_of(f'<row r="1"><c r="A1" t="inlineStr"><is><t>{text}</t></is></c></row>')[0][0].startswith('<c r="XFD1048576">')


DAMAGED = {
    "a number": '<c r="B2"><v>3310761902812009459</v></c>',
    "a number with a type and a style": '<c r="B2" s="1" t="n"><v>3310761902812009459</v></c>',
    "an exponent": '<c r="B2"><v>3.310761902812009459E+18</v></c>',
    "a small exponent letter": '<c r="B2"><v>3.310761902812009459e18</v></c>',
    "a formula": '<c r="B2"><f>A1*10</f><v>3310761902812009459</v></c>',
    "a shared formula": '<c r="B2"><f t="shared" si="0"/><v>3310761902812009459</v></c>',
    "under a prefix": '<x:c r="B2"><x:v>3310761902812009459</x:v></x:c>',
    "without a place": '<c r="A2"/><c><v>3310761902812009459</v></c>',
}


@pytest.mark.parametrize("cell", DAMAGED.values(), ids=DAMAGED.keys())
def test_a_number_of_nineteen_digits_comes_back_in_scientific_notation_however_it_is_written(cell):
    rows = cells_of(f'<row r="1"><c r="A1"><v>1</v></c></row><row r="2">{cell}</row>')

    assert rows[1][1] == "3310761902812009472E+00"


def test_text_and_short_numbers_are_not_damaged():
    text, numbers = '<c r="A1" t="str"><v>3310761902812009459</v></c>', ("999999999999999", "0.30000000000000004")
    row = text + f'<c r="B1"><v>{numbers[0]}</v></c><c r="C1"><v>{numbers[1]}</v></c>'

    assert cells_of(f'<row r="1">{row}</row>') == [("3310761902812009459", "999999999999999", "0.3")]


def test_the_same_digits_in_another_row_stay_text():
    text = '<row r="1"><c r="A1" t="str"><v>3310761902812009472</v></c></row>'
    number = '<row r="2"><c r="A2"><v>3310761902812009459</v></c></row>'

    assert cells_of(text + number) == [("3310761902812009472",), ("3310761902812009472E+00",)]


def test_a_sheet_of_the_open_xml_sdk_is_read_under_its_prefix():
    xml = (
        sheet_of(plain_rows(3)).replace("</", "</x:").replace("<", "<x:").replace("<x:/x:", "</x:").replace("xmlns=", "xmlns:x=")
    )

    assert read_sheets(workbook_of(xml), "in.xlsx")[0][1].height == 3


@pytest.mark.parametrize("chunk", [64, 1000, 8 << 20])
def test_where_the_xml_is_cut_into_blocks_changes_nothing(monkeypatch, chunk):
    monkeypatch.setattr(sheet_scan, "CHUNK", chunk)
    long = "".join(f'<row r="{n}"><c r="B{n}"><v>{n + 10**18}</v></c></row>' for n in range(40, 60))

    assert [row[1] is not None and row[1].endswith("E+00") for row in cells_of(plain_rows(39) + long)] == [False] * 39 + [
        True
    ] * 20


@pytest.mark.parametrize(("height", "width"), [(9, 3), (10, 26), (99, 1), (100, 3), (999, 2), (1000, 3)])
def test_a_dense_sheet_is_bounded_by_the_rough_search_alone(monkeypatch, height, width):
    monkeypatch.setattr(sheet_scan, "SMALL", 0)
    monkeypatch.setattr(sheet_scan, "_walk", None)

    read_sheets(workbook_of(sheet_of(plain_rows(height, width))), "in.xlsx")


@pytest.mark.parametrize("place", ["A1", "Z9", "AA10", "AZ99", "BC100", "ZZ999", "AAA1000", "CAB20000", "XFD300000", "B1048576"])
def test_the_rough_bound_is_never_below_what_a_walk_counts(place):
    xml = [f'<sheetData><row r="1"><c r="A1"><v>1</v></c><c r="{place}"><v>1</v></c></row></sheetData>'.encode()]

    plain = sheet_scan._scan_plain(xml)

    assert plain is not None
    assert plain[0] == 2
    assert sheet_scan._walk(xml, "in.xlsx")[1] <= plain[1]


def test_a_cell_that_never_ends_is_refused(monkeypatch):
    monkeypatch.setattr(sheet_scan, "MAX_CELL_BYTES", 1 << 20)
    monkeypatch.setattr(sheet_scan, "CHUNK", 1 << 18)

    with pytest.raises(SourceError, match="a cell or row of more than"):
        read_sheets(workbook_of("<worksheet><sheetData>" + "a b" * 700_000), "in.xlsx")


def test_a_cell_that_stands_nowhere_is_refused():
    with pytest.raises(SourceError, match=r"sheet 甲: a cell stands nowhere"):
        cells_of('<row r="1"><c r="７A"><v>1</v></c></row>')
