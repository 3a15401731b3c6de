"""The scripts of the Explorer where the page changes under them: another index, a reload, errors."""

import pytest

pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, make_items, open_explainer
from serving_apps import serving

from tiny_models import tiny
from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex, Item
from whyalike.web.api.service import Service

ANSWER = "#result:not([aria-busy]) article.whyalike"
LONG = "touchscreen " * 600


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder, letters = tmp_path_factory.mktemp("served"), open_explainer()
    wines = [
        Item(f"w{n}", f"Wine {n}", f"A {kind} wine, number {n}.", {"grape": kind})
        for n, kind in enumerate(("red", "red", "white"))
    ]
    catalogues = {"shop": make_items(), "cellar": wines}
    indexes = {
        name: CatalogueIndex.build(
            items, folder / name, model=letters, name=name, fields=("description",)
        )
        for name, items in catalogues.items()
    }
    models = {"letters": letters, "tiny": Explainer(tiny("bert").parts)}
    service = Service(models, indexes=indexes)
    with serving(make_app(service)) as url:
        yield url
    service.close()


@pytest.fixture
def page(browser):
    context = browser.new_context()
    opened = context.new_page()
    errors = []
    opened.on("pageerror", lambda error: errors.append(str(error)))
    yield opened
    context.close()
    assert errors == []


def options_of(page, name):
    return page.locator(f"#{name} option").all_inner_texts()


def test_another_model_brings_its_own_methods(page, url):
    page.goto(f"{url}/?left=warm+hat&right=wool+hat&model=letters&method=occlusion&beside=shapley")
    assert "bti" not in options_of(page, "method")
    page.locator("#model").focus()
    page.locator("#model").select_option("tiny")
    page.wait_for_function("() => document.querySelector('#method option[value=bti]')")
    page.wait_for_selector(ANSWER, state="attached")
    assert page.evaluate("document.activeElement.id") == "model", "the menu keeps the focus"
    assert page.locator("#left").input_value() == "warm hat"
    assert page.locator("#method").input_value() == "occlusion"
    assert page.locator("input[name=beside]:checked").count() == 1
    page.locator("#method").select_option("bti")
    page.wait_for_function("() => location.search.includes('method=bti')")
    # Back to a model that has no such method: what is chosen then is what is shown.
    page.locator("#model").select_option("letters")
    page.wait_for_function(
        "() => document.querySelector('#model').value === 'letters'"
        " && location.search.includes('method=occlusion')"
    )
    page.wait_for_selector(ANSWER, state="attached")
    assert page.locator("#method").input_value() == "occlusion"
    page.locator("details.ex-methods summary").focus()
    page.keyboard.press("Escape")
    assert page.locator("details.ex-methods[open]").count() == 0


def test_another_index_brings_its_own_filters(page, url):
    page.goto(f"{url}/catalogue?text=a+red+hat&index=shop&is.kind=hats&where=price+%3C+20")
    assert page.locator(".wa-hit").count() == 1
    page.locator("#index").select_option("cellar")
    page.locator("legend", has_text="grape").wait_for(state="attached")
    page.wait_for_function("() => document.querySelectorAll('.wa-hit').length === 3")
    assert page.locator("legend", has_text="kind").count() == 0
    assert page.locator("#text").input_value() == "a red hat"
    page.wait_for_function("() => location.search.includes('index=cellar')")
    assert "kind" not in page.url
    assert "price" not in page.url
    page.locator("summary", has_text="Filter by").click()
    page.get_by_role("checkbox", name="red").check()
    page.wait_for_function("() => document.querySelectorAll('.wa-hit').length === 2")


def test_what_is_too_long_for_a_link_is_asked_again_when_one_comes_back(page, url):
    page.goto(f"{url}/?method=random")
    page.locator("#left").fill(LONG)
    page.locator("#right").fill("wool")
    page.wait_for_selector(ANSWER)
    page.wait_for_function("() => location.search === ''")
    page.get_by_role("link", name="Compare", exact=True).click()
    page.wait_for_url("**/compare")
    page.go_back()
    page.wait_for_selector(ANSWER)
    assert page.locator("#left").input_value() == LONG


@pytest.mark.parametrize(
    ("status", "says"),
    [(401, "log in"), (413, "longer than the server reads"), (418, "answered 418")],
)
def test_a_refusal_that_is_no_page_of_ours_says_what_to_do(page, url, status, says):
    page.goto(f"{url}/?left=warm&right=wool&method=random")
    page.route(f"{url}/", lambda route: route.fulfill(status=status, body="no"))
    page.locator("#left").fill("hat")
    page.get_by_text(says).wait_for()
    assert page.locator("#status").inner_text() == "That did not work"
    page.unroute(f"{url}/")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(ANSWER)


def test_a_broken_model_can_be_asked_again(page, url):
    page.goto(f"{url}/?left=warm&right=wool&method=random")
    failed = '<div class="ex-state ex-failed" data-said="That did not work"><h2>No</h2></div>'
    page.route(
        f"{url}/",
        lambda route: route.fulfill(status=500, body=failed, headers={"x-whyalike-part": "result"}),
    )
    page.locator("#left").fill("hat")
    page.get_by_role("button", name="Try again").wait_for()
    page.unroute(f"{url}/")
    page.get_by_role("button", name="Try again").click()
    page.wait_for_selector(ANSWER)
