"""What runs next on a lane: short work goes first, long work takes turns, a slice each.

Nothing here waits or locks: the lane holds its lock while it asks.
"""

import math
from collections import Counter, deque
from collections.abc import Hashable, Sequence

from whyalike.web.api.pieces import Alone, Flow, Job, LaneLimits, Piece

LONGEST_GATHERING = 0.25
"""Seconds: after a batch that took a minute, nobody waits three seconds for company."""


class Schedule:
    """What waits, and who is next.

    Short pieces are gathered into batches of one kind, in the order in which they came. Long work
    stands in a line: who has had a slice goes to its end. Short pieces go before the line; but once
    some did, those that come later wait until a slice was done. So a short piece waits for one
    slice at most, and the line is never stopped by short pieces that come and come.

    Attributes:
        short: short pieces.
        line: flows that have not begun, and jobs that wait for their next slice.
        backlog: flows for which the line has no room yet.
        slices: how many slices of long work were done.
    """

    def __init__(self, limits: LaneLimits) -> None:
        self.limits = limits
        self.short: deque[Piece] = deque()
        self.line: deque[Flow | Job] = deque()
        self.backlog: deque[Flow] = deque()
        self.slices = 0
        self._is_owed = False
        self._flows: dict[Hashable, Flow] = {}
        self._long = 0
        self._ended, self._took, self._expected = 0.0, 0.0, 0

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

        Args:
            now: the time.
            hurried: wait for no company.
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
            self._ended, self._took = now, job.active
            self._expected = min(len(self.short) + len(job.pieces), self.limits.batch_pieces)

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
        if len(self.short) >= self._expected:
            return soonest
        share = min(self.limits.gather_share * self._took, LONGEST_GATHERING)
        lull = self.short[-1].since + self.limits.lull_seconds
        return max(soonest, min(self._ended + share, lull))
