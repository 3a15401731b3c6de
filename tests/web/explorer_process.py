"""``whyalike serve`` as users start it: a process, asked by many at once, stopped by a signal."""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import httpx

from forking import Forked, run_command

SECONDS_TO_START = 300
COMMAND = [sys.executable, "-c", "from whyalike.cli import main; main()"]


@dataclass
class ServeProcess:
    """A server with its options; ``url`` is where it listens once it was started.

    ``forked``: of this process, which has imported what a fresh one would have to.
    """

    options: tuple[str, ...]
    url: str = ""
    process: subprocess.Popen | Forked | None = None
    forked: bool = False

    def start(self):
        words = ["serve", "--port", "0", *self.options]
        if self.forked:
            self.process = Forked(run_command(*words))
        else:
            self.process = subprocess.Popen(
                [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE
            )
        said = b""
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            while not said.endswith(b"\n"):
                if not waiting.select(SECONDS_TO_START):
                    raise TimeoutError(f"the server says only {said!r}")
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    raise RuntimeError(self.process.stderr.read().decode())
                said += piece
        self.url = re.search(rb"http://127\.0\.0\.1:\d+", said)[0].decode()
        return self

    def stop(self, how=signal.SIGTERM):
        """Send the signal, wait, and return the exit code and what was said on standard error."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=60)
        return self.process.returncode, said.decode()

    @property
    def memory(self):
        """Bytes of the process that are in memory."""
        with open(f"/proc/{self.process.pid}/statm") as stream:  # noqa: PTH123
            return int(stream.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@dataclass
class Outcome:
    """What became of many requests: how long each answer took, and the statuses of others."""

    seconds: list[float] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    unanswered: int = 0
    broken: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)


def ask_all(url, pairs, *, clients, each=None, more=None):
    """Let so many clients ask for the pairs at once, and return what became of them.

    ``each`` is called after each answer, with the outcome until then; ``more`` is asked with each.
    """
    outcome, left = Outcome(), iter(pairs)

    def work(_):
        with httpx.Client(base_url=url, timeout=120, verify=False) as client:
            while True:
                with outcome.lock:
                    pair = next(left, None)
                if pair is None:
                    return
                ask(client, pair, outcome, more)
                if each is not None:
                    each(outcome)

    with ThreadPoolExecutor(clients) as threads:
        list(threads.map(work, range(clients)))
    return outcome


def ask(client, pair, outcome, more=None):
    began = time.perf_counter()
    asked = {"left": pair[0], "right": pair[1], **(more or {})}
    try:
        answer = client.post("/api/v1/explain", json=asked)
    except httpx.TransportError:
        with outcome.lock:
            outcome.unanswered += 1
        return
    took = time.perf_counter() - began
    with outcome.lock:
        if answer.status_code != 200:
            outcome.refused.append(answer.status_code)
            return
        outcome.seconds.append(took)
        said = json.loads(answer.content)
        if (said["left"]["text"], said["right"]["text"]) != tuple(pair):
            outcome.broken.append(answer.text[:200])
