"""Who may ask, and what everybody is told: token, login, reference, counts, safe defaults."""

import re
from base64 import b64encode

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import open_explainer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from whyalike.cli.app import app as command
from whyalike.errors import OptionError
from whyalike.web.api.api_app import Access, create_api_app
from whyalike.web.api.metrics import Metrics
from whyalike.web.api.served import names_of
from whyalike.web.api.service import Service
from whyalike.web.server import Address

HOME = "http://127.0.0.1:8000"
V1 = "/api/v1"
TOKEN = "0123456789abcdef-Zurich"
PAIR = {"left": "warm gloves", "right": "woollen mittens"}


@pytest.fixture(scope="module")
def service():
    opened = Service({"letters": open_explainer()})
    yield opened
    opened.close()


@pytest.fixture
def client(service):
    return TestClient(create_api_app(service), base_url=HOME, follow_redirects=False)


@pytest.fixture
def closed(service):
    app = create_api_app(service, token=TOKEN)
    return TestClient(app, base_url=HOME, follow_redirects=False)


def bearer(token):
    return {"authorization": f"Bearer {token}".encode()}


@pytest.mark.parametrize(
    "path", ["/explain", "/compare", "/similar", "/rank", "/batch", "/passages"]
)
def test_without_the_token_nothing_is_answered(closed, path):
    answer = closed.post(V1 + path, json=PAIR)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "Bearer" in answer.json()["error"]
    assert "content-security-policy" in answer.headers


@pytest.mark.parametrize("path", ["/models", "/methods", "/metrics", "/items", "/item"])
def test_what_is_listed_is_closed_too(closed, path):
    assert closed.get(V1 + path).status_code == 401
    assert closed.get(V1 + path, headers=bearer(TOKEN)).status_code in (200, 422)


def test_health_and_styles_are_open(closed):
    assert closed.get(f"{V1}/health").status_code == 200
    assert closed.get("/health").status_code == 200
    assert closed.get("/assets/web.css").status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        bearer(TOKEN[:-1]),
        bearer(TOKEN + "x"),
        bearer(""),
        {"authorization": TOKEN.encode()},
        {"authorization": b"Basic " + b64encode(f"x:{TOKEN}".encode())},
        {"cookie": f"whyalike-access={TOKEN}".encode()},
        {"cookie": b"whyalike-access="},
    ],
)
def test_a_wrong_token_is_none(closed, headers):
    assert closed.post(f"{V1}/explain", json=PAIR, headers=headers).status_code == 401


def test_the_token_as_a_bearer(closed):
    answer = closed.post(f"{V1}/explain", json=PAIR, headers=bearer(TOKEN))
    assert answer.status_code == 200


def test_a_browser_logs_in_once_and_comes_back_where_it_was(closed):
    sent = closed.get("/api/docs?a=1&b=2")
    assert sent.status_code == 303
    page = closed.get(sent.headers["location"])
    assert page.status_code == 200
    assert 'value="/api/docs?a=1&amp;b=2"' in page.text
    wrong = closed.post("/login", data={"token": "no", "next": "/"})
    assert wrong.status_code == 403
    assert not wrong.cookies
    entered = closed.post("/login", data={"token": f" {TOKEN}\n", "next": "/api/docs?a=1&b=2"})
    assert (entered.status_code, entered.headers["location"]) == (303, "/api/docs?a=1&b=2")
    said = entered.headers["set-cookie"]
    assert "HttpOnly" in said
    assert "SameSite=strict" in said
    assert TOKEN[:8] not in said
    assert closed.get("/api/docs").status_code == 200
    assert closed.post(f"{V1}/explain", json=PAIR).status_code == 200


@pytest.mark.parametrize(
    "next",
    ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:x", "", "/\n/x"],
)
def test_the_login_leads_nowhere_else(closed, next):
    page = closed.get("/login", params={"next": next})
    assert 'name="next" value="/"' in page.text
    entered = closed.post("/login", data={"token": TOKEN, "next": next})
    assert entered.headers["location"] == "/"


def test_who_guesses_is_slowed_down(closed):
    codes = [closed.post("/login", data={"token": f"guess {n}"}).status_code for n in range(40)]
    assert codes[0] == 403
    assert codes[-1] == 429
    headers = bearer("guess")
    answer = closed.post(f"{V1}/explain", json=PAIR, headers=headers)
    assert answer.status_code == 429
    assert int(answer.headers["retry-after"]) >= 1


def test_other_sites_and_other_names_are_refused(client):
    foreign = {"origin": "https://evil.example"}
    assert client.post(f"{V1}/explain", json=PAIR, headers=foreign).status_code == 403
    fetched = {"sec-fetch-site": "cross-site"}
    assert client.post(f"{V1}/explain", json=PAIR, headers=fetched).status_code == 403
    rebound = {"host": "evil.example"}
    assert client.post(f"{V1}/explain", json=PAIR, headers=rebound).status_code == 400
    answer = client.options(
        f"{V1}/explain", headers={**foreign, "access-control-request-method": "POST"}
    )
    assert "access-control-allow-origin" not in answer.headers


def test_a_cookie_over_https_is_bound_to_it(service):
    address = Address("0.0.0.0", 8000, "https://why.example.org")
    app = create_api_app(service, address=address, token=TOKEN)
    client = TestClient(app, base_url="https://why.example.org", follow_redirects=False)
    said = client.post("/login", data={"token": TOKEN}).headers["set-cookie"]
    assert said.startswith("__Host-whyalike-access=")
    assert "Secure" in said
    assert client.get(f"{V1}/models").status_code == 200


@pytest.mark.parametrize("token", ["short", "x" * 15, "x" * 201, "ü" * 20, "word " * 5])
def test_a_token_that_could_be_guessed_is_refused(token):
    with pytest.raises(OptionError, match="characters"):
        Access(token)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "--public-url"),
        (["--host", "0.0.0.0", "--public-url", "http://box:8000"], "--token"),
        (["--public-url", "https://why.example.org", "--token", "short"], "16"),
        (["--results", "."], "leaderboard.json"),
        (["--port", "70000"], "65535"),
        (["--rate", "0.2"], "1 or more"),
    ],
)
def test_wrong_use_is_told_before_a_model_is_loaded(tmp_path, monkeypatch, options, says):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WHYALIKE_TOKEN", raising=False)
    done = CliRunner().invoke(command, ["serve", "--model", "no/such-model", *options])
    assert done.exit_code == 2, done.stderr
    assert says in done.stderr


def test_the_reference_documents_every_address_and_loads_nothing_from_elsewhere(client):
    document = client.get("/api/openapi.json").json()
    assert set(document["paths"]) == {
        f"{V1}/{name}"
        for name in (
            "explain",
            "compare",
            "similar",
            "rank",
            "passages",
            "estimate",
            "batch",
            "items",
            "item",
            "models",
            "methods",
            "health",
            "metrics",
        )
    }
    page = client.get("/api/docs")
    assert page.status_code == 200
    for path, operations in document["paths"].items():
        assert path in page.text
        for operation in operations.values():
            assert {one["label"] for one in operation["x-codeSamples"]} == {"curl", "Python"}
    links = re.findall(r'(?:src|href)="([^"]+)"', page.text)
    assert links
    assert all(link.startswith(("/", "#")) for link in links)
    assert "<script" not in page.text
    assert "curl http://127.0.0.1:8000/api/v1/models" in page.text
    assert client.get("/").headers["location"] == "/api/docs"


def test_the_python_examples_run_as_they_stand(client, monkeypatch, capsys):
    import httpx

    document = client.get("/api/openapi.json").json()

    def post(url, **options):
        options.pop("timeout")
        return client.post(url, **options)

    monkeypatch.setattr(httpx, "post", post)
    monkeypatch.setattr(httpx, "get", lambda url: client.get(url))
    monkeypatch.setattr(
        httpx,
        "stream",
        lambda method, url, content, timeout: client.stream(method, url, content=content),
    )
    ran = 0
    for path, operations in document["paths"].items():
        if path.endswith(("similar", "rank", "items", "item")):
            continue  # They need an index.
        for operation in operations.values():
            for sample in operation["x-codeSamples"]:
                if sample["lang"] == "Python":
                    exec(compile(sample["source"], path, "exec"), {})
                    ran += 1
    assert ran == 9
    assert "similarity" in capsys.readouterr().out


def test_metrics_count_what_happened(service, client):
    text = {"left": "counted once", "right": "counted twice"}
    before = read(client.get(f"{V1}/metrics").text)
    for _ in range(3):
        client.post(f"{V1}/explain", json=text)
    client.post(f"{V1}/explain", json={"left": "a"})
    client.get(f"{V1}/unknown-{'x' * 20}")
    answer = client.get(f"{V1}/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    after = read(answer.text)

    def grew(name):
        return after.get(name, 0) - before.get(name, 0)

    route = f'route="{V1}/explain"'
    assert grew(f'whyalike_requests_total{{method="POST",{route},status="200"}}') == 3
    assert grew(f'whyalike_requests_total{{method="POST",{route},status="422"}}') == 1
    assert grew(f"whyalike_request_seconds_count{{{route}}}") == 4
    assert grew('whyalike_explanations_total{method="occlusion",model="letters"}') == 1
    assert grew("whyalike_kept_hits_total") == 2
    assert grew("whyalike_kept_misses_total") == 1
    assert "xxxx" not in answer.text


def test_labels_are_escaped_and_buckets_add_up():
    metrics = Metrics()
    metrics.explained.labels(model='a "b"\\\nc', method="m").inc()
    for value in (0.001, 0.3, 99):
        metrics.seconds.labels(route="r").observe(value)
    found = read(metrics.text().decode())
    assert found['whyalike_explanations_total{method="m",model="a \\"b\\"\\\\\\nc"}'] == 1
    buckets = {k: v for k, v in found.items() if k.startswith("whyalike_request_seconds_bucket")}
    for name, count in buckets.items():
        bound = float(re.search(r'le="([^"]+)"', name)[1])
        assert count == sum(value <= bound for value in (0.001, 0.3, 99))
    assert found['whyalike_request_seconds_count{route="r"}'] == 3
    assert found['whyalike_request_seconds_sum{route="r"}'] == pytest.approx(99.301)


def test_folders_are_served_by_their_last_part(tmp_path):
    first, second = tmp_path / "a" / "model", tmp_path / "b" / "model"
    first.mkdir(parents=True)
    second.mkdir(parents=True)
    long = "x" * 5000
    places = [str(first), f"{second}/", "org/name", long]
    assert names_of(places) == {
        "model": places[0],
        "model-2": places[1],
        "org/name": "org/name",
        long: long,
    }


def read(text):
    """Return the values by what stands before them."""
    found = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            found[name] = float(value)
    return found
