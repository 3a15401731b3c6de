"""Every error of the API: its code, the limit that was passed, what came, and what to do."""

import json
import logging

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, open_explainer
from fastapi.testclient import TestClient

from whyalike import Explainer
from whyalike.web.api import codes
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.schedule import QueueLimits
from whyalike.web.api.schema import BatchAnswer, FailureModel
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
TOKEN = "0123456789abcdef-Zurich"
PAIR = {"left": "warm gloves", "right": "woollen mittens"}
FORM = {"content-type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_api_app(service), base_url=HOME, raise_server_exceptions=False)


def refused(answer, status, code, **said):
    """Hold an error to its code and what it says besides, and return its sentence."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/json"
    content = answer.json()
    FailureModel.model_validate(content, strict=True)
    assert content["code"] == code
    assert status in codes.CODES[code].statuses
    assert content["request_id"] == answer.headers["x-request-id"]
    assert {name: content.get(name) for name in said} == said
    return content["error"]


def ask(client, name, **asked):
    return client.post(f"{V1}/{name}", json=asked)


@pytest.mark.parametrize(
    ("name", "asked", "code", "said"),
    [
        ("explain", {"left": "a"}, "invalid_request", {"field": "right"}),
        ("explain", {**PAIR, "check": 51}, "invalid_request",
         {"field": "check", "limit": 50, "value": 51}),
        ("explain", {**PAIR, "metod": "bti"}, "invalid_request", {"field": "metod"}),
        ("explain", {**PAIR, "model": "other"}, "unknown_model",
         {"field": "model", "value": "other"}),
        ("explain", {**PAIR, "method": "nonsense"}, "invalid_method",
         {"field": "method", "value": "nonsense"}),
        ("explain", {**PAIR, "method": "bti"}, "invalid_method", {"value": "bti"}),
        ("compare", {"query": "a", "better": "b", "worse": "c", "method": "random"},
         "invalid_method", {"value": "random"}),
        ("explain", {**PAIR, "options": {"colour": 1}}, "unknown_option",
         {"field": "options.colour"}),
        ("explain", {**PAIR, "options": {"top_k": 0}}, "invalid_option",
         {"field": "options.top_k", "limit": 1, "value": 0}),
        ("explain", {**PAIR, "method": "shapley", "options": {"permutations": 65}},
         "invalid_option", {"field": "options.permutations", "limit": 64, "value": 65}),
        ("explain", {**PAIR, "left": "x" * 20_001}, "text_too_long",
         {"field": "left", "limit": 20_000, "value": 20_001, "unit": "characters"}),
        ("explain", {**PAIR, "right": "wool " * 1_501}, "text_too_long",
         {"field": "right", "limit": 1_500, "value": 1_501, "unit": "words or tokens"}),
        ("similar", {"text": "a", "index": "cars"}, "unknown_index", {"value": "cars"}),
        ("similar", {"text": "a", "k": 51}, "too_many", {"field": "k", "limit": 50, "value": 51}),
        ("similar", {"text": "a", "where": "price <"}, "invalid_filter", {}),
        ("similar", {"text": "a", "where": "colour = 3"}, "invalid_filter", {}),
        ("similar", {"id": "nobody"}, "unknown_item", {"value": "nobody"}),
        ("rank", {"text": "a", "item": "nobody"}, "unknown_item", {"value": "nobody"}),
        ("similar", {}, "option_not_allowed", {}),
        ("passages", {"query": "a", "passages": []}, "invalid_request",
         {"field": "passages", "limit": 1, "value": 0}),
        ("passages", {"query": "a", "passages": ["b"], "explain": 51}, "too_many",
         {"field": "explain", "limit": 50, "value": 51}),
        ("passages", {"query": "a", "passages": [" "]}, "text_not_allowed", {}),
        ("estimate", {"left": "a"}, "invalid_request", {"field": "right"}),
    ],
)  # fmt: skip
def test_a_request_that_is_not_allowed_says_which_limit_it_passed(client, name, asked, code, said):
    refused(ask(client, name, **asked), 422, code, **said)


@pytest.mark.parametrize(
    ("name", "asked", "field"),
    [
        ("explain", {**PAIR, "check": "3"}, "check"),
        ("explain", {**PAIR, "check": True}, "check"),
        ("explain", {**PAIR, "documents": "true"}, "documents"),
        ("explain", {**PAIR, "left": 3}, "left"),
        ("explain", {**PAIR, "options": {"top_k": "3"}}, "options.top_k"),
        ("explain", {**PAIR, "options": {"bandwidth": "0.1"}}, "options.bandwidth"),
        ("similar", {"text": "a", "k": "3"}, "k"),
        ("similar", {"text": "a", "explain": 1}, "explain"),
        ("passages", {"query": "a", "passages": ["b"], "explain": "1"}, "explain"),
        ("passages", {"query": "a", "passages": ["c", 1]}, "passages.1"),
        ("passages", {"query": "a", "passages": ["c"], "sizes": ["x"]}, "sizes.0"),
    ],
)
def test_no_value_is_read_as_one_of_another_type(client, name, asked, field):
    answer = ask(client, name, **asked)
    refused(answer, 422, "invalid_request", field=field)


def test_fields_are_named_whatever_else_they_could_have_been(client):
    passages = ["a", {"text": "b", "id": 1.5, "titel": "c"}]
    answer = ask(client, "passages", query="a", passages=passages)
    refused(answer, 422, "invalid_request")
    named = {one["field"] for one in answer.json()["problems"]}
    assert named == {"passages.1", "passages.1.id", "passages.1.titel"}


def test_all_that_is_wrong_is_said_and_no_text_is_sent_back(client):
    answer = ask(client, "explain", left=1, check=99, nope="secret " * 40)
    problems = {one["field"]: one for one in answer.json()["problems"]}
    assert set(problems) == {"left", "right", "check", "nope"}
    assert (problems["check"]["limit"], problems["check"]["value"]) == (50, 99)
    assert "secret" not in answer.text


@pytest.mark.parametrize("kind", ["", "application/x-www-form-urlencoded", "text/plain"])
def test_json_is_read_whatever_curl_calls_it(client, kind):
    """``curl -d`` calls it a form, and other clients nothing."""
    content = json.dumps(PAIR).encode()
    headers = {"content-type": kind} if kind else {}
    answer = client.post(f"{V1}/explain", content=content, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.content == ask(client, "explain", **PAIR).content


def test_who_sends_a_form_learns_what_to_send(client):
    answer = client.post(f"{V1}/explain", content=b"left=a&right=b", headers=FORM)
    says = refused(answer, 415, "unsupported_media_type", value=FORM["content-type"])
    assert "Content-Type: application/json" in says
    meant = client.post(f"{V1}/explain", content=b"{'left': 'a'}", headers=FORM)
    assert "double quotes" in refused(meant, 422, "invalid_json")
    xml = client.post(f"{V1}/explain", content=b"<a/>", headers={"content-type": "text/xml"})
    refused(xml, 415, "unsupported_media_type", value="text/xml")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{'left': 1}", "double quotes"),
        (b"", "empty"),
        (b'{"left": "\xe4"}', "UTF-8"),
        (b"[" * 100_000, "too deep"),
    ],
)
def test_a_body_that_is_no_json_is_said_to_be_none(client, content, says):
    headers = {"content-type": "application/json"}
    answer = client.post(f"{V1}/explain", content=content, headers=headers)
    assert says in refused(answer, 422, "invalid_json")


def test_what_is_refused_before_any_address_is_asked_is_json_too(client):
    long = b" " * (1024 * 1024 + 1)
    headers = {"content-type": "application/json"}
    said = {"limit": 1024 * 1024, "value": len(long), "unit": "bytes"}
    answer = client.post(f"{V1}/explain", content=long, headers=headers)
    refused(answer, 413, "body_too_long", **said)
    assert "content-security-policy" in answer.headers
    pieces = (b" " * 1000 for _ in range(1100))
    unknown = client.post(f"{V1}/explain", content=pieces, headers=headers)
    refused(unknown, 413, "body_too_long", limit=1024 * 1024, value=None)
    batch = client.post(f"{V1}/batch", content=b" " * (16 * 1024 * 1024 + 1))
    refused(batch, 413, "body_too_long", limit=16 * 1024 * 1024)
    elsewhere = client.get(f"{V1}/models", headers={"host": "evil.example"})
    assert "--public-url" in refused(elsewhere, 400, "unknown_host", value="evil.example")
    other = client.post(f"{V1}/explain", json=PAIR, headers={"origin": "https://evil.example"})
    refused(other, 403, "other_site", value="https://evil.example")


def test_wrong_addresses_and_ways_of_asking_say_the_right_ones(client):
    refused(client.get(f"{V1}/nothing"), 404, "unknown_address")
    misspelt = refused(client.post(f"{V1}/explian", json=PAIR), 404, "unknown_address")
    assert f"Is {V1}/explain meant?" in misspelt
    assert "is asked by POST" in refused(client.get(f"{V1}/explain"), 405, "method_not_allowed")


def test_a_server_without_an_index_says_so():
    alone = Service({"letters": open_explainer()})
    client = TestClient(create_api_app(alone), base_url=HOME)
    assert "--index" in refused(client.get(f"{V1}/items"), 422, "unknown_index")
    alone.close()


def test_without_the_token_and_with_a_wrong_one(service):
    closed = TestClient(create_api_app(service, token=TOKEN), base_url=HOME)
    refused(closed.post(f"{V1}/explain", json=PAIR), 401, "token_needed")
    wrong = {"authorization": "Bearer no-token-of-this-server"}
    answers = [closed.get(f"{V1}/models", headers=wrong) for _ in range(40)]
    refused(answers[0], 401, "wrong_token")
    refused(answers[-1], 429, "too_many_wrong_tokens")
    assert answers[-1].json()["retry_after"] == int(answers[-1].headers["retry-after"])


def test_a_full_queue_and_the_end():
    limits = ServiceLimits(queue=QueueLimits(waiting=0))
    full = Service({"letters": open_explainer()}, limits=ServiceLimits())
    full.queue.limits = limits.queue
    client = TestClient(create_api_app(full), base_url=HOME)
    answer = ask(client, "explain", **PAIR)
    refused(answer, 503, "queue_full")
    assert answer.json()["retry_after"] == int(answer.headers["retry-after"])
    full.close()
    full.refuse()
    refused(ask(client, "explain", **PAIR), 503, "stopping", retry_after=10)


def test_what_nobody_expected_is_in_the_log_under_the_id_of_the_request(caplog):
    def embed(texts):
        if any("secret" in text for text in texts):
            raise RuntimeError("a secret of the machine")
        return count_letters(texts)

    broken = Service({"one": Explainer(embed=embed)})
    client = TestClient(create_api_app(broken), base_url=HOME, raise_server_exceptions=False)
    caplog.set_level(logging.ERROR, "whyalike.web")
    asked = {"left": "the secret", "right": "b"}
    answer = client.post(f"{V1}/explain", json=asked, headers={"x-request-id": "proxy-7"})
    says = refused(answer, 500, "internal_error", request_id="proxy-7")
    assert "of the machine" not in says
    assert "proxy-7" in caplog.text
    line = client.post(f"{V1}/batch", json=asked, headers={"x-request-id": "proxy-8"})
    assert line.json()["code"] == "internal_error"
    assert "proxy-8" in caplog.text
    broken.close()


def test_a_line_of_a_batch_says_what_a_request_does(client):
    lines = [
        json.dumps({"id": 1, **PAIR}),
        "no json",
        json.dumps({"left": "a", "right": 2}),
        json.dumps({"id": "x", **PAIR, "method": "bti"}),
        json.dumps({**PAIR, "left": "x" * 20_001}),
    ]
    said = client.post(f"{V1}/batch", content="\n".join(lines)).text.splitlines()
    found = [BatchAnswer.model_validate_json(line, strict=True) for line in said]
    expected = [None, "invalid_json", "invalid_request", "invalid_method", "text_too_long"]
    assert [one.code for one in found] == expected
    assert (found[4].field, found[4].limit, found[4].value) == ("left", 20_000, 20_001)
    assert [one.id for one in found] == [1, None, None, "x", None]
    many = client.post(f"{V1}/batch", content="\n".join([lines[0]] * 1001))
    refused(many, 422, "too_many", limit=1_000, unit="lines")


def test_every_code_is_documented_where_it_may_come(client):
    document = client.get("/api/openapi.json").json()
    examples = document["components"]["examples"]
    # Of addresses that are none, or are asked otherwise, no operation says anything.
    assert set(codes.CODES) - set(examples) == {"unknown_address", "method_not_allowed"}
    for code, example in examples.items():
        FailureModel.model_validate(example["value"], strict=True)
        assert example["value"]["code"] == code
    for path, operations in document["paths"].items():
        for operation in operations.values():
            for status, answer in operation["responses"].items():
                given = answer.get("content", {}).get("application/json", {}).get("examples", {})
                for code in given if int(status) >= 400 else ():
                    assert int(status) in codes.CODES[code].statuses, (path, status)
    page = client.get("/api/docs").text
    assert all(f"<code>{code}</code>" in page for code in codes.CODES)
