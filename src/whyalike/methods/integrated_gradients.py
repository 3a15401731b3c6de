"""Integrated gradients over the embedding of one text, with the other text held fixed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.arrays import PairSaliency, WordSaliency
from whyalike.errors import MissingExtraError
from whyalike.interruption import checkpoint
from whyalike.methods.method import BACKWARD, PreparedPair, PreparedText, Setting, register_method
from whyalike.methods.token_saliency import collect
from whyalike.models.embedded import EmbeddedText
from whyalike.models.encoder import Encoder
from whyalike.models.pipeline import SIMILARITIES
from whyalike.models.replica import outside_inference
from whyalike.models.tokens import TokenizedText
from whyalike.options import ActivationOption, MethodOptions, PathOption
from whyalike.words import sum_over_words

GAP_WARNING = 0.05
STEPS_AT_ONCE = 25


@dataclass(frozen=True, kw_only=True)
class PathOptions(MethodOptions, PathOption, ActivationOption):
    """Options of this method."""


@register_method(
    "integrated_gradients",
    summary="gradients summed along a path from an empty embedding (Captum; 50 steps)",
    source="Sundararajan et al. 2017; Malkiel et al. 2022, section 4.2",
    forwards="54",
    backwards="50",
    passes=lambda _, options: 4 + options.ig_steps * (1 + BACKWARD),
    promises=("signed", "sums"),
    options=PathOptions,
)
def integrated_gradients(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: the sum over features of its integrated gradients (row 22).

    The path runs over E of one text, special tokens included, from the baseline to the text, the
    other text's vector being fixed; of a model that reads both texts in one sequence, over that
    sequence, so that the contributions of both texts belong to one sum. The attributions should sum
    to the difference of the scores at both ends; the completeness gap is what they miss of it, as a
    part of it: from zeros a sixth on MiniLM, from padding (``ig_baseline="pad"``) nothing, in 20
    steps as well. A word's contribution is the sum of its tokens' attributions, before any scaling.

    Raises
    ------
    MissingExtraError
        Captum is not installed.
    """
    if find_spec("captum") is None:
        raise MissingExtraError("integrated_gradients", "captum", "methods")
    encoder, options = setting.encoder, PathOptions.of(setting.options)
    result = encoder.run([pair.tokens for pair in pairs], options=options, gradient=False)
    scores: list[NDArray[np.float64]] = []
    gaps: list[float] = []
    encoder.require_gradient()
    with outside_inference(), torch.enable_grad():
        for pair in pairs:
            tokens, gap = _integrate_pair(encoder, pair, options)
            scores += tokens
            gaps.append(gap)
    warnings = [
        f"Integrated gradients in {options.ig_steps} steps miss {gap:.0%} of the difference that "
        "they should sum to: give more steps (ig_steps)."
        if gap > GAP_WARNING
        else None
        for gap in gaps
    ]
    scaled = collect(pairs, result, scores, warnings=warnings, gaps=gaps)
    return [
        replace(
            found,
            left=_with_sums(found.left, pair.left, scores[2 * index]),
            right=_with_sums(found.right, pair.right, scores[2 * index + 1]),
        )
        for index, (pair, found) in enumerate(zip(pairs, scaled, strict=True))
    ]


def _with_sums(
    words: WordSaliency, text: PreparedText, scores: NDArray[np.float64]
) -> WordSaliency:
    return replace(words, contributions=sum_over_words(text.alignment, scores))


def _integrate_pair(
    encoder: Encoder, pair: PreparedPair, options: PathOptions
) -> tuple[list[NDArray[np.float64]], float]:
    """Return the scores of the tokens of both texts, (T,) each, and the larger gap."""
    texts = pair.left.tokens, pair.right.tokens
    if not all(text.length for text in texts):
        return [np.zeros(len(text.offsets)) for text in texts], 0.0
    if "joint sequence" in encoder.capabilities:
        return _integrate_sequence(encoder, texts, options)
    left, right = (EmbeddedText(encoder, text, options=options) for text in texts)
    similarity = SIMILARITIES[encoder.similarity_function]

    def beside(text: EmbeddedText, other: EmbeddedText) -> tuple[NDArray[np.float64], float]:
        def score(embeddings: Tensor) -> Tensor:
            return similarity(text.vectors(embeddings), other.vector.expand(len(embeddings), -1))

        scores, gap = _integrate(text, score, options)
        return scores[text.positions.numpy()], gap

    first, second = beside(left, right), beside(right, left)
    return [first[0], second[0]], max(first[1], second[1])


def _integrate_sequence(
    encoder: Encoder, texts: Sequence[TokenizedText], options: PathOptions
) -> tuple[list[NDArray[np.float64]], float]:
    """Return the same of two texts in one sequence, by one path over the whole of it."""
    sequence = EmbeddedText(encoder, texts[0], options=options)
    positions = [text.rows[0].positions for text in texts]
    sequence.positions = torch.from_numpy(np.concatenate(positions))

    def score(embeddings: Tensor) -> Tensor:
        return sequence.vectors(embeddings)[:, 0]

    scores, gap = _integrate(sequence, score, options)
    return [scores[own] for own in positions], gap


def _integrate(
    text: EmbeddedText, score: Callable[[Tensor], Tensor], options: PathOptions
) -> tuple[NDArray[np.float64], float]:
    """Return the scores (T,) of a sequence's tokens, special ones too, and the completeness gap."""
    from captum.attr import IntegratedGradients

    def interruptible(embeddings: Tensor) -> Tensor:
        checkpoint()
        return score(embeddings)

    baseline = text.baseline(options.ig_baseline)
    attributions, delta = IntegratedGradients(interruptible).attribute(
        text.embedding,
        baselines=baseline,
        n_steps=options.ig_steps,
        internal_batch_size=STEPS_AT_ONCE,
        return_convergence_delta=True,
    )
    # Captum's delta is what the attributions miss of the difference: so they tell that, too.
    whole = abs(float(attributions.sum() - delta))
    missed = abs(float(delta))
    return attributions[0].sum(-1).double().cpu().numpy(), missed / whole if whole > 0 else 0.0
