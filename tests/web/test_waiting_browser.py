"""Waiting in a real browser: progress, Stop that stops the server, and what is asked first."""

import threading
import time

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_pages import ANSWER, assert_sound, opened_pages
from explorer_service import count_letters, counted, make_app
from serving_apps import serving

from whyalike import Explainer
from whyalike.web.api.service import Service

PATIENCE = 60
SLOW = "number one hat, number two hat and number three scarf"
OTHER = "a warm number of soft hats"


class Gated:
    """A model whose passes over texts with a number wait until the test lets them go on."""

    def __init__(self):
        self.passes, self.may = [], threading.Semaphore(0)
        self.service = Service({"letters": Explainer(embed=self.embed)})

    def embed(self, texts):
        if "number" in " ".join(texts):
            self.passes.append(tuple(texts))
            assert self.may.acquire(timeout=PATIENCE)
        return count_letters(texts)

    def until(self, holds):
        """Wait for what other threads do."""
        over = time.monotonic() + PATIENCE
        while not holds():
            assert time.monotonic() < over
            time.sleep(0.005)


@pytest.fixture
def model():
    model = Gated()
    yield model
    model.may.release(10_000)
    assert model.service.close(PATIENCE)


@pytest.fixture
def open_page(browser, model):
    with serving(make_app(model.service)) as url, opened_pages(browser, url) as open_page:
        yield open_page
        model.may.release(10_000)


def ask(page, left=SLOW):
    page.locator("#right").fill(OTHER)
    page.locator("#method").select_option("shapley")
    page.locator("#left").fill(left)


def test_stop_stops_the_server(open_page, model):
    page = open_page()
    ask(page)
    page.get_by_role("button", name="Stop").wait_for()
    model.until(lambda: model.passes)
    page.get_by_role("button", name="Stop").click()
    page.get_by_text("Stopped.").wait_for()
    assert page.locator("#result").get_attribute("aria-busy") is None
    model.until(lambda: counted(model.service, "abandoned_total"))
    model.may.release()
    model.until(lambda: model.service.queue.state.running == 0)
    # The pass that ran ended, and no other began.
    assert len(model.passes) == 1
    assert page.evaluate("document.activeElement.textContent") == "Ask again"
    model.may.release(10_000)
    page.get_by_role("button", name="Ask again").click()
    page.wait_for_selector(ANSWER)
    assert not page.locator(".ex-waiting").is_visible()


def test_a_new_question_stops_the_old_one_on_the_server(open_page, model):
    page = open_page()
    ask(page)
    model.until(lambda: model.passes)
    page.locator("#left").fill("a cap")
    page.locator("#right").fill("the caps")
    model.until(lambda: counted(model.service, "abandoned_total"))
    model.may.release()
    page.wait_for_selector(ANSWER)
    assert "left=a+cap" in page.url
    assert len(model.passes) == 1


def test_it_is_said_how_far_a_question_is(open_page, model):
    page = open_page(width=360, color_scheme="dark", reduced_motion="reduce", bypass_csp=True)
    # Expected to take a while, and not so long that it is asked about.
    model.service.models["letters"].speeds.seconds = lambda *_: 4.0
    ask(page)
    page.get_by_text("s so far").or_(page.get_by_text("of about")).first.wait_for()
    assert_sound(page, "waiting")
    # Another question waits for the same model.
    other = open_page()
    ask(other, left=SLOW + " and number four")
    other.get_by_text("Waiting for its turn").wait_for()
    assert "1 other question before or beside it" in other.locator(".ex-waiting").inner_text()
    # By the keyboard it ends, too.
    other.locator("#left").press("Escape")
    other.get_by_text("Stopped.").wait_for()
    model.may.release(10_000)
    page.wait_for_selector(ANSWER)


@pytest.mark.parametrize("script", [True, False])
def test_what_takes_long_begins_once_it_is_meant(open_page, model, script):
    speeds = model.service.models["letters"].speeds
    speeds.seconds = speeds.least = lambda _, cost: 0.02 * cost
    page = open_page("/?left=a+cap&right=the+caps", java_script_enabled=script, bypass_csp=True)
    page.get_by_role("heading", name="This takes about").wait_for()
    if script:
        assert_sound(page, "what is asked first")
    assert counted(model.service, "explanations_total") == 0
    page.get_by_role("button", name="Begin").click()
    page.locator("#result article.whyalike").wait_for()
    assert "sure" not in page.url or not script
    if script:
        page.locator("#left").fill("a hat")
        page.get_by_role("heading", name="This takes about").wait_for()
        assert "Nothing was begun" in page.locator("#status").inner_text()
