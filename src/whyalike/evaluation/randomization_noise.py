"""Explanations averaged over noisy copies of the texts: what sMPRT compares."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from whyalike.errors import OptionError
from whyalike.evaluation.embedding_noise import disturbed_embeddings
from whyalike.explainer import Explainer
from whyalike.explanation import ExplainedText
from whyalike.models.encoder import Encoder
from whyalike.options import check_whole

Floats = NDArray[np.float64]
Sides = tuple[Floats, Floats]

PIXELS = 0.1 * 12**0.5
"""A tenth of the range of values spread evenly over it, in standard deviations: 0.35."""


def saliency_of(side: ExplainedText) -> Floats:
    """Return the saliency (W,) of a text's words."""
    return np.array([word.saliency for word in side.words], dtype=np.float64)


@contextmanager
def noisy_embeddings(encoder: Encoder, *, noise: float, seed: int) -> Iterator[None]:
    """Have Gaussian noise on the token embeddings (B, T, D) of every pass inside.

    The noise of a text depends on the seed and its tokens alone, and not on what it is batched
    with; padding gets none.

    Args:
        encoder: the model; its weights are not touched.
        noise: standard deviation of the noise, in standard deviations of the text's embeddings.
        seed: of the noise.
    """

    def draw(ids: list[int], embeddings: Tensor) -> Floats:
        drawn = np.random.default_rng([seed, *ids]).standard_normal(tuple(embeddings.shape))
        spread = float(embeddings.float().std()) if embeddings.numel() > 1 else 0.0
        return drawn * (noise * spread)

    with disturbed_embeddings(encoder, draw):
        yield


def smooth_saliency(
    explainer: Explainer,
    pairs: Sequence[tuple[str, str]],
    *,
    samples: int = 50,
    noise: float = PIXELS,
    seed: int = 0,
    progress: Callable[[], None] | None = None,
) -> list[Sides]:
    """Return each pair's word saliency (W,), (W'), averaged over noisy copies of both texts.

    Hedström et al. 2024, Smooth MPRT: the mean of Φ(x + η) over N samples, the last without noise,
    as their implementation has it. They add noise to pixels, a tenth of an image's range; a text is
    discrete, so the noise is added to its token embeddings, and since these have long tails (their
    range is some 20 standard deviations, a picture's 3.5) it is measured in their standard
    deviation: 0.35, which for evenly spread values is the same tenth.

    Args:
        explainer: a model and a method.
        pairs: P pairs of texts.
        samples: N.
        noise: see ``noisy_embeddings``.
        seed: of the noise; each sample has its own.
        progress: called after each sample.

    Raises:
        OptionError: ``samples`` or ``noise`` is no such number; or there is no model.
    """
    check_whole("samples", samples)
    check_whole("seed", seed, least=0)
    if not noise >= 0:
        raise OptionError(f"noise is {noise!r}; give 0 or more, in standard deviations.")
    encoder = explainer.encoder
    sums: list[Sides] | None = None
    for sample in range(samples):
        last = sample == samples - 1
        with noisy_embeddings(encoder, noise=0.0 if last else noise, seed=seed * samples + sample):
            found = [
                (saliency_of(explanation.left), saliency_of(explanation.right))
                for explanation in explainer.explain_many(pairs)
            ]
        if sums is None:
            sums = found
        else:
            sums = [(a + c, b + d) for (a, b), (c, d) in zip(sums, found, strict=True)]
        if progress is not None:
            progress()
    return [(left / samples, right / samples) for left, right in sums or ()]
