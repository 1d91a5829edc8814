import json
import sys

import pytest

from recon_kit import cli
from recon_kit.run import write_tables
from tests.world import case, order, refund, run, world


def call(monkeypatch, capsys, *arguments: object) -> tuple[int, str, str]:
    """Exit code, stdout and stderr of one `recon-kit trace`."""
    monkeypatch.setattr(sys, "argv", ["recon-kit", "trace", *map(str, arguments)])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    printed = capsys.readouterr()
    return int(ended.value.code or 0), printed.out, printed.err


@pytest.fixture
def reports(tmp_path, monkeypatch):
    """A working folder whose newest run is October."""
    for name in ("2026-09", "2026-10"):
        (tmp_path / "reports" / name).mkdir(parents=True)
        collected = world(orders=[order("A1")], cases=[case("S1", "A1")], flows=[refund("F1", case_id="S1")])
        write_tables(tmp_path / "reports" / name, run(collected).outcome)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "reports"


@pytest.mark.usefixtures("reports")
def test_the_answer_comes_first_and_the_newest_run_is_read(monkeypatch, capsys):
    code, out, _ = call(monkeypatch, capsys, "S1", "--en")

    first = " ".join(out.split())
    assert code == 0 and first.startswith("WeChat mini-program order A1: the buyer paid 100.00")
    assert "What happened" in out and "F1" in out


def test_json_is_the_same_for_machines(monkeypatch, capsys, reports):
    code, out, _ = call(monkeypatch, capsys, "F1", "--run", reports / "2026-09", "--json")

    (life,) = json.loads(out)["lives"]
    assert code == 0 and life["order_id"] == "A1" and {event["table"] for event in life["events"]} >= {"orders", "flows"}


@pytest.mark.usefixtures("reports")
def test_an_unknown_id_is_exit_code_2_and_names_the_nearest(monkeypatch, capsys):
    code, out, err = call(monkeypatch, capsys, "PAY-A2")

    assert (code, out) == (2, "") and "the nearest are PAY-A1" in err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [(("--data", "x"), "expected --period"), (("--data", "x", "--period", "2026-10"), "is not a folder")],
)
@pytest.mark.usefixtures("reports")
def test_options_that_lead_nowhere_are_refused(monkeypatch, capsys, arguments, says):
    code, _, err = call(monkeypatch, capsys, "A1", *arguments)

    assert code == 2 and says in err


def test_without_a_run_it_says_where_one_is_expected(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)

    code, _, err = call(monkeypatch, capsys, "A1")

    assert code == 2 and "no finished run found" in err


def test_exports_are_read_without_a_run(monkeypatch, capsys, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    (data / "orders.csv").write_text(
        "platform,order_id,status,paid_at,buyer_paid\npdd,B7,paid,2026-10-05,12.00\n", encoding="utf-8"
    )

    code, out, _ = call(monkeypatch, capsys, "B7", "--data", data, "--period", "2026-10")

    assert code == 0 and "拼多多 订单 B7：买家实付 12.00 元" in "".join(out.splitlines())
