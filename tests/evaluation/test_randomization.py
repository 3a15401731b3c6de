"""The test of randomised weights on explainers of which the answer is known."""

import json
import math
from copy import copy
from dataclasses import replace

import numpy as np
import pytest
import torch
from test_rank_agreement import slow_spearman

from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import OptionError
from whyalike.evaluation.agreement import (
    METRICS,
    agreement_by_chance,
    noisy_embeddings,
    smooth_saliency,
)
from whyalike.evaluation.changed_models import randomized_states
from whyalike.evaluation.randomization import (
    compare_pair,
    measure_randomization,
    tabulate_randomization,
)
from whyalike.methods.controls import draw

PAIRS = [(TEXTS[0], TEXTS[1]), (TEXTS[2], TEXTS[1]), (TEXTS[0], TEXTS[2])]


@pytest.fixture(scope="module")
def explainer():
    return Explainer(tiny("bert").parts)


def with_saliency(explainer, weigh):
    """An Explainer whose words have the saliency ``weigh(setting, text)``, of BTI's matches."""
    bti = explainer.with_method("bti").method

    def attribute(setting, pairs):
        return [
            replace(
                found,
                left=replace(found.left, saliency=weigh(setting, pair.left)),
                right=replace(found.right, saliency=weigh(setting, pair.right)),
            )
            for found, pair in zip(bti.attribute(setting, pairs), pairs, strict=True)
        ]

    other = copy(explainer)
    other.method = replace(bti, name="made", attribute=attribute)
    return other


def of_the_weights(setting, text):
    """Saliency that hangs on every weight: other weights give other random numbers."""
    body = setting.encoder.sites.body
    said = str(sum(float(p.detach().double().sum()) for p in body.parameters()))
    return draw(text.tokens.text + said, len(text.words), seed=0)


def of_the_text(_setting, text):
    return draw(text.tokens.text, len(text.words), seed=0)


def test_a_method_of_all_weights_is_at_chance(explainer):
    made = with_saliency(explainer, of_the_weights)
    result = measure_randomization(made, PAIRS, seeds=20)
    # Each value is the mean of two sides of at least 12 words: 60 of them have a standard error of
    # at most 1 / sqrt(11 * 2 * 60) = .028.
    for metric in ("spearman", "spearman_abs"):
        assert abs(result.last.values[metric].mean()) < 0.11
    found = result.last.values["jaccard_words"].mean()
    assert found == pytest.approx(result.chance.mean(), abs=0.07)
    assert (result.constant, result.last.undefined("spearman")) == (0, 0)


def test_a_method_of_the_text_alone_fails(explainer):
    result = measure_randomization(
        with_saliency(explainer, of_the_text), PAIRS, mode="cascade", seeds=2
    )
    assert [step.name for step in result.steps] == [
        "layer 3 and above",
        "layer 2 and above",
        "layer 1 and above",
        "embeddings and above",
    ]
    for step in result.steps:
        for metric in ("spearman", "spearman_abs", "jaccard_words"):
            assert np.allclose(step.values[metric], 1)
        assert np.all(step.values["emprt"] == 0)
        interval = step.interval("spearman")
        assert (interval.low, interval.high) == pytest.approx((1, 1))


def test_a_constant_method_is_told_and_not_averaged(explainer):
    made = with_saliency(explainer, lambda _, text: np.ones(len(text.words)))
    result = measure_randomization(made, PAIRS, seeds=2)
    assert result.constant == 2 * len(PAIRS)
    for metric in ("spearman", "spearman_abs", "spearman_plain", "jaccard_words", "emprt"):
        assert result.last.undefined(metric) == 2 * len(PAIRS)
        assert result.last.interval(metric) is None
    told = json.loads(json.dumps(result.to_dict(), allow_nan=False))
    said = told["steps"][0]["metrics"]["spearman"]
    assert (said["mean"], said["by_seed"], said["undefined"]) == (None, [None, None], 6)
    assert "undefined" in randomization_table_of(result)


def randomization_table_of(*results):
    from whyalike.evaluation.randomization import RandomizationTable

    return RandomizationTable(results).to_markdown()


def test_one_undefined_pair_leaves_the_others_their_mean(explainer):
    def weigh(setting, text):
        constant = text.tokens.text == TEXTS[2]
        return np.ones(len(text.words)) if constant else of_the_weights(setting, text)

    pairs = [*PAIRS, (TEXTS[2], TEXTS[2])]
    result = measure_randomization(with_saliency(explainer, weigh), pairs, seeds=2)
    assert (result.constant, result.last.undefined("spearman")) == (4, 2)
    values = result.last.values["spearman"]
    assert np.isnan(values[:, 3]).all()
    assert result.last.interval("spearman").mean == pytest.approx(values[:, :3].mean())
    assert result.last.interval("spearman").count == 3
    assert result.last.by_seed("spearman") == pytest.approx(values[:, :3].mean(axis=1))


def test_activations_depend_on_nothing_but_the_embeddings(explainer):
    made = explainer.with_method("bti_activations")
    kept = measure_randomization(made, PAIRS, keep_embeddings=True, seeds=1)
    for metric in ("spearman", "spearman_plain", "jaccard_words"):
        assert np.allclose(kept.last.values[metric], 1)
    assert np.allclose(kept.last.values["emprt"], 0)
    table = tabulate_randomization(explainer, PAIRS, methods=("bti_activations",), seeds=1)
    random, again = table.results
    assert not random.keep_embeddings
    assert again.keep_embeddings
    assert np.all(random.last.values["spearman"] < 0.9)
    assert np.array_equal(again.last.values["spearman"], kept.last.values["spearman"])
    said = table.to_markdown()
    assert "| bti_activations | kept | 1.000 [1.000, 1.000] |" in said
    json.dumps(table.to_dict(), allow_nan=False)


def entropy(values):
    low, high = min(values), max(values)
    counts = [0] * 10
    for value in values:
        counts[min(int((value - low) / (high - low) * 10), 9)] += 1
    return -sum(c / len(values) * math.log(c / len(values)) for c in counts if c)


@pytest.mark.parametrize("method", ["bti", "whyalike", "token_similarity"])
def test_every_metric_by_hand(explainer, method):
    made = explainer.with_method(method)
    result = measure_randomization(made, PAIRS[:1], seeds=1, seed=7, top=3)
    trained = made.explain(*PAIRS[0])
    (state,) = randomized_states(made, seed=7)
    other = state.explainer.explain(*PAIRS[0])
    sides = [(trained.left, other.left), (trained.right, other.right)]
    old, new = ([[w.saliency for w in side[n].words] for side in sides] for n in (0, 1))
    correlation = np.mean([slow_spearman(a, b) for a, b in zip(old, new, strict=True)])
    shared = []
    for a, b in zip(old, new, strict=True):
        best = [sorted(range(len(s)), key=lambda n, s=s: -s[n])[:3] for s in (a, b)]
        shared.append(len(set(best[0]) & set(best[1])) / len(set(best[0]) | set(best[1])))
    before, after = (sum(map(entropy, side)) / 2 for side in (old, new))
    matches = [{(m.left, m.right) for m in e.matches} for e in (trained, other)]
    values = {metric: float(found[0, 0]) for metric, found in result.last.values.items()}
    assert values["spearman"] == pytest.approx(correlation)
    assert values["jaccard_words"] == pytest.approx(np.mean(shared))
    assert values["emprt"] == pytest.approx((after - before) / before)
    assert values["jaccard_matches"] == len(matches[0] & matches[1]) / len(matches[0] | matches[1])
    assert result.last.similarity[0, 0] == pytest.approx(other.similarity)
    assert result.chance[0] == pytest.approx(
        np.mean([agreement_by_chance(len(side), 3) for side in old])
    )
    assert set(values) < set(METRICS)
    found, chance = compare_pair(made, trained, other, top=3, seed=7)
    assert (found["spearman"], chance) == (values["spearman"], result.chance[0])


def test_plain_words_have_one_token_and_stand_in_one_text(explainer):
    texts = ("keep ribbed gloves warm, zest", "Gloves warm touchscreen wool don smart")
    trained = explainer.explain(*texts)
    (state,) = randomized_states(explainer)
    other = state.explainer.explain(*texts)
    tokens = explainer.encoder.tokenizer.tokenize
    expected = []
    for own, new, there in (
        (trained.left, other.left, trained.right),
        (trained.right, other.right, trained.left),
    ):
        names = {word.text.lower() for word in there.words}
        chosen = [
            n
            for n, word in enumerate(own.words)
            if len(tokens(word.text)) == 1 and word.text.lower() not in names
        ]
        assert 1 < len(chosen) < len(own.words)
        expected.append(
            slow_spearman(*([side.words[n].saliency for n in chosen] for side in (own, new)))
        )
    found, _ = compare_pair(explainer, trained, other)
    assert found["spearman_plain"] == pytest.approx(np.mean(expected))


def test_words_without_a_token_are_not_compared():
    made = tiny("xlm-r")
    explainer = Explainer(made.parts)
    # The tokenizer glues the comma to its word, so that the mark has saliency 0 under any weights.
    pair = ("keep gloves, warm hands", "wool, knit cuffs")
    trained = explainer.explain(*pair)
    assert [w.text for w in trained.left.words] == ["keep", "gloves", ",", "warm", "hands"]
    (state,) = randomized_states(explainer)
    other = state.explainer.explain(*pair)
    found, _ = compare_pair(explainer, trained, other)
    sides = [(trained.left, other.left), (trained.right, other.right)]
    values = []
    for number, (a, b) in enumerate(sides):
        kept = [n for n, w in enumerate(a.words) if not (number == 0 and w.text == ",")]
        values.append(
            slow_spearman([a.words[n].saliency for n in kept], [b.words[n].saliency for n in kept])
        )
    assert found["spearman"] == pytest.approx(np.mean(values))


def test_known_explanations_are_not_made_again(explainer, monkeypatch):
    trained = list(explainer.explain_many(PAIRS))
    asked = []
    explain_many = Explainer.explain_many

    def counting(self, pairs, **options):
        asked.append(self is explainer)
        return explain_many(self, pairs, **options)

    monkeypatch.setattr(Explainer, "explain_many", counting)
    alone = measure_randomization(explainer, PAIRS, seeds=2)
    assert asked == [True, False, False]
    asked.clear()
    found = measure_randomization(explainer, PAIRS, seeds=2, trained=trained)
    assert asked == [False, False]
    assert found.to_dict() == alone.to_dict()
    others = list(explain_many(explainer.with_method("random"), PAIRS))
    for wrong in (trained[:2], trained[::-1], others):
        with raises(OptionError, "3 pairs", "whyalike"):
            measure_randomization(explainer, PAIRS, seeds=2, trained=wrong)


def test_batch_is_single_and_a_seed_is_a_seed(explainer):
    together = measure_randomization(explainer, PAIRS, seeds=2, samples=2)
    alone = [measure_randomization(explainer, [pair], seeds=2, samples=2) for pair in PAIRS]
    again = measure_randomization(explainer, PAIRS, seeds=2, samples=2)
    assert together.to_dict() == again.to_dict()
    assert "smprt" in together.last.values
    for metric, values in together.last.values.items():
        single = np.hstack([one.last.values[metric] for one in alone])
        assert np.allclose(values, single, atol=1e-6, equal_nan=True), metric
    first = measure_randomization(explainer, PAIRS, seeds=1, seed=1)
    assert np.array_equal(first.last.values["spearman"][0], together.last.values["spearman"][1])


@pytest.mark.parametrize(("mode", "keep", "states"), [("full", False, 1), ("independent", True, 3)])
def test_progress_counts_every_set_of_explanations(explainer, mode, keep, states):
    told = []
    measure_randomization(
        explainer,
        PAIRS[:1],
        mode=mode,
        keep_embeddings=keep,
        seeds=2,
        samples=3,
        progress=lambda done, total: told.append((done, total)),
    )
    total = (1 + 2 * states) * 4
    assert told == [(done, total) for done in range(1, total + 1)]


def test_one_sample_is_the_explanation_itself(explainer):
    smooth = smooth_saliency(explainer, PAIRS, samples=1)
    for (left, right), e in zip(smooth, explainer.explain_many(PAIRS), strict=True):
        assert list(left) == [word.saliency for word in e.left.words]
        assert list(right) == [word.saliency for word in e.right.words]


def test_smooth_saliency_is_the_mean_over_noisy_passes(explainer):
    samples, noise, seed = 4, 0.5, 3
    sums = [0.0, 0.0]
    table = explainer.encoder.sites.tokens[0]
    for sample in range(samples):

        def add(_module, inputs, output, sample=sample):
            for row, ids in enumerate(inputs[0].tolist()):
                own = [place for place, token in enumerate(ids) if token != 0]
                random = np.random.default_rng([seed * samples + sample, *(ids[n] for n in own)])
                spread = np.std(output[row, own].numpy().astype(float), ddof=1)
                for place in own:
                    drawn = random.standard_normal(output.shape[-1])
                    output[row, place] += torch.tensor(drawn * spread * noise).float()
            return output

        hook = None if sample == samples - 1 else table.register_forward_hook(add)
        explanation = explainer.explain(*PAIRS[0])
        if hook:
            hook.remove()
        for n, side in enumerate((explanation.left, explanation.right)):
            sums[n] = sums[n] + np.array([word.saliency for word in side.words])
    found = smooth_saliency(explainer, PAIRS[:1], samples=samples, noise=noise, seed=seed)[0]
    for side, total in zip(found, sums, strict=True):
        assert side == pytest.approx(total / samples, abs=1e-5)


@pytest.mark.parametrize("name", ["bert", "t5", "qwen3"])
def test_noise_does_not_depend_on_the_batch_and_goes_when_it_is_over(name):
    made = tiny(name)
    explainer = Explainer(made.parts, pooling=made.pooling)
    plain = explainer.model.embed(TEXTS)
    with noisy_embeddings(explainer.encoder, noise=0.3, seed=1):
        together = explainer.model.embed(TEXTS)
        alone = np.vstack([explainer.model.embed([text]) for text in TEXTS])
    assert np.allclose(together, alone, atol=1e-5)
    assert not np.allclose(together, plain, atol=1e-2)
    assert np.array_equal(explainer.model.embed(TEXTS), plain)
    with noisy_embeddings(explainer.encoder, noise=0.0, seed=1):
        assert np.array_equal(explainer.model.embed(TEXTS), plain)
    hooks = [len(module._forward_hooks) for module in made.model.modules()]
    with pytest.raises(RuntimeError), noisy_embeddings(explainer.encoder, noise=1.0, seed=1):
        raise RuntimeError
    assert [len(module._forward_hooks) for module in made.model.modules()] == hooks


def test_wrong_options_are_told(explainer):
    for wrong, said in (
        ({"seeds": 0}, "seeds | 0"),
        ({"bins": 1}, "bins | 1"),
        ({"samples": -1}, "samples | -1"),
        ({"top": 0}, "top | 0"),
        ({"mode": "some"}, "mode | 'some'"),
        ({"samples": 1, "noise": -0.1}, "noise | -0.1"),
    ):
        with raises(OptionError, *said.split(" | ")):
            measure_randomization(explainer, PAIRS[:1], **wrong)
    with pytest.raises(OptionError, match="no pairs"):
        measure_randomization(explainer, [])
    with raises(OptionError, "samples", "0"):
        smooth_saliency(explainer, PAIRS, samples=0)
    blind = Explainer(embed=lambda texts: [[float(len(text)), 1.0] for text in texts])
    with raises(OptionError, "vectors", "whole texts"):
        measure_randomization(blind, PAIRS)


@pytest.mark.weights
def test_bti_on_real_weights_changes_with_them_and_activations_do_not(minilm):
    pairs = [("warm gloves of knit wool, with ribbed cuffs", "these mittens keep your hands warm")]
    kept = measure_randomization(
        minilm.with_method("bti_activations"), pairs, keep_embeddings=True, seeds=1
    )
    assert kept.last.values["spearman"] == pytest.approx(1.0)
    random = measure_randomization(minilm.with_method("bti"), pairs, seeds=2)
    assert np.all(random.last.values["spearman"] < 0.8)
    assert np.all(random.last.similarity > 0.9)
