"""One model at a time works for many: short work is gathered into batches, long work takes turns.

Only who has the turn computes. PyTorch has threads of its own for each thread that calls it; once
more of them are active than there are cores they are put to sleep and woken at every operation,
which made explanations up to three times as slow. Work that gives its turn away between two passes
of a model sleeps in its own thread until it has it again: asleep, it costs nothing.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, TypeVar

from whyalike.errors import BusyError
from whyalike.interruption import checked_by
from whyalike.side_by_side import busy_seconds
from whyalike.web.api.schedule import (
    Alone,
    Asker,
    Job,
    Learns,
    Piece,
    QueueLimits,
    Schedule,
    finish_time,
)

__all__ = ["Asker", "Place", "QueueLimits", "QueueState", "Stopped", "WorkQueue", "as_exception"]

Work = TypeVar("Work")
Result = TypeVar("Result")
Returned = TypeVar("Returned")

LOG = logging.getLogger("whyalike.web")
STOPPING = "The server is being stopped. Ask again when it is back."
SECONDS_TO_COME_BACK = 10
LEARNING = 0.2
"""How much the last slice says about how long the next one takes."""


class Stopped(BaseException):
    """Ends work that nobody waits for, at a checkpoint; no error, and nothing that is caught."""


@dataclass(frozen=True, slots=True)
class QueueState:
    """What moves.

    waiting: pieces that have not begun. waiting_seconds: since the oldest of them came. running:
    jobs that have begun. running_seconds: since the oldest of them began. slices: turns that ended,
    from the start on. still_seconds: since one ended, or there was nothing to do.
    """

    waiting: int
    waiting_seconds: float
    running: int
    running_seconds: float
    slices: int
    still_seconds: float


@dataclass(frozen=True, slots=True)
class Place:
    """Where a request stands: whether any of its work has begun, and how many others have work."""

    begun: bool
    others: int


class WorkQueue:
    """Takes pieces of work from any thread, and does them one after another.

    Parameters
    ----------
    limits : QueueLimits, optional
        How requests are gathered, how many may wait, what takes turns.
    name : str, default='queue'
        Of the threads.
    clock : Callable[[], float], default=time.monotonic
        The time in seconds.
    busy : Callable[[], float], default=busy_seconds
        For how many seconds the thread that asks has computed.
    """

    def __init__(
        self,
        *,
        limits: QueueLimits | None = None,
        name: str = "queue",
        clock: Callable[[], float] = time.monotonic,
        busy: Callable[[], float] = busy_seconds,
    ) -> None:
        self.limits = limits or QueueLimits()
        self._name, self._clock, self._busy = name, clock, busy
        self._schedule = Schedule(self.limits)
        self._changed = threading.Condition()
        self._turn: Job | None = None
        self._jobs: list[Job] = []
        self._closing = self._ending = False
        self._threads: set[threading.Thread] = set()
        self._idle = 0
        self._slices, self._slice_seconds, self._moved = 0, 0.0, clock()
        with self._changed:
            self._begin_thread()

    @property
    def waiting(self) -> int:
        """How many pieces wait for their turn."""
        with self._changed:
            return len(self._schedule.waiting)

    @property
    def state(self) -> QueueState:
        """What waits, what runs, and when something last moved."""
        with self._changed:
            self._schedule.forget_cancelled()
            now, waiting = self._clock(), self._schedule.waiting
            oldest = min((piece.since for piece in waiting), default=now)
            began = min((job.since for job in self._jobs), default=now)
            still = now - self._moved if waiting or self._jobs else 0.0
            return QueueState(
                waiting=len(waiting),
                waiting_seconds=now - oldest,
                running=len(self._jobs),
                running_seconds=now - began,
                slices=self._slices,
                still_seconds=still,
            )

    def place_of(self, asker: Asker) -> Place:
        """Return where the work of a request stands."""
        with self._changed:
            self._schedule.forget_cancelled()
            running = [piece for job in self._jobs for piece in job.pieces if not piece.done()]
            others = {
                piece if piece.asker is None else piece.asker
                for piece in (*self._schedule.waiting, *running)
            }
            return Place(
                begun=asker.active > 0 or any(piece.asker is asker for piece in running),
                others=len(others - {asker}),
            )

    def submit(
        self,
        do: Callable[[Sequence[Work]], Sequence[Result | Exception]],
        work: Work,
        *,
        cost: float = 1.0,
        seconds: float = 0.0,
        asker: Asker | None = None,
    ) -> "Future[Result]":
        """Return the future of one piece.

        Parameters
        ----------
        do : Callable[[sequence of Work], Sequence[Result | Exception]]
            Does a batch; returns for each piece its result or its own error. Pieces whose ``do``
            are equal go together. It is called with how long it took where it ``Learns``.
        work : Work
            The piece.
        cost : float, default=1.0
            See QueueLimits.
        seconds : float, default=0.0
            How long it takes, as far as that is known.
        asker : Asker, optional
            Who asks for it, and for others.

        Raises
        ------
        BusyError
            Too many wait, or it was closed.
        """
        return self._queue(do, work, cost, seconds, asker)

    def call(self, work: Callable[[], Returned]) -> "Future[Returned]":
        """Return the future of what ``work`` returns; it is short, and goes along with nothing.

        Raises BusyError, as ``submit``.
        """
        return self._queue(Alone(work), None, 1.0, 0.0, None)

    def seconds_until_done(self, seconds: float = 0.0, *, long: bool = False) -> float:
        """Return in how many seconds work of so many would be done, if nothing else came.

        That is not known better than how long the work that waits takes.
        """
        with self._changed:
            return self._until_done(seconds, long=long)

    def close(self, seconds: float | None = None) -> bool:
        """Take nothing new, do what was taken, and return when it is done.

        After ``seconds`` what is not done is ended: who waits for it gets a BusyError, and it stops
        at its next checkpoint. Return whether it did so within as many seconds again.
        """
        with self._changed:
            self._closing = True
            self._changed.notify_all()
            done = self._changed.wait_for(lambda: not self._threads, seconds)
            if done or self._ending:
                return done
        self.end()
        with self._changed:
            return self._changed.wait_for(lambda: not self._threads, seconds)

    def end(self) -> None:
        """Take nothing new, and end what was taken, as ``close`` does; return at once."""
        with self._changed:
            self._closing = self._ending = True
            unfinished = [*self._schedule.waiting, *(p for job in self._jobs for p in job.pieces)]
            self._changed.notify_all()
        for piece in unfinished:
            piece.settle(BusyError(STOPPING, SECONDS_TO_COME_BACK, reason="stopping"))

    def _queue(
        self, do: Any, work: Any, cost: float, seconds: float, asker: Asker | None
    ) -> "Future[Any]":
        with self._changed:
            if self._closing:
                raise BusyError(STOPPING, SECONDS_TO_COME_BACK, reason="stopping")
            self._schedule.forget_cancelled()
            if (count := len(self._schedule.waiting)) >= self.limits.waiting:
                later = max(1, math.ceil(self._until_done(0.0, long=False)))
                raise BusyError(
                    f"{count:,} requests are waiting already, which is the most that is taken. "
                    f"Ask again in {later} s.",
                    later,
                    reason="queue_full",
                )
            piece = Piece(
                do,
                work,
                cost=cost,
                seconds=seconds,
                asker=asker,
                since=self._clock(),
                slices=self._schedule.slices,
                changed=self._wake,
            )
            if not self._jobs and not self._schedule.waiting:
                self._moved = piece.since
            self._schedule.add(piece)
            self._changed.notify_all()
        return piece

    def _wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    # From here to _take: called with the lock held.

    def _until_done(self, seconds: float, *, long: bool) -> float:
        now, turn = self._clock(), self._turn
        line, backlog = self._schedule.long_seconds()
        short = sum(piece.seconds for piece in self._schedule.short)
        if turn is not None and turn.long:
            line.append(turn.all_left(now))
        elif turn is not None:
            short += turn.left(now)
        if long:
            return short + finish_time(line, backlog, seconds, at_once=self.limits.long_at_once)
        slices = self._schedule.batches() + 1 if line else 0
        return short + seconds + min(slices * self._slice_seconds, sum(line) + sum(backlog))

    def _begin_thread(self) -> None:
        thread = threading.Thread(target=self._work, name=self._name, daemon=True)
        self._threads.add(thread)
        thread.start()

    def _is_over(self) -> bool:
        return self._closing and not (self._jobs or self._schedule.waiting)

    def _count_slice(self, job: Job) -> None:
        """Take note that a job computed until now."""
        now = self._clock()
        took, job.resumed = now - job.resumed, now
        job.active += took
        for asker in {piece.asker for piece in job.pieces if piece.asker is not None}:
            asker.active += took
        self._moved = now
        self._slices += 1
        if job.long:
            self._schedule.end_slice()
            self._slice_seconds += LEARNING * (took - self._slice_seconds)

    # Threads.

    def _work(self) -> None:
        while (job := self._take()) is not None:
            self._do(job)
        with self._changed:
            self._threads.discard(threading.current_thread())
            self._changed.notify_all()

    def _take(self) -> Job | None:
        """Wait for work that has not begun, and take the turn; None where this thread may end."""
        with self._changed:
            self._idle += 1
            try:
                while True:
                    self._schedule.forget_cancelled()
                    if self._is_over() or self._idle > 1:
                        return None
                    left = None
                    if self._turn is None:
                        found = self._schedule.choose(self._clock(), hurried=self._closing)
                        if isinstance(found, Job):
                            self._turn = found
                            self._jobs.append(found)
                            return found
                        left = found
                        if self._schedule.line:
                            # The first of the line may have waited for what was cancelled.
                            self._changed.notify_all()
                    self._changed.wait(left)
            finally:
                self._idle -= 1

    def _do(self, job: Job) -> None:
        results: Sequence[Any] = ()
        began = self._busy()
        # From here on a piece can't be cancelled any more, but it can be gone.
        job.pieces = [piece for piece in job.pieces if piece.begin()] or job.pieces
        try:
            with checked_by(lambda: self._check(job)):
                if job.is_wanted:
                    results = job.pieces[0].do([piece.work for piece in job.pieces])
        except Stopped:
            pass
        except BaseException as error:
            results = [as_exception(error)] * len(job.pieces)
        job.busy = self._busy() - began
        with self._changed:
            if self._turn is job:
                self._count_slice(job)
                self._turn = None
            self._jobs.remove(job)
            self._schedule.finish(job, self._clock())
            self._changed.notify_all()
        do = job.pieces[0].do
        # How soon work fails says nothing of how long it takes.
        is_done = not all(isinstance(result, BaseException) for result in results)
        if is_done and isinstance(do, Learns):
            try:
                do.took(job.cost, job.active, job.busy)
            except Exception:
                # The answers are there, and others wait for this thread.
                LOG.exception("How long work took could not be learnt.")
        for piece, result in zip(job.pieces, results, strict=bool(results)):
            piece.settle(result)

    def _check(self, job: Job) -> None:
        """Let others go first, between two passes of a model; raise Stopped where it is over."""
        if self._ending or not job.is_wanted:
            raise Stopped
        job.passes += 1
        if job.passes == 1 or self._clock() - job.resumed < self.limits.slice_seconds:
            return
        with self._changed:
            self._count_slice(job)
            if job.active > self.limits.patience_seconds:
                self._schedule.lengthen(job)
            if not job.long or not (self._schedule.short or self._schedule.line):
                return
            self._turn = None
            self._schedule.line.append(job)
            if not self._idle:
                self._begin_thread()
            self._changed.notify_all()
            while not (self._turn is None and self._schedule.next_is(job)):
                self._changed.wait()
                if self._ending or not job.is_wanted:
                    self._schedule.line.remove(job)
                    raise Stopped
            self._schedule.line.popleft()
            self._turn = job
            job.resumed = self._clock()


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
