"""Pairs drawn from a catalogue."""

import numpy as np
import pytest

from whyalike import PairScorer
from whyalike.errors import OptionError, TextError
from whyalike.models.black_box import BlackBox
from whyalike.nearest_pairs import nearest_pairs


def angles(texts):
    """The first word of a text is an angle in degrees."""
    turned = np.radians([float(text.split()[0]) for text in texts])
    return np.stack([np.cos(turned), np.sin(turned)], axis=1)


MODEL = BlackBox(angles)
EVERYTHING = {"words": (1, 9), "lowest": -1.0, "highest": 1.0}


def angle(pair):
    return abs(float(pair[0].split()[0]) - float(pair[1].split()[0]))


def test_nearest_other_text_between_the_limits():
    texts = [f"{degrees} degrees" for degrees in (0, 3, 30, 100, 135, 200)]
    pairs = nearest_pairs(texts, MODEL, count=9, words=(1, 9), lowest=0.5, highest=0.95)
    found = {frozenset(pair) for pair in pairs}
    assert frozenset(texts[3:5]) in found  # 35 degrees, a cosine of .82
    assert frozenset(texts[:2]) not in found  # 3 degrees: a copy
    for pair in pairs:
        assert 18.2 <= angle(pair) <= 60
    used = [text for pair in pairs for text in pair]
    assert len(used) == len(set(used))


def test_against_a_slow_search():
    rng = np.random.default_rng(3)
    texts = [f"{degrees:.4f} degrees" for degrees in rng.random(40) * 360]
    pairs = nearest_pairs(texts, MODEL, count=30, seed=5, words=(1, 9), lowest=0.9, highest=0.999)
    free = set(texts)
    for one, other in pairs:
        fit = {}
        for text in free - {one}:
            cosine = float(np.cos(np.radians(angle((one, text)))))
            if 0.9 <= cosine <= 0.999:
                fit[text] = cosine
        assert other == max(fit, key=fit.get)
        free -= {one, other}
    assert 5 < len(pairs) < 20
    assert pairs == nearest_pairs(
        texts, MODEL, count=30, seed=5, words=(1, 9), lowest=0.9, highest=0.999
    )
    assert pairs != nearest_pairs(
        texts, MODEL, count=30, seed=6, words=(1, 9), lowest=0.9, highest=0.999
    )
    assert pairs[:3] == nearest_pairs(
        texts, MODEL, count=3, seed=5, words=(1, 9), lowest=0.9, highest=0.999
    )


def test_equal_texts_short_ones_and_the_pool():
    assert nearest_pairs(["1 a", "1 a"], MODEL, count=1, **EVERYTHING) == []
    assert nearest_pairs([], MODEL, count=1, **EVERYTHING) == []
    texts = ["1 a", "2 b c d", "3 b c d e"]
    options = {**EVERYTHING, "words": (3, 9)}
    assert {*nearest_pairs(texts, MODEL, count=5, **options)[0]} == {*texts[1:]}
    assert nearest_pairs(texts, MODEL, count=5, pool=1, **options) == []


def test_wrong_numbers_are_refused():
    for wrong in ({"count": 0}, {"count": 2, "pool": 0}, {"count": 2, "lowest": 0.99}):
        with pytest.raises(OptionError, match=list(wrong)[-1]):
            nearest_pairs(["a"], MODEL, **wrong)
    with pytest.raises(TextError):
        nearest_pairs("a text", MODEL, count=1)


def test_a_scorer_without_vectors_is_refused():
    scorer = PairScorer(lambda pairs: [0.0 for _ in pairs], name="reranker")
    with pytest.raises(OptionError, match=r"needs vectors .*, and reranker gives scores of whole"):
        nearest_pairs(["1 degree", "2 degrees"], scorer, count=1, words=(1, 9))
