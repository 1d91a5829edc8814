"""What only a browser can tell: charts are drawn, nothing is fetched, no business text runs."""

import pytest

from recon_kit import report

pytestmark = pytest.mark.browser
CHARTS = {"index": 0, "intake_review": 1, "monthly_review": 9, "management_pack": 5, "post_mortem": 2}
BOTH = pytest.mark.parametrize("language", ["zh", "en"])
FITS = "document.documentElement.scrollWidth <= window.innerWidth"


@pytest.fixture
def review(pages, visit):
    return lambda language, width=1280: visit(pages[language] / "monthly_review.html", width)


@BOTH
@pytest.mark.parametrize("name", CHARTS)
def test_every_page_draws_its_charts_fetches_nothing_and_leads_to_each_heading(pages, visit, name, language):
    path = pages[language] / f"{name}.html"
    page = visit(path)

    assert page.locator("script[data-chart]").count() == page.locator(".chart.drawn").count() == CHARTS[name]
    for chart in page.locator(".drawing").all():
        assert chart.locator(".main-svg .bars path, .main-svg .scatterlayer path").count() > 0
        assert chart.get_attribute("aria-label")
    headings = page.locator("main h2").all_inner_texts() if page.locator(".contents li").count() else []
    assert page.locator(".contents li").all_inner_texts() == headings
    assert page.requests == [path.as_uri()]
    assert page.troubles == []


@pytest.mark.parametrize(("name", "language"), [*((name, "zh") for name in CHARTS), ("monthly_review", "en")])
def test_every_page_fits_a_phone(pages, visit, name, language):
    assert visit(pages[language] / f"{name}.html", 390).evaluate(FITS)


def test_the_pack_says_the_month_first(pages, visit):
    page = visit(pages["zh"] / "management_pack.html")

    assert page.locator(".says-moved a.figure").count() >= 5
    assert page.locator("#sign-table tbody tr").count() == 3


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
    page.wait_for_selector(".detail th:last-child[aria-sort=ascending]")
    amounts = [float(text.replace(",", "")) for text in page.locator(".detail tbody td:last-child").all_inner_texts() if text]

    assert amounts == sorted(amounts)


def test_an_address_with_a_finding_opens_its_line_wherever_the_table_has_it(pages, visit):
    page = visit(pages["zh"] / "monthly_review.html")
    page.locator(".detail .dt-paging button").last.click()
    page.locator(".detail tbody tr").last.click()
    link = page.locator(".inside a").first
    wanted, said = link.inner_text(), page.locator(".inside dl").first.inner_text()

    page.goto(f"{page.url}#{wanted}")
    page.reload()
    page.wait_for_selector("html.ready")

    assert page.locator(f"#{wanted}").inner_text() == said
    assert 0 < page.locator(f"#{wanted}").bounding_box()["y"] < 900
    assert page.evaluate("document.activeElement.id") == wanted


def test_charts_fit_paper_and_what_only_a_screen_can_use_is_left_out(review):
    page = review("zh", 688)
    page.emulate_media(media="print")

    right = "Math.max(...[...document.querySelectorAll('.chart .main-svg')].map(svg => svg.getBoundingClientRect().right))"
    assert page.evaluate(right) <= 688
    for place in (".contents", ".skip", ".chart figcaption", ".dt-search", ".dt-paging"):
        assert page.locator(place).first.is_hidden()


def test_the_answer_of_the_intake_stands_in_the_first_screen(pages, visit):
    page = visit(pages["zh"] / "intake_review.html")

    assert page.locator(".masthead .verdict").bounding_box()["y"] < 300
    assert page.locator(".cards").bounding_box()["y"] + page.locator(".cards").bounding_box()["height"] < 900
    assert page.locator(".chart .bars path").count() >= 2 * 31


def test_no_business_text_runs_in_any_route(hostile_run, visit):
    report.write_run_pages(hostile_run, language="zh")

    shown = [visit(hostile_run / f"{name}.html") for name in CHARTS]
    for page in shown:
        for line in page.locator(".detail tbody > tr:has(.opener)").all():
            line.click()
        page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true; })")
        assert page.evaluate("window.fired") is None
        assert page.locator("main img, main iframe, main svg[onload], main a[href^='javascript']").count() == 0
        assert page.locator("body").is_visible()
        assert page.troubles == []


def test_a_script_that_got_into_an_output_does_not_run(pages, visit, tmp_path):
    page = (pages["zh"] / "monthly_review.html").read_text("utf-8")
    attack = "<script>window.fired=1</script><img src=x onerror='window.fired=1'><a id=go href='javascript:window.fired=1'>x</a>"
    (tmp_path / "attacked.html").write_text(page.replace("<footer>", f"{attack}<footer>"), encoding="utf-8")

    attacked = visit(tmp_path / "attacked.html")
    attacked.locator("#go").click()

    assert attacked.evaluate("window.fired") is None
