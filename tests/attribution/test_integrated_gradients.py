"""Integrated gradients: a second derivation, completeness, baselines (row 22)."""

import copy

import numpy as np
import pytest
import torch

from raising import raises
from tiny_models import ARCHITECTURES, TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import MissingExtraError, OptionError
from whyalike.methods import integrated_gradients as module

LEFT, RIGHT = TEXTS[0], TEXTS[1]


def explain(name="bert", model=None, **options):
    parts = (model or tiny(name).model, tiny(name).tokenizer)
    options = BTIOptions(words="token", **options)
    explainer = Explainer(
        parts, pooling=tiny(name).pooling, method="integrated_gradients", options=options
    )
    return explainer.explain(LEFT, RIGHT)


def by_hand(baseline, steps=50):
    """Gauss-Legendre over E = token + position, one step at a time, through inputs_embeds."""
    model, tokenizer = copy.deepcopy(tiny("bert").model).double(), tiny("bert").tokenizer
    table = model.embeddings
    inputs = [tokenizer(text, return_tensors="pt")["input_ids"] for text in (LEFT, RIGHT)]
    tokens = [table.word_embeddings(ids).detach() for ids in inputs]

    def vector(token_embedding):
        return model(inputs_embeds=token_embedding)[0][:, 1:-1].mean(1)

    nodes, weights = np.polynomial.legendre.leggauss(steps)
    saliencies, sums, gaps = [], [], []
    for side in (0, 1):
        other = vector(tokens[1 - side]).detach()
        position = table.position_embeddings.weight[: tokens[side].shape[1]].detach()
        whole = tokens[side] + position
        start = torch.zeros_like(whole)
        if baseline != "zero":
            ids = inputs[side].clone()
            ids[:, 1:-1] = getattr(tokenizer, f"{baseline}_token_id")
            start = table.word_embeddings(ids).detach() + position

        def score(point, position=position, other=other):
            return torch.cosine_similarity(vector(point - position), other).sum()

        total = torch.zeros_like(whole)
        for node, weight in zip((nodes + 1) / 2, weights / 2, strict=True):
            point = (start + node * (whole - start)).requires_grad_()
            total += weight * torch.autograd.grad(score(point), point)[0]
        attributions = ((whole - start) * total)[0]
        with torch.no_grad():
            difference = float(score(whole) - score(start))
        gaps.append(abs((float(attributions.sum()) - difference) / difference))
        raw = attributions.sum(-1)[1:-1].detach().numpy()
        saliencies.append((raw - raw.min()) / (raw.max() - raw.min()))
        sums.append(raw)
    return saliencies, sums, max(gaps)


@pytest.mark.parametrize("baseline", ["zero", "pad", "mask"])
def test_against_a_slow_sum_over_the_path(baseline):
    saliencies, sums, gap = by_hand(baseline)
    model = copy.deepcopy(tiny("bert").model).double()
    explanation = explain(model=model, ig_baseline=baseline)
    for side, expected in zip((explanation.left, explanation.right), saliencies, strict=True):
        np.testing.assert_allclose([w.saliency for w in side.words], expected, atol=1e-4)
    for side, expected in zip((explanation.left, explanation.right), sums, strict=True):
        np.testing.assert_allclose([w.contribution for w in side.words], expected, atol=1e-5)
    assert explanation.completeness_gap == pytest.approx(gap, abs=1e-4)


def test_fifty_steps_from_zero_are_the_preset():
    assert (BTIOptions().ig_steps, BTIOptions().ig_baseline) == (50, "zero")
    assert explain() == explain(ig_steps=50, ig_baseline="zero")


def test_more_steps_close_the_gap_and_a_wide_one_is_said():
    coarse, fine = explain(ig_steps=1), explain(ig_steps=200)
    assert fine.completeness_gap < 0.01 < coarse.completeness_gap
    assert not fine.warnings
    assert coarse.completeness_gap > module.GAP_WARNING
    assert f"miss {coarse.completeness_gap:.0%} of the difference" in coarse.warnings[0]


@pytest.mark.parametrize("name", ARCHITECTURES)
def test_every_architecture(name):
    explanation = explain(name, ig_steps=8)
    values = [w.saliency for side in (explanation.left, explanation.right) for w in side.words]
    assert np.isfinite(values).all()
    assert (min(values), max(values)) == (0.0, 1.0)
    assert np.isfinite(explanation.completeness_gap)


def test_the_model_is_left_as_it_was():
    model = copy.deepcopy(tiny("bert").model).train()
    before = {key: value.clone() for key, value in model.state_dict().items()}
    # transformers leaves hooks of its own once hidden states were asked for.
    hooks = [dict(m._forward_hooks) for m in model.modules()]
    explain(model=model, ig_steps=3)
    assert [dict(m._forward_hooks) for m in model.modules()] == hooks
    assert all(torch.equal(before[key], value) for key, value in model.state_dict().items())
    assert model.training
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


def test_empty_texts_windows_and_a_missing_token():
    explainer = Explainer(tiny("qwen3").parts, pooling="last", method="integrated_gradients")
    assert explainer.explain("", LEFT).matches == ()
    windows = BTIOptions(long_text="windows", ig_steps=2)
    explainer = Explainer(tiny("bert").parts, method="integrated_gradients", options=windows)
    with raises(OptionError, "windows"):
        explainer.explain("wool gloves " * 150, RIGHT)
    with pytest.raises(OptionError, match="before its LayerNorm"):
        explain(activation="after_norm", ig_baseline="pad", ig_steps=2)


def test_without_captum(monkeypatch):
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    with raises(MissingExtraError, "whyalike[methods]"):
        explain(ig_steps=2)
