"""Where notebooks, templates and layouts lie: beside the package under `-e .`, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path

from recon_kit.errors import ReconError

_PACKAGE = Path(__file__).resolve().parent


def notebooks_dir() -> Path:
    """The folder of the shipped notebooks; read them there, never write to them."""
    for folder in (_PACKAGE / "_notebooks", _PACKAGE.parent / "notebooks"):
        if folder.is_dir():
            return folder
    raise ReconError(f"{_PACKAGE}: found no notebooks, expected them in the package or beside it; install recon-kit again")


def templates_dir() -> Path:
    """The folder of the nbconvert template, the narrative sentences and the labels."""
    return _PACKAGE / "templates"


def layouts_dir() -> Path:
    """The folder of the built-in layouts, one TOML file a platform export."""
    return _PACKAGE / "sources" / "layouts"
