"""BiLRP for transformers: second-order relevance of pairs of input tokens."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from whyalike.arrays import PairSaliency
from whyalike.methods.contribution_vectors import (
    RowVectors,
    directions_passes,
    linear_end,
    token_derivatives,
)
from whyalike.methods.method import PreparedPair, Setting, register_method
from whyalike.methods.token_pairs import explain_by_contribution_vectors
from whyalike.models.embedded import EmbeddedText
from whyalike.models.replica import ConstantStatistics
from whyalike.models.tokens import Row, TokenizedText
from whyalike.options import ActivationOption, MethodOptions


@dataclass(frozen=True, kw_only=True)
class EmbeddingOptions(MethodOptions, ActivationOption):
    """Options of this method."""


@register_method(
    "bilrp",
    summary="relevance of token pairs, propagated with attention and norms held fixed",
    source="Vasileiou & Eberle 2024, BiLRP; Eberle et al. 2020; Ali et al. 2022",
    forwards="T + 4",
    backwards="0",
    passes=lambda size, _: 2 + directions_passes(size.tokens // size.rows),
    promises=("signed", "pairs"),
    options=EmbeddingOptions,
    requires=("vectors", "tokens", "hidden states", "gradients"),
)
def bilrp(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a token pair: u_i . v_j / (|F1| |F2|), with u_i = J_i E_i.

    J_i is the derivative of the text's vector by the embedding E_i of a token, in a model whose
    attention probabilities and norms' standard deviations count as constant: gradient times
    input is then LRP. Biases, and activations that are not piecewise linear, keep a part of the
    score, so that no sum is promised; the remainder says what is left.

    Raises
    ------
    OptionError
        The similarity is a distance.
    """
    setting.encoder.require_gradient()

    def decompose(text: TokenizedText, row: Row) -> RowVectors:
        embedded = EmbeddedText(setting.encoder, text, options=setting.options, row=row)

        def vector(embeddings: Tensor) -> Tensor:
            with ConstantStatistics():
                return linear_end(embedded, embeddings)

        vectors = token_derivatives(vector, embedded.embedding, embedded.embedding)
        return RowVectors(embedded, vectors, embedded.vector[0])

    return explain_by_contribution_vectors(setting, pairs, decompose, sums=False)
