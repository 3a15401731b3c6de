"""What every registered method holds to, on every architecture. A new method is tested by being there."""

from functools import cache

import numpy as np
import pytest

from tiny_models import ARCHITECTURES, tiny
from whyalike import BTIOptions, Explainer, Explanation, Lexicon, WordVectors
from whyalike.errors import OptionError
from whyalike.methods.method import get_method, list_methods
from whyalike.models.encoder import Encoder
from whyalike.texts import is_mark

LEFT = "Warm knit gloves, ribbed."
RIGHT = "These smart gloves are stretch wool; don't take them off."
OTHER = "Lemon and white flowers."
VECTORS = np.random.default_rng(0).normal(size=(9, 4)).astype(np.float32)
WORDS = ("warm", "knit", "gloves", "smart", "wool", "lemon", "white", "stretch", "take")
LEXICON = Lexicon.fit(
    [LEFT, RIGHT, OTHER],
    vectors=WordVectors("by hand", {w: n for n, w in enumerate(WORDS)}, VECTORS),
)
# Few steps: these tests are about shapes and promises, not about precision.
OPTIONS = BTIOptions(ig_steps=3, permutations=2)
# What needs more than an encoder gives is tested with its kinds of scorers.
METHODS = [m.name for m in list_methods() if set(m.requires) <= Encoder.capabilities]
every_method = pytest.mark.parametrize("method", METHODS)
every_architecture = pytest.mark.parametrize("name", ARCHITECTURES)


@cache
def opened(name, copy):
    """Explainers of a model that share nothing but its weights: each checks its gradient once."""
    model = tiny(name)
    return Explainer(model.parts, pooling=model.pooling, options=OPTIONS, lexicon=LEXICON)


def explainer(method, name, *, copy=1):
    one = opened(name, copy)
    if not get_method(method).works_with(one.model):
        pytest.skip(f"{name} is pooled by one token, and {method} needs all")
    return one.with_method(method)


def numbers(explanation):
    """Every number that a reader sees, side by side."""
    sides = explanation.left, explanation.right
    words = [w for side in sides for w in side.words]
    matrix = [] if explanation.matrix is None else explanation.matrix.ravel()
    return np.concatenate(
        [
            [explanation.similarity, explanation.remainder or 0.0],
            [w.saliency for w in words],
            [w.contribution or 0.0 for w in words],
            matrix,
        ]
    )


@every_method
@every_architecture
def test_conformance(method, name):
    """One test for all, so that each explanation is made once."""
    one = explainer(method, name)
    pairs = [(LEFT, RIGHT), (RIGHT, LEFT), (OTHER, LEFT), ("Wool.", OTHER)]
    together = list(one.explain_many(pairs))
    alone = [explainer(method, name, copy=2).explain(*pairs[0]), one.explain(*pairs[3])]
    assert one.explain(*pairs[0]) == alone[0], "twice is not the same"
    check_shapes_and_promises(alone[0], get_method(method).promises)
    check_mirrored(together[0], together[1])
    for explanation in together:
        check_matched(explanation, get_method(method))
    for batched, single in zip((together[0], together[3]), alone, strict=True):
        np.testing.assert_allclose(numbers(batched), numbers(single), atol=1e-3)
    for explanation in together:
        assert Explanation.from_json(explanation.to_json()) == explanation


def check_shapes_and_promises(explanation, promises):
    left, right = explanation.left, explanation.right
    assert [w.text for w in left.words] == ["Warm", "knit", "gloves", ",", "ribbed", "."]
    assert len(right.words) == 12
    assert np.isfinite(numbers(explanation)).all()
    if explanation.matrix is None or explanation.matrix.max() > 0:
        assert explanation.matches
    words = [*left.words, *right.words]
    assert {w.contribution is not None for w in words} == {"signed" in promises}
    assert all(("signed" in promises) * -1 <= w.saliency <= 1 for w in words)
    if explanation.matrix is not None:
        assert "pairs" in promises
        assert explanation.matrix.shape == (6, 12)
        cells = {(p.left, p.right): p.score for p in explanation.matches}
        assert all(explanation.matrix[place] == score for place, score in cells.items())
    assert ("sums" in promises) == (explanation.completeness_gap is not None)
    if {"sums", "pairs"} <= set(promises):
        matrix = explanation.matrix
        pairs = [p.score for p in explanation.matches] if matrix is None else matrix.ravel()
        whole = sum(pairs) + explanation.remainder
        assert whole == pytest.approx(explanation.similarity, abs=1e-6)


def check_matched(explanation, method):
    """No word is both in a match and said to match nothing, and none is neither."""
    for side in ("left", "right"):
        text = getattr(explanation, side)
        matched = {getattr(pair, side) for pair in explanation.matches}
        words = {n for n, word in enumerate(text.words) if not is_mark(word.text)}
        assert set(text.unmatched) == words - matched
        if explanation.matrix is None and method.matching == "nearest" and not method.lexical:
            # Algorithm 1 gives every word a match.
            assert text.unmatched == ()


def check_mirrored(first, swapped):
    assert swapped.similarity == pytest.approx(first.similarity, abs=2e-6)
    for side, mirrored in ((first.left, swapped.right), (first.right, swapped.left)):
        for one, other in zip(side.words, mirrored.words, strict=True):
            assert one.saliency == pytest.approx(other.saliency, abs=1e-3)
            assert (one.contribution or 0) == pytest.approx(other.contribution or 0, abs=1e-4)
    if first.matrix is not None:
        np.testing.assert_allclose(first.matrix, swapped.matrix.T, atol=1e-4)


@every_method
@pytest.mark.parametrize("name", ["bert", "t5", "qwen3"])
@pytest.mark.parametrize("empty", ["", " \n"])
def test_an_empty_text(method, name, empty):
    for pair in ((empty, LEFT), (LEFT, empty), (empty, empty)):
        explanation = explainer(method, name).explain(*pair)
        assert explanation.pairs == explanation.matches == ()
        assert np.isfinite(numbers(explanation)).all()
        assert any("no words" in warning for warning in explanation.warnings)
        assert Explanation.from_json(explanation.to_json()) == explanation


@every_method
def test_identical_texts(method):
    explanation = explainer(method, "bert").explain(LEFT, LEFT)
    assert explanation.similarity == pytest.approx(1.0)
    assert np.isfinite(numbers(explanation)).all()
    assert explanation.matches


@every_method
def test_a_function_instead_of_a_model(method):
    def embed(texts):
        return [[len(text), text.count("e") + 1.0, text.count("o")] for text in texts]

    if "any embedding" in get_method(method).promises:
        explanation = Explainer(
            embed=embed, method=method, options=OPTIONS, lexicon=LEXICON
        ).explain(LEFT, RIGHT)
        assert np.isfinite(numbers(explanation)).all()
    else:
        with pytest.raises(OptionError, match=method):
            Explainer(embed=embed, method=method, options=OPTIONS)


@every_method
def test_a_function_of_pairs_instead_of_a_model(method):
    def score(pairs):
        return [
            len(set(left.lower()) & set(right.lower())) - len(left) * len(right) / 50
            for left, right in pairs
        ]

    def opened():
        return Explainer(score=score, method=method, options=OPTIONS, lexicon=LEXICON)

    if get_method(method).requires:
        with pytest.raises(OptionError, match=f"{method!r} needs .*score gives scores of whole"):
            opened()
        return
    one, pairs = opened(), [(LEFT, RIGHT), (RIGHT, LEFT), (OTHER, LEFT), ("", LEFT), (LEFT, LEFT)]
    together = list(one.explain_many(pairs))
    check_shapes_and_promises(together[0], get_method(method).promises)
    check_mirrored(together[0], together[1])
    for explanation, pair in zip(together, pairs, strict=True):
        assert explanation.similarity == (score([pair])[0] if pair[0] else 0)
        assert explanation == opened().explain(*pair)
        assert np.isfinite(numbers(explanation)).all()
        assert Explanation.from_json(explanation.to_json()) == explanation


def test_the_methods_of_the_project():
    assert METHODS[:2] == ["whyalike", "bti"]
    assert set(METHODS) >= {
        "bti", "bti_last_layer", "bti_activations", "bti_gradients", "vanilla_gradients",
        "integrated_gradients", "tfidf_w2v", "gradient_x_activation", "token_similarity",
        "integrated_jacobians", "bilrp", "maxsim", "occlusion", "shapley", "random", "idf", "whyalike",
    }  # fmt: skip
