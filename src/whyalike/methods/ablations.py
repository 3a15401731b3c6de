"""BTI with one of its two factors taken away."""

from collections.abc import Sequence

from whyalike.arrays import PairSaliency
from whyalike.methods.method import PreparedPair, Setting, forward, register_method, there_and_back
from whyalike.methods.token_saliency import explain_by_activation, explain_by_gradient


@register_method(
    "bti_activations",
    summary="sum of the rectified embedding, no gradient",
    source="Malkiel et al. 2022, section 4.2, ablation (ii)",
    forwards="1",
    backwards="0",
    passes=forward,
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
)
def bti_gradients(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: sum over features of ReLU(dC/dE), or its L2 norm (row 20)."""
    if setting.options.gradient_norm == "l2":
        return explain_by_gradient(setting, pairs, score=lambda _, g: g.norm(dim=-1))
    return explain_by_gradient(setting, pairs, score=lambda _, g: g.relu().sum(-1))


@register_method(
    "vanilla_gradients",
    summary="length of the gradient at the embedding",
    source="Malkiel et al. 2022, section 4.2 and Fig. 2",
    forwards="1",
    backwards="1",
    passes=there_and_back,
)
def vanilla_gradients(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Saliency of a token: the L2 norm of dC/dE (row 21)."""
    return explain_by_gradient(setting, pairs, score=lambda _, g: g.norm(dim=-1))
