"""A user's function, called in batches, checked and counted, with its answers kept."""

import os
from abc import ABC, abstractmethod
from collections import OrderedDict
from collections.abc import Callable, Hashable, Sequence
from threading import RLock
from typing import Any, ClassVar, Generic, TypeVar
from weakref import WeakSet

import numpy as np
import torch

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.interruption import checkpoint
from whyalike.models.scorer import OpaqueScorer
from whyalike.options import check_whole

Item = TypeVar("Item", bound=Hashable)


class UserFunction(OpaqueScorer, ABC, Generic[Item]):
    """What scorers that call a function of the user's share; ``Item`` is what it is asked about.

    What the function raises comes through untouched; answers that arrived before stay cached, so
    that a retry does not pay for them again. Threads take turns.

    Attributes
    ----------
    calls : int
        How often the function was called.
    items_answered : int
        How many items it gave answers for.

    Parameters
    ----------
    function
        From a list of N items to N answers.
    name : str or None
        What explanations call it; by default the function's own name.
    batch_size : int
        The most items in one call.
    cache_size : int
        The most items whose answers are kept, least recently used ones forgotten.

    Raises
    ------
    OptionError
        An argument that is not allowed.
    """

    takes: ClassVar[str]
    """What the function takes and returns, in errors."""
    answers: ClassVar[str]
    """What it must return for N items, in errors."""

    def __init__(
        self,
        function: Callable[[list[Item]], Any],
        *,
        name: str | None,
        batch_size: int,
        cache_size: int,
    ) -> None:
        # What calling a module of torch does is not what is asked for.
        if not callable(function) or isinstance(function, torch.nn.Module):
            suggested = self.suggest(function)
            raise OptionError(
                f"{self.argument.rstrip('=')} is of type {type(function).__name__}; give a "
                f"function {self.takes}"
                f"{f', here {self.argument}model.{suggested}' if suggested else ''}."
            )
        check_whole("batch_size", batch_size)
        check_whole("cache_size", cache_size, least=0)
        self.name = name or str(getattr(function, "__name__", type(function).__name__))
        self.batch_size, self.cache_size = batch_size, cache_size
        self.calls = self.items_answered = 0
        self._function = function
        self._cache: OrderedDict[Item, Any] = OrderedDict()
        self._start()

    @staticmethod
    def suggest(given: object) -> str:
        """Return the name of the method of an object that is the function, or nothing."""
        del given
        return ""

    @abstractmethod
    def _checked(self, answer: object, items: Sequence[Item]) -> Floats:
        """Return (N, ...) float64. Raises ModelError on an answer that can't be that."""

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

    def _ask(self, items: Sequence[Item]) -> dict[Item, Any]:
        """Return the answer for each distinct item, calling the function for those not kept."""
        with self._lock:
            found = self._kept(items)
        missing = [item for item in dict.fromkeys(items) if item not in found]
        for start in range(0, len(missing), self.batch_size):
            some = missing[start : start + self.batch_size]
            checkpoint()
            with self._lock:
                # Another thread may have asked for them in the meantime.
                found.update(self._kept(some))
                if left := [item for item in some if item not in found]:
                    found.update(self._call(left))
        return found

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
        self.calls += 1
        answer = self._function(list(items))
        checked = self._checked(answer, items)
        self.items_answered += len(items)
        found = dict(zip(items, checked, strict=True))
        self._cache.update(found)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return found

    def _as_array(self, answer: object, *, what: str) -> Floats:
        """Return what the function gave as float64, of any shape. Raises ModelError."""
        if isinstance(answer, list | tuple):
            answer = [_on_cpu(part) for part in answer]
        try:
            found = np.asarray(_on_cpu(answer))
        except (ValueError, TypeError) as error:
            raise ModelError(
                f"{self.name} returned {what} that make no array ({error}); it must return "
                f"{self.answers}."
            ) from error
        if found.dtype.kind not in "fiub":
            raise ModelError(
                f"{self.name} returned {type(answer).__name__} of {found.dtype}; it must return "
                f"real numbers: {self.answers}, in an array, a tensor, or lists."
            )
        return found.astype(np.float64)


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


def _on_cpu(value: object) -> object:
    """Return a tensor as an array, whatever its device, precision and gradient; else ``value``."""
    return value.detach().cpu().double().numpy() if isinstance(value, torch.Tensor) else value
