"""The figures of a run's pages as pictures, SVG or PNG, drawn by the browser that also prints (printing.py)."""

from __future__ import annotations

import json
import re
import shutil
import tempfile
from base64 import b64decode
from pathlib import Path
from typing import Any
from urllib.parse import unquote_to_bytes

from markupsafe import Markup

from recon_kit.errors import ReportError
from recon_kit.page import inline_script, render_page, safe_json
from recon_kit.printing import dump_page
from recon_kit.resources import templates_dir

KINDS = ("svg", "png")
WIDTH = 1000
"""Pixels; a PNG has twice as many, for paper and slides."""
_CHART = re.compile(r'<script type="application/json" data-chart="[^"]+">(.*?)</script>', re.DOTALL)
_PICTURES = re.compile(r'<script type="application/json" id="pictures">(.*?)</script>', re.DOTALL)


def read_figures(run_dir: Path) -> dict[str, Any]:
    """Name → plotly figure, of every page of a run as it stands there: `<page>_<number>_<what it draws>`."""
    found = {}
    for page in sorted(run_dir.glob("*.html")):
        for number, text in enumerate(_CHART.findall(page.read_text("utf-8")), 1):
            figure = json.loads(text)
            found[f"{page.stem}_{number:02}_{figure['layout'].get('meta', 'figure')}"] = figure
    return found


def write_plots(run_dir: Path, target: Path, kind: str) -> list[Path]:
    """Write every figure of a run's pages into the folder `target`, in place of what it held: all of them or none.

    Equal pages give equal SVG files. ReportError without a browser, or when it does not draw them all.
    """
    figures = read_figures(run_dir)
    if not figures:
        raise ReportError(f"{run_dir}: its pages hold no figure; expected finished pages. Run without --no-pages")
    drawn = _draw(list(figures.values()), kind)
    draft = target.with_name(f"{target.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(parents=True)
    for name, picture in zip(figures, drawn, strict=True):
        (draft / f"{name}.{kind}").write_bytes(picture)
    shutil.rmtree(target, ignore_errors=True)
    draft.rename(target)
    return [target / f"{name}.{kind}" for name in figures]


def _draw(figures: list[Any], kind: str) -> list[bytes]:
    """The pictures of the figures, by a page of our own that no script but ours runs in."""
    carried = "".join(f'<script type="application/json" data-chart="">{safe_json(figure)}</script>' for figure in figures)
    plotly, ours = ((templates_dir() / name).read_text("utf-8") for name in ("plotly-basic.min.js", "plots.js"))
    scripts = [("", inline_script(plotly)), ("module", inline_script(ours))]
    body = Markup(f'<p data-kind="{kind}" data-width="{WIDTH}"></p>{carried}')  # noqa: S704 - our own: JSON that ends no element
    with tempfile.TemporaryDirectory(prefix="recon-plots-") as folder:
        page = Path(folder, "plots.html")
        page.write_text(render_page("en", title="plots", contents=[], body=body, door="", scripts=scripts), encoding="utf-8")
        found = _PICTURES.search(dump_page(page))
    pictures = json.loads(found[1]) if found else []
    if len(pictures) != len(figures):
        raise ReportError(
            f"--plots: the browser drew {len(pictures)} of {len(figures)} figures; expected all. "
            "Save them from the pages one by one, or name another browser in RECON_KIT_BROWSER"
        )
    return [_decoded(picture) for picture in pictures]


def _decoded(address: str) -> bytes:
    """What a data: address holds; the ids of an SVG, which plotly draws by lot, are the same in every one."""
    head, _, content = address.partition(",")
    if head.endswith(";base64"):
        return b64decode(content)
    picture = unquote_to_bytes(content).replace(b' style=""', b"")  # its place among the attributes is by chance
    drawn_by_lot = re.search(rb'id="defs-([0-9a-f]+)"', picture)
    return re.sub(rb"(defs-|clip|legend)" + drawn_by_lot[1], rb"\1", picture) if drawn_by_lot else picture
