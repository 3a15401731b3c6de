"""Explainer(embed=...): a function from texts to vectors in the place of a model."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from raising import raises
from tiny_models import tiny
from whyalike import BTIOptions, Explainer, Explanation
from whyalike.errors import FunctionError, ModelError, OptionError, TextError
from whyalike.methods.method import list_methods
from whyalike.models.black_box import BlackBox

LEFT, RIGHT = "Warm knit gloves, warm hands.", "These gloves are wool."


def letters(texts):
    """How often each letter stands in a text, with a bend in it."""
    counts = [[text.lower().count(letter) for letter in "abcdefghijklmnorstuw"] for text in texts]
    return np.sqrt(np.array(counts, dtype=float)) + 0.1


class Counting:
    def __init__(self):
        self.asked = []

    def __call__(self, texts):
        self.asked.append(texts)
        return letters(texts)


def test_its_explanation_is_of_the_functions_score():
    explanation = Explainer(embed=letters).explain(LEFT, RIGHT)
    one, other = letters([LEFT, RIGHT])
    expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
    assert explanation.similarity == pytest.approx(expected, abs=1e-12)
    assert (explanation.method, explanation.model) == ("occlusion", "letters")
    assert (explanation.pooling, explanation.similarity_function) == ("model", "cosine")
    assert [word.text for word in explanation.right.words] == [
        "These",
        "gloves",
        "are",
        "wool",
        ".",
    ]
    assert explanation.warnings == ()
    assert Explanation.from_json(explanation.to_json()) == explanation
    assert "gloves" in str(explanation)
    assert "gloves" in explanation.to_html()


@settings(max_examples=40, deadline=None)
@given(
    st.text(alphabet="ab ,.\n👍本", max_size=12),
    st.text(alphabet="ab ,.\n👍本", max_size=12),
    st.sampled_from(["occlusion", "shapley"]),
    st.sampled_from(["cosine", "dot", "euclidean", "manhattan"]),
)
def test_every_explanation_holds_together(left, right, method, function):
    explanation = Explainer(
        embed=letters,
        method=method,
        similarity_function=function,
        options=BTIOptions(permutations=1),
    ).explain(left, right)
    assert np.isfinite(explanation.similarity)
    assert explanation.matrix.shape == (len(explanation.left.words), len(explanation.right.words))
    assert np.isfinite(explanation.matrix).all()
    assert all(-1 <= word.saliency <= 1 for word in explanation.left.words)
    assert all(match.score > 0 for match in explanation.matches)
    assert Explanation.from_json(explanation.to_json()) == explanation
    if method == "shapley":
        assert explanation.completeness_gap < 1e-6
        total = explanation.matrix.sum() + explanation.remainder
        assert total == pytest.approx(explanation.similarity, abs=1e-9)


def test_each_variant_of_a_text_is_paid_for_once():
    function = Counting()
    explainer = Explainer(embed=function)
    explainer.explain(LEFT, RIGHT)
    # Both texts whole, and without each of 7 and 5 words: all in one call, none twice.
    (sent,) = function.asked
    assert len(sent) == len(set(sent)) == 2 + 7 + 5
    assert (explainer.model.calls, explainer.model.texts_embedded) == (1, 14)
    explainer.explain(RIGHT, LEFT)
    assert len(function.asked) == 1
    explainer.explain(LEFT, "wool")
    assert [len(sent) for sent in function.asked] == [14, 1]


def test_explain_many_shares_calls_between_pairs():
    function = Counting()
    explainer = Explainer(embed=BlackBox(function, batch_size=1000, name="counted"), batch_size=4)
    pairs = [(LEFT, RIGHT), ("wool gloves", RIGHT), ("", RIGHT), (LEFT, LEFT)]
    many = list(explainer.explain_many(pairs))
    assert len(function.asked) == 1
    assert [e.model for e in many] == ["counted"] * 4
    for explanation, pair in zip(many, pairs, strict=True):
        assert explanation == Explainer(embed=BlackBox(letters, name="counted")).explain(*pair)
    assert many[3].similarity == pytest.approx(1.0)


def test_a_blank_text_is_told_and_not_sent():
    function = Counting()
    explanation = Explainer(embed=function).explain(" \n", "gloves")
    assert function.asked == [["gloves"]]
    assert explanation.similarity == 0
    assert explanation.left.words == explanation.matches == ()
    assert explanation.warnings == (
        "The left text has no words, so that nothing can be matched; it was not sent to be "
        "embedded, and its vector is taken as zero.",
    )
    assert Explainer(embed=function).explain("", "").similarity == 0
    assert len(function.asked) == 1


@pytest.mark.parametrize("prompts", [("query: ", "passage: "), ("", "")])
def test_prompts_are_sent_and_are_no_words(prompts):
    function = Counting()
    explanation = Explainer(embed=function, prompts=prompts).explain("warm", "wool")
    sent = [text for texts in function.asked for text in texts]
    assert sent[:1] == [prompts[0] + "warm"]
    assert prompts[1] + "wool" in sent
    assert [word.text for word in explanation.left.words] == ["warm"]
    # With a prompt even the text without its word has something to send.
    assert len(sent) == (4 if prompts[0] else 2)


@pytest.mark.parametrize("function", ["cosine", "dot", "euclidean", "manhattan"])
def test_the_similarity_function_is_the_callers(function):
    explanation = Explainer(embed=letters, similarity_function=function).explain(LEFT, RIGHT)
    one, other = letters([LEFT, RIGHT])
    expected = {
        "cosine": one @ other / np.linalg.norm(one) / np.linalg.norm(other),
        "dot": one @ other,
        "euclidean": -np.linalg.norm(one - other),
        "manhattan": -np.abs(one - other).sum(),
    }[function]
    assert explanation.similarity == pytest.approx(expected, abs=1e-12)
    assert explanation.similarity_function == function


@pytest.mark.parametrize("give", [list, torch.tensor, lambda v: v.astype(np.float16)])
def test_vectors_of_any_kind_will_do(give):
    kind = Explainer(embed=lambda texts: give(letters(texts)))
    expected = Explainer(embed=letters).explain(LEFT, RIGHT)
    np.testing.assert_allclose(kind.explain(LEFT, RIGHT).matrix, expected.matrix, atol=2e-3)


def test_words_of_a_function_show_how_alike_their_changes_are():
    explanation = Explainer(embed=letters).explain("warm wool", "wool hats")
    vectors = letters(["warm wool", "wool", "warm", "wool hats", "hats", "wool"])
    left, right = vectors[0] - vectors[1:3], vectors[3] - vectors[4:6]
    assert explanation.matches
    for match in explanation.matches:
        one, other = left[match.left], right[match.right]
        expected = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
        assert match.similarity == pytest.approx(expected, abs=1e-12)


def test_only_methods_that_need_vectors_alone_run_on_a_function():
    able = [method.name for method in list_methods() if "any embedding" in method.promises]
    assert {"occlusion", "shapley"} <= set(able)
    assert "bti" not in able
    for method in list_methods():
        if method.name in able:
            assert Explainer(embed=letters, method=method.name).method is method
            continue
        with raises(OptionError, repr(method.name), "vectors", "occlusion"):
            Explainer(embed=letters, method=method.name)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"model": "all-MiniLM-L6-v2"}, "leave out | model"),
        (
            {"pooling": "paper", "device": "cpu", "allow_pickle": True},
            "leave out | pooling | device | allow_pickle",
        ),
        ({"trust_remote_code": True}, "leave out | trust_remote_code"),
        ({"prompt_names": ("query", "passage")}, "'query' | none"),
        ({"similarity_function": "sine"}, "similarity_function | 'sine' | allowed"),
        ({"embed": 5}, "embed | int | function"),
        ({"method": "btj"}, "'btj'"),
        (
            {"embed": BlackBox(letters), "similarity_function": "dot"},
            "leave out | similarity_function",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(arguments, message):
    with raises(OptionError, *message.split(" | ")):
        Explainer(**{"embed": letters, **arguments})


def test_a_model_has_its_own_similarity_function():
    with raises(OptionError, "'dot'", "model"):
        Explainer(tiny("bert").parts, similarity_function="dot")


def test_there_is_no_encoder_behind_a_function():
    explainer = Explainer(embed=letters)
    with raises(OptionError, "letters", "vectors", "whole texts"):
        explainer.encoder  # noqa: B018
    assert isinstance(explainer.model, BlackBox)


@pytest.mark.parametrize("kind", ["error", "windows"])
def test_the_limit_of_a_function_is_unknown(kind):
    explainer = Explainer(embed=letters, options=BTIOptions(long_text=kind))
    with raises(OptionError, "embed="):
        explainer.explain(LEFT, RIGHT)


def test_what_the_function_raises_is_a_cause():
    class QuotaError(Exception):
        pass

    def service(texts):
        raise QuotaError("no more today")

    with pytest.raises(FunctionError, match="service raised QuotaError: no more today") as raised:
        Explainer(embed=service).explain(LEFT, RIGHT)
    assert isinstance(raised.value.__cause__, QuotaError)
    with raises(ModelError, "one vector per text"):
        Explainer(embed=lambda texts: [1.0]).explain(LEFT, RIGHT)
    with raises(TextError, "Pair 1", "right text", "int"):
        list(Explainer(embed=letters).explain_many([(LEFT, RIGHT), (LEFT, 5)]))


@pytest.mark.weights
@pytest.mark.parametrize("method", ["occlusion", "shapley"])
def test_the_models_own_encode_gives_what_the_model_gives(minilm, method):
    pair = "Keep hands warm with these knit gloves.", "Smartphone-friendly gloves, cut from wool."
    # With a prompt the text without words is sent too, so that both have the same vector for it.
    same = {
        "method": method,
        "options": BTIOptions(permutations=2),
        "prompts": ("item: ", "offer: "),
    }
    inside = Explainer("all-MiniLM-L6-v2", **same).explain(*pair)
    outside = Explainer(embed=minilm.encoder.pipeline.encode, **same).explain(*pair)
    assert outside.model == "encode"
    assert outside.similarity == pytest.approx(inside.similarity, abs=1e-5)
    for side in ("left", "right"):
        one, other = getattr(inside, side).words, getattr(outside, side).words
        assert [word.text for word in one] == [word.text for word in other]
        np.testing.assert_allclose(
            [word.contribution for word in one], [word.contribution for word in other], atol=1e-4
        )
    np.testing.assert_allclose(outside.matrix, inside.matrix, atol=1e-4)
