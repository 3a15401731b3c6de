"""A served model with prompts for queries and documents: what stands before which text."""

import json
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, make_app, make_service
from fastapi.testclient import TestClient

from whyalike import Explainer
from whyalike.evaluation.leaderboard import read_leaderboard
from whyalike.web.api.opening import open_service

HOME = "http://127.0.0.1:8000"
QUERY, DOCUMENT = "find zz: ", "item: "
LEFT, RIGHT = "Warm knit gloves.", "Lined leather gloves for winter."


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("served")


@pytest.fixture(scope="module")
def service(folder):
    explainer = Explainer(embed=count_letters, prompts=(QUERY, DOCUMENT))
    made = make_service(folder, explainer=explainer)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def score(left, right, prompts):
    one, other = count_letters([prompts[0] + left, prompts[1] + right])
    return one @ other / np.linalg.norm(one) / np.linalg.norm(other)


BOTH = [({}, (QUERY, DOCUMENT)), ({"documents": True}, (DOCUMENT, DOCUMENT))]


def test_the_api_says_and_takes_what_the_texts_are(client):
    (model,) = client.get("/api/v1/models").json()["models"]
    assert model["prompts"] == [QUERY, DOCUMENT]
    # Twice: a kept answer of one kind is none of the other.
    for asked, prompts in BOTH * 2:
        fields = {"left": LEFT, "right": RIGHT, **asked}
        found = client.post("/api/v1/explain", json=fields).json()
        assert found["prompts"] == list(prompts)
        assert found["similarity"] == pytest.approx(score(LEFT, RIGHT, prompts))
        line = client.post("/api/v1/batch", content=json.dumps(fields)).json()
        assert line["explanation"] == found
    said = {"query": LEFT, "better": RIGHT, "worse": "A hat."}
    compared = client.post("/api/v1/compare", json=said).json()
    assert compared["worse"]["similarity"] == pytest.approx(
        score(LEFT, "A hat.", (QUERY, DOCUMENT))
    )


def test_a_search_by_text_is_a_query_and_by_an_item_compares_documents(client):
    item = "Knit gloves with touchscreen fingertips."
    for asked, left, prompts in (
        ({"text": LEFT}, LEFT, (QUERY, DOCUMENT)),
        ({"id": "g1"}, item, (DOCUMENT, DOCUMENT)),
    ):
        found = client.post("/api/v1/similar", json=asked).json()
        assert found["prompts"] == list(prompts)
        for hit in found["hits"]:
            expected = score(left, hit["description"], prompts)
            assert hit["similarity"] == pytest.approx(expected, abs=1e-5)
            assert hit["explanation"]["similarity"] == pytest.approx(expected, abs=1e-5)
        placed = client.post("/api/v1/rank", json={**asked, "item": "h1"}).json()
        assert placed["explanation"]["similarity"] == pytest.approx(placed["similarity"], abs=1e-5)
        field = {"item" if "id" in asked else "text": next(iter(asked.values()))}
        page = client.get("/catalogue", params=field).text
        assert f"&#39;{prompts[1]}&#39; before" in page


def test_the_page_of_a_pair_asks_what_the_texts_are(client):
    for fields, prompts in (({}, (QUERY, DOCUMENT)), ({"texts": "documents"}, (DOCUMENT,) * 2)):
        asked = {"left": LEFT, "right": RIGHT, **fields}
        page = client.get("/", params=asked).text
        assert '<option value="documents"' in page
        chosen = '<option value="documents" selected>' in page
        assert chosen == bool(fields)
        assert "<dt>Prompts</dt>" in page
        assert f"prompts=({prompts[0]!r}, {prompts[1]!r})," in unescape(page)
        assert f"--prompts '{prompts[0]}' '{prompts[1]}'" in unescape(page)
        found = client.get("/pair/json", params=asked).json()
        assert found["similarity"] == pytest.approx(score(LEFT, RIGHT, prompts))
    unlike = client.get("/compare", params={"query": LEFT, "first": RIGHT, "second": "A hat."})
    assert "before the query" in unlike.text


def test_a_model_that_knows_no_kinds_is_not_asked(tmp_path):
    same = make_service(tmp_path)
    page = TestClient(make_app(same), base_url=HOME).get("/", params={"left": LEFT, "right": RIGHT})
    assert '<option value="documents"' not in page.text
    assert "Prompts" not in page.text
    same.close()


def unescape(page):
    from html import unescape

    return unescape(page)


@pytest.mark.parametrize(
    ("prompts", "link", "note"),
    [
        (None, False, False),
        ((QUERY, DOCUMENT), False, False),
        ((DOCUMENT, DOCUMENT), True, False),
        (("", ""), False, True),
    ],
)
def test_a_sample_is_explained_as_it_was_measured(client, folder, prompts, link, note):
    file = folder / "run" / "leaderboard.json"
    board = replace(read_leaderboard(file), prompts=prompts)
    file.write_text(json.dumps(board.to_dict()))
    # A file of the same second is known by its time.
    import os

    os.utime(file, (0, len(str(prompts))))
    asked = {"run": "run", "dataset": "fashion <b>", "metric": "comprehensiveness"}
    page = client.get("/evaluate/samples", params=asked).text
    assert ("texts=documents" in page) == link
    assert ("The prompts of this run were others" in page) == note


def test_an_index_keeps_its_prompts_whatever_models_are_served_with(saved_model, tmp_path):
    from explorer_service import make_items

    from whyalike.catalogue import CatalogueIndex

    explainer = Explainer(str(saved_model), prompts=("warm ", "wool "))
    CatalogueIndex.build(make_items(), tmp_path / "idx", model=explainer, fields=("description",))
    service = open_service(
        [str(saved_model)], indexes=[str(tmp_path / "idx")], prompts=("q: ", "wool ")
    )
    try:
        assert service.model().explainer.prompts == ("q: ", "wool ")
        assert service.index().model.explainer.prompts == ("warm ", "wool ")
    finally:
        service.close()
