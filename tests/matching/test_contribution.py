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
def test_unmatched_words_are_those_without_a_mutual_best(seed):
    random = np.random.default_rng(seed)
    left, right = words(5, seed), words(6, seed + 100)
    cosines = [
        [float(u @ v) / np.linalg.norm(u) / np.linalg.norm(v) for v in right.vectors]
        for u in left.vectors
    ]
    mutual = [
        (i, j)
        for i in range(5)
        for j in range(6)
        if cosines[i][j] == max(cosines[i]) == max(row[j] for row in cosines) and cosines[i][j] > 0
    ]
    expected = [
        sorted(set(range(count)) - {pair[side] for pair in mutual}, key=lambda n: -abs(s[n]))
        for side, (count, s) in enumerate(((5, left.saliency), (6, right.saliency)))
    ]
    found = unmatched_words(match_words(left, right), left, right, by="similarity")
    assert list(map(list, found)) == expected
    matrix = random.normal(size=(5, 6))
    pairs = match_by_contribution(left, right, matrix)
    kept = {
        (i, j)
        for i in range(5)
        for j in range(6)
        if matrix[i, j] == matrix[i].max() == matrix[:, j].max() > 0
    }
    by_score = unmatched_words(pairs, left, right, by="score")
    assert set(by_score[0]) == set(range(5)) - {i for i, _ in kept}
    assert set(by_score[1]) == set(range(6)) - {j for _, j in kept}


def test_words_without_tokens_are_not_unmatched_but_unread():
    left, right = words(3, 0, matchable=[True, False, True]), words(2, 1)
    found = unmatched_words((), left, right, by="similarity")
    assert set(found[0]) == {0, 2}
    assert set(found[1]) == {0, 1}


def test_two_words_that_pull_apart_are_no_reason_for_likeness():
    left = WordSaliency(((0, 1),), np.array([-0.5]), np.ones((1, 2)), np.ones(1, bool))
    (pair,) = match_words(left, left)
    assert (pair.similarity, pair.score) == (pytest.approx(1.0), pytest.approx(-0.25))
