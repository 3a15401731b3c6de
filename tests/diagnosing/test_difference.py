"""Two models that differ in one word: it is what moved, by as much as is worked out by hand."""

import json

import numpy as np
import pytest

from raising import raises
from whyalike import Explainer, Item
from whyalike.diagnosing import Difference, LabelledQuery, diff_models
from whyalike.errors import FormatError, OptionError
from word_counter import WordCounter

BEFORE = WordCounter()
AFTER = WordCounter(meanings={"mittens": "gloves"})
PAIRS = [
    ("warm gloves", "warm mittens"),
    ("red wine", "red wine"),
    ("oak lamp", "brass lamp"),
    ("blue sky", "green grass"),
]


@pytest.fixture(scope="module")
def found():
    return diff_models(Explainer(BEFORE), Explainer(AFTER), PAIRS)


def z_of(scores):
    scores = np.array(scores)
    return (scores - scores.mean()) / scores.std(ddof=1)


def test_scores_and_scales_by_hand(found):
    # Cosines before: 1/2, 1, 1/2, 0. The second model takes mittens for gloves.
    before, after = z_of([0.5, 1, 0.5, 0]), z_of([1, 1, 0.5, 0])
    by_id = {pair.id: pair for pair in found.pairs}
    for n, (left, right) in enumerate(PAIRS):
        pair = by_id[str(n + 1)]
        assert (pair.left, pair.right) == (left, right)
        assert pair.before_z == pytest.approx(before[n])
        assert pair.after_z == pytest.approx(after[n])
        assert pair.moved == pytest.approx(after[n] - before[n])
    assert found.pairs[0].id == "1"


def test_the_word_that_moved_it_is_first(found):
    words = found.pairs[0].words
    assert {words[0].text, words[1].text} == {"gloves", "mittens"}
    mittens = next(word for word in words if word.text == "mittens")
    # Occlusion: before, the text without "mittens" scores more; after, less.
    deviations = np.std([0.5, 1, 0.5, 0], ddof=1), np.std([1, 1, 0.5, 0], ddof=1)
    assert mittens.before == pytest.approx((0.5 - 2**-0.5) / deviations[0], abs=1e-6)
    assert mittens.after == pytest.approx((1 - 2**-0.5) / deviations[1], abs=1e-6)
    assert mittens.side == "right"
    assert PAIRS[0][1][mittens.start : mittens.end] == "mittens"
    assert {word.text for word in found.risen[:2]} == {"gloves", "mittens"}


def test_the_same_model_moves_nothing():
    found = diff_models(Explainer(BEFORE), Explainer(WordCounter()), PAIRS)
    assert all(pair.moved == 0 for pair in found.pairs)
    assert all(word.moved == 0 for word in found.words)
    assert found.agreement == pytest.approx(1)
    assert not found.risen
    assert not found.fallen


def test_another_scale_alone_moves_nothing():
    class Thrice(WordCounter):
        name = "thrice"
        capabilities = frozenset()
        similarity_function = "score"

        def score(self, pairs, **settings):
            return 3 * BEFORE.score(pairs) - 1

    found = diff_models(Explainer(BEFORE), Explainer(Thrice()), PAIRS)
    assert all(abs(pair.moved) < 1e-9 for pair in found.pairs)
    assert all(abs(word.moved) < 1e-9 for word in found.words)


def test_ranks_of_queries():
    passages = [
        Item("m", "", "wool mittens"),
        Item("w", "", "gloves rack"),
        Item("x", "", "red wine"),
    ]
    queries = [
        LabelledQuery("q1", "wool gloves", ("m",)),
        LabelledQuery("q2", "rack gloves", ("w",)),
        LabelledQuery("q3", "rack", ("gone",)),
    ]
    found = diff_models(
        Explainer(BEFORE), Explainer(AFTER), queries=queries, passages=passages, k=1
    )
    ranks = {pair.id: (pair.before_rank, pair.after_rank) for pair in found.pairs}
    # By hand, q1 before: 1/2 and 1/2, "m" is before "w" by its id; after, 1 and 1/2.
    assert ranks == {"q1": (1, 1), "q2": (1, 1)}
    assert (found.found_before, found.found_after) == (2, 2)
    assert "1 queries were left out" in found.notes[0]
    q1 = next(pair for pair in found.pairs if pair.id == "q1")
    assert q1.before_z == pytest.approx(z_of([0.5, 0.5, 0])[0])
    assert q1.after_z == pytest.approx(z_of([1, 0.5, 0])[0])


def test_only_the_farthest_are_explained_and_it_is_said():
    found = diff_models(Explainer(BEFORE), Explainer(AFTER), PAIRS, explain=1)
    assert found.pairs[0].words
    assert not any(pair.words for pair in found.pairs[1:])
    assert found.notes == ("Words are those of the 1 pairs that moved farthest.",)


@pytest.mark.parametrize(
    "arguments", [{}, {"queries": []}, {"pairs": PAIRS, "queries": [], "passages": []}]
)
def test_what_is_compared_is_said_once(arguments):
    with raises(OptionError, "Give either pairs of texts, or queries together with passages"):
        diff_models(Explainer(BEFORE), Explainer(AFTER), **arguments)


def test_too_few_pairs_have_no_scale():
    with raises(OptionError, "3 or more"):
        diff_models(Explainer(BEFORE), Explainer(AFTER), PAIRS[:2])


def test_json_text_and_page(found):
    assert Difference.from_json(found.to_json()) == found
    content = json.loads(found.to_json())
    content["pairs"][0]["before"] = None
    with raises(FormatError, "before"):
        Difference.from_json(json.dumps(content))
    for words in ([3], 3, [None], "words"):
        content = json.loads(found.to_json())
        content["pairs"][0]["words"] = words
        with raises(FormatError, "words"):
            Difference.from_json(json.dumps(content))
    for said in (str(found), found.to_html()):
        assert "mittens" in said
        assert "Spearman" in said
