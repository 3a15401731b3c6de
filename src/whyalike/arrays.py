"""What attribution yields: word saliency as arrays. No torch from here on."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from whyalike.explanation import ScorePart, Term
    from whyalike.options import Matching

Floats = NDArray[np.float64]

ON_ONE_THREAD = 2**18
"""Multiplications of a matrix product that OpenBLAS, which NumPy comes with, does on the calling
thread. More it shares with threads of its own, which torch's stand in the way of."""


def products(left: Floats, right: Floats) -> Floats:
    """Return the products (N, M) of every row of ``left`` (N, H) and every one of ``right`` (M, H).

    In blocks of rows that are small enough for the calling thread: for two texts' words, waking
    other threads takes longer than multiplying, and they wait on their cores for more of it while
    the model runs.
    """
    found = np.empty((len(left), len(right)), dtype=np.result_type(left, right))
    rows = ON_ONE_THREAD // max(1, right.size)
    if not rows:
        return np.matmul(left, right.T, out=found)
    for start in range(0, len(left), rows):
        np.matmul(left[start : start + rows], right.T, out=found[start : start + rows])
    return found


@dataclass(frozen=True, eq=False)
class WordSaliency:
    """Saliency and latent vector of each word of one text.

    spans: (start, end) of each word in the text, W of them. saliency: (W,). vectors: (W, H).
    matchable: (W,), False for a word that the model gave no token (it can match nothing).
    contributions: (W,), what each word adds to the similarity, in its units and with its sign; None
    for a method that gives no such number.
    raw: (W,), the contributions before what they left of the similarity was shared among the words;
    None where nothing was shared.
    """

    spans: tuple[tuple[int, int], ...]
    saliency: Floats
    vectors: Floats
    matchable: NDArray[np.bool_]
    contributions: Floats | None = None
    raw: Floats | None = None


@dataclass(frozen=True, eq=False)
class PairSaliency:
    """Both sides of a pair after attribution, with the similarity that was explained.

    completeness_gap: what the attributions miss of the difference that they should sum to, as a
    part of it; None for a method that promises no sum.
    matrix: (W, W'), what each pair of a left and a right word adds to the similarity; None for a
    method that scores words alone, whose pairs are found by MatchWords.
    remainder: what the matrix leaves of the similarity; None where it is not in those units.
    matching: how words find their partners, where that is another way than the method's.
    parts: the scorers of a fusion, with what each adds to the similarity.
    terms: of a sparse model, what carried the similarity; None of any other.
    expected: the mean scores of the left and the right text with a background, where the words of
    each explain what the similarity has beyond that.
    """

    similarity: float
    left: WordSaliency
    right: WordSaliency
    warnings: tuple[str, ...] = ()
    completeness_gap: float | None = None
    matrix: Floats | None = None
    remainder: float | None = None
    matching: "Matching | None" = None
    parts: "tuple[ScorePart, ...] | None" = None
    terms: "tuple[Term, ...] | None" = None
    expected: tuple[float, float] | None = None
