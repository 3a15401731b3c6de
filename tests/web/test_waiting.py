"""What a page says before something that takes long, and while it is being done."""

import asyncio
import html
import re
import threading

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, counted, make_app, make_items
from fastapi.testclient import TestClient

from whyalike import Explainer
from whyalike.catalogue import CatalogueIndex
from whyalike.interruption import checkpoint
from whyalike.web.api.allowance import said
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.schedule import Asker
from whyalike.web.api.service import Service
from whyalike.web.api.work_queue import Place, WorkQueue
from whyalike.web.explorer import waiting
from whyalike.web.serving import create_explorer_app

HOME, PATIENCE = "http://127.0.0.1:8000", 60
PART = {"X-Whyalike-Part": "result"}
LEFT, RIGHT = "warm gloves for phones", "mittens to text with"
PAIR = {"left": LEFT, "right": RIGHT}
SLOW, FAST = 0.02, 1e-6
COMPARED = {"query": "warm hat", "first": "zip", "second": "a warm hat"}


@pytest.fixture
def served():
    service = Service({"letters": Explainer(embed=count_letters)})
    slow_down(service)
    yield service
    service.close()


def slow_down(service, *, others=SLOW):
    """Let the server think that ``occlusion`` takes long here, and perhaps other methods too."""
    paces = {"occlusion": SLOW}
    speeds = service.models["letters"].speeds
    speeds.seconds = speeds.least = lambda method, cost: paces.get(method, others) * cost


@pytest.fixture
def client(served):
    return TestClient(create_explorer_app(served), base_url=HOME)


@pytest.mark.parametrize(("path", "asked"), [("/", PAIR), ("/compare", COMPARED)])
def test_what_takes_long_is_asked_about_first(client, served, path, asked):
    page = client.get(path, params=asked)
    assert page.status_code == 200
    title = html.unescape(re.search(r"<h2>(This takes about [^<]*)</h2>", page.text)[1])
    assert counted(served, "explanations_total") == 0
    assert 'form="ask" name="sure" value="1"' in page.text
    assert 'id="ask"' in page.text
    answer = client.get(path, params={**asked, "sure": "1"}).text
    assert "This takes" not in answer
    assert "article" in answer
    # Whoever follows the link is asked again, unless it was kept.
    assert "sure" not in re.search(r'data-link="([^"]*)"', answer)[1]
    assert "This takes" not in client.get(path, params=asked).text
    if path == "/":
        fresh = Service({"letters": Explainer(embed=count_letters)})
        slow_down(fresh)
        expected = asyncio.run(fresh.estimate(LEFT, RIGHT, options={"top_k": 1}))
        assert title == f"This takes about {said(expected.seconds)}"
        fresh.close()


def test_a_search_and_a_ranking_are_asked_about_too(tmp_path):
    explainer = Explainer(embed=count_letters)
    index = CatalogueIndex.build(make_items(), tmp_path / "shop", model=explainer, name="shop")
    service = Service({}, indexes={"shop": index})
    for served in service.models.values():
        served.speeds.seconds = served.speeds.least = lambda method, cost: SLOW * cost
    client = TestClient(create_explorer_app(service), base_url=HOME)
    ranked = {"query": "warm hat", "passages": "a warm hat\n\na zip"}
    for path, asked in (("/catalogue", {"text": "warm hat"}), ("/rank", ranked)):
        page = client.get(path, params=asked).text
        assert "This takes about" in page, path
        assert 'form="ask" name="sure" value="1"' in page
        assert page.count('id="ask"') == 1
        answer = client.get(path, params={**asked, "sure": "1"}).text
        assert "This takes" not in answer
        assert re.search(r'data-said="\d+ (items? found|passages ranked)', answer), path
        assert "This takes" not in client.get(path, params=asked).text, "it was kept"
    service.close()


def test_a_machine_that_was_busy_is_no_reason_to_ask(client):
    """A question of a second, after work that other programs slowed down fifteen times."""
    service = Service({"letters": Explainer(embed=count_letters)})
    served = service.models["letters"]
    kind, _ = served.kind(None, None)
    client = TestClient(create_explorer_app(service), base_url=HOME)
    cost = asyncio.run(service.estimate(LEFT, RIGHT, options={"top_k": 1})).cost
    for busy in (1, 1, 1, *[15] * 20):
        kind.took(cost, 1.0 * busy, 0.0)
    told = asyncio.run(service.estimate(LEFT, RIGHT, options={"top_k": 1}))
    assert told.seconds > 3 * told.least
    assert "This takes" not in client.get("/", params=PAIR).text
    # Where nothing but slow work was seen for long, it is the machine.
    other = {**PAIR, "left": "hat"}
    for _ in range(40):
        kind.took(cost, 15.0, 0.0)
    assert "This takes" in client.get("/", params=other).text
    # A few that were quick again tell that it is over.
    for _ in range(10):
        kind.took(cost, 0.1, 0.0)
    assert "This takes" not in client.get("/", params=other).text
    service.close()


def test_what_takes_less_is_named(client, served):
    slow_down(served, others=FAST)
    usual = served.models["letters"].explainer.method.name
    assert usual == "occlusion"
    # What is usual is as dear: nothing is said of it.
    assert "alone takes" not in client.get("/", params={**PAIR, "method": "occlusion"}).text
    speeds = served.models["letters"].speeds
    speeds.seconds = speeds.least = lambda method, cost: {usual: FAST}.get(method, SLOW) * cost
    page = client.get("/", params={**PAIR, "method": "shapley"}).text
    assert "The method occlusion alone takes about" in page


def test_who_edits_a_word_is_not_asked_again(client):
    client.post("/", data={**PAIR, "sure": "1"})
    edited = client.post("/", data={**PAIR, "edit": "left.0"}, headers=PART).text
    assert "“warm” deleted" in edited
    # The same texts, typed, are kept by now; others are asked about.
    assert "This takes" in client.post("/", data={**PAIR, "left": "hat"}, headers=PART).text


def test_what_is_too_dear_is_refused_and_not_asked_about():
    service = Service(
        {"letters": Explainer(embed=count_letters)}, limits=ServiceLimits(cost_seconds=1.0)
    )
    slow_down(service)
    client = TestClient(create_explorer_app(service), base_url=HOME)
    refused = client.post("/", data=PAIR, headers=PART)
    assert refused.status_code == 422
    assert "This would take too long" in refused.text
    service.close()


def test_how_far_a_question_is_is_said_to_who_knows_its_name(service):
    client = TestClient(make_app(service), base_url=HOME)
    assert client.get("/progress", params={"name": "0" * 32}).json() == {"known": False}
    assert client.get("/progress").json() == {"known": False}
    assert client.get("/progress").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("name", ["a" * 32, "A" * 32, "a" * 31, "/../x", ""])
def test_questions_are_known_while_they_are_answered(service, name):
    known = waiting.Waiting(service.queue)
    request = type("Request", (), {"headers": {waiting.ASK: name}})()
    first, second = Asker(), Asker()
    with known.known(request, first), known.known(request, second):
        assert list(known._asked.values()) == ([second] if name == "a" * 32 else [])
    assert known._asked == {}


def test_the_place_of_a_request():
    queue, may, began = WorkQueue(), threading.Event(), threading.Event()

    def work(pieces):
        checkpoint()
        began.set()
        assert may.wait(PATIENCE)
        return pieces

    running, waits, nobody = Asker(), Asker(), Asker()
    queue.submit(work, 1, asker=running)
    assert began.wait(PATIENCE)
    last = [queue.submit(list, 1, asker=waits) for _ in range(3)]
    queue.submit(list, 1)
    queue.submit(list, 1).cancel()
    # Three pieces are of one request, one is of nobody's, and one was cancelled.
    assert queue.place_of(running) == Place(begun=True, others=2)
    assert queue.place_of(waits) == Place(begun=False, others=2)
    assert queue.place_of(nobody) == Place(begun=False, others=3)
    may.set()
    for piece in last:
        assert piece.result(PATIENCE) == 1
    assert queue.close(PATIENCE)
    assert queue.place_of(waits).others == 0
