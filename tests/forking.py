"""Processes that are forks of this one: all that a fresh one would import first is there already."""

import logging
import os
import signal
import sys
import threading
import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress

import pytest


class Forked:
    """A fork that runs ``work`` and ends; ``stdout`` and ``stderr`` are read as of a Popen.

    A fork that still runs when it is garbage is not killed: whoever makes one ends it.
    """

    def __init__(self, work: Callable[[], object]) -> None:
        if not hasattr(os, "fork"):
            pytest.skip("needs fork")
        pipes = [os.pipe(), os.pipe()]
        sys.stdout.flush()
        sys.stderr.flush()
        with warnings.catch_warnings():
            # Other threads wait, and hold nothing that a fork needs.
            warnings.simplefilter("ignore", DeprecationWarning)
            self.pid = os.fork()
        if not self.pid:
            _become(work, [writer for _, writer in pipes])
        for _, writer in pipes:
            os.close(writer)
        self.stdout, self.stderr = (os.fdopen(reader, "rb") for reader, _ in pipes)
        self.returncode: int | None = None
        self._asking = threading.Lock()

    def poll(self) -> int | None:
        """The exit code, or nothing while it runs; any thread may ask."""
        with self._asking:
            if self.returncode is None:
                done, status = os.waitpid(self.pid, os.WNOHANG)
                if done:
                    self.returncode = os.waitstatus_to_exitcode(status)
            return self.returncode

    def wait(self) -> int | None:
        if self.poll() is None:
            with suppress(ChildProcessError):  # Another thread has asked meanwhile.
                os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        return self.poll()

    def communicate(self, timeout: float | None = None) -> tuple[bytes, bytes]:
        """Read both streams to their end, and wait; what takes longer than ``timeout`` is killed."""
        watch = threading.Timer(timeout, self.kill) if timeout else None
        if watch:
            watch.start()
        said = [b""]
        reading = threading.Thread(target=lambda: said.append(self.stderr.read()))
        reading.start()
        out = self.stdout.read()
        reading.join()
        self.wait()
        if watch:
            watch.cancel()
        self.stdout.close()
        self.stderr.close()
        return out, said[-1]

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def _become(work: Callable[[], object], writers: list[int]) -> None:
    """Be the fork, and never return."""
    code = 1
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # It says so otherwise, in every fork.
    try:
        for number, writer in enumerate(writers, start=1):
            os.dup2(writer, number)
        with os.fdopen(os.open(os.devnull, os.O_RDONLY)) as nothing:
            os.dup2(nothing.fileno(), 0)
        for name, number in (("stdout", 1), ("stderr", 2)):
            stream = os.fdopen(number, "w", encoding="utf-8")
            setattr(sys, name, stream)
            setattr(sys, f"__{name}__", stream)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        _speak_as_a_fresh_process()
        try:
            work()
            code = 0
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
        except BaseException:
            traceback.print_exc()
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


def _speak_as_a_fresh_process() -> None:
    """What is logged and warned of goes to standard error, and not to who collects it for tests."""
    logging.getLogger().handlers.clear()
    warnings.resetwarnings()
    for ignored in (DeprecationWarning, PendingDeprecationWarning, ImportWarning, ResourceWarning):
        warnings.simplefilter("ignore", ignored)

    def show(message, category, filename, lineno, *_):
        sys.stderr.write(warnings.formatwarning(message, category, filename, lineno))

    warnings.showwarning = show


def run_command(*words: str) -> Callable[[], None]:
    """What the installed command does with these words."""

    def work() -> None:
        from whyalike.cli import main

        sys.argv = ["whyalike", *words]
        main()

    return work
