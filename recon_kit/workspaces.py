"""Several entities in one go: every folder with a recon.toml is reconciled on its own, and one page says how each stands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from markupsafe import Markup

from recon_kit.config import load_config
from recon_kit.errors import ConfigError, ReconError
from recon_kit.labels import word
from recon_kit.money import format_yuan
from recon_kit.page import environment, render_page
from recon_kit.results import VERDICT
from recon_kit.run import RunResult, run_period

SIDES = ("A0", "B0", "C0")


@dataclass(frozen=True)
class Workspace:
    """A folder that `recon-kit new` made: recon.toml beside `data` and `reports`."""

    name: str
    folder: Path

    @property
    def data(self) -> Path:
        """Its exports: the folder `data`, or itself where it has none."""
        return self.folder / "data" if (self.folder / "data").is_dir() else self.folder


@dataclass(frozen=True)
class Standing:
    """How one workspace came out: its run, or the message of why it could not run."""

    workspace: Workspace
    result: RunResult | None = None
    message: str = ""

    @property
    def exit_code(self) -> int:
        """That of its run, 2 where it could not run."""
        return 2 if self.result is None else self.result.exit_code


def find_workspaces(folder: Path) -> list[Workspace]:
    """The folders in `folder` that have a recon.toml, by name; ConfigError where there is none."""
    found = [Workspace(path.parent.name, path.parent) for path in sorted(folder.glob("*/recon.toml"))]
    if not found:
        raise ConfigError(
            f"--all {folder}: no folder in it has a recon.toml; expected one a shop or company. Make them with `recon-kit new`"
        )
    return found


def run_workspaces(
    period: str,
    folder: Path,
    *,
    as_of: date | None = None,
    pages: bool = True,
    progress: Callable[[str], None] | None = None,
) -> list[Standing]:
    """Reconcile the period of every workspace into its own `reports`; what stops one does not stop the others.

    `progress` is told the name of each before it begins.
    """
    standings = []
    for workspace in find_workspaces(folder):
        if progress:
            progress(workspace.name)
        try:
            config = load_config(workspace.folder / "recon.toml")
            reports = workspace.folder / "reports"
            result = run_period(period, workspace.data, reports, config=config, home=workspace.folder, as_of=as_of, pages=pages)
        except ReconError as error:
            standings.append(Standing(workspace, message=str(error)))
        else:
            standings.append(Standing(workspace, result))
    return standings


def write_overview(period: str, folder: Path, standings: list[Standing], language: str) -> Path:
    """Write `<period>.html` into `folder`: one line an entity, worst first, each linked to its own report."""
    order = {verdict: place for place, verdict in enumerate(VERDICT)}
    ranked = sorted(standings, key=lambda standing: -1 if standing.result is None else order[standing.result.verdict])
    title = word("overview.title", language, period=period)
    body = (
        environment()
        .get_template("overview.html.j2")
        .render(title=title, rows=[_row(one, folder) for one in ranked], sides=SIDES, word=lambda path: word(path, language))
    )
    target = folder / f"{period}.html"
    page = render_page(language, title=title, contents=[], body=Markup(body), door="")  # noqa: S704 - rendered by our own template
    target.write_text(page, encoding="utf-8", newline="\n")
    return target


def _row(standing: Standing, folder: Path) -> dict[str, Any]:
    """One entity as the template shows it; one that could not run has its message instead of figures."""
    if standing.result is None:
        return {"name": standing.workspace.name, "message": standing.message}
    result, summary = standing.result, standing.result.summary
    door = "index.html" if (result.run_dir / "index.html").is_file() else "summary.json"
    amounts = [*(summary["bridge"].get(line) for line in SIDES), summary["unexplained_fen"]]
    return {
        "name": summary["entity"],
        "verdict": result.verdict,
        "link": (result.run_dir / door).relative_to(folder).as_posix(),
        "amounts": ["—" if fen is None else format_yuan(fen) for fen in amounts],
        "breaks": f"{sum(code['n'] for code in summary['codes'].values() if code['nature'] == 'break'):,}",
    }
