"""Why one text is scored above another: the margin, taken apart."""

import json

import numpy as np
import pytest

from nearly import assert_nearly_equal
from raising import raises
from scorer_folders import KINDS, save_kinds
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


def without(text, places):
    """The text without some of its words, which blanks part."""
    return " ".join(word for n, word in enumerate(text.split()) if n not in places)


LONG = "warm gloves and warm wool gloves for the phone"
PLAIN = "these smart phone gloves are cut from wool and wool"
OTHER = "a warm hat for cold hands and the phone"


@pytest.mark.parametrize("kind", ["bert", *KINDS])
def test_rows_are_what_both_scores_lose_without_the_word(tmp_path, kind):
    """Every kind of scorer; the other way is its own score of texts cut by hand."""
    model = tiny("bert").parts if kind == "bert" else str(save_kinds(tmp_path, [kind])[kind])
    explainer = Explainer(model)

    def own(left, right):
        return float(explainer.model.score([(left, right)], prompts=explainer.prompts)[0])

    comparison = explainer.compare(LONG, PLAIN, OTHER, check=20)
    rows = [row for row in (*comparison.query_rows, *comparison.text_rows) if row.is_checked]
    assert len([row for row in rows if row.query]) == len(set(LONG.split()))
    assert len(rows) == len(set(LONG.split())) + len({*PLAIN.split(), *OTHER.split()})
    for row in rows:
        query = without(LONG, row.query)
        better, worse = without(PLAIN, row.better), without(OTHER, row.worse)
        first = own(LONG, PLAIN) - own(query, better)
        second = own(LONG, OTHER) - own(query, worse)
        assert row.effect == pytest.approx(first - second, abs=1e-5)
        for said, lost, has_it in (
            (row.with_better, first, row.query or row.better),
            (row.with_worse, second, row.query or row.worse),
        ):
            assert said == (pytest.approx(lost, abs=1e-5) if has_it else None)
    gloves = next(row for row in rows if row.query and row.text == "gloves")
    assert gloves.query == (1, 5)
    assert next(row for row in rows if not row.query and row.text == "wool").better == (7, 9)
    assert next(row for row in rows if not row.query and row.text == "phone").count == 2


def test_what_carries_the_margin_is_deleted_together(explainer):
    pairs = [(TEXTS[0], TEXTS[2]), (TEXTS[1], TEXTS[2]), (PLAIN, OTHER)]
    several = 0
    for better, worse in pairs:
        comparison = explainer.compare(LONG, better, worse)
        carrying, together = comparison.carrying, comparison.checks.together
        assert 1 <= len(carrying) <= 3
        towards = np.sign(comparison.margin)
        assert all(row.effect * towards > 0 and not row.is_connector for row in carrying)
        if len(carrying) == 1:
            assert together is None
            continue
        several += 1
        assert set(together.query) == {n for row in carrying for n in row.query}
        query = without(LONG, together.query)
        pairs = [(query, better), (query, worse)]
        one, other = explainer.model.score(pairs, prompts=explainer.prompts)
        assert together.margin == pytest.approx(one - other, abs=1e-5)
    assert several


def test_how_many_are_checked(explainer):
    assert explainer.usual_rows == 10
    assert explainer.compare(LONG, PLAIN, OTHER, check=0).checks is None
    few = explainer.compare(LONG, PLAIN, OTHER, check=2)
    for rows in (few.query_rows, few.text_rows):
        known = [row for row in rows if row.is_checked]
        assert len(known) == 2
        # They are those that the method puts first, of words that are no connectors.
        content = [row for row in rows if not row.is_connector]
        first = sorted(content, key=lambda row: -abs(row.attributed))[:2]
        assert {row.text for row in known} == {row.text for row in first}
    for wrong in (-1, 1.5):
        with raises(OptionError, "check", "whole number"):
            explainer.compare(LONG, PLAIN, OTHER, check=wrong)


def test_what_was_not_checked_is_scaled_by_what_was(explainer):
    plain = explainer.compare(LONG, PLAIN, OTHER, check=0)
    some = explainer.compare(LONG, PLAIN, OTHER, check=3)
    said = {row.text: row.effect for row in plain.query_rows}
    known = [row for row in some.query_rows if row.is_checked]
    scale = np.median([abs(row.effect / said[row.text]) for row in known])
    rest = [row for row in some.query_rows if not row.is_checked]
    assert rest
    for row in rest:
        assert row.effect == pytest.approx(scale * said[row.text])
        assert row.attributed == said[row.text]


def test_a_text_is_never_emptied(explainer):
    comparison = explainer.compare("gloves", "wool gloves", "hat")
    query = comparison.checks.rows[0]
    assert query.query == (0,)
    assert query.better_similarity is query.worse_similarity is query.margin is None
    assert [row.is_checked for row in comparison.query_rows] == [False]
    texts = {row.text: row for row in comparison.text_rows}
    assert texts["wool"].is_checked
    assert not texts["hat"].is_checked
    assert {row.text for row in comparison.carrying} <= {"wool", "gloves"}


def test_the_other_way_round_has_the_same_rows(explainer):
    comparison = explainer.compare(LONG, PLAIN, OTHER)
    turned = comparison.swapped
    assert turned.margin == -comparison.margin
    assert turned.swapped == comparison
    for name in ("query_rows", "text_rows"):
        one, other = getattr(comparison, name), getattr(turned, name)
        assert {row.text.lower(): row.effect for row in other} == pytest.approx(
            {row.text.lower(): -row.effect for row in one}
        )
    assert explainer.compare(LONG, OTHER, PLAIN).margin == pytest.approx(turned.margin, abs=1e-6)


def test_a_function_is_not_asked_more_unless_that_is_wanted():
    asked = []

    def embed(texts):
        asked.extend(texts)
        return [[t.count("o"), t.count("a") + 1.0, len(t)] for t in texts]

    explainer = Explainer(embed=embed)
    assert explainer.compare(LONG, PLAIN, OTHER).checks is None
    before = len(asked)
    assert explainer.compare(LONG, PLAIN, OTHER, check=2).checks is not None
    assert len(asked) > before


def test_checks_of_words_that_are_not_there_are_refused(comparison):
    content = comparison.to_dict()
    broken = json.loads(comparison.to_json())
    broken["checks"]["rows"][0]["query"] = [99]
    with raises(FormatError, "99", "query"):
        Comparison.from_dict(broken)
    old = {
        name: value
        for name, value in content.items()
        if name not in ("checks", "verdict", "query_rows", "text_rows")
    }
    assert Comparison.from_dict(old).checks is None


def test_empty_texts(explainer):
    comparison = explainer.compare("", BETTER, WORSE)
    assert comparison.query.words == ()
    assert np.isfinite(comparison.margin)
    assert explainer.compare(QUERY, "", WORSE).better_text.words == ()
