"""``whyalike study serve`` as a process: many raters at once, kill -9, a clean end."""

import re
import signal

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'study'")
pytest.importorskip("httpx", reason="needs the package httpx")

import httpx
from rating_load import Server, rate_all
from rating_studies import make_study
from typer.testing import CliRunner

from whyalike.cli.app import app
from whyalike.study import open_storage

RATERS, SCREENS = 50, 2


@pytest.fixture
def server(tmp_path):
    server = Server(tmp_path)
    yield server
    if server.process is not None and server.process.poll() is None:
        server.stop(signal.SIGKILL)


def test_fifty_raters_at_once_lose_nothing_though_the_server_is_killed(server, tmp_path):
    study = make_study(tmp_path, practice=0, checks=0, repeats=0)
    server.start(raters=RATERS)
    confirmed = rate_all(server, SCREENS, kill_after=RATERS * SCREENS // 2)
    code, said = server.stop()
    assert (code, said) == (0, ""), "SIGTERM ends it cleanly, and nothing was logged"
    storage = open_storage(study)
    rows = storage.all_ratings(history=True)
    storage.close()
    stored = sorted((row.rater_number, row.position, row.value) for row in rows)
    assert stored == sorted(confirmed.answers)
    assert len(stored) == RATERS * SCREENS
    assert confirmed.retries > 0, "the server was killed while they rated"


def test_it_says_where_it_is_and_ends_at_ctrl_c(server, tmp_path):
    make_study(tmp_path, practice=0)
    server.start(raters=1)
    assert re.search(r"^  0\thttp://127\.0\.0\.1:\d+/r/", server.said, re.MULTILINE)
    assert httpx.get(server.url + "/health").json() == {"status": "ok"}
    assert httpx.get(server.url + "/health").headers.get("server") is None
    page = httpx.post(
        f"{server.url}/admin/enter", data={"token": server.admin}, follow_redirects=False
    )
    assert page.headers["location"] == "/admin"
    assert httpx.get(f"{server.url}/r/{server.tokens[0]}").status_code == 200
    assert server.stop(signal.SIGINT) == (0, "")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--host", "0.0.0.0"], "--public-url"),
        (["--port", "70000"], "65535"),
        (["--public-url", "study.example.org"], "origin"),
        (["--database", "mysql://x/y"], "postgresql"),
    ],
)
def test_wrong_use_is_told_before_anything_listens(tmp_path, options, says):
    make_study(tmp_path)
    done = CliRunner().invoke(app, ["study", "serve", str(tmp_path), *options])
    assert done.exit_code == 2
    assert says in done.stderr


def test_a_folder_without_a_study_is_told(tmp_path):
    done = CliRunner().invoke(app, ["study", "serve", str(tmp_path)])
    assert done.exit_code == 2
    assert "study create" in done.stderr
