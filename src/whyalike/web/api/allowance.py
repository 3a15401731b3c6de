"""What a client may ask for, and what to do instead."""

import asyncio
import math
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from dataclasses import replace
from typing import TYPE_CHECKING

from whyalike.errors import BusyError, TooCostlyError
from whyalike.options import all_options
from whyalike.web.api.estimates import Estimate
from whyalike.web.api.exchange import current_exchange
from whyalike.web.api.schedule import Asker
from whyalike.web.api.work_queue import SECONDS_TO_COME_BACK, STOPPING

if TYPE_CHECKING:
    from whyalike.methods.method import Method, TextSize
    from whyalike.web.api.served import Kind


class Allowance(Asker):
    """The limits of one request, for all that is asked for it.

    Parameters
    ----------
    most : float
        Seconds of work of a model that it may ask for, as far as they are known beforehand.
    seconds : float
        How long it may take, with the time in which it waits for others.
    """

    def __init__(self, most: float, seconds: float) -> None:
        super().__init__()
        self.most, self.given = most, seconds
        self.until = asyncio.get_running_loop().time() + seconds
        self.seconds = self.work = 0.0
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
        # What other programs take of this machine is no work of the model.
        total = self.work + estimate.least
        if total > self.most:
            before = f", with {said(self.work)} of it for the rest" if self.work else ""
            raise TooCostlyError(
                f"This would take about {said(total)} of this server's model{before}, and a "
                f"request may take {said(self.most)}: {advice(self.most - self.work)}.",
                seconds=total,
                most=self.most,
            )
        self.work = total
        self.seconds += estimate.seconds

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
        """Use one allowance for all that is asked in the block: one that is given, or a new one.

        Inside another block, its own is had.

        Raises
        ------
        TooCostlyError, BusyError
            Its time is over.
        BusyError
            It is new, and no new ones are taken.
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
            if (exchange := current_exchange()) is not None:
                exchange.model_seconds = max(exchange.model_seconds, had.active)
            self._current.reset(token)


def said(seconds: float) -> str:
    """Return seconds as a reader wants them: 0.04 s, 1.3 s, 25 s, 1,300 s."""
    if seconds >= 9.95:
        return f"{seconds:,.0f} s"
    return f"{seconds:.1f} s" if seconds >= 0.095 else f"{seconds:.2f} s"


NAMED = 3
"""Other methods that are named."""

Sizes = Sequence["TextSize"]


def advice(kind: "Kind", pairs: Sequence[Sizes], left: float) -> str:
    """Return what to ask for instead: another method, fewer steps, shorter texts, fewer pairs.

    Parameters
    ----------
    kind : Kind
        What was asked for.
    pairs : sequence of Sizes
        The sizes of the texts of each pair.
    left : float
        How many seconds there are for them.
    """
    ways = []
    if fitting := _methods(kind, pairs, left):
        named = ", ".join(f"{name} ({said(seconds)})" for name, seconds in fitting)
        ways.append(f"choose another method, such as {named}")
    for option in _costly_options(kind):
        if steps := _steps(kind, pairs, left, option):
            ways.append(f"at most {steps:,} {option}")
    if words := _words(kind, pairs, left):
        ways.append(f"texts of at most about {words:,} words")
    if len(pairs) > 1 and (count := _pairs(kind, pairs, left)):
        ways.append(f"at most about {count:,} pairs at once")
    if not ways:
        return "choose shorter texts"
    return " or ".join(filter(None, (", ".join(ways[:-1]), ways[-1])))


def _seconds(kind: "Kind", pairs: Sequence[Sizes]) -> float:
    return sum(kind.model.estimate(kind, sizes).least for sizes in pairs)


def _methods(kind: "Kind", pairs: Sequence[Sizes], left: float) -> list[tuple[str, float]]:
    """Return methods that fit, and their seconds: those first that promise what was asked for."""
    asked = kind.model.method(kind.method)
    found = []
    for method in kind.model.methods:
        seconds = _seconds(replace(kind, method=method.name), pairs)
        if method != asked and seconds <= left and _explains(method):
            missed = len(set(asked.promises) - set(method.promises))
            found.append((missed, seconds, method.name))
    return [(name, seconds) for _, seconds, name in sorted(found)[:NAMED]]


def _explains(method: "Method") -> bool:
    """Return whether it explains the model: controls and word lists do not."""
    return not (method.lexical or method.summary.startswith("control:"))


def _costly_options(kind: "Kind") -> list[str]:
    """Return the options that the method's cost grows with, as they are declared."""
    declared = kind.model.method(kind.method).declared
    return [one.name for one in declared if one.cost and one.kind is int]


def _steps(kind: "Kind", pairs: Sequence[Sizes], left: float, option: str) -> int:
    """Return how much of an option fits; 0 where nothing does."""
    values = kind.options.values()

    def fits(steps: int) -> bool:
        options = all_options({**values, option: steps})
        return _seconds(replace(kind, options=options), pairs) <= left

    # One that was not given has its default, which is among what an explanation records.
    recorded = kind.model.method(kind.method).recorded_options(kind.options).values()
    return _largest(int(recorded[option] or 0), fits)


def _words(kind: "Kind", pairs: Sequence[Sizes], left: float) -> int:
    """Return to how many words the longer text would have to be cut, and the other in proportion.

    0 where that would leave less than a few.
    """
    longest = max(size.words for sizes in pairs for size in sizes)

    def fits(words: int) -> bool:
        return _seconds(kind, [_shortened(sizes, words) for sizes in pairs]) <= left

    found = _largest(longest, fits)
    return found if found >= 3 else 0


def _shortened(sizes: Sizes, words: int) -> Sizes:
    return [
        size
        if size.words <= words
        else replace(
            size,
            words=words,
            tokens=size.special + (size.tokens - size.special) * words // size.words,
        )
        for size in sizes
    ]


def _pairs(kind: "Kind", pairs: Sequence[Sizes], left: float) -> int:
    mean = _seconds(kind, pairs) / len(pairs)
    return min(len(pairs) - 1, int(left / mean)) if mean > 0 else 0


def _largest(most: int, fits: Callable[[int], bool]) -> int:
    """Return the largest number below ``most`` that fits, where all below it fit too; or 0."""
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if fits(middle) else (low, middle)
    return low
