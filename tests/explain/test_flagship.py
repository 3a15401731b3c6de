"""The first screen, with real weights: which pairs it names, and that it does not contradict itself."""

import pytest

from whyalike import Explainer
from whyalike.cli.demo import PAIRS
from whyalike.render.parts import unmatched_words
from whyalike.texts import is_mark

pytestmark = pytest.mark.weights

LEFT = "Keep hands warm with these knit gloves featuring touchscreen-compatible fingertips."
RIGHT = "These smartphone-friendly gloves let you text without taking them off."
SYNONYM = ("touchscreen-compatible", "smartphone-friendly")


def words_of(explanation):
    left, right = explanation.left.words, explanation.right.words
    return [(left[p.left].text, right[p.right].text) for p in explanation.pairs]


def test_the_synonym_is_among_the_first_pairs_and_no_stop_word_is(minilm):
    explainer = minilm.with_method("whyalike")
    assert words_of(explainer.explain(LEFT, RIGHT)) == [("gloves", "gloves"), SYNONYM]
    for left, right in ((LEFT, RIGHT), PAIRS[0][1:]):
        checked = explainer.explain(left, right, check=3)
        shown = words_of(checked)
        assert shown[0] == ("gloves", "gloves")
        assert SYNONYM in shown[:3]
        assert not {"these", "with", ".", ",", "a"} & {w.lower() for pair in shown for w in pair}
        assert all(one.fall > 0 for one in checked.checks.pairs)
        assert {pair for pair in shown if pair in words_of(explainer.explain(left, right))}


def test_the_default_is_our_method_and_bti_is_as_it_was(minilm):
    explainer = Explainer(minilm.model)
    assert explainer.method.name == "whyalike"
    bti = explainer.with_method("bti").explain(*PAIRS[0][1:], check=3)
    assert words_of(bti) == [("gloves", "gloves"), ("hands", "gloves"), ("knit", "wool")]


@pytest.mark.parametrize("method", ["bti", "whyalike", "token_similarity", "occlusion"])
def test_a_word_matches_nothing_where_it_is_in_no_match(minilm, method):
    explainer = minilm.with_method(method)
    for _, left, right in PAIRS:
        found = explainer.explain(left, right)
        for which, side in (("left", found.left), ("right", found.right)):
            matched = {getattr(pair, which) for pair in found.matches}
            alone = {n for n in range(len(side.words)) if n not in matched}
            telling = {n for n in alone if not is_mark(side.words[n].text)}
            assert set(unmatched_words(found, which)) == set(side.unmatched) == telling
