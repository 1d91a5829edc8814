import openpyxl
import pytest

from recon_kit.cli.template import Format, Language, template_command
from recon_kit.collect import collect
from recon_kit.errors import ConfigError
from recon_kit.schema import ORDERS, TABLES


def write(table, out, *, language=Language.ZH, kind=None):
    template_command(table, out=out, kind=kind, language=language, is_list=False)


@pytest.mark.parametrize("language", list(Language))
@pytest.mark.parametrize("kind", list(Format))
def test_every_template_is_read_back_as_its_table_with_nothing_in_it(tmp_path, language, kind):
    for name in TABLES:
        write(name, tmp_path / f"{name}.{kind}", language=language)

    collected = collect(tmp_path)

    assert {name: frame.height for name, frame in collected.tables.supplied().items()} == dict.fromkeys(TABLES, 0)
    assert not collected.warnings


def test_money_columns_stand_in_yuan_under_their_plain_name(tmp_path):
    write("orders", tmp_path / "o.csv", language=Language.EN)

    header = (tmp_path / "o.csv").read_text(encoding="utf-8-sig").strip().split(",")

    assert "buyer_paid" in header
    assert not [name for name in header if name.endswith("_fen")]
    assert len(header) == len(ORDERS.columns)


def test_a_workbook_keeps_ids_as_text_and_explains_each_column(tmp_path):
    write("订单", tmp_path / "o.xlsx")

    sheet = openpyxl.load_workbook(tmp_path / "o.xlsx").worksheets[0]

    assert sheet["C1"].value == "订单编号"
    assert {column.number_format for column in sheet.column_dimensions.values()} == {"@"}
    assert sheet["C1"].comment.text == "必填；文本"
    assert sheet["G1"].comment.text.startswith("必填；文本；待付款 | 已付款")
    assert any("待付款" in rule.formula1 for rule in sheet.data_validations.dataValidation)


def test_the_file_is_named_after_the_table_where_no_name_is_given(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    write("orders", None)
    write("orders", None, language=Language.EN, kind=Format.CSV)

    assert capsys.readouterr().out.split() == ["订单.xlsx", "orders.csv"]


def test_a_file_that_exists_is_never_overwritten(tmp_path):
    (tmp_path / "o.csv").write_text("mine")

    with pytest.raises(ConfigError, match="exists"):
        write("orders", tmp_path / "o.csv")

    assert (tmp_path / "o.csv").read_text() == "mine"


def test_the_list_names_all_tables_and_what_they_need(capsys):
    template_command(None, is_list=True, out=None, kind=None, language=Language.ZH)

    lines = capsys.readouterr().out.splitlines()

    assert len(lines) == len(TABLES)
    assert "订单编号" in lines[0]
