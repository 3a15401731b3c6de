"""The pipeline on a small model: properties that hold for any pair of texts, and bad input."""

import gc
from itertools import count, islice

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tiny_models import TEXTS, tiny
from whyalike import Explainer
from whyalike.errors import OptionError, TextError

EXPLAINER = Explainer(tiny("bert").parts, batch_size=3)
words = st.sampled_from(
    [
        "gloves",
        "wool",
        "knit",
        "hands",
        "don't",
        "touch-screen",
        "3.5",
        "é",
        "日本",
        "👍🏽",
        ",",
        ".",
        "עולם",
    ]
)
texts = st.one_of(
    st.lists(words, max_size=12).map(" ".join), st.text(max_size=40), st.just("\ud800 half a pair")
)
relaxed = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@relaxed
@given(texts, texts)
def test_every_explanation_holds_together(left, right):
    explanation = EXPLAINER.explain(left, right)
    assert np.isfinite(explanation.similarity)
    for side, given_text in ((explanation.left, left), (explanation.right, right)):
        assert len(side.text) == len(given_text)
        assert all(side.text[w.start : w.end] == w.text for w in side.words)
        assert all(0 <= w.saliency <= 1 for w in side.words)
    assert set(explanation.pairs) <= set(explanation.matches)
    assert bool(explanation.pairs) == bool(explanation.matches)
    for match in explanation.matches:
        saliencies = (
            explanation.left.words[match.left].saliency,
            explanation.right.words[match.right].saliency,
        )
        assert match.score == pytest.approx(match.similarity * np.prod(saliencies), abs=1e-12)
    scores = [pair.score for pair in explanation.matches]
    assert scores == sorted(scores, reverse=True)
    assert type(explanation).from_json(explanation.to_json()) == explanation


@relaxed
@given(texts, texts)
def test_swapping_the_texts_mirrors_the_explanation(left, right):
    one, other = EXPLAINER.explain(left, right), EXPLAINER.explain(right, left)
    assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
    for side, mirrored in ((one.left, other.right), (one.right, other.left)):
        assert [w.text for w in side.words] == [w.text for w in mirrored.words]
        np.testing.assert_allclose(
            [w.saliency for w in side.words], [w.saliency for w in mirrored.words], atol=1e-3
        )
    matched = {(m.left, m.right): m.similarity for m in one.matches}
    mirrored = {(m.right, m.left): m.similarity for m in other.matches}
    # Where two words are equally near, rounding may choose another of the two.
    for pair in matched.keys() ^ mirrored.keys():
        similarity = matched.get(pair, mirrored.get(pair))
        rivals = [s for p, s in (matched | mirrored).items() if p[0] == pair[0] or p[1] == pair[1]]
        assert sum(abs(s - similarity) < 1e-4 for s in rivals) > 1
    for pair in matched.keys() & mirrored.keys():
        assert matched[pair] == pytest.approx(mirrored[pair], abs=1e-4)


def test_many_keeps_the_order_and_equals_one_by_one():
    generator = np.random.default_rng(1)
    vocabulary = " ".join(TEXTS).split()
    pairs = [
        tuple(" ".join(generator.choice(vocabulary, generator.integers(1, 30))) for _ in range(2))
        for _ in range(30)
    ]
    pairs[7] = pairs[3]
    together = list(EXPLAINER.explain_many(pairs))
    assert [(e.left.text, e.right.text) for e in together] == pairs
    assert together[7] == together[3]
    for explanation, pair in zip(together, pairs, strict=True):
        alone = EXPLAINER.explain(*pair)
        assert explanation.similarity == pytest.approx(alone.similarity, abs=2e-6)
        for side, other in ((explanation.left, alone.left), (explanation.right, alone.right)):
            np.testing.assert_allclose(
                [w.saliency for w in side.words], [w.saliency for w in other.words], atol=2e-4
            )


def test_many_is_lazy_and_takes_any_iterable():
    taken = []

    def endless():
        for number in count():
            taken.append(number)
            yield (f"wool {number}", "gloves")

    found = list(islice(EXPLAINER.explain_many(endless()), 2))
    assert [e.left.text for e in found] == ["wool 0", "wool 1"]
    assert len(taken) == 3 * 8, "one chunk, and no more"
    assert list(EXPLAINER.explain_many([])) == []


def test_equal_pairs_go_through_the_model_once(monkeypatch):
    calls = []
    run = EXPLAINER.encoder.run

    def counting(pairs, **options):
        calls.append(len(pairs))
        return run(pairs, **options)

    monkeypatch.setattr(EXPLAINER.encoder, "run", counting)
    found = list(EXPLAINER.explain_many([("wool", "gloves")] * 5 + [("gloves", "wool")]))
    assert calls == [2]
    assert found[0] == found[4] != found[5]


@pytest.mark.parametrize("wrong", [None, 3, b"gloves", ["gloves"], float("nan")])
def test_what_is_not_a_text(wrong):
    with pytest.raises(TextError, match=f"right text is of type {type(wrong).__name__}"):
        EXPLAINER.explain("gloves", wrong)


@pytest.mark.parametrize("wrong", ["ab", ("a",), ("a", "b", "c"), 5, None])
def test_what_is_not_a_pair(wrong):
    with pytest.raises(OptionError, match="pairs of texts"):
        list(EXPLAINER.explain_many([wrong]))


def test_only_punctuation():
    explanation = EXPLAINER.explain("...", "!?")
    assert [w.text for w in explanation.left.words] == [".", ".", "."]
    assert explanation.matches
    assert not explanation.warnings


def test_null_bytes_and_lone_surrogates():
    explanation = EXPLAINER.explain("wool\x00en \udc80gloves", "knit gloves")
    assert explanation.left.text == "wool\x00en \ufffdgloves"
    assert explanation.warnings == (
        "In the left text 1 lone surrogate was replaced by U+FFFD, to be readable.",
    )
    explanation.to_html().encode()


def test_unknown_method_and_batch_size():
    with pytest.raises(OptionError, match="no method 'nothing'"):
        Explainer(tiny("bert").parts, method="nothing")
    with pytest.raises(OptionError, match="batch_size is 0"):
        Explainer(tiny("bert").parts, batch_size=0)


def test_memory_is_given_back():
    """No graph outlives its pair."""
    import torch

    def tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    EXPLAINER.explain(TEXTS[0], TEXTS[1])
    before = tensors()
    kept = [EXPLAINER.explain(TEXTS[0], text) for text in TEXTS]
    assert tensors() == before
    assert len(kept) == len(TEXTS)
