"""Work-lists go out, are filled in by a person (here: openpyxl) and come back into the casebook."""

import re
import shutil
from datetime import date, datetime

import openpyxl
import polars as pl
import pytest
from typer.testing import CliRunner

from recon_kit.answers import check_nothing_lost, import_answers
from recon_kit.casebook import item_states
from recon_kit.cli import app
from recon_kit.config import Config
from recon_kit.errors import CasebookError, ConfigError
from recon_kit.periods import SHANGHAI
from recon_kit.worklists import in_sentences, open_run, owner_of, work_list, write_work_lists
from tests.casebook.book import Book
from tests.world import case, order, refund, voucher, world

AT = datetime(2026, 11, 6, 9, tzinfo=SHANGHAI)
MONTH = world(
    orders=[order("O1"), order("O2"), order("O3", platform="wechat_mini", shop="=1+1")],
    cases=[case("C1", "O1"), case("C2", "O2", "20.00"), case("C3", "O3", "10.00", shop="=1+1")],
    flows=[refund("F1", "35.00", case_id="C1"), refund("F2", "25.00", case_id="C2"), refund("F3", "10.00", case_id="C3")],
    vouchers=[voucher("V1", ("C1", "35.00")), voucher("V2", ("C2", "25.00"))],
)
"""Two over-refunds (C05, 客服) and a refund nobody booked (L01, 财务)."""


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    """The month, run and recorded once."""
    books = Book(tmp_path_factory.mktemp("origin"))
    books.run(MONTH)
    return books.out


@pytest.fixture
def book(origin, tmp_path):
    return Book(shutil.copytree(origin, tmp_path / "reports"))


def work(book):
    run, earlier = open_run(book.out, "2026-10")
    return work_list(run, book.casebook.events(), earlier), run


def export(book, owner="cs", language="zh"):
    items, run = work(book)
    return write_work_lists(items, run, book.out / "lists", language, (owner,))[owner]


def fill(path, answers, *, to=None, shuffle=False):
    """Fill in as a person does: `{case: {column: value}}`, by the words of the heading."""
    book = openpyxl.load_workbook(path)
    sheet = book.worksheets[0]
    heads = [cell.value for cell in sheet[1]]
    by_key = heads.index("售后编号") if "售后编号" in heads else heads.index("Case")
    rows = {sheet.cell(row, by_key + 1).value: row for row in range(2, sheet.max_row + 1)}
    for key, cells in answers.items():
        for name, value in cells.items():
            column = next(n for n, head in enumerate(heads, 1) if head.endswith(name))
            sheet.cell(rows[key], column).value = value
    if shuffle:
        values = [[cell.value for cell in row] for row in sheet.iter_rows(min_row=2)]
        for row, cells in zip(sheet.iter_rows(min_row=2), reversed(values), strict=True):
            for cell, value in zip(row, cells, strict=True):
                cell.value = value
        sheet.row_dimensions[2].hidden = True
    book.save(to or path)
    return to or path


def bring_back(book, path, language="zh"):
    return import_answers(book.casebook, path, Config(), at=AT, language=language)


def says(book, kind):
    return book.casebook.events(kinds=[kind])


PAID = {
    "处理结果": "将补付",
    "原因归类": "人员",
    "处理说明": "客服多退 5 元",
    "措施": "向买家追回",
    "完成日": date(2026, 11, 20),
    "填写人": "王芳",
}


def test_a_list_says_what_is_wrong_on_what_evidence_what_to_do_until_when_and_where_it_stands(book):
    items, _ = work(book)
    row = in_sentences(items, "zh").filter(pl.col("case_id") == "C1").row(0, named=True)

    assert (row["owner"], row["code"], row["name"], row["gap_fen"]) == ("cs", "C05", "多退款", 500)
    assert "35.00" in row["why"] and row["evidence"].splitlines() == ["aftersales.csv:2", "flows.csv:5"]
    assert row["action"] and row["state"] == "未清"
    assert row["deadline"] >= date(2026, 11, 3), "never sooner than three days after as-of"


def test_the_cells_to_fill_in_are_unlocked_with_lists_and_the_others_locked(book):
    sheet = openpyxl.load_workbook(export(book)).worksheets[0]
    heads = {cell.value: cell.column for cell in sheet[1]}
    locked = {head: sheet.cell(2, column).protection.locked for head, column in heads.items()}

    assert sheet.protection.sheet and {head for head, is_locked in locked.items() if not is_locked} == {
        head for head in heads if head.startswith("【填】")
    }
    rules = {rule.type: rule.formula1 for rule in sheet.data_validations.dataValidation}
    assert set(rules) == {"list", "date"}
    lists = [rule.formula1 for rule in sheet.data_validations.dataValidation if rule.type == "list"]
    assert any("申请核销" in text for text in lists) and any("流程" in text for text in lists)


def test_ids_are_text_money_is_numbers_and_nothing_is_a_formula(book):
    book_of = openpyxl.load_workbook(export(book, "finance"))
    cells = [cell for row in book_of.worksheets[0].iter_rows(min_row=2) for cell in row if cell.value is not None]

    assert {cell.data_type for cell in cells} <= {"s", "n", "d"}
    assert any(cell.value == "=1+1" and cell.data_type == "s" for cell in cells)
    assert any(cell.value == -10 and cell.data_type == "n" for cell in cells)


def test_equal_states_give_equal_bytes(book):
    first = export(book).read_bytes()

    assert export(book).read_bytes() == first


def test_answers_become_events_by_who_gave_them(book):
    path = fill(export(book), {"C1": PAID})

    result = bring_back(book, path)

    assert (result.answered, result.known) == (1, 0)
    assert says(book, "explained").select("by", "why").row(0) == ("王芳", "客服多退 5 元")
    assert '"cause":"people"' in says(book, "cause")["data"][0]
    action = says(book, "action")["data"][0]
    assert '"due":"2026-11-20"' in action and '"what":"向买家追回"' in action
    state = book.states()["C05 C1"]
    assert (state["status"], state["explanation"], state["cause"]) == ("explained", "客服多退 5 元", "people")
    items, _ = work(book)
    shown = in_sentences(items, "zh").filter(pl.col("case_id") == "C1")["state"].item()
    assert shown == "已说明；将补付；说明：客服多退 5 元；原因：人员"


def test_the_same_file_twice_and_a_copy_saved_by_another_program_add_nothing(book, tmp_path):
    path = fill(export(book), {"C1": PAID, "C2": {**PAID, "处理说明": "另一笔"}})
    bring_back(book, path)
    events = book.casebook.events().height

    again = bring_back(book, path)
    copy = bring_back(book, fill(path, {}, to=tmp_path / "copy.xlsx", shuffle=True))

    assert (again.answered, again.events, again.known) == (copy.answered, copy.events, copy.known) == (0, 0, 2)
    assert events == (book.casebook.events().height)


def test_rows_may_be_sorted_filtered_and_saved_by_another_program(book, tmp_path):
    path = fill(export(book), {"C1": PAID, "C2": {**PAID, "处理说明": "另一笔"}}, to=tmp_path / "sorted.xlsx", shuffle=True)

    assert bring_back(book, path).answered == 2
    assert book.states()["C05 C1"]["explanation"] == "客服多退 5 元"
    assert book.states()["C05 C2"]["explanation"] == "另一笔"


def test_a_changed_answer_is_recorded_beside_the_first(book):
    path = fill(export(book), {"C1": PAID})
    bring_back(book, path)

    result = bring_back(book, fill(path, {"C1": {"处理说明": "已全部追回", "处理结果": "已追回"}}))

    assert result.answered == 1 and says(book, "explained").height == 2
    assert book.states()["C05 C1"]["explanation"] == "已全部追回"


def test_an_english_list_is_read_as_the_chinese_one(book):
    answer = {"Decision": "not ours", "Cause": "platform", "Explanation": "the platform paid", "Answered by": "Li"}
    path = fill(export(book, language="en"), {"C1": answer})

    assert bring_back(book, path, "en").answered == 1
    assert '"decision":"not_ours"' in says(book, "explained")["data"][0]


def test_a_write_off_is_proposed_with_its_amount_and_the_approvals_it_needs(book):
    path = fill(export(book), {"C1": {**PAID, "处理结果": "申请核销"}})
    bring_back(book, path)

    proposal = says(book, "written_off")
    assert proposal["by"].to_list() == ["王芳"] and '"amount_fen":500' in proposal["data"][0]
    assert book.states()["C05 C1"]["pending"] == "write_off"


FAULTS = {
    "decision": ({"处理结果": "随便"}, "处理结果：填的是“随便”，应为下拉列表中的一项"),
    "explanation": ({"处理说明": None}, "处理说明：填的是“”，应为有处理结果就要填"),
    "person": ({"填写人": "recon_kit"}, "填写人：填的是“recon_kit”，应为人名"),
    "due": ({"完成日": "下周"}, "完成日：填的是“下周”，应为日期"),
    "due_needed": ({"完成日": None}, "完成日：填的是“”，应为有措施就要填完成日"),
    "cause": ({"处理结果": "申请核销", "原因归类": None}, "原因归类：填的是“”，应为申请核销要填原因归类"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_faulty_cell_is_named_and_nothing_of_the_file_is_recorded(book, name):
    change, expected = FAULTS[name]
    path = fill(export(book), {"C1": {**PAID, **change}, "C2": PAID})
    before = book.casebook.events().height

    with pytest.raises(CasebookError, match=r"客服 第 \d 行，.*" + re.escape(expected)):
        bring_back(book, path)

    assert book.casebook.events().height == before


def test_an_id_that_the_casebook_does_not_know_and_two_answers_for_one_are_refused(book):
    path = fill(export(book), {"C1": PAID, "C2": PAID})
    ids = book.states()
    first, second = ids["C05 C1"]["discrepancy_id"], ids["C05 C2"]["discrepancy_id"]

    with pytest.raises(CasebookError, match=r"Dffffffffffffffff.*本案卷里有的差异编号"):
        bring_back(book, fill(path, {"C1": {"差异编号": "Dffffffffffffffff"}}))
    with pytest.raises(CasebookError, match="只填一行"):
        bring_back(book, fill(path, {"C1": {"差异编号": second, "处理说明": "不同"}}))
    assert first != second and says(book, "explained").is_empty()


def test_personal_data_in_an_answer_is_masked_before_it_is_kept_or_quoted(book):
    path = fill(export(book), {"C1": {**PAID, "处理说明": "已电话 13812345678 联系"}})
    bring_back(book, path)

    assert says(book, "explained")["why"].to_list() == ["已电话 *** 联系"]
    with pytest.raises(CasebookError, match=r"填的是“\*\*\*”"):
        bring_back(book, fill(path, {"C1": {"处理结果": "13812345678"}}))


def test_another_file_is_no_work_list(book, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("订单编号,金额\nO1,1.00\n", encoding="utf-8")

    with pytest.raises(CasebookError, match=r"other.csv: no sheet with the columns of a work-list; expected 差异编号"):
        bring_back(book, other)


def test_a_list_may_come_back_as_csv_with_days_as_people_write_them(book, tmp_path):
    ids = book.states()
    lines = ["差异编号,【填】处理结果,【填】原因归类,【填】处理说明,【填】措施,【填】完成日,【填】填写人"]
    lines += [
        f"{ids[f'C05 {case_id}']['discrepancy_id']},已追回,系统,说明,追款,{day},李"
        for case_id, day in (("C1", "2026/11/9"), ("C2", "2026年11月09日"))
    ]
    path = tmp_path / "back.csv"
    path.write_bytes("\r\n".join(lines).encode("gb18030"))

    assert bring_back(book, path).answered == 2
    assert all('"due":"2026-11-09"' in data for data in says(book, "action")["data"])


def test_an_answer_to_an_item_that_ended_meanwhile_is_kept_and_no_write_off_proposed(book):
    path = fill(export(book, "finance"), {"C3": {**PAID, "处理结果": "申请核销"}})
    booked = world(
        orders=[order("O3")],
        cases=[case("C3", "O3", "10.00")],
        flows=[refund("F3", "10.00", case_id="C3")],
        vouchers=[voucher("V3", ("C3", "10.00"))],
    )
    book.run(booked)

    result = bring_back(book, path)

    assert book.states()["L01 C3"]["status"] == "cleared"
    assert (result.answered, result.ended) == (1, 1) and says(book, "written_off").is_empty()


def test_a_list_with_answers_that_were_not_imported_is_not_replaced(book):
    path = fill(export(book), {"C1": PAID})

    with pytest.raises(CasebookError, match="1 answers that were not imported"):
        check_nothing_lost([path], book.casebook.events(), "zh")
    bring_back(book, path)
    check_nothing_lost([path, path.with_name("none.xlsx")], book.casebook.events(), "zh")


def test_an_item_carried_from_an_earlier_month_keeps_its_sentence_and_evidence(book):
    november = world(orders=[order("O9", on="2026-11-05")], cases=[], flows=[], bills_from="2026-11-01")
    book.run(november, "2026-11", as_of="2026-11-30")
    run, earlier = open_run(book.out, "2026-11")

    carried = (
        in_sentences(work_list(run, book.casebook.events(), earlier), "zh").filter(pl.col("case_id") == "C1").row(0, named=True)
    )

    assert "35.00" in carried["why"] and carried["evidence"] and carried["first_period"] == "2026-10"
    assert carried["state"].startswith("未清；逾期") and "上期结转" in carried["state"]


def test_owners_are_named_in_either_language(book):
    assert owner_of("客服") == owner_of("cs") == "cs"
    with pytest.raises(ConfigError, match="--owner 客户: unknown owner; did you mean"):
        owner_of("客户")
    assert item_states(book.casebook.events()).height == 3


def command(book, *words):
    result = CliRunner().invoke(app, ["cases", *words, "--out", str(book.out)])
    return result.exit_code, result.output


def test_the_commands_write_each_owners_list_and_read_the_answers_back(book):
    code, printed = command(book, "export", "2026-10")
    lists = book.out / "worklists" / "2026-10"
    assert code == 0 and sorted(path.name for path in lists.iterdir()) == ["cs.xlsx", "finance.xlsx"]
    assert f"客服：2 项 → {(lists / 'cs.xlsx').as_posix()}" in printed

    good = fill(lists / "cs.xlsx", {"C1": PAID})
    bad = fill(lists / "finance.xlsx", {"C3": {"处理结果": "随便"}})
    code, printed = command(book, "import", str(bad), str(good), "--at", "2026-11-06T09:00:00")

    assert code == 2 and "cs.xlsx：回填 1 项" in printed and "finance.xlsx：3 处不能登记，整份没有登记" in printed
    assert book.states()["L01 C3"]["status"] == "open" and book.states()["C05 C1"]["status"] == "explained"
    code, printed = command(book, "export", "2026-10", "--owner", "客服")
    assert code == 0 and "客服：2 项" in printed
    assert isinstance(CliRunner().invoke(app, ["cases", "export", "2026-10", "--out", str(book.out)]).exception, CasebookError)
