"""The map of an index: what it sends, draws, finds, picks; by pointer, by keys, as a table."""

import base64
import html
import re

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import ITEMS, make_app, make_items, open_explainer
from fastapi.testclient import TestClient
from pages import Pages, axe_of
from serving_apps import serving

from whyalike.catalogue import CatalogueIndex
from whyalike.catalogue.map import read_map, write_map
from whyalike.web.api.service import Service

READY = "#map[data-ready]"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mapped")
    explainer = open_explainer()
    for name in ("shop", "plain"):
        CatalogueIndex.build(
            make_items(), folder / name, model=explainer, name=name, fields=("description",)
        )
    write_map(folder / "shop")
    CatalogueIndex.open(folder / "shop", model=explainer).remove(["g3"])
    indexes = {
        name: CatalogueIndex.open(folder / name, model=explainer) for name in ("shop", "plain")
    }
    made = Service({"letters": explainer}, indexes=indexes)
    yield made
    made.close()


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


def get(client, what, **fields):
    return client.get(f"/catalogue/map/{what}", params=fields).json()


def unpack(said, kind):
    return np.frombuffer(base64.b64decode(said), dtype=kind)


def test_points_titles_and_colours_are_of_the_same_items(service, client):
    told = get(client, "points")
    reader = service.index("shop").index.reader
    places = read_map(reader).places[reader.present]
    found = np.stack([unpack(told["x"], "<i2"), unpack(told["y"], "<i2")], axis=1) / 32767
    assert found == pytest.approx(places, abs=1e-4)
    kept = [one for one in ITEMS if one[0] != "g3"]
    assert get(client, "titles") == [[one[0], one[1]] for one in kept]
    assert told["count"] == len(kept)
    for colour, names in (
        ("kind", [one[3] for one in kept]),
        ("in stock", ["yes" if one[5] else "no" for one in kept]),
    ):
        told = get(client, "points", colour=colour)
        codes = unpack(told["codes"], "u1")
        assert [told["legend"][code][0] for code in codes] == names
        assert sum(count for _, count in told["legend"]) == len(kept)


def test_numbers_are_coloured_by_steps(client):
    told = get(client, "points", colour="price")
    assert told["kind"] == "steps"
    prices = [one[4] for one in ITEMS if one[0] != "g3"]
    for price, code in zip(prices, unpack(told["codes"], "u1"), strict=True):
        low, high = map(float, told["legend"][code][0].split(" to "))
        assert low <= price <= high
    assert get(client, "points", plain="yes")["legend"] == []


def test_of_many_values_the_commonest_have_colours(tmp_path):
    from whyalike.catalogue import Item
    from whyalike.catalogue.reader import find_facets
    from whyalike.web.explorer.map import NONE, OTHER, colour_by

    values = [*"aaaabbbccddeeffgghh", "i", None]
    items = [Item(f"i{n}", "", f"text {n}", {"v": v} if v else {}) for n, v in enumerate(values)]
    index = CatalogueIndex.build(items, tmp_path / "idx", model=open_explainer())
    (facet,) = find_facets(index.reader)
    found = colour_by(index.reader, facet)
    names = [name for name, _ in found.legend]
    assert names == ["a", "b", "c", "d", "e", "f", "g", OTHER, NONE]
    said = [names[code] for code in found.codes]
    assert said == [v if v and v in "abcdefg" else OTHER if v else NONE for v in values]


def test_what_is_not_there_is_said(client):
    page = client.get("/catalogue/map", params={"index": "plain"})
    assert "This index has no map" in page.text
    assert client.get("/catalogue/map/points", params={"index": "plain"}).status_code == 422
    refused = client.get("/catalogue/map", params={"colour": "x"})
    assert refused.status_code == 422
    assert "no field 'x'" in html.unescape(refused.text)
    service = Service({"letters": open_explainer()})
    empty = TestClient(make_app(service), base_url="http://127.0.0.1:8000")
    assert "No index is being served" in empty.get("/catalogue/map").text
    service.close()


INK = """() => {
  const canvas = document.getElementById('map-points');
  const bytes = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
  let [ink, strong] = [0, 0];
  for (let i = 3; i < bytes.length; i += 4) { ink += bytes[i] > 0; strong += bytes[i] === 255; }
  return [ink, strong];
}"""


def test_pointing_and_picking_two(open_page, service):
    page = open_page("/catalogue/map?index=shop")
    page.wait_for_selector(READY)
    page.wait_for_function(f"() => ({INK})()[0] > 0")
    reader = service.index("shop").index.reader
    places = read_map(reader).places[reader.present].tolist()
    page.locator("#map-marks").evaluate("map => map.scrollIntoView({ block: 'center' })")
    box = page.locator("#map-marks").bounding_box()
    half = (min(box["width"], box["height"]) - 48) / 2

    def place(n):
        x, y = places[n]
        return box["x"] + box["width"] / 2 + half * x, box["y"] + box["height"] / 2 - half * y

    page.mouse.move(*place(2))
    page.get_by_text("Wool scarf").first.wait_for()
    assert page.locator("#map-tip").inner_text() == "Wool scarf"
    page.mouse.click(*place(2))
    page.get_by_text("First: Wool scarf. Pick a second one.").wait_for()
    page.mouse.click(*place(0))
    page.locator("#map-pair article[data-ready]").wait_for()
    score = service.index("shop").index.rank_of("g1", id="s1").similarity
    assert f"{score:.3f}" in page.locator("#map-pair .wa-score").inner_text()
    page.get_by_role("link", name="Open it on a page of its own").click()
    page.wait_for_url("**/catalogue/why?*item=s1*hit=g1*")
    assert f"{score:.3f}" in page.locator(".wa-score").inner_text()


def test_dragging_and_zooming(open_page):
    page = open_page("/catalogue/map?index=shop")
    page.wait_for_selector(READY)
    page.wait_for_function(f"() => ({INK})()[0] > 0")
    box = page.locator("#map-marks").bounding_box()
    middle = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before = page.evaluate(INK)
    page.mouse.move(*middle)
    page.mouse.down()
    page.mouse.move(middle[0] + 3 * box["width"], middle[1], steps=3)
    page.mouse.up()
    page.wait_for_function(f"() => ({INK})()[0] === 0")
    page.get_by_role("button", name="All").click()
    page.wait_for_function(f"() => ({INK})()[0] > 0")
    assert page.evaluate(INK) == before


def test_lighting_up_and_hiding(open_page):
    page = open_page("/catalogue/map?index=shop&colour=kind")
    page.wait_for_selector(READY)
    page.wait_for_function(f"() => ({INK})()[1] > 0")
    whole = page.evaluate(INK)[1]
    page.get_by_label("Light up titles with").fill("SCARF")
    page.get_by_text("2 of 5 titles have it.").wait_for()
    page.wait_for_function(
        f"whole => {{ const [ink, strong] = ({INK})(); return strong > 0 && strong < whole && ink > strong; }}",
        arg=whole,
    )
    page.get_by_label("Light up titles with").fill("")
    page.wait_for_function(f"whole => ({INK})()[1] === whole", arg=whole)
    scarves = page.get_by_role("button", name="scarves")
    scarves.click()
    assert scarves.get_attribute("aria-pressed") == "false"
    page.wait_for_function(f"whole => ({INK})()[1] < whole", arg=whole)
    page.get_by_label("Colour by").select_option("price")
    page.wait_for_function("() => document.querySelector('#map-legend').innerText.includes(' to ')")
    assert "colour=price" in page.url


def test_by_the_keyboard_alone(open_page):
    page = open_page("/catalogue/map?index=shop")
    page.wait_for_selector(READY)
    page.locator("#map-marks").focus()
    page.keyboard.press("ArrowRight")
    first = page.locator("#map-tip").inner_text()
    page.keyboard.press("Enter")
    page.get_by_text(f"First: {first}").wait_for()
    for key in ("ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"):
        page.keyboard.press(key)
        if page.locator("#map-tip").inner_text() != first:
            break
    page.keyboard.press("+")
    page.keyboard.press("Enter")
    page.locator("#map-pair article[data-ready]").wait_for()
    page.locator("#map-marks").focus()
    page.keyboard.press("Escape")
    assert page.locator("#map-pair article").count() == 0


def test_without_scripts_there_is_a_table(open_page):
    page = open_page("/catalogue/map?index=shop&colour=kind", java_script_enabled=False)
    assert not page.locator("#map").is_visible()
    page.locator("summary", has_text="as a table").click()
    page.get_by_label("First: Touch gloves").check()
    page.get_by_label("Second: Knit hat").check()
    page.get_by_role("button", name="Why are these two alike?").click()
    assert page.locator("article.whyalike").count() == 1
    assert "Knit hat" in page.locator("main").inner_text()


@pytest.mark.parametrize("width", [360, 768, 1440])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_sound(open_page, width, scheme):
    for path in ("/catalogue/map?index=shop", "/catalogue/map?index=plain"):
        page = open_page(path, width=width, color_scheme=scheme)
        if "shop" in path:
            page.wait_for_selector(READY)
            page.locator("summary", has_text="as a table").click()
        assert axe_of(page) == [], path


def test_colours_are_told_apart_by_who_sees_few(open_page):
    from pathlib import Path

    import whyalike

    script = (Path(whyalike.__file__).parent / "web/explorer/static/map.js").read_text()
    sets = re.findall(r"(light|dark): \[([^\]]*)\]", script)
    # As a deuteranope and a protanope see them (Viénot, Brettel and Mollon, 1999), in linear RGB.
    seen = {
        "deutan": [[0.29275, 0.70725, 0], [0.29275, 0.70725, 0], [-0.02234, 0.02234, 1]],
        "protan": [[0.11238, 0.88762, 0], [0.11238, 0.88762, 0], [0.00401, -0.00401, 1]],
        "normal": np.eye(3).tolist(),
    }
    for scheme, said in sets[:2]:
        colours = [
            [int(c[i : i + 2], 16) / 255 for i in (0, 2, 4)] for c in re.findall(r"#(\w{6})", said)
        ]
        linear = np.array(
            [
                [v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in c]
                for c in colours[:7]
            ]
        )
        for who, matrix in seen.items():
            lab = to_lab(np.clip(linear @ np.array(matrix).T, 0, 1))
            far = np.linalg.norm(lab[:, None] - lab[None], axis=-1)
            nearest = far[~np.eye(len(far), dtype=bool)].min()
            assert nearest > 10, (scheme, who, nearest)


def to_lab(linear):
    xyz = linear @ np.array(
        [[0.4124, 0.2126, 0.0193], [0.3576, 0.7152, 0.1192], [0.1805, 0.0722, 0.9505]]
    )
    xyz = xyz / (0.9505, 1.0, 1.089)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    return np.stack(
        [116 * f[:, 1] - 16, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], axis=1
    )
