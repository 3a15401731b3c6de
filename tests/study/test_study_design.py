"""Orders: what a Williams square promises, counted; what raters get, counted and measured."""

from collections import Counter
from itertools import pairwise

import pytest
from small_studies import bare_study

from whyalike.errors import OptionError
from whyalike.study.design import cells_of, plan, williams_square


@pytest.mark.parametrize("methods", [1, 2, 3, 4, 5, 6, 7, 8, 17])
def test_in_a_williams_square_places_and_neighbours_are_balanced(methods):
    rows = williams_square(methods)
    assert all(sorted(row) == list(range(methods)) for row in rows)
    places = Counter((place, method) for row in rows for place, method in enumerate(row))
    assert len(places) == methods**2
    assert len(set(places.values())) == 1
    after = Counter(pair for row in rows for pair in pairwise(row))
    assert len(after) == methods * (methods - 1)
    assert len(set(after.values())) <= 1
    assert len(rows) == methods if methods % 2 == 0 else len(rows) <= 2 * methods


def items(study, rater):
    """(sample, method) of the items of a rater, in order."""
    shown = [study.shown(task.stimulus_id) for task in plan(study, rater) if task.kind == "item"]
    return [(one.sample, study.methods.index(one.method)) for one in shown]


@pytest.mark.parametrize(("samples", "methods"), [(6, 3), (5, 4), (10, 7), (1, 2), (2, 3)])
def test_everybody_rates_everything_once(samples, methods):
    study = bare_study(samples, methods, checks=2, repeats=1)
    for rater in range(5):
        assert sorted(items(study, rater)) == [
            (s, m) for s in range(samples) for m in range(methods)
        ]


@pytest.mark.parametrize(("samples", "methods"), [(6, 4), (5, 3), (9, 7)])
def test_over_as_many_raters_as_the_square_has_rows_each_sample_meets_each_order_once(
    samples, methods
):
    study = bare_study(samples, methods, checks=2, repeats=2)
    rows = williams_square(methods)
    orders = {sample: Counter() for sample in range(samples)}
    for rater in range(len(rows)):
        for sample in range(samples):
            orders[sample][tuple(m for s, m in items(study, rater) if s == sample)] += 1
    for counted in orders.values():
        assert counted == Counter(rows)


def test_in_each_round_of_a_rater_methods_are_equally_frequent():
    study = bare_study(samples=12, methods=4)
    for rater in range(4):
        shown = items(study, rater)
        for start in range(0, 48, 12):
            part = shown[start : start + 12]
            assert sorted(s for s, _ in part) == list(range(12))
            assert set(Counter(m for _, m in part).values()) == {3}


def positions_by_sample(study, rater):
    found = {}
    for task in plan(study, rater):
        shown = study.shown(task.stimulus_id)
        sample = getattr(shown, "sample", None)
        if sample is not None:
            found.setdefault(sample, []).append(task.position)
    return found


@pytest.mark.parametrize("per_rater", [None, 13, 18, 23, 31])
@pytest.mark.parametrize("rater", [0, 1, 6])
def test_half_a_round_lies_between_two_showings_of_a_sample(per_rater, rater):
    study = bare_study(samples=12, methods=5, per_rater=per_rater)
    for positions in positions_by_sample(study, rater).values():
        assert all(b - a > 6 for a, b in pairwise(positions))


@pytest.mark.parametrize("per_rater", [None, 60, 77])
def test_checks_and_repeats_keep_a_quarter_of_a_round_away_from_their_sample(per_rater):
    study = bare_study(samples=24, methods=4, per_rater=per_rater, checks=6, repeats=8)
    for rater in range(4):
        tasks = plan(study, rater)
        assert Counter(task.kind for task in tasks) == {
            "item": per_rater or 96, "check": 6, "repeat": 8,
        }  # fmt: skip
        for positions in positions_by_sample(study, rater).values():
            assert all(b - a > 6 for a, b in pairwise(positions))


def test_a_repeat_shows_an_item_again_and_says_which_far_from_it():
    study = bare_study(samples=24, methods=4, checks=6, repeats=8, practice=2)
    for rater in range(4):
        tasks = plan(study, rater)
        assert [task.position for task in tasks] == list(range(len(tasks)))
        repeats = [task for task in tasks if task.kind == "repeat"]
        assert len({task.stimulus_id for task in repeats}) == 8
        for task in repeats:
            first = tasks[task.repeat_of]
            assert (first.kind, first.stimulus_id) == ("item", task.stimulus_id)
            assert task.position - first.position > len(tasks) / 3
        assert all(task.repeat_of is None for task in tasks if task.kind != "repeat")


def test_practice_comes_first_and_checks_of_both_kinds_are_spread():
    study = bare_study(samples=24, methods=4, checks=6, practice=3)
    for rater in range(4):
        tasks = plan(study, rater)
        assert [task.stimulus_id for task in tasks[:3]] == ["p0", "p1", "p2"]
        assert {task.kind for task in tasks[3:]} == {"item", "check"}
        places = [task.position - 3 for task in tasks if task.kind == "check"]
        # One in each sixth, give or take what keeps it away from its sample.
        assert all(abs(place - (n + 0.5) * 102 / 6) < 17 + 6 for n, place in enumerate(places))
        low = [study.shown(tasks[place + 3].stimulus_id).high <= 3 for place in places]
        assert sum(low) == 3


def test_plans_are_the_same_for_ever_and_differ_between_raters_and_seeds():
    study = bare_study(checks=2, repeats=2)
    assert plan(study, 4) == plan(bare_study(checks=2, repeats=2), 4)
    assert len({plan(study, rater) for rater in range(20)}) == 20
    assert plan(study, 4) != plan(bare_study(checks=2, repeats=2, seed=4), 4)
    # Not to be changed: a study that is under way must go on as it began.
    said = [task.stimulus_id for task in plan(study, 1)]
    assert said == PLANNED


PLANNED = [
    "1-m2",
    "c2",
    "5-m1",
    "4-m1",
    "0-m2",
    "2-m0",
    "3-m0",
    "5-m2",
    "4-m0",
    "1-m0",
    "0-m1",
    "2-m2",
    "3-m1",
    "5-m0",
    "2-m0",
    "c3",
    "1-m1",
    "4-m2",
    "3-m2",
    "4-m0",
    "0-m0",
    "2-m1",
]


@pytest.mark.parametrize(
    ("samples", "methods", "per_rater"),
    [(10, 4, 10), (10, 4, 13), (9, 3, 9), (12, 6, 20), (7, 3, 5), (6, 4, 24), (100, 7, 140)],
)
def test_a_part_is_balanced_over_samples_methods_and_raters(samples, methods, per_rater):
    study = bare_study(samples, methods, per_rater=per_rater)
    over_raters = Counter()
    for rater in range(2 * methods):
        cells = cells_of(study, rater)
        assert len(set(cells)) == len(cells) == per_rater
        by_sample = Counter(sample for sample, _ in cells)
        by_method = Counter(method for _, method in cells)
        counts = [by_sample[sample] for sample in range(samples)]
        assert max(counts) - min(counts) <= 1
        counts = [by_method[method] for method in range(methods)]
        assert max(counts) - min(counts) <= 2
        over_raters.update(cells)
        counts = [over_raters[s, m] for s in range(samples) for m in range(methods)]
        assert max(counts) - min(counts) <= 1
        assert sorted(items(study, rater)) == sorted(cells)


def test_a_number_that_no_rater_has_is_refused():
    for wrong in (-1, True, 1.0, "1"):
        with pytest.raises(OptionError, match="rater_number"):
            plan(bare_study(), wrong)
