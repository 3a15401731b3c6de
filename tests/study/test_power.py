"""Power against brute force: draw ratings, test them, count."""

import numpy as np
import pytest

from raising import raises
from whyalike.errors import OptionError
from whyalike.study.agreement import Components, crossed_mean, find_components
from whyalike.study.power import plan_power, pool_components, power_of, samples_needed


def draw_differences(random, components, *, difference, judges, samples):
    return (
        difference
        + random.normal(0, components.judges**0.5, (judges, 1))
        + random.normal(0, components.samples**0.5, (1, samples))
        + random.normal(0, components.rest**0.5, (judges, samples))
    )


@pytest.mark.parametrize(
    ("components", "judges", "samples"),
    [
        (Components(0.04, 0.3, 0.9), 6, 40),
        (Components(0.10, 0.1, 0.5), 10, 25),
        (Components(0.0, 0.5, 1.0), 5, 60),
    ],
)
def test_power_for_other_judges_against_brute_force(components, judges, samples):
    random = np.random.default_rng(3)
    trials = 400
    found = sum(
        crossed_mean(
            draw_differences(random, components, difference=0.3, judges=judges, samples=samples)
        ).p
        < 0.05
        for _ in range(trials)
    )
    predicted = power_of(components, difference=0.3, judges=judges, samples=samples)
    # Three standard errors of 400 draws are at most .075; Satterthwaite's approximation adds some.
    assert predicted == pytest.approx(found / trials, abs=0.09)


def test_power_for_these_judges_against_brute_force():
    """Judges' opinions stay as they are; the samples change."""
    from scipy import stats

    components = Components(0.04, 0.3, 0.9)
    random = np.random.default_rng(4)
    found = {"t": 0, "wilcoxon": 0}
    for _ in range(250):
        drawn = draw_differences(
            random, Components(0.0, 0.3, 0.9), difference=0.3, judges=5, samples=40
        ).mean(axis=0)
        found["t"] += stats.ttest_1samp(drawn, 0).pvalue < 0.05
        found["wilcoxon"] += stats.wilcoxon(drawn).pvalue < 0.05
    predicted = power_of(components, difference=0.3, judges=5, samples=40, other_judges=False)
    assert predicted == pytest.approx(found["t"] / 250, abs=0.09)
    # The rank test that the report prints has an efficiency of 3/π: about as strong.
    assert predicted == pytest.approx(found["wilcoxon"] / 250, abs=0.11)


def test_the_fewest_samples_by_trying_them_all():
    components = Components(0.02, 0.3, 0.9)
    for others in (True, False):
        options = {"difference": 0.4, "judges": 6, "other_judges": others}
        needed = samples_needed(components, **options)
        tried = next(
            samples
            for samples in range(2, 500)
            if power_of(components, samples=samples, **options) >= 0.8
        )
        assert needed == tried


def test_no_number_of_samples_makes_up_for_few_judges_of_different_taste():
    components = Components(0.3, 0.3, 0.9)
    assert samples_needed(components, difference=0.3, judges=3) is None
    assert samples_needed(components, difference=0.3, judges=3, other_judges=False) is not None
    assert samples_needed(components, difference=0.3, judges=60) is not None
    plan = plan_power(components, samples=100, judges=(3, 60))
    assert [need.judges for need in plan.needs] == [3, 60]
    assert plan.needs[0].other_judges is None
    assert plan.needs[0].power < plan.needs[1].power


def test_power_without_a_difference_is_the_significance():
    components = Components(0.05, 0.3, 0.9)
    assert power_of(components, difference=0, judges=5, samples=30) == pytest.approx(0.05)
    assert power_of(Components(0, 0, 0), difference=0.1, judges=5, samples=30) == 1.0
    assert power_of(Components(0, 0, 0), difference=0.0, judges=5, samples=30) == 0.05
    for judges, samples, others in ((1, 9, True), (0, 9, False), (5, 1, True)):
        with raises(OptionError, "two samples", "two judges"):
            power_of(components, difference=1, judges=judges, samples=samples, other_judges=others)
    with raises(OptionError, "difference", "0"):
        plan_power(components, samples=10, difference=0.0)


def test_components_are_means_over_pairs_of_methods():
    random = np.random.default_rng(6)
    tables = [random.normal(0, 1, (4, 9)) + random.normal(0, 2, (4, 1)) for _ in range(3)]
    found = [find_components(table) for table in tables]
    pooled = pool_components([*tables, np.full((4, 9), np.nan)])
    assert pooled.judges == pytest.approx(sum(one.judges for one in found) / 3)
    assert pooled.rest == pytest.approx(sum(one.rest for one in found) / 3)
    assert pooled.samples == pytest.approx(max(0.0, sum(one.samples for one in found) / 3))
    with pytest.raises(OptionError, match="same two methods"):
        pool_components([np.full((4, 9), np.nan)])


def test_components_are_those_that_were_drawn():
    random = np.random.default_rng(7)
    true = Components(0.1, 0.4, 0.9)
    drawn = [
        draw_differences(random, true, difference=0.2, judges=8, samples=40) for _ in range(120)
    ]
    found = pool_components(drawn)
    assert found.judges == pytest.approx(true.judges, abs=0.02)
    assert found.samples == pytest.approx(true.samples, abs=0.03)
    assert found.rest == pytest.approx(true.rest, abs=0.03)
