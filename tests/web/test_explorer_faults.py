"""What the Explorer's pages must not do: work for strangers, tell our paths, offer what fails."""

import html
import re
import shlex
from urllib.parse import parse_qs

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, make_items, open_explainer
from fastapi.testclient import TestClient

from whyalike.catalogue import CatalogueIndex
from whyalike.errors import FormatError
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
PART = {"X-Whyalike-Part": "result"}
ASKED = {"left": "warm gloves", "right": "wool mittens"}


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("fetched", "status"),
    [
        (("cross-site", "no-cors", "image"), 403),
        (("cross-site", "navigate", "iframe"), 403),
        (("same-site", "cors", "empty"), 403),
        (("cross-site", "navigate", "document"), 200),
        (("same-origin", "cors", "empty"), 200),
        (("none", "navigate", "document"), 200),
    ],
)
def test_pages_of_other_sites_may_link_and_let_no_model_work(service, client, fetched, status):
    headers = dict(
        zip(("sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest"), fetched, strict=True)
    )
    texts = {"left": "".join(fetched), "right": "wool"}
    before = service.kept.misses
    answer = client.get("/", params=texts, headers=headers)
    assert answer.status_code == status
    assert (service.kept.misses == before) == (status == 403)
    assert client.get("/pair/json", params=ASKED, headers=headers).status_code == status


@pytest.mark.parametrize("origin", ["http://[", "null", "http://127.0.0.1:9", "x"])
def test_an_origin_that_is_none_is_another_site(client, origin):
    for path, content in (("/", {"data": ASKED}), ("/api/v1/explain", {"json": ASKED})):
        assert client.post(path, headers={"origin": origin}, **content).status_code == 403
        own = client.post(path, headers={"origin": HOME}, **content)
        assert own.status_code == 200


def test_a_filter_is_no_longer_than_a_text_also_where_nothing_is_sought(client):
    fits = f"price in ({', '.join(['1.5'] * 3_900)})"
    assert 19_000 < len(fits) < 20_000
    assert client.post("/catalogue", data={"where": fits}, headers=PART).status_code == 200
    many = client.post("/catalogue", data={"where": " or ".join(["price < 3"] * 101)}, headers=PART)
    assert many.status_code == 422
    assert "no more than 100 comparisons" in many.text
    long = f"price in ({', '.join(['1.5'] * 4_100)})"
    for fields in ({"where": long}, {"where": long, "text": "gloves"}):
        refused = client.post("/catalogue", data=fields, headers=PART)
        assert refused.status_code == 422
        assert "filter text has" in refused.text


def test_the_code_of_a_search_names_the_method_that_explains_here(tmp_path):
    explainer = open_explainer().with_method("shapley")
    index = CatalogueIndex.build(
        make_items(), tmp_path / "shop", model=explainer, name="shop", fields=("description",)
    )
    served = Service({"letters": explainer}, indexes={"shop": index})
    client = TestClient(make_app(served), base_url=HOME)
    for fields, method in (({}, "shapley"), ({"method": "random"}, "random")):
        asked = {"text": "gloves", "k": "1", **fields}
        page = html.unescape(client.get("/catalogue", params=asked).text)
        found = client.get("/catalogue/json", params=asked).json()
        assert found["hits"][0]["explanation"]["method"] == method
        assert f"hit.explain(method={method!r})" in page
        command = re.search(r'<pre id="code-shell"[^>]*>(.*?)</pre>', page, re.S)[1]
        assert f"--method={method}" in shlex.split(command)
    served.close()


@pytest.mark.parametrize("beside", [(), ("random",), ("nothing",)])
def test_a_picture_is_offered_where_there_is_one(client, beside):
    asked = {**ASKED, "beside": beside}
    page = client.get("/", params=asked).text
    offered = "/pair/png" in page
    assert offered == (not beside)
    assert (client.get("/pair/png", params=asked).status_code == 200) == offered


def test_what_is_wrong_with_our_files_is_logged_and_not_told(client, service, monkeypatch, caplog):
    async def broken(*_, **__):
        raise FormatError("/home/secret/shop/items.sqlite is damaged.")

    asked = {"text": "gloves", "missing": "s2"}
    monkeypatch.setattr(service, "rank_of", broken)
    page = client.get("/catalogue", params=asked).text
    assert "That item can’t be looked for" in page
    assert "secret" not in page
    assert "/home/secret" in caplog.text
    monkeypatch.setattr(service, "similar", broken)
    for path in ("/catalogue", "/catalogue/json"):
        answer = client.get(path, params=asked)
        assert answer.status_code == 500
        assert "secret" not in answer.text


def test_the_link_that_is_copied_is_that_of_the_answer(client):
    asked = {**ASKED, "method": "random", "top_k": "3", "beside": "occlusion"}
    part = client.post("/", data=asked, headers=PART).text
    link = html.unescape(re.search(r'data-copy="link" data-link="([^"]*)"', part)[1])
    assert parse_qs(link) == {name: [value] for name, value in asked.items()}
