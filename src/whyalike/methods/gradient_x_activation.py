"""Gradient times activation, signed: what draws two texts together and what pulls them apart."""

from collections.abc import Sequence
from dataclasses import dataclass

from whyalike.arrays import PairSaliency
from whyalike.methods.bti import rectified_product
from whyalike.methods.method import BACKWARD, PreparedPair, Setting, register_method
from whyalike.methods.token_saliency import explain_by_gradient
from whyalike.options import LayerOption, MethodOptions, ObjectiveOption


@dataclass(frozen=True, kw_only=True)
class LayerOptions(MethodOptions, ObjectiveOption, LayerOption):
    """Options of this method."""


@register_method(
    "gradient_x_activation",
    summary="hidden state times gradient at the last layer's input, signed",
    source="Shrikumar et al. 2016; Captum's LayerGradientXActivation",
    forwards="1",
    backwards="1 / layers",
    passes=lambda size, _: 1 + BACKWARD / size.layers,
    promises=("signed",),
    options=LayerOptions,
)
def gradient_x_activation(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a token: the sum over features of h * dC/dh, h its hidden state.

    Where a LayerNorm follows the embedding, this sum is zero there (the norm does not see
    the length of E); so it is taken at the input of the last layer unless ``options.layer`` says
    otherwise. Where that layer itself sees its input through a norm, as in a reranker that asks a
    language model and in CLIP's text side, it is taken at a middle layer.

    Raises
    ------
    OptionError
        The model has no such layer.
    """
    layer = LayerOptions.of(setting.options).layer
    return explain_by_gradient(
        setting,
        pairs,
        score=lambda h, g: rectified_product(h, g, "none"),
        point=setting.encoder.signed_layer if layer is None else layer,
        signed=True,
    )
