"""Passages over HTTP: what the library ranks, within what a server takes, and what it would take."""

import asyncio
import json
import threading

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, open_explainer
from fastapi.testclient import TestClient
from test_api_batch import PATIENCE, V1, run_raw, until
from test_api_costs import known_speed

from tiny_models import tiny
from whyalike import Explainer
from whyalike.data.items import Item
from whyalike.ranking import Ranking
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.schema import EstimateModel, RankingModel
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
QUERY = "how to keep hands warm"
TEXTS = [
    "A silk scarf for summer. It is light.",
    "Woollen gloves. They keep hands warm in winter.",
    "A hat. It keeps the head warm, and the hands free.",
]


@pytest.fixture(scope="module", params=["letters", "tiny"])
def opened(request):
    explainer = open_explainer() if request.param == "letters" else Explainer(tiny("bert").parts)
    service = Service({request.param: explainer})
    yield explainer, service, TestClient(create_api_app(service), base_url=HOME)
    service.close()


@pytest.fixture
def client():
    service = Service({"letters": open_explainer()})
    yield TestClient(create_api_app(service), base_url=HOME)
    service.close()


def ask(client, name="passages", **asked):
    return client.post(f"{V1}/{name}", json=asked)


@pytest.mark.parametrize(
    "chosen",
    [
        {},
        {"right": "3", "explain": 1},
        {"explain": 0},
        {"right": "2", "sizes": [4, "whole"], "sentences": True},
        {"method": "occlusion", "explain": 2, "sentences": False},
    ],
)
def test_the_ranking_is_the_librarys_own_byte_for_byte(opened, chosen):
    explainer, _, client = opened
    answer = ask(client, query=QUERY, passages=TEXTS, **chosen)
    assert answer.status_code == 200, answer.text
    own = explainer.rank(QUERY, TEXTS, **chosen)
    assert answer.content == own.to_json().encode()
    assert Ranking.from_dict(answer.json()) == own
    RankingModel.model_validate_json(answer.content, strict=True)
    # Kept, and the same.
    again = ask(client, query=QUERY, passages=TEXTS, **chosen)
    assert again.content == answer.content
    assert "kept" in again.headers["server-timing"]


def test_options_go_to_the_method_and_to_how_passages_are_read(client):
    options = {"top_k": 1, "long_text": "chunks", "chunk_size": 5}
    answer = ask(client, query=QUERY, passages=TEXTS, options=options)
    from whyalike.options import all_options

    own = Explainer(embed=count_letters, options=all_options(options)).rank(QUERY, TEXTS)
    assert Ranking.from_dict(answer.json()) == own
    assert answer.json()["passages"][0]["chunk"] is not None


def test_passages_have_ids_and_titles_or_numbers(client):
    given = [
        {"id": "p1", "title": "Scarf", "text": TEXTS[0]},
        TEXTS[1],
        {"id": 7, "text": TEXTS[2]},
        {"text": "Broken \ud800 text."},
    ]
    content = json.dumps({"query": QUERY, "passages": given, "right": 7})
    answer = client.post(f"{V1}/passages", content=content)
    assert answer.status_code == 200, answer.text
    items = [
        Item("p1", "Scarf", TEXTS[0]),
        TEXTS[1],
        Item("7", "", TEXTS[2]),
        Item("4", "", "Broken \ufffd text."),
    ]
    assert Ranking.from_dict(answer.json()) == open_explainer().rank(QUERY, items, right=7)
    assert {one["id"] for one in answer.json()["passages"]} == {"p1", "2", "7", "4"}


def test_what_is_not_allowed_is_refused_before_anything_is_scored(client):
    for asked, code in (
        ({"query": " ", "passages": TEXTS}, "option_not_allowed"),
        ({"query": QUERY, "passages": TEXTS, "right": "9"}, "option_not_allowed"),
        ({"query": QUERY, "passages": TEXTS, "sizes": [4]}, "option_not_allowed"),
        ({"query": QUERY, "passages": TEXTS, "sizes": [0]}, "invalid_request"),
        ({"query": QUERY, "passages": TEXTS, "sizes": ["all"]}, "invalid_request"),
        ({"query": QUERY, "passages": [{"text": " "}]}, "text_not_allowed"),
        ({"query": QUERY, "passages": ["x"] * 1001}, "too_many"),
        ({"query": "x" * 20_001, "passages": TEXTS}, "text_too_long"),
        ({"query": QUERY, "passages": ["x" * 20_001]}, "text_too_long"),
    ):
        answer = ask(client, **asked)
        assert answer.status_code == 422, asked
        assert answer.json()["code"] == code, answer.text
    named = ask(client, query=QUERY, passages=[TEXTS[0], "x" * 20_001]).json()
    assert named["field"] == "passage 2"


def test_a_ranking_that_costs_too_much_is_refused_and_the_estimate_says_so_before():
    service = Service({"letters": open_explainer()}, limits=ServiceLimits(cost_seconds=3.0))
    known_speed(service, tokens_a_second=1_000.0)
    client = TestClient(create_api_app(service), base_url=HOME)
    many = {"query": QUERY, "passages": [f"{text} Number {n}." for n in range(9) for text in TEXTS]}
    before = EstimateModel.model_validate(ask(client, "estimate", **many).json())
    assert not before.fits
    assert before.seconds > before.limit_seconds == 3.0
    refused = ask(client, **many)
    assert refused.status_code == 422
    assert (refused.json()["code"], refused.json()["error"]) == ("too_costly", before.advice)
    assert refused.json()["value"] == pytest.approx(before.seconds, abs=1e-3)
    # What it names helps.
    fewer = {**many, "explain": 1, "sentences": False}
    assert EstimateModel.model_validate(ask(client, "estimate", **fewer).json()).fits
    assert ask(client, **fewer).status_code == 200
    service.close()


@pytest.mark.parametrize(
    ("name", "asked"),
    [
        ("explain", {"left": "warm gloves", "right": "woollen mittens", "method": "shapley"}),
        ("explain", {"left": "warm gloves", "right": "mittens. Of wool.", "unit": "sentence"}),
        ("compare", {"query": "hands", "better": "gloves", "worse": "scarf"}),
        ("passages", {"query": QUERY, "passages": TEXTS, "right": "2", "sizes": [4]}),
    ],
)
def test_an_estimate_says_what_is_then_paid_and_computes_nothing(name, asked):
    service = known_speed(Service({"letters": open_explainer()}), tokens_a_second=1_000.0)
    paid = []
    submit = service.queue.submit

    def noted(*given, **costs):
        paid.append(costs["cost"])
        return submit(*given, **costs)

    service.queue.submit = noted
    client = TestClient(create_api_app(service), base_url=HOME)
    said = EstimateModel.model_validate(ask(client, "estimate", **asked).json())
    assert paid == []
    assert (said.fits, said.kept, said.advice) == (True, False, None)
    assert ask(client, name, **asked).status_code == 200
    assert sum(paid) == pytest.approx(said.cost)
    assert said.seconds == pytest.approx(said.cost / 1_000, abs=1e-3)
    after = EstimateModel.model_validate(ask(client, "estimate", **asked).json())
    if name != "compare":  # Its checks are not kept.
        assert (after.kept, after.cost) == (True, 0.0)
    service.close()


def test_an_estimate_says_how_long_others_are_waited_for():
    service = known_speed(Service({"letters": open_explainer()}), tokens_a_second=1_000.0)
    client = TestClient(create_api_app(service), base_url=HOME)
    hold, began = threading.Event(), threading.Event()
    service.queue.call(lambda: began.set() or hold.wait(PATIENCE))
    assert began.wait(PATIENCE)
    service.queue.submit(lambda works: works, 1, cost=4_000.0, seconds=4.0)
    said = EstimateModel.model_validate(ask(client, "estimate", left="a hat", right="caps").json())
    assert said.wait_seconds == pytest.approx(4.0, abs=0.1)
    hold.set()
    service.close()


def test_a_client_that_leaves_during_a_ranking_costs_no_pass_more():
    passes, may = [], threading.Semaphore(0)

    def embed(texts):
        if any("winter" in text for text in texts):
            passes.append(len(texts))
            assert may.acquire(timeout=PATIENCE)
        return count_letters(texts)

    service = Service({"letters": Explainer(embed=embed)})
    app = create_api_app(service)
    body = json.dumps({"query": QUERY, "passages": TEXTS, "sentences": True}).encode()

    async def ask_and_leave():
        leave = asyncio.Event()
        task = asyncio.create_task(run_raw(app, f"{V1}/passages", body, leave=leave))
        await until(lambda: passes)
        leave.set()
        await asyncio.wait_for(task, PATIENCE)
        may.release()
        return await service.explain("a warm hat", "a scarf")

    assert asyncio.run(ask_and_leave()).method == "occlusion"
    assert len(passes) == 1
    may.release(100)
    assert service.close(PATIENCE)
    assert len(passes) == 1
