"""Every kind of scorer behind the API and the pages: defaults, scales, menus, costs."""

import httpx
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_items
from serving_apps import serving

from scorer_folders import DEFAULTS, KINDS, save_kinds
from whyalike import Explainer, Explanation
from whyalike.catalogue import CatalogueIndex
from whyalike.methods.method import TextSize
from whyalike.web.api.estimates import Speeds, calibrate, count_sizes, guess_sizes, most_sizes
from whyalike.web.api.service import Service
from whyalike.web.serving import create_explorer_app

LEFT, RIGHT = "keep hands warm with knit gloves", "these smart phone gloves are cut from wool"
OTHER = "pale straw with lemon zest"
SIGNED = {**DEFAULTS, "cross-encoder": "whyalike"}
EXPECTED = "Failed to load resource"


@pytest.fixture(scope="module")
def explainers(tmp_path_factory):
    folders = save_kinds(tmp_path_factory.mktemp("kinds"))
    return {kind: Explainer(str(folder), device="cpu") for kind, folder in folders.items()}


@pytest.fixture(scope="module")
def url(explainers, tmp_path_factory):
    folder = tmp_path_factory.mktemp("indexes")
    indexes = {
        kind: CatalogueIndex.build(
            make_items(), folder / kind, model=explainers[kind], name=kind, fields=("description",)
        )
        for kind in ("sparse", "static")
    }
    service = Service(explainers, indexes=indexes)
    with serving(create_explorer_app(service)) as url:
        yield url
    service.close()


def ask(url, path, **content):
    answer = httpx.post(f"{url}/api/v1/{path}", json=content, timeout=120)
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.mark.parametrize("kind", KINDS)
def test_the_api_says_what_python_says(url, explainers, kind):
    found = Explanation.from_dict(ask(url, "explain", left=LEFT, right=RIGHT, model=kind))
    own = explainers[kind].explain(LEFT, RIGHT)
    assert (found.method, found.similarity_function) == (DEFAULTS[kind], own.similarity_function)
    assert found.similarity == pytest.approx(own.similarity, abs=1e-6)
    assert (found.terms is None) == (kind != "sparse")
    compared = ask(url, "compare", query=LEFT, better=RIGHT, worse=OTHER, model=kind)
    assert compared["better"]["method"] == SIGNED[kind]
    assert compared["margin"] == pytest.approx(
        explainers[kind].compare(LEFT, RIGHT, OTHER).margin, abs=1e-6
    )


@pytest.mark.parametrize("kind", KINDS)
def test_each_method_works_or_is_left_out_with_its_reason(url, explainers, kind):
    models = {one["name"]: one for one in httpx.get(f"{url}/api/v1/models").json()["models"]}
    told = models[kind]
    assert told["default_method"] == told["methods"][0] == DEFAULTS[kind]
    assert told["comparing_method"] == SIGNED[kind]
    every = {one["name"] for one in httpx.get(f"{url}/api/v1/methods").json()}
    assert every == {*told["methods"], *told["left_out"]}
    assert not set(told["methods"]) & set(told["left_out"])
    for name in told["left_out"]:
        refused = httpx.post(
            f"{url}/api/v1/explain",
            json={"left": LEFT, "right": RIGHT, "model": kind, "method": name},
        )
        assert refused.status_code == 422
        needs = told["left_out"][name].removeprefix("needs ").partition(", which")[0]
        assert needs.split(" and ")[-1] in refused.json()["error"]


def test_the_schema_has_the_terms_and_what_is_left_out(url):
    schemas = httpx.get(f"{url}/api/openapi.json").json()["components"]["schemas"]
    assert {"term", "left", "right", "product"} <= set(schemas["TermModel"]["properties"])
    assert "terms" in schemas["ExplanationModel"]["properties"]
    assert "left_out" in schemas["ServedModelModel"]["properties"]


@pytest.mark.parametrize("kind", ["sparse", "static"])
def test_an_index_is_searched_by_the_models_own_score(url, explainers, kind):
    found = ask(url, "similar", index=kind, text="warm gloves", k=3)
    assert found["method"] == "exact"
    for hit in found["hits"]:
        own = explainers[kind].explain("warm gloves", hit["description"]).similarity
        assert hit["similarity"] == pytest.approx(own, rel=1e-5, abs=1e-5)


def test_what_a_joint_reader_costs_is_of_the_sequence(explainers):
    joint = explainers["cross-encoder"]
    (left, right) = joint.model.tokenize_pairs([(LEFT, RIGHT)])[0]
    row = len(left.rows[0].input_ids)
    sizes = count_sizes(joint, (LEFT, RIGHT), options=joint.options)
    assert [(size.words, size.tokens) for size in sizes] == [(6, row), (8, row)]
    assert [size.special for size in sizes] == [row - len(t.offsets) for t in (left, right)]
    # No more than the joint limit, of texts that are each as long.
    long = "wool " * 500
    assert [size.tokens for size in count_sizes(joint, (long, long), options=joint.options)] == [
        joint.model.limit
    ] * 2
    for estimate in (guess_sizes, most_sizes):
        one, other = estimate(joint, (LEFT, RIGHT))
        assert one == other
        assert one.tokens > estimate(explainers["sparse"], (LEFT, RIGHT))[0].tokens


@pytest.mark.parametrize("kind", KINDS)
def test_the_speed_of_each_kind_is_known_before_the_first_question(explainers, kind):
    speeds = Speeds()
    assert speeds.seconds("exact", 1000.0) == 0
    calibrate(explainers[kind], speeds)
    assert speeds.seconds("exact", 1000.0) > 0


def test_a_size_says_what_a_method_costs(explainers):
    method = explainers["cross-encoder"].with_method("occlusion").method
    size = TextSize(words=6, tokens=17, special=11)
    assert method.cost([size], explainers["cross-encoder"].options) == 8 * 17


@pytest.fixture
def open_page(browser, url):
    contexts, problems = [], []

    def open_page(path, width):
        context = browser.new_context(viewport={"width": width, "height": 900})
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


@pytest.mark.parametrize("width", [1440, 360])
@pytest.mark.parametrize("kind", KINDS)
def test_the_pages_of_each_kind(open_page, explainers, kind, width):
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    page = open_page(f"/?left={LEFT}&right={RIGHT}&model={kind}", width)
    own = explainers[kind].explain(LEFT, RIGHT)
    assert page.locator("#method").input_value() == DEFAULTS[kind]
    said = page.locator(".wa-number").first.inner_text()
    assert said == f"{own.similarity:.3f}".replace("-", "\N{MINUS SIGN}")
    named = {"static": "cosine similarity", "sparse": "dot similarity"}.get(kind, "score")
    assert page.locator(".wa-kind").first.inner_text() == named
    if kind != "static":
        assert "cosine" not in page.locator("#result").inner_text().lower()
    assert page.locator(".wa-terms tbody tr").count() == (12 if kind == "sparse" else 0)
    page.get_by_text("What the methods answer").click()
    assert "Left out, as each needs" in page.locator(".ex-methods").inner_text()
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    compared = open_page(f"/compare?query={LEFT}&first={RIGHT}&second={OTHER}&model={kind}", width)
    assert compared.locator("#method").input_value() == SIGNED[kind]
    assert "is scored above" in compared.locator("#result h2").first.inner_text()
    assert compared.evaluate("document.documentElement.scrollWidth") <= width


def test_a_word_has_room_in_the_table_of_terms_on_a_phone(open_page):
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    page = open_page(f"/?left={LEFT}&right={RIGHT}&model=sparse", 360)
    widths = page.locator(".wa-terms thead th").evaluate_all("all => all.map(e => e.offsetWidth)")
    assert min(widths) > 40


def test_bars_of_products_are_parts_of_the_best(open_page):
    pytest.importorskip("playwright.sync_api", reason="needs the package playwright")
    page = open_page("/catalogue?index=sparse&text=warm gloves", 1440)
    scores = page.locator(".wa-hit-score").all_inner_texts()
    assert len(scores) > 2
    greatest, *others = (float(said.split()[-1]) for said in scores)
    assert greatest > 1
    bars = page.locator(".wa-hit-score rect:last-child").all()
    widths = [float(bar.get_attribute("width")) for bar in bars]
    assert widths == pytest.approx([100, *(100 * other / greatest for other in others)], abs=0.1)
