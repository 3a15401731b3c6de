"""The OpenAPI document: what tools and typed clients make of it is right."""

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
jsonschema = pytest.importorskip("jsonschema", reason="needs the package jsonschema")

from fastapi.testclient import TestClient  # noqa: E402

from whyalike.methods.method import list_methods  # noqa: E402
from whyalike.web.api import schema  # noqa: E402
from whyalike.web.api.api_app import create_api_app  # noqa: E402
from whyalike.web.api.examples import QUESTIONS, answers  # noqa: E402

HOME = "http://127.0.0.1:8000"


@pytest.fixture(scope="module")
def document(service):
    return TestClient(create_api_app(service), base_url=HOME).get("/api/openapi.json").json()


def operations(document):
    return {
        path.rsplit("/", 1)[-1]: operation
        for path, methods in document["paths"].items()
        for operation in methods.values()
    }


def follows(document, part, value):
    """Hold a value to a schema of the document."""
    whole = {**part, "components": document["components"]}
    jsonschema.validate(value, whole, cls=jsonschema.Draft202012Validator)


def test_every_operation_has_a_short_id_and_a_tag_that_is_described(document):
    described = {tag["name"] for tag in document["tags"]}
    assert all(tag["description"] for tag in document["tags"])
    for name, operation in operations(document).items():
        assert operation["operationId"] == name
        assert len(operation["tags"]) == 1
        assert set(operation["tags"]) <= described
    used = {tag for one in operations(document).values() for tag in one["tags"]}
    assert used == described


def test_every_question_and_answer_has_examples_that_are_as_documented(document):
    for name, operation in operations(document).items():
        if "requestBody" in operation and name != "batch":
            content = operation["requestBody"]["content"]["application/json"]
            assert set(content["examples"]) == set(QUESTIONS[name])
            for example in content["examples"].values():
                follows(document, content["schema"], example["value"])
        content = operation["responses"]["200"]["content"]
        if name in ("batch", "metrics"):
            continue
        follows(document, content["application/json"]["schema"], answers()[name])
        assert content["application/json"]["example"] == answers()[name]


def test_the_examples_of_questions_are_questions():
    kinds = {
        "explain": schema.ExplainRequest,
        "compare": schema.CompareRequest,
        "passages": schema.PassagesRequest,
        "similar": schema.SimilarRequest,
        "rank": schema.RankRequest,
    }
    for name, kind in kinds.items():
        for example in QUESTIONS[name].values():
            kind.model_validate(example)


def test_the_options_of_each_method_are_documented_with_their_ranges(document):
    schemas = document["components"]["schemas"]
    known = schemas["SomeOptions"]
    assert set(known["x-options-by-method"]) == {one.name for one in list_methods()}
    for method in list_methods():
        name = known["x-options-by-method"][method.name]["$ref"].rsplit("/", 1)[-1]
        own = schemas[name]
        assert own["additionalProperties"] is False
        assert set(own["properties"]) == {one.name for one in method.declared}
        for option in method.declared:
            said = own["properties"][option.name]
            assert said["default"] == option.default
            part = said["anyOf"][0]
            most = [one for one in (option.most, option.served) if one is not None]
            assert part.get("minimum") == option.least
            assert part.get("exclusiveMinimum") == option.above
            assert part.get("maximum") == (min(most) if most else None)
            assert part.get("enum", []) == list(option.choices)
            assert ({"type": "null"} in said["anyOf"]) == option.optional
            # Of all options together it is said whose they are.
            assert method.name in known["properties"][option.name]["description"] or (
                "Of every method" in known["properties"][option.name]["description"]
            )


def test_every_reference_leads_somewhere_and_every_header_is_said(document):
    def walk(part):
        if isinstance(part, dict):
            if "$ref" in part:
                yield part["$ref"]
            for one in part.values():
                yield from walk(one)
        elif isinstance(part, list):
            for one in part:
                yield from walk(one)

    for ref in walk(document):
        found = document
        for step in ref.removeprefix("#/").split("/"):
            found = found[step]
    for operation in operations(document).values():
        for answer in operation["responses"].values():
            assert {"X-Request-Id", "Server-Timing"} <= set(answer["headers"])


def test_the_page_lists_parameters_and_fields(service):
    page = TestClient(create_api_app(service), base_url=HOME).get("/api/docs").text
    for field in ("cursor", "limit", "passages", "sizes", "right", "unit"):
        assert f"<code>{field}</code>" in page
    assert "/api/v1/items?limit=2" in page.replace("&#39;", "'")
