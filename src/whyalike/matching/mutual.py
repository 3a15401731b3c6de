"""Words that are each other's most similar: a word without such a partner matches nothing."""

import numpy as np

from whyalike.matching.nearest import nearest, score_of
from whyalike.types import WordPair, WordSaliency


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
