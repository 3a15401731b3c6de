"""Any embedding at all: a function from texts to vectors, whose inside can't be seen."""

import os
from collections import OrderedDict
from collections.abc import Callable, Sequence
from threading import RLock
from typing import Any, Literal, get_args
from weakref import WeakSet

import numpy as np
import torch

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.models.refusals import other_function
from whyalike.models.text_model import choose_prompts
from whyalike.models.tokens import TokenizedText
from whyalike.options import LongText, check_choice, check_whole
from whyalike.texts import find_words

Embed = Callable[[list[str]], Any]
"""From N texts to vectors, (N, H): an array, a tensor, or lists of numbers."""


class BlackBox:
    """A function from a list of texts to vectors, called in batches, with its answers kept.

    What the function raises comes through untouched; vectors that arrived before stay cached, so
    that a retry does not pay for them again. A blank text, prompt included, is never sent (many
    services refuse it): it has the zero vector. Threads take turns.

    Attributes
    ----------
    calls
        How often the function was called.
    texts_embedded
        How many texts it gave vectors for.

    Parameters
    ----------
    embed : Embed
        From a list of N texts to (N, H) vectors of real numbers, the same H always.
    similarity_function : SimilarityFunction, default='cosine'
        How two vectors are compared.
    name : str, optional
        What explanations call the model; by default the function's own name.
    batch_size : int, default=64
        The most texts in one call.
    cache_size : int, default=4096
        The most texts whose vectors are kept, least recently used ones forgotten.

    Raises
    ------
    OptionError
        An argument that is not allowed.
    """

    pooling: Literal["model"] = "model"
    limit: None = None
    mask_token: None = None

    def __init__(
        self,
        embed: Embed,
        *,
        similarity_function: SimilarityFunction = "cosine",
        name: str | None = None,
        batch_size: int = 64,
        cache_size: int = 4096,
    ) -> None:
        # What calling a module of torch does is not to embed texts.
        if not callable(embed) or isinstance(embed, torch.nn.Module):
            function = other_function(embed)
            raise OptionError(
                f"embed is of type {type(embed).__name__}; give a function from a list of texts "
                f"to their vectors{f', here embed=model.{function}' if function else ''}."
            )
        check_choice("similarity_function", similarity_function, get_args(SimilarityFunction))
        least = {"batch_size": 1, "cache_size": 0}
        for argument, value in (("batch_size", batch_size), ("cache_size", cache_size)):
            check_whole(argument, value, least=least[argument])
        self.name = name or str(getattr(embed, "__name__", type(embed).__name__))
        self.similarity_function: SimilarityFunction = similarity_function
        self.batch_size, self.cache_size = batch_size, cache_size
        self.calls = self.texts_embedded = 0
        self._function = embed
        self._cache: OrderedDict[str, Floats] = OrderedDict()
        self._width: int | None = None
        self._start()

    def _start(self) -> None:
        """Make a lock that belongs to this process."""
        self._lock = RLock()
        _BOXES.add(self)

    def __getstate__(self) -> dict[str, Any]:
        """Return what a copy, also in another process, is made of: all but the lock."""
        return {key: value for key, value in vars(self).items() if key != "_lock"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Take what ``__getstate__`` gave; a copy keeps answers of its own."""
        self.__dict__.update(state)
        self._cache = self._cache.copy()
        self._start()

    def tokenize(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> list[TokenizedText]:
        """Return texts whose tokens are their words.

        Raises OptionError on a ``long_text`` that needs to know where the model stops reading.
        """
        if long_text != "truncate":
            raise OptionError(
                f"long_text is {long_text!r}, which needs the model's limit, and embed= does not "
                "tell it: leave long_text at 'truncate'. What the function does not read has no "
                "influence on its vectors, and so none in the explanation."
            )
        tokenized = []
        for text in texts:
            offsets = np.array(find_words(text), dtype=np.intp).reshape(-1, 2)
            tokenized.append(
                TokenizedText(
                    text=text,
                    prompt=prompt,
                    rows=(),
                    offsets=offsets,
                    pretokens=np.arange(len(offsets), dtype=np.intp),
                    truncated=False,
                )
            )
        return tokenized

    def find_prompts(
        self, prompts: tuple[str, str] | None, names: tuple[str, str] | None
    ) -> tuple[str, str]:
        """Return the literal prompts. Raises OptionError on names, for none is known."""
        return choose_prompts(prompts, names, known={}, default=None, model=self.name)

    def embed(
        self, texts: Sequence[str], *, prompt: str = "", long_text: LongText = "truncate"
    ) -> Floats:
        """Return the vectors (N, H) of N texts, each with ``prompt`` put before it.

        Where nothing but blank texts was ever asked for, H is unknown and taken as 1.

        Raises
        ------
        ModelError
            The function gave something else than a vector of numbers for each text.
        """
        del long_text  # Only the function itself knows where it stops reading.
        whole = [prompt + text for text in texts]
        with self._lock:
            found = self._kept(whole)
        missing = [t for t in dict.fromkeys(whole) if t not in found and not is_blank(t)]
        for start in range(0, len(missing), self.batch_size):
            some = missing[start : start + self.batch_size]
            checkpoint()
            with self._lock:
                # Another thread may have asked for them in the meantime.
                found.update(self._kept(some))
                if left := [text for text in some if text not in found]:
                    found.update(self._call(left))
        vectors = np.zeros((len(whole), self._width or 1))
        for index, text in enumerate(whole):
            if text in found:
                vectors[index] = found[text]
        return vectors

    def _kept(self, texts: Sequence[str]) -> dict[str, Floats]:
        """Return the vectors of the texts that were asked for before, now most recently used."""
        found = {}
        for text in texts:
            if text in self._cache:
                self._cache.move_to_end(text)
                found[text] = self._cache[text]
        return found

    def _call(self, texts: list[str]) -> dict[str, Floats]:
        """Ask the function for the vectors of some texts, check them and keep them."""
        self.calls += 1
        answer = self._function(list(texts))
        vectors = self._checked(answer, texts)
        self.texts_embedded += len(texts)
        found = dict(zip(texts, vectors, strict=True))
        self._cache.update(found)
        while len(self._cache) > self.cache_size:
            self._cache.popitem(last=False)
        return found

    def _checked(self, answer: object, texts: Sequence[str]) -> Floats:
        """Return (N, H) float64. Raises ModelError on anything that can't be that."""
        vectors = _as_array(answer, self.name)
        if vectors.ndim != 2 or len(vectors) != len(texts) or not vectors.shape[1]:
            raise ModelError(
                f"{self.name} got {len(texts)} texts and returned an array of shape "
                f"{vectors.shape}; it must return one vector per text, ({len(texts)}, H)."
            )
        if self._width not in (None, vectors.shape[1]):
            raise ModelError(
                f"{self.name} returned vectors of {vectors.shape[1]} numbers, and of {self._width} "
                "before; every text must get a vector of the same width."
            )
        if not np.isfinite(vectors).all():
            index = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ModelError(
                f"{self.name} returned NaN or infinity for the text {_shown(texts[index])}; "
                "every number of a vector must be finite."
            )
        self._width = vectors.shape[1]
        return vectors


_BOXES: WeakSet[BlackBox] = WeakSet()


def _start_anew() -> None:
    """In a forked process: a thread that is not there may hold a lock."""
    for box in list(_BOXES):
        box._start()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def is_blank(text: str) -> bool:
    """Return whether there is nothing in a text to give to a function."""
    return not text.strip()


def _as_array(answer: object, name: str) -> Floats:
    """Return what a function gave as float64, of any shape."""
    if isinstance(answer, list | tuple):
        answer = [_on_cpu(part) for part in answer]
    try:
        found = np.asarray(_on_cpu(answer))
    except (ValueError, TypeError) as error:
        raise ModelError(
            f"{name} returned vectors that make no array ({error}); it must return one vector of "
            "the same width per text."
        ) from error
    if found.dtype.kind not in "fiub":
        raise ModelError(
            f"{name} returned {type(answer).__name__} of {found.dtype}; it must return real "
            "numbers: an array, a tensor, or lists of floats, (N, H)."
        )
    return found.astype(np.float64)


def _on_cpu(value: object) -> object:
    """Return a tensor as an array, whatever its device, precision and gradient; else ``value``."""
    return value.detach().cpu().double().numpy() if isinstance(value, torch.Tensor) else value


def _shown(text: str) -> str:
    return repr(text if len(text) <= 60 else text[:57] + "...")
