"""Many at once: batches by line, micro-batches, full queues, clients that go away, the end."""

import asyncio
import json
import threading

import httpx
import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, counted, open_explainer
from fastapi.testclient import TestClient

from tiny_models import tiny
from whyalike import Explainer, Explanation
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.schedule import QueueLimits
from whyalike.web.api.service import Service

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
PATIENCE = 30
WORDS = [
    "warm",
    "knit",
    "glove",
    "hand",
    "with",
    "wool",
    "smart",
    "phone",
    "friend",
    "stretch",
    "lemon",
    "zest",
]


def pairs_of(count):
    return [
        (" ".join(WORDS[: 1 + n % 7]), " ".join(WORDS[-1 - n % 5 :]) + f" {n}")
        for n in range(count)
    ]


def lines_of(pairs):
    return "\n".join(
        json.dumps({"id": f"{n}", "left": a, "right": b}) for n, (a, b) in enumerate(pairs)
    )


class Gate:
    """An embedding that waits until it is let, and says that it began."""

    def __init__(self):
        self.may, self.began = threading.Event(), threading.Event()

    def __call__(self, texts):
        self.began.set()
        assert self.may.wait(PATIENCE)
        return count_letters(texts)


def open_gated(**limits):
    """Return a service whose model works only when the gate is open, and the gate."""
    gate = Gate()
    gate.may.set()
    queue = QueueLimits(**{"gather_seconds": 0.0, **limits})
    service = Service({"gated": Explainer(embed=gate)}, limits=ServiceLimits(queue=queue))
    gate.may.clear()
    gate.began.clear()
    return service, gate


def open_async(service):
    app = create_api_app(service)
    return httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=HOME, timeout=PATIENCE)


async def until(condition):
    for _ in range(PATIENCE * 200):
        if condition():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it did not happen")


def test_a_batch_answers_each_line_in_order():
    service = Service({"letters": open_explainer()})
    client = TestClient(create_api_app(service), base_url=HOME)
    pairs = pairs_of(150)  # More than the window of 64.
    answer = client.post(f"{V1}/batch", content=lines_of(pairs))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/x-ndjson"
    said = [json.loads(line) for line in answer.text.splitlines()]
    assert [one["number"] for one in said] == list(range(150))
    assert [one["id"] for one in said] == [f"{n}" for n in range(150)]
    own = list(open_explainer().explain_many(pairs))
    assert [Explanation.from_dict(one["explanation"]) for one in said] == own
    assert counted(service, "batch_pairs_sum", model="letters") == 150
    assert counted(service, "batch_pairs_count", model="letters") < 75, "they went together"
    service.close()


def test_an_error_of_a_line_is_that_lines_alone():
    service = Service({"letters": open_explainer()})
    client = TestClient(create_api_app(service), base_url=HOME)
    lines = [
        '{"left": "a", "right": "b"}',
        "no json",
        '{"left": "a"}',
        "",
        '{"id": 7, "left": "a", "right": "b", "method": "nonsense"}',
        '{"id": "é", "left": "c", "right": "d"}',
        "[1]",
        '{"left": "' + "x" * 20_001 + '", "right": "b"}',
    ]
    said = [
        json.loads(line)
        for line in client.post(f"{V1}/batch", content="\n".join(lines)).text.splitlines()
    ]
    assert ["explanation" in one for one in said] == [True, False, False, False, True, False, False]
    assert [one["id"] for one in said] == [None, None, None, 7, "é", None, None]
    assert "right" in said[2]["error"]
    assert "nonsense" in said[3]["error"]
    assert "20,000" in said[6]["error"]
    many = "\n".join(lines[:1] * 1001)
    refused = client.post(f"{V1}/batch", content=many)
    assert refused.status_code == 422
    assert "1,000" in refused.json()["error"]
    service.close()


def test_requests_of_many_clients_go_through_the_model_together():
    explainer = Explainer(tiny("bert").parts)
    limits = ServiceLimits(queue=QueueLimits(gather_seconds=PATIENCE, batch_pieces=12))
    service = Service({"tiny": explainer}, limits=limits)
    pairs = pairs_of(12)

    async def ask_all():
        async with open_async(service) as client:
            asked = [client.post(f"{V1}/explain", json={"left": a, "right": b}) for a, b in pairs]
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask_all())
    assert [answer.status_code for answer in answers] == [200] * 12
    assert counted(service, "batch_pairs_count", model="tiny") == 1, "one batch"
    assert counted(service, "batch_pairs_sum", model="tiny") == 12, "of twelve"
    for answer, pair in zip(answers, pairs, strict=True):
        alone, said = explainer.explain(*pair), answer.json()
        assert (said["left"]["text"], said["right"]["text"]) == pair
        assert said["similarity"] == pytest.approx(alone.similarity, abs=1e-5)
        saliency = [word["saliency"] for word in said["left"]["words"]]
        assert saliency == pytest.approx([word.saliency for word in alone.left.words], abs=1e-4)
    service.close()


def test_a_full_queue_answers_503_and_what_was_taken_is_answered():
    service, gate = open_gated(waiting=4)

    async def ask_all():
        async with open_async(service) as client:
            asked = [
                asyncio.create_task(client.post(f"{V1}/explain", json={"left": a, "right": b}))
                for a, b in pairs_of(1)
            ]
            await until(gate.began.is_set)
            asked += [
                asyncio.create_task(client.post(f"{V1}/explain", json={"left": a, "right": b}))
                for a, b in pairs_of(11)[1:]
            ]
            await until(lambda: sum(task.done() for task in asked) == 6)
            gate.may.set()
            return await asyncio.gather(*asked)

    answers = asyncio.run(ask_all())
    refused = [answer for answer in answers if answer.status_code == 503]
    assert len(refused) == 6
    assert sum(answer.status_code == 200 for answer in answers) == 5
    for answer in refused:
        assert int(answer.headers["retry-after"]) >= 1
        assert "waiting already" in answer.json()["error"]
    assert counted(service, "refused_total") == 6
    service.close()


def test_a_batch_waits_where_others_fill_the_queue():
    service, gate = open_gated(waiting=4)
    client = TestClient(create_api_app(service), base_url=HOME)
    kind, _ = service.model().kind(None, None)
    futures = [service.model().queue.submit(kind, ("first", "pair"))]
    assert gate.began.wait(PATIENCE)
    futures += [service.model().queue.submit(kind, pair) for pair in pairs_of(4)]
    threading.Timer(0.2, gate.may.set).start()
    answer = client.post(f"{V1}/batch", content=lines_of(pairs_of(9)))
    said = [json.loads(line) for line in answer.text.splitlines()]
    assert all("explanation" in one for one in said)
    assert len(said) == 9
    assert all(future.result(PATIENCE) for future in futures)
    service.close()


async def run_raw(app, path, body, *, leave):
    """Send a request as a server does, and go away when ``leave`` says so."""
    sent, given = [], []

    async def receive():
        if not given:
            given.append(True)
            return {"type": "http.request", "body": body, "more_body": False}
        await leave.wait()
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"content-type", b"application/json")],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 8000),
    }
    await app(scope, receive, send)
    return sent


@pytest.mark.parametrize("name", ["explain", "compare", "batch"])
def test_a_client_that_goes_away_costs_nothing_more(name):
    service, gate = open_gated()
    asked = {
        "explain": {"left": "never", "right": "explained"},
        "compare": {"query": "never", "better": "explained", "worse": "at all"},
        "batch": {"left": "never", "right": "explained"},
    }[name]
    app = create_api_app(service)
    queue = service.model().queue

    async def ask_and_leave():
        leave = asyncio.Event()
        kind, _ = service.model().kind(None, None)
        first = queue.submit(kind, ("first", "pair"))
        await until(gate.began.is_set)
        task = asyncio.create_task(
            run_raw(app, f"{V1}/{name}", json.dumps(asked).encode(), leave=leave)
        )
        expected = 2 if name == "compare" else 1
        await until(lambda: queue.waiting == expected)
        leave.set()
        await asyncio.wait_for(task, PATIENCE)
        gate.may.set()
        await asyncio.wrap_future(first)
        return expected

    expected = asyncio.run(ask_and_leave())
    service.close()
    assert counted(service, "explanations_total") == 1, "the first pair alone"
    assert counted(service, "abandoned_total") == expected


def test_closing_finishes_what_was_accepted():
    service, gate = open_gated()

    async def ask_and_close():
        async with open_async(service) as client:
            asked = [
                asyncio.create_task(client.post(f"{V1}/explain", json={"left": a, "right": b}))
                for a, b in pairs_of(8)
            ]
            await until(gate.began.is_set)
            await until(lambda: service.kept.misses == 8)  # Each was submitted thereafter.
            closing = asyncio.create_task(asyncio.to_thread(service.close))
            await until(lambda: service.model().queue._closing)
            late = await client.post(f"{V1}/explain", json={"left": "too", "right": "late"})
            gate.may.set()
            await closing
            return late, await asyncio.gather(*asked)

    late, answers = asyncio.run(ask_and_close())
    assert late.status_code == 503
    assert "stopped" in late.json()["error"]
    assert [answer.status_code for answer in answers] == [200] * 8


def test_a_failed_half_of_a_comparison_cancels_the_other():
    service, gate = open_gated(waiting=1)
    queue = service.model().queue
    kind, _ = service.model().kind(None, None)

    async def compare():
        queue.submit(kind, ("first", "pair"))
        await until(gate.began.is_set)
        with pytest.raises(Exception, match="waiting already"):
            await service.compare("a", "b", "c")  # The queue takes one of its two pairs.

    asyncio.run(compare())
    gate.may.set()
    service.close()
    assert counted(service, "explanations_total") == 1
