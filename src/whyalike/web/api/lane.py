"""One thread that works for many: what they ask for is gathered into batches of one kind."""

import math
import threading
import time
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from whyalike.errors import BusyError

Work = TypeVar("Work")
Result = TypeVar("Result")

STOPPING = "The server is being stopped. Ask again when it is back."
LEARNING = 0.2
"""How much the last batch says about how long the next one takes."""


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How requests are gathered, and how many may wait.

    waiting: pieces that wait at most. gather_seconds: how long the first piece of a batch waits for
    others. batch_pieces, batch_size: the most pieces of a batch, and their sizes together.
    """

    waiting: int = 256
    gather_seconds: float = 0.004
    batch_pieces: int = 32
    batch_size: int = 64_000


@dataclass(slots=True, eq=False)
class _Order(Generic[Work, Result]):
    kind: Hashable
    work: Work
    size: int
    since: float
    future: "Future[Result]" = field(default_factory=Future)


class Lane(Generic[Work, Result]):
    """Takes pieces of work from any thread, and does them in batches in a thread of its own.

    Pieces are done in the order in which they came, but for those of the same kind, which go along
    with the first one. A future that was cancelled before its turn costs nothing.

    Args:
        run: does a batch of one kind; returns for each piece its result or its own error.
        limits: how requests are gathered, and how many may wait.
        name: of the thread.
        watch: is told how many pieces each batch had.
    """

    def __init__(
        self,
        run: Callable[[Hashable, Sequence[Work]], Sequence[Result | Exception]],
        *,
        limits: LaneLimits | None = None,
        name: str = "lane",
        watch: Callable[[int], None] | None = None,
    ) -> None:
        self.limits = limits or LaneLimits()
        self._run, self._watch = run, watch
        self._orders: deque[_Order[Work, Result]] = deque()
        self._changed = threading.Condition()
        self._closing = False
        self._seconds_each = 0.02
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many pieces wait for their turn."""
        return len(self._orders)

    def submit(self, kind: Hashable, work: Work, *, size: int = 1) -> "Future[Result]":
        """Return the future of one piece. Raises BusyError where too many wait, or after close."""
        order: _Order[Work, Result] = _Order(kind, work, size, time.monotonic())
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

    def _take(self) -> "list[_Order[Work, Result]]":
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
                left = self._orders[0].since + self.limits.gather_seconds - time.monotonic()
                if is_full or self._closing or left <= 0:
                    chosen = {id(one) for one in batch}
                    self._orders = deque(one for one in self._orders if id(one) not in chosen)
                    return batch
                self._changed.wait(left)

    def _gathered(self) -> "tuple[list[_Order[Work, Result]], bool]":
        """Return the pieces that would go along with the first one, and whether no more would."""
        kind, size = self._orders[0].kind, 0
        batch: list[_Order[Work, Result]] = []
        for one in self._orders:
            if one.kind != kind:
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

    def _do(self, batch: "list[_Order[Work, Result]]") -> None:
        began = time.monotonic()
        results: Sequence[Result | Exception]
        try:
            results = self._run(batch[0].kind, [one.work for one in batch])
        except Exception as error:
            results = [error] * len(batch)
        each = (time.monotonic() - began) / len(batch)
        self._seconds_each += LEARNING * (each - self._seconds_each)
        if self._watch is not None:
            self._watch(len(batch))
        for one, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                one.future.set_exception(result)
            else:
                one.future.set_result(result)
