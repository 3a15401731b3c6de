"""Krippendorff's alpha against his own examples, and against every pair of ratings."""

import math

import numpy as np
import pytest

from raising import raises
from whyalike.errors import OptionError
from whyalike.study.agreement import krippendorff_alpha

NAN = math.nan

# Krippendorff (2011), section C: 4 observers, 12 units, gaps, 5 values.
FOUR_OBSERVERS = np.array(
    [
        [1, 2, 3, 3, 2, 1, 4, 1, 2, NAN, NAN, NAN],
        [1, 2, 3, 3, 2, 2, 4, 1, 2, 5, NAN, 3],
        [NAN, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, NAN],
        [1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, NAN],
    ]
)
# Section A: two observers, ten units, two values; and B: twelve units, five values.
BINARY = np.array([[0, 1, 0, 0, 0, 0, 0, 0, 1, 0], [1, 1, 1, 0, 0, 1, 0, 0, 0, 0]], dtype=float)
NOMINAL = np.array([list(b"aabbdcccedda"), list(b"babbbccceddd")], dtype=float)


@pytest.mark.parametrize(
    ("level", "published"), [("nominal", 0.743), ("ordinal", 0.815), ("interval", 0.849)]
)
def test_four_observers_with_gaps(level, published):
    found = krippendorff_alpha(FOUR_OBSERVERS, level=level, resamples=20)
    assert found.value == pytest.approx(published, abs=5e-4)
    # The last unit has one rating, and counts for nothing.
    assert (found.units, found.ratings) == (11, 40)
    assert found.low <= found.value <= found.high


def test_two_observers():
    assert krippendorff_alpha(BINARY, level="nominal").value == pytest.approx(0.095, abs=5e-4)
    assert krippendorff_alpha(NOMINAL, level="nominal").value == pytest.approx(0.692, abs=5e-4)


def slow_alpha(ratings, level):
    """From every pair of ratings within units, and every pair of all, without a matrix."""
    units = [[x for x in column if not math.isnan(x)] for column in ratings.T]
    units = [unit for unit in units if len(unit) > 1]
    pooled = [x for unit in units for x in unit]
    values = sorted(set(pooled))

    def distance(a, b):
        if level == "nominal":
            return float(a != b)
        if level == "interval":
            return (a - b) ** 2
        low, high = min(a, b), max(a, b)
        between = sum(pooled.count(value) for value in values if low <= value <= high)
        return (between - (pooled.count(a) + pooled.count(b)) / 2) ** 2

    observed = sum(
        distance(a, b) / (len(unit) - 1)
        for unit in units
        for n, a in enumerate(unit)
        for m, b in enumerate(unit)
        if n != m
    )
    expected = sum(
        distance(a, b) for n, a in enumerate(pooled) for m, b in enumerate(pooled) if n != m
    )
    return 1 - (observed / len(pooled)) / (expected / (len(pooled) * (len(pooled) - 1)))


@pytest.mark.parametrize("level", ["nominal", "ordinal", "interval"])
@pytest.mark.parametrize("seed", range(3))
def test_alpha_against_every_pair(level, seed):
    random = np.random.default_rng(seed)
    ratings = random.integers(1, 6, (4, 9)).astype(float)
    ratings[random.random(ratings.shape) < 0.3] = NAN
    found = krippendorff_alpha(ratings, level=level, resamples=5)
    assert found.value == pytest.approx(slow_alpha(ratings, level))


def test_intervals_are_alphas_of_drawn_units():
    ratings = FOUR_OBSERVERS[:, :11]
    draws = np.random.default_rng(4).multinomial(11, [1 / 11] * 11, size=30)
    slow = [slow_alpha(np.repeat(ratings, draw, axis=1), "ordinal") for draw in draws]
    found = krippendorff_alpha(ratings, resamples=30, seed=4)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]))


def test_groups_are_drawn_together():
    ratings = FOUR_OBSERVERS[:, :11]
    labels = [0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 4]
    draws = np.random.default_rng(4).multinomial(5, [1 / 5] * 5, size=30)
    slow = [slow_alpha(np.repeat(ratings, draw[labels], axis=1), "ordinal") for draw in draws]
    found = krippendorff_alpha(ratings, drawn_together=labels, resamples=30, seed=4)
    assert [found.low, found.high] == pytest.approx(np.quantile(slow, [0.025, 0.975]))
    with pytest.raises(OptionError, match="11 units"):
        krippendorff_alpha(ratings, drawn_together=[0])


def test_what_can_not_be_told():
    with raises(OptionError, "judges"):
        krippendorff_alpha(np.array([[1.0, NAN], [NAN, 2.0]]))
    with raises(OptionError, "judges"):
        krippendorff_alpha(np.full((2, 2), NAN))
    with pytest.raises(OptionError, match="All ratings are equal"):
        krippendorff_alpha(np.full((2, 3), 4.0))
    with raises(OptionError, "'ratio'"):
        krippendorff_alpha(FOUR_OBSERVERS, level="ratio")


def test_agreement_by_chance_and_perfect_agreement():
    random = np.random.default_rng(0)
    chance = krippendorff_alpha(random.integers(1, 6, (5, 2000)).astype(float), resamples=200)
    assert chance.low < 0 < chance.high
    perfect = np.repeat(random.integers(1, 6, (1, 50)), 3, axis=0).astype(float)
    assert krippendorff_alpha(perfect).value == 1.0
