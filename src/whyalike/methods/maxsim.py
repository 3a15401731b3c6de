"""Late interaction: each token with the most similar token of the other text."""

from collections.abc import Sequence

import numpy as np

from whyalike.arrays import Floats, PairSaliency, WordSaliency, products
from whyalike.errors import ModelError
from whyalike.matching import unit_rows
from whyalike.methods.method import PreparedPair, PreparedText, Setting, forward, register_method
from whyalike.methods.token_saliency import latent_vectors
from whyalike.words import aggregate, sum_over_word_pairs


@register_method(
    "maxsim",
    summary="each token with the most similar token of the other text",
    source="Khattab & Zaharia 2020 (ColBERT), Eq. 3; Zhang et al. 2020 (BERTScore), section 3",
    forwards="1",
    backwards="0",
    passes=forward,
    promises=("pairs",),
    requires=("vectors", "tokens", "hidden states"),
)
def maxsim(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Pair each token with the token of the other text whose hidden state has the largest cosine.

    The matrix sums to the mean of BERTScore's recall and precision (no idf): each token brings its
    largest cosine, divided by twice the number of tokens of its text. That score is another than
    the model's, so that there is no remainder and no signed contribution of a word. Saliency
    of a word is its tokens' largest cosine; below zero it counts as 0. Special tokens and prompts
    take no part. The hidden states are those of ``options.latent_layer``.

    Raises
    ------
    ModelError
        Hidden states with NaN or infinity.
    """
    result = setting.encoder.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    texts = [text for pair in pairs for text in (pair.left, pair.right)]
    vectors = latent_vectors(texts, result)
    return [
        _match_tokens(
            float(result.similarity[index]), pair, vectors[2 * index], vectors[2 * index + 1]
        )
        for index, pair in enumerate(pairs)
    ]


def _match_tokens(
    similarity: float, pair: PreparedPair, left: Floats, right: Floats
) -> PairSaliency:
    """``left`` is (T, H), ``right`` (T', H)."""
    cosines = products(unit_rows(left), unit_rows(right))
    if not np.isfinite(cosines).all():
        raise ModelError(
            "The model's hidden states hold NaN or infinity, though its vectors do not: load it in "
            "float32."
        )
    tokens = np.zeros_like(cosines)
    best_left, best_right = np.zeros(len(left)), np.zeros(len(right))
    if cosines.size:
        rows, columns = np.arange(len(left)), np.arange(len(right))
        of_rows, of_columns = cosines.argmax(1), cosines.argmax(0)
        best_left, best_right = cosines[rows, of_rows], cosines[of_columns, columns]
        tokens[rows, of_rows] += best_left / (2 * len(left))
        tokens[of_columns, columns] += best_right / (2 * len(right))
    return PairSaliency(
        similarity,
        _words(pair.left, best_left, left),
        _words(pair.right, best_right, right),
        matrix=sum_over_word_pairs(pair.left.alignment, pair.right.alignment, tokens),
    )


def _words(text: PreparedText, best: Floats, vectors: Floats) -> WordSaliency:
    return aggregate(text.alignment, np.maximum(best, 0.0), vectors)
