"""One thread that works for many: what they ask for is gathered into batches of one kind.

Models are asked in no other thread. PyTorch has threads of its own for each thread that calls it;
once there are more of them than cores they are put to sleep and woken at every operation, which
made explanations up to three times as slow.
"""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, TypeVar

from whyalike.errors import BusyError

Work = TypeVar("Work")
Result = TypeVar("Result")
Returned = TypeVar("Returned")

STOPPING = "The server is being stopped. Ask again when it is back."
LEARNING = 0.2
"""How much the last batch says about how long the next one takes."""
LONGEST_GATHERING = 0.25
"""Seconds: after a batch that took a minute, nobody waits three seconds for company."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How requests are gathered, and how many may wait.

    waiting: pieces that wait at most. gather_seconds: how long a batch waits for further pieces.
    gather_share: how long it waits for those who were just answered, and ask again soon, as a share
    of the time that their batch took; it goes without them once nobody came for lull_seconds.
    batch_pieces, batch_size: the most pieces of a batch, and their sizes together.
    """

    waiting: int = 256
    gather_seconds: float = 0.004
    gather_share: float = 0.15
    lull_seconds: float = 0.02
    batch_pieces: int = 32
    batch_size: int = 64_000


@dataclass(slots=True, eq=False)
class _Order:
    do: Callable[[Sequence[Any]], Sequence[Any]]
    work: Any
    size: int
    since: float
    future: "Future[Any]" = field(default_factory=Future)


@dataclass(frozen=True, slots=True, eq=False)
class _Alone:
    """Work that goes along with nothing else."""

    work: Callable[[], Any]

    def __call__(self, _: Sequence[Any]) -> Sequence[Any]:
        return [self.work()]


class Lane:
    """Takes pieces of work from any thread, and does them in batches in a thread of its own.

    Pieces are done in the order in which they came, but for those that are done by the same, which
    go along with the first one. A future that was cancelled before its turn costs nothing.

    Args:
        limits: how requests are gathered, and how many may wait.
        name: of the thread.
    """

    def __init__(self, *, limits: LaneLimits | None = None, name: str = "lane") -> None:
        self.limits = limits or LaneLimits()
        self._orders: deque[_Order] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._seconds_each = 0.02
        self._ended, self._took, self._expected = 0.0, 0.0, 0
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many pieces wait for their turn."""
        return len(self._orders)

    def submit(
        self,
        do: Callable[[Sequence[Work]], Sequence[Result | Exception]],
        work: Work,
        *,
        size: int = 1,
    ) -> "Future[Result]":
        """Return the future of one piece.

        Args:
            do: does a batch; returns for each piece its result or its own error. Pieces whose
                ``do`` are equal go together.
            work: the piece.
            size: what ``limits.batch_size`` adds up.

        Raises:
            BusyError: too many wait, or it was closed.
        """
        return self._queue(_Order(do, work, size, time.monotonic()))

    def call(self, work: Callable[[], Returned]) -> "Future[Returned]":
        """Return the future of what ``work`` returns; it goes along with nothing else.

        Raises BusyError, as ``submit``.
        """
        return self._queue(_Order(_Alone(work), None, 1, time.monotonic()))

    def _queue(self, order: _Order) -> "Future[Any]":
        with self._changed:
            if self._closing:
                raise BusyError(STOPPING, 10)
            if len(self._orders) >= self.limits.waiting:
                self._forget_cancelled()
            if len(self._orders) >= self.limits.waiting:
                seconds = max(1, math.ceil(len(self._orders) * self._seconds_each))
                raise BusyError(
                    f"{len(self._orders):,} requests are waiting already, which is the most that "
                    f"is taken. Ask again in {seconds} s.",
                    seconds,
                )
            self._orders.append(order)
            self._changed.notify()
        return order.future

    def close(self) -> None:
        """Take nothing new, do what was taken, and return when it is done."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join()

    def _work(self) -> None:
        while batch := self._take():
            # From here on a piece can't be cancelled any more.
            running = [one for one in batch if one.future.set_running_or_notify_cancel()]
            if running:
                self._do(running)

    def _take(self) -> list[_Order]:
        """Return the next batch once it is full or its first piece waited long enough; else []."""
        with self._changed:
            while True:
                self._forget_cancelled()
                if not self._orders:
                    if self._closing:
                        return []
                    self._changed.wait()
                    continue
                batch, is_full = self._gathered()
                left = self._gathered_at(batch) - time.monotonic()
                if is_full or self._closing or left <= 0:
                    chosen = {id(one) for one in batch}
                    self._orders = deque(one for one in self._orders if id(one) not in chosen)
                    return batch
                self._changed.wait(left)

    def _gathered_at(self, batch: list[_Order]) -> float:
        """Return when the batch goes, unless others come."""
        soonest = batch[0].since + self.limits.gather_seconds
        if len(self._orders) >= self._expected:
            return soonest
        share = min(self.limits.gather_share * self._took, LONGEST_GATHERING)
        lull = self._orders[-1].since + self.limits.lull_seconds
        return max(soonest, min(self._ended + share, lull))

    def _gathered(self) -> tuple[list[_Order], bool]:
        """Return the pieces that would go along with the first one, and whether no more would."""
        do, size = self._orders[0].do, 0
        if isinstance(do, _Alone):
            return [self._orders[0]], True
        batch: list[_Order] = []
        for one in self._orders:
            if one.do != do:
                continue
            if batch and size + one.size > self.limits.batch_size:
                return batch, True
            batch.append(one)
            size += one.size
            if len(batch) == self.limits.batch_pieces:
                return batch, True
        return batch, size >= self.limits.batch_size

    def _forget_cancelled(self) -> None:
        if any(one.future.cancelled() for one in self._orders):
            self._orders = deque(one for one in self._orders if not one.future.cancelled())

    def _do(self, batch: list[_Order]) -> None:
        began = time.monotonic()
        results: Sequence[Any]
        try:
            results = batch[0].do([one.work for one in batch])
        except BaseException as error:
            results = [as_exception(error)] * len(batch)
        if not isinstance(batch[0].do, _Alone):
            self._ended = time.monotonic()
            self._took = self._ended - began
            self._expected = min(len(self._orders) + len(batch), self.limits.batch_pieces)
            self._seconds_each += LEARNING * (self._took / len(batch) - self._seconds_each)
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                one.future.set_exception(result)
            else:
                one.future.set_result(result)


def as_exception(error: BaseException) -> Exception:
    """Return the error as one that ends nothing but the work that it came from.

    A panic of Rust code, such as a tokenizer's, is no Exception: it would end the thread that works
    for all. And asyncio's futures take no StopIteration: who waits would wait for ever.
    """
    if isinstance(error, Exception) and not isinstance(error, StopIteration):
        return error
    told = RuntimeError(f"{type(error).__name__}: {error}")
    told.__cause__ = error
    return told
