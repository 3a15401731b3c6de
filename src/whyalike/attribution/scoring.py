"""The score of pairs, and vectors of their words, for methods that look at no gradient."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whyalike.attribution.inputs import PreparedPair, Setting
from whyalike.attribution.perturbation import embed_variants, score_of, texts_of
from whyalike.attribution.token_saliency import latent_vectors
from whyalike.encoder.encoder import Encoder
from whyalike.types import PairSaliency
from whyalike.words import aggregate

Floats = NDArray[np.float64]


def score_pairs(setting: Setting, pairs: Sequence[PreparedPair]) -> list[float]:
    """Return the similarity that the model gives to each of P pairs."""
    if isinstance(setting.model, Encoder):
        result = setting.model.run(
            [pair.tokens for pair in pairs], options=setting.options, gradient=False
        )
        return [float(score) for score in result.similarity]
    texts = texts_of(pairs)
    ends = embed_variants(setting, texts, [[text.tokens.text] for text in texts])
    return [
        score_of(setting, left[0], right[0])
        for left, right in zip(ends[0::2], ends[1::2], strict=True)
    ]


def compare_words(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Return P scored pairs whose words have their vectors, and saliency 0.

    A word's vector is its latent vector in its text (row 15). Of a function, whose inside can't be
    seen, it is the vector of the word as a text by itself.
    """
    texts = texts_of(pairs)
    if isinstance(setting.model, Encoder):
        result = setting.model.run(
            [pair.tokens for pair in pairs], options=setting.options, gradient=False
        )
        scores = [float(score) for score in result.similarity]
        latents = latent_vectors(texts, result)
    else:
        variants = [[text.tokens.text, *text.words] for text in texts]
        found = embed_variants(setting, texts, variants)
        latents = [vectors[1:] for vectors in found]
        scores = [
            score_of(setting, left[0], right[0])
            for left, right in zip(found[0::2], found[1::2], strict=True)
        ]
    sides = [
        aggregate(text.alignment, np.zeros(len(latent)), latent)
        for text, latent in zip(texts, latents, strict=True)
    ]
    return [
        PairSaliency(score, left, right)
        for score, left, right in zip(scores, sides[0::2], sides[1::2], strict=True)
    ]
