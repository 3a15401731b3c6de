"""What one request may cost, and until when it is answered."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from contextvars import ContextVar

from whyalike.errors import BusyError, TooCostlyError
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.lane import SECONDS_TO_COME_BACK, STOPPING
from whyalike.web.api.pieces import Asker


class Allowance(Asker):
    """The limits of one request, for all that is asked for it.

    Args:
        most: seconds of work of a model that it may ask for, as far as they are known beforehand.
        seconds: how long it may take, with the time in which it waits for others.
    """

    def __init__(self, most: float, seconds: float) -> None:
        super().__init__()
        self.most, self.given = most, seconds
        self.until = asyncio.get_running_loop().time() + seconds
        self.seconds = 0.0
        self.is_paid = self.is_over = False

    @property
    def left(self) -> float:
        """How many seconds there are until it must be answered."""
        return self.until - asyncio.get_running_loop().time()

    def take(self, estimate: Estimate, advice: Callable[[float], str]) -> None:
        """Take note of work that is asked for.

        ``advice`` says what would fit into so many seconds. Raises TooCostlyError where it is too
        much, with what was asked for before.
        """
        if self.is_paid:
            return
        total = self.seconds + estimate.seconds
        if total > self.most:
            before = f", with {said(self.seconds)} of it for the rest" if self.seconds else ""
            raise TooCostlyError(
                f"This would take about {said(total)} of this server's model{before}, and a "
                f"request may take {said(self.most)}: {advice(self.most - self.seconds)}.",
                seconds=total,
                most=self.most,
            )
        self.seconds = total

    def over(self, seconds: float) -> BusyError | TooCostlyError:
        """Return the error of a request that is out of time; ``seconds``: when others are done."""
        if 2 * self.active > self.given:
            return TooCostlyError(
                f"This took longer than {said(self.given)}, which is the most for a request: "
                "choose another method or shorter texts.",
                seconds=self.active,
                most=self.given,
                reason="out_of_time",
            )
        later = max(1, math.ceil(seconds))
        return BusyError(
            f"Others ask for so much that this was not done in {said(self.given)}. Ask again in "
            f"{said(later)}.",
            later,
            reason="out_of_time",
        )


class Allowances:
    """The allowance of each request, for whatever is asked inside it.

    ``seconds_until_done`` says when a model is done with what waits.
    """

    def __init__(
        self, *, most: float, seconds: float, seconds_until_done: Callable[[], float]
    ) -> None:
        self.most, self.seconds = most, seconds
        self._until_done = seconds_until_done
        self.refuses = False
        self._current: ContextVar[Allowance | None] = ContextVar("allowance", default=None)

    def make(self) -> Allowance:
        """Return a new one; its time begins. Raises BusyError once ``refuses`` was set."""
        if self.refuses:
            raise BusyError(STOPPING, SECONDS_TO_COME_BACK, reason="stopping")
        return Allowance(self.most, self.seconds)

    @asynccontextmanager
    async def request(self, allowance: Allowance | None = None) -> AsyncIterator[Allowance]:
        """Have one allowance for all that is asked in the block: one that is given, or a new one.

        Inside another block, its own is had.

        Raises:
            TooCostlyError, BusyError: its time is over.
            BusyError: it is new, and no new ones are taken.
        """
        joined = self._current.get()
        if joined is not None and not joined.is_over and allowance in (None, joined):
            yield joined
            return
        had = allowance or self.make()
        token = self._current.set(had)
        limit = asyncio.timeout_at(had.until)
        try:
            async with limit:
                yield had
        except TimeoutError as error:
            if not limit.expired():
                raise
            raise had.over(self._until_done()) from error
        finally:
            # What still runs for a request that was answered is no part of the next one.
            had.is_over = allowance is None
            self._current.reset(token)


def said(seconds: float) -> str:
    """Return seconds as a reader wants them: 0.04 s, 1.3 s, 25 s, 1,300 s."""
    if seconds >= 9.95:
        return f"{seconds:,.0f} s"
    return f"{seconds:.1f} s" if seconds >= 0.095 else f"{seconds:.2f} s"
