"""A page as PDF, or as its scripts leave it, by a Chromium that is already on the machine: nothing asked of the network."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from recon_kit.errors import ReportError

BROWSER_VARIABLE = "RECON_KIT_BROWSER"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge")
PLACES = {
    "darwin": (
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ),
    "win32": (
        r"C:\Program Files\Google\Chrome\Application\chrome.exe",
        r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
        r"C:\Program Files\Microsoft\Edge\Application\msedge.exe",
    ),
}
"""Where browsers live on systems that do not put them on the path."""
FLAGS = (
    "--headless",
    "--disable-gpu",
    "--no-first-run",
    "--no-default-browser-check",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
    "--proxy-server=127.0.0.1:9",  # a page is a file: whatever would ask the network gets no answer
    "--no-pdf-header-footer",
    "--window-size=900,1200",
    "--virtual-time-budget=15000",  # milliseconds of the page's own clock: every chart is drawn by then
)
SECONDS = 120


def find_browser() -> str:
    """The program that prints: `RECON_KIT_BROWSER`, else Chromium, Chrome or Edge where they usually are; else ReportError."""
    if named := os.environ.get(BROWSER_VARIABLE):
        if found := shutil.which(named):
            return found
        raise ReportError(f"{BROWSER_VARIABLE}: {named} is no program; expected the path of Chromium, Chrome or Edge. Correct it")
    places = [*map(shutil.which, NAMES), *(place for place in PLACES.get(sys.platform, ()) if Path(place).is_file())]
    found = next((place for place in places if place), None)
    if found is None:
        raise ReportError(
            "--pdf, --plots: no Chromium, Chrome or Edge was found on this machine; expected one to draw with. Install one, or "
            f"name it in {BROWSER_VARIABLE}. Pages print, and save their charts, from any browser"
        )
    return found


def print_page(page: Path, target: Path) -> None:
    """Print a finished page to a PDF file, written whole or not at all; ReportError when the browser does not print."""
    if not page.is_file():  # a browser would print its own page that says so
        raise ReportError(f"{page}: there is no such page; expected a finished one to print. Run without --no-pages")
    with tempfile.TemporaryDirectory(prefix="recon-print-") as folder:
        made = Path(folder, "page.pdf")
        done = _browse(page, folder, f"--print-to-pdf={made}")
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF"):
            raise ReportError(
                f"{page.name}: {done.args[0]} ended with {done.returncode} and printed nothing; expected a PDF. "
                "Open the page and print it from there"
            )
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_name(f"{target.name}.new")
        shutil.copyfile(made, draft)
        draft.replace(target)


def dump_page(page: Path) -> str:
    """A page as it is once its scripts have run; empty when the browser could not open it."""
    with tempfile.TemporaryDirectory(prefix="recon-print-") as folder:
        return _browse(page, folder, "--dump-dom").stdout.decode("utf-8", errors="replace")


def _browse(page: Path, folder: str, what: str) -> subprocess.CompletedProcess[bytes]:
    """Open a page in a browser that knows nothing of the user's own, do one thing with it, and end."""
    browser = find_browser()
    as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    command = [browser, *FLAGS, *as_root, f"--user-data-dir={folder}/profile", what, page.resolve().as_uri()]
    try:
        return subprocess.run(command, capture_output=True, timeout=SECONDS, check=False)  # noqa: S603 - our own arguments
    except subprocess.TimeoutExpired:
        raise ReportError(f"{page.name}: {browser} was not done within {SECONDS} s; expected it drawn. Try again") from None
