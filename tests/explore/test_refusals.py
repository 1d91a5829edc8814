"""Every rule that forbids a decision is named, and has its words in both languages."""

import re
import tomllib
from pathlib import Path

import pytest

import recon_kit.casebook.decisions
from recon_kit.casebook import Event
from recon_kit.errors import CasebookError, ReconError
from recon_kit.explore.acts import Typed, refusal
from recon_kit.resources import templates_dir
from tests.casebook.book import AT
from tests.explore.place import desk_of, published

RULES = tomllib.loads((templates_dir() / "explore.toml").read_text("utf-8"))["rule"]


def test_every_rule_has_its_words():
    named = re.findall(r'_refusal\(\s*"(\w+)"', Path(recon_kit.casebook.decisions.__file__).read_text("utf-8"))

    assert sorted(named) == sorted(RULES)


def _say(desk, kind, *, by="王芳", **more):
    desk.form.fill(Typed(by=by, kind=kind, why="因为", **more))
    desk.form.send.click()
    return desk.form.said.value


@pytest.mark.parametrize(
    ("before", "then", "said"),
    [
        ([], ("closed", "王芳"), "先定原因"),
        ([], ("reopened", "王芳"), "不用重开"),
        ([], ("approved", "王芳"), "没有待批的核销申请"),
        ([("written_off", "王芳")], ("written_off", "李雷"), "请先批准或驳回那一份"),
        ([("written_off", "王芳")], ("approved", "王芳"), "不能批准自己的"),
        ([("written_off", "王芳"), ("approved", "李雷")], ("closed", "王芳"), "现在是“已核销”，先重开"),
    ],
)
def test_what_forbids_a_decision_is_said_in_the_language_of_the_notebook(tmp_path, before, then, said):
    desk = desk_of(published(tmp_path))
    desk.grid.selected_rows = [0]
    for kind, by in before:
        _say(desk, kind, by=by)

    told = _say(desk, then[0], by=then[1])
    assert "没有登记" in told and said in told and "C04 C3" in told


def test_a_decision_of_a_sealed_month_is_not_undone_and_the_form_says_so(tmp_path):
    book = published(tmp_path)
    desk = desk_of(book)
    desk.grid.selected_rows = [0]
    _say(desk, "explained")
    book.casebook.append([Event("sealed", "period:2026-10", "李主管", AT, data={"period": "2026-10"})])
    desk.form.why.value = "写错了"
    desk.form.undo.click()

    assert "属于已封存的 2026-10" in desk.form.said.value


def test_many_refusals_are_told_by_their_first_lines_and_any_other_error_as_it_is():
    whole = CasebookError("all")
    whole.parts = tuple(CasebookError(f"item {n}") for n in range(20))

    assert refusal(whole, "en").splitlines()[1:] == [*(f"item {n}" for n in range(8)), "… and 12 more that cannot be recorded"]
    assert refusal(ReconError("disk full"), "en") == "Nothing was recorded.\ndisk full"
