"""The workplace: filter, select, look, decide, undo, restart; what it writes is what `recon-kit cases` would have written."""

import csv
import json
import shutil
from datetime import date

import openpyxl
import polars as pl
import pytest

from recon_kit.casebook import Decision, decide, item_states
from recon_kit.config import Config
from recon_kit.explore import findings
from recon_kit.explore.acts import NEEDS, Typed
from recon_kit.explore.desk import MAX_LISTED
from recon_kit.explore.draft import draft_place
from recon_kit.explore.evidence import SIDES
from recon_kit.explore.findings import Filters, choose
from recon_kit.explore.selection import write_csv, write_xlsx
from recon_kit.labels import LANGUAGES, phrase
from recon_kit.record import load_run
from recon_kit.tracing.events import _MAKERS
from tests.casebook.book import AT, Book
from tests.conftest import HOSTILE
from tests.explore.place import desk_of, published
from tests.world import case, order, refund, voucher, world


@pytest.fixture(scope="module")
def origin(tmp_path_factory):
    return published(tmp_path_factory.mktemp("origin")).out


@pytest.fixture
def book(origin, tmp_path):
    return Book(shutil.copytree(origin, tmp_path / "reports"))


def listed(desk):
    return desk.grid.df.rows()


def keys(desk):
    return [row[4] for row in listed(desk)]


def pick(desk, *wanted):
    desk.grid.selected_rows = [keys(desk).index(key) for key in wanted]


def say(desk, kind, *, by="王芳", why="查过了", **more):
    desk.form.fill(Typed(by=by, kind=kind, why=why, **more))
    desk.form.send.click()
    return desk.form.said.value


def state(book, key):
    return next(row for row in book.states().values() if row["key"] == key)


def test_unfiltered_the_list_is_the_run_and_ties_to_it(book):
    desk = desk_of(book)

    assert keys(desk) == ["C3", "C1", "C2"]
    assert "选中 3 项，差额绝对值合计 100.00 元" in desk.summary.value
    assert "全部 3 项、差额绝对值合计 100.00 元 ＝ 本期查出 3 项" in desk.tie().html


@pytest.mark.parametrize(
    ("asked", "left"),
    [
        ({"code": ("C04",)}, ["C3", "C1"]),
        ({"shop": ("乙店",)}, ["C2"]),
        ({"code": ("C04",), "shop": ("乙店",)}, []),
        ({"amount_from": 3000}, ["C3", "C1"]),
        ({"amount_from": 2000, "amount_to": 3000}, ["C1", "C2"]),
        ({"age_from": 20}, ["C3", "C1"]),
        ({"age_to": 5}, ["C2"]),
        ({"text": " c1 "}, ["C1"]),
        ({"text": "50.00"}, ["C3"]),
        ({"text": "aftersales.csv:3"}, ["C2"]),
        ({"status": ("open",), "assigned_to": ("",)}, ["C3", "C1", "C2"]),
    ],
)
def test_each_filter_narrows_the_list_and_all_hold_together(book, asked, left):
    desk = desk_of(book)
    desk.filters.fill(Filters(**asked), "weight")

    assert keys(desk) == left
    desk.filters.reset.click()
    assert len(keys(desk)) == 3


@pytest.mark.parametrize(("by", "first"), [("amount", "C3"), ("age", "C1"), ("due", "C3"), ("code", "C2"), ("weight", "C3")])
def test_the_list_is_in_the_order_asked(book, by, first):
    desk = desk_of(book)
    desk.filters.sort.value = by

    assert keys(desk)[0] == first


def test_a_limit_that_is_no_amount_is_said_and_passed_over(book):
    desk = desk_of(book)
    desk.filters.limits["amount_from"].value = "很多"

    assert "“很多”不是金额" in desk.filters.said.value
    assert len(keys(desk)) == 3


def test_the_evidence_stands_side_by_side_with_file_and_row(book):
    desk = desk_of(book)
    assert "点一行" in desk.proof.value
    pick(desk, "C1")

    shown = desk.proof.value
    assert [title in shown for title in ("平台", "资金渠道", "账簿", "货物", "时间线", "案卷经过")] == [True] * 6
    assert 'class="row ground"' in shown and "aftersales.csv:2" in shown and "orders.csv:2" in shown
    assert "没有记录" in shown and "还没有人登记过" in shown


def test_every_row_of_a_timeline_has_its_side_and_its_name():
    tables = {table for side in SIDES.values() for table in side}

    assert tables == set(_MAKERS)
    assert all(phrase("explore", f"row.{table}", language) for table in tables for language in LANGUAGES)


def test_what_is_approved_is_the_write_off_where_one_waits_else_the_entries(book):
    desk = desk_of(book)
    pick(desk, "C1")
    desk.form.kind.value = "approved"
    assert desk.form.fields["about"].value == "entries"
    say(desk, "written_off")
    desk.form.kind.value = "approved"

    assert desk.form.fields["about"].value == "write_off"


def test_a_decision_on_several_rows_is_in_the_casebook_and_in_the_list(book):
    desk = desk_of(book)
    pick(desk, "C1", "C3")
    said = say(desk, "assigned", to="李雷", why="月底前")

    assert "已登记：分派，2 项" in said
    assert [state(book, key)["assigned_to"] for key in ("C1", "C2", "C3")] == ["李雷", None, "李雷"]
    assert [row[-1] for row in listed(desk)] == ["李雷", "李雷", ""]
    assert "月底前" in desk.proof.value and desk.form.read() == Typed(by="王芳", kind="assigned")


def test_what_others_decided_meanwhile_is_there_at_the_next_click(book):
    desk = desk_of(book)
    item = next(one["discrepancy_id"] for one in book.states().values() if one["key"] == "C1")
    decide(book.casebook, Config(), Decision("assigned", item, "李主管", AT, "命令行", {"to": "赵六"}))
    pick(desk, "C1")

    assert listed(desk)[keys(desk).index("C1")][-1] == "赵六"
    assert list(desk.grid.selected_rows) == [keys(desk).index("C1")] and "命令行" in desk.proof.value


def test_all_of_a_decision_is_recorded_or_none_and_the_rule_is_named(book):
    desk = desk_of(book)
    pick(desk, "C1")
    say(desk, "cause", cause="process")
    pick(desk, "C1", "C3")
    events = book.casebook.events().height
    said = say(desk, "closed")

    assert "没有登记" in said and "C04 C3：差异要先定原因" in said and "C1" not in said
    assert book.casebook.events().height == events
    assert desk.form.why.value == "查过了"


def test_nobody_approves_their_own_and_the_form_says_so(book):
    desk = desk_of(book)
    pick(desk, "C1")
    say(desk, "written_off")
    refused = say(desk, "approved")
    assert "C04 C1：王芳 是提出人或经办人，不能批准自己的" in refused and [row[8] for row in listed(desk)][1] == "未清，核销待批"
    say(desk, "approved", by="李主管")

    assert state(book, "C1")["status"] == "written_off"
    assert [row[8] for row in listed(desk)][1] == "已核销"


@pytest.mark.parametrize(
    ("kind", "more", "said"),
    [
        ("assigned", {"by": " "}, "姓名"), ("assigned", {}, "交给谁"), ("cause", {}, "原因归类"), ("action", {}, "做什么"),
        ("explained", {"why": " "}, "理由"), ("attached", {}, "文件"), ("approved", {"about": "entries"}, "建议分录"),
    ],
)  # fmt: skip
def test_the_form_says_what_it_lacks_and_records_nothing(book, kind, more, said):
    desk = desk_of(book)
    pick(desk, "C2")
    before = book.casebook.head()

    assert said in say(desk, kind, **more)
    assert book.casebook.head() == before


def test_what_follows_of_a_kind_is_asked_for_and_nothing_else(book):
    desk = desk_of(book)
    for kind, needs in NEEDS.items():
        desk.form.kind.value = kind
        assert {name for name, field in desk.form.fields.items() if field.layout.display != "none"} == set(needs)


def test_a_day_given_with_an_assignment_is_when_it_is_due(book):
    desk = desk_of(book)
    desk.filters.sort.value = "due"
    pick(desk, "C2")
    say(desk, "assigned", to="李雷", due=date(2026, 11, 6))

    assert (keys(desk)[0], listed(desk)[0][7]) == ("C2", "2026-11-06")


def test_an_entry_is_looked_at_and_approved_by_another(tmp_path):
    unbooked = world(
        orders=[order("O1"), order("O2")],
        cases=[case("C1", "O1"), case("C2", "O2")],
        flows=[refund("F1", case_id="C1"), refund("F2", case_id="C2")],
        vouchers=[voucher("V1", ("C1", "30.00"))],
    )
    desk = desk_of(published(tmp_path, unbooked))
    pick(desk, "C2")
    assert "建议分录" in desk.proof.value and "待审批" in desk.proof.value
    said = say(desk, "approved", by="李主管", about="entries")

    assert "已登记：批准，1 项" in said
    assert "已审批" in desk.proof.value
    assert "没有待审批的建议分录" in say(desk, "approved", by="赵经理", about="entries")


def test_undo_takes_back_the_last_own_decision_on_every_row_and_fills_the_form_with_it(book):
    desk = desk_of(book)
    pick(desk, "C1", "C3")
    say(desk, "explained", by="李雷", why="别人的")
    say(desk, "assigned", to="赵六", why="给他")
    desk.form.why.value = "给错了"
    desk.form.undo.click()

    assert "已撤销：分派，2 项" in desk.form.said.value
    assert desk.form.read() == Typed(by="王芳", kind="assigned", to="赵六", why="给他")
    assert [state(book, key)["assigned_to"] for key in ("C1", "C3")] == [None, None]
    assert state(book, "C1")["status"] == "explained"
    desk.form.undo.click()
    assert "王芳 没有可以撤销的决定" in desk.form.said.value


def test_a_restarted_kernel_finds_filters_selection_and_what_was_typed(book):
    desk = desk_of(book)
    desk.filters.slicers["code"].value = ("C04",)
    desk.filters.limits["amount_from"].value = "40"
    pick(desk, "C3")
    desk.form.fill(Typed(by="王芳", kind="action", to="李雷", what="补凭证", why="写到一半"))
    again = desk_of(book)

    assert keys(again) == ["C3"] and list(again.grid.selected_rows) == [0]
    assert again.form.read() == desk.form.read()
    assert "已恢复" in again.form.said.value and "C3" in again.proof.value


def test_what_was_recorded_is_no_longer_a_draft(book):
    desk = desk_of(book)
    pick(desk, "C3")
    say(desk, "explained", why="说明完毕")

    kept = json.loads(draft_place(book.out, "2026-10").read_text("utf-8"))
    assert kept["typed"] | {"kind": ""} == {
        "by": "王芳", "kind": "", "to": "", "due": None, "cause": "", "what": "", "about": "write_off", "why": ""
    }  # fmt: skip


@pytest.mark.parametrize("text", ["", "[]", '{"filters": {}}', '{"filters": 3, "sort": "x", "selected": [], "typed": {}}'])
def test_a_broken_draft_is_said_and_the_workplace_starts_blank(book, text):
    draft_place(book.out, "2026-10").write_text(text)
    desk = desk_of(book)

    assert "无法读取" in desk.form.said.value and len(keys(desk)) == 3


def test_the_name_comes_from_the_environment(book, monkeypatch):
    desk_of(book).form.fill(Typed(by="王芳", why="写到一半"))
    assert desk_of(book).form.by.value == "王芳"
    monkeypatch.setenv("RECON_KIT_USER", "韩梅梅")

    assert (desk_of(book).form.by.value, desk_of(book).form.why.value) == ("韩梅梅", "写到一半")


def test_an_uploaded_file_is_kept_as_evidence_whatever_its_name(book):
    desk = desk_of(book)
    pick(desk, "C1")
    upload = {"name": "..\\..\\聊天.txt", "type": "text/plain", "size": 6, "content": memoryview("问过".encode())}
    desk.form.fill(Typed(by="王芳", kind="attached", why="聊天记录"))
    desk.form.fields["files"].value = ({**upload, "last_modified": AT},)
    desk.form.send.click()

    assert "已登记：附证据文件，1 项" in desk.form.said.value
    assert [path.read_text("utf-8") for path in (book.out / "evidence").iterdir()] == ["问过"]
    assert state(book, "C1")["n_evidence"] == 1 and "聊天.txt" in desk.proof.value


def test_a_carried_item_is_listed_with_the_sentence_of_the_run_that_stated_it(book):
    book.run(world(orders=[order("O9", on="2026-11-05")]), "2026-11")
    desk = desk_of(book, period="2026-11")

    assert set(keys(desk)) >= {"C1", "C3"}
    assert "前期结转" in desk.tie().html
    pick(desk, "C1")
    assert "30.00" in desk.proof.value


def test_a_run_without_a_casebook_is_looked_at_only(run_folder):
    desk = findings.findings_of(load_run(run_folder), "zh").pipe(findings.with_states, None)

    assert desk.height == 19 and set(desk["status"]) == {"open"}


def test_texts_that_attack_stay_texts(tmp_path):
    month = world(
        orders=[order(f"O{n}", shop=text) for n, text in enumerate(HOSTILE)],
        cases=[case(f"C{n}", f"O{n}", done="2026-10-05", shop=text, reason=text) for n, text in enumerate(HOSTILE)],
    )
    book = published(tmp_path, month)
    desk = desk_of(book)
    assert not desk.grid._dt_args.get("keys_to_be_evaluated")
    for place, text in enumerate(keys(desk)):
        desk.grid.selected_rows = [place]
        say(desk, "explained", by="<b>王</b>", why=HOSTILE[place])
        shown = desk.proof.value + desk.summary.value + desk.form.said.value + desk.filters.said.value
        assert not any(one in shown for one in HOSTILE if "<" in one), text
        assert "<b>王" not in shown


def test_the_browser_gets_no_more_than_it_can_show_and_the_export_gets_all(book, tmp_path):
    desk = desk_of(book)
    numbered = pl.format("D{}-{}", "copy", "discrepancy_id").alias("discrepancy_id")
    copies = pl.DataFrame({"copy": range(500)})
    desk._findings = desk._findings.join(copies, how="cross").with_columns(numbered).drop("copy")
    desk._renew(Typed())

    assert len(listed(desk)) == MAX_LISTED
    assert "其余 500 项不在表里" in desk.summary.value and "选中 1,500 项" in desk.summary.value
    file = write_csv(desk._chosen, tmp_path, "2026-10", "zh")
    assert len(list(csv.reader(file.read_text("utf-8-sig").splitlines()))) == 1501


def test_exports_hold_no_formula_no_link_and_give_every_text_back(tmp_path):
    month = world(
        orders=[order(f"O{n}", shop=text) for n, text in enumerate(("=1+1", "'单引号", "https://例.cn"))],
        cases=[
            case(f"20261000000000000{n}", f"O{n}", done="2026-10-05", shop=s)
            for n, s in enumerate(("=1+1", "'单引号", "https://例.cn"))
        ],
    )
    desk = desk_of(published(tmp_path, month))
    file = write_xlsx(desk._chosen, tmp_path, "2026-10", "zh")
    sheet = openpyxl.load_workbook(file)["差异"]
    heads = [cell.value for cell in sheet[1]]
    shops = [row[heads.index("店铺")] for row in sheet.iter_rows(min_row=2)]
    text = write_csv(desk._chosen, tmp_path, "2026-10", "zh").read_text("utf-8-sig")
    told = list(csv.DictReader(text.splitlines()))

    assert {cell.value for cell in shops} == {"=1+1", "'单引号", "https://例.cn"}
    assert not any(cell.data_type == "f" or cell.hyperlink for row in sheet.iter_rows() for cell in row)
    assert all(isinstance(row[heads.index("差额（元）")].value, float | int) for row in sheet.iter_rows(min_row=2))
    assert {row["店铺"] for row in told} == {"'=1+1", "''单引号", "https://例.cn"}
    assert {row["差额（元）"] for row in told} == {"-30.00"}


def test_equal_choices_give_equal_files(book, tmp_path):
    desk = desk_of(book)
    first = [write(desk._chosen, tmp_path, "2026-10", "zh").read_bytes() for write in (write_xlsx, write_csv)]

    assert first == [write(desk._chosen, tmp_path, "2026-10", "zh").read_bytes() for write in (write_xlsx, write_csv)]


def test_states_and_list_say_the_same_as_the_casebook(book):
    desk = desk_of(book)
    pick(desk, "C1")
    say(desk, "explained", why="联系 13812345678")

    frame = findings.with_states(desk._findings, book.casebook.events())
    assert set(choose(frame, Filters(status=("explained",)))["key"]) == {"C1"}
    assert item_states(book.casebook.events()).filter(status="explained").height == 1
    assert "13812345678" not in frame["explanation"].str.join("").item() and "13812345678" not in desk.proof.value
