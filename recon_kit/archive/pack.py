"""One zip to send: a cover with the comment and the box to sign, the masked pages, the work-lists, and a manifest of its own.

Equal runs and comments give equal bytes, and nothing in it knows the machine it was made on.
"""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Mapping
from functools import partial
from html import unescape
from pathlib import Path
from urllib.parse import unquote

from markupsafe import Markup

from recon_kit import display, publish
from recon_kit.archive.chain import Link
from recon_kit.durable import replace_file, told_plainly
from recon_kit.errors import ArchiveError
from recon_kit.labels import has_word, phrase, value_label, word
from recon_kit.page import environment, render_page
from recon_kit.privacy import mask_text
from recon_kit.record import Run, load_run

COVER, MANIFEST = "index.html", "MANIFEST.json"
SENT = ("*.html", "*.pdf", "discrepancies.xlsx")
"""What of a run is sent beside the owners' work-lists: pages and papers, and what is to be done. Its tables stay."""
LISTS = "worklists"
_EPOCH = (1980, 1, 1, 0, 0, 0)
says = partial(phrase, "pack")


def write_pack(run_dir: Path, target: Path, *, comment: str = "", closed: Link | None = None, lists: Path | None = None) -> Path:
    """Write the pack of a published run as the zip `target`; its path.

    `comment`: the analyst's, masked as everything else is. `closed`: the seal of the period, whose names fill the box. `lists`:
    the folder of the owners' work-lists; there need be none.
    ArchiveError for a run without pages, one that was changed by hand, or a link that would lead nowhere.
    """
    if publish.identity(run_dir) is None:
        raise ArchiveError(f"{run_dir}: there is no run to pack; expected a published one. Run `recon-kit run` first")
    run, manifest = load_run(run_dir), publish.read_manifest(run_dir)
    if publish.identity(run_dir) != manifest["run_id"]:
        raise ArchiveError(f"{run_dir}: a file was changed after the run was published; expected it whole. Run it again")
    language = str(run.summary["language"])
    found = sorted({path for pattern in SENT for path in run_dir.glob(pattern)})
    files = {path.relative_to(run_dir).as_posix(): path.read_bytes() for path in found if path.name != COVER}
    files |= {f"{LISTS}/{path.name}": path.read_bytes() for path in (sorted(lists.glob("*.xlsx")) if lists else ())}
    if not any(name.endswith(".html") for name in files):
        raise ArchiveError(f"{run_dir}: the run has no pages; expected them for a pack. Run it again without --no-pages")
    files[COVER] = render_cover(run, sorted(files), comment, closed, language).encode()
    _check_links(files, run_dir)
    stated = {
        "schema": 1,
        "period": run.summary["period"],
        "entity": run.summary["entity"],
        "run_id": manifest["run_id"],
        "seal": None if closed is None else {"seal": closed.seal, "sha256": closed.sha256},
        "versions": manifest["versions"],
        "files": [
            {"file": name, "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in sorted(files.items())
        ],
    }
    files[MANIFEST] = (json.dumps(stated, ensure_ascii=False, indent=1) + "\n").encode()
    with told_plainly(target.parent, "No pack was written"):
        target.parent.mkdir(parents=True, exist_ok=True)
        replace_file(target, partial(_write_zip, files))
    return target


def render_cover(run: Run, files: list[str], comment: str, closed: Link | None, language: str) -> str:
    """The first page: what it is, the comment, the box to sign, and links to all the rest."""
    pages = [(name, *_title(run, name, language)) for name in files]
    signed = {"prepared": closed.prepared_by, "closed": closed.by} if closed else {}
    title = says("title.page", language, entity=run.summary["entity"], period=run.summary["period"])
    body = (
        environment()
        .get_template("pack.html.j2")
        .render(
            title=title,
            says=lambda path, **facts: says(path, language, **facts),
            masthead=Markup(display.masthead(run, language).html),  # noqa: S704 - made and escaped by display
            comment=[text for text in mask_text(comment).split("\n") if text.strip()],
            pages=sorted(pages, key=lambda page: (not page[0].endswith(".html"), page[0])),
            signers=[(says(f"sign.{role}", language), signed.get(role) or "") for role in ("prepared", "reviewed", "closed")],
            signed_on=closed.at[:10] if closed else "",
            seal=closed,
            warnings=[*run.summary["warnings"], *run.summary.get("remarks", [])],
        )
    )
    contents = [{"id": name, "text": says(f"head.{name}", language)} for name in ("comment", "sign", "files")]
    footer = says("title.footer", language, run_id=publish.read_manifest(run.folder)["run_id"])
    safe = Markup(body)  # noqa: S704 - our own template escaped it
    return render_page(language, footer=footer, title=title, contents=contents, body=safe, door="")


def _title(run: Run, name: str, language: str) -> tuple[str, str]:
    """A file's title and what it is for; a work-list is called by its name."""
    stem = Path(name).stem
    if name == "discrepancies.xlsx":
        return word("ui.workbook", language), word("page_says.workbook", language)
    if name.endswith(".html") and has_word(f"page_says.{stem}"):
        title = f"page.{stem}" if has_word(f"page.{stem}") else f"ui.{run.period.kind}_review"
        return word(title, language), word(f"page_says.{stem}", language)
    if name.startswith(f"{LISTS}/"):
        return value_label("owner", stem, language), says("title.list", language)
    return stem, ""


def _check_links(files: Mapping[str, bytes], run_dir: Path) -> None:
    """Every link of a page leads to a file of the pack, or stays on its page."""
    for name, content in files.items():
        if not name.endswith(".html"):
            continue
        text = re.sub(r"<script.*?</script>", "", content.decode("utf-8"), flags=re.DOTALL)
        for href in re.findall(r'<a\b[^>]*?href="([^"#]+)', text):
            wanted = unquote(unescape(href))
            if wanted not in files:
                raise ArchiveError(
                    f"{run_dir.name}/{name}: links to {wanted}, which is not in the pack; expected links among "
                    f"{', '.join(sorted(files))}. Please report this"
                )


def _write_zip(files: Mapping[str, bytes], path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
            archive.writestr(entry, content, zipfile.ZIP_DEFLATED, 9)
