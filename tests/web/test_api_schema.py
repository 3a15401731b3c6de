"""The API does what its OpenAPI document says: schemathesis asks every address, well and badly."""

import json

import pytest

schemathesis = pytest.importorskip("schemathesis", reason="needs the package schemathesis")
pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import ITEMS  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402
from hypothesis import given, settings  # noqa: E402
from schemathesis import GenerationMode  # noqa: E402
from schemathesis.config import SchemathesisConfig  # noqa: E402

from whyalike.web.api.api_app import create_api_app  # noqa: E402

HOME = "http://127.0.0.1:8000"
QUESTIONS = [f"POST /api/v1/{name}" for name in ("explain", "compare", "similar", "rank", "batch")]
QUESTIONS += [f"POST /api/v1/{name}" for name in ("passages", "estimate")]
LISTS = [f"GET /api/v1/{name}" for name in ("models", "methods", "health", "metrics")]
ITEMS_OF = [f"GET /api/v1/{name}" for name in ("items", "item")]
POSITIVE, NEGATIVE = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
TOKEN = "0123456789abcdef-Zurich"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
EXAMPLES = 15
# What a field may say in full is known to the server alone: a well-formed request may be refused.
REFUSED = ["2xx", "422"]
# Each is asked when the one before was answered, so that not even "busy" can come.
FINE = ["2xx", "3xx", "4xx"]
SETTINGS = {
    "seed": 1,
    "base-url": HOME,
    "generation": {"max-examples": EXAMPLES, "deterministic": True, "database": "none"},
    "checks": {
        "not_a_server_error": {"expected-statuses": FINE},
        "positive_data_acceptance": {"expected-statuses": REFUSED},
    },
    # A batch answers each of its lines, whatever stands in it.
    "operations": [
        {"include-path": "/api/v1/batch", "checks": {"negative_data_rejection": {"enabled": False}}}
    ],
}
# Strings that mean something here, for those that schemathesis makes up.
KNOWN = {
    "model": ["letters"],
    "method": ["occlusion", "random", "shapley"],
    "index": ["shop"],
    "item": [item[0] for item in ITEMS],
    "id": [item[0] for item in ITEMS],
    "where": ["price < 20", "kind = 'gloves'"],
}


@schemathesis.serializer("application/x-ndjson")
def send_lines(context, value):
    said = value if isinstance(value, str) else json.dumps(value)
    return said.encode("utf-8", "replace")


@pytest.fixture(scope="module")
def schema(service):
    return load(create_api_app(service))


@pytest.fixture
def closed_schema(service):
    return load(create_api_app(service, token=TOKEN), **BEARER)


def load(app, **headers):
    """Return the schema that the app gives to who sends these headers."""
    document = TestClient(app, base_url=HOME, headers=headers).get("/api/openapi.json").json()
    config = SchemathesisConfig.from_dict(SETTINGS)
    loaded = schemathesis.openapi.from_dict(document, config=config)
    loaded.app = app
    return loaded


def say_what_is_known(body):
    """Make half of the made-up questions, the same ones each time, about what is served here."""
    if isinstance(body, str):
        line = {"id": body, "left": body, "right": "warm mittens"}
        return f"{body}\n{json.dumps(line)}"
    number = len(json.dumps(body)) if isinstance(body, dict) else 1
    if number % 2:
        return body
    # Either a text or an item is searched for; a title goes with another score.
    said = {name: value for name, value in body.items() if name not in ("id", "title")}
    if "left" not in said and "query" not in said:
        said.update(text=said.get("text") or "gloves")
    if "passages" in said:
        said = {name: value for name, value in said.items() if name != "text"}
        said.update(query="warm hands", passages=["gloves", "a hat"], explain=1)
        said["right"] = "2" if said.get("sizes") else None
    if "k" in said:
        said["k"] = 1 + said["k"] % 50
    for field in KNOWN.keys() & said.keys():
        if isinstance(said[field], str):
            said[field] = KNOWN[field][number // 2 % len(KNOWN[field])]
    return said


def ask_all(schema, address, mode, headers=None):
    """Ask what schemathesis makes up for an address, and hold each answer to the document.

    Returns the statuses of the answers.
    """
    method, _, path = address.partition(" ")
    statuses = []

    @settings(max_examples=EXAMPLES, derandomize=True, database=None, deadline=None)
    @given(schema[path][method].as_strategy(generation_mode=mode))
    def ask(case):
        if mode is POSITIVE and case.query:
            # A cursor is what the page before says.
            left_out = ("cursor", "where") if len(str(case.query)) % 2 else ("cursor",)
            query = {name: value for name, value in case.query.items() if name not in left_out}
            case.query = {**query, **{name: KNOWN[name][0] for name in query if name in KNOWN}}
        elif mode is POSITIVE:
            case.body = say_what_is_known(case.body)
        statuses.append(case.call_and_validate(headers=headers).status_code)

    ask()
    return statuses


@pytest.mark.parametrize("address", [*QUESTIONS, *LISTS, *ITEMS_OF])
def test_what_the_document_allows_is_answered_as_it_says(schema, address):
    assert 200 in ask_all(schema, address, POSITIVE)


@pytest.mark.parametrize("address", QUESTIONS)
def test_what_the_document_forbids_is_refused_as_it_says(schema, address):
    statuses = ask_all(schema, address, NEGATIVE)
    assert statuses


@pytest.mark.parametrize("address", [*QUESTIONS, *LISTS, *ITEMS_OF])
def test_with_a_token_only_who_has_it_is_answered(closed_schema, address):
    # Schemathesis asks again without the token and with a wrong one, which must be refused.
    assert 200 in ask_all(closed_schema, address, POSITIVE, BEARER)


def test_the_document_says_that_there_is_a_token_and_where_it_is_not_needed(schema, closed_schema):
    assert schema.raw_schema["security"] == []
    document = closed_schema.raw_schema
    assert document["security"] == [{"token": []}]
    for path, operations in document["paths"].items():
        for one in operations.values():
            is_open = one.get("security") == []
            assert is_open == path.endswith("/health")
            assert is_open == ("401" not in one["responses"])


def test_every_address_is_asked(schema):
    document = schema.raw_schema["paths"]
    found = {f"{method.upper()} {path}" for path, one in document.items() for method in one}
    assert found == {*QUESTIONS, *LISTS, *ITEMS_OF}


@pytest.mark.parametrize("address", [*QUESTIONS, *LISTS, *ITEMS_OF])
def test_other_ways_of_asking_are_refused_by_name(schema, address):
    allowed, _, path = address.partition(" ")
    client = TestClient(schema.app, base_url=HOME)
    for method in {"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE"} - {allowed}:
        answer = client.request(method, path)
        assert answer.status_code == 405
        assert allowed in answer.headers["allow"]
        assert "/api/docs" in answer.json()["error"]


@pytest.mark.parametrize("body", [b"\xff\xfe{}", b'{"left": "\xe4"}', b"[" * 100_000])
@pytest.mark.parametrize("name", ["explain", "compare", "similar", "rank"])
def test_a_body_that_is_no_text_is_refused_in_words(schema, name, body):
    client = TestClient(schema.app, base_url=HOME)
    sent = {"content-type": "application/json"}
    answer = client.post(f"/api/v1/{name}", content=body, headers=sent)
    assert answer.status_code == 422
    assert "The request can't be read" in answer.json()["error"]
