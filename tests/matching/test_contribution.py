"""Matches by contribution, and words that match nothing, each against a slow loop."""

import numpy as np
import pytest

from whyalike.arrays import WordSaliency
from whyalike.matching import match_by_contribution, match_words, unmatched_words


def words(count, seed, *, matchable=None):
    random = np.random.default_rng(seed)
    spans = tuple((2 * k, 2 * k + 1) for k in range(count))
    return WordSaliency(
        spans,
        random.uniform(-1, 1, count),
        random.normal(size=(count, 3)),
        np.ones(count, bool) if matchable is None else np.array(matchable),
    )


def slow_matches(matrix, union):
    rows, columns = matrix.shape
    found = []
    for i in range(rows):
        best = max(range(columns), key=lambda j: matrix[i][j])
        found.append((i, best))
    for j in range(columns):
        best = max(range(rows), key=lambda i: matrix[i][j])
        if not (union and (best, j) in found):
            found.append((best, j))
    return [(i, j) for i, j in found if matrix[i][j] > 0]


@pytest.mark.parametrize("union", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_each_word_with_the_one_that_adds_most(seed, union):
    random = np.random.default_rng(seed)
    rows, columns = random.integers(1, 7, 2)
    matrix = np.round(random.normal(size=(rows, columns)), 1)  # ties, and none
    left, right = words(rows, seed), words(columns, seed + 100)
    pairs = match_by_contribution(left, right, matrix, union=union)
    assert [(p.left, p.right) for p in pairs] == slow_matches(matrix, union)
    for pair in pairs:
        assert pair.score == matrix[pair.left, pair.right]
        u, v = left.vectors[pair.left], right.vectors[pair.right]
        assert pair.similarity == pytest.approx(u @ v / np.sqrt((u @ u) * (v @ v)))


def test_nothing_that_adds_is_no_match():
    assert match_by_contribution(words(2, 0), words(3, 1), np.full((2, 3), -0.1)) == ()
    assert match_by_contribution(words(0, 0), words(3, 1), np.zeros((0, 3))) == ()


@pytest.mark.parametrize("seed", range(8))
def test_unmatched_words_are_those_in_no_match_most_salient_first(seed):
    left, right = words(5, seed), words(6, seed + 100)
    # MatchWords gives every word its nearest.
    assert unmatched_words(match_words(left, right), left, right) == ((), ())
    matrix = np.random.default_rng(seed).normal(size=(5, 6)) - 1
    pairs = match_by_contribution(left, right, matrix)
    expected = [
        sorted(
            set(range(count)) - {place[side] for place in slow_matches(matrix, True)},
            key=lambda n: -abs(s[n]),
        )
        for side, (count, s) in enumerate(((5, left.saliency), (6, right.saliency)))
    ]
    assert list(map(list, unmatched_words(pairs, left, right))) == expected


def test_a_word_without_a_vector_matches_nothing():
    left, right = words(3, 0, matchable=[True, False, True]), words(2, 1)
    assert unmatched_words(match_words(left, right), left, right) == ((1,), ())


def test_two_words_that_pull_apart_are_no_reason_for_likeness():
    left = WordSaliency(((0, 1),), np.array([-0.5]), np.ones((1, 2)), np.ones(1, bool))
    (pair,) = match_words(left, left)
    assert (pair.similarity, pair.score) == (pytest.approx(1.0), pytest.approx(-0.25))
