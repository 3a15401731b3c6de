"""Infidelity and max-sensitivity: known cases, and the same numbers as Captum's."""

import json
from copy import deepcopy
from dataclasses import replace

import numpy as np
import pytest
import torch

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike.errors import OptionError
from whyalike.evaluation import infidelity as module
from whyalike.evaluation import measure_infidelity, measure_sensitivity
from whyalike.evaluation.infidelity import infidelity
from whyalike.evaluation.sensitivity import largest_change, noise
from whyalike.texts import find_words, keep_words

PAIR = (TEXTS[0], TEXTS[1])


def add_up(texts):
    """A word's vector is one number, by its length: the product with one word is additive."""
    return np.array([[float(sum(b - a for a, b in find_words(t)))] for t in texts])


def told(explanation, left):
    words = [
        replace(w, saliency=float(v), contribution=float(v))
        for w, v in zip(explanation.left.words, left, strict=True)
    ]
    return replace(explanation, left=replace(explanation.left, words=tuple(words)))


def test_truth_has_no_infidelity_and_its_opposite_tells_nothing():
    explainer = Explainer(embed=add_up, similarity_function="dot", method="random")
    pair = ("one three five sixteen a, the longest.", "word")
    explanation = explainer.explain(*pair)
    lengths = np.array([w.end - w.start for w in explanation.left.words], dtype=float)
    shuffled = lengths[np.random.default_rng(0).permutation(len(lengths))]
    found = {}
    # In any unit: the scale is fitted.
    for name, values in {
        "truth": 7 * lengths,
        "opposite": -lengths,
        "nothing": 0 * lengths,
        "constant": 0 * lengths + 1,
        "shuffled": shuffled,
    }.items():
        result = measure_infidelity(explainer, [pair], explanations=[told(explanation, values)])
        found[name] = result.values["infidelity_relative"]["left"][0]
        assert result.constant[0] == (name in ("nothing", "constant"))
        assert np.isnan(result.values["infidelity"]["right"][0])
        assert result.undefined("infidelity") == 1
    assert found["truth"] == pytest.approx(0, abs=1e-12)
    assert found["opposite"] == found["nothing"] == 1
    assert 0 < found["constant"] < 1
    assert 0 < found["shuffled"] < 1


def captums(function, values, perturbations):
    from captum.metrics import infidelity as captum_infidelity

    inputs = torch.ones(1, len(values), dtype=torch.float64)
    gone = torch.tensor(perturbations, dtype=torch.float64)

    def perturb(x):
        return gone, x - gone

    return captum_infidelity(
        function,
        perturb,
        inputs,
        torch.tensor(values, dtype=torch.float64)[None],
        n_perturb_samples=len(gone),
        normalize=True,
    ).item()


def test_infidelity_is_captums():
    rng = np.random.default_rng(1)
    weights = torch.tensor(rng.normal(size=9))

    def function(x):
        return torch.tanh(x @ weights) + 0.1 * (x**2 @ weights.flip(0))

    values = weights.numpy() + 0.3 * rng.normal(size=9)
    gone = rng.random((40, 9)) < 0.3
    whole = function(torch.ones(1, 9, dtype=torch.float64))
    changes = (whole - function(1.0 - torch.tensor(gone, dtype=torch.float64))).numpy()
    ours, scale = infidelity(gone @ values, changes)
    assert scale > 0
    assert ours == pytest.approx(captums(function, values, gone), rel=1e-9)
    # Captum forgives a wrong sign, and we do not.
    assert captums(function, -values, gone) == pytest.approx(ours)
    assert infidelity(gone @ -values, changes) == (pytest.approx(np.mean(changes**2)), 0.0)
    # The scale is the best one there is.
    for other in np.linspace(0, 3 * scale, 50):
        assert ours <= np.mean((other * (gone @ values) - changes) ** 2) + 1e-12


def test_infidelity_of_a_model_by_loops():
    """Both sides at once: the method's numbers against texts put together by hand."""
    explainer = Explainer(tiny("bert").parts, method="occlusion")
    explanation = explainer.explain(*PAIR)
    subsets = []

    original = module.subset_similarities

    def spy(explainer, block, asked, *, replacement):
        subsets.append(asked[0])
        return original(explainer, block, asked, replacement=replacement)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "subset_similarities", spy)
        result = measure_infidelity(explainer, [PAIR], samples=6, most=3)
    own = subsets[0]
    said, changes = [], []
    for left, right in zip(own.left[-6:], own.right[-6:], strict=True):
        assert 1 <= (~left).sum() <= 3
        total = 0.0
        texts = []
        for side, kept in ((explanation.left, left), (explanation.right, right)):
            total += sum(
                w.contribution for w, stays in zip(side.words, kept, strict=True) if not stays
            )
            texts.append(
                keep_words(side.text, [(w.start, w.end) for w in side.words], kept.tolist())
            )
        said.append(total)
        one, other = explainer.model.embed(texts)
        cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        changes.append(explanation.similarity - cosine)
    said, changes = np.array(said), np.array(changes)
    scale = max(0, (said * changes).sum() / (said**2).sum())
    assert result.scales["both"][0] == pytest.approx(scale, rel=1e-3)
    expected = sum((scale * a - b) ** 2 for a, b in zip(said, changes, strict=True)) / 6
    assert result.values["infidelity"]["both"][0] == pytest.approx(expected, rel=1e-2)
    assert json.dumps(result.to_dict(), allow_nan=False)


def test_equal_texts_lose_words_of_their_own():
    explainer = Explainer(tiny("bert").parts, method="occlusion")
    result = measure_infidelity(explainer, [(TEXTS[0], TEXTS[0])], samples=6)
    # The same words gone from both would leave the cosine at 1, and rounding for a change.
    assert result.values["infidelity"]["both"][0] > 1e-6
    assert 0 < result.values["infidelity_relative"]["both"][0] <= 1


def test_rounding_is_no_change():
    def nearly_blind(texts):
        return np.array([[1.0, 1e-9 * len(text)] for text in texts])

    result = measure_infidelity(Explainer(embed=nearly_blind, method="random"), [PAIR], samples=6)
    for side in ("left", "right", "both"):
        assert result.values["infidelity"][side][0] == pytest.approx(0, abs=1e-12)
        assert np.isnan(result.values["infidelity_relative"][side][0])


def test_batch_equals_single():
    pairs = [PAIR, (TEXTS[2], TEXTS[0]), ("", "")]
    explainer = Explainer(tiny("mpnet").parts, method="bti")
    done = []
    together = measure_infidelity(explainer, pairs, samples=5, progress=lambda *p: done.append(p))
    assert done == [(3, 3)]
    for number, pair in enumerate(pairs):
        alone = measure_infidelity(explainer, [pair], samples=5)
        for metric, sides in together.values.items():
            for side, values in sides.items():
                assert values[number] == pytest.approx(
                    alone.values[metric][side][0], rel=1e-3, nan_ok=True
                )


def test_largest_change_is_captums():
    from captum.metrics import sensitivity_max

    weights = torch.linspace(-1, 2, 7, dtype=torch.float64)
    seen = []

    def explain(inputs):
        (x,) = inputs
        seen.append(x)
        return (torch.sin(x) * weights,)

    inputs = torch.arange(7, dtype=torch.float64)[None]
    torch.manual_seed(0)
    theirs = sensitivity_max(explain, inputs, n_perturb_samples=12).item()
    original, disturbed = (torch.sin(x) * weights for x in seen[:2])
    assert len(disturbed) == 12
    assert largest_change(original[0].numpy(), disturbed.numpy()) == pytest.approx(theirs)
    assert largest_change(np.zeros(3), np.array([[3.0, 0, 4.0], [0, 1, 0]])) == 5


def test_sensitivity_grows_with_the_noise_and_leaves_the_model_alone():
    pairs = [PAIR, (TEXTS[2], TEXTS[1])]
    model = tiny("bert").model
    before = deepcopy(model.state_dict())
    explainer = Explainer(tiny("bert").parts, method="whyalike")
    given = list(explainer.explain_many(pairs))
    # Transformers leaves hooks of its own on a model from its first pass on.
    hooks = [len(m._forward_hooks) for m in model.modules()]
    found = [
        measure_sensitivity(explainer, pairs, samples=3, radius=radius, explanations=given)
        for radius in (1e-6, 0.1, 1.0)
    ]
    small, middle, large = (f.values["max_sensitivity"]["both"] for f in found)
    assert (small < 1e-3).all()
    assert (small < middle).all()
    assert (middle < large).all()
    again = measure_sensitivity(explainer, pairs, samples=3, radius=0.1)
    np.testing.assert_allclose(again.values["max_sensitivity"]["both"], middle, atol=1e-4)
    alone = measure_sensitivity(explainer, pairs[1:], samples=3, radius=0.1)
    np.testing.assert_allclose(alone.values["max_sensitivity"]["both"], middle[1:], atol=1e-3)
    assert [len(m._forward_hooks) for m in model.modules()] == hooks
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    # More samples can only find a greater change.
    more = measure_sensitivity(explainer, pairs, samples=6, radius=0.1)
    assert (more.values["max_sensitivity"]["both"] >= middle - 1e-4).all()


@pytest.mark.parametrize("method", ["random", "integrated_gradients", "occlusion", "bti"])
def test_sensitivity_of_any_method(method):
    options = BTIOptions(ig_steps=4, ig_baseline="pad")
    explainer = Explainer(tiny("distilbert").parts, method=method, options=options)
    found = measure_sensitivity(explainer, [PAIR], samples=2, radius=0.5)
    change = found.values["max_sensitivity"]["both"][0]
    assert change == 0 if method == "random" else change > 1e-3


def test_noise_stays_in_its_box_and_is_the_same_in_any_batch():
    encoder = Explainer(tiny("roberta").parts).encoder
    table = encoder.sites.tokens[0]
    ids = torch.tensor([[0, 9, 12, 2], [0, 7, 2, 1]])
    clean = table(ids)
    with noise(encoder, radius=0.2, seed=4):
        noisy, alone = table(ids), table(ids[1:, :3])
        rows = table(ids[0])
    change = (noisy - clean).abs()
    assert 0 < change.max() <= 0.2 * table.weight.pow(2).mean().sqrt() * 1.0001
    assert torch.equal(noisy[1:, :3], alone)
    assert not change[1, 3].any()
    assert torch.equal(rows, clean[0])
    assert torch.equal(table(ids), clean)


def test_what_cannot_be_measured_is_refused():
    explainer = Explainer(tiny("bert").parts, method="bti")
    given = [explainer.with_method("random").explain(*PAIR)]
    for options, message in (
        ({"samples": 0}, "samples"),
        ({"radius": 0}, "radius"),
        ({"explanations": given}, "with_method"),
    ):
        with pytest.raises(OptionError, match=message):
            measure_sensitivity(explainer, [PAIR], **options)
    with raises(OptionError, "vectors", "whole texts"):
        measure_sensitivity(Explainer(embed=add_up), [PAIR])
    for options in ({"samples": 0}, {"most": 0}):
        with pytest.raises(OptionError, match=next(iter(options))):
            measure_infidelity(explainer, [PAIR], **options)
