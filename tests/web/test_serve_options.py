"""``whyalike serve --rate --open-docs``: what is said on the command line holds for the server."""

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")

from explorer_service import open_explainer
from fastapi.testclient import TestClient
from typer.testing import CliRunner

import whyalike.web
from whyalike.cli.app import app as command
from whyalike.web.api.service import Service

TOKEN = "0123456789abcdef-Zurich"


def served(monkeypatch, *options):
    """Return the app that the command would serve."""
    made = []
    monkeypatch.setattr(
        whyalike.web, "open_service", lambda *_, **__: Service({"letters": open_explainer()})
    )
    monkeypatch.setattr(whyalike.web, "serve", lambda app, *_, **__: made.append(app))
    done = CliRunner().invoke(command, ["serve", "--token", TOKEN, *options])
    assert done.exit_code == 0, done.output
    return TestClient(made[0], base_url="http://127.0.0.1:8000", follow_redirects=False)


def test_neither_is_so_where_it_is_not_said(monkeypatch):
    client = served(monkeypatch)
    assert client.get("/api/openapi.json").status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    assert {client.get("/api/v1/methods", headers=bearer).status_code for _ in range(30)} == {200}


def test_both_are_so_where_they_are_said(monkeypatch):
    client = served(monkeypatch, "--open-docs", "--rate", "6")
    assert client.get("/api/openapi.json").status_code == 200
    assert client.get("/api/v1/models").status_code == 401
    bearer = {"authorization": f"Bearer {TOKEN}"}
    codes = [client.get("/api/v1/models", headers=bearer).status_code for _ in range(2)]
    # The service is closed by then, but what it has is still listed; the document counted once.
    assert codes[-1] == 429
