"""MatchWords: each word to the most similar word of the other text, from both sides."""

import numpy as np
from numpy.typing import NDArray

from whyalike.types import WordPair, WordSaliency

Floats = NDArray[np.float64]
Nearest = tuple[NDArray[np.intp], Floats]

BLOCK = 1024


def match_words(
    left: WordSaliency, right: WordSaliency, *, union: bool = True
) -> tuple[WordPair, ...]:
    """Return the matches in the algorithm's order: those of the left words, then of the right.

    Malkiel et al. 2022, Algorithm 1 (MatchWords), Eqs. 5 and 6; rows 2, 4, 7 and 15 of the
    reading: the arg-max, the first on a tie; the score is the cosine times the saliencies of the
    word and of its match; a pair found from both sides is kept once, by position and never by
    spelling, unless ``union`` is False.
    """
    rows, columns = np.flatnonzero(left.matchable), np.flatnonzero(right.matchable)
    if not len(rows) or not len(columns):
        return ()
    of_rows, of_columns = nearest(left.vectors[rows], right.vectors[columns])
    found = [
        *zip(rows, columns[of_rows[0]], of_rows[1], strict=True),
        *zip(rows[of_columns[0]], columns, of_columns[1], strict=True),
    ]
    pairs = []
    seen = set()
    for i, j, cosine in ((int(i), int(j), float(cosine)) for i, j, cosine in found):
        if union and (i, j) in seen:
            continue
        seen.add((i, j))
        first, second = float(left.saliency[i]), float(right.saliency[j])
        score = score_of(first, second, cosine)
        pairs.append(WordPair(i, j, cosine, score))
    return tuple(pairs)


def score_of(first: float, second: float, cosine: float) -> float:
    """Return the cosine of two words times their saliencies (Eq. 6).

    It is below zero where a word pulls the texts apart, and where both do: two words that both do
    are no reason for likeness.
    """
    return cosine * (-abs(first * second) if first < 0 and second < 0 else first * second)


def nearest(left: Floats, right: Floats) -> tuple[Nearest, Nearest]:
    """Return, for each vector, which of the other side is nearest, and the cosine with it.

    In blocks, so that two texts of a hundred thousand words need no matrix of all their pairs.
    """
    of_left = np.zeros(len(left), dtype=np.intp), np.zeros(len(left))
    of_right = np.zeros(len(right), dtype=np.intp), np.full(len(right), -np.inf)
    for start in range(0, len(left), BLOCK):
        cosines = cosine_matrix(left[start : start + BLOCK], right)
        best = cosines.argmax(axis=1)
        of_left[0][start : start + BLOCK] = best
        of_left[1][start : start + BLOCK] = cosines[np.arange(len(best)), best]
        best = cosines.argmax(axis=0)
        values = cosines[best, np.arange(len(right))]
        better = values > of_right[1]
        of_right[0][better] = best[better] + start
        of_right[1][better] = values[better]
    return of_left, of_right


def cosine_matrix(left: Floats, right: Floats) -> Floats:
    """(W1, W2): cosine of every row of ``left`` (W1, H) with every row of ``right`` (W2, H).

    A zero vector has cosine 0 with everything.
    """
    cosines: Floats = np.clip(_unit(left) @ _unit(right).T, -1.0, 1.0)
    return cosines


def _unit(vectors: Floats) -> Floats:
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(norms > 0, norms, 1.0)
    return unit
