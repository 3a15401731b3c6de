"""The first page in a real browser: links, slider, Back, panels, wide and narrow, zoomed in."""

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, make_results
from serving_apps import serving

from tiny_models import tiny
from whyalike import Explainer
from whyalike.web.api.service import Service

ANSWER = "#result:not([aria-busy]) article.whyalike"
LEFT, RIGHT = "warm gloves for phones", "warm gloves to text with"
PAIR = f"/?left={LEFT}&right={RIGHT}"
LINKS = ".wa-lines path:not(.wa-halo)"


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    results = {"run": make_results(tmp_path_factory.mktemp("results") / "run")}
    service = Service({"tiny": Explainer(tiny("bert").parts)}, results=results)
    with serving(make_app(service)) as url:
        yield url
    service.close()


@pytest.fixture
def open_page(browser, url):
    """A page of a new browser profile. What its scripts fail at fails the test."""
    contexts, errors = [], []

    def open_page(path="/", width=1280, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.goto(url + path)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert errors == []


def settle(page):
    """Wait until what was begun by frames and observers is done."""
    page.evaluate("() => new Promise(done => requestAnimationFrame(() => setTimeout(done)))")


def choose(page, method):
    page.locator("#method").select_option(method)
    page.wait_for_function(
        "method => location.search.includes(`method=${method}`)"
        " && !document.querySelector('#result[aria-busy]')",
        arg=method,
    )


def test_another_method_after_pointing_at_a_word_is_no_error(open_page):
    page = open_page(PAIR)
    for method in ("occlusion", "bti", "token_similarity"):
        page.locator(f"{ANSWER} a.wa-word").first.hover()
        page.locator(f"{ANSWER} a.wa-word").first.focus()
        choose(page, method)
        settle(page)
        assert page.locator(LINKS).count() > 0, "the new answer has its links at once"


def test_links_move_with_the_words_as_the_screen_turns(open_page):
    page = open_page(PAIR, width=1280)
    before = page.locator(LINKS).first.get_attribute("d")
    assert "C" in before, "beside each other, links cross in the gutter"
    page.set_viewport_size({"width": 400, "height": 900})
    settle(page)
    after = page.locator(LINKS).first.get_attribute("d")
    assert "C" not in after, "one above the other, they run down the margin"


def test_the_slider_says_pairs_before_the_answer_comes(open_page, url):
    page = open_page(f"{PAIR}&top_k=1&method=bti")
    slider = page.locator("#top_k")
    steps = page.locator("#result > div").get_attribute("data-steps").split("|")
    assert len(steps) > 1
    assert slider.get_attribute("max") == str(len(steps))
    assert slider.get_attribute("aria-valuetext") == steps[0]
    page.route(url + "/", lambda route: None)  # Never answered.
    slider.focus()
    for said in steps[1:]:
        page.keyboard.press("ArrowRight")
        assert slider.get_attribute("aria-valuetext") == said
        assert page.locator("#top-said").inner_text() == said


def test_back_returns_to_the_example_as_it_was(open_page):
    page = open_page("/")
    page.locator(".ex-examples a").nth(2).click()
    page.wait_for_selector(ANSWER)
    example = page.locator("#left").input_value()
    link = page.url
    page.locator("#left").fill("This coat is waterproof.")
    page.wait_for_function("() => location.search.includes('coat')")
    page.locator("#left").fill("This coat is red.")
    page.wait_for_function("() => location.search.includes('red')")
    page.go_back()
    page.wait_for_function(
        "example => document.title.startsWith(example) &&"
        " !document.querySelector('#result[aria-busy]')",
        arg=example,
    )
    assert page.locator("#left").input_value() == example
    assert page.url.startswith(link), "with what the menus chose besides"
    page.go_forward()
    page.wait_for_function("() => document.querySelector('#left').value.includes('red')")
    page.wait_for_selector(ANSWER)
    # All edits are one step: before the example is the gallery.
    page.go_back()
    page.go_back()
    page.locator(".ex-examples").wait_for()


def test_the_tab_is_named_by_the_answer_that_is_shown(open_page):
    page = open_page(PAIR)
    assert page.title() == f"{LEFT} – {RIGHT} · Pair · whyalike"
    page.locator("#right").fill("a scarf")
    page.wait_for_function("() => document.title.includes('a scarf')")
    assert page.title() == f"{LEFT} – a scarf · Pair · whyalike"


def test_what_do_i_see_is_one_line_until_it_is_opened_and_then_stays_open(open_page):
    page = open_page(PAIR, width=1280)
    panel = page.locator("#what")
    assert panel.get_attribute("open") is None, "the verdict comes first"
    assert panel.locator("li").count() == 5
    panel.locator("summary").click()
    page.reload()
    assert panel.get_attribute("open") is not None
    panel.locator("summary").click()
    page.reload()
    assert panel.get_attribute("open") is None
    assert not open_page("/").locator("#what").is_visible(), "there is nothing to see yet"


# Of 1280 and 768 px at 200 %, and of a phone.
@pytest.mark.parametrize("width", [640, 384, 360, 768, 1024, 1440, 1920])
def test_methods_fit_on_the_screen_with_their_panel_open(open_page, width):
    page = open_page(PAIR, width=width)
    page.locator(".ex-methods summary").click()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    panel = page.locator(".ex-methods fieldset").bounding_box()
    assert panel["x"] >= 0
    assert panel["x"] + panel["width"] <= width
    box = page.locator(".ex-methods input").last
    box.scroll_into_view_if_needed()
    box.check()
    page.locator(".wa-cards").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0
    assert page.locator(".ex-methods").evaluate("panel => panel.open"), "for the next one"


def test_a_wide_screen_has_the_question_beside_its_answer(open_page):
    page = open_page(PAIR, width=1920)
    ask, answer = (page.locator(one).bounding_box() for one in (".ex-ask", ANSWER))
    assert answer["x"] > ask["x"] + ask["width"]
    assert answer["x"] + answer["width"] - ask["x"] > 1600
    assert answer["y"] < 500
    page.set_viewport_size({"width": 1280, "height": 900})
    ask, answer = (page.locator(one).bounding_box() for one in (".ex-ask", ANSWER))
    assert answer["y"] > ask["y"] + ask["height"]


@pytest.mark.parametrize("scripts", [True, False])
def test_texts_are_carried_to_the_comparison_and_back(open_page, scripts):
    page = open_page(PAIR, java_script_enabled=scripts)
    page.get_by_role("link", name="Compare with another text").click()
    page.wait_for_url("**/compare?**")
    assert page.locator("#query").input_value() == LEFT
    page.locator("#second").fill("a scarf")
    if not scripts:
        page.get_by_role("button", name="Compare").click()
    page.get_by_role("link", name="Swap A and B").click()
    page.wait_for_url("**first=a+scarf**")
    assert page.locator("#second").input_value() == RIGHT
    page.get_by_role("link", name="Query and A as a pair").click()
    page.wait_for_url("**right=a+scarf**")
    assert page.locator("#left").input_value() == LEFT


def test_without_scripts_methods_are_chosen_and_ticked_all_the_same(open_page):
    page = open_page(PAIR, java_script_enabled=False)
    page.locator("#method").select_option("occlusion")
    page.locator(".ex-methods summary").click()
    page.get_by_label("Words deleted in many orders").check()
    page.get_by_role("button", name="Explain").click()
    assert page.locator(".wa-card").count() == 2
    assert page.locator("#method").input_value() == "occlusion"
    page.get_by_text("What do I see?").first.wait_for(state="attached")


def test_with_reduced_motion_links_do_not_fade(open_page):
    page = open_page(PAIR, reduced_motion="reduce")
    moves = page.locator(LINKS).first.evaluate("link => getComputedStyle(link).transitionDuration")
    assert moves == "0s"
