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
