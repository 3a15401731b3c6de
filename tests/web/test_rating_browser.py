"""The rating app in a real browser, as a rater uses it: by mouse, by keys, on a phone, offline."""

import re

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'study'")

from rating_studies import METHODS, make_study
from serving_apps import serving

from whyalike.study import open_storage, plan
from whyalike.web import create_rating_app

# Of pages that are asked for though they are not there, and while the browser is offline.
EXPECTED = "Failed to load resource"


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), methods=METHODS[:2])


@pytest.fixture(scope="module")
def storage(study):
    opened = open_storage(study)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def served(study, storage):
    """The URL, and every path, header and body that the server has sent."""
    app, sent = create_rating_app(study, storage), []

    async def recorded(scope, receive, send):
        async def send_recorded(message):
            sent.append((scope.get("path"), repr(message.get("headers")), message.get("body", b"")))
            await send(message)

        await app(scope, receive, send_recorded)

    with serving(recorded) as url:
        yield url, sent


@pytest.fixture(scope="module")
def url(served):
    return served[0]


@pytest.fixture
def open_page(browser, url):
    """A page of a new browser profile. What its console says fails the test."""
    contexts, problems = [], []

    def open_page(width=1600, height=900, **options):
        context = browser.new_context(viewport={"width": width, "height": height}, **options)
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert [one for one in problems if not one.startswith(EXPECTED)] == []


@pytest.fixture
def rater(storage):
    return storage.add_rater()


def given(storage, rater, *, history=False):
    rows = storage.all_ratings(history=history)
    return [(row.position, row.value) for row in rows if row.rater_id == rater.rater_id]


def begin(page, url, rater):
    """Go from the invitation to the first screen."""
    page.goto(f"{url}/r/{rater.token}")
    page.get_by_role("button", name="Open my study").click()
    page.get_by_role("checkbox").check()
    page.get_by_role("button", name="Begin").click()
    page.wait_for_url("**/rate/1")


def rate_by_keys(page, value):
    before = page.url
    page.keyboard.press(str(value))
    page.keyboard.press("Enter")
    page.wait_for_url(lambda now: now != before, wait_until="load")


def test_by_mouse_from_the_invitation_to_the_thanks(open_page, storage, study, rater, served):
    url, sent = served
    sent.clear()
    page = open_page()
    begin(page, url, rater)
    kept = []
    count = len(plan(study, rater.number))
    for n in range(count):
        value = 1 + n % 5
        assert not any(name in page.content() for name in METHODS)
        page.locator(".wa-texts a.wa-word").first.hover()
        assert "rank" in page.locator(".wa-readout").inner_text()
        page.locator(".rate-choice").nth(value - 1).click()
        if n == 2:
            page.locator("summary", has_text="Comment").click()
            page.get_by_role("textbox", name="Comment").fill("1 <b>2</b>")
        before = page.url
        page.get_by_role("button", name="Save and go on").click()
        page.wait_for_url(lambda now, before=before: now != before, wait_until="load")
        if page.url.endswith("/answer"):
            page.get_by_role("link", name="Go on").click()
            page.wait_for_url("**/rate/2", wait_until="load")
        kept.append((n, value))
    assert page.url.endswith("/done")
    assert given(storage, rater, history=True) == kept
    assert "1 <b>2</b>" in [row.comment for row in storage.all_ratings()]
    secret = [*METHODS, *(one.id for one in (*study.stimuli, *study.checks, *study.practice))]
    assert {"/done", "/rate/2", "/assets/rating.js"} <= {path for path, _, _ in sent}
    for path, headers, body in sent:
        told = f"{headers}\n{body.decode()}"
        assert not [word for word in secret if word in told], path


def test_by_the_keyboard_alone(open_page, url, storage, study, rater):
    page = open_page()
    page.goto(f"{url}/r/{rater.token}")
    # The browser gives the focus of `autofocus` with its first frame, after the page's load.
    page.wait_for_selector("button:focus")
    page.keyboard.press("Enter")
    page.wait_for_url(f"{url}/", wait_until="load")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate/1", wait_until="load")
    page.keyboard.press("Enter")
    assert given(storage, rater) == [], "without a choice nothing is sent"
    rate_by_keys(page, 5)
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate/2", wait_until="load")
    rate_by_keys(page, 2)
    page.wait_for_url("**/rate/3", wait_until="load")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/rate/2", wait_until="load")
    assert page.locator("input[name=value]:checked").get_attribute("value") == "2"
    rate_by_keys(page, 4)
    page.wait_for_url("**/rate/3", wait_until="load")
    # By Tab and arrows too, for whom single keys are in the way.
    page.locator("#keys").uncheck()
    page.keyboard.press("3")
    assert page.locator("input[name=value]:checked").count() == 0
    page.get_by_role("radio").first.focus()
    page.keyboard.press("Space")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate/4", wait_until="load")
    assert not page.locator("#keys").is_checked(), "the choice is remembered"
    page.locator("#keys").check()
    # Digits and line breaks in a comment are part of it.
    page.locator("summary", has_text="Comment").focus()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    page.keyboard.type("5 of 5\nno")
    assert page.locator("input[name=value]:checked").count() == 0
    page.locator("main").focus()
    rate_by_keys(page, 1)
    assert given(storage, rater) == [(0, 5), (1, 4), (2, 2), (3, 1)]
    assert [row.comment for row in storage.all_ratings() if row.rater_id == rater.rater_id][
        3
    ] == "5 of 5\nno"


def test_without_scripts(open_page, url, storage, rater):
    page = open_page(java_script_enabled=False)
    begin(page, url, rater)
    assert not page.locator("#keys").is_visible()
    page.get_by_role("button", name="Save and go on").click()
    assert given(storage, rater) == [], "the browser itself asks for a choice"
    page.get_by_role("radio", name="3 fairly").check(force=True)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("link", name="Go on").click()
    page.get_by_role("radio", name="2 rather poorly").check(force=True)
    page.get_by_role("button", name="Save and go on").click()
    page.get_by_role("link", name="Change my last answer").click()
    page.get_by_role("radio", name="1 poorly", exact=True).check(force=True)
    page.get_by_role("button", name="Save and go on").click()
    page.wait_for_url("**/rate/3")
    assert given(storage, rater, history=True) == [(0, 3), (1, 2), (1, 1)]


def test_a_lost_connection_loses_nothing_and_doubles_nothing(open_page, url, storage, rater):
    page = open_page()
    begin(page, url, rater)
    rate_by_keys(page, 4)
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate/2", wait_until="load")
    page.context.set_offline(True)
    page.keyboard.press("5")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=Not stored yet")
    assert given(storage, rater) == [(0, 4)]
    page.keyboard.press("1")
    assert page.locator("input[name=value]:checked").get_attribute("value") == "5"
    page.context.set_offline(False)
    page.wait_for_url("**/rate/3", wait_until="load")
    assert given(storage, rater) == [(0, 4), (1, 5)]
    # The answer is stored, and only the confirmation is lost on its way.
    lost = []

    def lose(route):
        if lost:
            route.continue_()
        else:
            lost.append(route.fetch())
            route.abort()

    page.route("**/rate/3", lose)
    rate_by_keys(page, 2)
    page.wait_for_url("**/rate/4", wait_until="load")
    assert lost[0].status == 200
    assert given(storage, rater, history=True) == [(0, 4), (1, 5), (2, 2)]


def test_a_double_click_counts_once(open_page, url, storage, rater):
    page = open_page()
    begin(page, url, rater)
    page.locator(".rate-choice").nth(2).click()
    page.get_by_role("button", name="Save and go on").dblclick()
    page.wait_for_url("**/answer", wait_until="load")
    assert given(storage, rater, history=True) == [(0, 3)]


def test_a_page_of_another_rater_is_refused_in_words(open_page, url, storage, rater):
    page = open_page()
    begin(page, url, rater)
    other = page.context.new_page()
    begin(other, url, storage.add_rater())
    page.keyboard.press("3")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=belongs to another invitation")
    assert given(storage, rater) == []


@pytest.mark.parametrize(("width", "scheme"), [(360, "dark"), (1600, "light")])
def test_every_page_is_accessible_and_fits(open_page, url, storage, width, scheme):
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe").Axe()
    page = open_page(width, 800, color_scheme=scheme, reduced_motion="reduce")
    rater, admin = storage.add_rater("Ann"), storage.add_admin()

    def check():
        found = axe.run(page).response["violations"]
        assert [(one["id"], one["nodes"][0]["html"]) for one in found] == [], page.url
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), page.url
        moving = page.evaluate(
            "[...document.querySelectorAll('*')].filter(one => parseFloat(getComputedStyle(one)"
            ".transitionDuration) || parseFloat(getComputedStyle(one).animationDuration)).length"
        )
        assert moving == 0, "something moves though the rater asked for no motion"

    for path in ("/", f"/r/{rater.token}", "/admin", "/nothing"):
        page.goto(url + path)
        check()
    page.goto(f"{url}/r/{rater.token}")
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button").click()
    check()
    begin(page, url, rater)
    check()
    rate_by_keys(page, 1)
    check()
    page.keyboard.press("Enter")
    page.wait_for_url("**/rate/2", wait_until="load")
    page.keyboard.press("4")
    page.locator("summary", has_text="Comment").click()
    check()
    page.locator("main").focus()
    rate_by_keys(page, 4)
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**/rate/2", wait_until="load")
    check()
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("link", name="Pause").click()
    check()
    page.goto(f"{url}/admin")
    page.get_by_label("Admin token").fill(admin)
    with page.expect_navigation(wait_until="load"):
        page.get_by_role("button", name="Open").click()
    check()
    page.get_by_role("button", name=re.compile("means")).click()
    check()


def test_the_invitation_is_in_no_referer(open_page, url, rater):
    page = open_page()
    asked = []
    page.on("request", lambda request: asked.append(request))
    begin(page, url, rater)
    told = [request.all_headers().get("referer", "") for request in asked]
    assert any(told)
    assert not [one for one in told if rater.token in one]
