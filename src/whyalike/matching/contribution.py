"""Matches of a method that says itself what each pair of words contributes."""

import numpy as np
from numpy.typing import NDArray

from whyalike.matching.nearest import cosine_matrix
from whyalike.types import WordPair, WordSaliency


def match_by_contribution(
    left: WordSaliency, right: WordSaliency, matrix: NDArray[np.float64], *, union: bool = True
) -> tuple[WordPair, ...]:
    """Return each word with the word of the other text that adds most to the score with it.

    As ``match_words``, with the contribution instead of the cosine: from both sides, the first on
    a tie. A word that adds to the score with no word of the other text has no match.

    Args:
        left: W words.
        right: W' words.
        matrix: (W, W'), what each pair adds to the similarity; it becomes the pair's score.
        union: keep a pair that is found from both sides once.
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
