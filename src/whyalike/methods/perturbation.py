"""Scores of pairs, of words by themselves, and of texts without some of their words.

A dual encoder reads each text by itself, so that the variants of both texts are embedded once
each, and a pair of variants costs a similarity and no pass.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.errors import OptionError
from whyalike.interruption import checkpoint
from whyalike.methods.method import PreparedPair, PreparedText, Setting
from whyalike.methods.token_saliency import latent_vectors
from whyalike.models.encoder import Encoder
from whyalike.options import LongText, PerturbationOptions
from whyalike.similarity import similarity_matrix
from whyalike.texts import keep_words
from whyalike.words import aggregate, mean_vectors, scale_signed


def variant(setting: Setting, text: PreparedText, kept: NDArray[np.bool_]) -> str:
    """Return a text with only the words that are ``kept``, (W,), as ``perturbation`` says.

    Raises OptionError where the model has no mask token, and one is asked for.
    """
    checkpoint()  # Of a long text there are tens of thousands, and they take longer than a pass.
    if kept.all():
        return text.tokens.text
    mask = None
    if PerturbationOptions.of(setting.options).perturbation == "mask":
        mask = setting.model.mask_token
        if mask is None:
            raise OptionError(
                f"perturbation is 'mask', and {setting.model.name} has no mask token that we know: "
                "choose 'drop'."
            )
    spans, raw = text.alignment.spans, text.tokens.text
    # Words beyond the model's limit would move up into the place of a word that is cut out.
    read = raw[: spans[-1][1]] if text.tokens.truncated else raw
    return keep_words(read, spans, kept.tolist(), mask=mask)


def embed_variants(
    setting: Setting, texts: Sequence[PreparedText], variants: Sequence[Sequence[str]]
) -> list[Floats]:
    """Return the vectors (V, H) of each text's V variants, embedding equal ones once.

    All of a batch go to the model together. It sorts them by length.
    """
    # A variant is never longer than its text, which was let pass.
    policy: LongText = "windows" if setting.options.long_text == "windows" else "truncate"
    prompts = [text.tokens.prompt for text in texts]
    found: dict[tuple[str, str], Floats] = {}
    for prompt in dict.fromkeys(prompts):
        unique = list(
            dict.fromkeys(
                variant
                for own, of_text in zip(prompts, variants, strict=True)
                if own == prompt
                for variant in of_text
            )
        )
        vectors = setting.model.embed(unique, prompt=prompt, long_text=policy)
        found.update({(prompt, each): row for each, row in zip(unique, vectors, strict=True)})
    # A text in which the model reads nothing has a zero of whatever width.
    width = max((len(vector) for vector in found.values()), default=1)
    return [
        np.array([np.resize(found[prompt, each], width) for each in of_text])
        for prompt, of_text in zip(prompts, variants, strict=True)
    ]


def word_vectors(
    setting: Setting, pairs: Sequence[PreparedPair], changes: Sequence[Floats]
) -> list[Floats]:
    """Return what the cosine of two words is shown of, (W, H) per text, left and right in turn.

    Their latent vectors, one forward pass more; of a function, whose inside can't be seen,
    ``changes``: how each word changes its text's vector, (W, H) per text.
    """
    if not isinstance(setting.model, Encoder):
        return list(changes)
    texts = texts_of(pairs)
    result = setting.model.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    latents = latent_vectors(texts, result)
    return [
        mean_vectors(text.alignment, latent) for text, latent in zip(texts, latents, strict=True)
    ]


def texts_of(pairs: Sequence[PreparedPair]) -> list[PreparedText]:
    """Return the texts of the pairs, left and right of each in turn."""
    return [text for pair in pairs for text in (pair.left, pair.right)]


def signed_words(text: PreparedText, contributions: Floats, vectors: Floats) -> WordSaliency:
    """Return the words of a text, each as salient as its part of the greatest contribution.

    Every word can match, a mark inside another word's token too: taking it away tells.
    """
    return WordSaliency(
        spans=text.alignment.spans,
        saliency=scale_signed(contributions),
        vectors=vectors,
        matchable=np.ones(len(contributions), dtype=bool),
        contributions=contributions,
    )


def score_of(setting: Setting, left: Floats, right: Floats) -> float:
    """Return the similarity of two vectors (H,); a cosine without what rounding puts beyond 1."""
    function = setting.model.similarity_function
    score = float(similarity_matrix(left[None], right[None], function=function)[0, 0])
    return min(1.0, max(-1.0, score)) if function == "cosine" else score


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
