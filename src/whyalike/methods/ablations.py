"""BTI with one of its two factors taken away."""

from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.arrays import PairSaliency
from whyalike.methods.method import PreparedPair, Setting, forward, register_method, there_and_back
from whyalike.methods.token_saliency import explain_by_activation, explain_by_gradient
from whyalike.options import (
    ActivationOption,
    GradientNormOption,
    GradientOptions,
    MethodOptions,
)


@dataclass(frozen=True, kw_only=True)
class GradientNormOptions(GradientOptions, GradientNormOption):
    """Options of ``bti_gradients``."""


@dataclass(frozen=True, kw_only=True)
class ActivationOptions(MethodOptions, ActivationOption):
    """Options of ``bti_activations``."""


@register_method(
    "bti_activations",
    summary="sum of the rectified embedding, no gradient",
    source="Malkiel et al. 2022, section 4.2, ablation (ii)",
    forwards="1",
    backwards="0",
    passes=forward,
    options=ActivationOptions,
    requires=("tokens", "hidden states"),
)
def bti_activations(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: sum over features of ReLU(E)."""
    return explain_by_activation(setting, pairs, score=lambda e: e.relu().sum(-1))


@register_method(
    "bti_gradients",
    summary="sum of the rectified gradient, no embedding",
    source="Malkiel et al. 2022, section 4.2, ablation (iii)",
    forwards="1",
    backwards="1",
    passes=there_and_back,
    options=GradientNormOptions,
)
def bti_gradients(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: sum over features of ReLU(dC/dE), or its L2 norm (row 20)."""
    if GradientNormOptions.of(setting.options).gradient_norm == "l2":
        return explain_by_gradient(setting, pairs, score=lambda _, g: g.norm(dim=-1))
    return explain_by_gradient(setting, pairs, score=lambda _, g: g.relu().sum(-1))


@register_method(
    "vanilla_gradients",
    summary="length of the gradient at the embedding",
    source="Malkiel et al. 2022, section 4.2 and Fig. 2",
    forwards="1",
    backwards="1",
    passes=there_and_back,
    options=GradientOptions,
)
def vanilla_gradients(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: the L2 norm of dC/dE (row 21)."""
    return explain_by_gradient(setting, pairs, score=lambda _, g: g.norm(dim=-1))
