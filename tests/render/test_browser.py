"""The page in a real browser: what pointing, the keyboard and the sort buttons do."""

from dataclasses import replace

import pytest
from signed_explanations import make_large, make_signed
from test_html import make_gloves

from whyalike.render import render_fragment, render_html, render_methods

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")


@pytest.fixture
def open_page(browser, tmp_path):
    pages, problems = [], []

    def open_page(markup, width=1200):
        file = tmp_path / f"page{len(pages)}.html"
        file.write_text(markup, encoding="utf-8")
        opened = browser.new_page(viewport={"width": width, "height": 900})
        pages.append(opened)
        opened.on("console", lambda message: problems.append(message.text))
        opened.on("pageerror", lambda error: problems.append(str(error)))
        opened.goto(file.as_uri())
        return opened

    yield open_page
    for opened in pages:
        opened.close()
    assert not problems, "the page says something in its console"


@pytest.fixture
def page(open_page):
    return open_page(render_html([make_gloves()]))


def highlighted(page):
    return page.locator(".wa-texts .wa-on").all_inner_texts()


def links(page):
    """The classes of the links that are drawn, without their halos."""
    drawn = page.locator(".wa-lines path:not(.wa-halo)").all()
    return [link.get_attribute("class").split() for link in drawn]


def test_links_are_drawn_before_anybody_points_and_say_which_pair_they_are_of(page):
    rows = page.locator('table[data-kind="pairs"] tbody tr')
    assert rows.count() > 1
    # The best are drawn last, so that they lie above others.
    expected = [
        [f"wa-w{row.get_attribute('data-weight')}", f"wa-p{rank}"]
        for rank, row in enumerate(rows.all(), 1)
    ]
    assert links(page) == expected[::-1]
    widths = page.locator(".wa-lines path:not(.wa-halo)").evaluate_all(
        "links => links.map(link => [link.classList[0], getComputedStyle(link).strokeWidth,"
        " getComputedStyle(link).opacity, getComputedStyle(link).stroke])"
    )
    by_weight = {weight: (float(width[:-2]), float(seen)) for weight, width, seen, _ in widths}
    ordered = [by_weight[weight] for weight in sorted(by_weight)]
    assert len(ordered) > 1
    assert ordered == sorted(ordered), "a better pair has a heavier line, a weak one is quieter"
    badge = rows.first.locator(".wa-badge").evaluate("badge => getComputedStyle(badge).color")
    assert badge == "rgb(0, 0, 0)"
    assert len({stroke for *_, stroke in widths}) == min(6, rows.count())


def test_links_of_words_that_are_hidden_later_are_no_error(open_page):
    page = open_page(render_html([make_gloves()]))
    page.locator(".wa-texts a.wa-word").first.hover()
    page.evaluate(
        "() => new Promise(done => {"
        " document.querySelector('article').style.display = 'none';"
        " requestAnimationFrame(() => requestAnimationFrame(done)) })"
    )
    assert links(page) == []


def test_pointing_at_a_word_shows_its_partner_a_line_and_the_numbers(page):
    word = page.locator(".wa-texts a.wa-word").first
    word.hover()
    assert len(highlighted(page)) >= 2
    assert "wa-on" in links(page)[-1]
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


def test_texts_one_above_the_other_have_their_links_in_the_margin(open_page):
    page = open_page(render_html([make_gloves()]), width=420)
    box = page.locator(".wa-texts").bounding_box()
    tops = [text.bounding_box()["y"] for text in page.locator(".wa-text").all()]
    assert tops[0] < tops[1]
    assert 1 <= len(links(page)) <= 5
    ends = page.locator(".wa-lines path:not(.wa-halo)").evaluate_all(
        "links => links.map(link => link.getBoundingClientRect().right)"
    )
    assert max(ends) <= box["x"] + box["width"]
    assert len({round(end) for end in ends}) == len(ends), "each has a track of its own"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_who_has_no_keyboard_is_not_sent_to_one(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(render_html([make_signed()]), encoding="utf-8")
    context = browser.new_context(has_touch=True, is_mobile=True)
    page = context.new_page()
    page.goto(file.as_uri())
    page.locator("summary", has_text="All word pairs").click()
    said = page.locator(".wa-readout, .wa-grid-readout").all_inner_texts()
    assert said == ["Tap an underlined word.", "Tap a cell."]
    context.close()


@pytest.mark.parametrize(
    ("around", "scripts", "is_dark"),
    [
        ('<body style="background: #1e1e1e">', True, True),
        ('<body style="background: #fff"><div style="background: rgb(30 30 46)">', True, True),
        ('<body style="background: #fafafa">', True, False),
        ('<body data-theme="dark">', False, True),
        ('<body class="vscode-high-contrast">', False, True),
        ('<body data-jp-theme-light="true">', False, False),
    ],
)
def test_in_another_page_an_explanation_is_as_dark_as_that(
    browser, tmp_path, around, scripts, is_dark
):
    file = tmp_path / "page.html"
    file.write_text(f"<!doctype html>{around}{render_fragment(make_gloves())}", encoding="utf-8")
    # What the system says is the other way round.
    scheme = "light" if is_dark else "dark"
    context = browser.new_context(color_scheme=scheme, java_script_enabled=scripts)
    page = context.new_page()
    page.goto(file.as_uri())
    shown = page.locator("article.whyalike")
    paper = shown.evaluate("root => getComputedStyle(root).backgroundColor")
    assert paper == ("rgb(18, 22, 29)" if is_dark else "rgb(255, 255, 255)")
    context.close()


def test_without_scripts_all_can_be_read(browser, tmp_path):
    file = tmp_path / "page.html"
    file.write_text(render_html([make_signed()]), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(file.as_uri())
    assert page.locator("table").first.is_visible()
    assert page.locator(".wa-texts a.wa-word").first.is_visible()
    page.locator("summary", has_text="All word pairs").click()
    assert page.locator(".wa-grid tbody td").nth(5).inner_text() == "120"
    assert not page.locator(".wa-grid-readout").is_visible()
    context.close()


def test_a_cell_of_the_matrix_is_read_out_by_pointing_and_by_keys(open_page):
    page = open_page(render_html([make_signed()]))
    page.locator("summary", has_text="All word pairs").click()
    cells = page.locator(".wa-grid tbody td")
    readout = page.locator(".wa-grid-readout")
    cells.nth(5).hover()
    assert readout.inner_text() == "gloves – mittens adds +0.1200 · selected pair"
    assert page.locator(".wa-grid .wa-lit").all_inner_texts() == ["mittens", "gloves"]
    page.mouse.move(5, 5)
    assert readout.inner_text().startswith("Point at a cell")
    page.locator("summary", has_text="All word pairs").focus()
    page.keyboard.press("Tab")
    for key, says in (
        ("ArrowLeft", "warm – cosy adds +0.0810 · selected pair"),
        ("ArrowRight", "warm – mittens adds +0.0120"),
        ("ArrowDown", "gloves – mittens adds +0.1200 · selected pair"),
        ("End", "gloves – cold adds +0.0020"),
        ("Control+End", "cold – cold adds +0.0900 · selected pair"),
        ("Control+Home", "warm – cosy adds +0.0810 · selected pair"),
    ):
        page.keyboard.press(key)
        assert readout.inner_text() == says
    page.keyboard.press("Tab")
    assert page.locator(".wa-grid td:focus").count() == 0


def test_the_headers_of_a_large_matrix_stay_while_it_scrolls(open_page):
    page = open_page(render_html([make_large(70, 70)]), width=500)
    page.locator("summary", has_text="All word pairs").click()
    frame = page.locator(".wa-grid-frame")
    frame.evaluate("frame => frame.scrollTo(400, 400)")
    edges = frame.bounding_box()
    header = page.locator(".wa-grid thead th").nth(30).bounding_box()
    name = page.locator(".wa-grid tbody th").nth(30).bounding_box()
    assert abs(header["y"] - edges["y"]) < 3
    assert abs(name["x"] - edges["x"]) < 3
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_a_methods_name_leads_to_its_whole_explanation(open_page):
    page = open_page(render_methods([make_signed(), replace(make_signed(), method="bti")]))
    assert not page.locator("#e2").is_visible()
    page.locator(".wa-card-name a").nth(1).click()
    assert page.locator("#e2").is_visible()
    page.locator("#e2 .wa-texts a.wa-word").first.hover()
    assert "adds" in page.locator("#e2 .wa-readout").inner_text()
