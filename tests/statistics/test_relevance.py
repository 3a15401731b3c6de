"""What labelled scores say of a new one, against loops, scikit-learn and counts."""

import numpy as np
import pytest
from sklearn.isotonic import IsotonicRegression

from raising import raises
from whyalike.errors import OptionError
from whyalike.relevance import FEWEST_LABELLED, LabelledScores, isotonic


def labelled(count, seed=0, *, lattice=False):
    draw = np.random.default_rng(seed)
    scores = draw.uniform(-1, 1, count)
    if lattice:
        scores = np.round(scores, 1)
    relevant = draw.uniform(-1, 1, count) < scores
    return scores, relevant


@pytest.mark.parametrize("seed", range(6))
def test_isotonic_regression_is_scikit_learns(seed):
    draw = np.random.default_rng(seed)
    values, weights = draw.normal(size=40), draw.integers(1, 5, 40)
    expected = IsotonicRegression().fit_transform(np.arange(40), values, sample_weight=weights)
    np.testing.assert_allclose(isotonic(values, weights), expected, atol=1e-12)


@pytest.mark.parametrize("lattice", [False, True])
def test_bounds_are_those_of_both_labels(lattice):
    scores, relevant = labelled(120, lattice=lattice)
    known = LabelledScores(scores, relevant)
    for score in (-1.5, -0.31, 0.0, 0.4, float(scores[7]), 2.0):
        found = known.at(score)
        bounds = []
        for label in (0.0, 1.0):
            fitted = IsotonicRegression(out_of_bounds="clip").fit(
                np.append(scores, score), np.append(relevant, label)
            )
            bounds.append(float(fitted.predict([score])[0]))
        assert (found.low, found.high) == pytest.approx(tuple(bounds), abs=1e-9)
        assert 0 <= found.low <= found.high <= 1


@pytest.mark.parametrize("level", [0.8, 0.9, 0.95])
def test_a_label_is_kept_as_often_as_the_level_says(level):
    """Drawn anew, so that the mean over what was labelled is seen: within a point of nominal."""
    kept = {True: [], False: []}
    for seed in range(60):
        known = LabelledScores(*labelled(300, seed))
        scores, relevant = labelled(100, 1000 + seed)
        for score, label in zip(scores, relevant, strict=True):
            found = known.at(float(score), level=level)
            kept[bool(label)].append(found.relevant if label else found.irrelevant)
    for own in kept.values():
        # Label by label: never less but for chance, and at most by one pair of the labelled more.
        assert np.mean(own) == pytest.approx(level, abs=0.02)


def test_scores_that_say_all_and_nothing():
    apart = LabelledScores([0.1] * 30 + [0.9] * 30, [False] * 30 + [True] * 30)
    high, low = apart.at(0.95), apart.at(0.05)
    assert (high.relevant, high.irrelevant, low.relevant, low.irrelevant) == (
        True, False, False, True
    )  # fmt: skip
    assert high.low > 0.9
    assert low.high < 0.1
    mixed = LabelledScores([0.5] * 60, [True, False] * 30)
    found = mixed.at(0.5)
    assert found.relevant
    assert found.irrelevant
    assert found.low == pytest.approx(30 / 61)
    assert found.high == pytest.approx(31 / 61)


@pytest.mark.parametrize(
    ("scores", "labels", "said"),
    [
        ([0.5] * 3, [True, False, True], ("2 relevant", "1 others", f"{FEWEST_LABELLED}")),
        ([0.5] * 40, [True] * 40, ("40 relevant", "0 others")),
        ([0.5] * 40, [True] * 39, ("(40,)", "(39,)")),
        ([np.nan] * 40, [True, False] * 20, ("finite",)),
        ([0.5] * 40, [1, 2] * 20, ("True nor False",)),
    ],
)
def test_labels_that_are_too_few_or_none(scores, labels, said):
    with raises(OptionError, *said):
        LabelledScores(scores, labels)


@pytest.mark.parametrize(("score", "level"), [(0.5, 0.0), (0.5, 1.0), (np.inf, 0.9), (np.nan, 0.9)])
def test_what_is_no_level_and_no_score(score, level):
    with raises(OptionError, "level", "score"):
        LabelledScores(*labelled(100)).at(score, level=level)
