"""What the documents promise: the commands as they stand, links that lead somewhere, no machine's address."""

import re
import tomllib
from pathlib import Path

import pytest

from recon_kit.rules.catalogue import CATALOGUE
from recon_kit.rules.document import render_rules
from recon_kit.sources.document import render_sources

ROOT = Path(__file__).parent.parent
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("reports/*.md")])
RUN = "python -m pip install -c constraints.txt -e . && recon-kit run 2026-10 --data data/sample --out reports"
TEST = "python -m pip install -c constraints.txt -e '.[dev]' && pytest"


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md"])
def test_the_first_screen_has_the_two_commands_as_they_are_run(name):
    first_screen = (ROOT / name).read_text(encoding="utf-8").splitlines()[:25]

    assert [line for line in first_screen if line.startswith("python -m pip")] == [RUN, TEST]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_every_link_leads_to_a_file(path):
    links = re.findall(r"\]\(([^)#]+)[^)]*\)", path.read_text(encoding="utf-8"))

    assert [link for link in links if "://" not in link and not (path.parent / link).exists()] == []


def test_the_page_of_rules_is_the_generated_one():
    page = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")

    assert page == render_rules(), "run: python -m recon_kit.rules.document > docs/rules.md"
    assert re.findall(r"^### (\w\d\d) ", page, re.MULTILINE) == list(CATALOGUE)


def test_the_page_of_exports_is_the_generated_one():
    page = (ROOT / "docs" / "sources.md").read_text(encoding="utf-8")

    assert page == render_sources(), "run: python -m recon_kit.sources.document > docs/sources.md"


def test_constraints_hold_one_exact_version_a_package_and_no_address():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [line for line in lines if not line.lstrip().startswith("#")]

    assert all(re.fullmatch(r"[a-z0-9._-]+==[0-9A-Za-z.+!]+( ; .+)?", pin) for pin in pins)
    assert not re.search(r"://|@|\bindex|\bhost", "\n".join(lines))


def test_every_dependency_is_constrained():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *(line for extra in project["optional-dependencies"].values() for line in extra)]
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()}

    assert {re.match(r"[a-z0-9-]+", line)[0] for line in wanted} <= pinned


def test_no_text_of_the_project_names_a_machine():
    folders = ("recon_kit", "tests", "benchmarks", "docs", "notebooks")
    files = [*ROOT.glob("*.*"), *(path for folder in folders for path in (ROOT / folder).rglob("*"))]
    kinds = {".py", ".md", ".toml", ".txt", ".yaml", ".ipynb", ".j2", ".json"}
    private = re.compile(r"/(?:root|home/\w+|Users/\w+|work)/|\.\./" + "shared")

    texts = [ROOT / "justfile", ROOT / ".ci" / "run", *(path for path in files if path.is_file() and path.suffix in kinds)]

    assert len(texts) > 100
    assert [path.name for path in texts if private.search(path.read_text(encoding="utf-8", errors="replace"))] == []


def test_every_picture_is_small_and_shown_in_a_document():
    pictures = sorted((ROOT / "docs" / "images").glob("*.png"))
    texts = "".join(path.read_text("utf-8") for path in (*ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")))

    assert [path.name for path in pictures if path.stat().st_size >= 300_000 or f"images/{path.name})" not in texts] == []
    assert pictures
