"""maxsim against loops over tokens, as BERTScore and ColBERT state it."""

import numpy as np
import pytest
import torch

from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer


def tokens_of(text, layer=-1):
    model, tokenizer = tiny("bert").parts
    with torch.no_grad():
        states = model(**tokenizer(text, return_tensors="pt"), output_hidden_states=True)
    return [state.double().numpy() for state in states.hidden_states[layer][0, 1:-1]]


def cosine(a, b):
    return float(sum(a * b) / np.sqrt(sum(a * a)) / np.sqrt(sum(b * b)))


@pytest.mark.parametrize("layer", [-1, 2])
def test_against_loops(layer):
    left, right = tokens_of(TEXTS[0], layer), tokens_of(TEXTS[1], layer)
    expected = np.zeros((len(left), len(right)))
    best_left, best_right = [], []
    for i, a in enumerate(left):
        values = [cosine(a, b) for b in right]
        j = values.index(max(values))
        expected[i, j] += values[j] / (2 * len(left))
        best_left.append(values[j])
    for j, b in enumerate(right):
        values = [cosine(a, b) for a in left]
        i = values.index(max(values))
        expected[i, j] += values[i] / (2 * len(right))
        best_right.append(values[i])
    options = BTIOptions(words="token", latent_layer=layer)
    explanation = Explainer(tiny("bert").parts, method="maxsim", options=options).explain(
        TEXTS[0], TEXTS[1]
    )
    np.testing.assert_allclose(explanation.matrix, expected, atol=1e-6)
    recall, precision = np.mean(best_left), np.mean(best_right)
    assert explanation.matrix.sum() == pytest.approx((recall + precision) / 2, abs=1e-6)
    assert [w.saliency for w in explanation.left.words] == pytest.approx(best_left, abs=1e-6)
    assert [w.saliency for w in explanation.right.words] == pytest.approx(best_right, abs=1e-6)
    assert explanation.remainder is None
    assert explanation.left.words[0].contribution is None


def test_a_text_is_wholly_like_itself():
    explanation = Explainer(tiny("bert").parts, method="maxsim").explain(TEXTS[0], TEXTS[0])
    assert explanation.matrix.sum() == pytest.approx(1.0, abs=1e-6)
    assert all(w.saliency == pytest.approx(1.0, abs=1e-6) for w in explanation.left.words)


def test_a_word_of_several_tokens_has_their_sum():
    explainer = Explainer(tiny("bert").parts, method="maxsim")
    tokens = Explainer(tiny("bert").parts, method="maxsim", options=BTIOptions(words="token"))
    words, pieces = explainer.explain(TEXTS[0], "Wool."), tokens.explain(TEXTS[0], "Wool.")
    assert len(words.left.words) < len(pieces.left.words)
    assert words.matrix.sum() == pytest.approx(pieces.matrix.sum(), abs=1e-9)
    start = 0
    for row, word in zip(words.matrix, words.left.words, strict=True):
        inside = [n for n, p in enumerate(pieces.left.words) if word.start <= p.start < word.end]
        assert inside[0] == start
        start = inside[-1] + 1
        assert row.sum() == pytest.approx(pieces.matrix[inside].sum(), abs=1e-9)
