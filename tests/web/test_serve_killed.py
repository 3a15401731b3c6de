"""``whyalike serve`` as a process: killed under load it starts again, told to stop it finishes."""

import signal
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("httpx", reason="needs the package httpx")

import httpx
from explorer_process import ServeProcess, ask_all

CLIENTS, ACCEPTED = 4, 12
MISSES = "whyalike_kept_misses_total"
LONG = " ".join(f"warm woollen gloves number {n}" for n in range(20))


@pytest.fixture
def start(saved_model):
    """Start servers of the model; what still runs at the end of the test is killed."""
    started = []

    def start(*options):
        server = ServeProcess(("--model", str(saved_model), "--cache-mb", "0", *options))
        started.append(server)
        return server.start()

    yield start
    for server in started:
        if server.process is not None and server.process.poll() is None:
            server.stop(signal.SIGKILL)


def kill_under_load(server):
    """Kill the server while clients ask, and return what became of them."""
    pairs = [(f"warm gloves {n}", f"woollen mittens {n}") for n in range(200)]
    return ask_all(
        server.url,
        pairs,
        clients=CLIENTS,
        each=lambda outcome: len(outcome.seconds) >= 20 and server.process.kill(),
    )


def ask_long(url, number, answers):
    """Ask for what takes long, and keep the answer."""
    asked = {"left": f"{number} {LONG}", "right": f"mittens {LONG}", "method": "occlusion"}
    answers.append(httpx.post(f"{url}/api/v1/explain", json=asked, timeout=60))


def accepted(url):
    """How many requests the server took up that no kept result answers."""
    lines = httpx.get(f"{url}/api/v1/metrics", timeout=60).text.splitlines()
    return sum(float(one.split()[1]) for one in lines if one.startswith(f"{MISSES} "))


def test_killed_it_starts_again_and_told_to_stop_it_answers_all_that_it_took(start):
    killed = start()
    outcome = kill_under_load(killed)
    killed.process.communicate(timeout=60)
    assert killed.process.returncode == -signal.SIGKILL
    assert outcome.broken == []
    assert len(outcome.seconds) >= 20
    assert outcome.unanswered >= 1, "it was killed while it was asked"

    server = start("--port", killed.url.rpartition(":")[2])
    assert server.url == killed.url
    answers, clients = [], []
    for number in range(ACCEPTED):
        clients.append(threading.Thread(target=ask_long, args=(server.url, number, answers)))
        clients[-1].start()
    until = time.monotonic() + 60
    while accepted(server.url) < ACCEPTED and time.monotonic() < until:
        time.sleep(0.005)
    answered_before = len(answers)
    returned, said = server.stop(signal.SIGTERM)
    for client in clients:
        client.join(timeout=60)
    assert (returned, said) == (0, "")
    assert answered_before < ACCEPTED, "some were still being explained"
    assert [answer.status_code for answer in answers] == [200] * ACCEPTED
    assert sorted(int(one.json()["left"]["text"].split()[0]) for one in answers) == [
        *range(ACCEPTED)
    ]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)
