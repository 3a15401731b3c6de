"""The Explorer in a real browser: as one types, by keys, on a phone, in the dark, with axe."""

from pathlib import Path

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app
from serving_apps import serving

# What the console says of answers that say no, which are asked for here.
EXPECTED = "Failed to load resource"
ANSWER = "#result:not([aria-busy]) article.whyalike"
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    """A page of a new browser profile. What its console says fails the test."""
    contexts, problems = [], []

    def open_page(path="/", width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in problems if not one.startswith(EXPECTED)] == []


def test_a_pair_is_explained_as_one_types(open_page, url):
    page = open_page(permissions=["clipboard-read", "clipboard-write"])
    page.locator("#left").fill(LEFT)
    page.locator("#right").fill(RIGHT)
    page.wait_for_selector(ANSWER)
    assert "similarity" in page.locator("#status").inner_text()
    # What came later answers to pointing as what came with the page does.
    word = page.locator(f"{ANSWER} .wa-texts a.wa-word").first
    word.hover()
    assert "score" in page.locator(".wa-readout").inner_text()
    word.focus()
    assert page.locator(".wa-texts .wa-on").count() >= 2
    # The address has the question: whoever opens it sees the same.
    assert "left=warm+gloves" in page.url
    other = open_page(page.url.removeprefix(url))
    assert (
        other.locator(".wa-texts").inner_text().split()
        == page.locator(".wa-texts").inner_text().split()
    )
    page.get_by_role("button", name="Python").click()
    page.get_by_text("Copied: the Python code.").wait_for()
    assert f"{LEFT!r}" in page.evaluate("navigator.clipboard.readText()")
    page.get_by_role("button", name="JSON").click()
    page.get_by_text("Copied: JSON.").wait_for()
    assert '"format": "whyalike/explanation"' in page.evaluate("navigator.clipboard.readText()")


def test_the_slider_shows_more_pairs(open_page):
    page = open_page(f"/?left={LEFT}&right={RIGHT}&top_k=1")
    rows = page.locator('table[data-kind="pairs"] tbody tr')
    before = rows.count()
    page.locator("#top_k").focus()
    page.keyboard.press("End")
    page.wait_for_function(
        "before => document.querySelectorAll('table[data-kind=pairs] tbody tr').length > before",
        arg=before,
    )
    said = page.locator("#top-said").inner_text()
    assert said == f"{rows.count()} of {rows.count()} matches"
    assert page.locator("#top_k").get_attribute("aria-valuetext") == said
    assert page.evaluate("document.activeElement.id") == "top_k", "the slider keeps the focus"


def test_the_last_question_wins(open_page, url):
    page = open_page(f"/?left={LEFT}&right={RIGHT}")
    answers = []

    def slow_down(route):
        if "stale" in (route.request.post_data or ""):
            answers.append(route)  # Never answered: what comes later must not wait for it.
        else:
            route.continue_()

    page.route(url + "/", slow_down)
    page.locator("#left").fill("stale question")
    page.wait_for_function("() => document.querySelector('#result').ariaBusy === 'true'")
    page.locator("#left").fill("newest question")
    page.wait_for_function("() => location.search.includes('newest')")
    assert "newest" in page.locator(".wa-texts").inner_text()
    assert len(answers) == 1
    assert page.locator("#result").get_attribute("aria-busy") is None


def test_what_goes_wrong_is_said_and_mended(open_page, url):
    page = open_page(f"/?left={LEFT}&right={RIGHT}")
    page.locator("#left").fill("a" * 20_001)
    page.get_by_text("20,001 characters; this server takes").wait_for()
    assert "20,001 of 20,000" in page.locator("#left-count").inner_text()
    page.context.set_offline(True)
    page.locator("#left").fill("gone")
    page.get_by_role("heading", name="The server does not answer").wait_for()
    page.context.set_offline(False)
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(ANSWER)


def test_by_the_keyboard_alone(open_page):
    page = open_page()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    for _ in range(10):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "left":
            break
    page.keyboard.type(LEFT)
    page.keyboard.press("Tab")
    page.keyboard.type(RIGHT)
    page.wait_for_selector(ANSWER)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.id") == "method"
    page.keyboard.type("Random")
    page.wait_for_function("() => document.querySelector('.wa-facts').innerText.includes('random')")
    # On to the panel of methods, and into it.
    for _ in range(5):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.locator(".wa-cards").wait_for()
    page.keyboard.press("Escape")
    assert not page.locator("details.ex-methods").evaluate("menu => menu.open")
    assert page.evaluate("document.activeElement.tagName") == "SUMMARY"


def test_without_scripts(open_page):
    page = open_page(java_script_enabled=False)
    page.locator("#left").fill(LEFT)
    page.locator("#right").fill(RIGHT)
    page.get_by_role("button", name="Explain").click()
    assert page.locator("article.whyalike").count() == 1
    assert not page.get_by_role("button", name="Python").is_visible()
    page.get_by_role("link", name="Compare", exact=True).click()
    for name, text in (("query", "warm hat"), ("first", "zip"), ("second", "a warm hat")):
        page.locator(f"#{name}").fill(text)
    page.get_by_role("button", name="Compare").click()
    assert page.get_by_role("heading", name="Text B is scored above text A").count() == 1


def test_comparing_and_searching_as_one_types(open_page):
    page = open_page("/compare")
    for name, text in (("query", "warm hat"), ("first", "zip"), ("second", "a warm hat")):
        page.locator(f"#{name}").fill(text)
    page.get_by_role("heading", name="Text B is scored above text A").wait_for()
    page.get_by_role("link", name="Catalogue").click()
    page.get_by_label("Search by a text").fill("knit gloves for winter")
    page.wait_for_selector(".wa-hit")
    page.locator("summary", has_text="Filter by").click()
    page.get_by_role("checkbox", name="scarves").check()
    page.wait_for_function("() => document.querySelectorAll('.wa-hit').length === 2")
    page.get_by_label("Why is this item not here?").fill("g1")
    page.get_by_text("the filter leaves it out").wait_for()
    page.locator(".whyalike-whole summary").first.click()
    page.locator(".whyalike-whole[open] a.wa-word").first.hover()
    assert "score" in page.locator(".whyalike-whole[open] .wa-readout").inner_text()
    # By the link of a card to what is like it.
    page.get_by_role("link", name="Items like this one").first.click()
    page.wait_for_url("**item=s*")
    assert page.get_by_label("or by an item").input_value() in ("s1", "s2")


PAGES = {
    "empty": "/",
    "pair": f"/?left={LEFT}&right={RIGHT}",
    "sentences": f"/?left={LEFT}&right={RIGHT}. It is warm. It is red.&unit=sentence",
    "methods": f"/?left={LEFT}&right={RIGHT}&beside=random",
    "refused": "/?left=a&right=b&method=none",
    "compare": "/compare?query=warm+hat&first=zip&second=a+warm+hat",
    "browse": "/catalogue",
    "search": "/catalogue?text=knit+gloves&missing=s2&is.kind=gloves",
    "evaluate": "/evaluate",
    "samples": "/evaluate/samples?run=run&dataset=fashion+%3Cb%3E&metric=comprehensiveness",
    "api": "/api/docs",
    "none": "/nothing",
}
SIZES = ((360, "dark"), (768, "light"), (1024, "dark"), (1440, "light"), (1920, "dark"))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_sound_small_and_wide_light_and_dark(open_page, name):
    """With all that opens open: axe finds nothing, and nothing is wider than the screen."""
    axe_source = Path(pytest.importorskip("axe_playwright_python").__file__).parent.joinpath(
        "axe.min.js"
    )
    page = open_page(PAGES[name], reduced_motion="reduce", bypass_csp=True)
    page.add_script_tag(path=axe_source)
    for width, scheme in SIZES:
        page.set_viewport_size({"width": width, "height": 900})
        page.emulate_media(color_scheme=scheme)
        for is_open in (False, True):
            page.evaluate(
                "open => document.querySelectorAll('main details')"
                ".forEach(one => { one.open = open })",
                is_open,
            )
            wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
            assert wide <= 0, f"{name} is {wide} px too wide at {width}, open: {is_open}"
        found = page.evaluate("axe.run().then(found => found.violations)")
        said = [(one["id"], [node["target"] for node in one["nodes"]][:3]) for one in found]
        assert said == [], f"{name} at {width}, {scheme}"
