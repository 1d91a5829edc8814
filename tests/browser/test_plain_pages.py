"""The pages without scripts (a match, all companies, a pack's door): usable by keys, on a phone, and nothing of theirs runs."""

import zipfile

import pytest

from recon_kit.adhoc import match_records
from recon_kit.adhoc.page import write_records
from recon_kit.archive.pack import write_pack
from recon_kit.workspaces import run_workspaces, write_overview
from tests.browser.test_accessible import violations
from tests.conftest import HOSTILE
from tests.months import write_data, write_month

pytestmark = pytest.mark.browser
ORDERS = "platform,order_id,status,paid_at,buyer_paid\njd,O1,paid,2026-10-05 10:00:00,30.00\n"


def match_page(folder, language):
    """Two files whose names, keys and further columns are attacks."""
    left, right = folder / "<img src=x onerror='window.fired=1'>.csv", folder / "right.csv"
    rows = "".join(f'"{text.replace(chr(34), chr(34) * 2)}",{n}.00\n' for n, text in enumerate(HOSTILE, 1))
    left.write_text(f"id,amount\n{rows}", encoding="utf-8")
    right.write_text("id,amount\nA,1.00\n", encoding="utf-8")
    return write_records(match_records(left, right, on="id", amount="amount"), folder / "match", language)


def overview_page(folder, language):
    """Companies whose names are attacks, one of which cannot run."""
    for number, name in enumerate(HOSTILE[:3]):
        (folder / f"c{number}" / "data").mkdir(parents=True)
        (folder / f"c{number}" / "recon.toml").write_text(f"[entity]\nname = '''{name}'''\n", encoding="utf-8")
        (folder / f"c{number}" / "data" / "orders.csv").write_text(ORDERS, encoding="utf-8")
    (folder / "<svg onload=window.fired=1>").mkdir()
    (folder / "<svg onload=window.fired=1>" / "recon.toml").write_text("[entty]\n", encoding="utf-8")
    return write_overview("2026-10", folder, run_workspaces("2026-10", folder, pages=False), language)


def pack_page(folder, language):
    """A pack whose comment is an attack."""
    run = write_month(folder / "out", write_data(folder / "data"), files={"monthly_review.html": b"<p>ok</p>"})
    pack = write_pack(run, folder / "pack.zip", comment="\n".join(HOSTILE), lists=folder / "none")
    with zipfile.ZipFile(pack) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked" / "index.html"


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("make", "language"), [(match_page, "zh"), (match_page, "en"), (overview_page, "zh"), (pack_page, "zh")])
def test_a_plain_page_has_no_violation_fits_and_runs_nothing(tmp_path, visit, make, language, width):
    path = make(tmp_path, language)

    page = visit(path, width)

    assert violations(page) == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    assert page.evaluate("window.fired") is None
    assert page.locator("main img, main svg, main iframe, main a[href^='javascript']").count() == 0
    assert page.requests == [path.as_uri()]
    assert page.troubles == []
