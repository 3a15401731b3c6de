"""From contribution vectors of two texts to what each pair of their words adds to the score."""

from collections.abc import Sequence

import numpy as np

from whyalike.arrays import Floats, PairSaliency, WordSaliency, products
from whyalike.errors import ModelError, OptionError
from whyalike.methods.contribution_vectors import (
    ContributionVectors,
    Decompose,
    contribution_vectors,
)
from whyalike.methods.method import PreparedPair, PreparedText, Setting
from whyalike.methods.token_saliency import latent_vectors
from whyalike.models.replica import outside_inference
from whyalike.models.tokens import TokenizedText
from whyalike.words import aggregate, sum_over_word_pairs

GAP_WARNING = 0.05

ROUNDING = 1e-6
"""A gap below this part of the product of both vectors' lengths is single precision's."""


def explain_by_contribution_vectors(
    setting: Setting,
    pairs: Sequence[PreparedPair],
    decompose: Decompose,
    *,
    sums: bool,
    remedy: str = "",
) -> list[PairSaliency]:
    """Multiply the contribution vectors u of the left tokens with v of the right ones.

    A product, F . G, of two vectors that are sums of u and of v is the sum of all u . v; a cosine
    is that over both lengths, which count as constant. A word's contribution is its u . G, so that
    those of all left tokens sum to the score as well.

    Parameters
    ----------
    setting : Setting
        The model and the options.
    pairs : sequence of PreparedPair
        P prepared pairs, one batch; each text of it is taken apart once.
    decompose : Decompose
        A row of a text to the contribution vectors of its tokens.
    sums : bool
        The vectors sum to something, so that there is a completeness gap.
    remedy : str, default=''
        What to do where that is wide.

    Raises
    ------
    OptionError
        The similarity is a distance, which is no such product; or no token of a text adds to it.
    ModelError
        NaN, or no forward-mode derivative.
    """
    function = setting.encoder.similarity_function
    if function not in ("cosine", "dot"):
        raise OptionError(
            f"The similarity of {setting.encoder.name} is {function}; only a product of vectors "
            "(cosine, dot) is a sum over pairs of words: choose pooling='paper' or another method."
        )
    result = setting.encoder.run(
        [pair.tokens for pair in pairs], options=setting.options, gradient=False
    )
    vectors = latent_vectors([text for pair in pairs for text in (pair.left, pair.right)], result)
    apart: dict[tuple[str, str], ContributionVectors] = {}
    explained = []
    for index, pair in enumerate(pairs):
        left, right = (_take_apart(side.tokens, decompose, apart) for side in _sides(pair))
        for side, parts in zip(_sides(pair), (left, right), strict=True):
            _check_reached(setting, side, parts)
        lengths = float(np.linalg.norm(left.vector) * np.linalg.norm(right.vector))
        factor = 1.0 if function == "dot" else 1.0 / lengths if lengths else 0.0
        similarity = float(result.similarity[index])
        matrix = sum_over_word_pairs(
            pair.left.alignment, pair.right.alignment, _products(left.tokens, right.tokens) * factor
        )
        gap = _gap(left, right, lengths) if sums else None
        explained.append(
            PairSaliency(
                similarity,
                _words(pair.left, vectors[2 * index], _along(left, right) * factor),
                _words(pair.right, vectors[2 * index + 1], _along(right, left) * factor),
                completeness_gap=gap,
                warnings=_wide(gap, remedy),
                matrix=matrix,
                remainder=similarity - float(matrix.sum()),
            )
        )
    return explained


def _sides(pair: PreparedPair) -> tuple[PreparedText, PreparedText]:
    return pair.left, pair.right


def _take_apart(
    text: TokenizedText,
    decompose: Decompose,
    apart: dict[tuple[str, str], ContributionVectors],
) -> ContributionVectors:
    key = text.text, text.prompt
    if key not in apart:
        with outside_inference():
            apart[key] = contribution_vectors(text, decompose)
        if not np.isfinite(apart[key].tokens).all():
            raise ModelError(
                "The model's derivatives hold NaN or infinity, though its vectors do not: load it "
                "in float32, or with attn_implementation='eager'."
            )
    return apart[key]


def _check_reached(setting: Setting, text: PreparedText, parts: ContributionVectors) -> None:
    """Raise OptionError where a vector has nothing of the text's tokens: the sum is of zeros."""
    if len(text.alignment.link_tokens) and parts.vector.any() and not parts.tokens.any():
        raise OptionError(
            f"At that layer the vectors of {setting.model.name} are made of special tokens alone, "
            "so that no word adds anything there: choose an earlier layer (-O layer=-2), or a "
            "method that looks at one."
        )


def _products(left: Floats, right: Floats) -> Floats:
    """(T, T'): a text without any token has the zero vector, of whatever width."""
    if left.shape[1] != right.shape[1]:
        return np.zeros((len(left), len(right)))
    return products(left, right)


def _along(own: ContributionVectors, other: ContributionVectors) -> Floats:
    """(T,): what each token adds to the product with the other text's vector."""
    return _products(own.tokens, other.vector[None])[:, 0]


def _gap(left: ContributionVectors, right: ContributionVectors, lengths: float) -> float:
    """Return what the sum over all token pairs misses of the product of both wholes, as a part."""
    whole = float(_products(left.whole[None], right.whole[None])[0, 0])
    missed = abs(float(_products(left.total[None], right.total[None])[0, 0]) - whole)
    if missed <= ROUNDING * lengths:
        return 0.0
    return missed / abs(whole) if whole else 1.0


def _wide(gap: float | None, remedy: str) -> tuple[str, ...]:
    if gap is None or gap <= GAP_WARNING:
        return ()
    return (
        f"The contributions of all tokens miss {gap:.0%} of what they should sum to: their order "
        f"tells more than their size. {remedy}".strip(),
    )


def _words(text: PreparedText, vectors: Floats, contributions: Floats) -> WordSaliency:
    return aggregate(text.alignment, contributions, vectors, contributions=contributions)
