"""Several entities in one go: each on its own, and one page over all of them."""

import json
import re

import pytest

from recon_kit.errors import ConfigError
from recon_kit.workspaces import find_workspaces, run_workspaces, write_overview
from tests.cli.test_main import run as command

ORDERS = "platform,order_id,status,paid_at,buyer_paid\njd,O1,paid,2026-10-05 10:00:00,30.00\n"


@pytest.fixture
def companies(tmp_path):
    """Two that run, one of them with its exports beside recon.toml, and one whose configuration is wrong."""
    for name, entity in (("a", "甲 <公司>"), ("b", "乙公司"), ("c", "")):
        (tmp_path / name / "data").mkdir(parents=True)
        text = f'[entity]\nname = "{entity}"\n' if entity else "[entty]\n"
        (tmp_path / name / "recon.toml").write_text(text, encoding="utf-8")
        (tmp_path / name / "data" / "orders.csv").write_text(ORDERS, encoding="utf-8")
    (tmp_path / "notes").mkdir()
    return tmp_path


def test_every_folder_with_a_configuration_is_a_workspace(companies):
    assert [workspace.name for workspace in find_workspaces(companies)] == ["a", "b", "c"]


def test_what_stops_one_entity_does_not_stop_the_others(companies):
    told = []
    standings = run_workspaces("2026-10", companies, pages=False, progress=told.append)

    assert told == ["a", "b", "c"]
    assert [standing.exit_code for standing in standings] == [1, 1, 2]
    assert "did you mean 'entity'" in standings[2].message
    assert (companies / "b" / "reports" / "2026-10" / "summary.json").is_file()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_page_lists_every_entity_the_worst_first_and_links_to_its_report(companies, language):
    standings = run_workspaces("2026-10", companies, pages=False)

    page = write_overview("2026-10", companies, standings, language).read_text("utf-8")

    assert re.findall(r"<tr><td>(?:<a[^>]*>)?([^<]*)<", page) == ["c", "甲 &lt;公司&gt;", "乙公司"]
    links = re.findall(r'<a href="([^"#]+)"', page)
    assert links == ["a/reports/2026-10/summary.json", "b/reports/2026-10/summary.json"]
    assert all((companies / link).is_file() for link in links)


def test_the_command_ends_with_the_worst_code_and_prints_json(companies, monkeypatch, capsys):
    code, out, _ = command(monkeypatch, capsys, "run", "2026-10", "--all", str(companies), "--no-pages", "--json")

    assert code == 2
    assert [(one["workspace"], one["verdict"]) for one in json.loads(out)] == [("a", "warnings"), ("b", "warnings"), ("c", None)]


def test_a_folder_without_workspaces_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="recon-kit new"):
        find_workspaces(tmp_path)
