"""Executed notebooks → self-contained, offline pages; the door `index.html`; the nbconvert exporter `recon_html`.

A page carries its scripts (plotly.js, DataTables, a loader) once, in full, and a Content-Security-Policy that lets exactly
these three run. Notebooks run in a temporary folder, and nothing is published unless every code cell completed.
"""

from __future__ import annotations

import json
import os
import re
import tempfile
import zlib
from base64 import b64decode, b64encode
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from typing import Any

import nbformat
import papermill
from jupyter_core.utils import ensure_event_loop
from markupsafe import Markup
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbconvert.exporters import HTMLExporter, TemplateExporter
from papermill.exceptions import PapermillExecutionError
from traitlets import List
from traitlets.config import Config

from recon_kit import display, narrative
from recon_kit.drawing import read_figure
from recon_kit.errors import ReportError
from recon_kit.labels import LANGUAGES, has_word, word
from recon_kit.page import environment, inline_script, render_page, safe_json
from recon_kit.record import Run, load_run
from recon_kit.resources import notebooks_dir, templates_dir
from recon_kit.workbook import write_workbook

PAGES = {
    "01_intake_review": "intake_review",
    "03_monthly_review": "monthly_review",
    "04_management_pack": "management_pack",
    "05_post_mortem": "post_mortem",
}
"""Notebook → page, in the order of the door."""
ONLY_OF_A_MONTH = frozenset({"management_pack", "post_mortem"})
"""Pages that look back on a whole month: a day or a week has none."""
LANGUAGE_MARK = "\n<!-- en -->\n"
"""In a markdown cell: what stands before is Chinese, what follows is English; a cell without it is for both."""
PARAMETERS = frozenset({"period", "run_dir", "config_path", "language"})
"""The only names that papermill may set: it pastes them into code."""
CHOICES = frozenset({"incident"})
"""Names that a person may set in Lab; a page is made with what the cell says."""
CELL_SECONDS = 600
AT_A_TIME = 2
"""Notebooks executed at once, each in a kernel of its own: two take little longer than one, three starve two cores."""


def write_run_pages(
    run_dir: Path, *, language: str, notebooks: Path | None = None, progress: Callable[[str], None] | None = None
) -> list[Path]:
    """Execute the notebooks on a run and write their pages and `index.html` into it; the paths written, the door last.

    `notebooks`: a folder of the user's own, which go before the shipped ones of the same name; further ones come after them.
    ReportError when a cell fails; TieError when a figure on a page is not the one in its table. Then nothing is written.
    """
    run = load_run(run_dir)
    sources = page_sources(run, notebooks)
    with tempfile.TemporaryDirectory(prefix="recon-pages-") as folder, ThreadPoolExecutor(AT_A_TIME) as pool:
        executed = {}
        for number, (page, source) in enumerate(sources.items()):
            place = Path(folder, str(number))  # short: a socket's path has some hundred characters at most
            place.mkdir()
            executed[page] = pool.submit(_execute_in_thread, source, run, language, place)
        finished: dict[str, str] = {}
        for page, outcome in executed.items():
            if progress:
                progress(page)
            html = render_notebook(outcome.result(), run, language)
            narrative.verify_figures(html, run)
            finished[f"{page}.html"] = html
    finished["index.html"] = render_door(run, language, sources)
    for name, html in finished.items():
        (run.folder / name).write_text(html, encoding="utf-8", newline="\n")
    return [run.folder / name for name in finished]


def page_sources(run: Run, own: Path | None = None) -> dict[str, Path]:
    """Page → the notebook it is made from, in the order of the door. ReportError for a folder or a name that cannot be used."""
    due = {notebook: page for notebook, page in PAGES.items() if run.is_due("bridge") or page not in ONLY_OF_A_MONTH}
    found = {page: notebooks_dir() / f"{notebook}.ipynb" for notebook, page in due.items()}
    if own is None:
        return found
    theirs = sorted(own.glob("*.ipynb"))
    if not theirs:
        raise ReportError(f"--notebooks {own}: no notebook found; expected .ipynb files. Make some with `recon-kit lab`")
    shipped = {path.stem for path in notebooks_dir().glob("*.ipynb")}
    for path in theirs:
        page = due.get(path.stem) or re.sub(r"^\d+_", "", path.stem)
        if path.stem in due:
            found[page] = path
        elif path.stem not in shipped:
            if not re.fullmatch(r"[a-z][a-z0-9_]*", page) or page in found or page == "index":
                raise ReportError(
                    f"{path.name}: cannot be the page {page}.html; expected a name of small letters, digits and _ that no other "
                    "page has, such as 10_my_shop.ipynb. Rename it"
                )
            found[page] = path
    return found


def _page_names(page: str, source: Path, run: Run, language: str) -> tuple[str, str]:
    """A page's name and what it says, for the door; of a user's own notebook its title and its file."""
    if has_word(f"page_says.{page}"):
        name = _review_name(run, language) if page == "monthly_review" else word(f"page.{page}", language)
        return name, word(f"page_says.{page}", language)
    cells = _in_language(nbformat.read(source, as_version=4), language).cells  # type: ignore[no-untyped-call]
    titles = [line[2:] for cell in cells if cell.cell_type == "markdown" for line in cell.source.splitlines() if line[:2] == "# "]
    return (titles or [page])[0], source.name


def render_notebook(executed: nbformat.NotebookNode, run: Run, language: str) -> str:
    """The page of an executed notebook."""
    exporter = ReconHTMLExporter()  # type: ignore[no-untyped-call]  # nbconvert's own
    page, _ = exporter.from_notebook_node(executed, {"recon": {"language": language, "run": run}})
    return page


def execute_notebook(source: Path, run: Run, language: str, folder: Path) -> nbformat.NotebookNode:
    """Run a shipped notebook on a run by papermill, in `folder`; the executed notebook, whole or not at all."""
    given = {"period": run.period.text, "run_dir": str(run.folder.resolve()), "config_path": "", "language": language}
    known = set(papermill.inspect_notebook(str(source)))
    if known - PARAMETERS - CHOICES or set(given) - known:
        raise ReportError(
            f"{source.name}: its parameters cell names {', '.join(sorted(known))}; expected {', '.join(sorted(given))}. "
            "Restore the cell"
        )
    target = folder / source.name
    try:
        papermill.execute_notebook(
            str(source),
            str(target),
            given,
            kernel_name="python3",
            language="python",
            # papermill's own cwd= would move the whole process, and notebooks run side by side
            resources={"metadata": {"path": str(folder)}},
            progress_bar=False,
            log_output=False,
            execution_timeout=CELL_SECONDS,
            request_save_on_cell_execute=False,
            shutdown_kernel="immediate",
            extra_arguments=["--log-level=ERROR", "--HistoryManager.enabled=False"],
            config=_kernel_config(folder),
        )
    except PapermillExecutionError as error:
        raise ReportError(
            f"{source.name}, cell {error.cell_index}: {error.ename}: {error.evalue}; expected every cell to complete. "
            f"Open it with `recon-kit lab` and run it on {run.folder.name}"
        ) from None
    except (DeadKernelError, CellTimeoutError) as error:
        raise ReportError(
            f"{source.name}: the kernel stopped or took too long ({error.__class__.__name__}); expected every cell to complete "
            f"within {CELL_SECONDS} s. Run again with more memory, or with --no-pages"
        ) from None
    executed: nbformat.NotebookNode = nbformat.read(target, as_version=4)  # type: ignore[no-untyped-call]
    states = [cell.metadata.get("papermill", {}).get("status") for cell in executed.cells if cell.cell_type == "code"]
    if any(state != "completed" for state in states):
        raise ReportError(
            f"{source.name}: {states.count('completed')} of {len(states)} code cells completed; expected all. "
            "A cell ended the kernel early: remove its exit() and run again"
        )
    return executed


def _execute_in_thread(source: Path, run: Run, language: str, folder: Path) -> nbformat.NotebookNode:
    """`execute_notebook`, and the end of the event loop that nbclient made for the thread."""
    try:
        return execute_notebook(source, run, language, folder)
    finally:
        ensure_event_loop().close()


def _kernel_config(folder: Path) -> Config:
    """Talk to the kernel through sockets in our own folder, where the system has them; no port is opened."""
    if os.name != "posix":
        return Config()
    return Config({"KernelManager": {"transport": "ipc", "connection_file": str(folder / "kernel.json")}})


class ReconHTMLExporter(HTMLExporter):
    """nbconvert exporter `recon_html`: one language, no inputs, charts and tables alive, no outside request.

    `resources["recon"]` may carry `language` ("zh" without it) and `run`, whose fingerprint goes into the footer.
    """

    template_name = "recon"
    exclude_anchor_links = True
    default_preprocessors: Any = List([])
    extra_template_basedirs: Any = List([str(templates_dir())])

    def default_filters(self) -> Any:
        """The stock filters and those that the template needs, two of them to stay safe."""
        yield from super().default_filters()  # type: ignore[no-untyped-call]
        yield "safe_json", safe_json
        yield "packed_json", pack_json
        yield "without_style", _without_style
        yield "figure_table", read_figure
        yield "word", word

    def from_notebook_node(  # type: ignore[override]  # as HTMLExporter's does
        self, nb: nbformat.NotebookNode, resources: dict[str, Any] | None = None, **kw: Any
    ) -> tuple[str, Any]:
        """The whole page of a notebook, and nbconvert's resources."""
        given = (resources or {}).get("recon", {})
        language, run = given.get("language", "zh"), given.get("run")
        if language not in LANGUAGES:
            raise ReportError(f"language {language!r} found, expected one of {', '.join(LANGUAGES)}. Choose one with --language")
        # TemplateExporter's own: HTMLExporter's would parse and rewrite the finished HTML
        told = {**(resources or {}), "recon": {**given, "language": language}}
        body, resources = TemplateExporter.from_notebook_node(self, _in_language(nb, language), told, **kw)
        contents = [{"id": i, "text": Markup(re.sub("<[^>]*>", "", text))} for i, text in re.findall(_HEADING, body)]  # noqa: S704
        title = next((heading["text"] for heading in contents), Markup("recon_kit"))
        parts = {"title": title, "contents": contents[1:], "body": Markup(body)}  # noqa: S704 - rendered by our own template
        page = _shell(language, run=run, scripts=_scripts(), door="index.html", **parts)
        return page, resources


_HEADING = re.compile(r'<div class="prose" id="([^"]+)"><h[12][^>]*>(.*?)</h[12]>', re.DOTALL)


def _in_language(nb: nbformat.NotebookNode, language: str) -> nbformat.NotebookNode:
    """A copy whose markdown is in one language and whose outputs know their place on the page."""
    copy: nbformat.NotebookNode = nbformat.from_dict(json.loads(json.dumps(nb)))  # type: ignore[no-untyped-call]
    for number, cell in enumerate(copy.cells):
        if cell.cell_type == "markdown":
            chinese, mark, english = cell.source.partition(LANGUAGE_MARK)
            cell.source = english if mark and language == "en" else chinese
        for part, output in enumerate(cell.get("outputs", [])):
            output.setdefault("metadata", {})["place"] = f"cell-{number}-{part}"
    return copy


def render_door(run: Run, language: str, sources: Mapping[str, Path] | None = None) -> str:
    """`index.html`: verdict, headline, links to every page and file, and what was not checked. It needs no script."""
    shown = page_sources(run) if sources is None else sources
    pages = [(f"{page}.html", *_page_names(page, source, run, language)) for page, source in shown.items()]
    tables = sorted(path.name for path in (run.folder / "tables").glob("*.parquet"))
    body = (
        environment()
        .get_template("door.html.j2")
        .render(
            word=lambda path, **facts: word(path, language, **facts),
            heading=_review_name(run, language),
            masthead=Markup(display.masthead(run, language).html),  # noqa: S704 - made and escaped by display
            headline=Markup(display.headline(run, language).html),  # noqa: S704
            story=narrative.render_story(run, language),
            not_checked=Markup(_without_style(display.not_checked(run, language).html)),  # noqa: S704
            pages=pages,
            files=["summary.json", "MANIFEST.json", *(f"tables/{name}" for name in tables)],
            warnings=[*run.summary["warnings"], *run.summary.get("remarks", [])],
        )
    )
    html = _shell(language, title=_title(run, language), contents=[], body=Markup(body), run=run, scripts=[], door="")  # noqa: S704
    # The door bears the same sentences as the review: its figures link into that page.
    html = html.replace('class="figure" href="#', 'class="figure" href="monthly_review.html#')
    narrative.verify_figures(html, run)
    return html


def _title(run: Run, language: str) -> str:
    return f"{run.summary['entity']} {run.period.text} · {_review_name(run, language)}"


def _review_name(run: Run, language: str) -> str:
    return word(f"ui.{run.period.kind}_review", language)


def _shell(language: str, *, run: Run | None, scripts: list[tuple[str, str]], **parts: Any) -> str:
    """The frame of a page of this run; its footer bears the run's fingerprint."""
    return render_page(language, footer="" if run is None else _footer(run.summary, language), scripts=scripts, **parts)


def _footer(summary: Mapping[str, Any], language: str) -> str:
    used = ", ".join(f"{name} {number}" for name, number in summary["versions"].items())
    return f"{word('ui.footer', language)} sha256 {summary['inputs_sha256']} · {word('ui.version', language)} {used}"


@cache
def _scripts() -> list[tuple[str, str]]:
    """The page's three scripts, each as (type, text): plotly.js, the itables bundle with one name made public, the loader."""
    plotly = (templates_dir() / "plotly-basic.min.js").read_text("utf-8")
    bundle = files("itables").joinpath("html", "dt_bundle.js").read_text("utf-8")
    shared, found = re.subn(r"export\s*\{([^}]*)\};?", _publish_datatable, bundle)
    if found != 1:
        raise ReportError(
            f"itables {version('itables')}: {found} export statements in dt_bundle.js; expected one. Install itables 2.9"
        )
    loader = (templates_dir() / "loader.js").read_text("utf-8")
    return [("", inline_script(plotly)), ("module", inline_script(shared)), ("module", inline_script(loader))]


def _publish_datatable(export: re.Match[str]) -> str:
    name = re.search(r"([\w$]+) as default", export[1])
    return f"window.recon={{DataTable:{name[1] if name else 'undefined'}}};"


def pack_json(value: object) -> str:
    """JSON as zlib in base64, which is a tenth as long; loader.js unpacks it."""
    return b64encode(zlib.compress(safe_json(value).encode(), 9)).decode()


def unpack_json(packed: str) -> Any:
    """What `pack_json` packed."""
    return json.loads(zlib.decompress(b64decode(packed)))


def _without_style(html: str) -> str:
    """Our tables without the style block that great_tables adds for notebooks: the page has its own sheet."""
    return re.sub(r"<style>.*?</style>", "", html, flags=re.DOTALL)


__all__ = ["ReconHTMLExporter", "execute_notebook", "page_sources", "render_door", "write_run_pages", "write_workbook"]
