"""Any score at all: a function from pairs of texts to numbers, such as a reranker's."""

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np

from whyalike.arrays import Floats
from whyalike.errors import ModelError, OptionError
from whyalike.models.retry import Retry
from whyalike.models.scorer import TextPair, is_blank
from whyalike.models.tokens import TokenizedText
from whyalike.models.user_function import UserFunction, noise, shorten
from whyalike.options import LongText

ScorePairs = Callable[[list[TextPair]], Any]
"""From N (left, right) texts to N numbers: an array, a tensor, or a list."""

SCORING_FUNCTIONS = ("predict", "compute_score")
"""What a function from pairs of texts to their scores is called in rerankers' packages."""


class PairScorer(UserFunction[TextPair]):
    """A function from a list of pairs of texts to scores, called in batches, with its answers kept.

    The score is the function's own, of any range; higher means more alike. Where the function
    raises what passes by itself, it is called again; anything else it raises is the cause of a
    FunctionError. Scores that arrived before stay cached, so that they are not paid for again. A
    pair of which a text is blank, prompt included, is never sent (many
    services refuse it): it has ``blank_score``. Threads take turns.

    Attributes
    ----------
    calls : int
        How often the function was called, calls that failed included.
    pairs_scored : int
        How many pairs it gave scores for.
    spent : Cost
        All calls, and the texts of the pairs that were answered, two each.

    Parameters
    ----------
    score : callable
        From a list of N tuples of two texts, (left, right), to N real numbers.
    name : str, optional
        What explanations call the model; by default the function's own name.
    blank_score : float, default=0.0
        The score of a pair with a blank text, and so what the words of a text are measured against
        where all of them are taken away. For a score that is a logit, choose one that means
        "unrelated".
    batch_size : int, default=64
        The most pairs in one call.
    batch_characters : int, optional
        The most characters of all texts of a call together; a longer pair has a call of its own.
    cache_size : int, default=16384
        The most pairs whose scores are kept, least recently used ones forgotten.
    retry : Retry, optional
        When a call that failed is made again: by default up to three times, after 1, 2 and 4
        seconds. None is never.

    Raises
    ------
    OptionError
        An argument that is not allowed.
    """

    argument: ClassVar[str] = "score="
    takes: ClassVar[str] = "from a list of pairs of texts to their scores"
    answers: ClassVar[str] = "one number per pair, (N,)"
    things: ClassVar[str] = "pairs"

    def __init__(
        self,
        score: ScorePairs,
        *,
        name: str | None = None,
        blank_score: float = 0.0,
        batch_size: int = 64,
        batch_characters: int | None = None,
        cache_size: int = 16384,
        retry: Retry | None = Retry(),  # noqa: B008  # It can't be changed.
    ) -> None:
        super().__init__(
            score,
            name=name,
            batch_size=batch_size,
            batch_characters=batch_characters,
            cache_size=cache_size,
            retry=retry,
        )
        number = isinstance(blank_score, int | float) and not isinstance(blank_score, bool)
        if not number or not math.isfinite(blank_score):
            raise OptionError(f"blank_score is {blank_score!r}; give a finite number.")
        self.blank_score = float(blank_score)

    @staticmethod
    def suggest(given: object) -> str:
        """Return the name of the method that scores pairs of texts, or nothing."""
        return next((f for f in SCORING_FUNCTIONS if callable(getattr(given, f, None))), "")

    @property
    def pairs_scored(self) -> int:
        """How many pairs the function gave scores for."""
        return self.items_answered

    def score(
        self,
        pairs: Sequence[TextPair],
        *,
        prompts: tuple[str, str] = ("", ""),
        long_text: LongText = "truncate",
    ) -> Floats:
        """Return the scores (N,) of N pairs, with the prompts before the left and right texts.

        Raises
        ------
        FunctionError
            The function raised what does not pass by itself, or did so too often.
        ModelError
            The function gave something else than a number for each pair.
        """
        del long_text  # Only the function itself knows where it stops reading.
        whole = [(prompts[0] + left, prompts[1] + right) for left, right in pairs]
        found = self._ask([pair for pair in whole if not any(map(is_blank, pair))])
        return np.array([found.get(pair, self.blank_score) for pair in whole], dtype=np.float64)

    def about_blank(self, text: TokenizedText) -> str:
        """Return that a pair with a blank text was not sent."""
        if not is_blank(text.prompt + text.text):
            return ""
        taken = f"{self.blank_score:g}"
        return f"; the pair was not sent to be scored, and its score is taken as {taken}"

    def _texts(self, item: TextPair) -> tuple[str, ...]:
        return item

    def _made_up(self, items: Sequence[TextPair]) -> Floats:
        return noise(items, 1)[:, 0]

    def _checked(self, answer: object, items: Sequence[TextPair]) -> Floats:
        """Return (N,) float64. Raises ModelError on anything that can't be that."""
        scores = self._as_array(answer, what="scores").astype(np.float64)
        count = len(items)
        # Rerankers return a number alone for a single pair, and a column where they have one label.
        if scores.shape not in ((count,), (count, 1)) and not (count == 1 and scores.ndim == 0):
            raise ModelError(
                f"{self.name} got {count} pairs and returned an array of shape {scores.shape}; it "
                f"must return one number per pair, ({count},)."
            )
        scores = scores.reshape(count)
        if not np.isfinite(scores).all():
            left, right = items[int(np.flatnonzero(~np.isfinite(scores))[0])]
            raise ModelError(
                f"{self.name} returned NaN or infinity for the pair {shorten(left)}, "
                f"{shorten(right)}; every score must be finite."
            )
        return scores
