import json
import sys

import pytest

from recon_kit import cli


def run(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one `recon-kit match`."""
    monkeypatch.setattr(sys, "argv", ["recon-kit", "match", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def files(tmp_path):
    left, right = tmp_path / "left.csv", tmp_path / "right.csv"
    left.write_text("id,amount\nA,1.00\nB,2.00\n", encoding="utf-8")
    right.write_text("nr,sum\nA,1.00\nB,2.50\n", encoding="utf-8")
    return left, right


def test_differences_are_exit_code_1_and_everything_is_written(monkeypatch, capsys, files, tmp_path):
    code, out, _ = run(monkeypatch, capsys, *files, "--on", "id=nr", "--amount", "amount=sum", "--out", tmp_path / "o", "--en")

    assert code == 1 and "1 rows of left.csv (2.00 yuan)" in " ".join(out.split())
    frames = [f"{name}.{kind}" for name in ("matches", "quarantine", "unmatched") for kind in ("csv", "parquet")]
    assert sorted(path.name for path in (tmp_path / "o").iterdir()) == sorted(["index.html", "summary.json", *frames])


def test_all_matched_is_exit_code_0_and_json_is_the_summary(monkeypatch, capsys, files, tmp_path):
    options = ("--left-on", "id", "--right-on", "nr", "--amount", "amount=sum", "--tolerance", "0.50", "--json")

    code, out, _ = run(monkeypatch, capsys, *files, *options, "--out", tmp_path / "o")

    assert code == 0 and json.loads(out) == json.loads((tmp_path / "o/summary.json").read_text("utf-8"))


def test_a_column_that_is_not_there_is_exit_code_2_and_nothing_is_written(monkeypatch, capsys, files, tmp_path):
    code, out, err = run(monkeypatch, capsys, *files, "--on", "id", "--amount", "amount", "--out", tmp_path / "o")

    assert (code, out) == (2, "") and err.startswith("recon-kit: right.csv: column id, amount is missing; found: nr, sum.")
    assert not (tmp_path / "o").exists()
