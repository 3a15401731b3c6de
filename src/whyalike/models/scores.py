"""Similarities of vectors: of one pair, of all pairs, and of pairs with their gradients."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.arrays import Floats
from whyalike.explanation import SimilarityFunction
from whyalike.models.pipeline import TokenPair
from whyalike.options import BTIOptions

Pairwise = Callable[[Tensor, Tensor], Tensor]


def cosine(left: Tensor, right: Tensor) -> Tensor:
    """(P,): cosine of each row of ``left`` (P, H) with the same row of ``right``."""
    unit = torch.nn.functional.normalize
    return dot(unit(left, dim=-1), unit(right, dim=-1))


def dot(left: Tensor, right: Tensor) -> Tensor:
    """(P,): unnormalised product of each row of ``left`` (P, H) with that of ``right``."""
    product: Tensor = (left * right).sum(-1)
    return product


def euclidean(left: Tensor, right: Tensor) -> Tensor:
    """(P,): minus the euclidean distance, so that higher means more alike."""
    distance: Tensor = torch.linalg.vector_norm(left - right, dim=-1)
    return -distance


def manhattan(left: Tensor, right: Tensor) -> Tensor:
    """(P,): minus the city-block distance, so that higher means more alike."""
    return -(left - right).abs().sum(-1)


SIMILARITIES: dict[SimilarityFunction, Pairwise] = {
    "cosine": cosine,
    "dot": dot,
    "euclidean": euclidean,
    "manhattan": manhattan,
}


def at_its_maximum(left: Tensor, right: Tensor, function: SimilarityFunction) -> Tensor:
    """(P,) bool: where both vectors are the same, up to rounding, for this similarity.

    There the gradient vanishes (cosine) or does not exist (distances): row 16 of the reading.
    A product has no maximum.
    """
    if function == "dot":
        return torch.zeros(len(left), dtype=torch.bool, device=left.device)
    if function == "cosine":
        return cosine(left, right) >= 1 - 1e-6
    scale = left.abs().amax(-1).clamp(min=1.0)
    return (left - right).abs().amax(-1) <= 1e-6 * scale


SMALLEST_NORM = 1e-12
"""As in torch's normalize: the zero vector has cosine 0 with everything."""


def similarity_matrix(left: Floats, right: Floats, *, function: SimilarityFunction) -> Floats:
    """Return (N, M) similarities of (N, H) and (M, H) vectors, as encoder.similarity defines them.

    Euclidean and manhattan are minus the distance. A cosine is not clipped to [-1, 1], so that
    differences of cosines stay exact sums.
    """
    found: Floats
    if is_bilinear(function):
        found = comparable(left, function=function) @ comparable(right, function=function).T
        return found
    order = 2 if function == "euclidean" else 1
    # Row by row: not all differences (N, M, H) at once. Minus zero becomes zero by adding 0.
    rows = [0.0 - np.linalg.norm(row - right, ord=order, axis=1) for row in left]
    found = np.array(rows).reshape(len(left), len(right))
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


@dataclass(frozen=True, eq=False)
class PairScores:
    """P scores. identical, scale: see Pass. objective: (P,), what to differentiate."""

    similarity: NDArray[np.float64]
    identical: NDArray[np.bool_]
    scale: NDArray[np.float64]
    objective: Tensor


def score_pairs(
    scored: Tensor,
    raw: Tensor,
    pairs: Sequence[TokenPair],
    *,
    function: SimilarityFunction,
    options: BTIOptions,
) -> PairScores:
    """Score pairs by the vectors (2 P, H) of their texts, left and right of each in turn.

    Where both texts are the same to the model, or ``options.objective`` is the product, what is
    differentiated is the unnormalised product of both vectors (row 16).
    """
    left, right = scored[0::2], scored[1::2]
    value = SIMILARITIES[function](left, right)
    same = torch.tensor([pair.reads_the_same_twice for pair in pairs])
    identical = at_its_maximum(left, right, function)
    if function != "dot":
        identical = identical | same.to(identical.device)
    product = dot(raw[0::2], raw[1::2])
    replaced = identical | (options.objective == "dot")
    # Rows of the other branch get a zero gradient from where, but a distance of zero has none
    # (NaN), so that it must not be in the graph at all.
    safe = SIMILARITIES[function](torch.where(replaced[:, None], left.detach() + 1, left), right)
    # Minus a distance of zero is -0.0, which adding 0 makes 0.
    similarity = value.detach().double().cpu().numpy() + 0.0
    at_maximum = identical.cpu().numpy()
    if function == "cosine":
        similarity = np.where(at_maximum, 1.0, np.clip(similarity, -1.0, 1.0))
    elif function != "dot":
        # Rows of a batch are rounded by their place, and so are those of equal texts.
        similarity = np.where(same.numpy(), 0.0, similarity)
    return PairScores(
        similarity=similarity,
        identical=at_maximum,
        scale=_scale(similarity, product, replaced),
        objective=torch.where(replaced, product, safe),
    )


def _scale(
    similarity: NDArray[np.float64], product: Tensor, replaced: Tensor
) -> NDArray[np.float64]:
    """Return (P,): the similarity's size as a multiple of the product's, where that took its place.

    Never below zero: a distance, of minus sign, falls where the product rises.
    """
    value = np.abs(product.detach().double().cpu().numpy())
    use = replaced.cpu().numpy() & (value != 0)
    sizes = np.abs(similarity) / np.where(use, value, 1.0)
    scale: NDArray[np.float64] = np.where(use, sizes, 1.0)
    return scale
