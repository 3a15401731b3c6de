"""Differences between methods: loops, SciPy, Holm, and how often nothing is found where nothing is."""

import math

import numpy as np
import pytest
from rating_tables import draw_ratings, make_table
from scipy import stats

from raising import raises
from whyalike.errors import OptionError
from whyalike.statistics import holm
from whyalike.study.agreement import crossed_mean
from whyalike.study.ratings import Panel, panel_of
from whyalike.study.scores import (
    compare_methods,
    differences,
    judge_means,
    resample_means,
    sample_means,
)


def make_panel(values):
    judges, samples, methods = values.shape
    names = tuple("abcdefg"[:methods])
    return Panel(values, tuple(range(judges)), tuple(range(samples)), names)


def with_gaps(values, share, seed=0):
    gaps = np.random.default_rng(seed).random(values.shape) < share
    return np.where(gaps, np.nan, values)


def compare(panel, **options):
    return compare_methods(panel, resample_means(panel.values, resamples=300), **options)


def test_all_pairs_with_holm():
    panel = make_panel(draw_ratings(5, 20, means=(4.0, 3.2, 3.1), seed=1))
    tests = compare(panel)
    assert [(t.first, t.second) for t in tests] == [("a", "b"), ("a", "c"), ("b", "c")]
    blocks = np.moveaxis(panel.values, 2, 0)
    raw = []
    for test, (one, two) in zip(tests, [(0, 1), (0, 2), (1, 2)], strict=True):
        # Sums of whole numbers tie exactly.
        sums = [sum(blocks[m][r, s] for r in range(5)) for m in (one, two) for s in range(20)]
        apart = (np.array(sums[:20]) - np.array(sums[20:])) / 5
        assert test.difference == pytest.approx(apart.mean())
        raw.append(stats.wilcoxon(5 * apart, zero_method="pratt").pvalue)
        assert test.p == pytest.approx(raw[-1])
        seen = crossed_mean(blocks[one] - blocks[two])
        assert test.p_crossed == pytest.approx(seen.p)
        assert test.crossed == seen.interval()
        assert test.resampled.low < test.difference < test.resampled.high
        assert test.samples == 20
    assert [t.p_holm for t in tests] == pytest.approx(holm(raw))
    assert [t.p_crossed_holm for t in tests] == pytest.approx(holm([t.p_crossed for t in tests]))
    assert [(t.first, t.second) for t in compare(panel, reference="b")] == [("a", "b"), ("b", "c")]
    with raises(OptionError, "'z'"):
        compare(panel, reference="z")


def test_means_by_hand_with_gaps():
    values = with_gaps(draw_ratings(4, 7, seed=3), 0.3)
    panel = make_panel(values)
    levels = [np.mean([x for x in block.ravel() if not math.isnan(x)]) for block in values]
    for s in range(7):
        for m in range(2):
            own = [values[r, s, m] - levels[r] for r in range(4) if not math.isnan(values[r, s, m])]
            expected = sum(own) / len(own) if own else math.nan
            assert sample_means(panel)[s, m] == pytest.approx(expected, nan_ok=True)
    for r in range(4):
        for m in range(2):
            own = [x for x in values[r, :, m] if not math.isnan(x)]
            assert judge_means(panel)[r, m] == pytest.approx(sum(own) / len(own))
    assert len(differences(panel)) == 1


def test_a_strict_judge_is_not_held_against_the_method_that_judge_rated():
    """Two judges of equal opinion, two points apart, who rate different methods of each sample."""
    values = np.full((2, 10, 2), np.nan)
    values[0, ::2, 0] = values[0, 1::2, 1] = 2
    values[1, ::2, 1] = values[1, 1::2, 0] = 4
    (test,) = compare(make_panel(values))
    assert (test.difference, test.p) == (0.0, 1.0)
    # Nobody rated a sample by both methods.
    assert (test.crossed, test.p_crossed, test.p_crossed_holm) == (None, None, None)
    assert test.resampled is not None


def test_nothing_is_found_where_nothing_is():
    """5 % of tests: quasi-F where judges differ in taste; Wilcoxon finds what these judges think."""
    random = np.random.default_rng(7)
    found = {"these": 0, "others": 0}
    trials = 200
    for _ in range(trials):
        taste = random.normal(0, 0.3, (6, 1, 2))
        values = 3 + taste + random.normal(0, 0.4, (1, 40, 2)) + random.normal(0, 0.7, (6, 40, 2))
        (test,) = compare_methods(make_panel(values), np.zeros((1, 2)))
        found["these"] += test.p < 0.05
        found["others"] += test.p_crossed < 0.05
    # Binomial(200, .05) is above 20 once in a thousand, and below 2.
    assert 2 <= found["others"] <= 20
    assert found["these"] > 40


def test_wilcoxon_is_right_where_judges_share_their_taste():
    random = np.random.default_rng(8)
    found = 0
    for _ in range(200):
        values = 3 + random.normal(0, 0.4, (6, 1, 1)) + random.normal(0, 0.7, (6, 40, 2))
        (test,) = compare_methods(make_panel(values), np.zeros((1, 2)))
        found += test.p < 0.05
    assert 2 <= found <= 20


def test_a_method_that_nobody_rated():
    values = draw_ratings(3, 5)
    values[:, :, 1] = np.nan
    (test,) = compare(make_panel(values))
    assert (test.samples, test.p, test.crossed, test.resampled) == (0, 1.0, None, None)


def test_panels_of_tables_and_of_arrays_agree():
    values = draw_ratings(3, 6, seed=5)
    panel = panel_of(make_table(values))
    assert (panel.values == values).all()
    assert compare(panel)[0].difference == compare(make_panel(values))[0].difference
