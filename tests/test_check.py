import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from recon_kit.cli.check import KINDS, Checked, check, check_command

CASES = Path(__file__).parent / "sources" / "cases"
GOOD = CASES / "wechat_fundflow" / "kinds" / "in.csv"
BROKEN = CASES / "alipay_fund" / "total_broken" / "in.csv"


def messages(checked: Checked) -> list[str]:
    return [problem.message for problem in checked.problems]


def printed(*arguments: str) -> tuple[int, str]:
    """Exit code and stdout of `recon-kit check`."""
    app = typer.Typer()
    app.command()(check_command)
    result = CliRunner().invoke(app, arguments, terminal_width=200)
    return result.exit_code, result.stdout


def test_a_file_that_ties_is_said_to_and_the_exit_code_is_0():
    checked = check([GOOD])

    assert checked.files == (("in.csv", "微信支付资金账单", "2026-10-02~10-07", "7", "27.19", "5 项相符", ""),)
    assert checked.problems == ()
    assert checked.exit_code == 0


def test_a_broken_total_is_named_with_both_figures_and_the_exit_code_is_1():
    checked = check([BROKEN])

    assert "in.csv：收入合计金额 声明 170.00，实际 150.00" in messages(checked)
    assert checked.exit_code == 1


def test_rows_set_aside_are_counted_by_column_and_reason():
    checked = check([CASES / "pdd_orders" / "status_words_and_dates" / "in.csv"])

    assert messages(checked) == ["in.csv：列“订单状态”不在允许的取值之内，1 行（第 10 行）"]


def test_a_file_that_cannot_be_read_is_shown_and_the_rest_is_checked(tmp_path):
    (tmp_path / "a.zip").write_bytes(b"PK\x03\x04cut")
    (tmp_path / "b.csv").write_bytes(GOOD.read_bytes())

    checked = check([tmp_path])

    assert [row[0] for row in checked.files] == ["b.csv"]
    assert "a.zip: the zip file is broken" in messages(checked)[0]
    assert checked.exit_code == 2


def test_several_paths_are_named_as_given():
    assert [row[0] for row in check([GOOD, BROKEN]).files] == sorted([GOOD.as_posix(), BROKEN.as_posix()])


@pytest.mark.parametrize(("flags", "word"), [([], "微信支付资金账单"), (["--en"], "WeChat Pay")])
def test_the_command_prints_a_table_in_either_language(flags, word):
    code, output = printed(str(GOOD), *flags)

    assert code == 0, output
    assert word in output


def test_the_json_document_is_all_that_is_printed_and_has_its_keys_in_one_order():
    code, output = printed(str(GOOD), "--json")
    document = json.loads(output)

    assert code == document["exit_code"] == 0
    assert list(document) == [
        "schema",
        "exit_code",
        "exit_meaning",
        "totals",
        "files",
        "controls",
        "quarantine",
        "coverage",
        "repeated",
        "ledger",
        "problems",
        "remarks",
        "own_files",
    ]
    assert document["totals"] == {"files": 1, "rows_read": 7, "rows_loaded": 7, "rows_quarantined": 0, "rows_duplicate": 0}
    assert {row["ties"] for row in document["controls"]} == {True}
    assert printed(str(GOOD), "--json") == (code, output)


def test_the_json_document_states_money_in_fen_and_each_problem_with_its_kind(tmp_path):
    (tmp_path / "cut.zip").write_bytes(b"PK\x03\x04cut")
    (tmp_path / "orders.csv").write_bytes((CASES / "pdd_orders" / "status_words_and_dates" / "in.csv").read_bytes())
    (tmp_path / "total.csv").write_bytes(BROKEN.read_bytes())
    (tmp_path / "what.csv").write_text("甲,乙\n1,2\n", "utf-8")

    code, output = printed(str(tmp_path), "--json")
    document = json.loads(output)

    assert (code, document["exit_code"], document["exit_meaning"]) == (2, 2, "unreadable")
    assert [(problem["kind"], problem["file"]) for problem in document["problems"]] == [
        ("unreadable", "cut.zip"),
        ("unknown_file", "what.csv"),
        ("total_broken", "total.csv"),
        ("total_broken", "total.csv"),
        ("rows_quarantined", "orders.csv"),
    ]
    broken = [row for row in document["controls"] if not row["ties"]]
    assert {"file": "total.csv", "measure": "收入合计金额", "stated_fen": 17000, "found_fen": 15000, "ties": False} in broken
    assert [(q["file"], q["column"], q["rows"], q["first_rows"]) for q in document["quarantine"]] == [
        ("orders.csv", "订单状态", 1, [10])
    ]


def ledger_folder(folder: Path, *summaries: str) -> Path:
    """Two refunds of 30.00 on cases and a ledger without a reference column whose lines say `summaries`."""
    rows = [f"wechat_mini,118000000000001{n},O{n},refund_only,2026-10-1{n},success,30.00" for n in (1, 2)]
    (folder / "cases.csv").write_text(
        "\n".join(["platform,case_id,order_id,kind,applied_at,platform_status,final", *rows]), "utf-8"
    )
    flows = [f"wechat,F{n},2026-10-1{n},refund,-30.00,118000000000001{n}" for n in (1, 2)]
    (folder / "flows.csv").write_text("\n".join(["channel,flow_id,at,kind,amount,case_id", *flows]), "utf-8")
    lines = [f"2026-10-1{n},记-{n},{text},101202,其他货币资金,,30.00" for n, text in enumerate(summaries, 1)]
    (folder / "ledger.csv").write_text("\n".join(["日期,凭证字号,摘要,科目编码,科目名称,借方,贷方", *lines]), "utf-8")
    return folder


def test_the_check_says_what_share_of_the_ledger_could_be_tied_and_how(tmp_path):
    folder = ledger_folder(tmp_path, "退款 1180000000000011", "退客户款")

    _, output = printed(str(folder))
    _, document = printed(str(folder), "--json")

    assert "账簿 2026-10：退款分录 2 条、60.00 元，对上 100.0%（按摘要里的单号 50.0% · 按日合计 50.0%）" in output.replace(
        "\n", ""
    )
    assert [(row["how"], row["n_lines"], row["tied_fen"]) for row in json.loads(document)["ledger"]] == [
        ("text", 1, 3000),
        ("day_total", 1, 3000),
    ]


def test_what_could_not_be_tied_is_missing_from_the_share(tmp_path):
    _, output = printed(str(ledger_folder(tmp_path, "退款 1180000000000011", "退款 售后单 R404")), "--en")

    assert "ledger 2026-10: 2 lines book refunds, 60.00; 50.0% of it tied" in output.replace("\n", " ").replace("  ", " ")


def test_every_kind_of_problem_is_documented():
    page = (Path(__file__).parent.parent / "docs" / "layouts.md").read_text("utf-8")

    assert [kind for kind in KINDS if f"`{kind}`" not in page] == []
