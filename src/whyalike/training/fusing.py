"""A model and TF-IDF together: how much of words is best, chosen where nothing is reported.

Q queries, N candidates.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from whyalike.arrays import Floats
from whyalike.training.retrieval import rank_by

ROUNDING = 1e-12

WEIGHTS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0)
"""Of TF-IDF beside a model of weight 1."""


@dataclass(frozen=True, slots=True)
class Scores:
    """How near texts of a catalogue are, worked out a few rows at a time; higher is nearer.

    Attributes
    ----------
    of_titles : Callable[[slice], Floats]
        (q, N), of some asked titles, by their places, with all descriptions.
    of_descriptions : Callable[[Sequence[int]], Floats]
        (n, N), of some descriptions with all.
    """

    of_titles: Callable[[slice], Floats]
    of_descriptions: Callable[[Sequence[int]], Floats]


def fuse(near: Floats, words: Floats, weight: float) -> Floats:
    """Return z(near) + weight · z(words), (Q, N): each query's scores with mean 0 and deviation 1.

    It ranks as ``Fusion(normalise="z-score")`` does. Scores that are all the same add nothing.
    """
    return _standard(near) + weight * _standard(words)


def fuse_scores(near: Scores, words: Scores, weight: float) -> Scores:
    """Return the same of scores that are worked out later."""
    return Scores(
        lambda rows: fuse(near.of_titles(rows), words.of_titles(rows), weight),
        lambda rows: fuse(near.of_descriptions(rows), words.of_descriptions(rows), weight),
    )


def choose_weight(
    near: Callable[[slice], Floats],
    words: Callable[[slice], Floats],
    *,
    own: Sequence[int],
    texts: Sequence[int],
) -> float:
    """Return which of WEIGHTS has the best MRR, the least of several; see ``rank_by``."""

    def mrr(weight: float) -> float:
        return rank_by(lambda rows: fuse(near(rows), words(rows), weight), own=own, texts=texts).mrr

    return max(WEIGHTS, key=mrr)


def _standard(scores: Floats) -> Floats:
    apart = scores - scores.mean(1, keepdims=True)
    deviation = scores.std(1, keepdims=True)
    # What rounding leaves of equal scores must not be blown up.
    level = deviation <= ROUNDING * abs(scores).max(1, keepdims=True, initial=0.0)
    found: Floats = apart * ~level / (deviation + level)
    return found
