"""Links to questions that are too long for one."""

import re
from urllib.parse import urlsplit

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import make_app, open_explainer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from whyalike.cli.app import app as command
from whyalike.web import Address
from whyalike.web.api.service import Service
from whyalike.web.explorer.short_links import DAY, OVERHEAD, ShortLinks
from whyalike.web.serving import create_explorer_app

HOME = "http://127.0.0.1:8000"
PART = {"X-Whyalike-Part": "result"}
TOKEN = "long-enough-not-to-be-guessed"
LONG = "touchscreen gloves " * 400
WORD = "touchscreen" * 600
ASKED = {"left": LONG, "right": "wool", "method": "random"}


@pytest.fixture(scope="module")
def client(service):
    return TestClient(make_app(service), base_url=HOME)


def test_a_long_question_has_a_link_to_the_same_answer(client):
    page = client.post("/", data=ASKED)
    assert 'data-copy="stored" data-path="/pair/link"' in page.text
    assert 'form="ask" formmethod="post" formaction="/pair/link"' in page.text
    link = client.post("/pair/link", data={**ASKED, "sure": "1"}, headers=PART).text
    assert re.fullmatch(r"/\?q=[\w-]{16}", link)
    opened = client.get(link).text
    assert f">\n{LONG}</textarea>" in opened
    assert opened == page.text
    # Without a script the browser is led there, and a question has one id.
    led = client.post("/pair/link", data=ASKED, follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, link)
    # What is changed there is asked, and the rest is kept.
    assert ">\nhat</textarea>" in client.get(f"{link}&right=hat").text


def test_comparisons_and_searches_have_links_too(client):
    asked = {"query": WORD, "first": "zip", "second": "wool"}
    assert 'data-path="/compare/link"' in client.post("/compare", data=asked).text
    link = client.post("/compare/link", data=asked, headers=PART).text
    assert link.startswith("/compare?q=")
    assert f">\n{WORD}</textarea>" in client.get(link).text
    link = client.post("/catalogue/link", data={"text": LONG}, headers=PART).text
    assert f">\n{LONG}</textarea>" in client.get(link).text


def test_a_link_that_is_not_kept_says_so(client):
    gone = client.get("/?q=AAAAAAAAAAAAAAAA", headers={"accept": "text/html"})
    assert gone.status_code == 404
    assert "does not know the texts of this link" in gone.text
    assert client.get("/pair/link").status_code == 405


def test_short_questions_keep_their_own_links(client):
    page = client.post("/", data={"left": "warm", "right": "wool"}).text
    assert 'data-copy="link"' in page
    assert "/pair/link" not in page


@pytest.mark.parametrize(
    ("address", "asked", "keeps"),
    [
        (Address(), None, True),
        (Address(), False, False),
        (Address("0.0.0.0", public_url="https://why.example.org"), None, False),
        (Address("127.0.0.1", public_url="https://why.example.org"), None, False),
        (Address("127.0.0.1", public_url="https://why.example.org"), True, True),
    ],
)
def test_where_others_come_nothing_is_kept_unless_that_is_wanted(service, address, asked, keeps):
    app = create_explorer_app(service, address=address, token=TOKEN, short_links=asked)
    client = TestClient(app, base_url=address.public_url or HOME)
    assert client.post("/pair/link", data=ASKED, follow_redirects=False).status_code == 401
    link = client.get("/?q=AAAAAAAAAAAAAAAA", follow_redirects=False)
    assert urlsplit(link.headers["location"]).path == "/login"
    client.headers["authorization"] = f"Bearer {TOKEN}"
    made = client.post("/pair/link", data=ASKED, headers=PART)
    assert made.status_code == (200 if keeps else 404)
    assert ("/pair/link" in client.post("/", data=ASKED).text) == keeps


def test_links_are_of_bounded_number_size_and_age():
    now = [0.0]
    links = ShortLinks(most=3, most_bytes=10_000, clock=lambda: now[0])
    names = [links.put({"left": (f"text {n}",)}) for n in range(4)]
    assert len(set(names)) == 4
    assert links.get(names[0]) is None
    assert links.get(names[3]) == {"left": ("text 3",)}
    # Asked for once more, a question is as young as a new one.
    assert links.put({"left": ("text 1",)}) == names[1]
    links.put({"left": ("text 4",)})
    assert [links.get(name) is not None for name in names] == [False, True, False, True]
    links.put({"left": ("x" * (10_000 - 2 * OVERHEAD),)})
    assert links.size <= 10_000
    assert len(links._kept) <= 2
    name = links.put({"left": ("old",)})
    now[0] += 7 * DAY + 1
    assert links.get(name) is None
    assert links.size == len(links._kept) == len(links._ids) == len(links._digests) == 0


PUBLIC = ["--public-url", "https://why.example.org", "--token", TOKEN]


@pytest.mark.parametrize(
    ("options", "keeps"),
    [
        ([], True),
        (["--no-short-links"], False),
        (PUBLIC, False),
        ([*PUBLIC, "--short-links"], True),
    ],
)
def test_the_switch_of_serve(monkeypatch, options, keeps):
    monkeypatch.delenv("WHYALIKE_TOKEN", raising=False)
    made = []

    def serve(app, address, **ending):
        client = TestClient(app, base_url=address.url(8000))
        client.headers["authorization"] = f"Bearer {TOKEN}"
        made.append(client.post("/pair/link", data=ASKED, headers=PART).status_code == 200)

    monkeypatch.setattr("whyalike.web.server.serve", serve)
    monkeypatch.setattr(
        "whyalike.web.api.opening.open_service",
        lambda models, **options: Service({"letters": open_explainer()}),
    )
    done = CliRunner().invoke(command, ["serve", *options])
    assert done.exit_code == 0, done.stderr
    assert made == [keeps]
