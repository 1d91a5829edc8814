"""`python -m benchmarks.pages RUN`: what a run's pages weigh, and how long a browser takes until all of a page is drawn.

The door, which needs no script, is the floor.
Twenty thousand findings: `recon-kit sample --orders 165000`, less the vouchers of the month.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from statistics import median

from playwright.sync_api import Browser, sync_playwright

from recon_kit.printing import find_browser


def open_pages(run_dir: Path, rounds: int) -> dict[str, tuple[int, float]]:
    """Page → bytes, and the median of seconds until its charts and details stand; each round opens every page anew."""
    paths = sorted(run_dir.glob("*.html"))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        seconds = [{path.name: _open(browser, path) for path in paths} for _ in range(rounds)]
        browser.close()
    return {path.name: (path.stat().st_size, median(each[path.name] for each in seconds)) for path in paths}


def _open(browser: Browser, path: Path) -> float:
    context = browser.new_context(offline=True, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    begun = time.perf_counter()
    page.goto(path.resolve().as_uri())
    if page.locator("main + script").count():
        page.wait_for_selector("html.ready")
    taken = time.perf_counter() - begun
    context.close()
    return taken


def main() -> None:
    """Print each page's size and time, and what that is to the door's."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.pages", description=__doc__)
    parser.add_argument("run_dir", type=Path, help="a finished run with pages, such as reports/2026-10")
    measured = open_pages(parser.parse_args().run_dir, rounds=3)
    _, least = measured["index.html"]
    for name, (size, seconds) in measured.items():
        print(f"{name:22} {size / 1e6:6.2f} MB {seconds:7.2f} s   it / index.html = {seconds / least:5.1f}")


if __name__ == "__main__":
    main()
