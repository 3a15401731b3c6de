"""Integrated Jacobians against a dense Jacobian of hand-run layers, in double."""

import copy

import numpy as np
import pytest
import torch

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import OptionError

LEFT, RIGHT = TEXTS[0], TEXTS[1]


def explain(name="bert", model=None, left=LEFT, right=RIGHT, **options):
    parts = (model or tiny(name).model, tiny(name).tokenizer)
    options = BTIOptions(words="token", **options)
    explainer = Explainer(
        parts, pooling=tiny(name).pooling, method="integrated_jacobians", options=options
    )
    return explainer.explain(left, right)


def by_hand(layer, steps, token):
    """Dense Jacobians at each node of the path, layer after layer, by BERT's own modules."""
    model, tokenizer = copy.deepcopy(tiny("bert").model).double(), tiny("bert").tokenizer
    model.set_attn_implementation("eager")
    nodes, weights = np.polynomial.legendre.leggauss(steps)
    sides = []
    for text in (LEFT, RIGHT):
        ids = tokenizer(text, return_tensors="pt")["input_ids"]
        empty = ids.clone()
        for place in range(1, ids.shape[1] - 1):
            empty[0, place] = token

        def rest(hidden):
            for block in model.encoder.layer[layer:]:
                out = block(hidden)
                hidden = out if isinstance(out, torch.Tensor) else out[0]
            return hidden[0, 1:-1].mean(0)

        with torch.no_grad():
            state, reference = (
                model(each, output_hidden_states=True).hidden_states[layer] for each in (ids, empty)
            )
            vector = rest(state)

        def unit(hidden):
            pooled = rest(hidden)
            return pooled / pooled.norm()

        contributions = torch.zeros(ids.shape[1], 32, dtype=torch.float64)
        for node, weight in zip(nodes, weights, strict=True):
            point = reference + (node + 1) / 2 * (state - reference)
            jacobian = torch.autograd.functional.jacobian(unit, point)  # (H, 1, T, H)
            for place in range(ids.shape[1]):
                change = (state - reference)[0, place]
                contributions[place] += weight / 2 * jacobian[:, 0, place] @ change
        with torch.no_grad():
            difference = unit(state) - unit(reference)
        sides.append((contributions, difference, vector / vector.norm()))
    (first, whole_first, f), (second, whole_second, g) = sides
    matrix = np.zeros((len(first) - 2, len(second) - 2))
    for i in range(1, len(first) - 1):
        for j in range(1, len(second) - 1):
            matrix[i - 1, j - 1] = float((first[i] * second[j]).sum())
    wanted = float(whole_first @ whole_second)
    gap = abs(float(first.sum(0) @ second.sum(0)) - wanted) / abs(wanted)
    signed = [float(u @ g) for u in first[1:-1]], [float(v @ f) for v in second[1:-1]]
    return matrix, gap, signed, float(f @ g)


@pytest.mark.parametrize(
    ("layer", "steps", "baseline"),
    [(2, 2, "pad"), (1, 1, "mask"), (0, 2, "zero"), (None, 2, "pad")],
)
def test_against_dense_jacobians(layer, steps, baseline):
    tokenizer = tiny("bert").tokenizer
    token = tokenizer.mask_token_id if baseline == "mask" else tokenizer.pad_token_id
    matrix, gap, signed, score = by_hand(2 if layer is None else layer, steps, token)
    model = copy.deepcopy(tiny("bert").model).double()
    explanation = explain(model=model, layer=layer, ig_steps=steps, ig_baseline=baseline)
    assert explanation.similarity == pytest.approx(score, abs=1e-9)
    np.testing.assert_allclose(explanation.matrix, matrix, atol=1e-7)
    assert explanation.completeness_gap == pytest.approx(gap, rel=1e-4, abs=1e-5)
    assert explanation.remainder == pytest.approx(score - matrix.sum(), abs=1e-6)
    for side, expected in zip((explanation.left, explanation.right), signed, strict=True):
        np.testing.assert_allclose([w.contribution for w in side.words], expected, atol=1e-7)


def test_more_steps_close_the_gap_and_a_wide_one_is_said():
    coarse, fine = explain(ig_steps=1, layer=0), explain(ig_steps=64, layer=0)
    assert fine.completeness_gap < 0.01 < coarse.completeness_gap
    assert not fine.warnings
    assert f"miss {coarse.completeness_gap:.0%}" in coarse.warnings[0]
    assert "ig_steps" in coarse.warnings[0]


def test_no_more_steps_than_the_sum_needs():
    """Steps double until the sum is close, so that more allowed ones change nothing."""
    assert explain(ig_steps=64).pair_contributions == explain(ig_steps=128).pair_contributions
    assert explain(ig_steps=64).pair_contributions != explain(ig_steps=1).pair_contributions


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture(name):
    explanation = explain(name, left="Knit gloves, warm hands.", right="Wool.", ig_steps=2)
    assert np.isfinite(explanation.matrix).all()
    assert np.abs(explanation.matrix).max() > 0
    assert np.isfinite(explanation.completeness_gap)


def test_the_last_layer_by_either_of_its_numbers():
    explanation = explain(layer=-1)
    assert explanation.completeness_gap < 5e-3
    assert explain(layer=3, ig_steps=8).matrix == pytest.approx(
        explain(layer=-1, ig_steps=8).matrix, abs=1e-6
    )


def test_a_layer_or_a_token_that_is_not_there():
    with raises(OptionError, "layer", "7", "BertModel", "0", "3"):
        explain(layer=7)
    tokenizer = copy.deepcopy(tiny("bert").tokenizer)
    tokenizer.mask_token = None
    explainer = Explainer(
        (tiny("bert").model, tokenizer),
        method="integrated_jacobians",
        options=BTIOptions(ig_baseline="mask"),
    )
    with pytest.raises(OptionError, match="lacks one of them"):
        explainer.explain(LEFT, RIGHT)
