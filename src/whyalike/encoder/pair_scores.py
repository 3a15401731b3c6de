"""From the vectors of pairs to their scores, and to what is differentiated in their place."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.encoder.passes import TokenPair
from whyalike.encoder.similarity import SIMILARITIES, at_its_maximum, dot
from whyalike.types import BTIOptions, SimilarityFunction


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
