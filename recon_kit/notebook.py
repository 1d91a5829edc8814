"""What a notebook starts with: the run it reads, computed once when it is not there yet, and the list of its neighbours."""

from __future__ import annotations

from pathlib import Path

from recon_kit.config import find_config, load_config
from recon_kit.errors import ReportError
from recon_kit.record import Run, load_run
from recon_kit.resources import notebooks_dir

REPORTS = Path("reports")
"""Where a run opened by hand is looked for and computed into, from the working folder."""


def open_run(period: str, run_dir: str | None = None, config_path: str | None = None) -> Run:
    """The run to look at: `run_dir` when given, else `reports/<period>` of the working folder, computed when it is not there.

    It is computed from the folder of `config_path`, and without one from the sample month.
    """
    if run_dir:
        return load_run(run_dir)
    finished = REPORTS / period
    if (finished / "summary.json").is_file():
        return load_run(finished)
    from recon_kit.run import run_period

    data = Path(config_path).parent if config_path else _sample()
    config = load_config(Path(config_path) if config_path else find_config(data))
    return load_run(run_period(period, data, REPORTS, config=config, pages=False).run_dir)


def _sample() -> Path:
    """The sample month: in the working folder, else beside the notebooks of a checkout."""
    for folder in (Path("data/sample"), notebooks_dir().parent / "data" / "sample"):
        if folder.is_dir():
            return folder
    raise ReportError(
        f"{Path.cwd()}: no data/sample here, expected the sample month; write one with `recon-kit sample --out data/sample`, "
        "or set run_dir or config_path in the parameters cell"
    )


def shipped_notebooks() -> list[Path]:
    """The notebooks that come with the package, in their order."""
    return sorted(notebooks_dir().glob("*.ipynb"))
