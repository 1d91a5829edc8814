import contextlib
import copy
import re
import tomllib
from pathlib import Path

import pytest
from pydantic import ValidationError

from recon_kit.collect import collect
from recon_kit.errors import ConfigError, SourceError
from recon_kit.schema import TABLES
from recon_kit.sources import layout as words
from recon_kit.sources.layout import claims, header_word, nearest
from recon_kit.sources.loading import BUILT_IN, load_layouts
from recon_kit.sources.own import Own
from recon_kit.sources.template import field_name, template_claim, template_layout

GOOD = """
name = "mine"
label = { zh = "我的", en = "mine" }
confidence = "C"
signature = ["单号", "金额"]
[[rows]]
table = "fees"
constants = { channel = "other", kind = "other" }
[rows.columns]
fee_id = "单号"
amount_fen = "金额"
at = "日期"
"""


def layouts_of(tmp_path, *texts):
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.toml").write_text(text, "utf-8")
    return load_layouts(tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            GOOD.replace("confidence", "confidense"),
            r"0\.toml:4: confidense: unknown key 'confidense'; did you mean 'confidence'\?",
        ),
        (GOOD.replace('confidence = "C"', ""), r"0\.toml:1: confidence: the key 'confidence' is missing"),
        (GOOD.replace('"C"', '"D"'), r"0\.toml:4: confidence: 'D' is none of 'A', 'B', 'C' or 'M'"),
        (GOOD.replace('["单号", "金额"]', "[]"), r"0\.toml:5: signature: .*at least 1"),
        (GOOD.replace('"fees"', '"fee"'), r"0\.toml:7: rows\.0\.table: table 'fee' does not exist; did you mean 'fees'\?"),
        (GOOD.replace("amount_fen", "amount"), r"0\.toml:11: .*table fees has no column 'amount'; did you mean 'amount_fen'\?"),
        (GOOD.replace('at = "日期"', ""), r"0\.toml:6: rows\.0: rows of fees need at; give each a header .*or name it in lacks"),
        (GOOD.replace('kind = "other"', 'kind = "others"'), r"0\.toml:8: .*'others' is no value of kind; did you mean 'other'\?"),
        (GOOD.replace('"单号"\n', '{ from = "单号", regexp = "x" }\n'), r"0\.toml:10: .*'regexp'; did you mean 'regex'\?"),
        (GOOD.replace('"单号"\n', '{ from = "单号", regex = "(" }\n'), r"0\.toml:10: .*'\(' is no regular expression"),
        (GOOD.replace('"单号"\n', '{ from = "单号", when = { "金额" = "(?=1)" } }\n'), r"0\.toml:10: .*look-around"),
        (GOOD + 'kind = { from = "单号", words = { commision = "佣" } }', r"0\.toml:13: .*did you mean 'commission'\?"),
        (GOOD + 'shop = { steps = [\n  { from = "店" },\n  { frmo = "铺" },\n] }', r"0\.toml:15: .*did you mean 'from'\?"),
        (GOOD + '[[controls]]\nmeasure = "合计"\npattern = "合计.*元"\n', r"0\.toml:15: .*has 0 groups; expected one"),
        (GOOD.replace('"单号", "金额"]', '"单号", "金额"'), r"0\.toml: this is not valid TOML"),
        (GOOD[: GOOD.index("[[rows]]")], r"0\.toml:1: rows: there is no \[\[rows\]\]"),
        (
            GOOD + '[[rows]]\ntable = "flows"\n[rows.columns]\namount_fne = "金额"\n',
            r"0\.toml:16: rows\.1\.columns\.amount_fne: ",
        ),
    ],
)
def test_a_layout_with_a_mistake_is_refused_with_its_file_line_and_what_was_meant(tmp_path, text, message):
    with pytest.raises(ConfigError, match=message):
        layouts_of(tmp_path, text)


@pytest.mark.parametrize("line", ['lacks = ["at"]', 'complement = { of = "b", takes = ["shop"] }', None])
def test_rows_may_lack_a_required_column_that_they_say_they_lack_or_that_other_rows_have(tmp_path, line):
    text = GOOD.replace('at = "日期"\n', "")
    text = text.replace('table = "fees"\n', f'table = "fees"\n{line}\n') if line else f"is_erp = true\n{text}"

    assert [layout.name for layout in layouts_of(tmp_path, text)] == ["mine"]


def test_two_layouts_of_one_name_are_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"1\.toml: layout name 'mine' is used twice, in 0\.toml too"):
        layouts_of(tmp_path, GOOD, GOOD)


@pytest.mark.parametrize(
    "cell",
    [
        "收入金额（+元）",
        "收入金额(+元) ",
        " 收入金额（＋元）",
        "\ufeff收入金额(+元)",
        "收入 金额(+元)",
        "`收入金额(+元)",
        '="收入金额(+元)"',
    ],
)
def test_a_header_is_one_word_however_it_is_written(cell):
    assert header_word(cell) == "收入金额(+元)"


def test_a_header_is_found_below_a_preamble(tmp_path):
    mine = layouts_of(tmp_path, GOOD)

    found = claims(mine, [("某某报表",), ("", "单号", "说明", "金额")])

    assert [(claim.layout.name, claim.place) for claim in found] == [("mine", 1)]


def test_a_file_that_lacks_a_needed_column_is_told_apart_and_named(tmp_path):
    mine = layouts_of(tmp_path, GOOD.replace('["单号", "金额"]', '["单号", "金额", "时间"]'))
    head = [("单号", "金额")]

    assert claims(mine, head) == []
    assert [(layout.name, missing) for layout, missing in nearest(mine, head)] == [("mine", ["时间"])]


def test_no_header_of_a_built_in_layout_is_claimed_by_a_second_one():
    for layout in load_layouts():
        assert [claim.layout.name for claim in claims(load_layouts(), [layout.signature])] == [layout.name]


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_can_be_supplied_by_its_full_template_in_either_language(table):
    for header in ([field_name(c) for c in table.columns], [c.label for c in table.columns]):
        found = template_claim([header], "in.csv")

        assert found is not None
        assert (found[0].layout, found[1]) == (template_layout(table.name), [])


@pytest.mark.parametrize("table", TABLES.values(), ids=lambda table: table.name)
def test_every_table_can_be_supplied_by_its_required_columns_and_strangers_are_named(table):
    header = [*(field_name(c) for c in table.columns if c.required), "我们自己的列"]

    found = template_claim([header], "in.csv")

    assert found is not None
    assert (found[0].layout, found[1]) == (template_layout(table.name), ["我们自己的列"])


def test_money_with_its_internal_suffix_is_not_a_template_column():
    assert template_claim([["fee_id", "channel", "kind", "amount_fen", "at"]], "in.csv") is None


def test_a_header_that_fits_two_templates_is_refused():
    header = [*(field_name(c) for c in TABLES["fees"].columns), *(field_name(c) for c in TABLES["products"].columns)]

    with pytest.raises(SourceError, match="fits the templates fees and products"):
        template_claim([list(dict.fromkeys(header))], "in.csv")


PAGE = Path(__file__).parents[2] / "docs" / "layouts.md"


def test_every_word_a_layout_may_say_is_documented():
    models = [words.Layout, words.Rows, words.Rule, words.RowId, words.Complement, words.Control, words.Coverage, words.YearOf]
    known = {field.alias or name for model in models for name, field in model.model_fields.items()}
    page = PAGE.read_text("utf-8")

    assert sorted(key for key in known if not re.search(rf"[`{{ ,\[]{key}[`, }}\]]", page)) == []


def test_the_example_of_the_documentation_reads_its_file(tmp_path):
    blocks = re.findall(r"```\w*\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    export = next(block for block in blocks if block.startswith("平台罚款明细"))
    layout = next(block for block in blocks if block.startswith("name = "))
    (tmp_path / "in.csv").write_text(export, "utf-8")

    read = collect(tmp_path, own=Own(layouts=layouts_of(tmp_path, layout)))

    assert read.tables.fees is not None
    assert read.tables.fees.select("fee_id", "kind", "amount_fen").rows() == [
        ("F-2026-0001", "penalty", 125000),
        ("F-2026-0002", "other", -5000),
    ]
    assert read.controls.select("stated", "found").rows() == [(120000, 120000)]


@pytest.mark.parametrize("value", [1, "x", [], {}, True, [1], {"a": 1}, [[]], [{}]], ids=str)
def test_no_value_in_the_wrong_place_is_more_than_a_refusal(value):
    raw = tomllib.loads((BUILT_IN / "pdd_bill.toml").read_text("utf-8"))
    for path in [(), ("rows", 0), ("rows", 0, "columns"), ("rows", 0, "row_id"), ("controls", 0), ("coverage",)]:
        for key in place_in(raw, path):
            changed = copy.deepcopy(raw)
            place_in(changed, path)[key] = value
            with contextlib.suppress(ValidationError):
                words.Layout.model_validate(changed)


def place_in(raw, path):
    for part in path:
        raw = raw[part]
    return raw
