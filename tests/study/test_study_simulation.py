"""Fake raters: their truth is found again, and nobody can take them for people."""

import math

import numpy as np
import pytest
from small_studies import METHODS, bare_study, written_study

from raising import raises
from whyalike.errors import OptionError
from whyalike.study.design import plan
from whyalike.study.export import to_csv
from whyalike.study.power import Truth, default_means, simulate_ratings, simulated_values
from whyalike.study.ratings import from_storage
from whyalike.study.storage import Storage, open_storage

STILL = {"rater_sd": 0, "sample_sd": 0, "interaction_sd": 0, "noise_sd": 0}


@pytest.fixture
def storage(tmp_path):
    storage = Storage.open(tmp_path)
    yield storage
    storage.close()


def values_by_cell(study, truth, raters, *, seed=0):
    """(raters, samples, methods): what attentive raters say of items."""
    found = np.zeros((raters, study.samples, len(study.methods)))
    for rater in range(raters):
        tasks = plan(study, rater)
        values = simulated_values(study, tasks, truth, rater, careless=False, seed=seed)
        for task, value in zip(tasks, values, strict=True):
            if task.kind == "item":
                shown = study.shown(task.stimulus_id)
                found[rater, shown.sample, study.methods.index(shown.method)] = value
    return found


def test_without_any_spread_all_raters_say_the_rounded_mean():
    study = bare_study(samples=4, methods=5)
    means = dict(zip(study.methods, (1.0, 2.4, 2.5, 4.49, 5.0), strict=True))
    found = values_by_cell(study, Truth(means=means, **STILL), raters=3)
    assert (found == np.array([1, 2, 3, 4, 5])).all()


def expected(mean, sd):
    """The mean of a normal variable that is rounded and cut to 1 to 5, by its probabilities."""

    def below(x):
        return 0.5 * (1 + math.erf((x - mean) / (sd * math.sqrt(2))))

    edges = [0.0, *(below(k + 0.5) for k in range(1, 5)), 1.0]
    return sum(value * (edges[value] - edges[value - 1]) for value in range(1, 6))


def test_the_means_are_found_again_with_noise():
    study = bare_study(samples=150, methods=3)
    means = dict(zip(study.methods, (1.6, 3.1, 4.4), strict=True))
    found = values_by_cell(study, Truth(means=means, **STILL | {"noise_sd": 0.8}), raters=4)
    for n, mean in enumerate(means.values()):
        standard_error = found[:, :, n].std() / math.sqrt(600)
        assert abs(found[:, :, n].mean() - expected(mean, 0.8)) < 4 * standard_error


@pytest.mark.parametrize(
    ("name", "axis"), [("rater_sd", 0), ("sample_sd", 1), ("interaction_sd", (1, 2))]
)
def test_each_spread_is_where_it_belongs_and_nowhere_else(name, axis):
    study = bare_study(samples=40, methods=2)
    truth = Truth(means=dict.fromkeys(study.methods, 3.0), **STILL | {name: 0.9})
    found = values_by_cell(study, truth, raters=40)
    others = tuple({0, 1, 2} - set(np.atleast_1d(axis).tolist()))
    within = found.var(axis=others)
    assert (within == 0).all()
    spread = found.mean(axis=others)
    # Rounding adds a twelfth to the variance.
    assert 0.6 < spread.std() < 1.4


def test_repeats_differ_by_noise_and_checks_are_answered_as_they_should_be():
    study = bare_study(samples=24, methods=4, checks=6, repeats=8)
    means = dict.fromkeys(study.methods, 3.0)
    for truth, exact in (
        (Truth(means=means, noise_sd=0), True),
        (Truth(means=means, noise_sd=2), False),
    ):
        equal = []
        for rater in range(5):
            tasks = plan(study, rater)
            values = simulated_values(study, tasks, truth, rater, careless=False, seed=1)
            for task, value in zip(tasks, values, strict=True):
                if task.kind == "repeat":
                    equal.append(value == values[task.repeat_of])
                if task.kind == "check":
                    check = study.shown(task.stimulus_id)
                    assert check.low <= value <= check.high
        assert all(equal) == exact


def test_a_careless_rater_is_fast_and_fails_checks(storage):
    study = bare_study(samples=24, methods=4, checks=8)
    truth = Truth(means=dict.fromkeys(study.methods, 3.0), careless=1)
    assert simulate_ratings(study, storage, truth, raters=3, seed=2) == [0, 1, 2]
    table = from_storage(study, storage)
    checks = table.where(table.kind == "check")
    failed = (checks.value < checks.low) | (checks.value > checks.high)
    by_rater = [failed[checks.rater == n].mean() for n in range(3)]
    assert by_rater[:2] == [0, 0]
    assert by_rater[2] > 0.25
    medians = [np.median(table.seconds[table.rater == n]) for n in range(3)]
    assert min(medians[:2]) > 8
    assert medians[2] < 2
    assert [rater.name for rater in storage.raters()] == ["simulated"] * 2 + ["simulated, careless"]


def test_all_of_a_study_is_rated_and_marked_as_simulated_everywhere(tmp_path):
    study = written_study(tmp_path)
    storage = open_storage(study)
    truth = Truth(means=default_means(study))
    simulate_ratings(study, storage, truth, raters=2, seed=1)
    table = from_storage(study, storage)
    assert len(table) == sum(len(plan(study, rater)) for rater in range(2))
    assert table.simulated.all()
    assert table.has_simulated
    assert all(rater.simulated for rater in storage.raters())
    assert all(row.simulated for row in storage.all_ratings(history=True))
    assert all(moment.startswith("2000-01-") for moment in table.answered_at)
    header, *rows = to_csv(table).splitlines()
    place = header.split(",").index("simulated")
    assert {row.split(",")[place] for row in rows} == {"true"}
    # Added later, they know the same samples.
    simulate_ratings(study, storage, truth, raters=1, seed=1)
    assert [rater.number for rater in storage.raters()] == [0, 1, 2]
    storage.close()


def test_the_same_seed_says_the_same():
    study = bare_study(samples=8, methods=3, checks=2, repeats=2)
    truth = Truth(means=dict.fromkeys(study.methods, 3.0))
    first = values_by_cell(study, truth, 3, seed=5)
    assert (first == values_by_cell(study, truth, 3, seed=5)).all()
    assert (first != values_by_cell(study, truth, 3, seed=6)).any()


def test_simulated_ratings_never_stand_beside_real_ones(storage):
    study = bare_study()
    truth = Truth(means=dict.fromkeys(study.methods, 3.0))
    storage.add_rater("a person")
    with pytest.raises(OptionError, match="Real raters"):
        simulate_ratings(study, storage, truth)
    assert len(storage.raters()) == 1
    assert storage.all_ratings() == []


def test_default_means_are_equal_steps_and_no_ranking_by_name(tmp_path):
    means = [default_means(written_study(tmp_path / str(seed), seed=seed)) for seed in range(6)]
    for found in means:
        assert tuple(found) == METHODS
        assert sorted(found.values()) == [2.5, 3.25, 4.0]
    assert len({tuple(found.values()) for found in means}) > 2


@pytest.mark.parametrize(
    "wrong", [{"noise_sd": -1}, {"rater_sd": math.inf}, {"careless": -1}, {"means": {"m0": 0.5}}]
)
def test_what_is_no_truth_is_refused(wrong):
    with pytest.raises(OptionError):
        Truth(**{"means": {"m0": 3.0}} | wrong)


def test_what_can_not_be_simulated_is_refused(storage):
    study = bare_study()
    good = dict.fromkeys(study.methods, 3.0)
    for means in ({"m0": 3.0}, good | {"other": 3.0}):
        with raises(OptionError, "methods"):
            simulate_ratings(study, storage, Truth(means=means))
    for raters in (0, 1.5, True):
        with pytest.raises(OptionError, match="raters"):
            simulate_ratings(study, storage, Truth(means=good), raters=raters)
    with pytest.raises(OptionError, match="careless"):
        simulate_ratings(study, storage, Truth(means=good, careless=3), raters=2)
    assert storage.raters() == []
