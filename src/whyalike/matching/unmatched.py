"""Words that match nothing: why two texts are not more alike."""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from whyalike.types import WordPair, WordSaliency


def unmatched_words(
    matches: Sequence[WordPair],
    left: WordSaliency,
    right: WordSaliency,
    *,
    by: Literal["similarity", "score"] | None,
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the indices of each side's words that match nothing, most salient first.

    MatchWords gives every word a nearest word, however far. So a word counts as matched where it is
    also the best for its own best, and that is above zero. Words that the model gave no token
    are not counted.

    Args:
        matches: what the matching found, each word with its best.
        left: W words.
        right: W' words.
        by: what the matching called best; None if it leaves words alone itself, so that every
            match counts.
    """
    if by is None:
        return (
            _others({pair.left for pair in matches}, left),
            _others({pair.right for pair in matches}, right),
        )
    best_left: dict[int, WordPair] = {}
    best_right: dict[int, WordPair] = {}
    for pair in matches:
        for best, word in ((best_left, pair.left), (best_right, pair.right)):
            if word not in best or getattr(pair, by) > getattr(best[word], by):
                best[word] = pair
    mutual = [
        pair
        for pair in best_left.values()
        if best_right[pair.right] == pair and getattr(pair, by) > 0
    ]
    return (
        _others({pair.left for pair in mutual}, left),
        _others({pair.right for pair in mutual}, right),
    )


def _others(matched: set[int], side: WordSaliency) -> tuple[int, ...]:
    missing = [n for n in np.flatnonzero(side.matchable).tolist() if n not in matched]
    return tuple(sorted(missing, key=lambda n: -abs(side.saliency[n])))
