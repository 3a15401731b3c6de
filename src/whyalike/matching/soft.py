"""Words that agree on each other, in the light of their neighbours; a word may have several."""

import numpy as np
from numpy.typing import NDArray

from whyalike.matching.mutual import match_mutually
from whyalike.matching.nearest import cosine_matrix, score_of
from whyalike.types import WordPair, WordSaliency

Floats = NDArray[np.float64]

NEIGHBOURS = 0.15
"""What the pair of the next words on both sides counts; half of it for those one farther."""
TEMPERATURE = 0.4
"""Of the softmax, in standard deviations of the cosines."""
AGREEMENT = 0.3
"""How sure two words must be of each other, from 0 to 1."""
MOST_PAIRS = 4_000_000
"""Texts with more pairs of words than this are matched by ``match_mutually``."""


def match_softly(left: WordSaliency, right: WordSaliency) -> tuple[WordPair, ...]:
    """Return the pairs of words that are sure enough of each other.

    How sure a word is of another is a softmax of their likeness over all words of the other's
    text; both must be (their geometric mean), as in Dou and Neubig 2021 (awesome-align). Likeness
    is the cosine after the mean of both texts' words was taken off, for what all words share says
    nothing about which go together, plus a part of that of the neighbouring words: words in the
    same place of the same phrase go together. Words that are each other's likest are kept however
    unsure, as copies of one word are. Pairs whose plain cosine is not above zero are left out.
    ``similarity`` of a pair is the cosine without the mean (beyond MOST_PAIRS, the plain one).

    Where the method says what words add to the similarity, a word shares that evenly among its
    partners, and a pair's score is the mean of both shares: the pairs and half of what the words
    without a partner add sum to the similarity. Otherwise the score is that of ``match_words``.
    """
    rows, columns = np.flatnonzero(left.matchable), np.flatnonzero(right.matchable)
    if not len(rows) or not len(columns):
        return ()
    if len(rows) * len(columns) > MOST_PAIRS:
        return match_mutually(left, right)
    first, second = left.vectors[rows], right.vectors[columns]
    plain = cosine_matrix(first, second)
    cosines = _without_the_mean(first, second)
    likeness = _with_neighbours(cosines)
    sure = _agreement(likeness, spread=float(cosines.std())) > AGREEMENT
    kept = (sure | _mutual(likeness)) & (plain > 0)
    shares = kept.sum(axis=1), kept.sum(axis=0)
    pairs = []
    for i, j in zip(*(found.tolist() for found in np.nonzero(kept)), strict=True):
        m, n, cosine = int(rows[i]), int(columns[j]), float(cosines[i, j])
        if left.contributions is None or right.contributions is None:
            score = score_of(float(left.saliency[m]), float(right.saliency[n]), cosine)
        else:
            halves = left.contributions[m] / shares[0][i], right.contributions[n] / shares[1][j]
            score = float(sum(halves)) / 2
        pairs.append(WordPair(m, n, cosine, score))
    return tuple(pairs)


def _without_the_mean(left: Floats, right: Floats) -> Floats:
    """(W, W'): cosines after the mean of all words was taken off; of two words they would be -1."""
    if len(left) == len(right) == 1:
        return cosine_matrix(left, right)
    mean = np.concatenate([left, right]).mean(axis=0)
    return cosine_matrix(left - mean, right - mean)


def _with_neighbours(cosines: Floats) -> Floats:
    """Add to each pair of words a part of the two pairs before and of the two after it."""
    found = cosines.copy()
    for distance in (1, 2):
        weight = NEIGHBOURS / distance
        found[distance:, distance:] += weight * cosines[:-distance, :-distance]
        found[:-distance, :-distance] += weight * cosines[distance:, distance:]
    return found


def _mutual(likeness: Floats) -> NDArray[np.bool_]:
    """(W, W'): whether both words are each other's likest; the first on a tie."""
    rows, columns = likeness.argmax(axis=1), likeness.argmax(axis=0)
    found = np.zeros(likeness.shape, dtype=bool)
    best = columns[rows] == np.arange(len(rows))
    found[np.flatnonzero(best), rows[best]] = True
    return found


def _agreement(likeness: Floats, *, spread: float) -> Floats:
    """(W, W'): geometric mean of how sure each word is of the other, 0 to 1."""
    scaled = likeness / max(TEMPERATURE * spread, 1e-3)
    by_row = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    by_column = np.exp(scaled - scaled.max(axis=0, keepdims=True))
    by_row /= by_row.sum(axis=1, keepdims=True)
    by_column /= by_column.sum(axis=0, keepdims=True)
    agreement: Floats = np.sqrt(by_row * by_column)
    return agreement
