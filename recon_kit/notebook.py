"""What a notebook starts with: the run it reads, computed once when it is not there yet, and the list of its neighbours."""

from __future__ import annotations

from pathlib import Path

from recon_kit.config import find_config, load_config
from recon_kit.errors import ReportError
from recon_kit.record import Run, load_run
from recon_kit.resources import notebooks_dir

PLACES = (Path("reports"), Path("../reports"))
"""Where finished runs are looked for: in the working folder, or beside it, as in a working copy that `recon-kit lab` made."""


def open_run(period: str, run_dir: str | None = None, config_path: str | None = None) -> Run:
    """The run to look at: `run_dir` when given, else `reports/<period>`, computed there when it is not finished yet.

    It is computed from the folder of `config_path` (or the `data` in it), and without one from the sample month.
    """
    if run_dir:
        return load_run(run_dir)
    for place in PLACES:
        if (place / period / "summary.json").is_file():
            return load_run(place / period)
    reports = next((place for place in reversed(PLACES) if place.is_dir()), PLACES[0])
    from recon_kit.run import run_period

    beside = Path(config_path).parent if config_path else _sample()
    data = beside / "data" if (beside / "data").is_dir() else beside
    path = Path(config_path) if config_path else find_config(data)
    home = path.parent if path else None
    return load_run(run_period(period, data, reports, config=load_config(path), home=home, pages=False).run_dir)


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
