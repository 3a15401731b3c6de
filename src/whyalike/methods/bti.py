"""BTI, to the letter of the paper."""

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from whyalike.arrays import PairSaliency
from whyalike.methods.method import PreparedPair, Setting, forward, register_method, there_and_back
from whyalike.methods.token_saliency import explain_by_gradient
from whyalike.options import (
    GradientOptions,
    MethodOptions,
    ObjectiveOption,
    Rectifier,
    RectifierOption,
)

ROUNDING = 1e-4
"""A signed sum is taken for zero below this part of the sum of magnitudes."""


@dataclass(frozen=True, kw_only=True)
class RectifiedOptions(GradientOptions, RectifierOption):
    """Options of BTI."""


@register_method(
    "bti",
    summary="embedding times gradient, rectified, summed over features",
    source="Malkiel et al. 2022, Eqs. 2-4",
    forwards="1",
    backwards="1",
    passes=there_and_back,
    options=RectifiedOptions,
)
def bti(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: sum over features of ReLU(E * dC/dE), min-max per text."""
    rectifier = RectifiedOptions.of(setting.options).rectifier
    return explain_by_gradient(
        setting,
        pairs,
        score=lambda e, g: rectified_product(e, g, rectifier),
    )


@dataclass(frozen=True, kw_only=True)
class LastLayerOptions(MethodOptions, ObjectiveOption, RectifierOption):
    """Options of BTI at the last layer, where no embedding is read."""


@register_method(
    "bti_last_layer",
    summary="BTI at the last layer's hidden states instead of the embeddings",
    source="Malkiel et al. 2022, section 4.2, ablation (i)",
    forwards="1",
    backwards="1",
    passes=forward,
    options=LastLayerOptions,
)
def bti_last_layer(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """E is the last hidden state; under mean pooling its gradient is one vector for all tokens."""
    rectifier = LastLayerOptions.of(setting.options).rectifier
    return explain_by_gradient(
        setting,
        pairs,
        score=lambda e, g: rectified_product(e, g, rectifier),
        point="last_layer",
    )


def rectified_product(activation: Tensor, gradient: Tensor, rectifier: Rectifier) -> Tensor:
    """(B, T): the sum over features of phi(E * g), with phi as ``rectifier`` says (row 10)."""
    product = activation * gradient
    if rectifier == "before_sum":
        return product.relu().sum(-1)
    summed = product.sum(-1)
    # A model with a norm behind E does not see its length, so that E * g sums to zero there; what
    # is left is rounding, which min-max would blow up to a picture.
    rounding = summed.abs() <= ROUNDING * product.abs().sum(-1)
    summed = summed.masked_fill(rounding, 0.0)
    return summed.relu() if rectifier == "after_sum" else summed
