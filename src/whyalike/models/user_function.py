"""A user's function, called in batches, again where that helps, checked, counted and kept."""

import hashlib
import inspect
import logging
import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from dataclasses import dataclass, replace
from threading import RLock
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar, cast
from weakref import WeakSet

import numpy as np
import torch
from numpy.typing import NDArray

from whyalike.arrays import Floats
from whyalike.errors import FunctionError, OptionError, WhyalikeError
from whyalike.interruption import checkpoint
from whyalike.models.answers import read_numbers
from whyalike.models.retry import SLICE, Retry, pause
from whyalike.models.scorer import OpaqueScorer, Scorer
from whyalike.options import check_whole

Item = TypeVar("Item", bound=Hashable)

LOG = logging.getLogger("whyalike.calls")
"""Says at INFO what an explanation will take and when a call is made again, at DEBUG each asking.
"""


@dataclass(frozen=True, slots=True)
class Cost:
    """What is sent to a function: calls, and the texts in them with their characters.

    A pair of texts counts as two. Characters are Unicode's, prompts included.
    """

    calls: int = 0
    texts: int = 0
    characters: int = 0

    def __add__(self, other: "Cost") -> "Cost":
        return Cost(
            self.calls + other.calls,
            self.texts + other.texts,
            self.characters + other.characters,
        )

    def __str__(self) -> str:
        """Return it in words."""
        parts = ((self.calls, "call"), (self.texts, "text"), (self.characters, "character"))
        calls, texts, characters = (f"{n:,} {word}{'s' * (n != 1)}" for n, word in parts)
        return f"{calls} with {texts} of {characters}"


class UserFunction(OpaqueScorer, ABC, Generic[Item]):
    """What scorers that call a function of the user's share; ``Item`` is what it is asked about.

    Where the function raises what passes by itself, it is called again, as ``retry`` says; anything
    else it raises is the cause of a FunctionError. Answers that arrived before stay cached, so that
    they are not paid for again. Threads take turns. Between two calls, and while it waits for one
    of them, the work can be ended (``whyalike.interruption``).

    Attributes
    ----------
    calls : int
        How often the function was called, calls that failed included.
    items_answered : int
        How many items it gave answers for.
    spent : Cost
        All calls, and the texts that were answered.

    Parameters
    ----------
    function
        From a list of N items to N answers.
    name : str or None
        What explanations call it; by default the function's own name.
    batch_size : int
        The most items in one call.
    batch_characters : int or None
        The most characters of all texts of a call together; a longer text has a call of its own.
        None is no limit.
    cache_size : int
        The most items whose answers are kept, least recently used ones forgotten.
    retry : Retry or None
        When a call is made again; None is never.

    Raises
    ------
    OptionError
        An argument that is not allowed.
    """

    takes: ClassVar[str]
    """What the function takes and returns, in errors."""
    answers: ClassVar[str]
    """What it must return for N items, in errors."""
    things: ClassVar[str]
    """What items are called, in errors."""

    def __init__(
        self,
        function: Callable[[list[Any]], Any],
        *,
        name: str | None,
        batch_size: int,
        batch_characters: int | None,
        cache_size: int,
        retry: Retry | None,
    ) -> None:
        self._check_function(function, self.argument)
        check_whole("batch_size", batch_size)
        check_whole("cache_size", cache_size, least=0)
        if batch_characters is not None:
            check_whole("batch_characters", batch_characters)
        if retry is not None and not isinstance(retry, Retry):
            raise OptionError(
                f"retry is of type {type(retry).__name__}; give Retry(tries=...), or None for no "
                "second try."
            )
        self.name = name or name_of(function)
        self.batch_size, self.batch_characters = batch_size, batch_characters
        self.cache_size, self.retry = cache_size, retry or Retry(tries=1)
        self.spent, self.items_answered = Cost(), 0
        self.is_rehearsal = False
        self._function = function
        self._cache: OrderedDict[Item, Any] = OrderedDict()
        self._start()

    @property
    def calls(self) -> int:
        """How often the function was called, calls that failed included."""
        return self.spent.calls

    def _check_function(self, function: object, argument: str) -> None:
        """Raise OptionError on what can't be called, or gives something to wait for."""
        # What calling a module of torch does is not what is asked for.
        if not callable(function) or isinstance(function, torch.nn.Module):
            suggested = self.suggest(function)
            raise OptionError(
                f"{argument.rstrip('=')} is of type {type(function).__name__}; give a "
                f"function {self.takes}"
                f"{f', here {argument}model.{suggested}' if suggested else ''}."
            )
        if _is_async(function) or _is_async(function.__call__):
            raise OptionError(
                f"{argument.rstrip('=')} is an async function; give a plain one that waits for "
                "it, such as lambda items: asyncio.run(function(items))."
            )

    @staticmethod
    def suggest(given: object) -> str:
        """Return the name of the method of an object that is the function, or nothing."""
        del given
        return ""

    @abstractmethod
    def _checked(self, answer: object, items: Sequence[Item]) -> Floats:
        """Return (N, ...) float64. Raises ModelError on an answer that can't be that."""

    @abstractmethod
    def _made_up(self, items: Sequence[Item]) -> Floats:
        """Return (N, ...) numbers that stand for the answers where nothing is called."""

    @abstractmethod
    def _texts(self, item: Item) -> tuple[str, ...]:
        """Return the texts of an item as they are sent."""

    def _start(self) -> None:
        """Have a lock that belongs to this process."""
        self._lock = RLock()
        _FUNCTIONS.add(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy, also in another process, is made of: all but the lock."""
        return {key: value for key, value in vars(self).items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what ``__getstate__`` gave; a copy keeps answers of its own."""
        self.__dict__.update(state)
        self._cache = self._cache.copy()
        self._start()

    def rehearsal(self) -> Self:
        """Return a copy that calls nothing: it makes answers up, and counts what would be asked.

        What is kept already is not asked for again there either. Whatever is then done with the
        copy in the place of this one, ``spent`` of the copy says what it would take: exactly, where
        what is asked for does not depend on answers (it does not in any method of whyalike), each
        call succeeds at once, and no other thread asks for the same.
        """
        with self._turn():
            other = copy(self)
        other.spent, other.items_answered = Cost(), 0
        other.is_rehearsal = True
        return other

    def _ask(self, items: Sequence[Item]) -> dict[Item, Any]:
        """Return the answer for each distinct item, calling the function for those not kept."""
        with self._turn():
            found = self._kept(items)
        batches = self._batches([item for item in dict.fromkeys(items) if item not in found])
        if batches and not self.is_rehearsal:
            LOG.debug("%s is asked: %s", self.name, sum(map(self._cost_of, batches), Cost()))
        for some in batches:
            self._ask_for(some, found)
        return found

    def _ask_for(self, some: Sequence[Item], found: dict[Item, Any]) -> None:
        """Put the answers of one batch into ``found``; ask again where what fails may pass."""
        tried = 0
        while True:
            checkpoint()
            with self._turn():
                # Another thread may have asked for them in the meantime.
                found.update(self._kept(some))
                left = [item for item in some if item not in found]
                if not left:
                    return
                try:
                    found.update(self._call(left))
                    return
                except WhyalikeError:
                    raise
                except Exception as error:
                    failure = error
            tried += 1
            seconds = self.retry.seconds_before(tried, failure)
            said = " ".join(f"{type(failure).__name__}: {failure}".split()).rstrip(" .:") + "."
            if seconds is None:
                raise FunctionError(
                    f"{self.name} raised {said} The call was for {len(left):,} {self.things}"
                    f"{f', and was made {tried} times' if tried > 1 else ''}; answers that came "
                    "before are kept.",
                    passes=self.retry.passing(failure),
                ) from failure
            LOG.info(
                "%s raised %s It is called again in %g s (try %d of %d).",
                *(self.name, said, seconds, tried + 1, self.retry.tries),
            )
            pause(seconds)

    def _batches(self, items: Sequence[Item]) -> list[list[Item]]:
        """Return items as they are asked for together."""
        batches: list[list[Item]] = []
        characters = 0
        most = self.batch_characters
        for item in items:
            size = sum(map(len, self._texts(item)))
            full = not batches or len(batches[-1]) == self.batch_size
            if full or (most is not None and characters + size > most):
                batches.append([])
                characters = 0
            batches[-1].append(item)
            characters += size
        return batches

    def _cost_of(self, items: Sequence[Item]) -> Cost:
        """Return what one call costs."""
        texts = [text for item in items for text in self._texts(item)]
        return Cost(1, len(texts), sum(map(len, texts)))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the lock; while another thread has it, the work can be ended."""
        lock = self._lock  # A process that is forked inside has another.
        while not lock.acquire(timeout=SLICE):
            checkpoint()
        try:
            yield
        finally:
            lock.release()

    def _kept(self, items: Sequence[Item]) -> dict[Item, Any]:
        """Return the answers of items that were asked about before, now most recently used."""
        found = {}
        for item in items:
            if item in self._cache:
                self._cache.move_to_end(item)
                found[item] = self._cache[item]
        return found

    def _call(self, items: list[Item]) -> dict[Item, Any]:
        """Ask the function about some items, check what it returns and keep it."""
        self.spent += Cost(calls=1)
        if self.is_rehearsal:
            checked = self._made_up(items)
        else:
            checked = self._checked(self._send(items), items)
        self.spent += replace(self._cost_of(items), calls=0)
        self.items_answered += len(items)
        found = dict(zip(items, checked, strict=True))
        self._cache.update(found)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return found

    def _send(self, items: list[Item]) -> object:
        """Return what the function answers."""
        return self._function(list(items))

    def _as_array(self, answer: object, *, what: str) -> NDArray[np.generic]:
        """Return what the function gave as an array of any shape. Raises ModelError."""
        return read_numbers(answer, name=self.name, what=what, wanted=self.answers)


class Rehearsing(Scorer, Protocol):
    """A scorer that calls functions, and can rehearse what it would ask them."""

    is_rehearsal: bool
    spent: Cost

    def rehearsal(self) -> "Rehearsing":
        """Return a copy that calls nothing; see ``UserFunction.rehearsal``."""


def rehearse(scorer: Scorer) -> Rehearsing | None:
    """Return a copy of a scorer that calls nothing; None where it has no function to call."""
    if not hasattr(scorer, "rehearsal"):
        return None
    return cast("Rehearsing", scorer).rehearsal()


def _is_async(function: object) -> bool:
    return inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)


def name_of(function: object) -> str:
    """Return what a function calls itself."""
    return str(getattr(function, "__name__", type(function).__name__))


def noise(items: Sequence[Hashable], width: int) -> Floats:
    """Return (N, width) numbers that stand for answers: always the same for the same item."""
    rows = []
    for item in items:
        digest = hashlib.sha256(repr(item).encode("utf-8", "replace")).digest()
        rows.append(np.random.default_rng(int.from_bytes(digest[:8])).normal(size=width))
    return np.array(rows).reshape(len(items), width)


_FUNCTIONS: "WeakSet[UserFunction[Any]]" = WeakSet()


def _start_anew() -> None:
    """In a forked process: a thread that is not there may hold a lock."""
    for function in list(_FUNCTIONS):
        function._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def shorten(text: str) -> str:
    """Return a text for an error message, quoted."""
    return repr(text if len(text) <= 60 else text[:57] + "...")
