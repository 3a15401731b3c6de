"""The page in a real browser: what pointing, the keyboard and the sort buttons do."""

import shutil

import pytest
from test_html import make_gloves

from whyalike.render import render_html

playwright = pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
QUIET = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"]

pytestmark = pytest.mark.skipif(not CHROMIUM, reason="needs chromium (Debian package chromium)")


@pytest.fixture(scope="module")
def browser():
    with playwright.sync_playwright() as started:
        running = started.chromium.launch(executable_path=CHROMIUM, args=QUIET)
        yield running
        running.close()


@pytest.fixture
def page(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(render_html([make_gloves()]), encoding="utf-8")
    opened = browser.new_page(viewport={"width": 1200, "height": 900})
    problems = []
    opened.on("console", lambda message: problems.append(message.text))
    opened.on("pageerror", lambda error: problems.append(str(error)))
    opened.goto(file.as_uri())
    yield opened
    opened.close()
    assert not problems, "the page says something in its console"


def highlighted(page):
    return page.locator(".wa-texts .wa-on").all_inner_texts()


def test_pointing_at_a_word_shows_its_partner_a_line_and_the_numbers(page):
    assert page.locator(".wa-lines path").count() == 0
    word = page.locator(".wa-texts a.wa-word").first
    word.hover()
    assert len(highlighted(page)) >= 2
    assert page.locator(".wa-lines path").count() > 0
    assert "saliency" in page.locator(".wa-readout").inner_text()
    assert page.locator("table tr.wa-on").count() >= 1
    page.mouse.move(5, 5)
    assert highlighted(page) == []


def test_the_keyboard_alone_does_the_same(page):
    page.keyboard.press("Tab")
    page.wait_for_function("document.querySelectorAll('.wa-texts .wa-on').length > 1")
    focused = page.evaluate("document.activeElement.innerText")
    assert any(text in focused for text in highlighted(page))
    page.keyboard.press("Escape")
    assert highlighted(page) == []
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "TR"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.tagName") == "A"


def test_the_table_sorts_by_each_column(page):
    table = page.locator("table").first
    headers = table.locator("thead th").all()
    rows = table.locator("tbody tr")
    assert rows.count() > 1
    for index, header in enumerate(headers):
        orders = {}
        for press in (header.locator("button").click, lambda: page.keyboard.press("Enter")):
            press()
            cells = [row.locator("td, th").nth(index) for row in rows.all()]
            values = [cell.get_attribute("data-value") or cell.inner_text() for cell in cells]
            numbers = all(value.replace(".", "", 1).lstrip("-").isdigit() for value in values)
            orders[header.get_attribute("aria-sort")] = [*map(float, values)] if numbers else values
        assert orders.keys() == {"ascending", "descending"}
        assert orders["ascending"] == sorted(orders["ascending"])
        assert orders["descending"] == sorted(orders["descending"], reverse=True)


def test_without_scripts_all_can_be_read(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(render_html([make_gloves()]), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("table").first.is_visible()
    assert page.locator(".wa-texts a.wa-word").first.is_visible()
    context.close()
