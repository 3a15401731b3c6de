"""Explanations of a search that are asked for when they are opened; what is asked by titles."""

import html
import re

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app
from fastapi.testclient import TestClient
from pages import PART, Pages, axe_of
from serving_apps import serving

QUERY = "knit gloves for winter"


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url="http://127.0.0.1:8000")


@pytest.fixture(scope="module")
def url(service):
    with serving(make_app(service)) as url:
        yield url


@pytest.fixture
def open_page(browser, url):
    with Pages(browser, url) as pages:
        yield pages.open


def test_a_card_has_a_link_to_what_it_opens(service, client):
    page = client.get("/catalogue", params={"text": QUERY, "k": "3"}).text
    assert "<article" not in page
    links = [html.unescape(one) for one in re.findall(r'<a href="(/catalogue/why[^"]*)"', page)]
    assert len(links) == 3
    for link, hit in zip(links, service.index("shop").index.similar(QUERY, k=3), strict=True):
        alone = client.get(link, headers=PART).text
        whole = client.get(link).text
        assert alone.count("<article") == whole.count("<article") == 1
        assert "<html" in whole
        assert "<html" not in alone
        assert f">{hit.similarity:.3f}</span>" in alone
        assert hit.item.title in whole
        assert f"number {hit.rank} of 6" in whole


def test_a_long_question_is_opened_by_the_form(client):
    text = "warm gloves " * 200
    # A busy machine may ask first; here it need not.
    page = client.get("/catalogue", params={"text": text, "k": "2", "sure": "1"}).text
    assert "/catalogue/why?" not in page
    form = re.search(r'<form id="why".*?</form>', page, re.S)[0]
    fields = dict(re.findall(r'name="([^"]*)" value="([^"]*)"', form))
    button = re.search(r'<button class="ex-small" form="why" name="hit" value="([^"]*)"', page)[1]
    fields = {name: html.unescape(value) for name, value in fields.items()}
    found = client.post("/catalogue/why", data={**fields, "hit": html.unescape(button)})
    assert found.status_code == 200
    assert found.text.count("<article") == 1
    # Each text stands once in the page for all results, besides where it is shown.
    assert page.count("warm gloves " * 200) <= 6


def test_of_a_mean_of_four_each_part_is_opened(tmp_path):
    from explorer_service import make_items, open_explainer

    from whyalike.catalogue import CatalogueIndex
    from whyalike.web.api.service import Service

    explainer = open_explainer()
    index = CatalogueIndex.build(
        make_items(),
        tmp_path / "four",
        model=explainer,
        fields=("title", "description"),
        weights={"title": 1, "description": 2},
    )
    service = Service({"letters": explainer}, indexes={"four": index})
    client = TestClient(make_app(service), base_url="http://127.0.0.1:8000")
    page = client.get("/catalogue", params={"item": "g1", "k": "1"}).text
    links = [html.unescape(one) for one in re.findall(r'<a href="(/catalogue/why[^"]*)"', page)]
    hit = index.similar(id="g1", k=1)[0]
    assert len(links) == len(hit.parts) == 4
    said = "".join(client.get(link, headers=PART).text for link in links)
    for explanation in hit.explain_parts().values():
        assert f">{explanation.similarity:.3f}</span>" in said
    assert (
        "part is"
        in client.get("/catalogue/why", params={"item": "g1", "hit": "g2", "part": "x"}).text
    )
    service.close()


def test_what_is_typed_may_be_words_of_a_title(client):
    def get(**fields):
        return html.unescape(client.get("/catalogue", params=fields).text)

    assert "Similar to" in get(item="silk")
    assert "--id=s2" in get(item="silk")
    several = get(item="scarf")
    assert "which one is meant?" in several
    assert re.findall(r'class="ex-item"><a href="[^"]*item=(\w+)', several) == ["s1", "s2"]
    assert "Silk scarf: not here" in get(text=QUERY, k="1", missing="scarf si")
    assert "which one is missed?" in get(text=QUERY, k="1", missing="scarf")
    assert "has no item with the id 'qqq'" in get(item="qqq")
    titles = client.get("/catalogue/titles", params={"said": "scarf"}).json()
    assert titles == [{"id": "s1", "title": "Wool scarf"}, {"id": "s2", "title": "Silk scarf"}]
    refused = client.get("/catalogue/json", params={"item": "scarf"})
    assert (refused.status_code, "give the id of one" in refused.text) == (422, True)


@pytest.mark.parametrize(
    ("by", "used"), [("", "--id=s1"), ("item", "--id=s1"), ("text", f"--text={QUERY}")]
)
def test_of_a_text_and_an_item_the_last_one_counts(client, by, used):
    asked = {"text": QUERY, "item": "s1", "by": by, "k": "2"}
    page = html.unescape(client.get("/catalogue", params=asked).text)
    assert used in page
    assert ("The item is not used" if by == "text" else "The text is not used") in page
    found = client.get("/catalogue/json", params=asked).json()
    assert (found["query"]["id"] is None) == (by == "text")


def test_opening_asks_and_the_answer_is_alive(open_page, url):
    page = open_page(f"/catalogue?text={QUERY}&k=4")
    asked = []
    page.on("request", lambda request: asked.append(request.url))
    assert page.locator("article").count() == 0
    second = page.locator(".whyalike-whole").nth(1)
    second.locator("summary").focus()
    page.keyboard.press("Enter")
    second.locator("article[data-ready] a.wa-word").first.hover()
    assert "score" in second.locator(".wa-readout").inner_text()
    # Closed and opened again it is there.
    second.locator(":scope > summary").click()
    second.locator(":scope > summary").click()
    assert len([one for one in asked if "/catalogue/why" in one]) == 1
    page.context.set_offline(True)
    third = page.locator(".whyalike-whole").nth(2)
    third.locator(":scope > summary").click()
    third.get_by_text("The server does not answer").wait_for()
    page.context.set_offline(False)
    third.locator(":scope > summary").click()
    third.locator(":scope > summary").click()
    third.locator("article[data-ready]").wait_for()


def test_without_scripts_the_link_leads_there_and_back(open_page):
    page = open_page(f"/catalogue?text={QUERY}&k=2", java_script_enabled=False)
    page.locator(".whyalike-whole > summary").first.click()
    page.get_by_role("link", name="Open it on a page of its own").first.click()
    assert page.locator("article.whyalike").is_visible()
    page.get_by_role("link", name="All results").click()
    assert page.locator(".wa-hit").count() > 1


def test_the_field_that_is_typed_last_counts(open_page):
    page = open_page("/catalogue")
    page.get_by_label("or by an item").fill("silk scarf")
    page.locator(".wa-query-item", has_text="Silk scarf").wait_for()
    page.get_by_label("Search by a text").fill("knit hat")
    page.locator(".wa-query-item", has_text="knit hat").wait_for()
    page.get_by_text("The item is not used").first.wait_for()
    page.get_by_label("or by an item").fill("Silk scar")
    page.get_by_text("The text is not used").first.wait_for()
    # Titles are offered as one types.
    page.get_by_label("Why is this item").fill("scarf")
    page.wait_for_function("() => document.querySelectorAll('#missing-titles option').length === 2")
    page.get_by_role("heading", name="which one is missed?").wait_for()
    page.locator(".ex-missing .ex-item a").last.click()
    page.get_by_role("heading", name="Silk scarf").first.wait_for()


@pytest.mark.parametrize("width", [360, 768, 1440])
def test_what_was_opened_is_sound(open_page, width):
    for scheme in ("light", "dark"):
        page = open_page(
            f"/catalogue?text={QUERY}&k=3&missing=scarf", width=width, color_scheme=scheme
        )
        page.locator(".whyalike-whole > summary").first.click()
        page.locator("article[data-ready]").wait_for()
        assert axe_of(page) == []
        page = open_page(f"/catalogue/why?text={QUERY}&hit=s1", width=width, color_scheme=scheme)
        assert axe_of(page) == []
