"""``whyalike serve --open``: the browser is shown the page, where the page is on this machine."""

import webbrowser

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import open_explainer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from whyalike.cli.app import app as command
from whyalike.web.api.service import Service

TOKEN = "0123456789abcdef-Zurich"
PORT = 8123
HERE = f"http://127.0.0.1:{PORT}"
PUBLIC = ["--public-url", "https://why.example.org", "--token", TOKEN]


@pytest.fixture
def shown(monkeypatch):
    """What the browser was shown; the server stops as soon as it is ready."""
    monkeypatch.delenv("WHYALIKE_TOKEN", raising=False)
    opened = []

    def serve(app, address, *, ready, **ending):
        ready(address.url(PORT))
        with TestClient(app, base_url=address.url(PORT)) as client:
            assert client.get("/health").status_code == 200

    monkeypatch.setattr("whyalike.web.server.serve", serve)
    monkeypatch.setattr(
        "whyalike.web.api.opening.open_service",
        lambda models, **options: Service({"letters": open_explainer()}),
    )
    monkeypatch.setattr(webbrowser, "open", lambda url: opened.append(url) or True)
    return opened


@pytest.mark.parametrize(
    ("options", "expected"),
    [(["--open"], [HERE]), ([], []), ([*PUBLIC, "--open"], [])],
    ids=["open", "not-asked", "public"],
)
def test_the_browser_is_shown_what_is_local(shown, options, expected):
    done = CliRunner().invoke(command, ["serve", *options])
    assert done.exit_code == 0, done.stderr
    assert shown == expected
    url = "https://why.example.org" if "--public-url" in options else HERE
    assert f"Serving at {url}; Ctrl-C stops it. The API: {url}/api/docs" in done.stdout


def test_without_a_browser_it_serves_all_the_same(shown, monkeypatch):
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    done = CliRunner().invoke(command, ["serve", "--open"])
    assert done.exit_code == 0, done.stderr
