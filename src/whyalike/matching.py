"""Which word of one text goes with which word of the other.

Each word and the most similar word of the other text, from both sides (MatchWords); only words that
are each other's most similar; words that agree on each other in the light of their neighbours, one
with several perhaps; or what a method says itself that each pair of words contributes.
"""

from collections.abc import Sequence
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, WordSaliency, products
from whyalike.explanation import WordPair, of_columns

Nearest = tuple[NDArray[np.intp], Floats]
BLOCK = 1024


class MatchArrays(NamedTuple):
    """P matches as arrays, each (P,): indices of words, their similarity, and the score."""

    left: NDArray[np.intp]
    right: NDArray[np.intp]
    similarity: Floats
    score: Floats

    @classmethod
    def of(cls, pairs: Sequence[WordPair]) -> Self:
        """Return the arrays of pairs."""
        return cls(
            np.array([pair.left for pair in pairs], dtype=np.intp),
            np.array([pair.right for pair in pairs], dtype=np.intp),
            np.array([pair.similarity for pair in pairs], dtype=np.float64),
            np.array([pair.score for pair in pairs], dtype=np.float64),
        )

    def pairs(self) -> tuple[WordPair, ...]:
        """Return the matches as objects."""
        return of_columns(WordPair, *(values.tolist() for values in self))


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
    cosines: Floats = np.clip(products(unit_rows(left), unit_rows(right)), -1.0, 1.0)
    return cosines


def unit_rows(vectors: Floats) -> Floats:
    """Return vectors (W, H) of length 1; a zero vector stays one."""
    norms = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit: Floats = vectors / np.where(norms > 0, norms, 1.0)
    return unit


def match_mutually(left: WordSaliency, right: WordSaliency) -> tuple[WordPair, ...]:
    """Return the pairs of words that are each other's nearest, with a cosine above zero.

    The score is the mean of what both words add to the similarity, where the method says that: the
    pairs and half of what the other words of each text add then sum to the similarity. For other
    methods it is as in ``match_words``. On a tie the first wins, from either side.
    """
    rows, columns = np.flatnonzero(left.matchable), np.flatnonzero(right.matchable)
    if not len(rows) or not len(columns):
        return ()
    (of_rows, cosines), (of_columns, _) = nearest(left.vectors[rows], right.vectors[columns])
    mutual = (of_columns[of_rows] == np.arange(len(rows))) & (cosines > 0)
    pairs = []
    for row in np.flatnonzero(mutual):
        i, j, cosine = int(rows[row]), int(columns[of_rows[row]]), float(cosines[row])
        pairs.append(WordPair(i, j, cosine, _score(left, right, i, j, cosine)))
    return tuple(pairs)


def _score(left: WordSaliency, right: WordSaliency, i: int, j: int, cosine: float) -> float:
    if left.contributions is None or right.contributions is None:
        return score_of(float(left.saliency[i]), float(right.saliency[j]), cosine)
    return float(left.contributions[i] + right.contributions[j]) / 2


NEIGHBOURS = 0.1
"""What the pair of the next words on both sides counts; half of it for those one farther."""

REACH = 3
"""How many words to either side are asked whether they go together too."""

ENOUGH = 1.5
"""Pairs around one, each by its nearness, that support it wholly."""

SUPPORT = 0.2
"""What whole support adds to likeness."""

LEAST = 0.6
"""The cosine that a pair without any support needs."""

RELIEF = 0.5
"""How much less is enough with whole support."""

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
    same place of the same phrase go together, and a part of the pair's support. Words that are each
    other's likest are kept however unsure, as copies of one word are.

    Support is how sure the words around both are of each other by their cosines, in any order, from
    0 to 1: each pair of words up to REACH places away counts by 2 over the sum of both distances,
    and ENOUGH of that is whole; in a text of two words, 1 is, and a text of one has none to ask.
    What goes with a phrase stands near it, so that a pair alone, *the* and *the* of two unrelated
    sentences, must be the more alike by itself: left out are pairs whose cosine is at most LEAST
    less RELIEF times their support, and those whose plain cosine is not above zero.
    ``similarity`` of a pair is the cosine without the mean (beyond MOST_PAIRS, the plain one).

    Where the method says what words add to the similarity, a word shares that evenly among its
    partners, and a pair's score is the mean of both shares: the pairs and half of what the words
    without a partner add sum to the similarity. Otherwise the score is that of ``match_words``.
    """
    return soft_matches(left, right).pairs()


def soft_matches(left: WordSaliency, right: WordSaliency) -> MatchArrays:
    """Return what ``match_softly`` does, as arrays."""
    rows, columns = np.flatnonzero(left.matchable), np.flatnonzero(right.matchable)
    if not len(rows) or not len(columns):
        return MatchArrays.of(())
    if len(rows) * len(columns) > MOST_PAIRS:
        return MatchArrays.of(match_mutually(left, right))
    first, second = _rows_of(left.vectors, rows), _rows_of(right.vectors, columns)
    cosines = _without_the_mean(first, second)
    spread = float(cosines.std())
    support = _support(_agreement(cosines, spread=spread))
    likeness = _with_neighbours(cosines)
    likeness += SUPPORT * support
    kept = _agreement(likeness, spread=spread) > AGREEMENT
    _add_mutual(kept, likeness)
    kept &= cosines + RELIEF * support > LEAST
    i, j = np.divmod(np.flatnonzero(kept), len(columns))
    # Of the plain cosine the sign alone counts, and of the pairs that are sure of each other.
    alike = _row_products(first[i], second[j]) > 0
    i, j = i[alike], j[alike]
    m, n, similarity = rows[i], columns[j], cosines[i, j].astype(np.float64)
    if left.contributions is None or right.contributions is None:
        score = _scores_of(left.saliency[m], right.saliency[n], similarity)
    else:
        own = left.contributions[m] / np.bincount(i, minlength=len(rows))[i]
        other = right.contributions[n] / np.bincount(j, minlength=len(columns))[j]
        score = (own + other) / 2
    return MatchArrays(m, n, similarity, score)


def _rows_of(vectors: Floats, rows: NDArray[np.intp]) -> Floats:
    return vectors if len(rows) == len(vectors) else vectors[rows]


def _row_products(left: Floats, right: Floats) -> Floats:
    """(P,): the product of each row of ``left`` (P, H) with that of ``right``."""
    found: Floats = np.einsum("ij,ij->i", left, right)
    return found


def _scores_of(first: Floats, second: Floats, cosines: Floats) -> Floats:
    """Return ``score_of`` each of (P,) pairs."""
    both = first * second
    scores: Floats = cosines * np.where((first < 0) & (second < 0), -np.abs(both), both)
    return scores


def _without_the_mean(left: Floats, right: Floats) -> Floats:
    """(W, W'): cosines after the mean of all words was taken off; of two words they would be -1."""
    if len(left) == len(right) == 1:
        return cosine_matrix(left, right)
    mean = (left.sum(axis=0) + right.sum(axis=0)) / (len(left) + len(right))
    left, right = left - mean, right - mean
    cosines = products(left, right)
    # Fewer numbers to divide than those of the vectors.
    cosines /= _lengths(left)[:, None]
    cosines /= _lengths(right)
    return np.clip(cosines, -1.0, 1.0, out=cosines)


def _lengths(vectors: Floats) -> Floats:
    """(W,): the length of each vector (W, H); 1 of a zero vector, which has cosine 0 with all."""
    lengths: Floats = np.sqrt(_row_products(vectors, vectors))
    lengths[lengths == 0] = 1.0
    return lengths


def _with_neighbours(cosines: Floats) -> Floats:
    """Add to each pair of words a part of the two pairs before and of the two after it."""
    found = cosines.copy()
    for distance in (1, 2):
        weight = NEIGHBOURS / distance
        found[distance:, distance:] += weight * cosines[:-distance, :-distance]
        found[:-distance, :-distance] += weight * cosines[distance:, distance:]
    return found


def _support(agreement: Floats) -> Floats:
    """(W, W'): how much the pairs around each pair agree, 0 to 1; see ``match_softly``."""
    rows, columns = agreement.shape
    others = range(1, min(REACH, min(rows, columns) - 1) + 1)
    if not others:
        return np.ones_like(agreement)
    around = np.zeros((rows + 2 * REACH, columns + 2 * REACH), dtype=agreement.dtype)
    around[REACH : REACH + rows, REACH : REACH + columns] = agreement
    beside = {
        step: around[:, REACH - step :][:, :columns] + around[:, REACH + step :][:, :columns]
        for step in range(1, REACH + 1)
    }
    found = np.zeros_like(agreement)
    for step in range(1, REACH + 1):
        near = np.zeros_like(beside[step])
        for other, values in beside.items():
            near += 2 / (step + other) * values
        found += near[REACH - step :][:rows] + near[REACH + step :][:rows]
    # What a translation word by word would give the first word of the shorter text.
    found /= min(ENOUGH, sum(1 / step for step in others))
    return np.minimum(found, 1.0, out=found)


def _add_mutual(kept: NDArray[np.bool_], likeness: Floats) -> None:
    """Keep the pairs of (W, W') that are each other's likest; the first on a tie."""
    rows, columns = likeness.argmax(axis=1), likeness.argmax(axis=0)
    best = np.flatnonzero(columns[rows] == np.arange(len(rows)))
    kept[best, rows[best]] = True


def _agreement(likeness: Floats, *, spread: float) -> Floats:
    """(W, W'): geometric mean of how sure each word is of the other, 0 to 1."""
    scaled = likeness / max(TEMPERATURE * spread, 1e-3)
    by_row = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    by_column = np.exp(scaled - scaled.max(axis=0, keepdims=True))
    by_row /= by_row.sum(axis=1, keepdims=True)
    by_column /= by_column.sum(axis=0, keepdims=True)
    agreement: Floats = np.sqrt(by_row * by_column)
    return agreement


def match_by_contribution(
    left: WordSaliency, right: WordSaliency, matrix: NDArray[np.float64], *, union: bool = True
) -> tuple[WordPair, ...]:
    """Return each word with the word of the other text that adds most to the score with it.

    As ``match_words``, with the contribution instead of the cosine: from both sides, the first on
    a tie. A word that adds to the score with no word of the other text has no match.

    Parameters
    ----------
    left : WordSaliency
        W words.
    right : WordSaliency
        W' words.
    matrix : NDArray[float64]
        (W, W'), what each pair adds to the similarity; it becomes the pair's score.
    union : bool, default=True
        Keep a pair that is found from both sides once.
    """
    if not matrix.size:
        return ()
    rows, columns = np.arange(len(matrix)), np.arange(matrix.shape[1])
    found = [
        *zip(rows.tolist(), matrix.argmax(axis=1).tolist(), strict=True),
        *zip(matrix.argmax(axis=0).tolist(), columns.tolist(), strict=True),
    ]
    found = [pair for pair in (dict.fromkeys(found) if union else found) if matrix[pair] > 0]
    cosines = cosine_matrix(left.vectors, right.vectors)
    return tuple(WordPair(i, j, float(cosines[i, j]), float(matrix[i, j])) for i, j in found)


def unmatched_words(
    matches: Sequence[WordPair], left: WordSaliency, right: WordSaliency
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the indices of each side's words that stand in no match, most salient first.

    After MatchWords there is none but words without a vector, for it gives every other its nearest
    (Malkiel et al. 2022, Algorithm 1), however far.

    Parameters
    ----------
    matches : sequence of WordPair
        All that the matching found.
    left : WordSaliency
        W words.
    right : WordSaliency
        W' words.
    """
    return (
        _others({pair.left for pair in matches}, left),
        _others({pair.right for pair in matches}, right),
    )


def _others(matched: set[int], side: WordSaliency) -> tuple[int, ...]:
    missing = [n for n in range(len(side.saliency)) if n not in matched]
    if not missing:
        return ()
    sizes = np.abs(side.saliency).tolist()
    # Of equal ones the first stays first.
    return tuple(sorted(missing, key=sizes.__getitem__, reverse=True))
