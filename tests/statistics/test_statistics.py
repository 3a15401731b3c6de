"""Intervals and tests against known answers, loops, and simulation."""

import itertools
import math
import tracemalloc

import numpy as np
import pytest
from scipy import stats

from raising import raises
from whyalike.errors import OptionError
from whyalike.statistics import compare_paired, holm, mean_interval


def test_holm_worked_example():
    """Four tests: .01 x 4, .04 x 2 and .03 x 3 in steps that never fall, .005 x ... by hand."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.5, 0.9]) == [1.0, 1.0]
    assert holm([]) == []


@pytest.mark.parametrize("seed", range(5))
def test_holm_against_its_definition(seed):
    p = np.random.default_rng(seed).random(7) / 4
    order = sorted(p)
    for value, adjusted in zip(p, holm(list(p)), strict=True):
        rank = order.index(value)
        slow = max(min(1.0, (len(p) - k) * order[k]) for k in range(rank + 1))
        assert adjusted == pytest.approx(slow)


def exact_p(differences):
    """Every assignment of signs to the ranks of the magnitudes."""
    ranks = stats.rankdata(np.abs(differences))
    seen = min(ranks[differences > 0].sum(), ranks[differences < 0].sum())
    sums = [
        sum(r for r, sign in zip(ranks, signs, strict=True) if sign)
        for signs in itertools.product([True, False], repeat=len(ranks))
    ]
    return min(1.0, 2 * np.mean([s <= seen for s in sums]))


def test_the_signed_rank_test_counts_signs():
    first = np.array([0.5, 0.9, 0.3, 0.8, 0.7, 0.61])
    second = np.array([0.4, 0.5, 0.35, 0.2, 0.5, 0.3])
    (test,) = compare_paired({"a": first, "b": second})
    assert (test.first, test.second, test.count) == ("a", "b", 6)
    assert test.difference == pytest.approx(np.mean(first - second))
    assert test.p == test.p_holm == pytest.approx(exact_p(first - second))


def test_rounding_breaks_no_tie():
    first, second = np.array([0.1 + 0.2, 0.5, 0.9, 0.4]), np.array([0.3, 0.2, 0.6, 0.8])
    (rounded,) = compare_paired({"a": first, "b": second})
    (exact,) = compare_paired({"a": [0.0, 3.0, 3.0, 4.0], "b": [0.0, 0.0, 0.0, 8.0]})
    assert rounded.p == exact.p


def test_a_reference_and_the_number_of_tests():
    values = {name: np.random.default_rng(n).random(12) for n, name in enumerate("abcd")}
    assert len(compare_paired(values)) == 6
    tests = compare_paired(values, reference="b")
    assert [(t.first, t.second) for t in tests] == [("a", "b"), ("b", "c"), ("b", "d")]
    assert [t.p_holm for t in tests] == holm([t.p for t in tests])


def test_undefined_items_are_left_out_and_equal_methods_do_not_differ():
    values = {"a": [0.1, math.nan, 0.4, 0.2], "b": [0.1, 0.5, 0.4, 0.2]}
    (test,) = compare_paired(values)
    assert (test.difference, test.p, test.count) == (0.0, 1.0, 3)
    (nothing,) = compare_paired({"a": [math.nan], "b": [1.0]})
    assert (nothing.p, nothing.count) == (1.0, 0)
    with pytest.raises(OptionError, match="the same items"):
        compare_paired({"a": [1.0], "b": [1.0, 2.0]})
    with raises(OptionError, "'c'"):
        compare_paired({"a": [1.0], "b": [1.0]}, reference="c")


def test_intervals_hold_the_true_mean_as_often_as_they_say():
    random = np.random.default_rng(3)
    held = 0
    for trial in range(200):
        interval = mean_interval(random.exponential(1.0, 60), seed=trial, resamples=300)
        assert interval.low <= interval.mean <= interval.high
        held += interval.low <= 1.0 <= interval.high
    # Binomial(200, .92) is below 172 once in a thousand; the percentile bootstrap is a little narrow.
    assert 172 <= held <= 200


def test_an_interval_of_many_values_takes_little_memory():
    values = np.random.default_rng(0).normal(size=20_000)
    tracemalloc.start()
    found = mean_interval(values)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    # All resamples at once would be 640 MB.
    assert most < 100e6
    standard = values.std() / np.sqrt(len(values))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * standard, rel=0.1)


def test_intervals_are_seeded_and_degenerate_ones_have_no_width():
    values = [0.1, 0.4, 0.2, 0.9]
    assert mean_interval(values, seed=1) == mean_interval(values, seed=1)
    assert mean_interval(values, seed=1) != mean_interval(values, seed=2)
    assert mean_interval([0.3]).low == mean_interval([0.3, 0.3]).high == pytest.approx(0.3)
    for wrong in ([], [math.nan, 1.0]):
        with pytest.raises(OptionError, match="finite values"):
            mean_interval(wrong)
