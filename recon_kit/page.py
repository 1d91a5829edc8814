"""The frame of every HTML page: one file, offline, and a Content-Security-Policy that lets only its own scripts run."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from recon_kit.labels import word
from recon_kit.resources import templates_dir


@cache
def environment() -> Environment:
    """The templates of pages; what they show is escaped."""
    return Environment(loader=FileSystemLoader(templates_dir()), autoescape=True, undefined=StrictUndefined)


def render_page(language: str, *, footer: str = "", scripts: Sequence[tuple[str, str]] = (), **parts: Any) -> str:
    """Head with the CSP, contents, body, footer, scripts. `parts`: title, contents, body, door, as page.html.j2 names them."""
    styles = (templates_dir() / "page.css").read_text("utf-8")
    hashes = " ".join(f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for _, text in scripts)
    return (
        environment()
        .get_template("page.html.j2")
        .render(
            language=language,
            word=lambda path: word(path, language),
            version=version("recon-kit"),
            styles=Markup(styles),  # noqa: S704 - our own files
            scripts=[(kind, Markup(text)) for kind, text in scripts],  # noqa: S704
            script_hashes=Markup(hashes or "'none'"),  # noqa: S704
            footer=footer,
            **parts,
        )
    )


def inline_script(program: str) -> str:
    """A program as it may stand inside a script element, where "<!--" and "<script" change how its end is found.

    To JavaScript the escape is the same character.
    """
    return re.sub(r"<(?=!--|/?script)", r"\\x3c", program)


def safe_json(value: object) -> str:
    """JSON that cannot end the script element it stands in."""
    text = json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return text.replace("<", "\\u003c").replace(">", "\\u003e")
