"""Why one text is scored above another: the margin, taken apart."""

import json

import numpy as np
import pytest

from nearly import assert_nearly_equal
from raising import raises
from tiny_models import TEXTS, tiny
from whyalike import Comparison, Explainer
from whyalike.errors import FormatError, OptionError, TextError

QUERY, BETTER, WORSE = "Warm knit gloves.", TEXTS[0], TEXTS[2]


@pytest.fixture(scope="module")
def explainer():
    return Explainer(tiny("bert").parts, method="bti")


@pytest.fixture(scope="module")
def comparison(explainer):
    return explainer.compare(QUERY, BETTER, WORSE)


def test_it_is_made_of_two_explanations_of_a_signed_method(explainer, comparison):
    own = explainer.with_method("whyalike")
    assert_nearly_equal(comparison.better, own.explain(QUERY, BETTER))
    assert_nearly_equal(comparison.worse, own.explain(QUERY, WORSE))
    assert comparison.margin == comparison.better.similarity - comparison.worse.similarity


def test_words_of_each_text_account_for_the_margin(comparison):
    total = sum(w.contribution for w in comparison.query.words)
    assert total == pytest.approx(comparison.margin, abs=1e-6)
    total = sum(w.contribution for w in comparison.better_text.words)
    total += sum(w.contribution for w in comparison.worse_text.words)
    assert total == pytest.approx(comparison.margin, abs=1e-6)


def test_query_words_have_the_difference_of_their_two_contributions(comparison):
    for n, word in enumerate(comparison.query.words):
        first = comparison.better.left.words[n].contribution
        second = comparison.worse.left.words[n].contribution
        assert word.contribution == pytest.approx(first - second)
    values = [
        w
        for text in (comparison.query, comparison.better_text, comparison.worse_text)
        for w in text.words
    ]
    greatest = max(abs(w.contribution) for w in values)
    for word in values:
        assert word.saliency == pytest.approx(word.contribution / greatest)


def test_the_other_way_round_is_minus_the_margin(explainer, comparison):
    other = explainer.compare(QUERY, WORSE, BETTER)
    assert other.margin == pytest.approx(-comparison.margin, abs=1e-6)
    np.testing.assert_allclose(
        [w.contribution for w in other.query.words],
        [-w.contribution for w in comparison.query.words],
        atol=1e-6,
    )


@pytest.mark.parametrize("method", ["gradient_x_activation", "token_similarity", "occlusion"])
def test_other_signed_methods(explainer, method):
    comparison = explainer.compare(QUERY, BETTER, WORSE, method=method)
    assert comparison.better.method == method
    assert explainer.with_method(method).compare(QUERY, BETTER, WORSE) == comparison


def test_a_method_without_signs_is_refused(explainer):
    with raises(OptionError, "'bti'", "adds", "whyalike"):
        explainer.compare(QUERY, BETTER, WORSE, method="bti")


@pytest.mark.parametrize("name", ["query", "better", "worse"])
def test_what_is_no_text_is_told_by_its_name(explainer, name):
    texts = {"query": QUERY, "better": BETTER, "worse": WORSE} | {name: 3}
    with raises(TextError, f"{name} text", "int"):
        explainer.compare(**texts)


def test_a_function_for_a_model():
    def embed(texts):
        return [[t.count("o"), t.count("a") + 1.0, len(t)] for t in texts]

    comparison = Explainer(embed=embed).compare(QUERY, BETTER, WORSE)
    assert comparison.better.method == "occlusion"


def test_there_and_back(comparison):
    assert Comparison.from_json(comparison.to_json()) == comparison
    content = comparison.to_dict()
    assert content["margin"] == comparison.margin
    assert content["query_contributions"] == [w.contribution for w in comparison.query.words]
    assert repr(comparison).startswith("Comparison(margin=")


def test_what_is_no_comparison_is_refused(explainer, comparison):
    content = comparison.to_dict()
    with pytest.raises(FormatError, match="no comparison"):
        Comparison.from_dict(content["better"])
    with pytest.raises(FormatError, match="version 7"):
        Comparison.from_dict(content | {"version": 7})
    with pytest.raises(FormatError, match="no explanation"):
        Comparison.from_dict({k: v for k, v in content.items() if k != "worse"})
    with pytest.raises(FormatError, match="not JSON"):
        Comparison.from_json("{")
    with pytest.raises(FormatError, match="same left text"):
        Comparison(
            better=comparison.better, worse=explainer.with_method("whyalike").explain("a", "b")
        )
    with pytest.raises(FormatError, match="same method"):
        Comparison(better=comparison.better, worse=explainer.explain(QUERY, WORSE))
    bti = explainer.explain(QUERY, WORSE)
    with raises(FormatError, "adds"):
        Comparison(better=bti, worse=bti)
    json.loads(comparison.to_json(indent=1))


def test_empty_texts(explainer):
    comparison = explainer.compare("", BETTER, WORSE)
    assert comparison.query.words == ()
    assert np.isfinite(comparison.margin)
    assert explainer.compare(QUERY, "", WORSE).better_text.words == ()
