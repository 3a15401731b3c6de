"""Pieces of work, and what is done of them together.

Nothing here waits or locks: the queue holds its lock while it asks.
"""

import math
import threading
from collections import Counter, deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Do = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class QueueLimits:
    """How requests are gathered, how many may wait, and what takes turns.

    waiting: pieces that wait at most. gather_seconds: how long a batch waits for further pieces.
    gather_share: how long it waits for those who were just answered, and ask again soon, as a share
    of the time that their batch took; it goes without them once nobody came for lull_seconds, or
    for a fifth of that where it is longer.
    batch_pieces, batch_cost: the most pieces of a batch, and their costs together.
    short_cost: what costs more, alone or with what the same request asked for before, is long: it
    takes turns with others. long_at_once: how much long work takes turns; the rest waits.
    slice_seconds: long work computes at least so long before it lets others go first.
    patience_seconds: short work that takes longer than this takes turns from then on.

    Costs are in tokens of forward passes.
    """

    waiting: int = 256
    gather_seconds: float = 0.004
    gather_share: float = 0.15
    lull_seconds: float = 0.02
    batch_pieces: int = 32
    batch_cost: float = 32_000.0
    short_cost: float = 8_192.0
    long_at_once: int = 4
    slice_seconds: float = 0.02
    patience_seconds: float = 1.0


@runtime_checkable
class Learns(Protocol):
    """Work that wants to know how long it took, so as to tell better beforehand."""

    def took(self, cost: float, seconds: float, busy: float) -> None:
        """Learn that pieces of such a cost took so long; ``busy`` seconds their thread computed."""


@dataclass(frozen=True, slots=True, eq=False)
class Alone:
    """Work that goes along with nothing else."""

    work: Callable[[], Any]

    def __call__(self, _: Sequence[Any]) -> Sequence[Any]:
        """Do it."""
        return [self.work()]


@dataclass(slots=True, eq=False)
class Asker:
    """Who asks for several pieces; ``cost`` is that of all so far, ``active`` their seconds."""

    cost: float = 0.0
    active: float = 0.0


class Piece(Future[Any]):
    """A piece of work, and the future of its result.

    Cancelled before its turn it costs nothing; cancelled while it runs it is ``abandoned``, and is
    ended at its next checkpoint where all that runs with it is too.

    Parameters
    ----------
    do : Do
        Does a batch of such work.
    work : Any
        The piece.
    cost : float
        See QueueLimits.
    seconds : float
        How long it takes, as far as that is known.
    asker : Asker | None
        Who asked for it.
    since : float
        When it came.
    slices : int
        How many slices of long work had been done then.
    changed : Callable[[], None]
        Called when it was cancelled.
    """

    def __init__(
        self,
        do: Do,
        work: Any,
        *,
        cost: float,
        seconds: float,
        asker: Asker | None,
        since: float,
        slices: int,
        changed: Callable[[], None],
    ) -> None:
        super().__init__()
        self.do, self.work, self.cost, self.seconds = do, work, cost, seconds
        self.asker, self.since, self.slices = asker, since, slices
        self.abandoned = False
        self._settling = threading.Lock()
        self._changed = changed

    def begin(self) -> bool:
        """Return whether it is to be done: it was neither cancelled nor given a result."""
        with self._settling:
            return (
                not (self.done() and not self.cancelled()) and self.set_running_or_notify_cancel()
            )

    def settle(self, result: object) -> None:
        """Give it its result or its error, unless it has one or was cancelled."""
        with self._settling:
            if self.done():
                return
            if isinstance(result, Exception):
                self.set_exception(result)
            else:
                self.set_result(result)

    def cancel(self) -> bool:
        """Say that nobody waits for it; return whether it had not begun."""
        self.abandoned = not self.done()
        done = super().cancel()
        self._changed()
        return done


@dataclass(slots=True, eq=False)
class Flow:
    """Long work of one request: pieces that are done one after another."""

    key: Hashable
    pieces: deque[Piece] = field(default_factory=deque)

    @property
    def seconds(self) -> float:
        """How long what waits in it takes."""
        return sum(piece.seconds for piece in self.pieces)


@dataclass(slots=True, eq=False)
class Job:
    """Pieces that are done together.

    ``active`` seconds it had the turn, last from ``resumed``, and its thread computed for ``busy``
    of them; ``passes`` of a model it began.
    """

    pieces: list[Piece]
    flow: Flow | None = None
    long: bool = False
    since: float = 0.0
    resumed: float = 0.0
    active: float = 0.0
    busy: float = 0.0
    passes: int = 0

    @property
    def is_wanted(self) -> bool:
        """Whether anyone waits for any of it."""
        return not all(piece.abandoned or piece.done() for piece in self.pieces)

    @property
    def cost(self) -> float:
        """What all of it costs."""
        return sum(piece.cost for piece in self.pieces)

    def left(self, now: float | None = None) -> float:
        """Return how many seconds of it are left; ``now`` where it has the turn."""
        active = self.active + (0.0 if now is None else now - self.resumed)
        return max(0.0, sum(piece.seconds for piece in self.pieces) - active)

    def all_left(self, now: float | None = None) -> float:
        """Return the same of the whole flow."""
        return self.left(now) + (self.flow.seconds if self.flow else 0.0)


def finish_time(
    line: Sequence[float], backlog: Sequence[float], seconds: float, *, at_once: int
) -> float:
    """Return in how many seconds new work would be done, if nothing else came.

    All of the line go on at the same pace; one of the backlog begins as one of them is done.

    Parameters
    ----------
    line : sequence of float
        How long each that takes turns takes yet.
    backlog : sequence of float
        How long each takes that begins later, in their order; the new work comes last.
    seconds : float
        How long the new work takes.
    at_once : int
        How many take turns.
    """
    new = len(line) + len(backlog)
    left = dict(enumerate([*line, *backlog, seconds]))
    waiting, running = list(range(len(line), new + 1)), list(range(len(line)))
    elapsed = 0.0
    while True:
        while waiting and len(running) < max(1, at_once):
            running.append(waiting.pop(0))
        least = min(left[one] for one in running)
        elapsed += least * len(running)
        for one in running:
            left[one] -= least
        if new in running and left[new] <= 0:
            return elapsed
        running = [one for one in running if left[one] > 0]


LONGEST_GATHERING = 0.25
"""Seconds: after a batch that took a minute, nobody waits three seconds for company."""

PART_OF_LULL = 0.2
"""Of the time to gather: on a machine that is busy, answers and new questions take longer too."""


class Schedule:
    """What waits, and who is next.

    Short pieces are gathered into batches of one kind, in the order in which they came. Long work
    stands in a line: who has had a slice goes to its end. Short pieces go before the line; but once
    some did, those that come later wait until a slice was done. So a short piece waits for one
    slice at most, and the line is never stopped by short pieces that come and come.

    Attributes
    ----------
    short
        Short pieces.
    line
        Flows that have not begun, and jobs that wait for their next slice.
    backlog
        Flows for which the line has no room yet.
    slices
        How many slices of long work were done.
    """

    def __init__(self, limits: QueueLimits) -> None:
        self.limits = limits
        self.short: deque[Piece] = deque()
        self.line: deque[Flow | Job] = deque()
        self.backlog: deque[Flow] = deque()
        self.slices = 0
        self._is_owed = False
        self._flows: dict[Hashable, Flow] = {}
        self._long = 0
        # Of the last batch: when it ended, how long it took, what it did, and of how many pieces of
        # its kind the next one may be.
        self._ended, self._took, self._expected = 0.0, 0.0, 0
        self._answered: Do | None = None

    @property
    def waiting(self) -> list[Piece]:
        """The pieces that have not begun."""
        return [*self.short, *(piece for flow in self._flows.values() for piece in flow.pieces)]

    def add(self, piece: Piece) -> None:
        """Let a piece wait for its turn."""
        if piece.asker is not None:
            piece.asker.cost += piece.cost
        cost = piece.cost if piece.asker is None else piece.asker.cost
        if cost <= self.limits.short_cost:
            self.short.append(piece)
            return
        key = piece if piece.asker is None else piece.asker
        if key not in self._flows:
            self._flows[key] = Flow(key)
            self.backlog.append(self._flows[key])
        self._flows[key].pieces.append(piece)
        self._fill_line()

    def forget_cancelled(self) -> None:
        """Drop what nobody waits for any more."""
        if any(piece.done() for piece in self.short):
            self.short = deque(piece for piece in self.short if not piece.done())
        for flow in self._flows.values():
            if any(piece.done() for piece in flow.pieces):
                flow.pieces = deque(piece for piece in flow.pieces if not piece.done())

    def choose(self, now: float, *, hurried: bool) -> Job | float | None:
        """Return the job that begins now; or in how many seconds one may; or None.

        What was cancelled must have been forgotten. None also says that a job of the line is next,
        which goes on in its own thread.

        Parameters
        ----------
        now : float
            The time.
        hurried : bool
            Wait for no company.
        """
        if self.short_is_next:
            batch, is_full = self._gathered()
            left = self._gathered_at(batch) - now
            if not (is_full or hurried or self.line) and left > 0:
                return left
            chosen = set(map(id, batch))
            self.short = deque(piece for piece in self.short if id(piece) not in chosen)
            self._is_owed = bool(self.line)
            return Job(batch, since=now, resumed=now)
        while self.line and isinstance(flow := self.line[0], Flow):
            self.line.popleft()
            if pieces := self._part_of(flow):
                return Job(pieces, flow, long=True, since=now, resumed=now)
            self._end(flow)
        return None

    @property
    def short_is_next(self) -> bool:
        """Whether short pieces go before what stands in the line."""
        if not self.short or not self.line:
            return bool(self.short)
        return not self._is_owed or self.short[0].slices < self.slices

    def end_slice(self) -> None:
        """Take note that long work had a slice."""
        self.slices += 1
        self._is_owed = False

    def next_is(self, job: Job) -> bool:
        """Return whether a job of the line goes on now."""
        return bool(self.line) and self.line[0] is job and not self.short_is_next

    def lengthen(self, job: Job) -> None:
        """Let a job that was taken for short take turns, unless too many do."""
        if not job.long and self._long < 2 * self.limits.long_at_once:
            job.long = True
            self._long += 1

    def finish(self, job: Job, now: float) -> None:
        """Take note that a job is done."""
        if job.flow is not None:
            if job.flow.pieces:
                self.line.append(job.flow)
            else:
                self._end(job.flow)
        elif job.long:
            self._long -= 1
            self._fill_line()
        if not job.long and not isinstance(job.pieces[0].do, Alone):
            self._ended, self._took, self._answered = now, job.active, job.pieces[0].do
            alike = sum(piece.do == self._answered for piece in self.short)
            self._expected = min(alike + len(job.pieces), self.limits.batch_pieces)

    def batches(self) -> int:
        """Return into how many batches the short pieces would be gathered."""
        kinds = Counter(piece if isinstance(piece.do, Alone) else piece.do for piece in self.short)
        return sum(math.ceil(count / self.limits.batch_pieces) for count in kinds.values())

    def long_seconds(self) -> tuple[list[float], list[float]]:
        """Return how long each of the line takes yet, and each of the backlog."""
        line = [one.seconds if isinstance(one, Flow) else one.all_left() for one in self.line]
        return line, [flow.seconds for flow in self.backlog]

    def _end(self, flow: Flow) -> None:
        del self._flows[flow.key]
        self._long -= 1
        self._fill_line()

    def _fill_line(self) -> None:
        while self.backlog and self._long < self.limits.long_at_once:
            self._long += 1
            self.line.append(self.backlog.popleft())

    def _part_of(self, flow: Flow) -> list[Piece]:
        """Take the first piece of a flow, and those of its kind that make no more than a slice."""
        part: list[Piece] = []
        cost = 0.0
        while flow.pieces and len(part) < self.limits.batch_pieces:
            piece = flow.pieces[0]
            fits = not part or (
                piece.do == part[0].do and cost + piece.cost <= self.limits.short_cost
            )
            if not fits:
                break
            cost += piece.cost
            part.append(flow.pieces.popleft())
        return part

    def _gathered(self) -> tuple[list[Piece], bool]:
        """Return the pieces that would go along with the first one, and whether no more would."""
        do, cost = self.short[0].do, 0.0
        if isinstance(do, Alone):
            return [self.short[0]], True
        batch: list[Piece] = []
        for piece in self.short:
            if piece.do != do:
                continue
            if batch and cost + piece.cost > self.limits.batch_cost:
                return batch, True
            batch.append(piece)
            cost += piece.cost
            if len(batch) == self.limits.batch_pieces:
                return batch, True
        return batch, cost >= self.limits.batch_cost

    def _gathered_at(self, batch: Sequence[Piece]) -> float:
        """Return when the batch goes, unless others come."""
        soonest = batch[0].since + self.limits.gather_seconds
        if len(batch) >= self._expected or batch[0].do != self._answered:
            return soonest
        share = min(self.limits.gather_share * self._took, LONGEST_GATHERING)
        # Those who came while the batch ran are no sign that nobody comes of those it answered.
        last = max(batch[-1].since, self._ended)
        lull = last + max(self.limits.lull_seconds, PART_OF_LULL * share)
        return max(soonest, min(self._ended + share, lull))
