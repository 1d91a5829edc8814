"""README's pictures, from a run of the sample: `recon-kit run 2026-10 --data data/sample && python docs/images/draw.py`."""

from __future__ import annotations

import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

from recon_kit.printing import find_browser

HEIGHTS = {"monthly_review": 1500, "management_pack": 770}
"""Page → how much of it is shown, in pixels from its top."""


def draw(run_dir: Path) -> None:
    """Take each page's picture, offline, and put it beside this file."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=["--no-sandbox"])
        for name, height in HEIGHTS.items():
            page = browser.new_context(offline=True, viewport={"width": 1280, "height": height}).new_page()
            page.goto((run_dir / f"{name}.html").resolve().as_uri())
            page.wait_for_selector("html.ready")
            page.screenshot(path=Path(__file__).with_name(f"{name}.png"))
        browser.close()


if __name__ == "__main__":
    draw(Path(sys.argv[1] if len(sys.argv) > 1 else "reports/2026-10"))
