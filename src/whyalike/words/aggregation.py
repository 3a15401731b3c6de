"""What a word inherits from its tokens (Malkiel et al. 2022, section 3.2; rows 12 and 15)."""

import numpy as np
from numpy.typing import NDArray

from whyalike.types import WordSaliency
from whyalike.words.alignment import Alignment

Floats = NDArray[np.float64]


def aggregate(
    alignment: Alignment,
    saliency: Floats,
    vectors: Floats,
    *,
    contributions: Floats | None = None,
) -> WordSaliency:
    """Give each word the maximum saliency and the mean vector of its tokens.

    A word without tokens gets saliency 0 and the zero vector, and can match nothing.

    Args:
        alignment: links between W words and T tokens.
        saliency: (T,).
        vectors: (T, H), latent vectors of the tokens.
        contributions: (T,), what the tokens add to the similarity. A word then has their sum, and
            for saliency its part of the greatest sum of the text, with its sign; ``saliency`` is
            not looked at.
    """
    count = len(alignment.spans)
    word_saliency = np.zeros(count)
    if len(alignment.link_words):
        words, starts = np.unique(alignment.link_words, return_index=True)
        word_saliency[words] = np.maximum.reduceat(saliency[alignment.link_tokens], starts)
    summed = None
    if contributions is not None:
        summed = sum_over_words(alignment, contributions)
        word_saliency = scale_signed(summed)
    return WordSaliency(
        spans=alignment.spans,
        saliency=word_saliency,
        vectors=mean_vectors(alignment, vectors),
        matchable=alignment.has_token,
        contributions=summed,
    )


def mean_vectors(alignment: Alignment, vectors: Floats) -> Floats:
    """(W, H): the mean of the vectors (T, H) of each word's tokens; zeros for a word without."""
    means = np.zeros((len(alignment.spans), vectors.shape[1]))
    if len(alignment.link_words):
        words, starts, links = np.unique(
            alignment.link_words, return_index=True, return_counts=True
        )
        sums = np.add.reduceat(vectors[alignment.link_tokens], starts, axis=0)
        means[words] = sums / links[:, None]
    return means


def sum_over_words(alignment: Alignment, values: Floats) -> Floats:
    """Return sums over each word's tokens, of (T, ...) to (W, ...).

    A token that belongs to two words is split between them evenly, so that nothing is counted
    twice.
    """
    shares = np.bincount(alignment.link_tokens, minlength=len(values))
    sums = np.zeros((len(alignment.spans), *values.shape[1:]))
    tokens = alignment.link_tokens
    parts = shares[tokens].reshape(-1, *[1] * (values.ndim - 1))
    np.add.at(sums, alignment.link_words, values[tokens] / parts)
    return sums


def sum_over_word_pairs(left: Alignment, right: Alignment, matrix: Floats) -> Floats:
    """(W, W'): sums of a token matrix (T, T') over the tokens of both words of each pair."""
    return sum_over_words(right, sum_over_words(left, matrix).T).T


def scale_signed(contributions: Floats) -> Floats:
    """Scale (W,) to [-1, 1] by the greatest magnitude, signs kept; zeros stay zeros."""
    greatest = np.abs(contributions).max(initial=0.0)
    scaled: Floats = contributions / greatest if greatest > 0 else np.zeros_like(contributions)
    return scaled
