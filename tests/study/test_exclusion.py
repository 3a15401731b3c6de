"""Judges who are set aside, each for its reason, and those who are not."""

import numpy as np
import pytest
from rating_tables import draw_ratings, make_rows, row

from whyalike.errors import OptionError
from whyalike.study.exclusion import ExclusionRules, review_judges
from whyalike.study.ratings import table_of


def make_judge(values, *, checks=(), repeats=(), rater=0, seconds=12.0, name=""):
    """A judge who rates ``values`` (S, M); checks are answers to 1..2, repeats are (place, value)."""
    rows = [r | {"rater": rater, "seconds": seconds} for r in make_rows(values[None])]
    rows += [
        row(rater, 1000 + n, answer, kind="check", low=1, high=2) for n, answer in enumerate(checks)
    ]
    rows += [
        row(rater, 2000 + n, answer, kind="repeat", repeat_of=place)
        for n, (place, answer) in enumerate(repeats)
    ]
    return [r | {"name": name} for r in rows]


HONEST = draw_ratings(1, 20, seed=3)[0]


def review(*judges, **rules):
    table = table_of([row for judge in judges for row in judge])
    return review_judges(table, rules=ExclusionRules(**rules))


def test_an_honest_judge_is_kept_and_counted():
    repeats = [(place, int(HONEST.ravel()[place])) for place in (0, 5, 9)]
    repeats.append((11, int(HONEST.ravel()[11]) + 1))
    (record,) = review(make_judge(HONEST, checks=(1, 2, 1, 5), repeats=repeats, name="Ann"))
    values = HONEST.ravel().tolist()
    assert not record.excluded
    assert (record.items, record.checks, record.checks_failed, record.repeats) == (40, 4, 1, 4)
    assert record.name == "Ann"
    assert record.mean == pytest.approx(sum(values) / 40)
    assert record.same_answer == max(values.count(step) for step in range(1, 6)) / 40
    assert (record.repeat_difference, record.repeats_equal) == (0.25, 0.75)
    assert record.seconds == 12.0


def test_failed_checks():
    (record,) = review(make_judge(HONEST, checks=(1, 3, 5, 2)))
    assert record.reasons == ("failed 2 of 4 attention checks (more than 25 %)",)
    assert not review(make_judge(HONEST, checks=(1, 3, 5, 2)), failed_checks=0.5)[0].excluded
    assert not review(make_judge(HONEST, checks=(1, 3, 5, 2)), failed_checks=None)[0].excluded
    # One slip of the hand sets nobody aside, however few checks there were.
    for slipped in ((5,), (5, 1), (5, 1, 1), (5, 1, 1, 1)):
        assert not review(make_judge(HONEST, checks=slipped))[0].excluded


def test_the_same_answer_to_everything():
    flat = np.full((20, 2), 4.0)
    flat[:2, 0] = 3
    (record,) = review(make_judge(flat))
    assert record.reasons == ("gave the same rating to 95 % of the items (limit 90 %)",)
    assert not review(make_judge(flat[:9]))[0].excluded
    assert not review(make_judge(flat), same_answer=0.96)[0].excluded


def test_too_fast():
    (record,) = review(make_judge(HONEST, seconds=2.5))
    assert record.reasons == ("took 2.5 s for an item in the median (limit 3 s)",)
    assert not review(make_judge(HONEST, seconds=2.5), seconds=2.0)[0].excluded
    (unknown,) = review(make_judge(HONEST, seconds=float("nan")))
    assert unknown.seconds is None
    assert not unknown.excluded


def test_inconsistent_repeats():
    values = np.tile([[1.0, 5.0]], (20, 1))
    values[:12] = 3
    repeats = [(place, 5 if place < 24 else 3) for place in (0, 3, 30, 31)]
    (record,) = review(make_judge(values, repeats=repeats))
    assert record.repeat_difference == 2.0
    assert record.reasons == ("rated 4 repeated items 2.0 apart in the mean (limit 1.2)",)
    assert not review(make_judge(values, repeats=repeats[:3]))[0].excluded
    # A repeat of what was never answered says nothing.
    assert review(make_judge(values, repeats=[(999, 1)]))[0].repeats == 0


def test_several_judges_and_several_reasons():
    flat = np.full((20, 2), 3.0)
    records = review(
        make_judge(HONEST, rater=4),
        make_judge(flat, rater=2, seconds=1.0, checks=(5, 5, 5, 5)),
    )
    assert [record.judge for record in records] == [2, 4]
    assert [len(record.reasons) for record in records] == [3, 0]


def test_only_the_latest_answer_counts():
    rows = make_judge(HONEST, checks=(1, 1))
    rows.append(row(0, 1000, 5, kind="check", low=1, high=2, current=False))
    assert review(rows)[0].checks_failed == 0


def test_a_judge_who_only_practised():
    (record,) = review([row(7, 0, 3, kind="practice", low=1, high=2)])
    assert (record.judge, record.items, record.mean, record.same_answer) == (7, 0, None, None)
    assert not record.excluded


@pytest.mark.parametrize(
    "wrong", [{"failed_checks": 1.5}, {"same_answer": -1}, {"seconds": float("nan")}]
)
def test_rules_that_nobody_could_meet(wrong):
    with pytest.raises(OptionError, match=next(iter(wrong))):
        ExclusionRules(**wrong)


def test_honest_judges_stay_and_careless_ones_go():
    """Judges with noise of .6 whose repeats are new draws; careless ones answer at random."""
    random = np.random.default_rng(1)
    kept, gone = 0, 0
    for _ in range(100):
        felt = np.clip(random.normal(3, 0.9, (30, 2)), 1, 5)

        def rate(felt=felt):
            return np.clip(np.round(felt + random.normal(0, 0.6, felt.shape)), 1, 5)

        first, again = rate(), rate().ravel()
        repeats = [(place, int(again[place])) for place in range(0, 60, 10)]
        (honest,) = review(
            make_judge(first, checks=random.integers(1, 3, 5).tolist(), repeats=repeats)
        )
        kept += not honest.excluded
        any_ = random.integers(1, 6, (30, 2)).astype(float)
        repeats = [(place, int(random.integers(1, 6))) for place in range(0, 60, 10)]
        (careless,) = review(
            make_judge(any_, checks=random.integers(1, 6, 5).tolist(), repeats=repeats)
        )
        gone += careless.excluded
    assert kept >= 97
    assert gone >= 90
