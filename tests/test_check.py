from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from recon_kit.cli.check import check, check_command

CASES = Path(__file__).parent / "sources" / "cases"
GOOD = CASES / "wechat_fundflow" / "kinds" / "in.csv"
BROKEN = CASES / "alipay_fund" / "total_broken" / "in.csv"


def test_a_file_that_ties_is_said_to_and_the_exit_code_is_0():
    checked = check([GOOD])

    assert checked.files == (("in.csv", "微信支付资金账单", "2026-10-02~10-07", "7", "27.19", "5 项相符", ""),)
    assert checked.problems == ()
    assert checked.exit_code == 0


def test_a_broken_total_is_named_with_both_figures_and_the_exit_code_is_1():
    checked = check([BROKEN])

    assert "in.csv：收入合计金额 声明 170.00，实际 150.00" in checked.problems
    assert checked.exit_code == 1


def test_rows_set_aside_are_counted_by_column_and_reason():
    checked = check([CASES / "pdd_orders" / "status_words_and_dates" / "in.csv"])

    assert checked.problems == ("in.csv：列“订单状态”不在允许的取值之内，1 行（第 10 行）",)


def test_a_file_that_cannot_be_read_is_shown_and_the_rest_is_checked(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04cut")
    (tmp_path / "b.csv").write_bytes(GOOD.read_bytes())

    checked = check([tmp_path])

    assert [row[0] for row in checked.files] == ["b.csv"]
    assert "a.zip: the zip file is broken" in checked.problems[0]
    assert checked.exit_code == 2


def test_several_paths_are_named_as_given():
    assert [row[0] for row in check([GOOD, BROKEN]).files] == sorted([GOOD.as_posix(), BROKEN.as_posix()])


@pytest.mark.parametrize(("flags", "word"), [([], "微信支付资金账单"), (["--en"], "WeChat Pay")])
def test_the_command_prints_a_table_in_either_language(flags, word):
    app = typer.Typer()
    app.command()(check_command)

    result = CliRunner().invoke(app, [str(GOOD), *flags], terminal_width=200)

    assert result.exit_code == 0, result.output
    assert word in result.output
