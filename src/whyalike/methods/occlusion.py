"""Occlusion: how the similarity changes when a word is taken away."""

from collections.abc import Sequence

import numpy as np

from whyalike.arrays import PairSaliency
from whyalike.methods.method import PreparedPair, PreparedText, Setting, register_method
from whyalike.methods.perturbation import (
    embed_variants,
    score_of,
    score_variants,
    signed_words,
    variant,
    vectors_to_match,
    word_vectors,
)
from whyalike.methods.token_saliency import texts_of
from whyalike.models.scorer import require_vectors
from whyalike.options import PerturbationOptions
from whyalike.similarity import similarity_matrix


@register_method(
    "occlusion",
    summary="fall of the similarity when a word is deleted or masked, signed",
    source="Zeiler and Fergus 2014; Li et al. 2016, 'Understanding Neural Networks through "
    "Representation Erasure'; pairs: the discrete interaction",
    forwards="W + 2",
    backwards="0",
    passes=lambda size, _: size.words + 2.0,
    promises=("signed", "pairs"),
    requires=(),
    options=PerturbationOptions,
)
def occlusion(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a word: C - C without it. Of a pair of words: what only both explain.

    The matrix is I_ij = C - C(without i) - C(without j) + C(without both): above zero where the two
    words need each other. It says nothing of a sum, so that there is no remainder.

    A scorer without vectors would have to score W W' pairs for the matrix. There is none then:
    words that are each other's nearest are matched, and score the mean of their contributions.

    Raises
    ------
    OptionError
        Words are to be masked, and the model has no mask token.
    ModelError
        Vectors that are no finite numbers.
    """
    texts = texts_of(pairs)
    variants = [_one_by_one(setting, text) for text in texts]
    if "vectors" not in setting.model.capabilities:
        return _by_scores(setting, pairs, variants)
    function = require_vectors(setting.model, what="occlusion").similarity_function
    vectors = embed_variants(setting, texts, variants)
    shown = word_vectors(setting, pairs, [of_text[:1] - of_text[1:] for of_text in vectors])
    results = []
    for index, pair in enumerate(pairs):
        one, other = 2 * index, 2 * index + 1
        scores = similarity_matrix(vectors[one], vectors[other], function=function)
        whole = scores[0, 0]
        results.append(
            PairSaliency(
                score_of(setting, vectors[one][0], vectors[other][0]),
                signed_words(pair.left, whole - scores[1:, 0], shown[one]),
                signed_words(pair.right, whole - scores[0, 1:], shown[other]),
                matrix=whole - scores[1:, :1] - scores[:1, 1:] + scores[1:, 1:],
            )
        )
    return results


def _by_scores(
    setting: Setting, pairs: Sequence[PreparedPair], variants: Sequence[Sequence[str]]
) -> list[PairSaliency]:
    scores = score_variants(setting, pairs, variants)
    vectors, warnings = vectors_to_match(setting, pairs)
    left, right = (
        [
            signed_words(side, own[0] - own[1:], shown)
            for side, own, shown in zip(
                texts_of(pairs)[which::2], scores[which::2], vectors[which::2], strict=True
            )
        ]
        for which in (0, 1)
    )
    return [
        PairSaliency(float(own[0]), one, other, warnings=warnings, matching="mutual")
        for own, one, other in zip(scores[0::2], left, right, strict=True)
    ]


def _one_by_one(setting: Setting, text: PreparedText) -> list[str]:
    """Return the whole text, and then the text without each of its W words."""
    count = len(text.alignment.spans)
    whole = np.ones(count, dtype=bool)
    return [variant(setting, text, kept) for kept in (whole, *~np.eye(count, dtype=bool))]
