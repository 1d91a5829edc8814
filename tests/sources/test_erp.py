"""Ledgers and the seller's own systems: which form a header is, one name for one voucher, and what such a system may state."""

from __future__ import annotations

import pytest

from recon_kit.collect import collect
from recon_kit.errors import ConfigError
from recon_kit.schema import TABLES
from recon_kit.sources.layout import claims
from recon_kit.sources.loading import load_layout, load_layouts
from recon_kit.sources.template import template_claim

VOUCHERS = TABLES["voucher_lines"]
SPLIT = "日期,凭证字,凭证号,摘要,科目编码,借方金额,贷方金额"


@pytest.mark.parametrize(
    ("header", "layout"),
    [
        ("日期,凭证字号,摘要,科目编码,科目名称,借方金额,贷方金额,方向,余额", "ledger_list"),
        ("会计期间,凭证日期,凭证号,摘要,科目代码,借方,贷方", "ledger_list"),
        (SPLIT, "ledger_list"),
        (f"{SPLIT},分录序号", "ledger_jdy"),
        (f"{SPLIT},分录序号,原币金额", "ledger_jdy"),
        (f"{SPLIT},原币金额", "ledger_kis"),
        ("日期,凭证字号,摘要,科目编码,科目名称,方向,金额,余额", "ledger_direction"),
    ],
)
def test_every_form_of_a_ledger_is_recognised_under_its_own_name(header, layout):
    assert [claim.layout.name for claim in claims(load_layouts(), [header.split(",")])] == [layout]


@pytest.mark.parametrize(
    "header",
    [
        [column.label for column in VOUCHERS.columns],
        [column.label for column in VOUCHERS.columns if column.required],
        ["period", "凭证字号", "line_no", "凭证日期", "科目编码", "借方金额", "贷方金额"],
    ],
    ids=["whole", "required columns", "mixed languages"],
)
def test_a_standard_template_of_vouchers_is_no_voucher_list(header):
    assert claims(load_layouts(), [header]) == []
    assert template_claim([header], "a.csv")[0].layout.name == "template_voucher_lines"


@pytest.mark.parametrize(
    ("header", "cells", "voucher_id"),
    [
        ("凭证号", "记-0012", "记-0012"),
        ("凭证号", "记0012", "记-0012"),
        ("凭证号", "记 - 12", "记-12"),
        ("凭证号", "记－12", "记-12"),
        ("凭证号", "记字第12号", "记-12"),
        ("凭证号", "银收12", "银收-12"),
        ("凭证号", "银-收-12", "银-收-12"),
        ("凭证号", "12", "12"),
        ("凭证号", "JZ2026-10-0012", "JZ2026-10-0012"),
        ("凭证字,凭证号", "记,0012", "记-0012"),
        ("凭证字,凭证号", "记字,12", "记-12"),
        ("凭证字,凭证号", "记,记-12", "记-12"),
        ("凭证字,凭证号", ",12", "12"),
    ],
)
def test_a_voucher_has_one_name_however_its_word_and_number_are_written(tmp_path, header, cells, voucher_id):
    ledger = f"日期,{header},摘要,科目编码,借方金额,贷方金额\n2026-10-05,{cells},退款,101201,,1.00\n"
    (tmp_path / "a.csv").write_text(ledger, "utf-8")

    assert collect(tmp_path).tables.voucher_lines["voucher_id"].to_list() == [voucher_id]


def test_a_layout_says_only_what_differs_from_the_one_it_extends(tmp_path):
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "ledger_list"\nname = "mine"\n[aliases]\n"摘要" = ["说明"]\n', "utf-8")

    layout, base = load_layout(mine), next(lay for lay in load_layouts() if lay.name == "ledger_list")

    assert (layout.name, layout.rows, layout.signature) == ("mine", base.rows, base.signature)
    assert layout.aliases == {**base.aliases, "摘要": ("说明",)}


@pytest.mark.parametrize("name", ["ledger_lists", "mine"])
def test_a_layout_that_extends_none_that_exists_is_refused(tmp_path, name):
    (tmp_path / "mine.toml").write_text(f'name = "mine"\nextends = "{name}"\n', "utf-8")

    with pytest.raises(ConfigError, match=r"mine\.toml:2: extends: there is no other layout .* did you mean"):
        load_layout(tmp_path / "mine.toml")
