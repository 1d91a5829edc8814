"""A working copy of the notebooks in the user's own folder; what the package ships is only read."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import nbformat
from papermill.iorw import load_notebook_node
from papermill.parameterize import parameterize_notebook

from recon_kit.errors import ConfigError
from recon_kit.labels import LANGUAGES
from recon_kit.notebook import shipped_notebooks
from recon_kit.periods import parse_period
from recon_kit.resources import templates_dir

START = "00_start_here.ipynb"


def copy_notebooks(folder: Path, parameters: Mapping[str, str]) -> list[Path]:
    """Copy the notebooks that are not in `folder` yet and set `parameters` (period, run_dir, language) in all; their paths.

    A notebook that is there keeps everything the user changed; only its injected parameters cell is replaced.
    """
    if "period" in parameters:
        parse_period(parameters["period"])
    if parameters.get("language", "zh") not in LANGUAGES:
        raise ConfigError(f"--language {parameters['language']}: unknown; expected {' or '.join(LANGUAGES)}. Give one of them")
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for shipped in shipped_notebooks():
        path = folder / shipped.name
        notebook = load_notebook_node(str(path if path.exists() else shipped))
        if parameters:
            notebook = parameterize_notebook(
                notebook, dict(parameters), comment="set by recon-kit lab", kernel_name="python3", language="python"
            )
        if parameters or not path.exists():
            path.write_text(nbformat.writes(notebook) + "\n", encoding="utf-8", newline="\n")  # type: ignore[no-untyped-call]
        paths.append(path)
    return paths


def lab_command_line(python: str, folder: Path, *, port: int, browser: bool) -> list[str]:
    """The command that serves JupyterLab on this machine only, opened on the first notebook."""
    command = [
        python,
        "-m",
        "jupyterlab",
        str(folder / START),
        f"--ServerApp.port={port}",
        "--ServerApp.ip=127.0.0.1",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
        "--LabApp.news_url=None",
    ]
    return command if browser else [*command, "--no-browser"]


def lab_environment(given: Mapping[str, str]) -> dict[str, str]:
    """The environment that it runs in: "Python 3" is the one recon_kit is installed in, and nobody is asked to read news.

    JupyterLab would ask, and fetch: not on a machine with a company's books. The user's own settings come before ours.
    """
    ours = str(templates_dir() / "jupyter")
    places = [place for place in (given.get("JUPYTER_CONFIG_PATH"), ours) if place]
    return {**given, "JUPYTER_PREFER_ENV_PATH": "1", "JUPYTER_CONFIG_PATH": os.pathsep.join(places)}
