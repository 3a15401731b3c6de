"""``whyalike serve`` as a process: it answers, it keeps to its limits, it ends cleanly under load."""

import signal

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("httpx", reason="needs the package httpx")

import httpx
from explorer_process import ServeProcess, ask_all

CLIENTS, REQUESTS = 6, 400


def test_it_answers_and_ends_cleanly_though_many_are_asking(saved_model):
    server = ServeProcess(("--model", str(saved_model), "--cache-mb", "0"))
    try:
        server.start()
        assert httpx.get(f"{server.url}/api/v1/health").json()["status"] == "ok"
        assert httpx.get(f"{server.url}/").status_code == 200
        said = httpx.get(f"{server.url}/api/v1/models").json()
        assert [one["name"] for one in said["models"]] == ["tiny-bert"]
        pairs = [(f"warm gloves {n}", f"woollen mittens {n}") for n in range(REQUESTS)]
        stopped = []

        def stop_soon(outcome):
            if len(outcome.seconds) >= REQUESTS // 8 and not stopped:
                stopped.append(True)
                server.process.send_signal(signal.SIGTERM)

        outcome = ask_all(server.url, pairs, clients=CLIENTS, each=stop_soon)
        _, said = server.process.communicate(timeout=60)
        assert (server.process.returncode, said.decode()) == (0, "")
    finally:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGKILL)
    assert outcome.broken == []
    assert len(outcome.seconds) >= REQUESTS // 8
    assert set(outcome.refused) <= {503}
    total = len(outcome.seconds) + len(outcome.refused) + outcome.unanswered
    assert total == REQUESTS, "each was answered, refused, or came too late"
