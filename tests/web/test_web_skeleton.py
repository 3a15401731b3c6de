"""The server's skeleton: what every app here gets, whatever its pages are."""

import random
import subprocess
import sys

import pytest

fastapi = pytest.importorskip("fastapi", reason="needs the extra 'study'")

from fastapi import Form  # noqa: E402
from fastapi.testclient import TestClient  # noqa: E402

import whyalike.web  # noqa: E402
from whyalike.errors import MissingExtraError, OptionError, OutputError  # noqa: E402
from whyalike.web import Address, create_app, serve  # noqa: E402
from whyalike.web.middleware import MOST_KEYS, RateLimiter  # noqa: E402
from whyalike.web.pages import (  # noqa: E402
    SHARED,
    Assets,
    Pages,
)
from whyalike.web.server import SECONDS_TO_SWITCH, often_switching_threads  # noqa: E402

HOME = "http://127.0.0.1:8000"


@pytest.fixture
def app():
    assets = Assets(SHARED)
    app = create_app(pages=Pages("Test", assets), assets=assets, hosts=["study.example.org"])

    @app.get("/broken")
    def broken():
        raise RuntimeError("the secret of the traceback")

    @app.post("/echo")
    def echo(text: str = Form()):
        return {"length": len(text)}

    return app


@pytest.fixture
def client(app):
    return TestClient(app, base_url=HOME, raise_server_exceptions=False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/assets/web.css", 200),
        ("GET", "/assets/nothing.css", 404),
        ("GET", "/assets/..%2fapp.py", 404),
        ("GET", "/nothing", 404),
        ("DELETE", "/health", 405),
        ("GET", "/broken", 500),
        ("POST", "/echo", 422),
    ],
)
def test_every_answer_forbids_what_is_not_ours(client, method, path, status):
    answer = client.request(method, path)
    assert answer.status_code == status
    policy = dict(
        part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == "'self'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "strict-origin"
    kept = "/assets/web.css" in path
    assert answer.headers["cache-control"] == (
        "public, max-age=31536000, immutable" if kept else "no-store"
    )


def test_errors_say_what_to_do_to_people_and_to_scripts(client):
    page = client.get("/nothing")
    assert "There is no such page here" in page.text
    assert 'href="/"' in page.text
    told = client.get("/nothing", headers={"accept": "application/json"})
    assert told.json()["error"].startswith("There is no such page here")
    broken = client.get("/broken")
    assert "secret" not in broken.text
    assert "try again" in broken.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "localhost@evil", "[::2]"]
)
def test_a_name_that_points_here_from_elsewhere_is_refused(client, host):
    assert client.get("/health", headers={"host": host}).status_code == 400


@pytest.mark.parametrize(
    "host", ["localhost:1", "127.0.0.1", "[::1]:80", "study.example.org", "STUDY.example.org"]
)
def test_our_own_names_are_served(client, host):
    assert client.get("/health", headers={"host": host}).status_code == 200


def test_a_long_body_is_not_read(client):
    assert client.post("/echo", data={"text": "x" * 60_000}).json() == {"length": 60_000}
    assert client.post("/echo", data={"text": "x" * 70_000}).status_code == 413

    # Without a length that is said beforehand.
    pieces = (b"text=" + b"x" * 1000 for _ in range(80))
    form = {"content-type": "application/x-www-form-urlencoded"}
    assert client.post("/echo", content=pieces, headers=form).status_code == 413


def test_assets_are_named_by_their_content():
    assets = Assets(SHARED)
    assert len({one.url for one in assets.by_name.values()}) == len(SHARED)
    joined = assets.by_name["web.css"].content.decode()
    assert all(source.read_text(encoding="utf-8") in joined for source in SHARED["web.css"])


def test_the_limiter_lets_through_as_many_as_a_counted_bucket():
    choose = random.Random(3)
    rate, burst, now = 2.0, 5, [0.0]
    limiter = RateLimiter(rate=rate, burst=burst, clock=lambda: now[0])
    # The slow way: drops that fall one by one, each at its own time.
    full, drops = dict.fromkeys("ab", burst), dict.fromkeys("ab", 0.0)
    for _ in range(500):
        key = choose.choice("ab")
        while full[key] < burst and drops[key] + 1 / rate <= now[0] + 1e-9:
            drops[key] += 1 / rate
            full[key] += 1
        if full[key] == burst:
            drops[key] = now[0]
        wait = limiter.wait(key)
        assert (wait == 0) == (full[key] > 0)
        if full[key]:
            full[key] -= 1
        else:
            assert wait == 1
        now[0] += choose.choice([0.0, 0.0, 0.125, 0.25, 1.0])


def test_the_limiter_forgets_those_who_are_long_gone():
    limiter = RateLimiter(rate=0.001, burst=1, clock=lambda: 0.0)
    assert limiter.wait("first") == 0
    assert limiter.wait("first") == 1000
    for n in range(MOST_KEYS):
        limiter.wait(n)
    assert len(limiter._buckets) == MOST_KEYS
    assert limiter.wait("first") == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"host": "0.0.0.0"},
        {"host": "192.168.1.7"},
        {"host": "::"},
        {"host": "example.org"},
        {"port": -1},
        {"port": 65536},
        {"public_url": "study.example.org"},
        {"public_url": "ftp://study.example.org"},
        {"public_url": "https://study.example.org/path"},
        {"public_url": "https://"},
    ],
)
def test_an_address_that_opens_more_than_was_said_is_refused(wrong):
    with pytest.raises(OptionError):
        Address(**wrong)


def test_links_name_what_raters_reach():
    assert Address().url(8123) == "http://127.0.0.1:8123"
    assert Address(host="::1").url(80) == "http://[::1]:80"
    away = Address(host="0.0.0.0", public_url="https://study.example.org/")
    assert away.url(8000) == "https://study.example.org"
    assert away.public_host == "study.example.org"
    assert away.secure
    assert not Address(public_url="http://box:8000").secure


def test_a_port_that_is_taken_is_told():
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OutputError, match=f"port {port}"):
            serve(lambda: None, Address(port=port), ready=lambda url: None)


def test_missing_packages_are_named(monkeypatch):
    monkeypatch.setattr(
        whyalike.web.util, "find_spec", lambda name: None if name == "uvicorn" else 1
    )
    with pytest.raises(MissingExtraError, match="uvicorn"):
        _ = whyalike.web.serve


def test_importing_loads_no_server():
    code = "import sys, whyalike.web; print([n for n in ('fastapi', 'uvicorn', 'sqlalchemy', 'torch') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_threads_take_turns_often_while_serving_and_as_before_afterwards():
    before, seen = sys.getswitchinterval(), []

    def fail():
        with often_switching_threads():
            seen.append(sys.getswitchinterval())
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert seen == pytest.approx([SECONDS_TO_SWITCH], abs=1e-6)
    assert seen[0] < sys.getswitchinterval() == before
