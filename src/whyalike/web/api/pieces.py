"""Pieces of work, and what is done of them together."""

import threading
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any, Protocol, runtime_checkable

Do = Callable[[Sequence[Any]], Sequence[Any]]


@dataclass(frozen=True, slots=True)
class LaneLimits:
    """How requests are gathered, how many may wait, and what takes turns.

    waiting: pieces that wait at most. gather_seconds: how long a batch waits for further pieces.
    gather_share: how long it waits for those who were just answered, and ask again soon, as a share
    of the time that their batch took; it goes without them once nobody came for lull_seconds.
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

    def took(self, cost: float, seconds: float) -> None:
        """Learn that pieces of such a cost took so long."""


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

    Cancelled before its turn it costs nothing; cancelled while it runs it is ``gone``, and is ended
    at its next checkpoint where all that runs with it is gone too.

    Args:
        do: does a batch of such work.
        work: the piece.
        cost: see LaneLimits.
        seconds: how long it takes, as far as that is known.
        asker: who asked for it.
        since: when it came.
        slices: how many slices of long work had been done then.
        changed: called when it was cancelled.
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
        self.gone = False
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
        self.gone = not self.done()
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

    ``active`` seconds it had the turn, last from ``resumed``; ``passes`` of a model it began.
    """

    pieces: list[Piece]
    flow: Flow | None = None
    long: bool = False
    since: float = 0.0
    resumed: float = 0.0
    active: float = 0.0
    passes: int = 0

    @property
    def is_wanted(self) -> bool:
        """Whether anyone waits for any of it."""
        return not all(piece.gone or piece.done() for piece in self.pieces)

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
