"""The main flows in Firefox: a pair, an edited word, a comparison, a search, a window of any width."""

import os

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app
from marionette import Firefox, find_firefox
from serving_apps import serving

DONE = "!document.querySelector('#result').ariaBusy && document.querySelector('#result article.whyalike')"
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture(scope="module")
def firefox(tmp_path_factory):
    command = find_firefox()
    if command is None:
        pytest.skip("Firefox is not installed (Debian: firefox-esr)")
    made = Firefox(command, tmp_path_factory.mktemp("firefox"))
    yield made
    made.close()


@pytest.fixture
def page(firefox, request):
    """Firefox; with WHYALIKE_PICTURES a picture of what a test left is put into that folder."""
    yield firefox
    if folder := os.environ.get("WHYALIKE_PICTURES"):
        firefox.picture(f"{folder}/firefox-{request.node.name}.png")


def test_a_pair_is_typed_and_explained(page, url):
    page.open(url + "/")
    page.type("#left", LEFT)
    page.type("#right", RIGHT)
    page.wait(DONE)
    page.wait("location.search.includes('mittens+to+text+with')")
    assert page.run("return document.querySelector('.wa-verdict').innerText")
    # Links between matched words are drawn.
    assert page.wait("document.querySelectorAll('#result svg path').length") > 0
    assert page.run("return document.documentElement.scrollWidth <= innerWidth")


def test_a_word_is_deleted_by_a_click_and_by_keys(page, url):
    page.open(f"{url}/?left={LEFT}&right={RIGHT}")
    first = float(page.run("return document.querySelector('[data-edit]').dataset.score"))
    page.click('#result [data-side="left"] [data-word="0"]')
    page.click(".ex-dialog button")
    page.wait("document.querySelector('#left').value === 'gloves for phones'")
    second = page.wait("document.querySelector('[data-edit][data-tried]')?.dataset.score")
    assert float(second) != first
    # The focus went on to the next word; the key deletes it.
    page.wait("document.activeElement.matches('[data-word]')")
    page.press("\ue017")
    page.wait("document.querySelector('#left').value === 'for phones'")
    page.wait("document.querySelectorAll('#tries li').length === 3")


def test_texts_survive_a_reload(page, url):
    page.open(url + "/")
    page.type("#left", "hats of wool")
    page.run("location.reload()")
    page.wait("document.querySelector('#left')?.value === 'hats of wool'")


def test_a_comparison_and_a_search(page, url):
    page.open(f"{url}/compare?query=warm+hat&first=zip&second=a+warm+hat")
    page.wait(DONE)
    assert "Text B" in page.run("return document.querySelector('.wa-verdict').innerText")
    page.open(url + "/catalogue")
    page.type("#text", "soft wool")
    page.wait("/items? found/.test(document.querySelector('#result [data-said]')?.dataset.said)")
    page.click("#result details.wa-whole > summary, #result details summary")
    page.wait("document.querySelector('#result details[open] article.whyalike')")


@pytest.mark.parametrize("path", ["/", "/compare", "/rank", "/pairs", "/catalogue", "/evaluate"])
@pytest.mark.parametrize("width", [500, 1440])
def test_pages_fit_their_window(page, url, path, width):
    page.resize(width, 900)
    page.open(url + path)
    assert page.run("return document.documentElement.scrollWidth - innerWidth") <= 0
