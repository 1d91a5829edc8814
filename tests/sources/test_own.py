from pathlib import Path

import pytest

from recon_kit.collect import Collected, collect, read_files
from recon_kit.config import Sources
from recon_kit.errors import ConfigError, SourceError
from recon_kit.sources.own import Own, load_own, load_reasons

MINE = """
name = "mine"
label = { zh = "我的", en = "mine" }
confidence = "C"
signature = ["单号", "金额", "日期"]
[[rows]]
table = "fees"
constants = { channel = "other", kind = "penalty" }
[rows.columns]
fee_id = "单号"
amount_fen = "金额"
at = "日期"
"""
EXPORT = "单号,日期,金额\nF1,2026-10-01,12.00\n"
CASE_HEADER = "售后编号,订单编号,售后类型,申请时间,平台状态,原因"


@pytest.fixture
def home(tmp_path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text(EXPORT, "utf-8")
    return tmp_path


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def own_of(home: Path, **settings: object) -> Own:
    return load_own(Sources.model_validate(settings), home=home, data=[home / "data"])


def read(home: Path, **settings: object) -> Collected:
    return collect(home / "data", own=own_of(home, **settings))


def notes(collected: Collected) -> list[str]:
    return [note.text() for note in collected.warnings]


@pytest.mark.parametrize("folder", ["layouts", "data/layouts"])
def test_a_folder_of_layouts_beside_the_configuration_or_in_the_data_needs_no_mention(home, folder):
    write(home / folder / "mine.toml", MINE)

    assert read(home).intake["layout"].to_list() == ["mine"]


def test_a_folder_that_is_named_is_relative_to_the_configuration(home):
    write(home / "版式" / "mine.toml", MINE)

    assert read(home, layouts=["版式"]).intake["layout"].to_list() == ["mine"]
    with pytest.raises(ConfigError, match=r"recon\.toml \[sources\] layouts: .*absent is no folder"):
        own_of(home, layouts=["absent"])


def test_a_layout_of_ones_own_comes_before_a_built_in_one_that_knows_the_same_header(home):
    text = (Path(__file__).parents[2] / "recon_kit/sources/layouts/pdd_bill.toml").read_text("utf-8")
    write(home / "layouts" / "mine.toml", text.replace('name = "pdd_bill"', 'name = "mine"'))
    header = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述"
    (home / "data" / "a.csv").write_text(f"{header}\n261002-1,2026-10-09 12:00:00,0,-5.00,交易退款,-,x\n", "utf-8")

    assert read(home).intake["layout"].to_list() == ["mine"]


@pytest.mark.parametrize("name", ["pdd_bill", "template_orders"])
def test_a_layout_of_ones_own_may_not_take_the_name_of_a_built_in_one(home, name):
    write(home / "layouts" / "mine.toml", MINE.replace('"mine"', f'"{name}"', 1))

    with pytest.raises(ConfigError, match=f"layout name '{name}' is used in the built-in layouts too"):
        own_of(home)


def test_two_folders_may_not_have_layouts_of_one_name(home):
    for folder in ("layouts", "data/layouts"):
        write(home / folder / "mine.toml", MINE)

    with pytest.raises(ConfigError, match=r"layout name 'mine' is used in .*layouts too"):
        own_of(home)


def test_use_settles_which_of_two_layouts_reads_a_file(home):
    write(home / "layouts" / "a.toml", MINE)
    write(home / "layouts" / "b.toml", MINE.replace('"mine"', '"theirs"', 1))

    with pytest.raises(SourceError, match=r"a\.csv, row 1: two layouts claim .* or name one in recon\.toml \[sources\] use"):
        read(home)
    assert read(home, use={"*.csv": "theirs"}).intake["layout"].to_list() == ["theirs"]


def test_a_layout_that_use_names_must_fit_the_file_and_exist(home):
    write(home / "layouts" / "a.toml", MINE)

    with pytest.raises(SourceError, match=r"a\.csv: .*says that layout pdd_bill reads it, but the header is another; expected"):
        read(home, use={"a.csv": "pdd_bill"})
    with pytest.raises(ConfigError, match=r"\[sources\] use: a\.csv: there is no layout 'mien'; did you mean 'mine'\?"):
        own_of(home, use={"a.csv": "mien"})


def test_files_passed_over_are_counted_and_named_even_when_there_are_none(home):
    write(home / "layouts" / "mine.toml", MINE)
    write(home / "data" / "旧" / "b.csv", "甲,乙\n")

    read_now = read(home, skip=["旧/*", "*.bak"])

    assert read_now.intake["file"].to_list() == ["a.csv"]
    assert notes(read_now) == [
        "按 recon.toml [sources] skip 的“旧/*”跳过 1 个文件：旧/b.csv",
        "按 recon.toml [sources] skip 的“*.bak”跳过 0 个文件：—",
    ]
    assert all(note.is_remark for note in read_now.warnings)


def test_the_users_words_for_reasons_come_first_and_what_has_no_group_is_counted(home):
    rows = [
        f"S{n},O{n},仅退款,2026-10-02,成功,{reason}"
        for n, reason in enumerate(["质量不好", "漏勺", "漏勺", "外星人 13800138000"])
    ]
    (home / "data" / "a.csv").write_text("\n".join([CASE_HEADER, *rows]), "utf-8")
    write(home / "reasons.toml", 'no_reason = "质量不好"\nquality = "漏勺"\n')

    before, after = read(home), read(home, reasons="reasons.toml")

    assert before.tables.aftersales is not None and after.tables.aftersales is not None
    assert before.tables.aftersales["reason_group"].to_list() == ["quality", None, None, None]
    assert after.tables.aftersales["reason_group"].to_list() == ["no_reason", "quality", "quality", None]
    assert notes(before) == ["3 张售后单的原因没有归类，照原文统计：漏勺（2）、外星人 ***（1）。可在 reasons.toml 里补上"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('qualty = "x"', r"reasons\.toml:2: qualty: unknown reason_group 'qualty'; did you mean 'quality'\?"),
        ("quality = 3", r"reasons\.toml:2: quality: expected a regular expression in quotes"),
        ('quality = "(?=x)"', r"reasons\.toml:2: quality: .*look-around"),
        ('quality = "x', r"reasons\.toml: this is not valid TOML"),
    ],
)
def test_a_wrong_line_of_reasons_is_refused(tmp_path, line, message):
    with pytest.raises(ConfigError, match=message):
        load_reasons(write(tmp_path / "reasons.toml", f'price = "贵"\n{line}\n'))


def test_the_files_of_ones_own_are_known_by_name_and_hash_and_not_by_their_folders_place(home, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    for place in (home, other):
        write(place / "layouts" / "mine.toml", MINE)
        write(place / "reasons.toml", 'quality = "漏勺"')

    files = own_of(home, reasons="reasons.toml").files

    assert [name for name, _ in files] == ["layouts/mine.toml", "reasons.toml"]
    assert load_own(Sources(reasons="reasons.toml"), home=other, data=[home / "data"]).files == files
    write(other / "layouts" / "mine.toml", MINE + "# changed\n")
    assert load_own(Sources(reasons="reasons.toml"), home=other).files != files


def test_an_unreadable_file_says_which_one_it_is(home):
    (home / "data" / "cut.zip").write_bytes(b"PK\x03\x04cut")

    errors = [outcome for outcome in read_files([home / "data"]) if isinstance(outcome, SourceError)]

    assert [error.file for error in errors] == ["cut.zip"]
