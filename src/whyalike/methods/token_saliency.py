"""From one pass through the model to word saliency: what all gradient methods share."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.errors import ModelError
from whyalike.methods.method import PreparedPair, PreparedText, Setting
from whyalike.models.pipeline import Pass, Point, at_least_single
from whyalike.words import IDENTICAL, aggregate_all, nothing_found

GradientScore = Callable[[Tensor, Tensor], Tensor]
Finish = Callable[[WordSaliency, float], WordSaliency]

NO_DISTANCE = (
    "Both texts are the same to the model: their distance is 0, and no word adds to it or takes "
    "from it."
)


def explain_by_gradient(
    setting: Setting,
    pairs: Sequence[PreparedPair],
    *,
    score: GradientScore,
    point: Point = "embedding",
    signed: bool = False,
) -> list[PairSaliency]:
    """Score tokens by activation and gradient, normalise, and hand on words.

    Parameters
    ----------
    setting : Setting
        The model and the options.
    pairs : sequence of PreparedPair
        P prepared pairs, one batch.
    score : GradientScore
        (activation, gradient), both (B, T, D), to token scores (B, T).
    point : Point, default='embedding'
        Where activation and gradient are taken.
    signed : bool, default=False
        The scores are what tokens add to the similarity; see ``collect``.
    """
    # Without a sign, nothing that is taken off a score makes a word count less.
    result = setting.encoder.run(
        [pair.tokens for pair in pairs],
        options=setting.options,
        point=point,
        means=setting.means if signed else None,
    )
    scores = token_scores(pairs, result, score)
    warnings = identical_warnings(result, signed=signed)
    return collect(pairs, result, scores, warnings=warnings, signed=signed)


def identical_warnings(result: Pass, *, signed: bool) -> list[str | None]:
    """Return what to say of each of P pairs whose score has no gradient, or None.

    ``signed``: the scores are to be in units of the similarity, which is 0 for a distance.
    """
    return [
        None if not flag else NO_DISTANCE if signed and not similarity else IDENTICAL
        for flag, similarity in zip(result.identical, result.similarity, strict=True)
    ]


def explain_by_activation(
    setting: Setting,
    pairs: Sequence[PreparedPair],
    *,
    score: Callable[[Tensor], Tensor],
) -> list[PairSaliency]:
    """Score tokens by activation alone: no backward pass. ``score`` is (B, T, D) to (B, T)."""
    result = setting.encoder.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    scores = token_scores(pairs, result, lambda activation, _: score(activation))
    return collect(pairs, result, scores)


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


def token_scores(pairs: Sequence[PreparedPair], result: Pass, score: GradientScore) -> list[Floats]:
    """Return the scores (T,) of each text's tokens: left and right of each pair in turn."""
    scores = [np.zeros(len(text.tokens.offsets)) for text in texts_of(pairs)]
    for group in result.groups:
        nothing = torch.zeros((), device=group.activation.device)
        gradient = nothing if group.gradient is None else at_least_single(group.gradient)
        rows = score(at_least_single(group.activation), gradient).double().cpu().numpy()
        for index, place in enumerate(group.places):
            # A token that two windows see matters through both: its derivatives add up.
            np.add.at(scores[place.text], place.tokens, rows[index, place.positions])
    return scores


def collect(
    pairs: Sequence[PreparedPair],
    result: Pass,
    scores: Sequence[Floats],
    *,
    warnings: Sequence[str | None] | None = None,
    gaps: Sequence[float] | None = None,
    signed: bool = False,
    finish: Finish | None = None,
) -> list[PairSaliency]:
    """Scale the tokens' scores and hand on words with their latent vectors.

    Parameters
    ----------
    pairs : sequence of PreparedPair
        P prepared pairs.
    result : Pass
        The pass that gave their similarities and latent vectors.
    scores : sequence of Floats
        2 P arrays (T,), left and right of each pair in turn.
    warnings : Sequence[str | None], optional
        What to say of each pair, or None.
    gaps : sequence of float, optional
        Completeness gap of each pair, where the method has one.
    signed : bool, default=False
        The scores are what tokens add to the similarity: words get their sums.
    finish : Finish, optional
        What the method makes of the words of a side, given what they explain: the similarity, or
        what it has beyond the mean score of the text with a background.

    Raises
    ------
    ModelError
        Scores with NaN or infinity.
    """
    texts = texts_of(pairs)
    if signed:
        scales = np.repeat(result.scale, 2)
        scores = [values * scale for values, scale in zip(scores, scales, strict=True)]
    if not all(np.isfinite(values).all() for values in scores):
        raise ModelError(
            "The model's gradients hold NaN or infinity, though its vectors do not: load it in "
            "float32, or with attn_implementation='eager'."
        )
    words = aggregate_all(
        [text.alignment for text in texts],
        scores if signed else [min_max(values) for values in scores],
        _joined_vectors(texts, result),
        signed=signed,
    )
    wholes = np.repeat(result.similarity, 2)
    if result.expected is not None:
        wholes = wholes - result.expected
    if finish is not None:
        words = [finish(*each) for each in zip(words, wholes.tolist(), strict=True)]
    return [
        PairSaliency(
            float(result.similarity[index]),
            words[2 * index],
            words[2 * index + 1],
            expected=_of_pair(result.expected, index),
            warnings=(
                *([said] if warnings and (said := warnings[index]) else []),
                *nothing_found(words[2 * index], "left"),
                *nothing_found(words[2 * index + 1], "right"),
            ),
            completeness_gap=gaps[index] if gaps else None,
        )
        for index in range(len(pairs))
    ]


def _of_pair(values: NDArray[np.float64] | None, index: int) -> tuple[float, float] | None:
    if values is None:
        return None
    return float(values[2 * index]), float(values[2 * index + 1])


def texts_of(pairs: Sequence[PreparedPair]) -> list[PreparedText]:
    """Return the texts of the pairs, left and right of each in turn."""
    return [text for pair in pairs for text in (pair.left, pair.right)]


def latent_vectors(texts: Sequence[PreparedText], result: Pass) -> list[Floats]:
    """Return each text's latent vectors (T, H), each token's from the row that owns it."""
    return np.split(_joined_vectors(texts, result), _starts(texts)[1:-1])


def _starts(texts: Sequence[PreparedText]) -> NDArray[np.intp]:
    """(N + 1,): where the tokens of each of N texts begin, one text after the other."""
    return np.cumsum([0, *(len(text.tokens.offsets) for text in texts)], dtype=np.intp)


def _joined_vectors(texts: Sequence[PreparedText], result: Pass) -> Floats:
    """(sum of T, H): ``latent_vectors`` of all texts, one after the other."""
    starts = _starts(texts)
    groups = [at_least_single(group.latent).cpu().numpy() for group in result.groups]
    width, kind = (groups[0].shape[-1], groups[0].dtype) if groups else (1, np.float64)
    vectors = np.zeros((starts[-1], width), dtype=kind)
    for latents, group in zip(groups, result.groups, strict=True):
        for index, place in enumerate(group.places):
            tokens, positions = place.tokens[place.owned], place.positions[place.owned]
            vectors[starts[place.text] + tokens] = latents[index, positions]
    return vectors
