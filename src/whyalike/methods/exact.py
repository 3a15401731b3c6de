"""The score as its scorer takes it apart: nothing is estimated."""

from collections.abc import Sequence

import numpy as np

from whyalike.arrays import Floats, PairSaliency, WordSaliency
from whyalike.errors import ModelError
from whyalike.explanation import Term
from whyalike.methods.method import PreparedPair, PreparedText, Setting, forward, register_method
from whyalike.models.scorer import Decomposition, TokenTerm, require_decomposition
from whyalike.words import Alignment, aggregate, sum_over_word_pairs

ROUNDING = 1e-6
"""What a sum may miss, of the sum of the magnitudes of its parts: single precision's."""


@register_method(
    "exact",
    summary="the score as the sum that the model itself makes it of: sparse, late interaction, "
    "static embeddings, BM25",
    source="algebra: SPLADE (Formal et al. 2021), ColBERT (Khattab & Zaharia 2020, Eq. 3) and a "
    "cosine of means are sums over pairs of tokens",
    forwards="1",
    backwards="0",
    passes=forward,
    promises=("signed", "pairs", "sums"),
    requires=("decomposition",),
)
def exact(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a pair of words: the sum of what the pairs of their tokens add to the score.

    A word's own contribution is what it adds with all of the other text, special tokens and prompts
    included. What no pair of words carries is the remainder.

    Raises
    ------
    ModelError
        Numbers that are not finite.
    """
    model = require_decomposition(setting.model, what="The method 'exact'")
    found = model.decompose([(pair.left.tokens, pair.right.tokens) for pair in pairs])
    return [_explained(pair, each, model.name) for pair, each in zip(pairs, found, strict=True)]


def _explained(pair: PreparedPair, found: Decomposition, name: str) -> PairSaliency:
    if not np.isfinite([found.score, found.total]).all() or not np.isfinite(found.matrix).all():
        raise ModelError(
            f"The score of {name} holds NaN or infinity: its weights are damaged, or its precision "
            "is too low. Load it in float32, or load it anew."
        )
    matrix = sum_over_word_pairs(pair.left.alignment, pair.right.alignment, found.matrix)
    return PairSaliency(
        found.score,
        _words(pair.left, found.left, found.left_vectors),
        _words(pair.right, found.right, found.right_vectors),
        warnings=found.notes,
        completeness_gap=_gap(found),
        matrix=matrix,
        remainder=found.score - float(matrix.sum()),
        terms=None if found.terms is None else _by_words(pair, found.terms),
    )


def _by_words(pair: PreparedPair, terms: Sequence[TokenTerm]) -> tuple[Term, ...]:
    """Return terms by the words of their tokens, greatest product first.

    A token of two words is shared between them, as everywhere.
    """
    words = [_words_of(side.alignment) for side in (pair.left, pair.right)]
    nothing: Shares = [(None, 1.0)]
    sums: dict[tuple[str, int | None, int | None, bool, bool], float] = {}
    for term in terms:
        lefts, rights = (
            nothing if token is None else words[side].get(token, nothing)
            for side, token in enumerate((term.left, term.right))
        )
        for left, one in lefts:
            for right, other in rights:
                key = term.term, left, right, term.left_expands, term.right_expands
                sums[key] = sums.get(key, 0.0) + term.product * one * other
    return tuple(
        Term(name, left, right, product, *expands)
        for (name, left, right, *expands), product in sorted(
            sums.items(), key=lambda each: -each[1]
        )
    )


Shares = list[tuple[int | None, float]]


def _words_of(alignment: Alignment) -> dict[int, Shares]:
    """Return, by token, the words that it belongs to, each with its share of it."""
    found: dict[int, list[int]] = {}
    links = zip(alignment.link_words.tolist(), alignment.link_tokens.tolist(), strict=True)
    for word, token in links:
        found.setdefault(token, []).append(word)
    return {token: [(word, 1 / len(own)) for word in own] for token, own in found.items()}


def _gap(found: Decomposition) -> float:
    """Return what the sum misses of the score, as a part of it; rounding counts as nothing."""
    missed = abs(found.total - found.score)
    outside = abs(found.total - float(found.matrix.sum()))
    if missed <= ROUNDING * (float(np.abs(found.matrix).sum()) + outside):
        return 0.0
    return missed / abs(found.score) if found.score else 1.0


def _words(text: PreparedText, contributions: Floats, vectors: Floats) -> WordSaliency:
    return aggregate(text.alignment, contributions, vectors, contributions=contributions)
