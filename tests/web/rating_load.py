"""Many raters at once against a server of its own process, which may be killed under them."""

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
from rating_studies import fields_of

# Only so that nothing hangs for ever: a busy machine takes long to import a server.
SECONDS_TO_START = 240
SECONDS_TO_COME_BACK = 240
SECONDS_TO_END = 120
COMMAND = [sys.executable, "-c", "from whyalike.cli import main; main()", "study", "serve"]


@dataclass
class Server:
    """A server as users start it. ``tokens`` are those of the links that it printed."""

    folder: str
    options: tuple[str, ...] = ()
    port: int = 0
    tokens: list[str] = field(default_factory=list)
    admin: str = ""
    said: str = ""
    process: subprocess.Popen | None = None

    def start(self, *, raters=0):
        """Start, and wait until all links are printed."""
        asked = ("--port", str(self.port), "--raters", str(raters), "--admin-token", *self.options)
        self.process = subprocess.Popen(
            [*COMMAND, str(self.folder), *asked], stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        said = self.said = self._read_until(b"/admin")
        self.port = int(re.search(r"http://127\.0\.0\.1:(\d+)", said)[1])
        self.tokens += re.findall(r"/r/(\S+)", said)
        self.admin = re.search(r"with the token (\S+)", said)[1]
        return self

    def _read_until(self, mark):
        said, end = b"", time.monotonic() + SECONDS_TO_START
        with selectors.DefaultSelector() as waiting:
            waiting.register(self.process.stdout, selectors.EVENT_READ)
            while mark not in said or not said.endswith(b"\n"):
                if not waiting.select(end - time.monotonic()):
                    raise TimeoutError(f"the server says only {said!r}")
                piece = os.read(self.process.stdout.fileno(), 65536)
                if not piece:
                    raise RuntimeError(self.process.stderr.read().decode())
                said += piece
        return said.decode()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    def stop(self, how=signal.SIGTERM):
        """Send the signal, wait, and return the exit code and what was said on standard error."""
        self.process.send_signal(how)
        _, said = self.process.communicate(timeout=SECONDS_TO_END)
        return self.process.returncode, said.decode()

    def kill_and_restart(self):
        self.stop(signal.SIGKILL)
        self.start()


@dataclass
class Confirmed:
    """What the server has confirmed: (rater, position, value), and how long each took."""

    answers: list[tuple[int, int, int]] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    retries: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)


def rate(server, rater, token, count, confirmed):
    """Rate ``count`` screens as the script of the page does: send again until it is confirmed."""
    # No HTTPS here, and reading its certificates would take longer than to rate.
    settings = {"timeout": 30, "follow_redirects": True, "verify": False}
    with httpx.Client(base_url=server.url, **settings) as client:

        def ask(method, path, **options):
            end = time.monotonic() + SECONDS_TO_COME_BACK
            while True:
                try:
                    page = client.request(method, path, **options)
                    if page.status_code < 500 and page.status_code != 429:
                        page.raise_for_status()
                        return page
                    time.sleep(float(page.headers.get("retry-after", 0.2)))
                except httpx.TransportError:
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.1)
                with confirmed.lock:
                    confirmed.retries += 1

        page = ask("POST", "/enter", data={"token": token})
        page = ask("POST", "/consent", data={**fields_of(page), "agree": "yes"})
        for position in range(count):
            value = 1 + (rater + 3 * position) % 5
            body = {**fields_of(page), "value": value}
            began = time.perf_counter()
            answer = ask(
                "POST", f"/rate/{position + 1}", data=body, headers={"accept": "application/json"}
            )
            took = time.perf_counter() - began
            with confirmed.lock:
                confirmed.answers.append((rater, position, value))
                confirmed.seconds.append(took)
            page = ask("GET", answer.json()["next"])
            if page.url.path.endswith("/answer"):
                page = ask("GET", "/rate")


def rate_all(server, count, *, kill_after=None):
    """Let all raters rate at once; kill the server and start it again after so many answers."""
    confirmed = Confirmed()
    with ThreadPoolExecutor(len(server.tokens)) as threads:
        running = [
            threads.submit(rate, server, n, token, count, confirmed)
            for n, token in enumerate(server.tokens)
        ]
        if kill_after is not None:
            while len(confirmed.answers) < kill_after and not all(one.done() for one in running):
                time.sleep(0.01)
            server.kill_and_restart()
        for one in running:
            one.result()
    return confirmed
