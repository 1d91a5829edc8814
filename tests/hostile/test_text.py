"""Text: encodings, cuts, line ends, quotation marks, odd characters."""

import re

import polars as pl
import pytest

from tests.hostile.builders import HEADER, bill, flows_in, outcome_of, put, row

GBK = bill().encode("gb18030")
LONG = bill(*(row(n) for n in range(1, 30)))

CASES = {
    "UTF-8": (bill(), "accept", ""),
    "UTF-8 with a byte-order mark": (bill().encode("utf-8-sig"), "accept", ""),
    "GB18030": (GBK, "accept", ""),
    "UTF-16 with its mark": (bill().encode("utf-16"), "accept", ""),
    "UTF-16 without its mark": (bill().encode("utf-16-le"), "reject", r"a\.csv, line \d+: .* UTF-16 without its mark"),
    "UTF-16 cut inside a character": (bill().encode("utf-16")[:-1], "reject", r"a\.csv, line 3: the text is not valid UTF-16"),
    "UTF-32": (bill().encode("utf-32"), "reject", "zero byte"),
    "GB18030 after UTF-8": (
        bill().encode() + row(3, memo="用户申请").encode("gb18030"),
        "reject",
        r"a\.csv, line 4: the text is not valid UTF-8, nor GB18030",
    ),
    "UTF-8 after GB18030": (GBK + b"\n" + row(3).encode() + b"\n", "reject", r"a\.csv, line 5: .* pasted together"),
    "GB18030 and UTF-8 in one row": (
        (HEADER + "\n" + row(1)).encode("gb18030") + row(2, memo="用户申请退款").encode() + b"\n",
        "reject",
        r"a\.csv, line 1: the text is not valid UTF-8, nor GB18030",
    ),
    "another encoding": ("商戶訂單號,發生時間,金額\n".encode("big5") + b"\xff", "reject", "not valid UTF-8, nor GB18030"),
    "cut inside a row": (bill().encode()[:-70], "quarantine", r"行不完整，文件在此处被截断，1 行（第 3 行）"),
    "cut inside a quoted cell": (bill(row(1), row(2, memo='"退款')).encode()[:-30], "quarantine", "第 3 行"),
    "cut behind the last cell": (bill()[:-1], "warn", "最后一行没有换行"),
    "cut inside a character, UTF-8": (bill().encode()[:-2], "reject", r"a\.csv, line 3: .* it was cut"),
    "cut inside a character, GB18030": (GBK[:-2], "reject", r"a\.csv, line 3: .* it was cut"),
    "only carriage returns": (bill(end="\r"), "accept", ""),
    "Windows line ends": (bill(end="\r\n"), "accept", ""),
    "mixed line ends": (HEADER + "\r\n" + row(1) + "\r" + row(2) + "\n", "accept", ""),
    "line breaks inside quotation marks": (bill(row(1, memo='"一\n二\r\n三"'), row(2)), "accept", ""),
    "a quotation mark that is never closed": (
        bill(row(1, memo='"退'), *(row(n) for n in range(2, 300))),
        "reject",
        r"a\.csv, row 2: a quotation mark is not closed",
    ),
    "a quotation mark inside a cell": (bill(row(1, memo='6" 锅'), row(2)), "accept", ""),
    "a zero byte": (
        bill(row(1), row(2, memo="退\0款")),
        "reject",
        r"a\.csv, line 3: this is no text file \(it holds a zero byte\)",
    ),
    "a byte-order mark between two pasted files": ("\ufeff" + bill(row(1)) + "\ufeff" + bill(row(2)), "accept", ""),
    "a byte-order mark inside a cell": (bill(row(1, memo="退\ufeff款"), row(2)), "accept", ""),
    "right-to-left marks": (bill(row(1, memo="\u202egnp.exe\u202c"), row(2)), "accept", ""),
    "emoji and rare characters": (bill(row(1, memo="👩‍👩‍👧‍👦 㐂𠮷"), row(2)).encode("gb18030"), "accept", ""),
    "control characters": (bill(row(1, memo="退\x01\x0b\x1f\x85\u2028款"), row(2)), "accept", ""),
    "a cell of a megabyte": (bill(row(1, memo="退" * 350_000), row(2)), "accept", ""),
    "a cell of a megabyte with line breaks and quotation marks": (
        bill(row(1, memo='6" 锅'), row(2, memo='"' + "退款\n" * 100 + "退" * 350_000 + '"')),
        "accept",
        "",
    ),
    "a cell of five megabytes": (bill(row(1, memo="x" * (5 << 20)), row(2)), "reject", r"a line of 52\d+ characters"),
    "nothing": ("", "warn", "空文件"),
    "line ends only": ("\n" * 1000, "warn", "认不出是什么文件"),
    "a header only": (HEADER + "\n", "accept", ""),
    "the words of a day without a bill": ("No Bill Exist", "warn", "a.csv"),
    "a web page instead of an export": ("<!DOCTYPE html><html><body>请重新登录</body></html>", "warn", "认不出是什么文件"),
    "300,000 lines of nothing": (bill() + ",,,,,,\n" * 300_000, "reject", "lines of 7 bytes on average"),
}


@pytest.mark.parametrize(("data", "outcome", "says"), CASES.values(), ids=CASES)
def test_the_file_ends_as_stated(tmp_path, data, outcome, says):
    found, said = outcome_of(put(tmp_path, {"a.csv": data}))

    assert found == outcome, said
    assert re.search(says, said)


TWO_ROWS = [name for name, (_, outcome, _) in CASES.items() if outcome == "accept" and name != "a header only"]


@pytest.mark.parametrize("name", TWO_ROWS)
def test_what_is_accepted_is_two_refunds_of_five_yuan(tmp_path, name):
    flows = flows_in(put(tmp_path, {"a.csv": CASES[name][0]}))

    assert flows["amount_fen"].to_list() == [-500, -500]
    assert sorted(flows["order_id"]) == [f"261009-{n:015d}" for n in (1, 2)]


def test_rows_keep_their_physical_number_below_line_breaks_in_cells_and_blank_lines(tmp_path):
    text = bill(row(1, memo='"一\n二\r\n三"'), "", ",,,,,,", row(2), "\n", row(3))

    assert sorted(flows_in(put(tmp_path, {"a.csv": text}))["source_row"]) == [2, 7, 10]


@pytest.mark.parametrize("length", range(0, len(LONG.encode()), 313))
def test_a_file_cut_anywhere_is_refused_set_aside_or_warned_of_or_lost_whole_rows_only(tmp_path, length):
    whole = {f"261009-{n:015d}": -500 for n in range(1, 30)}
    folder = put(tmp_path, {"a.csv": LONG.encode()[:length]})

    outcome, said = outcome_of(folder)

    if outcome != "reject" and "认不出" not in said and length:
        flows = flows_in(folder)
        assert whole.items() >= dict(flows.select("order_id", "amount_fen").rows()).items()
        assert outcome != "accept" or LONG.encode()[:length].endswith(b"\n")
        assert flows.filter(pl.col("amount_fen").is_null()).is_empty()
