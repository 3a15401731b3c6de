"""MatchWords: each word to the most similar word of the other text, from both sides."""

import numpy as np
from numpy.typing import NDArray

from whyalike.types import WordPair, WordSaliency

Floats = NDArray[np.float64]


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
    cosines = cosine_matrix(left.vectors[rows], right.vectors[columns])
    found = [(int(i), int(columns[cosines[k].argmax()])) for k, i in enumerate(rows)]
    found += [(int(rows[cosines[:, k].argmax()]), int(j)) for k, j in enumerate(columns)]
    position = {int(i): k for k, i in enumerate(rows)}, {int(j): k for k, j in enumerate(columns)}
    pairs = []
    for i, j in dict.fromkeys(found) if union else found:
        cosine = float(cosines[position[0][i], position[1][j]])
        score = cosine * float(left.saliency[i]) * float(right.saliency[j])
        pairs.append(WordPair(i, j, cosine, score))
    return tuple(pairs)


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
