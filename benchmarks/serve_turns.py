"""Short requests on ``whyalike serve`` beside long ones: how long each waits, and who is stopped.

Run: .venv/bin/python benchmarks/serve_turns.py [--model M] [--requests 320] [--clients 32]
         [--long 2] [--dear shapley|passages|both] [--seconds 20]
Clients ask for pairs of 12 to 40 words by turns alone and beside clients that ask for shapley on
texts of 180 words, or for a ranking of 100 passages as long. Prints a table in Markdown, with the
load of the machine. What each round gave is printed at once, and kept with ``--json``: a run that
is ended early loses its last round only. A phase ends after ``--seconds``, whatever is not asked
by then. Exits with 1 where an answer is another pair's, and with 3 where the p95 of short requests
beside long ones is more than twice that alone.
"""

import argparse
import contextlib
import json
import os
import random
import socket
import statistics
import sys
import threading
import time
from http.client import HTTPConnection, HTTPException
from pathlib import Path
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests" / "web"), str(ROOT / "tests")]
sys.path.insert(0, str(ROOT / "benchmarks"))

import httpx  # noqa: E402
from explorer_process import ServeProcess, ask_all  # noqa: E402
from measuring import MISSED, keep  # noqa: E402
from serve_load import WORDS, make_pairs  # noqa: E402

MOST = 2.0
CHEAP = {"check": 0}
"""Asked with short requests: no deletions, which would take most of their time."""

JSON = {"content-type": "application/json"}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="all-MiniLM-L6-v2")
    parser.add_argument("--requests", type=int, default=320)
    parser.add_argument("--clients", type=int, default=32)
    parser.add_argument("--long", type=int, default=2, help="clients that ask for what is dear")
    parser.add_argument("--dear", choices=("shapley", "passages", "both"), default="both")
    parser.add_argument("--passages", type=int, default=100, help="of a ranking")
    parser.add_argument("--words", type=int, default=180, help="of their texts")
    parser.add_argument("--rounds", type=int, default=3, help="alone and beside by turns")
    parser.add_argument("--seconds", type=float, default=20, help="of a phase, at most")
    parser.add_argument("--json", type=Path, help="where to write the figures")
    asked = parser.parse_args()
    server = ServeProcess(("--model", asked.model, "--cache-mb", "0", "--max-cost", "3600"))
    try:
        server.start()
        good, figures = measure(server, asked)
        code, said = server.stop()
    finally:
        if server.process is not None and server.process.poll() is None:
            server.process.kill()
    print(f"\nthe server ended with {code}{': ' + said if said else ''}")
    if not good or code:
        return 1
    return 0 if figures["ratio"] <= MOST else MISSED


def measure(server, asked):
    choose = random.Random(11)
    ask_all(server.url, make_pairs(choose, asked.clients), clients=asked.clients, more=CHEAP)
    alone, beside, done, good = [], [], [], True
    what = "shapley and passages" if asked.dear == "both" else asked.dear
    print(f"{asked.clients} clients, {asked.requests} requests a round at most\n", flush=True)
    for round_ in range(asked.rounds):
        for seconds, clients in ((alone, 0), (beside, asked.long)):
            pairs = until(time.monotonic() + asked.seconds, make_pairs(choose, asked.requests))
            with LongClients(server.url, clients, asked) as long:
                outcome = ask_all(server.url, pairs, clients=asked.clients, more=CHEAP)
            seconds.append(outcome.seconds)
            good &= not outcome.broken + outcome.refused and not outcome.unanswered
            p95, count = 1000 * percentile(outcome.seconds, 95), len(outcome.seconds)
            where = f"beside {clients} of {what}" if clients else "alone"
            print(f"round {round_ + 1}, {where}: {count} answers, p95 {p95:,.0f} ms", flush=True)
            if clients:
                done.append(long)
        figures = figures_of(alone, beside, done) | {"all right": good}
        figures |= {"clients": asked.clients, "long": asked.long, "what": what}
        keep(asked.json, {"serve_turns": figures | {"words": asked.words}})
    print("\n| short requests | median | p95 |\n|---|---|---|")
    beside_name = f"beside {asked.long} of {what}, {asked.words} words"
    for name, key in (("alone", "alone"), (beside_name, "beside")):
        one = figures[key]
        print(f"| {name} | {one['p50_ms']:,.0f} ms | {one['p95_ms']:,.0f} ms |")
    ratios = ", ".join(f"{one:.2f}" for one in figures["ratios"])
    print(f"| p95 beside ÷ alone, by round | | {ratios} |")
    load, cores = os.getloadavg(), os.cpu_count()
    print(f"\nload of the machine {load[0]:.1f}, {load[1]:.1f} in 5 minutes; {cores} cores", end="")
    print(f"\nturns a second beside them: {figures['turns a second']:.1f}; ", end="")
    print(f"long requests answered meanwhile: {figures['long answered']}; ", end="")
    print(f"done with the last {figures['seconds until quiet']:.1f} s after its client left")
    return good, figures


def until(end, pairs):
    """Yield pairs while there is time."""
    for pair in pairs:
        if time.monotonic() >= end:
            return
        yield pair


def figures_of(alone, beside, done):
    """Return latencies of all rounds together, and the ratio of p95 of each."""
    ratios = [percentile(b, 95) / percentile(a, 95) for a, b in zip(alone, beside, strict=True)]
    latencies = {
        name: {f"p{share}_ms": 1000 * percentile(joined(rounds), share) for share in (50, 95)}
        for name, rounds in (("alone", alone), ("beside", beside))
    }
    return {
        **latencies,
        "answers": {"alone": len(joined(alone)), "beside": len(joined(beside))},
        "ratio": statistics.median(ratios),
        "ratios": ratios,
        "turns a second": statistics.median(one.slices / one.seconds for one in done),
        "long answered": sum(one.answered for one in done),
        "seconds until quiet": max(one.until_quiet for one in done),
    }


class LongClients:
    """Clients that ask for what takes long again and again, and leave at the end."""

    def __init__(self, url, count, asked) -> None:
        self.url, self.count, self.asked = url, count, asked
        self.answered, self.ended = 0, threading.Event()

    def __enter__(self):
        self.began, before = time.perf_counter(), self.health()["slices"]
        self.before = before
        place = urlsplit(self.url)
        self.clients = [
            HTTPConnection(place.hostname, place.port, timeout=3600) for _ in range(self.count)
        ]
        self.threads = [threading.Thread(target=self.ask, args=(n,)) for n in range(self.count)]
        for thread in self.threads:
            thread.start()
        # Dear ones are under way, or answered already.
        while self.health()["running"] + self.answered < self.count:
            time.sleep(0.05)
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.seconds = time.perf_counter() - self.began
        self.slices = self.health()["slices"] - self.before
        for client in self.clients:
            with contextlib.suppress(OSError, AttributeError):
                client.sock.shutdown(socket.SHUT_RDWR)  # Another thread waits for its answer.
        left = time.perf_counter()
        while self.health()["running"]:
            time.sleep(0.01)
        self.until_quiet = time.perf_counter() - left
        for thread in self.threads:
            thread.join()

    def health(self):
        return httpx.get(f"{self.url}/api/v1/health", timeout=60).json()

    def question(self, choose, number):
        """Return the address and the body of something dear."""
        kinds = ("shapley", "passages") if self.asked.dear == "both" else (self.asked.dear,)

        def text():
            return " ".join(choose.choices(WORDS, k=self.asked.words))

        if kinds[number % len(kinds)] == "shapley":
            asked = {"left": text(), "right": text(), "method": "shapley"}
            return "/api/v1/explain", asked
        passages = [text() for _ in range(self.asked.passages)]
        query = " ".join(choose.choices(WORDS, k=12))
        return "/api/v1/passages", {"query": query, "passages": passages}

    def ask(self, number):
        choose = random.Random(number)
        while not self.ended.is_set():
            path, asked = self.question(choose, number)
            try:
                self.clients[number].request("POST", path, json.dumps(asked), JSON)
                answer = self.clients[number].getresponse()
                answer.read()
            except (OSError, HTTPException):
                return
            self.answered += answer.status == 200


def joined(rounds):
    return [seconds for one in rounds for seconds in one]


def percentile(values, share) -> float:
    return statistics.quantiles(values, n=100)[share - 1]


if __name__ == "__main__":
    raise SystemExit(main())
