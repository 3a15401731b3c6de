"""The how-to of a typed client does what it says: its Python is run against a server."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("httpx", reason="needs the package httpx")

from explorer_service import make_app, open_explainer
from serving_apps import serving

from whyalike.web.serving import create_explorer_app

HOW_TO = Path(__file__).resolve().parents[2] / "docs" / "how-to" / "http-client.md"
BLOCKS = re.findall(r"```python\n(.*?)```", HOW_TO.read_text(encoding="utf-8"), re.DOTALL)
TOKEN = "0123456789abcdef-Zurich"


@pytest.mark.parametrize("token", ["", TOKEN])
def test_its_code_runs_as_it_stands_one_block_after_another(service, monkeypatch, capsys, token):
    app = create_explorer_app(service, token=token) if token else make_app(service)
    with serving(app) as url:
        monkeypatch.setenv("WHYALIKE_URL", url)
        monkeypatch.setenv("WHYALIKE_TOKEN", token)
        known = {}
        for block in BLOCKS:
            exec(compile(block, str(HOW_TO), "exec"), known)
        known["client"].http.close()
    assert len(BLOCKS) == 7
    assert known["explanation"] == open_explainer().explain("warm gloves", "woollen mittens")
    assert known["ranking"].first.id == "p2"
    assert known["prices"] == {"g1": 12.5, "g3": 9.0, "h1": 15.0}
    said = capsys.readouterr().out
    assert "“p2” is first of 2" in said
    assert "30,000 of at most 20,000 characters" in said
    assert said.count("\n") == 6


def test_a_client_comes_back_when_it_is_told_to(monkeypatch):
    import httpx

    monkeypatch.setenv("WHYALIKE_URL", "http://127.0.0.1:1")
    known = {}
    exec(compile(BLOCKS[0], str(HOW_TO), "exec"), known)
    slept, client = [], known["Client"]("http://127.0.0.1:1")
    monkeypatch.setattr(known["time"], "sleep", slept.append)
    busy = {"error": "Ask again in 2 s.", "code": "queue_full", "retry_after": 2}
    answers = iter([httpx.Response(503, json=busy), httpx.Response(200, json={"a": 1})])
    assert client._read(lambda: next(answers)) == {"a": 1}
    assert slept == [2]
    with pytest.raises(known["Refused"], match="queue_full"):
        client._read(lambda: httpx.Response(503, json=busy))
    assert slept == [2, 2, 2]
    for one in (client, known["client"]):
        one.http.close()


def test_the_models_of_a_client_load_no_torch():
    script = "import sys; import whyalike.web.api.schema; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0
