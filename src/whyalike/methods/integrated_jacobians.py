"""Integrated Jacobians: token pairs by the path from a text that says nothing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import normalize

from whyalike.arrays import PairSaliency
from whyalike.methods.contribution_vectors import (
    RowVectors,
    directions_passes,
    token_derivatives,
    whole_derivative,
)
from whyalike.methods.method import PreparedPair, Setting, TextSize, register_method
from whyalike.methods.token_pairs import explain_by_contribution_vectors
from whyalike.models.embedded import LayeredText
from whyalike.models.encoder import Encoder
from whyalike.models.tokens import Row, TokenizedText
from whyalike.options import Baseline, LayerOption, MethodOptions, PathOption

LAST_LAYERS_INPUT = -2

CLOSE = 2e-3
"""No more steps are taken once the sum over tokens misses less than this part of its length."""

USUAL_STEPS = 8
"""What most pairs need (all-MiniLM-L6-v2, descriptions of fashion)."""


@dataclass(frozen=True, kw_only=True)
class PathOptions(MethodOptions, PathOption, LayerOption):
    """Options of this method."""


def passes(size: TextSize, options: PathOptions) -> float:
    """Return the passes of the usual number of steps, and of trying fewer first; see cost.Passes.

    Along the path only the last layer changes; at each node the others run once.
    """
    steps, part = min(USUAL_STEPS, options.ig_steps), 1 / size.layers
    trials = sum(1 << n for n in range(1, steps.bit_length()) if 1 << n < options.ig_steps)
    nodes = steps * directions_passes(size.tokens // size.rows, part=part)
    return 4 + trials * (1 + part) + nodes


@register_method(
    "integrated_jacobians",
    summary="token pairs by Jacobians summed along a path from padding tokens",
    source="Moeller et al. 2023 (EMNLP), Eq. 6; Moeller et al. 2024 (EACL)",
    forwards="4 + T x steps / layers",
    backwards="0",
    passes=passes,
    promises=("signed", "pairs", "sums"),
    options=PathOptions,
    requires=("vectors", "tokens", "hidden states", "gradients"),
)
def integrated_jacobians(setting: Setting, pairs: Sequence[PreparedPair]) -> list[PairSaliency]:
    """Contribution of a token pair: u_i . v_j / (|F1| |F2|), u_i = (integral of J_i) (h_i - r_i).

    h are the hidden states of the text at ``options.layer`` and r those of a reference of the same
    length: padding tokens between the special ones, as in the paper, at the positions of the text
    (mask tokens where ``ig_baseline`` says so; embeddings of zero where there is no padding token).
    J_i is the derivative of the text's vector by the state of token i, integrated from r to h. The
    sum over all tokens is (F1 - R1) . (F2 - R2) / (|F1| |F2|), R being the references' vectors. A
    cosine does not see the length of vectors, so each keeps that of its F along the path: as
    a constant factor it would rule the sum where a reference's vector is longer than the text's.
    The remainder holds the likeness of each text to the other's reference, and of both references.

    The layer is the last one's input by default: the deeper the layer, the nearer an off-the-shelf
    model's sum is to its similarity (Moeller et al. 2024), and the less it costs. Of
    Gauss-Legendre steps as many are taken as the sum needs, ``ig_steps`` at most.

    Raises
    ------
    OptionError
        No such layer, no mask token, or the similarity is a distance.
    """
    options = PathOptions.of(setting.options)
    layer = LAST_LAYERS_INPUT if options.layer is None else options.layer

    setting.encoder.require_gradient()

    def decompose(text: TokenizedText, row: Row) -> RowVectors:
        layered = LayeredText(setting.encoder, text, options=options, row=row, layer=layer)
        reference = layered.reference(_reference(setting.encoder, options))
        change = layered.state - reference

        def vector(states: Tensor) -> Tensor:
            scored = layered.ends(states)[0]
            if setting.encoder.similarity_function == "cosine":
                scored = normalize(scored, dim=-1) * layered.vector.norm()
            return scored

        with torch.no_grad():
            whole = layered.vector - vector(reference)
        path = _enough_steps(vector, reference, change, whole=whole, most=options.ig_steps)
        vectors = sum(
            weight * token_derivatives(vector, reference + node * change, change)
            for node, weight in path
        )
        return RowVectors(layered, torch.as_tensor(vectors), whole[0])

    remedy = "Give more steps (ig_steps)."
    return explain_by_contribution_vectors(setting, pairs, decompose, sums=True, remedy=remedy)


def _reference(encoder: Encoder, options: PathOptions) -> Baseline:
    if options.ig_baseline == "mask":
        return "mask"
    return "zero" if encoder.tokenizer.pad_token_id is None else "pad"


def _enough_steps(
    vector: Callable[[Tensor], Tensor],
    reference: Tensor,
    change: Tensor,
    *,
    whole: Tensor,
    most: int,
) -> list[tuple[float, float]]:
    """Return nodes and weights on [0, 1] whose sum over the path comes close to ``whole``, (1, H).

    All tokens along the path together cost what one of them costs, so that trying is cheap.
    """
    steps = 1
    while True:
        steps = min(2 * steps, most)
        nodes, weights = np.polynomial.legendre.leggauss(steps)
        path = list(zip(((nodes + 1) / 2).tolist(), (weights / 2).tolist(), strict=True))
        if steps == most:
            return path
        total = sum(
            weight * whole_derivative(vector, reference + node * change, change)
            for node, weight in path
        )
        if (total - whole).norm() <= CLOSE * whole.norm():
            return path
