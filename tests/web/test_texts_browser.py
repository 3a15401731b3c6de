"""Long texts, and texts that stay in the tab, in a real browser."""

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_pages import ANSWER, assert_sound, opened_pages
from explorer_service import make_app
from serving_apps import serving

QUERY = "quick zebra in the box"
NOISE = "On day {n} we all sat on the wall and had tea with milk and a small roll of bread."
MATCH = "The quick zebra sat in the box."
SENTENCES = [
    *(NOISE.format(n=n) for n in range(24)),
    MATCH,
    *(NOISE.format(n=n) for n in range(24, 46)),
]
TEXT = " ".join(SENTENCES)
"""Some 900 words, of which seven matter."""

UNLINKED = "touchscreen gloves " * 400
"""Longer than a link may be."""


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    with opened_pages(browser, url) as open_page:
        yield open_page


def ask(page, left=QUERY, right=TEXT):
    page.locator("#method").select_option("random")
    page.locator("#left").fill(left)
    page.locator("#right").fill(right)
    page.wait_for_selector(ANSWER)
    page.wait_for_function(
        "texts => ['left', 'right'].every((side, n) => document.querySelector("
        "`[data-edit-form] input[name=${side}]`)?.value === texts[n])",
        arg=[left, right],
    )


@pytest.mark.parametrize(
    ("width", "scheme"), [(360, "dark"), (360, "light"), (768, "light"), (1440, "dark")]
)
def test_a_long_text_is_read_by_its_sentences(open_page, width, scheme):
    page = open_page(width=width, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    ask(page)
    assert len(TEXT.split()) > 880
    long = page.locator(".wa-long")
    assert long.locator(".wa-sentence").count() == len(SENTENCES)
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    # What is folded opens, and nothing of the text is lost.
    for fold in long.locator("details").all():
        fold.locator("summary").click()
    said = long.locator(".wa-sentence .wa-text").evaluate_all(
        "all => all.map(one => { const own = one.cloneNode(true);"
        " own.querySelectorAll('sup').forEach(sup => sup.remove());"
        " return own.textContent.trim(); })"
    )
    assert said == SENTENCES
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    # A line is one that can be read: some words, and no more than a hundred characters.
    box = long.locator(".wa-text").first.bounding_box()
    assert box["width"] / 9 < 100
    assert box["width"] > 0.6 * min(width, 400)


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1440, "light")])
def test_its_states_are_sound(open_page, width, scheme):
    page = open_page(width=width, color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    ask(page, right=" ".join(SENTENCES[18:28]))  # With 900 words, axe takes minutes.
    assert page.locator(".wa-long").count() == 1
    page.locator('[data-side="left"] a.wa-word').first.focus()
    assert_sound(page, "folded")
    for fold in page.locator(".wa-long details").all():
        fold.locator("summary").click()
    assert_sound(page, "opened")


def test_the_query_stays_in_view_and_the_map_leads(open_page):
    for width in (360, 1440):
        page = open_page(width=width, height=700, reduced_motion="reduce")
        ask(page)
        for fold in page.locator(".wa-long details").all():
            fold.evaluate("fold => { fold.open = true; }")
        page.locator('[data-sentence="25"]').evaluate("one => one.scrollIntoView()")
        page.wait_for_function("() => scrollY > 1000")
        query = page.locator('[data-side="left"]').bounding_box()
        assert 0 <= query["y"] < 20
        assert query["height"] < 350
        page.wait_for_selector(".wa-map-view:not([hidden])", state="attached")
        seen = page.locator(".wa-map-view")
        top = float(seen.get_attribute("y"))
        assert 400 < top < 600, "the window is at the 25th of 47 sentences"
        assert float(seen.get_attribute("height")) < 500
        # A click on its foot leads to the last sentence.
        box = page.locator(".wa-map").bounding_box()
        page.mouse.click(box["x"] + 4, box["y"] + box["height"] - 3)
        page.wait_for_function(
            "() => document.querySelector('[data-sentence=\"47\"]').getBoundingClientRect().top"
            " < innerHeight"
        )


def test_a_line_follows_the_query_that_stays(open_page):
    page = open_page("/", width=1440, height=700)
    ask(page)
    word = page.locator('[data-side="left"] a.wa-word').first
    word.focus()
    path = page.locator(".wa-lines path").last
    before = path.get_attribute("d")
    page.evaluate("scrollBy(0, 300)")
    page.wait_for_function(
        "before => [...document.querySelectorAll('.wa-lines path')].at(-1)?.getAttribute('d')"
        " !== before",
        arg=before,
    )


def test_a_row_opens_what_is_folded(open_page):
    page = open_page()
    ask(page)
    page.locator("details.wa-all summary").click()
    page.evaluate(
        "() => { for (const fold of document.querySelectorAll('.wa-long details'))"
        " fold.open = false; }"
    )
    rows = page.locator('table[data-kind="matches"] tbody tr[tabindex], table tbody tr[data-left]')
    for row in rows.all()[:5]:
        row.hover()  # Words that are folded have no lines, and nothing breaks.


def test_texts_are_there_when_one_comes_back(open_page):
    page = open_page()
    ask(page, right=UNLINKED)
    # They are longer than a link may be, and are sent nowhere but with the question.
    page.wait_for_function("() => location.search === ''")
    page.reload()
    page.wait_for_selector(ANSWER)
    assert page.locator("#right").input_value() == UNLINKED
    page.get_by_role("link", name="Compare").click()
    page.locator("#query").fill("warm hat")
    page.get_by_role("link", name="Pair", exact=True).click()
    page.wait_for_selector(ANSWER)
    assert page.locator("#left").input_value() == QUERY
    assert page.locator("#right").input_value() == UNLINKED
    assert page.locator("#method").input_value() == "random"
    page.get_by_role("link", name="Compare").click()
    page.wait_for_function("() => document.querySelector('#query')?.value === 'warm hat'")
    # Another tab knows nothing of them.
    assert open_page().locator("#left").input_value() == ""


def test_texts_are_cleared_by_a_button_and_a_link_goes_first(open_page):
    page = open_page("/?left=warm+hat&right=wool")
    page.get_by_role("link", name="Pair", exact=True).click()
    page.wait_for_selector(ANSWER)
    assert page.locator("#left").input_value() == "warm hat"
    page.get_by_role("button", name="Clear the texts").click()
    page.get_by_role("heading", name="Or begin with one of these").wait_for()
    assert page.evaluate("document.activeElement.id") == "left"
    assert page.evaluate("sessionStorage.length") == 0
    page.reload()
    page.get_by_role("heading", name="Or begin with one of these").wait_for()
    assert page.locator("#left").input_value() == ""


def test_a_logout_clears_them(open_page, url):
    page = open_page("/?left=warm+hat&right=wool")
    assert page.evaluate("sessionStorage.length") > 0
    page.route(url + "/logout", lambda route: route.fulfill(status=200, body="out"))
    page.evaluate(
        "() => { const form = document.createElement('form'); form.action = '/logout';"
        " form.method = 'post'; const out = document.createElement('button');"
        " out.id = 'out'; out.textContent = 'Log out'; form.append(out);"
        " document.body.append(form); }"
    )
    page.locator("#out").click()
    page.get_by_text("out").wait_for()
    assert page.evaluate("sessionStorage.length") == 0


def test_the_short_link_of_a_long_question_is_copied(open_page):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    ask(page, right=UNLINKED)
    page.get_by_role("button", name="Link", exact=True).click()
    page.get_by_text("Copied: the link.").wait_for()
    link = page.evaluate("navigator.clipboard.readText()")
    page.goto(link)
    page.wait_for_selector(ANSWER)
    assert page.locator("#right").input_value() == UNLINKED
    plain = open_page(java_script_enabled=False)
    plain.locator("#method").select_option("random")
    plain.locator("#left").fill(QUERY)
    plain.locator("#right").fill(UNLINKED)
    plain.get_by_role("button", name="Explain").click()
    plain.get_by_role("button", name="Make a link").click()
    plain.wait_for_url("**/?q=*")
    assert plain.locator("#right").input_value() == UNLINKED
