"""Words that are sure of each other, against loops over single words."""

import math
from dataclasses import FrozenInstanceError
from functools import cache

import numpy as np
import pytest

from whyalike import matching as soft
from whyalike.arrays import WordSaliency
from whyalike.explanation import Word, of_columns
from whyalike.matching import match_mutually, match_softly, unmatched_words


def side(count, seed, *, signed=True, matchable=None):
    random = np.random.default_rng(seed)
    return WordSaliency(
        tuple((2 * k, 2 * k + 1) for k in range(count)),
        random.uniform(-1 if signed else 0, 1, count),
        random.normal(size=(count, 4)),
        np.ones(count, bool) if matchable is None else np.array(matchable),
        random.normal(size=count) if signed else None,
    )


def cosine(u, v):
    return float(u @ v) / math.sqrt(float(u @ u) * float(v @ v))


def by_loops(left, right):
    """Every formula word by word, from the definitions in the docstring."""
    rows = [n for n in range(len(left.spans)) if left.matchable[n]]
    columns = [n for n in range(len(right.spans)) if right.matchable[n]]
    everything = [left.vectors[n] for n in rows] + [right.vectors[n] for n in columns]
    mean = sum(everything) / len(everything)
    if len(everything) == 2:
        mean = mean * 0
    near = [
        [cosine(left.vectors[m] - mean, right.vectors[n] - mean) for n in columns] for m in rows
    ]
    flat = [value for row in near for value in row]
    average = sum(flat) / len(flat)
    spread = math.sqrt(sum((value - average) ** 2 for value in flat) / len(flat))

    def with_neighbours(i, j):
        total = near[i][j]
        for step, weight in ((1, 0.1), (2, 0.05)):
            for a, b in ((i - step, j - step), (i + step, j + step)):
                if 0 <= a < len(rows) and 0 <= b < len(columns):
                    total += weight * near[a][b]
        return total

    def sure(likeness, i, j):
        scale = max(0.4 * spread, 1e-3)
        of_row = sum(
            math.exp((likeness(i, k) - likeness(i, j)) / scale) for k in range(len(columns))
        )
        of_column = sum(
            math.exp((likeness(k, j) - likeness(i, j)) / scale) for k in range(len(rows))
        )
        return math.sqrt(1 / of_row / of_column)

    def support(i, j):
        fewer = min(len(rows), len(columns))
        if fewer == 1:
            return 1.0
        total = sum(
            2 / (abs(a - i) + abs(b - j)) * sure(lambda a, b: near[a][b], a, b)
            for a in range(len(rows))
            for b in range(len(columns))
            if 1 <= abs(a - i) <= 3 and 1 <= abs(b - j) <= 3
        )
        return min(1.0, total / (1.0 if fewer == 2 else 1.5))

    @cache
    def likeness(i, j):
        return with_neighbours(i, j) + 0.2 * support(i, j)

    def mutual(i, j):
        of_row = max(likeness(i, k) for k in range(len(columns)))
        of_column = max(likeness(k, j) for k in range(len(rows)))
        return likeness(i, j) == of_row == of_column

    kept = [
        (i, j)
        for i in range(len(rows))
        for j in range(len(columns))
        if (sure(likeness, i, j) > 0.3 or mutual(i, j))
        and near[i][j] + 0.5 * support(i, j) > 0.6
        and cosine(left.vectors[rows[i]], right.vectors[columns[j]]) > 0
    ]
    found = {}
    for i, j in kept:
        m, n = rows[i], columns[j]
        if left.contributions is None:
            score = near[i][j] * left.saliency[m] * right.saliency[n]
        else:
            partners = sum(a == i for a, _ in kept), sum(b == j for _, b in kept)
            score = left.contributions[m] / partners[0] + right.contributions[n] / partners[1]
            score /= 2
        found[m, n] = (near[i][j], score)
    return found


@pytest.mark.parametrize("signed", [True, False])
@pytest.mark.parametrize("seed", range(12))
def test_against_loops(seed, signed):
    random = np.random.default_rng(seed + 900)
    rows, columns = random.integers(1, 9, 2)
    left = side(rows, seed, signed=signed, matchable=random.random(rows) < 0.85)
    right = side(columns, seed + 100, signed=signed, matchable=random.random(columns) < 0.85)
    if not left.matchable.any() or not right.matchable.any():
        assert match_softly(left, right) == ()
        return
    found = {(p.left, p.right): (p.similarity, p.score) for p in match_softly(left, right)}
    expected = by_loops(left, right)
    assert found.keys() == expected.keys()
    for place, numbers in expected.items():
        assert found[place] == pytest.approx(numbers, abs=1e-9)


@pytest.mark.parametrize("seed", range(6))
def test_swapped_texts_give_mirrored_pairs_and_pairs_share_what_words_add(seed):
    left, right = side(7, seed), side(5, seed + 50)
    pairs = match_softly(left, right)
    mirrored = {(p.right, p.left): p.score for p in match_softly(right, left)}
    assert {(p.left, p.right): p.score for p in pairs} == pytest.approx(mirrored)
    matched = sum(left.contributions[n] for n in {p.left for p in pairs})
    matched += sum(right.contributions[n] for n in {p.right for p in pairs})
    assert sum(p.score for p in pairs) == pytest.approx(matched / 2)
    alone = unmatched_words(pairs, left, right)
    assert set(alone[0]) == set(range(7)) - {p.left for p in pairs}
    assert set(alone[1]) == set(range(5)) - {p.right for p in pairs}


def test_a_word_may_have_two_partners_or_none():
    """Two halves of a word on one side, one whole on the other; and a word unlike all."""
    vectors = np.array([[1.0, 0, 0, 0], [0, 1, 0, 0], [0.05, 0, 0, 1]])
    left = WordSaliency(((0, 1), (2, 3), (4, 5)), np.ones(3), vectors, np.ones(3, bool), np.ones(3))
    other = np.array([[1.0, 0.02, 0, 0], [1.0, -0.02, 0, 0], [0, 1, 0.1, 0], [0, 0, 1, -1]])
    right = WordSaliency(
        tuple((2 * k, 2 * k + 1) for k in range(4)), np.ones(4), other, np.ones(4, bool), np.ones(4)
    )
    found = {(p.left, p.right) for p in match_softly(left, right)}
    assert found == {(0, 0), (0, 1), (1, 2)}


def test_copies_of_one_word_do_not_hide_each_other():
    copies = side(6, 3)
    vectors = np.ones((6, 4)) + np.random.default_rng(0).normal(0, 0.05, (6, 4))
    same = WordSaliency(copies.spans, copies.saliency, vectors, copies.matchable)
    assert {(p.left, p.right) for p in match_softly(same, same)} >= {(n, n) for n in range(6)}


def words(*vectors):
    count = len(vectors)
    spans = tuple((2 * k, 2 * k + 1) for k in range(count))
    return WordSaliency(spans, np.ones(count), np.array(vectors, float), np.ones(count, bool))


def test_a_pair_alone_must_be_more_alike_than_one_among_others():
    """The same two words, of cosine .4: among words that go together, and among strangers."""
    basis = np.eye(122)
    one, other = basis[0], 0.4 * basis[0] + math.sqrt(0.84) * basis[1]
    around, strangers = list(basis[2:62]), list(basis[62:])

    def links(right):
        left = [*around[:30], one, *around[30:]]
        return {(pair.left, pair.right) for pair in match_softly(words(*left), words(*right))}

    assert links([*around[:30], other, *around[30:]]) == {(n, n) for n in range(61)}
    assert links([*strangers[:30], other, *strangers[30:]]) == set()
    assert links([*strangers[:30], one, *strangers[30:]]) == {(30, 30)}


def test_support_of_two_words_by_hand():
    """Around (0, 0) is only (1, 1), at distances 1 and 1, which counts 2 / 2 of the 1 that two have."""
    agreement = np.array([[0.4, 0.1], [0.2, 0.9]])
    assert soft._support(agreement) == pytest.approx(np.array([[0.9, 0.2], [0.1, 0.4]]))
    assert soft._support(np.array([[0.3, 0.4]])) == pytest.approx(np.ones((1, 2)))
    # Three words: (2, 2) is 2 + 2 places from (0, 0) and counts half, (1, 2) and (2, 1) two thirds.
    agreement = np.zeros((3, 3))
    agreement[1, 1], agreement[2, 2], agreement[1, 2] = 0.3, 0.6, 0.15
    assert soft._support(agreement)[0, 0] == pytest.approx((0.3 + 0.5 * 0.6 + 2 / 3 * 0.15) / 1.5)


def test_single_words_and_texts_too_large(monkeypatch):
    one = side(1, 3)
    (pair,) = match_softly(one, one)
    assert pair.similarity == pytest.approx(1.0)
    left, right = side(6, 0), side(7, 1)
    monkeypatch.setattr(soft, "MOST_PAIRS", 41)
    assert match_softly(left, right) == match_mutually(left, right)


@pytest.mark.parametrize("count", [0, 1, 7])
def test_objects_by_columns_are_those_of_the_constructor(count):
    columns = [f"w{n}" for n in range(count)], *(range(k, k + count) for k in range(4)), [None] * 7
    columns = [list(column)[:count] for column in columns]
    found = of_columns(Word, *columns)
    assert found == tuple(Word(*values) for values in zip(*columns, strict=True))
    assert len({hash(word) for word in found}) == count
    for word in found:
        with pytest.raises(FrozenInstanceError):
            word.saliency = 1.0
    with pytest.raises(ValueError, match="shorter"):
        of_columns(Word, *columns[:-1])
    with pytest.raises(ValueError, match="equally long"):
        of_columns(Word, *columns[:-1], [None] * 8)
