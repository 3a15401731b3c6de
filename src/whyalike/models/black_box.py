"""Any embedding at all: a function from texts to vectors, whose inside can't be seen."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, get_args

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import ModelError
from whyalike.explanation import SimilarityFunction
from whyalike.models.refusals import other_function
from whyalike.models.scorer import Capability, TextPair, is_blank, score_by_vectors
from whyalike.models.tokens import TokenizedText
from whyalike.models.user_function import UserFunction, shorten
from whyalike.options import LongText, check_choice

Embed = Callable[[list[str]], Any]
"""From N texts to vectors, (N, H): an array, a tensor, or lists of numbers."""


class BlackBox(UserFunction[str]):
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

    capabilities: ClassVar[frozenset[Capability]] = frozenset({"vectors"})
    argument: ClassVar[str] = "embed="
    takes: ClassVar[str] = "from a list of texts to their vectors"
    answers: ClassVar[str] = "one vector of the same width per text, (N, H)"
    similarity_function: SimilarityFunction

    def __init__(
        self,
        embed: Embed,
        *,
        similarity_function: SimilarityFunction = "cosine",
        name: str | None = None,
        batch_size: int = 64,
        cache_size: int = 4096,
    ) -> None:
        super().__init__(embed, name=name, batch_size=batch_size, cache_size=cache_size)
        check_choice("similarity_function", similarity_function, get_args(SimilarityFunction))
        self.similarity_function = similarity_function
        self._width: int | None = None

    @staticmethod
    def suggest(given: object) -> str:
        """Return the name of the method that gives vectors of texts, or nothing."""
        return other_function(given)

    @property
    def texts_embedded(self) -> int:
        """How many texts the function gave vectors for."""
        return self.items_answered

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
        found = self._ask([text for text in whole if not is_blank(text)])
        vectors = np.zeros((len(whole), self._width or 1))
        for index, text in enumerate(whole):
            if text in found:
                vectors[index] = found[text]
        return vectors

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the similarities (N,) of the vectors of N pairs; raises as ``embed``."""
        return score_by_vectors(self, pairs, prompts=prompts, long_text=long_text)

    def about_blank(self, text: TokenizedText) -> str:
        """Return that a blank text was not sent."""
        if not is_blank(text.prompt + text.text):
            return ""
        return "; it was not sent to be embedded, and its vector is taken as zero"

    def _checked(self, answer: object, items: Sequence[str]) -> Floats:
        """Return (N, H) float64. Raises ModelError on anything that can't be that."""
        vectors = self._as_array(answer, what="vectors")
        if vectors.ndim != 2 or len(vectors) != len(items) or not vectors.shape[1]:
            raise ModelError(
                f"{self.name} got {len(items)} texts and returned an array of shape "
                f"{vectors.shape}; it must return one vector per text, ({len(items)}, H)."
            )
        if self._width not in (None, vectors.shape[1]):
            raise ModelError(
                f"{self.name} returned vectors of {vectors.shape[1]} numbers, and of {self._width} "
                "before; every text must get a vector of the same width."
            )
        if not np.isfinite(vectors).all():
            index = int(np.flatnonzero(~np.isfinite(vectors).all(axis=1))[0])
            raise ModelError(
                f"{self.name} returned NaN or infinity for the text {shorten(items[index])}; "
                "every number of a vector must be finite."
            )
        self._width = vectors.shape[1]
        return vectors
