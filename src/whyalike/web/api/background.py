"""Work that needs no model: filters and searches, beside the queue and not on it."""

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from whyalike.errors import BusyError
from whyalike.interruption import checked_by, checkpoint
from whyalike.web.api.estimates import Speed
from whyalike.web.api.work_queue import STOPPING, Stopped, WorkQueue, as_exception

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from whyalike.explainer import Explainer

Returned = TypeVar("Returned")

BETWEEN = 0.05
"""Seconds between two looks whether anyone still waits for what waits for the queue."""


class BackgroundWork:
    """A few threads for work that can be ended at its checkpoints, when nobody waits for it.

    Parameters
    ----------
    threads : int, default=2
        How much is done at once.
    waiting : int, default=64
        How much waits at most, what is being done included.
    """

    def __init__(self, *, threads: int = 2, waiting: int = 64) -> None:
        self.threads, self.waiting = threads, waiting
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix="whyalike background")
        self._tasks: set[_Task[Any]] = set()
        self._futures: set[Future[Any]] = set()
        self._speed = Speed()
        self._is_closed = False

    @property
    def count(self) -> int:
        """How much is done, or waits."""
        return len(self._tasks)

    async def run(self, work: Callable[[], Returned]) -> Returned:
        """Return what ``work`` returns; cancelled, end it at its next checkpoint.

        Raises
        ------
        BusyError
            Too much waits, or it was closed.
        """
        if self._is_closed:
            raise BusyError(STOPPING, 10, reason="stopping")
        if (count := len(self._tasks)) >= self.waiting:
            seconds = max(1, math.ceil(self._speed.seconds(count / self.threads) or 0.0))
            raise BusyError(
                f"{count:,} searches are being done already, which is the most that is taken. Ask "
                f"again in {seconds} s.",
                seconds,
            )
        task = _Task(work, self._speed)
        future = self._pool.submit(task)
        self._tasks.add(task)
        self._futures.add(future)
        future.add_done_callback(lambda _: self._forget(task, future))
        try:
            return await asyncio.wrap_future(future)
        except asyncio.CancelledError:
            task.is_over = True
            raise
        except Stopped as error:
            raise BusyError(STOPPING, 10, reason="stopping") from error

    def _forget(self, task: "_Task[Any]", future: "Future[Any]") -> None:
        self._tasks.discard(task)
        self._futures.discard(future)

    def end(self) -> None:
        """Take nothing new, and end what is being done at its next checkpoint; return at once."""
        self._is_closed = True
        for task in list(self._tasks):
            task.is_over = True
        self._pool.shutdown(wait=False)

    def close(self, seconds: float | None = None) -> bool:
        """End what is being done, and return whether it has ended within so many seconds."""
        self.end()
        return not wait(list(self._futures), seconds).not_done


class _Task(Generic[Returned]):
    """Work whose checkpoints end it once it is over. Also what waits is done, but only begins."""

    def __init__(self, work: Callable[[], Returned], speed: Speed) -> None:
        self._work, self._speed = work, speed
        self.is_over = False

    def __call__(self) -> Returned:
        began = time.monotonic()
        try:
            with checked_by(self._check):
                self._check()
                return self._work()
        except Stopped:
            raise
        except BaseException as error:
            # What a filter raises when its query is interrupted is no error of it.
            self._check()
            raise as_exception(error) from error
        finally:
            self._speed.learn(1.0, time.monotonic() - began)

    def _check(self) -> None:
        if self.is_over:
            raise Stopped


class _OnQueue:
    """A model whose texts are embedded on the queue, whoever asks; else it is the model itself."""

    def __init__(self, model: Any, queue: WorkQueue) -> None:
        self._model, self._queue = model, queue

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)

    def embed(self, texts: Sequence[str], **asked: Any) -> "NDArray[Any]":
        """Return the model's vectors; wait for them only while anyone waits for the search."""
        future: Future[NDArray[Any]] = self._queue.call(lambda: self._model.embed(texts, **asked))
        try:
            while True:
                try:
                    return future.result(BETWEEN)
                except TimeoutError:
                    if future.done():
                        raise
                    checkpoint()
        except BaseException:
            future.cancel()
            raise


def on_queue(explainer: "Explainer", queue: WorkQueue) -> "Explainer":
    """Return the Explainer, for searches: what it embeds is embedded on the queue."""
    found = copy(explainer)
    found.model = _OnQueue(explainer.model, queue)
    return found
