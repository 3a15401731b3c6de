"""Agreement of two saliencies against loops, counting, and simulation."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from scipy import stats

from whyalike.errors import OptionError
from whyalike.evaluation.agreement import (
    agreement_by_chance,
    count_top,
    histogram_entropy,
    jaccard,
    spearman,
    top_agreement,
    top_words,
)


def mean_ranks(values):
    """Rank of each value: how many are smaller, plus half of how many others are equal."""
    return [sum(o < v for o in values) + sum(o == v for o in values) / 2 for v in values]


def slow_spearman(first, second):
    a, b = mean_ranks(first), mean_ranks(second)
    n, ma, mb = len(a), sum(a) / len(a), sum(b) / len(b)
    covariance = sum((a[i] - ma) * (b[i] - mb) for i in range(n))
    return covariance / math.sqrt(sum((x - ma) ** 2 for x in a) * sum((x - mb) ** 2 for x in b))


@pytest.mark.parametrize("seed", range(6))
def test_spearman_with_ties_and_signs(seed):
    random = np.random.default_rng(seed)
    first, second = random.integers(-4, 5, 12) / 4, random.integers(-4, 5, 12) / 4
    assert spearman(first, second) == pytest.approx(slow_spearman(first, second))
    assert spearman(first, second) == pytest.approx(stats.spearmanr(first, second).statistic)
    assert spearman(first, second, signed=False) == pytest.approx(
        slow_spearman(list(map(abs, first)), list(map(abs, second)))
    )


def test_spearman_of_the_same_of_the_opposite_and_of_nothing():
    values = np.array([0.1, -0.7, 0.4, 0.9])
    assert spearman(values, values**3) == pytest.approx(1)
    assert spearman(values, -values) == pytest.approx(-1)
    assert spearman(values, -values, signed=False) == pytest.approx(1)
    for nothing in (np.full(4, 0.3), np.zeros(4)):
        assert math.isnan(spearman(values, nothing))
        assert math.isnan(spearman(nothing, values))
    assert math.isnan(spearman(np.array([1.0]), np.array([2.0])))
    assert math.isnan(spearman(np.array([1.0, -1.0]), values[:2], signed=False))
    assert math.isnan(spearman(np.array([]), np.array([])))


def test_jaccard():
    assert jaccard({1, 2, 3}, {3, 4}) == 1 / 4
    assert jaccard({1}, {1}) == 1
    assert jaccard({1}, set()) == 0
    assert math.isnan(jaccard(set(), set()))


def test_how_many_words_are_the_top():
    assert [count_top(42, top) for top in (5, 1, 0.1, 0.5)] == [5, 1, 5, 21]
    assert (count_top(3, 5), count_top(0, 5), count_top(1, 0.1)) == (3, 0, 1)
    for wrong in (0, -1, 2.5, math.nan):
        with pytest.raises(OptionError, match="a part of them"):
            count_top(10, wrong)


def test_the_top_is_the_highest_and_ties_fall_by_chance():
    saliency = np.array([0.5, -0.9, 0.8, 0.5, 0.5, 0.1])
    seen = set()
    for seed in range(60):
        found = top_words(saliency, 3, random=np.random.default_rng(seed))
        assert 2 in found
        assert found <= {0, 2, 3, 4}
        seen.add(found)
    assert seen == {frozenset({2, *two}) for two in itertools.combinations((0, 3, 4), 2)}


def test_top_agreement_by_hand_and_undefined():
    random = np.random.default_rng(0)
    first = np.array([9.0, 8, 7, 1, 2, 3])
    second = np.array([9.0, 1, 7, 8, 2, 3])
    assert top_agreement(first, second, top=3, random=random) == 2 / 4
    assert top_agreement(first, first, top=3, random=random) == 1
    assert top_agreement(first, -first, top=3, random=random) == 0
    assert math.isnan(top_agreement(first, np.ones(6), top=3, random=random))
    assert math.isnan(top_agreement(first, second, top=6, random=random))


@pytest.mark.parametrize(("words", "top"), [(6, 2), (7, 0.4), (5, 1)])
def test_chance_is_the_mean_over_all_choices(words, top):
    choices = list(map(frozenset, itertools.combinations(range(words), count_top(words, top))))
    every = [len(a & b) / len(a | b) for a in choices for b in choices]
    assert agreement_by_chance(words, top) == pytest.approx(np.mean(every))
    assert math.isnan(agreement_by_chance(count_top(words, top), 9))


@pytest.mark.parametrize(("words", "top"), [(1100, 0.5), (2300, 0.1)])
def test_chance_is_known_of_long_texts(words, top):
    count = count_top(words, top)
    # Binomials of so many words are beyond a float: by fractions.
    ways = [math.comb(count, n) * math.comb(words - count, count - n) for n in range(count + 1)]
    exact = sum(Fraction(w * n, 2 * count - n) for n, w in enumerate(ways))
    expected = float(exact / math.comb(words, count))
    assert agreement_by_chance(words, top) == pytest.approx(expected, rel=1e-6)


def test_random_saliencies_agree_by_chance():
    random = np.random.default_rng(4)
    found = [
        top_agreement(random.random(30), random.random(30), top=5, random=random)
        for _ in range(500)
    ]
    correlations = [spearman(random.random(30), random.random(30)) for _ in range(500)]
    assert np.mean(found) == pytest.approx(agreement_by_chance(30, 5), abs=0.02)
    assert np.mean(correlations) == pytest.approx(0, abs=0.035)


def test_histogram_entropy_by_counting():
    values = [0.0, 0.05, 0.1, 0.5, 0.55, 1.0, 0.95, 0.3]
    counts = {}
    for value in values:
        counts.setdefault(min(int(value * 10), 9), []).append(value)
    slow = -sum(len(c) / 8 * math.log(len(c) / 8) for c in counts.values())
    assert histogram_entropy(np.array(values), bins=10) == pytest.approx(slow)
    assert histogram_entropy(3 * np.array(values) - 7, bins=10) == pytest.approx(slow)
    assert histogram_entropy(np.arange(50.0), bins=10) == pytest.approx(math.log(10))
    assert histogram_entropy(np.full(9, 0.4), bins=10) == 0
    assert histogram_entropy(np.array([]), bins=10) == 0
