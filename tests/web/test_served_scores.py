"""A function from pairs of texts to scores is served as any model: API, pages, program."""

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from fastapi.testclient import TestClient

from whyalike import Comparison, Explainer, Explanation
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.service import Service
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
LEFT, RIGHT, WORSE = "Warm knit gloves.", "Lined gloves, warm and soft.", "A glass of wine."


def overlap(pairs):
    return [
        7 * len(set(left.lower().split()) & set(right.lower().split())) - 5.0
        for left, right in pairs
    ]


@pytest.fixture(scope="module")
def served():
    made = Service({"reranker": Explainer(score=overlap)})
    yield made
    made.close()


def test_the_api_answers_as_the_library_does(served):
    client = TestClient(create_api_app(served), base_url=HOME)
    own = Explainer(score=overlap)
    answer = client.post("/api/v1/explain", json={"left": LEFT, "right": RIGHT})
    assert answer.content == own.explain(LEFT, RIGHT).to_json().encode()
    assert Explanation.from_json(answer.content).similarity_function == "score"
    compared = client.post("/api/v1/compare", json={"query": LEFT, "better": RIGHT, "worse": WORSE})
    assert Comparison.from_json(compared.content) == own.compare(LEFT, RIGHT, WORSE)
    (model,) = client.get("/api/v1/models").json()["models"]
    assert model["similarity_function"] == "score"
    assert "bti" not in model["methods"]
    refused = client.post("/api/v1/explain", json={"left": LEFT, "right": RIGHT, "method": "bti"})
    assert refused.status_code == 422
    assert "overlap gives scores of whole pairs only" in refused.text


def test_the_pages_show_it_and_how_to_get_it_in_python(served):
    client = TestClient(create_explorer_app(served), base_url=HOME)
    page = client.get("/", params={"left": LEFT, "right": RIGHT}).text
    assert "score=...," in page
    assert "embed=...," not in page
    assert "score similarity" not in page


def counted(texts, letters):
    return [[text.lower().count(letter) + 0.5 for letter in letters] for text in texts]


def as_query(texts):
    return counted(texts, "aeglo")


def as_document(texts):
    return counted(texts, "egaol")


def test_functions_for_queries_and_documents_are_served():
    service = Service({"roles": Explainer(embed_query=as_query, embed_document=as_document)})
    own = Explainer(embed_query=as_query, embed_document=as_document)
    client = TestClient(create_api_app(service), base_url=HOME)
    pair = {"left": LEFT, "right": RIGHT}
    answer = client.post("/api/v1/explain", json=pair)
    assert answer.content == own.explain(LEFT, RIGHT).to_json().encode()
    answer = client.post("/api/v1/explain", json={**pair, "documents": True})
    assert answer.content == own.between_documents().explain(LEFT, RIGHT).to_json().encode()
    (model,) = client.get("/api/v1/models").json()["models"]
    assert model["prompts"] == ["[query]", "[document]"]
    page = TestClient(create_explorer_app(service), base_url=HOME).get("/", params=pair).text
    assert "embed_query=...," in page
    assert "embed_document=...," in page
    assert "prompts=" not in page
    service.close()
