"""Shapley values: what a word adds to the similarity, over many orders of adding the words."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import permutations
from math import comb, expm1, factorial, log1p

import numpy as np
from numpy.typing import NDArray

from whyalike.arrays import Floats, PairSaliency
from whyalike.explanation import SimilarityFunction
from whyalike.interruption import checkpoint
from whyalike.methods.method import PreparedPair, PreparedText, Setting, TextSize, register_method
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
from whyalike.options import PermutationsOption, PerturbationOptions, SeedOption
from whyalike.similarity import comparable, is_bilinear, similarity_matrix

Orders = NDArray[np.intp]

ROUNDING = 1e-12
"""A sum that misses no more than this part of its terms misses nothing."""

ENOUGH = 6
"""Of more words than this there are far more texts than orders meet: they need not be counted."""


@dataclass(frozen=True, kw_only=True)
class ShapleyOptions(PerturbationOptions, PermutationsOption, SeedOption):
    """Options of this method."""


def passes(size: TextSize, options: ShapleyOptions) -> float:
    """Return the passes over the whole text and the texts that grow; see cost.Passes.

    Equal texts are embedded once. There are C(W, k) texts of k words; as many of them are counted
    as so many random orders are expected to meet.
    """
    words = size.words
    orders, exact = 2 * options.permutations, factorial(min(words, 99))
    own = (size.tokens - size.special) / max(1, size.tokens)
    total = 1.0
    for k in range(words + 1):
        there = comb(words, min(k, words - k, ENOUGH))
        met = there if exact <= orders else -there * expm1(orders * log1p(-1 / (there + 1e-9)))
        left = 1.0 if options.perturbation == "mask" else k / max(1, words)
        total += met * (1 - own + own * left)
    return total


@register_method(
    "shapley",
    summary="mean of what a word adds to the similarity, over P orders and their reverses",
    source="Shapley 1953; Castro et al. 2009; Mitchell et al. 2022 (antithetic orders); Lundberg "
    "and Lee 2017 (SHAP)",
    forwards="2 P W",
    backwards="0",
    passes=passes,
    promises=("signed", "pairs", "sums"),
    requires=(),
    options=ShapleyOptions,
)
def shapley(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a word: the mean rise of the similarity when it joins the words before it.

    The words of a text sum to C - C(text without words). The matrix is the mean second difference
    over an order of each text, and sums to C - C(left without words) - C(right without words) +
    C(both without words); the remainder is what that leaves of C. A text without words is what the
    model makes of the empty text (a BlackBox: the zero vector; a PairScorer: ``blank_score``), or
    of masks alone.

    A scorer without vectors would have to score as many pairs of texts as both texts' orders have
    for the matrix. There is none then: words that are each other's nearest are matched, and score
    the mean of their contributions; the remainder is what those leave of C.

    P is ``options.permutations``; a text of which there are no more than 2 P orders gets each once,
    which is exact. The orders follow from ``options.seed`` and the text alone.

    Raises
    ------
    OptionError
        Words are to be masked, and the model has no mask token.
    ModelError
        Vectors that are no finite numbers.
    """
    texts = texts_of(pairs)
    options = ShapleyOptions.of(setting.options)
    orders = [orders_of(text, options=options) for text in texts]
    variants = [_prefixes(setting, *each) for each in zip(texts, orders, strict=True)]
    if "vectors" not in setting.model.capabilities:
        return _by_scores(setting, pairs, variants, orders)
    flat = embed_variants(setting, texts, variants)
    grown = [
        vectors.reshape(len(own), own.shape[1] + 1, -1)
        for vectors, own in zip(flat, orders, strict=True)
    ]
    changes = [_mean_steps(np.diff(of, axis=1), own) for of, own in zip(grown, orders, strict=True)]
    shown = word_vectors(setting, pairs, changes)
    return [
        _explain_pair(
            setting,
            pair,
            grown[2 * index : 2 * index + 2],
            orders[2 * index : 2 * index + 2],
            shown[2 * index : 2 * index + 2],
        )
        for index, pair in enumerate(pairs)
    ]


def orders_of(text: PreparedText, *, options: ShapleyOptions) -> Orders:
    """Return (O, W) orders of a text's words: all of them, or P and the reverse of each."""
    count = len(text.alignment.spans)
    if factorial(count) <= 2 * options.permutations:
        every = list(permutations(range(count)))
        return np.array(every, dtype=np.intp).reshape(len(every), count)
    digest = sha256(f"{options.seed}:{text.tokens.text}".encode()).digest()
    generator = np.random.default_rng(int.from_bytes(digest[:8]))
    half = np.array([generator.permutation(count) for _ in range(options.permutations)])
    return np.concatenate([half, half[:, ::-1]]).astype(np.intp)


def _prefixes(setting: Setting, text: PreparedText, orders: Orders) -> list[str]:
    """Return the O (W + 1) texts that grow word by word, order after order."""
    grown = []
    for order in orders:
        kept = np.zeros(len(order), dtype=bool)
        grown.append(variant(setting, text, kept))
        for word in order:
            kept[word] = True
            grown.append(variant(setting, text, kept))
    return grown


def _mean_steps(steps: Floats, orders: Orders) -> Floats:
    """Return the mean (W, ...) over orders of what happened, (O, W, ...), when a word joined."""
    mean = np.zeros(steps.shape[1:])
    np.add.at(mean, orders, steps / len(orders))
    return mean


def _by_scores(
    setting: Setting,
    pairs: Sequence[PreparedPair],
    variants: Sequence[Sequence[str]],
    orders: Sequence[Orders],
) -> list[PairSaliency]:
    """Return the words of each pair by the scores of growing texts alone."""
    grown = [
        scores.reshape(len(own), own.shape[1] + 1)
        for scores, own in zip(score_variants(setting, pairs, variants), orders, strict=True)
    ]
    vectors, warnings = vectors_to_match(setting, pairs)
    words, gaps = [], []
    for text, scores, own, shown in zip(texts_of(pairs), grown, orders, vectors, strict=True):
        contributions = _mean_steps(np.diff(scores, axis=1), own)
        words.append(signed_words(text, contributions, shown))
        gaps.append(_gap(contributions.sum(), [scores[0, -1], -scores[0, 0]]))
    return [
        PairSaliency(
            float(grown[n][0, -1]),
            words[n],
            words[n + 1],
            warnings=warnings,
            completeness_gap=max(gaps[n : n + 2]),
            matching="mutual",
        )
        for n in range(0, len(words), 2)
    ]


def _explain_pair(
    setting: Setting,
    pair: PreparedPair,
    grown: Sequence[Floats],
    orders: Sequence[Orders],
    shown: Sequence[Floats],
) -> PairSaliency:
    """Return the words and pairs of words of two texts.

    Parameters
    ----------
    setting : Setting
        The model and the options.
    pair : PreparedPair
        Two texts of W and W' words.
    grown : sequence of Floats
        Vectors (O, W + 1, H) of each text as it grows, from no words to all.
    orders : sequence of Orders
        (O, W) of each text.
    shown : sequence of Floats
        (W, H) of each text, to show the cosine of two words of.
    """
    function = require_vectors(setting.model, what="shapley").similarity_function
    left, right = grown
    matrix = _matrix(left, right, orders, function=function)
    to_right = _scores(left, right[0, -1], function=function)
    to_left = _scores(right, left[0, -1], function=function)
    first = _mean_steps(np.diff(to_right, axis=1), orders[0])
    second = _mean_steps(np.diff(to_left, axis=1), orders[1])
    nothing = similarity_matrix(left[0, :1], right[0, :1], function=function)[0, 0]
    whole, left_gone, right_gone = to_right[0, -1], to_right[0, 0], to_left[0, 0]
    similarity, total = score_of(setting, left[0, -1], right[0, -1]), float(matrix.sum())
    return PairSaliency(
        similarity,
        signed_words(pair.left, first, shown[0]),
        signed_words(pair.right, second, shown[1]),
        completeness_gap=max(
            _gap(first.sum(), [whole, -left_gone]),
            _gap(second.sum(), [whole, -right_gone]),
            _gap(total, [whole, -left_gone, -right_gone, nothing]),
        ),
        matrix=matrix,
        remainder=similarity - total,
    )


def _scores(grown: Floats, other: Floats, *, function: SimilarityFunction) -> Floats:
    """Return the similarity (O, W + 1) of each growing text (O, W + 1, H) with a vector (H,)."""
    flat = grown.reshape(-1, grown.shape[-1])
    return similarity_matrix(flat, other[None], function=function).reshape(grown.shape[:2])


def _matrix(
    left: Floats, right: Floats, orders: Sequence[Orders], *, function: SimilarityFunction
) -> Floats:
    """Return (W, W'): the mean second difference over all pairs of an order of each text."""
    if is_bilinear(function):
        one, other = (
            _mean_steps(np.diff(comparable(grown, function=function), axis=1), own)
            for grown, own in zip((left, right), orders, strict=True)
        )
        product: Floats = one @ other.T
        return product
    matrix = np.zeros((orders[0].shape[1], orders[1].shape[1]))
    for of_left, rows in zip(left, orders[0], strict=True):
        checkpoint()
        for of_right, columns in zip(right, orders[1], strict=True):
            scores = similarity_matrix(of_left, of_right, function=function)
            matrix[np.ix_(rows, columns)] += np.diff(np.diff(scores, axis=0), axis=1)
    mean: Floats = matrix / (len(left) * len(right))
    return mean


def _gap(total: float, terms: Sequence[float]) -> float:
    """Return what a total misses of the sum of its terms, as a part of that sum."""
    expected = float(sum(terms))
    missed = abs(float(total) - expected)
    if missed <= ROUNDING * max(abs(term) for term in terms):
        return 0.0
    return missed / abs(expected) if expected else 0.0
