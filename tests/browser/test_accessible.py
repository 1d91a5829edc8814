"""Every page as a keyboard and a screen reader meet it: no violation that axe-core knows, on a screen and on a phone."""

import pytest
from axe_playwright_python.sync_playwright import Axe

pytestmark = pytest.mark.browser
PAGES = ("index", "intake_review", "monthly_review", "management_pack", "post_mortem")
MOVED_SIDEWAYS = """[...document.querySelectorAll('[id$="-table"], .chart, .scroll')]
    .filter(place => place.checkVisibility({contentVisibilityAuto: true}))
    .filter(place => place.hasAttribute('tabindex') !== place.scrollWidth > place.clientWidth)
    .map(place => place.id || place.className)"""
"""Places that are a stop for the keyboard though they fit, or none though they do not."""
VIEWS = (("zh", 1280), ("en", 390))
"""Both languages, a screen and a phone; axe takes seconds a page."""


def violations(page) -> list[str]:
    """What axe finds with everything opened that opens: the rule, how bad, and where."""
    page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
    found = Axe().run(page).response["violations"]
    return [f"{rule['impact']} {rule['id']} {node['target']}" for rule in found for node in rule["nodes"]]


@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_no_violation_on_any_page(pages, visit, name):
    for language, width in VIEWS:
        page = visit(pages[language] / f"{name}.html", width)
        if page.locator(".detail .opener button").count():
            page.locator(".detail .opener button").first.click()

        assert violations(page) == [], f"{language} {width}"


def test_the_first_key_leads_past_the_contents_to_the_report(pages, visit):
    page = visit(pages["zh"] / "monthly_review.html")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"

    page.keyboard.press("Enter")
    page.keyboard.press("Tab")

    assert page.evaluate("document.querySelector('main').contains(document.activeElement)")


def test_a_line_is_opened_and_a_column_sorted_with_keys_alone(pages, visit):
    page = visit(pages["zh"] / "monthly_review.html")
    page.locator(".detail thead [role=button]").last.focus()
    page.keyboard.press("Enter")
    page.wait_for_selector(".detail th[aria-sort=ascending]")

    page.locator(".detail .opener button").first.focus()
    page.keyboard.press("Enter")

    assert page.locator(".detail .inside").count() == 1
    assert page.locator(".detail button[aria-expanded=true]").count() == 1


def test_what_a_phone_shows_only_in_part_is_moved_with_keys_and_the_rest_is_no_stop(pages, visit):
    narrow, wide = (visit(pages["zh"] / "monthly_review.html", width) for width in (390, 1280))

    narrow.wait_for_selector("#bridge-table[tabindex='0']")
    assert [page.evaluate(MOVED_SIDEWAYS) for page in (narrow, wide)] == [[], []]
    assert wide.locator("#bridge-table[tabindex]").count() == 0


def test_a_chart_states_its_figures_in_a_table_and_is_saved_as_a_picture(pages, visit):
    page = visit(pages["zh"] / "monthly_review.html")
    chart = page.locator(".chart").first

    chart.locator("summary").click()
    with page.expect_download() as saving:
        chart.locator(".save").click()

    assert chart.locator("tbody tr").count() == chart.locator(".bars .point").count()
    assert saving.value.suggested_filename.endswith(".png")
    assert saving.value.path().read_bytes().startswith(b"\x89PNG")
    assert page.troubles == []
