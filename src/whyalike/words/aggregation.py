"""What a word inherits from its tokens (Malkiel et al. 2022, section 3.2; rows 12 and 15)."""

import numpy as np
from numpy.typing import NDArray

from whyalike.types import WordSaliency
from whyalike.words.alignment import Alignment


def aggregate(
    alignment: Alignment, saliency: NDArray[np.float64], vectors: NDArray[np.float64]
) -> WordSaliency:
    """Give each word the maximum saliency and the mean vector of its tokens.

    A word without tokens gets saliency 0 and the zero vector, and can match nothing.

    Args:
        alignment: links between W words and T tokens.
        saliency: (T,).
        vectors: (T, H), latent vectors of the tokens.
    """
    count = len(alignment.spans)
    has_token = alignment.has_token
    word_saliency = np.zeros(count)
    word_vectors = np.zeros((count, vectors.shape[1]))
    if len(alignment.link_words):
        words, starts, links = np.unique(
            alignment.link_words, return_index=True, return_counts=True
        )
        word_saliency[words] = np.maximum.reduceat(saliency[alignment.link_tokens], starts)
        sums = np.add.reduceat(vectors[alignment.link_tokens], starts, axis=0)
        word_vectors[words] = sums / links[:, None]
    return WordSaliency(alignment.spans, word_saliency, word_vectors, has_token)
