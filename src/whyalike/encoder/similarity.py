"""The similarity of two batches of vectors, as sentence-transformers defines its four functions."""

from collections.abc import Callable

import torch
from torch import Tensor

from whyalike.types import SimilarityFunction

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
