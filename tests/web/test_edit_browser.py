"""Edit and see in a real browser: by pointer, by keys, from the list, undone and opened again."""

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_pages import ANSWER, assert_sound, opened_pages
from explorer_service import make_app, open_explainer
from serving_apps import serving

LEFT, RIGHT = "warm gloves for phones", "mittens to text with"
PAIR = f"/?left={LEFT}&right={RIGHT}"


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    with opened_pages(browser, url) as open_page:
        yield open_page


def word(page, side, text):
    return page.locator(f'#result [data-side="{side}"] [data-word]', has_text=text).first


def shown(page, left, right=RIGHT):
    """Wait until the answer is that of these texts, and return its score."""
    page.wait_for_function(
        "([left, right]) => document.querySelector('#left').value === left"
        " && document.querySelector('#right').value === right"
        " && !document.querySelector('#result').ariaBusy"
        " && !document.querySelector('.ex-gone')",
        arg=[left, right],
    )
    return float(page.locator("[data-edit]").get_attribute("data-score"))


def scores_of(page):
    return page.locator("#tries li b").all_inner_texts()


def test_a_click_deletes_and_replaces_and_the_score_moves(open_page):
    page = open_page(PAIR)
    first = shown(page, LEFT)
    word(page, "left", "warm").click()
    dialog = page.get_by_role("dialog", name="Edit “warm”")
    dialog.get_by_role("button", name="Delete").click()
    second = shown(page, "gloves for phones")
    assert second == pytest.approx(open_explainer().explain("gloves for phones", RIGHT).similarity)
    assert f"“warm” deleted: {first:.3f} → {second:.3f}" in page.locator("#status").inner_text()
    assert "left=gloves+for+phones" in page.url
    assert "edit" not in page.url
    word(page, "right", "mittens").click()
    page.keyboard.type("hats")
    page.keyboard.press("Enter")
    third = shown(page, "gloves for phones", "hats to text with")
    assert "“mittens” replaced by “hats”" in page.locator(".ex-tried").inner_text()
    assert scores_of(page) == [f"{score:.3f}" for score in (first, second, third)]
    # Each try opens again, and undo goes back by one.
    page.get_by_role("button", name="Undo").last.click()
    assert shown(page, "gloves for phones") == second
    page.locator("#tries li button", has_text="Beginning").click()
    assert shown(page, LEFT) == first
    page.locator("#tries li button", has_text="hats").click()
    assert shown(page, "gloves for phones", "hats to text with") == third
    assert len(scores_of(page)) == 3
    # They are there when the page is loaded anew.
    page.reload()
    page.locator("#tries li").nth(2).wait_for()
    page.get_by_role("button", name="Start afresh").click()
    assert not page.locator("#tries").is_visible()


def test_by_the_keyboard_alone(open_page):
    page = open_page(PAIR)
    first = page.locator(f"{ANSWER} [data-side=left] a.wa-word").first
    first.focus()
    # The arrow keys reach every word, with a partner or without.
    for _ in range(4):
        page.keyboard.press("ArrowLeft")
    assert page.evaluate("document.activeElement.dataset.word") == "0"
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.activeElement.dataset.word") == "1"
    page.keyboard.press("Delete")
    shown(page, "warm for phones")
    # One goes on where one was.
    assert page.evaluate("document.activeElement.dataset.word") == "1"
    assert page.evaluate("document.activeElement.closest('[data-side]').dataset.side") == "left"
    page.keyboard.press("F2")
    page.keyboard.type("of")
    page.keyboard.press("Enter")
    shown(page, "warm of phones")
    page.keyboard.press("F2")
    page.keyboard.press("Escape")
    assert page.locator(".ex-dialog").count() == 0
    assert page.evaluate("document.activeElement.dataset.word") == "1"


def test_rapid_edits_are_one_question_at_last(open_page, url):
    page = open_page(PAIR)
    held = []

    def hold(route):
        body = route.request.post_data or ""
        if body.count("edit=") == 1:
            held.append(route)  # Never answered.
        else:
            route.continue_()

    page.route(url + "/", hold)
    gone = []
    page.on("requestfailed", lambda request: gone.append(request.failure))
    word(page, "left", "warm").focus()
    page.evaluate("document.querySelector('[data-side=left] [data-word]').focus()")
    page.keyboard.press("Delete")
    page.locator("#result .ex-gone").first.wait_for()
    word(page, "left", "phones").click()
    page.get_by_role("button", name="Delete").click()
    shown(page, "gloves for")
    assert len(held) == 1
    assert gone == ["net::ERR_ABORTED"]
    assert "“warm”, “phones” deleted" in page.locator(".ex-tried").inner_text()
    assert len(scores_of(page)) == 2


def test_the_last_word_stays_and_what_is_typed_comes_first(open_page, url):
    page = open_page("/?left=gloves&right=" + RIGHT)
    word(page, "left", "gloves").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("No word of the left text would be left.").wait_for()
    assert page.locator("#left").input_value() == "gloves"
    assert page.locator(ANSWER).count() == 1
    # While one types, an edit of what is still shown waits.
    page.route(url + "/", lambda route: None)
    page.locator("#right").fill("hats")
    word(page, "right", "mittens").click()
    page.get_by_role("button", name="Delete").click()
    page.get_by_text("another text already").wait_for()
    assert page.locator("#right").input_value() == "hats"


def test_texts_that_are_typed_stand_as_one_try(open_page):
    page = open_page(PAIR)
    word(page, "left", "warm").click()
    page.get_by_role("button", name="Delete").click()
    shown(page, "gloves for phones")
    for text in ("gloves for p", "gloves for people"):
        page.locator("#left").fill(text)
        page.wait_for_function(
            "text => new URLSearchParams(location.search).get('left') === text", arg=text
        )
    assert page.locator("#tries li span").all_inner_texts() == [
        "Beginning",
        "“warm” deleted",
        "Typed",
    ]


@pytest.mark.parametrize("script", [True, False])
def test_from_the_list(open_page, script):
    page = open_page(PAIR, java_script_enabled=script)
    page.locator(".ex-edit-list summary").click()
    page.get_by_label("Word", exact=True).select_option(label="gloves")
    page.get_by_label("Replace it by").fill("scarves")
    page.get_by_role("button", name="Edit and see").click()
    page.get_by_text("“gloves” replaced by “scarves”:").first.wait_for()
    assert page.locator("#left").input_value() == "warm scarves for phones"
    page.get_by_role("button", name="Undo").first.click()
    page.locator(".ex-tried").wait_for(state="detached")
    assert page.locator("#left").input_value() == LEFT


@pytest.mark.parametrize(
    ("width", "scheme", "zoom"),
    [(360, "dark", 1), (768, "light", 1), (1440, "dark", 1), (1280, "light", 2)],
)
def test_every_state_is_sound(open_page, width, scheme, zoom):
    page = open_page(
        PAIR,
        width=width // zoom,
        height=900 // zoom,
        device_scale_factor=zoom,
        color_scheme=scheme,
        reduced_motion="reduce",
        bypass_csp=True,
    )
    word(page, "left", "warm").click()
    page.get_by_role("dialog").wait_for()
    assert_sound(page, "the dialog")
    page.get_by_role("button", name="Delete").click()
    shown(page, "gloves for phones")
    page.locator(".ex-edit-list summary").click()
    assert_sound(page, "what was tried")


def test_a_finger_deletes_too(open_page):
    page = open_page(PAIR, width=360, has_touch=True, is_mobile=True)
    word(page, "left", "warm").tap()
    assert page.evaluate("document.activeElement.textContent") == "Delete"
    page.get_by_role("button", name="Delete").tap()
    shown(page, "gloves for phones")
