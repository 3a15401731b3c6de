"""Passes of a model side by side: threads that run one each, in place of one that shares each.

Two threads that share every operation on a few hundred tokens wait for each other at the end of
each; two that run passes of their own do not (docs/decisions/0021-passes-side-by-side.md).
"""

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

from whyalike.interruption import checkpoint

Worker = TypeVar("Worker")
Piece = TypeVar("Piece")
Result = TypeVar("Result")

_here = threading.local()
_lock = threading.Lock()
_pool: ThreadPoolExecutor | None = None


def busy_seconds() -> float:
    """Return for how long this thread has computed, with the time that others computed for it.

    In seconds of the processor; where several computed at a time, of the time of one.
    """
    waited: float = getattr(_here, "waited", 0.0)
    return time.thread_time() + waited


def run_side_by_side(
    function: Callable[[Worker, Piece], Result],
    pieces: Iterable[Piece],
    workers: Sequence[Worker],
    *,
    threads: int,
) -> list[Result]:
    """Return what a function gives for each piece, in their order; each worker has one at a time.

    One worker runs in this thread, as torch is set here. Several run in threads of their own, in
    each of which torch has its part of ``threads``. Before each piece this thread passes a
    checkpoint; when this has returned or raised, no piece runs any more.

    Parameters
    ----------
    function : callable
        Called with a worker and a piece. What is set of torch for this thread alone, such as
        whether gradients are wanted, it has to set itself.
    pieces : iterable
        What there is to do.
    workers : sequence
        What runs a piece.
    threads : int
        Those of torch, for all workers together.
    """
    if len(workers) == 1:
        return [function(workers[0], piece) for piece in pieces]
    waiting, free = deque(enumerate(pieces)), list(workers)
    found: dict[int, Result] = {}
    running: dict[Future[tuple[Result, float]], tuple[int, Worker]] = {}
    each = max(1, threads // len(workers))
    spent = 0.0
    try:
        while waiting or running:
            while waiting and free:
                checkpoint()
                index, piece = waiting.popleft()
                worker = free.pop()
                running[_submit(each, function, worker, piece)] = index, worker
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                index, worker = running.pop(future)
                free.append(worker)
                found[index], seconds = future.result()
                spent += seconds
    finally:
        wait(running)
        _here.waited = getattr(_here, "waited", 0.0) + spent / len(workers)
    return [found[index] for index in range(len(found))]


def _submit(
    threads: int, function: Callable[[Worker, Piece], Result], worker: Worker, piece: Piece
) -> Future[tuple[Result, float]]:
    global _pool  # noqa: PLW0603
    with _lock:
        if _pool is None:
            # Whoever waits for a piece is in no thread of the pool, so that none waits for another.
            _pool = ThreadPoolExecutor(os.cpu_count(), "whyalike-passes")
        with suppress(RuntimeError):
            return _pool.submit(_run, threads, function, worker, piece)
    # The interpreter waits for its last threads, of which this is one, and begins no other.
    done: Future[tuple[Result, float]] = Future()
    done.set_result((function(worker, piece), 0.0))
    return done


def _run(
    threads: int, function: Callable[[Worker, Piece], Result], worker: Worker, piece: Piece
) -> tuple[Result, float]:
    if getattr(_here, "threads", None) != threads:
        _set_threads(threads)
    began = time.thread_time()
    return function(worker, piece), time.thread_time() - began


def _set_threads(count: int) -> None:
    """Let torch have so many threads in the calling thread alone.

    ``torch.set_num_threads`` sets besides with how many threads begin that have not asked torch for
    anything yet, and a new thread puts that back.
    """
    import torch

    with _lock:
        torch.get_num_threads()  # The first question of a thread gives it the usual number.
        usual = _in_new_thread(torch.get_num_threads)
        torch.set_num_threads(count)
        _in_new_thread(lambda: torch.set_num_threads(usual))
    _here.threads = count


def _in_new_thread(function: Callable[[], Result]) -> Result:
    found: list[Result] = []
    thread = threading.Thread(target=lambda: found.append(function()))
    thread.start()
    thread.join()
    return found[0]


def _start_anew() -> None:
    """In a forked process: the threads are not there, and one of them may have held the lock."""
    global _lock, _pool
    _lock, _pool = threading.Lock(), None


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)
