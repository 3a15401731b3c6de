"""From one pass through the model to word saliency: what all gradient methods share."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.attribution.inputs import PreparedPair, PreparedText
from whyalike.encoder.encoder import Encoder
from whyalike.encoder.passes import GroupPass, Point
from whyalike.types import BTIOptions, PairSaliency, WordSaliency
from whyalike.words import aggregate

Floats = NDArray[np.float64]
GradientScore = Callable[[Tensor, Tensor], Tensor]

IDENTICAL = (
    "Both texts are the same to the model, so that the similarity is at its maximum and has no "
    "gradient: the saliency is that of the unnormalised product of both vectors."
)


def explain_by_gradient(
    encoder: Encoder,
    pairs: Sequence[PreparedPair],
    options: BTIOptions,
    *,
    score: GradientScore,
    point: Point = "embedding",
) -> list[PairSaliency]:
    """Score tokens by activation and gradient, normalise, and hand on words.

    Args:
        encoder: the model.
        pairs: P prepared pairs, one batch.
        options: see BTIOptions.
        score: (activation, gradient), both (B, T, D), to token scores (B, T).
        point: where activation and gradient are taken.
    """
    result = encoder.run([pair.tokens for pair in pairs], options=options, point=point)
    return _collect(pairs, result.groups, result.similarity, result.identical, score)


def explain_by_activation(
    encoder: Encoder,
    pairs: Sequence[PreparedPair],
    options: BTIOptions,
    *,
    score: Callable[[Tensor], Tensor],
) -> list[PairSaliency]:
    """Score tokens by activation alone: no backward pass. ``score`` is (B, T, D) to (B, T)."""
    result = encoder.run([pair.tokens for pair in pairs], options=options, gradient=False)
    never = np.zeros(len(pairs), dtype=bool)
    return _collect(
        pairs, result.groups, result.similarity, never, lambda activation, _: score(activation)
    )


def min_max(scores: Floats) -> Floats:
    """Scale (T,) scores to [0, 1] (NRM of Eq. 4; row 12).

    Where all scores are equal there is no scale: each gets 1, or 0 if all are 0.
    """
    if not len(scores):
        return scores
    low, high = scores.min(), scores.max()
    if high > low:
        scaled: Floats = (scores - low) / (high - low)
        return scaled
    return np.full_like(scores, float(high != 0))


def _collect(
    pairs: Sequence[PreparedPair],
    groups: Sequence[GroupPass],
    similarity: Floats,
    identical: NDArray[np.bool_],
    score: GradientScore,
) -> list[PairSaliency]:
    """Put the rows of all groups back to their texts."""
    texts = [text for pair in pairs for text in (pair.left, pair.right)]
    scores = [np.zeros(len(text.tokens.offsets)) for text in texts]
    width = groups[0].latent.shape[-1] if groups else 1
    vectors = [np.zeros((len(text.tokens.offsets), width)) for text in texts]
    for group in groups:
        nothing = torch.zeros((), device=group.activation.device)
        gradient = nothing if group.gradient is None else group.gradient.float()
        rows = score(group.activation.float(), gradient).double().cpu().numpy()
        latents = group.latent.float().cpu().numpy()
        for index, place in enumerate(group.places):
            # A token that two windows see matters through both: its derivatives add up.
            np.add.at(scores[place.text], place.tokens, rows[index, place.positions])
            owned = place.owned
            vectors[place.text][place.tokens[owned]] = latents[index, place.positions[owned]]
    words = [_to_words(*parts) for parts in zip(texts, scores, vectors, strict=True)]
    return [
        PairSaliency(
            float(similarity[index]),
            words[2 * index],
            words[2 * index + 1],
            (IDENTICAL,) if identical[index] else (),
        )
        for index in range(len(pairs))
    ]


def _to_words(text: PreparedText, scores: Floats, vectors: Floats) -> WordSaliency:
    return aggregate(text.alignment, min_max(scores), vectors)
