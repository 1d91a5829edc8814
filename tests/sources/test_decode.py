import contextlib
import csv
import gzip
import io
import zipfile

import polars as pl
import pytest
import xlsxwriter
from hypothesis import assume, given
from hypothesis import strategies as st

from recon_kit.errors import SourceError
from recon_kit.sources import decode
from recon_kit.sources.decode import open_grids, read_body, read_lines, with_separator
from recon_kit.sources.workbook import _mark_rounded

TEXT = "订单号,金额,备注\nA1,1.00,第一\nA2,2.00,第二\n"


def grid_of(tmp_path, data, name="in.csv"):
    path = tmp_path / name
    path.write_bytes(data if isinstance(data, bytes) else data.encode())
    grids = open_grids(path, name, tmp_path)
    assert len(grids) == 1
    return grids[0]


def body_of(grid, place=0, wanted=None):
    header = grid.head[place]
    width = len(header.cells)
    return read_body(grid, header, width, range(width + 1) if wanted is None else wanted)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030", "gbk", "utf-16", "utf-16-le"])
def test_text_is_read_in_every_encoding_an_export_comes_in(tmp_path, encoding):
    data = TEXT.encode(encoding)
    if encoding == "utf-16-le":
        data = b"\xff\xfe" + data

    body = body_of(grid_of(tmp_path, data))

    assert body["2"].to_list() == ["第一", "第二"]


def test_gb18030_reads_the_yen_sign_and_rare_characters_that_gbk_lacks(tmp_path):
    body = body_of(grid_of(tmp_path, "品名,金额\n㐂𠮷,¥1.00\n".encode("gb18030")))

    assert body.row(0)[1:3] == ("㐂𠮷", "¥1.00")


def test_bytes_that_are_no_encoding_are_refused_with_advice(tmp_path):
    with pytest.raises(SourceError, match=r"in\.csv, line 2: the text is not valid .*export the file again"):
        grid_of(tmp_path, b"a,b\n\xff\xff\xff\n")


def test_a_binary_file_is_refused(tmp_path):
    with pytest.raises(SourceError, match="no text file"):
        grid_of(tmp_path, b"SQLite\0\1\0")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_every_line_end_gives_the_same_rows(tmp_path, end):
    body = body_of(grid_of(tmp_path, TEXT.replace("\n", end).encode()))

    assert body.select("row", "0").rows() == [(2, "A1"), (3, "A2")]


def test_rows_keep_their_physical_line_across_quoted_line_breaks_and_blank_lines(tmp_path):
    text = 'id,memo\nA1,"one\ntwo\nthree"\n\nA2,"say ""hi"""\nA3,plain\n'

    body = body_of(grid_of(tmp_path, text))

    assert body.drop_nulls("0").select("row", "0").rows() == [(2, "A1"), (6, "A2"), (7, "A3")]
    assert body["1"].to_list()[0] == "one\ntwo\nthree"


def test_a_stray_quotation_mark_inside_a_cell_loses_no_row(tmp_path):
    text = 'id,memo\nA1,6" 锅\nA2,"a\nb"\nA3,12" 锅\nA4,x\n'

    body = body_of(grid_of(tmp_path, text))

    assert body.drop_nulls("0").select("row", "0").rows() == [(2, "A1"), (3, "A2"), (5, "A3"), (6, "A4")]


def test_an_unclosed_quotation_mark_is_an_error_and_not_a_short_file(tmp_path):
    text = "id,memo\n" + 'A0,"never closed\n' + "".join(f"A{n},x\n" for n in range(1, 400))

    with pytest.raises(SourceError, match="quotation mark is not closed"):
        body_of(grid_of(tmp_path, text))


def test_short_rows_are_padded_and_what_a_row_has_too_many_is_kept_apart(tmp_path):
    body = body_of(grid_of(tmp_path, "a,b,c\n1,2\n1,2,3,\n1,2,3,4,5\n"))

    assert body.drop("row").rows() == [("1", "2", None, None), ("1", "2", "3", None), ("1", "2", "3", "4")]


def test_long_ids_and_leading_zeros_stay_text(tmp_path):
    body = body_of(grid_of(tmp_path, "id\n0012345678901234567\n4200000000000000000000000001\n"))

    assert body["0"].to_list() == ["0012345678901234567", "4200000000000000000000000001"]


def test_a_file_name_with_pattern_characters_opens_that_file_only(tmp_path):
    (tmp_path / "a1.csv").write_text("id\nwrong\n", "utf-8")

    body = body_of(grid_of(tmp_path, b"id\nright\n", name="a[1].csv"))

    assert body["0"].to_list() == ["right"]


def test_lines_of_a_footer_come_back_as_they_stand(tmp_path):
    grid = grid_of(tmp_path, "a,b\n1,2\n#合计：1,234.00元\n")

    assert read_lines(grid, [3]) == ["#合计：1,234.00元"]


def test_a_tab_separated_file_can_be_split_at_tabs(tmp_path):
    grid = with_separator(grid_of(tmp_path, "a\tb\n1\t2,5\n".encode("utf-16")), "\t")

    assert grid.head[0].cells == ("a", "b")
    assert body_of(grid).drop("row").row(0) == ("1", "2,5", None)


def test_gzip_is_unpacked(tmp_path):
    assert body_of(grid_of(tmp_path, gzip.compress(TEXT.encode()), "in.csv.gz")).height == 2


def test_parquet_cells_become_exact_text(tmp_path):
    frame = pl.DataFrame({"id": ["007"], "paid": [29.9], "n": [3], "id2": [3.3107619e18]})
    frame.write_parquet(tmp_path / "in.parquet")

    grid = open_grids(tmp_path / "in.parquet", "in.parquet", tmp_path)[0]

    assert body_of(grid).drop("row", "4").row(0)[:3] == ("007", "29.9", "3")
    assert body_of(grid)["3"][0].endswith("E+00")


def zip_of(tmp_path, members, **options):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data, **options)
    return path


def test_members_are_named_after_the_zip_and_system_files_are_passed_over(tmp_path):
    path = zip_of(tmp_path, {"b.csv": TEXT, "sub/a.csv": TEXT, "__MACOSX/._a.csv": "x", "说明.pdf": "x"})

    assert [grid.name for grid in open_grids(path, "in.zip", tmp_path)] == ["in.zip!b.csv", "in.zip!sub/a.csv"]


def test_a_member_that_unpacks_to_far_more_than_it_weighs_is_refused(tmp_path):
    path = zip_of(tmp_path, {"a.csv": b"0" * 3_000_000})

    with pytest.raises(SourceError, match=r"in\.zip!a\.csv: unpacks to"):
        open_grids(path, "in.zip", tmp_path)


def test_a_member_that_points_outside_is_refused(tmp_path):
    with pytest.raises(SourceError, match="outside the archive"):
        open_grids(zip_of(tmp_path, {"../a.csv": TEXT}), "in.zip", tmp_path)


def test_an_encrypted_member_is_refused_with_advice(tmp_path):
    path = zip_of(tmp_path, {"a.csv": TEXT})
    data = bytearray(path.read_bytes())
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        data[data.index(mark) + offset] |= 1
    path.write_bytes(bytes(data))

    with pytest.raises(SourceError, match=r"encrypted.*without a password"):
        open_grids(path, "in.zip", tmp_path)


def test_a_cut_zip_is_refused(tmp_path):
    path = zip_of(tmp_path, {"a.csv": TEXT})
    path.write_bytes(path.read_bytes()[:-30])

    with pytest.raises(SourceError, match="zip file is broken"):
        open_grids(path, "in.zip", tmp_path)


def workbook(tmp_path, fill):
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    fill(book)
    book.close()
    path = tmp_path / "in.xlsx"
    path.write_bytes(buffer.getvalue())
    return path


def replace_in_sheet(path, old, new):
    data = {}
    with zipfile.ZipFile(path) as archive:
        data = {info.filename: archive.read(info) for info in archive.infolist()}
    data["xl/worksheets/sheet1.xml"] = data["xl/worksheets/sheet1.xml"].replace(old, new)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in data.items():
            archive.writestr(name, content)


def test_a_sheet_with_a_wrong_dimension_is_read_whole(tmp_path):
    path = workbook(tmp_path, lambda book: book.add_worksheet().write_column("A1", ["id", "A1", "A2"]))
    replace_in_sheet(path, b'<dimension ref="A1:A3"/>', b'<dimension ref="A1"/>')

    assert body_of(open_grids(path, "in.xlsx", tmp_path)[0])["0"].to_list() == ["A1", "A2"]


def test_sheet_rows_keep_their_numbers_below_blank_rows(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.write("B3", "id")
        sheet.write("B6", "A1")

    grid = open_grids(workbook(tmp_path, fill), "in.xlsx", tmp_path)[0]

    assert body_of(grid, place=2).drop_nulls("0").select("row", "0").rows() == [(6, "A1")]


def test_hidden_sheets_are_not_read_and_several_visible_ones_are_named(tmp_path):
    def fill(book):
        hidden = book.add_worksheet("旧")
        hidden.write("A1", "id")
        hidden.hide()
        for name in ("九月", "十月"):
            book.add_worksheet(name).write("A1", "id")
        book.get_worksheet_by_name("九月").set_first_sheet()
        book.get_worksheet_by_name("九月").activate()

    grids = open_grids(workbook(tmp_path, fill), "in.xlsx", tmp_path)

    assert [grid.name for grid in grids] == ["in.xlsx!九月", "in.xlsx!十月"]


def test_a_number_that_lost_its_last_digits_never_looks_like_an_id(tmp_path):
    def fill(book):
        sheet = book.add_worksheet()
        sheet.write_column("A1", ["id", "3310761902812009459"])
        sheet.write_number("A3", 3310761902812009459)
        sheet.write_number("A4", 123456789012345)

    ids = body_of(open_grids(workbook(tmp_path, fill), "in.xlsx", tmp_path)[0])["0"].to_list()

    assert ids[0] == "3310761902812009459"
    assert ids[1].endswith("E+00")
    assert ids[2] == "123456789012345"


def test_one_cell_in_the_last_corner_does_not_take_the_machine_down(tmp_path):
    path = workbook(tmp_path, lambda book: book.add_worksheet().write("A1", "id"))
    replace_in_sheet(path, b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')

    with pytest.raises(SourceError, match="cells spread over"):
        open_grids(path, "in.xlsx", tmp_path)


@pytest.mark.parametrize("data", [b"\xd0\xcf\x11\xe0" + b"\0" * 600, b"PK\x03\x04 not a workbook"])
def test_a_workbook_that_cannot_be_opened_is_one_clear_message(tmp_path, data):
    (tmp_path / "in.xlsx").write_bytes(data)

    with pytest.raises(SourceError, match=r"^in\.xlsx: the .* (cannot be opened|is broken)"):
        open_grids(tmp_path / "in.xlsx", "in.xlsx", tmp_path)


def test_in_an_old_workbook_a_column_of_rounded_numbers_is_damaged_and_one_of_true_ids_is_not():
    rounded, true = ["3310761902812008960", "3310761902812009472"], ["3310761902812009459", "3310761902812008960"]
    frame = pl.DataFrame({"row": [1, 2], "0": rounded, "1": true, "2": ["123", None]})

    marked = _mark_rounded(frame)

    assert marked["0"].str.ends_with("E+00").all()
    assert marked.drop("0").equals(frame.drop("0"))


def test_a_quotation_that_swallows_hundreds_of_lines_before_it_closes_is_an_error(tmp_path):
    text = "id,memo\n" + 'A0,"opened\n' + "".join(f"A{n},x\n" for n in range(1, 400)) + 'A400,closed"\nA401,x\n'

    with pytest.raises(SourceError, match="quotation mark is not closed"):
        body_of(grid_of(tmp_path, text))


def test_what_gbk_decodes_gb18030_decodes_to_the_same_characters():
    """The decoder tries the faster of the two first."""
    for first in range(0x81, 0x100):
        for pair in (bytes((first, second)) for second in range(0x100)):
            with contextlib.suppress(UnicodeDecodeError):
                assert pair.decode("gbk") == pair.decode("gb18030")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_where_a_text_is_cut_into_pieces_changes_nothing(tmp_path, monkeypatch, end):
    monkeypatch.setattr(decode, "CHUNK", 7)
    monkeypatch.setattr(decode, "MAX_HEAD", 64)
    text = "编号,品名" + end + "".join(f"A{n},杯子㐂𠮷{n}{end}" for n in range(40))

    body = body_of(grid_of(tmp_path, text.encode("gb18030")))

    assert body["1"].to_list() == [f"杯子㐂𠮷{n}" for n in range(40)]
    assert body["row"].to_list() == list(range(2, 42))


# What a cell may hold: anything but a zero byte (refused) and carriage returns (which the csv module cannot tell from line ends).
CELL = st.text(st.characters(blacklist_characters="\0\r", blacklist_categories=["Cs"]), max_size=6)
ROWS = st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8)


def written(rows, **options):
    """The rows as the csv module writes them below a header, and the physical line at which each begins."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n", **options)
    writer.writerow(["a", "b", "c"])
    starts = []
    for row in rows:
        starts.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    return buffer.getvalue(), starts


@given(ROWS, st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]))
def test_what_is_written_is_read_cell_for_cell_at_its_physical_row(tmp_path_factory, rows, encoding, quoting):
    text, starts = written(rows, quoting=quoting)
    assume("\ufeff" not in text)

    body = body_of(grid_of(tmp_path_factory.mktemp("a"), text.encode(encoding)))

    assert body["row"].to_list() == starts
    assert [[cell or "" for cell in row] for row in body.select("0", "1", "2").rows()] == rows


@given(st.binary(max_size=400) | st.text(max_size=200).map(str.encode) | st.text("a,\"\n\r' é中", max_size=200).map(str.encode))
def test_no_bytes_whatever_end_in_another_error_than_ours(tmp_path_factory, data):
    folder = tmp_path_factory.mktemp("a")
    (folder / "a.csv").write_bytes(data)
    with contextlib.suppress(SourceError):
        for grid in open_grids(folder / "a.csv", "a.csv", folder):
            for place in range(min(len(grid.head), 3)):
                body = body_of(grid, place)
                assert body["row"].is_sorted()
                assert body["row"].is_unique().all()
                read_lines(grid, [1, 2])


def outcome_in_chunks(folder, data, size):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(decode, "CHUNK", size)
        try:
            grid = grid_of(folder, data)
        except SourceError as error:
            return str(error)
    return grid.text.read_bytes(), grid.head, grid.lines, grid.ends_open


@given(
    st.text('ab,"\n\r中文字退款é\ufeff', max_size=60),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030"]),
    st.integers(0, 3),
    st.integers(1, 9),
)
def test_where_the_reading_pauses_changes_nothing(tmp_path_factory, text, encoding, cut, size):
    data = text.encode(encoding)[: -cut or None]
    folder = tmp_path_factory.mktemp("a")

    assert outcome_in_chunks(folder, data, size) == outcome_in_chunks(folder, data, 1 << 20)


def test_a_parquet_file_that_is_broken_or_holds_more_than_a_template_is_refused(tmp_path):
    (tmp_path / "cut.parquet").write_bytes(b"PAR1 cut PAR1")
    pl.DataFrame({"a": [0]}).select(pl.lit(0).repeat_by(21_000_000).explode()).write_parquet(tmp_path / "long.parquet")

    with pytest.raises(SourceError, match=r"cut\.parquet: the Parquet file is broken"):
        open_grids(tmp_path / "cut.parquet", "cut.parquet", tmp_path)
    with pytest.raises(SourceError, match=r"long\.parquet: 21000000 cells; expected at most"):
        open_grids(tmp_path / "long.parquet", "long.parquet", tmp_path)


def test_instants_of_parquet_are_shanghai_text_and_what_is_no_cell_is_nothing(tmp_path):
    frame = pl.DataFrame({"utc": ["2026-10-01 16:00:00"], "local": ["2026-10-02 00:00:00"], "list": [[1]], "bytes": [b"x"]})
    instants = (pl.col("utc").str.to_datetime(time_zone="UTC"), pl.col("local").str.to_datetime())
    frame.with_columns(*instants).write_parquet(tmp_path / "in.parquet")

    body = body_of(open_grids(tmp_path / "in.parquet", "in.parquet", tmp_path)[0])

    assert body.drop("row", "4").row(0) == ("2026-10-02 00:00:00", "2026-10-02 00:00:00", None, None)
