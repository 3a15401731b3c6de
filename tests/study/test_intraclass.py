"""ICC against Shrout & Fleiss's own example, loops, and a known truth."""

import numpy as np
import pytest
from scipy import optimize, stats

from raising import raises
from whyalike.errors import OptionError
from whyalike.study.agreement import intraclass

# Shrout & Fleiss (1979), table 2: 4 judges (columns) rate 6 targets.
TARGETS = np.array(
    [[9, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]],
    dtype=float,
)


def test_the_published_example():
    """Table 4 has .29 and .62; R's psych::ICC prints the limits .019, .761 and .071, .927."""
    found = intraclass(TARGETS.T)
    assert found.single.mean == pytest.approx(0.29, abs=5e-3)
    assert found.average.mean == pytest.approx(0.62, abs=5e-3)
    limits = [found.single.low, found.single.high, found.average.low, found.average.high]
    assert limits == pytest.approx([0.019, 0.761, 0.071, 0.927], abs=5e-4)
    assert (found.judges, found.units, found.left_out) == (4, 6, 0)


def mean_squares(ratings):
    judges, units = ratings.shape
    grand = ratings.mean()
    between = sum(judges * (ratings[:, u].mean() - grand) ** 2 for u in range(units))
    by_judge = sum(units * (ratings[r].mean() - grand) ** 2 for r in range(judges))
    total = sum((x - grand) ** 2 for line in ratings for x in line)
    freedom = (judges - 1) * (units - 1)
    rest = (total - between - by_judge) / freedom
    return between / (units - 1), by_judge / (judges - 1), rest


@pytest.mark.parametrize("seed", range(4))
def test_icc_is_a_ratio_of_variances(seed):
    random = np.random.default_rng(seed)
    ratings = (
        random.normal(0, 1, (1, 12)) + random.normal(0, 1, (5, 12)) + random.normal(0, 1, (5, 1))
    )
    between, by_judge, rest = mean_squares(ratings)
    units, judges, noise = (between - rest) / 5, (by_judge - rest) / 12, rest
    found = intraclass(ratings)
    assert found.single.mean == pytest.approx(units / (units + judges + noise))
    assert found.average.mean == pytest.approx(units / (units + (judges + noise) / 5))


@pytest.mark.parametrize("seed", range(3))
def test_limits_solve_the_f_tests_they_invert(seed):
    """The lower limit is the ICC that an F test of the quasi-ratio just fails to reject."""
    random = np.random.default_rng(seed)
    ratings = random.normal(0, 1.5, (1, 15)) + random.normal(0, 1, (4, 15))
    between, by_judge, rest = mean_squares(ratings)
    k, n = ratings.shape
    found = intraclass(ratings)
    rho = found.single.mean
    # McGraw & Wong (1996), table 7: a and b at the estimate give the degrees of freedom.
    a, b = k * rho / (n * (1 - rho)), 1 + k * rho * (n - 1) / (n * (1 - rho))
    freedom = (a * by_judge + b * rest) ** 2 / (
        (a * by_judge) ** 2 / (k - 1) + (b * rest) ** 2 / ((n - 1) * (k - 1))
    )

    def ratio(at):
        a, b = k * at / (n * (1 - at)), 1 + k * at * (n - 1) / (n * (1 - at))
        return between / (a * by_judge + b * rest)

    def solve(target):
        return optimize.brentq(lambda at: ratio(at) - target, -0.3, 0.999)

    assert found.single.low == pytest.approx(solve(stats.f.ppf(0.975, n - 1, freedom)))
    assert found.single.high == pytest.approx(solve(1 / stats.f.ppf(0.975, freedom, n - 1)))


def test_intervals_hold_the_true_icc_as_often_as_they_say():
    random = np.random.default_rng(5)
    held = 0
    for _ in range(300):
        ratings = random.normal(0, 1, (1, 30)) + random.normal(0, 0.5, (10, 1))
        found = intraclass(ratings + random.normal(0, 1, (10, 30)))
        held += found.single.low <= 1 / 2.25 <= found.single.high
    # Binomial(300, .95) is below 271 once in a thousand.
    assert 271 <= held <= 300


def test_gaps_are_left_out_or_refused():
    gaps = TARGETS.T.copy()
    gaps[0, 2] = np.nan
    found = intraclass(gaps)
    assert (found.units, found.left_out) == (5, 1)
    assert found.single == intraclass(np.delete(TARGETS, 2, axis=0).T).single
    with raises(OptionError, "1 of 6", "stimuli"):
        intraclass(np.where(np.arange(6) == 0, TARGETS.T, np.nan))
    with pytest.raises(OptionError, match="1 judges"):
        intraclass(TARGETS.T[:1])
    with pytest.raises(OptionError, match="All ratings are equal"):
        intraclass(np.full((3, 4), 2.0))


def test_judges_who_contradict_each_other_are_no_better_than_minus_one():
    """Here the formulas make 6 of ICC(2,2), or divide by zero."""
    opposite = np.array([[1.0, 5, 1, 5, 1, 5], [5, 1, 5, 1, 5, 1]])
    square = np.array([[1.0, 2, 3], [2, 3, 1], [3, 1, 2]])
    for ratings in (opposite, opposite[:, :2], square):
        found = intraclass(ratings)
        assert (found.single.mean, found.average.mean) == (-1, -1)


@pytest.mark.parametrize(("judges", "units"), [(2, 2), (2, 3), (3, 6), (2, 18)])
def test_few_ratings_at_random_have_an_icc_within_its_limits(judges, units):
    random = np.random.default_rng(0)
    for _ in range(100):
        ratings = random.integers(1, 6, (judges, units)).astype(float)
        if np.ptp(ratings) == 0:
            continue
        found = intraclass(ratings)
        for one in (found.single, found.average):
            assert -1 <= one.low <= one.mean + 1e-9 <= one.high + 2e-9 <= 1 + 3e-9


def test_judges_who_agree_wholly_or_but_for_a_constant():
    ratings = np.array([[1.0, 2, 4, 5], [1, 2, 4, 5]])
    same = intraclass(ratings)
    assert (same.single.mean, same.single.low, same.average.high) == (1.0, 1.0, 1.0)
    shifted = intraclass(ratings + np.array([[0.0], [1.0]]))
    assert 0 < shifted.single.mean < 1
