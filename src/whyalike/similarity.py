"""Similarities of vectors as arrays: of all pairs of two sets. No torch."""

import numpy as np

from whyalike.arrays import Floats
from whyalike.explanation import SimilarityFunction

SMALLEST_NORM = 1e-12
"""As in torch's normalize: the zero vector has cosine 0 with everything."""


def similarity_matrix(left: Floats, right: Floats, *, function: SimilarityFunction) -> Floats:
    """Return (N, M) similarities of (N, H) and (M, H) vectors.

    Of one pair they are what ``SIMILARITIES`` of ``models.pipeline`` gives.
    Euclidean and manhattan are minus the distance. Hamming is the share of bits that agree, of
    vectors whose bits are 1 and -1; a bit of 0 is unknown, and agrees by half. A cosine is not
    clipped to [-1, 1], so that differences of cosines stay exact sums.
    """
    found: Floats
    if is_bilinear(function):
        found = comparable(left, function=function) @ comparable(right, function=function).T
        return found
    if function == "hamming":
        return agreement(left @ right.T, bits=left.shape[1])
    order = 2 if function == "euclidean" else 1
    # Row by row: not all differences (N, M, H) at once. Minus zero becomes zero by adding 0.
    rows = [0.0 - np.linalg.norm(row - right, ord=order, axis=1) for row in left]
    found = np.array(rows).reshape(len(left), len(right))
    return found


def agreement(products: Floats, *, bits: int) -> Floats:
    """Return the share of bits that agree, by the products of vectors of bits 1 and -1."""
    found: Floats = 0.5 + products / (2 * bits)
    return found


def is_bilinear(function: SimilarityFunction) -> bool:
    """Return whether the similarity is the product of two vectors, each scaled by itself."""
    return function in ("cosine", "dot")


def comparable(vectors: Floats, *, function: SimilarityFunction) -> Floats:
    """Return vectors (..., H) whose plain product is the similarity: of length 1 for a cosine."""
    if function != "cosine":
        return vectors
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: Floats = vectors / np.maximum(norms, SMALLEST_NORM)
    return units
