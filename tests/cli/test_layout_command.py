"""`recon-kit layout`, `check` and `run` with what a user has of their own."""

import json
import sys
from pathlib import Path

import pytest

from recon_kit import cli

EXPORT = "银行流水号,交易时间,金额,收支\nB1,2026-10-01 08:00:00,10.00,收入\nB2,2026-10-02 08:00:00,3.00,支出\n"
UNCLEAR = "编码,日期甲,数额\nK-00001,2026-10-01,10.00\n"
BILL_HEADER = "商户订单号,发生时间,收入金额（+元）,支出金额（-元）,账务类型,备注,业务描述"
BILL = f"{BILL_HEADER}\n261002-1,2026-10-09 12:00:00,0,-5.00,交易退款,-,x\n"


@pytest.fixture
def command(monkeypatch, capsys, tmp_path):
    """Run one command in an empty folder: exit code, stdout and stderr."""
    monkeypatch.chdir(tmp_path)

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["recon-kit", *arguments])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return int(ended.value.code or 0), printed.out, printed.err

    return run


def test_a_drafted_layout_reads_the_file_right_after(command):
    Path("bank.csv").write_text(EXPORT, "utf-8")

    drafted = command("layout", "draft", "bank.csv")
    checked = command("check", "bank.csv", "--layouts", "layouts", "--json")

    assert drafted == (
        0,
        "layouts/bank.toml：银行流水；认出 bank_id, at, amount_fen\n读到 2 行，隔离 0 行；请逐行核对\n",
        "",
    )
    assert checked[0] == 0
    assert [(row["layout"], row["rows_loaded"], row["money_fen"]) for row in json.loads(checked[1])["files"]] == [
        ("bank", 2, 700)
    ]


def test_a_draft_that_lacks_a_required_column_says_which_and_ends_with_1(command):
    Path("unclear.csv").write_text(UNCLEAR, "utf-8")

    code, out, _ = command("layout", "draft", "unclear.csv", "--table", "bank_rows", "--en")
    refused = command("layout", "check", "layouts/unclear.toml")

    assert (code, out) == (1, "layouts/unclear.toml: bank_rows; found —; still to find: bank_id, at, amount_fen\n")
    assert refused[0] == 2
    assert refused[2].startswith("recon-kit: unclear.toml:")


def test_no_layout_is_overwritten_without_being_told_to(command):
    Path("bank.csv").write_text(EXPORT, "utf-8")
    Path("mine.toml").write_text("# mine\n", "utf-8")

    code, _, err = command("layout", "draft", "bank.csv", "--out", "mine.toml")
    kept = Path("mine.toml").read_text("utf-8")
    forced = command("layout", "draft", "bank.csv", "--out", "mine.toml", "--force")

    assert (code, kept) == (2, "# mine\n")
    assert "nothing was overwritten" in err
    assert forced[0] == 0


def test_a_file_that_is_known_gets_no_new_layout(command):
    Path("bill.csv").write_text(BILL, "utf-8")

    assert command("layout", "draft", "bill.csv") == (0, "bill.csv：已有版式 pdd_bill（拼多多货款明细）能读，没有写新的\n", "")
    assert not Path("layouts").exists()


def test_a_finished_layout_of_ones_own_counts_as_known_and_an_unfinished_one_does_not_stand_in_the_way(command):
    Path("bank.csv").write_text(EXPORT, "utf-8")
    Path("layouts").mkdir()
    Path("layouts/unfinished.toml").write_text("name = 3\n", "utf-8")

    first = command("layout", "draft", "bank.csv", "--out", "layouts/mine.toml")
    again = command("layout", "draft", "bank.csv", "--out", "layouts/other.toml")

    assert first[0] == 0
    assert again == (0, "bank.csv：已有版式 mine（mine）能读，没有写新的\n", "")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["draft", "absent.csv"], "absent.csv: is no file"),
        (["draft", "bank.csv", "--table", "order"], "--table order: there is no such table; did you mean 'orders'?"),
        (["check", "absent.toml"], "absent.toml: there is no such file"),
        (["list", "--layouts", "absent"], "--layouts: absent is no folder"),
    ],
)
def test_what_cannot_be_done_is_one_message(command, arguments, message):
    Path("bank.csv").write_text(EXPORT, "utf-8")

    code, out, err = command("layout", *arguments)

    assert (code, out) == (2, "")
    assert message in err


def test_the_list_names_every_layout_ones_own_first(command):
    Path("bank.csv").write_text(EXPORT, "utf-8")
    command("layout", "draft", "bank.csv", "--out", "layouts/mine.toml")

    _, out, _ = command("layout", "list", "--en")

    assert [line.split()[0] for line in out.splitlines()[:2]] == ["name", "mine"]
    assert "pdd_bill" in out


def test_a_wrong_configuration_prints_no_document(command):
    Path("data").mkdir()
    Path("recon.toml").write_text("[sources]\nlayout = []\n", "utf-8")

    code, out, err = command("check", "data", "--json")

    assert (code, out) == (2, "")
    assert err == "recon-kit: recon.toml:2 [sources] layout: unknown key 'layout'; did you mean 'layouts'?\n"


def test_a_run_reads_as_the_configuration_says_and_states_what_it_rests_on(command):
    Path("books/data").mkdir(parents=True)
    Path("books/data/bill.csv").write_text(BILL, "utf-8")
    Path("books/data/bank.csv").write_text(EXPORT, "utf-8")
    Path("books/recon.toml").write_text('[sources]\nskip = ["*备份*"]\n', "utf-8")
    command("layout", "draft", "books/data/bank.csv", "--out", "books/layouts/mine.toml")

    def run() -> dict[str, object]:
        code, _, err = command("run", "2026-10", "--data", "books/data", "--no-pages", "-q")
        assert code in (0, 1), err
        return json.loads(Path("reports/2026-10/MANIFEST.json").read_text("utf-8"))

    first, again = run(), run()
    Path("books/layouts/mine.toml").write_text(Path("books/layouts/mine.toml").read_text("utf-8") + "# changed\n", "utf-8")
    changed = run()

    assert [entry["file"] for entry in first["inputs"]] == ["bank.csv", "bill.csv", "layouts/mine.toml"]
    assert first["config"]["sources"]["skip"] == ["*备份*"]
    assert (again["run_id"] == first["run_id"], changed["run_id"] == first["run_id"]) == (True, False)
