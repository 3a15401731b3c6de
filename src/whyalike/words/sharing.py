"""What words add to a score, made to sum to it; and what there is to say where they add nothing."""

import numpy as np

from whyalike.arrays import WordSaliency
from whyalike.words.alignment import scale_signed

IDENTICAL = (
    "Both texts are the same to the model, so that the similarity is at its maximum and has no "
    "gradient: the saliency is that of the unnormalised product of both vectors."
)


def share_the_rest(side: WordSaliency, similarity: float) -> WordSaliency:
    """Share among the words that the model read, evenly, what they leave of the similarity."""
    if side.contributions is None or not side.matchable.any():
        return side
    rest = similarity - side.contributions.sum()
    shared = side.contributions + side.matchable * rest / side.matchable.sum()
    # Not by dataclasses.replace, which takes longer than the sums.
    return WordSaliency(
        side.spans, scale_signed(shared), side.vectors, side.matchable, shared, side.contributions
    )


def missing_part(side: WordSaliency, similarity: float) -> float:
    """Return what the words' contributions miss of the similarity, as a part of it."""
    if side.contributions is None or not side.matchable.any() or similarity == 0:
        return 0.0
    return abs(float(side.contributions.sum()) - similarity) / abs(similarity)


def nothing_found(words: WordSaliency, which: str) -> tuple[str, ...]:
    """Return what to say of the ``which`` text where each word of it has the saliency 0."""
    if not len(words.saliency) or np.any(words.saliency != 0):
        return ()
    return (
        f"This method gives every word of the {which} text the saliency 0, so that the order of "
        "its pairs means nothing.",
    )
