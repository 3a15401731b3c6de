"""Controls that know the spelling of words, or our matching, and nothing of the model's score."""

import numpy as np
import pytest

from tiny_models import tiny
from whyalike import BTIOptions, Explainer
from whyalike.evaluation import score_alignment
from whyalike.evaluation.gold import AlignedPair
from whyalike.methods.controls import draw

LEFT = "The warm gloves, the knit gloves and the wool of the Hat."
RIGHT = "Gloves of wool, gloves of silk: the hat and gloves."


def explainer(method, **options):
    return Explainer(tiny("bert").parts, method=method, options=BTIOptions(**options))


def test_shared_content_words_come_first_and_in_a_random_order():
    found = explainer("shared_words").explain(LEFT, RIGHT)
    for side, text in ((found.left, LEFT), (found.right, RIGHT)):
        drawn = draw(text, len(side.words), seed=0)
        shared = [word.text.lower() in ("gloves", "wool", "hat") for word in side.words]
        expected = [0.5 * value + 0.5 * own for value, own in zip(drawn, shared, strict=True)]
        np.testing.assert_allclose([word.saliency for word in side.words], expected)
        ranked = sorted(side.words, key=lambda word: -word.saliency)
        first = [word.text.lower() for word in ranked[: sum(shared)]]
        assert set(first) == {"gloves", "wool", "hat"}
    other = explainer("shared_words", seed=1).explain(LEFT, RIGHT)
    assert other.left.words != found.left.words
    assert other.similarity == found.similarity


def test_words_of_one_spelling_match_the_nth_with_the_nth():
    found = explainer("shared_words").explain(LEFT, RIGHT)
    left, right = found.left.words, found.right.words
    expected = set()
    for form in {word.text.lower() for word in left}:
        places = [
            [n for n, word in enumerate(words) if word.text.lower() == form]
            for words in (left, right)
        ]
        expected |= set(zip(*places, strict=False))
    assert {(pair.left, pair.right) for pair in found.matches} == expected
    assert len(expected) == 9
    for pair in found.matches:
        assert pair.similarity == pytest.approx(1)
        product = left[pair.left].saliency * right[pair.right].saliency
        assert pair.score == pytest.approx(product)


def test_it_is_the_control_of_same_spelling_for_alignment():
    gold = AlignedPair("one", "warm wool gloves", "wool mittens", frozenset({(1, 0), (2, 1)}))
    explanation = explainer("shared_words").explain(gold.left, gold.right)
    values = score_alignment([explanation], [gold]).values
    assert values["alignment_precision"] == 1
    assert values["alignment_recall"] == 0.5


def test_texts_without_a_word_in_common_match_nowhere():
    found = explainer("shared_words").explain("warm mittens", "cold lemon juice")
    assert found.matches == ()
    assert all(0 <= word.saliency <= 0.5 for word in found.left.words)


def test_any_score_of_pairs_has_this_control():
    counting = Explainer(
        score=lambda pairs: [float(len(one) + len(other)) for one, other in pairs],
        method="shared_words",
    )
    found = counting.explain(LEFT, RIGHT)
    assert found.similarity == len(LEFT) + len(RIGHT)
    assert {found.left.words[pair.left].text.lower() for pair in found.matches} >= {
        "gloves",
        "wool",
    }
    assert found.warnings == ()


@pytest.mark.parametrize("name", ["bert", "mpnet"])
def test_random_saliency_with_our_matching_has_our_links(name):
    parts = tiny(name).parts
    random = Explainer(parts, method="random").explain(LEFT, RIGHT)
    ours = Explainer(parts, method="whyalike").explain(LEFT, RIGHT)
    control = Explainer(parts, method="random_soft").explain(LEFT, RIGHT)
    assert control.left.words == random.left.words
    links = [{(pair.left, pair.right) for pair in e.matches} for e in (control, ours, random)]
    assert links[0] == links[1] != links[2]
