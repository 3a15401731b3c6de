"""``whyalike serve`` as a process: killed under load it starts again, told to stop it ends in time."""

import signal
import threading
import time

import pytest

pytest.importorskip("fastapi", reason="needs the extra 'serve'")
pytest.importorskip("httpx", reason="needs the package httpx")

import httpx
import numpy as np
from explorer_process import ServeProcess, ask_all

from forking import Forked
from whyalike import Explainer
from whyalike.web import Address, create_explorer_app, serve
from whyalike.web.api.service import Service
from whyalike.web.server import leave

CLIENTS, ACCEPTED = 4, 12
PATIENCE = 600
MISSES = "whyalike_kept_misses_total"
LONG = " ".join(f"warm woollen gloves number {n}" for n in range(20))


@pytest.fixture
def start(saved_model):
    """Start servers of the model; what still runs at the end of the test is killed."""
    started = []

    def start(*options):
        asked = ("--model", str(saved_model), "--cache-mb", "0", *options)
        server = ServeProcess(asked, forked=True)
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
    answers.append(httpx.post(f"{url}/api/v1/explain", json=asked, timeout=PATIENCE))


def wait_until(condition):
    until = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.005)


def accepted(url):
    """How many requests the server took up that no kept result answers."""
    lines = httpx.get(f"{url}/api/v1/metrics", timeout=PATIENCE).text.splitlines()
    return sum(float(one.split()[1]) for one in lines if one.startswith(f"{MISSES} "))


def test_killed_it_starts_again_and_told_to_stop_it_answers_all_that_it_took(start):
    killed = start()
    outcome = kill_under_load(killed)
    killed.process.communicate(timeout=PATIENCE)
    assert killed.process.returncode == -signal.SIGKILL
    assert outcome.broken == []
    assert len(outcome.seconds) >= 20
    assert outcome.unanswered >= 1, "it was killed while it was asked"

    # All the time that a busy machine may need: how much is not what this is about.
    server = start("--port", killed.url.rpartition(":")[2], "--grace", "3600")
    assert server.url == killed.url
    answers, clients = [], []
    for number in range(ACCEPTED):
        clients.append(threading.Thread(target=ask_long, args=(server.url, number, answers)))
        clients[-1].start()
    wait_until(lambda: accepted(server.url) >= ACCEPTED)
    answered_before = len(answers)
    returned, said = server.stop(signal.SIGTERM)
    for client in clients:
        client.join(timeout=PATIENCE)
    assert (returned, said) == (0, "")
    assert answered_before < ACCEPTED, "some were still being explained"
    assert [answer.status_code for answer in answers] == [200] * ACCEPTED
    assert sorted(int(one.json()["left"]["text"].split()[0]) for one in answers) == [
        *range(ACCEPTED)
    ]
    with pytest.raises(httpx.ConnectError):
        httpx.get(server.url)


def test_what_is_not_done_in_time_is_ended_and_said_so(start):
    """Whatever runs when it is told to stop: who waits is answered, and nothing is logged."""
    server = start("--grace", "0", "--max-cost", "100000", "--seconds", "100000")
    text = " ".join(f"warm woollen gloves number {n}" for n in range(40))
    answers, clients = [], []

    def ask(number):
        asked = {"left": f"{number} {text}", "right": text, "method": "shapley"}
        asked["options"] = {"permutations": 64}
        answers.append(httpx.post(f"{server.url}/api/v1/explain", json=asked, timeout=PATIENCE))

    for number in range(6):
        clients.append(threading.Thread(target=ask, args=(number,)))
        clients[-1].start()

    def health():
        return httpx.get(f"{server.url}/api/v1/health", timeout=PATIENCE).json()

    wait_until(lambda: health()["running"] >= 2 and accepted(server.url) >= 6)
    assert answers == []
    assert server.stop(signal.SIGTERM) == (0, "")
    for client in clients:
        client.join(PATIENCE)
    assert [answer.status_code for answer in answers] == [503] * 6
    assert {answer.json()["code"] for answer in answers} == {"stopping"}


def serve_what_hangs():
    def embed(texts):
        if "hang" in texts:
            print("hangs", flush=True)
            threading.Event().wait()
        return np.ones((len(texts), 3))

    service = Service({"hanging": Explainer(embed=embed)})
    app = create_explorer_app(service)

    def ready(url):
        print(url, flush=True)

    serve(app, Address(port=0), ready=ready, work=service, grace=0, leaves=True)
    if not service.close(1):
        leave()
    print("closed", flush=True)


def test_a_model_that_never_comes_back_does_not_keep_the_server():
    process = Forked(serve_what_hangs)
    try:
        url = process.stdout.readline().decode().strip()
        answers = []

        def ask():
            asked = {"left": "hang", "right": "b"}
            answers.append(httpx.post(f"{url}/api/v1/explain", json=asked, timeout=PATIENCE))

        client = threading.Thread(target=ask)
        client.start()
        assert process.stdout.readline() == b"hangs\n"
        process.send_signal(signal.SIGTERM)
        said, logged = process.communicate(timeout=PATIENCE)
        client.join(PATIENCE)
    finally:
        process.kill()
    assert answers[0].status_code == 503
    assert b"Traceback" not in logged
    assert b"can't be ended" in logged
    assert said == b""
    assert process.returncode == 1
