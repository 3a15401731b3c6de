"""The pipeline on a small model: properties that hold for any pair of texts, and bad input."""

import copy
import gc
from concurrent.futures import ThreadPoolExecutor
from itertools import count, islice

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nearly import assert_nearly_equal
from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import BTIOptions, Explainer
from whyalike import explainer as explainer_module
from whyalike.errors import ModelError, OptionError, TextError
from whyalike.models import encoder as encoder_module

EXPLAINER = Explainer(tiny("bert").parts, method="bti", batch_size=3)
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
    assert len(taken) == 3 * explainer_module.LOOKAHEAD, "one chunk, and no more"
    assert list(EXPLAINER.explain_many([])) == []


def test_a_batch_has_no_more_pairs_and_tokens_than_go_through_the_model_at_once(monkeypatch):
    pairs = [("wool " * n, "gloves " * (30 - n)) for n in range(1, 30)]
    explainer = Explainer(tiny("bert").parts, method="bti", batch_size=5)
    expected = [explanation.to_dict() for explanation in explainer.explain_many(pairs)]
    monkeypatch.setattr(explainer_module, "GRAPH_TOKENS", 250)
    batches, run = [], explainer.encoder.run

    def watched(pairs, **options):
        batches.append([max(pair.left.length, pair.right.length) for pair in pairs])
        return run(pairs, **options)

    monkeypatch.setattr(explainer.encoder, "run", watched)
    found = [explanation.to_dict() for explanation in explainer.explain_many(pairs)]
    for one, other in zip(found, expected, strict=True):
        assert one["similarity"] == pytest.approx(other["similarity"], abs=1e-6)
        assert one["left"]["text"] == other["left"]["text"]
    assert max(map(len, batches)) == 5, "short pairs fill a batch"
    assert all(len(lengths) == 1 or 2 * sum(lengths) <= 250 for lengths in batches)
    assert any(len(lengths) < 5 for lengths in batches[:-1]), "long pairs don't"


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
    with raises(TextError, "right text", type(wrong).__name__):
        EXPLAINER.explain("gloves", wrong)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ("ab", "this is no pair of texts, but of type str; give"),
        (b"ab", "but of type bytes"),
        (5, "but of type int"),
        (None, "but of type NoneType"),
        ({"left": "a", "right": "b"}, "but of type dict"),
        ({"a", "b"}, "but of type set"),
        (np.array("ab"), "but of type ndarray"),
        (("a",), "this tuple has 1 element; give two texts"),
        (["a", "b", "c"], "this list has 3 elements; give two texts"),
        (np.array(["a", "b", "c"]), "this ndarray has 3 elements"),
    ],
)
def test_what_is_not_a_pair(wrong, says):
    with pytest.raises(OptionError, match=f"Pair 0: .*{says}"):
        list(EXPLAINER.explain_many([wrong]))


def test_a_row_of_an_array_is_a_pair():
    pairs = [("wool", "knit gloves"), ("hands 😍", "warm")]
    expected = list(EXPLAINER.explain_many(pairs))
    assert list(EXPLAINER.explain_many(np.array(pairs))) == expected
    assert list(EXPLAINER.explain_many(map(list, np.array(pairs, dtype=object)))) == expected
    assert_nearly_equal(EXPLAINER.explain(*np.array(pairs)[0]), expected[0])
    assert EXPLAINER.explain(*np.array(pairs)[0]) == EXPLAINER.explain(*pairs[0])


def test_only_punctuation():
    explanation = EXPLAINER.explain("...", ",,")
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
    with raises(OptionError, "'nothing'"):
        Explainer(tiny("bert").parts, method="nothing")
    with raises(OptionError, "batch_size", "0"):
        Explainer(tiny("bert").parts, batch_size=0)


def test_memory_is_given_back():
    """No graph outlives its pair."""

    def tensors():
        gc.collect()
        return sum(issubclass(type(thing), torch.Tensor) for thing in gc.get_objects())

    EXPLAINER.explain(TEXTS[0], TEXTS[1])
    before = tensors()
    kept = [EXPLAINER.explain(TEXTS[0], text) for text in TEXTS]
    assert tensors() == before
    assert len(kept) == len(TEXTS)


def test_a_bad_pair_is_named_and_those_before_it_are_given():
    pairs = [("wool", "gloves"), ("knit", "hands"), ("wool", 3), ("a", "b")]
    stream = EXPLAINER.explain_many(pairs)
    assert [next(stream).left.text, next(stream).left.text] == ["wool", "knit"]
    with raises(TextError, "Pair 2", "right text", "int"):
        next(stream)
    strict = Explainer(tiny("bert").parts, options=BTIOptions(long_text="error"))
    with raises(TextError, "Pair 1", "more than"):
        list(strict.explain_many([("wool", "gloves"), ("wool", "wool " * 300)]))
    with raises(OptionError, "pairs", "NoneType"):
        EXPLAINER.explain_many(None)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ({"pooling": "foo"}, "pooling | 'foo' | 'auto'"),
        ({"batch_size": 2.5}, "batch_size | 2.5"),
        ({"batch_size": "8"}, "batch_size | '8'"),
        ({"options": {"top_k": 1}}, "options | dict"),
        ({"prompts": "query: "}, "two strings"),
        ({"prompts": ("q",)}, "two strings"),
        ({"prompts": (None, "x")}, "two strings"),
        ({"prompt_names": ("query", 3)}, "two strings"),
    ],
)
def test_wrong_arguments_are_refused_at_once(arguments, says):
    with raises(OptionError, *says.split(" | ")):
        Explainer(tiny("bert").parts, **arguments)


def test_one_model_in_many_threads():
    """Hooks and modes belong to the module: threads wait for each other, and leave no trace."""
    model, tokenizer = tiny("bert").parts
    explainers = [Explainer((model, tokenizer)), Explainer((model, tokenizer), pooling="cls")]
    expected = [explainer.explain(TEXTS[0], TEXTS[1]) for explainer in explainers]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: explainers[k % 2].explain(TEXTS[0], TEXTS[1]), range(40)))
    assert all(explanation == expected[k % 2] for k, explanation in enumerate(found))
    assert not any("forward" in vars(module) for module in model.modules())


def test_nan_gradients_are_an_error_and_not_a_saliency():
    model = copy.deepcopy(tiny("bert").model)

    class BadBackward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.clone()

        @staticmethod
        def backward(ctx, slope):
            return slope * float("nan")

    def through(_module, _given, output):
        # A tuple before transformers 5.
        if isinstance(output, tuple):
            return BadBackward.apply(output[0]), *output[1:]
        return BadBackward.apply(output)

    model.encoder.layer[1].register_forward_hook(through)
    with raises(ModelError, "gradients", "NaN"):
        Explainer((model, tiny("bert").tokenizer), method="bti").explain(TEXTS[0], TEXTS[1])


@pytest.mark.parametrize("method", ["bti", "whyalike"])
@pytest.mark.parametrize("long_text", ["truncate", "windows"])
def test_a_batch_too_large_for_one_graph_goes_in_parts(monkeypatch, long_text, method):
    options = BTIOptions(long_text=long_text)
    explainer = Explainer(tiny("bert").parts, method=method, options=options)
    pairs = [(TEXTS[0], TEXTS[1]), ("wool gloves " * 150, TEXTS[2]), (TEXTS[0], TEXTS[0])]
    whole = list(explainer.explain_many(pairs))
    monkeypatch.setattr(encoder_module, "GRAPH_TOKENS", 40)
    for one, other in zip(explainer.explain_many(pairs), whole, strict=True):
        assert one.similarity == pytest.approx(other.similarity, abs=1e-6)
        for side, same in ((one.left, other.left), (one.right, other.right)):
            np.testing.assert_allclose(
                [w.saliency for w in side.words], [w.saliency for w in same.words], atol=1e-3
            )


def test_signed_sums_that_are_zero_show_no_rounding():
    """DistilBERT normalises token + position: the signed sum over features is zero, up to noise."""
    options = BTIOptions(rectifier="none")
    explainer = Explainer(tiny("distilbert").parts, method="bti", options=options)
    explanation = explainer.explain(TEXTS[0], TEXTS[1])
    assert {w.saliency for w in explanation.left.words} == {0.0}
    assert "every word of the left text the saliency 0" in explanation.warnings[0]


def test_a_text_of_nothing_but_blanks_still_has_the_models_score():
    explanation = Explainer(tiny("roberta").parts).explain("\n\n", TEXTS[0])
    assert explanation.similarity != 0
    assert explanation.warnings[0].endswith("so that nothing can be matched.")


def test_a_tokenizer_that_cuts_the_beginning_is_refused_where_it_cuts():
    tokenizer = copy.deepcopy(tiny("bert").tokenizer)
    tokenizer.truncation_side = "left"
    explainer = Explainer((tiny("bert").model, tokenizer))
    assert explainer.explain(TEXTS[0], TEXTS[1]).pairs
    with raises(TextError, "beginning"):
        explainer.explain("wool " * 300, TEXTS[0])


def test_a_pair_whose_text_loses_its_beginning_is_named():
    tokenizer = copy.deepcopy(tiny("bert").tokenizer)
    tokenizer.truncation_side = "left"
    stream = Explainer((tiny("bert").model, tokenizer)).explain_many(
        [("wool", "gloves"), ("wool", "wool " * 300), ("a", 3)]
    )
    assert next(stream).left.text == "wool"
    with raises(TextError, "Pair 1", "more than", "beginning"):
        next(stream)
