"""Texts that are longer than the model reads: what was not read is said, and reading it is offered."""

import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app
from fastapi.testclient import TestClient
from pages import PART, Pages
from serving_apps import serving

from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
LONG = ". ".join(f"warm wool gloves number {n}" for n in range(30)) + ". the price is four euros"
PAIR = {"left": "price in euros", "right": LONG}


@pytest.fixture(scope="module")
def service():
    made = Service({"tiny": Explainer(tiny("bert").parts)})
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def test_what_was_not_read_is_said_and_offered(client, service):
    page = client.post("/", data=PAIR, headers=PART).text
    told = service.model().explainer.explain(**PAIR)
    assert told.right.unread_words > 0, "the test needs a text that is too long"
    assert f"{told.right.unread_words:,} words were not read" in page
    offered = re.findall(r'form="ask" name="long" value="(\w+)"', page)
    assert offered == ["windows", "chunks"]
    # Without a script, the button's value comes after that of the menu, which is empty.
    whole = client.post("/", data={**PAIR, "long": ["", "windows"]}, headers=PART).text
    read = Explainer(tiny("bert").parts, options=BTIOptions(long_text="windows")).explain(**PAIR)
    assert read.right.unread_words == 0
    assert read.similarity != pytest.approx(told.similarity, abs=1e-4)
    assert float(re.search(r'data-score="([^"]+)"', whole)[1]) == pytest.approx(read.similarity)
    assert "were not read" not in whole
    assert "--long-text windows" in whole
    chunks = client.post("/", data={**PAIR, "long": "chunks"}, headers=PART).text
    assert "data-chooses" not in chunks, "what was chosen is not offered"
    assert "chunk" in chunks
    # A text that fits is offered nothing.
    assert (
        'name="long"' not in client.post("/", data={"left": "a", "right": "b"}, headers=PART).text
    )


def test_what_is_chosen_stays_chosen(client):
    page = client.get("/", params={**PAIR, "long": "windows"}).text
    assert '<div id="long-frame">' in page
    assert '<option value="windows" selected>' in page
    assert '<div id="long-frame" hidden>' in client.get("/").text
    assert client.get("/", params={**PAIR, "long": "nonsense"}).status_code == 422


def test_the_offer_in_a_browser(browser, service):
    with serving(make_app(service)) as url, Pages(browser, url) as pages:
        page = pages.open()
        assert not page.locator("#long").is_visible()
        page.fill("#left", PAIR["left"])
        page.fill("#right", PAIR["right"])
        page.get_by_role("button", name="Read them whole, in windows").click()
        page.locator("#result:not([aria-busy]) article").wait_for()
        page.locator("#result .ex-unread").wait_for(state="detached")
        assert page.locator("#long").input_value() == "windows"
        assert page.locator("#long").is_visible()
        assert "long=windows" in page.url
        # What is typed next is read so, too, and the menu takes it back.
        page.fill("#left", "four")
        page.wait_for_url(re.compile("left=four"))
        assert "long=windows" in page.url
        page.select_option("#long", "")
        page.locator("#result .ex-unread").wait_for()
        assert "long" not in page.url.split("?")[1].split("&")
