"""What surrounds an answer: its id and time, compression, HEAD, who may ask how often."""

import asyncio
import gzip
import json
import re
import threading
import zlib

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import count_letters, make_service, open_explainer
from fastapi.testclient import TestClient
from starlette.requests import Request

from whyalike import Comparison, Explainer, Explanation
from whyalike.errors import OptionError
from whyalike.ranking import Ranking
from whyalike.web.api.api_app import create_api_app
from whyalike.web.api.asking import ServiceLimits
from whyalike.web.api.rate import Rate, client_of
from whyalike.web.api.schedule import QueueLimits
from whyalike.web.api.service import Service
from whyalike.web.api.work_queue import WorkQueue
from whyalike.web.middleware import RateLimiter
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
TOKEN = "0123456789abcdef-Zurich"
BEARER = {"authorization": f"Bearer {TOKEN}"}
PAIR = {"left": "warm gloves", "right": "woollen mittens"}
PATIENCE = 30


@pytest.fixture(scope="module")
def client(service):
    return TestClient(create_explorer_app(service), base_url=HOME)


def test_an_id_is_taken_over_where_it_is_harmless_and_made_elsewhere(client):
    for given in ("req-7", "01J9:a/b+c=@d.e_f", "x" * 128):
        answer = client.get(f"{V1}/health", headers={"x-request-id": given})
        assert answer.headers["x-request-id"] == given
    made = set()
    for given in ("", "two words", "a\tb", "<script>", "x" * 129, "é"):
        headers = {"x-request-id": given.encode("latin-1")}
        made.add(client.get(f"{V1}/health", headers=headers).headers["x-request-id"])
    assert len(made) == 6
    assert all(re.fullmatch(r"[0-9a-f]{32}", one) for one in made)


def timing_of(answer):
    parts = dict(part.split(";", 1) for part in answer.headers["server-timing"].split(", "))
    return {name: float(said.split("=")[1]) for name, said in parts.items()}


def test_an_answer_says_how_long_it_took_and_how_long_the_model_worked():
    now = 0.0

    def embed(texts):
        # Each call takes a quarter of a second, by the clock of the queue.
        nonlocal now
        now += 0.25
        return count_letters(texts)

    limits = ServiceLimits(queue=QueueLimits(gather_seconds=0.0, gather_share=0.0))
    queue = WorkQueue(limits=limits.queue, clock=lambda: now)
    service = Service({"letters": Explainer(embed=embed)}, limits=limits, queue=queue)
    client = TestClient(create_api_app(service), base_url=HOME)
    before = now
    first = client.post(f"{V1}/explain", json={**PAIR, "check": 0})
    assert timing_of(first)["model"] == pytest.approx(1000 * (now - before)) != 0
    assert "kept" not in timing_of(first)
    again = client.post(f"{V1}/explain", json={**PAIR, "check": 0})
    assert timing_of(again)["model"] == 0
    assert timing_of(again)["kept"] == 1
    assert timing_of(again)["total"] > 0
    service.close()


def test_answers_are_compressed_for_who_takes_that_and_are_the_same(client):
    packed = client.post(f"{V1}/explain", json=PAIR, headers={"accept-encoding": "gzip"})
    plain = client.post(f"{V1}/explain", json=PAIR, headers={"accept-encoding": "identity"})
    assert packed.headers["content-encoding"] == "gzip"
    assert "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < len(plain.content) / 2
    assert "accept-encoding" in packed.headers["vary"].lower()
    short = client.get(f"{V1}/health", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in short.headers
    assert client.get("/", headers={"accept-encoding": "gzip"}).headers["content-encoding"]


def test_a_compressed_batch_is_read_line_by_line_as_it_is_made():
    """The first line comes while the second one is not explained yet."""
    may, asked = threading.Event(), threading.Event()

    def embed(texts):
        if any("second" in text for text in texts):
            asked.set()
            assert may.wait(PATIENCE)
        return count_letters(texts)

    limits = ServiceLimits(queue=QueueLimits(gather_seconds=0.0, batch_pieces=1))
    service = Service({"letters": Explainer(embed=embed)}, limits=limits)
    app = create_api_app(service)
    lines = [
        json.dumps({"id": n, "left": f"{n} gloves", "right": "hat"}) for n in ("first", "second")
    ]
    sent = []

    async def read():
        begun = asyncio.Event()

        async def receive():
            if not begun.is_set():
                begun.set()
                return {"type": "http.request", "body": "\n".join(lines).encode()}
            await asyncio.Event().wait()
            return {"type": "http.disconnect"}

        async def send(message):
            sent.append(message)
            if len([one for one in sent if one.get("body")]) == 1:
                unpacked = zlib.decompressobj(31).decompress(sent[-1]["body"])
                assert json.loads(unpacked)["id"] == "first"
                assert not may.is_set()
                may.set()

        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": f"{V1}/batch",
            "raw_path": f"{V1}/batch".encode(),
            "root_path": "",
            "query_string": b"",
            "headers": [(b"host", b"127.0.0.1"), (b"accept-encoding", b"gzip")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
        }
        await asyncio.wait_for(app(scope, receive, send), PATIENCE)

    asyncio.run(read())
    whole = gzip.decompress(b"".join(one.get("body", b"") for one in sent))
    assert [json.loads(line)["id"] for line in whole.splitlines()] == ["first", "second"]
    assert may.is_set()
    service.close()


@pytest.mark.parametrize(
    "path", ["/models", "/methods", "/health", "/metrics", "/items", "/item?id=g1"]
)
def test_head_is_answered_where_get_is(client, path):
    got, asked = client.get(V1 + path), client.head(V1 + path)
    assert asked.status_code == got.status_code == 200
    assert asked.headers["content-type"] == got.headers["content-type"]


def test_head_is_answered_for_pages_and_for_no_question(client):
    for path in ("/", "/compare", "/catalogue", "/api/docs", "/api/openapi.json", "/health"):
        assert client.head(path).status_code == client.get(path).status_code == 200
    assert client.head(f"{V1}/explain").status_code == 405
    document = client.get("/api/openapi.json").json()
    assert not any("head" in operations for operations in document["paths"].values())


def test_who_has_the_token_asks_as_often_as_the_rate_says(service):
    app = create_explorer_app(service, token=TOKEN, rate=60)
    client = TestClient(app, base_url=HOME, headers=BEARER)
    codes = [client.get(f"{V1}/models").status_code for _ in range(12)]
    assert codes[:10] == [200] * 10, "ten seconds' worth at once"
    assert codes[-1] == 429
    answer = client.get(f"{V1}/models")
    said = answer.json()
    assert (said["code"], said["limit"], said["unit"]) == ("rate_limited", 60, "requests a minute")
    assert said["retry_after"] == int(answer.headers["retry-after"]) >= 1
    page = client.get("/")
    assert page.status_code == 429
    assert "60 requests a minute" in page.text
    # Nobody is locked out of what says how the server is, and of how pages look.
    assert client.get(f"{V1}/health").status_code == 200
    assert client.get("/assets/web.css").status_code == 200
    # A page asks each second how far its question is, and is no worse off for that.
    assert client.get("/progress").status_code != 429
    # Another client has its own.
    other = TestClient(app, base_url=HOME, headers=BEARER, client=("10.0.0.9", 1))
    assert other.get(f"{V1}/models").status_code == 200
    # Who has no token is told that, and takes nothing from the others.
    assert TestClient(app, base_url=HOME).get(f"{V1}/models").status_code == 401


def test_a_rate_is_refilled_as_time_goes(monkeypatch):
    now = 0.0
    rate = Rate(30)
    rate.limiter = RateLimiter(rate=0.5, burst=5, clock=lambda: now)
    request = Request({"type": "http", "headers": [], "client": ("10.0.0.1", 1)})
    assert [rate.wait(request) for _ in range(6)] == [0, 0, 0, 0, 0, 2]
    now = 2.0
    assert [rate.wait(request) for _ in range(2)] == [0, 2]
    with pytest.raises(OptionError, match="1 or more"):
        Rate(0.5)


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("10.0.0.1", "10.0.0.1"),
        ("::ffff:10.0.0.1", "10.0.0.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
    ],
)
def test_a_client_is_known_by_its_address_or_its_network(host, known):
    assert client_of(Request({"type": "http", "headers": [], "client": (host, 1)})) == known


def test_the_reference_is_open_only_where_that_is_said(service):
    for open_docs, status in ((False, 401), (True, 200)):
        app = create_api_app(service, token=TOKEN, open_docs=open_docs)
        client = TestClient(app, base_url=HOME, follow_redirects=False)
        assert client.get("/api/openapi.json").status_code == status
        assert client.get("/api/docs").status_code == (200 if open_docs else 303)
        assert client.get(f"{V1}/models").status_code == 401
        assert client.post(f"{V1}/explain", json=PAIR).status_code == 401


def test_health_says_how_much_waits_since_when_and_how_much_may(tmp_path):
    service = make_service(tmp_path)
    client = TestClient(create_api_app(service), base_url=HOME)
    hold, began = threading.Event(), threading.Event()
    service.queue.call(lambda: began.set() or hold.wait(PATIENCE))
    assert began.wait(PATIENCE)
    now = service.queue._clock()
    service.queue._clock = lambda: now
    service.queue.call(lambda: None)
    service.queue._clock = lambda: now + 7
    said = client.get(f"{V1}/health").json()
    assert (said["waiting"], said["waiting_seconds"], said["waiting_limit"]) == (1, 7.0, 256)
    assert said["searches"] == 0
    hold.set()
    service.close()


@pytest.mark.parametrize("name", ["explain", "batch", "passages", "compare"])
def test_an_answer_that_is_not_as_documented_is_not_sent(monkeypatch, caplog, name):
    def lie(document):
        return lambda self: json.dumps({**document.to_dict(self), "method": 3})

    for document in (Explanation, Ranking):
        monkeypatch.setattr(document, "to_json", lie(document))
    monkeypatch.setattr(
        Comparison, "to_json", lambda self: json.dumps({**self.to_dict(), "margin": "0.5"})
    )
    service = Service({"letters": open_explainer()})
    client = TestClient(create_api_app(service), base_url=HOME, raise_server_exceptions=False)
    asked = {
        "passages": {"query": "warm", "passages": ["gloves", "hat"]},
        "compare": {"query": "warm", "better": "gloves", "worse": "hat"},
    }.get(name, PAIR)
    answer = client.post(f"{V1}/{name}", json=asked)
    assert answer.status_code == (200 if name == "batch" else 500)
    assert answer.json()["code"] == "internal_error"
    assert "as documented" in caplog.text
    service.close()
