"""The items of an index over HTTP: every one once, page by page, and each by its id."""

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import ITEMS, open_explainer
from fastapi.testclient import TestClient

from whyalike.catalogue import CatalogueIndex, Item
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.schema import ItemModel, ItemsModel
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
ODD = ["https://shop.example/x//y?z=1", "..", "a b", "ключ", "%2F", "'\""]


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_api_app(service), base_url=HOME)


def pages(client, **asked):
    """Walk all pages, and return them."""
    found = []
    while True:
        answer = client.get(f"{V1}/items", params=asked)
        assert answer.status_code == 200, answer.text
        found.append(ItemsModel.model_validate_json(answer.content, strict=True))
        if found[-1].next is None:
            return found
        asked["cursor"] = found[-1].next


@pytest.mark.parametrize("limit", [1, 2, 3, 4, 5, 6, 7, 500])
def test_every_item_is_on_one_page_in_the_order_of_the_index(client, limit):
    found = pages(client, limit=limit)
    assert [one.id for page in found for one in page.items] == [item[0] for item in ITEMS]
    assert {page.total for page in found} == {len(ITEMS)}
    assert all(len(page.items) == limit for page in found[:-1])
    assert 0 < len(found[-1].items) <= limit


def test_a_filter_leaves_items_out_and_a_cursor_is_of_its_list(client):
    cheap = [item[0] for item in ITEMS if item[4] < 20]
    found = pages(client, limit=2, where="price < 20")
    assert [one.id for page in found for one in page.items] == cheap
    assert found[0].total == len(cheap)
    for asked in ({"cursor": found[0].next}, {"cursor": "AAAA"}, {"cursor": "é"}):
        answer = client.get(f"{V1}/items", params=asked)
        assert (answer.status_code, answer.json()["code"]) == (422, "stale_cursor")
    nothing = pages(client, where="price > 1000")
    assert [(page.total, page.items, page.next) for page in nothing] == [(0, [], None)]


def test_what_was_removed_is_on_no_page_and_cursors_of_before_are_refused(tmp_path):
    explainer = open_explainer()
    items = [Item(f"n{n}", "", f"glove number {n}", {"n": n}) for n in range(5)]
    index = CatalogueIndex.build(
        items, tmp_path / "shop", model=explainer, name="shop", fields=("description",)
    )

    def serve(index):
        service = Service({"letters": explainer}, indexes={"shop": index})
        return service, TestClient(create_api_app(service), base_url=HOME)

    service, client = serve(index)
    cursor = client.get(f"{V1}/items", params={"limit": 2}).json()["next"]
    service.close()
    service, client = serve(index.remove(["n1", "n3"]))
    assert [one.id for page in pages(client, limit=2) for one in page.items] == ["n0", "n2", "n4"]
    assert client.get(f"{V1}/items", params={"cursor": cursor}).json()["code"] == "stale_cursor"
    assert client.get(f"{V1}/item", params={"id": "n1"}).status_code == 404
    service.close()


def test_an_item_is_found_by_its_id_whatever_stands_in_it(tmp_path):
    explainer = open_explainer()
    known = {"colours": ("red", "blue"), "price": 3.5, "new": True, "note": None}
    items = [Item(id, "Title", "glove", known if n == 0 else {}) for n, id in enumerate(ODD)]
    index = CatalogueIndex.build(
        items, tmp_path / "odd", model=explainer, name="odd", fields=("description",)
    )
    service = Service({"letters": explainer}, indexes={"odd": index})
    client = TestClient(create_api_app(service), base_url=HOME)
    for id in ODD:
        answer = client.get(f"{V1}/item", params={"id": id, "index": "odd"})
        assert ItemModel.model_validate_json(answer.content, strict=True).id == id
    first = client.get(f"{V1}/item", params={"id": ODD[0]}).json()
    assert first["metadata"] == {
        "colours": ["red", "blue"],
        "price": 3.5,
        "new": True,
        "note": None,
    }
    gone = client.get(f"{V1}/item", params={"id": "nobody"})
    assert (gone.status_code, gone.json()["code"]) == (404, "unknown_item")
    unknown = client.get(f"{V1}/item", params={"id": "a b", "index": "cars"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unknown_index")
    service.close()


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"limit": 0}, "limit"),
        ({"limit": 501}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"pages": 1}, "pages"),
        ({"cursor": "x" * 201}, "cursor"),
    ],
)
def test_what_is_no_parameter_is_refused(client, asked, field):
    answer = client.get(f"{V1}/items", params=asked)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert answer.json()["field"] == field
