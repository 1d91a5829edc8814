"""What only a browser can tell: charts are drawn, nothing is fetched, no business text runs."""

import pytest

from recon_kit import report

pytestmark = pytest.mark.browser
CHARTS = 9
PACK_CHARTS = 5


@pytest.fixture
def review(pages, visit):
    def open_review(language: str, width: int = 1280):
        page = visit(pages[language] / "monthly_review.html", width)
        page.wait_for_selector(".ready")
        page.wait_for_function(f"document.querySelectorAll('.chart.drawn').length === {CHARTS}")
        return page

    return open_review


@pytest.fixture
def intake(pages, visit):
    def open_intake(language: str, width: int = 1280):
        page = visit(pages[language] / "intake_review.html", width)
        page.wait_for_selector(".chart.drawn")
        return page

    return open_intake


@pytest.mark.parametrize("language", ["zh", "en"])
def test_every_chart_is_drawn_and_nothing_is_fetched(review, pages, language):
    page = review(language)

    assert page.locator("script[data-chart]").count() == CHARTS
    for chart in page.locator(".chart").all():
        assert chart.locator(".main-svg .plot path, .main-svg .bars path").count() > 0
        assert chart.get_attribute("aria-label")
    assert page.requests == [(pages[language] / "monthly_review.html").as_uri()]
    assert page.troubles == []


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_pack_is_drawn_fits_a_phone_and_says_the_month_first(pages, visit, language):
    page = visit(pages[language] / "management_pack.html")
    page.wait_for_function(f"document.querySelectorAll('.chart.drawn').length === {PACK_CHARTS}")

    assert page.locator(".says-moved a.figure").count() >= 5
    assert page.locator("#sign-table tbody tr").count() == 3
    assert page.requests == [(pages[language] / "management_pack.html").as_uri()]
    assert page.troubles == []
    narrow = visit(pages[language] / "management_pack.html", 390)
    narrow.wait_for_selector(".chart.drawn")
    assert narrow.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_a_search_for_an_id_inside_a_folded_line_finds_the_line(review):
    page = review("zh")
    page.locator(".detail input[type=search]").fill("1180000000000000002")

    lines = page.locator(".detail tbody tr").all_inner_texts()

    assert 0 < len(lines) < 15
    assert all("C04" in line or "L01" in line or "C02" in line for line in lines)


def test_a_line_opens_and_shows_each_finding_with_its_evidence_and_what_to_do(review):
    page = review("zh")
    page.locator(".detail tbody tr").first.click()

    opened = page.locator(".detail .inside")

    assert opened.count() == 1
    assert "旗舰店:2" in opened.inner_text()
    assert "处理" in opened.inner_text()
    assert page.locator(".detail button[aria-expanded=true]").count() == 1


def test_a_header_sorts_money_as_numbers(review):
    page = review("zh")
    header = page.locator(".detail thead th").last
    header.click()
    page.wait_for_function("th => th.getAttribute('aria-sort') === 'ascending'", arg=header.element_handle())
    amounts = [float(text.replace(",", "")) for text in page.locator(".detail tbody td:last-child").all_inner_texts() if text]

    assert amounts == sorted(amounts)


def test_the_page_fits_a_phone_and_paper(review):
    narrow = review("en", 390)
    assert narrow.evaluate("document.documentElement.scrollWidth <= window.innerWidth")

    wide = review("zh", 688)
    wide.emulate_media(media="print")
    right = wide.evaluate(
        "Math.max(...[...document.querySelectorAll('.chart .main-svg')].map(svg => svg.getBoundingClientRect().right))"
    )
    assert right <= 688
    assert wide.locator(".contents").is_hidden()


@pytest.mark.parametrize("language", ["zh", "en"])
def test_the_answer_of_the_intake_stands_in_the_first_screen_and_fits_a_phone(intake, pages, language):
    page = intake(language)

    assert page.locator(".masthead .verdict").bounding_box()["y"] < 300
    assert page.locator(".cards").bounding_box()["y"] + page.locator(".cards").bounding_box()["height"] < 900
    assert page.locator(".chart .bars path").count() >= 2 * 31
    assert page.requests == [(pages[language] / "intake_review.html").as_uri()]
    assert page.troubles == []
    narrow = intake(language, 390)
    assert narrow.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_no_business_text_runs_in_any_route(hostile_run, visit):
    report.write_run_pages(hostile_run, language="zh")

    review = visit(hostile_run / "monthly_review.html")
    review.wait_for_function(f"document.querySelectorAll('.chart.drawn').length === {CHARTS}")
    for line in review.locator(".detail tbody > tr:has(.opener)").all():
        line.click()
    for page in (review, visit(hostile_run / "intake_review.html"), visit(hostile_run / "index.html")):
        assert page.evaluate("window.fired") is None
        assert page.locator("main img, main iframe, main svg[onload], main a[href^='javascript']").count() == 0
        assert page.locator("body").is_visible()
        assert page.troubles == []


def test_a_script_that_got_into_an_output_does_not_run(pages, visit, tmp_path):
    page = (pages["zh"] / "monthly_review.html").read_text("utf-8")
    attack = "<script>window.fired=1</script><img src=x onerror='window.fired=1'><a id=go href='javascript:window.fired=1'>x</a>"
    (tmp_path / "attacked.html").write_text(page.replace("<footer>", f"{attack}<footer>"), encoding="utf-8")

    attacked = visit(tmp_path / "attacked.html")
    attacked.wait_for_selector(".ready")
    attacked.locator("#go").click()

    assert attacked.evaluate("window.fired") is None
