"""Words that choose each other, against a loop over all pairs."""

import numpy as np
import pytest

from whyalike.arrays import WordSaliency
from whyalike.matching import match_mutually


def side(count, seed, *, signed, matchable=None):
    random = np.random.default_rng(seed)
    return WordSaliency(
        tuple((2 * k, 2 * k + 1) for k in range(count)),
        random.uniform(-1 if signed else 0, 1, count),
        random.normal(size=(count, 3)),
        np.ones(count, bool) if matchable is None else np.array(matchable),
        random.normal(size=count) if signed else None,
    )


def cosine(u, v):
    return float(u @ v / np.sqrt((u @ u) * (v @ v)))


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("seed", range(10))
def test_against_a_loop(seed, signed):
    rows, columns = np.random.default_rng(seed).integers(1, 8, 2)
    random = np.random.default_rng(seed + 50)
    left = side(rows, seed, signed=signed, matchable=random.random(rows) < 0.8)
    right = side(columns, seed + 100, signed=signed, matchable=random.random(columns) < 0.8)
    expected = {}
    for i in np.flatnonzero(left.matchable):
        for j in np.flatnonzero(right.matchable):
            value = cosine(left.vectors[i], right.vectors[j])
            of_i = [
                cosine(left.vectors[i], right.vectors[k]) for k in np.flatnonzero(right.matchable)
            ]
            of_j = [
                cosine(left.vectors[k], right.vectors[j]) for k in np.flatnonzero(left.matchable)
            ]
            if value > 0 and value >= max(of_i) - 1e-12 and value >= max(of_j) - 1e-12:
                score = value * left.saliency[i] * right.saliency[j]
                if signed:
                    score = (left.contributions[i] + right.contributions[j]) / 2
                expected[int(i), int(j)] = (value, score)
    found = {(p.left, p.right): (p.similarity, p.score) for p in match_mutually(left, right)}
    assert found.keys() == expected.keys()
    for place, numbers in expected.items():
        assert found[place] == pytest.approx(numbers)


def test_nothing_to_match_and_ties():
    empty = WordSaliency((), np.zeros(0), np.zeros((0, 3)), np.zeros(0, bool))
    some = side(2, 0, signed=False)
    assert match_mutually(empty, some) == match_mutually(some, empty) == ()
    twins = WordSaliency(((0, 1), (2, 3)), np.ones(2), np.ones((2, 3)), np.ones(2, bool))
    assert [(p.left, p.right) for p in match_mutually(twins, twins)] == [(0, 0)]
    apart = WordSaliency(((0, 1),), np.ones(1), -np.ones((1, 3)), np.ones(1, bool))
    assert match_mutually(twins, apart) == ()
