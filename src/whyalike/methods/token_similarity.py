"""The similarity as an exact sum over pairs of tokens, at the last layer."""

from collections.abc import Sequence

from torch import Tensor

from whyalike.arrays import PairSaliency
from whyalike.methods.contribution_vectors import RowVectors, linear_end, token_derivatives
from whyalike.methods.method import PreparedPair, Setting, register_method
from whyalike.methods.token_pairs import explain_by_contribution_vectors
from whyalike.models.embedded import LAST, LayeredText
from whyalike.models.replica import ConstantStatistics
from whyalike.models.tokens import Row, TokenizedText


@register_method(
    "token_similarity",
    summary="the cosine as a sum over token pairs of the last layer, exact",
    source="algebra: cosine of mean vectors = sum of B_i . B_j / (q1 q2 |F1| |F2|)",
    forwards="2",
    backwards="0",
    passes=lambda *_: 2.0,
    promises=("signed", "pairs", "sums"),
    requires=("vectors", "tokens", "hidden states", "pooled tokens"),
)
def token_similarity(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a token pair: u_i . v_j / (|F1| |F2|), with u_i = J_i B_i.

    B_i is a token's last hidden state and J_i the derivative by it of what follows: pooling, Dense
    and the like. Mean pooling makes it B_i . B_j / (q1 q2 |F1| |F2|). The sum over all tokens is
    the similarity wherever what follows is linear for the text at hand: a mean, a weighted mean, a
    maximum, a Dense without activation and bias, a norm (its scale counts as constant). The
    completeness gap says what a Dense with a bias or a tanh makes of it. What pairs with special
    tokens and prompts carry is the remainder. Where one token's state is the vector, as under CLS
    and last-token pooling, that token would carry all: such a model is refused.

    Raises
    ------
    OptionError
        The similarity is a distance.
    """

    def decompose(text: TokenizedText, row: Row) -> RowVectors:
        layered = LayeredText(setting.encoder, text, options=setting.options, row=row, layer=LAST)

        def head(states: Tensor) -> Tensor:
            with ConstantStatistics():
                return linear_end(layered, states)

        vectors = token_derivatives(head, layered.state, layered.state)
        return RowVectors(layered, vectors, layered.vector[0])

    return explain_by_contribution_vectors(setting, pairs, decompose, sums=True)
